/*
 * One lane between two ring devices: every octet comes out as it went in, and every packet is
 * either sent or dropped for a named reason. With --unprivileged: the same as user 65534.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "tests/io/bed.h"

static struct bed bed;

/* What went in, so that what comes out can be compared: a regenerated stream of frames. */
struct stream {
	uint64_t state;
	uint8_t frame[1514];
	uint32_t len;
};

static void next(struct stream *s)
{
	s->len = 14 + (uint32_t)(bed_random(&s->state) % 1501);
	for (uint32_t i = 0; i < s->len; i += 8) {
		uint64_t r = bed_random(&s->state);

		memcpy(s->frame + i, &r, s->len - i < 8 ? s->len - i : 8);
	}
	s->frame[12] = 0x88; /* no IPv4, so that no lane owns it */
}

/* Takes what has come out and compares it with the stream of the other side. */
static uint32_t compare(struct stream *expect, int role)
{
	uint32_t n = 0;

	for (struct rte_mbuf *m; (m = bed_get(&bed, role)) != NULL; n++) {
		next(expect);
		assert_int_equal(m->pkt_len, expect->len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), expect->frame, expect->len);
		rte_pktmbuf_free(m);
	}
	return n;
}

static void bit_exact_both_ways(void **state)
{
	enum { FRAMES = 20000 };
	uint64_t seed = bed_seed();
	struct stream in[2] = {{.state = seed}, {.state = ~seed}};
	struct stream out[2] = {{.state = seed}, {.state = ~seed}};
	struct mw_io_counters sum;
	uint32_t got[2] = {0, 0};

	bed_make(&bed, 1024, 4096);
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
	for (int i = 0; i < FRAMES; i++) {
		for (int role = 0; role < 2; role++) {
			next(&in[role]);
			assert_true(bed_put(&bed, role, in[role].frame, in[role].len));
			got[role] += compare(&out[role], !role);
		}
	}
	for (int wait = 0; wait < 4000 && got[0] + got[1] < 2 * FRAMES; wait++) {
		for (int role = 0; role < 2; role++)
			got[role] += compare(&out[role], !role);
		usleep(500);
	}
	mw_io_rig_stop(&bed.rig);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_int_equal(got[0], FRAMES);
	assert_int_equal(got[1], FRAMES);
	assert_int_equal(sum.rx_packets, 2 * FRAMES);
	assert_int_equal(sum.tx_packets, 2 * FRAMES);
	assert_int_equal(sum.rx_bytes, sum.tx_bytes);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

/* Runs the lane in this thread until it finds nothing more. */
static void turn_until_idle(void)
{
	while (mw_io_worker_turn(bed.rig.worker[0], mw_clock_now(&bed.clock)) > 0)
		;
}

static void marked(int role, enum mark mark, uint32_t len)
{
	static uint32_t seq;
	uint8_t frame[1514];

	len = bed_tcp(frame, len, 1, role == MW_PORT_OUTSIDE, mark, seq++);
	assert_true(bed_put(&bed, role, frame, len));
}

static void a_shortened_packet_leaves_short(void **state)
{
	struct rte_mbuf *m;

	bed_make(&bed, 1024, 1024);
	marked(MW_PORT_INSIDE, MARK_SHORTEN, 1000);
	turn_until_idle();
	m = bed_get(&bed, MW_PORT_OUTSIDE);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, MARKED_LEN);
	assert_int_equal(m->data_len, MARKED_LEN);
	rte_pktmbuf_free(m);
	bed_free(&bed);
}

