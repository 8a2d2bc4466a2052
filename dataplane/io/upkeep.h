/*
 * What a lane does beside packets: takes the snapshot and the rules in force, counts once a second.
 * Called by the worker's loop only.
 */
#ifndef MW_DATAPLANE_IO_UPKEEP_H
#define MW_DATAPLANE_IO_UPKEEP_H

#include "dataplane/io/worker.h"

void mw_io_upkeep_begin(struct mw_io_worker *w);    /* before the first turn */
void mw_io_upkeep_snapshot(struct mw_io_worker *w); /* each turn; needs shared->publish */
void mw_io_upkeep_ms(struct mw_io_worker *w, uint64_t now_ns);
void mw_io_upkeep_end(struct mw_io_worker *w, uint64_t now_ns); /* no packet will follow */

#endif
