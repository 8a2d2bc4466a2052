/*
 * Timers of flows: a hashed wheel, one timer a flow, moved on by the tick and not by arrivals
 * (expiry that is driven by arrivals never comes in a quiet hour). A timer further away than the
 * wheel is turned over again when its slot comes by.
 */
#ifndef MW_DATAPLANE_FLOW_WHEEL_H
#define MW_DATAPLANE_FLOW_WHEEL_H

#include "dataplane/flow/table.h"

#define MW_WHEEL_SLOTS	 4096u
#define MW_WHEEL_TICK_NS (16ull * 1000 * 1000)

struct mw_wheel {
	struct mw_flow_table *table;
	uint32_t slot[MW_WHEEL_SLOTS];
	uint64_t tick; /* the next tick to be looked at */
	bool started;
};

void mw_wheel_init(struct mw_wheel *wheel, struct mw_flow_table *table);
/* Sets or moves the flow's timer. */
void mw_wheel_set(struct mw_wheel *wheel, void *entry, uint64_t now_ns, uint64_t due_ns);
void mw_wheel_cancel(struct mw_wheel *wheel, void *entry);
/* The next flow whose timer is due, taken off the wheel; NULL when there is none. At most `*steps`
 * slots and entries are looked at, and it is counted down, so a call's work is bounded. */
void *mw_wheel_due(struct mw_wheel *wheel, uint64_t now_ns, uint32_t *steps);

#endif
