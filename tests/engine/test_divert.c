/*
 * DIVERT: the gateway gets a customer's connections with his own addresses, he gets its answers
 * under his own layer 2, nobody else notices, and what the policy says for a gateway that is down
 * is done.
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

static const uint8_t gateway_mac[6] = {2, 0, 0, 0, 0, 0x9a};
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 0xd1};
static const uint8_t router_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t client_mac[6] = {2, 0, 0, 0, 0, 2};

static struct {
	enum mw_divert_fallback fallback;
	uint16_t vlan;
	bool observe, by_class;
} policy;

static void with_gateway(struct rig *rig, struct mw_snapshot_input *in,
	struct mw_policy_settings *settings, struct mw_customer_record *customer,
	struct mw_line_record *line)
{
	struct mw_divert_settings *d = &settings->divert;

	d->fallback = policy.fallback;
	d->vlan = policy.vlan;
	settings->observe = policy.observe;
	if (policy.by_class) {
		customer[0].class_verdict = MW_VERDICT_DIVERT;
		in->verdict_count = 0;
		strcpy(settings->divert_reply, "by class");
	}
	mw_ip_parse("198.51.100.9", &d->gateway_v4);
	mw_ip_parse("198.51.100.8", &d->address_v4);
	mw_ip_parse("2001:db8:ffff::9", &d->gateway_v6);
	mw_ip_parse("2001:db8:ffff::8", &d->address_v6);
}

static void gateway_is(struct rig *rig, bool up)
{
	struct mw_gateway_status status = {.known = true, .up = up, .configured = true};

	memcpy(status.mac, gateway_mac, 6);
	mw_lane_set_gateway(rig->lane, &status);
}

static const struct rig_options usual = {.verdict = MW_VERDICT_DIVERT,
	.scan_budget_ns = 50000,
	.refuse_spam = true,
	.divert_mtu = 1500,
	.policy = with_gateway};

static uint64_t counted(const struct rig *rig, enum mw_reason reason)
{
	return mw_lane_counters(rig->lane)->reason[reason];
}

/* --- whole conversations over ways that lose, delay and repeat --- */

static struct mail_pair pair;
static struct {
	struct rig rig;
	struct net net;
} run;

#define CHECK(what)                                                                     \
	do {                                                                            \
		if (!(what))                                                            \
			fail_msg("seed %llu: %s", (unsigned long long)seed_now, #what); \
	} while (0)

struct link {
	uint8_t there[MW_L2_MAX]; /* of the client's frames, but for the Ethertype or PPP protocol
				   */
	uint32_t len;		  /* with it */
	uint8_t back[MW_L2_MAX];  /* of those to him */
	uint32_t back_len;
};

#define THERE 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2
#define BACK  2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1

static const struct link links[] = {
	{{THERE, 8, 0}, 14, {BACK, 8, 0}, 14},
	{{THERE, 0x81, 0, 0x60, 7, 8, 0}, 18, {BACK, 0x81, 0, 0x60, 7, 8, 0}, 18},
	{{THERE, 0x88, 0xa8, 0, 100, 0x81, 0, 0, 7, 8, 0}, 22,
		{BACK, 0x88, 0xa8, 0, 100, 0x81, 0, 0, 7, 8, 0}, 22},
	{{THERE, 0x88, 0x64, 0x11, 0, 0, 9, 0, 0, 0, 0x21}, 22,
		{BACK, 0x88, 0x64, 0x11, 0, 0, 9, 0, 0, 0, 0x21}, 22},
	{{THERE, 0x88, 0x47, 0, 0, 0x11, 64}, 18, {BACK, 8, 0}, 14}, /* an MPLS label */
};

static void open_run(uint64_t seed, struct net_way way, uint32_t messages, const struct link *link)
{
	struct net *net = &run.net;

	seed_now = seed;
	fake_open_scans = 0;
	policy.vlan = seed % 3 == 0 ? 42 : 0;
	rig_open(&run.rig, &usual);
	gateway_is(&run.rig, true);
	net_init(net, seed, run.rig.lane);
	run.rig.net = net;
	net->way[0] = net->way[1] = way;
	net->far = MW_PORT_DIVERT;
	memcpy(net->l2[NET_CLIENT], link->there, link->len);
	net->l2_len[NET_CLIENT] = link->len;
	memcpy(net->l2_expected[NET_CLIENT], link->back, link->back_len);
	net->l2_expected_len[NET_CLIENT] = link->back_len;
	/* The gateway answers to its own router, which is the outside's. */
	memcpy(net->l2[NET_SERVER], router_mac, 6);
	memcpy(net->l2[NET_SERVER] + 6, gateway_mac, 6);
	memcpy(net->l2_expected[NET_SERVER], gateway_mac, 6);
	memcpy(net->l2_expected[NET_SERVER] + 6, our_mac, 6);
	net->l2_len[NET_SERVER] = net->l2_expected_len[NET_SERVER] = policy.vlan != 0 ? 18 : 14;
	if (policy.vlan != 0) {
		memcpy(net->l2[NET_SERVER] + 12, (uint8_t[]){0x81, 0, 0, 42, 8, 0}, 6);
		memcpy(net->l2_expected[NET_SERVER] + 12, (uint8_t[]){0x81, 0, 0, 42, 8, 0}, 6);
	} else {
		memcpy(net->l2_expected[NET_SERVER] + 12, (uint8_t[]){8, 0}, 2);
	}
	mail_init(&pair, net, messages, 20000);
	net->on_data = mail_on_data;
	net->ctx = &pair;
}

static void close_run(void)
{
	for (int i = 0; i < 4000; i++) {
		mw_lane_poll(run.rig.lane, run.net.now_ns);
		run.net.now_ns += MW_NS_PER_S / 2;
	}
	mw_lane_finish(run.rig.lane, run.net.now_ns);
	rig_assert_empty(&run.rig);
	assert_int_equal(run.rig.lane->flows.used, 0);
	rig_close(&run.rig);
	policy.vlan = 0;
}

/* Mail that is clean arrives at the gateway octet for octet; mail that is not is refused by us, and
 * the gateway has not stored it. */
static void conversations(void **state)
{
	static const struct net_way ways[] = {{0, 0, 0}, {5, 3, 40}, {15, 10, 80}};

	for (uint64_t seed = first(); seed <= rounds(150); seed++) {
		uint32_t bad = 0;

		open_run(seed, ways[seed % 3], 1 + (uint32_t)(seed % 4), &links[seed % 5]);
		net_connect(&run.net);
		CHECK(net_run(&run.net, run.net.now_ns + 3600 * MW_NS_PER_S));
		while (bad < pair.to_send && !pair.sent[bad].bad)
			bad++;
		CHECK(pair.stored_count == bad);
		for (uint32_t i = 0; i < bad; i++)
			CHECK(pair.stored[i].len == pair.sent[i].len &&
				memcmp(pair.stored[i].octets, pair.sent[i].octets,
					pair.sent[i].len) == 0);
		CHECK(bad == pair.to_send || strncmp(pair.refusal, "554 5.7.1 ", 10) == 0);
		CHECK(run.net.strays == 0);
		CHECK(counted(&run.rig, MW_REASON_DIVERT_BEGUN) == 1);
		CHECK(run.rig.session.vlan_outer == (seed % 5 == 1 ? 7 : seed % 5 == 2 ? 100 : 0));
		close_run();
		CHECK(run.rig.divert.diverted == 1);
	}
}

/* Both ends are told of the narrower link, with checksums that are right (the ends look at them).
 */
static void segments_fit_the_gateway(void **state)
{
	struct rig_options options = usual;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		open_run(seed, (struct net_way){0, 0, 0}, 1, &links[0]);
		rig_close(&run.rig);
		options.divert_mtu = 1400;
		rig_open(&run.rig, &options);
		run.rig.net = &run.net;
		run.net.lane = run.rig.lane;
		gateway_is(&run.rig, true);
		net_connect(&run.net);
		CHECK(net_run(&run.net, run.net.now_ns + 3600 * MW_NS_PER_S));
		CHECK(run.net.mss_seen == 1360);
		CHECK(counted(&run.rig, MW_REASON_MSS_CLAMPED) == 2);
		close_run();
	}
}

