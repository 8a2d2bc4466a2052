/*
 * Neighbour solicitations and advertisements (RFC 4861, 4.3 and 4.4): one message, read with all
 * the checks of 7.1, and written. What follows from it is decided by neighbour.c and talk.c.
 */
#ifndef MW_DATAPLANE_GATEWAY_NDP_H
#define MW_DATAPLANE_GATEWAY_NDP_H

#include "dataplane/gateway/datagram.h"

#define MW_NDP_BYTES 72 /* with the IPv6 header and one option */

struct mw_ndp {
	bool advertisement; /* else a solicitation */
	bool solicited, override;
	bool has_mac; /* the sender's of a solicitation, the target's of an advertisement */
	uint8_t mac[6];
	struct mw_ip src, dst, target;
};

/* May it be one? Looks at protocol and type only. */
bool mw_ndp_is(const struct mw_datagram *datagram);
/* False: none, or one that a receiver must discard (RFC 4861, 7.1.1 and 7.1.2): it has been routed,
 * its checksum is wrong, its options run past its end. */
bool mw_ndp_read(const struct mw_datagram *datagram, struct mw_ndp *out);
/* Writes the packet, `mac` always in it: MW_NDP_BYTES, how many. */
uint32_t mw_ndp_write(const struct mw_ndp *ndp, uint8_t *out);

/* The group that is asked for an address (RFC 4291, 2.7.1), and a group's MAC (RFC 2464, 7). */
struct mw_ip mw_ndp_solicited_node(const struct mw_ip *ip);
void mw_ndp_group_mac(const struct mw_ip *group, uint8_t mac[6]);
/* ff02::1 */
extern const struct mw_ip mw_ndp_all_nodes;

#endif
