/*
 * Timers that are due. Each is taken out in the transaction that stores what it did; several may
 * share one. A clock that jumps forward makes them due early, never twice; one that jumps back
 * makes them wait.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/core/core.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/customers.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/timers.h"

/* The publication tells open cases that their verdict is in force; one that was closed with a last
 * verdict is not found by its customer any more. When nothing waits to be published, it is. */
static bool was_published(struct mw_core *core, struct mw_cases_txn *txn, uint64_t ticket)
{
	return mw_ticket_get(txn, ticket, &core->ticket) && mw_ticket_is_over(&core->ticket) &&
	       mw_cases_count(txn, MW_TABLE_CHANGES) == 0;
}

static void fire_ticket(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_timer *timer, uint64_t now_s)
{
	struct mw_ticket_event *ev = &core->step;
	int rc;

	memset(ev, 0, sizeof(*ev));
	ev->kind = MW_TEV_TIMER;
	snprintf(ev->by, sizeof(ev->by), "timer");
	ev->timer.kind = (enum mw_timer_kind)timer->kind;
	ev->timer.due_s = timer->due_s;
	if (timer->kind == MW_TIMER_VERDICT && was_published(core, txn, timer->id)) {
		memset(ev, 0, sizeof(*ev));
		ev->kind = MW_TEV_VERDICT_EFFECTIVE;
		snprintf(ev->by, sizeof(ev->by), "policy");
		ev->verdict = core->ticket.verdict;
	}
	rc = mw_core_step(core, txn, timer->id, ev, now_s);
	/* A timer the ticket no longer has is dropped; it was taken out already. */
	if (rc != 0 && rc != -ESTALE && rc != -EPERM && rc != -ENOENT)
		mw_cases_fail(txn, rc);
}

static void fire_evidence(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_timer *timer, uint64_t now_s)
{
	struct mw_ticket_number number = mw_ticket_number_of(timer->id);
	char name[MW_TICKET_MAX], detail[64];
	struct mw_timer again = *timer;
	uint32_t gone;

	if ((timer->id & (1ull << 63)) != 0) {
		struct mw_key head = mw_key_u64_u64(timer->id, 0);

		mw_evidence_remove(txn, timer->id);
		mw_cases_del(txn, MW_TABLE_EVIDENCE, mw_key_span(&head));
		return;
	}
	if (mw_ticket_get(txn, timer->id, &core->ticket) &&
		(core->ticket.hold || !mw_ticket_is_over(&core->ticket))) {
		again.due_s = now_s + 86400;
		mw_timer_set(txn, &again);
		return;
	}
	gone = mw_evidence_remove(txn, timer->id);
	snprintf(detail, sizeof(detail), "%u observations", (unsigned)gone);
	mw_audit_add(txn, now_s, "retention", "evidence-removed",
		mw_ticket_number_format(&number, name), detail);
}

static void fire_validity(struct mw_cases_txn *txn, const struct mw_timer *timer)
{
	struct mw_key from = mw_key_u32((uint32_t)timer->id);
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
	struct mw_line_key line;

	while (mw_customer_next_line(&walk, (uint32_t)timer->id, &line))
		mw_change_add(txn, MW_CHANGE_LINE, 0, &line);
	mw_walk_end(&walk);
}

int mw_core_timers(struct mw_core *core, uint64_t now_s, uint32_t max)
{
	struct mw_cases_txn txn = mw_cases_write(core->cases);
	struct mw_timer timer;
	uint32_t fired = 0;
	int rc;

	while (fired < max && mw_timer_take_due(&txn, now_s, &timer)) {
		switch (timer.owner) {
		case MW_TIMER_OF_TICKET:
			fire_ticket(core, &txn, &timer, now_s);
			break;
		case MW_TIMER_OF_VERDICT:
			mw_core_desk_clear(
				core, &txn, (uint32_t)timer.id, "it has expired", "timer", now_s);
			break;
		case MW_TIMER_OF_EVIDENCE:
			fire_evidence(core, &txn, &timer, now_s);
			break;
		case MW_TIMER_OF_VALIDITY:
			fire_validity(&txn, &timer);
			break;
		}
		fired++;
	}
	if (fired == 0) {
		mw_cases_abort(&txn);
		return txn.base.error;
	}
	rc = mw_cases_commit(&txn);
	if (rc != 0)
		return rc;
	core->counters.timers_fired += fired;
	return (int)fired;
}
