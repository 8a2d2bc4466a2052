/*
 * The client's direction of an inspected connection: keep the first copy of every octet, parse in
 * order, let pass what cannot complete an unjudged message, and cut the rest off, exactly. The
 * rules and their reasons are in docs/life-of-a-packet.md.
 */
#include "dataplane/engine/internal.h"

#include "dataplane/proto/checksum.h"

#define PASSIVE_KEEP	   65536u /* a capture: parsed octets kept for comparison with repeats */
#define UNACKED_KEEP	   65536u /* the same live, when the server is never seen */
#define TS_BACK_MAX	   60000u /* what a late packet's timestamp may lie back, in its own ticks */
#define ASYMMETRIC_PACKETS 3	  /* of the client, acknowledging a server that is never seen */

/* What may go on: everything below the octet that decides, or below the first that is not
 * understood. */
static uint32_t limit_of(const struct mw_flow *flow)
{
	return flow->holding ? flow->hold_seq : flow->client.nxt;
}

static bool scarce(const struct mw_half *half)
{
	return half->kept.blocks + 8u > half->kept.blocks_max;
}

/* A capture's octets are past: a hole is given up once the server has acknowledged it and some more
 * packets have gone by (captures are often slightly out of order), or when memory asks for it. */
static bool gap_due(const struct mw_lane *lane, const struct mw_flow *flow, uint32_t *len)
{
	const struct mw_half *half = &flow->client;
	uint32_t found;

	if (!lane->config.passive || !mw_reassembly_next(&half->kept, half->nxt, &found))
		return false;
	*len = found - half->nxt;
	if (*len == 0)
		return false;
	if (flow->flushing || scarce(half))
		return true;
	return half->ack_seen && mw_seq_before(half->nxt, half->acked) &&
	       flow->gap_patience > MW_GAP_PATIENCE;
}

/* In a capture the replies that this segment's sender had read may not have come by yet. Those that
 * have, and are not read because they wait for this very side, are not waited for. That they never
 * come is for the server's side to say (reply.c), which is asked first. */
static bool waits_for_server(const struct mw_lane *lane, const struct mw_flow *flow)
{
	const struct mw_half *server = &flow->server;

	return lane->config.passive && server->seen && server->known && server->ack_seen &&
	       mw_seq_before(server->nxt, server->acked) && !flow->one_sided &&
	       mw_reassembly_at(&server->kept, server->nxt).len == 0 && !flow->server_parsing &&
	       !flow->content->resync;
}

/* It has come to the place where it has to wait for the server. */
static bool at_resync(const struct mw_flow *flow)
{
	const struct mw_content *c = flow->content;

	return c->resync && c->resync_known && !mw_seq_before(flow->client.nxt, c->resync_at.seq);
}

static void parse(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_half *half = &flow->client;

	flow->parsing = true;
	while (flow->content != NULL && !flow->holding && !waits_for_server(lane, flow)) {
		struct mw_span run = mw_resync_client(
			flow->content, half->nxt, mw_reassembly_at(&half->kept, half->nxt));
		struct mw_smtp_event event;
		uint32_t len;
		size_t used;

		if (lane->config.passive)
			run = mw_arrival_run(flow->content, half->nxt, run, lane->now_ns);
		used = mw_smtp_client(&flow->content->smtp, run.data, run.len, &event);
		half->nxt += (uint32_t)used;
		half->bytes += used;
		if (event.kind == MW_SMTP_BLOCKED)
			break;
		if (event.kind != MW_SMTP_MORE) {
			mw_content_event(lane, flow, &event);
			continue;
		}
		if (mw_resync_over(flow))
			continue;
		if (at_resync(flow))
			break;
		if (run.len > used || mw_reassembly_at(&half->kept, half->nxt).len > 0)
			continue;
		if (lane->config.passive && scarce(half)) /* what was read goes first */
			mw_reassembly_trim(&half->kept, half->nxt);
		if (!gap_due(lane, flow, &len))
			break;
		flow->gap_patience = 0;
		mw_content_client_gap(lane, flow, len);
	}
	flow->parsing = false;
	/* A credential that has begun: its octets may be let go before it ends. */
	if (flow->content != NULL && mw_smtp_secret(&flow->content->smtp))
		half->kept.wipe = true;
}

