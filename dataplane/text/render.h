/*
 * The text stages joined for one message: each leaf text part goes through charset, HTML and
 * paragraph to `body` pieces, and every piece and link through uri.h. What a message does per part
 * is to begin it, feed its transfer-decoded octets, end it. (rawchunk.h stands beside, over the
 * same octets.)
 */
#ifndef MW_DATAPLANE_TEXT_RENDER_H
#define MW_DATAPLANE_TEXT_RENDER_H

#include "dataplane/text/charset.h"
#include "dataplane/text/html.h"
#include "dataplane/text/invisible.h"
#include "dataplane/text/paragraph.h"
#include "dataplane/text/uri.h"

enum mw_render_kind {
	MW_RENDER_NONE,	 /* a leaf that is no text to read: only separates its neighbours */
	MW_RENDER_PLAIN, /* text/plain */
	MW_RENDER_HTML,	 /* text/html, or a name ending in .htm or .html */
};

struct mw_render_sink {
	/* One paragraph piece; `subject` marks those of the Subject line. */
	void (*body)(void *ctx, struct mw_span piece, bool subject);
	/* One address or canonical form, not yet freed of repetitions (struct mw_uri_seen does
	 * that). NULL: none are looked for. */
	mw_uri_fn uri;
	void *ctx;
	/*
	 * A paragraph piece once more, as its reader sees it, where that is not how it reads:
	 * without characters that have no width (invisible.h), without what the HTML hides
	 * (html_style.c). NULL: not made.
	 */
	void (*shown)(void *ctx, struct mw_span piece, bool subject);
};

/* What a lane has once and all its messages share. */
struct mw_render_lane {
	const struct mw_charset_table *charsets;
	const struct mw_tld_table *tlds;
	uint64_t key[2]; /* random, filled in at start (struct mw_uri_limit) */
	struct mw_uri_work work;
	uint8_t shown[MW_PARAGRAPH_MAX + 8];
};

/* About 16 kB, mostly the paragraph, seek and link buffers. */
struct mw_render {
	struct mw_render_lane *lane;
	struct mw_render_sink sink;
	enum mw_render_kind kind;
	bool in_subject;
	bool hiding;	  /* the HTML hides what comes */
	bool twice;	  /* `visible` is in use: from the first hidden text to the part's end */
	bool any_hidden;  /* some text was not shown */
	bool split_words; /* characters without width stood inside words */
	struct mw_charset charset;
	struct mw_html html;
	struct mw_paragraph paragraph;
	struct mw_paragraph visible; /* set up when it is used */
	struct mw_uri_limit uris;    /* what this message may still cost */
};

void mw_render_init(
	struct mw_render *r, struct mw_render_lane *lane, const struct mw_render_sink *sink);
void mw_render_subject(
	struct mw_render *r, struct mw_span decoded); /* once, first; empty if absent */
void mw_render_part_begin(struct mw_render *r, enum mw_render_kind kind, struct mw_span charset);
void mw_render_part_feed(struct mw_render *r, struct mw_span decoded);
void mw_render_part_end(struct mw_render *r);
void mw_render_finish(struct mw_render *r);

#endif
