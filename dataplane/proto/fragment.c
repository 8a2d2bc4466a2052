#include "dataplane/proto/fragment.h"

#include <string.h>

#include "dataplane/proto/checksum.h"

#define PROTO_HOP_BY_HOP  0
#define PROTO_TCP	  6
#define PROTO_ROUTING	  43
#define PROTO_FRAGMENT	  44
#define PROTO_AH	  51
#define PROTO_DESTINATION 60
#define V6_HEADER	  40u
#define FRAGMENT_HEADER	  8u

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A length field of 0 is the sender's affair in a packet that its own host captured; receivers
 * throw such a fragment away. */
bool mw_fragment_parse(const uint8_t *frame, uint32_t len, struct mw_fragment *out)
{
	struct mw_frame f;
	const uint8_t *ip, *place;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_FRAGMENT ||
		f.payload_have != f.payload_len || f.payload_len == 0)
		return false;
	ip = frame + f.l3;
	memset(out, 0, sizeof(*out));
	out->src = f.src;
	out->dst = f.dst;
	out->vlan_outer = f.vlan_outer;
	out->vlan_inner = f.vlan_inner;
	out->v6 = f.v6;
	out->l3 = f.l3;
	out->data = f.payload;
	out->len = f.payload_len;
	if (f.v6) {
		place = frame + f.payload - FRAGMENT_HEADER;
		if (be16(ip + 4) == 0)
			return false;
		out->id = be16(place + 4) << 16 | be16(place + 6);
		out->offset = be16(place + 2) & 0xfff8;
		out->more = (place[3] & 1) != 0;
		out->next = place[0];
		out->next_at = f.next_at;
		out->head_len = f.payload - FRAGMENT_HEADER;
	} else {
		if (be16(ip + 2) == 0)
			return false;
		out->id = be16(ip + 4);
		out->offset = (be16(ip + 6) & 0x1fff) * 8;
		out->more = (ip[6] & 0x20) != 0;
		out->next = PROTO_TCP;
		out->head_len = f.payload;
	}
	return true;
}

/* The headers between a fragment header and TCP. Another fragment header behind the first is none
 * of ours to open: not all is here. */
static enum mw_fragment_start find_tcp(const uint8_t *p, uint32_t len, uint8_t next, uint32_t *at)
{
	*at = 0;
	while (next != PROTO_TCP) {
		uint32_t size;

		if (next == PROTO_FRAGMENT)
			return MW_START_SHORT;
		if (next != PROTO_HOP_BY_HOP && next != PROTO_ROUTING &&
			next != PROTO_DESTINATION && next != PROTO_AH)
			return MW_START_OTHER;
		if (len - *at < 8)
			return MW_START_SHORT;
		size = next == PROTO_AH ? ((uint32_t)p[*at + 1] + 2) * 4
					: ((uint32_t)p[*at + 1] + 1) * 8;
		if (size > len - *at)
			return MW_START_SHORT;
		next = p[*at];
		*at += size;
	}
	return MW_START_TCP;
}

enum mw_fragment_start mw_fragment_start(
	const uint8_t *frame, const struct mw_fragment *first, uint16_t *sport, uint16_t *dport)
{
	const uint8_t *p = frame + first->data;
	enum mw_fragment_start start;
	uint32_t at, left;

	start = find_tcp(p, first->len, first->next, &at);
	if (start != MW_START_TCP)
		return start;
	left = first->len - at;
	if (left < 4)
		return MW_START_SHORT;
	*sport = (uint16_t)be16(p + at);
	*dport = (uint16_t)be16(p + at + 2);
	if (left < 20 || left < (uint32_t)(p[at + 12] >> 4) * 4)
		return MW_START_TINY;
	return MW_START_TCP;
}

bool mw_fragment_may_be_tcp(const struct mw_fragment *fragment)
{
	switch (fragment->next) {
	case PROTO_TCP:
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DESTINATION:
	case PROTO_AH:
		return true;
	default:
		return false;
	}
}

uint32_t mw_fragment_head(
	const uint8_t *frame, const struct mw_fragment *first, uint32_t total, uint8_t *whole)
{
	uint8_t *ip = whole + first->l3;
	uint32_t ip_len = first->head_len - first->l3 + total;

	memcpy(whole, frame, first->head_len);
	if (first->v6) {
		whole[first->next_at] = first->next;
		put16(ip + 4, ip_len - V6_HEADER);
	} else {
		put16(ip + 2, ip_len);
		put16(ip + 6, 0);
		mw_checksum_ipv4(ip);
	}
	mw_layer2_set_length(whole, first->l3, ip_len);
	return first->head_len;
}

uint32_t mw_fragment_put_back(uint8_t *frame, uint32_t frame_len,
	const struct mw_fragment *fragment, const uint8_t *octets, uint32_t total)
{
	uint8_t *ip = frame + fragment->l3;
	uint32_t len = fragment->len, ip_len;

	if (fragment->offset >= total)
		return 0;
	if (len > total - fragment->offset)
		len = total - fragment->offset;
	memcpy(frame + fragment->data, octets + fragment->offset, len);
	if (fragment->offset + len < total || !fragment->more) {
		if (len == fragment->len)
			return frame_len; /* Ethernet's padding is kept as well */
	}
	ip_len = fragment->data + len - fragment->l3;
	if (fragment->v6) {
		put16(ip + 4, ip_len - V6_HEADER);
		frame[fragment->data - FRAGMENT_HEADER + 3] &= 0xfe;
	} else {
		put16(ip + 2, ip_len);
		ip[6] &= 0xdf;
		mw_checksum_ipv4(ip);
	}
	mw_layer2_set_length(frame, fragment->l3, ip_len);
	return fragment->data + len;
}
