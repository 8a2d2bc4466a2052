/*
 * What most packets are spared: whether a frame can be any matter of ours, from a few octets.
 */
#ifndef MW_DATAPLANE_ENGINE_QUICK_H
#define MW_DATAPLANE_ENGINE_QUICK_H

#include "dataplane/engine/lane.h"

/* The plain case, decided from a few octets: untagged IPv4 without options, or IPv6 with TCP or UDP
 * right behind its header, and no SMTP port at either end. True: nothing for us, for certain. */
static inline bool mw_surely_not_smtp(
	const struct mw_port_set *ports, const uint8_t *p, uint32_t len)
{
	uint32_t l4;

	if (len < 34)
		return true;
	if (p[12] == 0x08 && p[13] == 0x00 && p[14] == 0x45) {
		if (p[23] != 6) /* an ICMP error may be about a connection of ours */
			return p[23] != 1 || len < 35 || (p[34] != 3 && p[34] != 11 && p[34] != 12);
		if ((p[20] & 0x3f) != 0 || p[21] != 0) /* the last one may be of an octet */
			return false;
		if (len < 38)
			return true;
		l4 = 34;
	} else if (p[12] == 0x86 && p[13] == 0xdd && len >= 58) {
		if (p[20] == 17 || p[20] == 58)
			return p[20] == 17 || p[54] > 4;
		if (p[20] != 6)
			return false;
		l4 = 54;
	} else {
		return p[12] == 0x08 && p[13] == 0x06; /* ARP; the rest is looked at closely */
	}
	return !mw_port_set_has(ports, (uint16_t)(p[l4] << 8 | p[l4 + 1])) &&
	       !mw_port_set_has(ports, (uint16_t)(p[l4 + 2] << 8 | p[l4 + 3]));
}

#endif
