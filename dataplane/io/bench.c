/*
 * Two null devices make and swallow packets at no cost but their buffers', which were filled with
 * real Ethernet, IPv4 and UDP or TCP headers beforehand, a different connection in each buffer,
 * none of them mail. What is measured is receive burst, owner (with several lanes), lane, send
 * burst: no copy to a device, no cache miss beyond the pool's. testpmd on the same null devices
 * does the same without the lane. `empty_loop_...` is the devices' own limit: receive and send
 * with nothing in between.
 */
#include "dataplane/io/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_launch.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/lanes.h"
#include "dataplane/io/pool.h"
#include "dataplane/io/say.h"
#include "dataplane/verdict/snapshot.h"

#define FRAME_BYTES 64
#define WARM_UP_NS  (200 * MW_NS_PER_MS)

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static void ipv4_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~sum & 0xffff);
}

/* Called for every buffer of the pool once, before the devices run. */
static void fill(struct rte_mempool *pool, void *opaque, void *object, unsigned index)
{
	static const uint16_t services[] = {443, 80, 53, 993, 22, 8080, 123, 587};
	struct rte_mbuf *m = object;
	uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
	bool udp = index % 2 == 0;

	memset(frame, 0, FRAME_BYTES);
	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0", 14);
	frame[14] = 0x45;
	put16(frame + 16, FRAME_BYTES - 14);
	frame[22] = 64;
	frame[23] = udp ? 17 : 6;
	put32(frame + 26, 0x0a000000u + index % 60000); /* customers of 10.0.0.0/8 */
	put32(frame + 30, 0xc6330000u + index * 7919u % 65536);
	ipv4_checksum(frame + 14);
	put16(frame + 34, 1024 + index % 50000);
	put16(frame + 36, services[index / 2 % 8]);
	if (udp) {
		put16(frame + 38, FRAME_BYTES - 34);
	} else {
		frame[46] = 0x50;
		frame[47] = 0x10;
		put16(frame + 48, 8192);
	}
}

struct bench {
	struct mw_io_options options;
	struct mw_io_plan plan;
	struct mw_clock clock;
	struct mw_io_rig rig;
	struct mw_io_lanes lanes;
	void *snapshot_memory;
	const struct mw_snapshot *snapshot;
	bool eal;
	char error[1024];
};

/* A policy without customers: what is not mail never comes to ask for one. */
static int make_snapshot(struct bench *b, struct mw_policy_settings *settings)
{
	struct mw_snapshot_input in = {.settings = settings};
	size_t bytes;

	mw_policy_settings_default(settings);
	bytes = mw_snapshot_bytes(&in);
	b->snapshot_memory = aligned_alloc(64, RTE_ALIGN_CEIL(bytes, (size_t)64));
	if (!b->snapshot_memory) {
		snprintf(b->error, sizeof(b->error), "no memory");
		return -ENOMEM;
	}
	return mw_snapshot_build(&in, b->snapshot_memory, bytes, &b->snapshot);
}

static int make(struct bench *b, bool null_devices)
{
	struct mw_policy_settings settings;
	int rc;

	rc = mw_io_plan_make(&b->options, &b->plan, b->error, sizeof(b->error));
	if (rc == 0)
		rc = mw_eal_start(&b->options, &b->plan, b->error, sizeof(b->error));
	b->eal = rc == 0;
	if (rc != 0)
		return rc;
	b->rig.shared.pool = mw_io_pool_make(&b->plan, b->error, sizeof(b->error));
	if (!b->rig.shared.pool)
		return -ENOMEM;
	if (null_devices)
		rte_mempool_obj_iter(b->rig.shared.pool, fill, NULL);
	for (uint8_t role = 0; rc == 0 && role < MW_IO_ROLES; role++) {
		if (b->options.device[role])
			rc = mw_io_port_open(&b->rig.port[role], role, &b->options, &b->plan,
				b->rig.shared.pool, stderr, b->error, sizeof(b->error));
	}
	if (rc != 0)
		return rc;
	mw_clock_start(&b->clock);
	b->rig.shared.clock = &b->clock;
	rc = mw_io_rig_make(&b->rig, &b->plan, b->options.ring_entries, b->error, sizeof(b->error));
	if (rc == 0)
		rc = make_snapshot(b, &settings);
	if (rc != 0)
		return rc;
	mw_io_lanes_configure(&b->lanes, &b->options, &settings, 0, 0x6d61696c77656972ull);
	rc = mw_io_lanes_make(&b->lanes, &b->rig, 1500, b->error, sizeof(b->error));
	for (uint16_t i = 0; rc == 0 && i < b->plan.lanes; i++)
		mw_lane_set_snapshot(b->rig.worker[i]->lane, b->snapshot);
	return rc;
}

