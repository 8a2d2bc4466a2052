/*
 * The feed path of charset.h: no allocation, no state but the caller's struct and the descriptors
 * of iconv, which are reset before every block so that messages may take turns. What one block
 * leaves behind (part of a character, the escape sequence in force) is carried in front of the
 * next.
 */
#include "dataplane/text/charset_table.h"

#include <errno.h>

#include "dataplane/text/utf8.h"

#define BLOCK_MAX 512 /* octets given to iconv at once */

uint32_t mw_charset_table_count(const struct mw_charset_table *table)
{
	return table->defs_count;
}

uint32_t mw_charset_table_missing(const struct mw_charset_table *table)
{
	return table->missing;
}

const struct mw_charset_def *mw_charset_lookup(
	const struct mw_charset_table *table, struct mw_span name)
{
	char text[MW_CHARSET_ALIAS_MAX] = {0};
	size_t len = 0;
	uint32_t low = 0, high = table->names_count;

	for (size_t i = 0; i < name.len; i++) {
		uint8_t b = name.data[i];

		if (b >= 'A' && b <= 'Z')
			b = (uint8_t)(b + 32);
		if ((b < 'a' || b > 'z') && (b < '0' || b > '9'))
			continue;
		if (len + 1 >= sizeof(text))
			return NULL;
		text[len++] = (char)b;
	}
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = strcmp(text, table->names[mid].text);

		if (order == 0)
			return &table->defs[table->names[mid].def];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool mw_charset_known(const struct mw_charset_table *table, struct mw_span name)
{
	return mw_charset_lookup(table, name) != NULL;
}

void mw_charset_init(struct mw_charset *c, const struct mw_charset_table *table,
	struct mw_span name, enum mw_charset_invalid invalid, struct mw_text_sink sink)
{
	const struct mw_charset_def *def = mw_charset_lookup(table, name);

	memset(c, 0, sizeof(*c));
	c->def = def != NULL ? def : &table->defs[0];
	c->sink = sink;
	c->invalid = invalid;
	c->as_utf8 = invalid == MW_CHARSET_GUESS;
	c->windows_1252 = table->defs[1].high;
	c->big_endian = c->def->kind == MW_CHARSET_UTF16_BE;
	c->begun = c->def->kind != MW_CHARSET_UTF16;
}

static void put_code(struct mw_charset *c, uint32_t code)
{
	uint8_t out[MW_UTF8_MAX];

	mw_text_put(&c->sink, out, mw_utf8_put(code, out));
}

static void put_high(struct mw_charset *c, const uint16_t high[128], struct mw_span octets)
{
	for (size_t i = 0; i < octets.len; i++)
		put_code(c, octets.data[i] < 0x80 ? octets.data[i] : high[octets.data[i] - 0x80]);
}

/* What stands for octets that are no UTF-8: the whole of one bad beginning. */
static void put_bad(struct mw_charset *c, struct mw_span bad)
{
	if (c->def->kind == MW_CHARSET_SINGLE)
		put_high(c, c->def->high, bad);
	else if (c->invalid == MW_CHARSET_GUESS)
		put_high(c, c->windows_1252, bad);
	else
		put_code(c, MW_UTF8_REPLACE);
}

/* One octet a character, and known not to be UTF-8. */
static void feed_single(struct mw_charset *c, struct mw_span in)
{
	uint8_t out[3 * 128];
	size_t i = 0;

	while (i < in.len) {
		size_t n = mw_utf8_ascii_prefix(mw_span_of(in.data + i, in.len - i)), o = 0;

		mw_text_put(&c->sink, in.data + i, n);
		i += n;
		for (; i < in.len && in.data[i] >= 0x80 && o + 3 <= sizeof(out); i++)
			o += mw_utf8_put(c->def->high[in.data[i] - 0x80], out + o);
		mw_text_put(&c->sink, out, o);
	}
}

/* UTF-8, or a charset of one octet a character that may turn out to be UTF-8 in truth. */
static void feed_utf8(struct mw_charset *c, struct mw_span in)
{
	size_t i = 0;

	while (i < in.len) {
		struct mw_span rest = mw_span_of(in.data + i, in.len - i);
		uint8_t joined[MW_UTF8_MAX];
		uint32_t code;
		size_t held = c->carry_len, n;
		int got;

		if (held == 0) {
			n = mw_utf8_valid_prefix(rest);
			mw_text_put(&c->sink, rest.data, n);
			i += n;
			rest.data += n;
			rest.len -= n;
			if (rest.len == 0)
				return;
		}
		n = rest.len < sizeof(joined) - held ? rest.len : sizeof(joined) - held;
		memcpy(joined, c->carry, held);
		memcpy(joined + held, rest.data, n);
		got = mw_utf8_get(mw_span_of(joined, held + n), &code);
		if (got == 0) { /* needs more than there is, so all of it was taken */
			memcpy(c->carry, joined, held + n);
			c->carry_len = (uint8_t)(held + n);
			return;
		}
		/* A bad beginning is never shorter than what was held: that could still become
		 * valid. */
		c->carry_len = 0;
		if (got > 0) {
			mw_text_put(&c->sink, joined, (size_t)got);
			i += (size_t)got - held;
			continue;
		}
		put_bad(c, mw_span_of(joined, (size_t)-got));
		i += (size_t)-got - held;
		if (c->def->kind == MW_CHARSET_SINGLE) {
			c->as_utf8 = false;
			feed_single(c, mw_span_of(in.data + i, in.len - i));
			return;
		}
	}
}

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

static void feed_utf16(struct mw_charset *c, struct mw_span in)
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
			put_code(c, first);
			c->carry_len = 0;
			continue;
		}
		second = utf16_unit(c, c->carry + 2);
		if (second >= 0xdc00 && second <= 0xdfff) {
			put_code(c, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
			c->carry_len = 0;
			continue;
		}
		put_code(c, MW_UTF8_REPLACE);
		memmove(c->carry, c->carry + 2, 2);
		c->carry_len = 2;
		if (second < 0xd800 || second > 0xdbff) {
			put_code(c, second);
			c->carry_len = 0;
		}
	}
}

