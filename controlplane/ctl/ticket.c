/* weirctl ticket list | show | open; and how a ticket is shown everywhere else */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/tickets.h"

bool mw_take_ticket(struct mw_command *c, const char *text, struct mw_cases_txn *txn, uint64_t *key)
{
	struct mw_ticket_number number;
	struct mw_ticket *ticket = &c->ctl->core->ticket;

	*key = 0;
	if (mw_ticket_number_parse(text, &number) == 0 &&
		mw_ticket_get(txn, mw_ticket_key(&number), ticket)) {
		*key = mw_ticket_key(&number);
		return true;
	}
	mw_refuse(c, MW_EXIT_REFUSED, "there is no ticket %.40s (they look like MW-2026-000123)",
		text);
	return false;
}

static json_t *history_of(struct mw_cases_txn *txn, uint64_t key)
{
	struct mw_walk walk = mw_history_walk(txn, key);
	json_t *list = json_array();
	struct mw_history entry;

	while (mw_history_next(&walk, key, &entry))
		json_array_append_new(
			list, json_pack("{s:I, s:o, s:o}", "time", (json_int_t)entry.time_s, "by",
				      mw_json_text(entry.by), "text", mw_json_text(entry.text)));
	mw_walk_end(&walk);
	return list;
}

static json_t *contacts_of(const struct mw_ticket *ticket)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < ticket->contact_count; i++) {
		const struct mw_ticket_contact *at = &ticket->contacts[i];

		json_array_append_new(
			list, json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:i, s:o}", "position",
				      (int)at->who.position, "name", mw_json_text(at->who.name),
				      "role", mw_contact_role_name(at->who.role), "phone",
				      mw_json_text_or_null(at->who.phone), "email",
				      mw_json_text_or_null(at->who.email), "outcome",
				      at->outcome == MW_CALL_NONE
					      ? json_null()
					      : json_string(mw_call_outcome_name(at->outcome)),
				      "attempts", (int)at->attempts, "called",
				      mw_json_time(at->called_s)));
	}
	return list;
}

json_t *mw_doc_ticket(
	struct mw_command *c, struct mw_cases_txn *txn, const struct mw_ticket *ticket)
{
	uint64_t key = mw_ticket_key(&ticket->number), evidence = mw_evidence_count(txn, key);
	char number[MW_TICKET_MAX], next[256];
	json_t *doc, *more;

	mw_next_step(txn, ticket, next, sizeof(next));
	doc = json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:o, s:o}", "id",
		mw_ticket_number_format(&ticket->number, number), "customer",
		mw_json_text(ticket->customer), "state", mw_ticket_state_name(ticket->state),
		"reason", mw_json_text(ticket->reason), "opened", mw_json_time(ticket->opened_s),
		"provider_knows_since", mw_json_time(ticket->provider_knows_since_s),
		"customer_knows_since", mw_json_time(ticket->customer_knows_since_s), "deadline",
		mw_json_time(ticket->deadline_s), "verdict", mw_verdict_name(ticket->verdict),
		"revision", (json_int_t)ticket->revision, "evidence_count",
		(json_int_t)(evidence > ticket->evidence_count ? evidence : ticket->evidence_count),
		"history", history_of(txn, key), "contacts", contacts_of(ticket));
	more = json_pack(
		"{s:s, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o}",
		"class", ticket->policy.class_name, "tam", mw_tam_state_name(ticket->tam),
		"dispute", (int)ticket->dispute, "hold", (int)ticket->hold, "paused",
		(int)ticket->paused, "paused_until",
		mw_json_time(ticket->paused ? ticket->paused_until_s : 0), "third_party_deadline",
		mw_json_time(ticket->third_party_s), "disabled_since",
		mw_json_time(ticket->disabled_since_s), "enabled_since",
		mw_json_time(ticket->enabled_since_s), "last_evidence",
		mw_json_time(ticket->last_evidence_s), "measures",
		mw_json_text_or_null(ticket->measures), "reported",
		mw_json_time(ticket->reported_s), "reopened", (int)ticket->reopened, "tasks",
		mw_doc_tasks(txn, key), "next", mw_json_text(next));
	if (doc != NULL && more != NULL) {
		json_object_update(doc, more);
		json_object_set_new(doc, "diverted_until",
			mw_json_time(mw_ticket_timer_due(ticket, MW_TIMER_DIVERT_END)));
	}
	json_decref(more);
	return doc;
}

