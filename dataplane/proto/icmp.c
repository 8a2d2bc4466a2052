#include "dataplane/proto/icmp.h"

#define PROTO_ICMP   1
#define PROTO_TCP    6
#define PROTO_ICMPV6 58
#define ICMP_HEADER  8

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void ports(const uint8_t *tcp, struct mw_icmp_error *out)
{
	out->sport = be16(tcp);
	out->dport = be16(tcp + 2);
}

static bool parse_v4(const uint8_t *ip, uint32_t len, struct mw_icmp_error *out)
{
	uint32_t header = (uint32_t)(ip[0] & 15) * 4, quoted;
	const uint8_t *inner;

	if (len < 20 || header < 20 || ip[9] != PROTO_ICMP || (be16(ip + 6) & 0x3fff) != 0 ||
		len < header + ICMP_HEADER + 20)
		return false;
	switch (ip[header]) {
	case 3:	 /* destination unreachable */
	case 11: /* time exceeded */
	case 12: /* parameter problem */
		break;
	default:
		return false;
	}
	inner = ip + header + ICMP_HEADER;
	quoted = (uint32_t)(inner[0] & 15) * 4;
	if (inner[0] >> 4 != 4 || quoted < 20 || inner[9] != PROTO_TCP ||
		(be16(inner + 6) & 0x1fff) != 0 || len < header + ICMP_HEADER + quoted + 4)
		return false;
	out->src = mw_ip_from_v4(inner + 12);
	out->dst = mw_ip_from_v4(inner + 16);
	ports(inner + quoted, out);
	return true;
}

/* Extension headers in front of the error, or of what it quotes, are not walked: no mail host sends
 * any, and what is not recognised goes where it would go without us. */
static bool parse_v6(const uint8_t *ip, uint32_t len, struct mw_icmp_error *out)
{
	const uint8_t *inner = ip + 40 + ICMP_HEADER;

	if (len < 40 + ICMP_HEADER + 40 + 4 || ip[6] != PROTO_ICMPV6)
		return false;
	if (ip[40] < 1 || ip[40] > 4 || inner[0] >> 4 != 6 || inner[6] != PROTO_TCP)
		return false;
	memcpy(out->src.octet, inner + 8, 16);
	memcpy(out->dst.octet, inner + 24, 16);
	ports(inner + 40, out);
	return true;
}

bool mw_icmp_error_parse(const uint8_t *data, uint32_t len, struct mw_icmp_error *out)
{
	enum mw_layer2_kind kind;
	struct mw_layer2 l2;

	memset(out, 0, sizeof(*out));
	kind = mw_layer2_parse(data, len, &l2);
	if ((kind != MW_LAYER2_IPV4 && kind != MW_LAYER2_IPV6) || len <= l2.l3)
		return false;
	out->l3 = l2.l3;
	out->v6 = kind == MW_LAYER2_IPV6;
	out->vlan_outer = l2.vlan_outer;
	out->vlan_inner = l2.vlan_inner;
	return out->v6 ? parse_v6(data + l2.l3, len - l2.l3, out)
		       : parse_v4(data + l2.l3, len - l2.l3, out);
}
