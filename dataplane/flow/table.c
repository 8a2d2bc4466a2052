#include "dataplane/flow/table.h"

static uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A folded-multiply hash: each word is multiplied with secret-dependent odd constants, so that one
 * who does not know the key cannot aim at a bucket. Not a MAC. */
uint64_t mw_flow_hash(uint64_t key, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = key ^ 0x9e3779b97f4a7c15ull;
	uint64_t odd = (key << 1 | 1) ^ 0xd6e8feb86659fd92ull;
	size_t left = len;

	while (left >= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		h = mix(h ^ word, odd | 1);
		odd += 0xa0761d6478bd642full * 2;
		p += 8;
		left -= 8;
	}
	if (left > 0) {
		uint64_t word = 0;

		memcpy(&word, p, left);
		h = mix(h ^ word, odd | 1);
	}
	return mix(h ^ len, 0xe7037ed1a0b428dbull ^ key);
}

static uint32_t bucket_count(uint32_t count)
{
	uint32_t n = 64;

	while (n < count)
		n <<= 1;
	return n;
}

size_t mw_flow_table_bytes(uint32_t count, size_t entry_bytes)
{
	return bucket_count(count) * sizeof(uint32_t) + (size_t)count * entry_bytes;
}

void mw_flow_table_init(
	struct mw_flow_table *table, void *memory, uint32_t count, size_t entry_bytes, uint64_t key)
{
	uint32_t buckets = bucket_count(count);

	*table = (struct mw_flow_table){
		.entries = memory,
		.entry_bytes = entry_bytes,
		.count = count,
		.bucket_mask = buckets - 1,
		.free = MW_FLOW_NONE,
		.key = key,
	};
	table->buckets = (uint32_t *)(void *)(table->entries + (size_t)count * entry_bytes);
	for (uint32_t i = 0; i < buckets; i++)
		table->buckets[i] = MW_FLOW_NONE;
}

static bool key_eq(const struct mw_flow_key *a, const struct mw_flow_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static uint32_t *bucket_of(const struct mw_flow_table *table, const struct mw_flow_key *key)
{
	return &table->buckets[mw_flow_hash(table->key, key, sizeof(*key)) & table->bucket_mask];
}

void *mw_flow_find(const struct mw_flow_table *table, const struct mw_flow_key *key)
{
	uint32_t at = *bucket_of(table, key);

	while (at != MW_FLOW_NONE) {
		struct mw_flow_link *link = mw_flow_entry(table, at);

		if (key_eq(&link->key, key))
			return link;
		at = link->next;
	}
	return NULL;
}

void *mw_flow_add(struct mw_flow_table *table, const struct mw_flow_key *key)
{
	uint32_t index = table->free;
	uint32_t *bucket = bucket_of(table, key);
	struct mw_flow_link *link;

	if (index == MW_FLOW_NONE && table->fresh < table->count) {
		index = table->fresh++;
		link = mw_flow_entry(table, index);
	} else if (index != MW_FLOW_NONE) {
		link = mw_flow_entry(table, index);
		table->free = link->next;
	} else {
		table->refused++;
		return NULL;
	}
	memset(link, 0, table->entry_bytes);
	link->key = *key;
	link->next = *bucket;
	link->wheel_slot = MW_FLOW_NONE;
	link->live = true;
	*bucket = index;
	if (++table->used > table->used_max)
		table->used_max = table->used;
	return link;
}

void mw_flow_remove(struct mw_flow_table *table, void *entry)
{
	struct mw_flow_link *link = entry;
	uint32_t index = mw_flow_index(table, entry);
	uint32_t *at = bucket_of(table, &link->key);

	while (*at != index)
		at = &((struct mw_flow_link *)mw_flow_entry(table, *at))->next;
	*at = link->next;
	link->next = table->free;
	link->live = false;
	table->free = index;
	table->used--;
}
