/*
 * Queue q of a port with a queue for every lane goes to lane q (the same flow of both ports then
 * lands in one lane, if the device hashes so); a port with fewer queues starts at the lane of its
 * role, so that two single-queue ports do not burden the same lane. Send queues are dealt out
 * alike.
 */
#include "dataplane/io/rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "dataplane/io/fragments.h"
#include "dataplane/io/keeper.h"

static uint16_t lane_of_queue(
	const struct mw_io_port *port, uint16_t queues, uint16_t q, uint16_t lanes)
{
	return (uint16_t)((q + (queues < lanes ? port->role : 0)) % lanes);
}

static struct rte_ring *make_ring(struct mw_io_rig *rig, uint32_t entries, char *error, size_t size)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "mw_%u", rig->ring_count);
	ring = rte_ring_create(name, entries, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!ring)
		snprintf(error, size,
			"no memory for ring %u between lanes (%s): fewer --lanes, or more --mem",
			rig->ring_count, rte_strerror(rte_errno));
	else
		rig->ring[rig->ring_count++] = ring;
	return ring;
}

static int connect_lanes(struct mw_io_rig *rig, uint32_t entries, char *error, size_t size)
{
	for (uint16_t from = 0; from < rig->shared.lanes; from++) {
		for (uint16_t to = 0; to < rig->shared.lanes; to++) {
			struct rte_ring *ring;

			if (from == to)
				continue;
			ring = make_ring(rig, entries, error, size);
			if (!ring)
				return -ENOMEM;
			rig->worker[from]->to[to] = ring;
			rig->worker[to]->from[from] = ring;
		}
	}
	return 0;
}

static int deal_receive(
	struct mw_io_rig *rig, const struct mw_io_port *port, char *error, size_t size)
{
	for (uint16_t q = 0; q < port->rx_queues; q++) {
		struct mw_io_worker *w =
			rig->worker[lane_of_queue(port, port->rx_queues, q, rig->shared.lanes)];

		if (w->queue_count == MW_IO_QUEUES_MAX) {
			snprintf(error, size,
				"port %s has more queues than %u lanes can poll: more --lanes",
				port->label, rig->shared.lanes);
			return -E2BIG;
		}
		w->queue[w->queue_count++] =
			(struct mw_io_queue){.device = port->id, .queue = q, .role = port->role};
	}
	return 0;
}

static int deal_send(struct mw_io_rig *rig, const struct mw_io_port *port, uint32_t entries,
	char *error, size_t size)
{
	uint16_t lanes = rig->shared.lanes;
	uint16_t queues = port->tx_queues < lanes ? port->tx_queues : lanes;

	/* First those lanes that own a queue, then the others through one of them. */
	for (uint16_t q = 0; q < queues; q++) {
		struct mw_io_tx *tx =
			&rig->worker[lane_of_queue(port, queues, q, lanes)]->tx[port->role];

		*tx = (struct mw_io_tx){.exists = true, .device = port->id, .queue = q};
	}
	for (uint16_t lane = 0; lane < lanes; lane++) {
		struct mw_io_tx *tx = &rig->worker[lane]->tx[port->role];
		struct mw_io_worker *owner;

		if (tx->exists)
			continue;
		owner = rig->worker[lane_of_queue(port, queues, lane % queues, lanes)];
		tx->ring = make_ring(rig, entries, error, size);
		if (!tx->ring)
			return -ENOMEM;
		tx->exists = true;
		owner->relay[owner->relay_count++] =
			(struct mw_io_relay){.ring = tx->ring, .role = port->role};
	}
	return 0;
}

/* A lane keeps no more buffers in fragments than the pool can do without. */
static uint32_t fragment_buffers(const struct mw_io_plan *plan)
{
	return RTE_MIN(MW_IO_FRAGMENT_PIECES, plan->buffers / (plan->lanes * 8u));
}

static int make_workers(
	struct mw_io_rig *rig, const struct mw_io_plan *plan, char *error, size_t size)
{
	uint32_t buffers = fragment_buffers(plan);

