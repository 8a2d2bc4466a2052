/*
 * The structure of one message (RFC 2045, 2046), streamed: which octets are header fields, which
 * are the body of which leaf. Push octets, get calls. Nothing is decoded here. Nested multiparts
 * are followed to MW_MIME_LEVELS; a deeper one is a leaf and an anomaly. message/rfc822 and
 * message/global are opened unless they carry a transfer encoding (RFC 2046 section 5.2.1 forbids
 * one): then they are leaves. A boundary is a whole line; a boundary of any open level ends what is
 * inside it. CRLF and LF end lines.
 */
#ifndef MW_DATAPLANE_PROTO_MIME_H
#define MW_DATAPLANE_PROTO_MIME_H

#include "common/base/span.h"
#include "dataplane/proto/header.h"

#define MW_MIME_LEVELS	     128 /* multiparts and messages inside each other */
#define MW_MIME_BOUNDARY_MAX 998 /* RFC 2046 says 70, RFC 5322 lines are this long */
#define MW_MIME_LINE_MAX     1104
#define MW_MIME_PATH_MAX     (MW_MIME_LEVELS * 11 + 12)

struct mw_mime_sink {
	void *ctx;
	/* One header field of the entity that is being opened, folds inside, its last line end not.
	 * `top`: a field of the message itself. */
	void (*field)(void *ctx, struct mw_span field, bool top);
	/* The header of an entity is complete. */
	void (*header_end)(void *ctx, bool top);
	/*
	 * A leaf begins. `path` as IMAP numbers parts (RFC 3501 section 6.4.5). `tentative`: a
	 * multipart whose boundary has not come yet; it is a leaf only if it never comes.
	 */
	void (*leaf_begin)(void *ctx, struct mw_span path, bool tentative);
	void (*body)(void *ctx, struct mw_span octets); /* of the open leaf, transfer-encoded */
	/* `keep` is false for a tentative leaf whose boundary came. `complete`: its end was seen.
	 */
	void (*leaf_end)(void *ctx, bool keep, bool complete);
};

/* Memory the caller gives; it holds nothing that must be cleared. */
struct mw_mime_room {
	uint8_t *boundaries;	/* of all open multiparts together */
	size_t boundaries_size; /* <= 65535 */
	uint8_t *text;		/* one field and the line behind it */
	size_t text_size;	/* > MW_MIME_LINE_MAX; longer fields are cut to what is over that */
};

struct mw_mime_level {
	uint16_t boundary_at, boundary_len;
	uint32_t boundary_hash;
	uint8_t kind;  /* message, multipart */
	uint8_t phase; /* of a multipart: preamble, parts, epilogue */
	bool digest;   /* multipart/digest: parts are messages unless they say otherwise */
	uint8_t base;  /* numbers of the path its children share */
	uint32_t children;
};

struct mw_mime {
	const struct mw_mime_sink *sink;
	uint32_t depth;	 /* levels in use; the first is the message itself */
	uint32_t active; /* multiparts whose boundary is looked for */
	uint8_t state;
	uint8_t entity; /* what the header read so far makes of the entity */
	bool entity_digest;
	bool entity_typed, entity_encoded;
	bool fresh; /* behind a boundary, nothing came yet */
	bool bol;   /* at the first line of a body */
	bool leaf_open, leaf_tentative;
	bool skip_line;	       /* the rest of an over-long header line is dropped */
	bool first_line;       /* of a message: `From ` is no field */
	bool too_deep;	       /* anomaly: something was not opened */
	bool field_cut;	       /* anomaly: a field was longer than is kept */
	uint16_t boundary_len; /* of the entity, already stored behind the open ones */
	uint32_t boundary_hash;
	uint16_t boundaries_used;
	uint32_t field_len; /* octets of the field that is collected */
	uint32_t line_len;  /* octets of the line behind it, or of the held line in a body */
	struct mw_mime_room room;
	/* What follows is written when a level is opened, and not cleared before. */
	struct mw_mime_level levels[MW_MIME_LEVELS];
	uint32_t numbers[MW_MIME_LEVELS + 1];
};

void mw_mime_init(
	struct mw_mime *m, const struct mw_mime_sink *sink, const struct mw_mime_room *room);
void mw_mime_feed(struct mw_mime *m, struct mw_span octets);
/* Ends everything that is open. `complete`: the message really ended here. */
void mw_mime_end(struct mw_mime *m, bool complete);

#endif
