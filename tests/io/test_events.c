/* From a lane's facts to encoded events: what is kept, cut, scrubbed, and what never leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/io/events.h"
#include "dataplane/io/lanes.h"
#include "dataplane/message/message.h"

#define RING_BYTES (1u << 16)

/* A worker with an event ring and nothing else; fresh for each test. */
struct bench {
	struct mw_io_worker worker;
	struct mw_event event, read;
	void *memory;
};

static int make(void **state)
{
	struct bench *b = aligned_alloc(64, (sizeof(*b) + 63) / 64 * 64);

	if (!b)
		return -1;
	memset(b, 0, sizeof(*b));
	b->memory = aligned_alloc(64, (mw_event_ring_bytes(RING_BYTES) + 63) / 64 * 64);
	b->worker.events = mw_event_ring_init(b->memory, RING_BYTES);
	b->worker.event = &b->event;
	b->worker.index = 3;
	*state = b;
	return b->worker.events ? 0 : -1;
}

static int unmake(void **state)
{
	struct bench *b = *state;

	free(b->memory);
	free(b);
	return 0;
}

/* The next event of the ring, decoded; NULL when there is none. */
static const struct mw_event *take(struct bench *b)
{
	uint64_t at = mw_event_ring_tail(b->worker.events);
	struct mw_span record;

	if (!mw_event_ring_next(b->worker.events, &at, &record))
		return NULL;
	assert_int_equal(mw_event_decode(record, &b->read), 0);
	mw_event_ring_release(b->worker.events, at);
	return &b->read;
}

static struct mw_smtp_rcpt *rcpt(
	struct mw_smtp_rcpt *r, const char *address, struct mw_smtp_rcpt *next)
{
	memset(r, 0, sizeof(*r));
	r->address = mw_span_str(address);
	r->next = next;
	return r;
}

/* A spam message of customer 7 to three recipients at two domains. */
static void spam(struct mw_lane_message *m, struct mw_smtp_envelope *envelope,
	struct mw_message_facts *facts)
{
	static struct mw_smtp_rcpt r[4];

	memset(m, 0, sizeof(*m));
	memset(envelope, 0, sizeof(*envelope));
	memset(facts, 0, sizeof(*facts));
	rcpt(&r[3], "postmaster", NULL);
	rcpt(&r[2], "secret.person@two.example", &r[3]);
	rcpt(&r[1], "\"odd@local\"@ONE.example", &r[2]);
	envelope->rcpts = rcpt(&r[0], "first@one.Example", &r[1]);
	envelope->rcpt_count = 4;
	envelope->helo = mw_span_str("pc-17\x80\xff");
	envelope->mail_from = mw_span_str("sender@customer.example");
	facts->subject = mw_span_of("win\0now", 7);
	facts->from = mw_span_str("a@b");
	facts->size = 1234;
	m->envelope = envelope;
	m->facts = facts;
	m->customer_index = 7;
	m->lane = 3;
	m->klass = MW_CLASS_SPAM;
	m->end_ns = 5 * MW_NS_PER_S;
	m->ham_before = 11;
	m->score_milli = 6100;
	m->complete = true;
}

static void no_local_part_of_a_recipient_leaves(void **state)
{
	struct bench *b = *state;
	struct mw_smtp_envelope envelope;
	struct mw_message_facts facts;
	struct mw_lane_message m;
	const struct mw_event *e;
	struct mw_span record;
	uint64_t at = mw_event_ring_tail(b->worker.events);

	spam(&m, &envelope, &facts);
	mw_io_event_message(&b->worker, &m);
	assert_true(mw_event_ring_next(b->worker.events, &at, &record));
	assert_null(memmem(record.data, record.len, "secret", 6));
	assert_null(memmem(record.data, record.len, "first", 5));
	assert_null(memmem(record.data, record.len, "local", 5));
	e = take(b);
	assert_non_null(e);
	assert_int_equal(e->kind, MW_EVENT_MESSAGE);
	assert_int_equal(e->message.domain_count, 2);
	assert_string_equal(e->message.domains[0], "one.example");
	assert_string_equal(e->message.domains[1], "two.example");
	assert_int_equal(e->message.recipients, 4);
	assert_int_equal(e->message.customer_index, 7);
	assert_int_equal(e->message.ham_before, 11);
	assert_int_equal(e->message.time_us, 5000000);
	assert_string_equal(e->message.helo, "pc-17\xef\xbf\xbd\xef\xbf\xbd");
	/* Nobody said that this customer's headers may be kept. */
	assert_string_equal(e->message.subject, "");
	assert_string_equal(e->message.header_from, "");
}

static void headers_are_kept_where_the_class_allows(void **state)
{
	struct mw_event_message out;
	struct mw_smtp_envelope envelope;
	struct mw_message_facts facts;
	struct mw_lane_message m;

	spam(&m, &envelope, &facts);
	mw_io_message_to_event(&m, true, &out);
	assert_string_equal(out.subject, "win?now");
	assert_string_equal(out.header_from, "a@b");
	assert_string_equal(out.mailer, "");
}

static void ham_and_strangers_make_no_event(void **state)
{
	struct bench *b = *state;
	struct mw_smtp_envelope envelope;
	struct mw_message_facts facts;
	struct mw_lane_message m;
	struct mw_lane_session s = {.customer_index = 7};

	spam(&m, &envelope, &facts);
	m.klass = MW_CLASS_HAM;
	mw_io_event_message(&b->worker, &m);
	m.klass = MW_CLASS_WORM;
	m.customer_index = MW_NO_CUSTOMER_INDEX;
	mw_io_event_message(&b->worker, &m);
	mw_io_event_session(&b->worker, &s); /* nothing to tell about it */
	assert_null(take(b));
	s.metadata = true;
	s.reason = MW_REASON_STARTTLS;
	mw_io_event_session(&b->worker, &s);
	mw_io_event_ham(&b->worker, 7, 20, 9 * MW_NS_PER_S);
	assert_int_equal(take(b)->session.reason, MW_REASON_STARTTLS);
	assert_int_equal(take(b)->ham.ham, 20);
	assert_int_equal(b->read.ham.lane, 3);
	assert_null(take(b));
}

