/*
 * From `cases` to `policy`. The order is: read the list of changes and the present values in one
 * read transaction of `cases`; write them to `policy`, synced; then take the changes off the list
 * and tell the tickets that waited, in one write transaction of `cases`. A crash after any of these
 * leaves changes on the list that are already published; they are published again, with the same
 * values.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/apply/publish.h"
#include "controlplane/input/csv.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/customers.h"
#include "controlplane/store/lines.h"
#include "controlplane/store/verdicts.h"

void mw_apply_ruleset_path(
	const struct mw_apply *apply, uint64_t generation, char *out, size_t out_size)
{
	snprintf(out, out_size, "%s/rules/%" PRIu64 ".mwr", apply->state_dir, generation);
}

void mw_apply_verdict(struct mw_apply *apply, struct mw_cases_txn *txn, uint32_t customer_index,
	uint64_t now_s, struct mw_verdict_record *out)
{
	const char *ticket;

	mw_verdict_effective(txn, customer_index, now_s, out);
	ticket = out->ticket[0] != '\0' ? out->ticket : "(none)";
	if (out->verdict == MW_VERDICT_RATE)
		mw_settings_rate_reply(apply->core->settings, ticket, out->reply);
	else if (out->verdict == MW_VERDICT_DIVERT)
		mw_settings_divert_reply(apply->core->settings, ticket, out->reply);
	else if (out->verdict != MW_VERDICT_PASS)
		mw_settings_reject_reply(apply->core->settings, ticket, out->reply);
}

static bool same_rate(const struct mw_rate *a, const struct mw_rate *b)
{
	return a->messages == b->messages && a->recipients == b->recipients &&
	       a->connections == b->connections;
}

/* What the customer and each of his lines has. */
static struct mw_customer_record values_of(
	struct mw_apply *apply, const struct mw_desk_customer *customer)
{
	const struct mw_class_policy *policy = mw_core_class(apply->core, customer->class_name);
	struct mw_customer_record rec = {.inspection = customer->inspection,
		.shared = customer->shared || policy->shared,
		.spam_threshold_milli = customer->threshold_milli != 0
						? customer->threshold_milli
						: policy->spam_threshold_milli,
		.rate = policy->rate,
		.class_verdict = policy->verdict};

	memcpy(rec.class_name, customer->class_name, sizeof(rec.class_name));
	return rec;
}

static void put_record(
	struct mw_policy_txn *to, struct mw_customer_record *rec, uint32_t want_index)
{
	struct mw_customer_record before;

	if (mw_policy_find_customer(to, rec->id, &before) && before.index == want_index &&
		before.inspection == rec->inspection && before.shared == rec->shared &&
		before.spam_threshold_milli == rec->spam_threshold_milli &&
		same_rate(&before.rate, &rec->rate) && before.is_line == rec->is_line &&
		before.owner == rec->owner && before.class_verdict == rec->class_verdict &&
		strcmp(before.class_name, rec->class_name) == 0)
		return;
	mw_policy_put_customer(to, rec);
	if (rec->index != want_index)
		mw_txn_fail(&to->txn, -EXDEV); /* that `policy` belongs to other cases */
}

static void put_line_record(struct mw_apply *apply, struct mw_cases_txn *from,
	struct mw_policy_txn *to, const struct mw_own_line *line)
{
	struct mw_desk_customer owner;
	struct mw_customer_record rec;
	char key[MW_LINE_KEY_TEXT_MAX];

	if (!mw_customer_at(from, line->owner, &owner))
		return;
	rec = values_of(apply, &owner);
	/* No customer's: there is no blank in an id. */
	snprintf(rec.id, sizeof(rec.id), "line %s", mw_line_key_format(&line->key, key));
	rec.is_line = true;
	rec.owner = line->owner;
	put_record(to, &rec, line->index);
}

static void lines_of_customer(
	struct mw_apply *apply, struct mw_cases_txn *from, struct mw_policy_txn *to, uint32_t index)
{
	struct mw_key first = mw_key_u32(index);
	struct mw_own_line own;
	struct mw_line_key line;
	struct mw_walk walk;

	if (mw_own_lines_none(from))
		return;
	walk = mw_walk_from(from, MW_TABLE_CUSTOMER_LINES, mw_key_span(&first));
	while (mw_customer_next_line(&walk, index, &line))
		/* One whose index `policy` does not know yet has its turn later. */
		if (mw_own_line_get(from, &line, &own) && own.index < mw_policy_customer_count(to))
			put_line_record(apply, from, to, &own);
	mw_walk_end(&walk);
}

