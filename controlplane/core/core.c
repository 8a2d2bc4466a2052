/* Tickets move here, one event at a time: see core.h. */
#include "controlplane/core/core.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/core/effects.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/timers.h"
#include "controlplane/store/verdicts.h"
#include "controlplane/ticket/step.h"

void mw_core_init(struct mw_core *core, struct mw_cases *cases, const struct mw_settings *settings)
{
	memset(core, 0, sizeof(*core));
	core->cases = cases;
	core->settings = settings;
}

const struct mw_class_policy *mw_core_class(const struct mw_core *core, const char *class_name)
{
	const struct mw_class_policy *found = mw_settings_class(core->settings, class_name);

	if (found == NULL)
		found = mw_settings_class(core->settings, core->settings->default_class);
	return found != NULL ? found : &core->settings->classes[0];
}

/* A right that was withdrawn is none for a running case either, and another one is named as it is
 * now. */
static void take_right(const struct mw_core *core, struct mw_ticket_policy *policy)
{
	bool may = mw_settings_may_divert(core->settings) == NULL;

	snprintf(policy->divert_basis, sizeof(policy->divert_basis), "%s",
		may ? core->settings->divert.basis : "");
}

/* Steps core->ticket and stores all that follows. */
static int step_and_store(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, const struct mw_ticket_event *event,
	uint64_t now_s)
{
	bool was_over = mw_ticket_is_over(&core->ticket);
	enum mw_ticket_state before = core->ticket.state;
	int rc;

	if (core->ticket.state != MW_TICKET_NONE)
		take_right(core, &core->ticket.policy);
	rc = mw_ticket_step(&core->ticket, event, now_s, &core->ticket, &core->effects);
	if (rc != 0) {
		core->counters.refusals++;
		return rc;
	}
	core->counters.steps++;
	mw_ticket_put(txn, customer->index, &core->ticket);
	mw_core_store_effects(core, txn, customer, event->by, now_s);
	if (core->ticket.state != before && (core->ticket.state == MW_TICKET_RESOLVED ||
						    core->ticket.state == MW_TICKET_UNFOUNDED)) {
		/* What led here is dealt with: what comes now is judged afresh. */
		mw_detector_get(txn, customer->index, &core->detector);
		mw_detect_reset(&core->detector);
		mw_detector_put(txn, customer->index, &core->detector);
	}
	if (!was_over && mw_ticket_is_over(&core->ticket)) {
		uint64_t key = mw_ticket_key(&core->ticket.number);
		struct mw_timer retention = {.owner = MW_TIMER_OF_EVIDENCE,
			.id = key,
			.due_s = now_s + core->settings->retention.evidence_days * 86400ull};

		mw_timer_set(txn, &retention);
	}
	return txn->base.error;
}

int mw_core_step(struct mw_core *core, struct mw_cases_txn *txn, uint64_t ticket,
	const struct mw_ticket_event *event, uint64_t now_s)
{
	struct mw_desk_customer customer;

	core->effects.refusal[0] = '\0';
	if (!mw_ticket_get(txn, ticket, &core->ticket))
		return txn->base.error != 0 ? txn->base.error : -ENOENT;
	if (!mw_customer_get(txn, core->ticket.customer, &customer))
		return txn->base.error != 0 ? txn->base.error : -ENOENT;
	return step_and_store(core, txn, &customer, event, now_s);
}

int mw_core_open(struct mw_core *core, struct mw_cases_txn *txn, const char *customer_id,
	enum mw_opening how, const char *reason, const char *by, uint64_t now_s, uint64_t *ticket)
{
	const struct mw_class_policy *class_policy;
	struct mw_ticket_event *ev = &core->step;
	struct mw_contact contacts[MW_TICKET_CONTACTS_MAX];
	struct mw_desk_customer customer;
	uint64_t open;
	int rc;

