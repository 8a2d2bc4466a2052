/* What rows of the table do until a decision: opening, evidence, calls, mails, their alarms. Each
 * changes the ticket and appends the effects that belong to it. */
#include "controlplane/ticket/move.h"

static void copy_text(char *out, size_t size, const char *text)
{
	mw_step_text(out, size, "%s", text);
}

uint8_t mw_step_everybody(const struct mw_step *s)
{
	uint8_t to = MW_TO_CONTACTS | MW_TO_TAM | MW_TO_TAM_PERSONS;

	if (!mw_ladder_listed(s->t))
		to |= MW_TO_POSTMASTER;
	return to;
}

void mw_step_tell_everybody(struct mw_step *s, enum mw_mail_kind kind)
{
	mw_step_queue_mail(s, kind, mw_step_everybody(s) | MW_TO_DESK, MW_NO_CONTACT);
}

void a_take_opening(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	enum mw_ticket_state state = t->state;

	memset(t, 0, sizeof(*t));
	t->state = state;
	t->revision = 1;
	t->number = s->ev->opened.number;
	copy_text(t->customer, sizeof(t->customer), s->ev->opened.customer);
	copy_text(t->reason, sizeof(t->reason), s->ev->opened.reason);
	copy_text(t->postmaster, sizeof(t->postmaster), s->ev->opened.postmaster);
	t->policy = s->ev->opened.policy;
	t->shared = s->ev->opened.shared;
	t->opened_s = s->now_s;
	t->provider_knows_since_s = s->ev->opened.provider_knows_since_s != 0
					    ? s->ev->opened.provider_knows_since_s
					    : s->now_s;
	t->last_evidence_s = s->now_s;
	t->evidence_count = s->ev->opened.evidence_count;
	t->contact_count = s->ev->opened.contact_count;
	for (uint8_t i = 0; i < t->contact_count; i++)
		t->contacts[i].who = s->ev->opened.contacts[i];
}

void a_take_evidence(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	t->evidence_count += s->ev->evidence.count;
	if (s->ev->evidence.event_s > t->last_evidence_s && s->ev->evidence.event_s <= s->now_s)
		t->last_evidence_s = s->ev->evidence.event_s;
}

/* What made a case of it is its reason from now on: it is what customers and desk are told. */
static void take_reason(struct mw_step *s)
{
	if (s->ev->kind == MW_TEV_EVIDENCE && s->ev->text[0] != '\0')
		copy_text(s->t->reason, sizeof(s->t->reason), s->ev->text);
}

void a_begin(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	take_reason(s);
	mw_step_cancel_timer(s, MW_TIMER_SUSPECT_END);
	t->opened_s = s->now_s;
	t->interim = mw_divert_interim_of(t);
	if (t->interim == MW_VERDICT_DIVERT)
		mw_divert_interim(s);
	else /* PASS, too: a case that comes back in probation may find DIVERT */
		mw_step_set_verdict(s, t->interim, "interim verdict while the case is worked");
	mw_step_set_timer(s, MW_TIMER_HARD_CAP, mw_ticket_cap_s(t));
}

/* Conclusive evidence: no ladder comes first, but the case has a beginning all the same. */
void a_begin_disabled(struct mw_step *s)
{
	take_reason(s);
	mw_step_cancel_timer(s, MW_TIMER_SUSPECT_END);
	if (mw_ticket_timer_due(s->t, MW_TIMER_PROBATION_END) != 0)
		s->t->reopened++;
	mw_step_cancel_timer(s, MW_TIMER_PROBATION_END);
}

void a_notice(struct mw_step *s)
{
	if (!mw_step_queue_mail(s, MW_MAIL_NOTICE, MW_TO_CONTACTS, MW_NO_CONTACT))
		mw_step_alarm(s,
			"customer %s has no contact with a mail address, no notice was sent",
			s->t->customer);
	mw_step_set_timer(s, MW_TIMER_SUSPECT_END, s->now_s + s->t->policy.suspect_s);
}

