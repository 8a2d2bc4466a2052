/*
 * The verdict on a customer. Two parties may have one: his ticket, and a person at the desk; the
 * person's counts as long as it stands. No record: PASS. Every change goes into the list of
 * changes.
 */
#ifndef MW_CONTROLPLANE_STORE_VERDICTS_H
#define MW_CONTROLPLANE_STORE_VERDICTS_H

#include "common/contract/policy.h"
#include "controlplane/store/cases.h"

enum mw_verdict_source { MW_VERDICT_BY_DESK = 0, MW_VERDICT_BY_TICKET = 1 };

/* Sets generation; `reply` is left to apply/, which knows the words. */
void mw_verdict_put(
	struct mw_cases_txn *txn, enum mw_verdict_source source, struct mw_verdict_record *rec);
/* False: there was none. */
bool mw_verdict_remove(
	struct mw_cases_txn *txn, enum mw_verdict_source source, uint32_t customer_index);
bool mw_verdict_get(struct mw_cases_txn *txn, enum mw_verdict_source source,
	uint32_t customer_index, struct mw_verdict_record *out);
/* The one that counts at `now_s`, one that has expired being none; PASS with nothing else filled in
 * when there is none. */
void mw_verdict_effective(struct mw_cases_txn *txn, uint32_t customer_index, uint64_t now_s,
	struct mw_verdict_record *out);
/* All of them; start with a walk over MW_TABLE_VERDICTS. */
bool mw_verdict_next(
	struct mw_walk *walk, enum mw_verdict_source *source, struct mw_verdict_record *out);

#endif
