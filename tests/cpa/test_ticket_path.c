/* The procedure of DESIGN.md section 7, scene by scene, on virtual time. */
#include "tests/cpa/case.h"

static struct case_run opened(struct mw_ticket_event opening)
{
	struct case_run c = {.now_s = T0, .loud = false};

	case_do(&c, opening);
	return c;
}

/* All contacts in vain, the TAM too, the relay takes the final mail. */
static struct case_run awaiting(void)
{
	struct case_run c = opened(case_full_opening());

	case_do(&c, case_call(0, MW_CALL_NO_ANSWER));
	case_do(&c, case_call(1, MW_CALL_BUSY));
	case_do(&c, case_tam(false));
	case_do(&c, case_call(2, MW_CALL_VOICEMAIL));
	case_do(&c, case_mail(MW_TEV_MAIL_ACCEPTED, MW_MAIL_FINAL));
	return c;
}

static struct case_run disabled(void)
{
	struct case_run c = awaiting();

	case_fire(&c, MW_TIMER_DEADLINE, 0);
	return c;
}

static void straight_path(void **state)
{
	struct case_run c = {.now_s = T0, .loud = true};
	struct mw_ticket_event ev;

	case_do(&c, case_full_opening());
	assert_state(&c, MW_TICKET_OPEN);
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.kind, MW_TASK_CALL);
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.contact, 0);
	assert_true(case_mailed(&c, MW_MAIL_TAM));
	assert_int_equal(case_count(&c, MW_EFFECT_SET_VERDICT), 0);

	c.now_s += 60;
	ev = case_event(MW_TEV_CALL_STARTED);
	case_do(&c, ev);
	assert_state(&c, MW_TICKET_CONTACTING);
	c.now_s += 60;
	case_do(&c, case_call(0, MW_CALL_NO_ANSWER));
	assert_true(case_mailed(&c, MW_MAIL_FOLLOW_UP));
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.contact, 1);
	case_do(&c, case_call(1, MW_CALL_WRONG_NUMBER));
	assert_int_equal(case_count(&c, MW_EFFECT_ALARM), 1);
	case_do(&c, case_call(2, MW_CALL_VOICEMAIL));
	assert_false(case_mailed(&c, MW_MAIL_FINAL)); /* the TAM has not answered yet */
	case_do(&c, case_tam(false));
	assert_true(case_mailed(&c, MW_MAIL_FINAL));
	assert_state(&c, MW_TICKET_CONTACTING);
	assert_int_equal(c.t.clock_started_s, 0);

	c.now_s += 30;
	case_do(&c, case_mail(MW_TEV_MAIL_ACCEPTED, MW_MAIL_FINAL));
	assert_state(&c, MW_TICKET_AWAITING);
	assert_int_equal(c.t.deadline_s, c.now_s + 3 * 3600);

	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->verdict, MW_VERDICT_REJECT);
	assert_true(case_mailed(&c, MW_MAIL_DISABLED));
	case_do(&c, case_verdict(MW_VERDICT_REJECT));

	c.now_s += 600;
	case_do(&c, case_report(&c.t, "virus removed, password changed"));
	assert_state(&c, MW_TICKET_VERIFYING);
	assert_int_equal(c.t.verdict, MW_VERDICT_REJECT);
	case_do(&c, case_event(MW_TEV_CONFIRM));
	assert_state(&c, MW_TICKET_RESOLVED);
	case_effect(&c, MW_EFFECT_CLEAR_VERDICT);
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	assert_state(&c, MW_TICKET_PROBATION);
	assert_true(case_mailed(&c, MW_MAIL_ENABLED));
	case_fire(&c, MW_TIMER_PROBATION_END, 0);
	assert_state(&c, MW_TICKET_CLOSED);
	assert_int_equal(c.t.timer_count, 0);
}

static void reached_starts_the_clock_once(void **state)
{
	struct case_run c = opened(case_full_opening());
	uint64_t deadline_s;

	case_do(&c, case_call(0, MW_CALL_REACHED));
	assert_state(&c, MW_TICKET_WORKING);
	deadline_s = c.t.deadline_s;
	assert_int_equal(deadline_s, T0 + 3 * 3600);
	c.now_s += 1800;
	case_do(&c, case_text(MW_TEV_CONTACTED, "he is on it"));
	case_do(&c, case_tam(true));
	case_do(&c, case_evidence(true, false));
	assert_int_equal(c.t.deadline_s, deadline_s);
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
}

