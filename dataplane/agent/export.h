/*
 * From the lanes' rings to the events environment: drained each interval, numbered, written in one
 * transaction (so the group commit is the transaction: at 20-50 ms there is no need to trade LMDB's
 * integrity away with NOSYNC), released from the rings only when written. Trims up to the control
 * plane's cursor. One thread.
 */
#ifndef MW_DATAPLANE_AGENT_EXPORT_H
#define MW_DATAPLANE_AGENT_EXPORT_H

#include "common/store/events.h"
#include "dataplane/agent/event_ring.h"

struct mw_export_config {
	struct mw_event_ring **rings; /* one a lane; must outlive the exporter */
	uint16_t ring_count;
	const _Atomic uint64_t *cursor; /* trimmed up to here; NULL: never (see mw_publish_stats) */
	uint32_t interval_ms;		/* 0: 20 */
};

/* Written by the export thread, read by anybody (relaxed). */
struct mw_export_stats {
	_Atomic uint64_t events, lanes, commits, failed_commits, ring_dropped, refused, trimmed,
		commit_ns_max;
	_Atomic uint32_t fill_permille; /* of the map */
};

struct mw_export;

int mw_export_new(
	struct mw_export **out, struct mw_events *events, const struct mw_export_config *config);
void *mw_export_thread(
	void *exporter); /* drains once more after mw_export_stop, then returns NULL */
void mw_export_stop(struct mw_export *exporter);
void mw_export_free(struct mw_export *exporter);
/* One turn. Number of records taken from the rings, or negative errno (they are still there). */
int mw_export_turn(struct mw_export *exporter, uint64_t now_ns);
const struct mw_export_stats *mw_export_stats(const struct mw_export *exporter);

#endif
