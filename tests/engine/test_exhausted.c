/*
 * A lane without room (DESIGN: a customer under refusal never gains by it). Each pool in turn is
 * used up by others, to the last piece, before or after a customer has opened a connection; he
 * comes under REJECT at any point of it and goes on as if nothing had been said. No message of his
 * is ever whole at the server, and no new connection of his gets there. Others' mail passes all the
 * while, unread where there is no room to read it, and counted so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "tests/engine/hand.h"

#define REFUSED	 0u /* the customer under REJECT */
#define BYSTAND	 1u /* whose mail passes */
#define OTHERS	 2u /* who use everything up, from here on */
#define PORT	 50000
#define HEARD	 1024u
#define MOST	 200u /* connections it may take to use a pool up */
#define REPLY	 "Refused, call +49 89 1234"
#define TLS_TIME 61 /* s, the longest a connection of which nothing is known may go on */

static struct hand hand;
static void (*hand_on_frame)(
	struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len);

/* What the server has of one connection: by distance from the octet behind its SYN. */
static struct {
	struct mw_ip client;
	uint16_t port;
	uint32_t first;
	bool have[HEARD];
	uint32_t packets; /* of it that came there, whatever is in them */
} heard;

static uint64_t counted(enum mw_reason reason)
{
	return mw_lane_counters(hand.rig.lane)->reason[reason];
}

static void hear(const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;
	uint32_t at;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP || f.sport != heard.port ||
		!mw_ip_eq(&f.src, &heard.client))
		return;
	heard.packets += (f.flags & MW_TCP_RST) == 0; /* a RST delivers nothing */
	at = f.seq + ((f.flags & MW_TCP_SYN) != 0) - heard.first;
	for (uint32_t i = 0; i < f.payload_len; i++)
		if (at + i < HEARD)
			heard.have[at + i] = true;
}

static void on_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	if (port == MW_PORT_OUTSIDE)
		hear(frame, len);
	hand_on_frame(rig, port, frame, len);
}

static void listen_to(uint32_t customer, uint32_t host, uint16_t port)
{
	hand_connection(&hand, customer, host, port);
	memset(&heard, 0, sizeof(heard));
	heard.client = hand.client.src;
	heard.port = port;
	heard.first = hand.client.seq + 1;
}

/* Octets from the beginning without a hole. */
static uint32_t in_order(void)
{
	uint32_t n = 0;

	while (n < HEARD && heard.have[n])
		n++;
	return n;
}

static void from_client(uint8_t flags, uint32_t seq, const char *text)
{
	hand_raw(&hand, &hand.client, flags, seq, text, strlen(text));
	if (hand.packet.forward)
		hear(hand.frame, hand.packet.len);
}

static void say(const char *text)
{
	uint32_t seq = hand.client.seq;

	hand.client.seq += (uint32_t)strlen(text);
	from_client(MW_TCP_ACK | MW_TCP_PSH, seq, text);
}

/* --- one mail session, that can be broken off anywhere --- */

static const struct step {
	bool server;
	const char *text; /* of the first three, the handshake: their name */
} session[] = {
	{false, "SYN"},
	{true, "SYN-ACK"},
	{false, "ACK"},
	{true, "220 s ESMTP\r\n"},
	{false, "EHLO c\r\n"},
	{true, "250-s\r\n250-PIPELINING\r\n250 CHUNKING\r\n"},
	{false, "MAIL FROM:<a@b.example>\r\n"},
	{true, "250 ok\r\n"},
	{false, "RCPT TO:<c@d.example>\r\n"},
	{true, "250 ok\r\n"},
	{false, "DATA\r\n"},
	{true, "354 go on\r\n"},
	{false, "Subject: x\r\n\r\nwords\r\n"},
	{false, ".\r\n"},
	{true, "250 stored\r\n"},
};
#define STEPS	  (sizeof(session) / sizeof(session[0]))
#define HANDSHAKE 3u

/* The client goes on whatever it hears. A server answers what it has got, and nothing else; an
 * accomplice says its part all the same. */
static bool accomplice;

static bool server_speaks(size_t step)
{
	if (accomplice)
		return true;
	return heard.packets > 0 && (step == 1 || in_order() >= hand.client.seq - heard.first);
}

static void play(size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct step *s = &session[i];

		if (s->server && !server_speaks(i))
			continue;
		if (i == 0)
			from_client(MW_TCP_SYN, hand.client.seq++, "");
		else if (i == 1)
			hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++,
				"", 0);
		else if (i == 2)
			from_client(MW_TCP_ACK, hand.client.seq, "");
		else if (s->server)
			hand_say(&hand, &hand.server, s->text);
		else
			say(s->text);
		if (s->server && i > 1) /* the client acknowledges what it has heard */
			from_client(MW_TCP_ACK, hand.client.seq, "");
	}
}

static uint32_t octets_of_client(void)
{
	uint32_t n = 0;

	for (size_t i = HANDSHAKE; i < STEPS; i++)
		n += session[i].server ? 0 : (uint32_t)strlen(session[i].text);
	return n;
}

