/*
 * Small edits of an address. Each follows one line of SpamAssassin's Util::uri_list_canonicalize;
 * what looks odd there (which octets are escaped again, how zeros of a numeric host are dropped) is
 * kept, because rules were written against it.
 */
#include "dataplane/text/uri_edit.h"

#include <stdio.h>

bool mw_uri_begins(struct mw_span s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && strncasecmp((const char *)s.data, word, n) == 0;
}

bool mw_uri_is_word(uint8_t b)
{
	return (uint8_t)((b | 0x20) - 'a') < 26 || (uint8_t)(b - '0') < 10 || b == '_';
}

void mw_uri_put(struct mw_uri_buf *b, struct mw_span s)
{
	size_t n = s.len < b->size - b->len ? s.len : b->size - b->len;

	if (n > 0)
		memcpy(b->data + b->len, s.data, n);
	b->len += n;
}

void mw_uri_insert(struct mw_uri_buf *b, size_t at, const char *text)
{
	size_t n = strlen(text);

	if (n > b->size - at)
		return;
	if (b->len > b->size - n)
		b->len = b->size - n;
	memmove(b->data + at + n, b->data + at, b->len - at);
	memcpy(b->data + at, text, n);
	b->len += n;
}

static bool is_space(uint8_t b)
{
	return b == ' ' || (b >= '\t' && b <= '\r');
}

void mw_uri_clean(struct mw_uri_buf *b)
{
	size_t o = 0, start = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] != '\n' && b->data[i] != '\r')
			b->data[o++] = b->data[i];
	}
	while (start < o && is_space(b->data[start]))
		start++;
	while (o > start && is_space(b->data[o - 1]))
		o--;
	memmove(b->data, b->data + start, o - start);
	b->len = o - start;
}

void mw_uri_slashes(struct mw_uri_buf *b)
{
	struct mw_span s;
	size_t at;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\\')
			b->data[i] = '/';
	}
	s = mw_span_of(b->data, b->len);
	at = mw_uri_begins(s, "http:") ? 5 : mw_uri_begins(s, "https:") ? 6 : 0;
	if (at == 0)
		return;
	if (at == b->len || b->data[at] != '/')
		mw_uri_insert(b, at, "//");
	else if (at + 1 == b->len || b->data[at + 1] != '/')
		mw_uri_insert(b, at, "/");
}

