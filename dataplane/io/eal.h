/*
 * Starts and ends DPDK's environment from our own plan. Nobody writes EAL arguments by hand.
 */
#ifndef MW_DATAPLANE_IO_EAL_H
#define MW_DATAPLANE_IO_EAL_H

#include "dataplane/io/plan.h"

/* Once in a process. 0, or negative errno with a sentence in `error`. */
int mw_eal_start(const struct mw_io_options *options, const struct mw_io_plan *plan, char *error,
	size_t size);
void mw_eal_stop(void);

#endif