	*ticket = 0;
	if (!mw_customer_get(txn, customer_id, &customer))
		return txn->base.error != 0 ? txn->base.error : -ENOENT;
	open = mw_ticket_open_of(txn, customer.index);
	if (open != 0) {
		*ticket = open;
		return -EEXIST;
	}
	class_policy = mw_core_class(core, customer.class_name);
	memset(ev, 0, sizeof(*ev));
	memset(&core->ticket, 0, sizeof(core->ticket));
	ev->kind = MW_TEV_OPENED;
	snprintf(ev->by, sizeof(ev->by), "%s", by);
	ev->opened.number = mw_ticket_number_next(txn, mw_core_year(now_s));
	memcpy(ev->opened.customer, customer.id, sizeof(ev->opened.customer));
	snprintf(ev->opened.reason, sizeof(ev->opened.reason), "%s", reason);
	memcpy(ev->opened.postmaster, core->settings->mail.postmaster,
		sizeof(ev->opened.postmaster));
	ev->opened.how = how;
	ev->opened.policy = class_policy->ticket;
	ev->opened.shared = customer.shared || class_policy->shared;
	ev->opened.provider_knows_since_s = now_s;
	ev->opened.evidence_count = mw_evidence_count(txn, MW_EVIDENCE_RECENT(customer.index));
	ev->opened.contact_count =
		(uint8_t)mw_contacts_get(txn, customer.id, contacts, MW_TICKET_CONTACTS_MAX);
	memcpy(ev->opened.contacts, contacts, sizeof(contacts[0]) * ev->opened.contact_count);
	*ticket = mw_ticket_key(&ev->opened.number);
	mw_evidence_freeze(
		txn, customer.index, *ticket, core->settings->retention.evidence_per_ticket);
	mw_timer_clear(txn, MW_TIMER_OF_EVIDENCE, MW_EVIDENCE_RECENT(customer.index), 0);
	rc = step_and_store(core, txn, &customer, ev, now_s);
	if (rc == 0)
		core->counters.tickets_opened++;
	else
		mw_cases_fail(txn, rc); /* half an opening must not be stored */
	return rc;
}

int mw_core_mail_result(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_mail_result *result, uint64_t now_s)
{
	struct mw_ticket_event *ev = &core->step;
	int rc;

	core->counters.mails[result->outcome]++;
	if (!mw_outbox_get(txn, result->id, &core->mail))
		return txn->base.error != 0 ? txn->base.error : -ENOENT;
	if (core->mail.state != MW_OUTBOX_QUEUED)
		return 0; /* answered before: the same mail was handed over twice */
	mw_outbox_apply(&core->mail, result, now_s);
	mw_outbox_put(txn, &core->mail);
	if (core->mail.state == MW_OUTBOX_QUEUED)
		return txn->base.error;
	memset(ev, 0, sizeof(*ev));
	ev->kind =
		core->mail.state == MW_OUTBOX_ACCEPTED ? MW_TEV_MAIL_ACCEPTED : MW_TEV_MAIL_FAILED;
	snprintf(ev->by, sizeof(ev->by), "relay");
	snprintf(ev->text, sizeof(ev->text), "%s", core->mail.last_reply);
	ev->mail.mail = core->mail.kind;
	ev->mail.revision = core->mail.revision;
	rc = mw_core_step(core, txn, mw_ticket_key(&core->mail.ticket), ev, now_s);
	/* A ticket that has moved on no longer cares; the outbox has the answer. */
	return rc == -EPERM || rc == -ESTALE || rc == -ENOENT ? txn->base.error : rc;
}

void mw_core_effective(
	struct mw_core *core, struct mw_cases_txn *txn, uint32_t customer_index, uint64_t now_s)
{
	struct mw_ticket_event *ev = &core->step;
	uint64_t ticket = mw_ticket_open_of(txn, customer_index);

	if (ticket == 0 || !mw_ticket_get(txn, ticket, &core->ticket) ||
		mw_ticket_timer_due(&core->ticket, MW_TIMER_VERDICT) == 0)
		return;
	memset(ev, 0, sizeof(*ev));
	ev->kind = MW_TEV_VERDICT_EFFECTIVE;
	snprintf(ev->by, sizeof(ev->by), "policy");
	ev->verdict = core->ticket.verdict;
	mw_core_step(core, txn, ticket, ev, now_s);
}
