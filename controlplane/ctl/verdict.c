/* weirctl verdict set | clear | list */
#include <inttypes.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/input/csv.h"
#include "controlplane/store/lines.h"
#include "controlplane/store/verdicts.h"

json_t *mw_doc_rate(const struct mw_command *c, const struct mw_desk_customer *customer,
	enum mw_verdict verdict)
{
	const struct mw_rate *rate = &mw_core_class(c->ctl->core, customer->class_name)->rate;

	if (verdict != MW_VERDICT_RATE)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "messages", (json_int_t)rate->messages, "recipients",
		(json_int_t)rate->recipients, "connections", (json_int_t)rate->connections);
}

void mw_text_rate(FILE *out, const json_t *rate)
{
	static const char *const keys[] = {"messages", "recipients", "connections"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_int_t limit = json_integer_value(json_object_get(rate, keys[i]));

		fputs(i > 0 ? ", " : "", out);
		if (limit == 0)
			fprintf(out, "no limit of %s", keys[i]);
		else
			fprintf(out, "%" PRId64 " %s", (int64_t)limit, keys[i]);
	}
	fputs(" an hour", out);
}

const char *mw_verdict_of(struct mw_cases_txn *txn, const struct mw_verdict_record *rec)
{
	struct mw_verdict_record desk;

	if (rec->since_s == 0)
		return "class";
	/* A person's that has expired is there until its timer fires. */
	return mw_verdict_get(txn, MW_VERDICT_BY_DESK, rec->customer_index, &desk) &&
			       desk.generation == rec->generation
		       ? "person"
		       : "ticket";
}

/* `index` of a customer or of a line. */
static json_t *document(struct mw_command *c, struct mw_cases_txn *txn,
	struct mw_policy_txn *policy, uint32_t index)
{
	struct mw_verdict_record rec, published;
	struct mw_desk_customer customer;
	char line[MW_LINE_KEY_TEXT_MAX] = "";
	struct mw_own_line own;
	enum mw_verdict in_force;
	uint64_t generation = 0;

	mw_apply_verdict(c->ctl->apply, txn, index, c->now_s, &rec);
	if (mw_own_line_at(txn, index, &own))
		mw_line_key_format(&own.key, line);
	if (!mw_customer_at(txn, line[0] != '\0' ? own.owner : index, &customer))
		return NULL;
	in_force = mw_apply_in_force(c->ctl->apply, &customer, &rec);
	if (mw_policy_get_verdict(policy, index, &published))
		generation = published.generation;
	return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "customer",
		mw_json_text(customer.id), "line", mw_json_text_or_null(line), "verdict",
		mw_verdict_name(in_force), "verdict_of", mw_verdict_of(txn, &rec), "rate",
		mw_doc_rate(c, &customer, in_force), "reason", mw_json_text_or_null(rec.reason),
		"ticket", mw_json_text_or_null(rec.ticket), "since", mw_json_time(rec.since_s),
		"expires", mw_json_time(rec.expires_s), "by", mw_json_text_or_null(rec.by),
		"generation", (json_int_t)generation, "reply", mw_json_text_or_null(rec.reply));
}

/* The verdict that is now in force, of the customer, or of his line where it has one. */
static void answer_one(struct mw_command *c, uint32_t index)
{
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_policy_txn policy;
	const char *verdict;
	json_t *doc = NULL;

	if (mw_policy_begin_read(c->ctl->apply->policy, &policy) == 0) {
		doc = document(c, &txn, &policy, index);
		mw_policy_end(&policy);
	}
	mw_cases_abort(&txn);
	if (doc != NULL) {
		const char *line = json_string_value(json_object_get(doc, "line"));

		mw_text(c->text, json_string_value(json_object_get(doc, "customer")), 0);
		if (line != NULL)
			fprintf(c->text, ", line %s", line);
		verdict = json_string_value(json_object_get(doc, "verdict"));
		fprintf(c->text, ": %s is in force", verdict);
		if (strcmp(json_string_value(json_object_get(doc, "verdict_of")), "class") == 0 &&
			strcmp(verdict, mw_verdict_name(MW_VERDICT_PASS)) != 0)
			fputs(" by his class", c->text);
		if (json_is_object(json_object_get(doc, "rate"))) {
			fputs(": ", c->text);
			mw_text_rate(c->text, json_object_get(doc, "rate"));
		}
		fputs(".\n", c->text);
		if (strcmp(verdict, mw_verdict_name(MW_VERDICT_DROP)) == 0)
			fputs("His mail is swallowed: neither sender nor recipient is told. See "
			      "weirctl(1) on what the law may say to that. To end it: weirctl "
			      "verdict clear\n",
				c->text);
	}
	mw_answer(c, doc);
}