/* --- by hand --- */

static struct hand hand;
static struct {
	enum mw_port port;
	uint8_t frame[2048];
	uint32_t len;
} sent; /* the last frame of the lane's own */

static void note_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	sent.port = port;
	sent.len = len < sizeof(sent.frame) ? len : 0;
	memcpy(sent.frame, frame, sent.len);
}

static void open_hand(bool up, enum mw_divert_fallback fallback)
{
	policy.fallback = fallback;
	hand_open(&hand, &usual);
	gateway_is(&hand.rig, up);
}

static void close_hand(void)
{
	hand_close(&hand);
	policy.fallback = MW_DIVERT_PASS;
	policy.observe = false;
}

static uint8_t room[256 + 2048];

/* One frame as it is, from `port`. */
static struct mw_packet raw(uint8_t port, const void *frame, uint32_t len)
{
	struct mw_packet packet = {
		.data = room + 256, .len = len, .headroom = 256, .wire_len = len, .port_in = port};

	memcpy(packet.data, frame, len);
	hand.now_ns += MW_NS_PER_MS;
	mw_lane_packet(hand.rig.lane, hand.now_ns, &packet);
	return packet;
}

static struct mw_packet segment(
	uint8_t port, const struct mw_segment *from, uint8_t flags, const char *text)
{
	uint8_t frame[2048];
	struct mw_segment s = *from;
	uint32_t len;

	s.flags = flags;
	len = mw_segment_write(&s, mw_span_str(text), frame, sizeof(frame));
	return raw(port, frame, len);
}

/* Of the gateway, in the server's name. */
static struct mw_segment of_gateway(void)
{
	struct mw_segment s = hand.server;

	memcpy(s.l2, router_mac, 6);
	memcpy(s.l2 + 6, gateway_mac, 6);
	return s;
}

static void goes(struct mw_packet p, enum mw_port port, enum mw_reason reason)
{
	assert_true(p.forward);
	assert_int_equal(p.port_out, port);
	assert_int_equal(p.reason, reason);
}

static void is_dropped(struct mw_packet p, enum mw_reason reason)
{
	assert_false(p.forward);
	assert_int_equal(p.reason, reason);
}

static void shake(void)
{
	struct mw_segment s;

	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	hand.client.seq++;
	hand.server.ack = hand.client.seq;
	s = of_gateway();
	goes(segment(MW_PORT_DIVERT, &s, MW_TCP_SYN | MW_TCP_ACK, ""), MW_PORT_INSIDE,
		MW_REASON_FROM_GATEWAY);
	hand.server.seq++;
	hand.client.ack = hand.server.seq;
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
}

