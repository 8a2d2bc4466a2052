/*
 * The escalation procedure of DESIGN.md section 7 as one table: the first row that fits state,
 * event and guard decides. Every state and event has a last row without a guard; a test walks all
 * of them. Rows of one event stand together, in the order of a case.
 */
#include "controlplane/ticket/move.h"

#define IN(state) (1u << MW_TICKET_##state)

#define ANY	  ((1u << MW_TICKET_STATE_COUNT) - 1)
#define EXISTS	  (ANY & ~IN(NONE))
#define OVER	  (IN(CLOSED) | IN(UNFOUNDED))
#define LIVE	  (EXISTS & ~OVER)
#define CALLING	  (IN(OPEN) | IN(CONTACTING))
#define CLOCKED	  (IN(WORKING) | IN(AWAITING))
#define UNDECIDED (CALLING | CLOCKED)
#define SOLVED	  (IN(RESOLVED) | IN(PROBATION))

#define EV(name)	MW_TEV_##name, MW_MOVE_ANY_TIMER
#define TIMER(name)	MW_TEV_TIMER, MW_TIMER_##name
#define TO(state)	MW_TICKET_##state
#define REFUSE(why_)	NULL, MW_REFUSE, {NULL}, why_
#define REFUSE_IF(g, w) g, MW_REFUSE, {NULL}, w

#define OVER_SENTENCE "the case is over; a new one needs a new ticket"

