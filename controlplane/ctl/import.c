/* weirctl customer import, contact import: a file as a whole, or nothing of it */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/input/csv.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/timers.h"

struct import {
	struct mw_command *command;
	struct mw_cases_txn *txn;
};

static bool class_known(void *ctx, const char *name)
{
	struct import *import = ctx;

	return import->command->ctl->any_class ||
	       mw_settings_class(import->command->ctl->core->settings, name) != NULL;
}

static void set_validity(
	struct mw_cases_txn *txn, const struct mw_desk_customer *rec, uint64_t now_s)
{
	struct mw_timer timer = {.owner = MW_TIMER_OF_VALIDITY, .id = rec->index};

	mw_timer_clear_all(txn, MW_TIMER_OF_VALIDITY, rec->index);
	timer.due_s = rec->valid_from_s;
	if (rec->valid_from_s > now_s)
		mw_timer_set(txn, &timer);
	timer.kind = 1;
	timer.due_s = rec->valid_to_s;
	if (rec->valid_to_s > now_s)
		mw_timer_set(txn, &timer);
}

/* Lines whose customer has begun or ceased to be theirs are looked at anew. */
static void touch_lines(struct mw_cases_txn *txn, uint32_t index)
{
	struct mw_key from = mw_key_u32(index);
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
	struct mw_line_key line;

	while (mw_customer_next_line(&walk, index, &line))
		mw_change_add(txn, MW_CHANGE_LINE, 0, &line);
	mw_walk_end(&walk);
}

static int import_row(void *ctx, const struct mw_csv_customer *row, char *error, size_t error_size)
{
	struct import *import = ctx;
	struct mw_core *core = import->command->ctl->core;
	struct mw_desk_customer rec;
	char owner[MW_CUSTOMER_ID_MAX];
	uint64_t from, to;
	int rc;

	if (!mw_customer_get(import->txn, row->id, &rec))
		snprintf(rec.id, sizeof(rec.id), "%s", row->id);
	from = rec.valid_from_s;
	to = rec.valid_to_s;
	snprintf(rec.name, sizeof(rec.name), "%s", row->name);
	snprintf(rec.class_name, sizeof(rec.class_name), "%s",
		row->class_name[0] != '\0' ? row->class_name : core->settings->default_class);
	rec.inspection = row->has_inspection ? row->inspection
					     : mw_core_class(core, rec.class_name)->inspection;
	snprintf(rec.tam, sizeof(rec.tam), "%s", row->tam);
	rec.valid_from_s = row->valid_from_s;
	rec.valid_to_s = row->valid_to_s;
	rec.line_count = row->line_count;
	mw_customer_put(import->txn, &rec);
	rc = mw_core_set_lines(core, import->txn, &rec, row->lines, row->line_count, owner,
		import->command->actor, import->command->now_s);
	if (rc == -EEXIST) {
		snprintf(error, error_size, "a line of %s belongs to customer %s already", row->id,
			owner);
		return -EINVAL;
	}
	set_validity(import->txn, &rec, import->command->now_s);
	if (from != rec.valid_from_s || to != rec.valid_to_s)
		touch_lines(import->txn, rec.index);
	if (rc != 0)
		snprintf(error, error_size, "the store says: %s", strerror(-rc));
	return rc;
}

static FILE *open_data(struct mw_command *c)
{
	static char nothing[] = "";
	void *data = nothing;
	FILE *in;

	/* fmemopen() reads only, its type does not say so. */
	if (c->data.len > 0)
		memcpy(&data, &c->data.data, sizeof(data));
	in = fmemopen(data, c->data.len > 0 ? c->data.len : 1, "r");
	if (in == NULL)
		mw_refuse(c, MW_EXIT_REFUSED, "not done: %s", strerror(errno));
	return in;
}

void mw_cmd_import_customers(struct mw_command *c)
{
	struct mw_cases_txn txn;
	struct import import = {.command = c, .txn = &txn};
	struct mw_csv_result result;
	FILE *in = open_data(c);
	char detail[96];

	if (in == NULL)
		return;
	txn = mw_cases_write(c->ctl->core->cases);
	memset(&result, 0, sizeof(result));
	if (mw_csv_customers(in, c->arguments->positional[0], class_known, import_row, &import,
		    &result) != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s\nnothing of the file was taken", result.error);
	fclose(in);
	snprintf(detail, sizeof(detail), "%" PRIu64 " customers", result.rows);
	mw_audit_add(
		&txn, c->now_s, c->actor, "customer-import", c->arguments->positional[0], detail);
	if (!mw_commit(c, &txn))
		return;
	fprintf(c->text, "%" PRIu64 " customers taken in.\n", result.rows);
	mw_answer(c, json_pack("{s:I}", "customers", (json_int_t)result.rows));
}

static int import_contact(
	void *ctx, const struct mw_csv_contact *row, char *error, size_t error_size)
{
	struct mw_contact have[MW_TICKET_CONTACTS_MAX];
	struct import *import = ctx;
	struct mw_desk_customer rec;
	char key[MW_CUSTOMER_ID_MAX + 16];
	struct mw_span seen;

	if (!mw_customer_get(import->txn, row->customer, &rec)) {
		snprintf(error, error_size, "there is no customer %s: import customers first",
			row->customer);
		return -EINVAL;
	}
	/* The first line of a customer in this file ends his old list. Marked in the transaction.
	 */
	snprintf(key, sizeof(key), "contact-import-%s", row->customer);
	if (!mw_cases_get(import->txn, MW_TABLE_META, mw_span_str(key), &seen)) {
		mw_contacts_clear(import->txn, row->customer);
		mw_cases_put(import->txn, MW_TABLE_META, mw_span_str(key), mw_span_str("x"));
	}
	if (mw_contacts_get(import->txn, row->customer, have, MW_TICKET_CONTACTS_MAX) ==
		MW_TICKET_CONTACTS_MAX) {
		snprintf(error, error_size, "customer %s has more than %d contacts", row->customer,
			MW_TICKET_CONTACTS_MAX);
		return -EINVAL;
	}
	mw_contact_put(import->txn, row->customer, &row->contact);
	return import->txn->base.error;
}

void mw_cmd_import_contacts(struct mw_command *c)
{
	static const char prefix[] = "contact-import-";
	struct mw_cases_txn txn;
	struct import import = {.command = c, .txn = &txn};
	struct mw_csv_result result;
	FILE *in = open_data(c);
	struct mw_walk walk;
	char detail[96];

	if (in == NULL)
		return;
	txn = mw_cases_write(c->ctl->core->cases);
	memset(&result, 0, sizeof(result));
	if (mw_csv_contacts(in, c->arguments->positional[0], import_contact, &import, &result) != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s\nnothing of the file was taken", result.error);
	fclose(in);
	walk = mw_walk_from(&txn, MW_TABLE_META, mw_span_str(prefix));
	while (mw_walk_next(&walk, mw_span_str(prefix)))
		mw_walk_del(&walk);
	mw_walk_end(&walk);
	snprintf(detail, sizeof(detail), "%" PRIu64 " contacts", result.rows);
	mw_audit_add(
		&txn, c->now_s, c->actor, "contact-import", c->arguments->positional[0], detail);
	if (!mw_commit(c, &txn))
		return;
	fprintf(c->text, "%" PRIu64 " contacts taken in.\n", result.rows);
	mw_answer(c, json_pack("{s:I}", "contacts", (json_int_t)result.rows));
}
