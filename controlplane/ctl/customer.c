/* weirctl customer list | show | set, contact list; importing is in import.c */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/input/csv.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/diverted.h"
#include "controlplane/store/lines.h"
#include "controlplane/store/verdicts.h"

json_t *mw_doc_contacts(struct mw_cases_txn *txn, const char *customer)
{
	struct mw_contact contacts[MW_TICKET_CONTACTS_MAX];
	size_t count = mw_contacts_get(txn, customer, contacts, MW_TICKET_CONTACTS_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:o}", "customer", customer,
				      "position", (int)contacts[i].position, "name",
				      mw_json_text(contacts[i].name), "role",
				      mw_contact_role_name(contacts[i].role), "phone",
				      mw_json_text_or_null(contacts[i].phone), "email",
				      mw_json_text_or_null(contacts[i].email), "channel",
				      mw_json_text_or_null(contacts[i].channel)));
	return list;
}

/* Each of his lines that has a verdict of its own, and which. */
static json_t *line_verdicts(
	struct mw_command *c, struct mw_cases_txn *txn, const struct mw_desk_customer *customer)
{
	struct mw_key from = mw_key_u32(customer->index);
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
	json_t *list = json_array();
	struct mw_verdict_record rec;
	char text[MW_LINE_KEY_TEXT_MAX];
	struct mw_own_line own;
	struct mw_line_key line;

	while (!mw_own_lines_none(txn) && mw_customer_next_line(&walk, customer->index, &line)) {
		if (!mw_own_line_get(txn, &line, &own))
			continue;
		mw_apply_verdict(c->ctl->apply, txn, own.index, c->now_s, &rec);
		if (rec.since_s != 0)
			json_array_append_new(list,
				json_pack("{s:s, s:s}", "line", mw_line_key_format(&line, text),
					"verdict", mw_verdict_name(rec.verdict)));
	}
	mw_walk_end(&walk);
	return list;
}

static json_t *diverted_of(struct mw_cases_txn *txn, uint32_t index)
{
	struct mw_diverted d;

	mw_diverted_get(txn, index, &d);
	return json_pack("{s:I, s:I, s:I, s:I}", "diverted", (json_int_t)d.diverted, "passed",
		(json_int_t)d.passed, "put_off", (json_int_t)d.put_off, "refused",
		(json_int_t)d.refused);
}

json_t *mw_doc_customer(
	struct mw_command *c, struct mw_cases_txn *txn, const struct mw_desk_customer *customer)
{
	struct mw_key from = mw_key_u32(customer->index);
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
	struct mw_verdict_record verdict;
	enum mw_verdict in_force;
	struct mw_ticket_number number;
	char text[MW_LINE_KEY_TEXT_MAX], ticket[MW_TICKET_MAX] = "";
	json_t *prefixes = json_array();
	struct mw_line_key line;
	uint64_t open = mw_ticket_open_of(txn, customer->index);

	while (mw_customer_next_line(&walk, customer->index, &line))
		json_array_append_new(prefixes, json_string(mw_line_key_format(&line, text)));
	mw_walk_end(&walk);
	mw_apply_verdict(c->ctl->apply, txn, customer->index, c->now_s, &verdict);
	in_force = mw_apply_in_force(c->ctl->apply, customer, &verdict);
	number = mw_ticket_number_of(open);
	if (open != 0)
		mw_ticket_number_format(&number, ticket);
	return json_pack(
		"{s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
		"customer", mw_json_text(customer->id), "name", mw_json_text(customer->name),
		"class", customer->class_name, "inspection",
		mw_inspection_name(customer->inspection), "verdict", mw_verdict_name(in_force),
		"verdict_of", mw_verdict_of(txn, &verdict), "rate",
		mw_doc_rate(c, customer, in_force), "line_verdicts",
		line_verdicts(c, txn, customer), "diverted", diverted_of(txn, customer->index),
		"prefixes", prefixes, "contacts", mw_doc_contacts(txn, customer->id), "tam",
		mw_json_text_or_null(customer->tam), "valid_from",
		mw_json_time(customer->valid_from_s), "valid_to",
		mw_json_time(customer->valid_to_s), "ticket", mw_json_text_or_null(ticket),
		"shared", (int)customer->shared);
}

static void list_customers(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"customer", "CUSTOMER", MW_COLUMN_TEXT},
		{"name", "NAME", MW_COLUMN_TEXT}, {"class", "CLASS", MW_COLUMN_TEXT},
		{"inspection", "INSPECTION", MW_COLUMN_TEXT},
		{"verdict", "VERDICT", MW_COLUMN_TEXT}, {"ticket", "TICKET", MW_COLUMN_TEXT},
		{"prefixes", "LINES", MW_COLUMN_COUNT}, {"contacts", "CONTACTS", MW_COLUMN_COUNT}};
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_CUSTOMERS, mw_span_of("", 0));
	struct mw_desk_customer customer;
	json_t *list = json_array();
	size_t without = 0;

	while (mw_customer_next(&walk, &customer)) {
		json_t *doc = mw_doc_customer(c, &txn, &customer);

		if (json_array_size(json_object_get(doc, "contacts")) == 0)
			without++;
		json_array_append_new(list, doc);
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	mw_table(c, list, columns, sizeof(columns) / sizeof(columns[0]),
		"No customers yet. Next: weirctl customer import FILE.csv");
	if (without > 0)
		fprintf(c->text,
			"\n%zu without anybody to call: import contacts before there is a case.\n",
			without);
	mw_answer(c, list);
}

