/*
 * The publisher's insides. A version is a snapshot and what it owns. What a newer version no longer
 * uses is garbage of the older one, freed with it; versions are freed in order, so nothing that any
 * lane may still see goes early. Private to dataplane/agent/publish*.c.
 */
#ifndef MW_DATAPLANE_AGENT_PUBLISH_INTERNAL_H
#define MW_DATAPLANE_AGENT_PUBLISH_INTERNAL_H

#include <pthread.h>

#include "dataplane/agent/publish.h"

/* Pointers to free. Growing may fail: then the caller gives up its draft. */
struct mw_heap_list {
	void **item;
	size_t count, room;
};

bool mw_heap_list_add(struct mw_heap_list *list, void *item); /* NULL is not added; true */
void mw_heap_list_free(struct mw_heap_list *list, bool items_too);

/* Customers and prefixes as of one generation. */
struct mw_tables {
	uint64_t generation;
	uint32_t customer_count;
	uint32_t page_count;
	struct mw_customer_page **page;
	struct mw_prefix_table prefixes;
	void *prefix_memory;
};

int mw_tables_build(struct mw_policy *policy, struct mw_tables **out);
void mw_tables_free(struct mw_tables *tables);

struct mw_version {
	struct mw_snapshot snap; /* first: a snapshot's address is its version's */
	const struct mw_verdict_page **verdict_page;
	const struct mw_customer_page **customer_page;
	struct mw_tables *tables;
	/* known when it is retired */
	struct mw_heap_list garbage;
	struct mw_tables *garbage_tables;
	uint64_t retired_ns;
	struct mw_version *next;
};

void mw_version_free(struct mw_version *version);

/* The next version in the making: the verdict pages of the one before, copied where touched. */
struct mw_draft {
	const struct mw_verdict_page **page; /* page_count */
	bool *own;			     /* page i was copied here and may be written */
	uint32_t page_count;
	struct mw_policy_settings settings;
	struct mw_heap_list fresh;   /* made here: freed when the draft is given up */
	struct mw_heap_list garbage; /* no longer used: goes with the version before */
	uint64_t verdicts;
	bool failed; /* out of memory */
};

void mw_draft_begin(struct mw_draft *draft, const struct mw_version *before);
void mw_draft_clear(struct mw_draft *draft); /* everybody PASS */
void mw_draft_verdict(struct mw_draft *draft, const struct mw_verdict_record *rec);
void mw_draft_verdict_gone(struct mw_draft *draft, uint32_t index);
void mw_draft_give_up(struct mw_draft *draft);
/* The version, its serial and generation still to be set; NULL: out of memory, draft given up.
 * Takes the draft's pages; the garbage goes to `before` (NULL at first). */
struct mw_version *mw_draft_finish(
	struct mw_draft *draft, struct mw_version *before, struct mw_tables *tables);

struct mw_rules_version {
	void *rules;
	uint64_t serial, generation;
	struct mw_rules_version *next;
};

#define MW_LANE_OFFLINE UINT64_MAX

/* One a lane, on a cache line of its own. */
struct mw_lane_slot {
	/* lane stores (release), publish thread loads (acquire); or MW_LANE_OFFLINE */
	_Alignas(64) _Atomic uint64_t seen;
	/* lane stores (release), tables thread loads (acquire); or MW_LANE_OFFLINE */
	_Atomic uint64_t rules_oldest;
};

struct mw_publish {
	/* read by all lanes at each poll */
	_Alignas(64) _Atomic(struct mw_version *) current;	       /* publish thread stores */
	_Alignas(64) _Atomic(struct mw_rules_version *) rules_current; /* tables thread stores */
	_Alignas(64) struct mw_lane_slot lane[MW_PUBLISH_LANES_MAX];

	struct mw_policy *policy;
	struct mw_publish_config config;
	struct mw_publish_stats stats;
	_Atomic bool stop;

	/* publish thread alone */
	uint64_t txn_seen;
	uint64_t serial;
	struct mw_version *retired, **retired_end; /* oldest first */
	uint64_t retired_count;
	uint64_t said_slow_ns, said_error_ns;

	/* between the two threads */
	_Atomic uint64_t tables_wanted;		  /* publish counts up: build once more */
	_Atomic(struct mw_tables *) tables_ready; /* tables exchanges in, publish exchanges out */
	pthread_mutex_t rules_lock;		  /* guards rules_wanted_* */
	char rules_wanted_path[256];
	uint64_t rules_wanted_generation;

	/* tables thread alone */
	uint64_t tables_served; /* the last tables_wanted that was built */
	uint64_t tables_next_ns;
	char rules_tried_path[256];
	uint64_t rules_tried_generation;
	uint64_t rules_serial;
	struct mw_rules_version *rules_retired;
};

/* Loads the ruleset the settings name if it is another one than tried before. */
void mw_publish_follow_rules(struct mw_publish *pub);
void mw_publish_reclaim_rules(struct mw_publish *pub, bool all);

uint64_t mw_publish_clock_ns(void);
void mw_publish_sleep_us(uint32_t us);

#endif
