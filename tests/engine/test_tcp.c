/*
 * The corners of TCP (RFC 9293 and its companions), one test a corner: whatever the two ends do,
 * the server reads what was judged and nothing else, and an honest connection is never stopped by
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/hand.h"

#define SYN	MW_TCP_SYN
#define SYN_ACK (MW_TCP_SYN | MW_TCP_ACK)
#define ACK	MW_TCP_ACK
#define FIN_ACK (MW_TCP_FIN | MW_TCP_ACK)

static struct hand hand;
static struct mw_segment *const client = &hand.client, *const server = &hand.server;

static uint64_t counted(enum mw_reason reason)
{
	return mw_lane_counters(hand.rig.lane)->reason[reason];
}

static enum mw_reason send(struct mw_segment *side, uint8_t flags, uint32_t seq, const char *text)
{
	return hand_raw(&hand, side, flags, seq, text, strlen(text));
}

static void begin(void)
{
	struct rig_options options = {0};

	hand_open(&hand, &options);
}

/* As begin(), up to the first message. */
static void begin_talk(bool v6)
{
	begin();
	if (v6)
		hand_v6(&hand);
	hand_shake(&hand);
	hand_envelope(&hand);
}

#define ENVELOPE "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
#define MESSAGE	 "BDAT 4 LAST\r\n\r\nab"

/* Inspection works: a message goes by, is judged, and the server has it. */
static void end_with_a_message(void)
{
	uint64_t clean = counted(MW_REASON_CLEAN);

	hand_say(&hand, client, MESSAGE);
	assert_true(hand.packet.forward);
	assert_int_equal(counted(MW_REASON_CLEAN), clean + 1);
	hand_say(&hand, server, "250 stored\r\n");
	send(client, ACK, client->seq, "");
	mw_lane_finish(hand.rig.lane, hand.now_ns);
	assert_false(hand.rig.session.metadata);
	hand_close(&hand);
}

static void no_option(void)
{
	hand.option_len = 0;
}

static void set_option(const void *option, uint32_t len)
{
	memcpy(hand.option, option, len);
	hand.option_len = len;
}

/* SYNs with window scale 7 on either side, or on one; then the envelope. */
static void begin_scaled(bool by_client, bool by_server)
{
	static const uint8_t scale[4] = {1, 3, 3, 7};

	begin();
	if (by_client)
		set_option(scale, 4);
	send(client, SYN, client->seq++, "");
	no_option();
	if (by_server)
		set_option(scale, 4);
	server->window = 100;
	send(server, SYN_ACK, server->seq++, "");
	no_option();
	send(client, ACK, client->seq, "");
}

/* --- keep-alive --- */

