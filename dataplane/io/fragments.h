/*
 * Fragments at the rim: the buffers a lane keeps until a packet is whole, its way to the lane that
 * owns the connection, and its way out again in the same buffers. Called by worker.c, in the
 * worker's own thread.
 *
 *   fragment → lane by addresses and identification, keeps it → whole → lane by ports, decides it
 */
#ifndef MW_DATAPLANE_IO_FRAGMENTS_H
#define MW_DATAPLANE_IO_FRAGMENTS_H

#include "dataplane/io/worker.h"

/* In m->port beside the role: a chain of all the fragments of one packet, in order of arrival, each
 * a frame of its own. No device makes such a thing. */
#define MW_IO_CHAIN 0x8000u

#define MW_IO_FRAGMENT_PACKETS 256u  /* under way at a time, a lane */
#define MW_IO_FRAGMENT_PIECES  1024u /* buffers kept at a time, a lane, where there are as many */
#define MW_IO_FRAGMENT_MARKS   131072u

/* Memory of one worker, all of it; `buffers` of the pool it may keep. 0 or negative errno. */
int mw_io_fragments_make(struct mw_io_worker *w, uint32_t buffers);
void mw_io_fragments_free(struct mw_io_worker *w);
size_t mw_io_fragments_bytes(uint32_t buffers);

/* A buffer in one piece, of which the lane has said that it is a fragment. */
void mw_io_fragment(struct mw_io_worker *w, struct rte_mbuf *m, uint64_t now_ns);
/* A chain that another lane has handed over. */
void mw_io_fragments_chain(struct mw_io_worker *w, struct rte_mbuf *chain, uint64_t now_ns);
/* Each turn: what has waited too long. */
void mw_io_fragments_tick(struct mw_io_worker *w, uint64_t now_ns);
/* The end: what waits still is let go, counted. */
void mw_io_fragments_end(struct mw_io_worker *w);

static inline bool mw_io_is_chain(const struct rte_mbuf *m)
{
	return (m->port & MW_IO_CHAIN) != 0;
}

#endif