static void reached_after_worked_off_does_not_restart(void **state)
{
	struct case_run c = awaiting();
	uint64_t deadline_s = c.t.deadline_s;
	struct mw_ticket_event ev = case_text(MW_TEV_CONTACTED, "called back");

	c.now_s += 3600;
	ev.call.contact = MW_NO_CONTACT;
	case_do(&c, ev);
	assert_state(&c, MW_TICKET_WORKING);
	assert_int_equal(c.t.deadline_s, deadline_s);
}

static void relay_down_waits_and_alarms(void **state)
{
	struct case_run c = opened(case_full_opening());

	for (uint8_t i = 0; i < 3; i++)
		case_do(&c, case_call(i, MW_CALL_NO_ANSWER));
	case_fire(&c, MW_TIMER_TAM_WAIT, 0); /* silent: counts as failed, with an alarm */
	assert_int_equal(case_count(&c, MW_EFFECT_ALARM), 1);
	assert_true(case_mailed(&c, MW_MAIL_FINAL));
	case_fire(&c, MW_TIMER_MAIL_OVERDUE, 0);
	assert_int_equal(case_count(&c, MW_EFFECT_ALARM), 1);
	assert_int_equal(c.t.deadline_s, 0);
	case_do(&c, case_text(MW_TEV_ATTEST, "handed over by courier"));
	assert_state(&c, MW_TICKET_AWAITING);
	assert_int_equal(c.t.deadline_s, c.now_s + 3 * 3600);
}

static void nobody_takes_the_task(void **state)
{
	struct case_run c = opened(case_full_opening());

	case_fire(&c, MW_TIMER_TASK_ALARM, 0);
	case_effect(&c, MW_EFFECT_ALARM);
	assert_state(&c, MW_TICKET_OPEN);
	assert_int_equal(c.t.contacts[0].outcome, MW_CALL_NONE);
	case_fire(&c, MW_TIMER_TASK_ALARM, 0); /* again */
	case_fire(&c, MW_TIMER_HARD_CAP, 0);   /* never told, so never disabled by the machine */
	assert_state(&c, MW_TICKET_OPEN);
	assert_true(c.t.decision_due);
	assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
	case_do(&c, case_text(MW_TEV_DISABLE, "decided"));
	assert_state(&c, MW_TICKET_DISABLED);
}

static void calls_keep_their_order_and_spacing(void **state)
{
	struct mw_ticket_event opening = case_full_opening();
	struct case_run c;

	opening.opened.policy.call_spacing_s = 300;
	opening.opened.policy.call_attempts = 2;
	c = opened(opening);
	assert_int_equal(case_try(&c, case_call(1, MW_CALL_REACHED)), -EPERM);
	case_do(&c, case_call(0, MW_CALL_BUSY));
	assert_int_equal(case_count(&c, MW_EFFECT_CREATE_TASK), 0);
	assert_int_equal(case_try(&c, case_call(0, MW_CALL_REACHED)), -EPERM); /* no task yet */
	case_fire(&c, MW_TIMER_CALL_NEXT, 0);
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.contact, 0);
	case_do(&c, case_call(0, MW_CALL_BUSY));
	case_fire(&c, MW_TIMER_CALL_NEXT, 0);
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.contact, 1);
}

static void calling_hours(void **state)
{
	struct mw_ticket_event opening = case_full_opening();
	struct case_run c = {.now_s = T0 - T0 % 86400 + 22 * 3600 + 17}; /* 22:00:17 UTC */

	opening.opened.policy.call_from_min = 8 * 60;
	opening.opened.policy.call_to_min = 18 * 60;
	opening.opened.policy.utc_offset_min = 60;
	case_do(&c, opening);
	/* 08:00 local is 07:00 UTC of the next day */
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.due_s,
		T0 - T0 % 86400 + 86400 + 7 * 3600);
}

