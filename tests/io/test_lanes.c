/*
 * Three lanes over devices with one queue each: what arrives in the wrong lane is handed over, both
 * directions of a connection meet in one lane, its packets keep their order, a full ring is
 * counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "tests/io/bed.h"

#define FLOWS 64

static struct bed bed;
static uint32_t sent[FLOWS][2], expected[FLOWS][2];

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Takes what a port has sent; each flow's sequence numbers must rise, by one when nothing is lost.
 */
static uint32_t collect(int role, bool lossless)
{
	uint32_t n = 0;

	for (struct rte_mbuf *m; (m = bed_get(&bed, role)) != NULL; n++) {
		const uint8_t *mark = rte_pktmbuf_mtod_offset(m, uint8_t *, MARK_AT);
		uint32_t flow = get32(mark + 3), seq = get32(mark + 7);

		assert_memory_equal(mark, "MW", 2);
		assert_true(flow < FLOWS);
		if (lossless)
			assert_int_equal(seq, expected[flow][!role]);
		else
			assert_true(seq >= expected[flow][!role]);
		expected[flow][!role] = seq + 1;
		rte_pktmbuf_free(m);
	}
	return n;
}

static uint32_t play(uint32_t frames, uint64_t seed, bool lossless)
{
	uint64_t state = seed;
	uint32_t got = 0;
	uint8_t frame[1514];

	memset(sent, 0, sizeof(sent));
	memset(expected, 0, sizeof(expected));
	for (uint32_t i = 0; i < frames; i++) {
		uint64_t r = bed_random(&state);
		uint32_t flow = (uint32_t)(r % FLOWS), len = 70 + (uint32_t)(r >> 32) % 1400;
		int role = (int)(r >> 20 & 1);

		len = bed_tcp(
			frame, len, flow, role == MW_PORT_OUTSIDE, MARK_PASS, sent[flow][role]++);
		assert_true(bed_put(&bed, role, frame, len));
		got += collect(MW_PORT_INSIDE, lossless) + collect(MW_PORT_OUTSIDE, lossless);
	}
	for (int quiet = 0; quiet < 400 && got < frames; quiet++) {
		uint32_t n = collect(MW_PORT_INSIDE, lossless) + collect(MW_PORT_OUTSIDE, lossless);

		got += n;
		quiet = n ? 0 : quiet;
		usleep(500);
	}
	return got;
}

static void connections_meet_in_one_lane_in_order(void **state)
{
	enum { FRAMES = 20000 };
	struct mw_io_counters sum;
	unsigned used = 0;
	uint32_t got;

	bed_make(&bed, 4096, 4096);
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
	got = play(FRAMES, bed_seed(), true);
	mw_io_rig_stop(&bed.rig);
	got += collect(MW_PORT_INSIDE, true) + collect(MW_PORT_OUTSIDE, true);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_int_equal(got, FRAMES);
	assert_int_equal(sum.rx_packets, FRAMES);
	for (int flow = 0; flow < FLOWS; flow++) {
		uint32_t a = fake_lane_seen[flow][0], b = fake_lane_seen[flow][1];

		assert_int_equal(a, b);
		assert_int_equal(__builtin_popcount(a), 1);
		used |= a;
	}
	assert_int_equal(used, 7);
	assert_true(sum.handed_over > FRAMES / 3);
	assert_int_equal(sum.ring_full, 0);
	/* One send queue a port: two lanes of three send through a neighbour. */
	assert_true(sum.relayed > 0);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

static void a_full_ring_is_counted(void **state)
{
	enum { FRAMES = 4000 };
	struct mw_io_counters sum;
	uint64_t named = 0;
	uint32_t got;

	bed_make(&bed, 32, 4096);
	bed.lane[2].delay_us = 200; /* far slower than packets come */
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
	got = play(FRAMES, bed_seed(), false);
	mw_io_rig_stop(&bed.rig);
	got += collect(MW_PORT_INSIDE, false) + collect(MW_PORT_OUTSIDE, false);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_true(sum.ring_full > 0);
	for (int i = 0; i < 3; i++)
		named += bed.lane[i].counters.reason[MW_REASON_RING_FULL];
	assert_int_equal(named, sum.ring_full);
	assert_int_equal(got + sum.ring_full + sum.tx_full, FRAMES);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

static void what_no_lane_owns_stays_where_it_arrived(void **state)
{
	struct mw_io_counters sum;
	uint8_t frame[100];
	uint32_t got = 0;

	bed_make(&bed, 1024, 1024);
	memset(frame, 0xee, sizeof(frame));
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
	for (int i = 0; i < 500; i++)
		assert_true(bed_put(&bed, MW_PORT_INSIDE, frame, sizeof(frame)));
	for (int wait = 0; wait < 2000 && got < 500; wait++) {
		for (struct rte_mbuf *m; (m = bed_get(&bed, MW_PORT_OUTSIDE)) != NULL; got++)
			rte_pktmbuf_free(m);
		usleep(500);
	}
	mw_io_rig_stop(&bed.rig);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_int_equal(got, 500);
	assert_int_equal(sum.handed_over, 0);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_meet_in_one_lane_in_order),
		cmocka_unit_test(a_full_ring_is_counted),
		cmocka_unit_test(what_no_lane_owns_stays_where_it_arrived),
	};
	int failed;

	bed_eal(&bed, 3);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	mw_eal_stop();
	return failed;
}
