/*
 * The ClientHello of TLS (RFC 8446 section 4.1.2; the same form since RFC 2246) as a pure streaming
 * reader: octets in, in order, cut anywhere; out come the server's name (RFC 6066 section 3) and
 * the highest version the client offers. It keeps the name and some counters, no other octet; it
 * follows a handshake message over as many records as it takes, and never reads behind it. Called
 * by the SMTP parser, for the first octets of the client once TLS begins.
 *
 * A name under Encrypted ClientHello is that of the outer hello: the provider's, not the host's.
 */
#ifndef MW_DATAPLANE_PROTO_TLS_HELLO_H
#define MW_DATAPLANE_PROTO_TLS_HELLO_H

#include "common/base/span.h"

/* Octets of a name that is kept. No DNS name is longer (RFC 1035 section 2.3.4); a longer one is
 * passed over, and the hello counts as one without a name. */
#define MW_TLS_NAME_MAX 255
/* Octets of records that are read. Hellos have 200 to 2000; one that goes on is cut here. */
#define MW_TLS_HELLO_MAX 16384

enum mw_tls_outcome {
	MW_TLS_NONE,	/* no hello was looked for, or none of its octets came */
	MW_TLS_READING, /* in the middle of it */
	MW_TLS_WHOLE,	/* it was read to its end */
	MW_TLS_CUT,	/* it did not come whole: what was found by then is told */
	MW_TLS_UNKEPT,	/* it was read, but the lane had no memory left for the name in it */
	MW_TLS_BAD,	/* this is no ClientHello, or one that contradicts itself */
};

struct mw_tls_hello {
	uint16_t version; /* highest offered, 0x0303 is TLS 1.2; 0: unknown */
	uint8_t outcome;  /* enum mw_tls_outcome */
	uint8_t name_len; /* 0: no name */
	uint8_t name[MW_TLS_NAME_MAX];

	/* internal from here */
	uint8_t step;
	uint8_t have;	     /* octets of the number being read */
	uint8_t record_have; /* of the record's header */
	uint8_t name_type;
	bool named, listed;   /* a name, a list of versions came; of several the first counts */
	uint32_t octets;      /* read so far */
	uint32_t record_left; /* of this record */
	uint32_t record_len;  /* being read */
	uint32_t value;	      /* of the number being read */
	uint32_t type;	      /* of the extension */
	uint32_t skip;	      /* octets of no interest before the next step */
	uint32_t left;	      /* of the message; what an extension holds is taken off at once */
	uint32_t extension_left;
	uint32_t list_left; /* of the names or versions in it */
	uint32_t name_left;
};

void mw_tls_hello_init(struct mw_tls_hello *hello);
/* Octets consumed; all of them until the outcome is another than READING. */
size_t mw_tls_hello_read(struct mw_tls_hello *hello, const uint8_t *p, size_t n);
/* Nothing more will come. */
void mw_tls_hello_end(struct mw_tls_hello *hello);

static inline struct mw_span mw_tls_hello_name(const struct mw_tls_hello *hello)
{
	return hello->name_len > 0 ? mw_span_of(hello->name, hello->name_len) : mw_span_of(NULL, 0);
}

/* "none" "reading" "whole" "cut" "unkept" "bad"; "invalid" for a value that is none. */
const char *mw_tls_outcome_name(enum mw_tls_outcome outcome);

#endif
