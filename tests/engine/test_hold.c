/*
 * A message whose end is held, or that is refused, and one corner of TCP at a time, packet by
 * packet: what leaves is cut at the octet that decides and nowhere else, nothing at or behind it
 * ever leaves, and what the lane says in the server's place fits what both ends know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/hand.h"
#include "tests/engine/header.h"

#define SYN	MW_TCP_SYN
#define SYN_ACK (MW_TCP_SYN | MW_TCP_ACK)
#define ACK	MW_TCP_ACK
#define PSH_ACK (MW_TCP_PSH | MW_TCP_ACK)
#define FIN_ACK (MW_TCP_FIN | MW_TCP_ACK)

#define BAD   "Subject: a\r\n\r\n" FAKE_PHRASE "\r\n"
#define CLEAN "Subject: a\r\n\r\nhello\r\n"
#define NEXT  "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 4 LAST\r\n\r\nab"

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

/* The server's stream is looked at from here on. */
static void look(void)
{
	hand.stream_first = client->seq;
	memset(hand.stream_have, 0, sizeof(hand.stream_have));
}

static void begin(void)
{
	struct rig_options options = {.refuse_spam = true, .scan_budget_ns = 50000};

	fake_record_cost_ns = 0;
	hand_open(&hand, &options);
}

static void to_data(void)
{
	hand_envelope(&hand);
	hand_say(&hand, client, "DATA\r\n");
	hand_say(&hand, server, "354 go on\r\n");
	send(client, ACK, client->seq, "");
	look();
}

static void to_envelope(void)
{
	hand_envelope(&hand);
	send(client, ACK, client->seq, "");
	look();
}

static void set_option(const struct header_options *options)
{
	memcpy(hand.option, options->octets, options->len);
	hand.option_len = options->len;
}

/* A handshake with these options on the SYN of each side, or none. */
static void shake(const struct header_options *of_client, const struct header_options *of_server)
{
	hand.option_len = 0;
	if (of_client != NULL)
		set_option(of_client);
	send(client, SYN, client->seq++, "");
	hand.option_len = 0;
	if (of_server != NULL)
		set_option(of_server);
	send(server, SYN_ACK, server->seq++, "");
	hand.option_len = 0;
	send(client, ACK, client->seq, "");
}

static struct mw_frame last_to_client(void)
{
	struct mw_frame f;

	assert_int_equal(mw_frame_parse(hand.last_to_client, hand.last_to_client_len,
				 hand.last_to_client_len, &f),
		MW_FRAME_TCP);
	return f;
}

static struct mw_frame last_to_server(void)
{
	struct mw_frame f;

	assert_int_equal(mw_frame_parse(hand.last_to_server, hand.last_to_server_len,
				 hand.last_to_server_len, &f),
		MW_FRAME_TCP);
	return f;
}

/* How often a reply with this code was sent, repeats and all. */
static uint32_t said(const char *code)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i + 4 <= hand.to_client_len; i++)
		n += (i == 0 || hand.to_client[i - 1] == '\n') &&
		     memcmp(hand.to_client + i, code, 3) == 0;
	return n;
}

/* The packet that ends a message of `len` octets, all in front of it acknowledged, was cut so. */
static void was_cut_at(uint32_t decides, const char *text, uint8_t flags)
{
	struct mw_frame f;

	assert_int_equal(hand.packet.reason, MW_REASON_TRIMMED_HOLD);
	assert_true(hand.packet.forward);
	f = hand_left(&hand);
	assert_int_equal(f.seq + f.payload_len, decides);
	assert_memory_equal(hand.frame + f.payload, text, f.payload_len);
	assert_int_equal(hand.packet.len, f.payload + f.payload_len);
	assert_int_equal(hand.packet.wire_len, hand.packet.len);
	assert_int_equal(f.flags, flags);
}

/* Refused, the server told by a RST at the octet that decides, and the client by one reply that
 * acknowledges up to `acked`. */
