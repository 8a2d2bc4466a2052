#include "dataplane/engine/left.h"

#include "common/base/time.h"

/* An entry: what the slot does not say of the hash, and the minute. The minutes come round after
 * two years; who is taken for one who left then hears of his refusal at EHLO, no more. */
#define MINUTE_BITS 20
#define MINUTE_MASK ((1u << MINUTE_BITS) - 1)

static uint32_t minute_of(uint64_t now_ns)
{
	return (uint32_t)(now_ns / (60 * MW_NS_PER_S)) & MINUTE_MASK;
}

/* Never zero in what it keeps of the hash. */
static uint64_t mark_of(uint64_t client)
{
	return (client & ~(uint64_t)MINUTE_MASK) | (uint64_t)1 << 63;
}

void mw_left_note(struct mw_left *left, uint64_t client, uint64_t now_ns)
{
	atomic_store_explicit(&left->entry[client % MW_LEFT_ENTRIES],
		mark_of(client) | minute_of(now_ns), memory_order_relaxed);
}

bool mw_left_knows(const struct mw_left *left, uint64_t client, uint64_t now_ns)
{
	uint64_t entry =
		atomic_load_explicit(&left->entry[client % MW_LEFT_ENTRIES], memory_order_relaxed);
	uint32_t since = (minute_of(now_ns) - (uint32_t)entry) & MINUTE_MASK;

	return (entry & ~(uint64_t)MINUTE_MASK) == mark_of(client) && since < MW_LEFT_MINUTES;
}
