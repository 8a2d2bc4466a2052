/*
 * Records as octets: what the two planes tell each other, what the control plane keeps, the
 * compiled rules. Oracles: no octet outside is read; what decodes can be encoded again, and from
 * then on octets and record stand for each other; a rules file that loads can be used.
 *
 * The first octet picks the record, the rest is it; of a rules file, what stands behind the parts
 * that bind it to this machine.
 */
#include <errno.h>
#include <hs.h>
#include <unistd.h>

#include "common/base/cursor.h"
#include "common/contract/event.h"
#include "common/contract/policy.h"
#include "common/contract/ruleset_wire.h"
#include "controlplane/detect/detect.h"
#include "controlplane/notify/outbox.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/customers.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/tickets.h"
#include "controlplane/store/timers.h"
#include "controlplane/store/verdicts.h"
#include "controlplane/ticket/ticket_record.h"
#include "dataplane/scan/scan.h"
#include "tests/fuzz/target.h"

#define RECORD_MAX 65536u

const struct fuzz_target fuzz_target = {"records", 4000};

/* One kind of record: decode into a static object, encode that. */
struct codec {
	const char *name;
	int (*decode)(struct mw_span in);
	size_t (*encode)(uint8_t *out, size_t size);
};

#define CODEC(kind, type, decoder, encoder)                    \
	static struct type kind;                               \
	static int decode_##kind(struct mw_span in)            \
	{                                                      \
		return decoder(in, &kind);                     \
	}                                                      \
	static size_t encode_##kind(uint8_t *out, size_t size) \
	{                                                      \
		return encoder(&kind, out, size);              \
	}

CODEC(event, mw_event, mw_event_decode, mw_event_encode)
CODEC(customer, mw_customer_record, mw_customer_decode, mw_customer_encode)
CODEC(line, mw_line_record, mw_line_decode, mw_line_encode)
CODEC(line_key, mw_line_key, mw_line_key_decode, mw_line_key_encode)
CODEC(verdict, mw_verdict_record, mw_verdict_decode, mw_verdict_encode)
CODEC(settings, mw_policy_settings, mw_policy_settings_decode, mw_policy_settings_encode)
CODEC(ticket, mw_ticket, mw_ticket_decode, mw_ticket_encode)
CODEC(contact, mw_contact, mw_contact_decode, mw_contact_encode)
CODEC(outbox, mw_outbox_record, mw_outbox_decode, mw_outbox_encode)
CODEC(detect, mw_detect_state, mw_detect_decode, mw_detect_encode)

#define ENTRY(kind)                                 \
	{                                           \
#kind, decode_##kind, encode_##kind \
	}

static const struct codec codecs[] = {ENTRY(event), ENTRY(customer), ENTRY(line), ENTRY(line_key),
	ENTRY(verdict), ENTRY(settings), ENTRY(ticket), ENTRY(contact), ENTRY(outbox),
	ENTRY(detect)};

#define CODECS ((uint32_t)(sizeof(codecs) / sizeof(codecs[0])))

/* What can be seen of an event without decoding it is what is in it. */
static void check_peek(struct mw_span in)
{
	uint64_t time_us = event.kind == MW_EVENT_MESSAGE  ? event.message.time_us
			   : event.kind == MW_EVENT_HAM	   ? event.ham.time_us
			   : event.kind == MW_EVENT_LANE   ? event.lane.time_us
			   : event.kind == MW_EVENT_DIVERT ? event.divert.time_us
							   : event.session.end_us;

	demand(mw_event_peek(in) == event.kind, "an event's kind is seen");
	demand(mw_event_peek_time_us(in) == time_us, "and its time");
}

