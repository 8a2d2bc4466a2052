/*
 * Refusing in the middle of a session: whatever the ways lose, delay and repeat, the client ends
 * with exactly one final reply to what is refused, and the server has stored none of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/hand.h"
#include "tests/engine/mail.h"
#include "tests/engine/rounds.h"

#define REPLY "Mail from this customer is refused, ticket MW-2026-000123, call +49 89 1234"

struct run {
	struct rig rig;
	struct net net;
	uint64_t after_ns; /* both ends were done */
};

static struct mail_pair pair;
static struct run run;

static void say_seed(const char *what)
{
	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (mw_lane_counters(run.rig.lane)->reason[i] > 0)
			print_message("%s %llu\n", mw_reason_name((enum mw_reason)i),
				(unsigned long long)mw_lane_counters(run.rig.lane)->reason[i]);
	print_message("client: last reply %sstored %u of %u\n", pair.last_reply, pair.stored_count,
		pair.to_send);
	fail_msg("seed %llu: %s", (unsigned long long)seed_now, what);
}

#define CHECK(what)                      \
	do {                             \
		if (!(what))             \
			say_seed(#what); \
	} while (0)

static void begin(uint64_t seed, const struct rig_options *options, struct net_way way,
	uint32_t messages, uint32_t size_max)
{
	seed_now = seed;
	fake_open_scans = 0;
	rig_open(&run.rig, options);
	net_init(&run.net, seed, run.rig.lane);
	run.net.way[0] = run.net.way[1] = way;
	run.rig.net = &run.net;
	mail_init(&pair, &run.net, messages, size_max);
	run.net.on_data = mail_on_data;
	run.net.ctx = &pair;
}

/* Tombstones, repeats and timers run out; then nothing is left of it. */
static void end(void)
{
	uint64_t until = run.net.now_ns + 2000 * MW_NS_PER_S;

	while (run.net.now_ns < until) {
		mw_lane_poll(run.rig.lane, run.net.now_ns);
		run.net.now_ns += MW_NS_PER_S;
	}
	mw_lane_finish(run.rig.lane, run.net.now_ns);
	rig_assert_empty(&run.rig);
	assert_int_equal(run.rig.lane->flows.used, 0);
	assert_int_equal(run.rig.lane->responder->table.used, 0);
	assert_int_equal(run.rig.lane->use[0].kept, 0);
	assert_int_equal(run.rig.lane->use[0].contents, 0);
	assert_int_equal(run.rig.lane->responder->spares, 0);
	assert_int_equal(run.rig.lane->use[0].responders, 0);
	rig_close(&run.rig);
}

static uint32_t first_bad(void)
{
	uint32_t i = 0;

	while (i < pair.to_send && !pair.sent[i].bad)
		i++;
	return i;
}

static void check_stored(uint32_t expected)
{
	CHECK(pair.stored_count == expected);
	for (uint32_t i = 0; i < expected; i++) {
		CHECK(pair.stored[i].len == pair.sent[i].len);
		CHECK(memcmp(pair.stored[i].octets, pair.sent[i].octets, pair.sent[i].len) == 0);
	}
}

static void one_run(uint64_t seed, struct net_way way, uint32_t size_max, uint32_t budget_ns,
	uint64_t record_cost_ns)
{
	struct rig_options options = {.scan_budget_ns = budget_ns, .refuse_spam = true};
	const struct net_peer *client = &run.net.peer[NET_CLIENT];
	uint32_t bad;

	fake_record_cost_ns = record_cost_ns;
	begin(seed, &options, way, 1 + (uint32_t)(seed % (MAIL_MESSAGES - 1)), size_max);
	bad = first_bad();
	net_connect(&run.net);
	CHECK(net_run(&run.net, run.net.now_ns + 3600 * MW_NS_PER_S));
	check_stored(bad);
	if (bad < pair.to_send) {
		CHECK(net_lines(client, "554 5.7.1 ") == 1);
		CHECK(strncmp(pair.refusal, "554 5.7.1 ", 10) == 0);
		CHECK(strstr(pair.refusal, "reference ") != NULL);
		CHECK(run.net.peer[NET_SERVER].refused || run.net.peer[NET_SERVER].fin_received);
		CHECK(run.rig.messages == bad + 1);
		CHECK(run.rig.message[bad].refused);
		CHECK(run.rig.message[bad].complete);
	} else {
		CHECK(net_lines(client, "554") == 0);
		CHECK(run.rig.messages == bad);
	}
	for (uint32_t i = 0; i < bad; i++)
		CHECK(!run.rig.message[i].refused);
	fake_record_cost_ns = 0;
	end();
}

static void on_a_clean_line(void **state)
{
	for (uint64_t seed = first(); seed <= rounds(150); seed++)
		one_run(seed, (struct net_way){0}, 3000, 0, 0);
}

static void held_by_the_scan(void **state)
{
	for (uint64_t seed = first(); seed <= rounds(150); seed++)
		one_run(seed + 10000000, (struct net_way){.delay_max_ms = 3}, 3000, 50000, 30000);
}

static void under_loss(void **state)
{
	struct net_way way = {.loss_percent = 5, .repeat_percent = 5, .delay_max_ms = 20};

	for (uint64_t seed = first(); seed <= rounds(300); seed++)
		one_run(seed + 20000000, way, 4000, seed % 2 != 0 ? 50000 : 0, 20000);
}

static void large_under_loss(void **state)
{
	struct net_way way = {.loss_percent = 3, .repeat_percent = 2, .delay_max_ms = 8};

	for (uint64_t seed = first(); seed <= rounds(12); seed++)
		one_run(seed + 30000000, way, 50000, 50000, 10000);
}

/* Segments with other octets, shifted, twice: whatever the server stores was judged, and clean. */
static void a_liar_gets_nothing_past(void **state)
{
	struct net_way way = {.loss_percent = 2, .repeat_percent = 3, .delay_max_ms = 10};

	for (uint64_t seed = first(); seed <= rounds(150); seed++) {
		struct rig_options options = {.refuse_spam = true, .scan_budget_ns = 50000};

		fake_record_cost_ns = 10000;
		begin(seed + 60000000, &options, way, 4, 3000);
		run.net.liar_percent = 15;
		net_connect(&run.net);
		net_run(&run.net, run.net.now_ns + 300 * MW_NS_PER_S);
		mw_lane_finish(run.rig.lane, run.net.now_ns);
		for (uint32_t i = 0; i < pair.stored_count; i++)
			CHECK(memmem(pair.stored[i].octets, pair.stored[i].len, FAKE_PHRASE,
				      strlen(FAKE_PHRASE)) == NULL ||
				run.rig.session.metadata);
		fake_record_cost_ns = 0;
		end();
	}
}

/* What only looks like an end: nothing behind it reaches the server, and the client is told. */
static void a_look_alike_is_refused(void **state)
{
	static const char *const ends[] = {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r\n", "\r.\n",
		"\n\0.\n", "\r\n\0.\r\n", "\r\n.\0\r\n", "\r\n.\0\n", "\r.\rx", "\r\n.\rx",
		"\n.\rx", "\r\n.\r\0x"};
	static const uint8_t lens[] = {3, 4, 4, 4, 3, 4, 6, 6, 5, 4, 5, 4, 6};
	static const char smuggled[] =
		"MAIL FROM:<x@evil.example>\r\nRCPT TO:<v@server.example>\r\n"
		"DATA\r\nSubject: smuggled\r\n\r\nhello\r\n";
	struct net_way way = {.loss_percent = 3, .repeat_percent = 3, .delay_max_ms = 5};

	for (uint64_t seed = first(); seed <= rounds(240); seed++) {
		struct rig_options options = {
			.refuse_smuggling = true, .scan_budget_ns = seed % 2 != 0 ? 50000 : 0};
		uint32_t which = (uint32_t)(seed % (sizeof(ends) / sizeof(ends[0])));
		struct mail_text *t;
		const struct net_peer *server = &run.net.peer[NET_SERVER];

		begin(seed + 40000000, &options, seed % 3 == 0 ? (struct net_way){0} : way, 1, 400);
		t = &pair.sent[0];
		t->bdat = false;
		t->raw = true;
		t->len =
			(uint32_t)snprintf((char *)t->octets, MAIL_MAX, "Subject: first\r\n\r\nhi");
		memcpy(t->octets + t->len, ends[which], lens[which]);
		t->len += lens[which];
		memcpy(t->octets + t->len, smuggled, sizeof(smuggled) - 1);
		t->len += (uint32_t)sizeof(smuggled) - 1;
		net_connect(&run.net);
		CHECK(net_run(&run.net, run.net.now_ns + 600 * MW_NS_PER_S));
		CHECK(pair.stored_count == 0);
		CHECK(strncmp(pair.refusal, "554 5.7.1 ", 10) == 0);
		CHECK(net_lines(&run.net.peer[NET_CLIENT], "554") == 1);
		CHECK(memmem(server->in, server->in_len, "evil", 4) == NULL);
		CHECK(run.rig.messages == 1 && run.rig.message[0].refused);
		CHECK((run.rig.session.anomalies & MW_ANOMALY_BIT(MW_REASON_SMUGGLING)) != 0);
		end();
	}
}

/* Held for longer than anything is held, because its scan has no time: it is refused all the same,
 * for that needs no scan. */
static void a_look_alike_that_waits_too_long_is_refused(void **state)
{
	struct rig_options options = {
		.refuse_smuggling = true, .scan_budget_ns = 1, .hold_max_ms = 30};
	struct mail_text *t = &pair.sent[0];

	fake_record_cost_ns = 1000000; /* one record a poll, and a message of hundreds */
	begin(44, &options, (struct net_way){0}, 1, 400);
	t->bdat = false;
	t->raw = true;
	for (t->len = 0; t->len < 20000; t->len += 9)
		memcpy(t->octets + t->len, "words\r\n\r\n", 9);
	memcpy(t->octets + t->len, "\n.\n", 3);
	t->len += 3;
	net_connect(&run.net);
	CHECK(net_run(&run.net, run.net.now_ns + 60 * MW_NS_PER_S));
	CHECK(pair.stored_count == 0);
	CHECK(strncmp(pair.refusal, "554 5.7.1 ", 10) == 0);
	CHECK(strstr(pair.refusal, "ambiguous end of data") != NULL);
	CHECK(run.net.peer[NET_SERVER].in_len > 3);
	CHECK(memmem(run.net.peer[NET_SERVER].in, run.net.peer[NET_SERVER].in_len, "\n.\n", 3) ==
		NULL);
	CHECK(run.rig.messages == 1 && run.rig.message[0].refused);
	CHECK(mw_lane_counters(run.rig.lane)->reason[MW_REASON_SCAN_TIMEOUT] == 0);
	fake_record_cost_ns = 0;
	end();
}

/* A verdict in the middle: a message under way is refused at its end, an idle client is told, and
 * nothing is stored that was not complete before. */
static void a_verdict_ends_an_open_connection(void **state)
{
	struct net_way ways[] = {{0}, {.loss_percent = 4, .repeat_percent = 4, .delay_max_ms = 10}};

	for (uint64_t seed = first(); seed <= rounds(300); seed++) {
		struct rig_options options = {.scan_budget_ns = 50000};
		uint32_t stored, answers;

		begin(seed + 50000000, &options, ways[seed % 2], 7, 20000);
		net_connect(&run.net);
		net_run(&run.net, run.net.now_ns + (1 + net_random(&run.net, 60)) * MW_NS_PER_MS);
		rig_verdict(&run.rig, MW_VERDICT_REJECT, REPLY);
		stored = pair.stored_count;
		/* A client that is still to be greeted waits for ever if the one RST to it is lost.
		 */
		CHECK(net_run(&run.net, run.net.now_ns + 900 * MW_NS_PER_S) ||
			!run.net.peer[NET_SERVER].peer_known ||
			(seed % 2 != 0 && run.net.peer[NET_CLIENT].in_len == 0 &&
				mw_lane_counters(run.rig.lane)->reason[MW_REASON_RESET_SENT] > 0));
		/* One that had left in full when the verdict came may still arrive. */
		CHECK(pair.stored_count <= stored + 1);
		answers = net_lines(&run.net.peer[NET_CLIENT], "554 5.7.1 " REPLY) +
			  net_lines(&run.net.peer[NET_CLIENT], "421 4.7.1 " REPLY) +
			  net_lines(&run.net.peer[NET_CLIENT], "550 5.7.1 " REPLY);
		CHECK(answers == 1 || pair.stored_count == pair.to_send ||
			run.net.peer[NET_CLIENT].refused || run.net.peer[NET_CLIENT].in_len == 0);
		end();
	}
}

/* --- by hand --- */

static struct hand hand;

static void to_end_of_data(void)
{
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_say(&hand, &hand.server, "354 go on\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
}

static void open_hand(struct rig_options options)
{
	options.refuse_spam = options.refuse_smuggling = true;
	options.scan_budget_ns = 50000;
	fake_record_cost_ns = 0;
	fake_open_scans = 0;
	hand_open(&hand, &options);
}

/* The server has the last word: a reply of its own before the end is passed, nothing is put in. */
static void the_server_said_it_first(void **state)
{
	open_hand((struct rig_options){0});
	to_end_of_data();
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	hand.held_back = 1;
	assert_int_equal(hand_say(&hand, &hand.server, "452 full\r\n"), MW_REASON_INSPECTED);
	hand_poll(&hand, MW_NS_PER_MS);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 1);
	assert_null(memmem(hand.to_client, hand.to_client_len, "554", 3));
	hand_close(&hand);
}

/* The client has not acknowledged the server's 354: its reply has to wait. */
static void not_before_all_replies_are_read(void **state)
{
	open_hand((struct rig_options){0});
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_raw(
		&hand, &hand.server, MW_TCP_ACK | MW_TCP_PSH, hand.server.seq, "354 go on\r\n", 11);
	/* everything is said on an acknowledgement of what was before */
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	hand.server.seq += 11;
	hand_poll(&hand, 50 * MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 0);
	assert_null(memmem(hand.to_client, hand.to_client_len, "554", 3));
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 1);
	assert_non_null(memmem(hand.to_client, hand.to_client_len, "554 5.7.1", 9));
	hand_close(&hand);
}