static void was_refused(uint32_t decides, uint32_t acked)
{
	assert_int_equal(hand.resets_to_server, 1);
	assert_int_equal(hand.resets_to_client, 0);
	assert_int_equal(hand.reset_seq_to_server, decides);
	assert_int_equal(said("554"), 1);
	assert_int_equal(last_to_client().ack, acked);
}

/* --- where it is cut --- */

static void the_end_of_data_is_cut_exactly(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t decides;

		begin();
		if (v6 != 0)
			hand_v6(&hand);
		hand_shake(&hand);
		to_data();
		decides = client->seq + (uint32_t)strlen(BAD ".\r\n") - 1;
		send(client, FIN_ACK | MW_TCP_PSH, client->seq, BAD ".\r\n");
		was_cut_at(decides, BAD ".\r", ACK);
		assert_true(hand_server_has(&hand, BAD ".\r"));
		client->seq = decides + 1;
		hand_poll(&hand, MW_NS_PER_MS);
		assert_true(hand_server_has(&hand, BAD ".\r"));
		hand_close(&hand);
	}
}

/* The commands of a whole next transaction stand behind the end, in its segment. */
static void pipelined_commands_stay_behind_the_end(void **state)
{
	uint32_t decides;

	begin();
	hand_shake(&hand);
	to_data();
	decides = client->seq + (uint32_t)strlen(BAD ".\r\n") - 1;
	hand_say(&hand, client, BAD ".\r\n" NEXT);
	was_cut_at(decides, BAD ".\r", ACK);
	hand_poll(&hand, MW_NS_PER_MS);
	was_refused(decides, client->seq);
	/* Nothing of it went, and the transaction behind it is told to come another time. */
	assert_true(hand_server_has(&hand, BAD ".\r"));
	assert_int_equal(said("421"), 1);
	assert_int_equal(hand.rig.messages, 1);
	assert_true((last_to_client().flags & MW_TCP_FIN) != 0);
	hand_close(&hand);
}

static void a_clean_end_lets_them_follow(void **state)
{
	uint32_t decides;

	begin();
	hand_shake(&hand);
	to_data();
	decides = client->seq + (uint32_t)strlen(CLEAN ".\r\n") - 1;
	hand_say(&hand, client, CLEAN ".\r\n" NEXT);
	was_cut_at(decides, CLEAN ".\r", ACK);
	hand_poll(&hand, MW_NS_PER_MS);
	hand_poll(&hand, MW_NS_PER_MS); /* the second one is held, and judged, as well */
	assert_true(hand_server_has(&hand, CLEAN ".\r\n" NEXT));
	hand_say(&hand, server, "250 stored\r\n250 ok\r\n250 ok\r\n250 stored\r\n");
	send(client, ACK, client->seq, "");
	assert_int_equal(hand.rig.messages, 2);
	assert_int_equal(hand.resets_to_server, 0);
	hand_close(&hand);
}

/* BDAT n LAST ends at its n-th octet, wherever in a segment that is. */
static void the_last_chunk_ends_in_mid_segment(void **state)
{
	for (int bad = 0; bad < 2; bad++) {
		const char *text = bad != 0 ? BAD : CLEAN;
		char all[600], upto[400];
		uint32_t decides;

		begin();
		hand_shake(&hand);
		to_envelope();
		snprintf(upto, sizeof(upto), "BDAT %zu LAST\r\n%s", strlen(text), text);
		snprintf(all, sizeof(all), "%s%s", upto, NEXT);
		decides = client->seq + (uint32_t)strlen(upto) - 1;
		hand_say(&hand, client, all);
		upto[strlen(upto) - 1] = 0;
		was_cut_at(decides, upto, ACK);
		assert_true(hand_server_has(&hand, upto));
		hand_poll(&hand, MW_NS_PER_MS);
		hand_poll(&hand, MW_NS_PER_MS);
		if (bad != 0) {
			was_refused(decides, client->seq);
			assert_true(hand_server_has(&hand, upto));
		} else {
			assert_true(hand_server_has(&hand, all));
			assert_int_equal(hand.resets_to_server, 0);
		}
		hand_close(&hand);
	}
}

