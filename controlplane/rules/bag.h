/*
 * Memory of one compilation: many small things, released together. A process that cannot get the
 * few hundred octets it asks for here ends with a sentence; nothing of the compiler could go on
 * either.
 */
#ifndef MW_CONTROLPLANE_RULES_BAG_H
#define MW_CONTROLPLANE_RULES_BAG_H

#include "common/base/span.h"

struct mw_bag {
	void *blocks; /* chain, newest first */
	size_t used;
	size_t size;
};

void *mw_bag_alloc(struct mw_bag *bag, size_t len);	 /* zeroed, aligned to 16; never NULL */
char *mw_bag_copy(struct mw_bag *bag, struct mw_span s); /* NUL-terminated */
char *mw_bag_printf(struct mw_bag *bag, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void mw_bag_free(struct mw_bag *bag);

/* A growing array on the heap: `*items` has room for one more item of `item_size` after the call.
 */
void *mw_grow(void *items, size_t count, size_t *room, size_t item_size);

#endif
