/*
 * The contract's records: golden octets never change, what is decoded is valid, hostile octets do
 * no harm. MW_GOLDEN_WRITE=1 writes the golden files anew (a change of format needs a new version).
 */
#include "tests/store/support.h"

#include "common/base/log.h"
#include "common/contract/event.h"
#include "common/contract/policy.h"

enum kind {
	CUSTOMER,
	LINE,
	LINE_VLAN,
	VERDICT,
	SETTINGS,
	MESSAGE,
	HAM,
	SESSION,
	LANE,
	DIVERT,
	KINDS
};

static const char *const golden_name[KINDS] = {"customer", "line", "line-vlan", "verdict",
	"settings", "event-message", "event-ham", "event-session", "event-lane", "event-divert"};

union record {
	struct mw_customer_record customer;
	struct mw_line_record line;
	struct mw_verdict_record verdict;
	struct mw_policy_settings settings;
	struct mw_event event;
};

static void make(enum kind kind, union record *r)
{
	struct mw_event_message *m = &r->event.message;

	memset(r, 0, sizeof(*r));
	switch (kind) {
	case CUSTOMER:
		r->customer = (struct mw_customer_record){.index = 70000,
			.id = "C-4711 Müller",
			.class_name = "business",
			.inspection = MW_INSPECTION_CONTENT_SAMPLE,
			.shared = true,
			.spam_threshold_milli = -1500,
			.rate = {60, 300, 30},
			.is_line = true,
			.owner = 69999,
			.class_verdict = MW_VERDICT_DIVERT};
		break;
	case LINE:
		assert_int_equal(mw_prefix_parse("192.0.2.128/25", &r->line.key.prefix), 0);
		r->line.customer_index = 70000;
		break;
	case LINE_VLAN:
		r->line = (struct mw_line_record){
			.key = {.is_vlan = true, .vlan_outer = 100, .vlan_inner = 7},
			.customer_index = 3};
		break;
	case VERDICT:
		r->verdict = (struct mw_verdict_record){.customer_index = 70000,
			.verdict = MW_VERDICT_REJECT,
			.generation = UINT64_C(0x0102030405060708),
			.since_s = 1795338000,
			.expires_s = 1795341600,
			.reason = "no report within the hour",
			.by = "desk:jörg",
			.ticket = "MW-2026-000123",
			.reply = "Outgoing mail is disabled, ticket MW-2026-000123"};
		break;
	case SETTINGS:
		r->settings = (struct mw_policy_settings){.smtp_ports = {25, 2525},
			.smtp_port_count = 2,
			.refuse_worm = true,
			.refuse_smuggling = true,
			.reject_at = MW_REJECT_AT_ADAPTIVE,
			.scan_budget_us = 50,
			.hold_max_ms = 8000,
			.default_threshold_milli = 2000,
			.ruleset_path = "/var/lib/mailweir/rules/7.mwr",
			.ruleset_generation = 7,
			.banner_name = "mx.example.net",
			.refuse_reply = "message refused, please call +49 89 1234",
			.observe = true,
			.divert_reply = "the check of mail is not available",
			.reachable_count = 1,
			.divert = {.mac = {2, 0, 0, 0, 0, 1},
				.vlan = 7,
				.fallback = MW_DIVERT_LATER,
				.check_port = 25,
				.check_every_ms = 5000,
				.check_timeout_ms = 3000,
				.fall = 3,
				.rise = 2}};
		assert_int_equal(mw_prefix_parse("203.0.113.0/28", &r->settings.reachable[0]), 0);
		assert_int_equal(mw_ip_parse("198.51.100.2", &r->settings.divert.gateway_v4), 0);
		assert_int_equal(mw_ip_parse("198.51.100.1", &r->settings.divert.address_v4), 0);
		break;
	case MESSAGE:
		r->event.kind = MW_EVENT_MESSAGE;
		*m = (struct mw_event_message){.time_us = 1795338000123456,
			.customer_index = 70000,
			.lane = 3,
			.client_port = 40000,
			.server_port = 25,
			.fingerprint = 0x1122334455667788,
			.campaign = 0x99aabbccddeeff00,
			.ham_before = 12,
			.klass = MW_CLASS_WORM,
			.refused = true,
			.complete = true,
			.score_milli = 7300,
			.threshold_milli = 2000,
			.recipients = 25,
			.ttl = 127,
			.window = 64240,
			.mss = 1460,
			.size = 123456,
			.sha256 = {1, 2, 3},
			.helo = "pc",
			.mail_from = "a@example.org",
			.subject = "Grüße\r\n\x1b[2J",
			.header_from = "A <a@example.org>",
			.message_id = "<1@x>",
			.date = "Sun, 22 Nov 2026 09:00:00 +0000",
			.mailer = "Outlook",
			.domain_count = 2,
			.domains = {"example.com", "example.net"},
			.rule_count = 2,
			.rules = {{"VIAGRA_1", 3100}, {"SHORT", -100}}};
		assert_int_equal(mw_ip_parse("192.0.2.1", &m->client), 0);
		assert_int_equal(mw_ip_parse("2001:db8::25", &m->server), 0);
		break;
	case HAM:
		r->event.kind = MW_EVENT_HAM;
		r->event.ham = (struct mw_event_ham){1795338000123456, 70000, 2, 41};
		break;
	case SESSION:
		r->event.kind = MW_EVENT_SESSION;
		r->event.session = (struct mw_event_session){.start_us = 1795338000000000,
			.end_us = 1795338001000000,
			.customer_index = 5,
			.lane = 1,
			.client_port = 1,
			.server_port = 25,
			.messages = 2,
			.reason = MW_REASON_STARTTLS,
			.client_bytes = 1000,
			.server_bytes = 500,
			.quit = true,
			.recipients_refused = 4,
			.recipients_unknown = 2,
			.recipients_policy = 1,
			.policy_refusals = 3,
			.tls_hello = MW_EVENT_TLS_WHOLE,
			.tls_version = 0x0304,
			.tls_server_name = "mx.example.net"};
		r->event.session.anomalies =
			UINT64_C(1) << mw_reason_anomaly_bit(MW_REASON_SMUGGLING) |
			UINT64_C(1) << mw_reason_anomaly_bit(MW_REASON_BLIND_RST);
		break;
	case LANE:
		r->event.kind = MW_EVENT_LANE;
		r->event.lane = (struct mw_event_lane){.time_us = 1795338000123456,
			.lane = 1,
			.count = MW_REASON_COUNT,
			.rx_packets = 1000,
			.flows_max = 7,
			.event_drops = 3,
			.policy_generation = 9,
			.ruleset_generation = 2,
			.gateway = MW_EVENT_GATEWAY_UP,
			.gateway_changes = 5};
		r->event.lane.packets[MW_REASON_FORWARDED] = 900;
		r->event.lane.packets[MW_REASON_REFUSE_WORM] = 1;
		break;
	case DIVERT:
		r->event.kind = MW_EVENT_DIVERT;
		r->event.divert = (struct mw_event_divert){1795338000123456, 70000, 2, 41, 3, 2, 1};
		break;
	case KINDS:
		break;
	}
}

