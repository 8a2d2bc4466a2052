/*
 * UTF-7 (RFC 2152), cut anywhere: "+" begins base64 of UTF-16, which ends with the first octet that
 * is none of its digits; a "-" there is part of it. Read leniently: what stands for itself does so
 * whether or not the RFC allows it, and bits that make no character are dropped. iconv(3) is not
 * asked: its decoder keeps a state that blocks of several messages would mix up. Called by
 * charset.c alone.
 */
#include "dataplane/text/charset_table.h"

static int digit(uint8_t b)
{
	if (b >= 'A' && b <= 'Z')
		return b - 'A';
	if (b >= 'a' && b <= 'z')
		return b - 'a' + 26;
	if (b >= '0' && b <= '9')
		return b - '0' + 52;
	return b == '+' ? 62 : b == '/' ? 63 : -1;
}

static void lone_surrogate(struct mw_charset *c)
{
	if (c->surrogate != 0)
		mw_charset_put_code(c, MW_UTF8_REPLACE);
	c->surrogate = 0;
}

static void put_unit(struct mw_charset *c, uint16_t unit)
{
	if (c->surrogate != 0 && unit >= 0xdc00 && unit <= 0xdfff) {
		mw_charset_put_code(
			c, 0x10000 + (((uint32_t)c->surrogate - 0xd800) << 10) + (unit - 0xdc00u));
		c->surrogate = 0;
		return;
	}
	lone_surrogate(c);
	if (unit >= 0xd800 && unit <= 0xdbff)
		c->surrogate = unit;
	else
		mw_charset_put_code(c, unit);
}

/* One octet behind a "+". False: it is none of the base64 and stands for itself. */
static bool shifted(struct mw_charset *c, uint8_t b)
{
	int d = digit(b);

	if (d >= 0) {
		c->begun = false;
		c->bits = c->bits << 6 | (uint32_t)d;
		c->bit_count = (uint8_t)(c->bit_count + 6);
		if (c->bit_count >= 16) {
			c->bit_count = (uint8_t)(c->bit_count - 16);
			put_unit(c, (uint16_t)(c->bits >> c->bit_count));
		}
		return true;
	}
	c->shifted = false;
	lone_surrogate(c);
	if (c->begun) { /* right behind the "+" */
		mw_charset_put_code(c, '+');
		return b == '-';
	}
	return b == '-';
}

void mw_charset_utf7(struct mw_charset *c, struct mw_span in)
{
	size_t i = 0;

	while (i < in.len) {
		const uint8_t *plus;
		size_t run, ascii;

		if (c->shifted) {
			if (shifted(c, in.data[i]))
				i++;
			continue;
		}
		plus = memchr(in.data + i, '+', in.len - i);
		run = (plus == NULL ? in.len : (size_t)(plus - in.data)) - i;
		ascii = mw_utf8_ascii_prefix(mw_span_of(in.data + i, run));
		mw_text_put(&c->sink, in.data + i, ascii);
		i += ascii;
		for (; ascii < run && in.data[i] >= 0x80; ascii++, i++)
			mw_charset_put_code(c, c->windows_1252[in.data[i] - 0x80]);
		if (ascii == run && plus != NULL) {
			i++;
			c->shifted = true;
			c->begun = true; /* nothing came behind it yet */
			c->bits = 0;
			c->bit_count = 0;
		}
	}
}

void mw_charset_utf7_finish(struct mw_charset *c)
{
	lone_surrogate(c);
	if (c->shifted && c->begun)
		mw_charset_put_code(c, '+');
	c->shifted = false;
}
