/* The environment: one writer, dead and pinned readers, a full map, growth. */
#include "tests/store/support.h"

#include <signal.h>

#include "common/store/env.h"

static char error[256];

static void put_u64(struct mw_txn *t, MDB_dbi dbi, uint64_t k, size_t len)
{
	static uint8_t value[4096];
	struct mw_key64 key = mw_key64_of(k);

	assert_true(len <= sizeof(value));
	mw_txn_put(t, dbi, MW_KEY_SPAN(key), mw_span_of(value, len), 0);
}

static MDB_dbi open_table(struct mw_env *env)
{
	struct mw_txn t;
	MDB_dbi dbi;

	mw_txn_begin(&t, env, env->role == MW_ENV_WRITER);
	dbi = mw_txn_table(&t, "t", 0);
	assert_int_equal(mw_txn_commit(&t), 0);
	return dbi;
}

static void test_one_writer(void **state)
{
	struct scratch dir;
	struct mw_env a;
	struct mw_env b;
	int code;
	pid_t pid;

	scratch_make(&dir);
	assert_int_equal(
		mw_env_open(&b, dir.path, "e", MW_ENV_READER, 0, 0, error, sizeof(error)), -ENOENT);
	/* In the same process, and in another one. */
	pid = fork();
	if (pid == 0) {
		/* waits until the parent has it, then tries */
		for (int i = 0; i < 1000; i++) {
			code = mw_env_open(
				&b, dir.path, "e", MW_ENV_WRITER, 1 << 20, 0, error, sizeof(error));
			if (code != 0)
				break;
			mw_env_close(&b);
			usleep(5000);
		}
		_exit(code == -EBUSY ? 0 : 1);
	}
	while (mw_env_open(&a, dir.path, "e", MW_ENV_WRITER, 1 << 20, 0, error, sizeof(error)) != 0)
		usleep(1000);
	assert_int_equal(
		mw_env_open(&b, dir.path, "e", MW_ENV_WRITER, 1 << 20, 0, error, sizeof(error)),
		-EBUSY);
	assert_non_null(strstr(error, "another writing process"));
	assert_int_equal(child_wait(pid), 0);
	mw_env_close(&a);
	assert_int_equal(
		mw_env_open(&a, dir.path, "e", MW_ENV_WRITER, 1 << 20, 0, error, sizeof(error)), 0);
	mw_env_close(&a);
	scratch_remove(&dir);
}

static void test_sticky(void **state)
{
	struct scratch dir;
	struct mw_env env;
	struct mw_span value;
	struct mw_txn t;
	MDB_dbi dbi;

	scratch_make(&dir);
	assert_int_equal(
		mw_env_open(&env, dir.path, "e", MW_ENV_WRITER, 1 << 20, 0, error, sizeof(error)),
		0);
	dbi = open_table(&env);
	mw_txn_begin(&t, &env, true);
	mw_txn_put(&t, dbi, mw_span_str("a"), mw_span_str("1"), 0);
	mw_txn_put(&t, dbi, mw_span_str(""), mw_span_str("bad key"), 0);
	mw_txn_put(&t, dbi, mw_span_str("b"), mw_span_str("2"), 0);
	assert_int_equal(mw_txn_commit(&t), -EINVAL);
	mw_txn_begin(&t, &env, false);
	assert_false(mw_txn_get(&t, dbi, mw_span_str("a"), &value));
	assert_int_equal(t.error, 0); /* not there is no error */
	mw_txn_put(&t, dbi, mw_span_str("a"), mw_span_str("1"), 0);
	assert_int_equal(mw_txn_commit(&t), -EACCES);
	/* a transaction that never began: every call is harmless */
	t = (struct mw_txn){.env = &env};
	mw_txn_put(&t, dbi, mw_span_str("a"), mw_span_str("1"), 0);
	assert_false(mw_txn_get(&t, dbi, mw_span_str("a"), &value));
	assert_int_equal(mw_txn_commit(&t), -EINVAL);
	mw_env_close(&env);
	scratch_remove(&dir);
}

/* Inserts until the limit, or until the map itself refuses; returns the next key. */
static uint64_t fill_up(struct mw_env *env, MDB_dbi dbi, uint64_t n, bool to_the_brim)
{
	struct mw_txn t;

	while (to_the_brim || mw_env_may_insert(env)) {
		mw_txn_begin(&t, env, true);
		put_u64(&t, dbi, n, 1000);
		if (mw_txn_commit(&t) != 0) {
			assert_int_equal(t.error, -ENOSPC);
			assert_true(to_the_brim);
			break;
		}
		n++;
	}
	return n;
}