/* The escape sequences that glibc's ISO-2022-JP obeys; others it refuses, so they change nothing.
 */
static size_t escape_at(const uint8_t *at, size_t len)
{
	static const char known[4][4] = {"\033(B", "\033(J", "\033$@", "\033$B"};

	for (size_t i = 0; i < 4; i++) {
		if (len >= 3 && memcmp(at, known[i], 3) == 0)
			return 3;
	}
	return 0;
}

static void note_escape(struct mw_charset *c, const uint8_t *block, size_t len)
{
	for (size_t i = len; i-- > 0;) {
		size_t n = block[i] == 0x1b ? escape_at(block + i, len - i) : 0;

		if (n > 0) {
			memcpy(c->escape, block + i, n);
			c->escape_len = (uint8_t)n;
			return;
		}
	}
}

/* Converts a block that begins in the initial state; returns the octets left over at its end. */
static size_t convert_block(struct mw_charset *c, uint8_t *block, size_t len, bool last)
{
	char out[4 * (BLOCK_MAX + MW_CHARSET_CARRY_MAX + MW_CHARSET_ESCAPE_MAX)];
	char *in_at = (char *)block;
	size_t in_left = len;

	iconv(c->def->iconv, NULL, NULL, NULL, NULL);
	while (in_left > 0) {
		char *out_at = out;
		size_t out_left = sizeof(out);
		size_t r = iconv(c->def->iconv, &in_at, &in_left, &out_at, &out_left);
		int why = errno;

		mw_text_put(&c->sink, out, sizeof(out) - out_left);
		if (r != (size_t)-1)
			break;
		if (why == EINVAL && !last && in_left <= MW_CHARSET_CARRY_MAX)
			break;
		if (why == E2BIG && out_left != sizeof(out))
			continue;
		put_code(c, MW_UTF8_REPLACE);
		if (why == EINVAL && last) {
			in_left = 0; /* one character, cut off */
			break;
		}
		/* Some converters (UHC) step over the octets they refuse, to the very end. */
		if (in_left == 0)
			break;
		in_at++;
		in_left--;
	}
	return in_left;
}

