/*
 * Floods, and one customer against another: what the many do costs the many. Between them an honest
 * connection completes its handshake, is read, and its message is judged; when a share is used up
 * it falls on the one who used it, with a name; and at the end every pool is empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "tests/engine/hand.h"

#define SYN	MW_TCP_SYN
#define SYN_ACK (MW_TCP_SYN | MW_TCP_ACK)
#define ACK	MW_TCP_ACK

#define FLOOD 100000u

static struct hand hand;
static uint64_t seed;

static uint64_t counted(enum mw_reason reason)
{
	return mw_lane_counters(hand.rig.lane)->reason[reason];
}

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static enum mw_reason send(struct mw_segment *side, uint8_t flags, uint32_t seq, const char *text)
{
	return hand_raw(&hand, side, flags, seq, text, strlen(text));
}

/* One of the connections that are going on at the same time: the hand plays one after another. */
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

static void new_line(uint32_t customer, uint32_t host, uint16_t port)
{
	hand_connection(&hand, customer, host, port);
}

/* Time goes by until nothing is left. */
static void wait_until_empty(void)
{
	for (int i = 0; i < 40; i++)
		for (int k = 0; k < 100; k++)
			hand_poll(&hand, MW_NS_PER_S);
	assert_int_equal(hand.rig.lane->flows.used, 0);
	assert_int_equal(rig_timers(&hand.rig), 0);
	rig_assert_empty(&hand.rig);
}

static void end_empty(void)
{
	wait_until_empty();
	hand_close(&hand);
}

