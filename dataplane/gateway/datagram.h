/*
 * An IP packet as a host looks at one that is meant for it: addresses, protocol, payload. Only
 * what the keeper must understand: IPv4 with options (they are skipped), IPv6 without extension
 * headers (with one, its protocol is that header's number, and nobody here knows it).
 */
#ifndef MW_DATAPLANE_GATEWAY_DATAGRAM_H
#define MW_DATAPLANE_GATEWAY_DATAGRAM_H

#include "common/base/ip.h"

#define MW_DATAGRAM_ICMP  1
#define MW_DATAGRAM_TCP	  6
#define MW_DATAGRAM_ICMP6 58

struct mw_datagram {
	bool v6;
	bool fragment; /* its octets are not all there are */
	uint8_t protocol, hops;
	struct mw_ip src, dst;
	const uint8_t *octets; /* of the payload; Ethernet's padding is not part of it */
	uint32_t len;
};

/* False: no IP packet of that version, or one that says it is longer than what came. */
bool mw_datagram_read(const uint8_t *ip, uint32_t len, bool v6, struct mw_datagram *out);

/* Is its header's checksum right? IPv6 has none. `ip` as it was read. */
bool mw_datagram_intact(const uint8_t *ip, bool v6);

/* The header of a packet of ours with `len` octets behind it, its checksum included: 20 or 40
 * octets, how many. */
uint32_t mw_datagram_write(uint8_t *out, bool v6, uint8_t protocol, uint8_t hops,
	const struct mw_ip *src, const struct mw_ip *dst, uint32_t len);

/* RFC 4443, 2.3: over the pseudo header and the message. 0 when it is right; with the field zero,
 * what goes into it. */
uint16_t mw_datagram_icmp6_checksum(
	const struct mw_ip *src, const struct mw_ip *dst, const uint8_t *message, uint32_t len);

#endif
