#include "tests/engine/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/time.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/header.h"

#define RTO_FIRST_NS (200 * MW_NS_PER_MS)
#define RTO_HASTY_NS (15 * MW_NS_PER_MS)
#define ACK_DELAY_NS (40 * MW_NS_PER_MS)
#define ACK_REST_NS  (20 * MW_NS_PER_MS)
#define WINDOW_PLAIN 65000u
#define WINDOW	     30000u
#define POLL_NS	     (MW_NS_PER_MS)

struct net_flying {
	uint64_t at_ns;
	uint8_t where; /* 0 client, 1 lane from client, 2 lane from server, 3 server */
	uint32_t len;
	uint8_t frame[2048];
};

static struct {
	uint8_t out[NET_BUFFER], in[NET_BUFFER];
	bool in_have[NET_BUFFER];
} buffer[2];
static struct net_flying flying[NET_PACKETS];

uint32_t net_random(struct net *net, uint32_t below)
{
	net->seed = net->seed * 6364136223846793005ull + 1442695040888963407ull;
	return below == 0 ? 0 : (uint32_t)(net->seed >> 33) % below;
}

static void peer_init(struct net *net, enum net_end end, const char *ip, uint16_t port)
{
	struct net_peer *p = &net->peer[end];

	memset(p, 0, sizeof(*p));
	p->end = end;
	mw_ip_parse(ip, &p->ip);
	p->port = port;
	p->isn = (uint32_t)(0xffffff00u + net_random(net, 512)); /* wraps soon, now and then */
	/* Their own since the start of the program: a fresh megabyte a run is what such a test
	 * would spend its time on under a sanitizer. */
	p->out = memset(buffer[end].out, 0, NET_BUFFER);
	p->in = memset(buffer[end].in, 0, NET_BUFFER);
	p->in_have = memset(buffer[end].in_have, 0, NET_BUFFER);
	p->rto_ns = RTO_FIRST_NS;
	p->segment_max = 1 + net_random(net, 3) * 700;
	if (p->segment_max == 1)
		p->segment_max = 40 + net_random(net, 100);
	p->has_ts = net_random(net, 2) == 0;
}

void net_init(struct net *net, uint64_t seed, struct mw_lane *lane)
{
	memset(net, 0, sizeof(*net));
	net->seed = seed * 0x9e3779b97f4a7c15ull + 1;
	static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};

	net->lane = lane;
	net->far = MW_PORT_OUTSIDE;
	for (int end = 0; end < 2; end++) {
		memcpy(net->l2[end], l2, sizeof(l2));
		net->l2_len[end] = sizeof(l2);
	}
	net->now_ns = 1700000000ull * MW_NS_PER_S;
	peer_init(net, NET_CLIENT, "192.0.2.10", (uint16_t)(1024 + seed % 60000));
	peer_init(net, NET_SERVER, "198.51.100.25", 25);
	net->flying = flying;
}

/* MW_TEST_TRACE=1: what the lane did with each packet, for the seed that failed. */
static void trace(const struct net *net, const char *what, enum net_end from, const uint8_t *frame,
	uint32_t len, enum mw_reason reason)
{
	struct mw_frame f;

	if (getenv("MW_TEST_TRACE") == NULL || mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP)
		return;
	fprintf(stderr, "%7.3f s %s of the %s: octets %u..%u flags %02x %s |%.*s|\n",
		(double)(net->now_ns % (1000 * MW_NS_PER_S)) / 1e9, what,
		from == NET_CLIENT ? "client" : "server", f.seq - net->peer[from].isn - 1,
		f.seq - net->peer[from].isn - 1 + f.payload_len, f.flags, mw_reason_name(reason),
		f.payload_len > 40 ? 40 : (int)f.payload_len, (const char *)frame + f.payload);
}

/* A router on the way is short of room, and says so where it may. */
static void congest(struct net *net, uint8_t *frame, uint32_t len)
{
	struct mw_frame f;
	uint8_t ecn;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP)
		return;
	ecn = header_ecn(frame, &f);
	if ((ecn != HEADER_ECT0 && ecn != HEADER_ECT1) || net_random(net, 100) >= net->ce_percent)
		return;
	header_set_ecn(frame, &f, HEADER_CE);
	net->marked++;
}