/* At the limit there is still room to delete; at the brim there is none, and only a larger map
 * helps. Nothing is damaged either way. */
static void test_full_and_back(void **state)
{
	struct scratch dir;
	struct mw_env env;
	struct mw_txn t;
	MDB_dbi dbi;
	uint64_t n;

	scratch_make(&dir);
	assert_int_equal(mw_env_open(&env, dir.path, "e", MW_ENV_WRITER, 1 << 20, MDB_NOSYNC, error,
				 sizeof(error)),
		0);
	dbi = open_table(&env);
	n = fill_up(&env, dbi, 0, false);
	assert_true(n > 400);
	assert_true(mw_env_fill(&env) >= MW_ENV_FILL_MAX);
	for (uint64_t i = 0; i < n; i++) {
		struct mw_key64 key = mw_key64_of(i);

		mw_txn_begin(&t, &env, true);
		assert_true(mw_txn_del(&t, dbi, MW_KEY_SPAN(key)));
		assert_int_equal(mw_txn_commit(&t), 0);
	}
	assert_true(mw_env_fill(&env) < 0.4);
	n = fill_up(&env, dbi, 0, true);
	mw_txn_begin(&t, &env, false);
	assert_int_equal(mw_txn_count(&t, dbi), n);
	mw_txn_abort(&t);
	assert_false(mw_env_may_insert(&env));
	mw_env_close(&env);
	/* growing by setting: the content stays, there is room again */
	assert_int_equal(mw_env_open(&env, dir.path, "e", MW_ENV_WRITER, 4 << 20, MDB_NOSYNC, error,
				 sizeof(error)),
		0);
	assert_int_equal(env.map_bytes, 4 << 20);
	assert_true(mw_env_may_insert(&env));
	dbi = open_table(&env);
	assert_true(fill_up(&env, dbi, n, false) > 2 * n);
	mw_env_close(&env);
	scratch_remove(&dir);
}

/* Puts records until one does not go in; the next key. Its error, 0 when `most` went in. */
static uint64_t put_until(struct mw_env *env, MDB_dbi dbi, uint64_t n, uint64_t most, int *err)
{
	struct mw_txn t;

	for (*err = 0; n < most; n++) {
		mw_txn_begin(&t, env, true);
		put_u64(&t, dbi, n, 1000);
		*err = mw_txn_commit(&t);
		if (*err != 0)
			break;
	}
	return n;
}

static bool holds(struct mw_env *env, MDB_dbi dbi, uint64_t count)
{
	struct mw_txn t;
	uint64_t n;

	mw_txn_begin(&t, env, false);
	n = mw_txn_count(&t, dbi);
	mw_txn_abort(&t);
	return n == count;
}

/* The first thing that is not as it must be, by number; 0: all is. */
static int on_a_small_disk(const char *path)
{
	struct mw_env env;
	uint64_t n;
	MDB_dbi dbi;
	int err;

	if (mw_env_open(&env, path, "e", MW_ENV_WRITER, 64 << 20, 0, error, sizeof(error)) != 0)
		return 1;
	dbi = open_table(&env);
	n = put_until(&env, dbi, 0, 100000, &err);
	if (err != -ENOSPC || n < 100)
		return 2;
	if (!mw_env_may_insert(&env)) /* it is the disk that is full, not the map */
		return 3;
	if (!holds(&env, dbi, n) || put_until(&env, dbi, n, n + 1, &err) != n || err != -ENOSPC)
		return 4;
	if (!disk_grow(path, "8m"))
		return 5;
	n = put_until(&env, dbi, n, n + 500, &err);
	if (err != 0 || !holds(&env, dbi, n))
		return 6;
	mw_env_close(&env);
	if (mw_env_open(&env, path, "e", MW_ENV_WRITER, 64 << 20, 0, error, sizeof(error)) != 0)
		return 7;
	dbi = open_table(&env);
	err = holds(&env, dbi, n) ? 0 : 8;
	mw_env_close(&env);
	return err;
}

/* Each commit that finds no room is refused whole, and when there is some again the same process
 * goes on. */
static void test_disk_full(void **state)
{
	struct scratch dir;
	int code;
	pid_t pid;

	scratch_make(&dir);
	pid = fork();
	if (pid == 0) {
		disk_make(dir.path, "1m");
		_exit(on_a_small_disk(dir.path));
	}
	code = child_wait(pid);
	scratch_remove(&dir);
	if (code == DISK_CANNOT)
		skip();
	assert_int_equal(code, 0);
}