const struct mw_ticket_move mw_ticket_moves[] = {
	/* how a case begins (7.1, 7.11) */
	{IN(NONE), EV(OPENED), g_immediate, TO(DISABLED),
		{a_take_opening, a_begin_disabled, a_disable, a_tell_disabled, a_call_first,
			a_ask_tam},
		"conclusive evidence, and the class says: disable at once, tell at once"},
	{IN(NONE), EV(OPENED), g_suspicion, TO(SUSPECT), {a_take_opening, a_notice},
		"a suspicion or a first small offence is a notice, no case yet"},
	{IN(NONE), EV(OPENED), g_nobody_listed, TO(CONTACTING),
		{a_take_opening, a_begin, a_alarm_empty, a_ask_tam, a_final},
		"an empty contact list: TAM or postmaster are mailed, a person must look"},
	{IN(NONE), EV(OPENED), g_nobody_to_call, TO(CONTACTING),
		{a_take_opening, a_begin, a_ask_tam, a_final},
		"no contact has a phone, so the final mail goes out at once"},
	{IN(NONE), EV(OPENED), NULL, TO(OPEN), {a_take_opening, a_begin, a_call_first, a_ask_tam},
		"a considerable number: a call task at once, the TAM in parallel"},
	{OVER, EV(OPENED), REFUSE("its number is taken")},
	{LIVE, EV(OPENED), REFUSE("the case is open already, new evidence joins it")},

	/* new evidence joins; the clock never gains by it (7.1, 7.9) */
	{IN(SUSPECT), EV(EVIDENCE), g_immediate, TO(DISABLED),
		{a_take_evidence, a_begin_disabled, a_disable, a_tell_disabled, a_call_first,
			a_ask_tam},
		"the suspicion became conclusive, and the class says: disable at once"},
	{UNDECIDED, EV(EVIDENCE), g_immediate, TO(DISABLED),
		{a_take_evidence, a_begin_disabled, a_disable, a_tell_disabled},
		"conclusive evidence ends the waiting, the class says: disable at once"},
	{IN(SUSPECT), EV(EVIDENCE), g_not_considerable, MW_STAY, {a_take_evidence},
		"noted; not a considerable number yet"},
	{IN(SUSPECT), EV(EVIDENCE), g_nobody_listed, TO(CONTACTING),
		{a_take_evidence, a_begin, a_alarm_empty, a_ask_tam, a_final},
		"a considerable number; an empty contact list: TAM or postmaster are mailed"},
	{IN(SUSPECT), EV(EVIDENCE), g_nobody_to_call, TO(CONTACTING),
		{a_take_evidence, a_begin, a_ask_tam, a_final},
		"a considerable number; no contact has a phone, so the final mail goes out at "
		"once"},
	{IN(SUSPECT), EV(EVIDENCE), NULL, TO(OPEN),
		{a_take_evidence, a_begin, a_call_first, a_ask_tam},
		"the suspicion became a considerable number"},
	{UNDECIDED | IN(DISABLED) | IN(VERIFYING) | IN(RESOLVED), EV(EVIDENCE), NULL, MW_STAY,
		{a_take_evidence}, "joins the case; no clock is restarted by it"},
	{IN(PROBATION), EV(EVIDENCE), g_old_mail, MW_STAY, {a_take_evidence},
		"mail dated before mail was enabled again: from a queue, not new spam"},
	{IN(PROBATION), EV(EVIDENCE), g_immediate, TO(DISABLED),
		{a_take_evidence, a_begin_disabled, a_disable, a_tell_disabled, a_call_first},
		"conclusive evidence in probation, the class says: disable at once"},
	{IN(PROBATION), EV(EVIDENCE), g_not_considerable, MW_STAY, {a_take_evidence},
		"noted; not a considerable number by the thresholds of probation"},
	{IN(PROBATION), EV(EVIDENCE), g_nobody_listed, TO(CONTACTING),
		{a_take_evidence, a_reopen, a_begin, a_alarm_empty, a_ask_tam, a_final},
		"spam in probation: the same case again; an empty contact list"},
	{IN(PROBATION), EV(EVIDENCE), g_nobody_to_call, TO(CONTACTING),
		{a_take_evidence, a_reopen, a_begin, a_ask_tam, a_final},
		"spam in probation: the same case again; no contact has a phone"},
	{IN(PROBATION), EV(EVIDENCE), NULL, TO(OPEN),
		{a_take_evidence, a_reopen, a_begin, a_call_first, a_ask_tam},
		"spam in probation: the same case again, on a shortened ladder"},
	{OVER, EV(EVIDENCE), REFUSE(OVER_SENTENCE)},

	/* calls, from the top of the list (7.2, 7.5) */
	{CALLING, EV(CALL_STARTED), REFUSE_IF(g_on_call, "somebody is on a call for it already")},
	{CALLING, EV(CALL_STARTED), REFUSE_IF(g_other_call, "no call to this contact is due now")},
	{CALLING, EV(CALL_STARTED), NULL, TO(CONTACTING), {a_call_started},
		"somebody took the call"},
	{CLOCKED | IN(DISABLED), EV(CALL_STARTED), NULL, MW_STAY, {a_call_started},
		"a further conversation; nobody is disabled in the middle of it unasked"},
	{IN(SUSPECT) | IN(VERIFYING) | SOLVED, EV(CALL_STARTED), REFUSE("no call is due")},
	{OVER, EV(CALL_STARTED), REFUSE(OVER_SENTENCE)},

	{CALLING, EV(CALL_OUTCOME), REFUSE_IF(g_other_call, "no call to this contact is due now")},
	{CALLING, EV(CALL_OUTCOME), g_reached, TO(WORKING), {a_call_result, a_conversation},
		"a contact was reached: support works with him, his clock runs"},
	{CALLING, EV(CALL_OUTCOME), g_call_again, TO(CONTACTING), {a_call_result, a_call_again},
		"not reached; the class asks for another try"},
	{CALLING, EV(CALL_OUTCOME), g_call_another, TO(CONTACTING),
		{a_call_result, a_follow_up, a_call_next},
		"not reached: a follow-up mail, and the next contact"},
	{CALLING, EV(CALL_OUTCOME), g_tam_pending, TO(CONTACTING),
		{a_call_result, a_follow_up, a_calls_done},
		"not reached, and he was the last; the TAM has not answered yet"},
	{CALLING, EV(CALL_OUTCOME), NULL, TO(CONTACTING),
		{a_call_result, a_follow_up, a_calls_done, a_final},
		"all contacts in vain: last, a mail to all of them"},
	{CLOCKED, EV(CALL_OUTCOME), g_reached, TO(WORKING), {a_call_result},
		"a conversation; it does not restart the clock"},
	{CLOCKED | IN(DISABLED) | IN(VERIFYING) | IN(RESOLVED), EV(CALL_OUTCOME), NULL, MW_STAY,
		{a_call_result}, "a call was recorded"},
	{IN(SUSPECT) | IN(PROBATION), EV(CALL_OUTCOME), REFUSE("no call is due")},
	{OVER, EV(CALL_OUTCOME), REFUSE(OVER_SENTENCE)},

	{CALLING | IN(AWAITING), EV(CONTACTED), NULL, TO(WORKING), {a_conversation},
		"the customer spoke with us: support works with him; his clock starts unless it "
		"runs"},
	{IN(WORKING), EV(CONTACTED), NULL, MW_STAY, {a_customer_knows},
		"a further conversation; it does not restart the clock"},
	{IN(DISABLED), EV(CONTACTED), NULL, MW_STAY, {a_customer_knows},
		"an acknowledgement is not a report; mail stays refused"},
	{IN(SUSPECT) | IN(VERIFYING) | SOLVED, EV(CONTACTED), NULL, MW_STAY, {a_customer_knows},
		"a conversation was recorded"},
	{OVER, EV(CONTACTED), REFUSE(OVER_SENTENCE)},

	/* the technical account manager, in parallel (7.3) */
	{LIVE, EV(TAM_OUTCOME),
		REFUSE_IF(g_tam_not_asked, "no technical account manager was asked")},
	{CALLING | IN(AWAITING), EV(TAM_OUTCOME), g_tam_reached, TO(WORKING),
		{a_tam_outcome, a_conversation},
		"the TAM reached his people: a conversation took place"},
	{CALLING, EV(TAM_OUTCOME), g_tam_was_last, MW_STAY, {a_tam_outcome, a_final},
		"the TAM reached nobody either: last, a mail to all contacts"},
	{LIVE, EV(TAM_OUTCOME), NULL, MW_STAY, {a_tam_outcome}, "the TAM's outcome was recorded"},
	{OVER, EV(TAM_OUTCOME), REFUSE(OVER_SENTENCE)},

	/* mails (7.4, 7.13) */
	{CALLING, EV(MAIL_ACCEPTED), g_final_mail, TO(AWAITING), {a_worked_off},
		"the relay accepted the final mail: the list counts as worked off, the clock runs"},
	{EXISTS, EV(MAIL_ACCEPTED), NULL, MW_STAY, {a_mail_accepted}, "the relay accepted a mail"},
	{EXISTS, EV(MAIL_FAILED), NULL, MW_STAY, {a_mail_failed}, "a mail could not be delivered"},
	{CALLING, EV(ATTEST), NULL, TO(AWAITING), {a_worked_off},
		"a person attests that the notice was delivered otherwise: the clock runs"},
	{CLOCKED, EV(ATTEST), REFUSE("its clock runs already, until {deadline}")},
	{IN(SUSPECT) | IN(DISABLED) | IN(VERIFYING) | SOLVED, EV(ATTEST),
		REFUSE("no notice is outstanding")},
	{OVER, EV(ATTEST), REFUSE(OVER_SENTENCE)},

	/* timers of the ladder */
	{CALLING, TIMER(CALL_NEXT), NULL, MW_STAY, {a_call_task}, "the next call is due"},
	{CALLING | IN(DISABLED), TIMER(TASK_ALARM), NULL, MW_STAY, {a_alarm_task},
		"a task nobody takes is an alarm, never a contact that failed"},
	{CALLING, TIMER(TAM_WAIT), g_tam_was_last, MW_STAY, {a_tam_silent, a_final},
		"the TAM did not answer, and he was the last: a mail to all contacts"},
	{LIVE, TIMER(TAM_WAIT), g_tam_pending, MW_STAY, {a_tam_silent}, "the TAM did not answer"},
	{CALLING, TIMER(MAIL_OVERDUE), NULL, MW_STAY, {a_alarm_mail},
		"the final mail is stuck; the list is not worked off before it is accepted"},
	{CALLING, TIMER(HARD_CAP), NULL, MW_STAY, {a_alarm_cap},
		"the longest time to a decision is over; nobody is disabled who was never told"},
	{LIVE, TIMER(THIRD_PARTY), NULL, MW_STAY, {a_alarm_third_party},
		"a third party's deadline has passed"},

	/* the deadline (7.7, 7.12, 7.14) */
	{CLOCKED, TIMER(DEADLINE), g_never_automatic, MW_STAY, {a_decision_due},
		"the deadline has passed; here only a person may disable"},
	{CLOCKED, TIMER(DEADLINE), g_abuse_ended, MW_STAY, {a_decision_due},
		"the deadline has passed, but the abuse does not go on; the class leaves that to a "
		"person"},
	{CLOCKED, TIMER(DEADLINE), g_call_in_progress, MW_STAY, {a_show_expiry},
		"the deadline has passed during a call: the agent is prompted first"},
	{CLOCKED, TIMER(DEADLINE), g_late, MW_STAY, {a_show_expiry},
		"the deadline has passed while we were down: shown to a person first"},
	{CLOCKED, TIMER(DEADLINE), NULL, TO(DISABLED), {a_disable, a_tell_disabled},
		"no report within the deadline: outbound mail is refused, everybody is told"},
	{CLOCKED, TIMER(GRACE), g_abuse_ended, MW_STAY, {a_decision_due},
		"the abuse does not go on; the class leaves that to a person"},
	{CLOCKED, TIMER(GRACE), NULL, TO(DISABLED), {a_disable, a_tell_disabled},
		"it was shown, and nobody took a report or extended: outbound mail is refused"},
	{UNDECIDED, EV(DISABLE),
		REFUSE_IF(g_not_run_out, "its clock has not run out; the deadline is {deadline}")},
	{UNDECIDED, EV(DISABLE), NULL, TO(DISABLED), {a_disable, a_tell_disabled},
		"a person decided: outbound mail is refused, everybody is told"},
	{IN(DISABLED), EV(DISABLE), REFUSE("mail is refused already")},
	{IN(SUSPECT) | IN(VERIFYING) | SOLVED, EV(DISABLE), REFUSE("no decision is due")},
	{OVER, EV(DISABLE), REFUSE(OVER_SENTENCE)},

	/* the report, and what support finds (7.6, 7.8, 7.9, 7.15) */
	{IN(SUSPECT), EV(REPORT), NULL, MW_STAY, {a_take_report},
		"noted; nothing was asked of him yet"},
	{UNDECIDED, EV(REPORT), NULL, TO(VERIFYING), {a_take_report, a_stop_for_report},
		"a valid report, with measures and number: support checks it"},
	{IN(DISABLED), EV(REPORT), NULL, TO(VERIFYING), {a_take_report, a_stop_for_report},
		"a valid report; mail stays refused until support has confirmed it"},
	{IN(VERIFYING), EV(REPORT), NULL, MW_STAY, {a_take_report},
		"a further report, checked with the first"},
	{SOLVED, EV(REPORT), REFUSE("the problem counts as solved, nothing is to be reported")},
	{OVER, EV(REPORT), REFUSE(OVER_SENTENCE)},
	{CLOCKED, EV(REPLY_MAIL), g_reply_pauses, MW_STAY, {a_judge_task, a_reply_pause},
		"a mailed report, unjudged: the clock stands once, until a person has read it"},
	{LIVE, EV(REPLY_MAIL), NULL, MW_STAY, {a_judge_task}, "a mail came; a person reads it"},
	{OVER, EV(REPLY_MAIL), REFUSE(OVER_SENTENCE)},
	{IN(VERIFYING), EV(CONFIRM), g_as_in_probation, TO(PROBATION),
		{a_probation_verdict, a_probation}, "confirmed; mail was never refused: probation"},
	{IN(VERIFYING), EV(CONFIRM), NULL, TO(RESOLVED), {a_enable},
		"confirmed: outbound mail is enabled again"},
	{UNDECIDED | IN(DISABLED), EV(CONFIRM),
		REFUSE("the customer has not reported measures yet (`ticket report`); silence, "
		       "time or an "
		       "end of the spam do not solve a case")},
	{IN(SUSPECT) | SOLVED, EV(CONFIRM), REFUSE("there is no report to confirm")},
	{OVER, EV(CONFIRM), REFUSE(OVER_SENTENCE)},
	{IN(VERIFYING), EV(REFUTE), g_was_disabled, TO(DISABLED), {a_back_to_disabled},
		"not solved: mail stays refused"},
	{IN(VERIFYING), EV(REFUTE), g_deadline_passed_for_person, TO(WORKING),
		{a_back_to_work, a_decision_due},
		"not solved, and the deadline has passed meanwhile: a person decides"},
	{IN(VERIFYING), EV(REFUTE), g_deadline_passed, TO(DISABLED),
		{a_back_to_disabled, a_disable, a_tell_disabled},
		"not solved, and the deadline has passed meanwhile: outbound mail is refused"},
	{IN(VERIFYING), EV(REFUTE), NULL, TO(WORKING), {a_back_to_work},
		"not solved: the same clock runs on"},
	{LIVE & ~IN(VERIFYING), EV(REFUTE), REFUSE("there is no report to refute")},
	{OVER, EV(REFUTE), REFUSE(OVER_SENTENCE)},
	{IN(VERIFYING), TIMER(VERIFY_ALARM), NULL, MW_STAY, {a_alarm_verify},
		"a report waits to be checked"},

	/* the verdict is in force */
	{EXISTS, EV(VERDICT_EFFECTIVE), g_other_verdict, MW_STAY, {NULL},
		"an earlier verdict; noted"},
	{IN(RESOLVED), EV(VERDICT_EFFECTIVE), g_flow_effective, TO(PROBATION), {a_probation},
		"mail flows again; probation begins, everybody is told"},
	{EXISTS, EV(VERDICT_EFFECTIVE), NULL, MW_STAY, {a_verdict_effective},
		"the verdict is in force"},
	{EXISTS, TIMER(VERDICT), NULL, MW_STAY, {a_alarm_verdict}, "a verdict is not in force yet"},

	/* through the gateway: by its basis, with an end (7.9, 7.16) */
	{LIVE, EV(RENEW), REFUSE_IF(g_not_diverted, "its verdict is not divert")},
	{SOLVED, EV(RENEW),
		REFUSE("the divert at the beginning of probation ends by itself; `verdict set "
		       "CUSTOMER divert` goes on with it")},
	{LIVE & ~SOLVED, EV(RENEW),
		REFUSE_IF(g_no_right_to_divert,
			"the settings have no gateway, or no basis for it, any more (divert: "
			"gateway, basis)")},
	{LIVE & ~SOLVED, EV(RENEW), NULL, MW_STAY, {a_renew_divert},
		"a person decided: mail goes on through the gateway"},
	{OVER, EV(RENEW), REFUSE(OVER_SENTENCE)},
	{LIVE & ~SOLVED, TIMER(DIVERT_ALARM), NULL, MW_STAY, {a_alarm_divert},
		"the divert ends soon; a person is told in time"},
	{LIVE & ~SOLVED, TIMER(DIVERT_END), NULL, MW_STAY, {a_divert_unrenewed},
		"the longest time of a divert is over, and nobody renewed it"},
	{SOLVED, TIMER(DIVERT_END), NULL, MW_STAY, {a_divert_over},
		"the beginning of probation is over: mail goes its own way again"},

	/* how a case ends by itself */
	{IN(SUSPECT), TIMER(SUSPECT_END), NULL, TO(CLOSED), {a_close},
		"nothing more came: the suspicion is closed"},
	{IN(PROBATION), TIMER(PROBATION_END), NULL, TO(CLOSED), {a_close},
		"probation passed without new spam"},

	/* what people may do beside it */
	{EXISTS, EV(NOTE), NULL, MW_STAY, {NULL}, "a note"},
	{EXISTS, EV(DISPUTE), NULL, MW_STAY, {a_dispute}, "a dispute is a flag with legal hold"},
	{EXISTS, EV(HOLD), NULL, MW_STAY, {a_hold}, "legal hold: nothing of the case is deleted"},
	{CLOCKED, EV(PAUSE),
		REFUSE_IF(g_run_out, "its clock has run out; `ticket extend` gives time")},
	{CLOCKED, EV(PAUSE), REFUSE_IF(g_paused, "it is paused already, until {pause}")},
	{CLOCKED, EV(PAUSE), REFUSE_IF(g_until_past, "the pause would end in the past")},
	{CLOCKED, EV(PAUSE),
		REFUSE_IF(g_until_too_late, "the decision may not be put off beyond {latest}")},
	{CLOCKED, EV(PAUSE), NULL, MW_STAY, {a_pause}, "the clock stands, by a person's decision"},
	{LIVE & ~CLOCKED, EV(PAUSE), REFUSE("no clock of the customer runs")},
	{OVER, EV(PAUSE), REFUSE(OVER_SENTENCE)},
	{CLOCKED, EV(RESUME), REFUSE_IF(g_not_paused, "it is not paused")},
	{CLOCKED, EV(RESUME), NULL, MW_STAY, {a_resume}, "the clock runs on"},
	{LIVE & ~CLOCKED, EV(RESUME), REFUSE("it is not paused")},
	{OVER, EV(RESUME), REFUSE(OVER_SENTENCE)},
	{CLOCKED, TIMER(PAUSE_END), g_paused, MW_STAY, {a_resume},
		"the pause is over, the clock runs on"},
	{CLOCKED, EV(EXTEND), REFUSE_IF(g_paused, "it is paused until {pause}; resume it first")},
	{CLOCKED, EV(EXTEND), REFUSE_IF(g_until_past, "the new deadline lies in the past")},
	{CLOCKED, EV(EXTEND),
		REFUSE_IF(g_until_not_later, "its deadline is {deadline}, that is no extension")},
	{CLOCKED, EV(EXTEND),
		REFUSE_IF(g_until_too_late, "the decision may not be put off beyond {latest}")},
	{CLOCKED, EV(EXTEND), NULL, MW_STAY, {a_extend}, "more time, by a person's decision"},
	{LIVE & ~CLOCKED, EV(EXTEND), REFUSE("no clock of the customer runs")},
	{OVER, EV(EXTEND), REFUSE(OVER_SENTENCE)},
	{LIVE, EV(THIRD_PARTY), REFUSE_IF(g_until_past, "that deadline lies in the past")},
	{LIVE, EV(THIRD_PARTY), NULL, MW_STAY, {a_third_party},
		"a third party's deadline can only shorten ours"},
	{OVER, EV(THIRD_PARTY), REFUSE(OVER_SENTENCE)},
	{LIVE, EV(UNFOUNDED), NULL, TO(UNFOUNDED), {a_withdraw},
		"the case is unfounded: everything is undone"},
	{OVER, EV(UNFOUNDED), REFUSE("the case is over")},
	{LIVE, EV(RELEASE), NULL, TO(UNFOUNDED), {a_withdraw, a_review_task},
		"wrong attribution: mail flows at once, a second person looks afterwards"},
	{OVER, EV(RELEASE), REFUSE("the case is over")},

	/* A timer that found nothing left to do: dropped, never an error, or it would come back. */
	{EXISTS, EV(TIMER), NULL, MW_STAY, {NULL}, "a timer that has nothing to do any more"},
	/* Nothing but an opening happens to a ticket that is none yet. */
	{IN(NONE), EV(KIND_COUNT), REFUSE("there is no such case")},
};

const size_t mw_ticket_move_count = sizeof(mw_ticket_moves) / sizeof(mw_ticket_moves[0]);

const struct mw_ticket_move *mw_ticket_move_find(const struct mw_step *s)
{
	uint32_t state = 1u << s->t->state;

	for (size_t i = 0; i < mw_ticket_move_count; i++) {
		const struct mw_ticket_move *m = &mw_ticket_moves[i];

		/* the last row stands for every event of a ticket that is none */
		if (m->event == MW_TEV_KIND_COUNT) {
			if ((m->states & state) != 0)
				return m;
			continue;
		}
		if ((m->states & state) == 0 || m->event != s->ev->kind)
			continue;
		if (m->timer != MW_MOVE_ANY_TIMER && m->timer != s->ev->timer.kind)
			continue;
		if (m->guard == NULL || m->guard(s))
			return m;
	}
	return NULL;
}