void mw_stream_patience(struct mw_flow *flow)
{
	const struct mw_half *client = &flow->client, *server = &flow->server;
	uint32_t mark = client->nxt + server->nxt;
	bool client_owes, server_owes;

	if (flow->content == NULL)
		return;
	if (flow->gap_mark != mark) { /* it moves on: what is missing is only late */
		flow->gap_mark = mark;
		flow->gap_patience = 0;
	}
	client_owes = client->known && client->ack_seen &&
		      mw_seq_before(client->nxt, client->acked) &&
		      !mw_smtp_blocked(&flow->content->smtp);
	server_owes =
		server->known && server->ack_seen && mw_seq_before(server->nxt, server->acked);
	if (!client_owes && !server_owes)
		flow->gap_patience = 0;
	else if (flow->gap_patience <= MW_GAP_PATIENCE)
		flow->gap_patience++;
}

static void client_is_alone(struct mw_lane *lane, struct mw_flow *flow)
{
	flow->one_sided = true;
	mw_flow_anomaly(lane, flow, MW_REASON_ASYMMETRIC);
	if (flow->content != NULL)
		mw_smtp_set_one_sided(&flow->content->smtp);
}

void mw_stream_finish(struct mw_lane *lane, struct mw_flow *flow)
{
	uint32_t before;

	if (flow->content == NULL || !lane->config.passive)
		return;
	if (!flow->server.seen && flow->client.kept.head != NULL)
		client_is_alone(lane, flow);
	flow->flushing = true;
	flow->gap_patience = MW_GAP_PATIENCE + 1;
	do {
		before = flow->client.nxt + flow->server.nxt;
		mw_reply_pump(lane, flow);
		mw_stream_pump(lane, flow);
	} while (flow->content != NULL && before != flow->client.nxt + flow->server.nxt);
	if (flow->content != NULL &&
		(flow->content->resync || mw_smtp_blocked(&flow->content->smtp))) {
		/* The reply it waits for is not in the capture: a missing reply counts as
		 * acceptance. */
		mw_resync_give_up(flow->content);
		mw_stream_pump(lane, flow);
	}
	if (flow->unopened && flow->server.seen)
		mw_content_joined(lane, flow);
	flow->flushing = false;
}

void mw_stream_pump(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_half *half = &flow->client;

	if (flow->parsing || flow->content == NULL) /* parsing: an event led here again */
		return;
	parse(lane, flow);
	if (flow->content == NULL)
		return;
	if (!lane->config.passive) {
		mw_hold_flush(lane, flow, limit_of(flow));
		return;
	}
	half->sent = half->nxt;
	mw_reassembly_trim(&half->kept, half->nxt - PASSIVE_KEEP);
}

/* Keeps the headers for what the lane may have to send on in the client's name. */
static void keep_template(
	struct mw_flow *flow, const struct mw_packet *packet, const struct mw_frame *frame)
{
	struct mw_segment *t = &flow->content->to_server;
	uint32_t before = t->tsval;

	if (!mw_segment_keep(t, packet->data, frame))
		return;
	/* A packet that comes late has an older one: behind newer ones a server throws away what
	 * carries it (RFC 7323, 5.3). A clock that jumps is no clock of its sender's. */
	if (flow->content->has_template && before - t->tsval < TS_BACK_MAX)
		t->tsval = before;
	flow->content->has_template = true;
	/* What came in fragments is longer than what the way to the server carries in one. */
	if (frame->payload_len > flow->segment_max && !packet->joined)
		flow->segment_max = (uint16_t)frame->payload_len;
}

