/* Everything by which a person at the desk moves a ticket: words become an event, the event a step.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/store/tickets.h"

/* Which of the ticket's contacts is meant: by position, by name (in any case), or none of them. */
static uint8_t contact_of(const struct mw_ticket *ticket, const char *who)
{
	char *end = NULL;
	unsigned long position;

	if (who == NULL)
		return MW_NO_CONTACT;
	position = strtoul(who, &end, 10);
	for (uint8_t i = 0; i < ticket->contact_count; i++) {
		if ((end != who && *end == '\0' && position == ticket->contacts[i].who.position) ||
			strcasecmp(who, ticket->contacts[i].who.name) == 0 ||
			strcasecmp(who, ticket->contacts[i].who.email) == 0)
			return i;
	}
	return MW_NO_CONTACT;
}

/* A moment to come out of --until. */
static bool until(struct mw_command *c, uint64_t *out)
{
	const char *text = mw_argument_option(c->arguments, "until");

	*out = mw_moment(text, c->now_s);
	if (*out > c->now_s)
		return true;
	mw_refuse(
		c, MW_EXIT_USAGE, "%.40s is no moment to come: 2h, 1d or 2026-11-23T10:00Z", text);
	return false;
}

static bool text_of(struct mw_command *c, const char *name, struct mw_ticket_event *ev)
{
	const char *text = mw_argument_option(c->arguments, name);
	char what[32];

	if (text == NULL)
		return true;
	snprintf(what, sizeof(what), "--%s", name);
	return mw_take_text(c, what, text, ev->text, sizeof(ev->text));
}

static void contacted(struct mw_command *c, struct mw_ticket_event *ev)
{
	const char *by = mw_argument_option(c->arguments, "by");
	char name[MW_CONTACT_NAME_MAX], said[MW_NOTE_MAX];

	ev->kind = MW_TEV_CONTACTED;
	ev->call.contact = contact_of(&c->ctl->core->ticket, by);
	ev->call.outcome = MW_CALL_REACHED;
	if (!mw_take_text(c, "--by", by, name, sizeof(name)) ||
		!mw_take_text(c, "--result", mw_argument_option(c->arguments, "result"), said,
			sizeof(said) - sizeof(name) - 2))
		return;
	/* Somebody who is not on the list is named in words. */
	if (ev->call.contact == MW_NO_CONTACT)
		snprintf(ev->text, sizeof(ev->text), "%s: %.400s", name, said);
	else
		memcpy(ev->text, said, sizeof(ev->text));
}

static void report(struct mw_command *c, struct mw_ticket_event *ev)
{
	const char *by = mw_argument_option(c->arguments, "by");
	char name[MW_CONTACT_NAME_MAX];

	ev->kind = MW_TEV_REPORT;
	ev->report.number = c->ctl->core->ticket.number;
	mw_take_text(c, "--measures", mw_argument_option(c->arguments, "measures"),
		ev->report.measures, sizeof(ev->report.measures));
	if (by != NULL && mw_take_text(c, "--by", by, name, sizeof(name)))
		snprintf(ev->text, sizeof(ev->text), "reported by %s", name);
}

static void tam_outcome(struct mw_command *c, struct mw_ticket_event *ev)
{
	const char *word = c->arguments->positional[1];

	ev->kind = MW_TEV_TAM_OUTCOME;
	ev->tam.reached = strcmp(word, "reached") == 0;
	if (!ev->tam.reached && strcmp(word, "failed") != 0)
		mw_refuse(c, MW_EXIT_USAGE, "the outcome is reached or failed, not %.40s", word);
	text_of(c, "note", ev);
}