/* Connections under DIVERT, once there were any. */
static void show_diverted(struct mw_command *c, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "diverted");
	json_int_t to = json_integer_value(json_object_get(d, "diverted"));
	json_int_t passed = json_integer_value(json_object_get(d, "passed"));
	json_int_t put_off = json_integer_value(json_object_get(d, "put_off"));
	json_int_t refused = json_integer_value(json_object_get(d, "refused"));

	if (to + passed + put_off + refused == 0)
		return;
	mw_text(c->text, "diverted", 12);
	fprintf(c->text,
		"%lld connections; while the gateway was down %lld passed, %lld put off, %lld "
		"refused\n",
		(long long)to, (long long)passed, (long long)put_off, (long long)refused);
}

static void show_customer(struct mw_command *c, const char *id)
{
	static const struct mw_column contacts[] = {{"position", "POS", MW_COLUMN_TEXT},
		{"role", "ROLE", MW_COLUMN_TEXT}, {"name", "NAME", MW_COLUMN_TEXT},
		{"phone", "PHONE", MW_COLUMN_TEXT}, {"email", "EMAIL", MW_COLUMN_TEXT},
		{"channel", "CHANNEL", MW_COLUMN_TEXT}};
	static const char *const keys[] = {"customer", "name", "class", "inspection", "verdict",
		"verdict_of", "ticket", "tam"};
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_desk_customer customer;
	json_t *doc, *prefix;
	size_t index;

	if (!mw_customer_get(&txn, id, &customer)) {
		mw_cases_abort(&txn);
		mw_refuse(c, MW_EXIT_REFUSED, "there is no customer %.64s", id);
		return;
	}
	doc = mw_doc_customer(c, &txn, &customer);
	mw_cases_abort(&txn);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = json_string_value(json_object_get(doc, keys[i]));

		mw_text(c->text, keys[i], 12);
		mw_text(c->text, value != NULL ? value : "-", 0);
		fputc('\n', c->text);
	}
	if (json_is_object(json_object_get(doc, "rate"))) {
		mw_text(c->text, "rate", 12);
		mw_text_rate(c->text, json_object_get(doc, "rate"));
		fputc('\n', c->text);
	}
	show_diverted(c, doc);
	fputs("lines       ", c->text);
	json_array_foreach(json_object_get(doc, "prefixes"), index, prefix)
	{
		fprintf(c->text, "%s%s", index > 0 ? " " : "", json_string_value(prefix));
	}
	fputc('\n', c->text);
	json_array_foreach(json_object_get(doc, "line_verdicts"), index, prefix)
	{
		fprintf(c->text, "            %s: %s\n",
			json_string_value(json_object_get(prefix, "line")),
			json_string_value(json_object_get(prefix, "verdict")));
	}
	fputc('\n', c->text);
	mw_table(c, json_object_get(doc, "contacts"), contacts, 6, "Nobody to call.");
	mw_answer(c, doc);
}

/* The prefixes of a `set`, separated by spaces. How many, or -1 with a refusal. */
static long parse_lines(struct mw_command *c, const char *text, struct mw_line_key *out, size_t max)
{
	char copy[8192], error[128], *save = NULL;
	long count = 0;

	if (!mw_take_text(c, "prefixes", text, copy, sizeof(copy)))
		return -1;
	for (char *word = strtok_r(copy, " ", &save); word != NULL;
		word = strtok_r(NULL, " ", &save)) {
		if ((size_t)count >= max) {
			mw_refuse(c, MW_EXIT_REFUSED, "more than %zu lines", max);
			return -1;
		}
		if (mw_line_key_parse(word, &out[count], error, sizeof(error)) != 0) {
			mw_refuse(c, MW_EXIT_REFUSED, "%s", error);
			return -1;
		}
		count++;
	}
	return count;
}

