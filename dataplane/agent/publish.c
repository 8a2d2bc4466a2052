/* The quick half: verdicts and settings, and the swap of snapshots. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/time.h"
#include "dataplane/agent/publish_internal.h"

uint64_t mw_publish_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MW_NS_PER_S + (uint64_t)now.tv_nsec;
}

void mw_publish_sleep_us(uint32_t us)
{
	struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	nanosleep(&t, NULL);
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

int mw_publish_new(
	struct mw_publish **out, struct mw_policy *policy, const struct mw_publish_config *config)
{
	size_t size = (sizeof(struct mw_publish) + 63) & ~(size_t)63;
	struct mw_publish *pub;

	if (config->lanes == 0 || config->lanes > MW_PUBLISH_LANES_MAX)
		return -EINVAL;
	pub = aligned_alloc(64, size);
	if (pub == NULL)
		return -ENOMEM;
	memset(pub, 0, size);
	pub->policy = policy;
	pub->config = *config;
	if (pub->config.poll_us == 0)
		pub->config.poll_us = 1000;
	if (pub->config.tables_interval_ms == 0)
		pub->config.tables_interval_ms = 1000;
	if (pub->config.slow_lane_ms == 0)
		pub->config.slow_lane_ms = 1000;
	pub->retired_end = &pub->retired;
	pthread_mutex_init(&pub->rules_lock, NULL);
	for (uint16_t i = 0; i < MW_PUBLISH_LANES_MAX; i++) {
		atomic_init(&pub->lane[i].seen, MW_LANE_OFFLINE);
		atomic_init(&pub->lane[i].rules_oldest, MW_LANE_OFFLINE);
	}
	*out = pub;
	return 0;
}

/* --- reading the policy into a draft --------------------------------------------------------- */

static void on_settings(void *ctx, const struct mw_policy_settings *rec)
{
	struct mw_draft *draft = ctx;

	draft->settings = *rec;
}

static void on_verdict(void *ctx, const struct mw_verdict_record *rec)
{
	mw_draft_verdict(ctx, rec);
}

static void on_verdict_gone(void *ctx, uint32_t index)
{
	mw_draft_verdict_gone(ctx, index);
}

enum { QUICK_PARTS = MW_POLICY_SETTINGS | MW_POLICY_VERDICTS };

/* What is newer than `since`; behind the log's trim: everything. */
static int read_changes(struct mw_publish *pub, struct mw_policy_txn *t, uint64_t since,
	struct mw_draft *draft, unsigned *parts)
{
	struct mw_policy_sink sink = {.ctx = draft,
		.settings = on_settings,
		.verdict = on_verdict,
		.verdict_gone = on_verdict_gone};
	int err = mw_policy_changes(t, since, QUICK_PARTS, &sink, parts);

	if (err != -ESTALE)
		return err;
	count(&pub->stats.full_loads, 1);
	*parts = QUICK_PARTS | MW_POLICY_CUSTOMERS | MW_POLICY_LINES;
	mw_draft_clear(draft);
	mw_policy_settings_default(&draft->settings);
	return mw_policy_walk(t, QUICK_PARTS, &sink);
}

static void want_rules(struct mw_publish *pub, const struct mw_policy_settings *settings)
{
	pthread_mutex_lock(&pub->rules_lock);
	snprintf(pub->rules_wanted_path, sizeof(pub->rules_wanted_path), "%s",
		settings->ruleset_path);
	pub->rules_wanted_generation = settings->ruleset_generation;
	pthread_mutex_unlock(&pub->rules_lock);
}

/* --- swapping and freeing -------------------------------------------------------------------- */

static uint64_t oldest_seen(const struct mw_publish *pub, uint16_t *lane)
{
	uint64_t oldest = MW_LANE_OFFLINE;

	for (uint16_t i = 0; i < pub->config.lanes; i++) {
		uint64_t seen = atomic_load_explicit(&pub->lane[i].seen, memory_order_seq_cst);

		if (seen < oldest) {
			oldest = seen;
			*lane = i;
		}
	}
	return oldest;
}