static void server_says(const char *text)
{
	struct mw_segment s = of_gateway();

	goes(segment(MW_PORT_DIVERT, &s, MW_TCP_ACK | MW_TCP_PSH, text), MW_PORT_INSIDE,
		MW_REASON_FROM_GATEWAY);
	hand.server.seq += (uint32_t)strlen(text);
	hand.client.ack = hand.server.seq;
}

/* What is the gateway's alone, and what is nobody's. */
static void the_gateway_is_a_host_of_the_outside(void **state)
{
	uint8_t frame[96] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
	struct mw_packet p;

	open_hand(true, MW_DIVERT_PASS);
	/* Somebody outside asks for its address, then for another. */
	memcpy(frame + 38, (uint8_t[]){198, 51, 100, 9}, 4);
	p = raw(MW_PORT_OUTSIDE, frame, 60);
	goes(p, MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
	assert_memory_equal(p.data, frame, 60);
	frame[41] = 10;
	goes(raw(MW_PORT_OUTSIDE, frame, 60), MW_PORT_INSIDE, MW_REASON_FORWARDED);
	/* It asks for its router. */
	memcpy(frame + 6, gateway_mac, 6);
	p = raw(MW_PORT_DIVERT, frame, 60);
	goes(p, MW_PORT_OUTSIDE, MW_REASON_GATEWAY_OWN);
	assert_memory_equal(p.data, frame, 60);
	/* To its MAC, from either side, whatever it is; from it to our MAC: the keeper has had it.
	 */
	memcpy(frame, gateway_mac, 6);
	goes(raw(MW_PORT_OUTSIDE, frame, 60), MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
	goes(raw(MW_PORT_INSIDE, frame, 60), MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
	memcpy(frame, our_mac, 6);
	is_dropped(raw(MW_PORT_DIVERT, frame, 60), MW_REASON_GATEWAY_STRAY);
	/* Neighbour solicitation for its IPv6 address, to the solicited-node group. */
	memset(frame, 0, sizeof(frame));
	memcpy(frame, (uint8_t[]){0x33, 0x33, 0xff, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60},
		15);
	frame[19] = 24;
	frame[20] = 58;
	frame[21] = 255;
	frame[54] = 135;
	memcpy(frame + 62, (uint8_t[]){0x20, 1, 0xd, 0xb8, 0xff, 0xff}, 6);
	frame[77] = 9;
	goes(raw(MW_PORT_OUTSIDE, frame, 78), MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
	frame[77] = 10;
	goes(raw(MW_PORT_OUTSIDE, frame, 78), MW_PORT_INSIDE, MW_REASON_FORWARDED);
	close_hand();
}

/* SMTP of the gateway's own: out to other servers, never diverted again, and its answers back. */
static void its_own_mail_does_not_loop(void **state)
{
	struct mw_segment own, answer;

	open_hand(true, MW_DIVERT_PASS);
	own = hand.client;
	memcpy(own.l2 + 6, gateway_mac, 6);
	mw_ip_parse("198.51.100.9", &own.src);
	goes(segment(MW_PORT_DIVERT, &own, MW_TCP_SYN, ""), MW_PORT_OUTSIDE, MW_REASON_GATEWAY_OWN);
	answer = hand.server;
	answer.dst = own.src;
	memcpy(answer.l2, gateway_mac, 6);
	memcpy(answer.l2 + 6, router_mac, 6);
	goes(segment(MW_PORT_OUTSIDE, &answer, MW_TCP_SYN | MW_TCP_ACK, ""), MW_PORT_DIVERT,
		MW_REASON_GATEWAY_OWN);
	assert_int_equal(hand.rig.lane->flows.used, 0);
	/* In a customer's name, from a port of its own: the answer is sent to the customer, and we
	 * know better. */
	own.src = hand.client.src;
	own.sport = 50000;
	goes(segment(MW_PORT_DIVERT, &own, MW_TCP_SYN, ""), MW_PORT_OUTSIDE, MW_REASON_GATEWAY_OWN);
	answer = hand.server;
	answer.dport = 50000;
	memcpy(answer.l2, client_mac, 6);
	memcpy(answer.l2 + 6, router_mac, 6);
	{
		struct mw_packet p = segment(MW_PORT_OUTSIDE, &answer, MW_TCP_SYN | MW_TCP_ACK, "");

		goes(p, MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
		assert_memory_equal(p.data, gateway_mac, 6);
		assert_memory_equal(p.data + 6, our_mac, 6);
	}
	/* His line is in a VLAN, which the gateway does not know of. */
	own.sport = 50001;
	goes(segment(MW_PORT_DIVERT, &own, MW_TCP_SYN, ""), MW_PORT_OUTSIDE, MW_REASON_GATEWAY_OWN);
	answer.dport = 50001;
	memcpy(answer.l2 + 12, (uint8_t[]){0x81, 0, 0, 7, 8, 0}, 6);
	answer.l2_len = 18;
	{
		struct mw_packet p = segment(MW_PORT_OUTSIDE, &answer, MW_TCP_SYN | MW_TCP_ACK, "");

		goes(p, MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
		assert_memory_equal(p.data, gateway_mac, 6);
		assert_memory_equal(p.data + 12, "\x08", 2);
	}
	answer.dport = own.sport = 50000;
	memcpy(answer.l2 + 12, (uint8_t[]){8, 0}, 2);
	answer.l2_len = 14;
	own.seq++;
	segment(MW_PORT_DIVERT, &own, MW_TCP_RST, "");
	/* The customer himself uses that port next: his connection is diverted, and the answers
	 * that come from outside to it are none of his. */
	hand.client.sport = 50000;
	hand.server.dport = 50000;
	shake();
	answer.seq = hand.server.seq;
	goes(segment(MW_PORT_OUTSIDE, &answer, MW_TCP_RST, ""), MW_PORT_DIVERT,
		MW_REASON_GATEWAY_OWN);
	server_says("220 g ESMTP\r\n");
	close_hand();
}

static void answers_without_a_connection_end_here(void **state)
{
	struct mw_segment s;

	open_hand(true, MW_DIVERT_PASS);
	s = of_gateway();
	is_dropped(segment(MW_PORT_DIVERT, &s, MW_TCP_ACK, "250 ok\r\n"), MW_REASON_GATEWAY_STRAY);
	/* Its own server may answer somebody outside. */
	mw_ip_parse("198.51.100.9", &s.src);
	mw_ip_parse("203.0.113.1", &s.dst);
	goes(segment(MW_PORT_DIVERT, &s, MW_TCP_SYN | MW_TCP_ACK, ""), MW_PORT_OUTSIDE,
		MW_REASON_GATEWAY_OWN);
	/* A connection that goes to its server is not the gateway's to answer. */
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_OUTSIDE,
		MW_REASON_INSPECTED);
	s = of_gateway();
	is_dropped(
		segment(MW_PORT_DIVERT, &s, MW_TCP_SYN | MW_TCP_ACK, ""), MW_REASON_GATEWAY_STRAY);
	close_hand();
}

/* With its link down nothing is sent there, and nothing comes from there. */
static void no_gateway_no_divert(void **state)
{
	uint8_t frame[60] = {0};

	open_hand(true, MW_DIVERT_PASS);
	mw_lane_set_gateway(hand.rig.lane, &(struct mw_gateway_status){.known = false});
	memcpy(frame, gateway_mac, 6);
	goes(raw(MW_PORT_INSIDE, frame, 60), MW_PORT_OUTSIDE, MW_REASON_FORWARDED);
	is_dropped(raw(MW_PORT_DIVERT, frame, 60), MW_REASON_GATEWAY_STRAY);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_OUTSIDE,
		MW_REASON_INSPECTED);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_PASSED), 1);
	close_hand();
}

/* --- the gateway is down --- */

static void talk_to_us(const char *expected)
{
	struct mw_frame f;

	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
	assert_int_equal(mw_frame_parse(hand.last_to_client, hand.last_to_client_len,
				 hand.last_to_client_len, &f),
		MW_FRAME_TCP);
	hand.server.seq = f.seq + 1;
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.client, "EHLO c\r\nMAIL FROM:<a@b.example>\r\n");
	assert_non_null(memmem(hand.to_client, hand.to_client_len, expected, strlen(expected)));
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
}

static void down_later(void **state)
{
	open_hand(false, MW_DIVERT_LATER);
	talk_to_us("450 4.7.1 " MW_DIVERT_REPLY);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_PUT_OFF), 1);
	assert_int_equal(hand.rig.lane->use[0].divert.put_off, 1);
	/* It is back: the next one goes there, on the same port. */
	gateway_is(&hand.rig, true);
	hand_connection(&hand, 0, 10, 40000);
	shake();
	close_hand();
	assert_int_equal(hand.rig.divert.put_off, 1);
	assert_int_equal(hand.rig.divert.diverted, 1);
}

