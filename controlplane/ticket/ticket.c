/* Names, numbers and small questions about a ticket. Changes nothing. */
#include "controlplane/ticket/ticket.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/ticket/effect.h"

static const char *const state_names[MW_TICKET_STATE_COUNT] = {"none", "suspect", "open",
	"contacting", "working", "awaiting", "disabled", "verifying", "resolved", "probation",
	"closed", "unfounded"};
static const char *const role_names[MW_CONTACT_ROLE_COUNT] = {"contact", "tam", "tam-person"};
static const char *const outcome_names[MW_CALL_OUTCOME_COUNT] = {
	"none", "reached", "no-answer", "busy", "wrong-number", "voicemail"};
static const char *const tam_names[MW_TAM_STATE_COUNT] = {"none", "asked", "reached", "failed"};
static const char *const timer_names[MW_TIMER_KIND_COUNT] = {"call-next", "task-alarm", "tam-wait",
	"mail-overdue", "deadline", "grace", "hard-cap", "third-party", "pause-end", "verify-alarm",
	"verdict", "suspect-end", "probation-end", "divert-alarm", "divert-end"};
static const char *const event_names[MW_TEV_KIND_COUNT] = {"opened", "evidence", "call-started",
	"call-outcome", "contacted", "tam-outcome", "mail-accepted", "mail-failed", "timer",
	"report", "reply-mail", "confirm", "refute", "note", "pause", "resume", "extend", "dispute",
	"hold", "third-party", "attest", "disable", "unfounded", "release", "verdict-effective",
	"renew"};
static const char *const mail_names[MW_MAIL_KIND_COUNT] = {
	"notice", "follow-up", "final", "tam", "disabled", "enabled", "withdrawn", "diverted"};
static const char *const effect_names[MW_EFFECT_KIND_COUNT] = {"create-task", "close-task",
	"queue-mail", "set-timer", "cancel-timer", "set-verdict", "clear-verdict", "alarm", "audit",
	"history"};
static const char *const task_names[MW_TASK_KIND_COUNT] = {
	"call", "tam", "judge", "verify", "decide", "review"};

static const char *name_of(const char *const *names, int count, int value)
{
	return value >= 0 && value < count ? names[value] : "unknown";
}

