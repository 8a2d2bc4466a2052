/*
 * HEADER, HEADER_RAW and HEADER_ALL records of a complete top header: values joined by name,
 * decoded as SpamAssassin decodes them (its `header` rules run over exactly these strings), and the
 * pseudo headers that are made of several.
 */
#include "dataplane/message/message_state.h"
#include "dataplane/proto/address.h"

/* A string that grows to a limit; what does not fit is cut. */
struct builder {
	uint8_t *out;
	size_t len, size;
};

static void add(struct builder *b, const void *data, size_t len)
{
	if (len > b->size - b->len)
		len = b->size - b->len;
	if (len > 0)
		memcpy(b->out + b->len, data, len);
	b->len += len;
}

static bool any_of(struct mw_span name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (mw_span_caseeq(name, names[i]))
			return true;
	return false;
}

/* Fields whose syntax has no encoded words (Mail::SpamAssassin::Message::Node::_decode_header). */
bool mw_message_has_words(struct mw_span name)
{
	static const char *const none[] = {"received", "message-id", "resent-message-id", "date",
		"resent-date", "mime-version", "references", "in-reply-to"};

	if (memchr("rmdil", name.data[0] | 0x20, 5) == NULL)
		return true;
	if (name.len >= 5 && strncasecmp((const char *)name.data, "list-", 5) == 0)
		return false;
	return !any_of(name, none, sizeof(none) / sizeof(none[0]));
}

struct mw_span mw_message_field_decode(
	struct mw_message *m, const struct mw_message_field *field, uint8_t *out, size_t size)
{
	struct mw_message_scratch *s = m->scratch;
	size_t len =
		mw_header_unfold(field->raw, MW_UNFOLD_BLANK, s->unfolded, sizeof(s->unfolded));
	struct mw_span in = mw_span_of(s->unfolded, len);

	if (field->words)
		len = mw_header_decode(in, &s->guess, out, size);
	else
		len = s->guess.charset(
			s->guess.charset_ctx, mw_span_of(NULL, 0), false, in, out, size);
	return mw_span_of(out, len);
}

static void header_record(struct mw_message *m, enum mw_record_kind kind, struct mw_span name,
	const struct builder *b)
{
	struct mw_record record = {.kind = kind, .name = name, .data = mw_span_of(b->out, b->len)};

	mw_message_emit(m, &record);
}

static struct builder value_builder(struct mw_message *m)
{
	return (struct builder){.out = m->scratch->all, .size = MW_RECORD_HEADER_MAX};
}

/* The decoded values of a field and all that follow of its name, each closed by LF. */
static void add_decoded(struct mw_message *m, struct builder *b, const struct mw_message_field *f)
{
	for (; f != NULL; f = f->same) {
		struct mw_span value =
			mw_message_field_decode(m, f, m->scratch->value, sizeof(m->scratch->value));

		if (value.len > MW_RECORD_HEADER_MAX - 1)
			value.len = MW_RECORD_HEADER_MAX - 1;
		add(b, value.data, value.len);
		add(b, "\n", 1);
	}
}

static void add_raw(struct builder *b, const struct mw_message_field *f)
{
	for (; f != NULL; f = f->same) {
		add(b, f->raw.data, f->raw.len);
		add(b, "\n", 1);
	}
}

/* `name:addr` or `name:name` over every field of the names given. */
static void address_record(struct mw_message *m, const char *const *names, size_t count,
	const char *record_name, bool display)
{
	struct mw_message_scratch *s = m->scratch;
	struct builder b = value_builder(m);
	bool any_field = false;

	for (size_t i = 0; i < count; i++) {
		const struct mw_message_field *f = mw_message_field_named(m, mw_span_str(names[i]));

		for (; f != NULL; f = f->same) {
			struct mw_span rest, in;
			struct mw_address address;

			any_field = true;
			rest = mw_span_of(s->unfolded, mw_header_unfold(f->raw, MW_UNFOLD_BLANK,
							       s->unfolded, sizeof(s->unfolded)));
			while (mw_address_next(&rest, &address)) {
				size_t len = mw_address_text(display ? address.name : address.addr,
					display, s->all + MW_RECORD_HEADER_MAX,
					MW_MESSAGE_FIELD_MAX);

				in = mw_span_of(s->all + MW_RECORD_HEADER_MAX, len);
				if (display) {
					len = mw_header_decode(
						in, &s->guess, s->value, sizeof(s->value));
					in = mw_span_of(s->value, len);
				}
				if (in.len == 0)
					continue;
				if (b.len > 0)
					add(&b, "\n", 1);
				add(&b, in.data, in.len);
			}
		}
	}
	if (any_field)
		header_record(m, MW_RECORD_HEADER, mw_span_str(record_name), &b);
}

