/* The slow half: customers and prefixes from the policy, rulesets from files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/time.h"
#include "dataplane/agent/publish_internal.h"

void mw_tables_free(struct mw_tables *tables)
{
	if (tables == NULL)
		return;
	for (uint32_t i = 0; tables->page != NULL && i < tables->page_count; i++)
		free(tables->page[i]);
	free(tables->page);
	free(tables->prefix_memory);
	free(tables);
}

struct building {
	struct mw_tables *tables;
	struct mw_line_record *line;
	uint32_t lines, lines_max;
	int error;
};

static void add_customer(void *ctx, const struct mw_customer_record *rec)
{
	struct building *b = ctx;
	struct mw_customer_page **page;

	if (b->error != 0)
		return;
	if (rec->index >= b->tables->customer_count) {
		b->error = -EBADMSG;
		return;
	}
	page = &b->tables->page[rec->index / MW_PAGE_CUSTOMERS];
	if (*page == NULL)
		*page = calloc(1, sizeof(**page)); /* all zero: nobody known */
	if (*page == NULL)
		b->error = -ENOMEM;
	else
		mw_customer_entry_set(&(*page)->entry[rec->index % MW_PAGE_CUSTOMERS], rec);
}

static void add_line(void *ctx, const struct mw_line_record *rec)
{
	struct building *b = ctx;

	if (b->error == 0 &&
		(b->lines == b->lines_max || rec->customer_index >= b->tables->customer_count))
		b->error = -EBADMSG;
	if (b->error == 0)
		b->line[b->lines++] = *rec;
}

static int build_prefixes(struct building *b)
{
	size_t size = (mw_prefix_table_bytes(b->lines) + 63) & ~(size_t)63;

	b->tables->prefix_memory = aligned_alloc(64, size);
	if (b->tables->prefix_memory == NULL)
		return -ENOMEM;
	return mw_prefix_table_build(
		&b->tables->prefixes, b->tables->prefix_memory, size, b->line, b->lines);
}

static int read_all(struct mw_policy_txn *t, struct building *b)
{
	struct mw_policy_sink sink = {.ctx = b, .customer = add_customer, .line = add_line};
	uint64_t lines = mw_policy_line_count(t);
	int err;

	b->tables->generation = t->generation;
	b->tables->customer_count = mw_policy_customer_count(t);
	b->tables->page_count =
		(uint32_t)(((uint64_t)b->tables->customer_count + MW_PAGE_CUSTOMERS - 1) /
			   MW_PAGE_CUSTOMERS);
	if (lines > UINT32_MAX / 4)
		return -EOVERFLOW;
	b->lines_max = (uint32_t)lines;
	b->line = calloc(lines + 1, sizeof(*b->line));
	b->tables->page = calloc(b->tables->page_count + 1u, sizeof(struct mw_customer_page *));
	if (b->line == NULL || b->tables->page == NULL)
		return -ENOMEM;
	err = mw_policy_walk(t, MW_POLICY_CUSTOMERS | MW_POLICY_LINES, &sink);
	return err != 0 ? err : b->error;
}

int mw_tables_build(struct mw_policy *policy, struct mw_tables **out)
{
	struct building b = {.tables = calloc(1, sizeof(*b.tables))};
	struct mw_policy_txn t;
	int err;

	if (b.tables == NULL)
		return -ENOMEM;
	err = mw_policy_begin_read(policy, &t);
	if (err == 0)
		err = read_all(&t, &b);
	mw_policy_end(&t);
	if (err == 0)
		err = build_prefixes(&b);
	free(b.line);
	if (err != 0) {
		mw_tables_free(b.tables);
		return err;
	}
	*out = b.tables;
	return 0;
}

/* The oldest ruleset any lane may use. */
static uint64_t rules_oldest(struct mw_publish *pub)
{
	uint64_t oldest = UINT64_MAX;

	for (uint16_t i = 0; i < pub->config.lanes; i++) {
		uint64_t used =
			atomic_load_explicit(&pub->lane[i].rules_oldest, memory_order_seq_cst);

		if (used < oldest)
			oldest = used;
	}
	return oldest;
}

void mw_publish_reclaim_rules(struct mw_publish *pub, bool all)
{
	uint64_t oldest = all ? UINT64_MAX : rules_oldest(pub);
	struct mw_rules_version **at = &pub->rules_retired;

	while (*at != NULL) {
		struct mw_rules_version *old = *at;

		if (old->serial >= oldest) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		pub->config.rules.unload(pub->config.rules.ctx, old->rules);
		free(old);
	}
}

