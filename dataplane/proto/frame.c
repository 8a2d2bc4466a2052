#include "dataplane/proto/frame.h"

#define PROTO_TCP 6

/* The longest frame: a datagram put together from its fragments. */
#define FRAME_MAX (MW_L2_MAX + 40 + UINT16_MAX)

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 9293, 3.2: options that run past the header, or a length below 2, end the walk, and nothing
 * else: receivers (Linux, the BSDs) take the segment all the same, so it must be looked at. */
static void parse_options(const uint8_t *p, const uint8_t *end, struct mw_frame *out)
{
	while (p < end) {
		uint8_t kind = p[0];
		uint8_t size;

		if (kind == 0)
			return;
		if (kind == 1) {
			p++;
			continue;
		}
		if (end - p < 2 || p[1] < 2 || p[1] > end - p)
			return;
		size = p[1];
		if (kind == 2 && size == 4)
			out->mss = be16(p + 2);
		else if (kind == 3 && size == 3)
			out->wscale = p[2] > 14 ? 14 : (int8_t)p[2]; /* RFC 7323, 2.3 */
		else if (kind == 8 && size == 10) {
			out->has_ts = true;
			out->tsval = be32(p + 2);
			out->tsecr = be32(p + 6);
		}
		p += size;
	}
}

static enum mw_frame_kind parse_tcp(
	const uint8_t *data, uint32_t len, uint32_t l4, uint32_t l4_len, struct mw_frame *out)
{
	const uint8_t *tcp = data + l4;
	uint32_t header;

	if (l4_len < 20 || len < l4 + 20)
		return MW_FRAME_MALFORMED;
	header = (uint32_t)(tcp[12] >> 4) * 4;
	if (header < 20 || header > l4_len || len < l4 + header || l4 + header > UINT16_MAX)
		return MW_FRAME_MALFORMED;
	out->l4 = (uint16_t)l4;
	out->payload = (uint16_t)(l4 + header);
	out->sport = be16(tcp);
	out->dport = be16(tcp + 2);
	out->seq = be32(tcp + 4);
	out->ack = be32(tcp + 8);
	out->flags = tcp[13];
	out->window = be16(tcp + 14);
	out->payload_len = l4_len - header;
	out->payload_have = len - out->payload;
	if (out->payload_have > out->payload_len)
		out->payload_have = out->payload_len; /* what follows is Ethernet's padding */
	parse_options(tcp + 20, tcp + header, out);
	return MW_FRAME_TCP;
}

/* A fragment's octets stand where TCP's would. */
static enum mw_frame_kind fragment(uint32_t len, uint32_t at, uint32_t end, struct mw_frame *out)
{
	if (len < at || end < at || at > UINT16_MAX)
		return MW_FRAME_MALFORMED;
	out->l4 = out->payload = (uint16_t)at;
	out->payload_len = end - at;
	out->payload_have = len < end ? len - at : end - at;
	return MW_FRAME_FRAGMENT;
}

static enum mw_frame_kind parse_v4(
	const uint8_t *data, uint32_t len, uint32_t wire_len, uint32_t l3, struct mw_frame *out)
{
	const uint8_t *ip = data + l3;
	uint32_t header, total;

	if (len < l3 + 20 || ip[0] >> 4 != 4)
		return MW_FRAME_MALFORMED;
	header = (uint32_t)(ip[0] & 15) * 4;
	total = be16(ip + 2);
	if (total == 0)
		total = wire_len - l3; /* segmentation offload leaves it empty in local captures */
	if (header < 20 || total < header || wire_len < l3 + total)
		return MW_FRAME_MALFORMED;
	if (ip[9] != PROTO_TCP)
		return MW_FRAME_OTHER;
	out->l3 = (uint16_t)l3;
	out->ttl = ip[8];
	out->src = mw_ip_from_v4(ip + 12);
	out->dst = mw_ip_from_v4(ip + 16);
	if ((be16(ip + 6) & 0x3fff) != 0) /* MF or an offset */
		return fragment(len, l3 + header, l3 + total, out);
	return parse_tcp(data, len, l3 + header, total - header, out);
}

static enum mw_frame_kind parse_v6(
	const uint8_t *data, uint32_t len, uint32_t wire_len, uint32_t l3, struct mw_frame *out)
{
	const uint8_t *ip = data + l3;
	uint32_t at = l3 + 40, next_at = l3 + 6, end;
	uint8_t next;

	if (len < at || ip[0] >> 4 != 6)
		return MW_FRAME_MALFORMED;
	end = at + be16(ip + 4);
	if (end == at)
		end = wire_len; /* as above: left empty by offload */
	if (wire_len < end)
		return MW_FRAME_MALFORMED;
	out->v6 = true;
	out->l3 = (uint16_t)l3;
	out->ttl = ip[7];
	memcpy(out->src.octet, ip + 8, 16);
	memcpy(out->dst.octet, ip + 24, 16);
	next = ip[6];
	/* Each header is of 8 octets at least, so the packet bounds the walk; a bound of our own
	 * would be a way past us, for receivers have none (RFC 8200, 4.1). */
	for (;;) {
		uint32_t size;

		switch (next) {
		case PROTO_TCP:
			return parse_tcp(data, len, at, end - at, out);
		case 0: /* hop-by-hop, routing, destination options: RFC 8200, 4 */
		case 43:
		case 60:
			if (end - at < 8 || len < at + 8)
				return MW_FRAME_MALFORMED;
			size = 8 + (uint32_t)data[at + 1] * 8;
			break;
		case 44:
			if (end - at < 8 || len < at + 8)
				return MW_FRAME_MALFORMED;
			if ((be16(data + at + 2) & 0xfff9) != 0) {
				out->next_at = (uint16_t)next_at;
				return fragment(len, at + 8, end, out);
			}
			size = 8; /* alone and whole: RFC 6946, no matter of any other */
			break;
		case 51: /* authentication: RFC 4302, 2.2 counts in words of four, less two */
			if (end - at < 12 || len < at + 12)
				return MW_FRAME_MALFORMED;
			size = ((uint32_t)data[at + 1] + 2) * 4;
			break;
		default:
			return MW_FRAME_OTHER;
		}
		if (size > end - at)
			return MW_FRAME_MALFORMED;
		next = data[at];
		next_at = at;
		at += size;
	}
}

enum mw_frame_kind mw_frame_parse(
	const uint8_t *data, uint32_t len, uint32_t wire_len, struct mw_frame *out)
{
	struct mw_layer2 l2;

	memset(out, 0, sizeof(*out));
	out->wscale = -1;
	if (len > FRAME_MAX)
		return MW_FRAME_OTHER;
	switch (mw_layer2_parse(data, len, &l2)) {
	case MW_LAYER2_IPV4:
		out->vlan_outer = l2.vlan_outer;
		out->vlan_inner = l2.vlan_inner;
		return parse_v4(data, len, wire_len, l2.l3, out);
	case MW_LAYER2_IPV6:
		out->vlan_outer = l2.vlan_outer;
		out->vlan_inner = l2.vlan_inner;
		return parse_v6(data, len, wire_len, l2.l3, out);
	case MW_LAYER2_DEEP:
		return MW_FRAME_DEEP;
	case MW_LAYER2_OTHER:
		break;
	}
	return MW_FRAME_OTHER;
}
