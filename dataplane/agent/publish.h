/*
 * From the policy environment to the lanes. Two threads: `publish` looks for a new transaction each
 * millisecond and publishes verdicts and settings; `tables` rebuilds customers and prefixes, at
 * most once a second and for at most a fifth of the time, and loads rulesets, so that neither
 * delays a verdict. Snapshots and rulesets are swapped by pointer; the old ones are freed when
 * every lane has been seen with a newer one (QSBR). A lane that does not move is named in the log
 * and counted, and beyond MW_PUBLISH_RETIRED_MAX waiting snapshots nothing new is published: memory
 * stays bounded.
 */
#ifndef MW_DATAPLANE_AGENT_PUBLISH_H
#define MW_DATAPLANE_AGENT_PUBLISH_H

#include <stdatomic.h>

#include "common/store/policy.h"
#include "dataplane/verdict/snapshot.h"

#define MW_PUBLISH_LANES_MAX   64
#define MW_PUBLISH_RETIRED_MAX 256

/* How the dataplane's rim loads compiled rules; called on the `tables` thread, never on a lane. */
struct mw_publish_rules_ops {
	void *ctx;
	/* 0 and *rules, or negative errno and a sentence: then the old rules stay. */
	int (*load)(void *ctx, const char *path, uint64_t generation, void **rules, char *error,
		size_t error_size);
	void (*unload)(void *ctx, void *rules);
};

struct mw_publish_config {
	uint16_t lanes;
	/* load NULL: rulesets are not followed. An empty path in the settings changes nothing. */
	struct mw_publish_rules_ops rules;
	uint32_t poll_us;	     /* 0: 1000 */
	uint32_t tables_interval_ms; /* 0: 1000 */
	uint32_t slow_lane_ms;	     /* 0: 1000; older than this a lane is called slow */
};

/* Counters, all written by the agent's threads, read by anybody (relaxed). */
struct mw_publish_stats {
	_Atomic uint64_t snapshots, verdicts, tables_built, tables_ns_last, tables_failed,
		full_loads, rules_loaded, rules_failed, slow_lane, blocked, read_errors, retired;
	_Atomic uint32_t slow_lane_index;
	_Atomic uint64_t generation;	   /* of the snapshot in force */
	_Atomic uint64_t rules_generation; /* of the ruleset in force */
	_Atomic uint64_t
		events_cursor; /* the control plane's published cursor: export trims by it */
};

struct mw_publish;

/* `policy` is open; it must outlive the publisher. 0, -EINVAL, -ENOMEM. */
int mw_publish_new(
	struct mw_publish **out, struct mw_policy *policy, const struct mw_publish_config *config);
/* Builds the first snapshot and loads the ruleset the settings name, in the caller's thread: before
 * ports come up, before the threads start. An empty policy gives an empty snapshot. 0, or negative
 * errno with a sentence (a ruleset that does not load is reported so, in mw_publish_stats and the
 * log, but is no error: mail flows unjudged, counted, rather than not at all). */
int mw_publish_load_first(struct mw_publish *pub, char *error, size_t error_size);
/* Thread entries (argument: the publisher); they return NULL after mw_publish_stop. */
void *mw_publish_thread(void *pub);
void *mw_publish_tables_thread(void *pub);
void mw_publish_stop(struct mw_publish *pub);
/* After the threads and the lanes have ended. Frees everything, rules through `unload`. */
void mw_publish_free(struct mw_publish *pub);
const struct mw_publish_stats *mw_publish_stats(const struct mw_publish *pub);

/* One turn of each thread's work, for tests and virtual time. `now_ns` monotonic. */
int mw_publish_turn(struct mw_publish *pub, uint64_t now_ns);
int mw_publish_tables_turn(struct mw_publish *pub, uint64_t now_ns);

/* --- called by lanes ---------------------------------------------------------------------------
 */

/* Once a poll: the snapshot to use until the next call. Says at the same time that none older is in
 * use. Wait-free. NULL only before mw_publish_load_first. */
const struct mw_snapshot *mw_publish_snapshot(struct mw_publish *pub, uint16_t lane);

/* The ruleset in force, its serial (0: none) and generation. It stays valid until the lane has said
 * by mw_publish_rules_oldest that it uses none older than a later one: messages pin their rules. */
void *mw_publish_rules(struct mw_publish *pub, uint64_t *serial, uint64_t *generation);
void mw_publish_rules_oldest(struct mw_publish *pub, uint16_t lane, uint64_t serial);

/* A lane that stops polling (ended, or parked) must say so, else it pins memory. It then uses no
 * snapshot and no rules until it calls mw_publish_lane_online. Lanes begin offline. */
void mw_publish_lane_offline(struct mw_publish *pub, uint16_t lane);
void mw_publish_lane_online(struct mw_publish *pub, uint16_t lane);

#endif
