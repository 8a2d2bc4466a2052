/*
 * Mails on their way out, by id, and in the order in which they are due. Encoding and the rules of
 * trying again belong to controlplane/notify.
 */
#ifndef MW_CONTROLPLANE_STORE_OUTBOX_H
#define MW_CONTROLPLANE_STORE_OUTBOX_H

#include "controlplane/notify/outbox.h"
#include "controlplane/store/cases.h"

/* A record with id 0 gets the next one. Only what is queued stays in the list of what is due. */
void mw_outbox_put(struct mw_cases_txn *txn, struct mw_outbox_record *record);
bool mw_outbox_get(struct mw_cases_txn *txn, uint64_t id, struct mw_outbox_record *out);
/* Queued mails whose time has come, earliest first; start with a walk over MW_TABLE_OUTBOX_DUE. */
bool mw_outbox_next_due(struct mw_walk *walk, uint64_t now_s, uint64_t *id);
/* When the next queued mail is due; UINT64_MAX for never. */
uint64_t mw_outbox_next_try(struct mw_cases_txn *txn);
uint64_t mw_outbox_queued(struct mw_cases_txn *txn);

#endif
