/* From the rings to the events environment, by turns. */
#include "tests/store/support.h"

#include "common/base/log.h"
#include "dataplane/agent/export.h"

static char error[256];

enum { LANES = 3, RING = 64 << 10 };

struct fixture {
	struct scratch dir;
	struct mw_env env;
	struct mw_events events;
	struct mw_event_ring *ring[LANES];
	struct mw_export *export;
	_Atomic uint64_t cursor;
	uint64_t now;
};

static void open_export(struct fixture *f, uint64_t map_bytes)
{
	struct mw_export_config config = {
		.rings = f->ring, .ring_count = LANES, .cursor = &f->cursor};

	assert_int_equal(mw_env_open(&f->env, f->dir.path, MW_EVENTS_ENV, MW_ENV_WRITER, map_bytes,
				 MDB_NOSYNC, error, sizeof(error)),
		0);
	assert_int_equal(mw_events_open(&f->events, &f->env), 0);
	assert_int_equal(mw_export_new(&f->export, &f->events, &config), 0);
}

static void setup(struct fixture *f, uint64_t map_bytes)
{
	memset(f, 0, sizeof(*f));
	f->now = 1;
	scratch_make(&f->dir);
	for (int i = 0; i < LANES; i++) {
		f->ring[i] = mw_event_ring_init(aligned_alloc(64, mw_event_ring_bytes(RING)), RING);
		assert_non_null(f->ring[i]);
	}
	open_export(f, map_bytes);
}

static void teardown(struct fixture *f)
{
	mw_export_free(f->export);
	mw_env_close(&f->env);
	for (int i = 0; i < LANES; i++)
		free(f->ring[i]);
	scratch_remove(&f->dir);
}

static bool push(struct fixture *f, int lane, uint64_t time_us, uint32_t n)
{
	struct mw_event event = {.kind = MW_EVENT_HAM,
		.ham = {.time_us = time_us, .lane = (uint16_t)lane, .customer_index = n}};
	uint8_t buf[64];

	return mw_event_ring_push(
		f->ring[lane], mw_span_of(buf, mw_event_encode(&event, buf, sizeof(buf))));
}

static void push_session(struct fixture *f, int lane, uint64_t start_us, uint64_t end_us)
{
	struct mw_event event = {
		.kind = MW_EVENT_SESSION, .session = {.start_us = start_us, .end_us = end_us}};
	uint8_t buf[512];

	assert_true(mw_event_ring_push(
		f->ring[lane], mw_span_of(buf, mw_event_encode(&event, buf, sizeof(buf)))));
}

struct seen {
	uint64_t last_us;
	uint32_t count;
};

static int see_ordered(void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record)
{
	struct seen *s = ctx;
	uint64_t us = mw_event_peek_time_us(record);

	assert_int_equal(
		us, event->kind == MW_EVENT_HAM ? event->ham.time_us : event->session.end_us);
	assert_true(us >= s->last_us);
	s->last_us = us;
	s->count++;
	return 0;
}

static void test_merged_by_time(void **state)
{
	struct rng rng = rng_seeded("merge");
	struct fixture f;
	struct seen s = {0};
	struct mw_events_batch b;
	uint64_t us[LANES] = {0};

	setup(&f, 16 << 20);
	for (uint32_t i = 0; i < 1000; i++) {
		int lane = (int)rng_below(&rng, LANES);

		us[lane] += 1 + rng_below(&rng, 50);
		if (rng_below(&rng, 5) == 0)
			push_session(&f, lane, 0, us[lane]);
		else
			assert_true(push(&f, lane, us[lane], i));
	}
	assert_int_equal(mw_export_turn(f.export, f.now), 1000);
	assert_int_equal(mw_export_turn(f.export, f.now), 0);
	assert_int_equal(mw_events_read(&f.events, 0, 5000, see_ordered, &s, &b), 0);
	assert_int_equal(s.count, 1000);
	assert_int_equal(b.missing, 0);
	teardown(&f);
}

/* What a ring dropped is missing in the numbers, exactly. */
static void test_drops_are_gaps(void **state)
{
	struct fixture f;
	struct seen s = {0};
	struct mw_events_batch b;
	uint32_t pushed = 0;
	uint32_t dropped = 0;

	setup(&f, 16 << 20);
	push(&f, 0, 1, 0);
	mw_export_turn(f.export, f.now);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 4000; i++) {
			bool ok = push(&f, 0, 2 * round + 2, i);

			pushed += ok;
			dropped += !ok;
		}
		assert_int_equal(mw_export_turn(f.export, f.now), pushed);
		push(&f, 0, 2 * round + 3, 0); /* behind the gap */
		mw_export_turn(f.export, f.now);
		assert_int_equal(mw_events_read(&f.events, (UINT64_C(1) << 40) + 1, 100000,
					 see_ordered, &s, &b),
			0);
		assert_true(dropped > 0);
		assert_int_equal(b.missing, dropped);
		s.last_us = 0;
		pushed = 0;
	}
	assert_int_equal(f.events.loss.ring, dropped);
	teardown(&f);
}

