/*
 * The single repairs that uri_form.c makes, one function each, in place. Pure, internal to the uri
 * files. A buffer that would overflow keeps what fits.
 */
#ifndef MW_DATAPLANE_TEXT_URI_EDIT_H
#define MW_DATAPLANE_TEXT_URI_EDIT_H

#include "common/base/span.h"

#define MW_URI_QUAD_MAX 64

struct mw_uri_buf {
	uint8_t *data;
	size_t len;
	size_t size;
};

bool mw_uri_begins(struct mw_span s, const char *word); /* any case */
bool mw_uri_is_word(uint8_t b);				/* A-Z a-z 0-9 _ */

void mw_uri_put(struct mw_uri_buf *b, struct mw_span s);
void mw_uri_insert(struct mw_uri_buf *b, size_t at, const char *text);

void mw_uri_clean(struct mw_uri_buf *b);   /* line ends out, blanks at both ends off */
void mw_uri_slashes(struct mw_uri_buf *b); /* "\" to "/", "http:x" and "http:/x" to "http://x" */
void mw_uri_unescape(
	struct mw_uri_buf *b); /* if there is a %XX: printable ones decoded, all others escaped */
void mw_uri_scheme(struct mw_uri_buf *b); /* "http://" or "ftp://" in front if there is no scheme */
void mw_uri_path(struct mw_uri_buf *b);	  /* "host?x" to "host/?x" */
void mw_uri_entities(
	struct mw_uri_buf *b); /* printable numeric entities decoded, other dots to "." */

/* A numeric host ("0x7f000001", "2130706433", "0177.0.0.1") as a dotted quad; 0 when it is none. */
size_t mw_uri_quad(struct mw_span host, uint8_t out[MW_URI_QUAD_MAX]);

#endif
