#include "dataplane/gateway/ndp.h"

#include "common/base/cursor.h"
#include "dataplane/gateway/link.h"

#define SOLICITATION  135
#define ADVERTISEMENT 136
#define MESSAGE	      24 /* without options */
#define HOPS	      255
#define SOURCE_MAC    1 /* options: RFC 4861, 4.6.1 */
#define TARGET_MAC    2
#define FLAG_SOLICIT  0x40
#define FLAG_OVERRIDE 0x20

const struct mw_ip mw_ndp_all_nodes = {{0xff, 0x02, [15] = 1}};

static bool is_group(const struct mw_ip *ip)
{
	return ip->octet[0] == 0xff;
}

struct mw_ip mw_ndp_solicited_node(const struct mw_ip *ip)
{
	struct mw_ip group = {{0xff, 0x02, [11] = 1, [12] = 0xff}};

	memcpy(&group.octet[13], &ip->octet[13], 3);
	return group;
}

void mw_ndp_group_mac(const struct mw_ip *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, &group->octet[12], 4);
}

bool mw_ndp_is(const struct mw_datagram *d)
{
	return d->v6 && d->protocol == MW_DATAGRAM_ICMP6 && d->len >= 1 &&
	       (d->octets[0] == SOLICITATION || d->octets[0] == ADVERTISEMENT);
}

/* The MAC among the options; an option of no length makes the whole message void. */
static bool options(const uint8_t *p, uint32_t left, struct mw_ndp *out)
{
	while (left > 0) {
		uint32_t size = left < 2 ? 0 : (uint32_t)p[1] * 8;

		if (size == 0 || size > left)
			return false;
		if (p[0] == (out->advertisement ? TARGET_MAC : SOURCE_MAC) && size == 8 &&
			mw_mac_is_station(p + 2)) {
			out->has_mac = true;
			memcpy(out->mac, p + 2, 6);
		}
		p += size;
		left -= size;
	}
	return true;
}

bool mw_ndp_read(const struct mw_datagram *d, struct mw_ndp *out)
{
	const uint8_t *p = d->octets;
	struct mw_ip group;

	if (!mw_ndp_is(d) || d->hops != HOPS || d->len < MESSAGE || p[1] != 0 ||
		mw_datagram_icmp6_checksum(&d->src, &d->dst, p, d->len) != 0)
		return false;
	*out = (struct mw_ndp){
		.advertisement = p[0] == ADVERTISEMENT, .src = d->src, .dst = d->dst};
	memcpy(out->target.octet, p + 8, 16);
	if (is_group(&out->target) || is_group(&d->src) ||
		!options(p + MESSAGE, d->len - MESSAGE, out))
		return false;
	if (out->advertisement) {
		out->solicited = (p[4] & FLAG_SOLICIT) != 0;
		out->override = (p[4] & FLAG_OVERRIDE) != 0;
		return !mw_ip_is_none(&d->src) && !(is_group(&d->dst) && out->solicited);
	}
	/* Somebody who is about to take an address asks without one, all who might have it. */
	group = mw_ndp_solicited_node(&out->target);
	return !mw_ip_is_none(&d->src) || (mw_ip_eq(&d->dst, &group) && !out->has_mac);
}

uint32_t mw_ndp_write(const struct mw_ndp *ndp, uint8_t *out)
{
	const uint32_t len = MW_NDP_BYTES - 40;
	uint8_t *message = out + mw_datagram_write(out, true, MW_DATAGRAM_ICMP6, HOPS, &ndp->src,
					 &ndp->dst, len);
	struct mw_writer w = mw_writer_of(message, len);
	uint16_t checksum;

	mw_write_u8(&w, ndp->advertisement ? ADVERTISEMENT : SOLICITATION);
	mw_write_u8(&w, 0);
	mw_write_u16(&w, 0);
	mw_write_u8(&w, (uint8_t)((ndp->solicited ? FLAG_SOLICIT : 0) |
				  (ndp->override ? FLAG_OVERRIDE : 0)));
	mw_write_u8(&w, 0);
	mw_write_u16(&w, 0);
	mw_write_octets(&w, ndp->target.octet, 16);
	mw_write_u8(&w, ndp->advertisement ? TARGET_MAC : SOURCE_MAC);
	mw_write_u8(&w, 1);
	mw_write_octets(&w, ndp->mac, 6);
	checksum = mw_datagram_icmp6_checksum(&ndp->src, &ndp->dst, message, len);
	message[2] = (uint8_t)(checksum >> 8);
	message[3] = (uint8_t)checksum;
	return MW_NDP_BYTES;
}
