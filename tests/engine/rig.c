#include "tests/engine/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/engine/internal.h"
#include "dataplane/text/charset.h"
#include "dataplane/text/tld.h"
#include "tests/engine/fake_scan.h"

static struct mw_charset_table *charsets;
static struct mw_tld_table *tlds;
static struct mw_verdict_record verdict_record;

static void on_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct rig *rig = ctx;

	if (rig->net != NULL)
		net_transmit(rig->net, port, frame, len);
	if (rig->on_frame != NULL)
		rig->on_frame(rig, port, frame, len);
}

static void on_message(void *ctx, const struct mw_lane_message *m)
{
	struct rig *rig = ctx;
	struct rig_message *out = &rig->message[rig->messages++ % RIG_MESSAGES];

	memset(out, 0, sizeof(*out));
	out->size = m->facts->size;
	memcpy(out->sha256, m->facts->sha256, 32);
	out->complete = m->complete;
	out->klass = m->klass;
	out->refused = m->refuse;
	out->rcpts = m->envelope->rcpt_count;
	out->data_reply = m->envelope->data_reply;
	if (m->envelope->mail_from.len < sizeof(out->mail_from) && m->envelope->mail_from.len > 0)
		memcpy(out->mail_from, m->envelope->mail_from.data, m->envelope->mail_from.len);
}

static void on_session(void *ctx, const struct mw_lane_session *s)
{
	struct rig *rig = ctx;

	rig->session = *s;
	memset(rig->server_name, 0, sizeof(rig->server_name));
	if (s->tls_server_name.len > 0)
		memcpy(rig->server_name, s->tls_server_name.data, s->tls_server_name.len);
	rig->session.tls_server_name = mw_span_of(NULL, 0); /* it is gone after this call */
	rig->sessions++;
}

static void on_ham(void *ctx, uint32_t customer, uint32_t ham, uint64_t now_ns)
{
	((struct rig *)ctx)->ham += ham;
}

static void on_divert(
	void *ctx, uint32_t customer, const struct mw_divert_counts *counts, uint64_t now_ns)
{
	struct mw_divert_counts *sum = &((struct rig *)ctx)->divert;

	sum->diverted += counts->diverted;
	sum->passed += counts->passed;
	sum->put_off += counts->put_off;
	sum->refused += counts->refused;
}

struct mw_ip rig_client(uint32_t customer, uint32_t host, bool v6)
{
	char text[64];
	struct mw_ip ip;

	if (v6)
		snprintf(text, sizeof(text), "2001:db8:%x::%x", customer, host & 0xffff);
	else if (customer == 0)
		snprintf(text, sizeof(text), "192.0.2.%u", host & 255);
	else
		snprintf(text, sizeof(text), "198.18.%u.%u", customer & 255, host & 255);
	mw_ip_parse(text, &ip);
	return ip;
}

static int by_key(const void *a, const void *b)
{
	const struct mw_line_record *x = a, *y = b;

	return mw_line_key_compare(&x->key, &y->key);
}

void rig_verdict(struct rig *rig, enum mw_verdict verdict, const char *reply)
{
	static struct mw_policy_settings settings;
	static struct mw_customer_record customer[RIG_CUSTOMERS];
	static struct mw_line_record line[2 * RIG_CUSTOMERS];
	uint32_t customers = rig->config.customers;
	struct mw_snapshot_input in = {.settings = &settings,
		.customers = customer,
		.customer_count = customers,
		.lines = line,
		.line_count = 2 * customers,
		.verdicts = &verdict_record,
		.verdict_count = 1,
		.generation = ++rig->generation};
	const struct mw_snapshot *snapshot;
	size_t size;

	mw_policy_settings_default(&settings);
	settings.refuse_spam = rig->refuse_spam;
	settings.refuse_smuggling = rig->refuse_smuggling;
	memset(line, 0, sizeof(line));
	for (uint32_t i = 0; i < customers; i++) {
		char text[64];

		customer[i] = (struct mw_customer_record){.index = i,
			.inspection = MW_INSPECTION_CONTENT,
			.spam_threshold_milli = 2000,
			.rate = rig->rate};
		snprintf(customer[i].id, sizeof(customer[i].id), "K%u", i + 1);
		line[2 * i].customer_index = line[2 * i + 1].customer_index = i;
		snprintf(text, sizeof(text), i == 0 ? "192.0.2.0/24" : "198.18.%u.0/24", i);
		assert_int_equal(mw_prefix_parse(text, &line[2 * i].key.prefix), 0);
		snprintf(text, sizeof(text), "2001:db8:%x::/48", i);
		assert_int_equal(mw_prefix_parse(text, &line[2 * i + 1].key.prefix), 0);
	}
	qsort(line, 2 * customers, sizeof(line[0]), by_key);
	verdict_record = (struct mw_verdict_record){
		.customer_index = 0, .verdict = verdict, .generation = in.generation};
	snprintf(verdict_record.reply, sizeof(verdict_record.reply), "%s",
		reply != NULL ? reply : "");
	if (rig->policy != NULL)
		rig->policy(rig, &in, &settings, customer, line);
	size = (mw_snapshot_bytes(&in) + 63) & ~(size_t)63;
	free(rig->snapshot_memory);
	rig->snapshot_memory = aligned_alloc(64, size);
	assert_int_equal(mw_snapshot_build(&in, rig->snapshot_memory, size, &snapshot), 0);
	mw_lane_set_snapshot(rig->lane, snapshot);
}

