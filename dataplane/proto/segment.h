/*
 * Writing TCP segments: the held end of a message under the client's own headers, the responder's
 * side of a conversation, a RST. Pure; the caller sends the octets.
 */
#ifndef MW_DATAPLANE_PROTO_SEGMENT_H
#define MW_DATAPLANE_PROTO_SEGMENT_H

#include "common/base/span.h"
#include "dataplane/proto/frame.h"

#define MW_SEGMENT_HEADERS_MAX (MW_L2_MAX + 40 + 60)

/* All that a segment needs beside its payload. Addresses and ports as they go out. */
struct mw_segment {
	uint8_t l2[MW_L2_MAX]; /* everything in front of the IP header, as it goes out */
	uint8_t l2_len;
	bool v6;
	uint8_t ttl;
	struct mw_ip src, dst;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	bool has_ts;
	uint32_t tsval, tsecr;
	uint16_t mss; /* on a SYN; 0: none */
};

/* The layer 2 header of a frame, taken over as it is; false when it is longer than MW_L2_MAX, which
 * nothing is that a parse has seen. */
bool mw_segment_keep_l2(
	struct mw_segment *segment, const uint8_t *data, const struct mw_frame *frame);
/* All headers of a frame but sequence number and flags: what a segment in its sender's name needs.
 */
bool mw_segment_keep(struct mw_segment *segment, const uint8_t *data, const struct mw_frame *frame);
/* The same turned round: destination and source MAC exchanged, MPLS labels left out (those of the
 * way back are known to the neighbour alone; he gets a plain IP packet to route). */
bool mw_segment_answer_l2(
	struct mw_segment *segment, const uint8_t *data, const struct mw_frame *frame);

/* The RST that answers a segment (RFC 9293, 3.10.7.1), from its receiver, without a hop limit.
 * False: nothing answers a RST, or the layer 2 header is too long. */
bool mw_segment_reset(struct mw_segment *out, const uint8_t *data, const struct mw_frame *frame);

/* Writes the frame; octets written, 0 when `size` is too small. PPPoE's length field is set. */
uint32_t mw_segment_write(
	const struct mw_segment *segment, struct mw_span payload, uint8_t *out, uint32_t size);

#endif
