/*
 * Records are taken from the rings in the order of their time, lanes merged, and written where they
 * lie: the rings are released after the commit. What does not get written stays in its ring; when
 * that fills up, the lane counts what it drops, and the drops use up sequence numbers.
 */
#include "dataplane/agent/export.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/time.h"

enum { BATCH_RECORDS = 8192, BATCH_OCTETS = 8 << 20, BATCHES_A_TURN = 16, TRIMS_A_TURN = 4 };

/* What the export thread knows of one ring. */
struct source {
	struct mw_event_ring *ring;
	uint64_t position; /* behind the record looked at */
	uint64_t taken;	   /* behind the last record taken into the batch */
	uint64_t dropped;  /* told to the store already */
	struct mw_span next;
	uint64_t next_us;
	bool has_next;
};

struct mw_export {
	struct mw_events *events;
	struct mw_export_config config;
	struct mw_export_stats stats;
	_Atomic bool stop;
	struct source *source;
	struct mw_span batch[BATCH_RECORDS];
	uint64_t trimmed_to; /* nothing up to here is left */
	uint64_t upkeep_ns;
	uint64_t said_ns;
	bool was_full;
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MW_NS_PER_S + (uint64_t)now.tv_nsec;
}

int mw_export_new(
	struct mw_export **out, struct mw_events *events, const struct mw_export_config *config)
{
	struct mw_export *exporter = calloc(1, sizeof(*exporter));

	if (exporter == NULL)
		return -ENOMEM;
	exporter->events = events;
	exporter->config = *config;
	if (exporter->config.interval_ms == 0)
		exporter->config.interval_ms = 20;
	exporter->source = calloc(config->ring_count + 1u, sizeof(*exporter->source));
	if (exporter->source == NULL) {
		free(exporter);
		return -ENOMEM;
	}
	for (uint16_t i = 0; i < config->ring_count; i++)
		exporter->source[i].ring = config->rings[i];
	*out = exporter;
	return 0;
}

void mw_export_free(struct mw_export *exporter)
{
	free(exporter->source);
	free(exporter);
}

const struct mw_export_stats *mw_export_stats(const struct mw_export *exporter)
{
	return &exporter->stats;
}

static void look(struct source *s)
{
	s->has_next = mw_event_ring_next(s->ring, &s->position, &s->next);
	if (s->has_next)
		s->next_us = mw_event_peek_time_us(s->next);
}

/* The ring whose next record is the oldest. */
static struct source *oldest(struct mw_export *e)
{
	struct source *best = NULL;

	for (uint16_t i = 0; i < e->config.ring_count; i++) {
		struct source *s = &e->source[i];

		if (s->has_next && (best == NULL || s->next_us < best->next_us))
			best = s;
	}
	return best;
}

static size_t fill_batch(struct mw_export *e, uint64_t *lanes)
{
	size_t octets = 0;
	size_t n = 0;

	for (uint16_t i = 0; i < e->config.ring_count; i++) {
		struct source *s = &e->source[i];

		s->position = mw_event_ring_tail(s->ring);
		s->taken = s->position;
		look(s);
	}
	*lanes = 0;
	while (n < BATCH_RECORDS && octets < BATCH_OCTETS) {
		struct source *s = oldest(e);

		if (s == NULL)
			break;
		*lanes += mw_event_peek(s->next) == MW_EVENT_LANE;
		octets += s->next.len;
		e->batch[n++] = s->next;
		s->taken = s->position;
		look(s);
	}
	return n;
}

/* Drops that the store has not been told of. */
static uint64_t new_drops(struct mw_export *e)
{
	uint64_t lost = 0;

	for (uint16_t i = 0; i < e->config.ring_count; i++)
		lost += mw_event_ring_dropped(e->source[i].ring) - e->source[i].dropped;
	return lost;
}

/* `lost` may be less than what has been dropped since: the rest is told next time. */
static void take_over(struct mw_export *e, uint64_t lost)
{
	for (uint16_t i = 0; i < e->config.ring_count; i++) {
		struct source *s = &e->source[i];
		uint64_t now = mw_event_ring_dropped(s->ring) - s->dropped;
		uint64_t part = now < lost ? now : lost;

		s->dropped += part;
		lost -= part;
		mw_event_ring_release(s->ring, s->taken);
	}
}

static void note_max(_Atomic uint64_t *max, uint64_t v)
{
	if (v > atomic_load_explicit(max, memory_order_relaxed))
		atomic_store_explicit(max, v, memory_order_relaxed);
}

