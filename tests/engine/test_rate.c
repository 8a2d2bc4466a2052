/*
 * A customer under RATE: what is within his budget passes untouched, what is beyond is refused for
 * now, in the dialogue, and time gives it back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "tests/engine/hand.h"

static struct hand hand;

/* One connection, one message to two recipients. The first octet of the reply to it: the server's,
 * '2', or the lane's. 0: the SYN never left. */
static char one_message(uint16_t port)
{
	static const char *const recipients =
		"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\n";

	hand.client.sport = hand.server.dport = port;
	hand.client.seq = 7000;
	hand.server.seq = 9000;
	hand.to_client_len = 0;
	if (hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0) ==
		MW_REASON_ANSWERED)
		return 0;
	hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++, NULL, 0);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	hand_say(&hand, &hand.server, "250-s\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	hand_say(&hand, &hand.client, recipients);
	hand_say(&hand, &hand.server, "250 ok\r\n250 ok\r\n250 ok\r\n");
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	hand_poll(&hand, MW_NS_PER_MS);
	if (hand.to_client_len > 0) {
		hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
		hand_poll(&hand, 2 * MW_NS_PER_S); /* the RST to the server is repeated */
		return (char)hand.to_client[0];
	}
	hand_say(&hand, &hand.server, "250 stored\r\n");
	hand_say(&hand, &hand.client, "QUIT\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	return '2';
}

static void open_with(struct mw_rate rate)
{
	struct rig_options options = {
		.verdict = MW_VERDICT_RATE, .rate = rate, .scan_budget_ns = 50000, .flows = 256};

	hand_open(&hand, &options);
}

/* Sixty an hour: ten at once, then one a minute. */
static void messages_by_the_hour(void **state)
{
	uint16_t port = 20000;

	open_with((struct mw_rate){.messages = 60});
	for (int i = 0; i < 10; i++)
		assert_int_equal(one_message(port++), '2');
	assert_int_equal(one_message(port++), '4');
	assert_non_null(memmem(hand.to_client, hand.to_client_len, "451 4.7.1 more mail", 19));
	assert_true(hand.rig.message[(hand.rig.messages - 1) % RIG_MESSAGES].refused);
	hand_poll(&hand, 61 * MW_NS_PER_S);
	assert_int_equal(one_message(port++), '2');
	assert_int_equal(one_message(port++), '4');
	hand_poll(&hand, 3600 * MW_NS_PER_S);
	for (int i = 0; i < 10; i++)
		assert_int_equal(one_message(port++), '2');
	assert_int_equal(one_message(port++), '4');
	hand_close(&hand);
}

static void recipients_by_the_hour(void **state)
{
	uint16_t port = 20000;

	open_with((struct mw_rate){.messages = 6000, .recipients = 60});
	for (int i = 0; i < 5; i++)
		assert_int_equal(one_message(port++), '2');
	assert_int_equal(one_message(port++), '4');
	hand_poll(&hand, 121 * MW_NS_PER_S);
	assert_int_equal(one_message(port++), '2');
	hand_close(&hand);
}

/* Beyond it the responder answers in the server's place: 450 at MAIL, and the SYN never leaves. */
static void connections_by_the_hour(void **state)
{
	struct mw_frame f;
	uint16_t port = 20000;

	open_with((struct mw_rate){.connections = 12});
	assert_int_equal(one_message(port++), '2');
	assert_int_equal(one_message(port++), '2');
	assert_int_equal(one_message(port), 0);
	assert_int_equal(mw_frame_parse(hand.last_to_client, hand.last_to_client_len,
				 hand.last_to_client_len, &f),
		MW_FRAME_TCP);
	hand.server.seq = f.seq + 1;
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.client, "EHLO c\r\nMAIL FROM:<a@b.example>\r\n");
	assert_non_null(memmem(hand.to_client, hand.to_client_len, "450 4.7.1 more mail", 19));
	hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
	hand_poll(&hand, 301 * MW_NS_PER_S);
	assert_int_equal(one_message(++port), '2');
	hand_close(&hand);
}

static void others_and_no_limit_pass(void **state)
{
	uint16_t port = 20000;

	open_with((struct mw_rate){0});
	for (int i = 0; i < 100; i++)
		assert_int_equal(one_message(port++), '2');
	hand_close(&hand);
	open_with((struct mw_rate){.messages = 6});
	rig_verdict(&hand.rig, MW_VERDICT_PASS, NULL);
	for (int i = 0; i < 20; i++)
		assert_int_equal(one_message(port++), '2');
	hand_close(&hand);
}

/* A message to more recipients than a bucket holds passes when the bucket is full, and is paid for.
 */
static void a_long_list_waits_for_a_full_bucket(void **state)
{
	uint16_t port = 20000;

	open_with((struct mw_rate){.recipients = 6}); /* holds one; each message has two */
	assert_int_equal(one_message(port++), '2');
	hand_poll(&hand, 600 * MW_NS_PER_S);
	assert_int_equal(one_message(port++), '4');
	hand_poll(&hand, 601 * MW_NS_PER_S);
	assert_int_equal(one_message(port++), '2');
	hand_close(&hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_by_the_hour),
		cmocka_unit_test(recipients_by_the_hour),
		cmocka_unit_test(connections_by_the_hour),
		cmocka_unit_test(others_and_no_limit_pass),
		cmocka_unit_test(a_long_list_waits_for_a_full_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