static void record(const struct codec *c, struct mw_span in)
{
	static uint8_t first[RECORD_MAX], second[RECORD_MAX];
	int rc = c->decode(in);
	size_t n, m;
	uint8_t *exact;

	demand(rc == 0 || rc == -EPROTO || rc == -EBADMSG, "a decoder says what it may say");
	if (rc != 0)
		return;
	if (c->decode == decode_event)
		check_peek(in);
	n = c->encode(first, sizeof(first));
	if (n == 0)
		fprintf(stderr, "record: %s\n", c->name);
	demand(n > 0, "what was decoded can be encoded");
	exact = malloc(n);
	demand(exact != NULL, "there is memory");
	demand(c->encode(exact, n - 1) == 0, "one octet too little is too little");
	demand(c->encode(exact, n) == n, "and just enough is enough");
	demand(c->decode(mw_span_of(exact, n)) == 0, "and decoded again");
	free(exact);
	m = c->encode(second, sizeof(second));
	demand(n == m && memcmp(first, second, n) == 0, "into the same octets");
}

/* --- the cases environment: raw octets in, through its reader, its writer, its reader --- */

static struct mw_cases cases;

static void open_cases(void)
{
	static const char *const left[] = {
		"cases/data.mdb", "cases/lock.mdb", "cases/writer.lock", "cases"};
	char dir[] = "/tmp/mw-fuzz-XXXXXX", path[64], error[256] = "";

	demand(mkdtemp(dir) != NULL, "a folder can be made");
	if (mw_cases_open(&cases, dir, 16u << 20, error, sizeof(error)) != 0)
		fprintf(stderr, "%s\n", error);
	demand(error[0] == '\0', "an environment can be opened");
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, left[i]);
		remove(path); /* open files stay until the process ends */
	}
	rmdir(dir);
}

static bool stored_ticket(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	if (!put)
		return mw_ticket_get(txn, 7, &ticket);
	ticket.number = mw_ticket_number_of(7);
	mw_ticket_put(txn, 1, &ticket);
	return true;
}

static bool stored_customer(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	static struct mw_desk_customer rec;

	if (!put)
		return mw_customer_get(txn, "C", &rec);
	memcpy(rec.id, "C", 2);
	mw_customer_put(txn, &rec);
	return true;
}

static bool stored_task(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	static struct mw_task rec;

	if (!put)
		return mw_task_get(txn, 7, &rec);
	rec.id = 7;
	mw_task_put(txn, &rec);
	return true;
}

static bool stored_outbox(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	if (!put)
		return mw_outbox_get(txn, 7, &outbox);
	outbox.id = 7;
	mw_outbox_put(txn, &outbox);
	return true;
}

static bool stored_detector(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	if (put)
		mw_detector_put(txn, 7, &detect);
	else
		mw_detector_get(txn, 7, &detect);
	return txn->base.error == 0;
}

/* Only read: these are written from other things than what was read. */
static bool read_history(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	static struct mw_history entry;
	struct mw_walk walk = mw_history_walk(txn, 0);
	bool found = !put && mw_history_next(&walk, 0, &entry);

	mw_walk_end(&walk);
	demand(!found || (strnlen(entry.text, sizeof(entry.text)) < sizeof(entry.text) &&
				 strnlen(entry.by, sizeof(entry.by)) < sizeof(entry.by)),
		"texts end");
	return false;
}

static bool read_alarm(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	static struct mw_alarm alarm;
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_ALARMS, mw_span_of("", 0));
	bool found = !put && mw_alarm_next(&walk, &alarm);

	mw_walk_end(&walk);
	demand(!found || strnlen(alarm.text, sizeof(alarm.text)) < sizeof(alarm.text), "texts end");
	return false;
}

static bool read_change(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	struct mw_change change;
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CHANGES, mw_span_of("", 0));

	if (!put)
		mw_change_next(&walk, &change);
	mw_walk_end(&walk);
	return false;
}

static bool read_verdict(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	enum mw_verdict_source source;
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_VERDICTS, mw_span_of("", 0));

	if (!put)
		mw_verdict_next(&walk, &source, &verdict);
	mw_walk_end(&walk);
	return false;
}

