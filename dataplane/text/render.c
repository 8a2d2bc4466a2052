/*
 * The stages joined: bytes in, paragraphs and addresses out. Everything is in the caller's structs;
 * the stages know nothing of each other.
 */
#include "dataplane/text/render.h"

/* A paragraph goes out, and its addresses behind it. */
static void put_piece(void *ctx, struct mw_span piece)
{
	struct mw_render *r = ctx;
	struct mw_uri_env env = {r->lane->tlds, &r->lane->work, r->sink.uri, r->sink.ctx, &r->uris};

	if (r->sink.body != NULL)
		r->sink.body(r->sink.ctx, piece, r->in_subject);
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
	struct mw_html_sink html = {{put_plain, &r->paragraph}, put_link, r};
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
	r->kind = MW_RENDER_NONE;
}

void mw_render_finish(struct mw_render *r)
{
	mw_paragraph_finish(&r->paragraph);
}
