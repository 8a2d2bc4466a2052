/*
 * The whole lane between a mail client and a mail server, under loss, reordering and repetition on
 * both sides, every segment cut anew at each sending: what the server stores is what was sent and
 * what the lane reported; no end of a message reaches the server before the message was judged;
 * every packet that came in went out or has a named reason; at the end all memory is back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/base/time.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/mail.h"
#include "tests/engine/rig.h"
#include "tests/engine/rounds.h"

static uint64_t judged(const struct rig *rig)
{
	const struct mw_lane_counters *c = mw_lane_counters(rig->lane);

	return c->reason[MW_REASON_CLEAN] + c->reason[MW_REASON_OBSERVED_SPAM];
}

/* Has inspection been lost, for any of the named reasons? */
static bool went_dark(const struct rig *rig)
{
	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (mw_reason_group((enum mw_reason)i) == MW_GROUP_SESSION &&
			mw_lane_counters(rig->lane)->reason[i] > 0)
			return true;
	return false;
}

static void print_counters(const struct rig *rig)
{
	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (mw_lane_counters(rig->lane)->reason[i] > 0)
			print_message("%s %llu\n", mw_reason_name((enum mw_reason)i),
				(unsigned long long)mw_lane_counters(rig->lane)->reason[i]);
}

static void on_stored(void *ctx, struct mail_pair *pair)
{
	const struct rig *rig = ctx;

	if (!went_dark(rig) && judged(rig) < pair->stored_count) {
		print_counters(rig);
		fail_msg("seed %llu: message %u was stored before it was judged",
			(unsigned long long)seed_now, pair->stored_count);
	}
}

static void check_messages(const struct rig *rig, const struct mail_pair *pair)
{
	assert_int_equal(pair->stored_count, pair->to_send);
	assert_int_equal(rig->messages, pair->to_send);
	for (uint32_t i = 0; i < pair->to_send; i++) {
		const struct mail_text *sent = &pair->sent[i], *got = &pair->stored[i];
		const struct rig_message *told = &rig->message[i];
		uint8_t sha256[32];
		char from[64];

		assert_int_equal(got->len, sent->len);
		assert_memory_equal(got->octets, sent->octets, sent->len);
		EVP_Digest(sent->octets, sent->len, sha256, NULL, EVP_sha256(), NULL);
		assert_int_equal(told->size, sent->len);
		assert_memory_equal(told->sha256, sha256, 32);
		assert_true(told->complete);
		assert_int_equal(told->klass, sent->bad ? MW_CLASS_SPAM : MW_CLASS_HAM);
		assert_int_equal(told->rcpts, 2);
		assert_int_equal(told->data_reply, 250);
		snprintf(from, sizeof(from), "sender%u@client.example", i);
		assert_string_equal(told->mail_from, from);
	}
}

static void check_packets(const struct rig *rig, const struct net *net)
{
	const struct mw_lane_counters *c = mw_lane_counters(rig->lane);
	uint64_t named = 0;

	assert_int_equal(c->rx_packets, net->in);
	assert_int_equal(net->in, net->forwarded + net->dropped);
	assert_int_equal(c->tx_packets, net->forwarded + net->made);
	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (mw_reason_group((enum mw_reason)i) == MW_GROUP_PACKET)
			named += c->reason[i];
	/* Packets of the lane's own are counted by what they are: released ends, resets. */
	assert_int_equal(
		named, net->in + c->reason[MW_REASON_RELEASED] + c->reason[MW_REASON_RESET_SENT]);
	assert_int_equal(c->reason[MW_REASON_NONE], 0);
}

static void stalled(const struct rig *rig, const struct net *net, const struct mail_pair *pair)
{
	const struct net_peer *client = &net->peer[NET_CLIENT], *server = &net->peer[NET_SERVER];

	print_counters(rig);
	print_message("client sent %u of %u, has %u; server sent %u of %u, has %u\n", client->una,
		client->out_len, client->in_len, server->una, server->out_len, server->in_len);
	fail_msg("seed %llu: the conversation stalled (%u of %u stored)",
		(unsigned long long)seed_now, pair->stored_count, pair->to_send);
}

