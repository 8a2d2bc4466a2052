/*
 * Up or down, from findings: `fall` failures in a row take it down, `rise` successes in a row bring
 * it up again. The first success ever is enough: the appliance has just started, and the gateway
 * has not failed yet.
 */
#ifndef MW_DATAPLANE_GATEWAY_HEALTH_H
#define MW_DATAPLANE_GATEWAY_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/gateway/why.h"

struct mw_health {
	bool up;
	bool was_up;	  /* since it began */
	uint8_t in_a_row; /* findings against the present state */
	enum mw_gateway_why why;
	uint64_t changes; /* up or down, since the start */
};

/* Begins anew; what was up goes down with it. Changes are kept. */
void mw_health_reset(struct mw_health *h);
void mw_health_good(struct mw_health *h, uint8_t rise);
void mw_health_bad(struct mw_health *h, uint8_t fall, enum mw_gateway_why why);
/* It is gone: down at once. */
void mw_health_lost(struct mw_health *h, enum mw_gateway_why why);

#endif
