/* What events.c and events_read.c must agree on. Private to common/store. */
#ifndef MW_COMMON_STORE_EVENTS_TABLES_H
#define MW_COMMON_STORE_EVENTS_TABLES_H

#include "common/store/events.h"

/* Keys of `meta`. */
#define MW_EVENTS_META_EPOCH "epoch"
#define MW_EVENTS_META_CLEAN "clean" /* the next number, left by a writer that closed */
#define MW_EVENTS_META_LOSS  "loss"

enum { MW_EVENTS_LOSS_VERSION = 1, MW_EVENTS_LOSS_OCTETS = 1 + 8 * 8 };

/* All zero when there is none yet. */
void mw_events_get_loss(struct mw_txn *t, MDB_dbi meta, struct mw_events_loss *out);

#endif
