/*
 * Two traps lie in how buffers are laid out.
 *
 * An AF_XDP device shows the kernel one stretch of the pool's memory: from its beginning, as long
 * as all buffers would be if they lay without gaps (DPDK 22.11, drivers/net/af_xdp,
 * xdp_umem_configure). Where there are gaps, because no buffer may cross a page, the last ones lie
 * beyond that stretch, and the kernel loses frames that are to go into or out of them, without a
 * word. Such buffers are taken out for good.
 *
 * In ordinary memory such gaps would be everywhere, and all buffers would begin at the same offset
 * of a page, so that their heads fight for few cache lines (half the speed, measured). There the
 * pool has no gaps at all; frames then may cross pages, which rules zero-copy AF_XDP out (port.c
 * asks for copies).
 */
#include "dataplane/io/pool.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#define CACHE	       256 /* buffers a lane keeps at hand */
#define SHOWN_AT_LEAST 2   /* one in so many must be usable, else something is wrong */

/* How many buffers stay; 0 without memory. */
static uint32_t keep_shown(struct rte_mempool *pool)
{
	const struct rte_mempool_memhdr *memory = STAILQ_FIRST(&pool->mem_list);
	size_t each = pool->header_size + pool->elt_size + pool->trailer_size;
	uintptr_t start = (uintptr_t)memory->addr, end = start + pool->populated_size * each;
	uint32_t count = rte_mempool_avail_count(pool), kept = 0;
	void **buffer = calloc(count, sizeof(*buffer));

	if (!buffer)
		return 0;
	if (rte_mempool_generic_get(pool, buffer, count, NULL) == 0) {
		for (uint32_t i = 0; i < count; i++) {
			uintptr_t at = (uintptr_t)buffer[i] - pool->header_size;

			if (at >= start && at + each <= end)
				buffer[kept++] = buffer[i];
		}
		rte_mempool_generic_put(pool, buffer, kept, NULL);
	}
	free(buffer);
	return kept;
}

static struct rte_mempool *make(const struct mw_io_plan *plan)
{
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = (uint16_t)(RTE_PKTMBUF_HEADROOM + plan->buffer_bytes),
	};
	/* Where threads share a CPU one may be put off in the middle of a ring operation; the
	 * relaxed ring lets the other go on instead of spinning through its time slice. */
	const char *ring = plan->shared_cpu ? "ring_mt_rts" : "ring_mp_mc";
	struct rte_mempool *pool = rte_mempool_create_empty("mw_buffers", plan->buffers,
		(unsigned)sizeof(struct rte_mbuf) + private.mbuf_data_room_size, CACHE,
		sizeof(private), SOCKET_ID_ANY, plan->huge ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (!pool)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, ring, NULL) != 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_pktmbuf_pool_init(pool, &private);
	if (rte_mempool_populate_default(pool) < 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

struct rte_mempool *mw_io_pool_make(const struct mw_io_plan *plan, char *error, size_t size)
{
	struct rte_mempool *pool = make(plan);

	if (!pool) {
		snprintf(error, size,
			"no memory for %u packet buffers of %u octets (%s): ask for fewer with "
			"--buffers, or for more memory with --mem",
			plan->buffers, plan->buffer_bytes, rte_strerror(rte_errno));
		return NULL;
	}
	if (keep_shown(pool) < plan->buffers / SHOWN_AT_LEAST) {
		snprintf(error, size,
			"the memory for packet buffers is in pieces: start again, or with fewer "
			"--buffers");
		rte_mempool_free(pool);
		return NULL;
	}
	return pool;
}
