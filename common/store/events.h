/*
 * The `events` environment: what the dataplane (the one writer) tells the control plane. Tables:
 *   event   u64 sequence number → encoded event     lane   u16 lane → its latest MW_EVENT_LANE
 *   meta    epoch, next number, what was refused
 *
 * A sequence number is epoch (24 bits) and counter (40 bits). The epoch goes up, durably and before
 * the first event, whenever the writer before did not close cleanly: a number is never used twice,
 * even when a power cut undid the last commits. A lost event whose loss was noticed uses up a
 * number, so a hole within an epoch counts exactly what is missing; a new epoch says "some may be".
 */
#ifndef MW_COMMON_STORE_EVENTS_H
#define MW_COMMON_STORE_EVENTS_H

#include "common/store/env.h"

#define MW_EVENTS_ENV	       "events"
#define MW_EVENTS_COUNTER_BITS 40
#define MW_EVENTS_TRIM_MAX     4096 /* events deleted in one transaction */
#define MW_EVENTS_RESUME_FILL  0.70 /* of the map: inserts go on below it */

/* What was not stored, since the environment exists. Aggregates are all that is kept of it. */
struct mw_events_loss {
	uint64_t messages, hams, sessions; /* refused: map over its limit */
	uint64_t ham;			   /* ham messages that the refused records stood for */
	uint64_t spam, worms;		   /* of the refused message records */
	uint64_t ring;			   /* records a lane could not put into its ring */
	uint64_t invalid;		   /* records that are no events: a bug, counted */
};

struct mw_events {
	struct mw_env *env;
	MDB_dbi meta, event, lane;
	uint64_t next_seq;	    /* writer */
	struct mw_events_loss loss; /* writer: as of the last commit */
	bool full;		    /* writer: inserts are stopped */
};

/* Writer: creates the tables, decides the epoch, synced. Reader: -ENOENT while they are not there.
 */
int mw_events_open(struct mw_events *events, struct mw_env *env);
/* Writer, right after opening: when the consumer's cursor is not behind the next number (this
 * environment was lost and begun anew), an epoch beyond it is begun, synced. */
int mw_events_begin_after(struct mw_events *events, uint64_t cursor);
/* Writer: notes a clean end, synced; then the environment may be closed. */
int mw_events_close(struct mw_events *events);

/* --- writer ------------------------------------------------------------------------------------
 */

/* One transaction: records (encoded events) get the next numbers in their order; MW_EVENT_LANE
 * records overwrite their lane's entry and get none; `ring_lost` more numbers are used up. Over the
 * map's limit records are refused and aggregated, numbers used up, lanes still written. 0, or
 * negative errno and nothing happened: the caller keeps the records and tries again. */
int mw_events_append(
	struct mw_events *events, const struct mw_span *records, size_t count, uint64_t ring_lost);
/* Deletes up to MW_EVENTS_TRIM_MAX events with numbers up to and including `cursor`, in a
 * transaction of its own. How many, or negative errno. */
int mw_events_trim(struct mw_events *events, uint64_t cursor);

/* --- reader ------------------------------------------------------------------------------------
 */

struct mw_events_batch {
	uint64_t last_seq;   /* the new cursor: `after` when there was nothing */
	uint32_t count;	     /* events delivered */
	uint64_t missing;    /* numbers that were used up and are not there */
	uint32_t restarts;   /* new epochs met: the writer died, some events may be missing */
	uint32_t unreadable; /* records that do not decode: skipped */
};

/* Other than 0 stops before this event counts as delivered. `record` is the encoded form. */
typedef int (*mw_event_fn)(
	void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record);

/* Up to `max` events with numbers greater than `after`, in order, in one read transaction. */
int mw_events_read(struct mw_events *events, uint64_t after, uint32_t max, mw_event_fn fn,
	void *ctx, struct mw_events_batch *batch);
/* The latest counters of each lane. */
int mw_events_lanes(
	struct mw_events *events, void (*fn)(void *ctx, const struct mw_event_lane *), void *ctx);
int mw_events_losses(struct mw_events *events, struct mw_events_loss *out);
/* Events stored at present. */
uint64_t mw_events_count(struct mw_events *events);

#endif