static void down_when_the_deadline_fell_due(void **state)
{
	struct case_run c = awaiting();

	case_fire(&c, MW_TIMER_DEADLINE, 7200);
	assert_state(&c, MW_TICKET_AWAITING);
	case_effect(&c, MW_EFFECT_ALARM);
	case_fire(&c, MW_TIMER_GRACE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
}

static void expiry_during_a_call_prompts(void **state)
{
	struct case_run c = awaiting();
	struct mw_ticket_event ev = case_event(MW_TEV_CALL_STARTED);

	case_do(&c, ev);
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_AWAITING);
	assert_non_null(strstr(case_effect(&c, MW_EFFECT_ALARM)->text, "during your call"));
	ev = case_text(MW_TEV_EXTEND, "their engineer is on the way");
	ev.until_s = c.now_s + 1800;
	case_do(&c, ev);
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_GRACE), 0);
	case_do(&c, case_call(0, MW_CALL_REACHED));
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
}

static void critical_is_never_disabled_by_the_machine(void **state)
{
	for (int shared = 0; shared < 2; shared++) {
		struct mw_ticket_event opening = case_full_opening();
		struct case_run c;

		opening.opened.policy.critical = !shared;
		opening.opened.shared = shared;
		opening.opened.policy.immediate = true;
		opening.opened.how = MW_OPENING_CONCLUSIVE;
		c = opened(opening);
		assert_state(&c, MW_TICKET_OPEN);
		case_do(&c, case_call(0, MW_CALL_REACHED));
		case_fire(&c, MW_TIMER_DEADLINE, 0);
		assert_state(&c, MW_TICKET_WORKING);
		assert_int_equal(case_count(&c, MW_EFFECT_SET_VERDICT), 0);
		assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.kind, MW_TASK_DECIDE);
		case_do(&c, case_text(MW_TEV_DISABLE, "the head of the desk decided"));
		assert_state(&c, MW_TICKET_DISABLED);
		assert_int_equal(c.t.verdict, MW_VERDICT_REJECT);
	}
}

static void empty_list(void **state)
{
	struct case_run c = opened(case_opening(MW_OPENING_CONSIDERABLE));
	const char *to[MW_TICKET_CONTACTS_MAX + 1];

	assert_state(&c, MW_TICKET_CONTACTING);
	case_effect(&c, MW_EFFECT_ALARM);
	assert_int_equal(mw_effect_recipients(case_effect(&c, MW_EFFECT_QUEUE_MAIL), &c.t, to), 1);
	assert_string_equal(to[0], "postmaster@c1.example");
	case_do(&c, case_mail(MW_TEV_MAIL_ACCEPTED, MW_MAIL_FINAL));
	assert_state(&c, MW_TICKET_AWAITING);
}

static void nobody_has_an_address(void **state)
{
	struct mw_ticket_event opening = case_opening(MW_OPENING_CONSIDERABLE);
	struct case_run c;

	opening.opened.postmaster[0] = '\0';
	case_contact(&opening, MW_CONTACT_CONTACT, "Ada", "+49 1", "");
	c = opened(opening);
	case_do(&c, case_call(0, MW_CALL_NO_ANSWER));
	assert_int_equal(case_count(&c, MW_EFFECT_QUEUE_MAIL), 0);
	assert_true(case_count(&c, MW_EFFECT_ALARM) >= 1);
	assert_int_equal(c.t.deadline_s, 0);
}

static void contacts_without_phone_get_their_mail_in_turn(void **state)
{
	struct mw_ticket_event opening = case_opening(MW_OPENING_CONSIDERABLE);
	struct case_run c;

	case_contact(&opening, MW_CONTACT_CONTACT, "Ada", "+49 1", "ada@c1.example");
	case_contact(&opening, MW_CONTACT_CONTACT, "Bob", "", "bob@c1.example");
	case_contact(&opening, MW_CONTACT_CONTACT, "Cy", "+49 3", "cy@c1.example");
	c = opened(opening);
	case_do(&c, case_call(0, MW_CALL_NO_ANSWER));
	assert_int_equal(
		case_count(&c, MW_EFFECT_QUEUE_MAIL), 2); /* Ada after the call, Bob in turn */
	assert_int_equal(c.t.contact_at, 2);
}