static int hex(uint8_t b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static int escape_at(const struct mw_uri_buf *b, size_t i)
{
	if (b->data[i] != '%' || b->len - i < 3 || hex(b->data[i + 1]) < 0 ||
		hex(b->data[i + 2]) < 0)
		return -1;
	return hex(b->data[i + 1]) * 16 + hex(b->data[i + 2]);
}

void mw_uri_unescape(struct mw_uri_buf *b)
{
	size_t grow = 0, from, o = 0;
	bool any = false;

	for (size_t i = 0; i < b->len; i++) {
		uint8_t c = b->data[i];

		if (escape_at(b, i) >= 0) {
			any = true;
			i += 2;
		} else if (c <= ' ' || c >= 0x7f || c == '"' || c == '%' || c == '<' || c == '>') {
			grow += 2;
		}
	}
	if (!any)
		return;
	if (grow > b->size - b->len)
		return; /* three times as long would not fit: hostile, and worth nothing */
	/* The text moves to the end of its room, then is written from the front. */
	from = grow;
	memmove(b->data + from, b->data, b->len);
	b->len += grow;
	for (size_t i = from; i < b->len; i++) {
		uint8_t c = b->data[i];
		int value = escape_at(b, i);

		if (value > ' ' && value < 0x7f) {
			b->data[o++] = (uint8_t)value;
			i += 2;
		} else if (value >= 0) {
			memmove(b->data + o, b->data + i, 3);
			o += 3;
			i += 2;
		} else if (c <= ' ' || c >= 0x7f || c == '"' || c == '%' || c == '<' || c == '>') {
			static const char digits[] = "0123456789abcdef";

			b->data[o++] = '%';
			b->data[o++] = (uint8_t)digits[c >> 4];
			b->data[o++] = (uint8_t)digits[c & 15];
		} else {
			b->data[o++] = c;
		}
	}
	b->len = o;
}

void mw_uri_scheme(struct mw_uri_buf *b)
{
	size_t i = 0;

	while (i < b->len && (mw_uri_is_word(b->data[i]) || b->data[i] == '-'))
		i++;
	if (i > 0 && i < b->len && b->data[i] == ':')
		return;
	if (b->len >= 4 && memcmp(b->data, "ftp.", 4) == 0)
		mw_uri_insert(b, 0, "ftp://");
	else
		mw_uri_insert(b, 0, "http://");
}

void mw_uri_path(struct mw_uri_buf *b)
{
	struct mw_span s = mw_span_of(b->data, b->len);
	size_t at = mw_uri_begins(s, "http://") ? 7 : mw_uri_begins(s, "https://") ? 8 : 0, i = at;

	if (at == 0)
		return;
	while (i < s.len && s.data[i] != '/' && s.data[i] != '?' && s.data[i] != '#')
		i++;
	if (i > at && i < s.len && s.data[i] != '/')
		mw_uri_insert(b, i, "/");
}

/* The octet that an entity at `i` stands for, its length in *used; 0: none that is decoded. */
static uint8_t entity_at(const struct mw_uri_buf *b, size_t i, size_t *used)
{
	size_t at = i + 2, digits;
	uint32_t base = 10, value = 0;

	if (b->len - i < 4 || b->data[i] != '&' || b->data[i + 1] != '#')
		return 0;
	if ((b->data[at] | 0x20) == 'x') {
		base = 16;
		at++;
	}
	for (digits = at; at < b->len; at++) {
		int d = hex(b->data[at]);

		if (d < 0 || (uint32_t)d >= base)
			break;
		value = value * base + (uint32_t)d;
		if (value > 0x10ffff)
			return 0;
	}
	if (at == digits || at == b->len || b->data[at] != ';')
		return 0;
	*used = at + 1 - i;
	if (value == 0x3002 || value == 0xff0e || value == 0xff61)
		return '.';
	return value > 32 && value < 127 ? (uint8_t)value : 0;
}

void mw_uri_entities(struct mw_uri_buf *b)
{
	size_t o = 0, used;

	for (size_t i = 0; i < b->len; i++) {
		uint8_t c = b->data[i] == '&' ? entity_at(b, i, &used) : 0;

		if (c != 0) {
			b->data[o++] = c;
			i += used - 1;
		} else {
			b->data[o++] = b->data[i];
		}
	}
	b->len = o;
}

/* Digits in base 8, 10 or 16 as written; false: not a number. Beyond 64 bits it saturates. */
static bool number(struct mw_span s, bool octal, uint64_t *out)
{
	uint64_t value = 0;
	uint32_t base = 10;
	size_t i = 0;

	if (s.len > 2 && s.data[0] == '0' && (s.data[1] | 0x20) == 'x') {
		base = 16;
		i = 2;
	} else if (octal && s.len > 1 && s.data[0] == '0') {
		base = 8;
		for (size_t k = 0; k < s.len; k++) {
			if (s.data[k] > '7')
				base = 10;
		}
	}
	if (i == s.len)
		return false;
	for (; i < s.len; i++) {
		int d = hex(s.data[i]);

		if (d < 0 || (uint32_t)d >= base)
			return false;
		if (value > (UINT64_MAX - (uint64_t)d) / base)
			value = UINT64_MAX;
		else
			value = value * base + (uint64_t)d;
	}
	*out = value;
	return true;
}

static size_t quad_of(uint64_t v, uint8_t out[MW_URI_QUAD_MAX])
{
	return (size_t)snprintf((char *)out, MW_URI_QUAD_MAX, "%u.%u.%u.%u",
		(unsigned)(v >> 24 & 255), (unsigned)(v >> 16 & 255), (unsigned)(v >> 8 & 255),
		(unsigned)(v & 255));
}

size_t mw_uri_quad(struct mw_span host, uint8_t out[MW_URI_QUAD_MAX])
{
	uint64_t part[4], value;
	size_t start = 0, parts = 0;

	for (size_t i = 0; i <= host.len; i++) {
		struct mw_span s;

		if (i < host.len && host.data[i] != '.')
			continue;
		s = mw_span_of(host.data + start, i - start);
		if (parts == 4 || !number(s, true, &part[parts]))
			return 0;
		parts++;
		start = i + 1;
	}
	if (parts == 4) {
		for (size_t i = 0; i < 4; i++)
			part[i] = part[i] > 99999 ? 99999 : part[i];
		return (size_t)snprintf((char *)out, MW_URI_QUAD_MAX, "%u.%u.%u.%u",
			(unsigned)part[0], (unsigned)part[1], (unsigned)part[2], (unsigned)part[3]);
	}
	if (parts != 1)
		return 0;
	if (host.len > 2 && (host.data[1] | 0x20) == 'x') {
		/* The last 8 digits count. */
		size_t digits = host.len - 2 < 8 ? host.len - 2 : 8;

		value = 0;
		for (size_t i = host.len - digits; i < host.len; i++)
			value = value << 4 | (uint64_t)hex(host.data[i]);
		return quad_of(value, out);
	}
	if (!number(host, false, &value))
		return 0;
	/* Written in hexadecimal, the first 8 digits count. */
	while (value > UINT32_MAX)
		value >>= 4;
	return quad_of(value, out);
}
