/*
 * The HTML tokeniser: one state and a few octets of memory, so a tag may be cut anywhere. Text
 * between tags is handed on from where it lies; only entities, links and half-seen tags pass
 * through buffers.
 */
#include "dataplane/text/html_state.h"

void mw_html_init(struct mw_html *h, const struct mw_html_sink *sink)
{
	memset(h, 0, offsetof(struct mw_html, name));
	h->sink = *sink;
}

static bool decodes(const struct mw_html *h)
{
	return mw_html_elements[h->raw].raw == SHOWN_DECODED;
}

static bool shows(const struct mw_html *h)
{
	return mw_html_elements[h->raw].raw != DROPPED;
}

/* U+201C and U+201D are E2 80 9C, E2 80 9D. */
static bool curly_octet(struct mw_html *h, uint8_t b)
{
	static const uint8_t begun[2] = {0xe2, 0x80};

	if (h->match == 1 && b == 0x80) {
		h->match = 2;
		return true;
	}
	h->state = TEXT;
	if (h->match == 2 && (b == 0x9c || b == 0x9d)) {
		put_text(h, "\"", 1);
		return true;
	}
	put_text(h, begun, h->match);
	return false;
}

/* Within raw content, from "<" on: is it the element's own end tag? */
static bool raw_end_octet(struct mw_html *h, uint8_t b)
{
	const char *name = mw_html_elements[h->raw].name;
	size_t len = strlen(name);

	if (h->name_len == 0 && b == '/') {
		mw_html_keep_name(h, b);
		return true;
	}
	if (h->name_len > 0 && h->name_len <= len && lower(b) == (uint8_t)name[h->name_len - 1]) {
		mw_html_keep_name(h, b);
		return true;
	}
	if (h->name_len == len + 1 && (is_blank(b) || b == '/' || b == '>')) {
		uint8_t raw = h->raw;

		h->closing = true;
		mw_html_begin_tag(h, 0);
		h->tag = raw;
		h->raw = 0;
		h->state = BETWEEN;
		return false;
	}
	h->state = RAW;
	if (shows(h)) {
		put_text(h, "<", 1);
		put_text(h, h->name, h->name_len);
	}
	return false;
}

/* "<" has been seen; false: this octet begins no markup, and the "<" was text. */
static bool open_octet(struct mw_html *h, uint8_t b)
{
	if (h->state == OPEN_END) {
		h->state = BOGUS;
		if (!is_letter(b))
			return false;
		h->closing = true;
		mw_html_begin_tag(h, b);
		return true;
	}
	if (is_letter(b)) {
		h->closing = false;
		mw_html_begin_tag(h, b);
	} else if (b == '/') {
		h->state = OPEN_END;
	} else if (b == '!') {
		h->state = MARKUP;
		h->match = 0;
	} else if (b == '?') {
		h->state = BOGUS;
	} else {
		h->state = TEXT;
		put_text(h, "<", 1);
		return false;
	}
	return true;
}

static bool markup_octet(struct mw_html *h, uint8_t b)
{
	if (b != '-') {
		h->state = BOGUS;
		return false;
	}
	if (h->match == 1) {
		h->state = COMMENT;
		h->match = 2; /* "<!-->" is a whole comment */
		return true;
	}
	h->match = 1;
	return true;
}

static bool comment_octet(struct mw_html *h, uint8_t b)
{
	if (b == '-')
		h->match = h->match < 2 ? h->match + 1 : 2;
	else if (b == '>' && h->match == 2)
		h->state = TEXT;
	else if (!(b == '!' && h->match == 2)) /* "--!>" ends one too */
		h->match = 0;
	return true;
}

/* One octet in a state without a faster way. False: the state has changed, ask again. */
static bool octet(struct mw_html *h, uint8_t b)
{
	switch (h->state) {
	case CURLY:
		return curly_octet(h, b);
	case RAW_END:
		return raw_end_octet(h, b);
	case OPEN:
	case OPEN_END:
		return open_octet(h, b);
	case MARKUP:
		return markup_octet(h, b);
	case COMMENT:
		return comment_octet(h, b);
	default:
		return mw_html_entity_octet(h, b);
	}
}

/* Text up to the next octet that means something. */
static size_t text_run(struct mw_html *h, const uint8_t *in, size_t len)
{
	static const uint8_t stops[256] = {['<'] = 1, ['&'] = 1, [0xe2] = 1};
	size_t i = 0;

	while (i < len && !stops[in[i]])
		i++;
	put_text(h, in, i);
	if (i == len)
		return i;
	if (in[i] == '<') {
		h->state = OPEN;
	} else if (in[i] == '&') {
		mw_html_begin_entity(h);
	} else {
		h->state = CURLY;
		h->match = 1;
	}
	return i + 1;
}

static size_t raw_run(struct mw_html *h, const uint8_t *in, size_t len)
{
	size_t i = 0;

	if (mw_html_elements[h->raw].raw == TO_THE_END)
		i = len;
	while (i < len && in[i] != '<' && (in[i] != '&' || !decodes(h)))
		i++;
	if (shows(h))
		put_text(h, in, i);
	if (i == len)
		return i;
	if (in[i] == '<') {
		h->state = RAW_END;
		h->name_len = 0;
	} else {
		mw_html_begin_entity(h);
	}
	return i + 1;
}

static size_t skip_run(struct mw_html *h, const uint8_t *in, size_t len)
{
	const uint8_t *end = memchr(in, '>', len);

	if (end == NULL)
		return len;
	h->state = TEXT;
	return (size_t)(end - in) + 1;
}

void mw_html_feed(struct mw_html *h, struct mw_span in)
{
	size_t i = 0;

	while (i < in.len) {
		const uint8_t *at = in.data + i;
		size_t left = in.len - i;

		if (h->state == TEXT)
			i += text_run(h, at, left);
		else if (h->state == RAW)
			i += raw_run(h, at, left);
		else if (h->state == VALUE_QUOTED)
			i += mw_html_quoted_run(h, at, left);
		else if (h->state >= NAME && h->state <= VALUE_BARE)
			i += mw_html_tag_run(h, at, left);
		else if (h->state == BOGUS)
			i += skip_run(h, at, left);
		else if (octet(h, *at))
			i++;
	}
}

void mw_html_finish(struct mw_html *h)
{
	static const uint8_t begun[2] = {0xe2, 0x80};

	/* An entity or a "<" at the very end is what it says; an open tag or comment shows nothing.
	 */
	if (h->state >= ENTITY)
		(void)mw_html_entity_octet(h, ' ');
	if (h->state == CURLY)
		put_text(h, begun, h->match);
	if (h->state == OPEN)
		put_text(h, "<", 1);
	if (h->state == RAW_END && shows(h)) {
		put_text(h, "<", 1);
		put_text(h, h->name, h->name_len);
	}
	h->state = TEXT;
	mw_html_hide_finish(h);
}
