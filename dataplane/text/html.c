/*
 * The HTML tokeniser: one state and a few octets of memory, so a tag may be cut anywhere. Text
 * between tags is handed on from where it lies; only entities, links and half-seen tags pass
 * through buffers.
 */
#include "dataplane/text/html.h"

#include "dataplane/text/entities.h"
#include "dataplane/text/link.h"
#include "dataplane/text/utf8.h"

enum state {
	TEXT,
	CURLY,	    /* E2, E2 80: perhaps a curly double quote, which SpamAssassin reads as " */
	RAW,	    /* inside script, title and their like: only its own end tag ends it */
	RAW_END,    /* "</scr" of that end tag */
	OPEN,	    /* "<" */
	OPEN_END,   /* "</" */
	NAME,	    /* of a tag */
	BETWEEN,    /* attributes */
	ATTRIBUTE,  /* its name */
	AFTER_NAME, /* blanks behind that, perhaps "=" */
	BEFORE_VALUE,
	VALUE_QUOTED,
	VALUE_BARE,
	MARKUP,	 /* "<!", "<!-" */
	COMMENT, /* until "-->" */
	BOGUS,	 /* declarations and nonsense: until ">" */
	ENTITY,	 /* "&" and a name */
	ENTITY_HASH,
	ENTITY_HEX_FIRST,
	ENTITY_HEX,
	ENTITY_DECIMAL,
};

enum gap { NOTHING, LINE, BLANK, TWO_LINES };
enum raw { MARKED_UP, DROPPED, SHOWN, SHOWN_DECODED, TO_THE_END };
enum attribute { NONE, HREF, SRC, ACTION, BACKGROUND, DATA, CONTENT, HTTP_EQUIV, SAFE_REDIRECT };

#define BIT(a) (1u << (a))

struct element {
	const char *name;
	uint8_t gap;
	uint8_t raw;
	uint16_t links;
};

/* Sorted by name; element 0 stands for all others. */
static const struct element elements[] = {
	{"", NOTHING, MARKED_UP, 0},
	{"a", NOTHING, MARKED_UP, BIT(HREF) | BIT(SAFE_REDIRECT)},
	{"area", NOTHING, MARKED_UP, BIT(HREF) | BIT(SAFE_REDIRECT)},
	{"base", NOTHING, MARKED_UP, BIT(HREF)},
	{"bgsound", NOTHING, MARKED_UP, BIT(SRC)},
	{"blockquote", TWO_LINES, MARKED_UP, 0},
	{"body", NOTHING, MARKED_UP, BIT(BACKGROUND)},
	{"br", LINE, MARKED_UP, 0},
	{"dd", BLANK, MARKED_UP, 0},
	{"div", LINE, MARKED_UP, 0},
	{"dt", BLANK, MARKED_UP, 0},
	{"embed", BLANK, MARKED_UP, BIT(SRC)},
	{"form", NOTHING, MARKED_UP, BIT(ACTION)},
	{"frame", NOTHING, MARKED_UP, BIT(SRC)},
	{"h1", BLANK, MARKED_UP, 0},
	{"h2", BLANK, MARKED_UP, 0},
	{"h3", BLANK, MARKED_UP, 0},
	{"h4", BLANK, MARKED_UP, 0},
	{"h5", BLANK, MARKED_UP, 0},
	{"h6", BLANK, MARKED_UP, 0},
	{"hr", TWO_LINES, MARKED_UP, 0},
	{"iframe", NOTHING, MARKED_UP, BIT(SRC)},
	{"img", NOTHING, MARKED_UP, BIT(SRC)},
	{"li", BLANK, MARKED_UP, 0},
	{"link", NOTHING, MARKED_UP, BIT(HREF)},
	{"listing", TWO_LINES, MARKED_UP, 0},
	{"meta", NOTHING, MARKED_UP, BIT(CONTENT) | BIT(HTTP_EQUIV)},
	{"object", NOTHING, MARKED_UP, BIT(DATA)},
	{"p", TWO_LINES, MARKED_UP, 0},
	{"plaintext", TWO_LINES, TO_THE_END, 0},
	{"pre", TWO_LINES, MARKED_UP, 0},
	{"script", NOTHING, DROPPED, BIT(SRC)},
	{"style", NOTHING, DROPPED, 0},
	{"table", NOTHING, MARKED_UP, BIT(BACKGROUND)},
	{"td", BLANK, MARKED_UP, BIT(BACKGROUND)},
	{"textarea", NOTHING, SHOWN_DECODED, 0},
	{"th", BLANK, MARKED_UP, BIT(BACKGROUND)},
	{"title", TWO_LINES, SHOWN_DECODED, 0},
	{"tr", NOTHING, MARKED_UP, BIT(BACKGROUND)},
	{"xmp", TWO_LINES, SHOWN, 0},
};

