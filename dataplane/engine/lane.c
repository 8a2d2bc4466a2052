/*
 * The lane's memory, the way of a packet to the connection it belongs to, and the tick.
 */
#include "dataplane/engine/internal.h"

#include "dataplane/engine/quick.h"
#include "dataplane/proto/checksum.h"

#define TIMERS_A_POLL  256u
#define FLUSHED_A_POLL 1024u

struct layout {
	size_t lane, scratch, flows, kept, envelopes, contents, transfers, records, responder, ham,
		use, tls, total;
};

static size_t place(size_t *at, size_t size)
{
	size_t here = *at;

	*at += (size + 63) & ~(size_t)63;
	return here;
}

static size_t content_bytes(const struct mw_lane_config *c)
{
	size_t capture = c->passive ? sizeof(struct mw_capture) : 0;

	return (sizeof(struct mw_content) + capture + 63) & ~(size_t)63;
}

static size_t transfer_bytes(void)
{
	return (MW_TRANSFER_HEADER + mw_message_bytes() + 63) & ~(size_t)63;
}

static size_t tls_bytes(void)
{
	return (sizeof(struct mw_tls_seen) + 7) & ~(size_t)7;
}

/* Two envelopes a connection and some more for long lists of recipients. */
static uint32_t envelope_blocks(const struct mw_lane_config *c)
{
	return c->contents * 2 + 256;
}

static struct layout layout_of(const struct mw_lane_config *c)
{
	struct layout l;
	size_t at = 0;

	l.lane = place(&at, sizeof(struct mw_lane));
	l.scratch = place(&at, mw_message_scratch_bytes());
	l.flows = place(&at, mw_flow_table_bytes(c->flows, sizeof(struct mw_flow)));
	l.kept = place(&at, (size_t)c->kept_blocks * MW_KEPT_BLOCK_BYTES);
	l.envelopes = place(&at, (size_t)envelope_blocks(c) * MW_SMTP_ENVELOPE_BLOCK);
	l.contents = place(&at, c->contents * content_bytes(c));
	l.transfers = place(&at, c->messages * transfer_bytes());
	l.records = place(&at, (size_t)c->record_blocks * MW_RECORD_BLOCK_BYTES);
	l.responder = place(&at, mw_responder_bytes(c->responders));
	l.ham = place(&at, (size_t)c->customers * sizeof(uint32_t));
	l.use = place(&at, (size_t)c->customers * sizeof(struct mw_use));
	l.tls = place(&at, (size_t)mw_tls_kept_max(c) * tls_bytes());
	l.total = at;
	return l;
}

size_t mw_lane_bytes(const struct mw_lane_config *config)
{
	return layout_of(config).total;
}

struct mw_lane *mw_lane_init(
	void *memory, const struct mw_lane_config *config, const struct mw_lane_sink *sink)
{
	struct layout l = layout_of(config);
	uint8_t *base = memory;
	struct mw_lane *lane = memory;

	_Static_assert(
		sizeof(struct mw_record_block) <= MW_RECORD_BLOCK_BYTES, "block holds its header");
	lane->config = *config;
	lane->sink = *sink;
	lane->rules_current = MW_RULES_SLOTS;
	lane->message_scratch =
		mw_message_scratch_init(base + l.scratch, config->charsets, config->tlds);
	memcpy(lane->message_config.content_key, &config->key, sizeof(config->key));
	mw_flow_table_init(
		&lane->flows, base + l.flows, config->flows, sizeof(struct mw_flow), config->key);
	mw_wheel_init(&lane->wheel, &lane->flows);
	mw_pool_init(&lane->kept_pool, base + l.kept, MW_KEPT_BLOCK_BYTES, config->kept_blocks);
	mw_pool_init(&lane->envelope_pool, base + l.envelopes, MW_SMTP_ENVELOPE_BLOCK,
		envelope_blocks(config));
	mw_pool_init(
		&lane->content_pool, base + l.contents, content_bytes(config), config->contents);
	mw_pool_init(&lane->transfer_pool, base + l.transfers, transfer_bytes(), config->messages);
	mw_pool_init(
		&lane->record_pool, base + l.records, MW_RECORD_BLOCK_BYTES, config->record_blocks);
	mw_pool_init(&lane->tls_pool, base + l.tls, tls_bytes(), mw_tls_kept_max(config));
	lane->responder = mw_responder_init(
		base + l.responder, config->responders, config->key, config->mtu, config->left);
	lane->ham = (uint32_t *)(void *)(base + l.ham);
	lane->use = (struct mw_use *)(void *)(base + l.use);
	return lane;
}

