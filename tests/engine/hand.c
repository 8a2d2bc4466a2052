#include "tests/engine/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/header.h"

static void server_takes(struct hand *hand, const uint8_t *frame, const struct mw_frame *f)
{
	uint32_t at = f->seq + ((f->flags & MW_TCP_SYN) != 0) - hand->stream_first;

	for (uint32_t i = 0; i < f->payload_len; i++, at++) {
		if (at >= HAND_STREAM || hand->stream_have[at])
			continue;
		hand->stream_have[at] = true;
		hand->stream[at] = frame[f->payload + i];
	}
}

bool hand_server_has(const struct hand *hand, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < HAND_STREAM; i++)
		if (hand->stream_have[i] != (i < len))
			return false;
	return memcmp(hand->stream, text, len) == 0;
}

/* The rig is the hand's first member. */
static void on_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct hand *hand = (struct hand *)(void *)rig;
	struct mw_frame f;

	assert_int_equal(mw_frame_parse(frame, len, len, &f), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(frame, &f));
	hand->made++;
	if (port == MW_PORT_OUTSIDE) {
		hand->made_to_server++;
		if (len <= sizeof(hand->last_to_server)) {
			memcpy(hand->last_to_server, frame, len);
			hand->last_to_server_len = len;
		}
		server_takes(hand, frame, &f);
	}
	if (port == MW_PORT_INSIDE && len <= sizeof(hand->last_to_client) &&
		hand->to_client_len + f.payload_len < sizeof(hand->to_client)) {
		memcpy(hand->to_client + hand->to_client_len, frame + f.payload, f.payload_len);
		hand->to_client_len += f.payload_len;
		memcpy(hand->last_to_client, frame, len);
		hand->last_to_client_len = len;
	}
	if ((f.flags & MW_TCP_RST) != 0) {
		hand->last_reset_seq = f.seq;
		if (port == MW_PORT_OUTSIDE)
			hand->resets_to_server++, hand->reset_seq_to_server = f.seq,
						  hand->reset_ttl_to_server = f.ttl;
		else
			hand->resets_to_client++;
	}
}

static void turn_round(struct hand *hand)
{
	hand->server = hand->client;
	hand->server.src = hand->client.dst;
	hand->server.dst = hand->client.src;
	hand->server.sport = hand->client.dport;
	hand->server.dport = hand->client.sport;
	hand->server.seq = 5000;
	hand->stream_first = hand->client.seq + 1;
	memset(hand->stream_have, 0, sizeof(hand->stream_have));
}

void hand_connection(struct hand *hand, uint32_t customer, uint32_t host, uint16_t port)
{
	hand->client.src = rig_client(customer, host, hand->client.v6);
	hand->client.sport = port;
	hand->client.seq = 0xfffffff0u; /* wraps soon */
	turn_round(hand);
}

void hand_v6(struct hand *hand)
{
	hand->client.v6 = true;
	hand->client.l2[12] = 0x86;
	hand->client.l2[13] = 0xdd;
	mw_ip_parse("2001:db8:ffff::25", &hand->client.dst);
	hand_connection(hand, 0, 10, hand->client.sport);
}

void hand_open(struct hand *hand, const struct rig_options *options)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};

	memset(hand, 0, sizeof(*hand));
	rig_open(&hand->rig, options);
	hand->rig.on_frame = on_frame;
	hand->now_ns = 1700000000ull * MW_NS_PER_S;
	hand->client = (struct mw_segment){.ttl = 64, .dport = 25, .l2_len = 14, .window = 65000};
	memcpy(hand->client.l2, l2, sizeof(l2));
	mw_ip_parse("198.51.100.25", &hand->client.dst);
	hand_connection(hand, 0, 10, 40000);
}

void hand_close(struct hand *hand)
{
	mw_lane_finish(hand->rig.lane, hand->now_ns);
	rig_assert_empty(&hand->rig);
	rig_close(&hand->rig);
}

