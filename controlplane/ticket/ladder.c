/* The ladder: calls from the top of the list, the TAM beside them, mails, the final mail to all. */
#include "controlplane/ticket/move.h"

uint8_t mw_ladder_next(const struct mw_ticket *t, uint8_t from)
{
	uint32_t allowed = t->reopened > 0 ? t->policy.reopen_calls : MW_TICKET_CONTACTS_MAX;
	uint32_t seen = 0;

	for (uint8_t i = 0; i < t->contact_count; i++) {
		const struct mw_contact *who = &t->contacts[i].who;

		if (who->role != MW_CONTACT_CONTACT || who->phone[0] == '\0')
			continue;
		if (++seen > allowed)
			break;
		if (i >= from)
			return i;
	}
	return MW_NO_CONTACT;
}

bool mw_ladder_listed(const struct mw_ticket *t)
{
	for (uint8_t i = 0; i < t->contact_count; i++)
		if (t->contacts[i].who.role == MW_CONTACT_CONTACT)
			return true;
	return false;
}

/* The next moment within the calling hours of the desk's day. */
static uint64_t in_hours(const struct mw_ticket_policy *p, uint64_t at_s)
{
	int64_t local_s = (int64_t)(at_s % 86400) + (int64_t)p->utc_offset_min * 60;
	uint32_t minute = (uint32_t)(((local_s + 2 * 86400) % 86400) / 60);
	uint32_t second = (uint32_t)((local_s + 2 * 86400) % 60);
	uint32_t from = p->call_from_min, to = p->call_to_min;
	bool inside = from == to ||
		      (from < to ? minute >= from && minute < to : minute >= from || minute < to);

	if (inside)
		return at_s;
	return at_s - second + (uint64_t)((from + 1440 - minute) % 1440) * 60;
}

void mw_ladder_task(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	const struct mw_contact *who = &t->contacts[t->contact_at].who;
	uint64_t due_s = in_hours(&t->policy, s->now_s);
	char text[MW_CONTACT_NAME_MAX + MW_CONTACT_PHONE_MAX + 16];

	mw_step_text(text, sizeof(text), "call %s, %s", who->name, who->phone);
	mw_step_create_task(s, MW_TASK_CALL, t->contact_at, due_s, text);
	mw_step_set_timer(s, MW_TIMER_TASK_ALARM, due_s + t->policy.task_alarm_s);
}

void a_call_task(struct mw_step *s)
{
	mw_ladder_task(s);
}

/* Contacts without a phone, from `from` up to `to`, have their turn by mail. */
static void mail_unphoned(struct mw_step *s, uint8_t from, uint8_t to)
{
	for (uint8_t i = from; i < to; i++)
		if (s->t->contacts[i].who.role == MW_CONTACT_CONTACT)
			mw_step_queue_mail(s, MW_MAIL_FOLLOW_UP, MW_TO_CONTACT, i);
}

void a_call_first(struct mw_step *s)
{
	uint8_t first = mw_ladder_next(s->t, 0);

	if (first == MW_NO_CONTACT)
		return;
	mail_unphoned(s, 0, first);
	s->t->contact_at = first;
	mw_ladder_task(s);
}

static void task_after_spacing(struct mw_step *s)
{
	mw_step_cancel_timer(s, MW_TIMER_TASK_ALARM);
	if (s->t->policy.call_spacing_s == 0)
		mw_ladder_task(s);
	else
		mw_step_set_timer(s, MW_TIMER_CALL_NEXT, s->now_s + s->t->policy.call_spacing_s);
}

void a_call_again(struct mw_step *s)
{
	task_after_spacing(s);
}

void a_call_next(struct mw_step *s)
{
	uint8_t was = s->t->contact_at;

	s->t->contact_at = mw_ladder_next(s->t, (uint8_t)(was + 1));
	mail_unphoned(s, (uint8_t)(was + 1), s->t->contact_at);
	task_after_spacing(s);
}

void a_follow_up(struct mw_step *s)
{
	if (!mw_step_queue_mail(s, MW_MAIL_FOLLOW_UP, MW_TO_CONTACT, s->ev->call.contact))
		mw_step_alarm(s, "contact %u has no mail address, no follow-up mail was sent",
			s->t->contacts[s->ev->call.contact].who.position);
}

void a_calls_done(struct mw_step *s)
{
	s->t->calls_done = true;
	mw_step_cancel_timer(s, MW_TIMER_TASK_ALARM);
}

void a_ask_tam(struct mw_step *s)
{
	struct mw_ticket *t = s->t;

	for (uint8_t i = 0; i < t->contact_count; i++) {
		if (t->contacts[i].who.role != MW_CONTACT_TAM)
			continue;
		t->tam = MW_TAM_ASKED;
		mw_step_create_task(s, MW_TASK_TAM, i, s->now_s,
			"ask the technical account manager to reach his people");
		mw_step_queue_mail(s, MW_MAIL_TAM, MW_TO_CONTACT, i);
		mw_step_set_timer(s, MW_TIMER_TAM_WAIT, s->now_s + t->policy.tam_wait_s);
		return;
	}
}

void mw_ladder_final(struct mw_step *s)
{
	struct mw_ticket *t = s->t;
	uint8_t to = MW_TO_CONTACTS | MW_TO_TAM | MW_TO_TAM_PERSONS;
	bool has_contact = false;

	for (uint8_t i = 0; i < t->contact_count; i++)
		has_contact |= t->contacts[i].who.role == MW_CONTACT_CONTACT &&
			       t->contacts[i].who.email[0] != '\0';
	if (!has_contact)
		to |= MW_TO_POSTMASTER;
	t->calls_done = true;
	if (!mw_step_queue_mail(s, MW_MAIL_FINAL, to, MW_NO_CONTACT)) {
		mw_step_alarm(s,
			"nobody of customer %s has a mail address: deliver the notice otherwise, "
			"then `ticket attest`",
			t->customer);
		return;
	}
	t->final_queued = true;
	t->final_revision = t->revision;
	mw_step_set_timer(s, MW_TIMER_MAIL_OVERDUE, s->now_s + t->policy.mail_alarm_s);
}

void a_final(struct mw_step *s)
{
	mw_ladder_final(s);
}

/* Nobody is called or mailed in search of a contact any more. A call somebody is on is left to end.
 */
void mw_ladder_stop(struct mw_step *s)
{
	mw_step_cancel_timer(s, MW_TIMER_CALL_NEXT);
	mw_step_cancel_timer(s, MW_TIMER_TASK_ALARM);
	mw_step_cancel_timer(s, MW_TIMER_TAM_WAIT);
	mw_step_cancel_timer(s, MW_TIMER_MAIL_OVERDUE);
	if (!s->t->call_in_progress)
		mw_step_close_task(s, MW_TASK_CALL, MW_NO_CONTACT, "no call is due any more");
}