/* It never does: after the longest hold there is an end all the same. */
static void a_wait_has_an_end(void **state)
{
	open_hand((struct rig_options){.hold_max_ms = 1000});
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_raw(
		&hand, &hand.server, MW_TCP_ACK | MW_TCP_PSH, hand.server.seq, "354 go on\r\n", 11);
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	hand_poll(&hand, 900 * MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server + hand.resets_to_client, 0);
	hand_poll(&hand, 200 * MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.resets_to_client, 1);
	hand_close(&hand);
}

/* The RST to the server is at the octet that was held, is repeated, and later packets are answered.
 * It gets there, whatever the client's own packets do. */
static void the_server_is_told_exactly(void **state)
{
	uint32_t decides;

	open_hand((struct rig_options){0});
	to_end_of_data();
	hand.client.ttl = 2;
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	decides = hand.client.seq - 1;
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.reset_ttl_to_server, 64);
	assert_int_equal(hand.reset_seq_to_server, decides);
	hand_poll(&hand, 250 * MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 2);
	hand_poll(&hand, 900 * MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 3);
	assert_int_equal(hand.reset_seq_to_server, decides);
	hand.held_back = 1;
	assert_int_equal(hand_raw(&hand, &hand.server, MW_TCP_ACK | MW_TCP_PSH, hand.server.seq,
				 "250 x\r\n", 7),
		MW_REASON_AFTER_REFUSAL);
	assert_false(hand.packet.forward);
	assert_int_equal(hand.resets_to_server, 4);
	hand_close(&hand);
}