static void one_run(uint64_t seed, uint32_t loss, uint32_t repeat, uint32_t delay,
	uint32_t size_max, uint32_t budget_ns, uint64_t record_cost_ns)
{
	static struct mail_pair pair;
	struct rig rig;
	struct net net;
	struct rig_options options = {.scan_budget_ns = budget_ns};
	struct net_way way = {
		.loss_percent = loss, .repeat_percent = repeat, .delay_max_ms = delay};

	seed_now = seed;
	fake_open_scans = 0;
	fake_record_cost_ns = record_cost_ns;
	rig_open(&rig, &options);
	net_init(&net, seed, rig.lane);
	net.way[0] = net.way[1] = way;
	rig.net = &net;
	mail_init(&pair, &net, 1 + net_random(&net, MAIL_MESSAGES - 1), size_max);
	pair.on_stored = on_stored;
	pair.ctx = &rig;
	net.on_data = mail_on_data;
	net.ctx = &pair;
	net_connect(&net);
	if (!net_run(&net, net.now_ns + 3600 * MW_NS_PER_S))
		stalled(&rig, &net, &pair);
	mw_lane_finish(rig.lane, net.now_ns);
	check_messages(&rig, &pair);
	check_packets(&rig, &net);
	assert_int_equal(rig.sessions, 1);
	assert_int_equal(rig.session.messages, pair.to_send);
	assert_true(rig.session.quit);
	assert_false(rig.session.metadata);
	assert_int_equal(rig.session.client_bytes, net.peer[NET_CLIENT].out_len);
	assert_int_equal(rig.session.server_bytes, net.peer[NET_SERVER].out_len);
	rig_assert_empty(&rig);
	rig_close(&rig);
}

static void clean_line(void **state)
{
	for (uint64_t seed = first(); seed <= rounds(150); seed++)
		one_run(seed, 0, 0, 0, 3000, 0, 0);
}

static void clean_line_held(void **state)
{
	for (uint64_t seed = first(); seed <= rounds(150); seed++)
		one_run(seed + 10000, 0, 0, 0, 3000, 50000, 40000);
}

static void loss_and_reordering(void **state)
{
	for (uint64_t seed = first(); seed <= rounds(150); seed++)
		one_run(seed + 20000, 5, 3, 20, 3000, 50000, 40000);
}

static void large_messages_under_loss(void **state)
{
	for (uint64_t seed = first(); seed <= rounds(15); seed++)
		one_run(seed + 30000, 4, 4, 10, MAIL_MAX / 2, 50000, 200000);
}

/* What was scanned is what the receiver gets, from a client that lies: each message the server
 * stored is one the lane judged, octet for octet, in order, as long as the session was inspected.
 */
static void a_liar_is_taken_at_his_first_word(void **state)
{
	static struct mail_pair pair;
	uint64_t compared = 0, dark = 0;

	for (uint64_t seed = first(); seed <= rounds(100); seed++) {
		struct rig rig;
		struct rig_options options = {.scan_budget_ns = 50000};
		struct net net;
		uint32_t told = 0;

		seed_now = seed;
		fake_record_cost_ns = 40000;
		rig_open(&rig, &options);
		net_init(&net, seed + 80000, rig.lane);
		net.way[0] =
			(struct net_way){.loss_percent = 2, .repeat_percent = 2, .delay_max_ms = 8};
		net.way[1] = net.way[0];
		net.liar_percent = 1 + (uint32_t)(seed % 25);
		rig.net = &net;
		mail_init(&pair, &net, 1 + net_random(&net, 5), 4000);
		pair.on_stored = on_stored;
		pair.ctx = &rig;
		net.on_data = mail_on_data;
		net.ctx = &pair;
		net_connect(&net);
		net_run(&net, net.now_ns + 200 * MW_NS_PER_S);
		mw_lane_finish(rig.lane, net.now_ns);
		check_packets(&rig, &net);
		rig_assert_empty(&rig);
		for (uint32_t i = 0; i < pair.stored_count && !rig.session.metadata; i++) {
			uint8_t sha256[32];

			EVP_Digest(pair.stored[i].octets, pair.stored[i].len, sha256, NULL,
				EVP_sha256(), NULL);
			while (told < rig.messages &&
				(!rig.message[told].complete ||
					memcmp(rig.message[told].sha256, sha256, 32) != 0))
				told++;
			if (told == rig.messages)
				fail_msg("seed %llu: the server stored a message the lane did not "
					 "see",
					(unsigned long long)seed);
			told++;
			compared++;
		}
		dark += rig.session.metadata;
		rig_close(&rig);
	}
	print_message("# %llu messages compared, %llu sessions went dark\n",
		(unsigned long long)compared, (unsigned long long)dark);
	if (getenv("MW_TEST_SEED") == NULL)
		assert_true(compared > 50);
}

/* A capture taken at the client's side of the same conversations says the same. */
static struct rig *passive;

