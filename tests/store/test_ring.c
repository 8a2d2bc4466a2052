/* The lane's event ring: order, fullness, wrap, and two threads at once. */
#include "tests/store/support.h"

#include <pthread.h>

#include "dataplane/agent/event_ring.h"

enum { SIZE = 64 << 10 };

static struct mw_event_ring *make(void)
{
	struct mw_event_ring *ring;

	ring = mw_event_ring_init(aligned_alloc(64, mw_event_ring_bytes(SIZE)), SIZE);
	assert_non_null(ring);
	return ring;
}

/* A record that says its number and whose octets can be checked. */
static size_t fill(uint8_t *out, uint32_t n, size_t len)
{
	memcpy(out, &n, 4);
	for (size_t i = 4; i < len; i++)
		out[i] = (uint8_t)(n * 31 + i);
	return len;
}

/* False when the record is not what fill wrote; `n` gets its number. */
static bool intact(struct mw_span record, uint32_t *n)
{
	if (record.len < 4)
		return false;
	memcpy(n, record.data, 4);
	for (size_t i = 4; i < record.len; i++)
		if (record.data[i] != (uint8_t)(*n * 31 + i))
			return false;
	return true;
}

static void test_sizes(void **state)
{
	_Alignas(64) static uint8_t memory[1024];

	assert_null(mw_event_ring_init(memory, 1000));
	assert_null(mw_event_ring_init(memory, 32 << 10));
	assert_null(mw_event_ring_init(memory, (64 << 10) + 8));
}

static void test_against_queue(void **state)
{
	struct rng rng = rng_seeded("ring");
	struct mw_event_ring *ring = make();
	static uint8_t buf[MW_EVENT_RECORD_MAX + 1];
	uint32_t pushed = 0;
	uint32_t popped = 0;
	uint64_t drops = 0;
	uint64_t held = 0; /* octets in the ring, by the model, at least */

	for (int round = 0; round < 50000; round++) {
		if (rng_below(&rng, 5) < 3) {
			size_t len = 4 + rng_below(&rng, rng_below(&rng, 8) == 0 ? 16000 : 300);
			bool ok;

			if (rng_below(&rng, 2) == 0) {
				ok = mw_event_ring_push(
					ring, mw_span_of(buf, fill(buf, pushed, len)));
			} else {
				uint8_t *room = mw_event_ring_reserve(ring);

				ok = room != NULL;
				if (ok && rng_below(&rng, 10) == 0) {
					mw_event_ring_commit(ring, 0); /* thought better of it */
					continue;
				}
				if (ok)
					mw_event_ring_commit(ring, fill(room, pushed, len));
			}
			pushed += ok;
			drops += !ok;
			held += ok ? len : 0;
			/* never refused while a record of any length would surely fit */
			assert_true(ok ||
				    held + 2 * (MW_EVENT_RECORD_MAX + 8) + 20 * (pushed - popped) >
					    SIZE);
			assert_int_equal(mw_event_ring_dropped(ring), drops);
		} else {
			uint64_t at = mw_event_ring_tail(ring);
			struct mw_span record;
			uint32_t take = rng_below(&rng, 4);
			uint32_t n = 0;

			while (take-- > 0 && mw_event_ring_next(ring, &at, &record)) {
				assert_true(intact(record, &n));
				assert_int_equal(n, popped);
				popped++;
				held -= record.len;
			}
			mw_event_ring_release(ring, at);
		}
	}
	assert_true(drops > 100 && popped > 1000);
	assert_false(mw_event_ring_push(ring, mw_span_of(buf, 0)));
	assert_false(mw_event_ring_push(ring, mw_span_of(buf, sizeof(buf))));
	free(ring);
}

enum { THREADED = 200000 };

static void *produce(void *arg)
{
	struct mw_event_ring *ring = arg;
	struct rng rng = {7};
	uint8_t buf[600];

	for (uint32_t n = 0; n < THREADED; n++)
		mw_event_ring_push(ring, mw_span_of(buf, fill(buf, n, 4 + rng_below(&rng, 500))));
	return NULL;
}

/* What is lost is counted: received and dropped make up all; the order holds. */
static void test_two_threads(void **state)
{
	struct mw_event_ring *ring = make();
	pthread_t thread;
	uint32_t received = 0;
	uint32_t last = 0;

	assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
	while (received + mw_event_ring_dropped(ring) < THREADED) {
		uint64_t at = mw_event_ring_tail(ring);
		struct mw_span record;
		uint32_t n = 0;

		while (mw_event_ring_next(ring, &at, &record)) {
			assert_true(intact(record, &n));
			assert_true(received == 0 || n > last);
			last = n;
			received++;
		}
		mw_event_ring_release(ring, at);
	}
	pthread_join(thread, NULL);
	assert_int_equal(received + mw_event_ring_dropped(ring), THREADED);
	assert_true(received > 0);
	free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_against_queue),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
