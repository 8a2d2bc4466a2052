/* Any sequence of events keeps what must always hold, and together they take every row of the
 * table. */
#include "tests/cpa/case.h"

#include "controlplane/ticket/move.h"

static uint64_t seed;
static uint64_t rng;

static uint32_t roll(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 33) % n;
}

static bool chance(uint32_t percent)
{
	return roll(100) < percent;
}

static struct mw_ticket_event random_opening(void)
{
	struct mw_ticket_event ev = case_opening((enum mw_opening)(chance(60) ? 1 : roll(3)));
	struct mw_ticket_policy *p = &ev.opened.policy;
	uint32_t contacts = chance(15) ? 0 : 1 + roll(4);

	for (uint32_t i = 0; i < contacts; i++)
		case_contact(&ev, MW_CONTACT_CONTACT, "Ada", chance(80) ? "+49 1" : "",
			chance(85) ? (i % 2 ? "a@c1.example" : "b@c1.example") : "");
	if (chance(50))
		case_contact(
			&ev, MW_CONTACT_TAM, "Tam", "+49 9", chance(80) ? "tam@isp.example" : "");
	if (chance(30))
		case_contact(&ev, MW_CONTACT_TAM_PERSON, "Per", "+49 8", "per@c1.example");
	if (chance(40))
		ev.opened.postmaster[0] = '\0';
	p->call_spacing_s = chance(50) ? 0 : 120;
	p->call_attempts = (uint8_t)(1 + roll(2));
	p->reopen_calls = (uint8_t)(1 + roll(2));
	p->immediate = chance(30);
	p->critical = chance(15);
	p->require_ongoing = chance(30);
	ev.opened.shared = chance(10);
	if (chance(40)) {
		p->interim = chance(60) ? MW_VERDICT_DIVERT : MW_VERDICT_PASS;
		p->probation_divert_s = chance(60) ? (chance(20) ? p->probation_s : 7200) : 0;
		p->divert_max_s = chance(50) ? 3600 : 14 * 86400;
		snprintf(p->divert_basis, sizeof(p->divert_basis), "a contract");
	}
	if (chance(30))
		p->hard_cap_s = p->deadline_s + 60;
	return ev;
}

static struct mw_ticket_event random_event(const struct case_run *c)
{
	struct mw_ticket_event ev = case_event((enum mw_ticket_event_kind)roll(MW_TEV_KIND_COUNT));

	/* towards the rarer states: what carries a case on, and seldom what ends it */
	if ((ev.kind == MW_TEV_UNFOUNDED || ev.kind == MW_TEV_RELEASE) && chance(80))
		ev.kind = MW_TEV_CONFIRM;
	if (c->t.state == MW_TICKET_RESOLVED && chance(70))
		ev.kind = MW_TEV_VERDICT_EFFECTIVE;
	if (c->t.state == MW_TICKET_PROBATION && chance(50))
		ev.kind = MW_TEV_EVIDENCE;
	if (chance(97))
		snprintf(ev.text, sizeof(ev.text), "text\nwith a line");
	ev.on = chance(60);
	ev.until_s = c->now_s + roll(20000);
	if (chance(10))
		ev.until_s = chance(50) ? c->now_s : UINT64_MAX;
	switch (ev.kind) {
	case MW_TEV_OPENED:
		return random_opening();
	case MW_TEV_EVIDENCE:
		ev.evidence.count = roll(20);
		ev.evidence.event_s = c->now_s - roll(100);
		ev.evidence.message_date_s = chance(50) ? c->now_s - roll(2) * 86400 : 0;
		ev.evidence.considerable = chance(50);
		ev.evidence.conclusive = chance(10);
		break;
	case MW_TEV_CALL_STARTED:
	case MW_TEV_CALL_OUTCOME:
	case MW_TEV_CONTACTED:
		ev.call.contact = chance(80) ? c->t.contact_at : (uint8_t)roll(6);
		ev.call.outcome = (enum mw_call_outcome)(chance(60) ? 2 + roll(4) : roll(7));
		break;
	case MW_TEV_TAM_OUTCOME:
		ev.tam.reached = chance(30);
		break;
	case MW_TEV_MAIL_ACCEPTED:
	case MW_TEV_MAIL_FAILED:
		ev.mail.mail = chance(60) ? MW_MAIL_FINAL
					  : (enum mw_mail_kind)roll(MW_MAIL_KIND_COUNT + 1);
		ev.mail.revision = chance(50) ? c->t.final_revision : 0;
		break;
	case MW_TEV_TIMER:
		ev.timer = (struct mw_ticket_timer){
			(enum mw_timer_kind)roll(MW_TIMER_KIND_COUNT), c->now_s};
		break;
	case MW_TEV_REPORT:
		ev.report.number = c->t.number;
		ev.report.number.seq += chance(5);
		snprintf(ev.report.measures, sizeof(ev.report.measures),
			chance(95) ? "cleaned" : " ");
		break;
	case MW_TEV_VERDICT_EFFECTIVE:
		ev.verdict = chance(70) ? c->t.verdict : (enum mw_verdict)roll(7);
		break;
	default:
		break;
	}
	return ev;
}

