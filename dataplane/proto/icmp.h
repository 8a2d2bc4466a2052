/*
 * ICMP and ICMPv6 errors about TCP connections: which connection is meant. An error quotes the
 * beginning of the packet it is about (RFC 792; RFC 1812, 4.3.2.3; RFC 4443, 2.4), addresses and
 * ports at the least. Reads only.
 */
#ifndef MW_DATAPLANE_PROTO_ICMP_H
#define MW_DATAPLANE_PROTO_ICMP_H

#include "dataplane/proto/frame.h"

struct mw_icmp_error {
	uint16_t l3; /* offset of the error's own IP header */
	bool v6;
	uint16_t vlan_outer, vlan_inner;
	/* of the packet that is quoted, as it was sent */
	struct mw_ip src, dst;
	uint16_t sport, dport;
};

/* True for destination unreachable (fragmentation needed among them), packet too big, time exceeded
 * and parameter problem, when what is quoted is TCP and no later fragment. Not for an error that
 * comes in fragments itself. */
bool mw_icmp_error_parse(const uint8_t *data, uint32_t len, struct mw_icmp_error *out);

#endif