/* --- what comes again while it is held --- */

static void repeats_are_cut_where_the_first_was(void **state)
{
	uint32_t first, decides;
	size_t len = strlen(BAD ".\r\n" NEXT);
	char all[] = BAD ".\r\n" NEXT;

	fake_record_cost_ns = 0;
	begin();
	fake_record_cost_ns = 1000000; /* held for as many polls as there are records */
	hand_shake(&hand);
	to_data();
	first = client->seq;
	decides = first + (uint32_t)strlen(BAD ".\r\n") - 1;
	hand_say(&hand, client, all);
	for (uint32_t from = 0; from < len; from += 3)
		for (uint32_t to = from + 1; to <= len; to += 5) {
			enum mw_reason reason = hand_raw(
				&hand, client, PSH_ACK, first + from, all + from, to - from);

			if (first + to <= decides) {
				assert_int_equal(reason, MW_REASON_INSPECTED);
			} else if (first + from < decides) {
				assert_int_equal(reason, MW_REASON_TRIMMED_HOLD);
				assert_int_equal(
					hand_left(&hand).payload_len, decides - (first + from));
				assert_int_equal(hand_left(&hand).flags, ACK);
			} else {
				assert_int_equal(reason, MW_REASON_HELD);
				assert_false(hand.packet.forward);
			}
		}
	assert_int_equal(hand.made_to_server, 0);
	assert_true(hand_server_has(&hand, BAD ".\r"));
	for (int i = 0; i < 20; i++)
		hand_poll(&hand, MW_NS_PER_MS);
	was_refused(decides, client->seq);
	/* And once more behind the refusal: acknowledged, said again, and nothing goes. */
	hand_raw(&hand, client, PSH_ACK, decides - 10, all + (decides - first) - 10, 20);
	assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
	assert_int_equal(last_to_client().ack, client->seq);
	assert_true(hand_server_has(&hand, BAD ".\r"));
	hand_close(&hand);
}

/* --- ends --- */

static void a_fin_is_held_with_the_end(void **state)
{
	/* In the segment of the end; alone behind it; in a repeat. */
	for (int how = 0; how < 3; how++)
		for (int bad = 0; bad < 2; bad++) {
			const char *text = bad != 0 ? BAD ".\r\n" : CLEAN ".\r\n";
			uint32_t first, decides;
			struct mw_frame f;

			begin();
			hand_shake(&hand);
			to_data();
			first = client->seq;
			decides = first + (uint32_t)strlen(text) - 1;
			send(client, how == 0 ? FIN_ACK : ACK, first, text);
			was_cut_at(decides, text, ACK);
			if (how == 1) {
				assert_int_equal(
					send(client, FIN_ACK, decides + 1, ""), MW_REASON_HELD);
				assert_false(hand.packet.forward);
			} else if (how == 2) {
				send(client, FIN_ACK, first + 5, text + 5);
				assert_int_equal(hand.packet.reason, MW_REASON_TRIMMED_HOLD);
				assert_int_equal(hand_left(&hand).flags, ACK);
			}
			client->seq = decides + 2;
			hand_poll(&hand, MW_NS_PER_MS);
			if (bad != 0) {
				was_refused(decides, decides + 2);
				assert_true((last_to_client().flags & MW_TCP_FIN) != 0);
				hand_close(&hand);
				continue;
			}
			f = last_to_server();
			assert_int_equal(f.seq, decides);
			assert_int_equal(f.payload_len, 1);
			assert_int_equal(f.flags, FIN_ACK | MW_TCP_PSH);
			hand_say(&hand, server, "250 stored\r\n");
			assert_true(hand.packet.forward);
			send(server, FIN_ACK, server->seq++, "");
			send(client, ACK, client->seq, "");
			assert_int_equal(hand.rig.sessions, 1);
			hand_close(&hand);
		}
}

