/*
 * What the two halves of the keeper have in common: gateway.c decides what it thinks of the gateway
 * and when something is due, talk.c speaks and listens.
 */
#ifndef MW_DATAPLANE_GATEWAY_INTERNAL_H
#define MW_DATAPLANE_GATEWAY_INTERNAL_H

#include "dataplane/gateway/gateway.h"
#include "dataplane/proto/segment.h"

static inline bool mw_gateway_has(const struct mw_gateway *g, enum mw_gateway_family family)
{
	return !mw_ip_is_none(
		family == MW_GATEWAY_V4 ? &g->settings.gateway_v4 : &g->settings.gateway_v6);
}

/* --- gateway.c --- */
/* A finding of the check; MW_GATEWAY_NOT_YET: none. */
void mw_gateway_found(struct mw_gateway *g, uint64_t now_ns, enum mw_gateway_why found);
/* After anything that may have moved a neighbour or a timer. */
void mw_gateway_settle(struct mw_gateway *g, uint64_t now_ns);

/* --- talk.c --- */
void mw_gateway_ask(struct mw_gateway *g, enum mw_gateway_family family,
	const struct mw_neighbour_questions *questions);
/* "This address is mine", to everybody (RFC 5227, 2.3; RFC 4861, 7.2.6). */
void mw_gateway_announce(struct mw_gateway *g, enum mw_gateway_family family);

#endif
