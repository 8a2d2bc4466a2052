/* The habits of hosts, drawn from the seed, and in words. */
#include "tests/engine/host.h"

#include <stdio.h>

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
