/*
 * Timers in UTC seconds that survive kill and restart. One timer per (owner, id, kind): setting it
 * again moves it. A timer is taken out in the transaction that stores what it did, so it fires
 * once.
 */
#ifndef MW_CONTROLPLANE_STORE_TIMERS_H
#define MW_CONTROLPLANE_STORE_TIMERS_H

#include "controlplane/store/cases.h"

enum mw_timer_owner {
	MW_TIMER_OF_TICKET = 1,	  /* id: ticket number; kind: as controlplane/ticket names it */
	MW_TIMER_OF_VERDICT = 2,  /* id: customer index; kind 0: a verdict set by hand expires */
	MW_TIMER_OF_EVIDENCE = 3, /* id: as in MW_TABLE_EVIDENCE; kind 0: retention ends */
	MW_TIMER_OF_VALIDITY = 4, /* id: customer index; kind 0: his lines begin, 1: they end */
};

struct mw_timer {
	uint64_t due_s;
	enum mw_timer_owner owner;
	uint64_t id;
	uint16_t kind;
	uint64_t data; /* handed back when due */
};

void mw_timer_set(struct mw_cases_txn *txn, const struct mw_timer *timer);
void mw_timer_clear(
	struct mw_cases_txn *txn, enum mw_timer_owner owner, uint64_t id, uint16_t kind);
void mw_timer_clear_all(struct mw_cases_txn *txn, enum mw_timer_owner owner, uint64_t id);
bool mw_timer_get(struct mw_cases_txn *txn, enum mw_timer_owner owner, uint64_t id, uint16_t kind,
	struct mw_timer *out);
/* When the next one is due; UINT64_MAX for never. */
uint64_t mw_timer_next_due(struct mw_cases_txn *txn);
/* Takes out the earliest timer that is due at `now_s`. */
bool mw_timer_take_due(struct mw_cases_txn *txn, uint64_t now_s, struct mw_timer *out);

#endif