struct world { /* what the effects alone add up to */
	uint64_t timers[MW_TIMER_KIND_COUNT];
	enum mw_verdict verdict;
	uint64_t until_s;
};

static void follow(struct world *w, const struct mw_effect_list *fx)
{
	for (uint32_t i = 0; i < fx->count; i++) {
		const struct mw_effect *e = &fx->item[i];

		for (const char *p = e->text; *p != '\0'; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		if (e->kind == MW_EFFECT_SET_TIMER)
			w->timers[e->timer.kind] = e->timer.due_s;
		else if (e->kind == MW_EFFECT_CANCEL_TIMER)
			w->timers[e->timer.kind] = 0;
		else if (e->kind == MW_EFFECT_SET_VERDICT) {
			w->verdict = e->verdict;
			w->until_s = e->until_s;
		} else if (e->kind == MW_EFFECT_CLEAR_VERDICT) {
			w->verdict = MW_VERDICT_PASS;
			w->until_s = 0;
		}
	}
}

static void check(const struct mw_ticket *was, uint64_t was_until_s, const struct case_run *c,
	const struct mw_ticket_event *ev, const struct world *w)
{
	static uint8_t one[MW_TICKET_RECORD_MAX], two[MW_TICKET_RECORD_MAX];
	const struct mw_ticket *t = &c->t;
	struct mw_ticket again;
	bool entered = t->state == MW_TICKET_DISABLED && was->state != MW_TICKET_DISABLED;
	uint32_t timers = 0;
	size_t len;

	assert_int_equal(t->revision, was->revision + 1);
	assert_int_equal(t->verdict, w->verdict);
	for (uint32_t k = 0; k < MW_TIMER_KIND_COUNT; k++) {
		assert_int_equal(mw_ticket_timer_due(t, (enum mw_timer_kind)k), w->timers[k]);
		timers += w->timers[k] != 0;
	}
	assert_int_equal(timers, t->timer_count);

	/* refused mail, and only then */
	if (t->state == MW_TICKET_DISABLED)
		assert_int_equal(t->verdict, MW_VERDICT_REJECT);
	if (t->verdict == MW_VERDICT_REJECT)
		assert_true(t->state == MW_TICKET_DISABLED || t->state == MW_TICKET_VERIFYING);
	assert_int_equal(t->verdict == MW_VERDICT_REJECT,
		t->disabled_since_s != 0 && t->state != MW_TICKET_RESOLVED);
	if (entered && (t->policy.critical || t->shared))
		assert_true(ev->kind == MW_TEV_DISABLE || was->verdict == MW_VERDICT_REJECT);
	if (entered && was->state != MW_TICKET_VERIFYING)
		assert_true(case_mailed(c, MW_MAIL_DISABLED));

	/* through the gateway: for a time, with a basis, and never without a word to him */
	if (t->verdict == MW_VERDICT_DIVERT) {
		assert_false(t->shared || mw_ticket_is_over(t));
		assert_true(t->policy.divert_basis[0] != '\0' ||
			    w->until_s == was_until_s); /* withdrawn since */
		assert_int_equal(w->until_s, w->timers[MW_TIMER_DIVERT_END]);
		assert_true(w->until_s > c->now_s || ev->kind != MW_TEV_RENEW);
		assert_true(w->until_s != 0 &&
			    (w->until_s <= c->now_s + t->policy.divert_max_s ||
				    w->until_s <= c->now_s + t->policy.probation_divert_s));
		if (was->verdict != MW_VERDICT_DIVERT) {
			bool alarm = case_count(c, MW_EFFECT_ALARM) > 0;

			assert_true(case_mailed(c, MW_MAIL_DIVERTED) || alarm);
		}
	} else {
		assert_int_equal(w->timers[MW_TIMER_DIVERT_END], 0);
		assert_int_equal(w->timers[MW_TIMER_DIVERT_ALARM], 0);
		assert_int_equal(w->until_s, 0);
	}

	/* the clock */
	if (was->clock_started_s != 0 && was->state != MW_TICKET_PROBATION)
		assert_int_equal(t->clock_started_s, was->clock_started_s);
	if (ev->kind == MW_TEV_EVIDENCE && was->deadline_s != 0 &&
		was->state != MW_TICKET_PROBATION)
		assert_true(t->deadline_s <= was->deadline_s);
	if (w->timers[MW_TIMER_DEADLINE] != 0) {
		assert_int_equal(w->timers[MW_TIMER_DEADLINE], t->deadline_s);
		assert_true(t->deadline_s <= mw_ticket_cap_s(t) || t->deadline_s <= c->now_s);
		assert_false(t->paused);
	}

	/* nobody waits for nothing: a timer or a person's decision stands in every open case */
	if (!mw_ticket_is_over(t) && t->state != MW_TICKET_DISABLED &&
		t->state != MW_TICKET_RESOLVED)
		assert_true(timers > 0 || t->decision_due);
	if (mw_ticket_is_over(t))
		assert_true(timers == 0 || (timers == 1 && w->timers[MW_TIMER_VERDICT] != 0));

	len = mw_ticket_encode(t, one, sizeof(one));
	assert_true(len > 0);
	assert_int_equal(mw_ticket_decode(mw_span_of(one, len), &again), 0);
	assert_int_equal(mw_ticket_encode(&again, two, sizeof(two)), len);
	assert_memory_equal(one, two, len);
}

static bool taken[512];

static void note_row(const struct case_run *c, const struct mw_ticket_event *ev)
{
	struct mw_ticket copy = c->t;
	struct mw_step s = {.ev = ev, .now_s = c->now_s, .t = &copy};
	const struct mw_ticket_move *m = mw_ticket_move_find(&s);

	assert_non_null(m);
	taken[m - mw_ticket_moves] = true;
}

/* The earliest timer, as the daemon's loop would serve it. */
static bool next_timer(struct case_run *c, struct mw_ticket_event *ev)
{
	const struct mw_ticket_timer *first = NULL;

	for (uint8_t i = 0; i < c->t.timer_count; i++)
		if (first == NULL || c->t.timers[i].due_s < first->due_s)
			first = &c->t.timers[i];
	if (first == NULL || first->due_s > c->now_s + 100 * 86400)
		return false;
	*ev = case_event(MW_TEV_TIMER);
	ev->timer = *first;
	if (c->now_s < first->due_s)
		c->now_s = first->due_s;
	if (chance(10))
		c->now_s += 3600;
	return true;
}

static void random_sequences(void **state)
{
	uint32_t sequences = 4000, accepted = 0, disabled = 0;

	for (uint32_t n = 0; n < sequences; n++) {
		struct case_run c = {.now_s = T0 + roll(86400)};
		struct world w = {.verdict = MW_VERDICT_PASS};
		uint32_t timer_percent = roll(70);

		rng = seed + n * 0x9e3779b97f4a7c15ull;
		rng += rng == 0;
		for (int i = 0; i < 50; i++) {
			uint64_t was_until_s = w.until_s;
			struct mw_ticket_event ev;
			struct mw_ticket was;
			int rc;

			if (chance(2)) /* the settings have lost it */
				c.t.policy.divert_basis[0] = '\0';
			was = c.t;
			if (i == 0 && chance(97))
				ev = random_opening();
			else if (!chance(timer_percent) || !next_timer(&c, &ev))
				ev = random_event(&c);
			rc = mw_ticket_step(&c.t, &ev, c.now_s, &c.t, &c.fx);
			if (rc == 0 || rc == -EPERM) {
				struct case_run before = {.t = was, .now_s = c.now_s};

				if (ev.kind == MW_TEV_TIMER && rc == 0)
					for (uint8_t k = 0; k < before.t.timer_count; k++)
						if (before.t.timers[k].kind == ev.timer.kind)
							before.t.timers[k] =
								before.t.timers
									[--before.t.timer_count];
				note_row(&before, &ev);
			}
			if (rc != 0) {
				assert_true(rc == -EPERM || rc == -EINVAL || rc == -ESTALE);
				assert_memory_equal(&was, &c.t, sizeof(was));
				assert_true(c.fx.refusal[0] != '\0' && c.fx.count == 0);
				continue;
			}
			accepted++;
			disabled +=
				c.t.state == MW_TICKET_DISABLED && was.state != MW_TICKET_DISABLED;
			follow(&w, &c.fx);
			check(&was, was_until_s, &c, &ev, &w);
			if (ev.kind == MW_TEV_TIMER) { /* fires once */
				struct mw_ticket_event repeat = ev;

				assert_int_equal(case_try(&c, repeat), -ESTALE);
			}
			c.now_s += roll(1200);
		}
	}
	print_message("# seed %llu: %u events accepted, %u times disabled\n",
		(unsigned long long)seed, accepted, disabled);
	assert_true(disabled > sequences / 20);
	for (size_t i = 0; i < mw_ticket_move_count; i++) {
		bool leftover = mw_ticket_moves[i].event == MW_TEV_TIMER &&
				mw_ticket_moves[i].timer == MW_MOVE_ANY_TIMER;

		/* No timer may outlive its use: that row is for records of other versions. */
		if (taken[i] == leftover)
			fail_msg("%s row %zu (%s: %s)",
				leftover ? "a sequence takes" : "no sequence takes", i,
				mw_ticket_event_name(mw_ticket_moves[i].event),
				mw_ticket_moves[i].why);
	}
}

/* Hostile octets are no ticket, and never more than refused. */
static void hostile_records(void **state)
{
	static uint8_t record[MW_TICKET_RECORD_MAX], bent[MW_TICKET_RECORD_MAX];
	struct case_run c = {.now_s = T0};
	struct mw_ticket t;
	size_t len;

	case_do(&c, case_full_opening());
	len = mw_ticket_encode(&c.t, record, sizeof(record));
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut == 0 ? 1 : cut);

		memcpy(exact, record, cut);
		assert_int_equal(mw_ticket_decode(mw_span_of(exact, cut), &t), -EBADMSG);
		free(exact);
	}
	bent[0] = 3;
	assert_int_equal(mw_ticket_decode(mw_span_of(bent, 1), &t), -EPROTO);
	for (int i = 0; i < 20000; i++) {
		memcpy(bent, record, len);
		for (uint32_t k = 1 + roll(3); k > 0; k--)
			bent[roll((uint32_t)len)] = (uint8_t)roll(256);
		if (mw_ticket_decode(mw_span_of(bent, len), &t) == 0) {
			struct case_run again = {.t = t, .now_s = T0 + 60};

			case_try(&again, random_event(&again));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_sequences),
		cmocka_unit_test(hostile_records),
	};
	const char *given = getenv("MW_SEED");

	seed = given != NULL ? strtoull(given, NULL, 0) : 20261122;
	rng = seed;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