static void a_keep_alive_draws_an_acknowledgement(void **state)
{
	struct mw_frame f;

	begin_talk(false);
	assert_int_equal(send(client, ACK, client->seq - 1, ""), MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	f = hand_left(&hand);
	assert_int_equal(f.seq, client->seq - 1);
	/* RFC 1122, 4.2.3.6: with one octet of garbage; the octet stays here, the probe goes on. */
	assert_int_equal(send(client, ACK, client->seq - 1, "X"), MW_REASON_TRIMMED_ACKED);
	assert_true(hand.packet.forward);
	f = hand_left(&hand);
	assert_int_equal(f.seq, client->seq - 1);
	assert_int_equal(f.payload_len, 0);
	/* The same of the server: nothing of it is looked at, all of it passes. */
	assert_int_equal(send(server, ACK, server->seq - 1, "X"), MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	assert_int_equal(hand_left(&hand).payload_len, 1);
	end_with_a_message();
}

/* Before the server has acknowledged what the garbage lies on, the true octet takes its place. */
static void a_hasty_keep_alive_says_the_truth(void **state)
{
	begin();
	hand_shake(&hand);
	hand_say(&hand, server, "220 s ESMTP\r\n");
	hand_say(&hand, client, "EHLO c\r\n");
	assert_int_equal(send(client, ACK, client->seq - 1, "X"), MW_REASON_REPLACED_CONFLICT);
	assert_int_equal(hand_left(&hand).payload_len, 1);
	assert_int_equal(hand.frame[hand.packet.len - 1], '\n');
	hand_close(&hand);
}

/* --- repeats --- */

static void a_repeat_loses_what_was_acknowledged(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct mw_frame f;
		uint32_t old;

		begin_talk(v6 != 0);
		old = client->seq;
		hand_say(&hand, client, "NOOP\r\n");
		hand_say(&hand, server, "250 ok\r\n");
		assert_int_equal(send(client, FIN_ACK | MW_TCP_PSH, old, "NoOP\r\nQUIT\r\n"),
			MW_REASON_TRIMMED_ACKED);
		assert_true(hand.packet.forward);
		f = hand_left(&hand);
		assert_int_equal(f.seq, old + 6);
		assert_int_equal(f.payload_len, 6);
		assert_memory_equal(hand.frame + f.payload, "QUIT\r\n", 6);
		assert_int_equal(f.flags, FIN_ACK | MW_TCP_PSH);
		/* Acknowledged to the last octet, but for the FIN: that stays, where it was. */
		client->seq = old + 12;
		hand_say(&hand, server, "221 bye\r\n");
		assert_int_equal(
			send(client, FIN_ACK, old + 6, "QUIT\r\n"), MW_REASON_TRIMMED_ACKED);
		f = hand_left(&hand);
		assert_int_equal(f.payload_len, 0);
		assert_int_equal(f.flags, FIN_ACK);
		assert_int_equal(f.seq, old + 12);
		client->seq++;
		send(server, FIN_ACK, server->seq++, "");
		send(client, ACK, client->seq, "");
		assert_int_equal(hand.rig.sessions, 1);
		assert_true(hand.rig.session.quit);
		hand_close(&hand);
	}
}

static void a_repeat_cut_elsewhere_is_one_text(void **state)
{
	uint32_t at;

	begin_talk(false);
	at = client->seq;
	hand.stream_first = at;
	memset(hand.stream_have, 0, sizeof(hand.stream_have));
	send(client, ACK, at + 5, "8 LAST");	/* beyond a gap */
	send(client, ACK, at, "BDA");		/* the front */
	send(client, ACK, at + 2, "AT 9 LIST"); /* closes it, and lies about what came */
	send(client, ACK, at + 1, "DAT 1 LAST\r\n\r\n");
	send(client, ACK, at + 13, "\r\n1234");
	assert_int_equal(counted(MW_REASON_CLEAN), 0);
	send(client, ACK, at, "BDAT 8 LAST\r\n\r\n123456");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	assert_int_equal(counted(MW_REASON_OVERLAP_CONFLICT), 1);
	assert_true(hand_server_has(&hand, "BDAT 8 LAST\r\n\r\n123456"));
	/* To the server that has lost it all, the same again. */
	memset(hand.stream_have, 0, sizeof(hand.stream_have));
	send(client, ACK, at, "XXXXXXXXXXXXXXXXXXXXX");
	assert_true(hand_server_has(&hand, "BDAT 8 LAST\r\n\r\n123456"));
	client->seq = at + 21;
	hand_say(&hand, server, "250 stored\r\n");
	hand_close(&hand);
}

/* --- windows --- */

static void octets_beyond_the_window_stay_here(void **state)
{
	uint32_t edge;

	begin_scaled(true, true);
	hand_envelope(&hand);
	hand_say(&hand, client, "BDAT 99999 LAST\r\n");
	send(server, ACK, server->seq, "");
	edge = client->seq + (100u << 7);
	assert_int_equal(send(client, ACK, edge - 1, "xx"), MW_REASON_INSPECTED);
	assert_int_equal(send(client, ACK, edge, "x"), MW_REASON_INSPECTED);
	assert_int_equal(send(client, ACK, edge + 1, "x"), MW_REASON_OUT_OF_WINDOW);
	assert_false(hand.packet.forward);
	assert_int_equal(send(client, FIN_ACK, edge + 1, ""), MW_REASON_OUT_OF_WINDOW);
	assert_false(hand.packet.forward);
	/* RFC 9293, 3.8.6: a window that shrinks has still been offered. */
	server->window = 10;
	send(server, ACK, server->seq, "");
	assert_int_equal(send(client, ACK, edge - 50, "x"), MW_REASON_INSPECTED);
	assert_int_equal(send(client, ACK, edge + 1, "x"), MW_REASON_OUT_OF_WINDOW);
	hand_close(&hand);
}

static void scaling_takes_two(void **state)
{
	for (int who = 0; who < 3; who++) {
		uint32_t edge;

		begin_scaled(who == 1, who == 2);
		hand_envelope(&hand);
		hand_say(&hand, client, "BDAT 99999 LAST\r\n");
		send(server, ACK, server->seq, "");
		edge = client->seq + 100;
		assert_int_equal(send(client, ACK, edge, "x"), MW_REASON_INSPECTED);
		assert_int_equal(send(client, ACK, edge + 1, "x"), MW_REASON_OUT_OF_WINDOW);
		hand_close(&hand);
	}
}

/* RFC 9293, 3.8.6.1: an octet at the edge of a closed window probes it. The server does not take
 * it; it comes again, and at last with all that follows. */
static void a_closed_window_is_probed(void **state)
{
	begin();
	server->window = 60;
	hand_shake(&hand);
	hand_envelope(&hand);
	for (int i = 0; i < 10; i++) {
		hand_say(&hand, client, "NOOP\r\n");
		server->window = (uint16_t)(server->window - 6);
		hand_say(&hand, server, "250 ok\r\n");
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send(client, ACK, client->seq, "B"), MW_REASON_INSPECTED);
		assert_true(hand.packet.forward);
		assert_int_equal(hand_left(&hand).payload_len, 1);
		assert_int_equal(send(client, ACK, client->seq + 1, "D"), MW_REASON_OUT_OF_WINDOW);
		assert_false(hand.packet.forward);
		send(server, ACK, server->seq, "");
		assert_true(hand.packet.forward);
	}
	server->window = 1000;
	send(server, ACK, server->seq, "");
	end_with_a_message();
}

/* --- urgent data --- */

