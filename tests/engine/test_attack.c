/*
 * What an adversary tries with packets that no honest TCP sends, and what happens when a pool runs
 * dry: the lane keeps reading, or says by name that it does not, and never writes where it must
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/hand.h"

static struct hand hand;

static uint64_t counted(enum mw_reason reason)
{
	return mw_lane_counters(hand.rig.lane)->reason[reason];
}

static void a_second_message_finds_no_memory(void **state)
{
	struct rig_options options = {.scan_budget_ns = 50000, .messages = 1};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client,
		"BDAT 4 LAST\r\n\r\nab"
		"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 2 LAST\r\nab");
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(counted(MW_REASON_MEMORY), 1);
	hand_close(&hand);
	assert_int_equal(hand.rig.messages, 1);
	assert_true(hand.rig.session.metadata);
}

static void a_message_that_cannot_be_scanned_is_not_clean(void **state)
{
	struct rig_options options = {.record_blocks = 1, .scan_budget_ns = 50000};

	hand_open(&hand, &options);
	assert_non_null(mw_pool_get(&hand.rig.lane->record_pool));
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(counted(MW_REASON_CLEAN), 0);
	assert_int_equal(counted(MW_REASON_MEMORY), 1);
	hand.rig.lane->record_pool.used = 0;
	hand_close(&hand);
}

/* Chunks are refused while the message, complete, waits or has been judged. */
static void a_refused_chunk_judges_once(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 2\r\n\r\nBDAT 2 LAST\r\nab");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_say(&hand, &hand.server, "552 too much\r\n503 no\r\n");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	assert_int_equal(counted(MW_REASON_INCOMPLETE), 0);
	hand_close(&hand);
}

static void silly_options_hide_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand.silly = true;
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	hand_say(&hand, &hand.server, "250 stored\r\n");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_close(&hand);
	options.verdict = MW_VERDICT_REJECT;
	hand_open(&hand, &options);
	hand.silly = true;
	assert_int_equal(hand_raw(&hand, &hand.client, MW_TCP_SYN, 7, NULL, 0), MW_REASON_ANSWERED);
	assert_false(hand.packet.forward);
	hand_close(&hand);
}

static void many_extension_headers_hide_nothing(void **state)
{
	uint8_t frame[14 + 40 + 12 * 8 + 20] = {[12] = 0x86, [13] = 0xdd, [14] = 0x60};
	struct mw_frame f;

	frame[14 + 5] = 12 * 8 + 20;
	frame[14 + 6] = 60;
	for (int i = 0; i < 12; i++)
		frame[54 + i * 8] = i < 11 ? 60 : 6;
	frame[54 + 96 + 3] = 25;
	frame[54 + 96 + 12] = 0x50;
	assert_int_equal(mw_frame_parse(frame, sizeof(frame), sizeof(frame), &f), MW_FRAME_TCP);
	assert_int_equal(f.dport, 25);
}

/* Cut at the octet that decides, inside PPPoE: its length says so too. */
static void a_cut_frame_says_its_length(void **state)
{
	static const uint8_t pppoe[8] = {0x11, 0, 0, 1, 0, 0, 0, 0x21};
	struct rig_options options = {.scan_budget_ns = 50000};

	hand_open(&hand, &options);
	memcpy(hand.client.l2 + 14, pppoe, 8);
	hand.client.l2[12] = 0x88;
	hand.client.l2[13] = 0x64;
	hand.client.l2_len = 22;
	memcpy(hand.server.l2, hand.client.l2, 22);
	hand.server.l2_len = 22;
	hand_shake(&hand);
	hand_envelope(&hand);
	assert_int_equal(
		hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab"), MW_REASON_TRIMMED_HOLD);
	assert_true(hand.packet.forward);
	assert_int_equal(hand.frame[18] << 8 | hand.frame[19], hand.packet.len - 20);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.made_to_server, 1);
	hand_close(&hand);
}

/* A repeat with other octets is mended, whichever side sends it, and its checksum with it. */
static void a_mended_reply_has_a_right_checksum(void **state)
{
	struct rig_options options = {0};
	struct mw_frame f;

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_raw(&hand, &hand.server, MW_TCP_ACK, hand.server.seq + 4, "s ESMTP\r\n", 9);
	hand_raw(&hand, &hand.server, MW_TCP_ACK, hand.server.seq + 4, "evil......", 9);
	assert_int_equal(hand.packet.reason, MW_REASON_REPLACED_CONFLICT);
	assert_int_equal(
		mw_frame_parse(hand.frame, hand.packet.len, hand.packet.len, &f), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(hand.frame, &f));
	assert_memory_equal(hand.frame + f.payload, "s ESMTP\r\n", 9);
	hand_close(&hand);
}

