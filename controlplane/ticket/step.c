/* One step: checks the event, finds the row, lets its actions run on a copy, writes the two lines.
 */
#include "controlplane/ticket/step.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/ticket/move.h"

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static const char *check_opening(const struct mw_ticket_event *ev)
{
	const struct mw_ticket_policy *p = &ev->opened.policy;

	if (ev->opened.number.year == 0 || ev->opened.number.seq == 0 ||
		ev->opened.number.seq > 999999 || ev->opened.number.year > 9999)
		return "an opening needs a ticket number";
	if (!terminated(ev->opened.customer, sizeof(ev->opened.customer)) ||
		ev->opened.customer[0] == '\0')
		return "an opening needs a customer";
	if (!terminated(ev->opened.reason, sizeof(ev->opened.reason)) ||
		ev->opened.reason[0] == '\0')
		return "an opening needs a reason";
	if (!terminated(ev->opened.postmaster, sizeof(ev->opened.postmaster)))
		return "the postmaster's address is too long";
	if (ev->opened.how >= MW_OPENING_COUNT)
		return "an opening of an unknown kind";
	if (ev->opened.contact_count > MW_TICKET_CONTACTS_MAX)
		return "a customer has 16 contacts at most";
	if (p->deadline_s == 0 || p->reopen_deadline_s == 0 || p->hard_cap_s < p->deadline_s ||
		p->call_attempts == 0 || p->reopen_calls == 0 || p->task_alarm_s == 0 ||
		p->verify_alarm_s == 0 || p->probation_s == 0 || p->suspect_s == 0)
		return "the policy lacks a deadline, a cap or a number of calls";
	if (p->interim != MW_VERDICT_PASS && p->interim != MW_VERDICT_RATE &&
		p->interim != MW_VERDICT_DIVERT)
		return "an interim verdict lets the customer work: pass, rate or divert";
	if (!terminated(p->divert_basis, sizeof(p->divert_basis)))
		return "the basis of a divert is too long";
	if ((p->interim == MW_VERDICT_DIVERT || p->probation_divert_s != 0) &&
		(p->divert_basis[0] == '\0' || p->divert_max_s == 0 ||
			p->probation_divert_s > p->probation_s))
		return "a divert needs a basis and an end";
	return NULL;
}

/* What is wrong with the event itself, whatever the state. */
static const char *check(const struct mw_ticket *t, const struct mw_ticket_event *ev)
{
	if (!terminated(ev->by, sizeof(ev->by)) || !terminated(ev->text, sizeof(ev->text)))
		return "an event with an unbounded text";
	switch (ev->kind) {
	case MW_TEV_OPENED:
		return check_opening(ev);
	case MW_TEV_EVIDENCE:
		return ev->evidence.count == 0 ? "no evidence was given" : NULL;
	case MW_TEV_CALL_OUTCOME:
		if (ev->call.outcome <= MW_CALL_NONE || ev->call.outcome >= MW_CALL_OUTCOME_COUNT)
			return "the call has no outcome";
		/* fall through */
	case MW_TEV_CALL_STARTED:
		return ev->call.contact >= t->contact_count ? "no such contact on the list" : NULL;
	case MW_TEV_CONTACTED:
		if (ev->call.contact != MW_NO_CONTACT && ev->call.contact >= t->contact_count)
			return "no such contact on the list";
		return ev->text[0] == '\0' ? "a conversation needs its result" : NULL;
	case MW_TEV_MAIL_ACCEPTED:
	case MW_TEV_MAIL_FAILED:
		return ev->mail.mail >= MW_MAIL_KIND_COUNT ? "a mail of an unknown kind" : NULL;
	case MW_TEV_REPORT:
		if (!terminated(ev->report.measures, sizeof(ev->report.measures)) ||
			ev->report.measures[strspn(ev->report.measures, " \t\r\n")] == '\0')
			return "a report needs the measures taken";
		if (!mw_ticket_number_eq(&ev->report.number, &t->number))
			return "a report must name this ticket's number";
		return NULL;
	case MW_TEV_NOTE:
	case MW_TEV_PAUSE:
	case MW_TEV_EXTEND:
	case MW_TEV_ATTEST:
	case MW_TEV_DISABLE:
	case MW_TEV_UNFOUNDED:
	case MW_TEV_RELEASE:
	case MW_TEV_RENEW:
		return ev->text[0] == '\0' ? "it needs a text that says why" : NULL;
	case MW_TEV_VERDICT_EFFECTIVE:
		return ev->verdict >= MW_VERDICT_COUNT ? "an unknown verdict" : NULL;
	default:
		return ev->kind >= MW_TEV_KIND_COUNT ? "an event of an unknown kind" : NULL;
	}
}

