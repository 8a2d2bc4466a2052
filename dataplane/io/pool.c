/*
 * An AF_XDP device shows the kernel one stretch of the pool's memory: from its beginning, as long
 * as all buffers would be if they lay without gaps. But buffers do not cross pages, so there are
 * gaps, and the last ones lie beyond that stretch: the kernel loses frames that are to go into or
 * out of them, without a word (DPDK 22.11, drivers/net/af_xdp, xdp_umem_configure). Such buffers
 * are taken out for good.
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

struct rte_mempool *mw_io_pool_make(const struct mw_io_plan *plan, char *error, size_t size)
{
	/* Where threads share a CPU one may be put off in the middle of a ring operation; the
	 * relaxed ring lets the other go on instead of spinning through its time slice. */
	struct rte_mempool *pool = rte_pktmbuf_pool_create_by_ops("mw_buffers", plan->buffers,
		CACHE, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + plan->buffer_bytes), SOCKET_ID_ANY,
		plan->shared_cpu ? "ring_mt_rts" : "ring_mp_mc");

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
