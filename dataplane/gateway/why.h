/*
 * Why no new connection is led to the gateway: what its keeper found out last.
 */
#ifndef MW_DATAPLANE_GATEWAY_WHY_H
#define MW_DATAPLANE_GATEWAY_WHY_H

enum mw_gateway_why {
	MW_GATEWAY_FINE,
	MW_GATEWAY_NOT_YET,	 /* it was not found out yet */
	MW_GATEWAY_NO_NEIGHBOUR, /* nobody answers ARP or neighbour solicitations for its address */
	MW_GATEWAY_NO_SYN_ACK,	 /* the port that is checked keeps silent */
	MW_GATEWAY_REFUSED,	 /* it answers with a reset */
	MW_GATEWAY_NO_GREETING,	 /* it connects, and says nothing in time or closes */
	MW_GATEWAY_BAD_GREETING, /* it says something else than 220 */
	MW_GATEWAY_WHY_COUNT
};

/* A sentence's end, for people: "the gateway is down: " and this. */
const char *mw_gateway_why_text(enum mw_gateway_why why);

#endif