static void launch(
	struct net *net, const uint8_t *frame, uint32_t len, uint8_t where, int way_index)
{
	const struct net_way *way = &net->way[way_index];
	int copies = 1 + (net_random(net, 100) < way->repeat_percent);

	for (int i = 0; i < copies; i++) {
		struct net_flying *f;

		if (net_random(net, 100) < way->loss_percent || net->flying_count == NET_PACKETS)
			continue;
		assert(len <= sizeof(f->frame));
		f = &net->flying[net->flying_count++];
		f->at_ns = net->now_ns + 100 * MW_NS_PER_US +
			   (uint64_t)net_random(net, way->delay_max_ms * 1000 + 1) * MW_NS_PER_US;
		f->where = where;
		f->len = len;
		memcpy(f->frame, frame, len);
		if (net->ce_percent > 0)
			congest(net, f->frame, len);
	}
}

static void blame(struct net *net, const char *what)
{
	if (net->broken == NULL)
		net->broken = what;
}

/* How far the client may send by what it has been told, counted from its first octet. */
static uint32_t edge_told(const struct net *net, const struct mw_frame *f)
{
	const struct net_peer *server = &net->peer[NET_SERVER];

	return f->ack - net->peer[NET_CLIENT].isn - 1 + ((uint32_t)f->window << server->shift);
}

/* What the server itself tells the client: the lane, in its place, may not fall behind it. */
static void note_told(struct net *net, const struct mw_frame *f)
{
	if ((f->flags & MW_TCP_RST) != 0 || (f->flags & MW_TCP_ACK) == 0)
		return;
	if (f->has_ts && (!net->ts_seen || (int32_t)(f->tsval - net->ts_told) > 0))
		net->ts_told = f->tsval;
	net->ts_seen |= f->has_ts;
	if ((f->flags & MW_TCP_SYN) != 0)
		return;
	if (!net->edge_known || (int32_t)(edge_told(net, f) - net->edge) > 0)
		net->edge = edge_told(net, f);
	net->edge_known = true;
}

/* A frame of the lane's own. */
static void judge_made(struct net *net, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP ||
		!mw_checksum_tcp_good(frame, &f)) {
		blame(net, "a frame that is none");
		return;
	}
	if (header_ecn(frame, &f) != 0 || (f.flags & (MW_TCP_ECE | MW_TCP_CWR)) != 0)
		blame(net, "a packet of the lane's takes part in ECN");
	if (port != MW_PORT_INSIDE || (f.flags & (MW_TCP_RST | MW_TCP_SYN)) != 0)
		return;
	if ((f.flags & MW_TCP_ACK) == 0)
		blame(net, "no acknowledgement in a reply of the lane's");
	if (f.window == 0)
		blame(net, "the window is closed in a reply of the lane's");
	if (net->edge_known && (int32_t)(edge_told(net, &f) - net->edge) < 0)
		blame(net, "the window's right edge has moved back");
	if (net->ts_seen && (!f.has_ts || (int32_t)(f.tsval - net->ts_told) < 0))
		blame(net, "the server's timestamps have gone back");
}

/* A packet that goes on: of its headers nothing is the lane's to change, but what cutting it takes.
 */
static void judge_forwarded(
	struct net *net, const struct net_flying *before, const struct mw_packet *packet)
{
	const uint8_t cut = MW_TCP_FIN | MW_TCP_PSH | MW_TCP_URG;
	struct mw_frame a, b;

	if (mw_frame_parse(before->frame, before->len, before->len, &a) != MW_FRAME_TCP ||
		mw_frame_parse(packet->data, packet->len, packet->len, &b) != MW_FRAME_TCP ||
		!mw_checksum_tcp_good(packet->data, &b)) {
		blame(net, "a packet was spoilt");
		return;
	}
	if (before->where == 2)
		note_told(net, &b);
	if ((a.flags & MW_TCP_RST) != 0) /* written anew, so that it is heard */
		return;
	if (header_ecn(before->frame, &a) != header_ecn(packet->data, &b))
		blame(net, "the ECN field was changed");
	if ((a.flags & (uint8_t)~cut) != (b.flags & (uint8_t)~cut) ||
		(b.flags & (uint8_t)~a.flags) != 0)
		blame(net, "flags were changed");
	if (a.ack != b.ack || a.window != b.window || a.payload != b.payload ||
		memcmp(before->frame + a.l4 + 20, packet->data + b.l4 + 20,
			a.payload - a.l4 - 20u) != 0)
		blame(net, "acknowledgement, window or options were changed");
	if (a.payload_len < b.payload_len ||
		((b.flags & MW_TCP_FIN) != 0 && a.seq + a.payload_len != b.seq + b.payload_len))
		blame(net, "a FIN has moved");
}

