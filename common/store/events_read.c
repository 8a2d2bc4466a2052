/* The reader of the events environment: in order, with what is missing counted. */
#include <errno.h>

#include "common/store/events_tables.h"

static uint64_t epoch_of(uint64_t seq)
{
	return seq >> MW_EVENTS_COUNTER_BITS;
}

static uint64_t counter_of(uint64_t seq)
{
	return seq & ((UINT64_C(1) << MW_EVENTS_COUNTER_BITS) - 1);
}

/* What lies between two numbers that follow each other in the store. Before the first event ever
 * read (`before` 0) nothing is missing: it was never ours. */
static void count_gap(struct mw_events_batch *batch, uint64_t before, uint64_t seq)
{
	if (before == 0)
		return;
	if (epoch_of(before) == epoch_of(seq)) {
		batch->missing += seq - before - 1;
		return;
	}
	batch->restarts += (uint32_t)(epoch_of(seq) - epoch_of(before));
	batch->missing += counter_of(seq) - 1;
}

struct read {
	mw_event_fn fn;
	void *ctx;
	uint32_t max;
	uint32_t taken; /* delivered or skipped */
	struct mw_events_batch *batch;
	struct mw_event event;
};

static int read_one(void *ctx, struct mw_span key, struct mw_span record)
{
	struct read *r = ctx;
	uint64_t seq = mw_key64_value(key);
	struct mw_events_batch next = *r->batch;

	if (r->taken == r->max)
		return 1;
	count_gap(&next, next.last_seq, seq);
	next.last_seq = seq;
	if (mw_event_decode(record, &r->event) != 0) {
		next.unreadable++;
	} else {
		next.count++;
		if (r->fn(r->ctx, seq, &r->event, record) != 0)
			return 1;
	}
	r->taken++;
	*r->batch = next;
	return 0;
}

int mw_events_read(struct mw_events *events, uint64_t after, uint32_t max, mw_event_fn fn,
	void *ctx, struct mw_events_batch *batch)
{
	struct read r = {.fn = fn, .ctx = ctx, .max = max, .batch = batch};
	struct mw_key64 from = mw_key64_of(after + 1);
	struct mw_txn t;

	*batch = (struct mw_events_batch){.last_seq = after};
	if (mw_txn_begin(&t, events->env, false) == 0)
		mw_txn_each(&t, events->event, MW_KEY_SPAN(from), read_one, &r);
	mw_txn_abort(&t);
	return t.error;
}

struct lanes {
	void (*fn)(void *ctx, const struct mw_event_lane *lane);
	void *ctx;
	struct mw_event event;
};

static int read_lane(void *ctx, struct mw_span key, struct mw_span record)
{
	struct lanes *l = ctx;

	if (mw_event_decode(record, &l->event) == 0 && l->event.kind == MW_EVENT_LANE)
		l->fn(l->ctx, &l->event.lane);
	return 0;
}

int mw_events_lanes(struct mw_events *events,
	void (*fn)(void *ctx, const struct mw_event_lane *lane), void *ctx)
{
	struct lanes l = {.fn = fn, .ctx = ctx};
	struct mw_txn t;

	if (mw_txn_begin(&t, events->env, false) == 0)
		mw_txn_each(&t, events->lane, mw_span_of(NULL, 0), read_lane, &l);
	mw_txn_abort(&t);
	return t.error;
}

int mw_events_losses(struct mw_events *events, struct mw_events_loss *out)
{
	struct mw_txn t;

	*out = (struct mw_events_loss){0};
	if (mw_txn_begin(&t, events->env, false) == 0)
		mw_events_get_loss(&t, events->meta, out);
	mw_txn_abort(&t);
	return t.error;
}

uint64_t mw_events_count(struct mw_events *events)
{
	struct mw_txn t;
	uint64_t n = 0;

	if (mw_txn_begin(&t, events->env, false) == 0)
		n = mw_txn_count(&t, events->event);
	mw_txn_abort(&t);
	return n;
}
