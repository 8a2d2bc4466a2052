/* What rows of the table do from the deadline on: decisions, reports, the ends of a case, and what
 * people may do beside it. */
#include "controlplane/ticket/move.h"

static void ask_for_decision(struct mw_step *s, const char *why)
{
	s->t->decision_due = true;
	mw_step_create_task(s, MW_TASK_DECIDE, MW_NO_CONTACT, s->now_s, why);
}

void a_alarm_cap(struct mw_step *s)
{
	mw_step_alarm(s, "a decision is due and the customer was not notified yet: reach him, "
			 "`ticket attest` "
			 "or `ticket disable`");
	ask_for_decision(s, "the longest time from opening to a decision is over");
}

void a_alarm_third_party(struct mw_step *s)
{
	mw_step_alarm(s, "a third party's deadline has passed before the customer was notified");
}

void a_alarm_verify(struct mw_step *s)
{
	mw_step_alarm(s, "the customer's report waits to be checked since %u s",
		s->t->policy.verify_alarm_s);
	mw_step_set_timer(s, MW_TIMER_VERIFY_ALARM, s->now_s + s->t->policy.verify_alarm_s);
}

void a_alarm_verdict(struct mw_step *s)
{
	mw_step_alarm(s, "verdict %s of customer %s is not in force yet: is the dataplane running?",
		mw_verdict_name(s->t->verdict), s->t->customer);
	mw_step_set_timer(s, MW_TIMER_VERDICT, s->now_s + 60);
}

void a_show_expiry(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	t->expiry_shown = true;
	mw_step_alarm(s,
		"the deadline of customer %s has passed%s; mail is refused in %u s unless somebody "
		"takes a report or extends",
		t->customer, t->call_in_progress ? " during your call" : " while we were down",
		t->policy.grace_s);
	mw_step_set_timer(s, MW_TIMER_GRACE, s->now_s + t->policy.grace_s);
}

void a_decision_due(struct mw_step *s)
{
	bool never = g_never_automatic(s);

	s->t->expiry_shown = false;
	mw_step_alarm(s, "the deadline of customer %s has passed; %s", s->t->customer,
		never ? "a person decides here" : "the abuse has ended, a person decides");
	ask_for_decision(
		s, never ? "the deadline has passed; this customer is never disabled automatically"
			 : "the deadline has passed; no new evidence has come lately");
}

void a_disable(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	bool ongoing = t->last_evidence_s + t->policy.ongoing_s >= s->now_s;
	uint64_t quiet_s = s->now_s > t->last_evidence_s ? s->now_s - t->last_evidence_s : 0;

	mw_clock_stop(s);
	mw_ladder_stop(s);
	t->disabled_since_s = s->now_s;
	mw_step_set_verdict(s, MW_VERDICT_REJECT, t->reason);
	mw_step_text(mw_step_effect(s, MW_EFFECT_HISTORY)->text, MW_EFFECT_TEXT_MAX,
		"the abuse %s: last evidence %llu s ago, %llu pieces in all",
		ongoing ? "still goes on" : "seems to have ended", (unsigned long long)quiet_s,
		(unsigned long long)t->evidence_count);
}

void a_tell_disabled(struct mw_step *s)
{
	mw_step_tell_everybody(s, MW_MAIL_DISABLED);
}

void a_take_report(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	mw_step_text(t->measures, sizeof(t->measures), "%s", s->ev->report.measures);
	mw_step_text(t->reported_by, sizeof(t->reported_by), "%s", s->ev->by);
	t->reported_s = s->now_s;
	a_customer_knows(s);
	mw_step_close_task(s, MW_TASK_JUDGE, MW_NO_CONTACT, "a report was taken");
}

void a_stop_for_report(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	mw_step_cancel_timer(s, MW_TIMER_SUSPECT_END);
	if (t->state == MW_TICKET_VERIFYING && t->disabled_since_s == 0)
		mw_clock_start(
			s); /* a report is a conversation: it starts the clock if nothing did yet */
	if (t->paused)
		mw_clock_resume(s);
	mw_clock_stop(s);
	mw_ladder_stop(s);
	mw_step_create_task(
		s, MW_TASK_VERIFY, MW_NO_CONTACT, s->now_s, "check the reported measures");
	mw_step_set_timer(s, MW_TIMER_VERIFY_ALARM, s->now_s + t->policy.verify_alarm_s);
}

void a_judge_task(struct mw_step *s)
{
	mw_step_create_task(s, MW_TASK_JUDGE, MW_NO_CONTACT, s->now_s,
		"a mail came: if it reports measures and names the ticket, take it as `ticket "
		"report`");
}

