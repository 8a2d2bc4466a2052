/*
 * Leaves: what their headers say, and their octets through the transfer decoder to size, hashes,
 * text and attachment records.
 */
#include "dataplane/message/message_state.h"

/* A copy in the entity's own room, cut at a character when it does not fit. */
static struct mw_span keep(struct mw_message *m, struct mw_span s)
{
	struct mw_message_entity *e = &m->entity;
	size_t most = sizeof(e->text) - e->text_len;
	uint8_t *out = e->text + e->text_len;

	if (s.len > most) {
		m->facts.truncated = true;
		while (most > 0 && (s.data[most] & 0xc0) == 0x80)
			most--;
		s.len = most;
	}
	if (s.len > 0)
		memcpy(out, s.data, s.len);
	e->text_len += (uint32_t)s.len;
	return mw_span_of(out, s.len);
}

static struct mw_span keep_lower(struct mw_message *m, struct mw_span s)
{
	uint8_t *at = m->entity.text + m->entity.text_len;

	s = keep(m, s);
	for (size_t i = 0; i < s.len; i++)
		if (at[i] >= 'A' && at[i] <= 'Z')
			at[i] |= 0x20;
	return s;
}

/* The parameter `name`, the RFC 2231 form first; absent: data NULL. */
static struct mw_span param(struct mw_message *m, struct mw_span value, const char *name)
{
	struct mw_message_scratch *s = m->scratch;
	size_t len;

	if (!mw_header_param(value, name, true, &s->replace, s->value, sizeof(s->value), &len) &&
		!mw_header_param(value, name, false, &s->replace, s->value, sizeof(s->value), &len))
		return mw_span_of(NULL, 0);
	return mw_span_trim(mw_span_of(s->value, len));
}

static void content_type(struct mw_message *m, struct mw_span value)
{
	struct mw_message_entity *e = &m->entity;
	struct mw_span type, subtype, s;
	uint8_t text[512];

	s = param(m, value, "charset");
	if (s.data != NULL) {
		for (size_t i = 0; i < s.len; i++)
			if (s.data[i] == ' ' || s.data[i] == '\t')
				s.len = i;
		if (s.len > 0)
			e->charset = keep_lower(m, s);
	}
	s = param(m, value, "name");
	if (s.data != NULL)
		e->name = keep(m, s);
	if (!mw_header_media_type(value, &type, &subtype) ||
		type.len + subtype.len + 1 > sizeof(text))
		return;
	memcpy(text, type.data, type.len);
	text[type.len] = '/';
	memcpy(text + type.len + 1, subtype.data, subtype.len);
	e->content_type = keep_lower(m, mw_span_of(text, type.len + subtype.len + 1));
}

static void disposition(struct mw_message *m, struct mw_span value)
{
	struct mw_message_entity *e = &m->entity;
	struct mw_span s = mw_header_token(value);

	if (s.len > 0)
		e->disposition = keep_lower(m, s);
	s = param(m, value, "filename");
	if (s.data != NULL)
		e->filename = keep(m, s);
}

void mw_message_entity_init(struct mw_message *m)
{
	/* all but its text, which has a length of its own */
	memset(&m->entity, 0, offsetof(struct mw_message_entity, text));
}

void mw_message_entity_end(struct mw_message *m)
{
	if (m->entity.done) /* it had no fields at all */
		mw_message_entity_init(m);
	m->entity.done = true;
}

void mw_message_entity_field(struct mw_message *m, struct mw_span field)
{
	struct mw_message_entity *e = &m->entity;
	struct mw_span name, value;

	if (e->done)
		mw_message_entity_init(m);
	if (field.len < 8 || (field.data[0] | 0x20) != 'c' ||
		!mw_header_split(field, &name, &value))
		return;
	if (!e->type_seen && mw_span_caseeq(name, "content-type")) {
		e->type_seen = true;
		content_type(m, value);
	} else if (!e->encoding_seen && mw_span_caseeq(name, "content-transfer-encoding")) {
		/* Of several the first that encodes: readers differ, and as the octets stand they
		 * are looked at in any case. */
		value = mw_header_token(value);
		e->encoding_seen = mw_encoding_of(value) != MW_ENCODING_IDENTITY;
		if (value.len > 0 && (e->encoding.data == NULL || e->encoding_seen))
			e->encoding = keep_lower(m, value);
	} else if (!e->disposition_seen && mw_span_caseeq(name, "content-disposition")) {
		e->disposition_seen = true;
		disposition(m, value);
	}
}