void net_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct net *net = ctx;

	net->made++;
	if (net->strict)
		judge_made(net, port, frame, len);
	trace(net, "made", port != MW_PORT_INSIDE ? NET_CLIENT : NET_SERVER, frame, len,
		MW_REASON_NONE);
	if (port == MW_PORT_INSIDE)
		launch(net, frame, len, 0, 0);
	else if (port == net->far)
		launch(net, frame, len, 3, 1);
	else
		net->strays++;
}

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
	launch(net, frame, len, 1, 0);
}

/* --- what a host with habits says in its headers --- */

/* The window it announces, as in the header; the edge that was told stays told. */
static uint16_t window_of(struct net_peer *p, bool syn)
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

static void send_segment(
	struct net *net, struct net_peer *p, uint32_t offset, uint32_t len, uint8_t flags)
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
		s.window = window_of(p, syn);
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
	launch(net, frame, size, p->end == NET_CLIENT ? 1 : 2, p->end == NET_CLIENT ? 0 : 1);
	if (p->end == NET_CLIENT && len > 0 && net_random(net, 100) < net->liar_percent)
		lie(net, &s, mw_span_of(p->out + offset, len));
}

/* One who knows no connection (any more) answers so (RFC 9293, 3.10.7.1). */
static void send_reset(struct net *net, struct net_peer *p, uint32_t seq)
{
	send_segment(net, p, seq - p->isn - 1, 0, MW_TCP_RST);
}

/* The other end takes nothing: does it still not? (RFC 9293, 3.8.6.1) */
static void probe(struct net *net, struct net_peer *p)
{
	net->probes++;
	if (p->habits.probes_empty && p->una > 0) {
		send_segment(net, p, p->una - 1, 0, MW_TCP_ACK);
		return;
	}
	send_segment(net, p, p->una, 1, MW_TCP_ACK);
	if (p->nxt == p->una)
		p->nxt++;
}

/* Sends what the window allows, `again`: from the oldest unacknowledged octet on; cut elsewhere
 * each time. */
static void pump(struct net *net, struct net_peer *p, bool again)
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
		send_segment(net, p, from, len,
			MW_TCP_ACK | MW_TCP_PSH |
				(p->fin_wanted && from + len == p->out_len ? MW_TCP_FIN : 0));
		from += len;
	}
	if (from > p->nxt)
		p->nxt = from;
	if (p->fin_wanted && p->una == p->out_len && !p->fin_acked && (again || !p->fin_sent)) {
		send_segment(net, p, p->out_len, 0, MW_TCP_ACK | MW_TCP_FIN);
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
	pump(net, p, false);
}

void net_close(struct net *net, enum net_end end)
{
	net->peer[end].fin_wanted = true;
	pump(net, &net->peer[end], false);
}

void net_cork(struct net *net, enum net_end end, bool on)
{
	net->peer[end].corked = on;
	pump(net, &net->peer[end], false);
}

void net_abort(struct net *net, enum net_end end)
{
	struct net_peer *p = &net->peer[end];

	send_segment(net, p, p->nxt, 0, MW_TCP_RST | MW_TCP_ACK);
	p->gone = p->refused = true;
}

void net_connect(struct net *net)
{
	struct net_peer *p = &net->peer[NET_CLIENT];

	send_segment(net, p, 0, 0, MW_TCP_SYN);
	p->repeat_ns = net->now_ns + p->rto_ns;
}

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
		send_segment(net, p, 0, 0, MW_TCP_SYN | MW_TCP_ACK);
		p->repeat_ns = net->now_ns + p->rto_ns;
	} else if (p->end == NET_CLIENT && (f->flags & MW_TCP_ACK) != 0) {
		p->peer_isn = f->seq;
		p->peer_known = true;
		if (!p->open) {
			p->open = true;
			p->repeat_ns = 0;
		}
		send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
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
		send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
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
			send_reset(net, p, f->ack);
		return false;
	}
	/* RFC 7323, 5.3: an old duplicate is acknowledged, and not looked at. */
	if (p->peer_known && p->has_ts && f->has_ts && p->ts_known &&
		(f->flags & MW_TCP_SYN) == 0 && (int32_t)(f->tsval - p->ts_recent) < 0) {
		net->too_old++;
		send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
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
		blame(net, "SACK that nobody has agreed on");
	for (uint32_t i = 0; i < blocks && i < HEADER_BLOCKS_MAX; i++)
		if (block[i].end - p->isn - 1 > p->nxt)
			blame(net, "SACK of what was never sent");
}

