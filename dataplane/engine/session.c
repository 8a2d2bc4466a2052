/*
 * A connection's beginning and end: its entry in the flow table, its timer, its report.
 */
#include "dataplane/engine/internal.h"

static void open_add(struct mw_lane *lane, struct mw_flow *flow)
{
	flow->open_prev = lane->open_last;
	flow->open_next = NULL;
	if (lane->open_last != NULL)
		lane->open_last->open_next = flow;
	else
		lane->open_first = flow;
	lane->open_last = flow;
}

static void open_remove(struct mw_lane *lane, struct mw_flow *flow)
{
	if (lane->walk == flow)
		lane->walk = flow->open_next;
	if (flow->open_prev != NULL)
		flow->open_prev->open_next = flow->open_next;
	else
		lane->open_first = flow->open_next;
	if (flow->open_next != NULL)
		flow->open_next->open_prev = flow->open_prev;
	else
		lane->open_last = flow->open_prev;
}

struct mw_flow *mw_session_open(struct mw_lane *lane, const struct mw_flow_key *key,
	const struct mw_frame *frame, const struct mw_line_of *line)
{
	enum mw_reason reason = MW_REASON_BY_CLASS;
	struct mw_flow *flow;

	mw_share_make_room(lane);
	flow = mw_flow_add(&lane->flows, key);
	if (flow == NULL) {
		lane->counters.flows_refused++;
		return NULL;
	}
	lane->counters.sessions++;
	lane->counters.flows = lane->flows.used;
	lane->counters.flows_max = lane->flows.used_max;
	open_add(lane, flow);
	flow->session = ++lane->sessions;
	flow->start_ns = flow->last_ns = lane->now_ns;
	flow->customer = line->customer;
	flow->line = line->line;
	flow->silent = !line->counted;
	flow->vlan_outer = frame->vlan_outer;
	flow->vlan_inner = frame->vlan_inner;
	flow->state = (frame->flags & MW_TCP_SYN) != 0 ? MW_FLOW_EMBRYONIC : MW_FLOW_OPEN;
	flow->handshake = (frame->flags & MW_TCP_SYN) != 0;
	flow->client.wscale = flow->server.wscale = -1;
	if (!lane->config.passive)
		mw_share_young_add(lane, flow); /* its content is attached when there is some */
	if (!line->content || (lane->config.passive && !mw_content_attach(lane, flow, &reason))) {
		flow->mode = MW_MODE_METADATA;
		flow->uninspected = true;
		flow->reason = (uint8_t)reason;
		lane->counters.reason[reason]++;
	}
	mw_wheel_set(&lane->wheel, flow, lane->now_ns, lane->now_ns + MW_EMBRYONIC_NS);
	return flow;
}

static void report(struct mw_lane *lane, const struct mw_flow *flow)
{
	const struct mw_flow_key *key = &flow->link.key;
	struct mw_lane_session s = {
		.session = flow->session,
		.lane = lane->config.lane,
		.client = key->client,
		.server = key->server,
		.client_port = key->client_port,
		.server_port = key->server_port,
		.vlan_outer = flow->vlan_outer,
		.vlan_inner = flow->vlan_inner,
		.customer_index = flow->customer,
		.start_ns = flow->start_ns,
		.end_ns = flow->last_ns,
		.messages = flow->messages,
		.starttls = (enum mw_smtp_starttls)flow->starttls,
		.metadata = flow->uninspected,
		.reason = (enum mw_reason)flow->reason,
		.anomalies = flow->anomalies,
		.client_bytes = flow->client.bytes,
		.server_bytes = flow->server.bytes,
		.recipients_refused = flow->recipients_refused,
		.recipients_unknown = flow->recipients_unknown,
		.recipients_policy = flow->recipients_policy,
		.policy_refusals = flow->policy_refusals,
		.quit = flow->quit,
	};

	mw_tls_report(flow, &s);
	if (lane->sink.session != NULL && !flow->silent)
		lane->sink.session(lane->sink.ctx, &s);
}

void mw_session_close(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->state == MW_FLOW_CLOSED)
		return;
	mw_stream_finish(lane, flow);
	flow->was_inspected = mw_flow_inspected(flow);
	mw_share_young_end(lane, flow);
	mw_refusal_forget(lane, flow);
	if (flow->content != NULL)
		mw_content_detach(lane, flow, false);
	report(lane, flow);
	mw_tls_drop(lane, flow);
	open_remove(lane, flow);
	flow->state = MW_FLOW_CLOSED;
	mw_wheel_set(&lane->wheel, flow, lane->now_ns, lane->now_ns + MW_CLOSED_NS);
}

void mw_session_remove(struct mw_lane *lane, struct mw_flow *flow)
{
	mw_session_close(lane, flow);
	mw_wheel_cancel(&lane->wheel, flow);
	mw_flow_remove(&lane->flows, flow);
	lane->counters.flows = lane->flows.used;
}

