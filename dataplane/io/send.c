/*
 * Sending. A packet waits in its port's short backlog until the end of the turn; what a device does
 * not take at once is offered again at the next turn, and dropped, counted, when the backlog is
 * full.
 */
#include "dataplane/io/worker.h"

#include <string.h>

#include <rte_ethdev.h>

static uint64_t bytes_of(struct rte_mbuf *const *m, uint32_t n)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += m[i]->pkt_len;
	return bytes;
}

static void flush(struct mw_io_worker *w, struct mw_io_tx *tx)
{
	uint32_t done = 0, bursts = 0;
	uint64_t bytes;

	/* The device may free what it takes, so octets are counted first. */
	while (done < tx->count && bursts++ < MW_IO_TX_BACKLOG / MW_IO_BURST) {
		uint32_t n = RTE_MIN(tx->count - done, (uint32_t)MW_IO_BURST), sent;

		bytes = bytes_of(tx->packet + done, n);
		if (tx->ring)
			sent = rte_ring_sp_enqueue_burst(
				tx->ring, (void *const *)(tx->packet + done), n, NULL);
		else
			sent = rte_eth_tx_burst(
				tx->device, tx->queue, tx->packet + done, (uint16_t)n);
		done += sent;
		w->counters.tx_packets += sent;
		if (sent < n) {
			bytes -= bytes_of(tx->packet + done, n - sent);
			w->counters.tx_bytes += bytes;
			break;
		}
		w->counters.tx_bytes += bytes;
	}
	if (done == 0)
		return;
	tx->count -= done;
	memmove(tx->packet, tx->packet + done, tx->count * sizeof(tx->packet[0]));
}

void mw_io_send(struct mw_io_worker *w, uint8_t role, struct rte_mbuf *m)
{
	struct mw_io_tx *tx = &w->tx[role];

	if (unlikely(role >= MW_IO_ROLES || !tx->exists)) {
		w->counters.no_port++;
		mw_lane_count(w->lane, MW_REASON_NO_PORT, 1);
		rte_pktmbuf_free(m);
		return;
	}
	if (tx->count == MW_IO_TX_BACKLOG)
		flush(w, tx);
	if (tx->count == MW_IO_TX_BACKLOG) {
		w->counters.tx_full++;
		mw_lane_count(w->lane, MW_REASON_TX_FULL, 1);
		rte_pktmbuf_free(m);
		return;
	}
	tx->packet[tx->count++] = m;
	if (tx->count % MW_IO_BURST == 0)
		flush(w, tx);
}

void mw_io_worker_flush(struct mw_io_worker *w)
{
	for (int role = 0; role < MW_IO_ROLES; role++) {
		if (w->tx[role].count)
			flush(w, &w->tx[role]);
	}
}

void mw_io_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_io_worker *w = ctx;
	struct rte_mbuf *m;

	if ((unsigned)port >= MW_IO_ROLES || !w->tx[port].exists) {
		w->counters.no_port++;
		mw_lane_count(w->lane, MW_REASON_NO_PORT, 1);
		return;
	}
	if (len > w->shared->room) {
		w->counters.oversize++;
		mw_lane_count(w->lane, MW_REASON_OVERSIZE, 1);
		return;
	}
	m = rte_pktmbuf_alloc(w->shared->pool);
	if (!m) {
		w->counters.no_buffer++;
		mw_lane_count(w->lane, MW_REASON_NO_BUFFER, 1);
		return;
	}
	memcpy(rte_pktmbuf_mtod(m, void *), frame, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	w->counters.made++;
	mw_io_send(w, (uint8_t)port, m);
}
