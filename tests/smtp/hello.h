/* Writes ClientHellos, honest ones and others. */
#ifndef MW_TESTS_SMTP_HELLO_H
#define MW_TESTS_SMTP_HELLO_H

#include "common/base/span.h"

#define HELLO_MAX 70000

struct hello {
	uint8_t octets[HELLO_MAX];
	size_t len;
};

struct hello_wish {
	const char *name;     /* NULL: no server_name extension */
	size_t name_len;      /* 0: strlen */
	uint16_t legacy;      /* 0: 0x0303 */
	const char *versions; /* octets of the list; NULL: no such extension */
	size_t versions_len;
	size_t padding;	 /* octets of an extension nobody knows, in front of the others */
	bool names_last; /* server_name behind the versions */
	bool no_extensions;
};

/* The handshake message, without records. */
void hello_message(struct hello *out, const struct hello_wish *wish);
/* A message as records of `most` octets. */
void hello_records(struct hello *out, const struct hello *message, size_t most);

#endif