static void consumed_and_misdirected_packets_are_named(void **state)
{
	struct mw_io_counters sum;

	bed_make(&bed, 1024, 1024);
	marked(MW_PORT_INSIDE, MARK_CONSUME, 100);
	marked(MW_PORT_OUTSIDE, MARK_LOST_PORT, 100);
	turn_until_idle();
	mw_io_rig_sum(&bed.rig, &sum);
	assert_null(bed_get(&bed, MW_PORT_OUTSIDE));
	assert_null(bed_get(&bed, MW_PORT_INSIDE));
	assert_int_equal(sum.consumed, 1);
	assert_int_equal(bed.lane[0].counters.reason[MW_REASON_VERDICT_DROP], 1);
	assert_int_equal(bed.lane[0].counters.reason[MW_REASON_NO_PORT], 1);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

static void a_full_device_is_counted_and_loses_nothing_else(void **state)
{
	struct mw_io_counters sum;
	uint32_t got = 0, last = 0;

	bed_make(&bed, 1024, 64); /* nobody takes from the device: it holds 63 */
	for (int i = 0; i < 4000; i++) {
		marked(MW_PORT_INSIDE, MARK_PASS, 100);
		if (i % 500 == 499)
			turn_until_idle();
	}
	mw_io_rig_sum(&bed.rig, &sum);
	assert_int_equal(sum.rx_packets, 4000);
	assert_int_equal(sum.tx_packets, 63);
	assert_int_equal(sum.tx_full, 4000 - 63 - MW_IO_TX_BACKLOG);
	assert_int_equal(bed.lane[0].counters.reason[MW_REASON_TX_FULL], sum.tx_full);
	/* The device takes again: the backlog follows, in order and without further loss. */
	for (int round = 0; round < 100; round++) {
		for (struct rte_mbuf *m; (m = bed_get(&bed, MW_PORT_OUTSIDE)) != NULL; got++) {
			uint32_t seq;

			memcpy(&seq, rte_pktmbuf_mtod_offset(m, void *, MARK_AT + 7), 4);
			seq = ntohl(seq);
			assert_true(got == 0 || seq == last + 1);
			last = seq;
			rte_pktmbuf_free(m);
		}
		mw_io_worker_turn(bed.rig.worker[0], mw_clock_now(&bed.clock));
	}
	assert_int_equal(got, 63 + MW_IO_TX_BACKLOG);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

/* A chain of `segments` mbufs with `each` octets: what a device with small buffers may deliver. */
static void put_chain(unsigned segments, uint16_t each)
{
	struct rte_mbuf *head = NULL;

	for (unsigned i = 0; i < segments; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(bed.test_pool);

		assert_non_null(m);
		memset(rte_pktmbuf_append(m, each), (int)('a' + i), each);
		if (!head)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	assert_int_equal(rte_ring_enqueue(bed.in[MW_PORT_INSIDE], head), 0);
}

static void chains_are_joined_or_refused_by_name(void **state)
{
	struct mw_io_counters sum;
	struct rte_mbuf *m;

	bed_make(&bed, 1024, 1024);
	put_chain(3, 500);
	put_chain(3, 1000); /* 3,000 octets do not fit one buffer */
	turn_until_idle();
	m = bed_get(&bed, MW_PORT_OUTSIDE);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 1500);
	assert_int_equal(m->nb_segs, 1);
	for (int i = 0; i < 1500; i++)
		assert_int_equal(rte_pktmbuf_mtod(m, char *)[i], 'a' + i / 500);
	rte_pktmbuf_free(m);
	assert_null(bed_get(&bed, MW_PORT_OUTSIDE));
	mw_io_rig_sum(&bed.rig, &sum);
	assert_int_equal(sum.oversize, 1);
	assert_int_equal(bed.lane[0].counters.reason[MW_REASON_OVERSIZE], 1);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

static void frames_of_the_lane_go_out_or_are_counted(void **state)
{
	struct rte_mbuf *hoard[BED_BUFFERS];
	struct mw_io_counters sum;
	uint32_t got = 0, hoarded = 0;
	struct rte_mbuf *m;

	bed_make(&bed, 1024, 1024);
	marked(MW_PORT_INSIDE, MARK_ANSWER, 200);
	turn_until_idle();
	for (; (m = bed_get(&bed, MW_PORT_INSIDE)) != NULL; got++) {
		assert_int_equal(m->pkt_len, 200);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(got, 100);
	/* With 40 buffers left, 60 of the next hundred cannot be made. */
	while (hoarded < BED_BUFFERS &&
		(hoard[hoarded] = rte_pktmbuf_alloc(bed.rig.shared.pool)) != NULL)
		hoarded++;
	for (int i = 0; i < 40; i++)
		rte_pktmbuf_free(hoard[--hoarded]);
	marked(MW_PORT_INSIDE, MARK_ANSWER, 200);
	turn_until_idle();
	for (got = 0; (m = bed_get(&bed, MW_PORT_INSIDE)) != NULL; got++)
		rte_pktmbuf_free(m);
	assert_int_equal(got, 40);
	assert_int_equal(bed.lane[0].counters.reason[MW_REASON_NO_BUFFER], 60);
	while (hoarded > 0)
		rte_pktmbuf_free(hoard[--hoarded]);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_int_equal(sum.no_buffer, 60);
	assert_int_equal(sum.made, 140);
	assert_true(bed_conserved(&sum));
	bed_free(&bed);
}

static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0) {
		fprintf(stderr, "# cannot give up root\n");
		exit(99);
	}
	unsetenv("XDG_RUNTIME_DIR");
	setenv("HOME", "/nonexistent", 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bit_exact_both_ways),
		cmocka_unit_test(a_shortened_packet_leaves_short),
		cmocka_unit_test(consumed_and_misdirected_packets_are_named),
		cmocka_unit_test(a_full_device_is_counted_and_loses_nothing_else),
		cmocka_unit_test(chains_are_joined_or_refused_by_name),
		cmocka_unit_test(frames_of_the_lane_go_out_or_are_counted),
	};
	int failed;

	if (argc > 1 && strcmp(argv[1], "--unprivileged") == 0)
		become_nobody();
	bed_eal(&bed, 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	mw_eal_stop();
	return failed;
}