static bool read_audit(struct mw_cases_txn *txn, struct mw_span key, bool put)
{
	struct mw_audit_check found;

	if (put)
		return false;
	mw_audit_verify(txn, &found);
	demand(found.bad_seq != 0 || found.entries == 0, "no octets pass for an audit");
	demand(found.bad_seq == 0 || found.sentence[0] != '\0', "and what is bad is said");
	return false;
}

static const struct stored {
	enum mw_table table;
	uint8_t key[8];
	uint8_t key_len;
	bool (*go)(struct mw_cases_txn *txn, struct mw_span key, bool put);
} stored[] = {
	{MW_TABLE_TICKETS, {0, 0, 0, 0, 0, 0, 0, 7}, 8, stored_ticket},
	{MW_TABLE_CUSTOMERS, {'C'}, 1, stored_customer},
	{MW_TABLE_TASKS, {0, 0, 0, 0, 0, 0, 0, 7}, 8, stored_task},
	{MW_TABLE_OUTBOX, {0, 0, 0, 0, 0, 0, 0, 7}, 8, stored_outbox},
	{MW_TABLE_DETECTOR, {0, 0, 0, 7}, 4, stored_detector},
	{MW_TABLE_HISTORY, {0}, 8, read_history},
	{MW_TABLE_ALARMS, {0, 0, 0, 0, 0, 0, 0, 1}, 8, read_alarm},
	{MW_TABLE_CHANGES, {0, 0, 0, 0, 0, 0, 0, 1}, 8, read_change},
	{MW_TABLE_VERDICTS, {0, 0, 0, 0, 7}, 5, read_verdict},
	{MW_TABLE_AUDIT, {0, 0, 0, 0, 0, 0, 0, 1}, 8, read_audit},
};

#define STORED ((uint32_t)(sizeof(stored) / sizeof(stored[0])))

static void through_store(const struct stored *s, struct mw_span in)
{
	static uint8_t first[RECORD_MAX];
	struct mw_span key = mw_span_of(s->key, s->key_len), value;
	struct mw_cases_txn txn;
	size_t n;

	if (cases.env.env == NULL)
		open_cases();
	txn = mw_cases_write(&cases);
	mw_cases_put(&txn, s->table, key, in);
	if (s->go(&txn, key, false)) {
		s->go(&txn, key, true);
		if (txn.base.error != 0)
			fprintf(stderr, "table %d: %s\n", (int)s->table, strerror(-txn.base.error));
		demand(mw_cases_get(&txn, s->table, key, &value), "what was read can be written");
		n = value.len;
		demand(n <= sizeof(first), "records are bounded");
		memcpy(first, value.data, n);
		demand(s->go(&txn, key, false), "and read again");
		s->go(&txn, key, true);
		demand(mw_cases_get(&txn, s->table, key, &value) && value.len == n &&
				memcmp(first, value.data, n) == 0,
			"and written the same");
	}
	mw_cases_abort(&txn);
}

/* --- the compiled rules --- */

/* Magic, version, length, checksum, and what binds a file to this machine. */
static size_t rules_file(struct mw_span tail, uint8_t *out, size_t size)
{
	struct mw_writer w = mw_writer_of(out, size);
	static const uint8_t hash[32];
	uint32_t library = (uint32_t)strlen(hs_version());

	mw_write_octets(&w, MW_RULESET_MAGIC, 8);
	mw_write_u32(&w, MW_RULESET_VERSION);
	mw_write_u64(&w, 0);
	mw_write_u64(&w, 0);
	mw_write_octets(&w, hash, sizeof(hash));
	mw_write_u32(&w, library);
	mw_write_octets(&w, hs_version(), library);
	mw_write_u32(&w, 0); /* tune */
	mw_write_u64(&w, 0); /* features */
	mw_write_u32(&w, 0); /* time */
	mw_write_octets(&w, tail.data, tail.len);
	demand(!w.failed, "the file fits");
	size = mw_writer_len(&w);
	w = mw_writer_of(out + MW_RULESET_AT_LENGTH, 16);
	mw_write_u64(&w, size);
	mw_write_u64(&w, mw_ruleset_checksum(out + MW_RULESET_AT_BODY, size - MW_RULESET_AT_BODY));
	return size;
}