/* Options and the urgent pointer, which the writer of segments has no need of. */
static uint32_t finish_headers(struct hand *hand, uint32_t size, uint32_t payload_len)
{
	uint32_t more = hand->option_len;
	uint8_t *length;
	struct mw_frame f;

	if (more == 0 && hand->urgent == 0)
		return size;
	mw_frame_parse(hand->frame, size, size, &f);
	memmove(hand->frame + f.payload + more, hand->frame + f.payload, payload_len);
	memcpy(hand->frame + f.payload, hand->option, more);
	hand->frame[f.l4 + 12] = (uint8_t)(hand->frame[f.l4 + 12] + (more / 4 << 4));
	hand->frame[f.l4 + 18] = (uint8_t)(hand->urgent >> 8);
	hand->frame[f.l4 + 19] = (uint8_t)hand->urgent;
	length = hand->frame + f.l3 + (f.v6 ? 4 : 2);
	size += more;
	length[0] = (uint8_t)((size - f.l3 - (f.v6 ? 40 : 0)) >> 8);
	length[1] = (uint8_t)(size - f.l3 - (f.v6 ? 40 : 0));
	assert_int_equal(mw_frame_parse(hand->frame, size, size, &f), MW_FRAME_TCP);
	mw_checksum_rewrite(hand->frame, &f, payload_len);
	return size;
}

struct mw_frame hand_left(struct hand *hand)
{
	struct mw_frame f;

	assert_int_equal(
		mw_frame_parse(hand->frame, hand->packet.len, hand->packet.len, &f), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(hand->frame, &f));
	return f;
}

enum mw_reason hand_raw(struct hand *hand, struct mw_segment *side, uint8_t flags, uint32_t seq,
	const void *data, size_t len)
{
	struct mw_segment s = *side;
	uint32_t size;

	s.flags = flags;
	s.seq = seq;
	s.mss = hand->silly ? 1460 : 0;
	s.ack = side == &hand->client ? hand->server.seq : hand->client.seq - hand->held_back;
	size = mw_segment_write(&s, mw_span_of(data, len), hand->frame, sizeof(hand->frame));
	assert_true(size > 0);
	if (hand->silly) {
		struct mw_frame f;

		mw_frame_parse(hand->frame, size, size, &f);
		hand->frame[f.l4 + 20] = 5;
		hand->frame[f.l4 + 21] = 0;
		mw_checksum_rewrite(hand->frame, &f, (uint32_t)len);
	}
	size = finish_headers(hand, size, (uint32_t)len);
	if (hand->ecn != 0) {
		struct mw_frame f;

		mw_frame_parse(hand->frame, size, size, &f);
		header_set_ecn(hand->frame, &f, hand->ecn);
	}
	hand->packet = (struct mw_packet){.data = hand->frame,
		.len = size,
		.wire_len = size,
		.port_in = side == &hand->client ? MW_PORT_INSIDE : MW_PORT_OUTSIDE};
	mw_lane_packet(hand->rig.lane, hand->now_ns, &hand->packet);
	if (hand->packet.forward && side == &hand->client) {
		struct mw_frame f = hand_left(hand);

		server_takes(hand, hand->frame, &f);
	}
	return hand->packet.reason;
}

enum mw_reason hand_say(struct hand *hand, struct mw_segment *side, const char *text)
{
	size_t len = strlen(text);
	uint32_t seq = side->seq;

	side->seq += (uint32_t)len;
	return hand_raw(hand, side, MW_TCP_ACK | MW_TCP_PSH, seq, text, len);
}

void hand_shake(struct hand *hand)
{
	hand_raw(hand, &hand->client, MW_TCP_SYN, hand->client.seq++, NULL, 0);
	hand_raw(hand, &hand->server, MW_TCP_SYN | MW_TCP_ACK, hand->server.seq++, NULL, 0);
	hand_raw(hand, &hand->client, MW_TCP_ACK, hand->client.seq, NULL, 0);
}

void hand_envelope(struct hand *hand)
{
	hand_say(hand, &hand->server, "220 s ESMTP\r\n");
	hand_say(hand, &hand->client, "EHLO c\r\n");
	hand_say(hand, &hand->server, "250-s\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	hand_say(hand, &hand->client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
	hand_say(hand, &hand->server, "250 ok\r\n250 ok\r\n");
}

void hand_poll(struct hand *hand, uint64_t ns)
{
	hand->now_ns += ns;
	mw_lane_poll(hand->rig.lane, hand->now_ns);
}
