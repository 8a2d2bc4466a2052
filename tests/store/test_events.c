/* The events environment: numbers, gaps, losses at the limit, trimming. */
#include "tests/store/support.h"

#include "common/store/events.h"

static char error[256];

struct fixture {
	struct scratch dir;
	struct mw_env env;
	struct mw_events events;
};

static void open_events(struct fixture *f)
{
	assert_int_equal(mw_env_open(&f->env, f->dir.path, MW_EVENTS_ENV, MW_ENV_WRITER, 1 << 20,
				 MDB_NOSYNC, error, sizeof(error)),
		0);
	assert_int_equal(mw_events_open(&f->events, &f->env), 0);
}

static void setup(struct fixture *f)
{
	scratch_make(&f->dir);
	open_events(f);
}

static void teardown(struct fixture *f)
{
	mw_env_close(&f->env);
	scratch_remove(&f->dir);
}

static struct mw_span ham(uint32_t n, uint8_t buf[64])
{
	struct mw_event event = {.kind = MW_EVENT_HAM, .ham = {.customer_index = n, .ham = 3}};

	return mw_span_of(buf, mw_event_encode(&event, buf, 64));
}

static void append_hams(struct fixture *f, uint32_t from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t buf[64];
		struct mw_span record = ham(from + i, buf);

		assert_int_equal(mw_events_append(&f->events, &record, 1, 0), 0);
	}
}

struct seen {
	uint64_t seq[64];
	uint32_t n[64];
	uint32_t count;
	uint32_t stop_at;
};

static int see(void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record)
{
	struct seen *s = ctx;

	assert_int_equal(event->kind, MW_EVENT_HAM);
	if (s->stop_at != 0 && s->count == s->stop_at)
		return 1;
	assert_true(s->count < 64);
	s->seq[s->count] = seq;
	s->n[s->count++] = event->ham.customer_index;
	return 0;
}

#define EPOCH(n) (UINT64_C(n) << MW_EVENTS_COUNTER_BITS)

