/* What policy.c and policy_read.c must agree on. Private to common/store. */
#ifndef MW_COMMON_STORE_POLICY_TABLES_H
#define MW_COMMON_STORE_POLICY_TABLES_H

#include "common/store/policy.h"

/* Keys of `meta`. */
#define MW_META_SETTINGS   "settings"
#define MW_META_GENERATION "generation"
#define MW_META_FLOOR	   "changes_floor"
#define MW_META_CUSTOMERS  "customers"
#define MW_META_CURSOR	   "events_cursor"

/* First octet of a `change`; what follows is the key in its table. */
enum {
	MW_CHANGE_CUSTOMER = 'C',
	MW_CHANGE_LINE = 'L',
	MW_CHANGE_VERDICT = 'V',
	MW_CHANGE_SETTINGS = 'S',
};

/* Never given to a customer: the dataplane says "nobody" by it. */
#define MW_NO_INDEX UINT32_MAX

/* 0 when there is none. */
uint64_t mw_policy_meta_u64(struct mw_policy_txn *t, const char *name);

#endif
