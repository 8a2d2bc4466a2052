/*
 * Events of the dataplane become observations, observations move the tests of a customer, a finding
 * opens a ticket or joins the one that is open. One batch, one transaction, with the cursor: so an
 * event counts exactly once whatever dies when.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/core/core.h"
#include "controlplane/store/customers.h"
#include "controlplane/store/diverted.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/timers.h"

#define RECENT_S 86400u /* spam-like messages without a ticket are forgotten after a day */

static int take(void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record)
{
	struct mw_core *core = ctx;

	if (core->batch_count >= MW_CORE_BATCH_MAX)
		return 1;
	core->batch[core->batch_count].seq = seq;
	core->batch[core->batch_count].event = *event;
	core->batch_count++;
	return 0;
}

static struct mw_event *event_of(struct mw_core *core, uint64_t seq)
{
	uint32_t low = 0, high = core->batch_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (core->batch[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return &core->batch[low].event;
}

/* At most one a customer, at most one an event: the room is enough. */
static struct mw_core_pending *pending_of(struct mw_core *core, uint32_t customer_index)
{
	for (uint32_t i = 0; i < core->pending_count; i++) {
		if (core->pending[i].customer_index == customer_index)
			return &core->pending[i];
	}
	memset(&core->pending[core->pending_count], 0, sizeof(core->pending[0]));
	core->pending[core->pending_count].customer_index = customer_index;
	return &core->pending[core->pending_count++];
}

/* Headers are kept only of customers whose inspection class says so. */
static void keep_evidence(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, struct mw_event *event, uint64_t ticket,
	uint64_t now_s)
{
	uint64_t at = ticket != 0 ? ticket : MW_EVIDENCE_RECENT(customer->index);
	struct mw_timer retention = {
		.owner = MW_TIMER_OF_EVIDENCE, .id = at, .due_s = now_s + RECENT_S};

	if (customer->inspection != MW_INSPECTION_CONTENT_SAMPLE) {
		event->message.subject[0] = '\0';
		event->message.header_from[0] = '\0';
		event->message.message_id[0] = '\0';
		event->message.mailer[0] = '\0';
		event->message.date[0] = '\0';
	}
	mw_evidence_add(txn, at, event,
		ticket != 0 ? core->settings->retention.evidence_per_ticket
			    : MW_EVIDENCE_RECENT_MAX);
	if (ticket == 0)
		mw_timer_set(txn, &retention);
}

static void observe(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_detect_observation *observation, uint64_t now_s)
{
	struct mw_event *event = event_of(core, observation->sequence);
	uint32_t index = event->kind == MW_EVENT_HAM ? event->ham.customer_index
						     : event->message.customer_index;
	struct mw_desk_customer customer;
	struct mw_detect_policy policy;
	struct mw_detect_result result;
	struct mw_core_pending *pending;
	uint64_t ticket;

	if (!mw_customer_at(txn, index, &customer)) {
		core->counters.events_unknown++;
		return;
	}
	policy = mw_core_class(core, customer.class_name)->detect;
	ticket = mw_ticket_open_of(txn, index);
	if (ticket != 0 && mw_ticket_get(txn, ticket, &core->ticket) &&
		core->ticket.state == MW_TICKET_PROBATION)
		mw_detect_policy_probation(&policy);
	mw_detector_get(txn, index, &core->detector);
	memset(&result, 0, sizeof(result));
	mw_detect_observe(&core->detector, &policy, observation, now_s, &result);
	mw_detector_put(txn, index, &core->detector);
	core->counters.observations[observation->klass]++;
	if (result.first)
		core->counters.findings[result.finding]++;
	if (result.counted == MW_COUNTED_RETRY) {
		core->counters.retries++;
		return;
	}
	if (result.counted == MW_COUNTED_CAMPAIGN)
		core->counters.campaign_repeats++;
	if (event->kind != MW_EVENT_MESSAGE || observation->klass == MW_CLASS_HAM)
		return;
	pending = pending_of(core, index);
	pending->messages++;
	pending->last_s = event->message.time_us / MW_US_PER_S;
	pending->date_s = mw_core_date_s(event->message.date);
	if (result.finding >= pending->finding && result.finding != MW_FINDING_NOTHING) {
		pending->finding = result.finding;
		memcpy(pending->sentence, result.sentence, sizeof(pending->sentence));
	}
	keep_evidence(core, txn, &customer, event, ticket, now_s);
}

/* What the batch means for one customer's case. */
static void conclude(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_core_pending *pending, uint64_t now_s)
{
	struct mw_ticket_event *ev = &core->step;
	struct mw_desk_customer customer;
	uint64_t ticket = mw_ticket_open_of(txn, pending->customer_index);
	enum mw_opening how;
	int rc;

	if (ticket != 0) {
		memset(ev, 0, sizeof(*ev));
		ev->kind = MW_TEV_EVIDENCE;
		snprintf(ev->by, sizeof(ev->by), "detector");
		snprintf(ev->text, sizeof(ev->text), "%s", pending->sentence);
		ev->evidence.count = pending->messages;
		ev->evidence.event_s = pending->last_s;
		ev->evidence.message_date_s = pending->date_s;
		ev->evidence.considerable = pending->finding == MW_FINDING_CONSIDERABLE ||
					    pending->finding == MW_FINDING_WORM;
		ev->evidence.conclusive = pending->finding == MW_FINDING_WORM;
		rc = mw_core_step(core, txn, ticket, ev, now_s);
		if (rc != 0 && rc != -EPERM && rc != -ESTALE)
			mw_cases_fail(txn, rc);
		return;
	}
	switch (pending->finding) {
	case MW_FINDING_SUSPICION:
	case MW_FINDING_SPAMMER:
		how = MW_OPENING_SUSPICION;
		break;
	case MW_FINDING_CONSIDERABLE:
		how = MW_OPENING_CONSIDERABLE;
		break;
	case MW_FINDING_WORM:
		how = MW_OPENING_CONCLUSIVE;
		break;
	default:
		return;
	}
	if (mw_customer_at(txn, pending->customer_index, &customer))
		mw_core_open(
			core, txn, customer.id, how, pending->sentence, "detector", now_s, &ticket);
}

static void count_session(struct mw_core_counters *c, const struct mw_event_session *s)
{
	c->sessions++;
	c->recipients_refused += s->recipients_refused;
	c->recipients_unknown += s->recipients_unknown;
	c->recipients_policy += s->recipients_policy;
	c->policy_refusals += s->policy_refusals;
}

static void count_divert(
	struct mw_core *core, struct mw_cases_txn *txn, const struct mw_event_divert *d)
{
	const struct mw_diverted more = {.diverted = d->diverted,
		.passed = d->passed,
		.put_off = d->put_off,
		.refused = d->refused};
	struct mw_desk_customer customer;

	if (mw_customer_at(txn, d->customer_index, &customer))
		mw_diverted_add(txn, d->customer_index, &more);
	else
		core->counters.events_unknown++;
}

static void take_in(struct mw_core *core, struct mw_cases_txn *txn, uint64_t now_s)
{
	size_t count = 0;

	core->pending_count = 0;
	for (uint32_t i = 0; i < core->batch_count; i++) {
		const struct mw_event *event = &core->batch[i].event;

		if (event->kind == MW_EVENT_SESSION)
			count_session(&core->counters, &event->session);
		else if (event->kind == MW_EVENT_DIVERT)
			count_divert(core, txn, &event->divert);
		else if (mw_detect_observation_of(
				 event, core->batch[i].seq, &core->observations[count]) == 0)
			count++;
	}
	mw_detect_order(core->observations, count);
	for (size_t i = 0; i < count && txn->base.error == 0; i++)
		observe(core, txn, &core->observations[i], now_s);
	for (uint32_t i = 0; i < core->pending_count && txn->base.error == 0; i++)
		conclude(core, txn, &core->pending[i], now_s);
}

int mw_core_ingest(struct mw_core *core, struct mw_events *events, uint64_t now_s)
{
	struct mw_core_counters before = core->counters;
	struct mw_events_batch batch;
	struct mw_cases_txn txn;
	uint64_t cursor;
	int rc;

	if (!mw_env_may_insert(&core->cases->env))
		return -ENOSPC;
	txn = mw_cases_read(core->cases);
	cursor = mw_meta_get(&txn, "events_cursor");
	mw_cases_abort(&txn);
	core->batch_count = 0;
	memset(&batch, 0, sizeof(batch));
	rc = mw_events_read(events, cursor, MW_CORE_BATCH_MAX, take, core, &batch);
	if (rc != 0)
		return rc;
	if (batch.last_seq == cursor)
		return 0;
	txn = mw_cases_write(core->cases);
	take_in(core, &txn, now_s);
	mw_meta_set(&txn, "events_cursor", batch.last_seq);
	mw_meta_set(&txn, "events_lost", mw_meta_get(&txn, "events_lost") + batch.missing);
	rc = mw_cases_commit(&txn);
	if (rc != 0) {
		core->counters = before; /* it will all be counted when it is taken in */
		return rc;
	}
	core->counters.events_consumed += batch.count;
	core->counters.events_lost += batch.missing;
	core->counters.events_restarts += batch.restarts;
	core->counters.events_unreadable += batch.unreadable;
	return (int)batch.count + (int)batch.unreadable;
}