/* One whose class is diverted, and who has no verdict of his own, hears the settings' sentence. */
static void down_by_class(void **state)
{
	policy.by_class = true;
	open_hand(false, MW_DIVERT_REFUSE);
	talk_to_us("550 5.7.1 by class\r\n");
	close_hand();
	policy.by_class = false;
}

static void down_refuse(void **state)
{
	open_hand(false, MW_DIVERT_REFUSE);
	rig_verdict(&hand.rig, MW_VERDICT_DIVERT, "ticket MW-2026-000123");
	talk_to_us("550 5.7.1 ticket MW-2026-000123");
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_REFUSED), 1);
	close_hand();
	assert_int_equal(hand.rig.divert.refused, 1);
}

static void down_pass(void **state)
{
	open_hand(false, MW_DIVERT_PASS);
	hand_shake(&hand);
	hand_envelope(&hand);
	assert_int_equal(hand.packet.port_out, MW_PORT_INSIDE);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_PASSED), 1);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERTED), 0);
	close_hand();
	assert_int_equal(hand.rig.divert.passed, 1);
}

/* It died on a SYN that had been led to it: the client's next try goes the way that is open. */
static void down_in_the_handshake(void **state)
{
	open_hand(true, MW_DIVERT_PASS);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	gateway_is(&hand.rig, false);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_OUTSIDE,
		MW_REASON_INSPECTED);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_BEGUN), 1);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_PASSED), 1);
	close_hand();
}

/* --- connections that are open when the verdict comes --- */

static bool client_was_told(const char *text)
{
	return memmem(hand.to_client, hand.to_client_len, text, strlen(text)) != NULL;
}