void mw_lane_set_snapshot(struct mw_lane *lane, const struct mw_snapshot *snapshot)
{
	bool lines = snapshot != NULL && lane->walked_lines != snapshot->lines_generation;

	if (lines || (snapshot != NULL && lane->walked != snapshot->generation)) {
		lane->walked = snapshot->generation;
		lane->walked_lines = snapshot->lines_generation;
		lane->walk_lines = lane->walk_lines || lines;
		mw_walk_begin(lane);
	}
	lane->snapshot = snapshot;
}

void mw_lane_set_gateway(struct mw_lane *lane, const struct mw_gateway_status *status)
{
	bool changed = lane->gateway.up != status->up;
	struct mw_gateway_status last = lane->gateway;

	lane->gateway = *status;
	/* What is on its way to it still goes where it was, until it is found again. */
	if (!status->known)
		memcpy(lane->gateway.mac, last.mac, sizeof(last.mac));
	if (changed)
		mw_walk_begin(lane);
}

bool mw_lane_set_rules(
	struct mw_lane *lane, const struct mw_ruleset *rules, struct mw_scan_scratch *scratch)
{
	if (rules == NULL) {
		lane->rules_current = MW_RULES_SLOTS;
		return true;
	}
	if (mw_scan_bytes(rules) > MW_RECORD_BLOCK_BYTES - 2 * MW_ARENA_OVERHEAD)
		return false;
	for (uint32_t i = 0; i < MW_RULES_SLOTS; i++) {
		struct mw_rules_slot *slot = &lane->rules[i];

		if (i == lane->rules_current || slot->users > 0)
			continue;
		slot->rules = rules;
		slot->scratch = scratch;
		lane->rules_current = i;
		return true;
	}
	return false;
}

bool mw_lane_rules_in_use(const struct mw_lane *lane, const struct mw_ruleset *rules)
{
	for (uint32_t i = 0; i < MW_RULES_SLOTS; i++)
		if (lane->rules[i].rules == rules &&
			(lane->rules[i].users > 0 || i == lane->rules_current))
			return true;
	return false;
}

const struct mw_lane_counters *mw_lane_counters(const struct mw_lane *lane)
{
	return &lane->counters;
}

void mw_lane_count(struct mw_lane *lane, enum mw_reason reason, uint64_t n)
{
	lane->counters.reason[reason] += n;
}

static struct mw_flow_key key_of(const struct mw_frame *f, bool from_client)
{
	struct mw_flow_key key = {
		.client = from_client ? f->src : f->dst,
		.server = from_client ? f->dst : f->src,
		.client_port = from_client ? f->sport : f->dport,
		.server_port = from_client ? f->dport : f->sport,
		.vlan_outer = f->vlan_outer,
		.vlan_inner = f->vlan_inner,
	};

	return key;
}

/* Whose direction is this? False: not SMTP of the inside's clients. */
static bool direction(const struct mw_lane *lane, const struct mw_packet *packet,
	const struct mw_frame *f, bool *from_client)
{
	bool to_server = mw_port_set_has(lane->config.smtp_ports, f->dport);
	bool to_client = mw_port_set_has(lane->config.smtp_ports, f->sport);

	if (!lane->config.passive) {
		*from_client = packet->port_in == MW_PORT_INSIDE;
		return *from_client ? to_server : to_client;
	}
	*from_client = to_server;
	if (to_server && to_client) { /* an SMTP port at both ends: who opened it? */
		struct mw_flow_key key = key_of(f, false);

		if ((f->flags & (MW_TCP_SYN | MW_TCP_ACK)) == MW_TCP_SYN)
			*from_client = true;
		else
			*from_client = mw_flow_find(&lane->flows, &key) == NULL;
	}
	return to_server || to_client;
}

/* Has anything of this direction been read, or kept to be read? */
static bool was_read(const struct mw_half *half)
{
	return half->bytes > 0 || half->kept.head != NULL;
}

