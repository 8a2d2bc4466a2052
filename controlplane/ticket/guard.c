/* The questions rows of the table ask before they apply. None changes anything. */
#include "controlplane/ticket/move.h"

/* Where a person must decide: hospitals and the like, prefixes that serve more than one party. */
bool g_never_automatic(const struct mw_step *s)
{
	if (s->ev->kind == MW_TEV_OPENED)
		return s->ev->opened.policy.critical || s->ev->opened.shared;
	return s->t->policy.critical || s->t->shared;
}

bool g_immediate(const struct mw_step *s)
{
	bool conclusive, immediate;

	if (s->ev->kind == MW_TEV_OPENED) {
		conclusive = s->ev->opened.how == MW_OPENING_CONCLUSIVE;
		immediate = s->ev->opened.policy.immediate;
	} else {
		conclusive = s->ev->evidence.conclusive;
		immediate = s->t->policy.immediate;
	}
	return conclusive && immediate && !g_never_automatic(s);
}

bool g_suspicion(const struct mw_step *s)
{
	return s->ev->opened.how == MW_OPENING_SUSPICION;
}

bool g_not_considerable(const struct mw_step *s)
{
	return !s->ev->evidence.considerable && !s->ev->evidence.conclusive;
}

/* What lay in a queue while mail was refused carries a Date from before: not new spam. */
bool g_old_mail(const struct mw_step *s)
{
	return s->ev->evidence.message_date_s != 0 && s->t->enabled_since_s != 0 &&
	       s->ev->evidence.message_date_s < s->t->enabled_since_s &&
	       !s->ev->evidence.conclusive;
}

bool g_nobody_listed(const struct mw_step *s)
{
	if (s->ev->kind == MW_TEV_OPENED) {
		for (uint8_t i = 0; i < s->ev->opened.contact_count; i++)
			if (s->ev->opened.contacts[i].role == MW_CONTACT_CONTACT)
				return false;
		return true;
	}
	return !mw_ladder_listed(s->t);
}

bool g_nobody_to_call(const struct mw_step *s)
{
	if (s->ev->kind == MW_TEV_OPENED) {
		for (uint8_t i = 0; i < s->ev->opened.contact_count; i++)
			if (s->ev->opened.contacts[i].role == MW_CONTACT_CONTACT &&
				s->ev->opened.contacts[i].phone[0] != '\0')
				return false;
		return true;
	}
	return mw_ladder_next(s->t, 0) == MW_NO_CONTACT;
}

/* Not the contact whose turn it is, or his task does not stand yet. */
bool g_other_call(const struct mw_step *s)
{
	return s->ev->call.contact != s->t->contact_at || s->t->calls_done ||
	       mw_ticket_timer_due(s->t, MW_TIMER_CALL_NEXT) != 0;
}

bool g_on_call(const struct mw_step *s)
{
	return s->t->call_in_progress;
}

bool g_reached(const struct mw_step *s)
{
	return s->ev->call.outcome == MW_CALL_REACHED;
}

bool g_call_again(const struct mw_step *s)
{
	enum mw_call_outcome outcome = s->ev->call.outcome;

	return (outcome == MW_CALL_NO_ANSWER || outcome == MW_CALL_BUSY) &&
	       s->t->contacts[s->t->contact_at].attempts + 1 < s->t->policy.call_attempts;
}

bool g_call_another(const struct mw_step *s)
{
	return mw_ladder_next(s->t, (uint8_t)(s->t->contact_at + 1)) != MW_NO_CONTACT;
}

bool g_tam_pending(const struct mw_step *s)
{
	return s->t->tam == MW_TAM_ASKED;
}

bool g_tam_not_asked(const struct mw_step *s)
{
	return s->t->tam == MW_TAM_NONE;
}

bool g_tam_reached(const struct mw_step *s)
{
	return s->ev->tam.reached;
}

/* The TAM was the last hope: the calls are through, the final mail waits for him. */
bool g_tam_was_last(const struct mw_step *s)
{
	return s->t->calls_done && !s->t->final_queued && s->t->tam == MW_TAM_ASKED;
}

/* Of this round of the ladder: one of an earlier round may come late. */
bool g_final_mail(const struct mw_step *s)
{
	return s->ev->mail.mail == MW_MAIL_FINAL && s->t->final_queued && !s->t->worked_off &&
	       (s->ev->mail.revision == 0 || s->ev->mail.revision == s->t->final_revision);
}

bool g_abuse_ended(const struct mw_step *s)
{
	return s->t->policy.require_ongoing &&
	       s->t->last_evidence_s + s->t->policy.ongoing_s < s->now_s;
}

bool g_call_in_progress(const struct mw_step *s)
{
	return s->t->call_in_progress;
}

bool g_late(const struct mw_step *s)
{
	return s->now_s - s->ev->timer.due_s > s->t->policy.late_s;
}

bool g_paused(const struct mw_step *s)
{
	return s->t->paused;
}

bool g_not_paused(const struct mw_step *s)
{
	return !s->t->paused;
}

bool g_run_out(const struct mw_step *s)
{
	return s->t->expiry_shown || s->t->decision_due;
}

bool g_not_run_out(const struct mw_step *s)
{
	return !g_run_out(s);
}

bool g_reply_pauses(const struct mw_step *s)
{
	return !s->t->reply_pause_used && !s->t->paused && !g_run_out(s) &&
	       mw_clock_latest_s(s->t, s->now_s) > s->now_s;
}

/* His mail flows already, by the way it takes in probation. */
bool g_as_in_probation(const struct mw_step *s)
{
	return s->t->verdict == MW_VERDICT_PASS ||
	       (s->t->verdict == MW_VERDICT_DIVERT && mw_divert_probation_s(s->t) != 0);
}

bool g_diverted(const struct mw_step *s)
{
	return s->t->verdict == MW_VERDICT_DIVERT;
}

bool g_not_diverted(const struct mw_step *s)
{
	return !g_diverted(s);
}

bool g_no_right_to_divert(const struct mw_step *s)
{
	return s->t->policy.divert_basis[0] == '\0';
}

bool g_was_disabled(const struct mw_step *s)
{
	return s->t->disabled_since_s != 0;
}

bool g_deadline_passed(const struct mw_step *s)
{
	return s->t->deadline_s != 0 && s->t->deadline_s <= s->now_s;
}

bool g_deadline_passed_for_person(const struct mw_step *s)
{
	return g_deadline_passed(s) && (g_never_automatic(s) || g_abuse_ended(s));
}

bool g_until_past(const struct mw_step *s)
{
	return s->ev->until_s <= s->now_s;
}

bool g_until_too_late(const struct mw_step *s)
{
	return s->ev->until_s > mw_clock_latest_s(s->t, s->now_s);
}

bool g_until_not_later(const struct mw_step *s)
{
	return s->ev->until_s <= s->t->deadline_s;
}

/* The verdict with which mail flows again: what confirming asked for. */
bool g_flow_effective(const struct mw_step *s)
{
	return s->ev->verdict == s->t->verdict &&
	       (s->t->verdict == MW_VERDICT_PASS || s->t->verdict == MW_VERDICT_DIVERT);
}

bool g_other_verdict(const struct mw_step *s)
{
	return s->ev->verdict != s->t->verdict;
}
