#include "dataplane/gateway/health.h"

static void become(struct mw_health *h, bool up, enum mw_gateway_why why)
{
	h->changes += h->up != up;
	h->up = up;
	h->in_a_row = 0;
	h->why = why;
}

void mw_health_reset(struct mw_health *h)
{
	become(h, false, MW_GATEWAY_NOT_YET);
	h->was_up = false;
}

void mw_health_good(struct mw_health *h, uint8_t rise)
{
	if (h->up)
		h->in_a_row = 0;
	else if (!h->was_up || ++h->in_a_row >= rise)
		become(h, true, MW_GATEWAY_FINE);
	h->was_up = true;
}

void mw_health_bad(struct mw_health *h, uint8_t fall, enum mw_gateway_why why)
{
	if (!h->up) {
		h->in_a_row = 0;
		h->why = why; /* the newest is what an operator has to mend */
	} else if (++h->in_a_row >= fall) {
		become(h, false, why);
	}
}

void mw_health_lost(struct mw_health *h, enum mw_gateway_why why)
{
	become(h, false, why);
}