static void feed_passive(const struct mw_packet *packet, uint64_t now_ns)
{
	uint8_t copy[2048];
	struct mw_packet p = *packet;

	memcpy(copy, packet->data, packet->len);
	p.data = copy;
	p.port_in = MW_PORT_INSIDE;
	mw_lane_packet(passive->lane, now_ns, &p);
}

static void a_capture_says_the_same(void **state)
{
	static struct mail_pair pair;

	for (uint64_t seed = first(); seed <= rounds(100); seed++) {
		struct rig live, capture;
		struct rig_options inline_options = {0}, passive_options = {.passive = true};
		struct net net;

		seed_now = seed;
		fake_record_cost_ns = 0;
		rig_open(&live, &inline_options);
		rig_open(&capture, &passive_options);
		passive = &capture;
		net_init(&net, seed + 40000, live.lane);
		net.way[0] = (struct net_way){
			.loss_percent = 3, .repeat_percent = 3, .delay_max_ms = 10};
		net.way[1] = net.way[0];
		net.on_packet = feed_passive;
		live.net = &net;
		mail_init(&pair, &net, 1 + net_random(&net, 4), 4000);
		net.on_data = mail_on_data;
		net.ctx = &pair;
		net_connect(&net);
		assert_true(net_run(&net, net.now_ns + 3600 * MW_NS_PER_S));
		mw_lane_finish(live.lane, net.now_ns);
		mw_lane_finish(capture.lane, net.now_ns);
		check_messages(&live, &pair);
		check_messages(&capture, &pair);
		assert_int_equal(capture.sessions, 1);
		assert_false(capture.session.metadata);
		rig_assert_empty(&capture);
		rig_close(&live);
		rig_close(&capture);
	}
}

/* A verdict that is too long in coming: the hold ends by its own timer, on a line otherwise silent.
 */
static void a_hold_ends_by_time(void **state)
{
	static struct mail_pair pair;
	struct rig rig;
	struct rig_options options = {.scan_budget_ns = 1, .hold_max_ms = 30};
	struct net net;

	seed_now = 8;
	fake_record_cost_ns = 1000000; /* one record a poll, and a message of hundreds */
	rig_open(&rig, &options);
	net_init(&net, 8, rig.lane);
	rig.net = &net;
	mail_init(&pair, &net, 1, 3000);
	for (pair.sent[0].len = 0; pair.sent[0].len < 20000; pair.sent[0].len += 9)
		memcpy(pair.sent[0].octets + pair.sent[0].len, "words\r\n\r\n", 9);
	net.on_data = mail_on_data;
	net.ctx = &pair;
	net_connect(&net);
	assert_true(net_run(&net, net.now_ns + 60 * MW_NS_PER_S));
	assert_int_equal(pair.stored_count, 1);
	mw_lane_finish(rig.lane, net.now_ns);
	assert_int_equal(mw_lane_counters(rig.lane)->reason[MW_REASON_SCAN_TIMEOUT], 1);
	assert_in_range(
		mw_lane_counters(rig.lane)->held_ns_max, 30 * MW_NS_PER_MS, 60 * MW_NS_PER_MS);
	rig_assert_empty(&rig);
	rig_close(&rig);
}

/* STARTTLS: from the ClientHello on nothing is read, and everything passes. */
#define TLS_OCTETS 9000

struct tls {
	uint32_t step;
	uint8_t octets[TLS_OCTETS];
};

static void tls_on_data(void *ctx, struct net *net, enum net_end end)
{
	struct tls *tls = ctx;
	struct net_peer *p = &net->peer[end];
	static const char *const says[] = {"220 hi\r\n", "EHLO c\r\n", "250-s\r\n250 STARTTLS\r\n",
		"STARTTLS\r\n", "220 go on\r\n"};

	if (tls->step < 5 && (tls->step % 2 == 0) == (end == NET_SERVER) &&
		(tls->step == 0 || (p->in_len > p->in_read && p->in[p->in_len - 1] == '\n'))) {
		p->in_read = p->in_len;
		net_write(net, end, says[tls->step], strlen(says[tls->step]));
		tls->step++;
	} else if (tls->step == 5 && end == NET_CLIENT && p->in_len > p->in_read) {
		p->in_read = p->in_len;
		net_write(net, end, tls->octets, TLS_OCTETS);
		net_close(net, end);
		tls->step++;
	} else if (tls->step == 6 && end == NET_SERVER && p->in_len >= 18 + TLS_OCTETS) {
		net_write(net, end, tls->octets, TLS_OCTETS);
		net_close(net, end);
		tls->step++;
	}
}

