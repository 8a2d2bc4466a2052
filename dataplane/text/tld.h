/*
 * Valid top-level domains, for telling an address from "e.g." and "main.c". Read once from the
 * public suffix list (Debian package publicsuffix) on the slow side, then constant: lanes may share
 * it.
 */
#ifndef MW_DATAPLANE_TEXT_TLD_H
#define MW_DATAPLANE_TEXT_TLD_H

#include "common/base/span.h"

#define MW_TLD_DEFAULT_PATH "/usr/share/publicsuffix/public_suffix_list.dat"

struct mw_tld_table;

/* Slow side (tld_open.c). `path` NULL: the default. 0 or a negative errno (-EINVAL: no domain in
 * it). */
int mw_tld_table_open(const char *path, struct mw_tld_table **out);
void mw_tld_table_close(struct mw_tld_table *table);
uint32_t mw_tld_table_count(const struct mw_tld_table *table);

/* `label` without dots, any case; international ones in their xn-- form. */
bool mw_tld_valid(const struct mw_tld_table *table, struct mw_span label);

#endif