/* The client's direction alone, live: a large message does not end at the budget. */
static void one_way_does_not_stop(void **state)
{
	struct rig_options options = {0};
	char block[1025];

	memset(block, 'x', 1024);
	block[1024] = 0;
	hand_open(&hand, &options);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	for (int i = 0; i < 5; i++)
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.client, "EHLO c\r\nMAIL FROM:<a@b.example>\r\n");
	hand_say(&hand, &hand.client, "RCPT TO:<c@d.example>\r\nDATA\r\n");
	for (int i = 0; i < 2000; i++)
		assert_int_equal(hand_say(&hand, &hand.client, block), MW_REASON_INSPECTED);
	hand_say(&hand, &hand.client, "\r\n.\r\n");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	assert_int_equal(counted(MW_REASON_OVER_BUDGET), 0);
	hand_close(&hand);
}

/* Octets 2^31 apart, and acknowledgements of them, do not send the reader round the circle. */
static void far_away_octets_end(void **state)
{
	for (int passive = 0; passive < 2; passive++) {
		struct rig_options options = {.passive = passive != 0};

		hand_open(&hand, &options);
		hand_shake(&hand);
		hand_envelope(&hand);
		for (uint32_t i = 1; i < 8; i++) {
			hand_raw(&hand, &hand.server, MW_TCP_ACK, hand.server.seq + (i << 29),
				"250 ok\r\n", 8);
			hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq + (i << 29),
				"NOOP\r\n", 6);
			hand.server.seq += 1u << 29;
			hand.client.seq += 1u << 29;
			hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
			hand_raw(&hand, &hand.server, MW_TCP_ACK, hand.server.seq, NULL, 0);
		}
		hand_close(&hand);
	}
}

static void a_blind_reset_ends_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_raw(&hand, &hand.server, MW_TCP_RST | MW_TCP_ACK, hand.server.seq + 77777, NULL, 0);
	hand_raw(&hand, &hand.server, MW_TCP_RST, hand.server.seq - 77777, NULL, 0);
	hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, 1, NULL, 0);
	assert_true(hand.packet.forward);
	assert_int_equal(hand.rig.sessions, 0);
	assert_int_equal(counted(MW_REASON_BLIND_RST), 1);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_raw(&hand, &hand.server, MW_TCP_RST, hand.server.seq, NULL, 0);
	assert_int_equal(hand.rig.sessions, 1);
	/* An end the client does not mean: nothing new passes behind it. */
	hand_say(&hand, &hand.client, "QUIT\r\n");
	assert_false(hand.packet.forward);
	assert_int_equal(hand.packet.reason, MW_REASON_OUT_OF_WINDOW);
	hand_close(&hand);
}

static void a_refused_connect_is_believed(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	hand_raw(&hand, &hand.server, MW_TCP_RST | MW_TCP_ACK, 0, NULL, 0);
	assert_int_equal(hand.rig.sessions, 1);
	hand_close(&hand);
}

/* A second SYN, ahead of the first: what lies between them is read all the same. */
static void a_second_syn_hides_nothing(void **state)
{
	for (int late = 0; late < 2; late++) {
		struct rig_options options = {0};
		uint32_t isn;

		hand_open(&hand, &options);
		isn = hand.client.seq;
		hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
		if (late == 0)
			hand_raw(&hand, &hand.client, MW_TCP_SYN, isn + 100000, NULL, 0);
		hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++, NULL, 0);
		if (late == 1)
			hand_raw(&hand, &hand.client, MW_TCP_SYN, isn + 100000, NULL, 0);
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		hand_envelope(&hand);
		hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
		assert_true(hand.packet.forward);
		assert_int_equal(counted(MW_REASON_CLEAN), 1);
		hand_close(&hand);
	}
}

/* An acknowledgement of nothing, ahead of the octets that the connection will have, then its SYN:
 * all of it is read. */
static void an_ack_before_the_syn_hides_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq + 1000000, NULL, 0);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	assert_true(hand.packet.forward);
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_close(&hand);
}

/* Its entry is forgotten, and a SYN says that it begins far ahead: what is in front of that is no
 * octet of the connection that is read. */
static void a_syn_ahead_hides_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	for (int i = 0; i < 10; i++)
		hand_poll(&hand, MW_IDLE_NS);
	assert_int_equal(hand.rig.lane->flows.used, 0);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq + 1000000, NULL, 0);
	hand_say(&hand, &hand.client, "MAIL FROM:<a@b.example>\r\n");
	assert_int_equal(hand_left(&hand).payload_len, 0);
	assert_true(hand_server_has(&hand, "EHLO c\r\n"));
	hand_close(&hand);
}

/* The same with octets of both sides and a SYN-ACK, all of them from an accomplice: what it makes
 * the lane read as one huge chunk is a connection of its own. */