static void wait_s(int seconds)
{
	for (int i = 0; i < seconds; i++)
		hand_poll(&hand, MW_NS_PER_S);
}

/* --- pools --- */

struct line {
	struct mw_segment client, server;
};

static struct line put_down(void)
{
	return (struct line){hand.client, hand.server};
}

static void take_up(const struct line *line)
{
	hand.client = line->client;
	hand.server = line->server;
}

static void other(uint32_t n)
{
	hand_connection(&hand, OTHERS + n % (RIG_CUSTOMERS - OTHERS), n, PORT);
}

static void other_begins(uint32_t n)
{
	other(n);
	hand_shake(&hand);
	hand_envelope(&hand);
}

static void use_flows(void)
{
	const struct mw_flow_table *table = &hand.rig.lane->flows;

	for (uint32_t n = 0; n < MOST && table->used < table->count; n++) {
		other_begins(n);
	}
	assert_int_equal(table->used, table->count);
}

static void use_contents(void)
{
	const struct mw_pool *pool = &hand.rig.lane->content_pool;

	for (uint32_t n = 0; n < MOST && pool->used < pool->blocks; n++) {
		other_begins(n);
	}
	assert_int_equal(pool->used, pool->blocks);
}

static void use_messages(void)
{
	const struct mw_pool *pool = &hand.rig.lane->transfer_pool;

	for (uint32_t n = 0; n < MOST && pool->used < pool->blocks; n++) {
		other_begins(n);
		hand_say(&hand, &hand.client, "DATA\r\n");
		hand_say(&hand, &hand.server, "354 go on\r\n");
		hand_say(&hand, &hand.client, "Subject: y\r\n");
	}
	assert_int_equal(pool->used, pool->blocks);
}

/* Octets that no server acknowledges. */
static void use_kept(void)
{
	const struct mw_pool *pool = &hand.rig.lane->kept_pool;
	char block[1001];

	memset(block, 'x', 1000);
	block[1000] = 0;
	for (uint32_t n = 0; n < MOST && pool->used + 1 < pool->blocks; n++) {
		other_begins(n);
		hand_say(&hand, &hand.client, "BDAT 99999 LAST\r\n");
		for (uint32_t k = 0; k < 40 && hand.packet.forward; k++)
			hand_say(&hand, &hand.client, block);
	}
	assert_in_range(pool->used, pool->blocks - 1, pool->blocks); /* a segment asks for two */
}

/* Messages of many paragraphs, and no poll that could scan one. */
static void use_records(void)
{
	const struct mw_pool *pool = &hand.rig.lane->record_pool;
	char block[1201] = "";

	for (int i = 0; i < 100; i++)
		strcat(block, "a word and\r\n"); /* 12 octets */
	for (uint32_t n = 0; n < MOST && pool->used < pool->blocks; n++) {
		other_begins(n);
		hand_say(&hand, &hand.client, "DATA\r\n");
		hand_say(&hand, &hand.server, "354 go on\r\n");
		hand_say(&hand, &hand.client, "Subject: y\r\n\r\n");
		for (uint32_t k = 0; k < 30 && pool->used < pool->blocks; k++)
			hand_say(&hand, &hand.client, block);
	}
	assert_int_equal(pool->used, pool->blocks);
}

/* Other customers under REJECT, each with as many SYNs as are answered with an entry. */
static void use_responders(void)
{
	const struct mw_flow_table *table = &hand.rig.lane->responder->table;

	for (uint32_t n = 0; n < MOST && table->used < table->count; n++) {
		other(n);
		hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq, "", 0);
		assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
	}
	assert_int_equal(table->used, table->count);
}

static const struct pool {
	const char *name;
	void (*use_up)(void);
	struct rig_options options;
	/* Of a bystander's session that begins now: what is counted, and whether its message comes
	 * through while nothing is given back. */
	enum mw_reason counted;
	bool passes;
} pools[] = {
	{"flows", use_flows, {.flows = 16, .contents = 64}, MW_REASON_MEMORY, true},
	{"contents", use_contents, {.contents = 8}, MW_REASON_MEMORY, true},
	{"messages", use_messages, {.contents = 32, .messages = 4}, MW_REASON_MEMORY, true},
	/* Nothing passes unread for want of room to keep it: the sender slows down. */
	{"kept", use_kept, {.contents = 32, .messages = 32, .kept_blocks = 24},
		MW_REASON_OVER_BUDGET, false},
	/* What cannot wait for the scan is scanned at once. */
	{"records", use_records, {.contents = 32, .record_blocks = 24}, MW_REASON_MEMORY, true},
	{"responders", use_responders, {.responders = 4}, MW_REASON_CLEAN, true},
};
#define POOLS (sizeof(pools) / sizeof(pools[0]))

static bool refused_comes;

/* All verdicts but that of the customer himself, which is set when his time has come: those who use
 * up the responders are under REJECT. */
