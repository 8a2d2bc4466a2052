/*
 * One message from its first octet to its last: counts and hashes the octets and pushes them
 * through the MIME machine, whose calls the other files of this folder take.
 */
#include "dataplane/message/message_state.h"
#include "dataplane/text/utf8.h"

#define PARTS_DEFAULT	256
#define URLS_DEFAULT	256
#define MEMBERS_DEFAULT 256

size_t mw_message_bytes(void)
{
	return (sizeof(struct mw_message) + 63) & ~(size_t)63;
}

size_t mw_message_scratch_bytes(void)
{
	return (sizeof(struct mw_message_scratch) + 63) & ~(size_t)63;
}

static size_t charset(
	void *ctx, struct mw_span name, bool replace, struct mw_span in, uint8_t *out, size_t size)
{
	/* ASCII in no charset, which is nearly everything */
	if (name.len == 0 && in.len <= size && mw_utf8_ascii_prefix(in) == in.len) {
		if (in.len > 0)
			memcpy(out, in.data, in.len);
		return in.len;
	}
	return mw_charset_convert(
		ctx, name, replace ? MW_CHARSET_REPLACE : MW_CHARSET_GUESS, in, out, size, NULL);
}

struct mw_message_scratch *mw_message_scratch_init(
	void *memory, struct mw_charset_table *charsets, const struct mw_tld_table *tlds)
{
	struct mw_message_scratch *scratch = memory;

	scratch->lane.charsets = charsets;
	scratch->lane.tlds = tlds;
	scratch->guess = (struct mw_header_work){
		.a = scratch->work_a,
		.b = scratch->work_b,
		.size = sizeof(scratch->work_a),
		.charset = charset,
		.charset_ctx = charsets,
	};
	scratch->replace = scratch->guess;
	scratch->replace.replace = true;
	return scratch;
}

void mw_message_emit(struct mw_message *m, const struct mw_record *record)
{
	if (m->records != NULL)
		m->records(m->records_ctx, record);
}

struct mw_span mw_message_keep(struct mw_message *m, struct mw_span s)
{
	size_t most = m->arena->pool->block_bytes - MW_ARENA_OVERHEAD;
	struct mw_span kept;

	if (s.len > most) {
		m->facts.truncated = true;
		/* not in the middle of a character: the value is valid UTF-8 */
		while (most > 0 && (s.data[most] & 0xc0) == 0x80)
			most--;
		s.len = most;
	}
	kept = mw_arena_copy(m->arena, s);
	if (kept.data == NULL)
		m->facts.truncated = true;
	return kept;
}

static void on_field(void *ctx, struct mw_span field, bool top)
{
	struct mw_message *m = ctx;

	mw_message_entity_field(m, field);
	if (top)
		mw_message_header_field(m, field);
}

static void on_header_end(void *ctx, bool top)
{
	mw_message_entity_end(ctx);
	if (top)
		mw_message_header_end(ctx);
}

static void on_leaf_begin(void *ctx, struct mw_span path, bool tentative)
{
	if (tentative || !mw_message_inner_begin(ctx, path))
		mw_message_leaf_begin(ctx, path, tentative);
}

static void on_body(void *ctx, struct mw_span octets)
{
	struct mw_message *m = ctx;

	if (m->inner_open)
		mw_message_inner_feed(m, octets);
	else
		mw_message_leaf_body(m, octets);
}

static void on_leaf_end(void *ctx, bool keep, bool complete)
{
	struct mw_message *m = ctx;

	if (m->inner_open)
		mw_message_inner_end(m, complete);
	else
		mw_message_leaf_end(m, keep, complete);
}

struct mw_message *mw_message_init(void *memory, const struct mw_message_config *config,
	struct mw_arena *arena, struct mw_message_scratch *scratch, mw_record_fn records,
	void *records_ctx)
{
	struct mw_message *m = memory;

	/* not the buffers behind it, which are large and have lengths of their own */
	memset(m, 0, offsetof(struct mw_message, entity));
	m->config = config;
	m->want = config->want;
	if (records == NULL)
		m->want &= ~MW_MESSAGE_WANT_RECORDS;
	m->parts_max = config->parts_max > 0 ? config->parts_max : PARTS_DEFAULT;
	m->urls_max = config->urls_max > 0 ? config->urls_max : URLS_DEFAULT;
	m->members_max = config->members_max > 0 ? config->members_max : MEMBERS_DEFAULT;
	m->arena = arena;
	m->scratch = scratch;
	m->records = records;
	m->records_ctx = records_ctx;
	if (mw_message_wants(m, MW_MESSAGE_WANT_SHA256))
		SHA256_Init(&m->sha);
	mw_message_entity_init(m);
	mw_content_key_init(&m->key, config->content_key);
	mw_message_text_init(m);
	m->mime_sink = (struct mw_mime_sink){
		.ctx = m,
		.field = on_field,
		.header_end = on_header_end,
		.leaf_begin = on_leaf_begin,
		.body = on_body,
		.leaf_end = on_leaf_end,
	};
	mw_mime_init(&m->mime, &m->mime_sink,
		&(struct mw_mime_room){.boundaries = m->mime_boundaries,
			.boundaries_size = sizeof(m->mime_boundaries),
			.text = m->mime_text,
			.text_size = sizeof(m->mime_text)});
	return m;
}

void mw_message_feed(struct mw_message *m, struct mw_span octets)
{
	if (m->ended || m->gap || octets.len == 0)
		return;
	m->facts.size += octets.len;
	if (mw_message_wants(m, MW_MESSAGE_WANT_SHA256))
		SHA256_Update(&m->sha, octets.data, octets.len);
	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_FULL)))
		mw_message_full_feed(m, octets);
	mw_mime_feed(&m->mime, octets);
}

void mw_message_gap(struct mw_message *m)
{
	m->gap = true;
}

void mw_message_end(struct mw_message *m, bool complete)
{
	if (m->ended)
		return;
	m->ended = true;
	m->facts.complete = complete && !m->gap;
	mw_mime_end(&m->mime, m->facts.complete);
	if (m->rendering) {
		mw_render_finish(&m->render);
		if (m->render.any_hidden)
			m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_HIDDEN_TEXT);
		if (m->render.split_words)
			m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_SPLIT_WORDS);
	}
	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_FULL)))
		mw_message_full_end(m);
	if (mw_message_wants(m, MW_MESSAGE_WANT_SHA256))
		SHA256_Final(m->facts.sha256, &m->sha);
	if (mw_message_wants(m, MW_MESSAGE_WANT_CONTENT_KEY))
		m->facts.content_key = mw_content_key_value(&m->key);
	if (m->mime.too_deep)
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_MIME_DEPTH);
	if (m->mime.field_cut)
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_HEADER_SIZE);
	m->facts.truncated |= m->arena->refused;
	/* addresses that nobody looked at any more */
	if (m->rendering && mw_message_wants(m, MW_MESSAGE_WANT_URLS))
		m->facts.truncated |= m->render.uris.refused > 0;
	if (m->facts.truncated)
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_FACTS_CUT);
}

const struct mw_message_facts *mw_message_facts(const struct mw_message *m)
{
	return &m->facts;
}