/* Live, a FIN counts when it has arrived: one that was kept back, or sent so that it gets lost
 * behind us, must not make the lane forget a connection that its server still holds. */
static bool is_closing(const struct mw_lane *lane, const struct mw_flow *flow)
{
	if (lane->config.passive)
		return flow->client.fin || flow->server.fin;
	return flow->client.fin_acked || flow->server.fin_acked;
}

static uint64_t patience_ns(const struct mw_lane *lane, const struct mw_flow *flow)
{
	switch (flow->state) {
	case MW_FLOW_EMBRYONIC:
		return !lane->config.passive && flow->server.isn_known && flow->server.seen
			       ? MW_ANSWERED_NS
			       : MW_EMBRYONIC_NS;
	case MW_FLOW_CLOSED:
		return MW_CLOSED_NS;
	case MW_FLOW_OPEN:
		break;
	}
	return is_closing(lane, flow) ? MW_CLOSING_NS : MW_IDLE_NS;
}

/* Forgotten while both ends still have it, a connection would be found in its middle, and not be
 * read. They are told, as whoever keeps state between two hosts does (RFC 5382, 5: after more than
 * two hours if it can be; RFC 5321, 4.5.3.2 lets no client be silent for more than ten minutes). */
static bool would_go_on_unread(const struct mw_lane *lane, const struct mw_flow *flow)
{
	return !lane->config.passive && mw_flow_inspected(flow) && !is_closing(lane, flow) &&
	       (flow->state == MW_FLOW_OPEN ||
		       (flow->state == MW_FLOW_EMBRYONIC && flow->server.seen));
}

void mw_session_timer(struct mw_lane *lane, struct mw_flow *flow)
{
	uint64_t idle_due = flow->last_ns + patience_ns(lane, flow);
	uint64_t due = idle_due;

	if (flow->holding) {
		uint64_t hold_due =
			flow->hold_since_ns + (uint64_t)lane->config.hold_max_ms * MW_NS_PER_MS;

		if (lane->now_ns < hold_due)
			due = hold_due < due ? hold_due : due;
		else if (flow->refusal > MW_REFUSAL_MOVE || !mw_hold_timeout(lane, flow))
			mw_refusal_timeout(lane, flow);
	}
	if (lane->now_ns >= idle_due && would_go_on_unread(lane, flow))
		mw_refusal_cut(lane, flow);
	else if (lane->now_ns >= idle_due)
		mw_session_remove(lane, flow);
	else if (flow->link.wheel_slot == MW_FLOW_NONE)
		mw_wheel_set(&lane->wheel, flow, lane->now_ns, due);
}

bool mw_session_over(const struct mw_lane *lane, const struct mw_flow *flow)
{
	const struct mw_half *client = &flow->client, *server = &flow->server;

	if (flow->state != MW_FLOW_OPEN || flow->holding || !client->fin)
		return false;
	if (client->nxt != client->fin_seq || client->holes > 0 || server->holes > 0)
		return false;
	if (flow->one_sided)
		return lane->config.passive;
	if (!server->fin || server->nxt != server->fin_seq)
		return false;
	if (lane->config.passive) /* the last acknowledgements belong to it */
		return client->fin_acked && server->fin_acked;
	return !mw_seq_before(client->acked, client->fin_seq);
}

bool mw_session_blind_rst(
	const struct mw_flow *flow, const struct mw_half *half, const struct mw_frame *frame)
{
	uint32_t least = half->ack_seen ? half->acked : half->high - MW_RST_AWAY_MAX;

	return mw_flow_inspected(flow) && half->known &&
	       (mw_seq_before(frame->seq, least) ||
		       mw_seq_before(half->high + MW_RST_AWAY_MAX, frame->seq));
}

/* RST to both ends, in the name of either, from the packet at hand: the sequence number of each is
 * the one its receiver expects, because the sender has just said so. */
void mw_session_reset(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame)
{
	struct mw_segment s = {
		.v6 = frame->v6,
		.ttl = 64,
		.src = frame->src,
		.dst = frame->dst,
		.sport = frame->sport,
		.dport = frame->dport,
		.seq = frame->seq,
		.ack = frame->ack,
		.flags = MW_TCP_RST | MW_TCP_ACK,
	};
	uint32_t size;

	/* What was kept back of the client's octets never left: the server expects them next. */
	if (mw_flow_inspected(flow) && flow->client.known && packet->port_in == MW_PORT_INSIDE)
		s.seq = flow->client.sent;
	if (mw_segment_keep_l2(&s, packet->data, frame)) {
		size = mw_segment_write(&s, mw_span_of(NULL, 0), lane->frame, sizeof(lane->frame));
		mw_lane_transmit(lane, packet->port_out, lane->frame, size);
		lane->counters.reason[MW_REASON_RESET_SENT]++;
	}
	mw_responder_reset(lane, packet, frame);
	flow->was_reset = true;
	mw_session_close(lane, flow);
	mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
}
