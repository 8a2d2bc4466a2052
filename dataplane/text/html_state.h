/*
 * What the files of the HTML tokeniser share: its states, its mw_html_elements. Internal to
 * html*.c.
 */
#ifndef MW_DATAPLANE_TEXT_HTML_STATE_H
#define MW_DATAPLANE_TEXT_HTML_STATE_H

#include "dataplane/text/html.h"

enum mw_html_state {
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

enum mw_html_gap { NOTHING, LINE, BLANK, TWO_LINES };
enum mw_html_raw { MARKED_UP, DROPPED, SHOWN, SHOWN_DECODED, TO_THE_END };
enum mw_html_attribute {
	NONE,
	HREF,
	SRC,
	ACTION,
	BACKGROUND,
	DATA,
	CONTENT,
	HTTP_EQUIV,
	SAFE_REDIRECT,
	/* of any element */
	STYLE,
	HIDDEN,
	COLOUR,
	BGCOLOUR,
};

struct mw_html_element {
	const char *name;
	uint8_t gap;
	uint8_t raw;
	uint16_t links;
};

/* By number; 0 stands for all elements that mean nothing here. */
extern const struct mw_html_element mw_html_elements[];
uint8_t mw_html_find_element(const struct mw_html *h);	 /* of h->name */
uint8_t mw_html_find_attribute(const struct mw_html *h); /* likewise */

/* html_tag.c: what stands between "<a" and ">". */
void mw_html_begin_tag(struct mw_html *h, uint8_t first);
void mw_html_keep_name(struct mw_html *h, uint8_t b);
void mw_html_keep_value(struct mw_html *h, const uint8_t *data, size_t len);
/* Octets taken until the tag ends, a quoted value or an entity begins. */
size_t mw_html_tag_run(struct mw_html *h, const uint8_t *in, size_t len);
/* Octets of a quoted value taken at once. */
size_t mw_html_quoted_run(struct mw_html *h, const uint8_t *in, size_t len);

/* html_style.c: attributes of the tag, then the tag. */
void mw_html_style(struct mw_html *h, struct mw_span value);
void mw_html_colour(struct mw_html *h, struct mw_span value);
void mw_html_background(struct mw_html *h, struct mw_span value);
void mw_html_hide_begin(struct mw_html *h); /* a start tag is complete */
void mw_html_hide_end(struct mw_html *h);   /* an end tag, and its gap is out */
void mw_html_hide_finish(struct mw_html *h);

/* html_entity.c: from "&" on, in text and in values. */
void mw_html_begin_entity(struct mw_html *h);
/* False: the octet was not the entity's, which has ended. */
bool mw_html_entity_octet(struct mw_html *h, uint8_t b);

static inline void put_text(struct mw_html *h, const void *data, size_t len)
{
	mw_text_put(&h->sink.text, data, len);
}

static inline bool is_blank(uint8_t b)
{
	return b == ' ' || b == '\n' || b == '\t' || b == '\r' || b == '\f';
}

static inline bool is_letter(uint8_t b)
{
	return (uint8_t)((b | 0x20) - 'a') < 26;
}

static inline bool is_digit(uint8_t b)
{
	return (uint8_t)(b - '0') < 10;
}

static inline uint8_t lower(uint8_t b)
{
	return b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
}

#endif
