/*
 * The headers and levels of a message; the search for boundaries is in mime_body.c. See mime.h.
 */
#include "dataplane/proto/mime.h"

#include "dataplane/proto/decode.h"
#include "dataplane/proto/mime_state.h"

void mw_mime_init(
	struct mw_mime *m, const struct mw_mime_sink *sink, const struct mw_mime_room *room)
{
	memset(m, 0, offsetof(struct mw_mime, levels));
	m->sink = sink;
	m->room = *room;
	m->levels[0] = (struct mw_mime_level){.kind = MW_MIME_MESSAGE};
	m->depth = 1;
	mw_mime_entity_begin(m);
}

void mw_mime_entity_begin(struct mw_mime *m)
{
	m->state = MW_MIME_HEADER;
	m->entity = mw_mime_top(m)->digest ? MW_MIME_MESSAGE : MW_MIME_LEAF;
	m->entity_digest = false;
	m->entity_typed = false;
	m->entity_encoded = false;
	m->boundary_len = 0;
	m->field_len = 0;
	m->line_len = 0;
	m->skip_line = false;
	m->first_line = mw_mime_top(m)->kind == MW_MIME_MESSAGE;
}

/* Tells boundaries apart at a glance, no more: equal ones are compared octet by octet. */
static uint32_t boundary_hash(const uint8_t *data, size_t len)
{
	uint64_t hash = len, word;

	for (; len >= 8; data += 8, len -= 8) {
		memcpy(&word, data, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, data, len);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return (uint32_t)(hash >> 32);
}

static void content_type(struct mw_mime *m, struct mw_span value)
{
	struct mw_span type, subtype;
	size_t len;

	m->entity = MW_MIME_LEAF;
	if (!mw_header_media_type(value, &type, &subtype))
		return;
	if (mw_span_caseeq(type, "message")) {
		if (mw_span_caseeq(subtype, "rfc822") || mw_span_caseeq(subtype, "global"))
			m->entity = MW_MIME_MESSAGE;
		return;
	}
	if (!mw_span_caseeq(type, "multipart"))
		return;
	/* A boundary that does not fit behind the open ones leaves the part closed. */
	if (!mw_header_param_raw(value, "boundary", m->room.boundaries + m->boundaries_used,
		    m->room.boundaries_size - m->boundaries_used, &len))
		return;
	while (len > 0 && mw_mime_is_blank(m->room.boundaries[m->boundaries_used + len - 1]))
		len--;
	if (len == 0)
		return;
	if (len > MW_MIME_BOUNDARY_MAX || len == m->room.boundaries_size - m->boundaries_used) {
		m->too_deep = true;
		return;
	}
	m->boundary_len = (uint16_t)len;
	m->boundary_hash = boundary_hash(m->room.boundaries + m->boundaries_used, len);
	m->entity = MW_MIME_MULTIPART;
	m->entity_digest = mw_span_caseeq(subtype, "digest");
}

/* The collected field is complete. The first field of a name counts, of encodings the first that is
 * one (message_part.c). */
static void field_end(struct mw_mime *m)
{
	struct mw_span field = mw_span_trim_end(mw_span_of(m->room.text, m->field_len)), name,
		       value;

	m->field_len = 0;
	if (!mw_header_split(field, &name, &value))
		return;
	m->sink->field(m->sink->ctx, field, m->depth == 1);
	if ((name.data[0] | 0x20) != 'c')
		return;
	if (!m->entity_typed && mw_span_caseeq(name, "content-type")) {
		m->entity_typed = true;
		content_type(m, value);
	} else if (mw_span_caseeq(name, "content-transfer-encoding")) {
		m->entity_encoded |= mw_encoding_of(mw_header_token(value)) != MW_ENCODING_IDENTITY;
	}
}

static size_t put_number(char *out, uint32_t v)
{
	char digits[10];
	size_t len = 0, n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	while (n > 0)
		out[len++] = digits[--n];
	return len;
}

static void leaf_begin(struct mw_mime *m, uint32_t numbers, bool tentative)
{
	char path[MW_MIME_PATH_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < numbers; i++) {
		if (i > 0)
			path[len++] = '.';
		len += put_number(path + len, m->numbers[i]);
	}
	m->leaf_open = true;
	m->leaf_tentative = tentative;
	m->sink->leaf_begin(m->sink->ctx, mw_span_of(path, len), tentative);
}

void mw_mime_leaf_end(struct mw_mime *m, bool keep, bool complete)
{
	if (!m->leaf_open)
		return;
	m->leaf_open = false;
	m->sink->leaf_end(m->sink->ctx, keep, complete);
}

/*
 * The header of an entity is complete: decide what it is. Numbers: a part of a multipart has the
 * multipart's and its own place; what a message holds is 1, unless it is a multipart, whose parts
 * take the message's own (RFC 3501 section 6.4.5).
 */
static void header_end(struct mw_mime *m)
{
	struct mw_mime_level *parent = mw_mime_top(m), *level;
	uint32_t base = parent->base;
	bool in_message = parent->kind == MW_MIME_MESSAGE;

	if (m->field_len > 0)
		field_end(m);
	m->sink->header_end(m->sink->ctx, m->depth == 1);
	m->numbers[base] = in_message ? 1 : parent->children;
	m->state = MW_MIME_BODY;
	m->bol = true;
	m->line_len = 0;
	if (m->entity == MW_MIME_MESSAGE && m->entity_encoded)
		m->entity = MW_MIME_LEAF;
	if (m->entity != MW_MIME_LEAF && m->depth == MW_MIME_LEVELS) {
		m->too_deep = true;
		m->entity = MW_MIME_LEAF;
	}
	if (m->entity == MW_MIME_LEAF) {
		leaf_begin(m, base + 1, false);
		return;
	}
	level = &m->levels[m->depth++];
	*level = (struct mw_mime_level){.kind = m->entity};
	if (m->entity == MW_MIME_MESSAGE) {
		level->base = (uint8_t)(base + 1);
		mw_mime_entity_begin(m);
		return;
	}
	level->digest = m->entity_digest;
	level->base = (uint8_t)(in_message ? base : base + 1);
	level->boundary_at = m->boundaries_used;
	level->boundary_len = m->boundary_len;
	level->boundary_hash = m->boundary_hash;
	level->phase = MW_MIME_PREAMBLE;
	m->boundaries_used = (uint16_t)(m->boundaries_used + m->boundary_len);
	m->active++;
	leaf_begin(m, base + 1, true);
}

static void pop(struct mw_mime *m)
{
	struct mw_mime_level *level = mw_mime_top(m);

	if (level->kind == MW_MIME_MULTIPART) {
		m->boundaries_used = level->boundary_at;
		if (level->phase != MW_MIME_EPILOGUE)
			m->active--;
	}
	m->depth--;
}

/* Ends the innermost entity's header, if it is in one: an entity that ends there has no body. */
static void close_header(struct mw_mime *m)
{
	/* the header of a message/rfc822 that ends may open another message: bounded by the levels
	 */
	while (m->state == MW_MIME_HEADER && !m->fresh)
		header_end(m);
	m->fresh = false;
}

void mw_mime_boundary(struct mw_mime *m, uint32_t at, bool closing)
{
	struct mw_mime_level *level = &m->levels[at];

	close_header(m);
	/* a multipart that ends before it began has no parts: it stays a leaf */
	mw_mime_leaf_end(m,
		!(m->leaf_tentative && m->depth == at + 1) ||
			(closing && level->phase == MW_MIME_PREAMBLE),
		true);
	while (m->depth > at + 1)
		pop(m);
	if (closing) {
		level->phase = MW_MIME_EPILOGUE;
		m->active--;
		m->state = MW_MIME_BODY;
		m->bol = true;
		m->line_len = 0;
		return;
	}
	level->phase = MW_MIME_PARTS;
	mw_mime_entity_begin(m);
	m->fresh = true;
}

/*
 * A hundred levels may be open and every line of a body may begin with "--", so the line is hashed
 * once for each of its two readings, and the octets of a boundary are looked at only where length
 * and hash are those of the line.
 */
int mw_mime_match(const struct mw_mime *m, struct mw_span line, bool *closing)
{
	struct mw_span s = mw_span_trim_end(line);
	size_t len, len_closing = 0;
	uint32_t hash, hash_closing = 0;

	if (m->active == 0 || s.len < 3 || s.data[0] != '-' || s.data[1] != '-')
		return -1;
	s = mw_span_of(s.data + 2, s.len - 2);
	len = s.len;
	if (len > MW_MIME_BOUNDARY_MAX + 2)
		return -1;
	hash = boundary_hash(s.data, len);
	if (len > 2 && s.data[len - 1] == '-' && s.data[len - 2] == '-') {
		len_closing = len - 2;
		hash_closing = boundary_hash(s.data, len_closing);
	}
	for (uint32_t i = m->depth; i-- > 0;) {
		const struct mw_mime_level *level = &m->levels[i];

		if (level->kind != MW_MIME_MULTIPART || level->phase == MW_MIME_EPILOGUE)
			continue;
		*closing =
			level->boundary_len == len_closing && level->boundary_hash == hash_closing;
		if (!*closing && (level->boundary_len != len || level->boundary_hash != hash))
			continue;
		if (memcmp(s.data, m->room.boundaries + level->boundary_at, level->boundary_len) ==
			0)
			return (int)i;
	}
	return -1;
}

/*
 * A line of a header is there: whole, or so much of it as there is room for. `len` counts its line
 * end. It stands behind the collected field.
 */
static void header_line(struct mw_mime *m, bool whole)
{
	uint8_t *line = m->room.text + m->field_len;
	size_t len = m->line_len;
	bool first = m->first_line, colon, closing;
	struct mw_span s = mw_span_trim_end(mw_span_of(line, len));
	int level = whole ? mw_mime_match(m, s, &closing) : -1;

	m->first_line = false;
	m->line_len = 0;
	if (level >= 0) {
		/* two boundaries in a row make no part between them */
		if (m->field_len > 0)
			field_end(m);
		mw_mime_boundary(m, (uint32_t)level, closing);
		return;
	}
	if (m->fresh) {
		m->fresh = false;
		mw_mime_top(m)->children++;
	}
	if (line[0] == '\n' || (len == 2 && line[0] == '\r' && line[1] == '\n')) {
		header_end(m);
		return;
	}
	m->skip_line = !whole;
	if (mw_mime_is_blank(line[0])) {
		/* a fold; at the very beginning it belongs to nothing */
		if (m->field_len > 0)
			m->field_len += (uint32_t)len;
	} else if (!(s.len >= 2 && line[0] == '-' && line[1] == '-') &&
		   mw_header_name(s, &colon) > 0 && colon) {
		if (m->field_len > 0)
			field_end(m);
		memmove(m->room.text, line, len);
		m->field_len = (uint32_t)len;
	} else if (!(first && len >= 5 && memcmp(line, "From ", 5) == 0)) {
		/* No field: the body begins here, without a blank line, as Postfix and others have
		 * it. */
		uint32_t field_len = m->field_len;

		if (field_len > 0)
			field_end(m);
		m->skip_line = false;
		header_end(m);
		mw_mime_replay(m, field_len, (uint32_t)len);
		return;
	}
	if (m->field_len > m->room.text_size - MW_MIME_LINE_MAX) {
		m->field_len = (uint32_t)(m->room.text_size - MW_MIME_LINE_MAX);
		m->field_cut = true;
	}
}

size_t mw_mime_header_feed(struct mw_mime *m, struct mw_span in)
{
	size_t room = m->room.text_size - m->field_len - m->line_len;
	size_t len = in.len < room ? in.len : room;
	const uint8_t *lf;

	if (m->skip_line) {
		lf = memchr(in.data, '\n', in.len);
		m->field_cut = true;
		if (lf == NULL)
			return in.len;
		m->skip_line = false;
		return (size_t)(lf - in.data) + 1;
	}
	lf = memchr(in.data, '\n', len);
	if (lf != NULL)
		len = (size_t)(lf - in.data) + 1;
	/* replayed octets lie in the same buffer, further behind */
	memmove(m->room.text + m->field_len + m->line_len, in.data, len);
	m->line_len += (uint32_t)len;
	if (lf != NULL || len == room)
		header_line(m, lf != NULL);
	return len;
}

void mw_mime_feed(struct mw_mime *m, struct mw_span octets)
{
	while (octets.len > 0) {
		size_t used = m->state == MW_MIME_HEADER ? mw_mime_header_feed(m, octets)
							 : mw_mime_body_feed(m, octets);

		octets = mw_span_of(octets.data + used, octets.len - used);
	}
}

void mw_mime_end(struct mw_mime *m, bool complete)
{
	if (m->state == MW_MIME_HEADER && m->line_len > 0) {
		/* a last line without a line end */
		header_line(m, true);
		if (m->state == MW_MIME_BODY)
			mw_mime_body_end(m);
	} else if (m->state == MW_MIME_BODY) {
		mw_mime_body_end(m);
	}
	close_header(m);
	mw_mime_leaf_end(m, true, complete);
	while (m->depth > 1)
		pop(m);
}
