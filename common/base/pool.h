/*
 * Fixed memory, handed out in blocks of one size. The pool takes its memory once, from its caller,
 * and at one block more than it has it says NULL and counts the refusal. Not thread-safe: one lane
 * owns it.
 */
#ifndef MW_COMMON_BASE_POOL_H
#define MW_COMMON_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct mw_pool {
	uint8_t *memory;
	size_t block_bytes;
	uint32_t blocks;
	uint32_t fresh; /* blocks from here on have never been handed out, nor touched */
	uint32_t used;
	uint32_t used_max;
	uint64_t refused;
	void *free_list;
};

/* `memory` holds blocks * block_bytes octets, aligned to 64; block_bytes is a multiple of 64. */
void mw_pool_init(struct mw_pool *pool, void *memory, size_t block_bytes, uint32_t blocks);
void *mw_pool_get(struct mw_pool *pool); /* not cleared; NULL when none is left */
void mw_pool_put(struct mw_pool *pool, void *block);

#endif
