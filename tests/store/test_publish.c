/* The publisher by turns, on virtual time: what lanes see, what is freed when, and rulesets. */
#include "tests/store/support.h"

#include "common/base/log.h"
#include "dataplane/agent/publish.h"

static char error[256];

#define MS UINT64_C(1000000)

struct fixture {
	struct scratch dir;
	struct mw_env env;
	struct mw_policy policy;
	struct mw_publish *pub;
	uint64_t now;
	/* the fake loader */
	char loaded[64];
	char unloaded[64];
	bool refuse;
};

/* A ruleset is its generation, on the heap, so that a wrong free shows. */
static int fake_load(
	void *ctx, const char *path, uint64_t generation, void **rules, char *err, size_t err_size)
{
	struct fixture *f = ctx;
	uint64_t *r;

	if (f->refuse) {
		snprintf(err, err_size, "line 3: no such rule");
		return -EINVAL;
	}
	r = malloc(sizeof(*r));
	*r = generation;
	*rules = r;
	snprintf(f->loaded, sizeof(f->loaded), "%s:%llu", path, (unsigned long long)generation);
	return 0;
}

static void fake_unload(void *ctx, void *rules)
{
	struct fixture *f = ctx;
	size_t len = strlen(f->unloaded);

	snprintf(f->unloaded + len, sizeof(f->unloaded) - len, "%llu;",
		(unsigned long long)*(uint64_t *)rules);
	free(rules);
}

static void begin(struct fixture *f, struct mw_policy_txn *t)
{
	assert_int_equal(mw_policy_begin_write(&f->policy, t), 0);
}

static void put_customer(struct mw_policy_txn *t, const char *id, const char *prefix)
{
	struct mw_customer_record rec = {.inspection = MW_INSPECTION_CONTENT};
	struct mw_line_record line = {0};

	snprintf(rec.id, sizeof(rec.id), "%s", id);
	mw_policy_put_customer(t, &rec);
	line.customer_index = rec.index;
	assert_int_equal(mw_prefix_parse(prefix, &line.key.prefix), 0);
	mw_policy_put_line(t, &line);
}

static uint64_t put_verdict(
	struct mw_policy_txn *t, uint32_t index, enum mw_verdict v, const char *reply)
{
	struct mw_verdict_record rec = {.customer_index = index, .verdict = v};

	snprintf(rec.reply, sizeof(rec.reply), "%s", reply);
	return mw_policy_put_verdict(t, &rec);
}

static void set_verdict(struct fixture *f, uint32_t index, enum mw_verdict v, const char *reply)
{
	struct mw_policy_txn t;

	begin(f, &t);
	put_verdict(&t, index, v, reply);
	assert_int_equal(mw_policy_commit(&t), 0);
}

static void set_rules(struct fixture *f, const char *path, uint64_t generation)
{
	struct mw_policy_settings s;
	struct mw_policy_txn t;

	mw_policy_settings_default(&s);
	snprintf(s.ruleset_path, sizeof(s.ruleset_path), "%s", path);
	s.ruleset_generation = generation;
	begin(f, &t);
	mw_policy_put_settings(&t, &s);
	assert_int_equal(mw_policy_commit(&t), 0);
}

static void setup(struct fixture *f, uint16_t lanes)
{
	struct mw_publish_config config = {
		.lanes = lanes, .rules = {.ctx = f, .load = fake_load, .unload = fake_unload}};
	struct mw_policy_txn t;

	memset(f, 0, sizeof(*f));
	f->now = 1000 * MS;
	scratch_make(&f->dir);
	assert_int_equal(mw_env_open(&f->env, f->dir.path, MW_POLICY_ENV, MW_ENV_WRITER, 64 << 20,
				 MDB_NOSYNC, error, sizeof(error)),
		0);
	assert_int_equal(mw_policy_open(&f->policy, &f->env), 0);
	begin(f, &t);
	put_customer(&t, "A", "10.0.0.0/24");
	put_customer(&t, "B", "10.0.1.0/24");
	put_verdict(&t, 1, MW_VERDICT_REJECT, "B is disabled");
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(mw_publish_new(&f->pub, &f->policy, &config), 0);
	assert_null(mw_publish_snapshot(f->pub, 0));
	assert_int_equal(mw_publish_load_first(f->pub, error, sizeof(error)), 0);
	for (uint16_t i = 0; i < lanes; i++)
		mw_publish_lane_online(f->pub, i);
}

