/*
 * UTF-8, RFC 3629, by the table of well-formed sequences in the Unicode standard (table 3-7). Holds
 * no state; called by every other file of this folder and by whoever shows octets to people.
 */
#include "dataplane/text/utf8.h"

size_t mw_utf8_ascii_prefix(struct mw_span s)
{
	size_t i = 0;

	while (s.len - i >= 32) {
		uint64_t w[4];

		memcpy(w, s.data + i, sizeof(w));
		if ((w[0] | w[1] | w[2] | w[3]) & 0x8080808080808080ull)
			break;
		i += sizeof(w);
	}
	while (i < s.len && s.data[i] < 0x80)
		i++;
	return i;
}

/* What follows a lead octet: how many, and the bounds of the first (the others are 80..BF). */
static int lead(uint8_t b, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (b >= 0xc2 && b <= 0xdf)
		return 1;
	if (b >= 0xe0 && b <= 0xef) {
		if (b == 0xe0)
			*low = 0xa0; /* no overlong forms */
		else if (b == 0xed)
			*high = 0x9f; /* no surrogates */
		return 2;
	}
	if (b >= 0xf0 && b <= 0xf4) {
		if (b == 0xf0)
			*low = 0x90;
		else if (b == 0xf4)
			*high = 0x8f; /* nothing above U+10FFFF */
		return 3;
	}
	return 0;
}

int mw_utf8_get(struct mw_span s, uint32_t *code)
{
	uint8_t low, high;
	uint32_t c;
	int more;

	if (s.len == 0)
		return 0;
	c = s.data[0];
	if (c < 0x80) {
		*code = c;
		return 1;
	}
	more = lead((uint8_t)c, &low, &high);
	if (more == 0)
		return -1;
	c &= 0x3fu >> more;
	for (int i = 1; i <= more; i++) {
		if (s.len <= (size_t)i)
			return 0;
		if (s.data[i] < low || s.data[i] > high)
			return -i;
		c = c << 6 | (s.data[i] & 0x3fu);
		low = 0x80;
		high = 0xbf;
	}
	*code = c;
	return more + 1;
}

size_t mw_utf8_put(uint32_t code, uint8_t out[MW_UTF8_MAX])
{
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		code = MW_UTF8_REPLACE;
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

size_t mw_utf8_valid_prefix(struct mw_span s)
{
	size_t i = 0;
	uint32_t code;

	for (;;) {
		int n;

		i += mw_utf8_ascii_prefix(mw_span_of(s.data + i, s.len - i));
		/* Text above ASCII comes in runs: stay with it. */
		while (i < s.len && s.data[i] >= 0x80) {
			n = mw_utf8_get(mw_span_of(s.data + i, s.len - i), &code);
			if (n <= 0)
				return i;
			i += (size_t)n;
		}
		if (i >= s.len)
			return i;
	}
}

bool mw_utf8_valid(struct mw_span s)
{
	return s.len == 0 || mw_utf8_valid_prefix(s) == s.len;
}

size_t mw_utf8_scrub(struct mw_span in, uint8_t *out, size_t out_size, size_t *used)
{
	size_t i = 0, o = 0;

	while (i < in.len) {
		struct mw_span rest = mw_span_of(in.data + i, in.len - i);
		size_t n = mw_utf8_valid_prefix(rest);
		uint8_t bad[MW_UTF8_MAX];
		uint32_t code;
		int got;

		if (n > out_size - o) {
			/* Back to a character's first octet. */
			n = out_size - o;
			while (n > 0 && (rest.data[n] & 0xc0) == 0x80)
				n--;
			memcpy(out + o, rest.data, n);
			i += n;
			o += n;
			break;
		}
		memcpy(out + o, rest.data, n);
		i += n;
		o += n;
		if (i >= in.len)
			break;
		got = mw_utf8_get(mw_span_of(in.data + i, in.len - i), &code);
		n = mw_utf8_put(MW_UTF8_REPLACE, bad);
		if (n > out_size - o)
			break;
		memcpy(out + o, bad, n);
		o += n;
		/* 0: the text ends within a character; all of its octets are one bad beginning. */
		i = got == 0 ? in.len : i + (size_t)-got;
	}
	if (used != NULL)
		*used = i;
	return o;
}