static void an_accomplice_before_the_syn_hides_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_say(&hand, &hand.client, "BDAT 1000000 LAST\r\n");
	hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq - 1, NULL, 0);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab");
	assert_true(hand.packet.forward);
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_close(&hand);
}

/* What a server reads as the beginning of a message and the lane does not know, goes no further
 * than to the end of its line. */
static void a_chunk_in_disguise_waits(void **state)
{
	static const char *const lines[] = {"\x0c"
					    "BDAT 6 LAST\r\n",
		"\r BDAT 6 LAST\r\n",
		"\v\x7f"
		"BDAT 6 LAST\r\n",
		"\"BDAT\" 6 LAST\r\n", "BDAT;6 LAST\r\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct rig_options options = {0};
		char text[64], sent[128];

		hand_open(&hand, &options);
		hand_shake(&hand);
		hand_envelope(&hand);
		snprintf(text, sizeof(text), "%sa\r\n\r\nb", lines[i]);
		hand_say(&hand, &hand.client, text);
		snprintf(sent, sizeof(sent),
			"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n%s",
			lines[i]);
		assert_true(hand_server_has(&hand, sent));
		hand_close(&hand);
	}
}

/* A server that has not offered CHUNKING answers 503 and reads on: so does the lane. */
static void a_chunk_that_was_not_offered_waits(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_say(&hand, &hand.client, "HELO c\r\n");
	hand_say(&hand, &hand.server, "250 s\r\n");
	hand_say(&hand, &hand.client, "BDAT 1000\r\nDATA\r\n");
	assert_true(hand_server_has(&hand, "HELO c\r\nBDAT 1000\r\n"));
	hand.held_back = 6;
	hand_say(&hand, &hand.server, "503 not advertised\r\n");
	hand.held_back = 0;
	hand_say(&hand, &hand.server, "354 go on\r\n");
	hand_say(&hand, &hand.client, "a: b\r\n\r\nc\r\n.\r\n");
	hand_poll(&hand, 0);
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_close(&hand);
}

/* Two octets of TLS behind a greeting in clear: the session is read on. */
static void two_octets_of_tls_hide_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_say(&hand, &hand.client, "\x16\x03\r\n");
	hand_say(&hand, &hand.server, "500 what\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	hand_say(&hand, &hand.server, "250-s\r\n250 CHUNKING\r\n");
	hand_say(&hand, &hand.client, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4 LAST\r\n\r\nab");
	hand_poll(&hand, 0);
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_close(&hand);
}

/* Acknowledgements ahead of the SYN-ACK make nobody's server an unseen one: spam is refused. */
static void acks_before_the_syn_ack_change_nothing(void **state)
{
	struct rig_options options = {.refuse_spam = true};

	hand_open(&hand, &options);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	for (int i = 0; i < 6; i++)
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq + 1000000, NULL, 0);
	hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++, NULL, 0);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_envelope(&hand);
	hand.held_back = 1;
	hand_say(&hand, &hand.client, "BDAT 19 LAST\r\n\r\n" FAKE_PHRASE "\r\n");
	for (int i = 0; i < 5; i++)
		hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(counted(MW_REASON_REFUSE_SPAM), 1);
	assert_non_null(memmem(hand.to_client, hand.to_client_len, "554 5.7.1", 9));
	hand_close(&hand);
}

/* Where something was read already as if its server were unseen, both ends are told to begin anew.
 */
static void a_server_that_was_taken_for_unseen_ends_it(void **state)
{
	struct rig_options options = {.refuse_spam = true};

	hand_open(&hand, &options);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	for (int i = 0; i < 6; i++)
		hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
	hand_say(&hand, &hand.client, "EHLO c\r\nDATA\r\n");
	hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++, NULL, 0);
	assert_false(hand.packet.forward);
	assert_in_range(hand.resets_to_client, 1, 2);
	assert_in_range(hand.resets_to_server, 1, 2);
	hand_say(&hand, &hand.client, "MAIL FROM:<a@b>\r\n");
	assert_false(hand.packet.forward);
	hand_close(&hand);
}

/* A SYN and an octet that do not get there, then the SYN that does: nothing passes unread. */
static void an_octet_between_two_syns_hides_nothing(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq, NULL, 0);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq + 1, "x", 1);
	hand.client.seq += 100000;
	hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
	hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++, NULL, 0);
	assert_false(hand.packet.forward);
	assert_in_range(hand.resets_to_server, 1, 2);
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	assert_false(hand.packet.forward);
	hand_close(&hand);
}

/* Whoever waits until he is forgotten is told that he is: in front of the first octet as in the
 * middle of a message. */