/* A SYN or SYN-ACK on a connection we know: a repeat of its first, or the first of another. */
static bool is_successor(const struct mw_lane *lane, const struct mw_flow *flow,
	const struct mw_frame *f, bool from_client)
{
	const struct mw_half *half = from_client ? &flow->client : &flow->server;

	if ((f->flags & MW_TCP_SYN) == 0)
		return false;
	if (from_client && (f->flags & MW_TCP_ACK) == 0) {
		/* The gateway has died on it: the policy has a way for connections that begin now.
		 */
		if (flow->diverted && flow->state == MW_FLOW_EMBRYONIC && !flow->server.isn_known &&
			!mw_divert_ready(lane))
			return true;
		/* What came before it was of no connection that we have seen begin; this one is
		 * decided, and read, from here on. A SYN-ACK alone says nothing else: any host can
		 * send one between what it pretends to have said and what is said. */
		if (!lane->config.passive && !half->isn_known)
			return !flow->server.isn_known || was_read(half) || was_read(&flow->server);
		if (half->isn_known && half->isn == f->seq) /* we still talk: a late duplicate */
			return flow->state == MW_FLOW_CLOSED && !lane->config.passive &&
			       !(flow->owned && mw_responder_owns(lane, &flow->link.key));
		/* A capture may have the SYN-ACK first: this is the SYN that it answers. */
		if (lane->config.passive && !half->isn_known && half->known &&
			half->nxt == f->seq + 1 && half->bytes == 0)
			return false;
		/* Live, an open connection's server answers such a SYN with a challenge (RFC 5961);
		 * it is the SYN-ACK, below, that tells a new connection from an attempt to harm.
		 * The same from the first SYN-ACK on: a second SYN would move us away from what the
		 * server has taken. */
		return lane->config.passive || flow->state == MW_FLOW_CLOSED ||
		       (flow->state == MW_FLOW_EMBRYONIC && !flow->server.isn_known);
	}
	if (from_client || !half->isn_known || half->isn == f->seq)
		return false;
	/* A SYN-ACK that the client did not want, old or forged, was answered with a RST, and here
	 * is the right one (RFC 9293, figure 9). */
	return lane->config.passive || flow->reset_by_client ||
	       (flow->syn_again && f->ack == flow->syn_again_isn + 1);
}

/* A capture in which the client speaks on behind a RST: its receiver did not believe it. What
 * follows is not read, but is told, as a session of its own that begins in mid-stream. */
static bool outlives_rst(const struct mw_lane *lane, const struct mw_flow *flow,
	const struct mw_frame *f, bool from_client)
{
	return lane->config.passive && flow->state == MW_FLOW_CLOSED && flow->ended_by_rst &&
	       from_client && f->payload_len > 0 &&
	       mw_seq_before(flow->client.high, f->seq + f->payload_len);
}

/* For what may have to be said when there is no packet at hand. */
static void keep_l2(struct mw_flow *flow, const struct mw_packet *packet, const struct mw_frame *f,
	bool from_client)
{
	if (flow->l2_len > 0 || f->l3 > sizeof(flow->l2) || f->l3 < 14 || flow->diverted)
		return;
	memcpy(flow->l2, packet->data, f->l3);
	flow->l2_len = (uint8_t)f->l3;
	if (!from_client) {
		memcpy(flow->l2, packet->data + 6, 6);
		memcpy(flow->l2 + 6, packet->data, 6);
	}
}

static void note_syn(struct mw_flow *flow, const struct mw_frame *f, bool from_client)
{
	struct mw_half *half = from_client ? &flow->client : &flow->server;

	if ((f->flags & MW_TCP_SYN) == 0)
		return;
	if (from_client && half->isn_known && half->isn != f->seq) {
		flow->syn_again = true;
		flow->syn_again_isn = f->seq;
	}
	if (half->isn_known)
		return;
	half->isn = f->seq;
	half->isn_known = true;
	half->wscale = f->wscale;
	flow->handshake = true;
	if (from_client) {
		flow->mss = f->mss;
		flow->window = f->window;
	}
}

/* A connection that the lane has taken over: the client talks to us, the server to nobody. */
static void in_owned(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *f, bool from_client, const struct mw_ruling *ruling)
{
	flow->last_ns = lane->now_ns; /* it stays for as long as one of them speaks */
	if (from_client) {
		mw_responder_packet(lane, packet, f, flow->customer, ruling);
	} else {
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_AFTER_REFUSAL);
	}
}

/* Late packets of a connection that is over pass. Octets of a client that was read to its end do so
 * only where the server has acknowledged them: an end that its server does not know of would be a
 * way past inspection, for what is new as for what has left and was lost behind us, of which no
 * copy is kept any more. */
