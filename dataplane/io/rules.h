/*
 * A ruleset as lanes use it: loaded once, with a scratch for each lane. Made and freed on the
 * agent's `tables` thread, so that no lane ever allocates or waits for it.
 */
#ifndef MW_DATAPLANE_IO_RULES_H
#define MW_DATAPLANE_IO_RULES_H

#include "dataplane/agent/publish.h"
#include "dataplane/io/options.h"
#include "dataplane/scan/scan.h"

struct mw_io_rules {
	struct mw_ruleset *rules;
	uint64_t generation;
	uint16_t lanes;
	struct mw_scan_scratch *scratch[MW_IO_LANES_MAX]; /* by lane */
};

struct mw_io_rules_config {
	uint16_t lanes;
	uint32_t messages; /* of a lane, scanned at the same time */
};

/* The agent's way to us; `config` outlives it. */
struct mw_publish_rules_ops mw_io_rules_ops(struct mw_io_rules_config *config);

#endif
