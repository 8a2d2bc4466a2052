/*
 * A field's outside: name, value, folds. See header.h; encoded words are in header_word.c,
 * parameters in header_param.c.
 */
#include "dataplane/proto/header.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(uint8_t c)
{
	return is_blank(c) || c == '\r' || c == '\n';
}

struct mw_span mw_span_trim(struct mw_span s)
{
	while (s.len > 0 && is_space(s.data[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_space(s.data[0])) {
		s.data++;
		s.len--;
	}
	return s;
}

int mw_header_name(struct mw_span line, bool *colon)
{
	size_t len = 0, at;

	*colon = false;
	while (len < line.len && line.data[len] > ' ' && line.data[len] < 127 &&
		line.data[len] != ':')
		len++;
	if (len == 0 && line.len > 0)
		return -1;
	/* Blanks before the colon are obsolete (RFC 5322 section 4.5) and seen in spam. */
	for (at = len; at < line.len && is_blank(line.data[at]); at++)
		;
	if (at < line.len) {
		if (line.data[at] != ':')
			return -1;
		*colon = true;
	}
	return (int)len;
}

bool mw_header_split(struct mw_span field, struct mw_span *name, struct mw_span *value)
{
	bool colon;
	int len = mw_header_name(field, &colon);
	const uint8_t *at;

	if (len <= 0 || !colon)
		return false;
	at = memchr(field.data, ':', field.len);
	*name = mw_span_of(field.data, (size_t)len);
	*value = mw_span_of(at + 1, field.len - (size_t)(at + 1 - field.data));
	return true;
}

size_t mw_header_unfold(struct mw_span value, enum mw_unfold how, uint8_t *out, size_t size)
{
	size_t at = 0, len = 0;

	value = mw_span_trim(value);
	while (at < value.len && len < size) {
		const uint8_t *lf = memchr(value.data + at, '\n', value.len - at);
		size_t run = (lf == NULL ? value.len : (size_t)(lf - value.data)) - at;
		size_t next = at + run + 1;

		if (lf != NULL && run > 0 && value.data[at + run - 1] == '\r')
			run--;
		if (run > size - len)
			run = size - len;
		memcpy(out + len, value.data + at, run);
		len += run;
		at = next;
		if (lf == NULL || how == MW_UNFOLD_KEEP)
			continue;
		while (len > 0 && is_blank(out[len - 1]))
			len--;
		while (at < value.len && is_space(value.data[at]))
			at++;
		if (len < size)
			out[len++] = ' ';
	}
	return len;
}