/* The line of --line, which must be one of this customer's as it stands in his list. False with a
 * refusal. */
static bool take_line(struct mw_command *c, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, struct mw_line_key *out)
{
	const char *text = mw_argument_option(c->arguments, "line");
	char error[128];
	uint32_t owner;

	if (mw_line_key_parse(text, out, error, sizeof(error)) != 0) {
		mw_refuse(c, MW_EXIT_USAGE, "%s", error);
		return false;
	}
	if (mw_line_owner(txn, out, &owner) && owner == customer->index)
		return true;
	mw_refuse(c, MW_EXIT_REFUSED,
		"%s has no line %.64s. Next: weirctl customer show %s names his lines, weirctl "
		"customer set can divide one. Nothing was changed",
		customer->id, text, customer->id);
	return false;
}

/* Returns the index it was set on; anything when it was refused. */
static uint32_t set(
	struct mw_command *c, const struct mw_desk_customer *customer, struct mw_cases_txn *txn)
{
	const char *expires = mw_argument_option(c->arguments, "expires");
	const struct mw_class_policy *class_policy;
	char reason[MW_REASON_TEXT_MAX];
	uint64_t expires_s = 0;
	enum mw_verdict verdict;
	struct mw_line_key line;

	if (mw_verdict_parse(c->arguments->positional[1], &verdict) != 0) {
		mw_refuse(c, MW_EXIT_USAGE,
			"no such verdict: %.40s (pass, rate, divert, reject, reset, drop)",
			c->arguments->positional[1]);
		return 0;
	}
	if (verdict == MW_VERDICT_DIVERT &&
		!mw_divert_configured(&c->ctl->core->settings->divert.gateway)) {
		mw_refuse(c, MW_EXIT_REFUSED,
			"mail of %s cannot be diverted: no gateway is named. Next: name it in the "
			"settings (divert: gateway, address). Nothing was changed",
			customer->id);
		return 0;
	}
	class_policy = mw_core_class(c->ctl->core, customer->class_name);
	if (verdict == MW_VERDICT_RATE && !mw_settings_class_limits(class_policy)) {
		mw_refuse(c, MW_EXIT_REFUSED,
			"class %s has no limit that rate could keep %s to. Next: name one in the "
			"settings (classes: %s: rate), or set another verdict. Nothing was changed",
			class_policy->name, customer->id, class_policy->name);
		return 0;
	}
	if (!mw_take_ascii(c, "the reason", mw_argument_option(c->arguments, "reason"), reason,
		    sizeof(reason)))
		return 0;
	/* An exception needs its reason, DROP most of all: the audit shows it. */
	if (reason[strspn(reason, " ")] == '\0') {
		mw_refuse(c, MW_EXIT_USAGE, "empty: --reason. Nothing was changed");
		return 0;
	}
	if (expires != NULL) {
		expires_s = mw_moment(expires, c->now_s);
		if (expires_s <= c->now_s) {
			mw_refuse(c, MW_EXIT_USAGE,
				"%.40s is no moment to come: 2h, 1d or 2026-11-23T10:00Z", expires);
			return 0;
		}
	}
	if (mw_argument_option(c->arguments, "line") != NULL)
		return take_line(c, txn, customer, &line)
			       ? mw_core_line_verdict(c->ctl->core, txn, &line, customer->index,
					 verdict, reason, c->actor, expires_s, c->now_s)
			       : 0;
	mw_core_desk_verdict(
		c->ctl->core, txn, customer->index, verdict, reason, c->actor, expires_s, c->now_s);
	return customer->index;
}

