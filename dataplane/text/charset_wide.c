/*
 * UTF-16 and UTF-32 (RFC 2781, Unicode section 3.10), cut anywhere: characters of two and four
 * octets in either order. Called by charset.c alone.
 */
#include "dataplane/text/charset_table.h"

/* RFC 2781: big-endian unless marked; a first character from ASCII tells as well. */
static bool utf16_begin(struct mw_charset *c)
{
	const uint8_t *u = c->carry;

	c->begun = true;
	c->big_endian = !(u[1] == 0 && u[0] != 0);
	if (u[0] == 0xff && u[1] == 0xfe) {
		c->big_endian = false;
		return true;
	}
	if (u[0] == 0xfe && u[1] == 0xff) {
		c->big_endian = true;
		return true;
	}
	return false;
}

static uint32_t utf16_unit(const struct mw_charset *c, const uint8_t *u)
{
	return c->big_endian ? (uint32_t)u[0] << 8 | u[1] : (uint32_t)u[1] << 8 | u[0];
}

void mw_charset_utf16(struct mw_charset *c, struct mw_span in)
{
	for (size_t i = 0; i < in.len; i++) {
		uint32_t first, second;

		c->carry[c->carry_len++] = in.data[i];
		if (c->carry_len % 2 != 0)
			continue;
		if (!c->begun && utf16_begin(c)) {
			c->carry_len = 0;
			continue;
		}
		first = utf16_unit(c, c->carry);
		if (c->carry_len == 2) {
			if (first >= 0xd800 && first <= 0xdbff)
				continue; /* wants the other half */
			mw_charset_put_code(c, first);
			c->carry_len = 0;
			continue;
		}
		second = utf16_unit(c, c->carry + 2);
		if (second >= 0xdc00 && second <= 0xdfff) {
			mw_charset_put_code(
				c, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
			c->carry_len = 0;
			continue;
		}
		mw_charset_put_code(c, MW_UTF8_REPLACE);
		memmove(c->carry, c->carry + 2, 2);
		c->carry_len = 2;
		if (second < 0xd800 || second > 0xdbff) {
			mw_charset_put_code(c, second);
			c->carry_len = 0;
		}
	}
}

static uint32_t utf32_code(const struct mw_charset *c)
{
	const uint8_t *u = c->carry;

	return c->big_endian
		       ? (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3]
		       : (uint32_t)u[3] << 24 | (uint32_t)u[2] << 16 | (uint32_t)u[1] << 8 | u[0];
}

void mw_charset_utf32(struct mw_charset *c, struct mw_span in)
{
	for (size_t i = 0; i < in.len; i++) {
		c->carry[c->carry_len++] = in.data[i];
		if (c->carry_len < 4)
			continue;
		c->carry_len = 0;
		if (!c->begun) {
			c->begun = true;
			/* big-endian unless its first octet says otherwise: no character has more
			 * than 21 bits */
			c->big_endian = c->carry[0] == 0;
			if (utf32_code(c) == 0xfeff)
				continue;
		}
		mw_charset_put_code(c, utf32_code(c));
	}
}