void mw_publish_customer(
	struct mw_apply *apply, struct mw_cases_txn *from, struct mw_policy_txn *to, uint32_t index)
{
	struct mw_desk_customer customer;
	struct mw_own_line line;
	struct mw_customer_record rec;

	if (mw_customer_at(from, index, &customer)) {
		rec = values_of(apply, &customer);
		memcpy(rec.id, customer.id, sizeof(rec.id));
		put_record(to, &rec, index);
		lines_of_customer(apply, from, to, index);
	} else if (mw_own_line_at(from, index, &line)) {
		put_line_record(apply, from, to, &line);
	}
}

/* The line's own index while it has a verdict, else its customer's. */
static uint32_t leads_to(
	struct mw_cases_txn *from, const struct mw_line_key *line, uint32_t owner, uint64_t now_s)
{
	struct mw_verdict_record verdict;
	struct mw_own_line own;

	if (!mw_own_line_get(from, line, &own) ||
		!mw_verdict_get(from, MW_VERDICT_BY_DESK, own.index, &verdict) ||
		(verdict.expires_s != 0 && verdict.expires_s <= now_s))
		return owner;
	return own.index;
}

void mw_publish_line(struct mw_cases_txn *from, struct mw_policy_txn *to,
	const struct mw_line_key *line, uint64_t now_s)
{
	struct mw_line_record rec = {.key = *line}, before;
	struct mw_desk_customer customer;
	bool there = mw_line_owner(from, line, &rec.customer_index) &&
		     mw_customer_at(from, rec.customer_index, &customer) &&
		     customer.valid_from_s <= now_s &&
		     (customer.valid_to_s == 0 || now_s < customer.valid_to_s);

	if (there)
		rec.customer_index = leads_to(from, line, rec.customer_index, now_s);
	if (!there)
		mw_policy_del_line(to, line);
	else if (!mw_policy_get_line(to, line, &before) ||
		 before.customer_index != rec.customer_index)
		mw_policy_put_line(to, &rec);
}

enum mw_verdict mw_apply_in_force(struct mw_apply *apply, const struct mw_desk_customer *customer,
	const struct mw_verdict_record *set)
{
	return set->since_s != 0 ? set->verdict
				 : mw_core_class(apply->core, customer->class_name)->verdict;
}

bool mw_publish_wanted(struct mw_apply *apply, struct mw_cases_txn *from, uint32_t index,
	uint64_t now_s, struct mw_verdict_record *out)
{
	struct mw_desk_customer customer;
	struct mw_own_line line;

	mw_apply_verdict(apply, from, index, now_s, out);
	if (out->verdict != MW_VERDICT_PASS || out->since_s == 0)
		return out->verdict != MW_VERDICT_PASS;
	/* A PASS that a person has set says something where another verdict would count. */
	if (mw_customer_at(from, index, &customer))
		return mw_core_class(apply->core, customer.class_name)->verdict != MW_VERDICT_PASS;
	return mw_own_line_at(from, index, &line);
}

void mw_publish_verdict(struct mw_apply *apply, struct mw_cases_txn *from, struct mw_policy_txn *to,
	uint32_t customer_index, uint64_t now_s)
{
	struct mw_verdict_record rec, before;

	if (!mw_publish_wanted(apply, from, customer_index, now_s, &rec)) {
		mw_policy_clear_verdict(to, customer_index);
		return;
	}
	if (mw_policy_get_verdict(to, customer_index, &before) && before.verdict == rec.verdict &&
		before.since_s == rec.since_s && before.expires_s == rec.expires_s &&
		strcmp(before.reason, rec.reason) == 0 && strcmp(before.by, rec.by) == 0 &&
		strcmp(before.ticket, rec.ticket) == 0 && strcmp(before.reply, rec.reply) == 0)
		return;
	mw_policy_put_verdict(to, &rec);
}

void mw_publish_settings(
	struct mw_apply *apply, struct mw_cases_txn *from, struct mw_policy_txn *to)
{
	struct mw_policy_settings rec;
	uint64_t generation = mw_meta_get(from, "ruleset_generation");

