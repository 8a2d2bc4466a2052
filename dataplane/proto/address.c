/* See address.h. */
#include "dataplane/proto/address.h"

#include "dataplane/proto/header.h"

/* The octets of a quoted string or comment at the front of `s`, to its end if it is never closed.
 */
static size_t enclosed_len(struct mw_span s)
{
	const uint8_t open = s.data[0], close = open == '"' ? '"' : ')';
	size_t depth = 0, at = 0;

	for (; at < s.len; at++) {
		if (s.data[at] == '\\')
			at++;
		else if (open == '(' && s.data[at] == '(')
			depth++;
		else if (at > 0 && s.data[at] == close && (open == '"' || --depth == 0))
			return at + 1;
	}
	return s.len;
}

static struct mw_span inner(struct mw_span s)
{
	return s.len >= 2 ? mw_span_trim(mw_span_of(s.data + 1, s.len - 2)) : mw_span_of(s.data, 0);
}

/* Up to the next comma; what it finds may be empty. False: nothing but separators was left. */
static bool take(struct mw_span *rest, struct mw_address *out)
{
	struct mw_span s = *rest, comment = {NULL, 0}, angle = {NULL, 0};
	size_t at = 0, name_end = 0, len;
	bool ended = false, at_sign = false;

	while (s.len > 0 &&
		(s.data[0] == ',' || s.data[0] == ';' || s.data[0] == ' ' || s.data[0] == '\t'))
		s = mw_span_of(s.data + 1, s.len - 1);
	if (s.len == 0) {
		*rest = s;
		return false;
	}
	while (at < s.len && !ended) {
		switch (s.data[at]) {
		case '"':
			at += enclosed_len(mw_span_of(s.data + at, s.len - at));
			break;
		case '(':
			len = enclosed_len(mw_span_of(s.data + at, s.len - at));
			comment = mw_span_of(s.data + at, len);
			if (angle.data == NULL && name_end == 0)
				name_end = at;
			at += len;
			break;
		case '<': {
			const uint8_t *close = memchr(s.data + at, '>', s.len - at);

			len = close == NULL ? s.len - at : (size_t)(close + 1 - (s.data + at));
			angle = mw_span_of(s.data + at + 1, len - (close == NULL ? 1 : 2));
			if (name_end == 0 || comment.data != NULL)
				name_end = at;
			at += len;
			break;
		}
		case ':':
			/* the name of a group: what it holds stands for itself */
			if (angle.data == NULL && !at_sign) {
				s = mw_span_trim(mw_span_of(s.data + at + 1, s.len - at - 1));
				at = 0;
				name_end = 0;
				comment = mw_span_of(NULL, 0);
			} else {
				at++;
			}
			break;
		case ',':
		case ';':
			ended = true;
			break;
		default:
			at_sign |= s.data[at] == '@';
			at++;
		}
	}
	if (at > s.len)
		at = s.len;
	*rest = mw_span_of(s.data + at, s.len - at);
	if (angle.data != NULL) {
		out->addr = mw_span_trim(angle);
		out->name = mw_span_trim(mw_span_of(s.data, name_end));
		if (out->name.len == 0 && comment.data != NULL)
			out->name = inner(comment);
		return true;
	}
	out->addr = mw_span_trim(mw_span_of(s.data, comment.data != NULL ? name_end : at));
	out->name = comment.data != NULL ? inner(comment) : mw_span_of(NULL, 0);
	return true;
}

bool mw_address_next(struct mw_span *rest, struct mw_address *out)
{
	while (take(rest, out))
		if (out->addr.len > 0 || out->name.len > 0)
			return true;
	return false;
}

size_t mw_address_text(struct mw_span part, bool display, uint8_t *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < part.len && len < size; i++) {
		uint8_t c = part.data[i];

		if (display && c == '"')
			continue;
		if (display && c == '\\' && part.len - i > 1)
			c = part.data[++i];
		if (!display && (c == ' ' || c == '\t'))
			continue;
		out[len++] = c;
	}
	return len;
}
