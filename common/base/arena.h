/*
 * Bump allocation over blocks of a pool: many small things that die together (the facts of one
 * message). No single allocation is larger than a block less MW_ARENA_OVERHEAD.
 */
#ifndef MW_COMMON_BASE_ARENA_H
#define MW_COMMON_BASE_ARENA_H

#include "common/base/pool.h"
#include "common/base/span.h"

#define MW_ARENA_OVERHEAD 64

struct mw_arena {
	struct mw_pool *pool;
	void *blocks;	/* chain, newest first */
	size_t used;	/* octets of the newest block */
	uint32_t count; /* blocks held */
	uint32_t count_max;
	bool refused; /* sticky: something did not fit since the last reset */
};

void mw_arena_init(struct mw_arena *arena, struct mw_pool *pool, uint32_t blocks_max);
/* Aligned to 16, not cleared; NULL (and `refused`) when the block limit or the pool is exhausted.
 */
void *mw_arena_alloc(struct mw_arena *arena, size_t len);
/* A copy of the span; {NULL, 0} when it does not fit. An empty span copies to a non-NULL pointer.
 */
struct mw_span mw_arena_copy(struct mw_arena *arena, struct mw_span s);
void mw_arena_reset(struct mw_arena *arena); /* gives every block back */

#endif
