/*
 * uuencode (POSIX.1-2017, uuencode) as a transfer encoding, in a stream: everything before the line
 * "begin MODE NAME" (MODE in octal digits) is skipped, the line "end" ends the data (`ended`). A
 * line shorter than its count promises is filled with zeros: mail software eats blanks at line
 * ends, and a blank is a zero here.
 */
#include "dataplane/proto/decode.h"

enum { SEARCH, SKIP_LINE, MODE, BEGIN_LINE, COUNT, DATA, REST_OF_LINE, END_LINE };

static const char begin[] = "begin ";

static size_t group(struct mw_decode *d, uint8_t *out)
{
	size_t made = 0;

	for (int shift = 16; shift >= 0 && d->left > 0; shift -= 8, d->left--)
		out[made++] = (uint8_t)(d->held >> shift);
	d->held = 0;
	d->count = 0;
	return made;
}

/* A piece of the begin line behind its mode. */
static void keep_name(struct mw_decode *d, const uint8_t *data, size_t len)
{
	size_t room;

	if (d->name == NULL)
		return;
	room = sizeof(d->name->data) - d->name->len;
	if (len > room)
		len = room;
	memcpy(d->name->data + d->name->len, data, len);
	d->name->len = (uint16_t)(d->name->len + len);
}

size_t mw_decode_uu(struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size)
{
	size_t at = 0, made = 0;
	const uint8_t *lf;

	while (at < in.len && size - made >= 3) {
		uint8_t c = in.data[at];

		switch (d->state) {
		case SEARCH: /* at the start of a line, `count` octets of "begin " seen */
			if (c == (uint8_t)begin[d->count]) {
				at++;
				if (begin[++d->count] == '\0') {
					d->count = 0;
					d->state = MODE;
				}
			} else {
				d->count = 0;
				d->state = SKIP_LINE;
			}
			break;
		case MODE: /* octal digits and a blank: many a sentence begins with "begin" */
			if (c >= '0' && c <= '7' && d->count < 5) {
				at++;
				d->count++;
			} else {
				d->state = c == ' ' && d->count >= 3 ? BEGIN_LINE : SKIP_LINE;
				d->count = 0;
				if (d->name != NULL)
					d->name->len = 0;
			}
			break;
		case SKIP_LINE:
		case BEGIN_LINE:
		case REST_OF_LINE:
		case END_LINE:
			lf = memchr(in.data + at, '\n', in.len - at);
			if (d->state == BEGIN_LINE) {
				keep_name(d, in.data + at,
					(lf == NULL ? in.len : (size_t)(lf - in.data)) - at);
				d->begun = lf != NULL;
			}
			if (lf == NULL) {
				at = in.len;
				break;
			}
			at = (size_t)(lf - in.data) + 1;
			if (d->state == END_LINE) {
				d->state = SEARCH;
				if (!d->ended) {
					d->ended = true;
					*used = at;
					return made;
				}
			} else {
				d->state = d->state == SKIP_LINE ? SEARCH : COUNT;
			}
			break;
		case COUNT:
			at++;
			if (c == '\r' || c == '\n')
				break;
			if (c >= ' ' && c <= '`') {
				d->left = (c - ' ') & 63;
				d->state = d->left > 0 ? DATA : REST_OF_LINE;
			} else {
				d->bad |= c != 'e';
				d->state = c == 'e' ? END_LINE : REST_OF_LINE;
			}
			break;
		default: /* DATA */
			if (c == '\r' || c == '\n') {
				/* stays here until the promised octets are there */
				d->held <<= 6 * (4 - d->count);
				made += group(d, out + made);
				if (d->left == 0)
					d->state = REST_OF_LINE;
				break;
			}
			at++;
			d->bad |= c < ' ' || c > '`';
			d->held = d->held << 6 | ((c - (uint32_t)' ') & 63);
			if (++d->count == 4) {
				made += group(d, out + made);
				if (d->left == 0)
					d->state = REST_OF_LINE;
			}
			break;
		}
	}
	*used = at;
	return made;
}

size_t mw_decode_uu_finish(struct mw_decode *d, uint8_t *out)
{
	size_t made = 0;

	d->bad |= !d->ended && d->state != END_LINE;
	if (d->state == DATA && d->count > 0) {
		d->held <<= 6 * (4 - d->count);
		made = group(d, out);
	}
	return made;
}