void a_reply_pause(struct mw_step *s)
{
	uint64_t until_s = s->now_s + s->t->policy.reply_pause_s;
	uint64_t latest_s = mw_clock_latest_s(s->t, s->now_s);

	s->t->reply_pause_used = true;
	mw_clock_pause(s, until_s < latest_s ? until_s : latest_s, "reply",
		"a mailed reply waits to be read");
}

static void verified(struct mw_step *s)
{
	mw_step_cancel_timer(s, MW_TIMER_VERIFY_ALARM);
	mw_step_close_task(s, MW_TASK_VERIFY, MW_NO_CONTACT, mw_ticket_event_name(s->ev->kind));
}

void a_enable(struct mw_step *s)
{
	verified(s);
	a_probation_verdict(s);
}

void a_probation(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	verified(s);
	mw_step_cancel_timer(s, MW_TIMER_VERDICT);
	if (t->disabled_since_s != 0)
		mw_step_tell_everybody(s, MW_MAIL_ENABLED);
	t->disabled_since_s = 0;
	t->call_in_progress = false;
	t->enabled_since_s = s->now_s;
	mw_step_set_timer(s, MW_TIMER_PROBATION_END, s->now_s + t->policy.probation_s);
}

void a_back_to_disabled(struct mw_step *s)
{
	verified(s);
}

void a_back_to_work(struct mw_step *s)
{
	verified(s);
	if (s->t->deadline_s > s->now_s)
		mw_step_set_timer(s, MW_TIMER_DEADLINE, s->t->deadline_s);
}

void a_pause(struct mw_step *s)
{
	mw_clock_pause(s, s->ev->until_s, s->ev->by, s->ev->text);
}

void a_resume(struct mw_step *s)
{
	mw_clock_resume(s);
}

void a_extend(struct mw_step *s)
{
	mw_clock_extend(s, s->ev->until_s);
}

void a_dispute(struct mw_step *s)
{
	s->t->dispute = s->ev->on;
	if (s->ev->on) {
		s->t->hold =
			true; /* a dispute needs its evidence; lifting it does not lift the hold */
		mw_step_alarm(s, "customer %s disputes the case; the clock does not stop by itself",
			s->t->customer);
	}
}

void a_hold(struct mw_step *s)
{
	s->t->hold = s->ev->on;
}

void a_third_party(struct mw_step *s)
{
	switch (s->t->state) {
	case MW_TICKET_SUSPECT:
	case MW_TICKET_OPEN:
	case MW_TICKET_CONTACTING:
	case MW_TICKET_WORKING:
	case MW_TICKET_AWAITING:
		mw_clock_third_party(s, s->ev->until_s);
		break;
	default:
		s->t->third_party_s = s->ev->until_s;
	}
}

void a_withdraw(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	bool told = t->customer_knows_since_s != 0;

	mw_clock_stop(s);
	mw_ladder_stop(s);
	mw_step_cancel_timer(s, MW_TIMER_VERIFY_ALARM);
	mw_step_cancel_timer(s, MW_TIMER_SUSPECT_END);
	mw_step_cancel_timer(s, MW_TIMER_PROBATION_END);
	t->call_in_progress = false;
	for (int kind = 0; kind < MW_TASK_KIND_COUNT; kind++)
		if (kind != MW_TASK_REVIEW)
			mw_step_close_task(s, (enum mw_task_kind)kind, MW_NO_CONTACT, "withdrawn");
	t->disabled_since_s = 0;
	mw_step_set_verdict(s, MW_VERDICT_PASS, "the case was withdrawn");
	if (told)
		mw_step_tell_everybody(s, MW_MAIL_WITHDRAWN);
}

void a_review_task(struct mw_step *s)
{
	mw_step_create_task(s, MW_TASK_REVIEW, MW_NO_CONTACT, s->now_s,
		"a customer was released at once: look at it afterwards");
}

void a_verdict_effective(struct mw_step *s)
{
	mw_step_cancel_timer(s, MW_TIMER_VERDICT);
}

void a_close(struct mw_step *s)
{
	mw_clock_stop(s);
	mw_step_set_verdict(s, MW_VERDICT_PASS, "the case is over");
	mw_step_close_task(s, MW_TASK_JUDGE, MW_NO_CONTACT, "the ticket is closed");
	if (s->t->tam == MW_TAM_ASKED || s->t->tam == MW_TAM_FAILED)
		mw_step_close_task(s, MW_TASK_TAM, MW_NO_CONTACT, "the ticket is closed");
}