/* What client and server agreed on is kept: scale, timestamps, and the window's right edge. */
static void the_reply_fits_the_connection(void **state)
{
	struct mw_frame f;

	open_hand((struct rig_options){0});
	hand.client.has_ts = hand.server.has_ts = true;
	hand.client.tsval = 1000;
	hand.server.tsval = 77000;
	to_end_of_data();
	hand.client.tsval = 2000;
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(mw_frame_parse(hand.last_to_client, hand.last_to_client_len,
				 hand.last_to_client_len, &f),
		MW_FRAME_TCP);
	assert_true(f.has_ts);
	assert_true(f.tsval >= 77000);
	assert_int_equal(f.tsecr, 2000);
	assert_int_equal(f.seq, hand.server.seq);
	assert_int_equal(f.ack, hand.client.seq);
	assert_true(f.window >= 65535 - 1);
	assert_true(mw_checksum_tcp_good(hand.last_to_client, &f));
	hand_close(&hand);
}

static void a_client_that_gives_up_frees_all(void **state)
{
	for (int with = 0; with < 2; with++) {
		open_hand((struct rig_options){0});
		to_end_of_data();
		hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
		hand_raw(&hand, &hand.client, with == 0 ? MW_TCP_RST : MW_TCP_FIN | MW_TCP_ACK,
			hand.client.seq, NULL, 0);
		hand_poll(&hand, MW_NS_PER_MS);
		if (with == 1) { /* half closed, it can still read */
			assert_non_null(memmem(hand.to_client, hand.to_client_len, "554 5.7.1", 9));
			assert_int_equal(hand.rig.message[0].refused, true);
		}
		hand_close(&hand);
	}
}