static void teardown(struct fixture *f)
{
	mw_publish_free(f->pub);
	mw_env_close(&f->env);
	scratch_remove(&f->dir);
}

static int turn(struct fixture *f, uint64_t ms)
{
	f->now += ms * MS;
	return mw_publish_turn(f->pub, f->now);
}

static uint64_t stat_of(const _Atomic uint64_t *v)
{
	return atomic_load(v);
}

static uint32_t customer_at(const struct mw_snapshot *snap, const char *address)
{
	struct mw_ip ip;

	assert_int_equal(mw_ip_parse(address, &ip), 0);
	return mw_snapshot_customer(snap, &ip, 0, 0);
}

static void test_follows(void **state)
{
	struct fixture f;
	const struct mw_snapshot *s;
	const struct mw_snapshot *s2;
	struct mw_policy_txn t;

	setup(&f, 2);
	s = mw_publish_snapshot(f.pub, 0);
	assert_int_equal(customer_at(s, "10.0.1.9"), 1);
	assert_int_equal(mw_snapshot_verdict(s, 1)->verdict, MW_VERDICT_REJECT);
	assert_string_equal(mw_snapshot_verdict(s, 1)->reply, "B is disabled");
	assert_true(mw_snapshot_smtp_port(s, 25));
	assert_int_equal(turn(&f, 1), 0); /* nothing new */

	set_verdict(&f, 0, MW_VERDICT_RESET, "");
	assert_int_equal(turn(&f, 1), 1);
	s2 = mw_publish_snapshot(f.pub, 0);
	assert_int_equal(mw_snapshot_verdict(s2, 0)->verdict, MW_VERDICT_RESET);
	/* lane 1 still looks at the old one: unchanged and alive */
	assert_int_equal(mw_snapshot_verdict(s, 0)->verdict, MW_VERDICT_PASS);
	assert_string_equal(mw_snapshot_verdict(s, 1)->reply, "B is disabled");
	assert_int_equal(stat_of(&mw_publish_stats(f.pub)->retired), 1);
	mw_publish_snapshot(f.pub, 1);
	turn(&f, 1);
	assert_int_equal(stat_of(&mw_publish_stats(f.pub)->retired), 0);

	begin(&f, &t);
	assert_true(mw_policy_clear_verdict(&t, 1));
	mw_policy_set_cursor(&t, 55);
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(turn(&f, 1), 1);
	s = mw_publish_snapshot(f.pub, 0);
	assert_int_equal(mw_snapshot_verdict(s, 1)->verdict, MW_VERDICT_PASS);
	assert_int_equal(stat_of(&mw_publish_stats(f.pub)->events_cursor), 55);
	/* the cursor alone is no new snapshot */
	begin(&f, &t);
	mw_policy_set_cursor(&t, 56);
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(turn(&f, 1), 0);
	assert_int_equal(stat_of(&mw_publish_stats(f.pub)->events_cursor), 56);
	teardown(&f);
}

static void test_tables(void **state)
{
	struct fixture f;
	struct mw_policy_txn t;
	struct mw_line_record line = {0};

	setup(&f, 1);
	assert_int_equal(mw_publish_tables_turn(f.pub, f.now), 0);
	begin(&f, &t);
	put_customer(&t, "C", "10.0.2.0/24");
	put_verdict(&t, 2, MW_VERDICT_REJECT, "C");
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(turn(&f, 1), 1);
	/* the verdict is there at once, the line follows */
	assert_int_equal(
		mw_snapshot_verdict(mw_publish_snapshot(f.pub, 0), 2)->verdict, MW_VERDICT_REJECT);
	assert_int_equal(customer_at(mw_publish_snapshot(f.pub, 0), "10.0.2.1"), MW_NO_CUSTOMER);
	assert_int_equal(mw_publish_tables_turn(f.pub, f.now), 1);
	assert_int_equal(mw_publish_tables_turn(f.pub, f.now), 0);
	assert_int_equal(turn(&f, 1), 1);
	assert_int_equal(customer_at(mw_publish_snapshot(f.pub, 0), "10.0.2.1"), 2);
	assert_int_equal(
		mw_snapshot_verdict(mw_publish_snapshot(f.pub, 0), 2)->verdict, MW_VERDICT_REJECT);
	assert_true(mw_snapshot_customer_entry(mw_publish_snapshot(f.pub, 0), 2)->known);

	/* a line goes: at most one rebuild a second */
	assert_int_equal(mw_prefix_parse("10.0.2.0/24", &line.key.prefix), 0);
	begin(&f, &t);
	assert_true(mw_policy_del_line(&t, &line.key));
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(turn(&f, 1), 1);
	assert_int_equal(mw_publish_tables_turn(f.pub, f.now), 0); /* too soon */
	f.now += 1000 * MS;
	assert_int_equal(mw_publish_tables_turn(f.pub, f.now), 1);
	assert_int_equal(turn(&f, 1), 1);
	assert_int_equal(customer_at(mw_publish_snapshot(f.pub, 0), "10.0.2.1"), MW_NO_CUSTOMER);
	teardown(&f);
}

