#include "dataplane/replay/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void on_settings(void *ctx, const struct mw_policy_settings *rec)
{
	((struct mw_replay_policy *)ctx)->settings = *rec;
}

static void on_customer(void *ctx, const struct mw_customer_record *rec)
{
	struct mw_replay_policy *p = ctx;

	p->customers[p->customer_count++] = *rec;
}

static void on_line(void *ctx, const struct mw_line_record *rec)
{
	struct mw_replay_policy *p = ctx;

	p->lines[p->line_count++] = *rec;
}

static int read_all(struct mw_replay_policy *p, struct mw_policy_txn *txn)
{
	const struct mw_policy_sink sink = {
		.ctx = p,
		.settings = on_settings,
		.customer = on_customer,
		.line = on_line,
	};

	p->customers = calloc(mw_policy_customer_count(txn) + 1u, sizeof(*p->customers));
	p->lines = calloc(mw_policy_line_count(txn) + 1u, sizeof(*p->lines));
	if (p->customers == NULL || p->lines == NULL)
		return -ENOMEM;
	return mw_policy_walk(
		txn, MW_POLICY_SETTINGS | MW_POLICY_CUSTOMERS | MW_POLICY_LINES, &sink);
}

static int build(struct mw_replay_policy *p)
{
	const struct mw_snapshot_input in = {
		.settings = &p->settings,
		.customers = p->customers,
		.customer_count = p->customer_count,
		.lines = p->lines,
		.line_count = p->line_count,
	};
	size_t size = (mw_snapshot_bytes(&in) + 63) & ~(size_t)63;

	p->memory = aligned_alloc(64, size);
	return p->memory == NULL ? -ENOMEM : mw_snapshot_build(&in, p->memory, size, &p->snapshot);
}

int mw_replay_policy_load(
	struct mw_replay_policy *p, const char *state_dir, char *error, size_t error_size)
{
	struct mw_env env;
	struct mw_policy policy;
	struct mw_policy_txn txn;
	int rc;

	memset(p, 0, sizeof(*p));
	mw_policy_settings_default(&p->settings);
	rc = mw_env_open(&env, state_dir, MW_POLICY_ENV, MW_ENV_READER, 0, 0, error, error_size);
	if (rc != 0)
		return rc;
	rc = mw_policy_open(&policy, &env);
	if (rc == 0)
		rc = mw_policy_begin_read(&policy, &txn);
	if (rc == 0) {
		rc = read_all(p, &txn);
		mw_policy_end(&txn);
	}
	if (rc == 0)
		rc = build(p);
	if (rc != 0)
		snprintf(error, error_size, "the customers in %s cannot be read: %s", state_dir,
			strerror(-rc));
	mw_env_close(&env);
	return rc;
}

void mw_replay_policy_free(struct mw_replay_policy *p)
{
	free(p->customers);
	free(p->lines);
	free(p->memory);
}