static void test_trims_to_cursor(void **state)
{
	struct fixture f;
	struct seen s = {0};
	struct mw_events_batch b;

	setup(&f, 16 << 20);
	for (uint32_t i = 0; i < 300; i++)
		push(&f, 0, i, i);
	mw_export_turn(f.export, f.now);
	assert_int_equal(mw_events_read(&f.events, 0, 200, see_ordered, &s, &b), 0);
	atomic_store(&f.cursor, b.last_seq);
	mw_export_turn(f.export, f.now);
	assert_int_equal(mw_events_count(&f.events), 100);
	assert_int_equal(atomic_load(&mw_export_stats(f.export)->trimmed), 200);
	assert_int_equal(mw_events_read(&f.events, b.last_seq, 1000, see_ordered, &s, &b), 0);
	assert_int_equal(b.count, 100);
	assert_int_equal(b.missing, 0);
	teardown(&f);
}

/* The consumer is dead: the map fills to its limit, the rest is summed up; it comes back, all goes
 * on. */
static void test_consumer_dead_and_back(void **state)
{
	struct fixture f;
	struct seen s = {0};
	struct mw_events_batch b;
	uint64_t after = 0;
	uint64_t total = 0;
	uint32_t pushed = 0;

	setup(&f, 1 << 20);
	for (int round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 500; i++)
			pushed += push(&f, round % LANES, 1, i);
		assert_true(mw_export_turn(f.export, f.now) >= 0);
	}
	assert_true(f.events.full);
	assert_true(atomic_load(&mw_export_stats(f.export)->refused) > 10000);
	assert_int_equal(pushed, 50000);
	do {
		assert_int_equal(mw_events_read(&f.events, after, 1000, see_ordered, &s, &b), 0);
		after = b.last_seq;
		total += b.count;
		atomic_store(&f.cursor, after);
		mw_export_turn(f.export, f.now);
	} while (b.count > 0);
	assert_int_equal(total + atomic_load(&mw_export_stats(f.export)->refused), pushed);
	push(&f, 0, 5, 0);
	mw_export_turn(f.export, f.now);
	assert_false(f.events.full);
	assert_int_equal(mw_events_read(&f.events, after, 1000, see_ordered, &s, &b), 0);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.missing, pushed - total);
	teardown(&f);
}

static int count_seen(void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record)
{
	((struct seen *)ctx)->count++;
	return 0;
}

/* The first thing that is not as it must be, by number; 0: all is. */
static int on_a_small_disk(void)
{
	struct fixture f;
	struct seen s = {0};
	struct mw_events_batch b;
	uint64_t after = 0;
	uint32_t pushed = 0;
	int turn = 0;

	setup(&f, 64 << 20);
	for (uint32_t i = 0; i < 1000 && turn >= 0; i++) {
		for (uint32_t k = 0; k < 100; k++)
			pushed += push(&f, (int)(k % LANES), i, k);
		turn = mw_export_turn(f.export, f.now);
	}
	if (turn != -ENOSPC || f.events.full)
		return 1;
	for (uint32_t k = 0; k < 100; k++) /* they find room in the rings */
		pushed += push(&f, (int)(k % LANES), 2000, k);
	if (mw_export_turn(f.export, f.now) != -ENOSPC || !disk_grow("/tmp", "16m") ||
		mw_export_turn(f.export, f.now) < 0)
		return 2;
	do {
		if (mw_events_read(&f.events, after, 1000, count_seen, &s, &b) != 0 ||
			b.missing > 0)
			return 3;
		after = b.last_seq;
	} while (b.count > 0);
	teardown(&f);
	return s.count == pushed ? 0 : 4;
}

/* Events wait in the rings for a disk that is full, and none is lost that fits in there. */
static void test_disk_full(void **state)
{
	int code;
	pid_t pid = fork();

	if (pid == 0) {
		disk_make("/tmp", "1m");
		_exit(on_a_small_disk());
	}
	code = child_wait(pid);
	if (code == DISK_CANNOT)
		skip();
	assert_int_equal(code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merged_by_time),
		cmocka_unit_test(test_drops_are_gaps),
		cmocka_unit_test(test_trims_to_cursor),
		cmocka_unit_test(test_consumer_dead_and_back),
		cmocka_unit_test(test_disk_full),
	};

	mw_log_set_level(MW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
