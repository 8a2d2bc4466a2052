/*
 * The customer's clock. Either trigger starts it, nothing restarts it in his favour; people may
 * stop it for a while or put the end off, never beyond the hard cap or a third party's deadline.
 */
#include "controlplane/ticket/move.h"

static uint64_t min_s(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t mw_clock_latest_s(const struct mw_ticket *t, uint64_t now_s)
{
	uint64_t latest = mw_ticket_cap_s(t);

	if (t->third_party_s > now_s)
		latest = min_s(latest, t->third_party_s);
	return latest;
}

void mw_clock_start(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	uint32_t len_s = t->reopened > 0 ? t->policy.reopen_deadline_s : t->policy.deadline_s;

	if (t->clock_started_s != 0)
		return;
	t->clock_started_s = s->now_s;
	t->deadline_s = min_s(s->now_s + len_s, mw_clock_latest_s(t, s->now_s));
	/* From here on the deadline is the decision, and it is never later than the cap. */
	mw_step_cancel_timer(s, MW_TIMER_HARD_CAP);
	mw_step_cancel_timer(s, MW_TIMER_THIRD_PARTY);
	if (t->decision_due) {
		t->decision_due = false;
		mw_step_close_task(s, MW_TASK_DECIDE, MW_NO_CONTACT, "the clock runs now");
	}
	mw_step_set_timer(s, MW_TIMER_DEADLINE, t->deadline_s);
}

void mw_clock_stop(struct mw_step *s)
{
	mw_step_cancel_timer(s, MW_TIMER_DEADLINE);
	mw_step_cancel_timer(s, MW_TIMER_GRACE);
	mw_step_cancel_timer(s, MW_TIMER_HARD_CAP);
	mw_step_cancel_timer(s, MW_TIMER_THIRD_PARTY);
	mw_step_cancel_timer(s, MW_TIMER_PAUSE_END);
	s->t->paused = false;
	s->t->expiry_shown = false;
	if (s->t->decision_due)
		mw_step_close_task(s, MW_TASK_DECIDE, MW_NO_CONTACT, "decided otherwise");
	s->t->decision_due = false;
}

void mw_clock_pause(struct mw_step *s, uint64_t until_s, const char *by, const char *why)
{
	struct mw_ticket *t = s->t;

	t->paused = true;
	t->pause_from_s = s->now_s;
	t->paused_until_s = until_s;
	mw_step_text(t->paused_by, sizeof(t->paused_by), "%s", by);
	mw_step_text(t->pause_reason, sizeof(t->pause_reason), "%s", why);
	mw_step_cancel_timer(s, MW_TIMER_DEADLINE);
	mw_step_set_timer(s, MW_TIMER_PAUSE_END, until_s);
}

void mw_clock_resume(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	/* A pause served late (we were down) lasts as long as was granted, not as long as we slept.
	 */
	uint64_t end_s = min_s(s->now_s, t->paused_until_s);
	uint64_t paused_s = end_s > t->pause_from_s ? end_s - t->pause_from_s : 0;
	uint64_t latest_s = mw_clock_latest_s(t, t->pause_from_s);

	if (t->deadline_s < latest_s)
		t->deadline_s = min_s(t->deadline_s + paused_s, latest_s);
	t->paused = false;
	mw_step_cancel_timer(s, MW_TIMER_PAUSE_END);
	mw_step_set_timer(s, MW_TIMER_DEADLINE, t->deadline_s);
}

void mw_clock_extend(struct mw_step *s, uint64_t deadline_s)
{
	mw_clock_stop(s);
	s->t->deadline_s = deadline_s;
	mw_step_set_timer(s, MW_TIMER_DEADLINE, deadline_s);
}

void mw_clock_third_party(struct mw_step *s, uint64_t deadline_s)
{
	struct mw_ticket *t = s->t;

	t->third_party_s = deadline_s;
	if (t->clock_started_s == 0) {
		mw_step_set_timer(s, MW_TIMER_THIRD_PARTY, deadline_s);
		return;
	}
	if (deadline_s >= t->deadline_s)
		return;
	t->deadline_s = deadline_s;
	if (!t->paused && mw_ticket_timer_due(t, MW_TIMER_DEADLINE) != 0)
		mw_step_set_timer(s, MW_TIMER_DEADLINE, deadline_s);
}