/* Octet `at` of what the other end sends: within the window, and what the other end wrote? */
static bool takes(struct net *net, struct net_peer *p, uint32_t at, uint8_t octet)
{
	const struct net_peer *other = &net->peer[!p->end];

	if (p->habits.buffer > 0 && at >= p->right_told)
		return false;
	if (p->end == NET_SERVER && (at >= other->out_len || other->out[at] != octet))
		blame(net, "an octet that the client has not written");
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
		send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
	else if (p->ack_due_ns == 0)
		p->ack_due_ns = net->now_ns + ACK_DELAY_NS;
}

static void receive(struct net *net, struct net_peer *p, const uint8_t *frame, uint32_t len)
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
		blame(net, "two ends of one stream");
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
		send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
	pump(net, p, false);
}

static void at_lane(struct net *net, struct net_flying *f)
{
	static uint8_t buffer_of_rim[128 + sizeof(f->frame)];
	struct mw_packet packet = {
		.data = memcpy(buffer_of_rim + 128, f->frame, f->len),
		.len = f->len,
		.headroom = 128,
		.wire_len = f->len,
		.port_in = f->where == 1 ? MW_PORT_INSIDE : (uint8_t)net->far,
	};

	net->in++;
	if (net->on_packet != NULL)
		net->on_packet(&packet, net->now_ns);
	mw_lane_packet(net->lane, net->now_ns, &packet);
	trace(net, packet.forward ? "forwarded" : "dropped",
		f->where == 1 ? NET_CLIENT : NET_SERVER, packet.data, packet.len, packet.reason);
	if (!packet.forward) {
		net->dropped++;
		return;
	}
	if (net->strict)
		judge_forwarded(net, f, &packet);
	net->forwarded++;
	if (packet.port_out != (f->where == 1 ? net->far : MW_PORT_INSIDE))
		net->strays++;
	else
		launch(net, packet.data, packet.len, f->where == 1 ? 3 : 0, f->where == 1 ? 1 : 0);
}

static void deliver(struct net *net, uint32_t index)
{
	struct net_flying f = net->flying[index];

	net->flying[index] = net->flying[--net->flying_count];
	switch (f.where) {
	case 0:
	case 3:
		receive(net, &net->peer[f.where == 0 ? NET_CLIENT : NET_SERVER], f.frame, f.len);
		break;
	default:
		at_lane(net, &f);
		break;
	}
}

static void repeat(struct net *net, struct net_peer *p)
{
	if (p->repeat_ns == 0 || net->now_ns < p->repeat_ns || p->refused)
		return;
	p->rto_ns = p->rto_ns * 2 > 3 * MW_NS_PER_S ? 3 * MW_NS_PER_S : p->rto_ns * 2;
	p->repeat_ns = net->now_ns + p->rto_ns;
	if (!p->open)
		send_segment(
			net, p, 0, 0, p->end == NET_CLIENT ? MW_TCP_SYN : MW_TCP_SYN | MW_TCP_ACK);
	else
		pump(net, p, true);
}

/* What a host does by itself, as time goes by. */
static void tick(struct net *net, struct net_peer *p)
{
	uint32_t told = p->right_told;

	if (!p->open || p->refused)
		return;
	if (p->ack_due_ns != 0 && net->now_ns >= p->ack_due_ns)
		send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
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
		window_of(p, false);
		if (p->right_told > told) /* the window opens: RFC 9293, 3.8.6.2.2 */
			send_segment(net, p, p->nxt, 0, MW_TCP_ACK);
	}
}

static bool done(const struct net_peer *p)
{
	return p->refused || (p->fin_received && p->fin_acked && p->in_given == p->in_len);
}

