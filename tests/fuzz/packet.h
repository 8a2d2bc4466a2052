/*
 * A well-formed frame built from an input's octets, beside what a reader must find in it: tags,
 * PPPoE, MPLS labels, IPv4 with options or IPv6 with extension headers, TCP with options, padding.
 * Built here octet by octet, by none of the code that is tested.
 */
#ifndef MW_TESTS_FUZZ_PACKET_H
#define MW_TESTS_FUZZ_PACKET_H

#include "dataplane/proto/frame.h"
#include "tests/fuzz/target.h"

#define PACKET_MAX 2400

struct packet {
	uint8_t octets[PACKET_MAX];
	uint32_t len;	      /* with padding */
	uint32_t end;	      /* of the IP packet */
	uint32_t plain_end;   /* of the headers that stand in front of each fragment */
	uint32_t next_at;     /* IPv6: the "next header" octet in front of plain_end */
	uint32_t pppoe;	      /* offset of its header; 0: none */
	uint32_t labels;      /* of MPLS */
	struct mw_frame says; /* what mw_frame_parse must say */
};

/* `whole`: what a fragmenting sender can cut (no authentication header, no padding). */
void packet_build(struct packet *p, struct fuzz_input *in, bool whole);
/* RFC 1071 by the letter: the sum of 16-bit words, an odd octet at the end padded with zero. */
uint16_t packet_checksum(uint32_t start, const uint8_t *data, size_t len);
/* The TCP checksum of the segment, over its pseudo header; 0 when it is right. */
uint16_t packet_tcp_checksum(const struct packet *p);
/* Puts both checksums in. */
void packet_close(struct packet *p);

#endif
