/*
 * The packet buffers all ports receive into and lanes send from. Made once, before the ports.
 */
#ifndef MW_DATAPLANE_IO_POOL_H
#define MW_DATAPLANE_IO_POOL_H

#include <rte_mempool.h>

#include "dataplane/io/plan.h"

/* NULL with a sentence in `error`. */
struct rte_mempool *mw_io_pool_make(const struct mw_io_plan *plan, char *error, size_t size);

#endif
