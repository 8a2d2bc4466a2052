/* Linear over at most 256 entries, once per spam-like message: cheaper than anything clever. */
#include "controlplane/detect/seen.h"

bool mw_seen(struct mw_detect_seen *table, uint32_t size, uint32_t *count, uint64_t key,
	uint64_t at_s, uint64_t within_s, bool keep)
{
	uint32_t oldest = 0;

	for (uint32_t i = 0; i < *count; i++) {
		if (table[i].key == key) {
			bool recent = at_s - table[i].at_s < within_s;

			if (!recent || !keep)
				table[i].at_s = at_s;
			return recent;
		}
		if (table[i].at_s < table[oldest].at_s)
			oldest = i;
	}
	if (*count < size)
		oldest = (*count)++;
	table[oldest] = (struct mw_detect_seen){.key = key, .at_s = at_s};
	return false;
}

uint32_t mw_seen_count(
	const struct mw_detect_seen *table, uint32_t count, uint64_t at_s, uint64_t within_s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		n += at_s - table[i].at_s < within_s;
	return n;
}
