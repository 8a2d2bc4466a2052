/*
 * From the first octet of an Ethernet frame to the first octet of TCP payload: layer 2 (layer2.h),
 * IPv4 with options, IPv6 with extension headers, TCP with its options. Reads only; what
 * contradicts itself is MALFORMED, what is not TCP is OTHER, and neither is ever an error.
 *
 * Called by the lane for every packet, and by mw_lane_owner on the receiving core.
 */
#ifndef MW_DATAPLANE_PROTO_FRAME_H
#define MW_DATAPLANE_PROTO_FRAME_H

#include "common/base/ip.h"
#include "dataplane/proto/layer2.h"

enum mw_frame_kind {
	MW_FRAME_OTHER,	    /* not IP, not TCP, or a tunnel that is not opened */
	MW_FRAME_DEEP,	    /* more tags or labels than are followed */
	MW_FRAME_FRAGMENT,  /* of TCP over IPv4, or of anything over IPv6; see below */
	MW_FRAME_MALFORMED, /* an IP or TCP header that contradicts itself */
	MW_FRAME_TCP,
};

#define MW_TCP_FIN 0x01
#define MW_TCP_SYN 0x02
#define MW_TCP_RST 0x04
#define MW_TCP_PSH 0x08
#define MW_TCP_ACK 0x10
#define MW_TCP_URG 0x20
#define MW_TCP_ECE 0x40
#define MW_TCP_CWR 0x80

/* Of a FRAGMENT: addresses, l3, ttl, VLANs; l4 and payload are the offset of its octets. A fragment
 * header of IPv6 that makes the packet its own only fragment (RFC 6946) is walked over like any
 * other extension header. */
struct mw_frame {
	uint16_t l3;	  /* offset of the IP header */
	uint16_t l4;	  /* offset of the TCP header */
	uint16_t payload; /* offset of the payload */
	uint16_t next_at; /* IPv6, FRAGMENT: offset of the Next Header that names the fragment
			     header */
	bool v6;
	uint8_t ttl;
	uint8_t flags;
	uint16_t vlan_outer; /* 0: untagged */
	uint16_t vlan_inner; /* 0: fewer than two tags */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint16_t window;
	uint32_t payload_len;  /* octets of sequence space that the IP header announces */
	uint32_t payload_have; /* of these, octets that lie in the buffer (a capture may cut) */
	struct mw_ip src, dst;
	/* options */
	bool has_ts;
	uint32_t tsval, tsecr;
	uint16_t mss;  /* 0: not given */
	int8_t wscale; /* -1: not given */
};

/* `wire_len`: octets of the frame on the wire, ≥ len. */
enum mw_frame_kind mw_frame_parse(
	const uint8_t *data, uint32_t len, uint32_t wire_len, struct mw_frame *out);

#endif
