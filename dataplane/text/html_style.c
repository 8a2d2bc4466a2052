/*
 * Is the content of an element shown? Style attributes, `hidden`, and colours against the
 * background, as far as a tag tells by itself: style sheets, scripts and inherited colours are not
 * followed. A guess, made for a second reading of the text and a note, never to leave text out.
 */
#include "dataplane/text/html_state.h"

#define WHITE 0xffffffu
#define NAMED 0x80000000u /* a colour known by its name alone */
#define NEAR  12	  /* how far two channels may lie apart and still look the same */

static struct mw_span trim(struct mw_span s)
{
	while (s.len > 0 && is_blank(s.data[0]))
		s = mw_span_of(s.data + 1, s.len - 1);
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

static bool begins(struct mw_span s, const char *word)
{
	size_t len = strlen(word);

	return s.len >= len && strncasecmp((const char *)s.data, word, len) == 0;
}

static bool is(struct mw_span s, const char *word)
{
	return s.len == strlen(word) && begins(s, word);
}

static int hex(uint8_t b)
{
	if (is_digit(b))
		return b - '0';
	b = lower(b);
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

/* A number in thousandths, what stands behind it, or -1. */
static int64_t number(struct mw_span s, struct mw_span *unit)
{
	int64_t value = 0, scale = 1000;
	size_t i = 0;
	bool any = false;

	for (; i < s.len && is_digit(s.data[i]); i++, any = true)
		if (value < 1000000)
			value = value * 10 + (s.data[i] - '0');
	value *= 1000;
	if (i < s.len && s.data[i] == '.')
		for (i++; i < s.len && is_digit(s.data[i]); i++, any = true)
			value += (s.data[i] - '0') * (scale /= 10);
	*unit = trim(mw_span_of(s.data + i, s.len - i));
	return any ? value : -1;
}

static bool is_zero(struct mw_span s)
{
	struct mw_span unit;

	return number(s, &unit) == 0;
}

/* Nothing, or too small to be read: a point or less. */
static bool is_tiny(struct mw_span s)
{
	struct mw_span unit;
	int64_t size = number(s, &unit);

	return size == 0 ||
	       (size > 0 && size <= 1000 && (begins(unit, "px") || begins(unit, "pt")));
}

/* As 0xRRGGBB, or a hash of a name; false: no colour that we can read. */
static bool colour_of(struct mw_span s, uint32_t *out)
{
	uint32_t value = 0;

	s = trim(s);
	if (s.len > 0 && s.data[0] == '#')
		s = mw_span_of(s.data + 1, s.len - 1);
	if (is(s, "white")) {
		*out = WHITE;
		return true;
	}
	if (s.len == 6 || s.len == 3) {
		size_t i = 0;

		for (; i < s.len && hex(s.data[i]) >= 0; i++)
			value = s.len == 6 ? value << 4 | (uint32_t)hex(s.data[i])
					   : value << 8 | (uint32_t)hex(s.data[i]) * 17;
		*out = value;
		if (i == s.len)
			return true;
	}
	if (begins(s, "rgb")) {
		const uint8_t *at = memchr(s.data, '(', s.len);

		value = 0;
		for (int i = 0; i < 3 && at != NULL; i++) {
			struct mw_span rest, unit;
			int64_t n;

			rest = trim(mw_span_of(at + 1, s.len - (size_t)(at + 1 - s.data)));
			n = number(rest, &unit);
			value = value << 8 | (uint32_t)(n < 0 ? 0 : n > 255000 ? 255 : n / 1000);
			at = memchr(rest.data, ',', rest.len);
		}
		*out = value;
		return true;
	}
	if (s.len == 0 || !is_letter(s.data[0]) || is(s, "inherit") || is(s, "none"))
		return false;
	for (size_t i = 0; i < s.len && (is_letter(s.data[i]) || is_digit(s.data[i])); i++)
		value = (value ^ lower(s.data[i])) * 16777619u;
	*out = value | NAMED;
	return true;
}

static bool look_alike(uint32_t a, uint32_t b)
{
	if (((a | b) & NAMED) != 0)
		return a == b;
	for (int shift = 0; shift < 24; shift += 8) {
		int left = (int)(a >> shift & 0xff), right = (int)(b >> shift & 0xff);

		if (left - right > NEAR || right - left > NEAR)
			return false;
	}
	return true;
}

void mw_html_colour(struct mw_html *h, struct mw_span value)
{
	h->has_colour = colour_of(value, &h->colour);
}

void mw_html_background(struct mw_html *h, struct mw_span value)
{
	h->has_background = colour_of(value, &h->background);
}

static void declaration(struct mw_html *h, struct mw_span name, struct mw_span value)
{
	/* most properties are none of these */
	if (name.len == 0 || memchr("dvofcbmht", lower(name.data[0]), 9) == NULL)
		return;
	if (is(name, "display"))
		h->hides |= begins(value, "none");
	else if (is(name, "visibility"))
		h->hides |= begins(value, "hidden") || begins(value, "collapse");
	else if (is(name, "opacity"))
		h->hides |= is_zero(value);
	else if (is(name, "font-size") || is(name, "font"))
		h->hides |= is_tiny(value);
	else if (is(name, "max-height") || is(name, "height"))
		h->flat |= is_zero(value);
	else if (is(name, "overflow"))
		h->clipped |= begins(value, "hidden");
	else if (is(name, "text-indent"))
		h->hides |= begins(value, "-9");
	else if (is(name, "color") && begins(value, "transparent"))
		h->hides = true;
	else if (is(name, "color"))
		mw_html_colour(h, value);
	else if (is(name, "background") || is(name, "background-color"))
		mw_html_background(h, value);
}

void mw_html_style(struct mw_html *h, struct mw_span value)
{
	while (value.len > 0) {
		const uint8_t *end = memchr(value.data, ';', value.len);
		size_t len = end == NULL ? value.len : (size_t)(end - value.data);
		const uint8_t *colon = memchr(value.data, ':', len);

		if (colon != NULL)
			declaration(h, trim(mw_span_of(value.data, (size_t)(colon - value.data))),
				trim(mw_span_of(
					colon + 1, len - (size_t)(colon + 1 - value.data))));
		len += end != NULL;
		value = mw_span_of(value.data + len, value.len - len);
	}
}

/* White text is not shown as long as nothing but white was named as a background. */
static bool tag_hides(struct mw_html *h)
{
	if (h->has_background && !look_alike(h->background, WHITE))
		h->coloured = true;
	if (h->hides || (h->flat && h->clipped))
		return true;
	if (!h->has_colour)
		return false;
	return h->has_background ? look_alike(h->colour, h->background)
				 : !h->coloured && look_alike(h->colour, WHITE);
}

/* Elements without content, and those whose end tag may be left out: the next of the kind ends
 * them.
 */
static bool is_void(const struct mw_html_element *e)
{
	static const char *const names[] = {"area", "base", "bgsound", "body", "br", "embed",
		"frame", "hr", "img", "link", "meta"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(e->name, names[i]) == 0)
			return true;
	return false;
}

static bool ends_itself(const struct mw_html_element *e)
{
	static const char *const names[] = {"dd", "dt", "li", "p", "td", "th", "tr"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(e->name, names[i]) == 0)
			return true;
	return false;
}

static void show(struct mw_html *h)
{
	h->hidden_depth = 0;
	h->sink.hidden(h->sink.link_ctx, false);
}

void mw_html_hide_begin(struct mw_html *h)
{
	const struct mw_html_element *e = &mw_html_elements[h->tag];

	if (h->closing || (h->hidden_depth == 0 && !h->hides && !h->flat && !h->has_colour &&
				  !h->has_background))
		return;
	if (h->hidden_depth > 0 && h->tag_hash == h->hidden_hash) {
		if (!ends_itself(e)) {
			if (h->hidden_depth < UINT16_MAX)
				h->hidden_depth++;
			return;
		}
		show(h);
	} else if (h->hidden_depth > 0 && h->hidden_in_p &&
		   (e->gap == LINE || e->gap == TWO_LINES) && strcmp(e->name, "br") != 0) {
		show(h); /* a paragraph ends where a block begins */
	}
	if (!tag_hides(h) || h->hidden_depth > 0 || is_void(e))
		return;
	h->hidden_depth = 1;
	h->hidden_hash = h->tag_hash;
	h->hidden_in_p = strcmp(e->name, "p") == 0;
	h->sink.hidden(h->sink.link_ctx, true);
}

void mw_html_hide_end(struct mw_html *h)
{
	if (h->closing && h->hidden_depth > 0 && h->tag_hash == h->hidden_hash &&
		--h->hidden_depth == 0)
		show(h);
}

void mw_html_hide_finish(struct mw_html *h)
{
	if (h->hidden_depth > 0)
		show(h);
}