static void there_is_no_urgent_octet(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct mw_frame f;

		begin_talk(v6 != 0);
		hand.urgent = 3;
		assert_int_equal(send(client, ACK | MW_TCP_URG, client->seq, "NOOP\r\n"),
			MW_REASON_URGENT_CLEARED);
		hand.urgent = 0;
		client->seq += 6;
		assert_true(hand.packet.forward);
		f = hand_left(&hand);
		assert_int_equal(f.flags, ACK);
		assert_int_equal(hand.frame[f.l4 + 18] << 8 | hand.frame[f.l4 + 19], 0);
		assert_int_equal(f.payload_len, 6);
		hand_say(&hand, server, "250 ok\r\n");
		/* Cut as well. */
		hand.urgent = 9;
		assert_int_equal(
			send(client, ACK | MW_TCP_URG, client->seq - 6, "NOOP\r\nNOOP\r\n"),
			MW_REASON_TRIMMED_ACKED);
		hand.urgent = 0;
		f = hand_left(&hand);
		assert_int_equal(f.flags, ACK);
		assert_int_equal(hand.frame[f.l4 + 18] << 8 | hand.frame[f.l4 + 19], 0);
		client->seq += 6;
		hand_say(&hand, server, "250 ok\r\n");
		assert_int_equal(counted(MW_REASON_URGENT), 1);
		end_with_a_message();
	}
}

/* --- data on a SYN (RFC 7413) --- */

static void data_on_a_syn_is_read(void **state)
{
	static const char *const again[] = {NULL, ENVELOPE, "QUIT.."};

	/* Taken by the server; not taken, and sent again; sent again, and not the same. */
	for (int i = 0; i < 3; i++) {
		uint32_t isn;

		begin();
		isn = client->seq;
		assert_int_equal(send(client, SYN, isn, ENVELOPE), MW_REASON_INSPECTED);
		assert_true(hand.packet.forward);
		client->seq = isn + 1 + (i == 0 ? (uint32_t)strlen(ENVELOPE) : 0);
		if (i != 0)
			memset(hand.stream_have, 0, sizeof(hand.stream_have));
		send(server, SYN_ACK, server->seq++, "");
		assert_true(hand.packet.forward);
		send(client, ACK, client->seq, "");
		if (i == 1)
			assert_int_equal(send(client, ACK, isn + 1, again[i]), MW_REASON_INSPECTED);
		if (i == 2) {
			assert_int_equal(
				send(client, ACK, isn + 1, again[i]), MW_REASON_REPLACED_CONFLICT);
			assert_true(hand_server_has(&hand, "EHLO c"));
			send(client, ACK, isn + 1, ENVELOPE);
		}
		client->seq = isn + 1 + (uint32_t)strlen(ENVELOPE);
		assert_true(hand_server_has(&hand, ENVELOPE));
		hand_say(&hand, server, "220 s\r\n250-s\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n");
		assert_int_equal(counted(MW_REASON_SYN_DATA), 1);
		end_with_a_message();
	}
}

/* The share of content before a handshake is used up: without its data a SYN passes as ever. */
static void data_on_a_syn_can_wait(void **state)
{
	struct rig_options options = {.contents = 64};
	uint16_t port;

	hand_open(&hand, &options);
	for (port = 40000; port < 40100; port++) {
		hand_connection(&hand, 0, 10, port);
		if (send(client, SYN, client->seq, ENVELOPE) != MW_REASON_INSPECTED)
			break;
	}
	assert_int_equal(port, 40000 + 64 / 8);
	assert_int_equal(hand.packet.reason, MW_REASON_OVER_BUDGET);
	assert_false(hand.packet.forward);
	hand_shake(&hand);
	hand_envelope(&hand);
	end_with_a_message();
}

/* --- handshakes --- */

static void both_ends_open_at_once(void **state)
{
	uint32_t isn[2];

	for (int data = 0; data < 2; data++) {
		begin();
		isn[0] = client->seq;
		isn[1] = server->seq;
		client->seq++;
		send(client, SYN, isn[0], "");
		server->seq++;
		send(server, SYN, isn[1], "");
		assert_true(hand.packet.forward);
		assert_int_equal(send(client, SYN_ACK, isn[0], ""), MW_REASON_INSPECTED);
		assert_int_equal(send(server, SYN_ACK, isn[1], ""), MW_REASON_INSPECTED);
		if (data == 0)
			send(client, ACK, client->seq, "");
		hand_envelope(&hand);
		end_with_a_message();
	}
}

/* Figure 9 of RFC 9293: an old SYN comes back to life, the server answers it, the client says no
 * and is heard; the connection that follows is read. */
static void an_old_syn_comes_late(void **state)
{
	for (int known = 0; known < 2; known++) {
		uint32_t isn, real_ack;

		begin();
		isn = client->seq;
		if (known != 0) /* the old SYN passes here as well, in front */
			send(client, SYN, isn - 90000, "");
		send(client, SYN, isn, "");
		client->seq = isn - 90000 + 1; /* what the server acknowledges */
		send(server, SYN_ACK, 777, "");
		assert_true(hand.packet.forward);
		real_ack = server->seq;
		hand_raw(&hand, client, MW_TCP_RST, isn - 90000 + 1, NULL, 0);
		assert_true(hand.packet.forward);
		server->seq = real_ack;
		client->seq = isn + 1;
		send(server, SYN_ACK, server->seq++, "");
		assert_true(hand.packet.forward);
		send(client, ACK, client->seq, "");
		hand_envelope(&hand);
		end_with_a_message();
	}
}

