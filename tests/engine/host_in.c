/* What a host makes of what comes, and does by itself as time goes by. */
#include "tests/engine/host.h"

#include <stdlib.h>

#include "dataplane/proto/checksum.h"

#define ACK_DELAY_NS (40 * MW_NS_PER_MS)

/* What both SYNs have agreed on. */
static void agree(struct net_peer *p, const uint8_t *frame, const struct mw_frame *f)
{
	uint8_t ecn = f->flags & (MW_TCP_ECE | MW_TCP_CWR);
	bool both = p->habits.scales && f->wscale >= 0;

	p->has_ts &= f->has_ts;
	p->ts_recent = f->tsval;
	p->ts_known = f->has_ts;
	p->shift = both ? p->habits.shift : 0;
	p->peer_shift = both ? (uint8_t)f->wscale : 0;
	p->sack_agreed = p->habits.sacks && header_permits_sack(frame, f);
	p->ecn_agreed = p->habits.ecn &&
			ecn == (p->end == NET_SERVER ? MW_TCP_ECE | MW_TCP_CWR : MW_TCP_ECE);
	p->peer_right = f->window;
}

static void handshake(struct net *net, struct net_peer *p, const struct mw_frame *f)
{
	if (p->end == NET_SERVER && (f->flags & MW_TCP_ACK) == 0) {
		p->peer_isn = f->seq;
		p->peer_known = true;
		host_send(net, p, 0, 0, MW_TCP_SYN | MW_TCP_ACK);
		p->repeat_ns = net->now_ns + p->rto_ns;
	} else if (p->end == NET_CLIENT && (f->flags & MW_TCP_ACK) != 0) {
		p->peer_isn = f->seq;
		p->peer_known = true;
		if (!p->open) {
			p->open = true;
			p->repeat_ns = 0;
		}
		host_send(net, p, p->nxt, 0, MW_TCP_ACK);
	}
}

/* But for PPPoE's length, which is another in each frame, and right. */
static bool same_l2(const uint8_t *expected, const uint8_t *frame, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		if (expected[i] != frame[i] && !(i + 4 >= len && i + 2 < len && len >= 22))
			return false;
	return true;
}

/* Its number is the one that is expected; one near it is asked about; others are nothing. */
static void judge_reset(struct net *net, struct net_peer *p, const struct mw_frame *f)
{
	uint32_t ahead = f->seq - p->peer_isn - 1 - p->in_len - p->fin_received;

	if (!p->peer_known)
		p->refused = p->end == NET_CLIENT && (f->flags & MW_TCP_ACK) != 0 &&
			     f->ack == p->isn + 1;
	else if (ahead == 0)
		p->refused = true;
	else if (ahead < WINDOW_PLAIN) { /* RFC 5961, 3.2 */
		net->challenges++;
		host_send(net, p, p->nxt, 0, MW_TCP_ACK);
	}
}

/* A host's first look at a segment. */
static bool is_for_it(struct net *net, struct net_peer *p, const struct mw_frame *f)
{
	if ((f->flags & MW_TCP_RST) != 0) {
		/* One who is done with it has closed, or waits for its last duplicates. */
		if (!p->refused && !(p->fin_received && p->fin_acked))
			judge_reset(net, p, f);
		return false;
	}
	if (p->refused) {
		if ((f->flags & MW_TCP_ACK) != 0)
			host_send_reset(net, p, f->ack);
		return false;
	}
	/* RFC 7323, 5.3: an old duplicate is acknowledged, and not looked at. */
	if (p->peer_known && p->has_ts && f->has_ts && p->ts_known &&
		(f->flags & MW_TCP_SYN) == 0 && (int32_t)(f->tsval - p->ts_recent) < 0) {
		net->too_old++;
		host_send(net, p, p->nxt, 0, MW_TCP_ACK);
		return false;
	}
	return true;
}