/* The words of the command as an event of its ticket. */
static void event_of(struct mw_command *c, struct mw_ticket_event *ev)
{
	bool off = mw_argument_option(c->arguments, "off") != NULL;

	switch (c->arguments->grammar->id) {
	case MW_VERB_TICKET_CONTACTED:
		contacted(c, ev);
		break;
	case MW_VERB_TICKET_REPORT:
		report(c, ev);
		break;
	case MW_VERB_TICKET_CONFIRM:
		ev->kind = MW_TEV_CONFIRM;
		text_of(c, "note", ev);
		break;
	case MW_VERB_TICKET_REFUTE:
		ev->kind = MW_TEV_REFUTE;
		text_of(c, "note", ev);
		break;
	case MW_VERB_TICKET_NOTE:
		ev->kind = MW_TEV_NOTE;
		mw_take_text(
			c, "the note", c->arguments->positional[1], ev->text, sizeof(ev->text));
		break;
	case MW_VERB_TICKET_PAUSE:
	case MW_VERB_TICKET_EXTEND:
		ev->kind = c->arguments->grammar->id == MW_VERB_TICKET_PAUSE ? MW_TEV_PAUSE
									     : MW_TEV_EXTEND;
		until(c, &ev->until_s);
		text_of(c, "reason", ev);
		break;
	case MW_VERB_TICKET_RESUME:
		ev->kind = MW_TEV_RESUME;
		break;
	case MW_VERB_TICKET_DISPUTE:
	case MW_VERB_TICKET_HOLD:
		ev->kind = c->arguments->grammar->id == MW_VERB_TICKET_HOLD ? MW_TEV_HOLD
									    : MW_TEV_DISPUTE;
		ev->on = !off;
		text_of(c, "note", ev);
		break;
	case MW_VERB_TICKET_TAM_OUTCOME:
		tam_outcome(c, ev);
		break;
	case MW_VERB_TICKET_THIRD_PARTY:
		ev->kind = MW_TEV_THIRD_PARTY;
		until(c, &ev->until_s);
		text_of(c, "note", ev);
		break;
	case MW_VERB_TICKET_ATTEST:
		ev->kind = MW_TEV_ATTEST;
		text_of(c, "note", ev);
		break;
	case MW_VERB_TICKET_DISABLE:
		ev->kind = MW_TEV_DISABLE;
		text_of(c, "reason", ev);
		break;
	case MW_VERB_TICKET_UNFOUNDED:
		ev->kind = MW_TEV_UNFOUNDED;
		text_of(c, "reason", ev);
		break;
	case MW_VERB_TICKET_RELEASE:
		ev->kind = MW_TEV_RELEASE;
		text_of(c, "reason", ev);
		break;
	case MW_VERB_TICKET_RENEW:
		ev->kind = MW_TEV_RENEW;
		text_of(c, "reason", ev);
		break;
	default:
		mw_refuse(c, MW_EXIT_USAGE, "no such verb");
		break;
	}
}

/* A task that the command itself has settled: asked the account manager, checked the report. */
static void settle_task(struct mw_command *c, struct mw_cases_txn *txn, uint64_t key,
	enum mw_task_kind kind, const char *outcome)
{
	struct mw_key from = mw_key_u64(key);
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_OPEN_TASKS, mw_key_span(&from));
	struct mw_task task;
	bool found = false;

	while (!found && mw_task_next_open(&walk, key, &task))
		found = task.kind == kind;
	mw_walk_end(&walk);
	if (!found)
		return;
	task.state = MW_TASK_DONE;
	task.ended_s = c->now_s;
	snprintf(task.taken_by, sizeof(task.taken_by), "%s", c->actor);
	snprintf(task.outcome, sizeof(task.outcome), "%s", outcome);
	mw_task_put(txn, &task);
}

void mw_cmd_ticket_act(struct mw_command *c)
{
	struct mw_cases_txn txn = mw_cases_write(c->ctl->core->cases);
	struct mw_ticket_event *ev = &c->ctl->core->step;
	uint64_t key;
	int rc;

	memset(ev, 0, sizeof(*ev));
	memcpy(ev->by, c->actor, sizeof(ev->by));
	if (mw_take_ticket(c, c->arguments->positional[0], &txn, &key))
		event_of(c, ev);
	if (c->reply->exit == MW_EXIT_DONE) {
		if (ev->kind == MW_TEV_TAM_OUTCOME)
			settle_task(c, &txn, key, MW_TASK_TAM, c->arguments->positional[1]);
		if (ev->kind == MW_TEV_CONFIRM || ev->kind == MW_TEV_REFUTE)
			settle_task(c, &txn, key, MW_TASK_VERIFY,
				ev->kind == MW_TEV_CONFIRM ? "confirmed" : "refuted");
		rc = mw_core_step(c->ctl->core, &txn, key, ev, c->now_s);
		if (rc != 0)
			mw_refuse(c, MW_EXIT_REFUSED, "%s",
				c->ctl->core->effects.refusal[0] != '\0'
					? c->ctl->core->effects.refusal
					: strerror(-rc));
	}
	if (!mw_commit(c, &txn))
		return;
	txn = mw_cases_read(c->ctl->core->cases);
	mw_tell_ticket(c, &txn, key);
	mw_cases_abort(&txn);
}