static void say_failed(struct mw_export *e, uint64_t now_ns, int err)
{
	atomic_fetch_add_explicit(&e->stats.failed_commits, 1, memory_order_relaxed);
	if (e->said_ns != 0 && now_ns - e->said_ns < MW_NS_PER_S)
		return;
	e->said_ns = now_ns;
	mw_log(MW_LOG_ERROR,
		"events cannot be written (%s); they wait in the lanes' rings, which drop and "
		"count what does not fit",
		strerror(-err));
}

static uint64_t refused_of(const struct mw_events_loss *loss)
{
	return loss->messages + loss->hams + loss->sessions;
}

static void note_full(struct mw_export *e)
{
	atomic_store_explicit(
		&e->stats.refused, refused_of(&e->events->loss), memory_order_relaxed);
	if (e->events->full != e->was_full)
		mw_log(e->events->full ? MW_LOG_WARNING : MW_LOG_NOTICE, "%s",
			e->events->full ? "the events environment is full: only sums are "
					  "kept until the control plane has read on"
					: "events are stored again");
	e->was_full = e->events->full;
}

/* Writes one batch. Number of records, or negative errno. */
static int write_batch(struct mw_export *e, uint64_t now_ns)
{
	uint64_t lanes;
	size_t n = fill_batch(e, &lanes);
	uint64_t lost = new_drops(e);
	uint64_t start;
	int err;

	if (n == 0 && lost == 0)
		return 0;
	start = clock_ns();
	err = mw_events_append(e->events, e->batch, n, lost);
	if (err != 0) {
		say_failed(e, now_ns, err);
		return err;
	}
	note_max(&e->stats.commit_ns_max, clock_ns() - start);
	take_over(e, lost);
	atomic_fetch_add_explicit(&e->stats.commits, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&e->stats.events, n - lanes, memory_order_relaxed);
	atomic_fetch_add_explicit(&e->stats.lanes, lanes, memory_order_relaxed);
	atomic_fetch_add_explicit(&e->stats.ring_dropped, lost, memory_order_relaxed);
	note_full(e);
	return (int)n;
}

static void trim(struct mw_export *e, uint64_t now_ns)
{
	uint64_t cursor;

	if (e->config.cursor == NULL)
		return;
	cursor = atomic_load_explicit(e->config.cursor, memory_order_relaxed);
	for (int i = 0; i < TRIMS_A_TURN && cursor > e->trimmed_to; i++) {
		int n = mw_events_trim(e->events, cursor);

		if (n < 0) {
			say_failed(e, now_ns, n);
			return;
		}
		atomic_fetch_add_explicit(&e->stats.trimmed, (uint64_t)n, memory_order_relaxed);
		if (n < MW_EVENTS_TRIM_MAX)
			e->trimmed_to = cursor;
	}
}

static void upkeep(struct mw_export *e, uint64_t now_ns)
{
	double fill;

	if (e->upkeep_ns != 0 && now_ns - e->upkeep_ns < MW_NS_PER_S)
		return;
	e->upkeep_ns = now_ns;
	mw_env_check_readers(e->events->env);
	fill = mw_env_fill(e->events->env);
	atomic_store_explicit(
		&e->stats.fill_permille, (uint32_t)(fill * 1000), memory_order_relaxed);
}

int mw_export_turn(struct mw_export *e, uint64_t now_ns)
{
	int total = 0;

	upkeep(e, now_ns);
	trim(e, now_ns);
	for (int i = 0; i < BATCHES_A_TURN; i++) {
		int n = write_batch(e, now_ns);

		if (n < 0)
			return n;
		total += n;
		if (n < BATCH_RECORDS / 2)
			break;
	}
	return total;
}

void *mw_export_thread(void *arg)
{
	struct mw_export *e = arg;
	struct timespec interval = {
		.tv_sec = e->config.interval_ms / 1000,
		.tv_nsec = (long)(e->config.interval_ms % 1000) * 1000000,
	};

	while (!atomic_load_explicit(&e->stop, memory_order_relaxed)) {
		mw_export_turn(e, clock_ns());
		nanosleep(&interval, NULL);
	}
	mw_export_turn(e, clock_ns());
	return NULL;
}

void mw_export_stop(struct mw_export *e)
{
	atomic_store_explicit(&e->stop, true, memory_order_relaxed);
}