/* The open task that matters most: a decision, then a call begun, then a call to be made. */
static bool first_task(struct mw_cases_txn *txn, uint64_t key, struct mw_task *out)
{
	struct mw_key from = mw_key_u64(key);
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_OPEN_TASKS, mw_key_span(&from));
	unsigned best = 0;
	struct mw_task task;

	while (mw_task_next_open(&walk, key, &task)) {
		unsigned worth = task.kind == MW_TASK_DECIDE ? 4
				 : task.kind == MW_TASK_CALL ? task.state == MW_TASK_TAKEN ? 3 : 2
				 : task.kind == MW_TASK_TAM  ? 1
							     : 0;

		if (worth > best) {
			best = worth;
			*out = task;
		}
	}
	mw_walk_end(&walk);
	return best > 0;
}

static void call_step(const struct mw_task *task, char *out, size_t out_size)
{
	if (task->state == MW_TASK_TAKEN)
		snprintf(out, out_size,
			"say how the call with %s went: weirctl task outcome %" PRIu64
			" reached|no-answer|busy|wrong-number|voicemail",
			task->contact_name, task->id);
	else
		snprintf(out, out_size, "%s %s, %s: weirctl task take %" PRIu64,
			task->kind == MW_TASK_CALL ? "call" : "ask the account manager",
			task->contact_name,
			task->phone[0] != '\0' ? task->phone : "no phone number", task->id);
}

void mw_next_step(
	struct mw_cases_txn *txn, const struct mw_ticket *ticket, char *out, size_t out_size)
{
	char number[MW_TICKET_MAX];
	struct mw_task task;
	bool has_task = first_task(txn, mw_ticket_key(&ticket->number), &task);
	bool calling = ticket->state == MW_TICKET_OPEN || ticket->state == MW_TICKET_CONTACTING;

	mw_ticket_number_format(&ticket->number, number);
	if (has_task && task.kind == MW_TASK_DECIDE) {
		snprintf(out, out_size,
			"decide: weirctl ticket disable %s --reason ..., or ticket extend %s "
			"--until ...",
			number, number);
		return;
	}
	if (has_task && (task.kind == MW_TASK_CALL || calling)) {
		call_step(&task, out, out_size);
		return;
	}
	switch (ticket->state) {
	case MW_TICKET_SUSPECT:
		snprintf(out, out_size, "watch; closes by itself when nothing more comes");
		break;
	case MW_TICKET_OPEN:
	case MW_TICKET_CONTACTING:
		if (ticket->final_queued)
			snprintf(out, out_size, "wait for the relay to take the final mail");
		else if (mw_ticket_timer_due(ticket, MW_TIMER_CALL_NEXT) != 0 || has_task)
			snprintf(out, out_size, "wait for the next call to be due");
		else
			snprintf(out, out_size,
				"nobody to call or to mail: find a contact, then weirctl ticket "
				"contacted %s",
				number);
		break;
	case MW_TICKET_WORKING:
	case MW_TICKET_AWAITING:
		snprintf(out, out_size,
			"take the customer's report: weirctl ticket report %s --measures ...",
			number);
		break;
	case MW_TICKET_DISABLED:
		snprintf(out, out_size,
			"mail is refused until he rings and reports: weirctl ticket report %s "
			"--measures ...",
			number);
		break;
	case MW_TICKET_VERIFYING:
		snprintf(out, out_size,
			"check the measures, then: weirctl ticket confirm %s, or ticket refute %s "
			"--note ...",
			number, number);
		break;
	case MW_TICKET_RESOLVED:
	case MW_TICKET_PROBATION:
		snprintf(out, out_size,
			"nothing: probation ends by itself, new spam reopens the case");
		break;
	default:
		snprintf(out, out_size, "nothing: the case is over");
		break;
	}
}

