/* The environment and its transactions: see cases.h. */
#include "controlplane/store/cases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const tables[MW_TABLE_COUNT] = {
	[MW_TABLE_META] = "meta",
	[MW_TABLE_CUSTOMERS] = "customers",
	[MW_TABLE_CUSTOMER_INDEX] = "customer_index",
	[MW_TABLE_LINES] = "lines",
	[MW_TABLE_CUSTOMER_LINES] = "customer_lines",
	[MW_TABLE_CONTACTS] = "contacts",
	[MW_TABLE_TICKETS] = "tickets",
	[MW_TABLE_OPEN_TICKETS] = "open_tickets",
	[MW_TABLE_TASKS] = "tasks",
	[MW_TABLE_OPEN_TASKS] = "open_tasks",
	[MW_TABLE_TIMERS] = "timers",
	[MW_TABLE_TIMER_OF] = "timer_of",
	[MW_TABLE_OUTBOX] = "outbox",
	[MW_TABLE_OUTBOX_DUE] = "outbox_due",
	[MW_TABLE_DETECTOR] = "detector",
	[MW_TABLE_EVIDENCE] = "evidence",
	[MW_TABLE_HISTORY] = "history",
	[MW_TABLE_AUDIT] = "audit",
	[MW_TABLE_VERDICTS] = "verdicts",
	[MW_TABLE_CHANGES] = "changes",
	[MW_TABLE_ALARMS] = "alarms",
	[MW_TABLE_OWN_LINES] = "own_lines",
	[MW_TABLE_OWN_LINE_INDEX] = "own_line_index",
	[MW_TABLE_DIVERTED] = "diverted",
};

int mw_cases_open(struct mw_cases *cases, const char *state_dir, uint64_t map_bytes, char *error,
	size_t error_size)
{
	struct mw_txn txn;
	int rc;

	memset(cases, 0, sizeof(*cases));
	rc = mw_env_open(
		&cases->env, state_dir, "cases", MW_ENV_WRITER, map_bytes, 0, error, error_size);
	if (rc != 0)
		return rc;
	mw_txn_begin(&txn, &cases->env, true);
	for (size_t i = 0; i < MW_TABLE_COUNT; i++)
		cases->table[i] = mw_txn_table(&txn, tables[i], 0);
	rc = mw_txn_commit(&txn);
	if (rc != 0) {
		snprintf(error, error_size, "the tables of %s cannot be opened: %s",
			cases->env.path, strerror(-rc));
		mw_env_close(&cases->env);
	}
	return rc;
}

void mw_cases_close(struct mw_cases *cases)
{
	mw_env_close(&cases->env);
}

void mw_cases_step(const struct mw_cases *cases, const char *name)
{
	if (cases->step != NULL)
		cases->step(cases->step_ctx, name);
}

struct mw_cases_txn mw_cases_read(struct mw_cases *cases)
{
	struct mw_cases_txn txn = {.cases = cases};

	mw_txn_begin(&txn.base, &cases->env, false);
	return txn;
}

struct mw_cases_txn mw_cases_write(struct mw_cases *cases)
{
	struct mw_cases_txn txn = {.cases = cases};

	mw_txn_begin(&txn.base, &cases->env, true);
	return txn;
}

int mw_cases_commit(struct mw_cases_txn *txn)
{
	int rc;

	if (txn->base.error == 0)
		mw_cases_step(txn->cases, "cases-before-commit");
	rc = mw_txn_commit(&txn->base);
	if (rc == 0)
		mw_cases_step(txn->cases, "cases-after-commit");
	return rc;
}

void mw_cases_abort(struct mw_cases_txn *txn)
{
	mw_txn_abort(&txn->base);
}

void mw_cases_fail(struct mw_cases_txn *txn, int error)
{
	if (error != 0)
		mw_txn_fail(&txn->base, error);
}

bool mw_cases_get(
	struct mw_cases_txn *txn, enum mw_table table, struct mw_span key, struct mw_span *value)
{
	*value = mw_span_of("", 0);
	return mw_txn_get(&txn->base, txn->cases->table[table], key, value);
}

void mw_cases_put(
	struct mw_cases_txn *txn, enum mw_table table, struct mw_span key, struct mw_span value)
{
	if (value.len > MW_CASES_RECORD_MAX)
		mw_cases_fail(txn, -E2BIG);
	mw_txn_put(&txn->base, txn->cases->table[table], key, value, 0);
}

void mw_cases_del(struct mw_cases_txn *txn, enum mw_table table, struct mw_span key)
{
	mw_txn_del(&txn->base, txn->cases->table[table], key);
}

uint64_t mw_cases_count(struct mw_cases_txn *txn, enum mw_table table)
{
	return mw_txn_count(&txn->base, txn->cases->table[table]);
}
