/*
 * The stages joined: bytes in, paragraphs and addresses out. Everything is in the caller's structs;
 * the stages know nothing of each other.
 */
#include "dataplane/text/render.h"

#include "dataplane/text/utf8.h"

/* A piece without what has no width. `always`: also when it had nothing such. */
static void put_shown(struct mw_render *r, struct mw_span piece, bool always)
{
	size_t len = piece.len;

	if (r->sink.shown == NULL || piece.len > sizeof(r->lane->shown))
		return;
	if (mw_utf8_ascii_prefix(piece) < piece.len) {
		len = mw_invisible_strip(piece, r->lane->shown, &r->split_words);
		piece.data = len < piece.len ? r->lane->shown : piece.data;
	}
	if (len > 0 && (always || len < piece.len))
		r->sink.shown(r->sink.ctx, mw_span_of(piece.data, len), r->in_subject);
}

/* A paragraph goes out, and its addresses behind it. */
static void put_piece(void *ctx, struct mw_span piece)
{
	struct mw_render *r = ctx;
	struct mw_uri_env env = {r->lane->tlds, &r->lane->work, r->sink.uri, r->sink.ctx, &r->uris};

	if (r->sink.body != NULL)
		r->sink.body(r->sink.ctx, piece, r->in_subject);
	if (!r->twice)
		put_shown(r, piece, false);
	if (r->sink.uri != NULL)
		mw_uri_text(&env, piece);
}

static void put_link(void *ctx, struct mw_span link)
{
	struct mw_render *r = ctx;
	struct mw_uri_env env = {r->lane->tlds, &r->lane->work, r->sink.uri, r->sink.ctx, &r->uris};

	if (r->sink.uri != NULL)
		mw_uri_link(&env, link);
}

static void put_plain(void *ctx, struct mw_span utf8)
{
	mw_paragraph_feed(ctx, utf8);
}

/* Anything to be seen if it were shown? */
static bool has_ink(struct mw_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] > ' ')
			return true;
	return false;
}

static void put_visible(void *ctx, struct mw_span piece)
{
	put_shown(ctx, piece, true);
}

/* Text of HTML goes into the paragraph that rules see, and from the first hidden text on into a
 * second one that lacks it. */
static void put_rendered(void *ctx, struct mw_span utf8)
{
	struct mw_render *r = ctx;

	mw_paragraph_feed(&r->paragraph, utf8);
	if (!r->hiding)
		mw_paragraph_feed(&r->visible, utf8);
	else
		r->any_hidden |= has_ink(utf8);
}

static void put_hidden(void *ctx, bool hidden)
{
	struct mw_render *r = ctx;

	r->hiding = hidden;
	if (!hidden || r->twice)
		return;
	r->twice = true;
	r->html.sink.text = (struct mw_text_sink){put_rendered, r};
	r->visible = r->paragraph;
	r->visible.sink = (struct mw_text_sink){put_visible, r};
}

static void put_html(void *ctx, struct mw_span utf8)
{
	mw_html_feed(ctx, utf8);
}

void mw_render_init(
	struct mw_render *r, struct mw_render_lane *lane, const struct mw_render_sink *sink)
{
	r->lane = lane;
	r->sink = *sink;
	r->kind = MW_RENDER_NONE;
	r->in_subject = false;
	r->hiding = r->twice = r->any_hidden = r->split_words = false;
	mw_uri_limit_init(&r->uris, lane->key);
	mw_paragraph_init(&r->paragraph, (struct mw_text_sink){put_piece, r});
}

void mw_render_subject(struct mw_render *r, struct mw_span decoded)
{
	r->in_subject = true;
	mw_paragraph_subject(&r->paragraph, decoded);
	r->in_subject = false;
}

void mw_render_part_begin(struct mw_render *r, enum mw_render_kind kind, struct mw_span charset)
{
	struct mw_html_sink html = {
		.text = {put_plain, &r->paragraph},
		.link = put_link,
		.link_ctx = r,
		.hidden = r->sink.shown != NULL ? put_hidden : NULL,
	};
	struct mw_text_sink sink = {put_plain, &r->paragraph};

	r->kind = kind;
	mw_paragraph_part(&r->paragraph);
	if (kind == MW_RENDER_HTML) {
		mw_html_init(&r->html, &html);
		sink = (struct mw_text_sink){put_html, &r->html};
	}
	if (kind != MW_RENDER_NONE)
		mw_charset_init(&r->charset, r->lane->charsets, charset, MW_CHARSET_GUESS, sink);
}

void mw_render_part_feed(struct mw_render *r, struct mw_span decoded)
{
	if (r->kind != MW_RENDER_NONE)
		mw_charset_feed(&r->charset, decoded);
}

void mw_render_part_end(struct mw_render *r)
{
	if (r->kind != MW_RENDER_NONE)
		mw_charset_finish(&r->charset);
	if (r->kind == MW_RENDER_HTML)
		mw_html_finish(&r->html);
	if (r->twice)
		mw_paragraph_finish(&r->visible);
	r->twice = false;
	r->kind = MW_RENDER_NONE;
}

void mw_render_finish(struct mw_render *r)
{
	mw_paragraph_finish(&r->paragraph);
}
