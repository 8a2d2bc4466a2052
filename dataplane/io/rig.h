/*
 * Puts workers, ports and rings together: who polls which queue, who sends where. Main thread only,
 * before the lanes run and after they have ended.
 */
#ifndef MW_DATAPLANE_IO_RIG_H
#define MW_DATAPLANE_IO_RIG_H

#include "dataplane/io/plan.h"
#include "dataplane/io/port.h"
#include "dataplane/io/worker.h"

struct mw_io_rig {
	struct mw_io_shared shared;
	struct mw_io_port port[MW_IO_ROLES]; /* by role */
	struct mw_io_worker *worker[MW_IO_LANES_MAX];
	struct rte_ring *ring[MW_IO_LANES_MAX * (MW_IO_LANES_MAX + MW_IO_ROLES)];
	uint32_t ring_count;
	size_t worker_bytes; /* of one worker, for the budget */
};

/* Takes ports that are open and a plan; `shared` filled by the caller but for lanes, room, sleep
 * and tsc_ns. Workers get everything but lane and events. 0, or negative errno with a sentence. */
int mw_io_rig_make(struct mw_io_rig *rig, const struct mw_io_plan *plan, uint32_t ring_entries,
	char *error, size_t size);
void mw_io_rig_free(struct mw_io_rig *rig);

/* Launches each worker on its lcore; every worker has its lane. 0 or negative errno. */
int mw_io_rig_launch(struct mw_io_rig *rig);
/* Stops the lanes and waits until they have ended. */
void mw_io_rig_stop(struct mw_io_rig *rig);

/* Sum over the workers. */
void mw_io_rig_sum(const struct mw_io_rig *rig, struct mw_io_counters *out);

/* Memory for a lane: zeroed, aligned to a page, with huge pages where the kernel gives them. NULL.
 */
void *mw_io_lane_memory(size_t bytes);
void mw_io_lane_memory_free(void *memory, size_t bytes);

#endif
