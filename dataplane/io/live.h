/*
 * The appliance as it runs: snapshot first, then ports, then lanes, until a signal. Called by main.
 */
#ifndef MW_DATAPLANE_IO_LIVE_H
#define MW_DATAPLANE_IO_LIVE_H

#include "dataplane/io/options.h"

/* Exit status. Signals must be blocked already: it waits for them. */
int mw_io_live(const struct mw_io_options *options);

#endif
