/*
 * Which verdict counts: a server that is always reachable over the line over the customer over his
 * class, for as long as it lasts; and what is only observed touches nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/hand.h"

/* Customer 0; one line of his, 192.0.2.128/25, has the index 1 and a verdict of its own. */
static struct {
	enum mw_verdict class_verdict, customer, line;
	bool customer_set, line_set;
	uint64_t expires_s; /* of the line's */
	bool observe;
	const char *reachable;
	bool uninspected;
	bool line_not_apart; /* the line leads to its customer: it has no verdict yet */
} policy;

static void make_policy(struct rig *rig, struct mw_snapshot_input *in,
	struct mw_policy_settings *settings, struct mw_customer_record *customer,
	struct mw_line_record *line)
{
	static struct mw_line_record lines[3];
	static struct mw_verdict_record verdict[2];

	customer[0].class_verdict = policy.class_verdict;
	customer[1].class_verdict = policy.class_verdict;
	if (policy.uninspected)
		customer[0].inspection = customer[1].inspection = MW_INSPECTION_NONE;
	customer[1].is_line = true;
	customer[1].owner = 0;
	for (uint32_t i = 0; i < in->line_count; i++)
		if (line[i].customer_index == 0 && mw_ip_is_v4(&line[i].key.prefix.net))
			lines[0] = line[i];
	lines[1].customer_index = 1;
	assert_int_equal(mw_prefix_parse("192.0.2.128/25", &lines[1].key.prefix), 0);
	in->lines = lines;
	in->line_count = policy.line_not_apart ? 1 : 2;
	in->verdict_count = 0;
	if (policy.customer_set)
		verdict[in->verdict_count++] = (struct mw_verdict_record){.customer_index = 0,
			.verdict = policy.customer,
			.generation = in->generation,
			.reply = "the customer's"};
	if (policy.line_set)
		verdict[in->verdict_count++] = (struct mw_verdict_record){.customer_index = 1,
			.verdict = policy.line,
			.generation = in->generation,
			.expires_s = policy.expires_s,
			.reply = "the line's"};
	in->verdicts = verdict;
	settings->observe = policy.observe;
	if (policy.reachable != NULL) {
		settings->reachable_count = 1;
		assert_int_equal(mw_prefix_parse(policy.reachable, &settings->reachable[0]), 0);
	}
}

static struct hand hand;
static const struct rig_options options = {.customers = 2,
	.scan_budget_ns = 50000,
	.refuse_spam = true,
	.policy = make_policy,
	.flows = 256};

static void open_policy(void)
{
	hand_open(&hand, &options);
}

static void close_policy(void)
{
	memset(&policy, 0, sizeof(policy));
	hand_close(&hand);
}

/* The policy has changed. */
static void now_it_is(void)
{
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
}

/* What a SYN meets, of an address that is only the customer's, or the line's. */
static struct mw_ruling ruling_of(uint32_t host)
{
	static uint16_t port = 20000;
	struct mw_ruling ruling;

	hand_connection(&hand, 0, host, port++);
	ruling = mw_ruling_of(hand.rig.lane, host < 128 ? 0 : 1, &hand.client.dst);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq, NULL, 0);
	switch (ruling.verdict) {
	case MW_VERDICT_PASS:
		assert_int_equal(hand.packet.reason, MW_REASON_INSPECTED);
		break;
	case MW_VERDICT_REJECT:
		assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
		break;
	case MW_VERDICT_DROP:
		assert_int_equal(hand.packet.reason, MW_REASON_VERDICT_DROP);
		break;
	case MW_VERDICT_RESET:
		assert_int_equal(hand.packet.reason, MW_REASON_VERDICT_RESET);
		break;
	default:
		break;
	}
	return ruling;
}

static void is(uint32_t host, enum mw_verdict verdict, const char *reply)
{
	struct mw_ruling ruling = ruling_of(host);

	assert_int_equal(ruling.verdict, verdict);
	assert_string_equal(ruling.reply, reply);
}

/* All 27 of: class PASS or DIVERT (no gateway: passes), customer and line unset, PASS, REJECT,
 * DROP. */
static void the_most_particular_counts(void **state)
{
	static const enum mw_verdict some[] = {
		MW_VERDICT_COUNT, MW_VERDICT_PASS, MW_VERDICT_REJECT, MW_VERDICT_DROP};

	open_policy();
	for (int klass = 0; klass < 2; klass++)
		for (int c = 0; c < 4; c++)
			for (int l = 0; l < 4; l++) {
				enum mw_verdict of_class =
					klass == 0 ? MW_VERDICT_PASS : MW_VERDICT_DIVERT;
				enum mw_verdict of_customer = c == 0 ? of_class : some[c];
				const char *reply = c == 0 ? "" : "the customer's";

				policy.class_verdict = of_class;
				policy.customer_set = c > 0;
				policy.customer = some[c];
				policy.line_set = l > 0;
				policy.line = some[l];
				now_it_is();
				is(10, of_customer, reply);
				is(200, l > 0 ? some[l] : of_customer,
					l > 0 ? "the line's" : reply);
			}
	close_policy();
}

