/*
 * Two processes as in the field: a control plane that commits verdicts, a dataplane with its
 * agent's threads and lanes that only poll. How long a verdict takes is measured and printed;
 * asserted is what must hold on any machine: each lane sees each verdict, in order, whole, and
 * nothing is freed early (ASan, TSan).
 */
#include "tests/store/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "common/base/log.h"
#include "dataplane/agent/agent.h"

#if defined(__has_feature) /* clang's way of saying it */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CUSTOMERS = 100000 };
#else
enum { CUSTOMERS = 1000000 };
#endif
enum { LANES = 2, CHANGES = 600, EVENTS = 20000 };

static char error[256];

/* Shared by the two processes. */
struct shared {
	_Atomic int stage; /* child: 1 policy written; parent: 2 go; child: 3 done */
	_Atomic uint64_t committed_ns[CHANGES];	  /* child writes, when the commit has returned */
	_Atomic uint64_t seen_ns[LANES][CHANGES]; /* each lane writes its own */
};

static struct shared *shared;

/* --- the control plane -------------------------------------------------------------------------
 */

static void fill_policy(struct mw_policy *policy)
{
	struct mw_policy_txn t;
	uint64_t start = clock_ns();

	if (mw_policy_begin_write(policy, &t) != 0)
		_exit(10);
	for (uint32_t i = 0; i < CUSTOMERS; i++) {
		struct mw_customer_record c = {.inspection = MW_INSPECTION_CONTENT};
		struct mw_line_record line = {.customer_index = i, .key.prefix.len = 128};
		uint8_t v4[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		snprintf(c.id, sizeof(c.id), "C%07u", i);
		mw_policy_put_customer(&t, &c);
		line.key.prefix.net = mw_ip_from_v4(v4);
		mw_policy_put_line(&t, &line);
	}
	if (mw_policy_commit(&t) != 0)
		_exit(11);
	print_message("# %d customers written in %.1f s\n", CUSTOMERS,
		(double)(clock_ns() - start) / 1e9);
}

static void move_a_line(struct mw_policy_txn *t, unsigned n)
{
	struct mw_line_record line = {.customer_index = n % CUSTOMERS, .key.prefix.len = 128};
	uint8_t v4[4] = {172, 16, (uint8_t)(n >> 8), (uint8_t)n};

	line.key.prefix.net = mw_ip_from_v4(v4);
	mw_policy_put_line(t, &line);
}

/* Change n: a verdict on some customer whose expiry says n, so that lanes can tell. */
static void change(struct mw_policy *policy, struct rng *rng, unsigned n)
{
	struct mw_verdict_record v = {.customer_index = n * 7919u % CUSTOMERS,
		.verdict = MW_VERDICT_REJECT,
		.expires_s = n + 1};
	struct mw_policy_txn t;

	snprintf(v.reply, sizeof(v.reply), "change %u", n);
	if (mw_policy_begin_write(policy, &t) != 0)
		_exit(12);
	mw_policy_put_verdict(&t, &v);
	if (n % 50 == 0)
		move_a_line(&t, n); /* a rebuild of the tables goes on beside it */
	if (mw_policy_commit(&t) != 0)
		_exit(13);
	atomic_store(&shared->committed_ns[n], clock_ns());
	usleep(500 + rng_below(rng, 4000));
}

static void control_plane(const char *dir)
{
	struct rng rng = {5};
	struct mw_env env;
	struct mw_policy policy;

	if (mw_env_open(&env, dir, MW_POLICY_ENV, MW_ENV_WRITER, UINT64_C(1) << 30, 0, error,
		    sizeof(error)) != 0 ||
		mw_policy_open(&policy, &env) != 0)
		_exit(9);
	fill_policy(&policy);
	atomic_store(&shared->stage, 1);
	while (atomic_load(&shared->stage) < 2)
		usleep(1000);
	for (unsigned n = 0; n < CHANGES; n++)
		change(&policy, &rng, n);
	atomic_store(&shared->stage, 3);
	mw_env_close(&env);
	_exit(0);
}

/* --- the dataplane -----------------------------------------------------------------------------
 */

struct lane {
	struct mw_agent *agent;
	uint16_t index;
	_Atomic bool *stop;
	uint32_t polls, next;
	bool disorder, torn;
};

/* Notes which changes this snapshot shows for the first time; each must be whole. */
static void look(struct lane *lane, const struct mw_snapshot *snap, uint64_t now)
{
	while (lane->next < CHANGES) {
		uint32_t n = lane->next;
		const struct mw_verdict_entry *v = mw_snapshot_verdict(snap, n * 7919u % CUSTOMERS);
		char reply[32];

		if (v->expires_s != n + 1)
			return;
		snprintf(reply, sizeof(reply), "change %u", n);
		if (strcmp(v->reply, reply) != 0 || v->verdict != MW_VERDICT_REJECT)
			lane->torn = true;
		atomic_store(&shared->seen_ns[lane->index][n], now);
		lane->next++;
	}
}

static void push_event(struct lane *lane, uint32_t n)
{
	struct mw_event_ring *ring = mw_agent_ring(lane->agent, lane->index);
	struct mw_event event = {.kind = MW_EVENT_HAM,
		.ham = {.time_us = n, .lane = lane->index, .customer_index = n}};
	uint8_t *room = mw_event_ring_reserve(ring);

	if (room != NULL)
		mw_event_ring_commit(ring, mw_event_encode(&event, room, MW_EVENT_RECORD_MAX));
}

static void *run_lane(void *arg)
{
	struct lane *lane = arg;
	struct mw_publish *pub = mw_agent_publish(lane->agent);
	uint64_t serial = 0;
	uint32_t events = 0;

	mw_publish_lane_online(pub, lane->index);
	while (!atomic_load(lane->stop)) {
		const struct mw_snapshot *snap = mw_publish_snapshot(pub, lane->index);

		if (snap->serial < serial)
			lane->disorder = true;
		serial = snap->serial;
		look(lane, snap, clock_ns());
		for (int i = 0; i < 8 && events < EVENTS; i++)
			push_event(lane, events++);
		lane->polls++;
		usleep(100);
	}
	while (events < EVENTS)
		push_event(lane, events++);
	mw_publish_lane_offline(pub, lane->index);
	return NULL;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(const struct mw_publish_stats *stats)
{
	static uint64_t took[LANES * CHANGES];
	size_t n = 0;

	for (unsigned lane = 0; lane < LANES; lane++)
		for (unsigned i = 0; i < CHANGES; i++) {
			uint64_t seen = atomic_load(&shared->seen_ns[lane][i]);
			uint64_t committed = atomic_load(&shared->committed_ns[i]);

			assert_true(seen > 0);
			took[n++] = seen > committed ? seen - committed : 0;
		}
	qsort(took, n, sizeof(*took), compare_u64);
	print_message("# verdict, commit to lane: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
		(double)took[n / 2] / 1e6, (double)took[n * 99 / 100] / 1e6,
		(double)took[n - 1] / 1e6);
	print_message("# %llu snapshots, %llu rebuilds of the tables, the last in %.0f ms\n",
		(unsigned long long)atomic_load(&stats->snapshots),
		(unsigned long long)atomic_load(&stats->tables_built),
		(double)atomic_load(&stats->tables_ns_last) / 1e6);
}

struct counted {
	uint32_t next[LANES];
	bool disorder;
};

static int count_event(void *ctx, uint64_t seq, const struct mw_event *e, struct mw_span record)
{
	struct counted *c = ctx;

	if (e->ham.customer_index != c->next[e->ham.lane]++)
		c->disorder = true;
	return 0;
}

/* As the control plane would: every event of every lane is there. */
static void check_events(const char *dir)
{
	struct mw_env env;
	struct mw_events events;
	struct mw_events_batch b;
	struct counted counted = {0};

	assert_int_equal(
		mw_env_open(&env, dir, MW_EVENTS_ENV, MW_ENV_READER, 0, 0, error, sizeof(error)),
		0);
	assert_int_equal(mw_events_open(&events, &env), 0);
	assert_int_equal(mw_events_read(&events, 0, UINT32_MAX, count_event, &counted, &b), 0);
	assert_int_equal(b.missing, 0);
	assert_int_equal(b.count, LANES * EVENTS);
	assert_false(counted.disorder);
	mw_env_close(&env);
}

static struct mw_agent *start_agent(const char *dir)
{
	struct mw_agent_config config = {.state_dir = dir, .publish = {.lanes = LANES}};
	struct mw_agent *agent;
	struct rusage before;
	struct rusage after;
	uint64_t start = clock_ns();

	getrusage(RUSAGE_SELF, &before);
	assert_int_equal(mw_agent_load_first(&agent, &config, error, sizeof(error)), 0);
	getrusage(RUSAGE_SELF, &after);
	print_message(
		"# %d customers loaded in %.2f s; peak memory grew by %.0f MB (with the map)\n",
		CUSTOMERS, (double)(clock_ns() - start) / 1e9,
		(double)(after.ru_maxrss - before.ru_maxrss) / 1024);
	assert_int_equal(mw_agent_start(agent), 0);
	return agent;
}

static void test_live(void **state)
{
	struct scratch dir;
	struct mw_agent_config config = {.publish = {.lanes = LANES}};
	struct mw_agent *agent;
	struct lane lane[LANES];
	pthread_t thread[LANES];
	_Atomic bool stop = false;
	uint64_t deadline;
	pid_t pid;

	scratch_make(&dir);
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(shared != MAP_FAILED);
	config.state_dir = dir.path;
	assert_int_equal(mw_agent_load_first(&agent, &config, error, sizeof(error)), -ENOENT);
	pid = fork();
	if (pid == 0)
		control_plane(dir.path);
	while (atomic_load(&shared->stage) < 1) {
		assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
		usleep(10000);
	}
	agent = start_agent(dir.path);
	for (uint16_t i = 0; i < LANES; i++) {
		lane[i] = (struct lane){.agent = agent, .index = i, .stop = &stop};
		assert_int_equal(pthread_create(&thread[i], NULL, run_lane, &lane[i]), 0);
	}
	atomic_store(&shared->stage, 2);
	assert_int_equal(child_wait(pid), 0);
	deadline = clock_ns() + 5000000000u; /* far beyond what it takes */
	while (clock_ns() < deadline && (atomic_load(&shared->seen_ns[0][CHANGES - 1]) == 0 ||
						atomic_load(&shared->seen_ns[1][CHANGES - 1]) == 0))
		usleep(1000);
	atomic_store(&stop, true);
	for (uint16_t i = 0; i < LANES; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(lane[i].next, CHANGES);
		assert_false(lane[i].disorder);
		assert_false(lane[i].torn);
	}
	report(mw_publish_stats(mw_agent_publish(agent)));
	mw_agent_stop(agent);
	check_events(dir.path);
	munmap(shared, sizeof(*shared));
	scratch_remove(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live),
	};

	mw_log_set_level(MW_LOG_WARNING);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
