/*
 * One fragment of an IP packet (RFC 791, 3.2; RFC 8200, 4.5): where its octets belong, what its
 * first octets say of the ports, how a whole packet is laid out from fragments, and how octets of
 * the whole go back into them. Pure; which fragments belong together, and which are to be believed,
 * is decided in dataplane/flow/fragments.c.
 */
#ifndef MW_DATAPLANE_PROTO_FRAGMENT_H
#define MW_DATAPLANE_PROTO_FRAGMENT_H

#include "dataplane/proto/frame.h"

/* The longest frame that fragments make: what a buffer for one has to hold. */
#define MW_WHOLE_MAX (MW_L2_MAX + 40 + UINT16_MAX)

struct mw_fragment {
	struct mw_ip src, dst;
	uint32_t id;
	uint16_t vlan_outer, vlan_inner;
	bool v6;
	bool more;	  /* it is not the last */
	uint8_t next;	  /* IPv4: the protocol, always TCP; IPv6: what the fragment header names */
	uint16_t l3;	  /* offset of the IP header */
	uint16_t next_at; /* IPv6: offset of the Next Header that names the fragment header */
	uint32_t head_len; /* octets in front of its octets, without a fragment header */
	uint32_t data;	   /* offset of its octets in the frame */
	uint32_t offset;   /* their place in the packet */
	uint32_t len;	   /* ≥ 1 */
};

/* False: no fragment of TCP over IPv4 or of anything over IPv6, or none a receiver would take. */
bool mw_fragment_parse(const uint8_t *frame, uint32_t len, struct mw_fragment *out);

/* What a first fragment (offset 0) is the beginning of. */
enum mw_fragment_start {
	MW_START_OTHER, /* another protocol than TCP */
	MW_START_TCP,	/* TCP, its header is whole */
	MW_START_TINY,	/* TCP, the ports are there, the header is not whole: RFC 1858, RFC 3128 */
	MW_START_SHORT, /* not even the ports, or not all headers in front of them: RFC 8200, 4.5 */
};
enum mw_fragment_start mw_fragment_start(
	const uint8_t *frame, const struct mw_fragment *first, uint16_t *sport, uint16_t *dport);

/* May this fragment, not the first, belong to a TCP packet? Of IPv6 only the first one's Next
 * Header counts for the receiver, so the answer is a guess. */
bool mw_fragment_may_be_tcp(const struct mw_fragment *fragment);

/* Lays out the head of the whole packet of `total` octets (the octets of all fragments) at `whole`,
 * which has MW_WHOLE_MAX octets: that of the first fragment without a fragment header, with the
 * lengths of the whole. Its length, where the octets begin. */
uint32_t mw_fragment_head(
	const uint8_t *frame, const struct mw_fragment *first, uint32_t total, uint8_t *whole);

/*
 * The whole packet, of which `total` octets are left, goes back into the frame of one of its
 * fragments: `octets` are those of the whole. What did not change stays as it came, bit for bit; a
 * fragment that has become the last one is shortened and says so. The length of the frame; 0 when
 * nothing is left of it.
 */
uint32_t mw_fragment_put_back(uint8_t *frame, uint32_t frame_len,
	const struct mw_fragment *fragment, const uint8_t *octets, uint32_t total);

#endif