	memset(&rec, 0, sizeof(rec));
	mw_settings_to_policy(apply->core->settings, &rec);
	rec.ruleset_generation = generation;
	rec.ruleset_path[0] = '\0';
	if (generation != 0)
		mw_apply_ruleset_path(
			apply, generation, rec.ruleset_path, sizeof(rec.ruleset_path));
	/* Octets that are there already are no change. They are not read: those of an older build
	 * are none to this one, and are replaced. */
	mw_policy_put_settings(to, &rec);
}

/* One batch of changes. `revision`: the last one published by it. */
static int publish_batch(
	struct mw_apply *apply, uint64_t now_s, uint64_t *revision, uint32_t *count)
{
	struct mw_cases_txn from = mw_cases_read(apply->core->cases);
	struct mw_walk walk = mw_walk_from(&from, MW_TABLE_CHANGES, mw_span_of("", 0));
	uint64_t cursor = mw_meta_get(&from, "events_cursor");
	struct mw_policy_txn to;
	struct mw_change change;
	int rc;

	*count = 0;
	apply->touched_count = 0;
	rc = mw_policy_begin_write(apply->policy, &to);
	while (rc == 0 && *count < MW_APPLY_BATCH_MAX && mw_change_next(&walk, &change)) {
		switch (change.kind) {
		case MW_CHANGE_CUSTOMER:
			mw_publish_customer(apply, &from, &to, change.customer_index);
			/* Of another class now, a PASS may begin or cease to say something. */
			mw_publish_verdict(apply, &from, &to, change.customer_index, now_s);
			break;
		case MW_CHANGE_LINE:
			mw_publish_line(&from, &to, &change.line, now_s);
			break;
		case MW_CHANGE_VERDICT:
			mw_publish_verdict(apply, &from, &to, change.customer_index, now_s);
			apply->touched[apply->touched_count++] = change.customer_index;
			break;
		case MW_CHANGE_SETTINGS:
			mw_publish_settings(apply, &from, &to);
			break;
		}
		*revision = change.revision;
		(*count)++;
	}
	mw_walk_end(&walk);
	if (rc == 0)
		mw_policy_set_cursor(&to, cursor);
	if (rc == 0 && from.base.error != 0)
		rc = from.base.error;
	mw_cases_abort(&from);
	if (rc != 0) {
		mw_policy_end(&to);
		return rc;
	}
	mw_cases_step(apply->core->cases, "policy-before-commit");
	rc = mw_policy_commit(&to);
	if (rc == 0) {
		apply->policy_generation = to.generation;
		apply->published_cursor = cursor;
		mw_cases_step(apply->core->cases, "policy-after-commit");
	}
	return rc;
}

/* Takes what was published off the list and tells the tickets that waited for it. */
static int finish_batch(struct mw_apply *apply, uint64_t now_s, uint64_t revision, uint32_t count)
{
	struct mw_cases_txn txn = mw_cases_write(apply->core->cases);

	mw_change_trim(&txn, revision, count);
	for (uint32_t i = 0; i < apply->touched_count; i++)
		mw_core_effective(apply->core, &txn, apply->touched[i], now_s);
	return mw_cases_commit(&txn);
}

bool mw_apply_pending(struct mw_apply *apply)
{
	struct mw_cases_txn txn = mw_cases_read(apply->core->cases);
	bool pending = mw_cases_count(&txn, MW_TABLE_CHANGES) > 0 ||
		       mw_meta_get(&txn, "events_cursor") != apply->published_cursor;

	mw_cases_abort(&txn);
	return pending;
}

uint64_t mw_apply_changes(struct mw_apply *apply)
{
	struct mw_cases_txn txn = mw_cases_read(apply->core->cases);
	uint64_t changes = mw_cases_count(&txn, MW_TABLE_CHANGES);

	mw_cases_abort(&txn);
	return changes;
}

int mw_apply_publish(struct mw_apply *apply, uint64_t now_s)
{
	uint64_t revision = 0;
	uint32_t count = 0;
	int rc = 0;

	/* A ticket told that its verdict is in force may ask for another one: hence the loop. */
	while (rc == 0 && mw_apply_pending(apply)) {
		rc = publish_batch(apply, now_s, &revision, &count);
		if (rc == 0 && count > 0) {
			rc = finish_batch(apply, now_s, revision, count);
			if (rc == 0)
				apply->published_revision = revision;
		}
	}
	return rc;
}