static void patience_hides_nothing(void **state)
{
	for (int late = 0; late < 2; late++) {
		struct rig_options options = {0};

		hand_open(&hand, &options);
		if (late == 0) {
			hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
			hand_raw(&hand, &hand.server, MW_TCP_SYN | MW_TCP_ACK, hand.server.seq++,
				NULL, 0);
			hand_poll(&hand, 64 * MW_NS_PER_S); /* Linux gives it up after 63 */
			assert_int_equal(rig_timers(&hand.rig), 1);
			hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		} else {
			hand_shake(&hand);
		}
		hand_envelope(&hand);
		hand_say(&hand, &hand.client, "DATA\r\n");
		hand_say(&hand, &hand.server, "354 go on\r\n");
		hand_say(&hand, &hand.client, "a: b\r\n\r\nc\r\n");
		assert_int_equal(counted(MW_REASON_MIDSTREAM), 0);
		for (int i = 0; i < 40; i++)
			hand_poll(&hand, 60 * MW_NS_PER_S);
		assert_int_equal(hand.resets_to_client, 1);
		assert_int_equal(hand.resets_to_server, 1);
		hand_close(&hand);
	}
}

/* Replies that are always still to come put no verdict off. */
static void a_busy_client_is_cut_off_at_last(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_say(&hand, &hand.client, "NOOP\r\nNOOP\r\n");
	rig_verdict(&hand.rig, MW_VERDICT_REJECT, "ticket 1");
	for (int i = 0; i < 59; i++) {
		hand_say(&hand, &hand.client, "NOOP\r\n");
		hand_say(&hand, &hand.server, "250 ok\r\n");
		hand_poll(&hand, MW_NS_PER_S);
	}
	assert_int_equal(hand.resets_to_server, 0);
	hand_poll(&hand, 2 * MW_NS_PER_S);
	hand_poll(&hand, MW_NS_PER_MS);
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.resets_to_client, 1);
	hand_close(&hand);
}

/* A reply that never came by here, and that the client acknowledges all the same: said, not silent.
 */
static void an_unseen_reply_is_told(void **state)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "NOOP\r\n");
	hand.server.seq += 8; /* "250 ok" is lost in front of us */
	hand_say(&hand, &hand.server, "250 ok\r\n");
	hand_say(&hand, &hand.client, "NOOP\r\n");
	assert_int_equal(counted(MW_REASON_GAP), 1);
	mw_lane_finish(hand.rig.lane, hand.now_ns);
	assert_true(hand.rig.session.metadata);
	hand_close(&hand);
}

/* Its SYN did not come by here, and its first packet is ahead of what the server has: what is in
 * front of that is no octet of the connection that is read. */
static void a_first_packet_ahead_hides_nothing(void **state)
{
	struct rig_options options = {0};
	uint32_t first;

	hand_open(&hand, &options);
	first = hand.client.seq;
	hand_raw(&hand, &hand.client, MW_TCP_FIN | MW_TCP_ACK, first + 6, NULL, 0);
	hand_say(&hand, &hand.server, "220 s ESMTP\r\n");
	hand_raw(&hand, &hand.client, MW_TCP_ACK, first, "EHLO c\r\n", 8);
	assert_int_equal(hand_left(&hand).payload_len, 2);
	hand_raw(&hand, &hand.client, MW_TCP_ACK, first, "MAIL F", 6);
	assert_int_equal(hand_left(&hand).payload_len, 0);
	hand_close(&hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_message_finds_no_memory),
		cmocka_unit_test(a_message_that_cannot_be_scanned_is_not_clean),
		cmocka_unit_test(a_refused_chunk_judges_once),
		cmocka_unit_test(silly_options_hide_nothing),
		cmocka_unit_test(many_extension_headers_hide_nothing),
		cmocka_unit_test(a_cut_frame_says_its_length),
		cmocka_unit_test(a_mended_reply_has_a_right_checksum),
		cmocka_unit_test(one_way_does_not_stop),
		cmocka_unit_test(far_away_octets_end),
		cmocka_unit_test(a_blind_reset_ends_nothing),
		cmocka_unit_test(a_refused_connect_is_believed),
		cmocka_unit_test(a_second_syn_hides_nothing),
		cmocka_unit_test(an_ack_before_the_syn_hides_nothing),
		cmocka_unit_test(an_accomplice_before_the_syn_hides_nothing),
		cmocka_unit_test(acks_before_the_syn_ack_change_nothing),
		cmocka_unit_test(a_server_that_was_taken_for_unseen_ends_it),
		cmocka_unit_test(an_octet_between_two_syns_hides_nothing),
		cmocka_unit_test(patience_hides_nothing),
		cmocka_unit_test(a_busy_client_is_cut_off_at_last),
		cmocka_unit_test(an_unseen_reply_is_told),
		cmocka_unit_test(a_chunk_in_disguise_waits),
		cmocka_unit_test(a_chunk_that_was_not_offered_waits),
		cmocka_unit_test(two_octets_of_tls_hide_nothing),
		cmocka_unit_test(a_syn_ahead_hides_nothing),
		cmocka_unit_test(a_first_packet_ahead_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
