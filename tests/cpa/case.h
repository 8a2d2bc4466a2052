/* Builders and a small driver for tickets in tests: events are one line, time is a variable. */
#ifndef MW_TESTS_CPA_CASE_H
#define MW_TESTS_CPA_CASE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/ticket/step.h"
#include "controlplane/ticket/ticket_record.h"

#define T0 1795300000ull /* a moment in November 2026 */

struct case_run {
	struct mw_ticket t;
	struct mw_effect_list fx;
	uint64_t now_s;
	bool loud; /* prints each history line */
};

static inline struct mw_ticket_event case_event(enum mw_ticket_event_kind kind)
{
	struct mw_ticket_event ev = {.kind = kind};

	snprintf(ev.by, sizeof(ev.by), "agent");
	return ev;
}

static inline void case_contact(struct mw_ticket_event *ev, enum mw_contact_role role,
	const char *name, const char *phone, const char *email)
{
	struct mw_contact *c = &ev->opened.contacts[ev->opened.contact_count++];

	c->position = ev->opened.contact_count;
	c->role = role;
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->phone, sizeof(c->phone), "%s", phone);
	snprintf(c->email, sizeof(c->email), "%s", email);
}

/* Opening without contacts. */
static inline struct mw_ticket_event case_opening(enum mw_opening how)
{
	struct mw_ticket_event ev = case_event(MW_TEV_OPENED);

	ev.opened.number = (struct mw_ticket_number){2026, 123};
	snprintf(ev.opened.customer, sizeof(ev.opened.customer), "C1");
	snprintf(ev.opened.reason, sizeof(ev.opened.reason),
		"a considerable number of spam messages");
	snprintf(ev.opened.postmaster, sizeof(ev.opened.postmaster), "postmaster@c1.example");
	ev.opened.how = how;
	ev.opened.evidence_count = 20;
	mw_ticket_policy_default(&ev.opened.policy);
	return ev;
}

/* Three contacts to call and a TAM. */
static inline struct mw_ticket_event case_full_opening(void)
{
	struct mw_ticket_event ev = case_opening(MW_OPENING_CONSIDERABLE);

	case_contact(&ev, MW_CONTACT_CONTACT, "Ada", "+49 1", "ada@c1.example");
	case_contact(&ev, MW_CONTACT_CONTACT, "Bob", "+49 2", "bob@c1.example");
	case_contact(&ev, MW_CONTACT_CONTACT, "Cy", "+49 3", "cy@c1.example");
	case_contact(&ev, MW_CONTACT_TAM, "Tam", "+49 9", "tam@isp.example");
	return ev;
}

static inline struct mw_ticket_event case_call(uint8_t contact, enum mw_call_outcome outcome)
{
	struct mw_ticket_event ev = case_event(MW_TEV_CALL_OUTCOME);

	ev.call.contact = contact;
	ev.call.outcome = outcome;
	return ev;
}

static inline struct mw_ticket_event case_tam(bool reached)
{
	struct mw_ticket_event ev = case_event(MW_TEV_TAM_OUTCOME);

	ev.tam.reached = reached;
	return ev;
}

static inline struct mw_ticket_event case_mail(
	enum mw_ticket_event_kind kind, enum mw_mail_kind mail)
{
	struct mw_ticket_event ev = case_event(kind);

	ev.mail.mail = mail;
	return ev;
}

static inline struct mw_ticket_event case_text(enum mw_ticket_event_kind kind, const char *text)
{
	struct mw_ticket_event ev = case_event(kind);

	snprintf(ev.text, sizeof(ev.text), "%s", text);
	return ev;
}

static inline struct mw_ticket_event case_report(const struct mw_ticket *t, const char *measures)
{
	struct mw_ticket_event ev = case_event(MW_TEV_REPORT);

	ev.report.number = t->number;
	snprintf(ev.report.measures, sizeof(ev.report.measures), "%s", measures);
	return ev;
}

static inline struct mw_ticket_event case_evidence(bool considerable, bool conclusive)
{
	struct mw_ticket_event ev = case_event(MW_TEV_EVIDENCE);

	ev.evidence.count = 1;
	ev.evidence.considerable = considerable;
	ev.evidence.conclusive = conclusive;
	return ev;
}

static inline struct mw_ticket_event case_verdict(enum mw_verdict verdict)
{
	struct mw_ticket_event ev = case_event(MW_TEV_VERDICT_EFFECTIVE);

	ev.verdict = verdict;
	return ev;
}

static inline int case_try(struct case_run *c, struct mw_ticket_event ev)
{
	int rc = mw_ticket_step(&c->t, &ev, c->now_s, &c->t, &c->fx);

	for (uint32_t i = 0; c->loud && i < c->fx.count; i++)
		if (c->fx.item[i].kind == MW_EFFECT_HISTORY ||
			c->fx.item[i].kind == MW_EFFECT_ALARM)
			print_message("  +%5llu %s: %s\n", (unsigned long long)(c->now_s - T0),
				mw_effect_kind_name(c->fx.item[i].kind), c->fx.item[i].text);
	return rc;
}

static inline void case_do(struct case_run *c, struct mw_ticket_event ev)
{
	int rc = case_try(c, ev);

	if (rc != 0)
		fail_msg("%s refused: %s", mw_ticket_event_name(ev.kind), c->fx.refusal);
}

/* Lets the timer of that kind fire, `late_s` after it was due. */
static inline void case_fire(struct case_run *c, enum mw_timer_kind kind, uint64_t late_s)
{
	struct mw_ticket_event ev = case_event(MW_TEV_TIMER);

	ev.timer = (struct mw_ticket_timer){kind, mw_ticket_timer_due(&c->t, kind)};
	if (ev.timer.due_s == 0)
		fail_msg("timer %s is not set", mw_timer_kind_name(kind));
	if (c->now_s < ev.timer.due_s + late_s)
		c->now_s = ev.timer.due_s + late_s;
	case_do(c, ev);
}

static inline uint32_t case_count(const struct case_run *c, enum mw_effect_kind kind)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->fx.count; i++)
		n += c->fx.item[i].kind == kind;
	return n;
}

static inline const struct mw_effect *case_effect(
	const struct case_run *c, enum mw_effect_kind kind)
{
	for (uint32_t i = 0; i < c->fx.count; i++)
		if (c->fx.item[i].kind == kind)
			return &c->fx.item[i];
	fail_msg("no effect %s", mw_effect_kind_name(kind));
	return NULL;
}

static inline bool case_mailed(const struct case_run *c, enum mw_mail_kind kind)
{
	for (uint32_t i = 0; i < c->fx.count; i++)
		if (c->fx.item[i].kind == MW_EFFECT_QUEUE_MAIL && c->fx.item[i].mail.kind == kind)
			return true;
	return false;
}

#define assert_state(c, want) \
	assert_string_equal(mw_ticket_state_name((c)->t.state), mw_ticket_state_name(want))

#endif