static void open_under_pass(bool up, enum mw_divert_fallback fallback)
{
	open_hand(up, fallback);
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	hand_shake(&hand);
	hand_envelope(&hand);
	assert_int_equal(hand.packet.port_out, MW_PORT_INSIDE);
}

static void idle_is_asked_to_come_again(void **state)
{
	open_under_pass(true, MW_DIVERT_PASS);
	hand_say(&hand, &hand.client, "RSET\r\n");
	hand_say(&hand, &hand.server, "250 ok\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	rig_verdict(&hand.rig, MW_VERDICT_DIVERT, NULL);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_true(client_was_told("421 4.7.1 " MW_MOVE_REPLY));
	assert_int_equal(hand.resets_to_server, 1);
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	hand_connection(&hand, 0, 10, 40001);
	shake();
	close_hand();
}

static void a_message_is_let_finish(void **state)
{
	open_under_pass(true, MW_DIVERT_PASS);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_say(&hand, &hand.server, "354 go\r\n");
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\nhalf of it\r\n");
	rig_verdict(&hand.rig, MW_VERDICT_DIVERT, NULL);
	hand_poll(&hand, 100 * MW_NS_PER_MS);
	assert_false(client_was_told("421"));
	hand_say(&hand, &hand.client, "the rest\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.rig.messages, 0); /* it waits for the server's reply */
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(hand.rig.messages, 1);
	assert_false(hand.rig.message[0].refused);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_true(client_was_told("421 4.7.1 " MW_MOVE_REPLY));
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	close_hand();
}

/* One who begins the next message at once, in the packet that acknowledges the reply to the last.
 */
static void a_busy_sender_is_asked_too(void **state)
{
	static const char next[] = "MAIL FROM:<b@client.example>\r\n";

	open_under_pass(true, MW_DIVERT_PASS);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_say(&hand, &hand.server, "354 go\r\n");
	hand_say(&hand, &hand.client, "Subject: a\r\n\r\nhalf of it\r\n");
	rig_verdict(&hand.rig, MW_VERDICT_DIVERT, NULL);
	hand_poll(&hand, MW_NS_PER_MS);
	hand_say(&hand, &hand.client, "the rest\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(hand.rig.messages, 1);
	hand_raw(&hand, &hand.client, MW_TCP_ACK | MW_TCP_PSH, hand.client.seq, next, strlen(next));
	is_dropped(hand.packet, MW_REASON_HELD);
	assert_false(client_was_told("421"));
	hand_poll(&hand, MW_NS_PER_MS);
	assert_true(client_was_told("421 4.7.1 " MW_MOVE_REPLY));
	assert_int_equal(hand.resets_to_server, 1);
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	close_hand();
}

/* A server may take minutes over a message (RFC 5321, 4.5.3.2.6): who only has to move waits for
 * the reply as long as it takes. Who is refused meanwhile has a minute from then on. */
static void a_slow_reply_cuts_nobody_who_moves(void **state)
{
	for (int refused = 0; refused < 2; refused++) {
		open_under_pass(true, MW_DIVERT_PASS);
		hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
		rig_verdict(&hand.rig, MW_VERDICT_DIVERT, NULL);
		for (int i = 0; i < 150; i++)
			hand_poll(&hand, MW_NS_PER_S);
		if (refused != 0)
			rig_verdict(&hand.rig, MW_VERDICT_REJECT, "no");
		for (int i = 0; i < 58; i++)
			hand_poll(&hand, MW_NS_PER_S);
		assert_int_equal(hand.resets_to_server + hand.resets_to_client, 0);
		for (int i = 0; i < 4; i++)
			hand_poll(&hand, MW_NS_PER_S);
		assert_int_equal(hand.resets_to_server, refused);
		hand_say(&hand, &hand.server, "250 stored\r\n");
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		hand_poll(&hand, MW_NS_PER_MS);
		assert_int_equal(client_was_told("421 4.7.1 " MW_MOVE_REPLY), refused == 0);
		hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
		close_hand();
	}
}

/* Nobody is asked to come again to go the same way: not while the gateway is down. When it is up
 * again, he is. A verdict that is withdrawn meanwhile is forgotten. */
static void only_for_another_way(void **state)
{
	open_under_pass(false, MW_DIVERT_PASS);
	hand_say(&hand, &hand.client, "RSET\r\n");
	hand_say(&hand, &hand.server, "250 ok\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	rig_verdict(&hand.rig, MW_VERDICT_DIVERT, NULL);
	hand_poll(&hand, MW_NS_PER_S);
	assert_false(client_was_told("421"));
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	gateway_is(&hand.rig, true);
	hand_poll(&hand, MW_NS_PER_S);
	assert_false(client_was_told("421"));
	gateway_is(&hand.rig, false);
	rig_verdict(&hand.rig, MW_VERDICT_DIVERT, NULL);
	hand_poll(&hand, MW_NS_PER_S);
	assert_false(client_was_told("421"));
	gateway_is(&hand.rig, true);
	hand_poll(&hand, MW_NS_PER_S);
	assert_true(client_was_told("421 4.7.1 " MW_MOVE_REPLY));
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	close_hand();
}

/* Pinned: a connection through the gateway ends there, whatever comes. */
static void a_withdrawn_verdict_moves_nobody(void **state)
{
	open_hand(true, MW_DIVERT_PASS);
	shake();
	server_says("220 g ESMTP\r\n");
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	hand_poll(&hand, MW_NS_PER_S);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK | MW_TCP_PSH, "EHLO c\r\n"),
		MW_PORT_DIVERT, MW_REASON_DIVERTED);
	hand.client.seq += 8;
	hand.server.ack = hand.client.seq;
	server_says("250 g\r\n");
	hand_connection(&hand, 0, 10, 40001);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_OUTSIDE,
		MW_REASON_INSPECTED);
	close_hand();
}

/* REJECT for one who is diverted already: refused in-band, the RST goes to the gateway. */
static void refused_through_the_gateway(void **state)
{
	open_hand(true, MW_DIVERT_PASS);
	shake();
	server_says("220 g ESMTP\r\n");
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK | MW_TCP_PSH, "EHLO c\r\n"),
		MW_PORT_DIVERT, MW_REASON_DIVERTED);
	hand.client.seq += 8;
	hand.server.ack = hand.client.seq;
	server_says("250 g\r\n");
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	hand.rig.on_frame = note_frame;
	rig_verdict(&hand.rig, MW_VERDICT_RESET, "ticket");
	mw_lane_poll(hand.rig.lane, hand.now_ns);
	assert_int_equal(sent.port, MW_PORT_INSIDE);
	assert_memory_equal(sent.frame, client_mac, 6);
	{
		struct mw_segment s = of_gateway();
		struct mw_frame f;

		is_dropped(segment(MW_PORT_DIVERT, &s, MW_TCP_ACK, "250 ok\r\n"),
			MW_REASON_VERDICT_RESET);
		assert_int_equal(sent.port, MW_PORT_DIVERT);
		assert_memory_equal(sent.frame, gateway_mac, 6);
		assert_memory_equal(sent.frame + 6, our_mac, 6);
		assert_int_equal(mw_frame_parse(sent.frame, sent.len, sent.len, &f), MW_FRAME_TCP);
		assert_true((f.flags & MW_TCP_RST) != 0);
	}
	close_hand();
}