/* Cuts the packet behind `len` octets of payload; a cut packet announces neither PSH nor FIN. */
static void cut(
	struct mw_packet *packet, const struct mw_frame *frame, uint32_t len, enum mw_reason reason)
{
	packet->data[frame->l4 + 13] &= (uint8_t) ~(MW_TCP_PSH | MW_TCP_FIN);
	packet->len = frame->payload + len;
	packet->wire_len = packet->len;
	mw_checksum_rewrite(packet->data, frame, len);
	mw_packet_forward(packet, reason);
}

/* How many of a segment's first octets may leave. `*gap`: it lies beyond octets that have not come.
 */
static uint32_t passable(const struct mw_flow *flow, const struct mw_frame *frame, uint32_t seq,
	const uint8_t *payload, bool *gap)
{
	uint32_t limit = limit_of(flow);

	*gap = mw_seq_before(flow->client.nxt, seq);
	if (!mw_seq_before(limit, seq + frame->payload_len))
		return frame->payload_len;
	if (mw_seq_before(seq, limit))
		return limit - seq;
	if (!*gap || flow->holding || mw_smtp_blocked(&flow->content->smtp))
		return 0;
	return (uint32_t)mw_smtp_beyond_gap(&flow->content->smtp, seq - flow->client.nxt,
		mw_span_of(payload, frame->payload_len));
}

static enum mw_reason cut_reason(const struct mw_flow *flow, bool gap, uint32_t allowed)
{
	if (flow->holding) /* what stands behind the end is not read, missing or not */
		return allowed == 0 ? MW_REASON_HELD : MW_REASON_TRIMMED_HOLD;
	if (gap)
		return allowed == 0 ? MW_REASON_BEYOND_GAP : MW_REASON_TRIMMED_GAP;
	return MW_REASON_BEHIND_DATA;
}

/* Takes a segment's octets in. False when there is no room: then the packet has been decided. */
static bool take(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame, uint32_t seq, enum mw_kept_result *kept)
{
	struct mw_half *half = &flow->client;
	uint8_t *payload = packet->data + frame->payload;
	const struct mw_transfer *receiving = flow->content->receiving;

	if (receiving != NULL && receiving->queue_blocks >= MW_QUEUE_BLOCKS_MAX) {
		mw_packet_drop(packet, MW_REASON_OVER_BUDGET);
		return false;
	}
	*kept = mw_reassembly_add(&half->kept, half->nxt, seq, payload, frame->payload_have);
	if (*kept == MW_KEPT_REFUSED && lane->config.passive) {
		/* What was read goes first: it is only kept for comparison with repeats. */
		mw_reassembly_trim(&half->kept, half->nxt);
		*kept = mw_reassembly_add(
			&half->kept, half->nxt, seq, payload, frame->payload_have);
	}
	if (*kept == MW_KEPT_REFUSED && lane->config.passive) {
		/* These octets will not come again: make room by giving the hole up. */
		flow->gap_patience = MW_GAP_PATIENCE + 1;
		mw_stream_pump(lane, flow);
		if (flow->content == NULL)
			return false;
		mw_reassembly_trim(&half->kept, half->nxt);
		*kept = mw_reassembly_add(
			&half->kept, half->nxt, seq, payload, frame->payload_have);
		if (*kept == MW_KEPT_REFUSED)
			mw_content_lose(lane, flow, MW_REASON_MEMORY);
	}
	if (*kept == MW_KEPT_REFUSED) {
		mw_packet_drop(packet, MW_REASON_OVER_BUDGET);
		return false;
	}
	if (lane->config.passive)
		mw_arrival_note(flow->content, seq, frame->payload_have, lane->now_ns);
	if (*kept == MW_KEPT_CONFLICT)
		mw_flow_anomaly(lane, flow, MW_REASON_OVERLAP_CONFLICT);
	return true;
}

static void replaced(struct mw_packet *packet, const struct mw_frame *frame)
{
	mw_checksum_rewrite(packet->data, frame, frame->payload_len);
	mw_packet_forward(packet, MW_REASON_REPLACED_CONFLICT);
}

