/*
 * The lane's loop: poll, decide, hand over, send. Nothing in it allocates (but buffers from the
 * pool), locks or logs. Each turn is bounded: one burst of each queue and ring.
 */
#include "dataplane/io/worker.h"

#include <sys/prctl.h>

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "dataplane/io/fragments.h"
#include "dataplane/io/keeper.h"
#include "dataplane/io/upkeep.h"

#define SPINS_BEFORE_SLEEP 16
#define SLEEP_NS	   30000L  /* at first */
#define SLEEP_LONG_NS	   150000L /* when nothing has come for about ten milliseconds */
#define SLEEPS_BEFORE_LONG 200

static void drop(
	struct mw_io_worker *w, struct rte_mbuf *m, uint64_t *counter, enum mw_reason reason)
{
	(*counter)++;
	mw_lane_count(w->lane, reason, 1);
	rte_pktmbuf_free(m);
}

/* The lane wants the frame in one piece. */
static inline bool contiguous(struct mw_io_worker *w, struct rte_mbuf *m)
{
	if (likely(m->nb_segs == 1) || rte_pktmbuf_linearize(m) == 0)
		return true;
	drop(w, m, &w->counters.oversize, MW_REASON_OVERSIZE);
	return false;
}

/* The lane has put another layer 2 header in front, or cut the end. */
static inline bool refit(struct rte_mbuf *m, const struct mw_packet *packet)
{
	ptrdiff_t moved = packet->data - rte_pktmbuf_mtod(m, uint8_t *);

	if (unlikely(moved > 0))
		rte_pktmbuf_adj(m, (uint16_t)moved);
	else if (unlikely(moved < 0) && !rte_pktmbuf_prepend(m, (uint16_t)-moved))
		return false;
	if (unlikely(packet->len < m->data_len))
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - packet->len));
	return true;
}

static inline void one_packet(struct mw_io_worker *w, struct rte_mbuf *m, uint64_t now_ns)
{
	struct mw_packet packet;

	if (unlikely(m->nb_segs > 1)) {
		if (mw_io_is_chain(m)) {
			mw_io_fragments_chain(w, m, now_ns);
			return;
		}
		if (!contiguous(w, m))
			return;
	}
	if (unlikely(w->gateway && m->port == MW_PORT_DIVERT) &&
		mw_io_keeper_packet(w, rte_pktmbuf_mtod(m, uint8_t *), m->data_len, now_ns)) {
		w->counters.consumed++;
		rte_pktmbuf_free(m);
		return;
	}
	packet.data = rte_pktmbuf_mtod(m, uint8_t *);
	packet.len = m->data_len;
	packet.headroom = rte_pktmbuf_headroom(m);
	packet.wire_len = m->data_len;
	packet.port_in = (uint8_t)m->port;
	packet.checksum_good =
		(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	packet.joined = false;
	packet.forward = false;
	packet.port_out = 0;
	packet.relabelled = 0;
	packet.reason = MW_REASON_NONE;
	mw_lane_packet(w->lane, now_ns, &packet);
	if (!packet.forward) {
		w->counters.consumed++;
		rte_pktmbuf_free(m);
		return;
	}
	if (unlikely(packet.reason == MW_REASON_FRAGMENT)) {
		mw_io_fragment(w, m, now_ns);
		return;
	}
	if (unlikely(!refit(m, &packet))) { /* the lane keeps to the headroom it was given */
		drop(w, m, &w->counters.oversize, MW_REASON_OVERSIZE);
		return;
	}
	mw_io_send(w, packet.port_out, m);
}

static void process(struct mw_io_worker *w, struct rte_mbuf **m, uint32_t n, uint64_t now_ns)
{
	uint32_t ahead = RTE_MIN(n, 8u);

	for (uint32_t i = 0; i < ahead; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint32_t i = 0; i < n; i++) {
		if (i + 8 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 8], void *));
		one_packet(w, m[i], now_ns);
	}
}

static void hand_over(struct mw_io_worker *w, uint16_t owner)
{
	struct mw_io_batch *batch = &w->batch[owner];
	uint32_t sent = rte_ring_sp_enqueue_burst(
		w->to[owner], (void *const *)batch->packet, batch->count, NULL);

	w->counters.handed_over += sent;
	mw_lane_count(w->lane, MW_REASON_HANDED_OVER, sent);
	for (uint32_t i = sent; i < batch->count; i++)
		drop(w, batch->packet[i], &w->counters.ring_full, MW_REASON_RING_FULL);
	batch->count = 0;
}

/* The gateway's keeper comes before every lane. */
static uint16_t owner_of(const struct mw_io_worker *w, const struct rte_mbuf *m)
{
	const struct mw_io_shared *s = w->shared;
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

	if (unlikely(m->port == MW_PORT_DIVERT) && mw_io_keeper_wants(w, data, m->data_len))
		return MW_IO_KEEPER_LANE;
	return mw_lane_owner(s->smtp_ports, s->key, data, m->data_len, s->lanes);
}

/* Keeps what this lane owns, or nobody, in front of `m`; the rest goes to its owners. How many
 * stay. */
static uint32_t distribute(struct mw_io_worker *w, struct rte_mbuf **m, uint32_t n)
{
	const struct mw_io_shared *s = w->shared;
	uint32_t mine = 0;

	for (uint32_t i = 0; i < RTE_MIN(n, 8u); i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint32_t i = 0; i < n; i++) {
		uint16_t owner;

		if (i + 8 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 8], void *));
		if (unlikely(!contiguous(w, m[i])))
			continue;
		owner = owner_of(w, m[i]);
		if (owner == MW_LANE_ANY || owner == w->index)
			m[mine++] = m[i];
		else
			w->batch[owner].packet[w->batch[owner].count++] = m[i];
	}
	for (uint16_t lane = 0; lane < s->lanes; lane++) {
		if (w->batch[lane].count)
			hand_over(w, lane);
	}
	return mine;
}

