/*
 * A closed hash table of labels; filled by tld_open.c, read by tld.c, internal to the two.
 */
#ifndef MW_DATAPLANE_TEXT_TLD_TABLE_H
#define MW_DATAPLANE_TEXT_TLD_TABLE_H

#include "dataplane/text/tld.h"

#define MW_TLD_SLOTS	 8192 /* at most half of them are used */
#define MW_TLD_LABEL_MAX 63

struct mw_tld_slot {
	uint8_t len; /* 0: free */
	char label[MW_TLD_LABEL_MAX];
};

struct mw_tld_table {
	uint32_t count;
	struct mw_tld_slot slots[MW_TLD_SLOTS];
};

/* The slot of a lower-case label, or the free one where it would go. */
uint32_t mw_tld_slot_of(const struct mw_tld_table *table, struct mw_span label);

#endif
