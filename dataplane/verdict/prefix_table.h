/*
 * Whose address is this? An immutable longest-prefix match over the lines of all customers, IPv4
 * and IPv6, and VLAN pairs. Prefixes are flattened to sorted intervals; a lookup is a binary
 * search, once a connection. Pure: memory is the caller's. A prefix shorter than /96 never covers
 * IPv4 addresses (their mapped form lies inside ::/0, but an operator who writes ::/0 means IPv6).
 */
#ifndef MW_DATAPLANE_VERDICT_PREFIX_TABLE_H
#define MW_DATAPLANE_VERDICT_PREFIX_TABLE_H

#include "common/contract/policy.h"

#define MW_NO_CUSTOMER UINT32_MAX

struct mw_prefix_table {
	uint32_t v4_count, v6_count, vlan_count;
	const uint32_t *v4_top;	     /* 65537: where the intervals of each /16 begin */
	const uint32_t *v4_start;    /* interval i begins here and ends where i+1 begins */
	const uint32_t *v4_customer; /* MW_NO_CUSTOMER for a hole */
	const struct mw_ip *v6_start;
	const uint32_t *v6_customer;
	const uint32_t *vlan; /* outer << 16 | inner, sorted */
	const uint32_t *vlan_customer;
};

/* Octets that hold a table of `lines` lines, whatever they are. */
size_t mw_prefix_table_bytes(uint32_t lines);

/* The order of the policy's line table: prefixes by network then length, then VLANs. <0, 0, >0 */
int mw_line_key_compare(const struct mw_line_key *a, const struct mw_line_key *b);

/* Builds into `memory` (mw_prefix_table_bytes octets, aligned to 16), which must stay. `lines` come
 * in the order of mw_line_key_compare, each key once. 0; -EINVAL when they do not, or a prefix has
 * host bits or a VLAN is out of range; -ENOSPC when the memory is too small. */
int mw_prefix_table_build(struct mw_prefix_table *table, void *memory, size_t size,
	const struct mw_line_record *lines, uint32_t count);

/* A table without lines needs no memory. */
void mw_prefix_table_empty(struct mw_prefix_table *table);

uint32_t mw_prefix_table_address(const struct mw_prefix_table *table, const struct mw_ip *ip);
uint32_t mw_prefix_table_vlan(const struct mw_prefix_table *table, uint16_t outer, uint16_t inner);

#endif