/* The window, timestamps, ECN and SACK of a segment that was accepted. */
static void note_headers(
	struct net *net, struct net_peer *p, const uint8_t *frame, const struct mw_frame *f)
{
	struct header_block block[HEADER_BLOCKS_MAX + 1];
	uint32_t right = f->ack - p->isn - 1 + ((uint32_t)f->window << p->peer_shift);
	uint32_t blocks = header_blocks(frame, f, block);

	if (p->has_ts && f->has_ts && f->seq - p->peer_isn - 1 <= p->ack_told)
		p->ts_recent = f->tsval;
	if (right > p->peer_right && right < NET_BUFFER + (65535u << 14))
		p->peer_right = right;
	if (p->ecn_agreed) {
		if ((f->flags & MW_TCP_CWR) != 0)
			p->ece_due = false;
		if (header_ecn(frame, f) == HEADER_CE)
			p->ece_due = true;
		if ((f->flags & MW_TCP_ECE) != 0)
			p->cwr_due = true;
	}
	if (blocks > HEADER_BLOCKS_MAX || (blocks > 0 && !p->sack_agreed))
		net_blame(net, "SACK that nobody has agreed on");
	for (uint32_t i = 0; i < blocks && i < HEADER_BLOCKS_MAX; i++)
		if (block[i].end - p->isn - 1 > p->nxt)
			net_blame(net, "SACK of what was never sent");
}

/* Octet `at` of what the other end sends: within the window, and what the other end wrote? */
static bool takes(struct net *net, struct net_peer *p, uint32_t at, uint8_t octet)
{
	const struct net_peer *other = &net->peer[!p->end];

	if (p->habits.buffer > 0 && at >= p->right_told)
		return false;
	if (p->end == NET_SERVER && (at >= other->out_len || other->out[at] != octet))
		net_blame(net, "an octet that the client has not written");
	if (at >= p->in_high)
		p->in_high = at + 1;
	return true;
}

/* RFC 5681, 4.2: in order, and nothing is missing behind it. */
static bool can_wait(const struct net_peer *p, const struct mw_frame *f, uint32_t before)
{
	return (f->flags & MW_TCP_FIN) == 0 && p->in_len > before && p->in_high == p->in_len;
}

static void await_ack(struct net *net, struct net_peer *p)
{
	if (p->ack_told == p->in_len) /* the application has answered it */
		return;
	if (++p->acks_waiting >= 2)
		host_send(net, p, p->nxt, 0, MW_TCP_ACK);
	else if (p->ack_due_ns == 0)
		p->ack_due_ns = net->now_ns + ACK_DELAY_NS;
}

