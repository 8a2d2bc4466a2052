/*
 * The keeper of the antivirus gateway (dataplane/gateway) at its place in the rim: in the first
 * lane's thread, where there is a port to the gateway. What it finds out is one word, which every
 * lane reads each turn.
 *
 *   frame of the divert port ─ the keeper's to see? ─► first lane ─► keeper ─ not its own? ─► lane
 */
#ifndef MW_DATAPLANE_IO_KEEPER_H
#define MW_DATAPLANE_IO_KEEPER_H

#include "dataplane/gateway/gateway.h"
#include "dataplane/io/worker.h"

#define MW_IO_KEEPER_LANE 0

/* For the first lane's worker, before the lanes run; shared->divert_mac and ->key are filled. 0 or
 * -ENOMEM. */
int mw_io_keeper_make(struct mw_io_worker *w);
void mw_io_keeper_free(struct mw_io_worker *w);

/* The settings of a new snapshot, in any lane's worker: in force from its next turn on. */
void mw_io_keeper_settings(struct mw_io_worker *w, const struct mw_divert_settings *settings);

/* Each turn: the keeper's timers where it is kept, and what it has found out, for this lane. */
void mw_io_keeper_turn(struct mw_io_worker *w, uint64_t now_ns);

/* Of a frame that came from the divert port: must the keeper see it before a lane does? */
bool mw_io_keeper_wants(const struct mw_io_worker *w, const uint8_t *data, uint32_t len);
/* Where it is kept: true when the frame was for us, counted, and ends here. */
bool mw_io_keeper_packet(
	struct mw_io_worker *w, const uint8_t *data, uint32_t len, uint64_t now_ns);

#endif