/* A forged SYN-ACK makes the client say RST, and is no way past inspection. */
static void a_forged_syn_ack_opens_nothing(void **state)
{
	uint32_t isn;

	begin();
	isn = client->seq;
	send(client, SYN, isn, "");
	client->seq = isn + (1u << 29);
	send(server, SYN_ACK, 31337, "");
	send(client, MW_TCP_RST, isn + (1u << 29), "");
	client->seq = isn + 1;
	send(server, SYN_ACK, server->seq++, "");
	send(client, ACK, client->seq, "");
	hand_envelope(&hand);
	end_with_a_message();
}

static void the_server_chooses_between_two_syns(void **state)
{
	begin();
	send(client, SYN, client->seq, "");
	client->seq += 77777;
	hand.stream_first = client->seq + 1;
	send(client, SYN, client->seq++, "");
	send(server, SYN_ACK, server->seq++, "");
	assert_true(hand.packet.forward);
	send(client, ACK, client->seq, "");
	hand_envelope(&hand);
	end_with_a_message();
}

/* The server still has a connection that the client, and the lane, know nothing of: its
 * acknowledgement is answered with a RST, and the next SYN finds it free (RFC 9293, 3.5.1). */
static void an_old_connection_is_cleared_away(void **state)
{
	static const uint32_t old[] = {1000000, 0u - 1000000, 1u << 31, 50};

	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		uint32_t isn, fresh;

		begin();
		isn = client->seq;
		fresh = server->seq;
		send(client, SYN, isn, "");
		client->seq = isn + old[i];
		assert_int_equal(send(server, ACK, 99999, ""), MW_REASON_INSPECTED);
		assert_true(hand.packet.forward);
		send(client, MW_TCP_RST, isn + old[i], "");
		assert_true(hand.packet.forward);
		client->seq = isn + 1;
		server->seq = fresh;
		send(client, SYN, isn, "");
		assert_true(hand.packet.forward);
		send(server, SYN_ACK, server->seq++, "");
		assert_true(hand.packet.forward);
		send(client, ACK, client->seq, "");
		hand_envelope(&hand);
		end_with_a_message();
	}
}