static void tls_passes_unread(void **state)
{
	static struct tls tls;

	for (uint64_t seed = first(); seed <= rounds(60); seed++) {
		struct rig rig;
		struct rig_options options = {.scan_budget_ns = 50000};
		struct net net;

		seed_now = seed;
		memset(&tls, 0, sizeof(tls));
		rig_open(&rig, &options);
		net_init(&net, seed + 70000, rig.lane);
		net.way[0] = (struct net_way){
			.loss_percent = 4, .repeat_percent = 4, .delay_max_ms = 10};
		net.way[1] = net.way[0];
		rig.net = &net;
		for (uint32_t i = 0; i < TLS_OCTETS; i++)
			tls.octets[i] = (uint8_t)net_random(&net, 256);
		memcpy(tls.octets, "\x16\x03\x01", 3);
		net.on_data = tls_on_data;
		net.ctx = &tls;
		net_connect(&net);
		assert_true(net_run(&net, net.now_ns + 600 * MW_NS_PER_S));
		mw_lane_finish(rig.lane, net.now_ns);
		assert_memory_equal(
			net.peer[NET_SERVER].in + net.peer[NET_SERVER].in_len - TLS_OCTETS,
			tls.octets, TLS_OCTETS);
		assert_memory_equal(
			net.peer[NET_CLIENT].in + net.peer[NET_CLIENT].in_len - TLS_OCTETS,
			tls.octets, TLS_OCTETS);
		assert_int_equal(rig.session.starttls, MW_SMTP_STARTTLS_USED);
		assert_true(rig.session.metadata);
		assert_int_equal(rig.session.reason, MW_REASON_STARTTLS);
		assert_int_equal(rig.session.client_bytes, net.peer[NET_CLIENT].out_len);
		assert_int_equal(rig.session.server_bytes, net.peer[NET_SERVER].out_len);
		rig_assert_empty(&rig);
		rig_close(&rig);
	}
}

#define REPLY "Mail from this customer is refused, ticket MW-2026-000123, call +49 89 1234"

static void the_responder_refuses(void **state)
{
	static struct mail_pair pair;

	for (uint64_t seed = first(); seed <= rounds(200); seed++) {
		struct rig rig;
		struct rig_options options = {.verdict = MW_VERDICT_REJECT, .reply = REPLY};
		struct net net;

		seed_now = seed;
		rig_open(&rig, &options);
		net_init(&net, seed + 50000, rig.lane);
		net.way[0] =
			(struct net_way){.loss_percent = seed % 3 == 0 ? 8 : 0, .delay_max_ms = 5};
		rig.net = &net;
		mail_init(&pair, &net, 1, 100);
		pair.pipelining = false;
		net.on_data = mail_on_data;
		net.ctx = &pair;
		net_connect(&net);
		for (int i = 0; i < 300 && !net.peer[NET_CLIENT].fin_acked; i++)
			net_run(&net, net.now_ns + MW_NS_PER_S / 5);
		if (!net.peer[NET_CLIENT].fin_received || !net.peer[NET_CLIENT].fin_acked)
			stalled(&rig, &net, &pair);
		assert_string_equal(pair.refusal, "550 5.7.1 " REPLY "\r\n");
		assert_true(strncmp(pair.last_reply, "221", 3) == 0);
		assert_int_equal(net.forwarded, 0); /* the server never saw a packet */
		assert_false(net.peer[NET_SERVER].peer_known);
		assert_int_equal(mw_lane_counters(rig.lane)->sessions, 0);
		rig_close(&rig);
	}
}

static void a_reset_is_a_reset(void **state)
{
	static struct mail_pair pair;
	struct rig rig;
	struct rig_options options = {.verdict = MW_VERDICT_RESET};
	struct net net;

	rig_open(&rig, &options);
	net_init(&net, 3, rig.lane);
	rig.net = &net;
	mail_init(&pair, &net, 1, 100);
	net.on_data = mail_on_data;
	net.ctx = &pair;
	net_connect(&net);
	net_run(&net, net.now_ns + MW_NS_PER_S);
	assert_true(net.peer[NET_CLIENT].refused);
	assert_int_equal(net.forwarded, 0);
	rig_close(&rig);
}

/* Everything that is not SMTP of the inside's clients passes bit for bit, whatever its octets are.
 */
