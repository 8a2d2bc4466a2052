/* What follows from a step, stored: used within core only. */
#ifndef MW_CONTROLPLANE_CORE_EFFECTS_H
#define MW_CONTROLPLANE_CORE_EFFECTS_H

#include "controlplane/core/core.h"
#include "controlplane/store/customers.h"

/* Stores core->effects for core->ticket, which was stored before. */
void mw_core_store_effects(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, const char *by, uint64_t now_s);

#endif