/* Cuts octets off the front of the packet: what the server has acknowledged it will not look at
 * again, and what it was is not known here any more. Nothing left is an empty segment at the old
 * place, which draws an acknowledgement as a repeat or a keep-alive does (RFC 9293, 3.10.7.4); but
 * a FIN stays where it was. */
static void cut_front(struct mw_packet *packet, struct mw_frame *frame, uint32_t len)
{
	uint8_t *payload = packet->data + frame->payload, *seq = packet->data + frame->l4 + 4;
	uint32_t rest = frame->payload_len - len;

	memmove(payload, payload + len, rest);
	frame->payload_len = frame->payload_have = rest;
	if (rest > 0 || (frame->flags & MW_TCP_FIN) != 0) {
		frame->seq += len;
		for (int i = 0; i < 4; i++)
			seq[i] = (uint8_t)(frame->seq >> (24 - 8 * i));
	}
	if (rest == 0)
		packet->data[frame->l4 + 13] &= (uint8_t)~MW_TCP_PSH;
	packet->len = packet->wire_len = frame->payload + rest;
	mw_checksum_rewrite(packet->data, frame, rest);
	mw_packet_forward(packet, MW_REASON_TRIMMED_ACKED);
}

/* Where the octets begin that may still be taken: behind what the server has acknowledged, and
 * never in front of the SYN, or of the first packet seen, wherever an acknowledgement stands: there
 * nothing is read. False: not known. */
static bool taken_from(const struct mw_flow *flow, uint32_t *from)
{
	const struct mw_half *half = &flow->client;

	*from = half->ack_seen ? half->acked : half->kept.floor;
	if (!flow->one_sided)
		*from = mw_seq_max(*from, half->kept.floor);
	return half->ack_seen || !flow->one_sided;
}

/* Octets in front of it are taken off. The sequence number behind them. */
static uint32_t trim_acked(struct mw_lane *lane, const struct mw_flow *flow,
	struct mw_packet *packet, struct mw_frame *frame, uint32_t seq)
{
	uint32_t from, old;

	if (lane->config.passive || frame->payload_len == 0 || !taken_from(flow, &from) ||
		!mw_seq_before(seq, from))
		return seq;
	old = from - seq;
	if (old > frame->payload_len)
		old = frame->payload_len;
	if ((frame->flags & MW_TCP_SYN) != 0) /* a repeated SYN keeps its number */
		return seq;
	cut_front(packet, frame, old);
	return seq + old;
}

/* A receiver that takes the octet at the urgent pointer out of the stream reads something else than
 * was judged: without the pointer there is one reading (RFC 6093 asks for in-line). */
static void clear_urgent(struct mw_packet *packet, const struct mw_frame *frame)
{
	uint8_t *tcp = packet->data + frame->l4;

	tcp[13] &= (uint8_t)~MW_TCP_URG;
	tcp[18] = tcp[19] = 0;
	mw_checksum_rewrite(packet->data, frame, frame->payload_len);
	mw_packet_forward(packet, MW_REASON_URGENT_CLEARED);
}

/* RFC 9293, 3.4: no receiver takes octets beyond the window it has announced. What begins at its
 * edge may probe a closed one (3.8.6.1), and has to be answered. */
static bool beyond_window(const struct mw_half *half, uint32_t seq)
{
	return half->right_known && mw_seq_before(half->right, seq);
}

