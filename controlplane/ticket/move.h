/*
 * Inside of the ticket module: one step in the making, the rows of the table, and the guards and
 * actions the rows name. Included by this folder and by its tests, by nobody else.
 */
#ifndef MW_CONTROLPLANE_TICKET_MOVE_H
#define MW_CONTROLPLANE_TICKET_MOVE_H

#include "controlplane/ticket/effect.h"

struct mw_step {
	const struct mw_ticket_event *ev;
	uint64_t now_s;
	struct mw_ticket *t; /* guards see it unchanged */
	struct mw_effect_list *fx;
};

typedef bool (*mw_guard_fn)(const struct mw_step *s);
typedef void (*mw_action_fn)(struct mw_step *s);

#define MW_MOVE_ACTIONS_MAX 7
#define MW_MOVE_ANY_TIMER   0xff

enum mw_move_to { /* beside the states */
	MW_STAY = 0x100,
	MW_REFUSE,
};

struct mw_ticket_move {
	uint32_t states; /* 1 << enum mw_ticket_state */
	enum mw_ticket_event_kind event;
	uint8_t timer;	   /* of event TIMER: its kind; else MW_MOVE_ANY_TIMER */
	mw_guard_fn guard; /* NULL: always. The first row that fits is taken. */
	int next;
	mw_action_fn actions[MW_MOVE_ACTIONS_MAX];
	/* Why; of a refusal: what the desk is told. {deadline} {cap} {pause} {latest} are filled
	 * in. */
	const char *why;
};

extern const struct mw_ticket_move mw_ticket_moves[];
extern const size_t mw_ticket_move_count;

/* Which row decides; NULL never for a state and an event that exist (a test asserts it). */
const struct mw_ticket_move *mw_ticket_move_find(const struct mw_step *s);

