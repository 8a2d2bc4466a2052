/*
 * Lines that have a verdict of their own, or once had one. The dataplane keeps verdicts by index,
 * so such a line has an index among those of the customers, for good. Who it belongs to is said in
 * customers.h; here is its last customer, in case it has none any more.
 */
#ifndef MW_CONTROLPLANE_STORE_LINES_H
#define MW_CONTROLPLANE_STORE_LINES_H

#include "common/contract/policy.h"
#include "controlplane/store/cases.h"

struct mw_own_line {
	uint32_t index; /* dense with the customers', never reused */
	uint32_t owner; /* his index */
	struct mw_line_key key;
};

/* False: it never had a verdict of its own. */
bool mw_own_line_get(
	struct mw_cases_txn *txn, const struct mw_line_key *line, struct mw_own_line *out);
bool mw_own_line_at(struct mw_cases_txn *txn, uint32_t index, struct mw_own_line *out);
/* Gives the line an index, unless it has one, and `owner` as its customer. */
void mw_own_line_make(struct mw_cases_txn *txn, const struct mw_line_key *line, uint32_t owner,
	struct mw_own_line *out);
/* There is none at all: the common case, without a look at each line. */
bool mw_own_lines_none(struct mw_cases_txn *txn);

#endif