/* What is known of a session without its content, and nothing that could end a text early. */
static void a_session_keeps_its_server_name(void **state)
{
	struct bench *b = *state;
	struct mw_lane_session s = {.customer_index = 7,
		.policy_refusals = 2,
		.recipients_refused = 5,
		.recipients_unknown = 3,
		.recipients_policy = 1,
		.tls_hello = MW_TLS_WHOLE,
		.tls_version = 0x0304,
		.tls_server_name = mw_span_of("mx\0\xff.example", 12)};
	const struct mw_event_session *e;

	mw_io_event_session(&b->worker, &s);
	e = &take(b)->session;
	assert_string_equal(e->tls_server_name, "mx?\xef\xbf\xbd.example");
	assert_int_equal(e->tls_hello, MW_EVENT_TLS_WHOLE);
	assert_int_equal(e->tls_version, 0x0304);
	assert_int_equal(e->recipients_refused, 5);
	assert_int_equal(e->recipients_unknown, 3);
	assert_int_equal(e->recipients_policy, 1);
	assert_int_equal(e->policy_refusals, 2);
	/* A refused greeting alone is a finding. */
	s = (struct mw_lane_session){.customer_index = 7, .policy_refusals = 1};
	mw_io_event_session(&b->worker, &s);
	assert_int_equal(take(b)->session.policy_refusals, 1);
}

/* Lanes are built for the ports of the settings: 25 unless they say otherwise. */
static void lanes_follow_the_ports_of_the_settings(void **state)
{
	static struct mw_io_lanes lanes;
	struct mw_io_options options = {0};
	struct mw_policy_settings settings;

	mw_policy_settings_default(&settings);
	mw_io_lanes_configure(&lanes, &options, &settings, 10, 1);
	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		assert_int_equal(
			mw_port_set_has(lanes.config.smtp_ports, (uint16_t)port), port == 25);
	settings.smtp_port_count = 3;
	settings.smtp_ports[0] = 587;
	settings.smtp_ports[1] = 465;
	settings.smtp_ports[2] = 65535;
	mw_io_lanes_configure(&lanes, &options, &settings, 10, 1);
	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		assert_int_equal(mw_port_set_has(lanes.config.smtp_ports, (uint16_t)port),
			port == 587 || port == 465 || port == 65535);
}

static void connections_under_divert_are_told(void **state)
{
	struct bench *b = *state;
	struct mw_divert_counts counts = {.diverted = 5, .passed = 6, .put_off = 7, .refused = 8};
	const struct mw_event *e;

	mw_io_event_divert(&b->worker, 7, &counts, 9 * MW_NS_PER_S);
	e = take(b);
	assert_non_null(e);
	assert_int_equal(e->kind, MW_EVENT_DIVERT);
	assert_int_equal(e->divert.time_us, 9000000);
	assert_int_equal(e->divert.customer_index, 7);
	assert_int_equal(e->divert.lane, 3);
	assert_int_equal(e->divert.diverted, 5);
	assert_int_equal(e->divert.passed, 6);
	assert_int_equal(e->divert.put_off, 7);
	assert_int_equal(e->divert.refused, 8);
	assert_null(take(b));
}

static void the_dearest_rules_are_kept(void **state)
{
	struct mw_match match[100];
	char name[100][8];
	struct mw_event_message out;
	struct mw_smtp_envelope envelope;
	struct mw_message_facts facts;
	struct mw_lane_message m;

	spam(&m, &envelope, &facts);
	for (int i = 0; i < 100; i++) {
		snprintf(name[i], sizeof(name[i]), "R%d", i * 37 % 100);
		match[i].rule = mw_span_str(name[i]);
		match[i].score_milli = i * 37 % 100;
		match[i].next = i < 99 ? &match[i + 1] : NULL;
	}
	m.matches = match;
	mw_io_message_to_event(&m, false, &out);
	assert_int_equal(out.rule_count, MW_EVENT_RULES_MAX);
	for (int i = 0; i < MW_EVENT_RULES_MAX; i++) {
		char want[8];

		snprintf(want, sizeof(want), "R%d", 99 - i);
		assert_int_equal(out.rules[i].score_milli, 99 - i);
		assert_string_equal(out.rules[i].name, want);
	}
}

static void a_full_ring_loses_events_by_count(void **state)
{
	struct bench *b = *state;
	uint32_t pushed = 10000, got = 0;

	for (uint32_t i = 0; i < pushed; i++)
		mw_io_event_ham(&b->worker, i, 1, 0);
	while (take(b))
		got++;
	assert_true(got > 0 && got < pushed);
	assert_int_equal(got + mw_event_ring_dropped(b->worker.events), pushed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_local_part_of_a_recipient_leaves, make, unmake),
		cmocka_unit_test(headers_are_kept_where_the_class_allows),
		cmocka_unit_test_setup_teardown(ham_and_strangers_make_no_event, make, unmake),
		cmocka_unit_test(lanes_follow_the_ports_of_the_settings),
		cmocka_unit_test_setup_teardown(a_session_keeps_its_server_name, make, unmake),
		cmocka_unit_test_setup_teardown(connections_under_divert_are_told, make, unmake),
		cmocka_unit_test(the_dearest_rules_are_kept),
		cmocka_unit_test_setup_teardown(a_full_ring_loses_events_by_count, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