static size_t encode(enum kind kind, const union record *r, uint8_t *out, size_t size)
{
	switch (kind) {
	case CUSTOMER:
		return mw_customer_encode(&r->customer, out, size);
	case LINE:
	case LINE_VLAN:
		return mw_line_encode(&r->line, out, size);
	case VERDICT:
		return mw_verdict_encode(&r->verdict, out, size);
	case SETTINGS:
		return mw_policy_settings_encode(&r->settings, out, size);
	default:
		return mw_event_encode(&r->event, out, size);
	}
}

static int decode(enum kind kind, struct mw_span in, union record *r)
{
	switch (kind) {
	case CUSTOMER:
		return mw_customer_decode(in, &r->customer);
	case LINE:
	case LINE_VLAN:
		return mw_line_decode(in, &r->line);
	case VERDICT:
		return mw_verdict_decode(in, &r->verdict);
	case SETTINGS:
		return mw_policy_settings_decode(in, &r->settings);
	default:
		return mw_event_decode(in, &r->event);
	}
}

static void test_golden(void **state)
{
	static uint8_t want[MW_EVENT_RECORD_MAX];
	static uint8_t got[MW_EVENT_RECORD_MAX];
	static union record r;

	for (enum kind k = 0; k < KINDS; k++) {
		char path[512];
		size_t want_len;
		size_t len;
		FILE *f;

		make(k, &r);
		len = encode(k, &r, got, sizeof(got));
		assert_true(len > 0);
		snprintf(path, sizeof(path), "%s/%s.bin", MW_GOLDEN_DIR, golden_name[k]);
		if (getenv("MW_GOLDEN_WRITE") != NULL) {
			f = fopen(path, "wb");
			assert_non_null(f);
			assert_int_equal(fwrite(got, 1, len, f), len);
			fclose(f);
		}
		f = fopen(path, "rb");
		assert_non_null(f);
		want_len = fread(want, 1, sizeof(want), f);
		fclose(f);
		assert_int_equal(len, want_len);
		assert_memory_equal(got, want, len);
		/* and back: what was decoded encodes to the same octets */
		memset(&r, 0x5a, sizeof(r));
		assert_int_equal(decode(k, mw_span_of(want, want_len), &r), 0);
		assert_int_equal(encode(k, &r, got, sizeof(got)), want_len);
		assert_memory_equal(got, want, want_len);
	}
}

