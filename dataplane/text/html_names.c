/*
 * The elements and attributes that mean something to a mail's text or links; all others pass
 * unseen.
 */
#include "dataplane/text/html_state.h"

#define BIT(a) (1u << (a))

/* Sorted by name; element 0 stands for all others. */
const struct mw_html_element mw_html_elements[] = {
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

#define ATTRIBUTE_NAME(name, attribute)           \
	{                                         \
		name, sizeof(name) - 1, attribute \
	}

static const struct {
	const char *name;
	uint8_t len;
	uint8_t attribute;
} attributes[] = {
	ATTRIBUTE_NAME("href", HREF),
	ATTRIBUTE_NAME("src", SRC),
	ATTRIBUTE_NAME("action", ACTION),
	ATTRIBUTE_NAME("background", BACKGROUND),
	ATTRIBUTE_NAME("data", DATA),
	ATTRIBUTE_NAME("content", CONTENT),
	ATTRIBUTE_NAME("http-equiv", HTTP_EQUIV),
	ATTRIBUTE_NAME("data-saferedirecturl", SAFE_REDIRECT),
	ATTRIBUTE_NAME("style", STYLE),
	ATTRIBUTE_NAME("hidden", HIDDEN),
	ATTRIBUTE_NAME("color", COLOUR),
	ATTRIBUTE_NAME("bgcolor", BGCOLOUR),
};

uint8_t mw_html_find_element(const struct mw_html *h)
{
	size_t low = 1, high = sizeof(mw_html_elements) / sizeof(mw_html_elements[0]);

	if (h->name_len == MW_HTML_NAME_MAX)
		return 0;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *name = mw_html_elements[mid].name;
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

uint8_t mw_html_find_attribute(const struct mw_html *h)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (attributes[i].len == h->name_len &&
			memcmp(attributes[i].name, h->name, h->name_len) == 0)
			return attributes[i].attribute;
	}
	return NONE;
}
