/*
 * The fields of the top header: the few that are facts, and a copy of all of them for header
 * records, which can be made only when the header is complete.
 */
#include "dataplane/message/message_state.h"

/* Where a fact of that name goes, or NULL. `words`: encoded words are decoded. */
static struct mw_span *fact_of(struct mw_message_facts *f, struct mw_span name, bool *words)
{
	const struct {
		const char *name;
		struct mw_span *to;
		bool words;
	} facts[] = {
		{"from", &f->from, true},
		{"to", &f->to, true},
		{"subject", &f->subject, true},
		{"date", &f->date, false},
		{"message-id", &f->message_id, false},
		{"x-mailer", &f->x_mailer, true},
	};

	/* most fields are none of them */
	if (memchr("ftsdmx", name.data[0] | 0x20, 6) == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (mw_span_caseeq(name, facts[i].name)) {
			*words = facts[i].words;
			return facts[i].to;
		}
	}
	return NULL;
}

static struct mw_span fact_value(struct mw_message *m, struct mw_span value, bool words)
{
	struct mw_message_scratch *s = m->scratch;
	size_t len = mw_header_unfold(value, MW_UNFOLD_KEEP, s->unfolded, sizeof(s->unfolded));
	struct mw_span in = mw_span_of(s->unfolded, len);

	if (words)
		len = mw_header_decode(in, &s->replace, s->value, sizeof(s->value));
	else
		len = s->replace.charset(s->replace.charset_ctx, mw_span_of(NULL, 0), true, in,
			s->value, sizeof(s->value));
	return mw_message_keep(m, mw_span_of(s->value, len));
}

/* A copy in the arena with LF line ends. */
static struct mw_span copy_lines(struct mw_message *m, struct mw_span s)
{
	uint8_t *out = mw_arena_alloc(m->arena, s.len + 1);
	size_t len = 0;

	if (out == NULL)
		return mw_span_of(NULL, 0);
	while (s.len > 0) {
		const uint8_t *lf = memchr(s.data, '\n', s.len);
		size_t run = lf == NULL ? s.len : (size_t)(lf + 1 - s.data);

		memcpy(out + len, s.data, run);
		len += run;
		if (lf != NULL && run > 1 && out[len - 2] == '\r')
			out[--len - 1] = '\n';
		s = mw_span_of(s.data + run, s.len - run);
	}
	return mw_span_of(out, len);
}

static uint32_t name_hash(struct mw_span name)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (name.data[i] | 0x20u)) * 16777619u;
	return hash;
}

static struct mw_message_field *find(const struct mw_message *m, struct mw_span name, uint32_t hash)
{
	struct mw_message_field *f = m->names[hash % MW_MESSAGE_BUCKETS];

	while (f != NULL && (f->hash != hash || f->name.len != name.len ||
				    strncasecmp((const char *)f->name.data, (const char *)name.data,
					    name.len) != 0))
		f = f->bucket;
	return f;
}

const struct mw_message_field *mw_message_field_named(
	const struct mw_message *m, struct mw_span name)
{
	return find(m, name, name_hash(name));
}

/* Puts a field where its name is found: a header of many fields must not cost its square. */
static void enter(struct mw_message *m, struct mw_message_field *field)
{
	struct mw_message_field *first, **bucket;

	field->hash = name_hash(field->name);
	first = find(m, field->name, field->hash);
	if (first != NULL) {
		first->same_last->same = field;
		first->same_last = field;
		return;
	}
	bucket = &m->names[field->hash % MW_MESSAGE_BUCKETS];
	field->first = true;
	field->same_last = field;
	field->bucket = *bucket;
	*bucket = field;
}

static void keep_field(struct mw_message *m, struct mw_span raw)
{
	struct mw_message_field *field;
	size_t most = m->arena->pool->block_bytes - MW_ARENA_OVERHEAD - 1;

	if (raw.len > most) {
		raw.len = most;
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_HEADER_SIZE);
	}
	if (m->field_count == MW_MESSAGE_FIELDS_MAX ||
		raw.len > MW_RECORD_ALL_MAX - m->field_octets) {
		m->facts.truncated = true;
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_HEADER_SIZE);
		return;
	}
	field = mw_arena_alloc(m->arena, sizeof(*field));
	if (field == NULL)
		return;
	*field = (struct mw_message_field){.field = copy_lines(m, raw)};
	if (field->field.data == NULL || !mw_header_split(field->field, &field->name, &field->raw))
		return;
	enter(m, field);
	field->words = mw_message_has_words(field->name);
	m->field_octets += (uint32_t)raw.len + 1;
	m->field_count++;
	if (m->field_last == NULL)
		m->fields = field;
	else
		m->field_last->next = field;
	m->field_last = field;
}

void mw_message_header_field(struct mw_message *m, struct mw_span field)
{
	struct mw_span name, value, *fact;
	bool words;

	if (!mw_header_split(field, &name, &value))
		return;
	fact = fact_of(&m->facts, name, &words);
	if (fact != NULL && fact->data == NULL)
		*fact = fact_value(m, value, words);
	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_HEADER) |
					MW_MESSAGE_WANT(MW_RECORD_HEADER_RAW) |
					MW_MESSAGE_WANT(MW_RECORD_HEADER_ALL) |
					MW_MESSAGE_WANT(MW_RECORD_PLAIN)) ||
		(m->rendering && mw_span_caseeq(name, "subject")))
		keep_field(m, field);
}

void mw_message_header_end(struct mw_message *m)
{
	const struct mw_message_field *field;
	struct mw_span subject = mw_span_of(NULL, 0);

	mw_message_header_records(m);
	if (!m->rendering)
		return;
	field = mw_message_field_named(m, mw_span_str("Subject"));
	if (field != NULL)
		subject = mw_message_field_decode(
			m, field, m->scratch->value, sizeof(m->scratch->value));
	mw_render_subject(&m->render, subject);
}