/* A lane that stands still pins a bounded number of snapshots, is named, and loses nothing. */
static void test_slow_lane(void **state)
{
	struct fixture f;
	const struct mw_publish_stats *stats;
	const struct mw_snapshot *held;
	char reply[32];

	setup(&f, 3);
	stats = mw_publish_stats(f.pub);
	for (uint16_t i = 0; i < 3; i++)
		mw_publish_snapshot(f.pub, i);
	held = mw_publish_snapshot(f.pub, 1);
	for (int i = 0; i < MW_PUBLISH_RETIRED_MAX + 50; i++) {
		snprintf(reply, sizeof(reply), "round %d", i);
		set_verdict(&f, 0, MW_VERDICT_REJECT, reply);
		turn(&f, 10);
		mw_publish_snapshot(f.pub, 0);
		mw_publish_snapshot(f.pub, 2);
	}
	assert_int_equal(stat_of(&stats->retired), MW_PUBLISH_RETIRED_MAX);
	assert_int_equal(stat_of(&stats->blocked), 50);
	assert_true(stat_of(&stats->slow_lane) >= 1);
	assert_int_equal(atomic_load(&stats->slow_lane_index), 1);
	assert_int_equal(mw_snapshot_verdict(held, 0)->verdict, MW_VERDICT_PASS);
	mw_publish_snapshot(f.pub, 1); /* moves on */
	assert_int_equal(turn(&f, 1), 1);
	assert_string_equal(mw_snapshot_verdict(mw_publish_snapshot(f.pub, 1), 0)->reply, reply);
	mw_publish_snapshot(f.pub, 0);
	mw_publish_lane_offline(f.pub, 2); /* ended: holds nothing up */
	turn(&f, 1);
	assert_int_equal(stat_of(&stats->retired), 0);
	teardown(&f);
}

/* Behind the trim of the log everything is loaded anew. */
static void test_full_load(void **state)
{
	struct fixture f;
	struct mw_policy_txn t;
	const struct mw_snapshot *s;

	setup(&f, 1);
	begin(&f, &t);
	for (int i = 0; i < 9000; i++) {
		char id[32];
		char prefix[32];

		snprintf(id, sizeof(id), "n%d", i);
		snprintf(prefix, sizeof(prefix), "10.%d.%d.0/24", 1 + i / 250, i % 250);
		put_customer(&t, id, prefix);
	}
	assert_true(mw_policy_clear_verdict(&t, 1));
	put_verdict(&t, 8000, MW_VERDICT_DIVERT, "eight thousand");
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(turn(&f, 1), 1);
	s = mw_publish_snapshot(f.pub, 0);
	assert_int_equal(stat_of(&mw_publish_stats(f.pub)->full_loads), 1);
	assert_int_equal(mw_snapshot_verdict(s, 1)->verdict, MW_VERDICT_PASS);
	assert_int_equal(mw_snapshot_verdict(s, 8000)->verdict, MW_VERDICT_DIVERT);
	assert_int_equal(mw_publish_tables_turn(f.pub, f.now), 1);
	assert_int_equal(turn(&f, 1), 1);
	s = mw_publish_snapshot(f.pub, 0);
	assert_int_equal(customer_at(s, "10.1.0.1"), 2);
	assert_string_equal(mw_snapshot_verdict(s, 8000)->reply, "eight thousand");
	teardown(&f);
}

