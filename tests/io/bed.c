/* See bed.h. */
#include "tests/io/bed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

static void must(int rc, const char *what, const char *error)
{
	if (rc == 0)
		return;
	fprintf(stderr, "# %s: %s (%d)\n", what, error, rc);
	_exit(99);
}

void bed_eal(struct bed *bed, uint16_t lanes)
{
	char error[512] = "";

	memset(bed, 0, sizeof(*bed));
	bed->options.memory = MW_MEMORY_NO_HUGE;
	bed->options.buffer_bytes = 2048;
	bed->options.buffers = BED_BUFFERS;
	bed->options.memory_mb = 256;
	bed->options.poll = MW_POLL_SLEEP;
	bed->options.lanes = lanes;
	must(mw_io_plan_make(&bed->options, &bed->plan, error, sizeof(error)), "plan", error);
	must(mw_eal_start(&bed->options, &bed->plan, error, sizeof(error)), "EAL", error);
	bed->rig.shared.pool = mw_io_pool_make(&bed->plan, error, sizeof(error));
	must(bed->rig.shared.pool ? 0 : -1, "pool", error);
	bed->test_pool = rte_pktmbuf_pool_create(
		"test", 8191, 0, 0, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	must(bed->test_pool ? 0 : -1, "test pool", rte_strerror(rte_errno));
}

static struct rte_ring *ring(const char *name, uint32_t entries)
{
	struct rte_ring *r = rte_ring_create(name, entries, SOCKET_ID_ANY, 0);

	must(r ? 0 : -1, name, rte_strerror(rte_errno));
	return r;
}

static void make_port(struct bed *bed, int role, uint32_t out_entries)
{
	static unsigned serial;
	char name[24], error[512] = "";

	snprintf(name, sizeof(name), "in%u", serial);
	bed->in[role] = ring(name, 1024);
	snprintf(name, sizeof(name), "out%u", serial);
	bed->out[role] = ring(name, out_entries);
	snprintf(name, sizeof(name), "t%u", serial++);
	must(rte_eth_from_rings(name, &bed->in[role], 1, &bed->out[role], 1, 0) >= 0 ? 0 : -1,
		"ring device", rte_strerror(rte_errno));
	snprintf(bed->device[role], sizeof(bed->device[role]), "net_ring_%s", name);
	bed->options.device[role] = bed->device[role];
	must(mw_io_port_open(&bed->rig.port[role], (uint8_t)role, &bed->options, &bed->plan,
		     bed->rig.shared.pool, stderr, error, sizeof(error)),
		"port", error);
}

void bed_wire(struct bed *bed, uint32_t ring_entries, uint32_t out_entries)
{
	struct rte_mempool *pool = bed->rig.shared.pool;
	char error[512] = "";

	memset(&bed->rig, 0, sizeof(bed->rig));
	mw_clock_start(&bed->clock);
	mw_port_set_add(&bed->smtp_ports, 25);
	bed->rig.shared.pool = pool;
	bed->rig.shared.clock = &bed->clock;
	bed->rig.shared.smtp_ports = &bed->smtp_ports;
	make_port(bed, MW_PORT_INSIDE, out_entries);
	make_port(bed, MW_PORT_OUTSIDE, out_entries);
	if (bed->divert)
		make_port(bed, MW_PORT_DIVERT, out_entries);
	must(mw_io_rig_make(&bed->rig, &bed->plan, ring_entries, error, sizeof(error)), "rig",
		error);
}

static void empty(struct rte_ring *r)
{
	void *m;

	while (rte_ring_dequeue(r, &m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(r);
}

void bed_free(struct bed *bed)
{
	mw_io_rig_free(&bed->rig);
	for (int role = 0; role < (bed->divert ? MW_IO_ROLES : 2); role++) {
		mw_io_port_close(&bed->rig.port[role]);
		empty(bed->in[role]);
		empty(bed->out[role]);
	}
}

bool bed_put(struct bed *bed, int role, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = NULL;

	for (int i = 0; i < 2000 && !m; i++) {
		m = rte_pktmbuf_alloc(bed->test_pool);
		if (!m)
			usleep(500);
	}
	if (!m)
		return false;
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
	for (int i = 0; i < 4000; i++) {
		if (rte_ring_enqueue(bed->in[role], m) == 0)
			return true;
		usleep(500);
	}
	rte_pktmbuf_free(m);
	return false;
}

struct rte_mbuf *bed_get(struct bed *bed, int role)
{
	void *m = NULL;

	return rte_ring_dequeue(bed->out[role], &m) == 0 ? m : NULL;
}

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

uint32_t bed_tcp(
	uint8_t *frame, uint32_t len, uint32_t flow, bool to_customer, enum mark mark, uint32_t seq)
{
	uint32_t customer = 0xcb007100u + flow, server = 0xc6336401u;
	uint32_t client_port = 20000 + flow * 7;

	if (len < MARKED_LEN)
		len = MARKED_LEN;
	for (uint32_t i = MARKED_LEN; i < len; i++)
		frame[i] = (uint8_t)(seq + i);
	memset(frame, 0, MARK_AT);
	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	put16(frame + 12, 0x0800);
	frame[14] = 0x45;
	put16(frame + 16, len - 14);
	frame[22] = 64;
	frame[23] = 6;
	put32(frame + 26, to_customer ? server : customer);
	put32(frame + 30, to_customer ? customer : server);
	put16(frame + 34, to_customer ? 25 : client_port);
	put16(frame + 36, to_customer ? client_port : 25);
	frame[46] = 0x50;
	frame[47] = 0x10;
	memcpy(frame + MARK_AT, "MW", 2);
	frame[MARK_AT + 2] = (uint8_t)mark;
	put32(frame + MARK_AT + 3, flow);
	put32(frame + MARK_AT + 7, seq);
	return len;
}

bool bed_conserved(const struct mw_io_counters *sum)
{
	/* A relayed packet is counted as sent by both lanes, and its drop by one. */
	uint64_t in = sum->rx_packets + sum->made + sum->relayed;
	uint64_t out = sum->tx_packets + sum->consumed + sum->ring_full + sum->tx_full +
		       sum->no_port + sum->oversize;

	if (in == out && sum->handed_over == sum->taken_over)
		return true;
	fprintf(stderr,
		"# rx %" PRIu64 " made %" PRIu64 " relayed %" PRIu64 " | tx %" PRIu64
		" consumed %" PRIu64 " ring_full %" PRIu64 " tx_full %" PRIu64 " no_port %" PRIu64
		" oversize %" PRIu64 " | handed %" PRIu64 " taken %" PRIu64 "\n",
		sum->rx_packets, sum->made, sum->relayed, sum->tx_packets, sum->consumed,
		sum->ring_full, sum->tx_full, sum->no_port, sum->oversize, sum->handed_over,
		sum->taken_over);
	return false;
}

uint64_t bed_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t bed_seed(void)
{
	const char *text = getenv("MW_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : mw_clock_of(CLOCK_REALTIME);

	fprintf(stderr, "# MW_TEST_SEED=%" PRIu64 "\n", seed);
	return seed;
}
