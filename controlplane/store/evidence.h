/*
 * What was seen, kept with the ticket it proves: the events themselves as the dataplane encoded
 * them. Bounded per ticket (the first ones and the latest ones are kept), removed when retention
 * ends.
 */
#ifndef MW_CONTROLPLANE_STORE_EVIDENCE_H
#define MW_CONTROLPLANE_STORE_EVIDENCE_H

#include "common/contract/event.h"
#include "controlplane/store/cases.h"

#define MW_EVIDENCE_RECENT_MAX 200 /* of a customer without a ticket */

/* Adds one observation; `limit` are kept, the first half of them and the latest. The count of the
 * ticket grows even when an older one must give way. */
void mw_evidence_add(
	struct mw_cases_txn *txn, uint64_t ticket, const struct mw_event *event, uint32_t limit);
uint64_t mw_evidence_count(struct mw_cases_txn *txn, uint64_t ticket);
/* In the order of arrival; start with mw_evidence_walk(). `number` counts from 1, with a hole where
 * observations gave way. */
struct mw_walk mw_evidence_walk(struct mw_cases_txn *txn, uint64_t ticket);
bool mw_evidence_next(
	struct mw_walk *walk, uint64_t ticket, uint64_t *number, struct mw_event *out);
/* Removes the evidence of one ticket (its count stays). How many observations went. */
uint32_t mw_evidence_remove(struct mw_cases_txn *txn, uint64_t ticket);

/* Recent spam-like messages of a customer who has no ticket yet, so that the evidence of a ticket
 * begins before it was opened. Kept under a number of its own. */
#define MW_EVIDENCE_RECENT(customer_index) ((1ull << 63) | (customer_index))
/* Hands what was recent over to the ticket. */
void mw_evidence_freeze(
	struct mw_cases_txn *txn, uint32_t customer_index, uint64_t ticket, uint32_t limit);

#endif