static void payload_in(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame, uint32_t seq)
{
	enum mw_kept_result kept = MW_KEPT_OK;
	uint32_t allowed;
	bool gap;

	if (!take(lane, flow, packet, frame, seq, &kept))
		return;
	if (lane->config.passive) {
		mw_stream_pump(lane, flow);
		return;
	}
	parse(lane, flow);
	if (flow->was_reset) {
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
		return;
	}
	if (flow->content == NULL) { /* inspection ended within this segment: it goes whole */
		if (kept == MW_KEPT_CONFLICT)
			replaced(packet, frame);
		return;
	}
	allowed = passable(flow, frame, seq, packet->data + frame->payload, &gap);
	mw_reassembly_sent(&flow->client.kept, seq, seq + allowed);
	flow->client.sent_high = mw_seq_max(flow->client.sent_high, seq + allowed);
	if (allowed == frame->payload_len) {
		if (kept == MW_KEPT_CONFLICT)
			replaced(packet, frame);
		if (gap && (frame->flags & MW_TCP_FIN) != 0)
			cut(packet, frame, allowed, MW_REASON_TRIMMED_GAP);
	} else if (allowed == 0) {
		mw_packet_drop(packet, cut_reason(flow, gap, allowed));
	} else {
		cut(packet, frame, allowed, cut_reason(flow, gap, allowed));
	}
	mw_hold_flush(lane, flow, limit_of(flow));
	/* No acknowledgement will ever be seen: what has been sent on is let go by age. */
	if (flow->content != NULL && flow->one_sided)
		mw_reassembly_trim(&flow->client.kept, flow->client.sent - UNACKED_KEEP);
}

/* A FIN goes on when everything in front of it has. */
static void fin_in(
	struct mw_flow *flow, struct mw_packet *packet, const struct mw_frame *frame, uint32_t seq)
{
	struct mw_half *half = &flow->client;
	uint32_t end = seq + frame->payload_len;

	/* A FIN ends the stream where its receiver gets to it first; one that never left, and that
	 * the stream has gone past, was none. */
	if (!half->fin || (!half->fin_sent && (mw_seq_before(half->fin_seq, half->nxt) ||
						      (mw_seq_before(end, half->fin_seq) &&
							      !mw_seq_before(end, half->nxt))))) {
		half->fin = true;
		half->fin_seq = end;
		/* Captured before it; where an octet was read the number is that octet's. */
		if (half->acked == half->fin_seq + 1 && !mw_seq_before(half->fin_seq, half->nxt)) {
			half->acked = half->fin_seq;
			half->fin_acked = true;
		}
	}
	if (flow->content == NULL || (packet->data[frame->l4 + 13] & MW_TCP_FIN) == 0)
		return;
	if (mw_seq_before(limit_of(flow), half->fin_seq)) {
		if (frame->payload_len == 0)
			mw_packet_drop(
				packet, flow->holding ? MW_REASON_HELD : MW_REASON_BEYOND_GAP);
		else if (packet->forward)
			cut(packet, frame, packet->len - frame->payload, MW_REASON_TRIMMED_HOLD);
		return;
	}
	half->fin_sent = packet->forward;
}

/* Writes the client's RST anew where anything about it could keep it from being heard: another
 * number, a low hop limit, options (a server throws away what carries a signature it does not
 * expect). */
static void write_reset(
	struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *frame, uint32_t seq)
{
	struct mw_segment s = {
		.v6 = frame->v6,
		.ttl = MW_RESET_TTL,
		.src = frame->src,
		.dst = frame->dst,
		.sport = frame->sport,
		.dport = frame->dport,
		.seq = seq,
		.ack = frame->ack,
		.flags = frame->flags & (MW_TCP_RST | MW_TCP_ACK),
		.window = frame->window,
	};
	bool plain = frame->l4 - frame->l3 == (frame->v6 ? 40 : 20) &&
		     packet->len == frame->l4 + 20u && frame->ttl >= MW_RESET_TTL;
	uint32_t size;

	if ((plain && frame->seq == seq) || !mw_segment_keep_l2(&s, packet->data, frame))
		return;
	size = mw_segment_write(&s, mw_span_of(NULL, 0), lane->frame, sizeof(lane->frame));
	if (size == 0 || size > packet->len)
		return;
	memcpy(packet->data, lane->frame, size);
	packet->len = packet->wire_len = size;
	mw_packet_forward(packet, MW_REASON_TRIMMED_HOLD);
}

