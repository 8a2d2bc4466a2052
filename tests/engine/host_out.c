/* What a host sends: segments cut anew each time, with what its habits put into the headers. */
#include "tests/engine/host.h"

#include <assert.h>

#define ACK_REST_NS (20 * MW_NS_PER_MS)
#define WINDOW	    30000u /* of octets under way, whatever the other end takes */

/* The same segment once more, or one that overlaps it: other octets, ends of messages among them.
 */
static void lie(struct net *net, struct mw_segment *s, struct mw_span truth)
{
	static const char *const tricks[] = {"\r\n.\r\n", ".\r\n", "\n.\n", "\r\nQUIT\r\n",
		"BDAT 5 LAST\r\n", "\r\nRSET\r\n", "DATA\r\n", "\n", "."};
	const char *trick = tricks[net_random(net, sizeof(tricks) / sizeof(tricks[0]))];
	uint8_t payload[1600], frame[2048];
	uint32_t len = (uint32_t)truth.len, at;

	memcpy(payload, truth.data, truth.len);
	switch (net_random(net, 4)) {
	case 0: /* a trick somewhere in it */
		at = net_random(net, len);
		for (uint32_t i = 0; trick[i] != 0 && at + i < len; i++)
			payload[at + i] = (uint8_t)trick[i];
		break;
	case 1: /* one octet differs */
		payload[net_random(net, len)] ^= 0x20;
		break;
	case 2: /* from a little earlier or later on */
		s->seq += net_random(net, 41) - 20;
		break;
	default: /* beyond what was sent so far */
		s->seq += net_random(net, 3000);
		at = net_random(net, len);
		for (uint32_t i = 0; trick[i] != 0 && at + i < len; i++)
			payload[at + i] = (uint8_t)trick[i];
		break;
	}
	if (net_random(net, 20) == 0)
		s->flags |= MW_TCP_FIN;
	if (net_random(net, 60) == 0)
		s->flags |= MW_TCP_URG;
	len = mw_segment_write(s, mw_span_of(payload, len), frame, sizeof(frame));
	net_launch(net, frame, len, WHERE_LANE_INSIDE, 0);
}

/* The window it announces, as in the header; the edge that was told stays told. */
uint16_t host_window(struct net_peer *p, bool syn)
{
	uint32_t shift = syn ? 0 : p->shift, room, edge, field;
	uint32_t least = p->segment_max;

	if (p->habits.buffer == 0)
		return WINDOW_PLAIN;
	room = p->habits.buffer - (p->in_len - p->in_given);
	if (least > p->habits.buffer / 2)
		least = p->habits.buffer / 2;
	if (room < least) /* no silly windows: RFC 9293, 3.8.6.2.2 */
		room = 0;
	edge = p->in_len + room > p->right_told ? p->in_len + room : p->right_told;
	field = (edge - p->ack_told) >> shift;
	if ((field << shift) + p->ack_told < p->right_told)
		field++;
	if (field > UINT16_MAX)
		field = UINT16_MAX;
	if (p->ack_told + (field << shift) > p->right_told)
		p->right_told = p->ack_told + (field << shift);
	return (uint16_t)field;
}

/* What came behind a hole. */
static uint32_t blocks_of(const struct net_peer *p, struct header_block *block)
{
	uint32_t blocks = 0, at = p->in_len;

	while (blocks < HEADER_BLOCKS_MAX && at < p->in_high) {
		uint32_t start;

		while (at < p->in_high && !p->in_have[at])
			at++;
		start = at;
		while (at < p->in_high && p->in_have[at])
			at++;
		if (at > start)
			block[blocks++] = (struct header_block){
				p->peer_isn + 1 + start, p->peer_isn + 1 + at};
	}
	return blocks;
}

static struct header_options options_of(
	const struct net_peer *p, const struct net_peer *other, uint8_t flags)
{
	struct header_options o = {.len = 0};
	struct header_block block[HEADER_BLOCKS_MAX];

	if ((flags & MW_TCP_SYN) != 0) {
		bool answers = (flags & MW_TCP_ACK) != 0;

		if (p->habits.scales && (!answers || other->habits.scales))
			header_window_scale(&o, p->habits.shift);
		if (p->habits.sacks && (!answers || other->habits.sacks))
			header_sack_permitted(&o);
	} else if (p->sack_agreed && (flags & MW_TCP_RST) == 0) {
		header_sack(&o, block, blocks_of(p, block));
	}
	return o;
}

static uint8_t ecn_flags(
	struct net_peer *p, const struct net_peer *other, uint8_t flags, bool fresh)
{
	if ((flags & MW_TCP_RST) != 0)
		return 0;
	if ((flags & MW_TCP_SYN) != 0 && (flags & MW_TCP_ACK) != 0)
		return p->habits.ecn && other->habits.ecn ? MW_TCP_ECE : 0;
	if ((flags & MW_TCP_SYN) != 0)
		return p->habits.ecn ? MW_TCP_ECE | MW_TCP_CWR : 0;
	flags = p->ece_due ? MW_TCP_ECE : 0;
	if (fresh && p->cwr_due) {
		flags |= MW_TCP_CWR;
		p->cwr_due = false;
	}
	return flags;
}

/* How much of what came is acknowledged now. */
static uint32_t acknowledged(struct net *net, struct net_peer *p)
{
	uint32_t told = p->in_len;

	p->acks_waiting = 0;
	p->ack_due_ns = 0;
	if (p->habits.acks_in_part && p->in_len > p->ack_told + 1 && net_random(net, 8) == 0) {
		told = p->ack_told + 1 + net_random(net, p->in_len - p->ack_told - 1);
		p->ack_due_ns = net->now_ns + ACK_REST_NS;
	}
	p->ack_told = told;
	return told;
}

