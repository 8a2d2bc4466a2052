/*
 * Tags: names, attributes, values, and the links among these.
 */
#include "dataplane/text/html_state.h"

#include "dataplane/text/link.h"

/* Keeps one octet of a tag's or attribute's name; a name longer than any we know is cut, so
 * unknown. */
void mw_html_keep_name(struct mw_html *h, uint8_t b)
{
	if (h->name_len < MW_HTML_NAME_MAX)
		h->name[h->name_len++] =
			b != 0 ? (char)b : '\001'; /* names are compared as strings */
}

/* Does this tag want the value of that attribute? */
static bool wants(const struct mw_html *h, uint8_t a)
{
	if (a == NONE)
		return false;
	return a < STYLE ? (mw_html_elements[h->tag].links & (1u << a)) != 0
			 : h->sink.hidden != NULL;
}

/* The attribute's name is complete: is it one whose value is wanted, and the first of it? */
static void begin_attribute(struct mw_html *h)
{
	uint8_t a = h->closing || (h->tag == 0 && h->sink.hidden == NULL)
			    ? NONE
			    : mw_html_find_attribute(h);

	if (wants(h, a) && (h->seen & (1u << (a - 1))) == 0) {
		h->attribute = a;
		h->seen = (uint16_t)(h->seen | 1u << (a - 1));
	} else {
		h->attribute = NONE;
	}
	h->value_len = h->value_at;
}

void mw_html_keep_value(struct mw_html *h, const uint8_t *data, size_t len)
{
	size_t room = MW_HTML_VALUE_MAX - (size_t)h->value_len;

	if (h->attribute == NONE)
		return;
	if (len > room) {
		if (room > 0 && h->attribute < STYLE)
			h->links_cut++;
		len = room;
	}
	memcpy(h->value + h->value_len, data, len);
	h->value_len = (uint16_t)(h->value_len + len);
}

static bool no_target(struct mw_span uri)
{
	static const char *const schemes[] = {"data:", "mailto:", "file:", "cid:", "tel:"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (uri.len >= n && strncasecmp((const char *)uri.data, schemes[i], n) == 0)
			return true;
	}
	return false;
}

static void put_link(struct mw_html *h, struct mw_span value)
{
	uint8_t target[MW_HTML_BASE_MAX + MW_HTML_VALUE_MAX + 8];

	value = mw_link_trim(value);
	if (value.len == 0)
		return;
	if (!no_target(value)) {
		size_t n = mw_link_resolve(
			mw_span_of(h->base, h->base_len), value, target, sizeof(target));

		value = mw_span_of(target, n);
	}
	if (value.len > 0)
		h->sink.link(h->sink.link_ctx, value);
}

static const uint8_t *find_case(struct mw_span in, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= in.len; i++) {
		if (strncasecmp((const char *)in.data + i, word, n) == 0)
			return in.data + i;
	}
	return NULL;
}

/* <meta http-equiv=refresh content="5; url=..."> */
static void put_refresh(struct mw_html *h)
{
	struct mw_span content = mw_span_of(h->value, h->value_at);
	const uint8_t *at = find_case(content, "url"), *end = h->value + h->value_at;

	if (at == NULL)
		return;
	for (at += 3; at < end && is_blank(*at); at++)
		;
	if (at == end || *at != '=')
		return;
	at++;
	content = mw_span_of(at, (size_t)(end - at));
	at = memchr(content.data, ';', content.len);
	if (at != NULL)
		content.len = (size_t)(at - content.data);
	put_link(h, content);
}

static void take_value(struct mw_html *h, struct mw_span value)
{
	switch (h->attribute) {
	case NONE:
		return;
	case CONTENT:
		h->value_at = h->value_len; /* kept until the tag ends: http-equiv may follow */
		break;
	case HTTP_EQUIV:
		h->refresh = find_case(value, "refresh") != NULL;
		break;
	case STYLE:
		mw_html_style(h, value);
		break;
	case HIDDEN:
		h->hides = true;
		break;
	case COLOUR:
		mw_html_colour(h, value);
		break;
	case BGCOLOUR:
		mw_html_background(h, value);
		break;
	default:
		put_link(h, value);
		if (strcmp(mw_html_elements[h->tag].name, "base") == 0) {
			value = mw_link_trim(value);
			size_t n = mw_link_base(value, h->base, sizeof(h->base));

			if (n > 0)
				h->base_len = (uint16_t)n;
		}
		break;
	}
	h->attribute = NONE;
}

static void end_attribute(struct mw_html *h)
{
	take_value(h, mw_span_of(h->value + h->value_at, (size_t)(h->value_len - h->value_at)));
}