/* A cut session without a word: under TLS, when idle for two seconds, at the latest after a minute.
 */
static void under_tls_nothing_can_be_said(void **state)
{
	open_hand((struct rig_options){0});
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 x\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	hand_say(&hand, &hand.server, "250-x\r\n250 STARTTLS\r\n");
	hand_say(&hand, &hand.client, "STARTTLS\r\n");
	hand_say(&hand, &hand.server, "220 go\r\n");
	hand_say(&hand, &hand.client, "\x16\x03\x01zzz");
	rig_verdict(&hand.rig, MW_VERDICT_REJECT, REPLY);
	hand_poll(&hand, MW_NS_PER_S);
	assert_int_equal(hand.resets_to_server, 0);
	hand_say(&hand, &hand.client, "still talking");
	hand_poll(&hand, 1500 * MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 0);
	hand_poll(&hand, MW_NS_PER_S);
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.resets_to_client, 1);
	assert_int_equal(hand.reset_seq_to_server, hand.client.seq);
	assert_int_equal(mw_lane_counters(hand.rig.lane)->reason[MW_REASON_TLS_CUT], 1);
	hand_close(&hand);
}

static void an_idle_client_is_told(void **state)
{
	open_hand((struct rig_options){0});
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 x\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	hand_say(&hand, &hand.server, "250 x\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	rig_verdict(&hand.rig, MW_VERDICT_REJECT, REPLY);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_non_null(memmem(hand.to_client, hand.to_client_len, "421 4.7.1 " REPLY, 20));
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.reset_seq_to_server, hand.client.seq);
	hand_close(&hand);
}