static void conclusive_is_immediate_by_policy(void **state)
{
	struct mw_ticket_event opening = case_full_opening();
	struct case_run c;

	opening.opened.how = MW_OPENING_CONCLUSIVE;
	c = opened(opening);
	assert_state(&c, MW_TICKET_OPEN); /* the class does not say immediate */
	opening.opened.policy.immediate = true;
	c = opened(opening);
	assert_state(&c, MW_TICKET_DISABLED);
	assert_true(case_mailed(&c, MW_MAIL_DISABLED));
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.kind, MW_TASK_CALL);
	case_do(&c, case_call(0, MW_CALL_REACHED));
	assert_state(&c, MW_TICKET_DISABLED);
}

static void reports(void **state)
{
	struct case_run c = disabled();
	struct mw_ticket_event ev = case_report(&c.t, " \n");

	assert_int_equal(case_try(&c, ev), -EINVAL);
	ev = case_report(&c.t, "cleaned");
	ev.report.number.seq++;
	assert_int_equal(case_try(&c, ev), -EINVAL);
	assert_int_equal(case_try(&c, case_event(MW_TEV_CONFIRM)), -EPERM);
	assert_non_null(strstr(c.fx.refusal, "MW-2026-000123 is disabled"));
	case_do(&c, case_text(MW_TEV_CONTACTED, "we know"));
	assert_state(&c, MW_TICKET_DISABLED); /* an acknowledgement is not a report */
	case_do(&c, case_report(&c.t, "cleaned"));
	case_do(&c, case_event(MW_TEV_REFUTE));
	assert_state(&c, MW_TICKET_DISABLED);
	assert_int_equal(c.t.verdict, MW_VERDICT_REJECT);
}

static void refuted_report_gains_no_time(void **state)
{
	struct case_run c = awaiting();
	uint64_t deadline_s = c.t.deadline_s;

	case_do(&c, case_report(&c.t, "nothing found"));
	c.now_s += 600;
	case_do(&c, case_event(MW_TEV_REFUTE));
	assert_state(&c, MW_TICKET_WORKING);
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DEADLINE), deadline_s);
	case_do(&c, case_report(&c.t, "nothing found again"));
	c.now_s = deadline_s + 1;
	case_do(&c, case_event(MW_TEV_REFUTE));
	assert_state(&c, MW_TICKET_DISABLED);
	assert_int_equal(c.t.verdict, MW_VERDICT_REJECT);
}

static void probation_reopens_on_a_shorter_ladder(void **state)
{
	struct case_run c = disabled();
	struct mw_ticket_event ev;
	struct mw_ticket_number number = c.t.number;

	case_do(&c, case_report(&c.t, "cleaned"));
	case_do(&c, case_event(MW_TEV_CONFIRM));
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	c.now_s += 3600;
	ev = case_evidence(true, false);
	ev.evidence.message_date_s = c.t.enabled_since_s - 60;
	case_do(&c, ev);
	assert_state(&c, MW_TICKET_PROBATION); /* from a queue */
	ev.evidence.message_date_s = c.t.enabled_since_s + 60;
	case_do(&c, ev);
	assert_state(&c, MW_TICKET_OPEN);
	assert_true(mw_ticket_number_eq(&c.t.number, &number));
	case_do(&c, case_tam(false));
	case_do(&c, case_call(0, MW_CALL_NO_ANSWER)); /* reopen_calls is 1 */
	assert_true(case_mailed(&c, MW_MAIL_FINAL));
	ev = case_mail(MW_TEV_MAIL_ACCEPTED, MW_MAIL_FINAL);
	ev.mail.revision = 3; /* of the first round: too late to count */
	case_do(&c, ev);
	assert_state(&c, MW_TICKET_CONTACTING);
	ev.mail.revision = c.t.final_revision;
	case_do(&c, ev);
	assert_int_equal(c.t.deadline_s, c.now_s + 3600); /* reopen_deadline_s */
}

