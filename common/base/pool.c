#include "common/base/pool.h"

#include <string.h>

/* A free block holds the pointer to the next free one in its first octets. Blocks that were never
 * used are not touched before they are needed: a large pool costs memory only as it fills. */
void mw_pool_init(struct mw_pool *pool, void *memory, size_t block_bytes, uint32_t blocks)
{
	*pool = (struct mw_pool){.memory = memory, .block_bytes = block_bytes, .blocks = blocks};
}

void *mw_pool_get(struct mw_pool *pool)
{
	void *block = pool->free_list;

	if (block != NULL) {
		memcpy(&pool->free_list, block, sizeof(void *));
	} else if (pool->fresh < pool->blocks) {
		block = pool->memory + (size_t)pool->fresh++ * pool->block_bytes;
	} else {
		pool->refused++;
		return NULL;
	}
	if (++pool->used > pool->used_max)
		pool->used_max = pool->used;
	return block;
}

void mw_pool_put(struct mw_pool *pool, void *block)
{
	memcpy(block, &pool->free_list, sizeof(void *));
	pool->free_list = block;
	pool->used--;
}
