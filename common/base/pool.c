#include "common/base/pool.h"

#include <string.h>

/* A free block holds the pointer to the next free one in its first octets. */
void mw_pool_init(struct mw_pool *pool, void *memory, size_t block_bytes, uint32_t blocks)
{
	*pool = (struct mw_pool){.memory = memory, .block_bytes = block_bytes, .blocks = blocks};
	for (uint32_t i = blocks; i > 0; i--) {
		void *block = pool->memory + (size_t)(i - 1) * block_bytes;

		memcpy(block, &pool->free_list, sizeof(void *));
		pool->free_list = block;
	}
}

void *mw_pool_get(struct mw_pool *pool)
{
	void *block = pool->free_list;

	if (block == NULL) {
		pool->refused++;
		return NULL;
	}
	memcpy(&pool->free_list, block, sizeof(void *));
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
