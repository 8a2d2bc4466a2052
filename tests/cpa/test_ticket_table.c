/* Every state meets every event: one letter of outcome each, written down by hand. */
#include "tests/cpa/case.h"

#include "controlplane/ticket/move.h"

/* none suspect open contacting working awaiting disabled verifying resolved probation closed
 * unfounded */
static const char letters[MW_TICKET_STATE_COUNT + 1] = "NSOCWADVRPXU";

static struct case_run in_state(enum mw_ticket_state want)
{
	struct case_run c = {.now_s = T0};
	struct mw_ticket_event opening = case_full_opening();

	if (want == MW_TICKET_NONE)
		return c;
	if (want == MW_TICKET_SUSPECT)
		opening.opened.how = MW_OPENING_SUSPICION;
	case_do(&c, opening);
	if (want == MW_TICKET_SUSPECT || want == MW_TICKET_OPEN)
		return c;
	if (want == MW_TICKET_UNFOUNDED) {
		case_do(&c, case_text(MW_TEV_UNFOUNDED, "a mistake"));
		return c;
	}
	if (want == MW_TICKET_WORKING) {
		case_do(&c, case_call(0, MW_CALL_REACHED));
		return c;
	}
	case_do(&c, case_call(0, MW_CALL_NO_ANSWER));
	if (want == MW_TICKET_CONTACTING)
		return c;
	case_do(&c, case_text(MW_TEV_ATTEST, "by courier"));
	if (want == MW_TICKET_AWAITING)
		return c;
	if (want == MW_TICKET_VERIFYING) { /* before the deadline; the other way is RESOLVED's */
		case_do(&c, case_report(&c.t, "cleaned"));
		return c;
	}
	case_fire(&c, MW_TIMER_DEADLINE, 0);
	if (want == MW_TICKET_DISABLED)
		return c;
	case_do(&c, case_report(&c.t, "cleaned"));
	case_do(&c, case_event(MW_TEV_CONFIRM));
	if (want == MW_TICKET_RESOLVED)
		return c;
	case_do(&c, case_verdict(MW_VERDICT_PASS));
	if (want == MW_TICKET_PROBATION)
		return c;
	case_fire(&c, MW_TIMER_PROBATION_END, 0);
	return c;
}

struct row {
	const char *name;
	const char *outcome; /* a letter: that state; =: stays, accepted; -: refused */
	struct mw_ticket_event (*make)(const struct case_run *c);
};

static struct mw_ticket_event e_opened(const struct case_run *c)
{
	return case_full_opening();
}

static struct mw_ticket_event e_evidence(const struct case_run *c)
{
	return case_evidence(true, false);
}

static struct mw_ticket_event e_evidence_small(const struct case_run *c)
{
	return case_evidence(false, false);
}

static struct mw_ticket_event e_call_started(const struct case_run *c)
{
	struct mw_ticket_event ev = case_event(MW_TEV_CALL_STARTED);

	ev.call.contact = c->t.contact_at;
	return ev;
}

static struct mw_ticket_event e_reached(const struct case_run *c)
{
	return case_call(c->t.contact_at, MW_CALL_REACHED);
}

static struct mw_ticket_event e_no_answer(const struct case_run *c)
{
	return case_call(c->t.contact_at, MW_CALL_NO_ANSWER);
}

static struct mw_ticket_event e_contacted(const struct case_run *c)
{
	return case_text(MW_TEV_CONTACTED, "spoke with him");
}

static struct mw_ticket_event e_tam_reached(const struct case_run *c)
{
	return case_tam(true);
}

static struct mw_ticket_event e_tam_failed(const struct case_run *c)
{
	return case_tam(false);
}

static struct mw_ticket_event e_mail_accepted(const struct case_run *c)
{
	return case_mail(MW_TEV_MAIL_ACCEPTED, MW_MAIL_FINAL);
}

static struct mw_ticket_event e_mail_failed(const struct case_run *c)
{
	return case_mail(MW_TEV_MAIL_FAILED, MW_MAIL_FOLLOW_UP);
}

static struct mw_ticket_event e_report(const struct case_run *c)
{
	return case_report(&c->t, "cleaned");
}

static struct mw_ticket_event e_reply(const struct case_run *c)
{
	return case_event(MW_TEV_REPLY_MAIL);
}