static void what_has_expired_is_none(void **state)
{
	open_policy();
	policy.customer_set = true;
	policy.customer = MW_VERDICT_DROP;
	policy.line_set = true;
	policy.line = MW_VERDICT_REJECT;
	policy.expires_s = hand.now_ns / MW_NS_PER_S + 60;
	now_it_is();
	is(200, MW_VERDICT_REJECT, "the line's");
	hand_poll(&hand, 58 * MW_NS_PER_S);
	is(200, MW_VERDICT_REJECT, "the line's");
	hand_poll(&hand, 2 * MW_NS_PER_S);
	is(200, MW_VERDICT_DROP, "the customer's");
	close_policy();
}

static void some_servers_are_always_reachable(void **state)
{
	open_policy();
	policy.customer_set = true;
	policy.customer = MW_VERDICT_REJECT;
	policy.reachable = "198.51.100.24/29";
	now_it_is();
	is(10, MW_VERDICT_PASS, "the customer's");
	is(200, MW_VERDICT_PASS, "the customer's");
	assert_int_equal(mw_lane_counters(hand.rig.lane)->reason[MW_REASON_REACHABLE], 2);
	/* His mail there is inspected like any other's, and not refused for the verdict. */
	hand_connection(&hand, 0, 10, 41000);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_poll(&hand, MW_NS_PER_S);
	assert_int_equal(hand.to_client_len, 0);
	mw_ip_parse("198.51.100.99", &hand.client.dst);
	hand_connection(&hand, 0, 10, 41001);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq, NULL, 0);
	assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
	close_policy();
}

/* A connection that is open when its verdict comes, and a message that would be refused. */
static void what_is_observed_touches_nobody(void **state)
{
	open_policy();
	policy.observe = true;
	now_it_is();
	hand_shake(&hand);
	hand_envelope(&hand);
	policy.customer_set = true;
	policy.customer = MW_VERDICT_REJECT;
	now_it_is();
	hand_poll(&hand, MW_NS_PER_S);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_say(&hand, &hand.server, "354 go\r\n");
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_S);
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(hand.to_client_len, 0);
	assert_int_equal(hand.rig.messages, 1);
	assert_int_equal(hand.rig.message[0].klass, MW_CLASS_SPAM);
	assert_false(hand.rig.message[0].refused);
	assert_int_equal(mw_lane_counters(hand.rig.lane)->reason[MW_REASON_OBSERVED_VERDICT], 0);
	is(10, MW_VERDICT_PASS, "the customer's");
	assert_int_equal(mw_lane_counters(hand.rig.lane)->reason[MW_REASON_OBSERVED_VERDICT], 1);
	/* Taken back: from here on it is meant. */
	policy.observe = false;
	now_it_is();
	is(10, MW_VERDICT_REJECT, "the customer's");
	close_policy();
}

/* One whose mail nobody looks at is not even counted; but a person's verdict on him holds. */
static void a_verdict_needs_no_inspection(void **state)
{
	open_policy();
	policy.uninspected = true;
	now_it_is();
	hand_connection(&hand, 0, 10, 42000);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq, NULL, 0);
	assert_int_equal(hand.packet.reason, MW_REASON_FORWARDED);
	assert_int_equal(hand.rig.lane->flows.used, 0);
	policy.customer_set = true;
	policy.customer = MW_VERDICT_REJECT;
	now_it_is();
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq + 1, "MAIL\r\n", 6);
	assert_int_equal(hand.packet.reason, MW_REASON_REJECT_OTHER);
	assert_int_equal(hand.resets_to_client, 1);
	is(10, MW_VERDICT_REJECT, "the customer's");
	policy.customer = MW_VERDICT_DROP;
	now_it_is();
	is(10, MW_VERDICT_DROP, "the customer's");
	close_policy();
	assert_int_equal(hand.rig.sessions, 0);
}

/* The first verdict on a line: it is there first, then, in a snapshot of its own, the line that
 * leads to it. What is open on the line by then hears of it all the same, and what is not on it
 * does not. */
static void open_connections_follow_their_line(void **state)
{
	static struct mw_snapshot later;

	for (uint32_t host = 10; host <= 200; host += 190) {
		open_policy();
		policy.line_not_apart = true;
		now_it_is();
		hand_connection(&hand, 0, host, 43000);
		hand_shake(&hand);
		hand_say(&hand, &hand.server, "220 x\r\n");
		hand_say(&hand, &hand.client, "EHLO c\r\n");
		hand_say(&hand, &hand.server, "250 x\r\n");
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		policy.line_set = true;
		policy.line = MW_VERDICT_REJECT;
		now_it_is();
		hand_poll(&hand, MW_NS_PER_S);
		assert_int_equal(hand.to_client_len, 0);

		policy.line_not_apart = false;
		hand.rig.generation--; /* of the verdicts: the same */
		now_it_is();
		later = *hand.rig.lane->snapshot;
		later.lines_generation++;
		mw_lane_set_snapshot(hand.rig.lane, &later);
		hand_poll(&hand, MW_NS_PER_S);
		assert_int_equal(hand.to_client_len > 0, host == 200);
		close_policy();
		if (host == 200)
			assert_int_equal(hand.rig.session.customer_index, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_particular_counts),
		cmocka_unit_test(what_has_expired_is_none),
		cmocka_unit_test(some_servers_are_always_reachable),
		cmocka_unit_test(what_is_observed_touches_nobody),
		cmocka_unit_test(a_verdict_needs_no_inspection),
		cmocka_unit_test(open_connections_follow_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