static void feed_iconv(struct mw_charset *c, struct mw_span in)
{
	uint8_t block[BLOCK_MAX + MW_CHARSET_CARRY_MAX + MW_CHARSET_ESCAPE_MAX];
	bool escaped = c->def->kind == MW_CHARSET_ESCAPED;

	while (in.len > 0) {
		size_t n, len = 0, left;

		if (!escaped && c->carry_len == 0) {
			n = mw_utf8_ascii_prefix(in);
			mw_text_put(&c->sink, in.data, n);
			in.data += n;
			in.len -= n;
			if (in.len == 0)
				return;
		}
		n = in.len < BLOCK_MAX ? in.len : BLOCK_MAX;
		memcpy(block, c->escape, c->escape_len);
		len += c->escape_len;
		memcpy(block + len, c->carry, c->carry_len);
		len += c->carry_len;
		memcpy(block + len, in.data, n);
		len += n;
		in.data += n;
		in.len -= n;
		left = convert_block(c, block, len, false);
		if (escaped)
			note_escape(c, block, len - left);
		memcpy(c->carry, block + len - left, left);
		c->carry_len = (uint8_t)left;
	}
}

void mw_charset_feed(struct mw_charset *c, struct mw_span in)
{
	if (in.len == 0)
		return;
	switch (c->def->kind) {
	case MW_CHARSET_UTF8:
		feed_utf8(c, in);
		return;
	case MW_CHARSET_SINGLE:
		if (c->as_utf8)
			feed_utf8(c, in);
		else
			feed_single(c, in);
		return;
	case MW_CHARSET_UTF16:
	case MW_CHARSET_UTF16_LE:
	case MW_CHARSET_UTF16_BE:
		feed_utf16(c, in);
		return;
	case MW_CHARSET_MULTI:
	case MW_CHARSET_ESCAPED:
		feed_iconv(c, in);
		return;
	}
}

void mw_charset_finish(struct mw_charset *c)
{
	uint8_t block[MW_CHARSET_CARRY_MAX + MW_CHARSET_ESCAPE_MAX];

	if (c->carry_len == 0)
		return;
	switch (c->def->kind) {
	case MW_CHARSET_UTF8:
	case MW_CHARSET_SINGLE:
		put_bad(c, mw_span_of(c->carry, c->carry_len));
		break;
	case MW_CHARSET_MULTI:
	case MW_CHARSET_ESCAPED:
		memcpy(block, c->escape, c->escape_len);
		memcpy(block + c->escape_len, c->carry, c->carry_len);
		convert_block(c, block, (size_t)c->escape_len + c->carry_len, true);
		break;
	default:
		put_code(c, MW_UTF8_REPLACE);
		break;
	}
	c->carry_len = 0;
}

/* Output of the one-shot conversion: takes whole characters while they fit, then nothing more. */
struct bounded {
	uint8_t *out;
	size_t size;
	size_t len;
	bool full;
};

static void put_bounded(void *ctx, struct mw_span octets)
{
	struct bounded *b = ctx;
	size_t n = octets.len;

	if (b->full)
		return;
	if (n > b->size - b->len) {
		b->full = true;
		n = b->size - b->len;
		while (n > 0 && (octets.data[n] & 0xc0) == 0x80)
			n--;
	}
	if (n > 0)
		memcpy(b->out + b->len, octets.data, n);
	b->len += n;
}

size_t mw_charset_convert(const struct mw_charset_table *table, struct mw_span name,
	enum mw_charset_invalid invalid, struct mw_span in, uint8_t *out, size_t out_size,
	bool *complete)
{
	struct bounded b = {.out = out, .size = out_size};
	struct mw_charset c;

	mw_charset_init(&c, table, name, invalid, (struct mw_text_sink){put_bounded, &b});
	mw_charset_feed(&c, in);
	mw_charset_finish(&c);
	if (complete != NULL)
		*complete = !b.full;
	return b.len;
}