static void address_records(struct mw_message *m)
{
	static const struct {
		const char *names[2];
		size_t count;
		const char *addr, *name;
	} records[] = {
		{{"From"}, 1, "From:addr", "From:name"},
		{{"To"}, 1, "To:addr", "To:name"},
		{{"Cc"}, 1, "Cc:addr", "Cc:name"},
		{{"To", "Cc"}, 2, "ToCc:addr", "ToCc:name"},
		{{"Reply-To"}, 1, "Reply-To:addr", "Reply-To:name"},
		{{"Sender"}, 1, "Sender:addr", "Sender:name"},
		{{"Return-Path"}, 1, "Return-Path:addr", "Return-Path:name"},
		{{"X-Envelope-From"}, 1, "X-Envelope-From:addr", "X-Envelope-From:name"},
		{{"Errors-To"}, 1, "Errors-To:addr", "Errors-To:name"},
		{{"Resent-From"}, 1, "Resent-From:addr", "Resent-From:name"},
		{{"Resent-To"}, 1, "Resent-To:addr", "Resent-To:name"},
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		address_record(m, records[i].names, records[i].count, records[i].addr, false);
		address_record(m, records[i].names, records[i].count, records[i].name, true);
	}
}

static void joined_record(
	struct mw_message *m, const char *name, const char *const *from, size_t count)
{
	struct builder b = value_builder(m);

	for (size_t i = 0; i < count; i++)
		add_decoded(m, &b, mw_message_field_named(m, mw_span_str(from[i])));
	if (b.len > 0)
		header_record(m, MW_RECORD_HEADER, mw_span_str(name), &b);
}

/* Plain patterns find their words in HEADER_ALL, whose values rules of other kinds see as well; one
 * whose white space is not as in a paragraph is shown to them alone once more, as if it were. */
static void shown_record(struct mw_message *m, struct mw_span value)
{
	if (value.len > MW_RECORD_ALL_MAX)
		value.len = MW_RECORD_ALL_MAX;
	mw_message_shown_record(m, value, m->scratch->value, 0);
}

static void all_records(struct mw_message *m)
{
	struct builder b = {.out = m->scratch->all, .size = sizeof(m->scratch->all)};
	const bool all = mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_HEADER_ALL));
	const bool plain = mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_PLAIN));

	if (all || plain) {
		for (const struct mw_message_field *f = m->fields; f != NULL; f = f->next) {
			struct mw_span value = mw_message_field_decode(
				m, f, m->scratch->value, sizeof(m->scratch->value));

			add(&b, f->name.data, f->name.len);
			add(&b, ": ", 2);
			add(&b, value.data, value.len);
			add(&b, "\n", 1);
			if (plain)
				shown_record(m, value);
		}
	}
	if (all)
		header_record(m, MW_RECORD_HEADER_ALL, mw_span_of(NULL, 0), &b);
	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_HEADER_RAW))) {
		b.len = 0;
		for (const struct mw_message_field *f = m->fields; f != NULL; f = f->next) {
			add(&b, f->field.data, f->field.len);
			add(&b, "\n", 1);
		}
		header_record(m, MW_RECORD_HEADER_RAW, mw_span_of(NULL, 0), &b);
	}
}

void mw_message_header_records(struct mw_message *m)
{
	static const char *const to_cc[] = {"To", "Cc"};
	static const char *const message_id[] = {
		"X-Message-Id", "Resent-Message-Id", "X-Original-Message-ID", "Message-Id"};
	const bool decoded = mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_HEADER));
	const bool raw = mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_HEADER_RAW));

	for (const struct mw_message_field *f = m->fields; (decoded || raw) && f != NULL;
		f = f->next) {
		struct builder b = value_builder(m);

		if (!f->first)
			continue;
		if (raw) {
			add_raw(&b, f);
			header_record(m, MW_RECORD_HEADER_RAW, f->name, &b);
		}
		if (!decoded)
			continue;
		b.len = 0;
		add_decoded(m, &b, f);
		header_record(m, MW_RECORD_HEADER, f->name, &b);
	}
	if (decoded) {
		joined_record(m, "ToCc", to_cc, 2);
		joined_record(m, "MESSAGEID", message_id, 4);
		address_records(m);
	}
	all_records(m);
}
