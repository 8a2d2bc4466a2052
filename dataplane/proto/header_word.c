/*
 * Encoded words, `=?charset?B?text?=` (RFC 2047, with RFC 2231's language tag), wherever they
 * stand: mailers put them inside quoted strings and glue them to their neighbours, and readers
 * decode them. The octets of adjacent words of one charset are joined before they are converted,
 * because mailers cut characters in two.
 */
#include "dataplane/proto/decode.h"
#include "dataplane/proto/header.h"

struct word {
	struct mw_span charset;
	struct mw_span text;
	bool base64;
	size_t len; /* of the whole word */
};

struct run {
	const struct mw_header_work *work;
	struct mw_span charset; /* of the octets that wait in work->a */
	size_t waiting;
	uint8_t *out;
	size_t len, size;
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Finds "?=": its place or `len`. */
static size_t find_end(const uint8_t *data, size_t at, size_t len)
{
	while (at + 1 < len) {
		const uint8_t *q = memchr(data + at, '?', len - at - 1);

		if (q == NULL)
			return len;
		if (q[1] == '=')
			return (size_t)(q - data);
		at = (size_t)(q - data) + 1;
	}
	return len;
}

/* A word at the front of `s`. Sets *no_end when there is no "?=" anywhere behind: no later word can
 * be complete either, and looking again each time would cost the square of the field's length. */
static bool parse(struct mw_span s, struct word *word, bool *no_end)
{
	size_t at = 2, end;
	const uint8_t *star;

	if (s.len < 8 || s.data[0] != '=' || s.data[1] != '?')
		return false;
	while (at < s.len && s.data[at] > ' ' && s.data[at] < 127 && s.data[at] != '?')
		at++;
	if (at == 2 || s.len - at < 5 || s.data[at] != '?' || s.data[at + 2] != '?')
		return false;
	switch (s.data[at + 1]) {
	case 'b':
	case 'B':
		word->base64 = true;
		break;
	case 'q':
	case 'Q':
		word->base64 = false;
		break;
	default:
		return false;
	}
	end = find_end(s.data, at + 3, s.len);
	if (end == s.len) {
		*no_end = true;
		return false;
	}
	word->charset = mw_span_of(s.data + 2, at - 2);
	star = memchr(s.data + 2, '*', at - 2);
	if (star != NULL)
		word->charset.len = (size_t)(star - (s.data + 2));
	word->text = mw_span_of(s.data + at + 3, end - (at + 3));
	word->len = end + 2;
	return true;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The "Q" encoding of section 4.2: like quoted-printable, but '_' is a blank. */
static size_t decode_q(struct mw_span in, uint8_t *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < in.len && len < size; i++) {
		uint8_t c = in.data[i];

		if (c == '_') {
			c = ' ';
		} else if (c == '=' && in.len - i > 2 && hex(in.data[i + 1]) >= 0 &&
			   hex(in.data[i + 2]) >= 0) {
			c = (uint8_t)(hex(in.data[i + 1]) << 4 | hex(in.data[i + 2]));
			i += 2;
		}
		out[len++] = c;
	}
	return len;
}

static size_t decode_b(struct mw_span in, uint8_t *out, size_t size)
{
	uint8_t piece[256];
	struct mw_decode d;
	size_t len = 0, made, used;

	mw_decode_init(&d, MW_ENCODING_BASE64);
	while (in.len > 0 && !d.ended) {
		made = mw_decode_feed(&d, in, &used, piece, sizeof(piece));
		in = mw_span_of(in.data + used, in.len - used);
		if (made > size - len)
			made = size - len;
		memcpy(out + len, piece, made);
		len += made;
	}
	made = mw_decode_finish(&d, piece, sizeof(piece));
	if (made > size - len)
		made = size - len;
	memcpy(out + len, piece, made);
	return len + made;
}

static void put(struct run *r, struct mw_span charset, struct mw_span octets)
{
	const struct mw_header_work *work = r->work;

	if (octets.len == 0 || r->len == r->size)
		return;
	r->len += work->charset(work->charset_ctx, charset, work->replace, octets, r->out + r->len,
		r->size - r->len);
}

static void flush(struct run *r)
{
	put(r, r->charset, mw_span_of(r->work->a, r->waiting));
	r->waiting = 0;
}

static bool same_charset(struct mw_span a, struct mw_span b)
{
	return a.len == b.len &&
	       strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

static bool all_blank(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_blank(data[i]))
			return false;
	return true;
}

size_t mw_header_decode(
	struct mw_span value, const struct mw_header_work *work, uint8_t *out, size_t size)
{
	struct run r = {.work = work, .out = out, .size = size};
	size_t literal = 0, at = 0; /* value[literal..at) is text that was not put out yet */
	bool behind_word = false, no_end = false;
	struct word word;

	while (at < value.len && !no_end) {
		const uint8_t *start = memchr(value.data + at, '=', value.len - at);

		if (start == NULL)
			break;
		at = (size_t)(start - value.data);
		if (!parse(mw_span_of(start, value.len - at), &word, &no_end)) {
			at++;
			continue;
		}
		if (at > literal &&
			!(behind_word && all_blank(value.data + literal, at - literal))) {
			flush(&r);
			put(&r, mw_span_of(NULL, 0),
				mw_span_of(value.data + literal, at - literal));
		}
		if (r.waiting > 0 && !same_charset(r.charset, word.charset))
			flush(&r);
		r.charset = word.charset;
		r.waiting += (word.base64 ? decode_b : decode_q)(
			word.text, work->a + r.waiting, work->size - r.waiting);
		at += word.len;
		literal = at;
		behind_word = true;
	}
	flush(&r);
	put(&r, mw_span_of(NULL, 0), mw_span_of(value.data + literal, value.len - literal));
	return r.len;
}