/* --- errors --- */

/* An ICMP error of `router` that quotes the packet in `room`. */
static uint32_t icmp_about(
	const struct mw_segment *s, const uint8_t l2[12], uint8_t type, uint8_t code, uint8_t *out)
{
	static const uint8_t router[4] = {203, 0, 113, 254};
	uint8_t frame[256];
	struct mw_frame f;
	uint32_t len = mw_segment_write(s, mw_span_of(NULL, 0), frame, sizeof(frame)), total;

	assert_int_equal(mw_frame_parse(frame, len, len, &f), MW_FRAME_TCP);
	total = 20 + 8 + (len - f.l3 < 28 ? len - f.l3 : 28);
	memset(out, 0, 14 + 28);
	memcpy(out, l2, 12);
	out[12] = 8;
	out[14] = 0x45;
	out[17] = (uint8_t)total;
	out[22] = 64;
	out[23] = 1;
	memcpy(out + 26, router, 4);
	memcpy(out + 30, frame + f.l3 + 12, 4); /* to the sender of what is quoted */
	out[34] = type;
	out[35] = code;
	memcpy(out + 42, frame + f.l3, total - 28);
	return 14 + total;
}

static void errors_go_where_the_packets_go(void **state)
{
	static const uint8_t inside[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	static const uint8_t outside[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	uint8_t gateway[12], frame[256];
	struct mw_packet p;
	uint32_t len;

	memcpy(gateway, router_mac, 6);
	memcpy(gateway + 6, gateway_mac, 6);
	open_hand(true, MW_DIVERT_PASS);
	shake();
	/* A router of the customer's cannot take what the gateway sent in the server's name. */
	len = icmp_about(&hand.server, inside, 3, 4, frame);
	p = raw(MW_PORT_INSIDE, frame, len);
	goes(p, MW_PORT_DIVERT, MW_REASON_ICMP_STEERED);
	assert_memory_equal(p.data, gateway_mac, 6);
	assert_memory_equal(p.data + 14, frame + 14, len - 14);
	/* The gateway's kernel has something to say about what the customer sent. */
	len = icmp_about(&hand.client, gateway, 3, 3, frame);
	p = raw(MW_PORT_DIVERT, frame, len);
	goes(p, MW_PORT_INSIDE, MW_REASON_ICMP_STEERED);
	assert_memory_equal(p.data, client_mac, 6);
	assert_memory_equal(p.data + 14, frame + 14, len - 14);
	/* An echo, an error about another connection: nothing of ours. */
	len = icmp_about(&hand.server, inside, 8, 0, frame);
	goes(raw(MW_PORT_INSIDE, frame, len), MW_PORT_OUTSIDE, MW_REASON_FORWARDED);
	hand.server.dport = 40001;
	len = icmp_about(&hand.server, inside, 3, 4, frame);
	goes(raw(MW_PORT_INSIDE, frame, len), MW_PORT_OUTSIDE, MW_REASON_FORWARDED);
	hand.server.dport = 40000;
	/* From outside: the customer has sent nothing there, the gateway may have, in his name. */
	len = icmp_about(&hand.client, outside, 3, 4, frame);
	p = raw(MW_PORT_OUTSIDE, frame, len);
	goes(p, MW_PORT_DIVERT, MW_REASON_ICMP_STEERED);
	assert_memory_equal(p.data, gateway_mac, 6);
	hand.client.sport = 50000;
	len = icmp_about(&hand.client, outside, 3, 4, frame);
	goes(raw(MW_PORT_OUTSIDE, frame, len), MW_PORT_INSIDE, MW_REASON_FORWARDED);
	goes(segment(MW_PORT_DIVERT, &hand.client, MW_TCP_SYN, ""), MW_PORT_OUTSIDE,
		MW_REASON_GATEWAY_OWN);
	p = raw(MW_PORT_OUTSIDE, frame, len);
	goes(p, MW_PORT_DIVERT, MW_REASON_ICMP_STEERED);
	assert_memory_equal(p.data, gateway_mac, 6);
	assert_memory_equal(p.data + 14, frame + 14, len - 14);
	close_hand();
}

/* Both directions of a connection and the errors about it have one owner, tagged or not. */
static void one_owner(void **state)
{
	uint8_t a[256], b[256], c[256], d[256];
	static const uint8_t l2[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint32_t spread[4] = {0};

	open_hand(true, MW_DIVERT_PASS);
	for (uint16_t port = 1024; port < 1324; port++) {
		struct mw_segment tagged;
		uint32_t a_len, b_len, c_len, d_len;
		uint16_t owner;

		hand.client.sport = hand.server.dport = port;
		tagged = hand.client;
		memcpy(tagged.l2 + 12, (uint8_t[]){0x81, 0, 0, 7, 8, 0}, 6);
		tagged.l2_len = 18;
		a_len = mw_segment_write(&hand.client, mw_span_of(NULL, 0), a, sizeof(a));
		b_len = mw_segment_write(&hand.server, mw_span_of(NULL, 0), b, sizeof(b));
		c_len = mw_segment_write(&tagged, mw_span_of(NULL, 0), c, sizeof(c));
		d_len = icmp_about(&hand.server, l2, 3, 4, d);
		owner = mw_lane_owner(&hand.rig.ports, 77, a, a_len, 4);
		assert_in_range(owner, 0, 3);
		assert_int_equal(mw_lane_owner(&hand.rig.ports, 77, b, b_len, 4), owner);
		assert_int_equal(mw_lane_owner(&hand.rig.ports, 77, c, c_len, 4), owner);
		assert_int_equal(mw_lane_owner(&hand.rig.ports, 77, d, d_len, 4), owner);
		spread[owner]++;
	}
	for (int i = 0; i < 4; i++)
		assert_true(spread[i] > 30);
	close_hand();
}

/* The client begins anew before the gateway has answered, and it answers the second SYN: the
 * connection that follows is diverted like the first, and his way back is known. */
static void a_second_syn_is_answered(void **state)
{
	struct mw_segment s;

	open_hand(true, MW_DIVERT_PASS);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	s = of_gateway();
	s.ack = hand.client.seq + 1;
	goes(segment(MW_PORT_DIVERT, &s, MW_TCP_SYN | MW_TCP_ACK, ""), MW_PORT_INSIDE,
		MW_REASON_FROM_GATEWAY);
	hand.client.seq += 7777;
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_SYN, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	s.ack = hand.client.seq + 1;
	s.seq += 999;
	goes(segment(MW_PORT_DIVERT, &s, MW_TCP_SYN | MW_TCP_ACK, ""), MW_PORT_INSIDE,
		MW_REASON_FROM_GATEWAY);
	hand.client.seq++;
	hand.client.ack = s.seq + 1;
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK, ""), MW_PORT_DIVERT,
		MW_REASON_DIVERTED);
	close_hand();
}

/* A packet from the middle of a connection, of which there is none, makes no way past the gateway
 * for the SYN behind it. */
static void an_ack_before_the_syn(void **state)
{
	open_hand(true, MW_DIVERT_PASS);
	goes(segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK, ""), MW_PORT_OUTSIDE,
		MW_REASON_INSPECTED);
	shake();
	server_says("220 g ESMTP\r\n");
	close_hand();
}