/* A RST ends the connection where the server will believe it: RFC 9293, 3.10.7.4 with RFC 5961. */
static void rst_in(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame)
{
	struct mw_half *half = &flow->client;

	if (lane->config.passive && mw_session_blind_rst(flow, half, frame)) {
		mw_flow_anomaly(lane, flow, MW_REASON_BLIND_RST);
		return;
	}
	if (!lane->config.passive && half->known && mw_flow_inspected(flow)) {
		uint32_t at = limit_of(flow);

		if (mw_seq_before(half->high, frame->seq) ||
			mw_seq_before(frame->seq, half->acked)) {
			mw_flow_anomaly(lane, flow, MW_REASON_BLIND_RST);
			return;
		}
		/* The server has everything up to here, and expects no more. */
		write_reset(lane, packet, frame, at);
		flow->reset_by_client = true;
	}
	flow->ended_by_rst = true;
	mw_session_close(lane, flow);
}

static void note_ack(struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *frame)
{
	struct mw_half *server = &flow->server;

	if ((frame->flags & MW_TCP_ACK) == 0)
		return;
	if (!server->seen) {
		if (!flow->one_sided && (frame->flags & MW_TCP_SYN) == 0 &&
			++flow->client_alone > ASYMMETRIC_PACKETS)
			client_is_alone(lane, flow);
		return;
	}
	if (!server->known)
		return;
	if (server->fin && frame->ack == server->fin_seq + 1)
		server->fin_acked = true;
	if (!server->ack_seen || mw_seq_before(server->acked, frame->ack)) {
		uint32_t ack = frame->ack;

		if (server->fin && ack == server->fin_seq + 1)
			ack = server->fin_seq;
		/* Live, one who acknowledges what has not come by here is a liar: the server drops
		 * such a segment (RFC 9293, 3.10.7.4), and its replies are still to come. Unless
		 * it says itself that it is farther on: reply.c. */
		if (mw_near(server, ack) &&
			(lane->config.passive || !mw_seq_before(server->high, ack)))
			server->acked = ack;
		server->ack_seen = true;
	}
}

/* EHLO and HELO begin anew (RFC 5321, 4.1.4): a capture that starts with one misses no message.
 * Whether it misses the greeting the first reply tells: content.c. */
static bool begins_with_hello(const struct mw_packet *packet, const struct mw_frame *frame)
{
	const char *p = (const char *)packet->data + frame->payload;
	size_t n = frame->payload_have < 5 ? frame->payload_have : 5; /* it may come in pieces */

	return n > 0 && (strncasecmp(p, "EHLO ", n) == 0 || strncasecmp(p, "HELO ", n) == 0);
}

/* Where a transaction begins a capture may be joined, too: the session is told as one seen in
 * mid-stream, and its messages all the same. Not at a later command: what it belongs to was not
 * seen. */
static void join_midstream(struct mw_lane *lane, struct mw_flow *flow,
	const struct mw_packet *packet, const struct mw_frame *frame)
{
	static const char begins[] = "MAIL FROM:";
	const char *p = (const char *)packet->data + frame->payload;

	if (frame->payload_have < sizeof(begins) - 1 ||
		strncasecmp(p, begins, sizeof(begins) - 1) != 0)
		return;
	flow->handshake = true;
	mw_flow_uninspected(lane, flow, MW_REASON_MIDSTREAM);
	mw_smtp_join(&flow->content->smtp);
}

/* Has the client heard the server? Then it is no flood, and its content is looked at. */
static void grow_up(struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *frame)
{
	const struct mw_half *server = &flow->server;
	uint32_t least = server->isn_known ? server->isn + 1 : server->acked;

	if (!flow->young || !server->known || (frame->flags & MW_TCP_ACK) == 0 ||
		(frame->flags & (MW_TCP_SYN | MW_TCP_RST)) != 0 ||
		frame->ack - least > server->high - least)
		return;
	mw_share_young_end(lane, flow);
	if (mw_flow_inspected(flow))
		mw_content_need(lane, flow);
}

