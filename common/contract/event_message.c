#include "common/contract/event_fields.h"

/* Name and code on the wire of each class; codes are never reused. */
static const struct {
	const char *name;
	uint8_t code;
} classes[] = {
	[MW_CLASS_HAM] = {"ham", 1},
	[MW_CLASS_SPAM] = {"spam", 2},
	[MW_CLASS_WORM] = {"worm", 3},
};

enum { CLASS_COUNT = sizeof(classes) / sizeof(classes[0]) };

const char *mw_message_class_name(enum mw_message_class c)
{
	return (unsigned)c < CLASS_COUNT ? classes[c].name : "invalid";
}

static void write_class(struct mw_writer *w, enum mw_message_class c)
{
	if ((unsigned)c >= CLASS_COUNT)
		w->failed = true;
	else
		mw_write_u8(w, classes[c].code);
}

static enum mw_message_class read_class(struct mw_reader *r)
{
	uint8_t code = mw_read_u8(r);

	for (unsigned i = 0; i < CLASS_COUNT; i++)
		if (classes[i].code == code)
			return (enum mw_message_class)i;
	r->failed = true;
	return MW_CLASS_HAM;
}

/* The texts in the order they are written. */
static char *text_of(struct mw_event_message *m, unsigned i)
{
	char *texts[] = {m->helo, m->mail_from, m->subject, m->header_from, m->message_id, m->date,
		m->mailer};

	return texts[i];
}

enum { TEXTS = 7 };

void mw_event_message_write(struct mw_writer *w, const struct mw_event_message *m)
{
	const char *const texts[TEXTS] = {m->helo, m->mail_from, m->subject, m->header_from,
		m->message_id, m->date, m->mailer};

	if (m->domain_count > MW_EVENT_DOMAINS_MAX || m->rule_count > MW_EVENT_RULES_MAX) {
		w->failed = true;
		return;
	}
	mw_write_u64(w, m->time_us);
	mw_write_u32(w, m->customer_index);
	mw_write_u16(w, m->lane);
	mw_wire_write_ip(w, &m->client);
	mw_wire_write_ip(w, &m->server);
	mw_write_u16(w, m->client_port);
	mw_write_u16(w, m->server_port);
	mw_write_u64(w, m->fingerprint);
	mw_write_u64(w, m->campaign);
	mw_write_u32(w, m->ham_before);
	write_class(w, m->klass);
	mw_wire_write_bool(w, m->refused);
	mw_wire_write_bool(w, m->complete);
	mw_wire_write_i32(w, m->score_milli);
	mw_wire_write_i32(w, m->threshold_milli);
	mw_write_u32(w, m->recipients);
	mw_write_u8(w, m->ttl);
	mw_write_u16(w, m->window);
	mw_write_u16(w, m->mss);
	mw_write_u64(w, m->size);
	mw_write_octets(w, m->sha256, sizeof(m->sha256));
	for (unsigned i = 0; i < TEXTS; i++)
		mw_wire_write_text(w, texts[i], MW_EVENT_TEXT_MAX, MW_WIRE_UTF8);
	mw_write_u8(w, m->domain_count);
	for (unsigned i = 0; i < m->domain_count; i++)
		mw_wire_write_text(w, m->domains[i], MW_EVENT_TEXT_MAX, MW_WIRE_UTF8);
	mw_write_u8(w, m->rule_count);
	for (unsigned i = 0; i < m->rule_count; i++) {
		mw_wire_write_text(w, m->rules[i].name, MW_RULE_NAME_MAX, MW_WIRE_UTF8);
		mw_wire_write_i32(w, m->rules[i].score_milli);
	}
}

/* The count of a list: over its limit the record is bad, and the list stays empty. */
static uint8_t read_count(struct mw_reader *r, uint8_t max)
{
	uint8_t n = mw_read_u8(r);

	if (n > max)
		r->failed = true;
	return r->failed ? 0 : n;
}

void mw_event_message_read(struct mw_reader *r, struct mw_event_message *m)
{
	*m = (struct mw_event_message){.time_us = mw_read_u64(r)};
	m->customer_index = mw_read_u32(r);
	m->lane = mw_read_u16(r);
	mw_wire_read_ip(r, &m->client);
	mw_wire_read_ip(r, &m->server);
	m->client_port = mw_read_u16(r);
	m->server_port = mw_read_u16(r);
	m->fingerprint = mw_read_u64(r);
	m->campaign = mw_read_u64(r);
	m->ham_before = mw_read_u32(r);
	m->klass = read_class(r);
	m->refused = mw_wire_read_bool(r);
	m->complete = mw_wire_read_bool(r);
	m->score_milli = mw_wire_read_i32(r);
	m->threshold_milli = mw_wire_read_i32(r);
	m->recipients = mw_read_u32(r);
	m->ttl = mw_read_u8(r);
	m->window = mw_read_u16(r);
	m->mss = mw_read_u16(r);
	m->size = mw_read_u64(r);
	mw_read_octets(r, m->sha256, sizeof(m->sha256));
	for (unsigned i = 0; i < TEXTS; i++)
		mw_wire_read_text(r, text_of(m, i), MW_EVENT_TEXT_MAX, MW_WIRE_UTF8);
	m->domain_count = read_count(r, MW_EVENT_DOMAINS_MAX);
	for (unsigned i = 0; i < m->domain_count; i++)
		mw_wire_read_text(r, m->domains[i], MW_EVENT_TEXT_MAX, MW_WIRE_UTF8);
	m->rule_count = read_count(r, MW_EVENT_RULES_MAX);
	for (unsigned i = 0; i < m->rule_count; i++) {
		mw_wire_read_text(r, m->rules[i].name, MW_RULE_NAME_MAX, MW_WIRE_UTF8);
		m->rules[i].score_milli = mw_wire_read_i32(r);
	}
}