/* What a dataplane of version 1 left behind is read: what it did not know is 0. */
static void test_older_session(void **state)
{
	static union record want, got;
	static uint8_t old[MW_EVENT_RECORD_MAX];
	size_t len;
	FILE *f = fopen(MW_GOLDEN_DIR "/event-session-v1.bin", "rb");

	assert_non_null(f);
	len = fread(old, 1, sizeof(old), f);
	fclose(f);
	make(SESSION, &want);
	want.event.session.recipients_unknown = want.event.session.recipients_policy = 0;
	want.event.session.policy_refusals = 0;
	want.event.session.tls_hello = MW_EVENT_TLS_NONE;
	want.event.session.tls_version = 0;
	memset(want.event.session.tls_server_name, 0, MW_EVENT_TEXT_MAX);
	memset(&got, 0, sizeof(got));
	assert_int_equal(decode(SESSION, mw_span_of(old, len), &got), 0);
	assert_memory_equal(&want.event.session, &got.event.session, sizeof(got.event.session));
	assert_int_equal(mw_event_peek_time_us(mw_span_of(old, len)), want.event.session.end_us);
}

/* Customers as older control planes wrote them: without limits, without lines. */
static void test_older_customers(void **state)
{
	static const char *const path[] = {
		MW_GOLDEN_DIR "/customer-v1.bin", MW_GOLDEN_DIR "/customer-v2.bin"};

	for (unsigned i = 0; i < 2; i++) {
		static union record want, got;
		uint8_t old[MW_POLICY_RECORD_MAX];
		size_t len;
		FILE *f = fopen(path[i], "rb");

		assert_non_null(f);
		len = fread(old, 1, sizeof(old), f);
		fclose(f);
		make(CUSTOMER, &want);
		want.customer.is_line = false;
		want.customer.owner = 0;
		want.customer.class_verdict = MW_VERDICT_PASS;
		if (i == 0)
			want.customer.rate = (struct mw_rate){0, 0, 0};
		memset(&got, 0, sizeof(got));
		assert_int_equal(decode(CUSTOMER, mw_span_of(old, len), &got), 0);
		assert_memory_equal(&want.customer, &got.customer, sizeof(got.customer));
	}
}