/* Whatever number the client's RST has, the server hears it, at the octet that it expects. */
static void a_rst_while_held_goes_on_at_the_octet(void **state)
{
	for (int at = 0; at < 3; at++) {
		uint32_t decides, seq;
		struct mw_frame f;

		begin();
		fake_record_cost_ns = 1000000;
		hand_shake(&hand);
		to_data();
		decides = client->seq + (uint32_t)strlen(BAD ".\r\n") - 1;
		hand_say(&hand, client, BAD ".\r\n" NEXT);
		seq = at == 0 ? client->seq : at == 1 ? decides : decides + 7;
		hand_raw(&hand, client, MW_TCP_RST | ACK, seq, NULL, 0);
		assert_true(hand.packet.forward);
		f = hand_left(&hand);
		assert_int_equal(f.seq, decides);
		assert_int_equal(f.flags & MW_TCP_RST, MW_TCP_RST);
		assert_int_equal(f.payload_len, 0);
		for (int i = 0; i < 20; i++)
			hand_poll(&hand, MW_NS_PER_MS);
		assert_int_equal(hand.made, 0);
		assert_true(hand_server_has(&hand, BAD ".\r"));
		assert_int_equal(hand.rig.sessions, 1);
		rig_assert_empty(&hand.rig);
		/* The server has not heard: what it says is answered at the number it expects. */
		hand.held_back = client->seq - decides;
		hand_say(&hand, server, "421 timeout\r\n");
		assert_int_equal(hand.resets_to_server, 1);
		assert_int_equal(hand.reset_seq_to_server, decides);
		hand_close(&hand);
	}
}

/* --- windows --- */

/* The reply's window counts in the server's scale, where both SYNs have one, and its right edge
 * does not move back. */
static void the_reply_has_the_servers_scale(void **state)
{
	for (int who = 0; who < 4; who++) {
		struct header_options by_client = {.len = 0}, by_server = {.len = 0};
		unsigned scale = who == 3 ? 7 : 0;
		uint32_t edge, decides;
		struct mw_frame f;

		begin();
		header_window_scale(&by_client, 2);
		header_window_scale(&by_server, 7);
		shake((who & 1) != 0 ? &by_client : NULL, (who & 2) != 0 ? &by_server : NULL);
		server->window = 60000;
		to_data();
		edge = client->seq + ((uint32_t)server->window << scale);
		send(server, ACK, server->seq, "");
		server->window = 100; /* shrinks: what was told stays told */
		send(server, ACK, server->seq, "");
		decides = client->seq + (uint32_t)strlen(BAD ".\r\n") - 1;
		hand_say(&hand, client, BAD ".\r\n");
		hand_poll(&hand, MW_NS_PER_MS);
		was_refused(decides, client->seq);
		f = last_to_client();
		assert_false(mw_seq_before(f.ack + ((uint32_t)f.window << scale), edge));
		assert_true(((uint32_t)f.window << scale) >= 65535u - (1u << scale));
		hand_close(&hand);
	}
}

/* The server's window is closed at the end: the octet that decides comes as a probe of it. */
static void a_probe_is_held_like_any_octet(void **state)
{
	uint32_t first, decides;
	size_t len = strlen(BAD ".\r\n");
	struct mw_frame f;

	begin();
	hand_shake(&hand);
	to_data();
	first = client->seq;
	decides = first + (uint32_t)len - 1;
	/* All but the last octet fits. */
	server->window = (uint16_t)(len - 1);
	send(server, ACK, server->seq, "");
	hand_raw(&hand, client, PSH_ACK, first, BAD ".\r", len - 1);
	assert_int_equal(hand.packet.reason, MW_REASON_INSPECTED);
	client->seq = decides;
	server->window = 0;
	send(server, ACK, server->seq, "");
	for (int i = 0; i < 3; i++) {
		send(client, ACK, decides, "\n");
		assert_int_equal(hand.packet.reason, MW_REASON_HELD);
		assert_false(hand.packet.forward);
	}
	/* An empty one in front of it passes, and is answered (Linux probes so). */
	send(client, ACK, decides - 1, "");
	assert_true(hand.packet.forward);
	client->seq = decides + 1;
	hand_poll(&hand, MW_NS_PER_MS);
	was_refused(decides, decides + 1);
	f = last_to_client();
	assert_true(f.window > 0);
	/* The client's QUIT is let in though the server's window was closed. */
	hand_say(&hand, client, "QUIT\r\n");
	assert_int_equal(said("221"), 1);
	hand_close(&hand);
}