static uint32_t receive(struct mw_io_worker *w, const struct mw_io_queue *q, uint64_t now_ns)
{
	struct rte_mbuf *m[MW_IO_BURST];
	uint32_t n = rte_eth_rx_burst(q->device, q->queue, m, MW_IO_BURST), mine = n;
	uint64_t bytes = 0;

	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		m[i]->port = q->role; /* from here on it means the role */
		bytes += m[i]->pkt_len;
	}
	w->counters.rx_packets += n;
	w->counters.rx_bytes += bytes;
	if (w->shared->lanes > 1)
		mine = distribute(w, m, n);
	process(w, m, mine, now_ns);
	return n;
}

static uint32_t take_over(struct mw_io_worker *w, uint64_t now_ns)
{
	struct rte_mbuf *m[MW_IO_BURST];
	uint32_t total = 0;

	for (uint16_t lane = 0; lane < w->shared->lanes; lane++) {
		uint32_t n;

		if (lane == w->index)
			continue;
		n = rte_ring_sc_dequeue_burst(w->from[lane], (void **)m, MW_IO_BURST, NULL);
		process(w, m, n, now_ns);
		w->counters.taken_over += n;
		total += n;
	}
	for (uint16_t r = 0; r < w->relay_count; r++) {
		uint32_t n =
			rte_ring_sc_dequeue_burst(w->relay[r].ring, (void **)m, MW_IO_BURST, NULL);

		for (uint32_t i = 0; i < n; i++)
			mw_io_send(w, w->relay[r].role, m[i]);
		w->counters.relayed += n;
		total += n;
	}
	return total;
}

uint32_t mw_io_worker_turn(struct mw_io_worker *w, uint64_t now_ns)
{
	uint32_t done = 0;

	atomic_store_explicit(&w->beat_ns, now_ns, memory_order_relaxed);
	if (now_ns >= w->next_ms_ns)
		mw_io_upkeep_ms(w, now_ns);
	if (w->shared->publish)
		mw_io_upkeep_snapshot(w);
	mw_io_keeper_turn(w, now_ns);
	for (uint16_t q = 0; q < w->queue_count; q++)
		done += receive(w, &w->queue[q], now_ns);
	if (w->shared->lanes > 1)
		done += take_over(w, now_ns);
	if (mw_lane_poll(w->lane, now_ns))
		done++;
	mw_io_fragments_tick(w, now_ns);
	mw_io_worker_flush(w);
	w->counters.polls++;
	return done;
}

/* An idle lane lets others have its CPU; a packet then waits as long as a sleep at most. */
static void rest(struct mw_io_worker *w)
{
	struct timespec ts = {.tv_nsec = SLEEP_NS};

	w->idle++;
	if (!w->shared->sleep || w->idle < SPINS_BEFORE_SLEEP) {
		rte_pause();
		return;
	}
	if (w->idle > SPINS_BEFORE_SLEEP + SLEEPS_BEFORE_LONG)
		ts.tv_nsec = SLEEP_LONG_NS;
	w->counters.sleeps++;
	nanosleep(&ts, NULL);
}

/* What a device did not take by the end is dropped, counted like any other. */
static void give_up(struct mw_io_worker *w)
{
	for (int role = 0; role < MW_IO_ROLES; role++) {
		struct mw_io_tx *tx = &w->tx[role];

		for (uint32_t i = 0; i < tx->count; i++)
			drop(w, tx->packet[i], &w->counters.tx_full, MW_REASON_TX_FULL);
		tx->count = 0;
	}
}

/* After the stop no queue is polled any more; what neighbours still put into our rings is handled
 * for a moment, so that a packet once received is sent or counted. */
static void wind_up(struct mw_io_worker *w)
{
	struct timespec ts = {.tv_nsec = 1000000L};

	for (int quiet = 0; quiet < 20; quiet++) {
		uint64_t now_ns = mw_clock_now(w->shared->clock);

		if (w->shared->lanes > 1 && take_over(w, now_ns) > 0)
			quiet = 0;
		mw_lane_poll(w->lane, now_ns);
		mw_io_worker_flush(w);
		if (w->shared->lanes == 1)
			break;
		nanosleep(&ts, NULL);
	}
	mw_io_fragments_end(w);
	mw_lane_finish(w->lane, mw_clock_now(w->shared->clock));
	mw_io_worker_flush(w);
	give_up(w);
	mw_io_upkeep_end(w, mw_clock_now(w->shared->clock));
}

int mw_io_worker_run(void *worker)
{
	struct mw_io_worker *w = worker;
	struct mw_io_shared *s = w->shared;
	uint64_t cpu_ns = mw_clock_of(CLOCK_THREAD_CPUTIME_ID);

	if (s->sleep)
		prctl(PR_SET_TIMERSLACK, 1000UL);
	mw_io_upkeep_begin(w);
	while (!atomic_load_explicit(&s->stop, memory_order_relaxed)) {
		if (mw_io_worker_turn(w, mw_clock_now(s->clock)) > 0)
			w->idle = 0;
		else
			rest(w);
	}
	wind_up(w);
	w->counters.cpu_ns = mw_clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	return 0;
}