/* A version goes when every lane has been seen with a newer one. */
static void reclaim(struct mw_publish *pub, uint64_t now_ns)
{
	uint16_t lane = 0;
	uint64_t oldest = oldest_seen(pub, &lane);
	uint64_t slow_ns = pub->config.slow_lane_ms * MW_NS_PER_MS;

	while (pub->retired != NULL && pub->retired->snap.serial < oldest) {
		struct mw_version *old = pub->retired;

		pub->retired = old->next;
		if (pub->retired == NULL)
			pub->retired_end = &pub->retired;
		pub->retired_count--;
		mw_version_free(old);
	}
	atomic_store_explicit(&pub->stats.retired, pub->retired_count, memory_order_relaxed);
	if (pub->retired == NULL || now_ns - pub->retired->retired_ns < slow_ns ||
		now_ns - pub->said_slow_ns < slow_ns)
		return;
	pub->said_slow_ns = now_ns;
	count(&pub->stats.slow_lane, 1);
	atomic_store_explicit(&pub->stats.slow_lane_index, lane, memory_order_relaxed);
	mw_log(MW_LOG_WARNING,
		"lane %u has not taken a new policy for %llu ms; it still acts on an old one "
		"(%llu snapshots wait for it)",
		lane, (unsigned long long)((now_ns - pub->retired->retired_ns) / MW_NS_PER_MS),
		(unsigned long long)pub->retired_count);
}

static void swap(
	struct mw_publish *pub, struct mw_version *before, struct mw_version *next, uint64_t now_ns)
{
	next->snap.serial = ++pub->serial;
	/* Sequentially consistent, as is the lane's way online: either we see that lane, or it sees
	 * this version. */
	atomic_store_explicit(&pub->current, next, memory_order_seq_cst);
	if (before != NULL) {
		before->retired_ns = now_ns;
		before->next = NULL;
		*pub->retired_end = before;
		pub->retired_end = &before->next;
		pub->retired_count++;
	}
	count(&pub->stats.snapshots, 1);
	atomic_store_explicit(&pub->stats.generation, next->snap.generation, memory_order_relaxed);
}

/* --- the publish thread's turn --------------------------------------------------------------- */

static void say_error(struct mw_publish *pub, uint64_t now_ns, int err)
{
	count(&pub->stats.read_errors, 1);
	if (pub->said_error_ns != 0 && now_ns - pub->said_error_ns < MW_NS_PER_S)
		return;
	pub->said_error_ns = now_ns;
	mw_log(MW_LOG_ERROR, "the policy cannot be read (%s); the last snapshot stays in force",
		strerror(-err));
}

/* Reads into the draft. 1: something of ours changed; 0: not; negative: error. */
static int read_policy(struct mw_publish *pub, const struct mw_version *before,
	struct mw_draft *draft, uint64_t *generation, uint64_t *txn)
{
	struct mw_policy_txn t;
	unsigned parts = 0;
	int err = mw_policy_begin_read(pub->policy, &t);

	if (err != 0)
		return err;
	/* Not the number that was polled: LMDB shows a commit there a moment before a reader gets
	 * it, and a change that was polled but not read would be missed. */
	*txn = mdb_txn_id(t.txn.txn);
	*generation = t.generation;
	atomic_store_explicit(
		&pub->stats.events_cursor, mw_policy_cursor(&t), memory_order_relaxed);
	err = t.txn.error;
	if (err == 0 && t.generation != before->snap.generation)
		err = read_changes(pub, &t, before->snap.generation, draft, &parts);
	mw_policy_end(&t);
	if (err == 0 && draft->failed)
		err = -ENOMEM;
	if (err != 0)
		return err;
	if ((parts & (MW_POLICY_CUSTOMERS | MW_POLICY_LINES)) != 0)
		atomic_fetch_add_explicit(&pub->tables_wanted, 1, memory_order_release);
	/* A generation that brought only lines waits for the tables: no snapshot for it alone, but
	 * the next read must not go over the same changes again. */
	return t.generation != before->snap.generation;
}

int mw_publish_turn(struct mw_publish *pub, uint64_t now_ns)
{
	struct mw_version *before = atomic_load_explicit(&pub->current, memory_order_relaxed);
	uint64_t txn = mw_env_last_txn(pub->policy->env);
	uint64_t generation = before->snap.generation;
	struct mw_tables *ready;
	struct mw_version *next;
	struct mw_draft draft;
	int err = 0;

	reclaim(pub, now_ns);
	if (pub->retired_count >= MW_PUBLISH_RETIRED_MAX) {
		if (txn != pub->txn_seen)
			count(&pub->stats.blocked, 1);
		return 0;
	}
	if (txn == pub->txn_seen &&
		atomic_load_explicit(&pub->tables_ready, memory_order_relaxed) == NULL)
		return 0;
	mw_draft_begin(&draft, before);
	if (txn != pub->txn_seen)
		err = read_policy(pub, before, &draft, &generation, &txn);
	if (err < 0 && err != -ENOMEM)
		pub->txn_seen = txn; /* the same octets would fail the same way */
	if (err < 0) {
		mw_draft_give_up(&draft);
		say_error(pub, now_ns, err);
		return err;
	}
	ready = atomic_exchange_explicit(&pub->tables_ready, NULL, memory_order_acq_rel);
	if (err == 0 && ready == NULL) {
		pub->txn_seen = txn; /* a cursor, or nothing of ours */
		mw_draft_give_up(&draft);
		return 0;
	}
	count(&pub->stats.verdicts, draft.verdicts);
	next = mw_draft_finish(&draft, before, ready == NULL ? before->tables : ready);
	if (next == NULL) {
		/* Nothing was taken: the tables go back, and the next turn reads again. */
		if (ready != NULL) {
			mw_tables_free(ready);
			atomic_fetch_add_explicit(&pub->tables_wanted, 1, memory_order_release);
		}
		say_error(pub, now_ns, -ENOMEM);
		return -ENOMEM;
	}
	pub->txn_seen = txn;
	next->snap.generation = generation;
	want_rules(pub, &next->snap.settings);
	swap(pub, before, next, now_ns);
	reclaim(pub, now_ns);
	return 1;
}

