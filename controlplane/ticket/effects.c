/* Writes effects into the list and mirrors timers and verdict in the ticket, so the two never
 * differ. */
#include <stdarg.h>
#include <stdio.h>

#include "controlplane/ticket/move.h"

#define VERDICT_ALARM_S 60 /* a verdict is in force within 10 ms; a minute without is a fault */

/* Replaces what could move a terminal's cursor or forge a line, and drops a cut UTF-8 tail. */
static void clean(char *text)
{
	size_t len = strlen(text);
	size_t tail = 0;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	while (tail < len && tail < 4 && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail < len) {
		unsigned char lead = (unsigned char)text[len - 1 - tail];
		size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;

		if (want > tail)
			text[len - 1 - tail] = '\0';
	}
}

static void format_text(char *out, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static void format_text(char *out, size_t size, const char *format, va_list args)
{
	if (vsnprintf(out, size, format, args) < 0)
		out[0] = '\0';
	clean(out);
}

void mw_step_text(char *out, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_text(out, size, format, args);
	va_end(args);
}

struct mw_effect *mw_step_effect(struct mw_step *s, enum mw_effect_kind kind)
{
	struct mw_effect *e;

	if (s->fx->count >= MW_EFFECTS_MAX) {
		s->fx->overflow = true;
		e = &s->fx->item[MW_EFFECTS_MAX - 1];
	} else {
		e = &s->fx->item[s->fx->count++];
	}
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	return e;
}

void mw_step_alarm(struct mw_step *s, const char *format, ...)
{
	struct mw_effect *e = mw_step_effect(s, MW_EFFECT_ALARM);
	va_list args;

	va_start(args, format);
	format_text(e->text, sizeof(e->text), format, args);
	va_end(args);
}

static void drop_timer(struct mw_ticket *t, enum mw_timer_kind kind)
{
	for (uint8_t i = 0; i < t->timer_count; i++) {
		if (t->timers[i].kind != kind)
			continue;
		t->timers[i] = t->timers[--t->timer_count];
		t->timers[t->timer_count] = (struct mw_ticket_timer){0};
		return;
	}
}

void mw_step_set_timer(struct mw_step *s, enum mw_timer_kind kind, uint64_t due_s)
{
	struct mw_ticket_timer timer = {.kind = kind, .due_s = due_s};

	drop_timer(s->t, kind);
	s->t->timers[s->t->timer_count++] = timer;
	mw_step_effect(s, MW_EFFECT_SET_TIMER)->timer = timer;
}

void mw_step_cancel_timer(struct mw_step *s, enum mw_timer_kind kind)
{
	uint64_t due_s = mw_ticket_timer_due(s->t, kind);

	if (due_s == 0)
		return;
	drop_timer(s->t, kind);
	mw_step_effect(s, MW_EFFECT_CANCEL_TIMER)->timer =
		(struct mw_ticket_timer){.kind = kind, .due_s = due_s};
}

void mw_step_create_task(struct mw_step *s, enum mw_task_kind kind, uint8_t contact, uint64_t due_s,
	const char *text)
{
	struct mw_effect *e = mw_step_effect(s, MW_EFFECT_CREATE_TASK);

	e->task.kind = kind;
	e->task.contact = contact;
	e->task.due_s = due_s;
	mw_step_text(e->text, sizeof(e->text), "%s", text);
}

void mw_step_close_task(
	struct mw_step *s, enum mw_task_kind kind, uint8_t contact, const char *text)
{
	struct mw_effect *e = mw_step_effect(s, MW_EFFECT_CLOSE_TASK);

	e->task.kind = kind;
	e->task.contact = contact;
	e->task.due_s = 0;
	mw_step_text(e->text, sizeof(e->text), "%s", text);
}

bool mw_step_queue_mail(struct mw_step *s, enum mw_mail_kind kind, uint8_t to, uint8_t contact)
{
	const char *list[MW_TICKET_CONTACTS_MAX + 1];
	struct mw_effect probe = {.kind = MW_EFFECT_QUEUE_MAIL};
	struct mw_effect *e;

	probe.mail.kind = kind;
	probe.mail.to = to;
	probe.mail.contact = contact;
	if (mw_effect_recipients(&probe, s->t, list) == 0 && (to & MW_TO_DESK) == 0)
		return false;
	e = mw_step_effect(s, MW_EFFECT_QUEUE_MAIL);
	e->mail = probe.mail;
	return true;
}

/* What only DIVERT has: its end, and a word before it. */
static void set_divert_timers(struct mw_step *s, uint64_t until_s)
{
	if (until_s == 0) {
		mw_step_cancel_timer(s, MW_TIMER_DIVERT_ALARM);
		mw_step_cancel_timer(s, MW_TIMER_DIVERT_END);
	} else {
		mw_step_set_timer(s, MW_TIMER_DIVERT_END, until_s);
	}
}

static void put_verdict(
	struct mw_step *s, enum mw_verdict verdict, uint64_t until_s, const char *why)
{
	struct mw_effect *e;
	char number[MW_TICKET_MAX];

	s->t->verdict = verdict;
	e = mw_step_effect(
		s, verdict == MW_VERDICT_PASS ? MW_EFFECT_CLEAR_VERDICT : MW_EFFECT_SET_VERDICT);
	e->verdict = verdict;
	e->until_s = until_s;
	mw_step_text(e->text, sizeof(e->text), "ticket %s: %s",
		mw_ticket_number_format(&s->t->number, number), why);
	set_divert_timers(s, until_s);
	mw_step_set_timer(s, MW_TIMER_VERDICT, s->now_s + VERDICT_ALARM_S);
}

void mw_step_divert(struct mw_step *s, uint32_t for_s, const char *why)
{
	char number[MW_TICKET_MAX], until[MW_TIME_TEXT_MAX];
	struct mw_effect *e;

	mw_step_cancel_timer(s, MW_TIMER_DIVERT_ALARM);
	put_verdict(s, MW_VERDICT_DIVERT, s->now_s + for_s, why);
	e = mw_step_effect(s, MW_EFFECT_AUDIT);
	mw_step_text(e->action, sizeof(e->action), "ticket.divert");
	mw_step_text(e->text, sizeof(e->text), "%s until %s, %s; basis: %s",
		mw_ticket_number_format(&s->t->number, number),
		mw_ticket_time_format(s->now_s + for_s, until), why, s->t->policy.divert_basis);
}

void mw_step_set_verdict(struct mw_step *s, enum mw_verdict verdict, const char *why)
{
	if (s->t->verdict != verdict)
		put_verdict(s, verdict, 0, why);
}

/* Days to civil date after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"; no libc,
 * which would look at the environment for a time zone. */
char *mw_ticket_time_format(uint64_t at_s, char out[MW_TIME_TEXT_MAX])
{
	uint64_t max_s = 253402300799ull; /* the end of 9999 */
	uint64_t at = at_s < max_s ? at_s : max_s;
	uint32_t of_day = (uint32_t)(at % 86400);
	uint32_t z = (uint32_t)(at / 86400) + 719468;
	uint32_t era = z / 146097;
	uint32_t doe = z % 146097;
	uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint32_t mp = (5 * doy + 2) / 153;
	uint32_t month = mp < 10 ? mp + 3 : mp - 9;

	snprintf(out, MW_TIME_TEXT_MAX, "%04u-%02u-%02u %02u:%02u:%02u UTC",
		(yoe + era * 400 + (month <= 2)) % 10000, month,
		(doy - (153 * mp + 2) / 5 + 1) % 100, of_day / 3600, of_day / 60 % 60, of_day % 60);
	return out;
}
