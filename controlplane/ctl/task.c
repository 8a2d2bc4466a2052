/* weirctl task list | take | outcome */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/tickets.h"

json_t *mw_doc_task(const struct mw_task *task)
{
	struct mw_ticket_number number = mw_ticket_number_of(task->ticket);
	char ticket[MW_TICKET_MAX];

	return json_pack("{s:I, s:s, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "id",
		(json_int_t)task->id, "ticket", mw_ticket_number_format(&number, ticket),
		"customer", mw_json_text(task->customer), "kind", mw_task_kind_name(task->kind),
		"contact", mw_json_text_or_null(task->contact_name), "phone",
		mw_json_text_or_null(task->phone), "due", mw_json_time(task->due_s), "state",
		mw_task_state_name(task->state), "taken_by", mw_json_text_or_null(task->taken_by),
		"outcome", mw_json_text_or_null(task->outcome), "text",
		mw_json_text_or_null(task->text));
}

json_t *mw_doc_tasks(struct mw_cases_txn *txn, uint64_t ticket)
{
	struct mw_key from = mw_key_u64(ticket);
	struct mw_walk walk = mw_walk_from(
		txn, MW_TABLE_OPEN_TASKS, ticket != 0 ? mw_key_span(&from) : mw_span_of("", 0));
	json_t *list = json_array();
	struct mw_task task;

	while (mw_task_next_open(&walk, ticket, &task)) {
		size_t at = json_array_size(list);

		/* The most urgent first; few tasks are open at a time. */
		while (at > 0 && (uint64_t)json_integer_value(json_object_get(
					 json_array_get(list, at - 1), "due")) > task.due_s)
			at--;
		json_array_insert_new(list, at, mw_doc_task(&task));
	}
	mw_walk_end(&walk);
	return list;
}

static void list(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"id", "TASK", MW_COLUMN_TEXT},
		{"kind", "WHAT", MW_COLUMN_TEXT}, {"contact", "WITH", MW_COLUMN_TEXT},
		{"phone", "PHONE", MW_COLUMN_TEXT}, {"customer", "CUSTOMER", MW_COLUMN_TEXT},
		{"ticket", "TICKET", MW_COLUMN_TEXT}, {"due", "DUE", MW_COLUMN_TIME},
		{"state", "STATE", MW_COLUMN_TEXT}, {"taken_by", "TAKEN BY", MW_COLUMN_TEXT}};
	const char *of = mw_argument_option(c->arguments, "ticket");
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	uint64_t key = 0;
	json_t *rows;

	if (of != NULL && !mw_take_ticket(c, of, &txn, &key)) {
		mw_cases_abort(&txn);
		return;
	}
	rows = mw_doc_tasks(&txn, key);
	mw_cases_abort(&txn);
	mw_table(c, rows, columns, sizeof(columns) / sizeof(columns[0]), "Nothing to do.");
	if (json_array_size(rows) > 0)
		fputs("\nnext: weirctl task take TASK\n", c->text);
	mw_answer(c, rows);
}

static bool find(struct mw_command *c, struct mw_cases_txn *txn, struct mw_task *task)
{
	const char *text = c->arguments->positional[0];
	char *end = NULL;
	unsigned long long id = strtoull(text, &end, 10);

	if (end == text || *end != '\0' || !mw_task_get(txn, id, task)) {
		mw_refuse(c, MW_EXIT_REFUSED, "there is no task %.40s", text);
		return false;
	}
	if (task->state == MW_TASK_DONE || task->state == MW_TASK_CLOSED) {
		mw_refuse(c, MW_EXIT_REFUSED, "task %llu is %s already", id,
			mw_task_state_name(task->state));
		return false;
	}
	return true;
}

static int step(struct mw_command *c, struct mw_cases_txn *txn, const struct mw_task *task,
	struct mw_ticket_event *ev)
{
	int rc;

	memcpy(ev->by, c->actor, sizeof(ev->by));
	rc = mw_core_step(c->ctl->core, txn, task->ticket, ev, c->now_s);
	if (rc != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s",
			c->ctl->core->effects.refusal[0] != '\0' ? c->ctl->core->effects.refusal
								 : strerror(-rc));
	return rc;
}

