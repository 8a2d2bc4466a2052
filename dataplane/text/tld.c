/*
 * Looking a top-level domain up. The table is constant by the time this runs.
 */
#include "dataplane/text/tld_table.h"

uint32_t mw_tld_slot_of(const struct mw_tld_table *table, struct mw_span label)
{
	uint32_t hash = 2166136261u, at;

	for (size_t i = 0; i < label.len; i++)
		hash = (hash ^ label.data[i]) * 16777619u;
	for (at = (hash ^ hash >> 15) % MW_TLD_SLOTS;; at = (at + 1) % MW_TLD_SLOTS) {
		const struct mw_tld_slot *slot = &table->slots[at];

		if (slot->len == 0 ||
			(slot->len == label.len && memcmp(slot->label, label.data, label.len) == 0))
			return at;
	}
}

uint32_t mw_tld_table_count(const struct mw_tld_table *table)
{
	return table->count;
}

bool mw_tld_valid(const struct mw_tld_table *table, struct mw_span label)
{
	uint8_t lower[MW_TLD_LABEL_MAX];

	if (label.len == 0 || label.len > MW_TLD_LABEL_MAX)
		return false;
	for (size_t i = 0; i < label.len; i++) {
		uint8_t b = label.data[i];

		lower[i] = b >= 'A' && b <= 'Z' ? (uint8_t)(b + 32) : b;
	}
	return table->slots[mw_tld_slot_of(table, mw_span_of(lower, label.len))].len != 0;
}