static const struct {
	const char *name;
	uint8_t attribute;
} attributes[] = {
	{"href", HREF},
	{"src", SRC},
	{"action", ACTION},
	{"background", BACKGROUND},
	{"data", DATA},
	{"content", CONTENT},
	{"http-equiv", HTTP_EQUIV},
	{"data-saferedirecturl", SAFE_REDIRECT},
};

void mw_html_init(struct mw_html *h, const struct mw_html_sink *sink)
{
	memset(h, 0, offsetof(struct mw_html, name));
	h->sink = *sink;
}

static void put_text(struct mw_html *h, const void *data, size_t len)
{
	mw_text_put(&h->sink.text, data, len);
}

static bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\n' || b == '\t' || b == '\r' || b == '\f';
}

static bool is_letter(uint8_t b)
{
	return (uint8_t)((b | 0x20) - 'a') < 26;
}

static bool is_digit(uint8_t b)
{
	return (uint8_t)(b - '0') < 10;
}

static uint8_t lower(uint8_t b)
{
	return b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
}

/* Keeps one octet of a tag's or attribute's name; a name longer than any we know is cut, so
 * unknown. */
static void keep_name(struct mw_html *h, uint8_t b)
{
	if (h->name_len < MW_HTML_NAME_MAX)
		h->name[h->name_len++] =
			b != 0 ? (char)b : '\001'; /* names are compared as strings */
}

static uint8_t find_element(const struct mw_html *h)
{
	size_t low = 1, high = sizeof(elements) / sizeof(elements[0]);

	if (h->name_len == MW_HTML_NAME_MAX)
		return 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *name = elements[mid].name;
		int order = strncmp(h->name, name, h->name_len);

		if (order == 0 && name[h->name_len] == '\0')
			return (uint8_t)mid;
		if (order <= 0)
			high = mid;
		else
			low = mid + 1;
	}
	return 0;
}

static uint8_t find_attribute(const struct mw_html *h)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (strlen(attributes[i].name) == h->name_len &&
			memcmp(attributes[i].name, h->name, h->name_len) == 0)
			return attributes[i].attribute;
	}
	return NONE;
}

/* The attribute's name is complete: is it one whose value this tag wants, and the first of it? */
static void begin_attribute(struct mw_html *h)
{
	uint8_t a = h->tag == 0 || h->closing ? NONE : find_attribute(h);

	if (a != NONE && (elements[h->tag].links & BIT(a)) != 0 &&
		(h->seen & (1u << (a - 1))) == 0) {
		h->attribute = a;
		h->seen = (uint8_t)(h->seen | 1u << (a - 1));
	} else {
		h->attribute = NONE;
	}
	h->value_len = h->value_at;
}