static int parse_name(const char *const *names, int first, int count, const char *name)
{
	for (int i = first; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -EINVAL;
}

const char *mw_ticket_state_name(enum mw_ticket_state state)
{
	return name_of(state_names, MW_TICKET_STATE_COUNT, (int)state);
}

const char *mw_contact_role_name(enum mw_contact_role role)
{
	return name_of(role_names, MW_CONTACT_ROLE_COUNT, (int)role);
}

const char *mw_call_outcome_name(enum mw_call_outcome outcome)
{
	return name_of(outcome_names, MW_CALL_OUTCOME_COUNT, (int)outcome);
}

const char *mw_tam_state_name(enum mw_tam_state state)
{
	return name_of(tam_names, MW_TAM_STATE_COUNT, (int)state);
}

const char *mw_timer_kind_name(enum mw_timer_kind kind)
{
	return name_of(timer_names, MW_TIMER_KIND_COUNT, (int)kind);
}

const char *mw_ticket_event_name(enum mw_ticket_event_kind kind)
{
	return name_of(event_names, MW_TEV_KIND_COUNT, (int)kind);
}

const char *mw_mail_kind_name(enum mw_mail_kind kind)
{
	return name_of(mail_names, MW_MAIL_KIND_COUNT, (int)kind);
}

const char *mw_effect_kind_name(enum mw_effect_kind kind)
{
	return name_of(effect_names, MW_EFFECT_KIND_COUNT, (int)kind);
}

const char *mw_task_kind_name(enum mw_task_kind kind)
{
	return name_of(task_names, MW_TASK_KIND_COUNT, (int)kind);
}

int mw_contact_role_parse(const char *name, enum mw_contact_role *out)
{
	int v = parse_name(role_names, 0, MW_CONTACT_ROLE_COUNT, name);

	if (v < 0)
		return v;
	*out = (enum mw_contact_role)v;
	return 0;
}

int mw_call_outcome_parse(const char *name, enum mw_call_outcome *out)
{
	int v = parse_name(outcome_names, MW_CALL_REACHED, MW_CALL_OUTCOME_COUNT, name);

	if (v < 0)
		return v;
	*out = (enum mw_call_outcome)v;
	return 0;
}

int mw_mail_kind_parse(const char *name, enum mw_mail_kind *out)
{
	int v = parse_name(mail_names, 0, MW_MAIL_KIND_COUNT, name);

	if (v < 0)
		return v;
	*out = (enum mw_mail_kind)v;
	return 0;
}

char *mw_ticket_number_format(const struct mw_ticket_number *number, char out[MW_TICKET_MAX])
{
	snprintf(out, MW_TICKET_MAX, "MW-%04u-%06u", number->year % 10000u, number->seq % 1000000u);
	return out;
}

/* Exactly MW-, four digits, -, six digits; the letters in either case, as people type them. */
int mw_ticket_number_parse(const char *text, struct mw_ticket_number *out)
{
	uint32_t year = 0, seq = 0;

	if (strlen(text) != 14 || strncasecmp(text, "MW-", 3) != 0 || text[7] != '-')
		return -EINVAL;
	for (int i = 3; i < 14; i++) {
		if (i == 7)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		if (i < 7)
			year = year * 10 + (uint32_t)(text[i] - '0');
		else
			seq = seq * 10 + (uint32_t)(text[i] - '0');
	}
	if (year == 0 || seq == 0)
		return -EINVAL;
	out->year = (uint16_t)year;
	out->seq = seq;
	return 0;
}

bool mw_ticket_number_eq(const struct mw_ticket_number *a, const struct mw_ticket_number *b)
{
	return a->year == b->year && a->seq == b->seq;
}

bool mw_ticket_is_over(const struct mw_ticket *ticket)
{
	return ticket->state == MW_TICKET_CLOSED || ticket->state == MW_TICKET_UNFOUNDED;
}

uint64_t mw_ticket_timer_due(const struct mw_ticket *ticket, enum mw_timer_kind kind)
{
	for (int i = 0; i < ticket->timer_count; i++)
		if (ticket->timers[i].kind == kind)
			return ticket->timers[i].due_s;
	return 0;
}

uint64_t mw_ticket_cap_s(const struct mw_ticket *ticket)
{
	return ticket->opened_s + ticket->policy.hard_cap_s;
}

void mw_ticket_policy_default(struct mw_ticket_policy *policy)
{
	*policy = (struct mw_ticket_policy){
		.class_name = "business",
		.deadline_s = 3 * 3600,
		.reopen_deadline_s = 3600,
		.hard_cap_s = 12 * 3600,
		.call_spacing_s = 0,
		.task_alarm_s = 900,
		.tam_wait_s = 1800,
		.mail_alarm_s = 900,
		.grace_s = 300,
		.late_s = 60,
		.reply_pause_s = 900,
		.verify_alarm_s = 3600,
		.suspect_s = 7 * 86400,
		.probation_s = 14 * 86400,
		.ongoing_s = 3600,
		.call_attempts = 1,
		.reopen_calls = 1,
		.interim = MW_VERDICT_PASS,
		.divert_max_s = 14 * 86400,
	};
}

static void add_once(const char *address, const char **out, size_t *count)
{
	if (address[0] == '\0')
		return;
	for (size_t i = 0; i < *count; i++)
		if (strcasecmp(out[i], address) == 0)
			return;
	out[(*count)++] = address;
}

size_t mw_effect_recipients(const struct mw_effect *effect, const struct mw_ticket *ticket,
	const char *out[MW_TICKET_CONTACTS_MAX + 1])
{
	size_t count = 0;

	for (uint8_t i = 0; i < ticket->contact_count; i++) {
		const struct mw_contact *who = &ticket->contacts[i].who;
		uint8_t of_role = who->role == MW_CONTACT_CONTACT ? MW_TO_CONTACTS
				  : who->role == MW_CONTACT_TAM	  ? MW_TO_TAM
								  : MW_TO_TAM_PERSONS;

		if ((effect->mail.to & of_role) != 0 ||
			((effect->mail.to & MW_TO_CONTACT) != 0 && effect->mail.contact == i))
			add_once(who->email, out, &count);
	}
	if ((effect->mail.to & MW_TO_POSTMASTER) != 0)
		add_once(ticket->postmaster, out, &count);
	return count;
}