static void test_rules(void **state)
{
	struct fixture f;
	uint64_t serial;
	uint64_t generation;

	setup(&f, 2);
	assert_null(mw_publish_rules(f.pub, &serial, &generation));
	set_rules(&f, "/rules/1", 1);
	turn(&f, 1);
	mw_publish_tables_turn(f.pub, f.now);
	assert_string_equal(f.loaded, "/rules/1:1");
	assert_int_equal(*(uint64_t *)mw_publish_rules(f.pub, &serial, &generation), 1);
	assert_int_equal(serial, 1);
	mw_publish_rules_oldest(f.pub, 0, 1);
	mw_publish_rules_oldest(f.pub, 1, 1);

	/* a bad ruleset: the old one stays, and it is tried once */
	f.refuse = true;
	set_rules(&f, "/rules/2", 2);
	turn(&f, 1);
	mw_publish_tables_turn(f.pub, f.now);
	mw_publish_tables_turn(f.pub, f.now);
	assert_int_equal(stat_of(&mw_publish_stats(f.pub)->rules_failed), 1);
	assert_int_equal(*(uint64_t *)mw_publish_rules(f.pub, &serial, &generation), 1);

	/* a good one: the old one is freed when the last message has let go of it */
	f.refuse = false;
	set_rules(&f, "/rules/2", 3);
	turn(&f, 1);
	mw_publish_tables_turn(f.pub, f.now);
	assert_int_equal(*(uint64_t *)mw_publish_rules(f.pub, &serial, &generation), 3);
	assert_int_equal(generation, 3);
	mw_publish_rules_oldest(f.pub, 0, serial);
	mw_publish_tables_turn(f.pub, f.now);
	assert_string_equal(f.unloaded, "");
	mw_publish_rules_oldest(f.pub, 1, serial);
	mw_publish_tables_turn(f.pub, f.now);
	assert_string_equal(f.unloaded, "1;");
	/* an empty path changes nothing */
	set_rules(&f, "", 0);
	turn(&f, 1);
	mw_publish_tables_turn(f.pub, f.now);
	assert_int_equal(*(uint64_t *)mw_publish_rules(f.pub, &serial, &generation), 3);
	mw_publish_free(f.pub);
	assert_string_equal(f.unloaded, "1;3;");
	mw_env_close(&f.env);
	scratch_remove(&f.dir);
}

/* Many random changes: at each step the snapshot says what the policy says. */
static void test_random_equals_policy(void **state)
{
	struct rng rng = rng_seeded("publish");
	struct fixture f;
	enum { N = 3 * MW_PAGE_CUSTOMERS };
	struct mw_policy_txn t;

	setup(&f, 1);
	begin(&f, &t);
	for (int i = 2; i < N; i++) {
		char id[32];
		char prefix[32];

		snprintf(id, sizeof(id), "n%d", i);
		snprintf(prefix, sizeof(prefix), "11.%d.%d.0/24", i / 256, i % 256);
		put_customer(&t, id, prefix);
	}
	assert_int_equal(mw_policy_commit(&t), 0);
	for (int round = 0; round < 400; round++) {
		const struct mw_snapshot *s;

		begin(&f, &t);
		for (uint32_t i = rng_below(&rng, 20); i > 0; i--) {
			uint32_t index = rng_below(&rng, N);
			char reply[32];

			snprintf(reply, sizeof(reply), "%u in round %d", index, round);
			if (rng_below(&rng, 3) == 0)
				mw_policy_clear_verdict(&t, index);
			else
				put_verdict(&t, index, (enum mw_verdict)rng_below(&rng, 6),
					rng_below(&rng, 4) == 0 ? "" : reply);
		}
		assert_int_equal(mw_policy_commit(&t), 0);
		if (rng_below(&rng, 3) == 0)
			continue; /* several transactions between two turns */
		assert_true(turn(&f, 1) >= 0);
		s = mw_publish_snapshot(f.pub, 0);
		assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
		assert_int_equal(s->generation, t.generation);
		for (int k = 0; k < 300; k++) {
			uint32_t index = rng_below(&rng, N);
			struct mw_verdict_record rec = {.verdict = MW_VERDICT_PASS};

			mw_policy_get_verdict(&t, index, &rec);
			assert_int_equal(mw_snapshot_verdict(s, index)->verdict, rec.verdict);
			assert_string_equal(mw_snapshot_verdict(s, index)->reply, rec.reply);
			assert_int_equal(mw_snapshot_verdict(s, index)->generation, rec.generation);
		}
		mw_policy_end(&t);
	}
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_slow_lane),
		cmocka_unit_test(test_full_load),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_random_equals_policy),
	};

	mw_log_set_level(MW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