static void keep_value(struct mw_html *h, const uint8_t *data, size_t len)
{
	size_t room = MW_HTML_VALUE_MAX - (size_t)h->value_len;

	if (h->attribute == NONE)
		return;
	if (len > room) {
		if (room > 0)
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

static void end_attribute(struct mw_html *h)
{
	struct mw_span value =
		mw_span_of(h->value + h->value_at, (size_t)(h->value_len - h->value_at));

	switch (h->attribute) {
	case NONE:
		return;
	case CONTENT:
		h->value_at = h->value_len; /* kept until the tag ends: http-equiv may follow */
		break;
	case HTTP_EQUIV:
		h->refresh = find_case(value, "refresh") != NULL;
		break;
	default:
		put_link(h, value);
		if (strcmp(elements[h->tag].name, "base") == 0) {
			value = mw_link_trim(value);
			size_t n = mw_link_base(value, h->base, sizeof(h->base));

			if (n > 0)
				h->base_len = (uint16_t)n;
		}
		break;
	}
	h->attribute = NONE;
}

static void put_gap(struct mw_html *h)
{
	switch (elements[h->tag].gap) {
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
	put_gap(h);
	if (h->refresh && h->value_at > 0)
		put_refresh(h);
	h->state = TEXT;
	if (!h->closing && elements[h->tag].raw != MARKED_UP) {
		h->raw = h->tag;
		h->state = RAW;
	}
}

static void begin_tag(struct mw_html *h, uint8_t first)
{
	h->name_len = 0;
	h->seen = 0;
	h->refresh = false;
	h->attribute = NONE;
	h->value_at = 0;
	h->value_len = 0;
	keep_name(h, lower(first));
	h->state = NAME;
}

static bool decodes(const struct mw_html *h)
{
	return elements[h->raw].raw == SHOWN_DECODED;
}

static bool shows(const struct mw_html *h)
{
	return elements[h->raw].raw != DROPPED;
}

/* Puts octets where an entity's text goes. */
static void put_back(struct mw_html *h, const void *data, size_t len)
{
	if (h->back == VALUE_QUOTED || h->back == VALUE_BARE)
		keep_value(h, data, len);
	else
		put_text(h, data, len);
}

static void put_character(struct mw_html *h, uint32_t code)
{
	uint8_t out[MW_UTF8_MAX];

	put_back(h, out, mw_utf8_put(code, out));
}

static void begin_entity(struct mw_html *h)
{
	h->back = h->state;
	h->state = ENTITY;
	h->entity_len = 0;
	h->number = 0;
}

/* The name ended (`closed`: by a semicolon): its character, or the octets as they stand. */
static void end_entity(struct mw_html *h, bool closed)
{
	uint32_t code = mw_entity_find(h->entity, h->entity_len, closed);

	h->state = h->back;
	/* "&nbsp;" is a blank, in links too, where people pad addresses with it. */
	if (code == 0xa0 && closed)
		code = ' ';
	if (code != 0) {
		put_character(h, code);
		return;
	}
	put_back(h, "&", 1);
	put_back(h, h->entity, h->entity_len);
	if (closed)
		put_back(h, ";", 1);
}

static void add_digit(struct mw_html *h, uint32_t base, uint32_t digit)
{
	h->number = h->number * base + digit;
	if (h->number > 0x110000)
		h->number = 0x110000; /* too large for good */
}

/* Entity states take one octet; false: it was not theirs, and they have ended. */
static bool entity_octet(struct mw_html *h, uint8_t b)
{
	uint8_t l = lower(b);

	switch (h->state) {
	case ENTITY:
		if (b == '#' && h->entity_len == 0) {
			h->state = ENTITY_HASH;
			return true;
		}
		if ((is_letter(b) || is_digit(b)) && h->entity_len < MW_HTML_ENTITY_MAX) {
			h->entity[h->entity_len++] = (char)b;
			return true;
		}
		end_entity(h, b == ';');
		return b == ';';
	case ENTITY_HASH:
		if (l == 'x') {
			h->entity[0] = (char)b;
			h->state = ENTITY_HEX_FIRST;
			return true;
		}
		if (is_digit(b)) {
			h->state = ENTITY_DECIMAL;
			add_digit(h, 10, (uint32_t)(b - '0'));
			return true;
		}
		h->state = h->back;
		put_back(h, "&#", 2);
		return false;
	case ENTITY_HEX_FIRST:
	case ENTITY_HEX:
		if (is_digit(b) || (l >= 'a' && l <= 'f')) {
			h->state = ENTITY_HEX;
			add_digit(h, 16,
				is_digit(b) ? (uint32_t)(b - '0') : (uint32_t)(l - 'a' + 10));
			return true;
		}
		if (h->state == ENTITY_HEX_FIRST) {
			h->state = h->back;
			put_back(h, "&#", 2);
			put_back(h, h->entity, 1);
			return false;
		}
		break;
	default: /* ENTITY_DECIMAL */
		if (is_digit(b)) {
			add_digit(h, 10, (uint32_t)(b - '0'));
			return true;
		}
		break;
	}
	h->state = h->back;
	put_character(h, mw_entity_number(h->number));
	return b == ';';
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
	const char *name = elements[h->raw].name;
	size_t len = strlen(name);

	if (h->name_len == 0 && b == '/') {
		keep_name(h, b);
		return true;
	}
	if (h->name_len > 0 && h->name_len <= len && lower(b) == (uint8_t)name[h->name_len - 1]) {
		keep_name(h, b);
		return true;
	}
	if (h->name_len == len + 1 && (is_blank(b) || b == '/' || b == '>')) {
		uint8_t raw = h->raw;

		h->closing = true;
		begin_tag(h, 0);
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
		begin_tag(h, b);
		return true;
	}
	if (is_letter(b)) {
		h->closing = false;
		begin_tag(h, b);
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

/* Between "<a" and ">". */
static bool tag_octet(struct mw_html *h, uint8_t b)
{
	switch (h->state) {
	case NAME:
		if (!is_blank(b) && b != '/' && b != '>') {
			keep_name(h, lower(b));
			return true;
		}
		h->tag = find_element(h);
		h->state = BETWEEN;
		return false;
	case BETWEEN:
		if (b == '>') {
			end_tag(h);
		} else if (!is_blank(b) && b != '/') {
			h->name_len = 0;
			keep_name(h, lower(b));
			h->state = ATTRIBUTE;
		}
		return true;
	case ATTRIBUTE:
		if (!is_blank(b) && b != '/' && b != '>' && b != '=') {
			keep_name(h, lower(b));
			return true;
		}
		h->state = AFTER_NAME;
		return false;
	case AFTER_NAME:
		if (is_blank(b))
			return true;
		if (b != '=') {
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
			begin_entity(h);
		else
			keep_value(h, &b, 1);
		return true;
	}
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
	case ENTITY:
	case ENTITY_HASH:
	case ENTITY_HEX_FIRST:
	case ENTITY_HEX:
	case ENTITY_DECIMAL:
		return entity_octet(h, b);
	default:
		return tag_octet(h, b);
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
		begin_entity(h);
	} else {
		h->state = CURLY;
		h->match = 1;
	}
	return i + 1;
}

static size_t raw_run(struct mw_html *h, const uint8_t *in, size_t len)
{
	size_t i = 0;

	if (elements[h->raw].raw == TO_THE_END)
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
		begin_entity(h);
	}
	return i + 1;
}

static size_t quoted_run(struct mw_html *h, const uint8_t *in, size_t len)
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
	keep_value(h, in, i);
	if (i == len)
		return i;
	if (in[i] == '&') {
		begin_entity(h);
	} else {
		end_attribute(h);
		h->state = BETWEEN;
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
			i += quoted_run(h, at, left);
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
		(void)entity_octet(h, ' ');
	if (h->state == CURLY)
		put_text(h, begun, h->match);
	if (h->state == OPEN)
		put_text(h, "<", 1);
	if (h->state == RAW_END && shows(h)) {
		put_text(h, "<", 1);
		put_text(h, h->name, h->name_len);
	}
	h->state = TEXT;
}
