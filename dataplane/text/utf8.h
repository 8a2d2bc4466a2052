/*
 * UTF-8 (RFC 3629): is it valid, make it valid, read and write one character. Overlong forms,
 * surrogates and what lies above U+10FFFF are invalid. Pure functions over complete spans; the
 * streaming side is charset.h.
 */
#ifndef MW_DATAPLANE_TEXT_UTF8_H
#define MW_DATAPLANE_TEXT_UTF8_H

#include "common/base/span.h"

#define MW_UTF8_MAX	  4 /* octets of the longest character */
#define MW_UTF8_REPLACE	  0xfffdu
#define MW_UTF8_SCRUB_MAX 3 /* octets that one bad octet may become */

/* Octets of plain ASCII (below 0x80) that `s` begins with. */
size_t mw_utf8_ascii_prefix(struct mw_span s);

/*
 * Reads the character at the front of `s`. Returns its octets (1..4) and sets *code; 0 when `s`
 * ends within a character that could still become valid (also when `s` is empty); a negative number
 * -n when the first n octets (1..3) are the longest bad beginning (what one U+FFFD stands for:
 * Unicode, section 3.9, "maximal subpart").
 */
int mw_utf8_get(struct mw_span s, uint32_t *code);

/* Writes `code` as UTF-8 (U+FFFD for what is no character). Returns the octets written. */
size_t mw_utf8_put(uint32_t code, uint8_t out[MW_UTF8_MAX]);

/* Octets of the longest valid beginning of `s`; equal to s.len when all of it is valid. */
size_t mw_utf8_valid_prefix(struct mw_span s);
bool mw_utf8_valid(struct mw_span s);

/*
 * Copies `in` with every bad beginning replaced by U+FFFD. Never writes part of a character: stops
 * at the first that does not fit. Returns the octets written; *used (may be NULL) is what was read.
 */
size_t mw_utf8_scrub(struct mw_span in, uint8_t *out, size_t out_size, size_t *used);

#endif
