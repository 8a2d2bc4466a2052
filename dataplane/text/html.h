/*
 * HTML becomes the text that SpamAssassin's `body` rules see, and hands out its links, as it comes.
 * No tree, no CSS, no fetching: a tokeniser in the manner of the HTML standard, section 13.2.5,
 * that never fails. Input is UTF-8 (charset.h in front), output goes to paragraph.h.
 *
 * br, div: LF. li td th dd dt h1-h6 embed: blank. p hr blockquote pre title listing xmp plaintext:
 * two LF; each at the start tag and at the end tag. Other tags: nothing. Dropped: script, style,
 * comments, declarations. Entities are decoded. Invisible text stays in, and is told. White space
 * is left to paragraph.h.
 */
#ifndef MW_DATAPLANE_TEXT_HTML_H
#define MW_DATAPLANE_TEXT_HTML_H

#include "dataplane/text/sink.h"

#define MW_HTML_VALUE_MAX  2048 /* octets of one link; the rest is cut off and counted */
#define MW_HTML_BASE_MAX   512
#define MW_HTML_NAME_MAX   24
#define MW_HTML_ENTITY_MAX 12

struct mw_html_sink {
	struct mw_text_sink text;
	/* A link attribute's value, decoded, trimmed, made absolute by <base>; never empty. */
	void (*link)(void *ctx, struct mw_span uri);
	void *link_ctx;
	/* What comes until the next call is not shown, or is shown again (html_style.c); with
	 * link_ctx. NULL: nobody asks. */
	void (*hidden)(void *ctx, bool hidden);
};

/* About 3 kB, nearly all of it the link and base buffers. */
struct mw_html {
	struct mw_html_sink sink;
	uint32_t links_cut; /* values longer than MW_HTML_VALUE_MAX */
	uint32_t number;    /* of a numeric entity */
	uint8_t state;
	uint8_t back;	   /* state to return to after an entity */
	uint8_t raw;	   /* element whose content is no markup (script, style, title, ...) */
	uint8_t tag;	   /* element of the tag being read */
	uint8_t attribute; /* attribute being read */
	uint16_t seen;	   /* bit set: attributes this tag has had (the first of a name counts) */
	uint8_t quote;
	uint8_t match; /* octets matched of what is looked for: "-->", "</script", a curly quote */
	bool closing;
	bool refresh; /* <meta http-equiv=refresh> */
	/* what the tag being read says about showing its content */
	bool hides, flat, clipped, has_colour, has_background;
	bool coloured;	       /* a background other than white was named in this text */
	bool hidden_in_p;      /* the hidden element is a paragraph */
	uint16_t hidden_depth; /* open elements of the hidden one's name, 0: nothing is hidden */
	uint32_t tag_hash, hidden_hash; /* of names */
	uint32_t colour, background;
	uint8_t name_len;
	uint8_t entity_len;
	uint16_t base_len;
	uint16_t
		value_at; /* where the value being read begins; before it, <meta content> is kept */
	uint16_t value_len;
	char name[MW_HTML_NAME_MAX];
	char entity[MW_HTML_ENTITY_MAX];
	uint8_t base[MW_HTML_BASE_MAX];
	uint8_t value[MW_HTML_VALUE_MAX];
};

void mw_html_init(struct mw_html *h, const struct mw_html_sink *sink);
void mw_html_feed(struct mw_html *h, struct mw_span in);
void mw_html_finish(struct mw_html *h);

#endif
