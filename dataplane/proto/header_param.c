/*
 * Structured values: `type/subtype; name=value` (RFC 2045 section 5.1) with RFC 2231's
 * continuations and charsets. Lenient where mailers are wrong: unquoted values with blanks, missing
 * blanks, encoded words in quoted strings.
 */
#include "dataplane/proto/header.h"

#define SEGMENTS_MAX 64

struct param {
	struct mw_span name;  /* with RFC 2231's `*0*` behind it */
	struct mw_span value; /* quotes still on when quoted */
	bool quoted;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 2045's token, which also is what mailers mean by a type. */
static bool is_token(uint8_t c)
{
	return c > ' ' && c < 127 && memchr("()<>@,;:\\\"/[]?=", c, 15) == NULL;
}

/* Skips blanks and comments, which nest (RFC 5322 section 3.2.2). */
static struct mw_span skip_comments(struct mw_span s)
{
	size_t at = 0, depth = 0;

	for (; at < s.len; at++) {
		uint8_t c = s.data[at];

		if (depth > 0 && c == '\\')
			at++;
		else if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth == 0 && !is_space(c))
			break;
	}
	if (at > s.len)
		at = s.len;
	return mw_span_of(s.data + at, s.len - at);
}

static struct mw_span take_token(struct mw_span *s)
{
	struct mw_span token = {s->data, 0};

	while (token.len < s->len && is_token(s->data[token.len]))
		token.len++;
	*s = mw_span_of(s->data + token.len, s->len - token.len);
	return token;
}

struct mw_span mw_header_token(struct mw_span value)
{
	value = skip_comments(value);
	if (value.len > 0 && value.data[0] == '"') /* forbidden here, and understood */
		value = mw_span_of(value.data + 1, value.len - 1);
	return take_token(&value);
}

bool mw_header_media_type(struct mw_span value, struct mw_span *type, struct mw_span *subtype)
{
	value = skip_comments(value);
	*type = take_token(&value);
	value = skip_comments(value);
	if (type->len == 0 || value.len == 0 || value.data[0] != '/')
		return false;
	value = skip_comments(mw_span_of(value.data + 1, value.len - 1));
	*subtype = take_token(&value);
	/* a second slash makes it no type at all */
	return subtype->len > 0 && (value.len == 0 || value.data[0] != '/');
}

/* The octets up to the closing quote, or all if it is missing. */
static size_t quoted_len(struct mw_span s)
{
	size_t at = 1;

	while (at < s.len && s.data[at] != '"')
		at += s.data[at] == '\\' ? 2 : 1;
	return at < s.len ? at + 1 : s.len;
}

/* `name=`, as behind a `;` that was forgotten. */
static bool begins_param(struct mw_span s)
{
	if (take_token(&s).len == 0)
		return false;
	while (s.len > 0 && is_space(s.data[0]))
		s = mw_span_of(s.data + 1, s.len - 1);
	return s.len > 0 && s.data[0] == '=';
}

/* Where the next parameter begins: behind a `;`, or behind blanks where only a `;` is missing.
 * Quoted strings and comments are passed over; a comment that never ends is none. */
static bool find_param(struct mw_span *s)
{
	static const uint8_t stops[256] = {
		[' '] = 1, ['\t'] = 1, ['\r'] = 1, ['\n'] = 1, ['"'] = 1, ['('] = 1, [';'] = 1};
	const uint8_t *at = s->data, *end = at + s->len;

	while (at < end && *at != ';') {
		struct mw_span rest, behind;

		if (!stops[*at]) {
			at++;
			continue;
		}
		rest = mw_span_of(at, (size_t)(end - at));
		if (*at == '"') {
			at += quoted_len(rest);
			continue;
		}
		behind = skip_comments(rest);
		if (begins_param(behind)) {
			*s = behind;
			return true;
		}
		at = behind.len > 0 && behind.data > at ? behind.data : at + 1;
	}
	if (at == end)
		return false;
	*s = skip_comments(mw_span_of(at + 1, (size_t)(end - at - 1)));
	return true;
}

/* The next parameter of *rest, which begins anywhere before it. */
static bool next_param(struct mw_span *rest, struct param *p)
{
	struct mw_span s = *rest;
	size_t at = 0;

	if (!find_param(&s))
		return false;
	for (at = 0; at < s.len && s.data[at] != '=' && s.data[at] != ';'; at++)
		;
	p->name = mw_span_trim(mw_span_of(s.data, at));
	p->value = mw_span_of(s.data + at, 0);
	p->quoted = false;
	*rest = mw_span_of(s.data + at, s.len - at);
	if (at == s.len || s.data[at] == ';')
		return true;
	s = mw_span_of(s.data + at + 1, s.len - at - 1);
	while (s.len > 0 && is_space(s.data[0]))
		s = mw_span_of(s.data + 1, s.len - 1);
	if (s.len > 0 && s.data[0] == '"') {
		at = quoted_len(s);
		p->quoted = true;
		p->value = mw_span_of(s.data, at);
	} else {
		for (at = 0; at < s.len && s.data[at] != ';'; at++)
			if (s.data[at] == '(' && (at == 0 || is_space(s.data[at - 1])))
				break;
		p->value = mw_span_trim(mw_span_of(s.data, at));
	}
	*rest = mw_span_of(s.data + at, s.len - at);
	return true;
}

/*
 * The value without quotes and line ends. A backslash escapes only itself and the quote: else a
 * Windows path, which mailers do not escape, would lose its separators.
 */