static void policy(struct rig *rig, struct mw_snapshot_input *in,
	struct mw_policy_settings *settings, struct mw_customer_record *customer,
	struct mw_line_record *line)
{
	static struct mw_verdict_record verdict[RIG_CUSTOMERS];
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->customer_count; i++) {
		if (i == BYSTAND || (i == REFUSED && !refused_comes))
			continue;
		if (i >= OTHERS && rig->config.responders != 4)
			continue;
		verdict[count] = (struct mw_verdict_record){.customer_index = i,
			.verdict = MW_VERDICT_REJECT,
			.generation = in->generation};
		snprintf(verdict[count].reply, sizeof(verdict[count].reply), "%s", REPLY);
		count++;
	}
	in->verdicts = verdict;
	in->verdict_count = count;
}

static void begin(const struct pool *pool)
{
	struct rig_options options = pool->options;

	options.policy = policy;
	options.customers = RIG_CUSTOMERS;
	options.scan_budget_ns = 50000;
	refused_comes = false;
	hand_open(&hand, &options);
	hand_on_frame = hand.rig.on_frame;
	hand.rig.on_frame = on_frame;
}

static void reject_now(void)
{
	refused_comes = true;
	rig_verdict(&hand.rig, MW_VERDICT_REJECT, REPLY);
}

/* He is refused at `step` of a connection that he opened when there was still room, or was none.
 * True: he has gained nothing by it. */
static bool broken_off(const struct pool *pool, size_t step, bool room, bool hasty)
{
	struct line line;
	bool gained;

	begin(pool);
	if (!room)
		pool->use_up();
	listen_to(REFUSED, 10, PORT);
	play(0, step);
	line = put_down();
	if (room)
		pool->use_up();
	take_up(&line);
	reject_now();
	if (!hasty)
		hand_poll(&hand, MW_NS_PER_MS);
	play(step, STEPS);
	/* And what he says again and again. */
	wait_s(TLS_TIME);
	hand.client.seq = heard.first;
	for (size_t i = HANDSHAKE; i < STEPS; i++)
		if (!session[i].server)
			say(session[i].text);
	gained = in_order() >= octets_of_client();
	if (gained)
		print_message("# %s, opened with%s room, refused before step %zu, %s: his message "
			      "is at the server\n",
			pool->name, room ? "" : "out", step, hasty ? "at once" : "after a poll");
	hand_close(&hand);
	return !gained;
}

static void no_open_connection_gains(void **state)
{
	uint32_t gained = 0;

	for (size_t p = 0; p < POOLS; p++)
		for (size_t step = 1; step < STEPS - 1; step++)
			for (int how = 0; how < 8; how++) {
				accomplice = (how & 4) != 0;
				gained += !broken_off(
					&pools[p], step, (how & 1) != 0, (how & 2) != 0);
			}
	assert_int_equal(gained, 0);
}

static void no_new_connection_gains(void **state)
{
	for (size_t p = 0; p < POOLS; p++) {
		for (int how = 0; how < 4; how++) {
			bool v6 = (how & 1) != 0;

			accomplice = (how & 2) != 0;
			begin(&pools[p]);
			if (v6)
				hand_v6(&hand);
			pools[p].use_up();
			reject_now();
			/* With an entry, and when he has his share of them. */
			for (uint16_t n = 0; n < 40; n++) {
				listen_to(REFUSED, 10, (uint16_t)(PORT + n));
				play(0, STEPS);
				if (heard.packets != 0)
					fail_msg("%s, IPv%d, connection %u%s: %u packets came",
						pools[p].name, v6 ? 6 : 4, n,
						accomplice ? " with an accomplice" : "",
						heard.packets);
			}
			/* Not even in mid-stream, without a SYN. */
			listen_to(REFUSED, 11, PORT);
			play(HANDSHAKE, STEPS);
			assert_int_equal(heard.packets, 0);
			hand_close(&hand);
		}
	}
}

static void others_pass_and_are_counted(void **state)
{
	accomplice = false;
	for (size_t p = 0; p < POOLS; p++) {
		uint64_t before, inline_before;

		begin(&pools[p]);
		pools[p].use_up();
		reject_now();
		before = counted(pools[p].counted);
		inline_before = mw_lane_counters(hand.rig.lane)->scan_inline;
		listen_to(BYSTAND, 10, PORT);
		play(0, STEPS);
		for (int i = 0; i < 1000; i++) /* it may have to be scanned, behind all others */
			hand_poll(&hand, 10 * MW_NS_PER_US);
		if (counted(pools[p].counted) == before &&
			mw_lane_counters(hand.rig.lane)->scan_inline == inline_before)
			fail_msg("%s: it is not counted", pools[p].name);
		if ((in_order() >= octets_of_client()) != pools[p].passes)
			fail_msg("%s: of %u octets %u are at the server", pools[p].name,
				octets_of_client(), in_order());
		hand_close(&hand);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_open_connection_gains),
		cmocka_unit_test(no_new_connection_gains),
		cmocka_unit_test(others_pass_and_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
