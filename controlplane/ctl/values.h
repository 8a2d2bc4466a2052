/* Everything that can be counted, gathered for `weirctl status` and for the metrics. */
#ifndef MW_CONTROLPLANE_CTL_VALUES_H
#define MW_CONTROLPLANE_CTL_VALUES_H

#include "controlplane/ctl/command.h"
#include "controlplane/metrics/metrics.h"

struct mw_ctl_values {
	struct mw_metrics_values metrics;
	struct mw_event_lane lanes[MW_METRICS_LANES_MAX];
	uint64_t newest_us; /* of the lane records */
	uint64_t events_cursor;
	uint64_t outbox_next_try_s;
};

/* Fills `out`, whose pointers point into itself. */
void mw_ctl_values(struct mw_ctl *ctl, uint64_t now_s, struct mw_ctl_values *out);

#endif
