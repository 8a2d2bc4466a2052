#include "tests/engine/net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/time.h"
#include "dataplane/proto/checksum.h"

#define RTO_FIRST_NS (200 * MW_NS_PER_MS)
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
	}
}

void net_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct net *net = ctx;

	net->made++;
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

static void send_segment(
	struct net *net, struct net_peer *p, uint32_t offset, uint32_t len, uint8_t flags)
{
	struct net_peer *other = &net->peer[!p->end];
	struct mw_segment s = {
		.ttl = 64,
		.src = p->ip,
		.dst = other->ip,
		.sport = p->port,
		.dport = other->port,
		.flags = flags,
		.window = 65000,
		.has_ts = p->has_ts,
		.tsval = (uint32_t)(net->now_ns / MW_NS_PER_MS),
		.mss = (flags & MW_TCP_SYN) != 0 ? 1460 : 0,
	};
	uint8_t frame[2048];
	uint32_t size;

	s.v6 = !mw_ip_is_v4(&p->ip);
	memcpy(s.l2, net->l2[p->end], net->l2_len[p->end]);
	s.l2_len = (uint8_t)net->l2_len[p->end];
	s.seq = (flags & MW_TCP_SYN) != 0 ? p->isn : p->isn + 1 + offset;
	s.ack = p->peer_isn + 1 + p->in_len + (p->fin_received ? 1 : 0);
	size = mw_segment_write(&s, mw_span_of(p->out + offset, len), frame, sizeof(frame));
	launch(net, frame, size, p->end == NET_CLIENT ? 1 : 2, p->end == NET_CLIENT ? 0 : 1);
	if (p->end == NET_CLIENT && len > 0 && net_random(net, 100) < net->liar_percent)
		lie(net, &s, mw_span_of(p->out + offset, len));
}

/* Sends what the window allows, `again`: from the oldest unacknowledged octet on; cut elsewhere
 * each time. */
static void pump(struct net *net, struct net_peer *p, bool again)
{
	uint32_t from = again ? p->una : p->nxt;
	uint32_t limit = p->una + WINDOW < p->out_len ? p->una + WINDOW : p->out_len;

	if (!p->open)
		return;
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

void net_connect(struct net *net)
{
	struct net_peer *p = &net->peer[NET_CLIENT];

	send_segment(net, p, 0, 0, MW_TCP_SYN);
	p->repeat_ns = net->now_ns + p->rto_ns;
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

static void receive(struct net *net, struct net_peer *p, const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;
	uint32_t acked, offset;
	bool was_open = p->open;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP || !mw_checksum_tcp_good(frame, &f))
		abort();
	if (net->l2_expected_len[p->end] > 0 &&
		(f.l3 != net->l2_expected_len[p->end] ||
			!same_l2(net->l2_expected[p->end], frame, f.l3)))
		abort();
	if (p->end == NET_SERVER && (f.flags & MW_TCP_SYN) != 0)
		net->mss_seen = f.mss;
	if ((f.flags & MW_TCP_RST) != 0) {
		p->refused = true;
		return;
	}
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
		p->rto_ns = RTO_FIRST_NS;
		p->repeat_ns = 0;
	}
	if (p->fin_acked)
		p->repeat_ns = 0;
	offset = f.seq - (p->peer_isn + 1);
	for (uint32_t i = 0; i < f.payload_len; i++) {
		if (offset + i >= NET_BUFFER) /* old: before the window */
			continue;
		if (!p->in_have[offset + i]) { /* a receiver keeps what came first */
			p->in_have[offset + i] = true;
			p->in[offset + i] = frame[f.payload + i];
		}
	}
	while (p->in_have[p->in_len])
		p->in_len++;
	if ((f.flags & MW_TCP_FIN) != 0) {
		if (!p->fin_known)
			p->fin_offset = offset + f.payload_len;
		p->fin_known = true;
	}
	if (p->fin_known && p->fin_offset == p->in_len)
		p->fin_received = true;
	if (net->on_data != NULL && (p->in_len > p->in_read || !was_open))
		net->on_data(net->ctx, net, p->end);
	/* One that lies before the window is answered, too, empty or not (RFC 9293, 3.10.7.4). */
	if (f.payload_len > 0 || (f.flags & MW_TCP_FIN) != 0 || (int32_t)(offset - p->in_len) < 0)
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

static bool done(const struct net_peer *p)
{
	return p->refused || (p->fin_received && p->fin_acked);
}

bool net_run(struct net *net, uint64_t until_ns)
{
	while (net->now_ns < until_ns && !(done(&net->peer[0]) && done(&net->peer[1]))) {
		bool moved = true;

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
		if (net->lane != NULL) {
			mw_lane_poll(net->lane, net->now_ns);
			net->polls++;
		}
		net->now_ns += POLL_NS;
	}
	return done(&net->peer[0]) && done(&net->peer[1]);
}