/* It does not answer for its address any more: what is open still goes where it was, to no MAC
 * that nobody has. */
static void an_unknown_mac(void **state)
{
	struct mw_packet p;

	open_hand(true, MW_DIVERT_PASS);
	shake();
	server_says("220 g ESMTP\r\n");
	mw_lane_set_gateway(hand.rig.lane, &(struct mw_gateway_status){.configured = true});
	p = segment(MW_PORT_INSIDE, &hand.client, MW_TCP_ACK | MW_TCP_PSH, "EHLO c\r\n");
	goes(p, MW_PORT_DIVERT, MW_REASON_DIVERTED);
	assert_memory_equal(p.data, gateway_mac, 6);
	close_hand();
}

/* What comes on the gateway's cable in another VLAN speaks for no server. */
static void another_vlan_is_another_link(void **state)
{
	struct mw_segment s;

	open_hand(true, MW_DIVERT_PASS);
	shake();
	s = of_gateway();
	memcpy(s.l2 + 12, (uint8_t[]){0x81, 0, 0, 43, 8, 0}, 6);
	s.l2_len = 18;
	is_dropped(segment(MW_PORT_DIVERT, &s, MW_TCP_ACK, "220 x\r\n"), MW_REASON_GATEWAY_STRAY);
	is_dropped(
		segment(MW_PORT_DIVERT, &s, MW_TCP_RST | MW_TCP_ACK, ""), MW_REASON_GATEWAY_STRAY);
	memcpy(s.l2 + 12, (uint8_t[]){0x81, 0, 0x60, 0, 8, 0}, 6); /* a priority only */
	goes(segment(MW_PORT_DIVERT, &s, MW_TCP_ACK, "220 g ESMTP\r\n"), MW_PORT_INSIDE,
		MW_REASON_FROM_GATEWAY);
	close_hand();
}

