/*
 * The dataplane's side of LMDB as one thing to start and stop: opens both environments, owns the
 * rings, runs the three threads. Called by dataplane/io.
 */
#ifndef MW_DATAPLANE_AGENT_AGENT_H
#define MW_DATAPLANE_AGENT_AGENT_H

#include "dataplane/agent/export.h"
#include "dataplane/agent/publish.h"

struct mw_agent_config {
	const char *state_dir;
	struct mw_publish_config publish; /* with .lanes */
	uint64_t events_map_bytes;	  /* 0: 1 GiB */
	size_t ring_bytes;		  /* of each lane's ring; 0: 4 MiB */
	uint32_t export_interval_ms;	  /* 0: 20 */
};

struct mw_agent;

/* Opens, and builds the first snapshot; starts no thread. -ENOENT: there is no policy environment
 * yet (the control plane has never run): the caller may wait and try again. */
int mw_agent_load_first(struct mw_agent **out, const struct mw_agent_config *config, char *error,
	size_t error_size);
/* Starts the threads (publish, tables, export). They inherit the caller's CPU affinity. */
int mw_agent_start(struct mw_agent *agent);
/* After the lanes have ended: drains the rings, notes a clean end, closes, frees. */
void mw_agent_stop(struct mw_agent *agent);

struct mw_publish *mw_agent_publish(struct mw_agent *agent);
struct mw_event_ring *mw_agent_ring(struct mw_agent *agent, uint16_t lane);
const struct mw_export_stats *mw_agent_export_stats(const struct mw_agent *agent);

#endif