/* Receive and send again at once, for half a second, in lane 0's thread: Mpps by CPU time. */
static int empty_loop(void *ctx)
{
	const struct bench *b = ((void **)ctx)[0];
	double *mpps = ((void **)ctx)[1];
	const struct mw_io_worker *w = b->rig.worker[0];
	uint64_t start = mw_clock_of(CLOCK_MONOTONIC), packets = 0;
	uint64_t cpu_ns = mw_clock_of(CLOCK_THREAD_CPUTIME_ID);

	while (mw_clock_of(CLOCK_MONOTONIC) - start < MW_NS_PER_S / 2) {
		for (uint16_t q = 0; q < w->queue_count; q++) {
			const struct mw_io_tx *tx = &w->tx[!w->queue[q].role];
			struct rte_mbuf *m[MW_IO_BURST];
			uint16_t n = rte_eth_rx_burst(
				w->queue[q].device, w->queue[q].queue, m, MW_IO_BURST);
			uint16_t sent = rte_eth_tx_burst(tx->device, tx->queue, m, n);

			packets += sent;
			while (sent < n)
				rte_pktmbuf_free(m[sent++]);
		}
	}
	cpu_ns = mw_clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	*mpps = (double)packets * 1e3 / (double)(cpu_ns + 1);
	return 0;
}

static void wait_ns(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / MW_NS_PER_S), .tv_nsec = (long)(ns % MW_NS_PER_S)};

	nanosleep(&ts, NULL);
}

static void print(const struct bench *b, const struct mw_io_counters *all, uint64_t packets,
	double seconds, double empty_mpps, bool null_devices)
{
	uint64_t dropped =
		all->ring_full + all->tx_full + all->no_buffer + all->no_port + all->oversize;

	/* A machine busy with other things gives a lane less than a whole core. */
	printf("{\"bench\":\"fastpath\",\"fastpath_mpps\":%.3f,\"mpps_per_core_second\":%.3f,"
	       "\"lanes\":%u,\"seconds\":%.2f,"
	       "\"packets\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"consumed\":%" PRIu64
	       ",\"frame_bytes\":%d,\"empty_loop_mpps_per_core_second\":%.3f,\"devices\":\"%s\"}\n",
		(double)packets / seconds / 1e6,
		(double)(all->tx_packets - all->relayed) * 1e3 / (double)(all->cpu_ns + 1),
		b->plan.lanes, seconds, packets, dropped, all->consumed,
		null_devices ? FRAME_BYTES : 0, empty_mpps, null_devices ? "net_null" : "given");
	fflush(stdout);
}

static int measure(struct bench *b, bool null_devices)
{
	struct mw_io_counters before, after;
	double empty_mpps = 0;
	void *ctx[2] = {b, &empty_mpps};
	uint64_t start, end, packets;
	int rc;

	if (null_devices) {
		rte_eal_remote_launch(empty_loop, ctx, 1);
		rte_eal_mp_wait_lcore();
	}
	rc = mw_io_rig_launch(&b->rig);
	if (rc != 0) {
		snprintf(b->error, sizeof(b->error), "cannot start the lanes: %s", strerror(-rc));
		return rc;
	}
	wait_ns(WARM_UP_NS);
	start = mw_clock_of(CLOCK_MONOTONIC);
	mw_io_rig_sum(&b->rig, &before);
	wait_ns((uint64_t)b->options.seconds * MW_NS_PER_S);
	mw_io_rig_sum(&b->rig, &after);
	end = mw_clock_of(CLOCK_MONOTONIC);
	packets = (after.tx_packets - after.relayed) - (before.tx_packets - before.relayed);
	mw_io_rig_stop(&b->rig);
	mw_io_rig_sum(&b->rig, &after);
	print(b, &after, packets, (double)(end - start) / 1e9, empty_mpps, null_devices);
	return 0;
}

int mw_io_bench_fastpath(const struct mw_io_options *options)
{
	static struct bench b; /* large */
	bool null_devices = options->device[0] == NULL;
	int rc;

	b.options = *options;
	if (null_devices) {
		b.options.device[MW_PORT_INSIDE] = "net_null_inside,size=64,copy=0";
		b.options.device[MW_PORT_OUTSIDE] = "net_null_outside,size=64,copy=0";
	}
	b.options.poll = MW_POLL_BUSY;
	if (b.options.lanes == 0)
		b.options.lanes = 1;
	if (b.options.seconds == 0)
		b.options.seconds = 2;
	rc = make(&b, null_devices);
	if (rc == 0)
		rc = measure(&b, null_devices);
	if (rc != 0)
		mw_io_say("%s", b.error);
	mw_io_rig_free(&b.rig);
	mw_io_lanes_free(&b.lanes);
	for (int role = 0; role < MW_IO_ROLES; role++)
		mw_io_port_close(&b.rig.port[role]);
	free(b.snapshot_memory);
	if (b.eal)
		mw_eal_stop();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