static struct mw_ticket_event e_confirm(const struct case_run *c)
{
	return case_event(MW_TEV_CONFIRM);
}

static struct mw_ticket_event e_refute(const struct case_run *c)
{
	return case_event(MW_TEV_REFUTE);
}

static struct mw_ticket_event e_note(const struct case_run *c)
{
	return case_text(MW_TEV_NOTE, "a note");
}

static struct mw_ticket_event e_pause(const struct case_run *c)
{
	struct mw_ticket_event ev = case_text(MW_TEV_PAUSE, "why");

	ev.until_s = c->now_s + 60;
	return ev;
}

static struct mw_ticket_event e_resume(const struct case_run *c)
{
	return case_event(MW_TEV_RESUME);
}

static struct mw_ticket_event e_extend(const struct case_run *c)
{
	struct mw_ticket_event ev = case_text(MW_TEV_EXTEND, "why");

	ev.until_s = c->t.deadline_s + 60;
	return ev;
}

static struct mw_ticket_event e_dispute(const struct case_run *c)
{
	return case_event(MW_TEV_DISPUTE);
}

static struct mw_ticket_event e_hold(const struct case_run *c)
{
	return case_event(MW_TEV_HOLD);
}

static struct mw_ticket_event e_third_party(const struct case_run *c)
{
	struct mw_ticket_event ev = case_event(MW_TEV_THIRD_PARTY);

	ev.until_s = c->now_s + 60;
	return ev;
}

static struct mw_ticket_event e_attest(const struct case_run *c)
{
	return case_text(MW_TEV_ATTEST, "by courier");
}

static struct mw_ticket_event e_disable(const struct case_run *c)
{
	return case_text(MW_TEV_DISABLE, "decided");
}

static struct mw_ticket_event e_unfounded(const struct case_run *c)
{
	return case_text(MW_TEV_UNFOUNDED, "a mistake");
}

static struct mw_ticket_event e_release(const struct case_run *c)
{
	return case_text(MW_TEV_RELEASE, "not his address");
}

static struct mw_ticket_event e_renew(const struct case_run *c)
{
	return case_text(MW_TEV_RENEW, "still needed");
}

static struct mw_ticket_event e_pass(const struct case_run *c)
{
	return case_verdict(MW_VERDICT_PASS);
}

static struct mw_ticket_event e_reject(const struct case_run *c)
{
	return case_verdict(MW_VERDICT_REJECT);
}

/* clang-format off */
static const struct row rows[] = {
	/*                      NSOCWADVRPXU */
	{"opened", "O-----------", e_opened},
	{"evidence", "-O=======O--", e_evidence},
	{"evidence, small", "-=========--", e_evidence_small},
	{"call started", "--C====-----", e_call_started},
	{"call: reached", "--WW=W===---", e_reached},
	{"call: no answer", "--C======---", e_no_answer},
	{"contacted", "-=WW=W====--", e_contacted},
	{"TAM reached", "--WW=W====--", e_tam_reached},
	{"TAM failed", "--========--", e_tam_failed},
	{"final accepted", "-===========", e_mail_accepted},
	{"mail failed", "-===========", e_mail_failed},
	{"report", "-=VVVVV=----", e_report},
	{"reply by mail", "-=========--", e_reply},
	{"confirm", "-------P----", e_confirm},
	{"refute", "-------W----", e_refute},
	{"note", "-===========", e_note},
	{"pause", "----==------", e_pause},
	{"resume", "------------", e_resume},
	{"extend", "----==------", e_extend},
	{"dispute", "-===========", e_dispute},
	{"hold", "-===========", e_hold},
	{"third party", "-=========--", e_third_party},
	{"attest", "--AA--------", e_attest},
	{"disable", "------------", e_disable},
	{"unfounded", "-UUUUUUUUU--", e_unfounded},
	{"release", "-UUUUUUUUU--", e_release},
	{"renew", "------------", e_renew},
	{"pass in force", "-=======P===", e_pass},
	{"reject in force", "-===========", e_reject},
};
/* clang-format on */