static void test_older_lane(void **state)
{
	static union record want, got;
	static uint8_t old[MW_EVENT_RECORD_MAX];
	size_t len;
	FILE *f = fopen(MW_GOLDEN_DIR "/event-lane-v1.bin", "rb");

	assert_non_null(f);
	len = fread(old, 1, sizeof(old), f);
	fclose(f);
	make(LANE, &want);
	want.event.lane.gateway = MW_EVENT_GATEWAY_NONE;
	want.event.lane.gateway_changes = 0;
	memset(&got, 0, sizeof(got));
	assert_int_equal(decode(LANE, mw_span_of(old, len), &got), 0);
	assert_memory_equal(&want.event.lane, &got.event.lane, sizeof(got.event.lane));
}

static void test_fields_survive(void **state)
{
	static union record a;
	static union record b;
	static uint8_t buf[MW_EVENT_RECORD_MAX];
	size_t len;

	make(MESSAGE, &a);
	len = encode(MESSAGE, &a, buf, sizeof(buf));
	memset(&b, 0, sizeof(b));
	assert_int_equal(decode(MESSAGE, mw_span_of(buf, len), &b), 0);
	assert_memory_equal(&a.event.message, &b.event.message, sizeof(a.event.message));
	assert_int_equal(mw_event_peek(mw_span_of(buf, len)), MW_EVENT_MESSAGE);
	make(LANE, &a);
	len = encode(LANE, &a, buf, sizeof(buf));
	memset(&b, 0, sizeof(b));
	assert_int_equal(decode(LANE, mw_span_of(buf, len), &b), 0);
	assert_memory_equal(&a.event.lane, &b.event.lane, sizeof(a.event.lane));
	make(DIVERT, &a);
	len = encode(DIVERT, &a, buf, sizeof(buf));
	memset(&b, 0, sizeof(b));
	assert_int_equal(decode(DIVERT, mw_span_of(buf, len), &b), 0);
	assert_memory_equal(&a.event.divert, &b.event.divert, sizeof(a.event.divert));
	make(SETTINGS, &a);
	len = encode(SETTINGS, &a, buf, sizeof(buf));
	memset(&b, 0, sizeof(b));
	assert_int_equal(decode(SETTINGS, mw_span_of(buf, len), &b), 0);
	assert_memory_equal(&a.settings.divert, &b.settings.divert, sizeof(a.settings.divert));
	assert_memory_equal(
		a.settings.reachable, b.settings.reachable, sizeof(a.settings.reachable));
	make(SESSION, &a);
	len = encode(SESSION, &a, buf, sizeof(buf));
	memset(&b, 0, sizeof(b));
	assert_int_equal(decode(SESSION, mw_span_of(buf, len), &b), 0);
	assert_memory_equal(&a.event.session, &b.event.session, sizeof(a.event.session));
}

/* One octet less than needed is refused, and nothing beyond the buffer is written (ASan). */
static void test_no_room(void **state)
{
	static union record r;
	static uint8_t buf[MW_EVENT_RECORD_MAX];

	for (enum kind k = 0; k < KINDS; k++) {
		size_t len;

		make(k, &r);
		len = encode(k, &r, buf, sizeof(buf));
		for (size_t size = 0; size < len; size++) {
			uint8_t *exact = malloc(size == 0 ? 1 : size);

			assert_int_equal(encode(k, &r, exact, size), 0);
			free(exact);
		}
	}
}