void host_send(struct net *net, struct net_peer *p, uint32_t offset, uint32_t len, uint8_t flags)
{
	struct net_peer *other = &net->peer[!p->end];
	bool syn = (flags & MW_TCP_SYN) != 0, fresh = len > 0 && offset == p->nxt;
	struct mw_segment s = {
		.ttl = 64,
		.src = p->ip,
		.dst = other->ip,
		.sport = p->port,
		.dport = other->port,
		.flags = flags,
		.window = WINDOW_PLAIN,
		.has_ts = p->has_ts,
		.tsval = (uint32_t)(net->now_ns / MW_NS_PER_MS),
		.mss = syn ? 1460 : 0,
	};
	uint8_t frame[2048];
	uint32_t size;

	s.v6 = !mw_ip_is_v4(&p->ip);
	memcpy(s.l2, net->l2[p->end], net->l2_len[p->end]);
	s.l2_len = (uint8_t)net->l2_len[p->end];
	s.seq = syn ? p->isn : p->isn + 1 + offset;
	s.ack = p->peer_isn + 1 + (net->strict ? acknowledged(net, p) : p->in_len) +
		(p->fin_received && (!net->strict || p->ack_told == p->in_len) ? 1 : 0);
	if (net->strict) {
		s.tsecr = p->ts_recent;
		s.window = host_window(p, syn);
		s.flags |= ecn_flags(p, other, flags, fresh);
	}
	size = mw_segment_write(
		&s, mw_span_of(len > 0 ? p->out + offset : NULL, len), frame, sizeof(frame));
	if (net->strict) {
		struct header_options o = options_of(p, other, flags);
		struct mw_frame f;

		size = header_add(frame, size, sizeof(frame), &o);
		mw_frame_parse(frame, size, size, &f);
		if (p->ecn_agreed &&
			fresh) /* not on repeats, nor on what is empty: RFC 3168, 6.1.4 */
			header_set_ecn(frame, &f, HEADER_ECT0);
	}
	net_launch(net, frame, size, p->end == NET_CLIENT ? WHERE_LANE_INSIDE : WHERE_LANE_OUTSIDE,
		p->end == NET_CLIENT ? 0 : 1);
	if (p->end == NET_CLIENT && len > 0 && net_random(net, 100) < net->liar_percent)
		lie(net, &s, mw_span_of(p->out + offset, len));
}

/* One who knows no connection (any more) answers so (RFC 9293, 3.10.7.1). */
void host_send_reset(struct net *net, struct net_peer *p, uint32_t seq)
{
	host_send(net, p, seq - p->isn - 1, 0, MW_TCP_RST);
}

/* The other end takes nothing: does it still not? (RFC 9293, 3.8.6.1) */
static void probe(struct net *net, struct net_peer *p)
{
	net->probes++;
	if (p->habits.probes_empty && p->una > 0) {
		host_send(net, p, p->una - 1, 0, MW_TCP_ACK);
		return;
	}
	host_send(net, p, p->una, 1, MW_TCP_ACK);
	if (p->nxt == p->una)
		p->nxt++;
}

/* Sends what the window allows, `again`: from the oldest unacknowledged octet on; cut elsewhere
 * each time. */
void host_pump(struct net *net, struct net_peer *p, bool again)
{
	uint32_t from = again ? p->una : p->nxt;
	uint32_t limit = p->una + WINDOW < p->out_len ? p->una + WINDOW : p->out_len;

	if (!p->open || p->corked || p->gone)
		return;
	if (net->strict && limit > p->peer_right)
		limit = p->peer_right;
	if (net->strict && again && limit <= p->una && p->una < p->out_len)
		probe(net, p);
	while (from < limit) {
		uint32_t len = 1 + net_random(net, p->segment_max);

		if (len > limit - from)
			len = limit - from;
		host_send(net, p, from, len,
			MW_TCP_ACK | MW_TCP_PSH |
				(p->fin_wanted && from + len == p->out_len ? MW_TCP_FIN : 0));
		from += len;
	}
	if (from > p->nxt)
		p->nxt = from;
	if (p->fin_wanted && p->una == p->out_len && !p->fin_acked && (again || !p->fin_sent)) {
		host_send(net, p, p->out_len, 0, MW_TCP_ACK | MW_TCP_FIN);
		p->fin_sent = true;
	}
	if (p->repeat_ns == 0 && (p->una < p->out_len || (p->fin_wanted && !p->fin_acked)))
		p->repeat_ns = net->now_ns + p->rto_ns;
}

void net_write(struct net *net, enum net_end end, const void *data, size_t len)
{
	struct net_peer *p = &net->peer[end];

	assert(p->out_len + len < NET_BUFFER);
	memcpy(p->out + p->out_len, data, len);
	p->out_len += (uint32_t)len;
	host_pump(net, p, false);
}

void net_close(struct net *net, enum net_end end)
{
	net->peer[end].fin_wanted = true;
	host_pump(net, &net->peer[end], false);
}

void net_cork(struct net *net, enum net_end end, bool on)
{
	net->peer[end].corked = on;
	host_pump(net, &net->peer[end], false);
}

void net_abort(struct net *net, enum net_end end)
{
	struct net_peer *p = &net->peer[end];

	host_send(net, p, p->nxt, 0, MW_TCP_RST | MW_TCP_ACK);
	p->gone = p->refused = true;
}

void net_connect(struct net *net)
{
	struct net_peer *p = &net->peer[NET_CLIENT];

	host_send(net, p, 0, 0, MW_TCP_SYN);
	p->repeat_ns = net->now_ns + p->rto_ns;
}