void mw_tell_ticket(struct mw_command *c, struct mw_cases_txn *txn, uint64_t key)
{
	struct mw_ticket *ticket = &c->ctl->core->ticket;
	char number[MW_TICKET_MAX], next[256];

	if (!mw_ticket_get(txn, key, ticket))
		return;
	mw_next_step(txn, ticket, next, sizeof(next));
	fprintf(c->text, "%s is %s, verdict %s", mw_ticket_number_format(&ticket->number, number),
		mw_ticket_state_name(ticket->state), mw_verdict_name(ticket->verdict));
	if (ticket->deadline_s != 0) {
		fputs(", deadline ", c->text);
		mw_text_time(c->text, ticket->deadline_s, c->now_s);
	}
	fputs(".\nnext: ", c->text);
	mw_text(c->text, next, 0);
	fputc('\n', c->text);
	mw_answer(c, mw_doc_ticket(c, txn, ticket));
}

static void list(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"id", "TICKET", MW_COLUMN_TEXT},
		{"customer", "CUSTOMER", MW_COLUMN_TEXT}, {"state", "STATE", MW_COLUMN_TEXT},
		{"verdict", "VERDICT", MW_COLUMN_TEXT}, {"deadline", "DEADLINE", MW_COLUMN_TIME},
		{"evidence_count", "SEEN", MW_COLUMN_TEXT}, {"next", "NEXT", MW_COLUMN_TEXT}};
	const char *state = mw_argument_option(c->arguments, "state");
	const char *customer = mw_argument_option(c->arguments, "customer");
	bool all = mw_argument_option(c->arguments, "all") != NULL || state != NULL;
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_TICKETS, mw_span_of("", 0));
	struct mw_ticket *ticket = &c->ctl->core->ticket;
	json_t *rows = json_array();

	while (mw_ticket_next(&walk, ticket)) {
		if ((all || !mw_ticket_is_over(ticket)) &&
			(state == NULL ||
				strcmp(state, mw_ticket_state_name(ticket->state)) == 0) &&
			(customer == NULL || strcmp(customer, ticket->customer) == 0))
			json_array_append_new(rows, mw_doc_ticket(c, &txn, ticket));
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	mw_table(c, rows, columns, sizeof(columns) / sizeof(columns[0]), "No ticket.");
	mw_answer(c, rows);
}

static void line(struct mw_command *c, const char *name, const char *value)
{
	mw_text(c->text, name, 24);
	mw_text(c->text, value, 0);
	fputc('\n', c->text);
}

static void line_time(struct mw_command *c, const char *name, uint64_t s)
{
	if (s == 0)
		return;
	mw_text(c->text, name, 24);
	mw_text_time(c->text, s, c->now_s);
	fputc('\n', c->text);
}