void mw_stream_client(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *original)
{
	struct mw_frame copy = *original, *frame = &copy;
	struct mw_half *half = &flow->client;
	uint32_t seq = frame->seq + ((frame->flags & MW_TCP_SYN) != 0 ? 1 : 0);

	half->seen = true;
	mw_packet_forward(packet, MW_REASON_INSPECTED);
	grow_up(lane, flow, frame);
	note_ack(lane, flow, frame);
	if (mw_seq_before(flow->server.nxt, flow->server.acked) &&
		(!lane->config.passive || flow->gap_patience > MW_GAP_PATIENCE))
		mw_reply_pump(lane, flow); /* replies that went another way, or were not captured */
	if ((frame->flags & MW_TCP_RST) != 0) {
		rst_in(lane, flow, packet, frame);
		return;
	}
	if ((frame->flags & MW_TCP_URG) != 0)
		mw_flow_anomaly(lane, flow, MW_REASON_URGENT);
	if (flow->state == MW_FLOW_EMBRYONIC && (frame->flags & MW_TCP_SYN) == 0)
		flow->state = MW_FLOW_OPEN;
	if (!mw_flow_inspected(flow)) {
		mw_count_octets(half, frame, seq);
		return;
	}
	if ((frame->flags & MW_TCP_URG) != 0 && !lane->config.passive)
		clear_urgent(packet, frame);
	if (!half->known) {
		half->nxt = half->sent = half->sent_high = half->acked = half->high = seq;
		half->known = true;
		mw_reassembly_start(&half->kept, seq);
	}
	if (frame->payload_len > 0 && !flow->handshake && lane->config.passive &&
		begins_with_hello(packet, frame)) {
		flow->handshake = flow->unopened = true;
		if (flow->content != NULL)
			mw_smtp_greeting_unsure(&flow->content->smtp);
	}
	if (frame->payload_len > 0 && !flow->handshake && lane->config.passive &&
		flow->content != NULL)
		join_midstream(lane, flow, packet, frame);
	if (frame->payload_len > 0 && !flow->handshake) { /* neither SYN nor greeting was seen */
		mw_content_lose(lane, flow, MW_REASON_MIDSTREAM);
		mw_count_octets(half, frame, seq);
		return;
	}
	if (frame->payload_len > 0 && flow->content == NULL && (frame->flags & MW_TCP_SYN) != 0 &&
		!mw_share_young_content(lane)) {
		/* The client sends its SYN again without (RFC 7413, 4.1.3). */
		mw_packet_drop(packet, MW_REASON_OVER_BUDGET);
		return;
	}
	if (frame->payload_len > 0 && !mw_content_need(lane, flow)) {
		mw_count_octets(half, frame, seq);
		return;
	}
	if (flow->content != NULL)
		keep_template(flow, packet, frame);
	if ((frame->payload_len > 0 || (frame->flags & MW_TCP_FIN) != 0) &&
		(!mw_near(half, seq) || (!lane->config.passive && beyond_window(half, seq)))) {
		mw_packet_drop(packet, MW_REASON_OUT_OF_WINDOW);
		return;
	}
	if (frame->payload_len > 0 && !lane->config.passive && mw_refusal_due(flow)) {
		mw_packet_drop(packet, MW_REASON_HELD);
		return;
	}
	if (frame->payload_len > 0)
		seq = trim_acked(lane, flow, packet, frame, seq);
	if (frame->payload_len > 0) {
		if ((frame->flags & MW_TCP_SYN) != 0)
			mw_flow_anomaly(lane, flow, MW_REASON_SYN_DATA);
		if (lane->config.passive && flow->server.known && !mw_seq_before(seq, half->high) &&
			(frame->flags & MW_TCP_ACK) != 0 && mw_near(&flow->server, frame->ack))
			mw_resync_note(flow, seq, frame->ack);
		if (mw_seq_before(half->high, seq + frame->payload_len))
			half->high = seq + frame->payload_len;
		payload_in(lane, flow, packet, frame, seq);
	}
	if ((frame->flags & MW_TCP_FIN) != 0)
		fin_in(flow, packet, frame, seq);
}