static void check_enums(enum kind k, const union record *r)
{
	switch (k) {
	case CUSTOMER:
		assert_in_range(r->customer.inspection, 0, MW_INSPECTION_COUNT - 1);
		break;
	case VERDICT:
		assert_in_range(r->verdict.verdict, 0, MW_VERDICT_COUNT - 1);
		break;
	case MESSAGE:
	case HAM:
	case SESSION:
	case LANE:
		if (r->event.kind == MW_EVENT_MESSAGE) {
			assert_in_range(r->event.message.klass, MW_CLASS_HAM, MW_CLASS_WORM);
			assert_in_range(r->event.message.rule_count, 0, MW_EVENT_RULES_MAX);
			assert_in_range(r->event.message.domain_count, 0, MW_EVENT_DOMAINS_MAX);
		} else if (r->event.kind == MW_EVENT_SESSION) {
			assert_in_range(r->event.session.reason, 0, MW_REASON_COUNT - 1);
			assert_in_range(
				r->event.session.tls_hello, MW_EVENT_TLS_NONE, MW_EVENT_TLS_BAD);
		}
		break;
	default:
		break;
	}
}

/* Decodes from an exact heap copy, so that ASan sees any octet read beyond the end. */
static int decode_exact(enum kind k, const uint8_t *data, size_t len, union record *r)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int err;

	memcpy(copy, data, len);
	err = decode(k, mw_span_of(copy, len), r);
	free(copy);
	return err;
}

static void test_hostile(void **state)
{
	struct rng rng = rng_seeded("hostile records");
	static union record r;
	static uint8_t good[MW_EVENT_RECORD_MAX];
	static uint8_t bad[MW_EVENT_RECORD_MAX];
	unsigned accepted = 0;

	for (enum kind k = 0; k < KINDS; k++) {
		size_t len;

		make(k, &r);
		len = encode(k, &r, good, sizeof(good));
		for (size_t cut = 0; cut < len; cut++)
			assert_true(decode_exact(k, good, cut, &r) < 0);
		memcpy(bad, good, len);
		bad[len] = 0;
		assert_int_equal(decode_exact(k, bad, len + 1, &r), -EBADMSG);
		bad[0] = (uint8_t)(good[0] + 1);
		assert_int_equal(decode_exact(k, bad, len, &r), -EPROTO);
		bad[0] = 0;
		assert_int_equal(decode_exact(k, bad, len, &r), -EPROTO);
		for (unsigned round = 0; round < 20000; round++) {
			size_t n = len;

			memcpy(bad, good, len);
			if (round % 4 == 0)
				n = rng_below(&rng, (uint32_t)len * 2);
			for (unsigned i = 0; i <= rng_below(&rng, 4); i++)
				bad[rng_below(&rng, (uint32_t)len)] = (uint8_t)rng_next(&rng);
			if (round % 8 == 0)
				for (size_t i = 2; i < n; i++)
					bad[i] = (uint8_t)rng_next(&rng);
			if (decode_exact(k, bad, n, &r) != 0)
				continue;
			/* what was accepted is valid: it encodes to the octets it came from */
			accepted++;
			check_enums(k, &r);
			size_t again = encode(k, &r, good, sizeof(good));

			if (k != LANE && k != SESSION) { /* unknown reason names are dropped */
				assert_int_equal(again, n);
				assert_memory_equal(good, bad, n);
			}
			make(k, &r);
			encode(k, &r, good, sizeof(good));
		}
	}
	assert_true(accepted > 1000); /* else the mutations test nothing */
}

