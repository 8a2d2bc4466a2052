/*
 * quoted-printable (RFC 2045 section 6.7) in a stream. Blanks at the end of a line stay: the rule
 * that removes them is about transports that add some, and a scanner must see what came. An escape
 * that is none stands for itself ("=4x" is "=4x", "==" is "="), as widespread readers have it.
 */
#include "dataplane/proto/decode.h"

enum { TEXT, EQUALS, HEX, SOFT_CR };

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* One octet behind an '='. False: it was not used up and is to be looked at as text. */
static bool escape(struct mw_decode *d, uint8_t c, uint8_t *out, size_t *made)
{
	switch (d->state) {
	case EQUALS:
		d->state = TEXT;
		if (c == '\n')
			return true;
		if (c == '\r') {
			d->state = SOFT_CR;
			return true;
		}
		if (hex(c) >= 0) {
			d->held = c;
			d->state = HEX;
			return true;
		}
		out[(*made)++] = '=';
		d->bad = true;
		return c == '=';
	case HEX:
		d->state = TEXT;
		if (hex(c) >= 0) {
			out[(*made)++] = (uint8_t)(hex((uint8_t)d->held) << 4 | hex(c));
			return true;
		}
		out[(*made)++] = '=';
		out[(*made)++] = (uint8_t)d->held;
		d->bad = true;
		return false;
	default: /* SOFT_CR */
		d->state = TEXT;
		d->bad |= c != '\n';
		return c == '\n';
	}
}

size_t mw_decode_quoted(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size)
{
	size_t at = 0, made = 0;

	while (at < in.len && size - made >= 3) {
		const uint8_t *equals;
		size_t run;

		if (d->state != TEXT) {
			at += escape(d, in.data[at], out, &made);
			continue;
		}
		run = in.len - at;
		if (run > size - made)
			run = size - made;
		equals = memchr(in.data + at, '=', run);
		if (equals != NULL)
			run = (size_t)(equals - (in.data + at));
		memcpy(out + made, in.data + at, run);
		made += run;
		at += run;
		if (equals != NULL) {
			at++;
			d->state = EQUALS;
		}
	}
	*used = at;
	return made;
}

size_t mw_decode_quoted_finish(struct mw_decode *d, uint8_t *out)
{
	size_t made = 0;

	if (d->state == HEX) {
		out[made++] = '=';
		out[made++] = (uint8_t)d->held;
	}
	d->bad |= d->state != TEXT;
	d->state = TEXT;
	return made;
}