static void pause_extend_third_party(void **state)
{
	struct case_run c = awaiting();
	uint64_t deadline_s = c.t.deadline_s;
	struct mw_ticket_event ev = case_text(MW_TEV_PAUSE, "their provider is down");

	c.now_s += 60;
	ev.until_s = mw_ticket_cap_s(&c.t) + 1;
	assert_int_equal(case_try(&c, ev), -EPERM);
	assert_non_null(strstr(c.fx.refusal, "UTC"));
	ev.until_s = c.now_s + 900;
	case_do(&c, ev);
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DEADLINE), 0);
	assert_int_equal(case_try(&c, ev), -EPERM);
	case_fire(&c, MW_TIMER_PAUSE_END, 0);
	assert_int_equal(c.t.deadline_s, deadline_s + 900);

	ev = case_text(MW_TEV_EXTEND, "parts are coming");
	ev.until_s = deadline_s;
	assert_int_equal(case_try(&c, ev), -EPERM);
	ev.until_s = deadline_s + 3600;
	case_do(&c, ev);
	ev = case_text(MW_TEV_THIRD_PARTY, "the blocklist gives two hours");
	ev.until_s = c.now_s + 7200;
	case_do(&c, ev);
	assert_int_equal(c.t.deadline_s, ev.until_s);
	ev = case_text(MW_TEV_EXTEND, "more");
	ev.until_s = c.t.deadline_s + 60;
	assert_int_equal(case_try(&c, ev), -EPERM);
	case_do(&c, case_event(MW_TEV_REPLY_MAIL));
	assert_true(c.t.paused);
	case_do(&c, case_event(MW_TEV_RESUME));
	assert_int_equal(c.t.deadline_s, c.t.third_party_s); /* a pause does not move his */
	case_do(&c, case_event(MW_TEV_REPLY_MAIL));
	assert_false(c.t.paused); /* once only */
}

static void dispute_and_hold_do_not_stop_the_clock(void **state)
{
	struct case_run c = awaiting();
	struct mw_ticket_event ev = case_text(MW_TEV_DISPUTE, "a lawyer's letter");

	ev.on = true;
	case_do(&c, ev);
	assert_true(c.t.dispute && c.t.hold);
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
}

static void release_lets_mail_flow_at_once(void **state)
{
	struct case_run c = disabled();

	case_do(&c, case_text(MW_TEV_RELEASE, "the address belongs to somebody else"));
	assert_state(&c, MW_TICKET_UNFOUNDED);
	case_effect(&c, MW_EFFECT_CLEAR_VERDICT);
	assert_int_equal(case_effect(&c, MW_EFFECT_CREATE_TASK)->task.kind, MW_TASK_REVIEW);
	assert_true(case_mailed(&c, MW_MAIL_WITHDRAWN));
	assert_int_equal(case_try(&c, case_report(&c.t, "x")), -EPERM);
	case_fire(&c, MW_TIMER_VERDICT, 0); /* dataplane down: said, and said again */
	case_effect(&c, MW_EFFECT_ALARM);
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	assert_int_equal(c.t.timer_count, 0);
}

static void abuse_that_ended_is_a_persons_decision_by_policy(void **state)
{
	struct mw_ticket_event opening = case_full_opening();
	struct case_run c;

	opening.opened.policy.require_ongoing = true;
	c = opened(opening);
	case_do(&c, case_call(0, MW_CALL_REACHED));
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_WORKING);
	assert_true(c.t.decision_due);
}

/* RATE while the case is worked: from its beginning, over its end, and again when it comes back. */
static void interim_rate(void **state)
{
	struct mw_ticket_event opening = case_full_opening();
	struct case_run c;

	opening.opened.policy.interim = MW_VERDICT_RATE;
	opening.opened.policy.critical = true; /* he stays able to work */
	c = opened(opening);
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->verdict, MW_VERDICT_RATE);
	case_do(&c, case_verdict(MW_VERDICT_RATE));
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_VERDICT), 0);
	case_do(&c, case_report(&c.t, "cleaned"));
	assert_int_equal(c.t.verdict, MW_VERDICT_RATE);
	case_do(&c, case_event(MW_TEV_CONFIRM));
	assert_state(&c, MW_TICKET_RESOLVED); /* the lanes have to take over PASS first */
	case_effect(&c, MW_EFFECT_CLEAR_VERDICT);
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	assert_state(&c, MW_TICKET_PROBATION);
	case_do(&c, case_evidence(true, false));
	assert_state(&c, MW_TICKET_OPEN);
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->verdict, MW_VERDICT_RATE);

	opening.opened.policy.critical = false;
	c = opened(opening);
	case_do(&c, case_call(0, MW_CALL_REACHED));
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->verdict, MW_VERDICT_REJECT);

	opening.opened.shared = true; /* others stand behind the line */
	c = opened(opening);
	assert_int_equal(case_count(&c, MW_EFFECT_SET_VERDICT), 0);
	assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
}