static void every_state_meets_every_event(void **state)
{
	bool seen[MW_TEV_KIND_COUNT] = {false};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int s = 0; s < MW_TICKET_STATE_COUNT; s++) {
			struct case_run c = in_state((enum mw_ticket_state)s);
			struct mw_ticket before = c.t;
			struct mw_ticket_event ev;
			char got;
			int rc;

			assert_state(&c, (enum mw_ticket_state)s);
			ev = rows[i].make(&c);
			seen[ev.kind] = true;
			rc = case_try(&c, ev);
			got = rc != 0 ? '-' : (int)c.t.state == s ? '=' : letters[c.t.state];
			if (got != rows[i].outcome[s])
				fail_msg("%s in %s: %c, not %c (%s)", rows[i].name,
					mw_ticket_state_name((enum mw_ticket_state)s), got,
					rows[i].outcome[s], c.fx.refusal);
			if (rc == 0)
				continue;
			assert_int_equal(rc, -EPERM);
			assert_memory_equal(&before, &c.t, sizeof(before));
			assert_int_equal(c.fx.count, 0);
			assert_true(strlen(c.fx.refusal) > 20);
			assert_null(strchr(c.fx.refusal, '{'));
			if (s != MW_TICKET_NONE)
				assert_non_null(strstr(c.fx.refusal,
					mw_ticket_state_name((enum mw_ticket_state)s)));
		}
	}
	seen[MW_TEV_TIMER] = true; /* below */
	for (int k = 0; k < MW_TEV_KIND_COUNT; k++)
		if (!seen[k])
			fail_msg("event %s is in no row of this test",
				mw_ticket_event_name((enum mw_ticket_event_kind)k));
}

/* Each state and event, and each kind of timer, ends at a row without a guard. */
static void no_event_falls_through(void **state)
{
	for (uint32_t s = 0; s < MW_TICKET_STATE_COUNT; s++) {
		for (uint32_t e = 0; e < MW_TEV_KIND_COUNT; e++) {
			bool total = false;

			for (size_t i = 0; i < mw_ticket_move_count; i++) {
				const struct mw_ticket_move *m = &mw_ticket_moves[i];

				total |= (m->states & 1u << s) != 0 && m->guard == NULL &&
					 m->timer == MW_MOVE_ANY_TIMER &&
					 (m->event == e || m->event == MW_TEV_KIND_COUNT);
			}
			if (!total)
				fail_msg("%s in %s has no last row",
					mw_ticket_event_name((enum mw_ticket_event_kind)e),
					mw_ticket_state_name((enum mw_ticket_state)s));
		}
	}
}

/* A row behind one that always fits could never be taken; each says why. */
static void no_row_is_hidden(void **state)
{
	for (size_t i = 0; i < mw_ticket_move_count; i++) {
		const struct mw_ticket_move *m = &mw_ticket_moves[i];
		uint32_t left = m->states;

		assert_true(strlen(m->why) > 5);
		for (size_t j = 0; j < i; j++) {
			const struct mw_ticket_move *above = &mw_ticket_moves[j];

			if (above->event == m->event && above->guard == NULL &&
				(above->timer == MW_MOVE_ANY_TIMER || above->timer == m->timer))
				left &= ~above->states;
		}
		if (left != m->states)
			fail_msg("row %zu (%s) is partly hidden", i, m->why);
	}
}

static void numbers(void **state)
{
	struct mw_ticket_number n;
	char out[MW_TICKET_MAX], at[MW_TIME_TEXT_MAX];

	assert_int_equal(mw_ticket_number_parse("mw-2026-000123", &n), 0);
	assert_string_equal(mw_ticket_number_format(&n, out), "MW-2026-000123");
	assert_int_equal(mw_ticket_number_parse("MW-2026-00012", &n), -EINVAL);
	assert_int_equal(mw_ticket_number_parse("MW-2026-0001234", &n), -EINVAL);
	assert_int_equal(mw_ticket_number_parse("MW-2026-00012x", &n), -EINVAL);
	assert_int_equal(mw_ticket_number_parse("MW-2026-000000", &n), -EINVAL);
	assert_string_equal(mw_ticket_time_format(951782400, at), "2000-02-29 00:00:00 UTC");
	assert_string_equal(mw_ticket_time_format(4102444799, at), "2099-12-31 23:59:59 UTC");
	assert_string_equal(mw_ticket_time_format(0, at), "1970-01-01 00:00:00 UTC");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_meets_every_event),
		cmocka_unit_test(no_event_falls_through),
		cmocka_unit_test(no_row_is_hidden),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