static void clear(
	struct mw_command *c, const struct mw_desk_customer *customer, struct mw_cases_txn *txn)
{
	const char *why = mw_argument_option(c->arguments, "reason");
	const char *text = mw_argument_option(c->arguments, "line");
	char reason[MW_REASON_TEXT_MAX] = "";
	uint32_t index = customer->index;
	struct mw_verdict_record rec;
	struct mw_line_key line;
	struct mw_own_line own;

	if (why != NULL && !mw_take_ascii(c, "the reason", why, reason, sizeof(reason)))
		return;
	if (text != NULL) {
		if (!take_line(c, txn, customer, &line))
			return;
		if (!mw_own_line_get(txn, &line, &own) ||
			!mw_core_desk_clear(
				c->ctl->core, txn, own.index, reason, c->actor, c->now_s))
			mw_refuse(
				c, MW_EXIT_REFUSED, "nobody has set a verdict on line %.64s", text);
		return;
	}
	if (mw_core_desk_clear(c->ctl->core, txn, index, reason, c->actor, c->now_s))
		return;
	if (mw_verdict_get(txn, MW_VERDICT_BY_TICKET, index, &rec))
		mw_refuse(c, MW_EXIT_REFUSED,
			"the verdict is that of ticket %s. Next: weirctl ticket confirm %s, when "
			"the problem is solved, or ticket release %s, when it was not this "
			"customer",
			rec.ticket, rec.ticket, rec.ticket);
	else
		mw_refuse(c, MW_EXIT_REFUSED, "nobody has set a verdict on %s", customer->id);
}

static void list(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"customer", "CUSTOMER", MW_COLUMN_TEXT},
		{"line", "LINE", MW_COLUMN_TEXT}, {"verdict", "VERDICT", MW_COLUMN_TEXT},
		{"ticket", "TICKET", MW_COLUMN_TEXT}, {"since", "SINCE", MW_COLUMN_TIME},
		{"expires", "EXPIRES", MW_COLUMN_TIME}, {"by", "BY", MW_COLUMN_TEXT},
		{"reason", "REASON", MW_COLUMN_TEXT}};
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_VERDICTS, mw_span_of("", 0));
	enum mw_verdict_source source;
	struct mw_policy_txn policy;
	struct mw_verdict_record rec;
	json_t *rows = json_array();
	int64_t last = -1;

	if (mw_policy_begin_read(c->ctl->apply->policy, &policy) == 0) {
		while (mw_verdict_next(&walk, &source, &rec)) {
			/* Two parties may have one on the same customer; the one that counts is
			 * shown. */
			if ((int64_t)rec.customer_index != last)
				json_array_append_new(
					rows, document(c, &txn, &policy, rec.customer_index));
			last = rec.customer_index;
		}
		mw_policy_end(&policy);
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	mw_table(c, rows, columns, sizeof(columns) / sizeof(columns[0]),
		"No verdict is set on anybody.");
	mw_answer(c, rows);
}

void mw_cmd_verdict(struct mw_command *c)
{
	struct mw_desk_customer customer;
	struct mw_cases_txn txn;
	uint32_t index = 0;

	if (c->arguments->grammar->id == MW_VERB_VERDICT_LIST) {
		list(c);
		return;
	}
	txn = mw_cases_write(c->ctl->core->cases);
	if (!mw_customer_get(&txn, c->arguments->positional[0], &customer))
		mw_refuse(c, MW_EXIT_REFUSED, "there is no customer %.64s",
			c->arguments->positional[0]);
	else if (c->arguments->grammar->id == MW_VERB_VERDICT_SET)
		index = set(c, &customer, &txn);
	else {
		clear(c, &customer, &txn);
		index = customer.index;
	}
	if (mw_commit(c, &txn))
		answer_one(c, index);
}