/* Fills {deadline} and its like into a sentence of the table. */
static void fill(const struct mw_ticket *t, uint64_t now_s, const char *why, char *out, size_t size)
{
	const struct {
		const char *key;
		uint64_t at_s;
	} keys[] = {{"{deadline}", t->deadline_s}, {"{cap}", mw_ticket_cap_s(t)},
		{"{pause}", t->paused_until_s}, {"{latest}", mw_clock_latest_s(t, now_s)}};
	size_t used = 0;
	char at[MW_TIME_TEXT_MAX];

	while (*why != '\0' && used + MW_TIME_TEXT_MAX < size) {
		size_t i = 0;

		while (i < sizeof(keys) / sizeof(keys[0]) &&
			strncmp(why, keys[i].key, strlen(keys[i].key)) != 0)
			i++;
		if (i == sizeof(keys) / sizeof(keys[0])) {
			out[used++] = *why++;
			continue;
		}
		why += strlen(keys[i].key);
		used += (size_t)snprintf(out + used, size - used, "%s",
			keys[i].at_s == 0 ? "not set yet"
					  : mw_ticket_time_format(keys[i].at_s, at));
	}
	out[used] = '\0';
}

static int refuse(const struct mw_ticket *in, uint64_t now_s, const char *why, int error,
	struct mw_ticket *out, struct mw_effect_list *fx)
{
	char number[MW_TICKET_MAX];
	char sentence[MW_EFFECT_TEXT_MAX];

	fx->count = 0;
	fill(in, now_s, why, sentence, sizeof(sentence));
	if (in->state == MW_TICKET_NONE)
		mw_step_text(fx->refusal, sizeof(fx->refusal), "no ticket: %s", sentence);
	else
		mw_step_text(fx->refusal, sizeof(fx->refusal), "ticket %s is %s: %s",
			mw_ticket_number_format(&in->number, number),
			mw_ticket_state_name(in->state), sentence);
	if (out != in)
		*out = *in;
	return error;
}

/* Evidence can come a thousand times: its lines stand for powers of two, the count says the rest.
 */
static bool worth_a_line(const struct mw_step *s, uint64_t before, bool moved)
{
	if (s->ev->kind != MW_TEV_EVIDENCE || moved)
		return true;
	return before == 0 || __builtin_clzll(before) != __builtin_clzll(s->t->evidence_count | 1);
}