	rig->worker_bytes = sizeof(struct mw_io_worker) + sizeof(struct mw_event) +
			    mw_io_fragments_bytes(buffers);
	for (uint16_t i = 0; i < rig->shared.lanes; i++) {
		struct mw_io_worker *w =
			aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(struct mw_io_worker), (size_t)64));

		if (!w) {
			snprintf(error, size, "no memory for lane %u", i);
			return -ENOMEM;
		}
		memset(w, 0, sizeof(*w));
		rig->worker[i] = w;
		w->shared = &rig->shared;
		w->index = i;
		w->event = calloc(1, sizeof(*w->event));
		if (!w->event || mw_io_fragments_make(w, buffers) != 0) {
			snprintf(error, size, "no memory for lane %u", i);
			return -ENOMEM;
		}
	}
	return 0;
}

int mw_io_rig_make(struct mw_io_rig *rig, const struct mw_io_plan *plan, uint32_t ring_entries,
	char *error, size_t size)
{
	int rc;

	rig->shared.lanes = plan->lanes;
	rig->shared.sleep = plan->sleep;
	rig->shared.room = plan->buffer_bytes;
	rig->shared.tsc_ns = 1e9 / (double)rte_get_tsc_hz();
	atomic_store(&rig->shared.stop, false);
	rc = make_workers(rig, plan, error, size);
	if (rc == 0)
		rc = connect_lanes(rig, ring_entries, error, size);
	for (int role = 0; rc == 0 && role < MW_IO_ROLES; role++) {
		if (!rig->port[role].started)
			continue;
		rig->shared.room = RTE_MIN(rig->shared.room, rig->port[role].room);
		rc = deal_receive(rig, &rig->port[role], error, size);
		if (rc == 0)
			rc = deal_send(rig, &rig->port[role], ring_entries, error, size);
	}
	if (rc != 0)
		mw_io_rig_free(rig);
	return rc;
}

void mw_io_rig_free(struct mw_io_rig *rig)
{
	for (uint32_t i = 0; i < rig->ring_count; i++)
		rte_ring_free(rig->ring[i]);
	rig->ring_count = 0;
	for (uint16_t i = 0; i < MW_IO_LANES_MAX; i++) {
		if (!rig->worker[i])
			continue;
		mw_io_fragments_free(rig->worker[i]);
		mw_io_keeper_free(rig->worker[i]);
		free(rig->worker[i]->event);
		free(rig->worker[i]);
		rig->worker[i] = NULL;
	}
}

int mw_io_rig_launch(struct mw_io_rig *rig)
{
	for (uint16_t i = 0; i < rig->shared.lanes; i++) {
		int rc = rte_eal_remote_launch(mw_io_worker_run, rig->worker[i], i + 1u);

		if (rc != 0) {
			mw_io_rig_stop(rig);
			return rc;
		}
	}
	return 0;
}

void mw_io_rig_stop(struct mw_io_rig *rig)
{
	atomic_store(&rig->shared.stop, true);
	rte_eal_mp_wait_lcore();
}

void mw_io_rig_sum(const struct mw_io_rig *rig, struct mw_io_counters *out)
{
	uint64_t *sum = (uint64_t *)out;

	_Static_assert(sizeof(*out) % sizeof(uint64_t) == 0, "counters are 64-bit, all of them");
	memset(out, 0, sizeof(*out));
	for (uint16_t i = 0; i < rig->shared.lanes; i++) {
		const uint64_t *from = (const uint64_t *)&rig->worker[i]->counters;

		for (size_t k = 0; k < sizeof(*out) / sizeof(uint64_t); k++)
			sum[k] += from[k];
	}
}

void *mw_io_lane_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(memory, bytes, MADV_HUGEPAGE); /* a wish, not a need */
	return memory;
}

void mw_io_lane_memory_free(void *memory, size_t bytes)
{
	if (memory)
		munmap(memory, bytes);
}
