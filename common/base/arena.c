#include "common/base/arena.h"

void mw_arena_init(struct mw_arena *arena, struct mw_pool *pool, uint32_t blocks_max)
{
	*arena = (struct mw_arena){.pool = pool, .count_max = blocks_max};
}

/* The first MW_ARENA_OVERHEAD octets of a block hold the pointer to the block before it. */
static bool grow(struct mw_arena *arena)
{
	void *block;

	if (arena->count == arena->count_max)
		return false;
	block = mw_pool_get(arena->pool);
	if (block == NULL)
		return false;
	memcpy(block, &arena->blocks, sizeof(void *));
	arena->blocks = block;
	arena->used = MW_ARENA_OVERHEAD;
	arena->count++;
	return true;
}

void *mw_arena_alloc(struct mw_arena *arena, size_t len)
{
	size_t size = (len + 15) & ~(size_t)15;
	uint8_t *at;

	if (size > arena->pool->block_bytes - MW_ARENA_OVERHEAD || len > SIZE_MAX - 15)
		goto refuse;
	if (arena->blocks == NULL || arena->used + size > arena->pool->block_bytes)
		if (!grow(arena))
			goto refuse;
	at = (uint8_t *)arena->blocks + arena->used;
	arena->used += size;
	return at;
refuse:
	arena->refused = true;
	return NULL;
}

struct mw_span mw_arena_copy(struct mw_arena *arena, struct mw_span s)
{
	uint8_t *at = mw_arena_alloc(arena, s.len == 0 ? 1 : s.len);

	if (at == NULL)
		return mw_span_of(NULL, 0);
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return mw_span_of(at, s.len);
}

void mw_arena_reset(struct mw_arena *arena)
{
	while (arena->blocks != NULL) {
		void *block = arena->blocks;

		memcpy(&arena->blocks, block, sizeof(void *));
		mw_pool_put(arena->pool, block);
	}
	arena->used = 0;
	arena->count = 0;
	arena->refused = false;
}
