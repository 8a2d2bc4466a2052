#include "tests/engine/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/proto/checksum.h"

/* The rig is the hand's first member. */
static void on_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct hand *hand = (struct hand *)(void *)rig;
	struct mw_frame f;

	assert_int_equal(mw_frame_parse(frame, len, len, &f), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(frame, &f));
	hand->made++;
	if (port == MW_PORT_OUTSIDE)
		hand->made_to_server++;
	if (port == MW_PORT_INSIDE && f.payload_len > 0 &&
		hand->to_client_len + f.payload_len <= sizeof(hand->to_client) &&
		len <= sizeof(hand->last_to_client)) {
		memcpy(hand->to_client + hand->to_client_len, frame + f.payload, f.payload_len);
		hand->to_client_len += f.payload_len;
		memcpy(hand->last_to_client, frame, len);
		hand->last_to_client_len = len;
	}
	if ((f.flags & MW_TCP_RST) != 0) {
		hand->last_reset_seq = f.seq;
		if (port == MW_PORT_OUTSIDE)
			hand->resets_to_server++, hand->reset_seq_to_server = f.seq;
		else
			hand->resets_to_client++;
	}
}

void hand_open(struct hand *hand, const struct rig_options *options)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};

	memset(hand, 0, sizeof(*hand));
	rig_open(&hand->rig, options);
	hand->rig.on_frame = on_frame;
	hand->now_ns = 1700000000ull * MW_NS_PER_S;
	hand->client = (struct mw_segment){.ttl = 64, .sport = 40000, .dport = 25, .l2_len = 14};
	memcpy(hand->client.l2, l2, sizeof(l2));
	mw_ip_parse("192.0.2.10", &hand->client.src);
	mw_ip_parse("198.51.100.25", &hand->client.dst);
	hand->client.window = 65000;
	hand->server = hand->client;
	hand->server.src = hand->client.dst;
	hand->server.dst = hand->client.src;
	hand->server.sport = 25;
	hand->server.dport = 40000;
	hand->client.seq = 0xfffffff0u; /* wraps soon */
	hand->server.seq = 5000;
}

void hand_close(struct hand *hand)
{
	mw_lane_finish(hand->rig.lane, hand->now_ns);
	rig_assert_empty(&hand->rig);
	rig_close(&hand->rig);
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
	hand->packet = (struct mw_packet){.data = hand->frame,
		.len = size,
		.wire_len = size,
		.port_in = side == &hand->client ? MW_PORT_INSIDE : MW_PORT_OUTSIDE};
	mw_lane_packet(hand->rig.lane, hand->now_ns, &hand->packet);
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
