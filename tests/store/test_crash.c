/*
 * kill -9 at random instants, over and over: nothing acknowledged is lost from `policy`, no
 * transaction is seen in part, `events` go on in a new epoch. MW_CRASH_ROUNDS for more of them.
 */
#include "tests/store/support.h"

#include <signal.h>

#include "common/store/events.h"
#include "common/store/policy.h"

static char error[256];

static unsigned rounds(void)
{
	const char *text = getenv("MW_CRASH_ROUNDS");

	return text == NULL ? 200 : (unsigned)strtoul(text, NULL, 10);
}

/* --- policy ----------------------------------------------------------------------------------- */

enum { VERDICTS = 3 };

static int open_policy(const char *dir, struct mw_env *env, struct mw_policy *policy)
{
	int err = mw_env_open(
		env, dir, MW_POLICY_ENV, MW_ENV_WRITER, 16 << 20, 0, error, sizeof(error));

	return err != 0 ? err : mw_policy_open(policy, env);
}

/* Transaction n: everything it writes says n. */
static int policy_write(struct mw_policy *policy, uint64_t *acked)
{
	struct mw_policy_settings settings = {0};
	struct mw_customer_record customer = {.inspection = MW_INSPECTION_CONTENT};
	struct mw_policy_txn t;
	uint64_t n;
	int err;

	mw_policy_begin_write(policy, &t);
	n = mw_policy_cursor(&t) + 1;
	snprintf(customer.id, sizeof(customer.id), "customer %llu", (unsigned long long)n);
	mw_policy_put_customer(&t, &customer);
	for (uint32_t i = 0; i < VERDICTS && i < t.customers; i++) {
		struct mw_verdict_record v = {.customer_index = i, .verdict = MW_VERDICT_REJECT};

		v.since_s = n;
		mw_policy_put_verdict(&t, &v);
	}
	settings.ruleset_generation = n;
	mw_policy_put_settings(&t, &settings);
	mw_policy_set_cursor(&t, n);
	err = mw_policy_commit(&t);
	if (err == 0)
		*acked = n;
	return err;
}

static void policy_child(const char *dir, int ack)
{
	struct mw_env env;
	struct mw_policy policy;
	uint64_t n = 0;

	if (open_policy(dir, &env, &policy) != 0)
		_exit(1);
	while (policy_write(&policy, &n) == 0)
		if (write(ack, &n, sizeof(n)) != sizeof(n))
			_exit(2);
	_exit(3);
}

static uint64_t policy_check(const char *dir, uint64_t acked)
{
	struct mw_env env;
	struct mw_policy policy;
	struct mw_policy_settings settings;
	struct mw_policy_txn t;
	uint64_t n;

	assert_int_equal(open_policy(dir, &env, &policy), 0);
	assert_int_equal(mw_policy_begin_read(&policy, &t), 0);
	n = mw_policy_cursor(&t);
	assert_true(n == acked || n == acked + 1); /* committed, and killed before the answer */
	assert_int_equal(mw_policy_customer_count(&t), n);
	for (uint32_t i = 0; i < VERDICTS && i < n; i++) {
		struct mw_verdict_record v;

		assert_true(mw_policy_get_verdict(&t, i, &v));
		assert_int_equal(v.since_s, n);
	}
	if (n > 0) {
		assert_true(mw_policy_get_settings(&t, &settings));
		assert_int_equal(settings.ruleset_generation, n);
	}
	assert_int_equal(mw_txn_count(&t.txn, policy.change), t.generation - t.changes_floor);
	assert_int_equal(t.txn.error, 0);
	mw_policy_end(&t);
	mw_env_close(&env);
	return n;
}

/* Lets the child live for a random while, kills it, and returns the last number it acknowledged. */
static uint64_t kill_soon(struct rng *rng, pid_t pid, int ack, uint64_t acked)
{
	uint64_t n;
	int code;

	usleep(rng_below(rng, 25000));
	kill(pid, SIGKILL);
	code = child_wait(pid);
	assert_int_equal(code, 256 + SIGKILL); /* else it ended by itself: a failure in the child */
	while (read(ack, &n, sizeof(n)) == (ssize_t)sizeof(n))
		acked = n;
	return acked;
}