static void use_rules(const struct mw_ruleset *rules)
{
	static uint8_t text[4096];
	struct mw_scan_scratch *scratch = mw_scan_scratch_new(rules, 1);
	struct mw_scan_result result;
	struct mw_scan *scan;
	void *memory;

	if (scratch == NULL)
		return;
	memory = malloc(mw_scan_bytes(rules));
	demand(memory != NULL, "there is memory");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t) "From abc <x@y.example> viagra\n="[i % 31];
	scan = mw_scan_begin(memory, rules);
	for (int kind = 0; kind < MW_RECORD_KINDS; kind++) {
		struct mw_record rec = {.kind = (enum mw_record_kind)kind,
			.name = mw_span_str(kind <= MW_RECORD_HEADER_RAW ? "From" : ""),
			.data = mw_span_of(text, 512),
			.stream = 1,
			.last = true};

		mw_scan_record(scan, scratch, &rec);
	}
	mw_scan_end(scan, scratch, 2000, &result);
	for (uint32_t i = 0; i < result.hit_count; i++)
		demand(result.hits[i].rule < mw_ruleset_rule_count(rules), "a hit is of a rule");
	free(memory);
	mw_scan_scratch_free(scratch);
}

static void rules(struct mw_span tail)
{
	static uint8_t out[RECORD_MAX];
	char error[MW_RULESET_ERROR_MAX] = "";
	size_t len = rules_file(tail, out, sizeof(out));
	uint8_t *exact = fuzz_exact(out, len);
	struct mw_ruleset *loaded = mw_ruleset_load(mw_span_of(exact, len), error);

	free(exact); /* what is needed was copied */
	if (loaded != NULL)
		use_rules(loaded);
	else
		demand(error[0] != '\0', "what is wrong is said");
	mw_ruleset_free(loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t kind = fuzz_u8(&in);
	uint8_t *exact = fuzz_exact(in.at, in.left);
	struct mw_span all = mw_span_of(exact, in.left);

	if (kind >= 128)
		rules(all);
	else if (kind % (CODECS + STORED) < CODECS)
		record(&codecs[kind % (CODECS + STORED)], all);
	else
		through_store(&stored[kind % (CODECS + STORED) - CODECS], all);
	mw_event_peek(all);
	mw_event_peek_time_us(all);
	free(exact);
	return 0;
}

/* --- made up: a valid record of each kind, as far as zeros and a few texts are one --- */

static void any_rule(struct fuzz_random *r, struct mw_ruleset_writer *w)
{
	const struct mw_ruleset_rule rule = {.name = mw_span_str("R"),
		.description = mw_span_str("d"),
		.score_milli = 1000,
		.klass = MW_CLASS_SPAM,
		.flags = (uint8_t)fuzz_below(r, 8),
		.maxhits = (uint16_t)fuzz_below(r, 3)};

	mw_ruleset_write_rule(w, &rule);
}

static size_t make_rules(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static const char *const patterns[] = {
		"viagra", "^From", "(a|b)c", "x@y\\.[a-z]+", "(?=a)b*", "[^\\n]{3}$"};
	struct mw_ruleset_header h = {.library = mw_span_str(hs_version()),
		.rules = 1 + fuzz_below(r, 4),
		.exprs = fuzz_below(r, 5),
		.sections = fuzz_below(r, 4),
		.automata = fuzz_below(r, 2),
		.metas = fuzz_below(r, 3),
		.digests = fuzz_below(r, 2),
		.reports = fuzz_below(r, 2)};
	static const uint8_t digest[32];
	struct mw_ruleset_writer w = {0};
	uint8_t list[16], table[65] = {1, 0xff, 0xff};
	size_t begin, n;

	mw_ruleset_write_header(&w, &h);
	begin = w.len - 8 * 4;
	for (uint32_t i = 0; i < h.rules; i++)
		any_rule(r, &w);
	for (uint32_t i = 0; i < h.exprs; i++)
		mw_ruleset_write_expr(&w,
			&(struct mw_ruleset_expr){.rule = fuzz_below(r, h.rules),
				.flags = (uint8_t)(fuzz_below(r, 2) |
						   (fuzz_below(r, 4) == 0 ? fuzz_below(r, 32) : 0)),
				.re_flags = fuzz_below(r, 16),
				.pattern = mw_span_str(patterns[fuzz_below(r, 6)])});
	for (uint32_t i = 0; i < h.sections; i++) {
		uint32_t count = h.exprs < 3 ? h.exprs : 3;

		for (uint32_t k = 0; k < count; k++) {
			memset(list + 4 * k, 0, 4);
			list[4 * k + 3] = (uint8_t)fuzz_below(r, h.exprs);
		}
		mw_ruleset_write_section(
			&w, &(struct mw_ruleset_section){.kind = (uint8_t)(1 + fuzz_below(r, 8)),
				    .name = mw_span_str(fuzz_below(r, 2) == 0 ? "" : "From"),
				    .literal_db = MW_RULESET_NONE,
				    .regex_db = MW_RULESET_NONE,
				    .automaton = h.automata > 0 && fuzz_below(r, 2) == 0
							 ? 0
							 : MW_RULESET_NONE,
				    .always_count = count,
				    .always = mw_span_of(list, 4 * count),
				    .member_count = count,
				    .members = mw_span_of(list, 4 * count)});
	}
	memset(list, 0, 4);
	for (uint32_t i = 0; i < h.automata; i++)
		mw_ruleset_write_automaton(&w, &(struct mw_ruleset_automaton){.sequence_count = 1,
						       .exprs = mw_span_of(list, 4),
						       .tables = mw_span_of(table, sizeof(table))});
	for (uint32_t i = 0; i < h.metas; i++) {
		static const uint8_t code[] = {MW_META_RULE, 0, 0, 0, 0, MW_META_NUMBER, 0, 0, 3,
			0xe8, MW_META_ADD, MW_META_NOT};

		mw_ruleset_write_meta(&w, &(struct mw_ruleset_meta){.rule = i % h.rules,
						  .code = mw_span_of(code, sizeof(code))});
	}
	for (uint32_t i = 0; i < h.digests; i++)
		mw_ruleset_write_digest(&w, &(struct mw_ruleset_digest){.kind = MW_DIGEST_SHA256,
						    .size = UINT64_MAX,
						    .octets = mw_span_of(digest, sizeof(digest))});
	for (uint32_t i = 0; i < h.reports; i++)
		mw_ruleset_write_report(&w, &(struct mw_ruleset_report){.name = mw_span_str("R")});
	demand(!w.failed, "there is memory");
	n = w.len - begin < size ? w.len - begin : size;
	memcpy(out, w.data + begin, n);
	free(w.data);
	return n;
}

static void any_text(struct fuzz_random *r, char *out, size_t size)
{
	static const char *const texts[] = {"", "x", "a@b.example", "caf\xc3\xa9", "two words"};

	snprintf(out, size < 16 ? size : 16, "%s", texts[fuzz_below(r, 5)]);
}

static size_t make_event(struct fuzz_random *r, uint8_t *out, size_t size)
{
	memset(&event, 0, sizeof(event));
	event.kind = (enum mw_event_kind)(1 + fuzz_below(r, 5));
	if (event.kind == MW_EVENT_MESSAGE) {
		event.message.domain_count = (uint8_t)fuzz_below(r, 4);
		event.message.rule_count = (uint8_t)fuzz_below(r, 4);
		for (int i = 0; i < event.message.domain_count; i++)
			any_text(r, event.message.domains[i], MW_EVENT_TEXT_MAX);
		for (int i = 0; i < event.message.rule_count; i++)
			any_text(r, event.message.rules[i].name, MW_RULE_NAME_MAX);
		any_text(r, event.message.subject, sizeof(event.message.subject));
		any_text(r, event.message.mail_from, sizeof(event.message.mail_from));
	} else if (event.kind == MW_EVENT_SESSION) {
		event.session.reason = (enum mw_reason)fuzz_below(r, MW_REASON_COUNT);
		event.session.anomalies = 1u << fuzz_below(r, 8);
	} else if (event.kind == MW_EVENT_DIVERT) {
		event.divert.time_us = fuzz_random(r);
		event.divert.put_off = (uint32_t)fuzz_random(r);
	}
	return mw_event_encode(&event, out, size);
}

static void any_gateway(struct fuzz_random *r, struct mw_divert_settings *d)
{
	const uint8_t gateway[4] = {192, 0, 2, 1}, own[4] = {192, 0, 2, (uint8_t)fuzz_random(r)};

	if (fuzz_below(r, 4) == 0)
		return;
	d->gateway_v4 = mw_ip_from_v4(gateway);
	d->address_v4 = mw_ip_from_v4(own);
	d->vlan = (uint16_t)fuzz_below(r, 4095);
	d->fallback = (enum mw_divert_fallback)fuzz_below(r, MW_DIVERT_FALLBACK_COUNT);
	d->check_every_ms = 1000;
	d->check_timeout_ms = 1 + fuzz_below(r, 1000);
	d->fall = d->rise = (uint8_t)(1 + fuzz_below(r, 255));
}

static size_t make_record(struct fuzz_random *r, uint32_t which, uint8_t *out, size_t size)
{
	if (which == 0)
		return make_event(r, out, size);
	memset(&customer, 0, sizeof(customer));
	memset(&line, 0, sizeof(line));
	memset(&verdict, 0, sizeof(verdict));
	memset(&settings, 0, sizeof(settings));
	memset(&ticket, 0, sizeof(ticket));
	memset(&contact, 0, sizeof(contact));
	memset(&outbox, 0, sizeof(outbox));
	memset(&detect, 0, sizeof(detect));
	memcpy(customer.id, "C", 2);
	memcpy(ticket.customer, "C", 2);
	any_text(r, customer.class_name, sizeof(customer.class_name));
	any_text(r, contact.name, sizeof(contact.name));
	line.key.is_vlan = fuzz_below(r, 2) == 0;
	line.key.vlan_outer = (uint16_t)(1 + fuzz_below(r, 4094));
	line.key.prefix.len = line.key.is_vlan ? 0 : 96;
	line_key = line.key;
	settings.smtp_port_count = 1;
	settings.smtp_ports[0] = 25;
	any_gateway(r, &settings.divert);
	detect.fingerprint_count = fuzz_below(r, 3);
	detect.spam_count = fuzz_below(r, 3);
	outbox.to_count = (uint8_t)fuzz_below(r, 3);
	ticket.contact_count = (uint8_t)fuzz_below(r, 3);
	return codecs[which].encode(out, size);
}

size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static uint8_t made[RECORD_MAX];
	uint32_t kind = fuzz_below(r, 256);
	size_t n;

	if (size < 16)
		return 0;
	out[0] = (uint8_t)kind;
	if (kind >= 128) {
		n = make_rules(r, made, sizeof(made));
	} else if (kind % (CODECS + STORED) < CODECS) {
		n = make_record(r, kind % (CODECS + STORED), made, sizeof(made));
	} else { /* the stored kinds that are records of ours as well, else noise with a version */
		static const uint8_t as[] = {6, 1, 1, 8, 9, 0, 0, 1, 4, 0};

		n = make_record(r, as[kind % (CODECS + STORED) - CODECS], made, sizeof(made));
	}
	n = n < size - 1 ? n : size - 1;
	memcpy(out + 1, made, n);
	for (uint32_t i = fuzz_below(r, 4); i > 0 && n > 0; i--)
		out[1 + fuzz_below(r, (uint32_t)n)] ^= (uint8_t)(1u << fuzz_below(r, 8));
	return n + 1;
}
