/* See invisible.h. */
#include "dataplane/text/invisible.h"

#include "dataplane/text/utf8.h"

static bool in_range(uint8_t b, uint8_t from, uint8_t to)
{
	return b >= from && b <= to;
}

/* Octets of the invisible character at the front, 0: there is none. */
static size_t invisible_at(const uint8_t *s, size_t len)
{
	switch (s[0]) {
	case 0xc2: /* U+00AD */
		return len >= 2 && s[1] == 0xad ? 2 : 0;
	case 0xcd: /* U+034F */
		return len >= 2 && s[1] == 0x8f ? 2 : 0;
	case 0xd8: /* U+061C */
		return len >= 2 && s[1] == 0x9c ? 2 : 0;
	case 0xe1: /* U+17B4 U+17B5 U+180B-180F */
		return len >= 3 && ((s[1] == 0x9e && in_range(s[2], 0xb4, 0xb5)) ||
					   (s[1] == 0xa0 && in_range(s[2], 0x8b, 0x8f)))
			       ? 3
			       : 0;
	case 0xe2: /* U+200B-200F U+202A-202E U+2060-206F */
		return len >= 3 && ((s[1] == 0x80 && (in_range(s[2], 0x8b, 0x8f) ||
							     in_range(s[2], 0xaa, 0xae))) ||
					   (s[1] == 0x81 && in_range(s[2], 0xa0, 0xaf)))
			       ? 3
			       : 0;
	case 0xef: /* U+FE00-FE0F U+FEFF */
		return len >= 3 && ((s[1] == 0xb8 && in_range(s[2], 0x80, 0x8f)) ||
					   (s[1] == 0xbb && s[2] == 0xbf))
			       ? 3
			       : 0;
	case 0xf3: /* U+E0000-E0FFF */
		return len >= 4 && s[1] == 0xa0 ? 4 : 0;
	default:
		return 0;
	}
}

static bool is_alnum(uint8_t b)
{
	return (uint8_t)((b | 0x20) - 'a') < 26 || (uint8_t)(b - '0') < 10;
}

size_t mw_invisible_strip(struct mw_span in, uint8_t *out, bool *split)
{
	size_t at = 0, len = 0;

	while (at < in.len) {
		size_t run = mw_utf8_ascii_prefix(mw_span_of(in.data + at, in.len - at));
		bool counts = false;

		if (out + len != in.data + at)
			memmove(out + len, in.data + at, run);
		at += run;
		len += run;
		while (at < in.len && in.data[at] >= 0x80) {
			size_t gone = invisible_at(in.data + at, in.len - at);

			if (gone == 0) {
				counts = false;
				out[len++] = in.data[at++];
				continue;
			}
			counts |= in.data[at] != 0xc2;
			at += gone;
		}
		if (split != NULL && counts && len > 0 && at < in.len && is_alnum(out[len - 1]) &&
			is_alnum(in.data[at]))
			*split = true;
	}
	return len;
}