/* Of a client whose server is never seen: SYN, then acknowledgements of what went another way. */
static void alone(uint16_t port)
{
	hand_connection(&hand, 0, 10, port);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	for (int i = 0; i < 5; i++)
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.client, "EHLO c\r\nMAIL FROM:<a@b.example>\r\n");
	hand_say(&hand, &hand.client, "RCPT TO:<c@d.example>\r\nDATA\r\n");
	hand_say(&hand, &hand.client, "\r\n" FAKE_PHRASE "\r\n");
}

/* One direction only: no message is refused for what is in it, but for a verdict there is always a
 * way. */
static void one_direction_only(void **state)
{
	const uint64_t *reason;

	open_hand((struct rig_options){.refuse_spam = true});
	reason = mw_lane_counters(hand.rig.lane)->reason;
	alone(40001);
	hand_say(&hand, &hand.client, ".\r\n");
	for (int i = 0; i < 10; i++)
		hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(reason[MW_REASON_OBSERVED_SPAM], 1);
	assert_int_equal(reason[MW_REASON_RELEASED], 1); /* its end has gone to the server */
	assert_int_equal(hand.to_client_len, 0);
	alone(40002);
	rig_verdict(&hand.rig, MW_VERDICT_REJECT, REPLY);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 1 + 1); /* both that are open */
	assert_int_equal(hand.reset_seq_to_server, hand.client.seq);
	hand_say(&hand, &hand.client, ".\r\n");
	assert_false(hand.packet.forward);
	/* A new one: the responder needs no word of a server. */
	hand_connection(&hand, 0, 10, 40003);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
	hand_close(&hand);
	assert_true((hand.rig.session.anomalies & MW_ANOMALY_BIT(MW_REASON_ASYMMETRIC)) != 0);
}