static uint32_t or_usual(uint32_t wanted, uint32_t usual)
{
	return wanted != 0 ? wanted : usual;
}

void rig_open(struct rig *rig, const struct rig_options *options)
{
	struct mw_lane_sink sink = {.ctx = rig,
		.transmit = on_transmit,
		.message = on_message,
		.session = on_session,
		.ham = on_ham,
		.divert = on_divert};
	size_t size;

	memset(rig, 0, sizeof(*rig));
	fake_open_scans = 0;
	rig->refuse_spam = options->refuse_spam;
	rig->rate = options->rate;
	rig->policy = options->policy;
	rig->refuse_smuggling = options->refuse_smuggling;
	if (charsets == NULL) {
		assert_int_equal(mw_charset_table_open(&charsets), 0);
		assert_int_equal(mw_tld_table_open(NULL, &tlds), 0);
	}
	mw_port_set_add(&rig->ports, options->port != 0 ? options->port : 25);
	rig->config = (struct mw_lane_config){
		.key = 0x1122334455667788ull,
		.smtp_ports = &rig->ports,
		.flows = or_usual(options->flows, 64),
		.contents = or_usual(options->contents, 8),
		.messages = or_usual(options->messages, 16),
		.kept_blocks = or_usual(options->kept_blocks, 1024),
		.record_blocks = or_usual(options->record_blocks, 256),
		.responders = or_usual(options->responders, 8),
		.customers = or_usual(options->customers, 1),
		.scan_budget_ns = options->scan_budget_ns,
		.spent_ns = fake_stopwatch,
		.hold_max_ms = options->hold_max_ms != 0 ? options->hold_max_ms : 8000,
		.passive = options->passive,
		.judge_checksums = true,
		.want_hashes = true,
		.want_parts = true,
		.every_client = options->passive,
		.mtu = 1500,
		.divert_mtu = options->divert_mtu,
		.divert_mac = {2, 0, 0, 0, 0, 0xd1},
		.charsets = charsets,
		.tlds = tlds,
		.left = options->left,
	};
	size = (mw_lane_bytes(&rig->config) + 63) & ~(size_t)63;
	rig->memory = aligned_alloc(64, size);
	memset(rig->memory, 0, size); /* as the rim promises */
	rig->lane = mw_lane_init(rig->memory, &rig->config, &sink);
	if (!options->passive)
		rig_verdict(rig, options->verdict, options->reply);
	assert_true(mw_lane_set_rules(rig->lane, fake_rules(), fake_scratch()));
}

void rig_assert_empty(const struct rig *rig)
{
	assert_int_equal(rig->lane->kept_pool.used, 0);
	assert_int_equal(rig->lane->envelope_pool.used, 0);
	assert_int_equal(rig->lane->content_pool.used, 0);
	assert_int_equal(rig->lane->transfer_pool.used, 0);
	assert_int_equal(rig->lane->record_pool.used, 0);
	assert_int_equal(rig->lane->tls_pool.used, 0);
	assert_int_equal(rig->lane->young, 0);
	assert_int_equal(rig->lane->young_contents, 0);
	for (uint32_t i = 0; i < rig->config.customers; i++) {
		assert_int_equal(rig->lane->use[i].kept, 0);
		assert_int_equal(rig->lane->use[i].contents, 0);
	}
	assert_int_equal(fake_open_scans, 0);
	for (int i = 0; i < MW_RULES_SLOTS; i++)
		assert_int_equal(rig->lane->rules[i].users, 0);
}

uint32_t rig_timers(const struct rig *rig)
{
	const struct mw_wheel *wheel = &rig->lane->wheel;
	uint32_t timers = 0;

	for (uint32_t i = 0; i < MW_WHEEL_SLOTS; i++) {
		uint32_t at = wheel->slot[i];

		while (at != MW_FLOW_NONE) {
			const struct mw_flow_link *link = mw_flow_entry(wheel->table, at);

			timers++;
			at = link->wheel_next;
		}
	}
	return timers;
}

void rig_close(struct rig *rig)
{
	free(rig->memory);
	free(rig->snapshot_memory);
}