static void in_closed(struct mw_lane *lane, const struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *f, bool from_client, enum mw_verdict verdict)
{
	uint32_t end = f->seq + f->payload_len;
	bool past =
		flow->client.known && mw_seq_before(flow->client.acked, end) && f->payload_len > 0;

	mw_packet_forward(packet, MW_REASON_INSPECTED);
	if (lane->config.passive || (f->flags & MW_TCP_RST) != 0)
		return;
	if (flow->was_reset) { /* one who has not heard: once more */
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
	} else if (from_client && verdict >= MW_VERDICT_REJECT) {
		mw_packet_drop(packet, verdict == MW_VERDICT_DROP ? MW_REASON_VERDICT_DROP
								  : MW_REASON_VERDICT_RESET);
	} else if (from_client && flow->was_inspected && past) {
		mw_packet_drop(packet, MW_REASON_OUT_OF_WINDOW);
	} else if (!from_client && flow->reset_by_client && (f->flags & MW_TCP_ACK) != 0) {
		/* It has not heard the RST, or not believed it (octets in front of it were lost):
		 * here is one at the very number it expects (RFC 5961, 3.2). */
		mw_responder_reset(lane, packet, f);
	}
}

static void in_connection(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *f, bool from_client)
{
	struct mw_ruling ruling = mw_ruling_of_flow(lane, flow);
	enum mw_verdict verdict = ruling.verdict;

	if (flow->owned) {
		in_owned(lane, flow, packet, f, from_client, &ruling);
		return;
	}
	if (flow->state == MW_FLOW_CLOSED) {
		in_closed(lane, flow, packet, f, from_client, verdict);
		return;
	}
	if (verdict == MW_VERDICT_RESET ||
		(verdict == MW_VERDICT_REJECT && mw_flow_had_no_room(flow))) {
		mw_session_reset(lane, flow, packet, f);
		return;
	}
	if (verdict == MW_VERDICT_DROP) {
		mw_packet_drop(packet, MW_REASON_VERDICT_DROP);
		return;
	}
	flow->last_ns = lane->now_ns;
	keep_l2(flow, packet, f, from_client);
	note_syn(flow, f, from_client);
	if (from_client)
		flow->ttl = f->ttl;
	if (flow->content != NULL)
		mw_smtp_set_now(&flow->content->smtp, lane->now_ns);
	if (lane->config.passive)
		mw_stream_patience(flow);
	/* Before the packet: the end of a message may be in it. */
	if (verdict >= MW_VERDICT_DIVERT || flow->refusal == MW_REFUSAL_MOVE ||
		flow->refusal == MW_REFUSAL_SESSION)
		mw_walk_connection(lane, flow, verdict);
	if (from_client)
		mw_stream_client(lane, flow, packet, f);
	else
		mw_reply_server(lane, flow, packet, f);
	if (flow->was_reset)
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
	if (flow->state != MW_FLOW_CLOSED && mw_session_over(lane, flow))
		mw_session_close(lane, flow);
}

/* What is no matter of ours goes across, or between the gateway and the outside. */
static void pass_by(struct mw_packet *packet, enum mw_reason reason)
{
	if (packet->port_out == MW_PORT_COUNT)
		mw_packet_drop(packet, MW_REASON_GATEWAY_STRAY);
	else if (packet->port_in == MW_PORT_DIVERT || packet->port_out == MW_PORT_DIVERT)
		mw_packet_forward(packet, MW_REASON_GATEWAY_OWN);
	else
		mw_packet_forward(packet, reason);
}

/* Of the gateway's link: answers of diverted connections. Its own mail is passed on, an SMTP server
 * of its own may answer, anything else would be in a server's name without a connection. True:
 * `flow` goes on as if from outside. */
static bool from_gateway(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet, struct mw_frame *f)
{
	if (flow != NULL && flow->diverted)
		return mw_divert_from_gateway(lane, flow, packet, f);
	if (lane->snapshot == NULL || packet->port_out == MW_PORT_COUNT) {
		mw_packet_drop(packet, MW_REASON_GATEWAY_STRAY);
		return false;
	}
	if (mw_divert_is_gateway(lane, &f->src))
		mw_packet_forward(packet, MW_REASON_GATEWAY_OWN);
	else
		mw_packet_drop(packet, MW_REASON_GATEWAY_STRAY);
	return false;
}

/* From outside, for the gateway: what is sent to its own MAC, and what belongs to connections that
 * it has opened in a customer's name. True: decided. */
static bool for_gateway(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet, struct mw_frame *f)
{
	if (flow == NULL && packet->port_out == MW_PORT_DIVERT) {
		mw_packet_forward(packet, MW_REASON_GATEWAY_OWN);
		return true;
	}
	if (flow == NULL || (!flow->diverted && !flow->of_gateway))
		return false;
	if (flow->of_gateway)
		mw_divert_onward_seen(lane, flow, f, false);
	mw_divert_from_server(lane, packet, f);
	return true;
}