static void write_lines(struct mw_step *s, enum mw_ticket_state from, const char *why)
{
	const char *by = s->ev->by[0] != '\0' ? s->ev->by : "system";
	const char *detail =
		s->ev->kind == MW_TEV_TIMER	     ? mw_timer_kind_name(s->ev->timer.kind)
		: s->ev->kind == MW_TEV_CALL_OUTCOME ? mw_call_outcome_name(s->ev->call.outcome)
		: s->ev->kind == MW_TEV_MAIL_ACCEPTED || s->ev->kind == MW_TEV_MAIL_FAILED
			? mw_mail_kind_name(s->ev->mail.mail)
		: s->ev->kind == MW_TEV_VERDICT_EFFECTIVE ? mw_verdict_name(s->ev->verdict)
							  : "";
	const char *colon = s->ev->text[0] != '\0' ? ": " : "";
	char number[MW_TICKET_MAX], contact[MW_CONTACT_NAME_MAX + 24] = "";
	struct mw_effect *e;

	if ((s->ev->kind == MW_TEV_CALL_OUTCOME || s->ev->kind == MW_TEV_CALL_STARTED ||
		    s->ev->kind == MW_TEV_CONTACTED) &&
		s->ev->call.contact != MW_NO_CONTACT)
		mw_step_text(contact, sizeof(contact), " contact %u (%s)",
			s->t->contacts[s->ev->call.contact].who.position,
			s->t->contacts[s->ev->call.contact].who.name);
	e = mw_step_effect(s, MW_EFFECT_HISTORY);
	if (from == s->t->state)
		mw_step_text(e->text, sizeof(e->text), "%s, %s%s%s%s by %s: %s%s%s",
			mw_ticket_state_name(from), mw_ticket_event_name(s->ev->kind),
			detail[0] != '\0' ? " " : "", detail, contact, by, why, colon, s->ev->text);
	else
		mw_step_text(e->text, sizeof(e->text), "%s -> %s, %s%s%s%s by %s: %s%s%s",
			mw_ticket_state_name(from), mw_ticket_state_name(s->t->state),
			mw_ticket_event_name(s->ev->kind), detail[0] != '\0' ? " " : "", detail,
			contact, by, why, colon, s->ev->text);
	e = mw_step_effect(s, MW_EFFECT_AUDIT);
	mw_step_text(e->action, sizeof(e->action), "ticket.%s", mw_ticket_event_name(s->ev->kind));
	mw_step_text(e->text, sizeof(e->text), "%s revision %u %s -> %s by %s%s%s%s%s",
		mw_ticket_number_format(&s->t->number, number), s->t->revision,
		mw_ticket_state_name(from), mw_ticket_state_name(s->t->state), by,
		detail[0] != '\0' ? ", " : "", detail, colon, s->ev->text);
}

static bool take_timer(struct mw_step *s)
{
	uint64_t due_s = mw_ticket_timer_due(s->t, s->ev->timer.kind);

	if (due_s == 0 || due_s != s->ev->timer.due_s || due_s > s->now_s)
		return false;
	mw_step_cancel_timer(s, s->ev->timer.kind);
	return true;
}

int mw_ticket_step(const struct mw_ticket *in, const struct mw_ticket_event *ev, uint64_t now_s,
	struct mw_ticket *out, struct mw_effect_list *effects)
{
	struct mw_ticket work = *in;
	struct mw_step s = {.ev = ev, .now_s = now_s, .t = &work, .fx = effects};
	const struct mw_ticket_move *move;
	const char *wrong = check(in, ev);

	effects->count = 0;
	effects->overflow = false;
	effects->refusal[0] = '\0';
	if (in->state >= MW_TICKET_STATE_COUNT)
		return refuse(in, now_s, "its record is damaged", -EINVAL, out, effects);
	if (wrong != NULL && (in->state != MW_TICKET_NONE || ev->kind == MW_TEV_OPENED))
		return refuse(in, now_s, wrong, -EINVAL, out, effects);
	if (ev->kind == MW_TEV_TIMER && in->state != MW_TICKET_NONE && !take_timer(&s))
		return refuse(in, now_s, "that timer is not set or not due", -ESTALE, out, effects);
	move = mw_ticket_move_find(&s);
	if (move == NULL || move->next == MW_REFUSE)
		return refuse(in, now_s, move != NULL ? move->why : "nothing fits that event",
			-EPERM, out, effects);
	if (move->next != MW_STAY)
		work.state = (enum mw_ticket_state)move->next;
	work.revision++;
	for (int i = 0; i < MW_MOVE_ACTIONS_MAX && move->actions[i] != NULL; i++)
		move->actions[i](&s);
	if (worth_a_line(&s, in->evidence_count, in->state != work.state))
		write_lines(&s, in->state, move->why);
	if (effects->overflow)
		return refuse(
			in, now_s, "a defect: more effects than fit", -EOVERFLOW, out, effects);
	*out = work;
	return 0;
}
