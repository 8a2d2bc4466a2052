/* What the files of the loader share. Private to dataplane/scan. */
#ifndef MW_DATAPLANE_SCAN_LOAD_H
#define MW_DATAPLANE_SCAN_LOAD_H

#include "dataplane/scan/ruleset_memory.h"

struct mw_load {
	struct mw_ruleset *rules;
	struct mw_ruleset_file file;
	char *error; /* MW_RULESET_ERROR_MAX octets; the first sentence stays */
};

bool mw_load_fail(struct mw_load *l, const char *sentence); /* always false */
/* Zeroed room for `count` items; NULL, and the error set, when there is no memory. */
void *mw_load_table(struct mw_load *l, uint32_t count, size_t size);
/* load_tables.c: everything before the report lines. */
bool mw_load_tables(struct mw_load *l);

#endif