/* effects (effects.c) */
struct mw_effect *mw_step_effect(struct mw_step *s, enum mw_effect_kind kind);
/* Bounded, control characters replaced, never cut inside a UTF-8 sequence. */
void mw_step_text(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void mw_step_alarm(struct mw_step *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void mw_step_set_timer(struct mw_step *s, enum mw_timer_kind kind, uint64_t due_s);
void mw_step_cancel_timer(struct mw_step *s, enum mw_timer_kind kind);
void mw_step_create_task(struct mw_step *s, enum mw_task_kind kind, uint8_t contact, uint64_t due_s,
	const char *text);
void mw_step_close_task(
	struct mw_step *s, enum mw_task_kind kind, uint8_t contact, const char *text);
/* False when nobody of `to` has an address; then nothing is queued. */
bool mw_step_queue_mail(struct mw_step *s, enum mw_mail_kind kind, uint8_t to, uint8_t contact);
/* Everybody of the list; the postmaster where it is empty. */
uint8_t mw_step_everybody(const struct mw_step *s);
/* Those, and the desk always. */
void mw_step_tell_everybody(struct mw_step *s, enum mw_mail_kind kind);
/* Nothing when it is that already. Any verdict but DIVERT: see below. */
void mw_step_set_verdict(struct mw_step *s, enum mw_verdict verdict, const char *why);
/* DIVERT for so long from now on, also when it is in force already. The basis goes into the audit.
 */
void mw_step_divert(struct mw_step *s, uint32_t for_s, const char *why);

/* the clock (clock.c) */
void mw_clock_start(struct mw_step *s); /* first trigger only; later ones change nothing */
void mw_clock_stop(struct mw_step *s);	/* its timers; deadline_s stays as a fact */
void mw_clock_pause(struct mw_step *s, uint64_t until_s, const char *by, const char *why);
void mw_clock_resume(struct mw_step *s);
void mw_clock_extend(struct mw_step *s, uint64_t deadline_s);
void mw_clock_third_party(struct mw_step *s, uint64_t deadline_s);
/* The latest moment a person may put the deadline to: hard cap, third party. */
uint64_t mw_clock_latest_s(const struct mw_ticket *t, uint64_t now_s);

/* the ladder of calls and mails (ladder.c) */
/* The next contact of role `contact` with a phone from `from` on that the ladder still allows. */
uint8_t mw_ladder_next(const struct mw_ticket *t, uint8_t from);
bool mw_ladder_listed(const struct mw_ticket *t); /* somebody of role `contact` at all */
void mw_ladder_task(struct mw_step *s); /* the call task for contact_at, in calling hours */
void mw_ladder_final(struct mw_step *s);
void mw_ladder_stop(struct mw_step *s);

/* through the gateway (divert.c) */
enum mw_verdict mw_divert_interim_of(const struct mw_ticket *t); /* while the case is worked */
uint32_t mw_divert_probation_s(const struct mw_ticket *t);	 /* 0: probation begins without */
void mw_divert_interim(struct mw_step *s);

/* guards and actions that rows name (guard.c, action.c, ladder.c) */
bool g_immediate(const struct mw_step *s);
bool g_suspicion(const struct mw_step *s);
bool g_not_considerable(const struct mw_step *s);
bool g_old_mail(const struct mw_step *s);
bool g_nobody_listed(const struct mw_step *s);
bool g_nobody_to_call(const struct mw_step *s);
bool g_other_call(const struct mw_step *s);
bool g_on_call(const struct mw_step *s);
bool g_reached(const struct mw_step *s);
bool g_call_again(const struct mw_step *s);
bool g_call_another(const struct mw_step *s);
bool g_tam_pending(const struct mw_step *s);
bool g_tam_not_asked(const struct mw_step *s);
bool g_tam_reached(const struct mw_step *s);
bool g_tam_was_last(const struct mw_step *s);
bool g_final_mail(const struct mw_step *s);
bool g_never_automatic(const struct mw_step *s);
bool g_abuse_ended(const struct mw_step *s);
bool g_call_in_progress(const struct mw_step *s);
bool g_late(const struct mw_step *s);
bool g_reply_pauses(const struct mw_step *s);
bool g_as_in_probation(const struct mw_step *s);
bool g_was_disabled(const struct mw_step *s);
bool g_deadline_passed_for_person(const struct mw_step *s);
bool g_deadline_passed(const struct mw_step *s);
bool g_paused(const struct mw_step *s);
bool g_not_paused(const struct mw_step *s);
bool g_run_out(const struct mw_step *s);
bool g_not_run_out(const struct mw_step *s);
bool g_until_past(const struct mw_step *s);
bool g_until_too_late(const struct mw_step *s);
bool g_until_not_later(const struct mw_step *s);
bool g_flow_effective(const struct mw_step *s);
bool g_other_verdict(const struct mw_step *s);
bool g_diverted(const struct mw_step *s);
bool g_not_diverted(const struct mw_step *s);
bool g_no_right_to_divert(const struct mw_step *s);

void a_take_opening(struct mw_step *s);
void a_take_evidence(struct mw_step *s);
void a_begin(struct mw_step *s);
void a_begin_disabled(struct mw_step *s);
void a_notice(struct mw_step *s);
void a_reopen(struct mw_step *s);
void a_call_first(struct mw_step *s);
void a_call_again(struct mw_step *s);
void a_call_next(struct mw_step *s);
void a_call_task(struct mw_step *s);
void a_ask_tam(struct mw_step *s);
void a_final(struct mw_step *s);
void a_alarm_empty(struct mw_step *s);
void a_call_started(struct mw_step *s);
void a_call_result(struct mw_step *s);
void a_follow_up(struct mw_step *s);
void a_calls_done(struct mw_step *s);
void a_conversation(struct mw_step *s);
void a_customer_knows(struct mw_step *s);
void a_tam_outcome(struct mw_step *s);
void a_tam_silent(struct mw_step *s);
void a_worked_off(struct mw_step *s);
void a_mail_accepted(struct mw_step *s);
void a_mail_failed(struct mw_step *s);
void a_alarm_task(struct mw_step *s);
void a_alarm_mail(struct mw_step *s);
void a_alarm_cap(struct mw_step *s);
void a_alarm_third_party(struct mw_step *s);
void a_alarm_verify(struct mw_step *s);
void a_alarm_verdict(struct mw_step *s);
void a_show_expiry(struct mw_step *s);
void a_decision_due(struct mw_step *s);
void a_disable(struct mw_step *s);
void a_tell_disabled(struct mw_step *s);
void a_take_report(struct mw_step *s);
void a_stop_for_report(struct mw_step *s);
void a_judge_task(struct mw_step *s);
void a_reply_pause(struct mw_step *s);
void a_enable(struct mw_step *s);
void a_probation_verdict(struct mw_step *s);
void a_probation(struct mw_step *s);
void a_back_to_disabled(struct mw_step *s);
void a_back_to_work(struct mw_step *s);
void a_pause(struct mw_step *s);
void a_resume(struct mw_step *s);
void a_extend(struct mw_step *s);
void a_dispute(struct mw_step *s);
void a_hold(struct mw_step *s);
void a_third_party(struct mw_step *s);
void a_withdraw(struct mw_step *s);
void a_review_task(struct mw_step *s);
void a_renew_divert(struct mw_step *s);
void a_alarm_divert(struct mw_step *s);
void a_divert_over(struct mw_step *s);
void a_divert_unrenewed(struct mw_step *s);
void a_verdict_effective(struct mw_step *s);
void a_close(struct mw_step *s);

#endif