static void interim_verdicts_that_stop_mail_are_refused(void **state)
{
	static const enum mw_verdict stops[] = {
		MW_VERDICT_REJECT, MW_VERDICT_RESET, MW_VERDICT_DROP, MW_VERDICT_COUNT};

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		struct case_run c = {.now_s = T0};
		struct mw_ticket_event opening = case_full_opening();

		opening.opened.policy.interim = stops[i];
		assert_int_equal(case_try(&c, opening), -EINVAL);
	}
}

static void suspicion(void **state)
{
	struct mw_ticket_event opening = case_full_opening();
	struct mw_ticket_event evidence = case_evidence(true, false);
	struct case_run c;

	opening.opened.how = MW_OPENING_SUSPICION;
	snprintf(opening.opened.reason, sizeof(opening.opened.reason), "6 messages");
	snprintf(evidence.text, sizeof(evidence.text), "20 messages");
	c = opened(opening);
	assert_state(&c, MW_TICKET_SUSPECT);
	assert_int_equal(case_count(&c, MW_EFFECT_CREATE_TASK), 0);
	case_do(&c, case_evidence(false, false));
	assert_state(&c, MW_TICKET_SUSPECT);
	assert_string_equal(c.t.reason, "6 messages");
	case_do(&c, evidence);
	assert_state(&c, MW_TICKET_OPEN);
	assert_string_equal(c.t.reason, "20 messages"); /* what made a case of it */
	c = opened(opening);
	case_fire(&c, MW_TIMER_SUSPECT_END, 0);
	assert_state(&c, MW_TICKET_CLOSED);
}

static void hostile_text_stays_on_its_line(void **state)
{
	struct case_run c = awaiting();

	case_do(&c, case_text(MW_TEV_NOTE, "evil\n\x1b[2Jline \xc3\xa4"));
	for (const char *p = case_effect(&c, MW_EFFECT_HISTORY)->text; *p != '\0'; p++)
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void stale_timers(void **state)
{
	struct case_run c = awaiting();
	struct mw_ticket_event ev = case_event(MW_TEV_TIMER);

	ev.timer = (struct mw_ticket_timer){MW_TIMER_DEADLINE, c.t.deadline_s};
	assert_int_equal(case_try(&c, ev), -ESTALE); /* not due */
	c.now_s = c.t.deadline_s;
	case_do(&c, ev);
	assert_int_equal(case_try(&c, ev), -ESTALE); /* fired */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight_path),
		cmocka_unit_test(reached_starts_the_clock_once),
		cmocka_unit_test(reached_after_worked_off_does_not_restart),
		cmocka_unit_test(relay_down_waits_and_alarms),
		cmocka_unit_test(nobody_takes_the_task),
		cmocka_unit_test(calls_keep_their_order_and_spacing),
		cmocka_unit_test(calling_hours),
		cmocka_unit_test(down_when_the_deadline_fell_due),
		cmocka_unit_test(expiry_during_a_call_prompts),
		cmocka_unit_test(critical_is_never_disabled_by_the_machine),
		cmocka_unit_test(empty_list),
		cmocka_unit_test(nobody_has_an_address),
		cmocka_unit_test(contacts_without_phone_get_their_mail_in_turn),
		cmocka_unit_test(conclusive_is_immediate_by_policy),
		cmocka_unit_test(reports),
		cmocka_unit_test(refuted_report_gains_no_time),
		cmocka_unit_test(probation_reopens_on_a_shorter_ladder),
		cmocka_unit_test(pause_extend_third_party),
		cmocka_unit_test(dispute_and_hold_do_not_stop_the_clock),
		cmocka_unit_test(release_lets_mail_flow_at_once),
		cmocka_unit_test(abuse_that_ended_is_a_persons_decision_by_policy),
		cmocka_unit_test(interim_rate),
		cmocka_unit_test(interim_verdicts_that_stop_mail_are_refused),
		cmocka_unit_test(suspicion),
		cmocka_unit_test(hostile_text_stays_on_its_line),
		cmocka_unit_test(stale_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
