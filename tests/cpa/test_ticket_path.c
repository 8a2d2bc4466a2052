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

static struct mw_ticket_event diverting(void)
{
	struct mw_ticket_event opening = case_full_opening();

	opening.opened.policy.interim = MW_VERDICT_DIVERT;
	opening.opened.policy.divert_max_s = 10 * 86400;
	opening.opened.policy.hard_cap_s = 30 * 86400;
	opening.opened.policy.deadline_s = 29 * 86400;
	snprintf(opening.opened.policy.divert_basis, sizeof(opening.opened.policy.divert_basis),
		"contract of 2026, section 7");
	return opening;
}

static const char *audited(const struct case_run *c, const char *action)
{
	for (uint32_t i = 0; i < c->fx.count; i++)
		if (c->fx.item[i].kind == MW_EFFECT_AUDIT &&
			strcmp(c->fx.item[i].action, action) == 0)
			return c->fx.item[i].text;
	return NULL;
}

/* DIVERT while the case is worked: its basis and a word to the customer at once, an end, an alarm
 * before it, and only a person puts it off. */
static void interim_divert(void **state)
{
	struct case_run c = opened(diverting());
	uint64_t end_s = T0 + 10 * 86400;

	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->verdict, MW_VERDICT_DIVERT);
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->until_s, end_s);
	assert_true(case_mailed(&c, MW_MAIL_DIVERTED));
	assert_non_null(audited(&c, "ticket.divert"));
	assert_non_null(strstr(audited(&c, "ticket.divert"), "basis: contract of 2026, section 7"));
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_ALARM), end_s - 86400);
	case_do(&c, case_verdict(MW_VERDICT_DIVERT));
	case_do(&c, case_call(0, MW_CALL_REACHED));
	assert_int_equal(c.t.verdict, MW_VERDICT_DIVERT);

	case_fire(&c, MW_TIMER_DIVERT_ALARM, 0);
	assert_non_null(
		strstr(case_effect(&c, MW_EFFECT_ALARM)->text, "ticket renew MW-2026-000123"));
	assert_int_equal(case_try(&c, case_text(MW_TEV_RENEW, "")), -EINVAL);
	case_do(&c, case_text(MW_TEV_RENEW, "their technician is ill"));
	end_s = c.now_s + 10 * 86400;
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->until_s, end_s);
	assert_non_null(strstr(audited(&c, "ticket.divert"), "basis: contract"));
	assert_non_null(strstr(audited(&c, "ticket.renew"), "their technician is ill"));
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_ALARM), end_s - 86400);
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_END), end_s);

	case_fire(&c, MW_TIMER_DIVERT_ALARM, 0);
	case_fire(&c, MW_TIMER_DIVERT_END, 0);
	assert_state(&c, MW_TICKET_WORKING);
	assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
	case_effect(&c, MW_EFFECT_CLEAR_VERDICT);
	case_effect(&c, MW_EFFECT_ALARM);
	assert_int_equal(case_try(&c, case_text(MW_TEV_RENEW, "again")), -EPERM);
	assert_non_null(strstr(c.fx.refusal, "its verdict is not divert"));
}

/* Refused at the deadline, or solved: the divert ends with what comes after it. */
static void divert_ends_with_the_case(void **state)
{
	struct mw_ticket_event opening = diverting();
	struct case_run c;

	opening.opened.policy.deadline_s = 3600;
	c = opened(opening);
	case_do(&c, case_call(0, MW_CALL_REACHED));
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_DISABLED);
	assert_int_equal(c.t.verdict, MW_VERDICT_REJECT);
	assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->until_s, 0);
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_END), 0);
	assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_ALARM), 0);

	c = opened(opening);
	case_do(&c, case_report(&c.t, "cleaned"));
	case_do(&c, case_event(MW_TEV_CONFIRM));
	assert_state(&c, MW_TICKET_RESOLVED); /* the lanes have to take over PASS first */
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	assert_state(&c, MW_TICKET_PROBATION);

	c = opened(opening);
	case_do(&c, case_text(MW_TEV_RELEASE, "another's address"));
	assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	assert_int_equal(c.t.timer_count, 0);

	opening.opened.shared = true; /* others stand behind the line */
	c = opened(opening);
	assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
	assert_false(case_mailed(&c, MW_MAIL_DIVERTED));
}

/* A critical customer: a person decides at the deadline, and until then his mail is looked into. */
static void critical_is_diverted(void **state)
{
	struct mw_ticket_event opening = diverting();
	struct case_run c;

	opening.opened.policy.critical = true;
	opening.opened.policy.deadline_s = 3600;
	c = opened(opening);
	case_do(&c, case_call(0, MW_CALL_REACHED));
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	assert_state(&c, MW_TICKET_WORKING);
	assert_true(c.t.decision_due);
	assert_int_equal(c.t.verdict, MW_VERDICT_DIVERT);
}

