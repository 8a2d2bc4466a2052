#include "dataplane/proto/frame.h"

#define ETH_HEADER	14
#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_PPPOE 0x8864
#define PPP_IPV4	0x0021
#define PPP_IPV6	0x0057
#define PROTO_TCP	6

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_vlan(uint16_t ethertype)
{
	return ethertype == 0x8100 || ethertype == 0x88a8 || ethertype == 0x9100 ||
	       ethertype == 0x9200;
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
	if (header < 20 || header > l4_len || len < l4 + header)
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
		return MW_FRAME_FRAGMENT;
	return parse_tcp(data, len, l3 + header, total - header, out);
}

static enum mw_frame_kind parse_v6(
	const uint8_t *data, uint32_t len, uint32_t wire_len, uint32_t l3, struct mw_frame *out)
{
	const uint8_t *ip = data + l3;
	uint32_t at = l3 + 40, end;
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
			return MW_FRAME_FRAGMENT;
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
		at += size;
	}
}

enum mw_frame_kind mw_frame_parse(
	const uint8_t *data, uint32_t len, uint32_t wire_len, struct mw_frame *out)
{
	uint32_t at = ETH_HEADER;
	uint16_t type;

	memset(out, 0, sizeof(*out));
	out->wscale = -1;
	if (len < ETH_HEADER || len > UINT16_MAX + 64u)
		return MW_FRAME_OTHER;
	type = be16(data + 12);
	for (int tag = 0; tag < 2 && is_vlan(type); tag++) {
		uint16_t id;

		if (len < at + 4)
			return MW_FRAME_OTHER;
		id = be16(data + at) & 0x0fff;
		if (tag == 0)
			out->vlan_outer = id;
		else
			out->vlan_inner = id;
		type = be16(data + at + 2);
		at += 4;
	}
	if (type ==
		ETHERTYPE_PPPOE) { /* RFC 2516, 4: version 1, type 1, code 0, then PPP's protocol */
		if (len < at + 8 || data[at] != 0x11 || data[at + 1] != 0)
			return MW_FRAME_OTHER;
		type = be16(data + at + 6);
		type = type == PPP_IPV4 ? ETHERTYPE_IPV4 : type == PPP_IPV6 ? ETHERTYPE_IPV6 : 0;
		at += 8;
	}
	if (type == ETHERTYPE_IPV4)
		return parse_v4(data, len, wire_len, at, out);
	if (type == ETHERTYPE_IPV6)
		return parse_v6(data, len, wire_len, at, out);
	return MW_FRAME_OTHER;
}
