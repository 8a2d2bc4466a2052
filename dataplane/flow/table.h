/*
 * The connections of one lane: a hash table over fixed memory, one entry for both directions, found
 * by addresses, ports and VLAN tags. It knows nothing of TCP; the engine keeps its state in the
 * entry's fields behind the key. Full is refused and counted, never grown.
 */
#ifndef MW_DATAPLANE_FLOW_TABLE_H
#define MW_DATAPLANE_FLOW_TABLE_H

#include "common/base/ip.h"

#define MW_FLOW_NONE UINT32_MAX

struct mw_flow_key {
	struct mw_ip client, server;
	uint16_t client_port, server_port;
	uint16_t vlan_outer, vlan_inner;
};

/* What the table and the wheel need of an entry; it stands first in it. */
struct mw_flow_link {
	struct mw_flow_key key;
	uint32_t next;			 /* in its bucket, or in the free list */
	uint32_t wheel_prev, wheel_next; /* in its slot of the wheel */
	uint32_t wheel_slot;		 /* MW_FLOW_NONE: not on the wheel */
	uint64_t due_ns;
	bool live;
};

struct mw_flow_table {
	uint8_t *entries;
	size_t entry_bytes;
	uint32_t count;
	uint32_t used, used_max;
	uint64_t refused;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t free;
	uint32_t fresh; /* entries from here on have never been used, nor touched */
	uint64_t key;
};

size_t mw_flow_table_bytes(uint32_t count, size_t entry_bytes);
/* `entry_bytes`: size of the engine's entry, which begins with a struct mw_flow_link. */
void mw_flow_table_init(struct mw_flow_table *table, void *memory, uint32_t count,
	size_t entry_bytes, uint64_t key);

void *mw_flow_find(const struct mw_flow_table *table, const struct mw_flow_key *key);
/* A new, zeroed entry; NULL when the table is full. The key must not be in the table. */
void *mw_flow_add(struct mw_flow_table *table, const struct mw_flow_key *key);
void mw_flow_remove(struct mw_flow_table *table, void *entry);

static inline uint32_t mw_flow_index(const struct mw_flow_table *table, const void *entry)
{
	return (uint32_t)((size_t)((const uint8_t *)entry - table->entries) / table->entry_bytes);
}

static inline void *mw_flow_entry(const struct mw_flow_table *table, uint32_t index)
{
	return table->entries + (size_t)index * table->entry_bytes;
}

/* Keyed hash of a key: the caller may need it for another purpose (fingerprints, cookies). */
uint64_t mw_flow_hash(uint64_t key, const void *data, size_t len);

#endif