/* Nobody to write to: the divert stands, and a person must tell him. */
static void divert_without_an_address(void **state)
{
	struct mw_ticket_event opening = diverting();
	struct case_run c;

	opening.opened.contact_count = 0;
	opening.opened.postmaster[0] = '\0';
	case_contact(&opening, MW_CONTACT_CONTACT, "Ada", "+49 1", "");
	c = opened(opening);
	assert_int_equal(c.t.verdict, MW_VERDICT_DIVERT);
	assert_false(case_mailed(&c, MW_MAIL_DIVERTED));
	assert_non_null(strstr(case_effect(&c, MW_EFFECT_ALARM)->text, "tell him otherwise"));
}

/* The first day of probation, whatever was in force before (7.9). */
static void probation_begins_diverted(void **state)
{
	static const enum mw_verdict interims[] = {
		MW_VERDICT_PASS, MW_VERDICT_RATE, MW_VERDICT_DIVERT};

	for (size_t i = 0; i < sizeof(interims) / sizeof(interims[0]) + 1; i++) {
		bool disabled = i == sizeof(interims) / sizeof(interims[0]);
		struct mw_ticket_event opening = diverting();
		struct case_run c;

		opening.opened.policy.interim = disabled ? MW_VERDICT_PASS : interims[i];
		opening.opened.policy.deadline_s = 3600;
		opening.opened.policy.probation_divert_s = 86400;
		c = opened(opening);
		if (disabled) {
			case_do(&c, case_call(0, MW_CALL_REACHED));
			case_fire(&c, MW_TIMER_DEADLINE, 0);
		}
		case_do(&c, case_report(&c.t, "cleaned"));
		c.now_s += 600;
		case_do(&c, case_event(MW_TEV_CONFIRM));
		assert_true(case_mailed(&c, MW_MAIL_DIVERTED));
		assert_non_null(strstr(audited(&c, "ticket.divert"), "basis: contract"));
		assert_int_equal(case_effect(&c, MW_EFFECT_SET_VERDICT)->until_s, c.now_s + 86400);
		if (disabled || interims[i] == MW_VERDICT_RATE) {
			assert_state(&c, MW_TICKET_RESOLVED);
			case_do(&c, case_verdict(MW_VERDICT_DIVERT));
			assert_int_equal(case_count(&c, MW_EFFECT_SET_VERDICT), 0);
			assert_int_equal(case_mailed(&c, MW_MAIL_ENABLED), disabled);
		}
		assert_state(&c, MW_TICKET_PROBATION);
		assert_int_equal(c.t.verdict, MW_VERDICT_DIVERT);
		assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_ALARM), 0);
		assert_int_equal(case_try(&c, case_text(MW_TEV_RENEW, "more")), -EPERM);
		assert_non_null(strstr(c.fx.refusal, "ends by itself"));
		if (disabled) { /* spam again: what the class says, and that is PASS here */
			case_do(&c, case_evidence(true, false));
			assert_state(&c, MW_TICKET_OPEN);
			assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
			assert_int_equal(mw_ticket_timer_due(&c.t, MW_TIMER_DIVERT_END), 0);
			continue;
		}
		case_fire(&c, MW_TIMER_DIVERT_END, 0);
		assert_int_equal(c.t.verdict, MW_VERDICT_PASS);
		assert_int_equal(case_count(&c, MW_EFFECT_ALARM), 0);
		case_do(&c, case_verdict(MW_VERDICT_PASS));
		case_fire(&c, MW_TIMER_PROBATION_END, 0);
		assert_state(&c, MW_TICKET_CLOSED);
		assert_int_equal(c.t.timer_count, 0);
	}
}

static void divert_needs_basis_and_end(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct case_run c = {.now_s = T0};
		struct mw_ticket_event opening = diverting();
		struct mw_ticket_policy *p = &opening.opened.policy;

		if (i == 0)
			p->divert_basis[0] = '\0';
		else if (i == 1)
			p->divert_max_s = 0;
		else if (i == 2)
			p->probation_divert_s = p->probation_s + 1;
		else
			memset(p->divert_basis, 'x', sizeof(p->divert_basis));
		assert_int_equal(case_try(&c, opening), -EINVAL);
	}
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
		cmocka_unit_test(interim_divert),
		cmocka_unit_test(divert_ends_with_the_case),
		cmocka_unit_test(critical_is_diverted),
		cmocka_unit_test(divert_without_an_address),
		cmocka_unit_test(probation_begins_diverted),
		cmocka_unit_test(divert_needs_basis_and_end),
		cmocka_unit_test(interim_verdicts_that_stop_mail_are_refused),
		cmocka_unit_test(suspicion),
		cmocka_unit_test(hostile_text_stays_on_its_line),
		cmocka_unit_test(stale_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
