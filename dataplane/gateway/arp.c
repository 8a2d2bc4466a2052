#include "dataplane/gateway/arp.h"

#include "common/base/cursor.h"
#include "dataplane/gateway/link.h"

#define HARDWARE_ETHERNET 1

bool mw_arp_read(const uint8_t *octets, uint32_t len, struct mw_arp *out)
{
	struct mw_reader r = mw_reader_of(octets, len);
	uint8_t v4[4];

	if (mw_read_u16(&r) != HARDWARE_ETHERNET || mw_read_u16(&r) != MW_LINK_IPV4 ||
		mw_read_u8(&r) != 6 || mw_read_u8(&r) != 4)
		return false;
	out->operation = mw_read_u16(&r);
	mw_read_octets(&r, out->sender_mac, 6);
	mw_read_octets(&r, v4, 4);
	out->sender = mw_ip_from_v4(v4);
	mw_read_octets(&r, out->target_mac, 6);
	mw_read_octets(&r, v4, 4);
	out->target = mw_ip_from_v4(v4);
	return !r.failed && (out->operation == MW_ARP_REQUEST || out->operation == MW_ARP_REPLY) &&
	       mw_mac_is_station(out->sender_mac);
}

uint32_t mw_arp_write(const struct mw_arp *arp, uint8_t *out)
{
	struct mw_writer w = mw_writer_of(out, MW_ARP_BYTES);

	mw_write_u16(&w, HARDWARE_ETHERNET);
	mw_write_u16(&w, MW_LINK_IPV4);
	mw_write_u8(&w, 6);
	mw_write_u8(&w, 4);
	mw_write_u16(&w, arp->operation);
	mw_write_octets(&w, arp->sender_mac, 6);
	mw_write_octets(&w, &arp->sender.octet[12], 4);
	mw_write_octets(&w, arp->target_mac, 6);
	mw_write_octets(&w, &arp->target.octet[12], 4);
	return (uint32_t)mw_writer_len(&w);
}