static void test_policy(void **state)
{
	struct rng rng = rng_seeded("crash of the control plane");
	struct scratch dir;
	uint64_t n = 0;

	scratch_make(&dir);
	for (unsigned round = 0; round < rounds(); round++) {
		int ack[2];
		pid_t pid;

		assert_int_equal(pipe(ack), 0);
		pid = fork();
		if (pid == 0) {
			close(ack[0]);
			policy_child(dir.path, ack[1]);
		}
		close(ack[1]);
		n = policy_check(dir.path, kill_soon(&rng, pid, ack[0], n));
		close(ack[0]);
	}
	print_message("%u kills, %llu transactions, all there\n", rounds(), (unsigned long long)n);
	assert_true(n > rounds() / 4);
	scratch_remove(&dir);
}

/* --- events ----------------------------------------------------------------------------------- */

enum { BATCH_MAX = 20 };

struct found {
	uint32_t first, last, count;
	bool holes;
};

static int find(void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record)
{
	struct found *f = ctx;
	uint32_t n = event->ham.customer_index;

	if (f->count == 0)
		f->first = n;
	else if (n != f->last + 1)
		f->holes = true;
	f->last = n;
	f->count++;
	return 0;
}

static int open_events(const char *dir, struct mw_env *env, struct mw_events *events)
{
	int err = mw_env_open(env, dir, MW_EVENTS_ENV, MW_ENV_WRITER, 16 << 20, MDB_NOMETASYNC,
		error, sizeof(error));

	return err != 0 ? err : mw_events_open(events, env);
}

/* Appends numbered events in batches; trims now and then; says what was written. */
static void events_child(const char *dir, int ack, uint64_t seed, uint32_t from)
{
	struct rng rng = {seed};
	struct mw_env env;
	struct mw_events events;
	uint32_t next = from;

	if (open_events(dir, &env, &events) != 0)
		_exit(1);
	for (;;) {
		uint8_t buf[BATCH_MAX][64];
		struct mw_span batch[BATCH_MAX];
		uint32_t count = 1 + rng_below(&rng, BATCH_MAX);
		uint64_t last;

		for (uint32_t i = 0; i < count; i++) {
			struct mw_event e = {
				.kind = MW_EVENT_HAM, .ham = {.customer_index = next + i}};

			batch[i] = mw_span_of(buf[i], mw_event_encode(&e, buf[i], 64));
		}
		if (mw_events_append(&events, batch, count, 0) != 0)
			_exit(2);
		next += count;
		last = next - 1;
		if (write(ack, &last, sizeof(last)) != sizeof(last))
			_exit(3);
		if (rng_below(&rng, 8) == 0 && events.next_seq % 4 == 0 &&
			mw_events_trim(&events, events.next_seq - 200) < 0)
			_exit(4);
	}
}

static void test_events(void **state)
{
	struct rng rng = rng_seeded("crash of the dataplane");
	struct scratch dir;
	uint32_t next = 1;
	uint64_t epoch = 0;
	uint64_t acked = 0;

	scratch_make(&dir);
	for (unsigned round = 0; round < rounds(); round++) {
		struct mw_env env;
		struct mw_events events;
		struct mw_events_batch b;
		struct found found = {0};
		int ack[2];
		pid_t pid;

		assert_int_equal(pipe(ack), 0);
		pid = fork();
		if (pid == 0) {
			close(ack[0]);
			events_child(dir.path, ack[1], round + 1, next);
		}
		close(ack[1]);
		acked = kill_soon(&rng, pid, ack[0], acked);
		close(ack[0]);
		assert_int_equal(open_events(dir.path, &env, &events), 0);
		assert_true(events.next_seq >> MW_EVENTS_COUNTER_BITS > epoch);
		epoch = events.next_seq >> MW_EVENTS_COUNTER_BITS;
		assert_int_equal(mw_events_read(&events, 0, UINT32_MAX, find, &found, &b), 0);
		assert_false(found.holes);
		assert_int_equal(b.unreadable, 0);
		assert_true(found.last >= acked && found.last <= acked + BATCH_MAX);
		next = found.last + 1;
		acked = found.last;
		mw_env_close(&env); /* not mw_events_close: as if this one had died, too */
	}
	print_message("%u kills, %u events, %llu epochs\n", rounds(), next - 1,
		(unsigned long long)epoch);
	assert_true(next > rounds());
	scratch_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