static void take(struct mw_command *c, struct mw_cases_txn *txn, struct mw_task *task)
{
	struct mw_ticket_event *ev = &c->ctl->core->step;
	char object[32];

	if (task->state == MW_TASK_TAKEN && strcmp(task->taken_by, c->actor) != 0) {
		mw_refuse(c, MW_EXIT_REFUSED, "task %" PRIu64 " was taken by %s", task->id,
			task->taken_by);
		return;
	}
	if (task->state == MW_TASK_OPEN && task->kind == MW_TASK_CALL) {
		memset(ev, 0, sizeof(*ev));
		ev->kind = MW_TEV_CALL_STARTED;
		ev->call.contact = task->contact;
		if (step(c, txn, task, ev) != 0)
			return;
	}
	task->state = MW_TASK_TAKEN;
	snprintf(task->taken_by, sizeof(task->taken_by), "%s", c->actor);
	mw_task_put(txn, task);
	snprintf(object, sizeof(object), "task %" PRIu64, task->id);
	mw_audit_add(txn, c->now_s, c->actor, "task-take", object, "");
}

static void outcome(struct mw_command *c, struct mw_cases_txn *txn, struct mw_task *task)
{
	struct mw_ticket_event *ev = &c->ctl->core->step;
	const char *word = c->arguments->positional[1];
	const char *note = mw_argument_option(c->arguments, "note");
	struct mw_ticket_number number = mw_ticket_number_of(task->ticket);
	enum mw_call_outcome result;
	char name[MW_TICKET_MAX];

	if (task->kind != MW_TASK_CALL && task->kind != MW_TASK_TAM) {
		mw_ticket_number_format(&number, name);
		mw_refuse(c, MW_EXIT_REFUSED,
			"task %" PRIu64 " (%s) is no call: settle it with weirctl ticket ... %s",
			task->id, mw_task_kind_name(task->kind), name);
		return;
	}
	if (mw_call_outcome_parse(word, &result) != 0) {
		mw_refuse(c, MW_EXIT_USAGE,
			"the outcome is reached, no-answer, busy, wrong-number or voicemail, not "
			"%.40s",
			word);
		return;
	}
	memset(ev, 0, sizeof(*ev));
	if (note != NULL && !mw_take_text(c, "--note", note, ev->text, sizeof(ev->text)))
		return;
	/* Done before the step: what the step closes is what is left open. */
	task->state = MW_TASK_DONE;
	task->ended_s = c->now_s;
	snprintf(task->taken_by, sizeof(task->taken_by), "%s", c->actor);
	snprintf(task->outcome, sizeof(task->outcome), "%s", word);
	mw_task_put(txn, task);
	if (task->kind == MW_TASK_CALL) {
		ev->kind = MW_TEV_CALL_OUTCOME;
		ev->call.contact = task->contact;
		ev->call.outcome = result;
	} else {
		ev->kind = MW_TEV_TAM_OUTCOME;
		ev->tam.reached = result == MW_CALL_REACHED;
	}
	step(c, txn, task, ev);
}

void mw_cmd_task(struct mw_command *c)
{
	struct mw_cases_txn txn;
	struct mw_task task;

	if (c->arguments->grammar->id == MW_VERB_TASK_LIST) {
		list(c);
		return;
	}
	txn = mw_cases_write(c->ctl->core->cases);
	if (find(c, &txn, &task)) {
		if (c->arguments->grammar->id == MW_VERB_TASK_TAKE)
			take(c, &txn, &task);
		else
			outcome(c, &txn, &task);
	}
	if (!mw_commit(c, &txn))
		return;
	txn = mw_cases_read(c->ctl->core->cases);
	if (c->arguments->grammar->id == MW_VERB_TASK_TAKE) {
		fputs("Yours: ", c->text);
		mw_text(c->text, mw_task_kind_name(task.kind), 0);
		fputc(' ', c->text);
		mw_text(c->text, task.contact_name, 0);
		fputs(task.phone[0] != '\0' ? ", " : "", c->text);
		mw_text(c->text, task.phone, 0);
		fputs(".\n", c->text);
		if (task.text[0] != '\0') {
			mw_text(c->text, task.text, 0);
			fputc('\n', c->text);
		}
		if (task.kind == MW_TASK_CALL || task.kind == MW_TASK_TAM)
			fprintf(c->text,
				"next: weirctl task outcome %" PRIu64
				" reached|no-answer|busy|wrong-number|voicemail [--note TEXT]\n",
				task.id);
		mw_answer(c, mw_doc_task(&task));
	} else {
		mw_tell_ticket(c, &txn, task.ticket);
	}
	mw_cases_abort(&txn);
}