static void test_invalid_refused(void **state)
{
	static union record r;
	static uint8_t buf[MW_EVENT_RECORD_MAX];

	make(VERDICT, &r);
	r.verdict.verdict = MW_VERDICT_COUNT;
	assert_int_equal(encode(VERDICT, &r, buf, sizeof(buf)), 0);
	make(VERDICT, &r);
	strcpy(r.verdict.reply, "two\r\nlines");
	assert_int_equal(encode(VERDICT, &r, buf, sizeof(buf)), 0);
	make(VERDICT, &r);
	memset(r.verdict.reply, 'a', sizeof(r.verdict.reply)); /* not terminated */
	assert_int_equal(encode(VERDICT, &r, buf, sizeof(buf)), 0);
	make(CUSTOMER, &r);
	r.customer.id[0] = 0;
	assert_int_equal(encode(CUSTOMER, &r, buf, sizeof(buf)), 0);
	make(LINE, &r);
	r.line.key.prefix.net.octet[15] |= 1; /* a host bit */
	assert_int_equal(encode(LINE, &r, buf, sizeof(buf)), 0);
	make(LINE_VLAN, &r);
	r.line.key.vlan_outer = 4095;
	assert_int_equal(encode(LINE_VLAN, &r, buf, sizeof(buf)), 0);
	make(SETTINGS, &r);
	r.settings.smtp_ports[1] = 0;
	assert_int_equal(encode(SETTINGS, &r, buf, sizeof(buf)), 0);
	make(SESSION, &r);
	r.event.session.anomalies |= UINT64_C(1) << 63;
	assert_int_equal(encode(SESSION, &r, buf, sizeof(buf)), 0);
	make(SESSION, &r);
	r.event.session.tls_hello = (enum mw_event_tls)(MW_EVENT_TLS_BAD + 1);
	assert_int_equal(encode(SESSION, &r, buf, sizeof(buf)), 0);
}

/* An event is never lost for a text's sake: octets that are no UTF-8 are replaced. */
static void test_text_repaired(void **state)
{
	static union record r;
	static uint8_t buf[MW_EVENT_RECORD_MAX];
	size_t len;

	make(MESSAGE, &r);
	strcpy(r.event.message.subject, "a\xff"
					"b\xc3\xa4\xed\xa0\x80\xc3");
	len = encode(MESSAGE, &r, buf, sizeof(buf));
	assert_true(len > 0);
	assert_int_equal(decode(MESSAGE, mw_span_of(buf, len), &r), 0);
	assert_string_equal(r.event.message.subject, "a?b\xc3\xa4????");
}

/* The largest event there can be fits in what the header promises. */
static void test_largest(void **state)
{
	static union record r;
	static uint8_t buf[MW_EVENT_RECORD_MAX];
	struct mw_event_message *m = &r.event.message;

	make(MESSAGE, &r);
	m->domain_count = MW_EVENT_DOMAINS_MAX;
	m->rule_count = MW_EVENT_RULES_MAX;
	memset(m->helo, 'x', MW_EVENT_TEXT_MAX - 1);
	memset(m->mail_from, 'x', MW_EVENT_TEXT_MAX - 1);
	memset(m->subject, 'x', MW_EVENT_TEXT_MAX - 1);
	memset(m->header_from, 'x', MW_EVENT_TEXT_MAX - 1);
	memset(m->message_id, 'x', MW_EVENT_TEXT_MAX - 1);
	memset(m->date, 'x', MW_EVENT_TEXT_MAX - 1);
	memset(m->mailer, 'x', MW_EVENT_TEXT_MAX - 1);
	for (unsigned i = 0; i < MW_EVENT_DOMAINS_MAX; i++)
		memset(m->domains[i], 'x', MW_EVENT_TEXT_MAX - 1);
	for (unsigned i = 0; i < MW_EVENT_RULES_MAX; i++)
		memset(m->rules[i].name, 'x', MW_RULE_NAME_MAX - 1);
	assert_true(encode(MESSAGE, &r, buf, sizeof(buf)) > 9000);
	make(LANE, &r);
	for (unsigned i = 0; i < MW_REASON_COUNT; i++)
		r.event.lane.packets[i] = UINT64_MAX;
	assert_true(encode(LANE, &r, buf, sizeof(buf)) > 0);
	make(SETTINGS, &r);
	memset(r.settings.refuse_reply, 'x', sizeof(r.settings.refuse_reply) - 1);
	memset(r.settings.divert_reply, 'x', sizeof(r.settings.divert_reply) - 1);
	r.settings.reachable_count = MW_REACHABLE_MAX;
	memset(r.settings.ruleset_path, 'x', sizeof(r.settings.ruleset_path) - 1);
	memset(r.settings.banner_name, 'x', sizeof(r.settings.banner_name) - 1);
	assert_true(encode(SETTINGS, &r, buf, MW_POLICY_RECORD_MAX) > 0);
	make(VERDICT, &r);
	memset(r.verdict.reason, 'x', sizeof(r.verdict.reason) - 1);
	memset(r.verdict.reply, 'x', sizeof(r.verdict.reply) - 1);
	memset(r.verdict.by, 'x', sizeof(r.verdict.by) - 1);
	assert_true(encode(VERDICT, &r, buf, MW_POLICY_RECORD_MAX) > 0);
}