int mw_publish_load_first(struct mw_publish *pub, char *error, size_t error_size)
{
	struct mw_policy_sink sink;
	struct mw_tables *tables = NULL;
	struct mw_version *first = NULL;
	struct mw_policy_txn t;
	struct mw_draft draft;
	int err;

	mw_draft_begin(&draft, NULL);
	sink = (struct mw_policy_sink){
		.ctx = &draft, .settings = on_settings, .verdict = on_verdict};
	err = mw_policy_begin_read(pub->policy, &t);
	if (err == 0)
		pub->txn_seen = mdb_txn_id(t.txn.txn);
	if (err == 0)
		err = mw_policy_walk(&t, QUICK_PARTS, &sink);
	atomic_store(&pub->stats.events_cursor, mw_policy_cursor(&t));
	if (err == 0)
		err = t.txn.error;
	mw_policy_end(&t);
	if (err == 0 && draft.failed)
		err = -ENOMEM;
	if (err == 0)
		err = mw_tables_build(pub->policy, &tables);
	if (err == 0)
		first = mw_draft_finish(&draft, NULL, tables);
	else
		mw_draft_give_up(&draft);
	if (err == 0 && first == NULL)
		err = -ENOMEM;
	if (err != 0) {
		mw_tables_free(tables);
		snprintf(error, error_size, "cannot read the policy in %s: %s",
			pub->policy->env->path, strerror(-err));
		return err;
	}
	first->snap.generation = t.generation;
	swap(pub, NULL, first, mw_publish_clock_ns());
	want_rules(pub, &first->snap.settings);
	mw_publish_follow_rules(pub);
	return 0;
}

void *mw_publish_thread(void *arg)
{
	struct mw_publish *pub = arg;

	while (!atomic_load_explicit(&pub->stop, memory_order_relaxed)) {
		mw_publish_turn(pub, mw_publish_clock_ns());
		mw_publish_sleep_us(pub->config.poll_us);
	}
	return NULL;
}

void mw_publish_stop(struct mw_publish *pub)
{
	atomic_store_explicit(&pub->stop, true, memory_order_relaxed);
}

/* The page and reply lists tell only what was replaced; what is current is found by walking. */
static void free_current(struct mw_version *version)
{
	for (uint32_t i = 0; i < version->snap.page_count; i++) {
		union {
			const void *in;
			void *out;
		} page = {.in = version->verdict_page[i]};
		const struct mw_verdict_page *entries = version->verdict_page[i];

		for (uint32_t k = 0; entries != NULL && k < MW_PAGE_CUSTOMERS; k++) {
			union {
				const void *in;
				void *out;
			} reply = {.in = entries->entry[k].reply};

			if (entries->entry[k].reply[0] != 0)
				free(reply.out);
		}
		free(page.out);
	}
	mw_tables_free(version->tables);
	mw_version_free(version);
}

void mw_publish_free(struct mw_publish *pub)
{
	struct mw_version *current = atomic_load(&pub->current);
	struct mw_rules_version *rules = atomic_load(&pub->rules_current);

	while (pub->retired != NULL) {
		struct mw_version *old = pub->retired;

		pub->retired = old->next;
		mw_version_free(old);
	}
	if (current != NULL)
		free_current(current);
	mw_tables_free(atomic_load(&pub->tables_ready));
	if (rules != NULL) {
		rules->next = pub->rules_retired;
		pub->rules_retired = rules;
	}
	mw_publish_reclaim_rules(pub, true);
	pthread_mutex_destroy(&pub->rules_lock);
	free(pub);
}

const struct mw_publish_stats *mw_publish_stats(const struct mw_publish *pub)
{
	return &pub->stats;
}