static size_t unquote(const struct param *p, uint8_t *out, size_t size)
{
	struct mw_span s = p->value;
	size_t len = 0;

	if (p->quoted) {
		bool closed = s.len > 1 && s.data[s.len - 1] == '"';

		s = mw_span_of(s.data + 1, s.len - (closed ? 2 : 1));
	}
	for (size_t i = 0; i < s.len && len < size; i++) {
		if (s.data[i] == '\r' || s.data[i] == '\n')
			continue;
		if (p->quoted && s.data[i] == '\\' && s.len - i > 1 &&
			(s.data[i + 1] == '\\' || s.data[i + 1] == '"'))
			i++;
		out[len++] = s.data[i];
	}
	return len;
}

/* `NAME`, `NAME*`, `NAME*0`, `NAME*0*`: the segment (0 without number) or -1. */
static int segment_of(struct mw_span name, const char *wanted, bool *encoded, bool *plain)
{
	size_t len = strlen(wanted);
	int number = 0;

	*encoded = false;
	*plain = name.len == len;
	if (name.len < len || strncasecmp((const char *)name.data, wanted, len) != 0)
		return -1;
	if (name.len == len)
		return 0;
	if (name.data[len] != '*')
		return -1;
	if (name.data[name.len - 1] == '*') {
		*encoded = true;
		name.len--;
	}
	for (size_t i = len + 1; i < name.len; i++) {
		if (name.data[i] < '0' || name.data[i] > '9' || number >= SEGMENTS_MAX)
			return -1;
		number = number * 10 + (name.data[i] - '0');
	}
	return number < SEGMENTS_MAX ? number : -1;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t percent_decode(uint8_t *data, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '%' && len - i > 2 && hex(data[i + 1]) >= 0 &&
			hex(data[i + 2]) >= 0) {
			data[out++] = (uint8_t)(hex(data[i + 1]) << 4 | hex(data[i + 2]));
			i += 2;
		} else {
			data[out++] = data[i];
		}
	}
	return out;
}

/* charset'language'text (RFC 2231 section 4): the charset, and *skip octets before the text. */
static struct mw_span take_charset(struct mw_span s, size_t *skip)
{
	const uint8_t *first = s.len > 0 ? memchr(s.data, '\'', s.len) : NULL;
	const uint8_t *second;

	*skip = 0;
	if (first == NULL)
		return mw_span_of(NULL, 0);
	second = memchr(first + 1, '\'', s.len - (size_t)(first + 1 - s.data));
	if (second == NULL)
		return mw_span_of(NULL, 0);
	*skip = (size_t)(second + 1 - s.data);
	return mw_span_of(s.data, (size_t)(first - s.data));
}

/* The segments of an RFC 2231 value joined in `out`, percent escapes undone, charset kept apart.
 * False: there is none. */
static bool join_segments(struct mw_span value, const char *name, uint8_t *out, size_t size,
	size_t *len, struct mw_span *charset, bool *any_coded)
{
	struct param segments[SEGMENTS_MAX];
	bool have[SEGMENTS_MAX], coded[SEGMENTS_MAX];
	struct param p;

	if (value.len == 0 || memchr(value.data, '*', value.len) == NULL)
		return false;
	memset(have, 0, sizeof(have));
	memset(coded, 0, sizeof(coded));
	while (next_param(&value, &p)) {
		bool encoded, plain;
		int n = segment_of(p.name, name, &encoded, &plain);

		if (n < 0 || plain || have[n])
			continue;
		have[n] = true;
		coded[n] = encoded;
		segments[n] = p;
	}
	*len = 0;
	*charset = mw_span_of(NULL, 0);
	*any_coded = false;
	for (int n = 0; n < SEGMENTS_MAX && have[n]; n++) {
		struct mw_span v = segments[n].value;
		size_t made = unquote(&segments[n], out + *len, size - *len);

		if (coded[n] && n == 0) {
			size_t skip;

			/* the charset's name has no quotes in it: it can be read where it came */
			if (segments[0].quoted)
				v = mw_span_of(v.data + 1, v.len - 1);
			*charset = take_charset(v, &skip);
			take_charset(mw_span_of(out, made), &skip);
			memmove(out, out + skip, made - skip);
			made -= skip;
		}
		if (coded[n])
			made = percent_decode(out + *len, made);
		*any_coded |= coded[n];
		*len += made;
	}
	return have[0];
}

bool mw_header_param_raw(
	struct mw_span value, const char *name, uint8_t *out, size_t size, size_t *len)
{
	struct mw_span rest = value, charset;
	bool coded, encoded, plain;
	struct param p;

	while (next_param(&rest, &p)) {
		if (segment_of(p.name, name, &encoded, &plain) == 0 && plain) {
			*len = unquote(&p, out, size);
			return true;
		}
	}
	return join_segments(value, name, out, size, len, &charset, &coded);
}

bool mw_header_param(struct mw_span value, const char *name, bool extended,
	const struct mw_header_work *work, uint8_t *out, size_t size, size_t *len)
{
	struct mw_span rest = value;
	struct param p;

	if (extended) {
		struct mw_span charset;
		bool coded;
		size_t joined;

		if (!join_segments(value, name, work->b, work->size, &joined, &charset, &coded))
			return false;
		if (coded)
			*len = work->charset(work->charset_ctx, charset, work->replace,
				mw_span_of(work->b, joined), out, size);
		else
			*len = mw_header_decode(mw_span_of(work->b, joined), work, out, size);
		return true;
	}
	while (next_param(&rest, &p)) {
		bool encoded, plain;

		if (segment_of(p.name, name, &encoded, &plain) != 0 || !plain)
			continue;
		*len = mw_header_decode(
			mw_span_of(work->b, unquote(&p, work->b, work->size)), work, out, size);
		return true;
	}
	return false;
}