/* Probation has failed: the same ticket, the ladder from its foot, shortened by policy. */
void a_reopen(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	mw_step_cancel_timer(s, MW_TIMER_PROBATION_END);
	t->reopened++;
	t->clock_started_s = 0;
	t->deadline_s = 0;
	t->calls_done = false;
	t->final_queued = false;
	t->worked_off = false;
	t->tam = MW_TAM_NONE;
	t->reply_pause_used = false;
	t->third_party_s = 0;
	t->measures[0] = '\0';
	t->reported_by[0] = '\0';
	t->reported_s = 0;
	for (uint8_t i = 0; i < t->contact_count; i++) {
		t->contacts[i].outcome = MW_CALL_NONE;
		t->contacts[i].attempts = 0;
	}
}

void a_alarm_empty(struct mw_step *s)
{
	mw_step_alarm(
		s, "customer %s has no contact: find one, then `ticket contacted`", s->t->customer);
}

void a_call_started(struct mw_step *s)
{
	s->t->call_in_progress = true;
	mw_step_cancel_timer(s, MW_TIMER_TASK_ALARM);
}

void a_customer_knows(struct mw_step *s)
{
	if (s->t->customer_knows_since_s == 0)
		s->t->customer_knows_since_s = s->now_s;
}

void a_call_result(struct mw_step *s)
{
	struct mw_ticket_contact *c = &s->t->contacts[s->ev->call.contact];

	c->outcome = s->ev->call.outcome;
	c->called_s = s->now_s;
	if (c->attempts < UINT8_MAX)
		c->attempts++;
	s->t->call_in_progress = false;
	mw_step_close_task(
		s, MW_TASK_CALL, s->ev->call.contact, mw_call_outcome_name(s->ev->call.outcome));
	if (c->outcome == MW_CALL_WRONG_NUMBER)
		mw_step_alarm(s,
			"the number of contact %u of customer %s is wrong: correct the list",
			c->who.position, s->t->customer);
	if (c->outcome == MW_CALL_REACHED)
		a_customer_knows(s);
}

void a_conversation(struct mw_step *s)
{
	a_customer_knows(s);
	mw_ladder_stop(s);
	s->t->calls_done = true;
	mw_clock_start(s);
}

void a_tam_outcome(struct mw_step *s)
{
	s->t->tam = s->ev->tam.reached ? MW_TAM_REACHED : MW_TAM_FAILED;
	mw_step_cancel_timer(s, MW_TIMER_TAM_WAIT);
	mw_step_close_task(s, MW_TASK_TAM, MW_NO_CONTACT, mw_tam_state_name(s->t->tam));
	if (s->ev->tam.reached)
		a_customer_knows(s);
}

/* The task stays open: he may still report, and it is a person's silence, not his outcome. */
void a_tam_silent(struct mw_step *s)
{
	s->t->tam = MW_TAM_FAILED;
	mw_step_alarm(s,
		"the technical account manager has not answered for %u s; the case goes on without "
		"him",
		s->t->policy.tam_wait_s);
}

void a_worked_off(struct mw_step *s)
{
	s->t->worked_off = true;
	s->t->calls_done = true;
	mw_ladder_stop(s);
	a_customer_knows(s); /* the formal warning has gone to everybody on his list */
	mw_clock_start(s);
}

void a_mail_accepted(struct mw_step *s)
{
	if (g_final_mail(s)) {
		s->t->worked_off = true;
		mw_step_cancel_timer(s, MW_TIMER_MAIL_OVERDUE);
	}
	if (s->ev->mail.mail != MW_MAIL_TAM && s->ev->mail.mail != MW_MAIL_WITHDRAWN)
		a_customer_knows(s);
}

void a_mail_failed(struct mw_step *s)
{
	mw_step_alarm(s, "the %s mail could not be delivered: %s%s",
		mw_mail_kind_name(s->ev->mail.mail), s->ev->text,
		g_final_mail(s) ? "; deliver the notice otherwise, then `ticket attest`" : "");
}

void a_alarm_task(struct mw_step *s)
{
	mw_step_alarm(s, "nobody has taken the call to contact %u of customer %s",
		s->t->contacts[s->t->contact_at].who.position, s->t->customer);
	mw_step_set_timer(s, MW_TIMER_TASK_ALARM, s->now_s + s->t->policy.task_alarm_s);
}

void a_alarm_mail(struct mw_step *s)
{
	mw_step_alarm(s,
		"the relay has not accepted the final mail for %u s: see to the relay, or deliver "
		"the notice otherwise, then `ticket attest`",
		s->t->policy.mail_alarm_s);
}
