/* What lanes call, on their own threads: loads and stores of atomics, nothing else. */
#include "dataplane/agent/publish_internal.h"

const struct mw_snapshot *mw_publish_snapshot(struct mw_publish *pub, uint16_t lane)
{
	struct mw_version *version = atomic_load_explicit(&pub->current, memory_order_seq_cst);

	if (version == NULL)
		return NULL;
	/* Release: the lane's reads of older snapshots come before this. */
	atomic_store_explicit(&pub->lane[lane].seen, version->snap.serial, memory_order_release);
	return &version->snap;
}

void *mw_publish_rules(struct mw_publish *pub, uint64_t *serial, uint64_t *generation)
{
	struct mw_rules_version *rules =
		atomic_load_explicit(&pub->rules_current, memory_order_seq_cst);

	*serial = rules == NULL ? 0 : rules->serial;
	*generation = rules == NULL ? 0 : rules->generation;
	return rules == NULL ? NULL : rules->rules;
}

void mw_publish_rules_oldest(struct mw_publish *pub, uint16_t lane, uint64_t serial)
{
	atomic_store_explicit(&pub->lane[lane].rules_oldest, serial, memory_order_release);
}

void mw_publish_lane_offline(struct mw_publish *pub, uint16_t lane)
{
	atomic_store_explicit(&pub->lane[lane].seen, MW_LANE_OFFLINE, memory_order_release);
	atomic_store_explicit(&pub->lane[lane].rules_oldest, MW_LANE_OFFLINE, memory_order_release);
}

void mw_publish_lane_online(struct mw_publish *pub, uint16_t lane)
{
	/* Before any pointer is read: nothing is freed until this lane has been seen with
	 * something. */
	atomic_store_explicit(&pub->lane[lane].rules_oldest, 0, memory_order_seq_cst);
	atomic_store_explicit(&pub->lane[lane].seen, 0, memory_order_seq_cst);
}