/* Starts a reader that opens a transaction, says so, and sleeps until killed. */
static pid_t pinned_reader(const char *dir, int ready[2])
{
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct mw_env env;
		struct mw_txn t;

		if (mw_env_open(&env, dir, "e", MW_ENV_READER, 0, 0, error, sizeof(error)) != 0 ||
			mw_txn_begin(&t, &env, false) != 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	return pid;
}

static void test_pinned_reader(void **state)
{
	struct scratch dir;
	struct mw_env env;
	struct mw_txn t;
	MDB_dbi dbi;
	int ready[2];
	long who = 0;
	char c;
	pid_t pid;
	int err = 0;
	unsigned commits = 0;

	scratch_make(&dir);
	assert_int_equal(mw_env_open(&env, dir.path, "e", MW_ENV_WRITER, 1 << 20, MDB_NOSYNC, error,
				 sizeof(error)),
		0);
	dbi = open_table(&env);
	mw_txn_begin(&t, &env, true);
	put_u64(&t, dbi, 1, 1000);
	assert_int_equal(mw_txn_commit(&t), 0);
	pid = pinned_reader(dir.path, ready);
	assert_int_equal(read(ready[0], &c, 1), 1);
	/* overwriting one record for ever: only the pin makes the map fill up */
	while (mw_env_may_insert(&env) && commits < 100000) {
		mw_txn_begin(&t, &env, true);
		put_u64(&t, dbi, 1, 1000);
		err = mw_txn_commit(&t);
		assert_int_equal(err, 0);
		commits++;
	}
	assert_true(commits < 100000);
	assert_true(mw_env_oldest_reader(&env, &who) > 0);
	assert_int_equal(who, pid);
	assert_int_equal(mw_env_check_readers(&env), 0); /* alive: not to be cleared */
	kill(pid, SIGKILL);
	child_wait(pid);
	assert_int_equal(mw_env_check_readers(&env), 1);
	assert_true(mw_env_may_insert(&env));
	for (unsigned i = 0; i < 2 * commits; i++) {
		mw_txn_begin(&t, &env, true);
		put_u64(&t, dbi, 1, 1000);
		assert_int_equal(mw_txn_commit(&t), 0);
	}
	close(ready[0]);
	close(ready[1]);
	mw_env_close(&env);
	scratch_remove(&dir);
}

/* A reader that was there first follows the writer's larger map. */
static void test_reader_follows_growth(void **state)
{
	struct scratch dir;
	struct mw_env env;
	struct mw_txn t;
	MDB_dbi dbi;
	int to_child[2];
	int to_parent[2];
	char c;
	pid_t pid;

	scratch_make(&dir);
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_parent), 0);
	assert_int_equal(
		mw_env_open(&env, dir.path, "e", MW_ENV_WRITER, 256 << 10, 0, error, sizeof(error)),
		0);
	open_table(&env);
	mw_env_close(&env);
	pid = fork();
	if (pid == 0) {
		struct mw_span value;
		struct mw_key64 key = mw_key64_of(999);
		bool found;

		if (mw_env_open(&env, dir.path, "e", MW_ENV_READER, 0, 0, error, sizeof(error)) !=
			0)
			_exit(1);
		dbi = open_table(&env);
		if (write(to_parent[1], "r", 1) != 1 || read(to_child[0], &c, 1) != 1)
			_exit(2);
		if (mw_txn_begin(&t, &env, false) != 0)
			_exit(3);
		found = mw_txn_get(&t, dbi, MW_KEY_SPAN(key), &value);
		mw_txn_abort(&t);
		_exit(found && env.map_bytes == 8 << 20 ? 0 : 4);
	}
	assert_int_equal(read(to_parent[0], &c, 1), 1);
	assert_int_equal(
		mw_env_open(&env, dir.path, "e", MW_ENV_WRITER, 8 << 20, 0, error, sizeof(error)),
		0);
	dbi = open_table(&env);
	mw_txn_begin(&t, &env, true);
	for (uint64_t i = 0; i < 1000; i++)
		put_u64(&t, dbi, i, 1000);
	assert_int_equal(mw_txn_commit(&t), 0);
	assert_int_equal(write(to_child[1], "g", 1), 1);
	assert_int_equal(child_wait(pid), 0);
	mw_env_close(&env);
	scratch_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_writer),
		cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_full_and_back),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_pinned_reader),
		cmocka_unit_test(test_reader_follows_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
