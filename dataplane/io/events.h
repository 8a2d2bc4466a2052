/*
 * Facts of a lane become events of the contract: cut to their limits, made valid UTF-8, stripped of
 * what the customer's inspection class does not allow to keep, encoded into the agent's ring. A
 * full ring loses the event, counted. Called on the lane's core; allocates nothing.
 */
#ifndef MW_DATAPLANE_IO_EVENTS_H
#define MW_DATAPLANE_IO_EVENTS_H

#include "dataplane/io/worker.h"

/* The lane's sink, `ctx` a struct mw_io_worker. */
void mw_io_event_message(void *ctx, const struct mw_lane_message *message);
void mw_io_event_session(void *ctx, const struct mw_lane_session *session);
void mw_io_event_ham(void *ctx, uint32_t customer_index, uint32_t ham, uint64_t now_ns);
void mw_io_event_divert(
	void *ctx, uint32_t customer_index, const struct mw_divert_counts *counts, uint64_t now_ns);

/* Once a second. */
void mw_io_event_lane(struct mw_io_worker *w, uint64_t now_ns);

/* Pure; for tests. `sample`: headers may be kept as evidence. */
void mw_io_message_to_event(
	const struct mw_lane_message *message, bool sample, struct mw_event_message *out);

#endif