/* Withdrawn before anything was said: no trace. */
static void a_withdrawn_verdict_leaves_no_trace(void **state)
{
	open_hand((struct rig_options){0});
	hand_shake(&hand);
	hand_envelope(&hand);
	rig_verdict(&hand.rig, MW_VERDICT_REJECT, REPLY);
	hand_poll(&hand, MW_NS_PER_MS);
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	hand_poll(&hand, MW_NS_PER_MS);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	hand_poll(&hand, MW_NS_PER_MS);
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(hand.resets_to_server + hand.resets_to_client, 0);
	assert_int_equal(hand.rig.messages, 1);
	assert_false(hand.rig.message[0].refused);
	hand_close(&hand);
}

/* A client of the responder says EHLO, and what it hears; then it leaves, with or without a MAIL.
 */
static const char *hello(uint16_t port, bool with_mail)
{
	struct mw_frame f;

	hand.client.sport = port;
	hand.client.seq = 1000;
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	assert_int_equal(mw_frame_parse(hand.last_to_client, hand.last_to_client_len,
				 hand.last_to_client_len, &f),
		MW_FRAME_TCP);
	hand.server.seq = f.seq + 1;
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand.to_client_len = 0;
	hand.server.seq += (uint32_t)strlen("220 mailweir ESMTP\r\n");
	hand_say(&hand, &hand.client, "EHLO tls.only.example\r\n");
	hand.to_client[hand.to_client_len] = 0;
	if (with_mail)
		hand_say(&hand, &hand.client, "MAIL FROM:<a@b.example>\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	return (const char *)hand.to_client;
}

static const struct rig_options under_reject = {.verdict = MW_VERDICT_REJECT, .reply = REPLY};

static const char *second_hello(bool with_mail)
{
	open_hand(under_reject);
	hello(40000, with_mail);
	return hello(40001, false);
}

static void one_who_left_behind_ehlo_is_refused_there(void **state)
{
	assert_non_null(strstr(second_hello(false), "550 5.7.1 " REPLY));
	hand_close(&hand);
	assert_non_null(strstr(second_hello(true), "250 mailweir"));
	hand_close(&hand);
}

static void poll_for(uint64_t ns)
{
	for (; ns > 100 * MW_NS_PER_MS; ns -= 100 * MW_NS_PER_MS)
		hand_poll(&hand, 100 * MW_NS_PER_MS);
	hand_poll(&hand, ns);
}

/* 221 and our FIN, the client's FIN behind it: one last ACK, no second FIN, and nothing is left.
 * Over 34 such senders a second would find no entry otherwise. */
static void a_conversation_leaves_nothing(void **state)
{
	uint32_t next;
	struct mw_frame f;

	open_hand(under_reject);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	mw_frame_parse(hand.last_to_client, hand.last_to_client_len, hand.last_to_client_len, &f);
	hand.server.seq = f.seq + 1;
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.client, "QUIT\r\n");
	mw_frame_parse(hand.last_to_client, hand.last_to_client_len, hand.last_to_client_len, &f);
	assert_true((f.flags & MW_TCP_FIN) != 0);
	next = hand.server.seq = f.seq + f.payload_len + 1;
	hand_raw(&hand, &hand.client, MW_TCP_FIN | MW_TCP_ACK, hand.client.seq++, NULL, 0);
	mw_frame_parse(hand.last_to_client, hand.last_to_client_len, hand.last_to_client_len, &f);
	assert_int_equal(f.flags, MW_TCP_ACK);
	assert_int_equal(f.seq, next);
	assert_int_equal(f.ack, hand.client.seq);
	assert_int_equal(hand.rig.lane->use[0].responders, 0);
	/* That ACK was lost. */
	hand.made = 0;
	hand_raw(&hand, &hand.client, MW_TCP_FIN | MW_TCP_ACK, hand.client.seq - 1, NULL, 0);
	mw_frame_parse(hand.last_to_client, hand.last_to_client_len, hand.last_to_client_len, &f);
	assert_int_equal(hand.made, 1);
	assert_int_equal(f.flags, MW_TCP_ACK);
	assert_int_equal(f.seq, next);
	assert_int_equal(f.ack, hand.client.seq);
	assert_int_equal(hand.rig.lane->responder->table.used, 1);
	poll_for(MW_TALK_LINGER_NS + 100 * MW_NS_PER_MS);
	assert_int_equal(hand.rig.lane->responder->table.used, 0);
	hand_close(&hand);
}