static void test_names(void **state)
{
	for (unsigned i = 0; i < MW_REASON_COUNT; i++) {
		enum mw_reason back;
		const char *name = mw_reason_name((enum mw_reason)i);

		assert_int_equal(mw_reason_parse(mw_span_str(name), &back), 0);
		assert_int_equal(back, i); /* names are unique */
		assert_true(strlen(name) > 0 && strlen(name) <= 64);
		assert_true(strlen(mw_reason_sentence((enum mw_reason)i)) > 0);
		if (mw_reason_group((enum mw_reason)i) == MW_GROUP_ANOMALY)
			assert_int_equal(
				mw_reason_anomaly(mw_reason_anomaly_bit((enum mw_reason)i)), i);
	}
	assert_string_equal(mw_reason_name(MW_REASON_COUNT), "invalid");
	assert_int_equal(mw_reason_anomaly(63), MW_REASON_COUNT);
	for (unsigned i = 0; i < MW_VERDICT_COUNT; i++) {
		enum mw_verdict back;

		assert_int_equal(mw_verdict_parse(mw_verdict_name((enum mw_verdict)i), &back), 0);
		assert_int_equal(back, i);
	}
	for (unsigned i = 0; i < MW_INSPECTION_COUNT; i++) {
		enum mw_inspection back;

		assert_int_equal(
			mw_inspection_parse(mw_inspection_name((enum mw_inspection)i), &back), 0);
		assert_int_equal(back, i);
	}
}

static void test_line_key_order(void **state)
{
	static const char *const ordered[] = {"::/0", "10.0.0.0/8", "10.0.0.0/9", "10.0.0.0",
		"10.128.0.0/9", "2001:db8::/32", "2001:db8::/48", "2001:db8:1::/48"};
	uint8_t before[MW_LINE_KEY_MAX] = {0};
	size_t before_len = 0;

	for (unsigned i = 0; i < sizeof(ordered) / sizeof(ordered[0]); i++) {
		struct mw_line_key key = {0};
		struct mw_line_key back;
		uint8_t now[MW_LINE_KEY_MAX];
		size_t len;

		assert_int_equal(mw_prefix_parse(ordered[i], &key.prefix), 0);
		len = mw_line_key_encode(&key, now, sizeof(now));
		assert_true(len > 0);
		assert_int_equal(mw_line_key_decode(mw_span_of(now, len), &back), 0);
		assert_memory_equal(&key, &back, sizeof(key));
		if (before_len > 0)
			assert_true(memcmp(before, now, len) < 0);
		memcpy(before, now, len);
		before_len = len;
	}
}

static void test_log_escape(void **state)
{
	char out[16];

	assert_string_equal(
		mw_log_escape(mw_span_str("a\x1b[2J\\\n"), out, sizeof(out)), "a\\x1b[2J\\\\\\x0a");
	assert_string_equal(mw_log_escape(mw_span_str("\xff\xff\xff\xff"), out, sizeof(out)),
		"\\xff\\xff\\xff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_older_session),
		cmocka_unit_test(test_older_customers),
		cmocka_unit_test(test_older_lane),
		cmocka_unit_test(test_fields_survive),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_invalid_refused),
		cmocka_unit_test(test_text_repaired),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_line_key_order),
		cmocka_unit_test(test_log_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
