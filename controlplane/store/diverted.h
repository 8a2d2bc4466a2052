/* What became of a customer's connections under DIVERT: sums over all that the lanes told. */
#ifndef MW_CONTROLPLANE_STORE_DIVERTED_H
#define MW_CONTROLPLANE_STORE_DIVERTED_H

#include "controlplane/store/cases.h"

struct mw_diverted {
	uint64_t diverted;		   /* led to the gateway */
	uint64_t passed, put_off, refused; /* it could not be reached: by the fallback */
};

/* All zero when nothing was told. */
void mw_diverted_get(struct mw_cases_txn *txn, uint32_t customer_index, struct mw_diverted *out);
void mw_diverted_add(
	struct mw_cases_txn *txn, uint32_t customer_index, const struct mw_diverted *more);

#endif