static void swap_rules(struct mw_publish *pub, struct mw_rules_version *next)
{
	struct mw_rules_version *old =
		atomic_load_explicit(&pub->rules_current, memory_order_relaxed);

	atomic_store_explicit(&pub->rules_current, next, memory_order_seq_cst);
	if (old != NULL) {
		old->next = pub->rules_retired;
		pub->rules_retired = old;
	}
}

static void load_rules(struct mw_publish *pub, const char *path, uint64_t generation)
{
	struct mw_rules_version *next = calloc(1, sizeof(*next));
	char error[256] = "";
	int err = next == NULL ? -ENOMEM
			       : pub->config.rules.load(pub->config.rules.ctx, path, generation,
					 &next->rules, error, sizeof(error));

	if (err != 0) {
		free(next);
		atomic_fetch_add_explicit(&pub->stats.rules_failed, 1, memory_order_relaxed);
		mw_log(MW_LOG_ERROR, "ruleset %s (generation %llu) not loaded: %s; %s", path,
			(unsigned long long)generation, error[0] != 0 ? error : strerror(-err),
			atomic_load(&pub->rules_current) != NULL ? "the old one stays"
								 : "there is none in force");
		return;
	}
	next->serial = ++pub->rules_serial;
	next->generation = generation;
	swap_rules(pub, next);
	atomic_fetch_add_explicit(&pub->stats.rules_loaded, 1, memory_order_relaxed);
	atomic_store_explicit(&pub->stats.rules_generation, generation, memory_order_relaxed);
	mw_log(MW_LOG_NOTICE, "ruleset %s (generation %llu) is in force", path,
		(unsigned long long)generation);
}

void mw_publish_follow_rules(struct mw_publish *pub)
{
	char path[sizeof(pub->rules_wanted_path)];
	uint64_t generation;

	if (pub->config.rules.load == NULL)
		return;
	pthread_mutex_lock(&pub->rules_lock);
	memcpy(path, pub->rules_wanted_path, sizeof(path));
	generation = pub->rules_wanted_generation;
	pthread_mutex_unlock(&pub->rules_lock);
	if (path[0] == 0)
		return;
	if (strcmp(path, pub->rules_tried_path) == 0 && generation == pub->rules_tried_generation)
		return;
	snprintf(pub->rules_tried_path, sizeof(pub->rules_tried_path), "%s", path);
	pub->rules_tried_generation = generation;
	load_rules(pub, path, generation);
}

static int rebuild_tables(struct mw_publish *pub)
{
	struct mw_tables *tables;
	int err = mw_tables_build(pub->policy, &tables);

	if (err != 0)
		return err;
	/* One that was not taken yet is overtaken. */
	mw_tables_free(atomic_exchange_explicit(&pub->tables_ready, tables, memory_order_acq_rel));
	return 0;
}

int mw_publish_tables_turn(struct mw_publish *pub, uint64_t now_ns)
{
	uint64_t wanted = atomic_load_explicit(&pub->tables_wanted, memory_order_acquire);
	uint64_t interval = pub->config.tables_interval_ms * MW_NS_PER_MS;
	uint64_t start;
	uint64_t took;
	int err;

	mw_publish_follow_rules(pub);
	mw_publish_reclaim_rules(pub, false);
	if (wanted == pub->tables_served || now_ns < pub->tables_next_ns)
		return 0;
	start = mw_publish_clock_ns();
	err = rebuild_tables(pub);
	took = mw_publish_clock_ns() - start;
	/* At most once an interval, and at most a fifth of the time. */
	pub->tables_next_ns = now_ns + (5 * took > interval ? 5 * took : interval);
	atomic_store_explicit(&pub->stats.tables_ns_last, took, memory_order_relaxed);
	if (err != 0) {
		atomic_fetch_add_explicit(&pub->stats.tables_failed, 1, memory_order_relaxed);
		mw_log(MW_LOG_ERROR,
			"customers and prefixes cannot be read from the policy (%s); "
			"those of before stay in force",
			strerror(-err));
		return err;
	}
	pub->tables_served = wanted;
	atomic_fetch_add_explicit(&pub->stats.tables_built, 1, memory_order_relaxed);
	return 1;
}

void *mw_publish_tables_thread(void *arg)
{
	struct mw_publish *pub = arg;

	/* Where the threads share a core, a rebuild must not take the publisher's turn. No right is
	 * needed to become less important; should it fail, all is as it was. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 10);
	while (!atomic_load_explicit(&pub->stop, memory_order_relaxed)) {
		mw_publish_tables_turn(pub, mw_publish_clock_ns());
		mw_publish_sleep_us(5000);
	}
	return NULL;
}
