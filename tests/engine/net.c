#include "tests/engine/host.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/proto/checksum.h"

#define POLL_NS (MW_NS_PER_MS)

struct net_flying {
	uint64_t at_ns;
	uint8_t where; /* enum net_where */
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

static void host_init(struct net *net, enum net_end end, const char *ip, uint16_t port)
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
	host_init(net, NET_CLIENT, "192.0.2.10", (uint16_t)(1024 + seed % 60000));
	host_init(net, NET_SERVER, "198.51.100.25", 25);
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

void net_launch(struct net *net, const uint8_t *frame, uint32_t len, uint8_t where, int way_index)
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

void net_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct net *net = ctx;

	net->made++;
	if (net->strict)
		net_judge_made(net, port, frame, len);
	trace(net, "made", port != MW_PORT_INSIDE ? NET_CLIENT : NET_SERVER, frame, len,
		MW_REASON_NONE);
	if (port == MW_PORT_INSIDE)
		net_launch(net, frame, len, WHERE_CLIENT, 0);
	else if (port == net->far)
		net_launch(net, frame, len, WHERE_SERVER, 1);
	else
		net->strays++;
}

static void at_lane(struct net *net, struct net_flying *f)
{
	static uint8_t buffer_of_rim[128 + sizeof(f->frame)];
	struct mw_packet packet = {
		.data = memcpy(buffer_of_rim + 128, f->frame, f->len),
		.len = f->len,
		.headroom = 128,
		.wire_len = f->len,
		.port_in = f->where == WHERE_LANE_INSIDE ? MW_PORT_INSIDE : (uint8_t)net->far,
	};

	net->in++;
	if (net->on_packet != NULL)
		net->on_packet(&packet, net->now_ns);
	mw_lane_packet(net->lane, net->now_ns, &packet);
	trace(net, packet.forward ? "forwarded" : "dropped",
		f->where == WHERE_LANE_INSIDE ? NET_CLIENT : NET_SERVER, packet.data, packet.len,
		packet.reason);
	if (!packet.forward) {
		net->dropped++;
		return;
	}
	if (net->strict)
		net_judge_forwarded(net, f->frame, f->len, f->where == WHERE_LANE_OUTSIDE, &packet);
	net->forwarded++;
	if (packet.port_out != (f->where == WHERE_LANE_INSIDE ? net->far : MW_PORT_INSIDE))
		net->strays++;
	else
		net_launch(net, packet.data, packet.len,
			f->where == WHERE_LANE_INSIDE ? WHERE_SERVER : WHERE_CLIENT,
			f->where == WHERE_LANE_INSIDE ? 1 : 0);
}

static void deliver(struct net *net, uint32_t index)
{
	struct net_flying f = net->flying[index];

	net->flying[index] = net->flying[--net->flying_count];
	switch (f.where) {
	case WHERE_CLIENT:
	case WHERE_SERVER:
		host_receive(net, &net->peer[f.where == WHERE_CLIENT ? NET_CLIENT : NET_SERVER],
			f.frame, f.len);
		break;
	default:
		at_lane(net, &f);
		break;
	}
}

bool net_run(struct net *net, uint64_t until_ns)
{
	while (net->now_ns < until_ns && !(host_done(&net->peer[0]) && host_done(&net->peer[1]))) {
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
		host_repeat(net, &net->peer[NET_CLIENT]);
		host_repeat(net, &net->peer[NET_SERVER]);
		if (net->strict) {
			host_tick(net, &net->peer[NET_CLIENT]);
			host_tick(net, &net->peer[NET_SERVER]);
		}
		if (net->lane != NULL &&
			(net->poll_ms == 0 || (net->now_ns / MW_NS_PER_MS) % net->poll_ms == 0)) {
			mw_lane_poll(net->lane, net->now_ns);
			net->polls++;
		}
		net->now_ns += POLL_NS;
	}
	return host_done(&net->peer[0]) && host_done(&net->peer[1]);
}

uint32_t net_lines(const struct net_peer *p, const char *begins)
{
	uint32_t n = 0, at = 0;
	size_t len = strlen(begins);

	while (at < p->in_len) {
		const uint8_t *end = memchr(p->in + at, '\n', p->in_len - at);

		if (end == NULL)
			break;
		n += p->in_len - at >= len && memcmp(p->in + at, begins, len) == 0;
		at = (uint32_t)(end - p->in) + 1;
	}
	return n;
}