static bool ends_with(struct mw_span s, const char *end)
{
	size_t len = strlen(end);

	return s.len >= len && strncasecmp((const char *)s.data + s.len - len, end, len) == 0;
}

static bool begins_with(struct mw_span s, const char *front)
{
	size_t len = strlen(front);

	return s.len >= len && memcmp(s.data, front, len) == 0;
}

static struct mw_span copy(struct mw_message *m, struct mw_span s)
{
	return s.data == NULL ? s : mw_message_keep(m, s);
}

/* An entry for the open leaf at the end of the list. */
static void list(struct mw_message *m)
{
	struct mw_message_part *part;

	m->listed = NULL;
	if (m->facts.part_count >= m->parts_max) {
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_MIME_PARTS);
		m->facts.truncated = true;
		return;
	}
	part = mw_arena_alloc(m->arena, sizeof(*part));
	if (part == NULL) {
		m->facts.truncated = true;
		return;
	}
	*part = (struct mw_message_part){
		.path = mw_message_keep(m, m->part.path),
		.content_type = mw_message_keep(m, m->part.content_type),
		.charset = copy(m, m->part.charset),
		.encoding = copy(m, m->part.encoding),
		.disposition = copy(m, m->part.disposition),
		.filename = copy(m, m->part.filename),
		.number = m->part.number,
	};
	if (m->part_last == NULL)
		m->facts.parts = part;
	else
		m->part_last->next = part;
	m->part_last = part;
	m->listed = part;
	m->facts.part_count++;
}

/* How the leaf is read, by its type and its name. */
static void classify(struct mw_message *m)
{
	struct mw_message_part *p = &m->part;
	enum mw_render_kind kind = MW_RENDER_NONE;
	bool text = begins_with(p->content_type, "text/");
	/* a multipart whose parts cannot be told apart is read as text, as readers show it */
	bool opaque = begins_with(p->content_type, "multipart/");

	if (mw_span_caseeq(p->content_type, "text/html") || ends_with(p->filename, ".htm") ||
		ends_with(p->filename, ".html"))
		kind = MW_RENDER_HTML;
	else if (text || opaque)
		kind = MW_RENDER_PLAIN;
	m->part_text = kind != MW_RENDER_NONE;
	m->part_attachment =
		!text || p->filename.data != NULL || mw_span_caseeq(p->disposition, "attachment");
	m->member_last = NULL;
	mw_message_file_begin(&m->file);
	mw_message_uu_begin(m);
	mw_message_name_record(m, m->entity.filename);
	if (!mw_span_eq(m->entity.filename, m->entity.name))
		mw_message_name_record(m, m->entity.name);
	mw_message_text_begin(m, kind, m->part_text || begins_with(p->content_type, "message/"));
}

void mw_message_leaf_begin(struct mw_message *m, struct mw_span path, bool tentative)
{
	struct mw_message_entity *e = &m->entity;
	struct mw_message_part *p = &m->part;

	memcpy(m->path, path.data, path.len);
	*p = (struct mw_message_part){
		.path = mw_span_of(m->path, path.len),
		.content_type = e->content_type,
		.charset = e->charset,
		.encoding = e->encoding,
		.disposition = e->disposition,
		.filename = e->filename.data != NULL ? e->filename : e->name,
		.number = m->part_number + 1,
	};
	if (p->content_type.data == NULL)
		p->content_type = mw_span_str("text/plain");
	/* a multipart's own octets are never encoded (RFC 2045 section 6.4), unless it has no parts
	 */
	mw_decode_init(&m->decode, tentative ? MW_ENCODING_IDENTITY : mw_encoding_of(p->encoding));
	if (mw_message_wants(m, MW_MESSAGE_WANT_PART_SHA256))
		SHA256_Init(&m->part_sha);
	m->part_tentative = tentative;
	m->preamble = m->preamble_last = NULL;
	m->preamble_len = 0;
	m->listed = NULL;
	if (tentative)
		return;
	m->part_number++;
	list(m);
	classify(m);
}