void host_receive(struct net *net, struct net_peer *p, const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;
	uint32_t acked, offset, before;
	bool was_open = p->open;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP || !mw_checksum_tcp_good(frame, &f))
		abort();
	if (net->l2_expected_len[p->end] > 0 &&
		(f.l3 != net->l2_expected_len[p->end] ||
			!same_l2(net->l2_expected[p->end], frame, f.l3)))
		abort();
	if (p->end == NET_SERVER && (f.flags & MW_TCP_SYN) != 0)
		net->mss_seen = f.mss;
	if (net->strict && !is_for_it(net, p, &f))
		return;
	if ((f.flags & MW_TCP_RST) != 0) {
		p->refused = true;
		return;
	}
	if (net->strict && (f.flags & MW_TCP_SYN) != 0 && !p->peer_known)
		agree(p, frame, &f);
	if ((f.flags & MW_TCP_SYN) != 0) {
		handshake(net, p, &f);
		return;
	}
	if (!p->peer_known)
		return;
	acked = f.ack - (p->isn + 1);
	if (p->end == NET_SERVER && !p->open && acked < NET_BUFFER) {
		p->open = true;
		p->repeat_ns = 0;
	}
	if (acked == p->out_len + 1 && p->fin_wanted) {
		p->fin_acked = true;
		acked--;
	}
	if (acked <= p->nxt && acked > p->una) {
		p->una = acked;
		p->rto_ns = p->habits.hasty ? RTO_HASTY_NS : RTO_FIRST_NS;
		p->repeat_ns = 0;
	}
	if (p->fin_acked)
		p->repeat_ns = 0;
	if (net->strict)
		note_headers(net, p, frame, &f);
	offset = f.seq - (p->peer_isn + 1);
	for (uint32_t i = 0; i < f.payload_len; i++) {
		if (offset + i >= NET_BUFFER) /* old: before the window */
			continue;
		if (net->strict && !takes(net, p, offset + i, frame[f.payload + i]))
			continue;
		if (!p->in_have[offset + i]) { /* a receiver keeps what came first */
			p->in_have[offset + i] = true;
			p->in[offset + i] = frame[f.payload + i];
		}
	}
	before = p->in_len;
	while (p->in_have[p->in_len])
		p->in_len++;
	if (p->in_high < p->in_len)
		p->in_high = p->in_len;
	if (p->habits.pause_ms == 0)
		p->in_given = p->in_len;
	if (net->strict && p->fin_known && (f.flags & MW_TCP_FIN) != 0 &&
		offset + f.payload_len != p->fin_offset)
		net_blame(net, "two ends of one stream");
	if ((f.flags & MW_TCP_FIN) != 0) {
		if (!p->fin_known)
			p->fin_offset = offset + f.payload_len;
		p->fin_known = true;
	}
	if (p->fin_known && p->fin_offset == p->in_len)
		p->fin_received = true;
	if (net->on_data != NULL &&
		(p->in_len > p->in_read || !was_open || (net->strict && p->fin_received)))
		net->on_data(net->ctx, net, p->end);
	/* One that lies before the window is answered, too, empty or not (RFC 9293, 3.10.7.4). */
	if (f.payload_len > 0 && net->strict && p->habits.delays_ack && can_wait(p, &f, before))
		await_ack(net, p);
	else if (f.payload_len > 0 || (f.flags & MW_TCP_FIN) != 0 ||
		 (int32_t)(offset - p->in_len) < 0)
		host_send(net, p, p->nxt, 0, MW_TCP_ACK);
	host_pump(net, p, false);
}

void host_repeat(struct net *net, struct net_peer *p)
{
	if (p->repeat_ns == 0 || net->now_ns < p->repeat_ns || p->refused)
		return;
	p->rto_ns = p->rto_ns * 2 > 3 * MW_NS_PER_S ? 3 * MW_NS_PER_S : p->rto_ns * 2;
	p->repeat_ns = net->now_ns + p->rto_ns;
	if (!p->open)
		host_send(
			net, p, 0, 0, p->end == NET_CLIENT ? MW_TCP_SYN : MW_TCP_SYN | MW_TCP_ACK);
	else
		host_pump(net, p, true);
}

/* What a host does by itself, as time goes by. */
void host_tick(struct net *net, struct net_peer *p)
{
	uint32_t told = p->right_told;

	if (!p->open || p->refused)
		return;
	if (p->ack_due_ns != 0 && net->now_ns >= p->ack_due_ns)
		host_send(net, p, p->nxt, 0, MW_TCP_ACK);
	if (p->habits.reneges && p->in_high > p->in_len && net_random(net, 50) == 0) {
		memset(p->in_have + p->in_len, 0, p->in_high - p->in_len);
		p->in_high = p->in_len;
		net->reneged++;
	}
	if (p->habits.pause_ms == 0 || p->in_given == p->in_len || net->now_ns < p->read_ns)
		return;
	p->read_ns = net->now_ns + net_random(net, p->habits.pause_ms) * MW_NS_PER_MS;
	p->in_given += 1 + net_random(net, p->in_len - p->in_given);
	net->on_data(net->ctx, net, p->end);
	if (p->right_told == told && p->habits.buffer > 0) {
		host_window(p, false);
		if (p->right_told > told) /* the window opens: RFC 9293, 3.8.6.2.2 */
			host_send(net, p, p->nxt, 0, MW_TCP_ACK);
	}
}

bool host_done(const struct net_peer *p)
{
	return p->refused || (p->fin_received && p->fin_acked && p->in_given == p->in_len);
}
