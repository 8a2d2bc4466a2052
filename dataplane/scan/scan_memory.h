/* A message's scan as it lies in its caller's memory. Private to dataplane/scan. */
#ifndef MW_DATAPLANE_SCAN_SCAN_MEMORY_H
#define MW_DATAPLANE_SCAN_SCAN_MEMORY_H

#include "dataplane/scan/scratch.h"

struct mw_scan {
	const struct mw_ruleset *rules;
	uint32_t full_slot, attachment_slot, inner_slot;
	uint32_t attachment_stream; /* the part whose octets are in the slot */
	bool full_refused, incomplete;
	uint64_t *hits;	  /* a bit a rule: some expression of it matched */
	uint64_t *seen;	  /* a bit a section: a record came */
	uint16_t *counts; /* of counted rules */
};

static inline size_t mw_words(uint32_t bits)
{
	return bits / 64 + 1;
}

static inline bool mw_bit_test(const uint64_t *set, uint32_t i)
{
	return (set[i / 64] >> i % 64 & 1) != 0;
}

static inline void mw_bit_set(uint64_t *set, uint32_t i)
{
	set[i / 64] |= 1ull << i % 64;
}

/* Ends what streams are open: their last matches and hashes come, the slots go back. */
void mw_scan_close_streams(struct mw_scan *scan, struct mw_scan_scratch *scratch);

#endif
