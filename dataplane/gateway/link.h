/*
 * The gateway's link as the keeper speaks on it: Ethernet, with the one VLAN tag of the settings or
 * with none. Frames with another tag, with more than one, or with anything else in front of their
 * payload are not of this link.
 */
#ifndef MW_DATAPLANE_GATEWAY_LINK_H
#define MW_DATAPLANE_GATEWAY_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MW_LINK_ARP  0x0806
#define MW_LINK_IPV4 0x0800
#define MW_LINK_IPV6 0x86dd

#define MW_LINK_HEADER_MAX 18 /* addresses, tag, Ethertype */
#define MW_LINK_FRAME_MIN  60 /* IEEE 802.3, without the check sequence: shorter ones are padded */

struct mw_link_frame {
	const uint8_t *to, *from; /* MACs */
	uint16_t type;
	const uint8_t *octets; /* behind the Ethertype */
	uint32_t len;
};

/* False: no frame of this link. A tag that names VLAN 0 carries a priority only, such a frame
 * counts as untagged (IEEE 802.1Q, 6.9). */
bool mw_link_read(const uint8_t *data, uint32_t len, uint16_t vlan, struct mw_link_frame *out);

/* Writes the header; its length, at most MW_LINK_HEADER_MAX. */
uint32_t mw_link_write(
	uint8_t *out, const uint8_t to[6], const uint8_t from[6], uint16_t vlan, uint16_t type);
/* Pads a frame that is too short; its length. `out` has MW_LINK_FRAME_MIN octets at least. */
uint32_t mw_link_pad(uint8_t *out, uint32_t len);

static inline bool mw_mac_eq(const uint8_t a[6], const uint8_t b[6])
{
	return memcmp(a, b, 6) == 0;
}

static inline bool mw_mac_is_group(const uint8_t mac[6])
{
	return (mac[0] & 1) != 0;
}

/* Can a station have it? */
static inline bool mw_mac_is_station(const uint8_t mac[6])
{
	static const uint8_t none[6];

	return !mw_mac_is_group(mac) && !mw_mac_eq(mac, none);
}

#endif