static void test_in_order(void **state)
{
	struct fixture f;
	struct mw_events_batch b;
	struct seen s = {0};

	setup(&f);
	append_hams(&f, 0, 10);
	assert_int_equal(mw_events_read(&f.events, 0, 4, see, &s, &b), 0);
	assert_int_equal(b.count, 4);
	assert_int_equal(b.last_seq, EPOCH(1) + 4);
	assert_int_equal(b.missing, 0);
	assert_int_equal(mw_events_read(&f.events, b.last_seq, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 6);
	for (uint32_t i = 0; i < 10; i++) {
		assert_int_equal(s.n[i], i);
		assert_int_equal(s.seq[i], EPOCH(1) + i + 1);
	}
	assert_int_equal(mw_events_read(&f.events, b.last_seq, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 0);
	assert_int_equal(b.last_seq, EPOCH(1) + 10);
	/* the consumer may stop in the middle: that event comes again */
	s = (struct seen){.stop_at = 3};
	assert_int_equal(mw_events_read(&f.events, 0, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 3);
	assert_int_equal(b.last_seq, EPOCH(1) + 3);
	teardown(&f);
}

static void test_gaps(void **state)
{
	struct fixture f;
	struct mw_events_batch b;
	struct seen s = {0};
	uint8_t buf[64];
	struct mw_span record;

	setup(&f);
	append_hams(&f, 0, 2);
	record = ham(2, buf);
	assert_int_equal(mw_events_append(&f.events, &record, 1, 5), 0); /* five lost in a ring */
	assert_int_equal(mw_events_read(&f.events, 0, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 3);
	assert_int_equal(b.missing, 5);
	assert_int_equal(b.restarts, 0);
	assert_int_equal(f.events.loss.ring, 5);
	/* a clean end: the count goes on, no gap */
	assert_int_equal(mw_events_close(&f.events), 0);
	mw_env_close(&f.env);
	open_events(&f);
	append_hams(&f, 3, 1);
	assert_int_equal(mw_events_read(&f.events, b.last_seq, 100, see, &s, &b), 0);
	assert_int_equal(b.last_seq, EPOCH(1) + 9);
	assert_int_equal(b.missing + b.restarts, 0);
	/* no clean end: a new epoch */
	mw_env_close(&f.env);
	open_events(&f);
	append_hams(&f, 4, 1);
	assert_int_equal(mw_events_read(&f.events, b.last_seq, 100, see, &s, &b), 0);
	assert_int_equal(b.last_seq, EPOCH(2) + 1);
	assert_int_equal(b.restarts, 1);
	assert_int_equal(b.missing, 0);
	/* the environment was lost, the consumer's cursor was not */
	mw_env_close(&f.env);
	scratch_remove(&f.dir);
	setup(&f);
	assert_int_equal(mw_events_begin_after(&f.events, b.last_seq), 0);
	append_hams(&f, 5, 1);
	assert_int_equal(mw_events_read(&f.events, b.last_seq, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.last_seq, EPOCH(3) + 1);
	mw_env_close(&f.env);
	open_events(&f);
	assert_true(f.events.next_seq > b.last_seq);
	teardown(&f);
}

static void note_lane(void *ctx, const struct mw_event_lane *lane)
{
	uint64_t *rx = ctx;

	assert_true(lane->lane < 3);
	rx[lane->lane] = lane->rx_packets;
}

static void test_lanes(void **state)
{
	struct fixture f;
	uint64_t rx[3] = {0};

	setup(&f);
	for (unsigned round = 1; round <= 3; round++)
		for (uint16_t lane = 0; lane < 3; lane++) {
			struct mw_event event = {.kind = MW_EVENT_LANE,
				.lane = {.lane = lane, .rx_packets = 100 * lane + round}};
			uint8_t buf[2048];
			struct mw_span record =
				mw_span_of(buf, mw_event_encode(&event, buf, sizeof(buf)));

			assert_int_equal(mw_events_append(&f.events, &record, 1, 0), 0);
		}
	assert_int_equal(mw_events_count(&f.events), 0); /* overwritten, never numbered */
	assert_int_equal(mw_events_lanes(&f.events, note_lane, rx), 0);
	assert_int_equal(rx[0], 3);
	assert_int_equal(rx[2], 203);
	teardown(&f);
}

static void test_full_then_trimmed(void **state)
{
	struct fixture f;
	struct mw_events_batch b;
	struct mw_events_loss loss;
	struct seen s = {.stop_at = 1};
	struct mw_event lane = {.kind = MW_EVENT_LANE, .lane = {.rx_packets = 42}};
	uint8_t buf[2048];
	struct mw_span record;
	uint64_t rx[3] = {0};
	uint64_t stored;
	uint32_t n = 0;
	int deleted;

	setup(&f);
	while (!f.events.full)
		append_hams(&f, n++, 1);
	stored = mw_events_count(&f.events);
	assert_int_equal(stored, n - 1);
	append_hams(&f, 0, 9);
	assert_int_equal(mw_events_count(&f.events), stored);
	record = mw_span_of(buf, mw_event_encode(&lane, buf, sizeof(buf)));
	assert_int_equal(mw_events_append(&f.events, &record, 1, 0), 0);
	assert_int_equal(mw_events_lanes(&f.events, note_lane, rx), 0);
	assert_int_equal(rx[0], 42); /* counters still come through */
	assert_int_equal(mw_events_losses(&f.events, &loss), 0);
	assert_int_equal(loss.hams, 10);
	assert_int_equal(loss.ham, 30);
	/* the consumer has read half: trimmed in bounded transactions, then inserts go on */
	while ((deleted = mw_events_trim(&f.events, EPOCH(1) + stored / 2)) > 0)
		assert_true(deleted <= MW_EVENTS_TRIM_MAX);
	assert_int_equal(deleted, 0);
	assert_int_equal(mw_events_count(&f.events), stored - stored / 2);
	append_hams(&f, 7, 1);
	assert_false(f.events.full);
	assert_int_equal(mw_events_read(&f.events, EPOCH(1) + stored, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.missing, 10); /* each refused event has left its hole */
	teardown(&f);
}

static void test_not_an_event(void **state)
{
	struct fixture f;
	struct mw_events_batch b;
	struct seen s = {0};
	uint8_t buf[64];
	struct mw_span records[2];

	setup(&f);
	records[0] = mw_span_str("\x63rubbish");
	records[1] = ham(1, buf);
	assert_int_equal(mw_events_append(&f.events, records, 2, 0), 0);
	assert_int_equal(f.events.loss.invalid, 1);
	/* a record of a kind that decodes no further is skipped by the reader */
	records[0] = mw_span_str("\x01\x02short");
	assert_int_equal(mw_events_append(&f.events, records, 2, 0), 0);
	assert_int_equal(mw_events_read(&f.events, 0, 100, see, &s, &b), 0);
	assert_int_equal(b.count, 2);
	assert_int_equal(b.unreadable, 1);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_full_then_trimmed),
		cmocka_unit_test(test_not_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