bool net_run(struct net *net, uint64_t until_ns)
{
	while (net->now_ns < until_ns && !(done(&net->peer[0]) && done(&net->peer[1]))) {
		bool moved = true;

		if (net->on_tick != NULL)
			net->on_tick(net->ctx, net);
		while (moved) {
			moved = false;
			for (uint32_t i = 0; i < net->flying_count; i++) {
				uint32_t first = i;

				if (net->flying[i].at_ns > net->now_ns)
					continue;
				for (uint32_t k = i; k < net->flying_count; k++)
					if (net->flying[k].at_ns < net->flying[first].at_ns)
						first = k;
				deliver(net, first);
				moved = true;
				break;
			}
		}
		repeat(net, &net->peer[NET_CLIENT]);
		repeat(net, &net->peer[NET_SERVER]);
		if (net->strict) {
			tick(net, &net->peer[NET_CLIENT]);
			tick(net, &net->peer[NET_SERVER]);
		}
		if (net->lane != NULL &&
			(net->poll_ms == 0 || (net->now_ns / MW_NS_PER_MS) % net->poll_ms == 0)) {
			mw_lane_poll(net->lane, net->now_ns);
			net->polls++;
		}
		net->now_ns += POLL_NS;
	}
	return done(&net->peer[0]) && done(&net->peer[1]);
}

static bool seldom(struct net *net)
{
	return net_random(net, 6) == 0;
}

void net_enrich(struct net *net)
{
	static const uint32_t buffers[] = {600, 1500, 3000, 16000, 60000, 200000};
	bool ts = net_random(net, 2) == 0, sacks = net_random(net, 3) == 0;
	bool scales = net_random(net, 3) == 0, ecn = seldom(net);

	net->strict = true;
	for (int end = 0; end < 2; end++) {
		struct net_peer *p = &net->peer[end];
		struct net_habits *h = &p->habits;

		p->has_ts = ts;
		h->scales = scales != seldom(net); /* both, or one alone */
		h->shift = (uint8_t)net_random(net, 15);
		if (seldom(net))
			h->buffer = buffers[net_random(net, sizeof(buffers) / sizeof(buffers[0]))];
		if (h->buffer > 0 ? net_random(net, 2) == 0 : seldom(net))
			h->pause_ms = 1 + net_random(net, net_random(net, 3) == 0 ? 1500 : 30);
		h->delays_ack = seldom(net);
		h->acks_in_part = seldom(net);
		h->sacks = sacks != seldom(net);
		h->reneges = h->sacks && seldom(net);
		h->ecn = ecn != (net_random(net, 12) == 0);
		h->probes_empty = net_random(net, 2) == 0;
		h->hasty = seldom(net);
		if (h->hasty)
			p->rto_ns = RTO_HASTY_NS;
		if (h->buffer > 0 && h->buffer >> h->shift == 0)
			h->shift = 3;
	}
	if (seldom(net)) { /* one of them is so slow that its window closes */
		struct net_habits *h = &net->peer[net_random(net, 2)].habits;

		h->buffer = buffers[net_random(net, 3)];
		h->pause_ms = 1500;
		h->shift = 0;
	}
	net->ce_percent = ecn ? 10 : 0;
	net->poll_ms = seldom(net) ? 1 + net_random(net, 100) : 0;
}

void net_describe(const struct net *net, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size, "polled each %u ms; ", net->poll_ms);

	for (int end = 0; end < 2 && at < size; end++) {
		const struct net_peer *p = &net->peer[end];
		const struct net_habits *h = &p->habits;

		at += (size_t)snprintf(out + at, size - at, "%s: segments to %u%s%s",
			end == NET_CLIENT ? "client" : "; server", p->segment_max,
			p->has_ts ? ", timestamps" : "", h->sacks ? ", SACK" : "");
		if (at < size && h->scales)
			at += (size_t)snprintf(out + at, size - at, ", scale %u", h->shift);
		if (at < size && h->buffer > 0)
			at += (size_t)snprintf(out + at, size - at, ", buffer %u", h->buffer);
		if (at < size && h->pause_ms > 0)
			at += (size_t)snprintf(
				out + at, size - at, ", pauses to %u ms", h->pause_ms);
		if (at < size)
			at += (size_t)snprintf(out + at, size - at, "%s%s%s%s%s",
				h->delays_ack ? ", delayed ACK" : "",
				h->acks_in_part ? ", partial ACK" : "",
				h->reneges ? ", reneges" : "", h->ecn ? ", ECN" : "",
				h->hasty ? ", hasty" : "");
	}
}