/* The client has rebooted and calls again; lane and server still have the old connection. */
static void a_rebooted_client_begins_anew(void **state)
{
	uint32_t old, fresh;

	begin_talk(false);
	old = client->seq;
	fresh = old + 12345678;
	assert_int_equal(send(client, SYN, fresh, ""), MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	assert_int_equal(hand.rig.sessions, 0);
	client->seq = old;
	send(server, ACK, server->seq, "");
	assert_true(hand.packet.forward);
	send(client, MW_TCP_RST, old, "");
	assert_true(hand.packet.forward);
	assert_int_equal(hand.rig.sessions, 1);
	hand_connection(&hand, 0, 10, 40000);
	client->seq = fresh;
	server->seq = 4000000000u;
	hand_shake(&hand);
	hand_envelope(&hand);
	end_with_a_message();
}

static void a_rebooted_server_says_so(void **state)
{
	begin_talk(false);
	hand_say(&hand, client, "NOOP\r\n");
	send(server, MW_TCP_RST, server->seq, "");
	assert_true(hand.packet.forward);
	assert_int_equal(hand.rig.sessions, 1);
	assert_int_equal(counted(MW_REASON_BLIND_RST), 0);
	hand_close(&hand);
}

/* --- ends --- */

static void both_ends_close_at_once(void **state)
{
	begin_talk(false);
	send(client, FIN_ACK, client->seq, "");
	assert_true(hand.packet.forward);
	send(server, FIN_ACK, server->seq, "");
	assert_true(hand.packet.forward);
	client->seq++;
	server->seq++;
	send(client, ACK, client->seq, "");
	assert_true(hand.packet.forward);
	send(server, ACK, server->seq, "");
	assert_true(hand.packet.forward);
	assert_int_equal(hand.rig.sessions, 1);
	hand_close(&hand);
}

static void the_server_talks_on_behind_a_fin(void **state)
{
	begin_talk(false);
	hand_say(&hand, client, MESSAGE "QUIT\r\n");
	send(client, FIN_ACK, client->seq++, "");
	assert_true(hand.packet.forward);
	hand_say(&hand, server, "250 stored\r\n");
	send(client, ACK, client->seq, "");
	assert_int_equal(hand.rig.messages, 1);
	assert_int_equal(hand.rig.sessions, 0);
	hand_say(&hand, server, "221 bye\r\n");
	send(server, FIN_ACK, server->seq++, "");
	send(client, ACK, client->seq, "");
	assert_int_equal(hand.rig.sessions, 1);
	assert_true(hand.rig.session.quit);
	assert_false(hand.rig.session.metadata);
	assert_int_equal(hand.rig.session.server_bytes, server->seq - 5002);
	hand_close(&hand);
}

/* A FIN ahead of its place does not leave; the one before it, at the end of what was said, does. */
static void the_first_fin_in_order_counts(void **state)
{
	begin_talk(false);
	assert_int_equal(send(client, FIN_ACK, client->seq + 10, ""), MW_REASON_BEYOND_GAP);
	assert_false(hand.packet.forward);
	assert_int_equal(send(client, FIN_ACK, client->seq, ""), MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	assert_int_equal(hand_left(&hand).flags, FIN_ACK);
	client->seq++;
	send(server, FIN_ACK, server->seq++, "");
	send(client, ACK, client->seq, "");
	assert_int_equal(hand.rig.sessions, 1);
	hand_close(&hand);
}

static void wait(uint32_t seconds)
{
	for (uint32_t i = 0; i < seconds * 10; i++)
		hand_poll(&hand, MW_NS_PER_S / 10);
}

/* A connection with a FIN that its receiver does not know of lives as long as any other. */
static void a_fin_that_never_arrived_ends_nothing(void **state)
{
	static const uint32_t ahead[] = {10, 0};

	for (int i = 0; i < 2; i++) { /* kept back here; lost behind us */
		begin_talk(false);
		send(client, FIN_ACK, client->seq + ahead[i], "");
		wait(300);
		assert_int_equal(hand.rig.sessions, 0);
		end_with_a_message();
	}
	begin_talk(false);
	send(client, FIN_ACK, client->seq++, "");
	send(server, ACK, server->seq, "");
	wait(100);
	assert_int_equal(hand.rig.sessions, 0);
	wait(100);
	assert_int_equal(hand.rig.sessions, 1);
	hand_close(&hand);
}

static void a_reset_of_the_client_counts_where_it_is_believed(void **state)
{
	/* From where the server stands: what is it, and does it end the connection? */
	static const struct {
		int32_t at;
		bool ends;
	} cases[] = {{0, true}, {-1, false}, {-70000, false}, {1, false}, {5000, false},
		{70000, false}, {INT32_MIN, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_talk(false);
		send(client, MW_TCP_RST, client->seq + (uint32_t)cases[i].at, "");
		assert_true(hand.packet.forward);
		assert_int_equal(hand_left(&hand).seq, client->seq + (uint32_t)cases[i].at);
		assert_int_equal(hand.rig.sessions, cases[i].ends ? 1 : 0);
		assert_int_equal(counted(MW_REASON_BLIND_RST), cases[i].ends ? 0 : 1);
		if (cases[i].ends)
			hand_close(&hand);
		else
			end_with_a_message();
	}
	/* Ahead of what was let go it is moved to where the server expects it. */
	begin_talk(false);
	send(client, ACK, client->seq + 6, "NOOP\r\n");
	assert_int_equal(hand.packet.reason, MW_REASON_BEYOND_GAP);
	send(client, MW_TCP_RST, client->seq + 12, "");
	assert_true(hand.packet.forward);
	assert_int_equal(hand_left(&hand).seq, client->seq);
	assert_int_equal(hand.rig.sessions, 1);
	hand_close(&hand);
}

static void a_reset_of_the_server_counts_where_it_is_believed(void **state)
{
	static const struct {
		int32_t at;
		bool ends;
	} cases[] = {
		{0, true}, {-8, true}, {-9, false}, {1, false}, {70000, false}, {INT32_MIN, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_talk(false);
		hand_say(&hand, client, "NOOP\r\n");
		server->seq += 8;
		send(server, ACK, server->seq - 8, "250 ok\r\n"); /* on its way */
		send(server, MW_TCP_RST, server->seq + (uint32_t)cases[i].at, "");
		assert_true(hand.packet.forward);
		assert_int_equal(hand.rig.sessions, cases[i].ends ? 1 : 0);
		assert_int_equal(counted(MW_REASON_BLIND_RST), cases[i].ends ? 0 : 1);
		if (cases[i].ends)
			hand_close(&hand);
		else
			end_with_a_message();
	}
}

/* Behind an end that only the lane believes in: what the server has not acknowledged is not
 * remembered any more, so it could be other octets than those which were read. */
static void an_early_end_is_no_way_past(void **state)
{
	begin_talk(false);
	hand_say(&hand, client, MESSAGE); /* say it is lost behind us */
	send(client, MW_TCP_RST, client->seq, "");
	assert_int_equal(hand.rig.sessions, 1);
	assert_int_equal(
		send(client, ACK, client->seq - (uint32_t)strlen(MESSAGE), "BDAT 4 LAST\r\n\r\nXX"),
		MW_REASON_OUT_OF_WINDOW);
	assert_false(hand.packet.forward);
	hand_close(&hand);
}

/* A RST that is made to get lost behind us is written anew; to a server that has not believed it,
 * for octets in front of it are missing, it is said again. */
static void a_reset_is_heard(void **state)
{
	static const uint8_t signature[20] = {19, 18}; /* RFC 2385 */
	uint32_t at;

	for (int i = 0; i < 4; i++) {
		struct mw_frame f;

		begin_talk(i == 2);
		if (i == 0)
			set_option(signature, sizeof(signature));
		if (i != 0)
			client->ttl = 2;
		send(client, MW_TCP_RST | ACK, client->seq, i == 3 ? "a last cry" : "");
		no_option();
		assert_true(hand.packet.forward);
		assert_int_equal(hand.packet.reason, MW_REASON_TRIMMED_HOLD);
		f = hand_left(&hand);
		assert_int_equal(f.ttl, 64);
		assert_int_equal(f.seq, client->seq);
		assert_int_equal(f.flags, MW_TCP_RST | ACK);
		assert_int_equal(hand.packet.len, f.l4 + 20);
		assert_int_equal(hand.rig.sessions, 1);
		hand_close(&hand);
	}
	begin_talk(false);
	at = client->seq;
	hand_say(&hand, client, "NOOP\r\n"); /* lost */
	assert_int_equal(
		send(client, MW_TCP_RST, client->seq, ""), MW_REASON_INSPECTED); /* as it is */
	client->seq = at;
	send(server, ACK, server->seq, ""); /* challenge */
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.last_reset_seq, at);
	assert_int_equal(hand.resets_to_client, 0);
	send(server, MW_TCP_RST | ACK, server->seq, "");
	assert_int_equal(hand.made, 1);
	hand_close(&hand);
}

/* --- sequence numbers --- */

#define LAST_WORDS MESSAGE "QUIT\r\n"

/* A whole session, its ISNs such that the numbers wrap at every octet of it in turn; segments come
 * late, twice and cut elsewhere. */
static void numbers_wrap_anywhere(void **state)
{
	static const char last[] = LAST_WORDS;

	for (uint32_t back = 0; back < 120; back++) {
		uint32_t at;

		begin();
		client->seq = 0u - back;
		server->seq = 0u - back;
		hand.stream_first = client->seq + 1;
		hand_shake(&hand);
		hand_envelope(&hand);
		at = client->seq;
		send(client, FIN_ACK, at + 9, last + 9);
		send(client, ACK, at + 3, "T 4 L");
		send(client, ACK, at, "BDAT");
		send(client, FIN_ACK, at + 2, last + 2);
		send(client, FIN_ACK, at + 6, last + 6);
		client->seq = at + (uint32_t)strlen(last) + 1;
		assert_true(hand_server_has(&hand, ENVELOPE LAST_WORDS));
		hand_say(&hand, server, "250 stored\r\n");
		hand_say(&hand, server, "221 bye\r\n");
		send(server, FIN_ACK, server->seq++, "");
		send(client, ACK, client->seq, "");
		assert_int_equal(hand.rig.sessions, 1);
		assert_int_equal(hand.rig.messages, 1);
		assert_true(hand.rig.message[0].complete);
		assert_true(hand.rig.session.quit);
		assert_false(hand.rig.session.metadata);
		hand_close(&hand);
	}
}

/* A port is used again out of TIME-WAIT (RFC 6191), and the dead send their regards. */
static void a_port_is_used_again(void **state)
{
	uint32_t old;

	begin_talk(false);
	old = client->seq;
	hand_say(&hand, client, "QUIT\r\n");
	hand_say(&hand, server, "221 bye\r\n");
	send(client, FIN_ACK, client->seq++, "");
	send(server, FIN_ACK, server->seq++, "");
	send(client, ACK, client->seq, "");
	assert_int_equal(hand.rig.sessions, 1);
	hand_connection(&hand, 0, 10, 40000);
	client->seq = old + 250000;
	hand.stream_first = client->seq + 1;
	server->seq = 900000;
	hand_shake(&hand);
	assert_int_equal(mw_lane_counters(hand.rig.lane)->sessions, 2);
	hand_envelope(&hand);
	assert_int_equal(send(client, ACK, old, "QUIT\r\n"), MW_REASON_TRIMMED_ACKED);
	assert_int_equal(hand_left(&hand).payload_len, 0);
	send(client, FIN_ACK, old + 6, "");
	send(server, ACK, 5000, "221 bye\r\n");
	send(server, SYN_ACK, 5000, "");
	assert_int_equal(hand.rig.sessions, 1);
	assert_true(hand_server_has(&hand, ENVELOPE));
	end_with_a_message();
}

/* An acknowledgement of what the server never said is none: replies are still waited for. */
static void an_acknowledgement_runs_ahead(void **state)
{
	uint32_t real;

	begin_talk(false);
	assert_int_equal(send(server, ACK, server->seq, ""), MW_REASON_INSPECTED);
	client->seq += 100;
	assert_int_equal(send(server, ACK, server->seq, ""), MW_REASON_ACK_AHEAD);
	assert_false(hand.packet.forward);
	client->seq -= 100;

	real = server->seq;
	server->seq += 1000;
	send(client, ACK, client->seq, "");
	server->seq = real;
	hand_say(&hand, client, "DATA\r\n");
	assert_int_equal(send(client, ACK, client->seq, "NOOP\r\n"), MW_REASON_BEHIND_DATA);
	assert_false(hand.packet.forward);
	hand_say(&hand, server, "503 no\r\n");
	client->seq += 6; /* it went on when the reply had come */
	assert_true(hand_server_has(&hand, ENVELOPE "DATA\r\nNOOP\r\n"));
	hand_say(&hand, server, "250 ok\r\n");
	hand_say(&hand, client, "DATA\r\n");
	assert_int_equal(send(client, ACK, client->seq, "NOOP\r\n"), MW_REASON_BEHIND_DATA);
	hand_say(&hand, server, "503 no\r\n");
	client->seq += 6;
	hand_say(&hand, server, "250 ok\r\n");
	end_with_a_message();
}

/* Octets of the server went another way (a bypass that is over now): it says how far it is, the
 * client confirms it, and the talk goes on. */
static void replies_went_another_way(void **state)
{
	begin_talk(false);
	hand_say(&hand, client, "DATA\r\n");
	server->seq += 8;
	send(server, ACK, server->seq, "");
	send(client, ACK, client->seq, "");
	hand_say(&hand, client, "\r\nab\r\n.\r\n");
	assert_true(hand.packet.forward);
	hand_say(&hand, server, "250 stored\r\n");
	assert_int_equal(counted(MW_REASON_CLEAN), 1);
	hand_close(&hand);
}

/* --- what is not ours to touch --- */

static void selective_acknowledgements_pass(void **state)
{
	static const uint8_t sack[12] = {1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 30};
	uint8_t sent[HAND_FRAME];
	struct mw_frame f;

	begin_talk(false);
	hand_say(&hand, client, "BDAT 50\r\n");
	set_option(sack, 12);
	assert_int_equal(send(server, ACK, server->seq, ""), MW_REASON_INSPECTED);
	f = hand_left(&hand);
	assert_memory_equal(hand.frame + f.l4 + 20, sack, 12);
	/* In a packet that is cut, too. */
	memcpy(sent, hand.frame, HAND_FRAME);
	assert_int_equal(
		send(client, ACK, client->seq - 9, "BDAT 50\r\nabc"), MW_REASON_TRIMMED_ACKED);
	f = hand_left(&hand);
	assert_memory_equal(hand.frame + f.l4 + 20, sack, 12);
	assert_int_equal(f.payload_len, 3);
	no_option();
	/* And it frees nothing: a receiver may change its mind (RFC 2018, 8). */
	send(client, ACK, client->seq + 10, "0123456789");
	set_option(sack, 12);
	send(server, ACK, server->seq, "");
	no_option();
	assert_int_equal(
		send(client, ACK, client->seq + 10, "xxxxxxxxxx"), MW_REASON_REPLACED_CONFLICT);
	assert_memory_equal(hand.frame + f.payload - 12, "0123456789", 10);
	hand_close(&hand);
}

static void congestion_marks_are_kept(void **state)
{
	static const uint8_t marks = MW_TCP_ECE | MW_TCP_CWR;
	struct mw_frame f;

	begin();
	send(client, SYN | marks, client->seq++, "");
	assert_int_equal(hand_left(&hand).flags, SYN | marks);
	send(server, SYN_ACK | MW_TCP_ECE, server->seq++, "");
	assert_int_equal(hand_left(&hand).flags, SYN_ACK | MW_TCP_ECE);
	send(client, ACK, client->seq, "");
	hand_envelope(&hand);
	hand_say(&hand, client, "NOOP\r\n");
	hand_say(&hand, server, "250 ok\r\n");
	/* Trimmed in front, and behind. */
	send(client, ACK | MW_TCP_CWR, client->seq - 6, "NOOP\r\nDATA\r\nNOOP\r\n");
	f = hand_left(&hand);
	assert_int_equal(f.payload_len, 6);
	assert_int_equal(f.flags, ACK | MW_TCP_CWR);
	hand_close(&hand);
}

/* --- what is not read, and budgets --- */

static void in_mid_stream_nothing_is_read(void **state)
{
	begin();
	assert_int_equal(hand_say(&hand, client, "two\r\n.\r\n"), MW_REASON_INSPECTED);
	assert_true(hand.packet.forward);
	assert_int_equal(counted(MW_REASON_MIDSTREAM), 1);
	hand_say(&hand, server, "250 ok\r\n");
	hand.urgent = 1; /* and nothing is altered */
	assert_int_equal(
		send(client, ACK | MW_TCP_URG, client->seq, "QUIT\r\n"), MW_REASON_INSPECTED);
	assert_int_equal(hand_left(&hand).flags, ACK | MW_TCP_URG);
	hand.urgent = 0;
	client->seq += 6;
	send(client, FIN_ACK, client->seq++, "");
	send(server, FIN_ACK, server->seq++, "");
	send(client, ACK, client->seq, "");
	send(server, ACK, server->seq, "");
	assert_int_equal(hand.rig.sessions, 1);
	assert_true(hand.rig.session.metadata);
	assert_int_equal(hand.rig.session.reason, MW_REASON_MIDSTREAM);
	assert_int_equal(hand.rig.session.client_bytes, 14);
	assert_int_equal(hand.rig.session.server_bytes, 8);
	hand_close(&hand);
	/* Only the handshake was missed: the greeting says that nothing was said before it. */
	begin();
	hand_envelope(&hand);
	end_with_a_message();
}

static void a_full_budget_slows_down(void **state)
{
	struct rig_options options[] = {{0}, {.kept_blocks = 64}};

	for (int lane = 0; lane < 2; lane++) {
		char block[1025];
		uint32_t taken = 0;

		memset(block, 'x', 1024);
		block[1024] = 0;
		hand_open(&hand, &options[lane]);
		hand.server.window = 0xffff;
		set_option((const uint8_t[]){1, 3, 3, 7}, 4);
		send(client, SYN, client->seq++, "");
		send(server, SYN_ACK, server->seq++, "");
		no_option();
		send(client, ACK, client->seq, "");
		hand_envelope(&hand);
		hand_say(&hand, client, "BDAT 1048576 LAST\r\n");
		send(server, ACK, server->seq, "");
		while (hand_say(&hand, client, block) == MW_REASON_INSPECTED)
			taken += 1024;
		client->seq -= 1024;
		assert_int_equal(hand.packet.reason, MW_REASON_OVER_BUDGET);
		assert_false(hand.packet.forward);
		if (lane == 0)
			assert_in_range(taken, 256 * 1024, 340 * 1024);
		else
			assert_in_range(taken, 64 * 1024 / 2, 64 * 2048);
		/* The server has taken it in: there is room again, to the end. */
		while (taken < 1048576) {
			send(server, ACK, server->seq, "");
			assert_int_equal(hand_say(&hand, client, block), MW_REASON_INSPECTED);
			taken += 1024;
		}
		assert_int_equal(counted(MW_REASON_CLEAN), 1);
		hand_close(&hand);
	}
}

/* Everything the server still says in one segment with its FIN, and inspection ends within it: the
 * FIN is one all the same, or the connection would be open for half an hour. */
static void a_fin_behind_the_last_straw(void **state)
{
	static const char *const last = "250 OK\r\n250 OK\r\n354 go on\r\n221 bye\r\n";
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nabQUIT\r\n");
	hand_raw(&hand, &hand.server, MW_TCP_ACK | MW_TCP_PSH | MW_TCP_FIN, hand.server.seq, last,
		strlen(last));
	hand.server.seq += (uint32_t)strlen(last) + 1;
	hand_raw(&hand, &hand.client, MW_TCP_ACK | MW_TCP_FIN, hand.client.seq, NULL, 0);
	hand.client.seq++;
	hand_raw(&hand, &hand.server, MW_TCP_ACK, hand.server.seq, NULL, 0);
	assert_int_equal(hand.rig.sessions, 1);
	assert_int_equal(hand.rig.session.reason, MW_REASON_DESYNC);
	hand_close(&hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fin_behind_the_last_straw),
		cmocka_unit_test(a_keep_alive_draws_an_acknowledgement),
		cmocka_unit_test(a_hasty_keep_alive_says_the_truth),
		cmocka_unit_test(a_repeat_loses_what_was_acknowledged),
		cmocka_unit_test(a_repeat_cut_elsewhere_is_one_text),
		cmocka_unit_test(octets_beyond_the_window_stay_here),
		cmocka_unit_test(scaling_takes_two),
		cmocka_unit_test(a_closed_window_is_probed),
		cmocka_unit_test(there_is_no_urgent_octet),
		cmocka_unit_test(data_on_a_syn_is_read),
		cmocka_unit_test(data_on_a_syn_can_wait),
		cmocka_unit_test(both_ends_open_at_once),
		cmocka_unit_test(an_old_syn_comes_late),
		cmocka_unit_test(a_forged_syn_ack_opens_nothing),
		cmocka_unit_test(the_server_chooses_between_two_syns),
		cmocka_unit_test(an_old_connection_is_cleared_away),
		cmocka_unit_test(a_rebooted_client_begins_anew),
		cmocka_unit_test(a_rebooted_server_says_so),
		cmocka_unit_test(both_ends_close_at_once),
		cmocka_unit_test(the_server_talks_on_behind_a_fin),
		cmocka_unit_test(the_first_fin_in_order_counts),
		cmocka_unit_test(a_fin_that_never_arrived_ends_nothing),
		cmocka_unit_test(a_reset_of_the_client_counts_where_it_is_believed),
		cmocka_unit_test(a_reset_of_the_server_counts_where_it_is_believed),
		cmocka_unit_test(an_early_end_is_no_way_past),
		cmocka_unit_test(a_reset_is_heard),
		cmocka_unit_test(numbers_wrap_anywhere),
		cmocka_unit_test(a_port_is_used_again),
		cmocka_unit_test(an_acknowledgement_runs_ahead),
		cmocka_unit_test(replies_went_another_way),
		cmocka_unit_test(selective_acknowledgements_pass),
		cmocka_unit_test(congestion_marks_are_kept),
		cmocka_unit_test(in_mid_stream_nothing_is_read),
		cmocka_unit_test(a_full_budget_slows_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