static void show_text(struct mw_command *c, const struct mw_ticket *ticket, const json_t *doc)
{
	static const struct mw_column contacts[] = {{"position", "POS", MW_COLUMN_TEXT},
		{"role", "ROLE", MW_COLUMN_TEXT}, {"name", "NAME", MW_COLUMN_TEXT},
		{"phone", "PHONE", MW_COLUMN_TEXT}, {"outcome", "LAST CALL", MW_COLUMN_TEXT},
		{"called", "WHEN", MW_COLUMN_TIME}};
	static const struct mw_column tasks[] = {{"id", "TASK", MW_COLUMN_TEXT},
		{"kind", "WHAT", MW_COLUMN_TEXT}, {"contact", "WITH", MW_COLUMN_TEXT},
		{"phone", "PHONE", MW_COLUMN_TEXT}, {"due", "DUE", MW_COLUMN_TIME},
		{"state", "STATE", MW_COLUMN_TEXT}};
	static const struct mw_column history[] = {{"time", "WHEN", MW_COLUMN_TIME},
		{"by", "BY", MW_COLUMN_TEXT}, {"text", "WHAT", MW_COLUMN_TEXT}};

	line(c, "ticket", json_string_value(json_object_get(doc, "id")));
	line(c, "customer", ticket->customer);
	line(c, "state", mw_ticket_state_name(ticket->state));
	line(c, "verdict", mw_verdict_name(ticket->verdict));
	line(c, "reason", ticket->reason);
	line_time(c, "opened", ticket->opened_s);
	line_time(c, "provider knows since", ticket->provider_knows_since_s);
	line_time(c, "customer knows since", ticket->customer_knows_since_s);
	line_time(c, "deadline", ticket->deadline_s);
	line_time(c, "third party's deadline", ticket->third_party_s);
	line_time(c, "paused until", ticket->paused ? ticket->paused_until_s : 0);
	line_time(c, "mail refused since", ticket->disabled_since_s);
	line_time(c, "diverted until", mw_ticket_timer_due(ticket, MW_TIMER_DIVERT_END));
	line_time(c, "last evidence", ticket->last_evidence_s);
	fprintf(c->text, "%-24s%lld (weirctl evidence show %s)\n", "evidence",
		(long long)json_integer_value(json_object_get(doc, "evidence_count")),
		json_string_value(json_object_get(doc, "id")));
	line(c, "account manager", mw_tam_state_name(ticket->tam));
	if (ticket->dispute || ticket->hold)
		line(c, "flags",
			ticket->dispute && ticket->hold ? "dispute, legal hold"
			: ticket->hold			? "legal hold"
							: "dispute");
	if (ticket->measures[0] != '\0')
		line(c, "measures reported", ticket->measures);
	line(c, "next", json_string_value(json_object_get(doc, "next")));
	fputc('\n', c->text);
	mw_table(c, json_object_get(doc, "contacts"), contacts, 6, "Nobody to call.");
	fputc('\n', c->text);
	mw_table(c, json_object_get(doc, "tasks"), tasks, 6, "No open task.");
	fputc('\n', c->text);
	mw_table(c, json_object_get(doc, "history"), history, 3, "Nothing happened yet.");
}

static void open_ticket(struct mw_command *c)
{
	struct mw_cases_txn txn;
	const char *customer = c->arguments->positional[0];
	char reason[MW_REASON_TEXT_MAX], number[MW_TICKET_MAX];
	struct mw_ticket_number n;
	uint64_t key;
	int rc;

	if (!mw_take_ascii(c, "the reason", mw_argument_option(c->arguments, "reason"), reason,
		    sizeof(reason)))
		return;
	txn = mw_cases_write(c->ctl->core->cases);
	rc = mw_core_open(c->ctl->core, &txn, customer, MW_OPENING_CONSIDERABLE, reason, c->actor,
		c->now_s, &key);
	n = mw_ticket_number_of(key);
	if (rc == -EEXIST)
		mw_refuse(c, MW_EXIT_REFUSED, "customer %s has a ticket at work: %s", customer,
			mw_ticket_number_format(&n, number));
	else if (rc == -ENOENT)
		mw_refuse(c, MW_EXIT_REFUSED, "there is no customer %.64s", customer);
	else if (rc != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s",
			c->ctl->core->effects.refusal[0] != '\0' ? c->ctl->core->effects.refusal
								 : strerror(-rc));
	if (!mw_commit(c, &txn))
		return;
	txn = mw_cases_read(c->ctl->core->cases);
	mw_tell_ticket(c, &txn, key);
	mw_cases_abort(&txn);
}

void mw_cmd_ticket(struct mw_command *c)
{
	struct mw_cases_txn txn;
	json_t *doc;
	uint64_t key;

	if (c->arguments->grammar->id == MW_VERB_TICKET_LIST) {
		list(c);
		return;
	}
	if (c->arguments->grammar->id == MW_VERB_TICKET_OPEN) {
		open_ticket(c);
		return;
	}
	txn = mw_cases_read(c->ctl->core->cases);
	if (mw_take_ticket(c, c->arguments->positional[0], &txn, &key)) {
		doc = mw_doc_ticket(c, &txn, &c->ctl->core->ticket);
		if (!c->json)
			show_text(c, &c->ctl->core->ticket, doc);
		mw_answer(c, doc);
	}
	mw_cases_abort(&txn);
}
