/*
 * See fragments.h. A whole packet is laid out in a scratch of the lane (64 KiB, no buffer is as
 * long), decided there, and what the lane has left of it goes back into the buffers it came in:
 * what was not altered leaves bit for bit. A layer 2 header that the lane has exchanged is
 * exchanged in front of each fragment.
 */
#include "dataplane/io/fragments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/flow/fragments.h"

struct mw_io_fragments {
	struct mw_fragments *table;
	/* The whole begins behind the room in which a longer layer 2 header may take its place. */
	uint8_t room[MW_L2_MAX + MW_WHOLE_MAX];
};

static uint8_t *whole_of(const struct mw_io_worker *w)
{
	return w->fragments->room + MW_L2_MAX;
}

static size_t head_bytes(void)
{
	return RTE_ALIGN_CEIL(sizeof(struct mw_io_fragments), (size_t)64);
}

/* Each frame has one end, whatever became of the packet it was a piece of. */
static void leave(struct mw_io_worker *w, struct rte_mbuf *m, enum mw_reason reason, bool forward,
	uint8_t port)
{
	mw_lane_fragment(w->lane, reason, forward ? m->pkt_len : 0);
	if (forward) {
		mw_io_send(w, port, m);
	} else {
		w->counters.consumed++;
		rte_pktmbuf_free(m);
	}
}

static void release(void *ctx, void *handle, enum mw_reason reason)
{
	struct mw_io_worker *w = ctx;
	struct rte_mbuf *m = handle;
	uint8_t port = mw_lane_across(
		w->lane, (uint8_t)m->port, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);

	if (reason == MW_REASON_FRAGMENT && port == MW_PORT_COUNT)
		reason = MW_REASON_GATEWAY_STRAY;
	leave(w, m, reason, reason == MW_REASON_FRAGMENT, port);
}

static bool is_smtp(void *ctx, uint16_t sport, uint16_t dport)
{
	const struct mw_port_set *ports = ((const struct mw_io_worker *)ctx)->shared->smtp_ports;

	return mw_port_set_has(ports, sport) || mw_port_set_has(ports, dport);
}

static struct mw_fragments_config config_of(struct mw_io_worker *w, uint32_t buffers)
{
	return (struct mw_fragments_config){
		.packets = MW_IO_FRAGMENT_PACKETS,
		.pieces = buffers,
		.marks = MW_IO_FRAGMENT_MARKS,
		.ctx = w,
		.is_smtp = is_smtp,
		.release = release,
	};
}

size_t mw_io_fragments_bytes(uint32_t buffers)
{
	struct mw_fragments_config config = config_of(NULL, buffers);

	return head_bytes() + RTE_ALIGN_CEIL(mw_fragments_bytes(&config), (size_t)64);
}

int mw_io_fragments_make(struct mw_io_worker *w, uint32_t buffers)
{
	struct mw_fragments_config config = config_of(w, buffers);
	size_t bytes = mw_io_fragments_bytes(buffers);

	if (getrandom(&config.key, sizeof(config.key), 0) != (ssize_t)sizeof(config.key))
		return -EIO;
	w->fragments = aligned_alloc(64, bytes);
	if (!w->fragments)
		return -ENOMEM;
	memset(w->fragments, 0, bytes);
	w->fragments->table = mw_fragments_init((uint8_t *)w->fragments + head_bytes(), &config);
	return 0;
}

void mw_io_fragments_free(struct mw_io_worker *w)
{
	free(w->fragments);
	w->fragments = NULL;
}

/* The fragments of a chain, taken apart again: each a frame of its own, as it was received. */
static uint32_t unchain(struct rte_mbuf *chain, struct rte_mbuf **m)
{
	uint16_t port = (uint16_t)(chain->port & ~MW_IO_CHAIN);
	uint32_t n = 0;

	while (chain && n < MW_FRAGMENTS_PIECES) {
		m[n] = chain;
		chain = chain->next;
		m[n]->next = NULL;
		m[n]->nb_segs = 1;
		m[n]->pkt_len = m[n]->data_len;
		m[n]->port = port;
		n++;
	}
	return n;
}

static struct rte_mbuf *make_chain(void *const *handle, uint32_t n)
{
	struct rte_mbuf *chain = handle[0], *last = chain;

	for (uint32_t i = 1; i < n; i++) {
		struct rte_mbuf *m = handle[i];

		last->next = m;
		last = m;
		chain->pkt_len += m->data_len;
	}
	chain->nb_segs = (uint16_t)n;
	chain->port = (uint16_t)(chain->port | MW_IO_CHAIN);
	return chain;
}

/* Lays out the whole packet. Its length, and the fragments as they were parsed. */
static uint32_t lay_out(struct mw_io_worker *w, struct rte_mbuf *const *m, uint32_t n,
	struct mw_fragment *g, uint32_t *head)
{
	uint8_t *whole = whole_of(w);
	uint32_t total = 0, first = n;

	for (uint32_t i = 0; i < n; i++) {
		if (!mw_fragment_parse(rte_pktmbuf_mtod(m[i], uint8_t *), m[i]->data_len, &g[i]))
			return 0;
		if (g[i].offset == 0)
			first = i;
		total = RTE_MAX(total, g[i].offset + g[i].len);
	}
	if (first == n)
		return 0;
	*head = mw_fragment_head(rte_pktmbuf_mtod(m[first], uint8_t *), &g[first], total, whole);
	for (uint32_t i = 0; i < n; i++)
		memcpy(whole + *head + g[i].offset,
			rte_pktmbuf_mtod_offset(m[i], uint8_t *, g[i].data), g[i].len);
	return *head + total;
}

