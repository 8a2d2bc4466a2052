#include "dataplane/proto/layer2.h"

#include <string.h>

#define ETH_HEADER	14
#define ETHERTYPE_IPV4	0x0800
#define ETHERTYPE_IPV6	0x86dd
#define ETHERTYPE_PPPOE 0x8864
#define ETHERTYPE_MPLS	0x8847
#define ETHERTYPE_MPLSM 0x8848 /* upstream-assigned labels, multicast: RFC 5332 */
#define PPP_IPV4	0x0021
#define PPP_IPV6	0x0057
#define PPP_MPLS	0x0281 /* RFC 3032, 4.3 */
#define PPP_MPLSM	0x0283
#define PPPOE_HEADER	6u

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* 802.1Q, 802.1ad, and what was in use before it and is still. */
static bool is_vlan(uint32_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200 ||
	       type == 0x9300;
}

/* PPP's protocol as the Ethertype it stands for; 0: none of ours. */
static uint32_t ethertype_of(uint32_t ppp)
{
	switch (ppp) {
	case PPP_IPV4:
		return ETHERTYPE_IPV4;
	case PPP_IPV6:
		return ETHERTYPE_IPV6;
	case PPP_MPLS:
		return ETHERTYPE_MPLS;
	case PPP_MPLSM:
		return ETHERTYPE_MPLSM;
	default:
		return 0;
	}
}

/* RFC 2516, 4: version 1, type 1, code 0 is a session's packet. PPP's protocol behind it is of one
 * octet where both sides have agreed on that (RFC 1661, 6.5), which its lowest bit tells. */
static bool pppoe(const uint8_t *data, uint32_t len, uint32_t *at, uint32_t *type)
{
	const uint8_t *p = data + *at;

	if (len < *at + PPPOE_HEADER + 2 || p[0] != 0x11 || p[1] != 0)
		return false;
	if ((p[PPPOE_HEADER] & 1) != 0) {
		*type = ethertype_of(p[PPPOE_HEADER]);
		*at += PPPOE_HEADER + 1;
	} else {
		*type = ethertype_of(be16(p + PPPOE_HEADER));
		*at += PPPOE_HEADER + 2;
	}
	return true;
}

/* RFC 3032, 2.1. What a label stands for is known to its router alone; the first nibble behind the
 * last one tells IP from what is carried for others (RFC 4385, 3; RFC 4928, 3). */
static enum mw_layer2_kind labels(const uint8_t *data, uint32_t len, uint32_t at, uint32_t *l3)
{
	for (int i = 0; i < MW_MPLS_LABELS_MAX; i++) {
		if (len < at + 4)
			return MW_LAYER2_OTHER;
		at += 4;
		if ((data[at - 2] & 1) == 0)
			continue;
		if (len <= at)
			return MW_LAYER2_OTHER;
		*l3 = at;
		return data[at] >> 4 == 4   ? MW_LAYER2_IPV4
		       : data[at] >> 4 == 6 ? MW_LAYER2_IPV6
					    : MW_LAYER2_OTHER;
	}
	return MW_LAYER2_DEEP;
}

/* A tag that names VLAN 0 carries a priority and is no VLAN (IEEE 802.1Q, 6.9): what stands behind
 * one is told by the tags that name some. */
static void note_vlan(struct mw_layer2 *out, uint32_t vlan)
{
	if (out->vlan_outer == 0)
		out->vlan_outer = (uint16_t)vlan;
	else if (out->vlan_inner == 0)
		out->vlan_inner = (uint16_t)vlan;
}

enum mw_layer2_kind mw_layer2_parse(const uint8_t *data, uint32_t len, struct mw_layer2 *out)
{
	uint32_t at = ETH_HEADER, type, l3 = 0;
	enum mw_layer2_kind kind;

	memset(out, 0, sizeof(*out));
	if (len < ETH_HEADER)
		return MW_LAYER2_OTHER;
	type = be16(data + 12);
	for (int tag = 0; is_vlan(type); tag++) {
		if (tag == MW_VLAN_TAGS_MAX)
			return MW_LAYER2_DEEP;
		if (len < at + 4)
			return MW_LAYER2_OTHER;
		note_vlan(out, be16(data + at) & 0x0fff);
		type = be16(data + at + 2);
		at += 4;
	}
	if (type == ETHERTYPE_PPPOE) {
		out->pppoe = (uint16_t)at;
		if (!pppoe(data, len, &at, &type))
			return MW_LAYER2_OTHER;
	}
	if (type == ETHERTYPE_MPLS || type == ETHERTYPE_MPLSM) {
		out->labels = (uint16_t)at;
		kind = labels(data, len, at, &l3);
		out->l3 = (uint16_t)l3;
		return kind;
	}
	out->l3 = (uint16_t)at;
	return type == ETHERTYPE_IPV4	? MW_LAYER2_IPV4
	       : type == ETHERTYPE_IPV6 ? MW_LAYER2_IPV6
					: MW_LAYER2_OTHER;
}

void mw_layer2_set_length(uint8_t *data, uint32_t l3, uint32_t ip_len)
{
	struct mw_layer2 l2;

	if (l3 == ETH_HEADER)
		return;
	mw_layer2_parse(data, l3, &l2);
	if (l2.pppoe != 0 && l3 > l2.pppoe + PPPOE_HEADER)
		put16(data + l2.pppoe + 4, l3 - l2.pppoe - PPPOE_HEADER + ip_len);
}

void mw_layer2_fit(uint8_t *data, uint32_t l3, bool v6)
{
	mw_layer2_set_length(data, l3, v6 ? be16(data + l3 + 4) + 40u : be16(data + l3 + 2));
}

uint32_t mw_layer2_without_labels(
	const uint8_t *data, const struct mw_layer2 *l2, bool v6, uint8_t *out)
{
	if (l2->labels == 0) {
		memcpy(out, data, l2->l3);
		return l2->l3;
	}
	memcpy(out, data, l2->labels);
	if (l2->pppoe == 0) {
		put16(out + l2->labels - 2, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
		return l2->labels;
	}
	put16(out + l2->pppoe + PPPOE_HEADER, v6 ? PPP_IPV6 : PPP_IPV4);
	return l2->pppoe + PPPOE_HEADER + 2;
}