/* Nobody behind another port tells the gateway that our address on its link is his. */
static void nobody_else_has_our_address(void **state)
{
	uint8_t frame[96] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};

	open_hand(true, MW_DIVERT_PASS);
	memcpy(frame + 28, (uint8_t[]){198, 51, 100, 8}, 4);
	memcpy(frame + 38, (uint8_t[]){198, 51, 100, 9}, 4);
	is_dropped(raw(MW_PORT_OUTSIDE, frame, 60), MW_REASON_GATEWAY_STRAY);
	memcpy(frame, gateway_mac, 6);
	is_dropped(raw(MW_PORT_INSIDE, frame, 60), MW_REASON_GATEWAY_STRAY);
	frame[21] = 2; /* an answer that was not asked for */
	is_dropped(raw(MW_PORT_OUTSIDE, frame, 60), MW_REASON_GATEWAY_STRAY);
	frame[31] = 7;
	goes(raw(MW_PORT_OUTSIDE, frame, 60), MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
	/* The same by neighbour discovery: a solicitation, then an advertisement. */
	memset(frame + 12, 0, sizeof(frame) - 12);
	memcpy(frame + 12, (uint8_t[]){0x86, 0xdd, 0x60}, 3);
	frame[19] = 24;
	frame[20] = 58;
	frame[21] = 255;
	memcpy(frame + 22, (uint8_t[]){0x20, 1, 0xd, 0xb8, 0xff, 0xff}, 6);
	frame[37] = 8;
	memcpy(frame + 62, (uint8_t[]){0x20, 1, 0xd, 0xb8, 0xff, 0xff}, 6);
	frame[54] = 135;
	frame[77] = 9;
	is_dropped(raw(MW_PORT_OUTSIDE, frame, 78), MW_REASON_GATEWAY_STRAY);
	frame[37] = 7;
	goes(raw(MW_PORT_OUTSIDE, frame, 78), MW_PORT_DIVERT, MW_REASON_GATEWAY_OWN);
	frame[54] = 136;
	frame[77] = 8;
	is_dropped(raw(MW_PORT_OUTSIDE, frame, 78), MW_REASON_GATEWAY_STRAY);
	close_hand();
}

/* Two VLANs with the same addresses and ports: the gateway could not tell them apart. */
static void the_same_addresses_in_two_vlans(void **state)
{
	struct mw_segment tagged;

	open_hand(true, MW_DIVERT_PASS);
	shake();
	tagged = hand.client;
	memcpy(tagged.l2 + 12, (uint8_t[]){0x81, 0, 0, 7, 8, 0}, 6);
	tagged.l2_len = 18;
	tagged.seq = 1;
	goes(segment(MW_PORT_INSIDE, &tagged, MW_TCP_SYN, ""), MW_PORT_OUTSIDE,
		MW_REASON_INSPECTED);
	assert_int_equal(counted(&hand.rig, MW_REASON_DIVERT_PASSED), 1);
	server_says("220 g ESMTP\r\n");
	close_hand();
}

/* No room for a longer header in front of the IP packet: the packet is dropped, not spoilt. */
static void no_headroom(void **state)
{
	uint8_t frame[256];
	struct mw_packet p = {.data = frame, .port_in = MW_PORT_INSIDE};

	policy.vlan = 42;
	open_hand(true, MW_DIVERT_PASS);
	hand.client.flags = MW_TCP_SYN;
	p.len = p.wire_len =
		mw_segment_write(&hand.client, mw_span_of(NULL, 0), frame, sizeof(frame));
	mw_lane_packet(hand.rig.lane, hand.now_ns, &p);
	is_dropped(p, MW_REASON_OVERSIZE);
	close_hand();
	policy.vlan = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(conversations, print_seed),
		cmocka_unit_test(segments_fit_the_gateway),
		cmocka_unit_test(the_gateway_is_a_host_of_the_outside),
		cmocka_unit_test(its_own_mail_does_not_loop),
		cmocka_unit_test(answers_without_a_connection_end_here),
		cmocka_unit_test(no_gateway_no_divert),
		cmocka_unit_test(down_later),
		cmocka_unit_test(down_by_class),
		cmocka_unit_test(down_refuse),
		cmocka_unit_test(down_pass),
		cmocka_unit_test(down_in_the_handshake),
		cmocka_unit_test(idle_is_asked_to_come_again),
		cmocka_unit_test(a_message_is_let_finish),
		cmocka_unit_test(a_busy_sender_is_asked_too),
		cmocka_unit_test(a_slow_reply_cuts_nobody_who_moves),
		cmocka_unit_test(only_for_another_way),
		cmocka_unit_test(a_withdrawn_verdict_moves_nobody),
		cmocka_unit_test(refused_through_the_gateway),
		cmocka_unit_test(errors_go_where_the_packets_go),
		cmocka_unit_test(one_owner),
		cmocka_unit_test(a_second_syn_is_answered),
		cmocka_unit_test(an_ack_before_the_syn),
		cmocka_unit_test(an_unknown_mac),
		cmocka_unit_test(another_vlan_is_another_link),
		cmocka_unit_test(nobody_else_has_our_address),
		cmocka_unit_test(the_same_addresses_in_two_vlans),
		cmocka_unit_test(no_headroom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