/* Puts `label` in place of the layer 2 header that a fragment came with. False: no room. */
static bool relabel(
	struct rte_mbuf *m, const struct mw_fragment *g, const uint8_t *label, uint8_t label_len)
{
	uint8_t *data;

	if (label_len > g->l3) {
		if (!rte_pktmbuf_prepend(m, (uint16_t)(label_len - g->l3)))
			return false;
	} else if (!rte_pktmbuf_adj(m, (uint16_t)(g->l3 - label_len))) {
		return false;
	}
	data = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(data, label, label_len);
	mw_layer2_fit(data, label_len, g->v6);
	return true;
}

/* The fragments follow their packet: what is left of it leaves in them. `head`: octets in front of
 * those that fragments carry, as the packet is now. */
static void follow(struct mw_io_worker *w, struct rte_mbuf **m, uint32_t n,
	const struct mw_fragment *g, uint32_t head, const struct mw_packet *packet)
{
	uint32_t total = packet->len > head ? packet->len - head : 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = 0;

		if (packet->forward)
			len = mw_fragment_put_back(rte_pktmbuf_mtod(m[i], uint8_t *),
				m[i]->data_len, &g[i], packet->data + head, total);
		if (len > 0 && len < m[i]->data_len)
			rte_pktmbuf_trim(m[i], (uint16_t)(m[i]->data_len - len));
		if (len > 0 && packet->relabelled > 0 &&
			!relabel(m[i], &g[i], packet->data, packet->relabelled)) {
			leave(w, m[i], MW_REASON_OVERSIZE, false, 0);
			continue;
		}
		leave(w, m[i], MW_REASON_FRAGMENT_JOINED, len > 0, packet->port_out);
	}
}

static void decide(struct mw_io_worker *w, struct rte_mbuf **m, uint32_t n, uint64_t now_ns)
{
	struct mw_fragment g[MW_FRAGMENTS_PIECES];
	struct mw_packet packet = {.data = whole_of(w), .headroom = MW_L2_MAX, .joined = true};
	uint32_t head = 0;

	packet.port_in = (uint8_t)m[0]->port;
	packet.len = packet.wire_len = lay_out(w, m, n, g, &head);
	if (packet.len > 0)
		mw_lane_packet(w->lane, now_ns, &packet);
	head -= (uint32_t)(packet.data - whole_of(w)); /* it may have moved either way */
	follow(w, m, n, g, head, &packet);
}

/* To the lane that owns the connection; false: that is this one. */
static bool hand_over(
	struct mw_io_worker *w, struct rte_mbuf *const *m, void *const *handle, uint32_t n)
{
	const struct mw_io_shared *s = w->shared;
	struct mw_fragment g[MW_FRAGMENTS_PIECES];
	struct rte_mbuf *chain;
	uint32_t head = 0, len;
	uint16_t owner;

	if (s->lanes == 1)
		return false;
	len = lay_out(w, m, n, g, &head);
	owner = mw_lane_owner(s->smtp_ports, s->key, whole_of(w), len, s->lanes);
	if (owner == MW_LANE_ANY || owner == w->index)
		return false;
	chain = make_chain(handle, n);
	if (rte_ring_sp_enqueue(w->to[owner], chain) == 0) {
		w->counters.handed_over++;
		mw_lane_count(w->lane, MW_REASON_HANDED_OVER, n);
		return true;
	}
	w->counters.ring_full += n;
	mw_lane_count(w->lane, MW_REASON_RING_FULL, n);
	rte_pktmbuf_free(chain);
	return true;
}

void mw_io_fragments_chain(struct mw_io_worker *w, struct rte_mbuf *chain, uint64_t now_ns)
{
	struct rte_mbuf *m[MW_FRAGMENTS_PIECES];

	decide(w, m, unchain(chain, m), now_ns);
}

void mw_io_fragment(struct mw_io_worker *w, struct rte_mbuf *m, uint64_t now_ns)
{
	struct mw_fragments_result result;
	struct rte_mbuf *all[MW_FRAGMENTS_PIECES];

	switch (mw_fragments_add(w->fragments->table, now_ns, (uint8_t)m->port,
		rte_pktmbuf_mtod(m, uint8_t *), m->data_len, m, &result)) {
	case MW_FRAGMENTS_KEEP:
		break;
	case MW_FRAGMENTS_PASS:
	case MW_FRAGMENTS_DROP:
		release(w, m, result.reason);
		break;
	case MW_FRAGMENTS_WHOLE:
		for (uint32_t i = 0; i < result.count; i++)
			all[i] = result.handle[i];
		if (!hand_over(w, all, result.handle, result.count))
			decide(w, all, result.count, now_ns);
		break;
	}
}

void mw_io_fragments_tick(struct mw_io_worker *w, uint64_t now_ns)
{
	mw_fragments_tick(w->fragments->table, now_ns);
}

void mw_io_fragments_end(struct mw_io_worker *w)
{
	mw_fragments_finish(w->fragments->table);
}