/* The connection that is known, if it is this one: the gateway's mail in a customer's name makes
 * room for the customer himself. */
static struct mw_flow *known(struct mw_lane *lane, const struct mw_flow_key *key,
	const struct mw_frame *f, bool from_client)
{
	struct mw_flow *flow = mw_flow_find(&lane->flows, key);

	if (flow == NULL && f->vlan_outer != 0 && lane->gateway.configured)
		flow = from_client ? mw_divert_find(lane, key, f->vlan_outer, f->vlan_inner)
				   : mw_divert_find_onward(lane, key);
	if (flow != NULL && from_client && flow->of_gateway) {
		mw_session_remove(lane, flow);
		flow = NULL;
	}
	return flow;
}

static void tcp(struct mw_lane *lane, struct mw_packet *packet, struct mw_frame *f)
{
	struct mw_flow_key key;
	struct mw_flow *flow;
	bool from_client, on_link = true;

	if (!direction(lane, packet, f, &from_client)) {
		if (packet->port_in == MW_PORT_DIVERT)
			mw_divert_onward(lane, packet, f);
		pass_by(packet, MW_REASON_FORWARDED);
		return;
	}
	if (packet->port_in == MW_PORT_DIVERT) {
		on_link = mw_divert_on_link(lane, f->vlan_outer, f->vlan_inner);
		f->vlan_outer = f->vlan_inner = 0;
	}
	lane->counters.smtp_packets++;
	if (lane->config.judge_checksums && !packet->checksum_good &&
		f->payload_have == f->payload_len && !mw_checksum_tcp_good(packet->data, f)) {
		mw_packet_drop(packet, MW_REASON_BAD_CHECKSUM);
		return;
	}
	key = key_of(f, from_client);
	flow = known(lane, &key, f, from_client);
	if (packet->port_in == MW_PORT_DIVERT &&
		!from_gateway(lane, on_link ? flow : NULL, packet, f))
		return;
	if (packet->port_in == MW_PORT_OUTSIDE && !lane->config.passive &&
		for_gateway(lane, flow, packet, f))
		return;
	if (from_client && !lane->config.passive)
		packet->port_out = MW_PORT_OUTSIDE; /* whatever MAC it is addressed to */
	if (from_client && flow != NULL && flow->diverted) {
		if (flow->vlan_outer != f->vlan_outer || flow->vlan_inner != f->vlan_inner) {
			mw_packet_drop(packet, MW_REASON_GATEWAY_STRAY);
			return;
		}
	}
	if (flow != NULL && (is_successor(lane, flow, f, from_client) ||
				    outlives_rst(lane, flow, f, from_client))) {
		if (flow->owned && !from_client)
			mw_responder_forget(lane, &key);
		if (flow->diverted && !from_client) {
			flow = mw_divert_successor(lane, flow, f);
			if (flow == NULL) {
				mw_packet_drop(packet, MW_REASON_GATEWAY_STRAY);
				return;
			}
		} else {
			mw_session_remove(lane, flow);
			flow = NULL;
		}
	}
	if (flow == NULL)
		flow = mw_stranger(lane, packet, f, &key, from_client);
	if (flow == NULL)
		return;
	if (from_client && flow->diverted) {
		mw_divert_from_client(lane, flow, packet, f);
		in_connection(lane, flow, packet, f, true);
		mw_divert_to_gateway(lane, packet, f);
	} else {
		in_connection(lane, flow, packet, f, from_client);
		if (packet->port_in == MW_PORT_DIVERT && packet->reason == MW_REASON_INSPECTED)
			packet->reason = MW_REASON_FROM_GATEWAY;
	}
}

uint8_t mw_lane_across(
	const struct mw_lane *lane, uint8_t port_in, const uint8_t *frame, uint32_t len)
{
	if (!lane->gateway.configured && port_in != MW_PORT_DIVERT)
		return port_in == MW_PORT_INSIDE ? MW_PORT_OUTSIDE : MW_PORT_INSIDE;
	return mw_divert_across(lane, port_in, frame, len);
}