/* Text in front of the first boundary: rendered only if that boundary never comes. */
static void keep_preamble(struct mw_message *m, struct mw_span octets)
{
	while (octets.len > 0 && m->preamble_len < MW_MESSAGE_PREAMBLE_MAX) {
		struct mw_message_chunk *chunk = m->preamble_last;
		size_t len;

		if (chunk == NULL || chunk->len == sizeof(chunk->data)) {
			chunk = mw_arena_alloc(m->arena, sizeof(*chunk));
			if (chunk == NULL)
				return;
			chunk->next = NULL;
			chunk->len = 0;
			if (m->preamble_last == NULL)
				m->preamble = chunk;
			else
				m->preamble_last->next = chunk;
			m->preamble_last = chunk;
		}
		len = sizeof(chunk->data) - chunk->len;
		if (len > octets.len)
			len = octets.len;
		memcpy(chunk->data + chunk->len, octets.data, len);
		chunk->len += (uint32_t)len;
		m->preamble_len += (uint32_t)len;
		octets = mw_span_of(octets.data + len, octets.len - len);
	}
}

static void attachment_record(struct mw_message *m, struct mw_span octets, bool last)
{
	struct mw_record record = {
		.kind = MW_RECORD_ATTACHMENT,
		.data = octets,
		.stream = m->part.number,
		.last = last,
	};

	if (m->part_attachment && mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_ATTACHMENT)))
		mw_message_emit(m, &record);
}

/*
 * Decoded octets. Behind base64's padding or uuencode's end line (`tail`) strict readers see
 * nothing, so neither size nor hash nor text has it; attachment scanning does, for lenient readers
 * run it.
 */
static void decoded(struct mw_message *m, struct mw_span octets, bool tail)
{
	if (octets.len == 0)
		return;
	if (!tail) {
		m->part.size += octets.len;
		if (mw_message_wants(m, MW_MESSAGE_WANT_PART_SHA256))
			SHA256_Update(&m->part_sha, octets.data, octets.len);
	}
	if (m->part_tentative) {
		keep_preamble(m, octets);
		return;
	}
	if (!tail) {
		if (mw_message_wants(m, MW_MESSAGE_WANT_CONTENT_KEY))
			mw_content_key_feed(&m->key, octets);
		mw_message_text_feed(m, octets);
		mw_message_file_feed(m, &m->file, octets);
		mw_message_uu_feed(m, octets);
	}
	m->part_attachment |= tail;
	attachment_record(m, octets, false);
}

void mw_message_leaf_body(struct mw_message *m, struct mw_span octets)
{
	struct mw_message_scratch *s = m->scratch;

	if (m->decode.encoding == MW_ENCODING_IDENTITY) {
		decoded(m, octets, false);
		return;
	}
	while (octets.len > 0) {
		bool tail = m->decode.ended;
		size_t used, len;

		len = mw_decode_feed(&m->decode, octets, &used, s->piece, sizeof(s->piece));
		decoded(m, mw_span_of(s->piece, len), tail);
		octets = mw_span_of(octets.data + used, octets.len - used);
	}
}

static void render_preamble(struct mw_message *m)
{
	m->part_number++;
	list(m);
	classify(m);
	for (const struct mw_message_chunk *c = m->preamble; c != NULL; c = c->next) {
		struct mw_span octets = mw_span_of(c->data, c->len);

		mw_message_text_feed(m, octets);
		mw_message_file_feed(m, &m->file, octets);
		mw_message_uu_feed(m, octets);
		if (mw_message_wants(m, MW_MESSAGE_WANT_CONTENT_KEY))
			mw_content_key_feed(&m->key, octets);
		attachment_record(m, octets, false);
	}
}

void mw_message_leaf_end(struct mw_message *m, bool keep, bool complete)
{
	bool tail = m->decode.ended;
	uint8_t rest[MW_DECODE_OUT_MIN];
	size_t len = mw_decode_finish(&m->decode, rest, sizeof(rest));

	if (!keep)
		return;
	decoded(m, mw_span_of(rest, len), tail);
	if (m->part_tentative)
		render_preamble(m);
	mw_message_text_end(m);
	mw_message_uu_end(m);
	mw_message_file_end(m, &m->file);
	attachment_record(m, mw_span_of(NULL, 0), true);
	if (m->decode.bad && m->decode.encoding == MW_ENCODING_BASE64)
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_BAD_BASE64);
	if (m->listed == NULL)
		return;
	m->listed->size = m->part.size;
	m->listed->complete = complete;
	m->listed->magic = m->file.magic;
	if (mw_message_wants(m, MW_MESSAGE_WANT_PART_SHA256))
		SHA256_Final(m->listed->sha256, &m->part_sha);
}