static void put_gap(struct mw_html *h)
{
	switch (mw_html_elements[h->tag].gap) {
	case LINE:
		put_text(h, "\n", 1);
		break;
	case BLANK:
		put_text(h, " ", 1);
		break;
	case TWO_LINES:
		put_text(h, "\n\n", 2);
		break;
	default:
		break;
	}
}

static void end_tag(struct mw_html *h)
{
	if (h->sink.hidden == NULL) {
		put_gap(h);
	} else {
		mw_html_hide_begin(h);
		put_gap(h);
		mw_html_hide_end(h);
	}
	if (h->refresh && h->value_at > 0)
		put_refresh(h);
	h->state = TEXT;
	if (!h->closing && mw_html_elements[h->tag].raw != MARKED_UP) {
		h->raw = h->tag;
		h->state = RAW;
	}
}

/* The name of a tag that may be none of those we know: only its end tag must be known again. */
static uint32_t hash_name(const struct mw_html *h)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < h->name_len; i++)
		hash = (hash ^ (uint8_t)h->name[i]) * 16777619u;
	return hash;
}

void mw_html_begin_tag(struct mw_html *h, uint8_t first)
{
	h->name_len = 0;
	h->seen = 0;
	h->refresh = false;
	h->hides = h->flat = h->clipped = h->has_colour = h->has_background = false;
	h->attribute = NONE;
	h->value_at = 0;
	h->value_len = 0;
	mw_html_keep_name(h, lower(first));
	h->state = NAME;
}

/* Between "<a" and ">". */
static bool tag_octet(struct mw_html *h, uint8_t b)
{
	switch (h->state) {
	case NAME:
		if (!is_blank(b) && b != '/' && b != '>') {
			mw_html_keep_name(h, lower(b));
			return true;
		}
		h->tag = mw_html_find_element(h);
		if (h->sink.hidden != NULL)
			h->tag_hash = hash_name(h);
		h->state = BETWEEN;
		return false;
	case BETWEEN:
		if (b == '>') {
			end_tag(h);
		} else if (!is_blank(b) && b != '/') {
			h->name_len = 0;
			mw_html_keep_name(h, lower(b));
			h->state = ATTRIBUTE;
		}
		return true;
	case ATTRIBUTE:
		if (!is_blank(b) && b != '/' && b != '>' && b != '=') {
			mw_html_keep_name(h, lower(b));
			return true;
		}
		h->state = AFTER_NAME;
		return false;
	case AFTER_NAME:
		if (is_blank(b))
			return true;
		if (b != '=') {
			h->hides |= !h->closing && mw_html_find_attribute(h) == HIDDEN;
			h->state = BETWEEN;
			return false;
		}
		begin_attribute(h);
		h->state = BEFORE_VALUE;
		return true;
	case BEFORE_VALUE:
		if (is_blank(b))
			return true;
		if (b == '"' || b == '\'') {
			h->quote = b;
			h->state = VALUE_QUOTED;
			return true;
		}
		h->state = VALUE_BARE;
		return false;
	default: /* VALUE_BARE */
		if (is_blank(b) || b == '>') {
			end_attribute(h);
			h->state = BETWEEN;
			return false;
		}
		if (b == '&' && h->attribute != NONE)
			mw_html_begin_entity(h);
		else
			mw_html_keep_value(h, &b, 1);
		return true;
	}
}

size_t mw_html_tag_run(struct mw_html *h, const uint8_t *in, size_t len)
{
	size_t i = 0;

	while (i < len && h->state >= NAME && h->state <= VALUE_BARE && h->state != VALUE_QUOTED) {
		if (tag_octet(h, in[i]))
			i++;
	}
	return i;
}

size_t mw_html_quoted_run(struct mw_html *h, const uint8_t *in, size_t len)
{
	size_t i = 0;

	if (h->attribute == NONE) {
		const uint8_t *end = memchr(in, h->quote, len);

		if (end == NULL)
			return len;
		h->state = BETWEEN;
		return (size_t)(end - in) + 1;
	}
	while (i < len && in[i] != h->quote && in[i] != '&')
		i++;
	if (h->attribute == STYLE && i < len && in[i] != '&' && h->value_len == h->value_at &&
		i <= MW_HTML_VALUE_MAX - (size_t)h->value_at) {
		/* all of it is here: nothing to be kept */
		take_value(h, mw_span_of(in, i));
		h->state = BETWEEN;
		return i + 1;
	}
	mw_html_keep_value(h, in, i);
	if (i == len)
		return i;
	if (in[i] == '&') {
		mw_html_begin_entity(h);
	} else {
		end_attribute(h);
		h->state = BETWEEN;
	}
	return i + 1;
}
