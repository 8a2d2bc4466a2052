/*
 * Text of leaves to BODY, RAWBODY and URI records and to the list of addresses. The work is done in
 * dataplane/text; here is who gets what.
 */
#include "dataplane/message/message_state.h"

static void text_record(
	struct mw_message *m, enum mw_record_kind kind, struct mw_span data, uint32_t stream)
{
	struct mw_record record = {.kind = kind, .data = data, .stream = stream};

	mw_message_emit(m, &record);
}

static void on_rawbody(void *ctx, struct mw_span chunk)
{
	struct mw_message *m = ctx;

	text_record(m, MW_RECORD_RAWBODY, chunk, m->part.number);
}

static void on_body(void *ctx, struct mw_span piece, bool subject)
{
	struct mw_message *m = ctx;

	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_BODY)))
		text_record(m, MW_RECORD_BODY, piece, subject ? 0 : m->part.number);
}

static void on_shown(void *ctx, struct mw_span piece, bool subject)
{
	struct mw_message *m = ctx;

	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_PLAIN)))
		text_record(m, MW_RECORD_PLAIN, piece, subject ? 0 : m->part.number);
}

/* Is this an address a person would call a URL? Bare hosts and mail addresses are guesses of rules.
 */
static bool is_url(const struct mw_uri_found *found)
{
	static const char *const schemes[] = {"http:", "https:", "ftp:", "//", "www."};

	if (found->canonical)
		return false;
	if (found->kind == MW_URI_SCHEME || found->kind == MW_URI_STRANGE)
		return true;
	if (found->kind != MW_URI_LINK)
		return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (found->uri.len >= strlen(schemes[i]) &&
			strncasecmp(
				(const char *)found->uri.data, schemes[i], strlen(schemes[i])) == 0)
			return true;
	return false;
}

static void list_url(struct mw_message *m, struct mw_span text)
{
	struct mw_message_url *url;

	switch (mw_uri_seen_add(&m->urls_seen, text)) {
	case MW_URI_SEEN:
		return;
	case MW_URI_SEEN_FULL:
		m->facts.truncated = true;
		return;
	case MW_URI_NEW:
		break;
	}
	if (m->facts.url_count >= m->urls_max) {
		m->facts.truncated = true;
		return;
	}
	url = mw_arena_alloc(m->arena, sizeof(*url));
	if (url == NULL) {
		m->facts.truncated = true;
		return;
	}
	url->next = NULL;
	url->text = mw_message_keep(m, text);
	if (url->text.data == NULL)
		return;
	if (m->url_last == NULL)
		m->facts.urls = url;
	else
		m->url_last->next = url;
	m->url_last = url;
	m->facts.url_count++;
}

static void on_uri(void *ctx, const struct mw_uri_found *found)
{
	struct mw_message *m = ctx;

	if (mw_message_wants(m, MW_MESSAGE_WANT_URLS) && is_url(found)) {
		if (found->kind == MW_URI_LINK && found->uri.len >= MW_HTML_VALUE_MAX)
			m->facts.truncated = true;
		list_url(m, found->kind == MW_URI_LINK ? found->uri : found->written);
	}
	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_URI)) && found->kind != MW_URI_STRANGE &&
		mw_uri_seen_add(&m->uris_seen, found->uri) == MW_URI_NEW)
		text_record(m, MW_RECORD_URI, found->uri, m->part.number);
}

void mw_message_text_init(struct mw_message *m)
{
	uint64_t key[2];

	m->rendering = mw_message_wants(
		m, MW_MESSAGE_WANT(MW_RECORD_BODY) | MW_MESSAGE_WANT(MW_RECORD_PLAIN) |
			   MW_MESSAGE_WANT(MW_RECORD_URI) | MW_MESSAGE_WANT_URLS);
	if (!m->rendering)
		return;
	memcpy(key, m->config->content_key, sizeof(key));
	mw_uri_seen_init(&m->uris_seen, key);
	mw_uri_seen_init(&m->urls_seen, key);
	mw_render_init(&m->render, &m->scratch->lane,
		&(struct mw_render_sink){
			.body = on_body,
			.uri = mw_message_wants(
				       m, MW_MESSAGE_WANT(MW_RECORD_URI) | MW_MESSAGE_WANT_URLS)
				       ? on_uri
				       : NULL,
			.shown = mw_message_wants(
					 m, MW_MESSAGE_WANT(MW_RECORD_PLAIN) | MW_MESSAGE_WANT_URLS)
					 ? on_shown
					 : NULL,
			.ctx = m,
		});
}

/* Do the open part's decoded octets stand in the message just so? */
static bool as_it_stands(const struct mw_message *m)
{
	return m->decode.encoding == MW_ENCODING_IDENTITY && !m->inner_open;
}

void mw_message_text_begin(struct mw_message *m, enum mw_render_kind kind, bool rawbody)
{
	m->part_rawbody = rawbody && mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_RAWBODY)) &&
			  !(mw_message_wants(m, MW_MESSAGE_WANT_RAWBODY_NEW) && as_it_stands(m));
	if (m->part_rawbody)
		mw_rawchunk_init(&m->rawchunk, (struct mw_text_sink){.put = on_rawbody, .ctx = m});
	if (m->rendering)
		mw_render_part_begin(&m->render, kind, m->part.charset);
}

void mw_message_text_feed(struct mw_message *m, struct mw_span octets)
{
	if (m->part_rawbody)
		mw_rawchunk_feed(&m->rawchunk, octets);
	if (m->rendering && m->part_text)
		mw_render_part_feed(&m->render, octets);
}

void mw_message_text_end(struct mw_message *m)
{
	if (m->part_rawbody)
		mw_rawchunk_finish(&m->rawchunk);
	if (m->rendering)
		mw_render_part_end(&m->render);
}

void mw_message_shown_record(struct mw_message *m, struct mw_span s, uint8_t *room, uint32_t stream)
{
	size_t len = mw_invisible_strip(s, room, NULL);
	bool changed = len < s.len;

	len = mw_paragraph_squeeze(mw_span_of(room, len), room, &changed);
	if (changed && len > 0)
		text_record(m, MW_RECORD_PLAIN, mw_span_of(room, len), stream);
}