/* An honest session in as many steps as it has packets; false when it is over. Each is judged. */
static bool honest_step(struct line *line, uint32_t step)
{
	struct line other = put_down();

	take_up(line);
	switch (step) {
	case 0:
		send(&hand.client, SYN, hand.client.seq++, "");
		break;
	case 1:
		send(&hand.server, SYN_ACK, hand.server.seq++, "");
		break;
	case 2:
		send(&hand.client, ACK, hand.client.seq, "");
		break;
	case 3:
		hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
		break;
	case 4:
		hand_say(&hand, &hand.client, "EHLO c\r\n");
		break;
	case 5:
		hand_say(&hand, &hand.server, "250-s\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
		break;
	case 6:
		hand_say(&hand, &hand.client,
			"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
		break;
	case 7:
		hand_say(&hand, &hand.server, "250 ok\r\n250 ok\r\n");
		break;
	case 8:
		hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
		break;
	case 9:
		hand_say(&hand, &hand.server, "250 stored\r\n");
		break;
	case 10:
		hand_say(&hand, &hand.client, "QUIT\r\n");
		break;
	case 11:
		hand_say(&hand, &hand.server, "221 bye\r\n");
		break;
	case 12:
		send(&hand.client, MW_TCP_FIN | ACK, hand.client.seq++, "");
		break;
	case 13:
		send(&hand.server, MW_TCP_FIN | ACK, hand.server.seq++, "");
		break;
	default:
		send(&hand.client, ACK, hand.client.seq, "");
		break;
	}
	assert_true(hand.packet.forward);
	*line = put_down();
	take_up(&other);
	return step < 14;
}

/* A spoofed packet of some connection that nobody has. */
typedef void (*flood_packet)(uint32_t number);

static void spoofed_syn(uint32_t number)
{
	new_line(0, chance(256), (uint16_t)(1024 + chance(60000)));
	hand.client.seq = chance(UINT32_MAX);
	send(&hand.client, SYN, hand.client.seq++, "");
	if (number % 3 == 0) /* there is a server, and it answers */
		send(&hand.server, SYN_ACK, chance(UINT32_MAX), "");
}

static void from_inside(uint32_t number)
{
	new_line(0, chance(256), (uint16_t)(1024 + chance(60000)));
	send(&hand.client, ACK, chance(UINT32_MAX), number % 2 == 0 ? "" : "RSET\r\n");
}

static void from_outside(uint32_t number)
{
	new_line(chance(2), chance(256), (uint16_t)(1024 + chance(60000)));
	send(&hand.server, ACK, chance(UINT32_MAX), number % 2 == 0 ? "" : "250 ok\r\n");
}

static void syn_with_data(uint32_t number)
{
	new_line(0, chance(256), (uint16_t)(1024 + chance(60000)));
	send(&hand.client, SYN, chance(UINT32_MAX), "EHLO flood.example\r\n");
}

/* One flood with honest sessions in between, of the same customer and of another. */
static void flood(flood_packet packet)
{
	struct rig_options options = {.flows = 1024, .contents = 64, .customers = 3};
	const struct mw_lane_counters *c;
	struct line honest = {0};
	uint32_t step = 0, begun = 0, in_time = FLOOD - FLOOD / 20;

	seed = 7;
	hand_open(&hand, &options);
	c = mw_lane_counters(hand.rig.lane);
	for (uint32_t i = 0; i < FLOOD; i++) {
		packet(i);
		hand.now_ns += 10 * MW_NS_PER_US;
		if (i % 100 == 0)
			hand_poll(&hand, 0);
		if (i % 40 != 0 || (step == 0 && i > in_time))
			continue;
		if (step == 0) {
			struct line rest = put_down();

			/* A port that the flood does not hit: what it forges on an honest
			 * connection is another test's matter. */
			new_line(begun % 2 == 0 ? 2 : 0, begun, 1000);
			honest = put_down();
			take_up(&rest);
			begun++;
		}
		step = honest_step(&honest, step) ? step + 1 : 0;
	}
	assert_int_equal(step, 0);
	assert_in_range(begun, 150, 256);
	assert_int_equal(counted(MW_REASON_CLEAN), begun);
	assert_int_equal(hand.rig.messages, begun);
	assert_true(counted(MW_REASON_EMBRYONIC) > FLOOD / 2);
	assert_true(hand.rig.lane->flows.used_max <= 1024);
	assert_int_equal(c->flows_refused, 0);
	assert_int_equal(counted(MW_REASON_CUSTOMER_SHARE), 0);
	wait_until_empty();
	/* Every session is told of, once. */
	assert_int_equal(hand.rig.sessions, c->sessions);
}

static void syns_from_everywhere(void **state)
{
	flood(spoofed_syn);
	assert_int_equal(counted(MW_REASON_MEMORY), 0);
	assert_int_equal(counted(MW_REASON_MIDSTREAM), 0);
	hand_close(&hand);
}

static void packets_of_no_connection_from_inside(void **state)
{
	flood(from_inside);
	assert_true(counted(MW_REASON_MIDSTREAM) > 0);
	hand_close(&hand);
}

static void packets_of_no_connection_from_outside(void **state)
{
	flood(from_outside);
	assert_true(counted(MW_REASON_MIDSTREAM) > 0);
	hand_close(&hand);
}

static void syns_that_carry_data(void **state)
{
	flood(syn_with_data);
	assert_true(counted(MW_REASON_OVER_BUDGET) > 0);
	hand_close(&hand);
}

/* The table is full. A young entry makes room for a new one; a connection in use does not, and the
 * one too many passes unread, with a name. */
static void the_young_make_room(void **state)
{
	struct rig_options options = {.flows = 16, .contents = 64};
	struct line old[16];

	hand_open(&hand, &options);
	for (uint32_t i = 0; i < 15; i++) {
		new_line(0, 10, (uint16_t)(40000 + i));
		hand_shake(&hand);
		hand_envelope(&hand);
		old[i] = put_down();
	}
	for (uint32_t i = 0; i < 100; i++) {
		new_line(0, 11, (uint16_t)(40000 + i));
		send(&hand.client, SYN, hand.client.seq, "");
		assert_int_equal(counted(MW_REASON_EMBRYONIC), i);
	}
	new_line(0, 12, 40000);
	hand_shake(&hand);
	hand_envelope(&hand);
	old[15] = put_down();
	assert_int_equal(counted(MW_REASON_EMBRYONIC), 100);
	assert_int_equal(counted(MW_REASON_MEMORY), 0);
	/* And now all are in use. */
	new_line(0, 13, 40000);
	assert_int_equal(send(&hand.client, SYN, hand.client.seq, ""), MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	assert_int_equal(counted(MW_REASON_MEMORY), 1);
	assert_int_equal(mw_lane_counters(hand.rig.lane)->flows_refused, 1);
	for (uint32_t i = 0; i < 16; i++) {
		take_up(&old[i]);
		hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
		assert_int_equal(counted(MW_REASON_CLEAN), i + 1);
		hand_say(&hand, &hand.server, "250 stored\r\n");
	}
	end_empty();
}

/* Inspected connections: alone a customer gets half; the others find something all the same. */
static void one_customer_leaves_room_for_another(void **state)
{
	struct rig_options options = {.contents = 32, .customers = 3};
	uint32_t read[3] = {0};

	hand_open(&hand, &options);
	for (uint32_t customer = 0; customer < 3; customer++) {
		uint64_t refused = counted(MW_REASON_CUSTOMER_SHARE);
		uint32_t wants = customer == 0 ? 40 : 4;

		for (uint32_t i = 0; i < wants; i++) {
			uint64_t clean = counted(MW_REASON_CLEAN);

			new_line(customer, i, 40000);
			hand_shake(&hand);
			hand_envelope(&hand);
			hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
			assert_true(hand.packet.forward); /* read or not */
			read[customer] += counted(MW_REASON_CLEAN) == clean + 1;
			hand_say(&hand, &hand.server, "250 stored\r\n");
		}
		assert_int_equal(
			counted(MW_REASON_CUSTOMER_SHARE) - refused, wants - read[customer]);
	}
	assert_int_equal(read[0], 16);
	assert_int_equal(read[1], 4);
	assert_int_equal(read[2], 4);
	assert_int_equal(counted(MW_REASON_MEMORY), 0);
	end_empty();
}

/* Octets kept beyond gaps that are never closed. */
static void gaps_keep_nobody_elses_mail_back(void **state)
{
	struct rig_options options = {
		.kept_blocks = 256, .contents = 128, .flows = 128, .customers = 2};
	const struct mw_use *use;
	uint32_t pushed_back = 0;
	char block[1001];

	memset(block, 'x', 1000);
	block[1000] = 0;
	hand_open(&hand, &options);
	use = hand.rig.lane->use;
	for (uint32_t i = 0; i < 40; i++) {
		new_line(0, i, 40000);
		hand_shake(&hand);
		hand_envelope(&hand);
		hand_say(&hand, &hand.client, "BDAT 99999 LAST\r\n");
		for (uint32_t k = 1; k < 20; k++)
			pushed_back += send(&hand.client, ACK, hand.client.seq + k * 3000, block) ==
				       MW_REASON_OVER_BUDGET;
	}
	assert_true(pushed_back > 0);
	assert_in_range(use[0].kept, 64, 128);
	/* The other: 60,000 octets before the server says a word. */
	new_line(1, 1, 40000);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 60000 LAST\r\n");
	for (uint32_t k = 0; k < 60; k++)
		assert_int_equal(hand_say(&hand, &hand.client, block), MW_REASON_INSPECTED);
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	assert_in_range(use[1].kept, 30, 40);
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(use[1].kept, 0);
	end_empty();
}

/* A refused customer's SYNs: each is answered, none reaches a server, and when the flood is over a
 * client is told why his mail is refused. */
static void a_refused_flood_reaches_nobody(void **state)
{
	struct rig_options options = {.responders = 8,
		.customers = 2,
		.verdict = MW_VERDICT_REJECT,
		.reply = "Refused, call +49 89 1234"};
	uint32_t made;

	seed = 9;
	hand_open(&hand, &options);
	for (uint32_t i = 0; i < 5000; i++) {
		made = hand.made;
		new_line(0, chance(256), (uint16_t)(1024 + chance(60000)));
		assert_int_equal(
			send(&hand.client, SYN, chance(UINT32_MAX), ""), MW_REASON_ANSWERED);
		assert_false(hand.packet.forward);
		assert_int_equal(hand.made, made + 1);
		/* The last packet of a handshake that never was, made up. */
		send(&hand.client, ACK, chance(UINT32_MAX), "MAIL FROM:<a@b.example>\r\n");
		assert_false(hand.packet.forward);
		hand_poll(&hand, 10 * MW_NS_PER_US);
	}
	assert_int_equal(hand.made_to_server, 0);
	assert_int_equal(mw_lane_counters(hand.rig.lane)->sessions, 0);
	/* The other customer meanwhile. */
	new_line(1, 1, 40000);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	for (int i = 0; i < 120; i++)
		hand_poll(&hand, MW_NS_PER_S);
	made = hand.made;
	hand_poll(&hand, 100 * MW_NS_PER_S);
	assert_int_equal(hand.made, made); /* nothing is repeated any more */
	end_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syns_from_everywhere),
		cmocka_unit_test(packets_of_no_connection_from_inside),
		cmocka_unit_test(packets_of_no_connection_from_outside),
		cmocka_unit_test(syns_that_carry_data),
		cmocka_unit_test(the_young_make_room),
		cmocka_unit_test(one_customer_leaves_room_for_another),
		cmocka_unit_test(gaps_keep_nobody_elses_mail_back),
		cmocka_unit_test(a_refused_flood_reaches_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
