/*
 * ARP for IPv4 over Ethernet (RFC 826): one message, read and written. What follows from it is
 * decided by neighbour.c and talk.c.
 */
#ifndef MW_DATAPLANE_GATEWAY_ARP_H
#define MW_DATAPLANE_GATEWAY_ARP_H

#include "common/base/ip.h"

#define MW_ARP_BYTES 28

enum mw_arp_operation { MW_ARP_REQUEST = 1, MW_ARP_REPLY = 2 };

struct mw_arp {
	uint16_t operation; /* one of the two */
	uint8_t sender_mac[6], target_mac[6];
	struct mw_ip sender, target; /* mapped; a probe's sender is 0.0.0.0 (RFC 5227, 2.1.1) */
};

/* False: another hardware, another protocol, another operation, a sender no station can be, or cut.
 */
bool mw_arp_read(const uint8_t *octets, uint32_t len, struct mw_arp *out);
/* Writes MW_ARP_BYTES; how many. */
uint32_t mw_arp_write(const struct mw_arp *arp, uint8_t *out);

#endif