static void set_one(struct mw_command *c, struct mw_cases_txn *txn, struct mw_desk_customer *rec,
	const char *key, const char *value)
{
	struct mw_line_key lines[MW_CUSTOMER_LINES_MAX];
	char owner[MW_CUSTOMER_ID_MAX], *end = NULL;

	if (strcmp(key, "name") == 0) {
		mw_take_text(c, "name", value, rec->name, sizeof(rec->name));
	} else if (strcmp(key, "class") == 0) {
		if (mw_settings_class(c->ctl->core->settings, value) == NULL)
			mw_refuse(c, MW_EXIT_REFUSED, "the settings have no class %.40s", value);
		else
			snprintf(rec->class_name, sizeof(rec->class_name), "%s", value);
	} else if (strcmp(key, "inspection") == 0) {
		if (mw_inspection_parse(value, &rec->inspection) != 0)
			mw_refuse(c, MW_EXIT_REFUSED,
				"inspection is none, metadata, content or content-sample");
	} else if (strcmp(key, "tam") == 0) {
		mw_take_text(c, "tam", value, rec->tam, sizeof(rec->tam));
	} else if (strcmp(key, "shared") == 0) {
		rec->shared = strcmp(value, "yes") == 0;
		if (!rec->shared && strcmp(value, "no") != 0)
			mw_refuse(c, MW_EXIT_REFUSED, "shared is yes or no");
	} else if (strcmp(key, "threshold") == 0) {
		double score = strtod(value, &end);

		if (end == value || *end != '\0' || !(score >= 0 && score <= 1000))
			mw_refuse(c, MW_EXIT_REFUSED,
				"threshold is a score from 0 (of the class) to 1000");
		else
			rec->threshold_milli = (int32_t)(score * 1000 + 0.5);
	} else if (strcmp(key, "prefixes") == 0) {
		long count = parse_lines(c, value, lines, MW_CUSTOMER_LINES_MAX);

		if (count >= 0 && mw_core_set_lines(c->ctl->core, txn, rec, lines, (size_t)count,
					  owner, c->actor, c->now_s) == -EEXIST)
			mw_refuse(
				c, MW_EXIT_REFUSED, "a line belongs to customer %s already", owner);
	} else {
		mw_refuse(c, MW_EXIT_USAGE,
			"no such key: %.40s (name, class, inspection, tam, shared, threshold, "
			"prefixes)",
			key);
	}
}

static void set_customer(struct mw_command *c)
{
	struct mw_cases_txn txn = mw_cases_write(c->ctl->core->cases);
	const char *id = c->arguments->positional[0];
	struct mw_desk_customer rec;
	char key[32], detail[MW_AUDIT_DETAIL_MAX] = "";

	if (!mw_customer_get(&txn, id, &rec))
		mw_refuse(c, MW_EXIT_REFUSED, "there is no customer %.64s", id);
	for (size_t i = 1; i < c->arguments->count && c->reply->exit == MW_EXIT_DONE; i++) {
		const char *word = c->arguments->positional[i], *equals = strchr(word, '=');
		size_t used = strlen(detail);

		if (equals == NULL || (size_t)(equals - word) >= sizeof(key)) {
			mw_refuse(c, MW_EXIT_USAGE, "%.60s is not KEY=VALUE", word);
			break;
		}
		memcpy(key, word, (size_t)(equals - word));
		key[equals - word] = '\0';
		set_one(c, &txn, &rec, key, equals + 1);
		snprintf(detail + used, sizeof(detail) - used, "%s%.200s", used > 0 ? " " : "",
			word);
	}
	if (c->reply->exit == MW_EXIT_DONE) {
		mw_customer_put(&txn, &rec);
		mw_audit_add(&txn, c->now_s, c->actor, "customer-set", rec.id, detail);
	}
	if (mw_commit(c, &txn))
		show_customer(c, id);
}

void mw_cmd_customer(struct mw_command *c)
{
	switch (c->arguments->grammar->id) {
	case MW_VERB_CUSTOMER_IMPORT:
		mw_cmd_import_customers(c);
		break;
	case MW_VERB_CUSTOMER_LIST:
		list_customers(c);
		break;
	case MW_VERB_CUSTOMER_SHOW:
		show_customer(c, c->arguments->positional[0]);
		break;
	default:
		set_customer(c);
		break;
	}
}

void mw_cmd_contact(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"position", "POS", MW_COLUMN_TEXT},
		{"role", "ROLE", MW_COLUMN_TEXT}, {"name", "NAME", MW_COLUMN_TEXT},
		{"phone", "PHONE", MW_COLUMN_TEXT}, {"email", "EMAIL", MW_COLUMN_TEXT},
		{"channel", "CHANNEL", MW_COLUMN_TEXT}};
	const char *id = c->arguments->positional[0];
	struct mw_desk_customer customer;
	struct mw_cases_txn txn;
	json_t *list;

	if (c->arguments->grammar->id == MW_VERB_CONTACT_IMPORT) {
		mw_cmd_import_contacts(c);
		return;
	}
	txn = mw_cases_read(c->ctl->core->cases);
	if (!mw_customer_get(&txn, id, &customer)) {
		mw_cases_abort(&txn);
		mw_refuse(c, MW_EXIT_REFUSED, "there is no customer %.64s", id);
		return;
	}
	list = mw_doc_contacts(&txn, id);
	mw_cases_abort(&txn);
	mw_table(c, list, columns, 6, "Nobody to call. Next: weirctl contact import FILE.csv");
	mw_answer(c, list);
}
