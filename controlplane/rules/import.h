/* Paths (files and folders) to the rulebook: who reads which file. */
#ifndef MW_CONTROLPLANE_RULES_IMPORT_H
#define MW_CONTROLPLANE_RULES_IMPORT_H

#include "controlplane/rules/rulebook.h"

/* Reads everything into the book and feeds each file's octets to `hash` (may be NULL). 0, -EINVAL
 * (the book has the error), or another negative errno with the book's error set as well. */
int mw_rules_import(struct mw_rulebook *book, const char *const *paths, size_t count,
	void (*hash)(void *ctx, const void *data, size_t len), void *hash_ctx);

#endif
