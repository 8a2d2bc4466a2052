/*
 * message/rfc822 and message/global with a transfer encoding: RFC 2046 forbids one, senders of
 * malware use it. The octets are decoded and go through a second machine, whose leaves are numbered
 * below the outer one's. Some such messages are not encoded at all (the encoding in the header is
 * the trick): what begins with a header field is read as it stands. An encoded message inside an
 * encoded one stays a leaf.
 */
#include "dataplane/message/message_state.h"

static void on_field(void *ctx, struct mw_span field, bool top)
{
	(void)top;
	mw_message_entity_field(ctx, field);
}

static void on_header_end(void *ctx, bool top)
{
	(void)top;
	mw_message_entity_end(ctx);
}

static void on_leaf_begin(void *ctx, struct mw_span path, bool tentative)
{
	struct mw_message *m = ctx;
	uint8_t full[2 * MW_MIME_PATH_MAX];
	size_t len = m->inner_path_len;

	memcpy(full, m->inner_path, len);
	full[len++] = '.';
	memcpy(full + len, path.data, path.len);
	mw_message_leaf_begin(m, mw_span_of(full, len + path.len), tentative);
}

static void on_body(void *ctx, struct mw_span octets)
{
	mw_message_leaf_body(ctx, octets);
}

static void on_leaf_end(void *ctx, bool keep, bool complete)
{
	mw_message_leaf_end(ctx, keep, complete);
}

bool mw_message_inner_begin(struct mw_message *m, struct mw_span path)
{
	const struct mw_message_entity *e = &m->entity;
	enum mw_encoding encoding = mw_encoding_of(e->encoding);
	const size_t text_size = MW_MESSAGE_INNER_FIELD_MAX + MW_MIME_LINE_MAX;

	if (encoding == MW_ENCODING_IDENTITY || e->content_type.data == NULL ||
		!(mw_span_caseeq(e->content_type, "message/rfc822") ||
			mw_span_caseeq(e->content_type, "message/global")))
		return false;
	if (m->inner_room == NULL)
		m->inner_room = mw_arena_alloc(m->arena, text_size + MW_MESSAGE_INNER_BOUNDARIES);
	if (m->inner_room == NULL)
		return false;
	m->inner_open = true;
	m->inner_decided = false;
	m->inner_sniff_len = 0;
	m->inner_path_len = path.len;
	memcpy(m->inner_path, path.data, path.len);
	mw_decode_init(&m->inner_decode, encoding);
	m->inner_sink = (struct mw_mime_sink){
		.ctx = m,
		.field = on_field,
		.header_end = on_header_end,
		.leaf_begin = on_leaf_begin,
		.body = on_body,
		.leaf_end = on_leaf_end,
	};
	mw_mime_init(&m->inner, &m->inner_sink,
		&(struct mw_mime_room){.boundaries = m->inner_room + text_size,
			.boundaries_size = MW_MESSAGE_INNER_BOUNDARIES,
			.text = m->inner_room,
			.text_size = text_size});
	return true;
}

static void decode(struct mw_message *m, struct mw_span octets)
{
	struct mw_message_scratch *s = m->scratch;

	while (octets.len > 0) {
		size_t used, len = mw_decode_feed(&m->inner_decode, octets, &used, s->inner_piece,
				     sizeof(s->inner_piece));

		mw_mime_feed(&m->inner, mw_span_of(s->inner_piece, len));
		octets = mw_span_of(octets.data + used, octets.len - used);
	}
}

/* The first line is known as far as it matters: a field's name and colon are neither base64 nor
 * uuencode. quoted-printable leaves most of a header as it is, so there is nothing to tell. */
static void decide(struct mw_message *m)
{
	struct mw_span line = mw_span_of(m->inner_sniff, m->inner_sniff_len);
	bool colon;

	m->inner_decided = true;
	if (m->inner_decode.encoding != MW_ENCODING_QUOTED_PRINTABLE &&
		mw_header_name(line, &colon) > 0 && colon)
		mw_decode_init(&m->inner_decode, MW_ENCODING_IDENTITY);
	decode(m, line);
}

void mw_message_inner_feed(struct mw_message *m, struct mw_span octets)
{
	size_t at = 0;

	while (!m->inner_decided && at < octets.len) {
		uint8_t c = octets.data[at++];

		m->inner_sniff[m->inner_sniff_len++] = c;
		if (c == ':' || c == '\n' || m->inner_sniff_len == MW_MESSAGE_SNIFF)
			decide(m);
	}
	if (m->inner_decided)
		decode(m, mw_span_of(octets.data + at, octets.len - at));
}

void mw_message_inner_end(struct mw_message *m, bool complete)
{
	uint8_t rest[MW_DECODE_OUT_MIN];
	size_t len;

	if (!m->inner_decided)
		decide(m);
	len = mw_decode_finish(&m->inner_decode, rest, sizeof(rest));
	mw_mime_feed(&m->inner, mw_span_of(rest, len));
	mw_mime_end(&m->inner, complete);
	m->inner_open = false;
	if (m->inner_decode.bad && m->inner_decode.encoding == MW_ENCODING_BASE64)
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_BAD_BASE64);
	m->mime.too_deep |= m->inner.too_deep;
	m->mime.field_cut |= m->inner.field_cut;
}