/* The client has no room for the reply: it gets it when it has, however long that takes. */
static void a_client_without_room_is_waited_for(void **state)
{
	begin();
	hand_shake(&hand);
	to_data();
	client->window = 0;
	hand_say(&hand, client, BAD ".\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	server->seq = last_to_client().seq;
	for (int i = 0; i < 100; i++) {
		uint32_t made = hand.made;

		hand_poll(&hand, MW_NS_PER_S);
		if (hand.made > made) /* it is asked, and takes nothing */
			send(client, ACK, client->seq, "");
	}
	assert_true(said("554") > 30);
	assert_int_equal(hand.rig.lane->responder->table.used, 1);
	client->window = 65000;
	server->seq += last_to_client().payload_len;
	send(client, ACK, client->seq, "");
	hand_say(&hand, client, "QUIT\r\n");
	assert_int_equal(said("221"), 1);
	hand_close(&hand);
}

/* --- acknowledgements --- */

/* The reply comes in part: the rest is what is repeated, from where the client has it. */
static void a_reply_is_acknowledged_in_part(void **state)
{
	struct mw_frame f;
	uint32_t from, whole;

	begin();
	hand_shake(&hand);
	to_data();
	hand_say(&hand, client, BAD ".\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	f = last_to_client();
	from = f.seq;
	whole = f.payload_len;
	server->seq = from + 10;
	send(client, ACK, client->seq, "");
	hand_poll(&hand, 1100 * MW_NS_PER_MS);
	f = last_to_client();
	assert_int_equal(f.seq, from + 10);
	assert_int_equal(f.payload_len, whole - 10);
	server->seq = from + whole;
	send(client, ACK, client->seq, "");
	hand.to_client_len = 0;
	hand_poll(&hand, 5 * MW_NS_PER_S);
	assert_int_equal(hand.to_client_len, 0);
	hand_close(&hand);
}

/* The server acknowledges a part of a segment: of a repeat the rest goes, and it is the first copy.
 */
static void a_segment_is_acknowledged_in_part(void **state)
{
	uint32_t first;
	struct mw_frame f;

	begin();
	hand_shake(&hand);
	to_data();
	first = client->seq;
	hand_say(&hand, client, "Subject: a\r\n\r\nhello world\r\n");
	hand.held_back = client->seq - (first + 20);
	send(server, ACK, server->seq, "");
	send(client, ACK, first, "Subject: a\r\n\r\nHELLO WORLD\r\n");
	assert_true(hand.packet.forward);
	f = hand_left(&hand);
	assert_int_equal(f.seq, first + 20);
	assert_memory_equal(hand.frame + f.payload, "world\r\n", 7);
	assert_int_equal(f.payload_len, 7);
	hand.held_back = 0;
	hand_close(&hand);
}

/* --- SACK --- */

/* What the server has acknowledged selectively it may still throw away (RFC 2018, 8): it is kept,
 * and the repeat is the first copy. */
static void selective_acknowledgement_frees_nothing(void **state)
{
	struct header_options permitted = {.len = 0}, sack = {.len = 0};
	uint32_t first;
	struct header_block block[HEADER_BLOCKS_MAX + 1];
	struct mw_frame f;

	begin();
	header_sack_permitted(&permitted);
	shake(&permitted, &permitted);
	assert_true(hand.packet.forward);
	to_data();
	first = client->seq;
	send(client, ACK, first, "Subject: a\r\n\r\n");
	send(client, ACK, first + 20, "second line\r\n");
	assert_true(hand.packet.forward);
	header_sack(&sack, &(struct header_block){first + 20, first + 33}, 1);
	set_option(&sack);
	client->seq = first + 14;
	send(server, ACK, server->seq, "");
	assert_true(hand.packet.forward);
	f = hand_left(&hand);
	assert_memory_equal(hand.frame + f.l4 + 20, sack.octets, sack.len);
	hand.option_len = 0;
	/* It reneges; the client lies. */
	memset(hand.stream_have, 0, sizeof(hand.stream_have));
	send(client, ACK, first + 14, "12345\nSECOND LINE\r\n");
	assert_int_equal(hand.packet.reason, MW_REASON_REPLACED_CONFLICT);
	f = hand_left(&hand);
	assert_memory_equal(hand.frame + f.payload, "12345\nsecond line\r\n", 19);
	client->seq = first + 33;
	hand_say(&hand, client, FAKE_PHRASE "\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	was_refused(client->seq - 1, client->seq);
	f = last_to_client();
	assert_int_equal(header_blocks(hand.last_to_client, &f, block), 0);
	hand_close(&hand);
}

/* --- timestamps --- */

/* Old packets of either side come late: what is said in their names does not go back in time. */
static void late_packets_turn_no_clock_back(void **state)
{
	for (int bad = 0; bad < 2; bad++) {
		struct mw_frame f;

		begin();
		client->has_ts = server->has_ts = true;
		client->tsval = 5000;
		server->tsval = 0xfffffff0u; /* wraps */
		hand_shake(&hand);
		to_data();
		server->tsval = 20;
		send(server, ACK, server->seq, "");
		server->tsval = 0xfffffff8u;
		send(server, ACK, server->seq, "");
		client->tsval = 5100;
		hand_say(&hand, client, bad != 0 ? BAD ".\r\n" : CLEAN ".\r\n");
		client->tsval = 5050;
		send(client, ACK, client->seq - 20, ""); /* was on its way for long */
		hand_poll(&hand, MW_NS_PER_MS);
		f = bad != 0 ? last_to_client() : last_to_server();
		assert_true(f.has_ts);
		if (bad != 0) {
			assert_int_equal(f.tsval, 20);
			assert_int_equal(f.tsecr, 5100);
		} else {
			assert_int_equal(f.tsval, 5100);
		}
		hand_close(&hand);
	}
}

/* --- ECN (RFC 3168) --- */

static void ecn_is_the_ends_own_matter(void **state)
{
	for (int bad = 0; bad < 2; bad++) {
		const char *text = bad != 0 ? BAD ".\r\n" : CLEAN ".\r\n";
		uint32_t decides;
		struct mw_frame f;

		begin();
		send(client, SYN | MW_TCP_ECE | MW_TCP_CWR, client->seq++, "");
		assert_int_equal(hand_left(&hand).flags, SYN | MW_TCP_ECE | MW_TCP_CWR);
		send(server, SYN_ACK | MW_TCP_ECE, server->seq++, "");
		assert_int_equal(hand_left(&hand).flags, SYN_ACK | MW_TCP_ECE);
		send(client, ACK, client->seq, "");
		to_data();
		decides = client->seq + (uint32_t)strlen(text) - 1;
		/* The segment that is cut has met congestion, and answers some. */
		hand.ecn = HEADER_CE;
		send(client, PSH_ACK | MW_TCP_CWR, client->seq, text);
		was_cut_at(decides, text, ACK | MW_TCP_CWR);
		f = hand_left(&hand);
		assert_int_equal(header_ecn(hand.frame, &f), HEADER_CE);
		client->seq = decides + 1;
		hand.ecn = 0;
		hand.held_back = 1;
		send(server, ACK | MW_TCP_ECE, server->seq, "");
		assert_int_equal(hand_left(&hand).flags, ACK | MW_TCP_ECE);
		hand.held_back = 0;
		hand_poll(&hand, MW_NS_PER_MS);
		if (bad != 0) {
			was_refused(decides, decides + 1);
			f = last_to_client();
			assert_int_equal(header_ecn(hand.last_to_client, &f), 0);
		} else {
			f = last_to_server();
			assert_int_equal(header_ecn(hand.last_to_server, &f), 0);
		}
		assert_int_equal(f.flags, PSH_ACK);
		hand_close(&hand);
	}
}

/* --- the conversation to its end --- */

/* The client acknowledges our FIN before it sends its own: that one is acknowledged, and nothing
 * comes behind an end. */
static void there_is_one_end(void **state)
{
	struct mw_frame f;

	begin();
	hand_shake(&hand);
	to_data();
	hand_say(&hand, client, BAD ".\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	f = last_to_client();
	server->seq = f.seq + f.payload_len;
	hand_say(&hand, client, "QUIT\r\n");
	f = last_to_client();
	assert_int_equal(f.flags, FIN_ACK | MW_TCP_PSH);
	server->seq = f.seq + f.payload_len + 1;
	send(client, ACK, client->seq, "");
	hand_poll(&hand, 250 * MW_NS_PER_MS);
	hand_poll(&hand, 900 * MW_NS_PER_MS); /* the server's last RST */
	send(client, FIN_ACK, client->seq++, "");
	f = last_to_client();
	assert_int_equal(f.flags, ACK);
	assert_int_equal(f.seq, server->seq);
	assert_int_equal(f.ack, client->seq);
	/* It has not heard that, and says it again: no RST, which could cost it what it has not
	 * read. */
	hand_poll(&hand, 3 * MW_NS_PER_S);
	send(client, FIN_ACK, client->seq - 1, "");
	f = last_to_client();
	assert_int_equal(f.flags, ACK);
	assert_int_equal(f.ack, client->seq);
	assert_int_equal(hand.resets_to_client, 0);
	/* What is left of it takes nobody's place, and goes. */
	assert_int_equal(hand.rig.lane->responder->spares, 1);
	assert_int_equal(hand.rig.lane->use[0].responders, 0);
	for (int i = 0; i < 99; i++)
		hand_poll(&hand, MW_TALK_LINGER_NS / 100);
	assert_int_equal(hand.rig.lane->responder->table.used, 1);
	for (int i = 0; i < 3; i++)
		hand_poll(&hand, MW_TALK_LINGER_NS / 100);
	assert_int_equal(hand.rig.lane->responder->table.used, 0);
	hand_close(&hand);
}

/* RFC 1122, 4.2.3.6: the other end is there. */
static void a_keep_alive_is_answered(void **state)
{
	uint32_t made;

	begin();
	hand_shake(&hand);
	to_data();
	hand_say(&hand, client, BAD ".\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	server->seq = last_to_client().seq + last_to_client().payload_len;
	send(client, ACK, client->seq, "");
	made = hand.made;
	send(client, ACK, client->seq - 1, "");
	assert_int_equal(hand.made, made + 1);
	assert_int_equal(last_to_client().ack, client->seq);
	assert_int_equal(last_to_client().seq, server->seq);
	hand_close(&hand);
}

/* A SYN that was on its way for long is none of a new connection, and takes nobody's reply away. */
static void an_old_syn_ends_no_conversation(void **state)
{
	for (int owned = 0; owned < 2; owned++) {
		struct rig_options options = {.refuse_spam = true,
			.scan_budget_ns = 50000,
			.verdict = owned != 0 ? MW_VERDICT_PASS : MW_VERDICT_REJECT};
		uint32_t isn;

		fake_record_cost_ns = 0;
		hand_open(&hand, &options);
		isn = client->seq;
		if (owned != 0) {
			hand_shake(&hand);
			to_data();
			hand_say(&hand, client, BAD ".\r\n");
			hand_poll(&hand, MW_NS_PER_MS);
		} else {
			send(client, SYN, client->seq++, "");
			server->seq = last_to_client().seq + 1;
			send(client, ACK, client->seq, "");
			server->seq += last_to_client().payload_len;
			hand_say(&hand, client, "EHLO c\r\n");
		}
		send(client, SYN, isn, "");
		assert_false(hand.packet.forward);
		assert_int_equal(hand.packet.reason, MW_REASON_ANSWERED);
		assert_int_equal(last_to_client().flags & SYN_ACK, ACK);
		assert_int_equal(last_to_client().ack, client->seq);
		hand.to_client_len = 0;
		hand_poll(&hand, 1100 * MW_NS_PER_MS); /* it is said again until it is heard */
		assert_int_equal(said(owned != 0 ? "554" : "250"), 1);
		server->seq = last_to_client().seq + last_to_client().payload_len;
		hand_say(&hand, client, "QUIT\r\n");
		assert_int_equal(said("221"), 1);
		hand_close(&hand);
	}
}

/* --- many messages a session --- */

static void the_last_of_a_thousand_messages(void **state)
{
	uint32_t decides;

	begin();
	hand_shake(&hand);
	hand_envelope(&hand);
	for (int i = 0; i < 999; i++) {
		assert_int_equal(
			hand_say(&hand, client, "BDAT 4 LAST\r\n\r\nab"), MW_REASON_TRIMMED_HOLD);
		hand_poll(&hand, MW_NS_PER_MS);
		hand_say(&hand, server, "250 stored\r\n");
		hand_say(&hand, client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
		hand_say(&hand, server, "250 ok\r\n250 ok\r\n");
		assert_true(hand.rig.lane->kept_pool.used <= 2);
		assert_true(hand.rig.lane->transfer_pool.used == 0);
	}
	assert_int_equal(hand.rig.messages, 999);
	assert_int_equal(counted(MW_REASON_CLEAN), 999);
	hand_say(&hand, client, "DATA\r\n");
	hand_say(&hand, server, "354 go on\r\n");
	look();
	decides = client->seq + (uint32_t)strlen(BAD ".\r\n") - 1;
	hand_say(&hand, client, BAD ".\r\n");
	hand_poll(&hand, MW_NS_PER_MS);
	was_refused(decides, client->seq);
	assert_true(hand_server_has(&hand, BAD ".\r"));
	assert_int_equal(hand.rig.messages, 1000);
	hand_close(&hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_data_is_cut_exactly),
		cmocka_unit_test(pipelined_commands_stay_behind_the_end),
		cmocka_unit_test(a_clean_end_lets_them_follow),
		cmocka_unit_test(the_last_chunk_ends_in_mid_segment),
		cmocka_unit_test(repeats_are_cut_where_the_first_was),
		cmocka_unit_test(a_fin_is_held_with_the_end),
		cmocka_unit_test(a_rst_while_held_goes_on_at_the_octet),
		cmocka_unit_test(the_reply_has_the_servers_scale),
		cmocka_unit_test(a_probe_is_held_like_any_octet),
		cmocka_unit_test(a_client_without_room_is_waited_for),
		cmocka_unit_test(a_reply_is_acknowledged_in_part),
		cmocka_unit_test(a_segment_is_acknowledged_in_part),
		cmocka_unit_test(selective_acknowledgement_frees_nothing),
		cmocka_unit_test(late_packets_turn_no_clock_back),
		cmocka_unit_test(ecn_is_the_ends_own_matter),
		cmocka_unit_test(there_is_one_end),
		cmocka_unit_test(a_keep_alive_is_answered),
		cmocka_unit_test(an_old_syn_ends_no_conversation),
		cmocka_unit_test(the_last_of_a_thousand_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