/* A minute of silence: he is told, once, and charged for nothing any more; five minutes of talk:
 * the same. Then it is over, whether he answers or not. */
static void whoever_takes_too_long_is_told(void **state)
{
	for (int way = 0; way < 3; way++) {
		struct mw_frame f;

		open_hand(under_reject);
		hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
		mw_frame_parse(
			hand.last_to_client, hand.last_to_client_len, hand.last_to_client_len, &f);
		hand.server.seq = f.seq + 1;
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		hand.server.seq += hand.to_client_len;
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		for (int i = 0; way == 2 && i < 6; i++) {
			poll_for(45 * MW_NS_PER_S);
			hand.to_client_len = 0;
			hand_say(&hand, &hand.client, "NOOP\r\n");
			assert_memory_equal(hand.to_client, "250 ", 4);
			hand.server.seq += hand.to_client_len;
			hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		}
		hand.to_client_len = 0;
		poll_for(way == 2 ? 31 * MW_NS_PER_S : MW_TALK_IDLE_NS - MW_NS_PER_S);
		if (way < 2) {
			assert_int_equal(hand.to_client_len, 0);
			assert_int_equal(hand.rig.lane->use[0].responders, 1);
			poll_for(1200 * MW_NS_PER_MS);
		}
		assert_memory_equal(hand.to_client, "421 4.4.2 Timeout\r\n", 19);
		assert_int_equal(hand.to_client_len, 19);
		assert_int_equal(hand.rig.lane->use[0].responders, 0);
		mw_frame_parse(
			hand.last_to_client, hand.last_to_client_len, hand.last_to_client_len, &f);
		assert_true((f.flags & MW_TCP_FIN) != 0);
		hand.server.seq = f.seq + f.payload_len + 1;
		if (way != 1) {
			hand_raw(&hand, &hand.client, MW_TCP_FIN | MW_TCP_ACK, hand.client.seq++,
				NULL, 0);
			poll_for(MW_TALK_LINGER_NS + 100 * MW_NS_PER_MS);
		} else {
			poll_for(MW_TALK_IDLE_NS + MW_NS_PER_S);
		}
		assert_int_equal(hand.rig.lane->responder->table.used, 0);
		hand_close(&hand);
	}
}

/* It comes again on other ports, and so to another lane: that one knows, too, and for five days. */
static void all_lanes_remember_who_left(void **state)
{
	static struct mw_left left;
	struct rig_options options = under_reject;
	uint64_t now_ns, days_ns = 5 * 86400 * MW_NS_PER_S;

	memset(&left, 0, sizeof(left));
	options.left = &left;
	open_hand(options);
	assert_non_null(strstr(hello(40000, false), "250 mailweir"));
	now_ns = hand.now_ns;
	hand_close(&hand);
	open_hand(options);
	assert_non_null(strstr(hello(40001, false), "550 5.7.1 " REPLY));
	hand_connection(&hand, 0, 11, 40000); /* his neighbour is another one */
	assert_non_null(strstr(hello(40000, false), "250 mailweir"));
	hand_close(&hand);
	open_hand(options);
	hand.now_ns = now_ns + days_ns - 60 * MW_NS_PER_S;
	assert_non_null(strstr(hello(40002, false), "550 5.7.1 " REPLY));
	hand.now_ns = now_ns + days_ns;
	assert_non_null(strstr(hello(40003, false), "250 mailweir"));
	hand_close(&hand);
}

