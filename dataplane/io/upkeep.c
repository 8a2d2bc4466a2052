/*
 * Snapshots are taken each turn (a pointer), rules each millisecond. Messages keep the rules they
 * began with, so the lane says which is the oldest ruleset it still uses; the agent frees what is
 * older.
 */
#include "dataplane/io/upkeep.h"

#include <string.h>

#include "dataplane/io/events.h"
#include "dataplane/io/keeper.h"
#include "dataplane/io/rules.h"

void mw_io_upkeep_snapshot(struct mw_io_worker *w)
{
	const struct mw_snapshot *snapshot = mw_publish_snapshot(w->shared->publish, w->index);

	if (snapshot != w->snapshot) {
		w->snapshot = snapshot;
		mw_lane_set_snapshot(w->lane, snapshot);
		mw_io_keeper_settings(w, &snapshot->settings.divert);
	}
}

/* Drops from the list what no message uses any more. The newest stays: new messages begin with it.
 */
static void forget_unused(struct mw_io_worker *w)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < w->pinned_count; i++) {
		if (i + 1 == w->pinned_count || mw_lane_rules_in_use(w->lane, w->pinned[i].rules))
			w->pinned[kept++] = w->pinned[i];
	}
	w->pinned_count = kept;
}

static void follow_rules(struct mw_io_worker *w)
{
	struct mw_publish *publish = w->shared->publish;
	uint64_t serial = 0, generation = 0;
	const struct mw_io_rules *r = mw_publish_rules(publish, &serial, &generation);

	forget_unused(w);
	/* With so many generations pinned at once the newest waits for a place. */
	if (r && serial != w->rules_serial && w->pinned_count < MW_IO_RULES_MAX &&
		mw_lane_set_rules(w->lane, r->rules, r->scratch[w->index])) {
		w->pinned[w->pinned_count].serial = serial;
		w->pinned[w->pinned_count].rules = r->rules;
		w->pinned_count++;
		w->rules_serial = serial;
		w->rules_generation = generation;
	}
	if (w->pinned_count > 0)
		mw_publish_rules_oldest(publish, w->index, w->pinned[0].serial);
}

void mw_io_upkeep_ms(struct mw_io_worker *w, uint64_t now_ns)
{
	w->next_ms_ns = now_ns + MW_NS_PER_MS;
	if (w->shared->publish)
		follow_rules(w);
	if (now_ns < w->next_second_ns)
		return;
	w->next_second_ns = now_ns + MW_NS_PER_S;
	mw_io_event_lane(w, now_ns);
}

void mw_io_upkeep_begin(struct mw_io_worker *w)
{
	if (!w->shared->publish)
		return;
	mw_publish_lane_online(w->shared->publish, w->index);
	mw_io_upkeep_snapshot(w);
	follow_rules(w);
}

void mw_io_upkeep_end(struct mw_io_worker *w, uint64_t now_ns)
{
	mw_io_event_lane(w, now_ns);
	if (w->shared->publish)
		mw_publish_lane_offline(w->shared->publish, w->index);
}