static void the_rest_passes_bit_for_bit(void **state)
{
	struct rig rig;
	struct rig_options options = {.verdict = MW_VERDICT_REJECT, .reply = REPLY};
	struct net net;

	rig_open(&rig, &options);
	net_init(&net, 99, rig.lane);
	for (int round = 0; round < 100000; round++) {
		uint8_t frame[300], before[300];
		uint32_t len = net_random(&net, sizeof(frame));
		struct mw_packet packet = {.data = frame,
			.len = len,
			.wire_len = len,
			.port_in = (uint8_t)net_random(&net, 2)};
		struct mw_frame f;

		for (uint32_t i = 0; i < len; i++)
			frame[i] = (uint8_t)net_random(&net, 256);
		if (round % 2 == 0 && len > 60) { /* an honest header, now and then with port 25 */
			frame[12] = 0x08;
			frame[13] = 0x00;
			frame[14] = 0x45;
			frame[16] = (uint8_t)((len - 14) >> 8);
			frame[17] = (uint8_t)(len - 14);
			frame[20] = frame[21] = 0;
			frame[23] = 6;
			frame[46] = 0x50;
			if (round % 4 == 0) {
				frame[36] = 0;
				frame[37] = 25;
			}
		}
		memcpy(before, frame, len);
		mw_lane_packet(rig.lane, net.now_ns, &packet);
		if (mw_frame_parse(before, len, len, &f) == MW_FRAME_TCP &&
			(f.dport == 25 || f.sport == 25) && !packet.forward) {
			assert_int_not_equal(packet.reason, MW_REASON_NONE);
			continue; /* decided by the checksum, or for a customer */
		}
		assert_true(packet.forward);
		assert_int_equal(packet.len, len);
		assert_memory_equal(frame, before, len);
		assert_int_equal(packet.port_out,
			packet.port_in == MW_PORT_INSIDE ? MW_PORT_OUTSIDE : MW_PORT_INSIDE);
	}
	rig_close(&rig);
}

static void owner_is_symmetric(void **state)
{
	struct mw_port_set ports = {0};
	struct net net;
	uint32_t seen[3] = {0};

	mw_port_set_add(&ports, 25);
	net_init(&net, 5, NULL);
	for (uint32_t i = 0; i < 3000; i++) {
		struct mw_segment s = {.ttl = 64,
			.sport = (uint16_t)(1024 + i),
			.dport = 25,
			.l2_len = 14,
			.v6 = i % 2 != 0,
			.flags = MW_TCP_ACK};
		struct mw_segment back;
		uint8_t out[200];
		uint32_t len;
		uint16_t owner;

		s.l2[12] = s.v6 ? 0x86 : 0x08;
		s.l2[13] = s.v6 ? 0xdd : 0x00;
		mw_ip_parse(s.v6 ? "2001:db8::1" : "192.0.2.1", &s.src);
		mw_ip_parse(s.v6 ? "2001:db8::2" : "198.51.100.1", &s.dst);
		s.dst.octet[15] = (uint8_t)net_random(&net, 256);
		back = s;
		back.src = s.dst;
		back.dst = s.src;
		back.sport = s.dport;
		back.dport = s.sport;
		len = mw_segment_write(&s, mw_span_of(NULL, 0), out, sizeof(out));
		owner = mw_lane_owner(&ports, 77, out, len, 3);
		assert_true(owner < 3);
		seen[owner]++;
		len = mw_segment_write(&back, mw_span_of(NULL, 0), out, sizeof(out));
		assert_int_equal(mw_lane_owner(&ports, 77, out, len, 3), owner);
		back.sport = 80;
		len = mw_segment_write(&back, mw_span_of(NULL, 0), out, sizeof(out));
		assert_int_equal(mw_lane_owner(&ports, 77, out, len, 3), MW_LANE_ANY);
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 800, 1200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(clean_line, print_seed),
		cmocka_unit_test_teardown(clean_line_held, print_seed),
		cmocka_unit_test_teardown(loss_and_reordering, print_seed),
		cmocka_unit_test_teardown(large_messages_under_loss, print_seed),
		cmocka_unit_test_teardown(a_liar_is_taken_at_his_first_word, print_seed),
		cmocka_unit_test_teardown(a_capture_says_the_same, print_seed),
		cmocka_unit_test(a_hold_ends_by_time),
		cmocka_unit_test_teardown(tls_passes_unread, print_seed),
		cmocka_unit_test_teardown(the_responder_refuses, print_seed),
		cmocka_unit_test(a_reset_is_a_reset),
		cmocka_unit_test(the_rest_passes_bit_for_bit),
		cmocka_unit_test(owner_is_symmetric),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
