/*
 * Fragments in a capture: copies of them until the packet is whole. The same table as live
 * (dataplane/flow/fragments.h), but nothing is kept back, for everything has been forwarded
 * already, and an identification that is used again is taken as it comes. Called by main.c.
 */
#ifndef MW_DATAPLANE_REPLAY_FRAGMENTS_H
#define MW_DATAPLANE_REPLAY_FRAGMENTS_H

#include "dataplane/engine/lane.h"

struct mw_replay_fragments;

/* NULL without memory. `ports`: of SMTP, read as long as this lives. */
struct mw_replay_fragments *mw_replay_fragments_new(const struct mw_port_set *ports);
void mw_replay_fragments_free(struct mw_replay_fragments *f);

/* A frame of the capture. 0: it is no fragment, or completes nothing; else the length of the frame
 * at *whole, which has the whole packet, valid until the next call. */
uint32_t mw_replay_fragments_add(struct mw_replay_fragments *f, uint64_t now_ns,
	const uint8_t *frame, uint32_t len, uint8_t **whole);

#endif
