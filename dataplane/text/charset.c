/*
 * The feed path of charset.h: no allocation, no state but the caller's struct and the descriptors
 * of iconv, which are reset before every block so that messages may take turns. What one block
 * leaves behind (part of a character, the escape sequence in force) is carried in front of the
 * next.
 */
#include "dataplane/text/charset_table.h"

#include <errno.h>

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
	switch (c->def->kind) {
	case MW_CHARSET_UTF16_BE:
	case MW_CHARSET_UTF32_BE:
		c->big_endian = true;
		c->begun = true;
		break;
	case MW_CHARSET_UTF16:
	case MW_CHARSET_UTF32:
	case MW_CHARSET_EBCDIC:
		break;
	case MW_CHARSET_UTF8:
	case MW_CHARSET_SINGLE:
		c->begun = invalid != MW_CHARSET_GUESS;
		break;
	default:
		c->begun = true;
		break;
	}
}

static void put_high(struct mw_charset *c, const uint16_t high[128], struct mw_span octets)
{
	for (size_t i = 0; i < octets.len; i++)
		mw_charset_put_code(
			c, octets.data[i] < 0x80 ? octets.data[i] : high[octets.data[i] - 0x80]);
}

/* What stands for octets that are no UTF-8: the whole of one bad beginning. */
static void put_bad(struct mw_charset *c, struct mw_span bad)
{
	if (c->def->kind == MW_CHARSET_SINGLE)
		put_high(c, c->def->high, bad);
	else if (c->invalid == MW_CHARSET_GUESS)
		put_high(c, c->windows_1252, bad);
	else
		mw_charset_put_code(c, MW_UTF8_REPLACE);
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
		mw_charset_put_code(c, MW_UTF8_REPLACE);
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

/* The beginning of a text whose name tells too little: is it the mark of UTF-16, and behind it a
 * character of ASCII in the order that the mark says? Latin text may well begin with U+00FF. */
static bool is_marked(const uint8_t u[4])
{
	return (u[0] == 0xff && u[1] == 0xfe && u[2] != 0 && u[3] == 0) ||
	       (u[0] == 0xfe && u[1] == 0xff && u[2] == 0 && u[3] != 0);
}

static void feed_known(struct mw_charset *c, struct mw_span in)
{
	if (c->def->kind == MW_CHARSET_SINGLE && !c->as_utf8)
		feed_single(c, in);
	else
		feed_utf8(c, in);
}

/* Holds back up to four octets as long as they may be that beginning; the first octet of nearly
 * every text says no. */
static void feed_marked(struct mw_charset *c, struct mw_span in)
{
	uint8_t held[4];
	size_t len;

	while (in.len > 0 && c->carry_len < sizeof(held) &&
		(c->carry_len > 0 || in.data[0] >= 0xfe)) {
		c->carry[c->carry_len++] = in.data[0];
		in = mw_span_of(in.data + 1, in.len - 1);
	}
	if (in.len == 0 && c->carry_len < sizeof(held))
		return;
	c->begun = true;
	len = c->carry_len;
	memcpy(held, c->carry, len);
	c->carry_len = 0;
	c->wide = len == sizeof(held) && is_marked(held);
	if (c->wide) {
		c->big_endian = held[0] == 0xfe;
		mw_charset_utf16(c, mw_span_of(held + 2, 2));
		mw_charset_utf16(c, in);
		return;
	}
	feed_known(c, mw_span_of(held, len));
	feed_known(c, in);
}

static void put_ebcdic(struct mw_charset *c, struct mw_span in)
{
	uint8_t out[3 * 128];
	size_t o = 0;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t b = in.data[i];

		o += mw_utf8_put(b < 0x80 ? c->def->low[b] : c->def->high[b - 0x80], out + o);
		if (o + 3 > sizeof(out)) {
			mw_text_put(&c->sink, out, o);
			o = 0;
		}
	}
	mw_text_put(&c->sink, out, o);
}

/* Mailers that know no EBCDIC name it all the same, above text in ASCII. Its letters and digits lie
 * above 80, so a few octets tell. */
static void feed_ebcdic(struct mw_charset *c, struct mw_span in)
{
	size_t at = 0;

	if (!c->begun && c->invalid == MW_CHARSET_GUESS) {
		bool high = false;

		while (at < in.len && c->carry_len < MW_CHARSET_CARRY_MAX && !high) {
			high = in.data[at] >= 0x80;
			c->carry[c->carry_len++] = in.data[at++];
		}
		if (!high && c->carry_len < MW_CHARSET_CARRY_MAX)
			return;
		c->as_utf8 = !high;
		if (high)
			put_ebcdic(c, mw_span_of(c->carry, c->carry_len));
		else
			mw_text_put(&c->sink, c->carry, c->carry_len);
		c->carry_len = 0;
		c->begun = true;
	}
	in = mw_span_of(in.data + at, in.len - at);
	if (c->invalid == MW_CHARSET_GUESS && c->as_utf8)
		feed_utf8(c, in);
	else
		put_ebcdic(c, in);
}

void mw_charset_feed(struct mw_charset *c, struct mw_span in)
{
	if (in.len == 0)
		return;
	switch (c->def->kind) {
	case MW_CHARSET_UTF8:
	case MW_CHARSET_SINGLE:
		if (!c->begun)
			feed_marked(c, in);
		else if (c->wide)
			mw_charset_utf16(c, in);
		else
			feed_known(c, in);
		return;
	case MW_CHARSET_EBCDIC:
		feed_ebcdic(c, in);
		return;
	case MW_CHARSET_UTF7:
		mw_charset_utf7(c, in);
		return;
	case MW_CHARSET_UTF16:
	case MW_CHARSET_UTF16_LE:
	case MW_CHARSET_UTF16_BE:
		mw_charset_utf16(c, in);
		return;
	case MW_CHARSET_UTF32:
	case MW_CHARSET_UTF32_LE:
	case MW_CHARSET_UTF32_BE:
		mw_charset_utf32(c, in);
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
	size_t len = c->carry_len;

	if (c->def->kind == MW_CHARSET_UTF7)
		mw_charset_utf7_finish(c);
	if (len == 0)
		return;
	switch (c->def->kind) {
	case MW_CHARSET_UTF8:
	case MW_CHARSET_SINGLE:
		if (c->wide) {
			mw_charset_put_code(c, MW_UTF8_REPLACE);
			break;
		}
		if (!c->begun) { /* the whole text, and it is no UTF-16 */
			c->begun = true;
			c->carry_len = 0;
			memcpy(block, c->carry, len);
			feed_known(c, mw_span_of(block, len));
		}
		if (c->carry_len > 0)
			put_bad(c, mw_span_of(c->carry, c->carry_len));
		break;
	case MW_CHARSET_EBCDIC:
		if (!c->begun)
			mw_text_put(&c->sink, c->carry, len);
		else
			put_bad(c, mw_span_of(c->carry, len));
		break;
	case MW_CHARSET_MULTI:
	case MW_CHARSET_ESCAPED:
		memcpy(block, c->escape, c->escape_len);
		memcpy(block + c->escape_len, c->carry, c->carry_len);
		convert_block(c, block, (size_t)c->escape_len + c->carry_len, true);
		break;
	default:
		mw_charset_put_code(c, MW_UTF8_REPLACE);
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
