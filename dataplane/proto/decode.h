/*
 * Content-Transfer-Encodings undone in a stream (RFC 2045 section 6, POSIX uuencode), cut anywhere.
 * Never fails: what decodes is given, what does not is skipped and remembered in `bad`. Called by
 * the message layer for bodies and by header.c for encoded words.
 */
#ifndef MW_DATAPLANE_PROTO_DECODE_H
#define MW_DATAPLANE_PROTO_DECODE_H

#include "common/base/span.h"

enum mw_encoding {
	MW_ENCODING_IDENTITY, /* 7bit, 8bit, binary, none, unknown */
	MW_ENCODING_BASE64,
	MW_ENCODING_QUOTED_PRINTABLE,
	MW_ENCODING_UUENCODE,
};

#define MW_DECODE_OUT_MIN  64  /* the least room a call needs to make progress */
#define MW_DECODE_NAME_MAX 255 /* octets of a uuencoded file's name that are kept */

struct mw_decode_name {
	uint16_t len;
	uint8_t data[MW_DECODE_NAME_MAX];
};

struct mw_decode {
	enum mw_encoding encoding;
	uint8_t state; /* quoted-printable and uuencode: where in the syntax */
	uint8_t count; /* sextets or characters held */
	uint8_t pads;  /* base64: '=' seen behind the held sextets */
	uint8_t left;  /* uuencode: octets this line still promises */
	uint32_t held; /* bits or characters carried over the cut */
	bool bad;      /* something did not decode cleanly */
	bool begun;    /* uuencode: the begin line is complete */
	/* uuencode: where the name in the begin line goes, as it stands; NULL: nobody wants it */
	struct mw_decode_name *name;
	/*
	 * Padding (base64) or the end line (uuencode) was reached. More input is decoded all the
	 * same, for there are readers who go on, but strict readers stop here: the caller decides
	 * what counts. A call returns at this point even when input is left.
	 */
	bool ended;
};

/* From a Content-Transfer-Encoding's token, any case. */
enum mw_encoding mw_encoding_of(struct mw_span token);
void mw_decode_init(struct mw_decode *d, enum mw_encoding encoding);
/*
 * Decodes the front of `in` into `out` (size >= MW_DECODE_OUT_MIN): octets written; *used says how
 * much of `in` was taken. Call again while *used < in.len.
 */
size_t mw_decode_feed(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size);
/* What is left at the end of the input (at most 3 octets). */
size_t mw_decode_finish(struct mw_decode *d, uint8_t *out, size_t size);

/* The parts of the two above, one encoding a file. */
size_t mw_decode_base64(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size);
size_t mw_decode_base64_finish(struct mw_decode *d, uint8_t *out);
size_t mw_decode_quoted(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size);
size_t mw_decode_quoted_finish(struct mw_decode *d, uint8_t *out);
size_t mw_decode_uu(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size);
size_t mw_decode_uu_finish(struct mw_decode *d, uint8_t *out);

#endif