/* The verdict is withdrawn while he is on the line: he is not refused, and not without a word. */
static void one_who_is_free_again_shall_come_again(void **state)
{
	struct mw_frame f;

	open_hand((struct rig_options){.verdict = MW_VERDICT_REJECT, .reply = REPLY});
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	assert_int_equal(mw_frame_parse(hand.last_to_client, hand.last_to_client_len,
				 hand.last_to_client_len, &f),
		MW_FRAME_TCP);
	hand.server.seq = f.seq + 1;
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand.server.seq += (uint32_t)hand.to_client_len;
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	hand.to_client_len = 0;
	hand_say(&hand, &hand.client, "MAIL FROM:<a@b.example>\r\n");
	hand.to_client[hand.to_client_len] = 0;
	assert_string_equal((char *)hand.to_client, "421 4.3.2 Please connect again\r\n");
	hand_close(&hand);
}

/* The client has heard its 554 and begins anew on the same ports: a connection like any other. */
static void a_new_connection_is_a_new_one(void **state)
{
	open_hand((struct rig_options){0});
	to_end_of_data();
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	assert_non_null(memmem(hand.to_client, hand.to_client_len, "554 5.7.1", 9));
	hand.client.seq += 100000;
	assert_int_equal(hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0),
		MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	assert_int_equal(hand.rig.lane->responder->table.used, 0);
	hand_close(&hand);
}

/* A verdict comes while older ones are still being looked at, and the connections that were left
 * for that all close: those before them are held against the newest all the same. */
static void no_open_connection_is_forgotten(void **state)
{
	open_hand((struct rig_options){.flows = 1024});
	for (uint16_t i = 0; i < 300; i++) {
		hand.client.sport = (uint16_t)(20000 + i);
		hand_raw(&hand, &hand.client, MW_TCP_SYN, 1000, NULL, 0);
	}
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	hand_poll(&hand, MW_NS_PER_MS); /* 256 of them */
	rig_verdict(&hand.rig, MW_VERDICT_RESET, NULL);
	for (uint16_t i = 250; i < 300; i++) {
		hand.client.sport = (uint16_t)(20000 + i);
		hand_raw(&hand, &hand.client, MW_TCP_RST, 1001, NULL, 0);
	}
	hand.resets_to_server = 0;
	for (int i = 0; i < 5; i++)
		hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 250);
	hand_close(&hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(on_a_clean_line, print_seed),
		cmocka_unit_test_teardown(held_by_the_scan, print_seed),
		cmocka_unit_test_teardown(under_loss, print_seed),
		cmocka_unit_test_teardown(large_under_loss, print_seed),
		cmocka_unit_test_teardown(a_liar_gets_nothing_past, print_seed),
		cmocka_unit_test_teardown(a_look_alike_is_refused, print_seed),
		cmocka_unit_test_teardown(a_look_alike_that_waits_too_long_is_refused, print_seed),
		cmocka_unit_test_teardown(a_verdict_ends_an_open_connection, print_seed),
		cmocka_unit_test(the_server_said_it_first),
		cmocka_unit_test(not_before_all_replies_are_read),
		cmocka_unit_test(a_wait_has_an_end),
		cmocka_unit_test(the_server_is_told_exactly),
		cmocka_unit_test(the_reply_fits_the_connection),
		cmocka_unit_test(a_client_that_gives_up_frees_all),
		cmocka_unit_test(under_tls_nothing_can_be_said),
		cmocka_unit_test(an_idle_client_is_told),
		cmocka_unit_test(one_direction_only),
		cmocka_unit_test(a_withdrawn_verdict_leaves_no_trace),
		cmocka_unit_test(one_who_left_behind_ehlo_is_refused_there),
		cmocka_unit_test(a_conversation_leaves_nothing),
		cmocka_unit_test(whoever_takes_too_long_is_told),
		cmocka_unit_test(all_lanes_remember_who_left),
		cmocka_unit_test(one_who_is_free_again_shall_come_again),
		cmocka_unit_test(a_new_connection_is_a_new_one),
		cmocka_unit_test(no_open_connection_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