void mw_lane_packet(struct mw_lane *lane, uint64_t now_ns, struct mw_packet *packet)
{
	struct mw_frame f;

	lane->now_ns = now_ns;
	packet->relabelled = 0;
	if (!packet->joined) {
		lane->counters.rx_packets++;
		lane->counters.rx_bytes += packet->wire_len;
	}
	packet->port_out = mw_lane_across(lane, packet->port_in, packet->data, packet->len);
	if (mw_surely_not_smtp(lane->config.smtp_ports, packet->data, packet->len)) {
		pass_by(packet, MW_REASON_FORWARDED);
	} else {
		switch (mw_frame_parse(packet->data, packet->len, packet->wire_len, &f)) {
		case MW_FRAME_TCP:
			tcp(lane, packet, &f);
			break;
		case MW_FRAME_FRAGMENT:
			if (packet->joined) { /* fragments of a fragment: no host makes them */
				mw_packet_drop(packet, MW_REASON_FRAGMENT_BAD);
				break;
			}
			mw_packet_forward(packet, MW_REASON_FRAGMENT);
			if (!lane->config.passive)
				return;
			break;
		case MW_FRAME_DEEP:
			pass_by(packet, MW_REASON_L2_DEPTH);
			break;
		case MW_FRAME_MALFORMED:
			pass_by(packet, MW_REASON_FORWARDED);
			break;
		case MW_FRAME_OTHER:
			if (!mw_divert_icmp(lane, packet))
				pass_by(packet, MW_REASON_FORWARDED);
			break;
		}
	}
	lane->counters.reason[packet->reason]++;
	if (packet->forward && !packet->joined) {
		lane->counters.tx_packets++;
		lane->counters.tx_bytes += packet->len;
	}
}

void mw_lane_fragment(struct mw_lane *lane, enum mw_reason reason, uint32_t sent)
{
	lane->counters.reason[reason]++;
	lane->counters.tx_packets += sent > 0;
	lane->counters.tx_bytes += sent;
}

/* What became of a customer's connections under DIVERT is told with his ham. */
static void flush_divert(struct mw_lane *lane, uint32_t customer)
{
	static const struct mw_divert_counts none;
	struct mw_divert_counts *counts = &lane->use[customer].divert;

	if (memcmp(counts, &none, sizeof(none)) == 0)
		return;
	if (lane->sink.divert != NULL)
		lane->sink.divert(lane->sink.ctx, customer, counts, lane->now_ns);
	*counts = none;
}

static void flush_ham(struct mw_lane *lane)
{
	uint32_t end = lane->ham_cursor + FLUSHED_A_POLL;

	if (lane->ham_cursor == 0) {
		if (lane->now_ns < lane->ham_flush_ns)
			return;
		lane->ham_flush_ns = lane->now_ns + MW_HAM_FLUSH_NS;
	}
	if (end > lane->config.customers)
		end = lane->config.customers;
	for (; lane->ham_cursor < end; lane->ham_cursor++) {
		uint32_t ham = lane->ham[lane->ham_cursor];

		flush_divert(lane, lane->ham_cursor);
		if (ham == 0)
			continue;
		lane->ham[lane->ham_cursor] = 0;
		if (lane->sink.ham != NULL)
			lane->sink.ham(lane->sink.ctx, lane->ham_cursor, ham, lane->now_ns);
	}
	if (lane->ham_cursor == lane->config.customers)
		lane->ham_cursor = 0;
}

static void scan(struct mw_lane *lane)
{
	uint64_t start, spent = 0;

	if (lane->run_head == NULL)
		return;
	start = lane->config.spent_ns(lane->config.spent_ctx);
	while (spent < lane->config.scan_budget_ns && mw_transfer_run(lane))
		spent = lane->config.spent_ns(lane->config.spent_ctx) - start;
	lane->counters.scan_ns += spent;
}

bool mw_lane_poll(struct mw_lane *lane, uint64_t now_ns)
{
	uint32_t steps = TIMERS_A_POLL;
	struct mw_flow *flow;

	lane->now_ns = now_ns;
	scan(lane);
	mw_walk_poll(lane);
	mw_refusal_poll(lane);
	while ((flow = mw_wheel_due(&lane->wheel, now_ns, &steps)) != NULL)
		mw_session_timer(lane, flow);
	mw_responder_tick(lane);
	flush_ham(lane);
	return lane->run_head != NULL;
}

void mw_lane_finish(struct mw_lane *lane, uint64_t now_ns)
{
	struct mw_flow *flow;

	lane->now_ns = now_ns;
	while ((flow = lane->open_first) != NULL) /* in the order of their numbers */
		mw_session_close(lane, flow);
	lane->ham_cursor = 0;
	lane->ham_flush_ns = 0;
	do
		flush_ham(lane);
	while (lane->ham_cursor != 0);
}
