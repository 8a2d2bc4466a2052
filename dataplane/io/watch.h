/*
 * Once a second, beside the lanes: says what an operator must know and nobody else would tell him.
 * A finding is told when it begins and when it ends, not in between.
 */
#ifndef MW_DATAPLANE_IO_WATCH_H
#define MW_DATAPLANE_IO_WATCH_H

#include "common/contract/policy.h"
#include "dataplane/agent/publish.h"
#include "dataplane/io/rig.h"

struct mw_io_watch {
	struct mw_publish *publish;
	uint16_t reader;		    /* our place among the agent's lanes: none of them */
	struct mw_policy_settings settings; /* as the lanes were made with */
	uint32_t customers;
	const char *device[MW_IO_ROLES]; /* as the operator named it */
	bool told_settings, told_port[MW_IO_ROLES];
};

/* Reads settings and number of customers from the snapshot in force. */
void mw_io_watch_begin(struct mw_io_watch *watch, struct mw_publish *publish, uint16_t reader);
void mw_io_watch_turn(struct mw_io_watch *watch);

#endif
