/*
 * The server's direction of an inspected connection. Its octets are always forwarded as they come;
 * they are put in order and parsed because replies decide what the client's octets mean, and its
 * acknowledgements say what need not be kept any longer.
 */
#include "dataplane/engine/internal.h"

#include "dataplane/proto/checksum.h"

/* In a capture the commands that the server answers may not have come by yet, or never will. */
static bool waits_for_client(const struct mw_lane *lane, const struct mw_flow *flow)
{
	const struct mw_half *client = &flow->client;

	if (!lane->config.passive || !client->known || !client->ack_seen ||
		flow->gap_patience > MW_GAP_PATIENCE)
		return false;
	return mw_seq_before(client->nxt, client->acked) &&
	       !mw_smtp_blocked(&flow->content->smtp) && !flow->holding;
}

/* Octets the server has acknowledged, which this capture does not hold: they are given up. */
static void give_up_client(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_half *client = &flow->client;
	uint32_t found, end = client->acked;

	if (!mw_seq_before(client->nxt, client->acked) || mw_smtp_blocked(&flow->content->smtp))
		return;
	if (mw_reassembly_next(&client->kept, client->nxt, &found))
		end = mw_seq_min(end, found);
	if (mw_seq_before(client->nxt, end))
		mw_content_client_gap(lane, flow, end - client->nxt);
	mw_stream_pump(lane, flow);
}

/* Too little is left to wait for what is missing. */
static bool scarce(const struct mw_half *half)
{
	return half->kept.blocks + 4u > half->kept.blocks_max;
}

/* The client has acknowledged octets of the server that have not come by here. Live, that is
 * certain: what we have not forwarded it cannot have; a capture may be out of order. */
static bool gap_evident(const struct mw_lane *lane, const struct mw_flow *flow)
{
	const struct mw_half *half = &flow->server;

	if (scarce(half))
		return true;
	return half->ack_seen && mw_seq_before(half->nxt, half->acked) &&
	       (!lane->config.passive || flow->gap_patience > MW_GAP_PATIENCE);
}

static bool server_gap(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_half *half = &flow->server;
	uint32_t found;
	bool fin;

	if (!mw_reassembly_next(&half->kept, half->nxt, &found))
		found = half->acked; /* nothing beyond it was seen either */
	if (found == half->nxt || (!flow->flushing && !gap_evident(lane, flow)))
		return false;
	if (mw_seq_before(found, half->nxt))
		return false;
	fin = !half->fin && found - half->nxt == 1 && found == half->acked;
	half->nxt = found;
	mw_reassembly_trim(&half->kept, found);
	if (lane->config.passive && !flow->one_sided) {
		if (!fin) /* one number, and nothing behind it: it was that of the FIN */
			mw_resync_begin(lane, flow, found);
		return true;
	}
	/* Live they went another way, or the client says so: what its commands did is not known. */
	if (!lane->config.passive && !flow->one_sided && !flow->flushing)
		mw_flow_uninspected(lane, flow, MW_REASON_GAP);
	mw_smtp_gap_server(&flow->content->smtp);
	return true;
}

/* Behind a gap of a capture. False: the server's octets have to wait. */
static bool fits_together(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_half *half = &flow->server;
	struct mw_content *content = flow->content;

	if (!content->resync)
		return true;
	if (!content->resync_known) {
		if (!flow->flushing && !scarce(half))
			return false;
		mw_resync_give_up(content);
		return true;
	}
	if (mw_seq_before(half->nxt, content->resync_at.ack))
		return true;
	mw_stream_pump(lane, flow);
	return flow->content == NULL || !flow->content->resync;
}

void mw_reply_pump(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_half *half = &flow->server;

	if (flow->server_parsing || flow->content == NULL)
		return;
	if (lane->config.passive && flow->gap_patience > MW_GAP_PATIENCE)
		give_up_client(lane, flow);
	while (flow->content != NULL && !waits_for_client(lane, flow)) {
		struct mw_smtp_event event;
		struct mw_span run;
		size_t used;

		if (!fits_together(lane, flow) || flow->content == NULL)
			break;
		run = mw_resync_server(
			flow->content, half->nxt, mw_reassembly_at(&half->kept, half->nxt));
		used = mw_smtp_server(&flow->content->smtp, run.data, run.len, &event);

		half->nxt += (uint32_t)used;
		half->bytes += used;
		if (event.kind == MW_SMTP_MORE) {
			if (run.len > used || mw_reassembly_at(&half->kept, half->nxt).len > 0)
				continue;
			if (server_gap(lane, flow))
				continue;
			break;
		}
		flow->server_parsing = true;
		mw_content_server_event(lane, flow, &event);
		flow->server_parsing = false;
	}
	if (flow->content != NULL)
		mw_reassembly_trim(&half->kept, half->nxt);
}

/* How far the server takes octets: its right edge never moves back (RFC 9293, 3.8.6). Known only
 * where both SYNs were seen, for they say what the number in the header means (RFC 7323, 2.2). */
static void note_window(struct mw_flow *flow, const struct mw_frame *frame)
{
	struct mw_half *client = &flow->client;
	bool syn = (frame->flags & MW_TCP_SYN) != 0;
	bool scaled = !syn && client->wscale >= 0 && flow->server.wscale >= 0;
	uint32_t right;

	if (!client->isn_known || !flow->server.isn_known)
		return;
	right = frame->ack + ((uint32_t)frame->window << (scaled ? flow->server.wscale : 0));
	if (!client->right_known || mw_seq_before(client->right, right))
		client->right = right;
	client->right_known = true;
}

/* The server's acknowledgement of the client's octets. False: it acknowledges what never left. */
static bool note_ack(struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *frame)
{
	struct mw_half *client = &flow->client;
	uint32_t ack = frame->ack;

	if ((frame->flags & MW_TCP_ACK) == 0)
		return true;
	if (!client->known) {
		if (!mw_flow_inspected(flow) || !lane->config.passive)
			return true;
		client->nxt = client->sent = client->sent_high = client->acked = client->high = ack;
		client->known = true;
		mw_reassembly_start(&client->kept, ack);
		return true;
	}
	if (client->fin && ack == client->fin_seq + 1) {
		ack = client->fin_seq;
		client->fin_acked = true;
	}
	if (mw_flow_inspected(flow) && !lane->config.passive && mw_seq_before(client->sent, ack))
		return false;
	if (!mw_near(client, ack))
		return true;
	note_window(flow, frame);
	if (client->ack_seen && !mw_seq_before(client->acked, ack))
		return true;
	client->acked = ack;
	client->ack_seen = true;
	if (flow->content != NULL && !lane->config.passive)
		mw_reassembly_trim(&client->kept, ack);
	return true;
}

/* Does the client take this RST for the end? Within what is on its way to it, or, before it knows a
 * number of the server's, by the acknowledgement of its SYN (RFC 9293, 3.10.7.3; RFC 5961, 3.2).
 * Another one is forwarded, and inspection goes on: a blind RST must not open a way past it. */
static bool believed_rst(
	const struct mw_lane *lane, const struct mw_flow *flow, const struct mw_frame *frame)
{
	const struct mw_half *half = &flow->server, *client = &flow->client;
	uint32_t least;

	if (lane->config.passive || !mw_flow_inspected(flow))
		return true;
	if (!half->known)
		return !client->isn_known ||
		       ((frame->flags & MW_TCP_ACK) != 0 &&
			       frame->ack - client->isn - 1 <= client->high - client->isn - 1);
	least = half->ack_seen ? half->acked : half->isn_known ? half->isn + 1 : half->nxt;
	return !mw_seq_before(frame->seq, least) &&
	       !mw_seq_before(half->fin ? half->fin_seq + 1 : half->high, frame->seq);
}

/* The text behind the code may be left out (RFC 5321, 4.2: receivers look at the code only). */
static bool is_greeting(const struct mw_packet *packet, const struct mw_frame *frame)
{
	const uint8_t *p = packet->data + frame->payload;

	return frame->payload_have >= 4 && p[0] == '2' && p[1] == '2' && p[2] == '0' &&
	       (p[3] == ' ' || p[3] == '-' || p[3] == '\r' || p[3] == '\n');
}

static void payload_in(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame, uint32_t seq)
{
	struct mw_half *half = &flow->server;
	uint32_t high = half->high;

	half->high = mw_seq_max(high, seq + frame->payload_len);
	/* A copy that differs from the first is mended in the packet, as in the other direction. */
	switch (mw_reassembly_add(
		&half->kept, half->nxt, seq, packet->data + frame->payload, frame->payload_have)) {
	case MW_KEPT_CONFLICT:
		mw_flow_anomaly(lane, flow, MW_REASON_OVERLAP_CONFLICT);
		if (!lane->config.passive) {
			mw_checksum_rewrite(packet->data, frame, frame->payload_len);
			mw_packet_forward(packet, MW_REASON_REPLACED_CONFLICT);
		}
		break;
	case MW_KEPT_REFUSED:
		if (!lane->config.passive) { /* the server repeats it, what closes its gap first */
			half->high = high;
			mw_packet_drop(packet, MW_REASON_OVER_BUDGET);
			return;
		}
		mw_content_lose(lane, flow, MW_REASON_MEMORY);
		break;
	case MW_KEPT_OK:
		break;
	}
	mw_reply_pump(lane, flow);
	if (flow->was_reset)
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
}

/* Keeps the headers for what the lane may have to say in the server's place. */
static void keep_template(
	struct mw_flow *flow, const struct mw_packet *packet, const struct mw_frame *frame)
{
	struct mw_segment *t = &flow->content->to_client;
	uint32_t before = t->tsval;

	if (!mw_segment_keep(t, packet->data, frame))
		return;
	if (flow->content->has_client_template)
		t->tsval = mw_seq_max(before, t->tsval); /* ours may not go back (RFC 7323, 5.3) */
	flow->content->has_client_template = true;
}

/* Of several SYNs of a client it is the server that says which one counts. What lies in front of
 * where we began to read would pass unread. False: octets behind another SYN were read already.
 * They left for a connection that this server does not have, and no honest client has any. */
static bool begin_where_the_server_does(struct mw_flow *flow, const struct mw_frame *frame)
{
	struct mw_half *client = &flow->client;
	uint32_t ack = frame->ack;

	if (client->isn_known && client->known &&
		ack - client->isn - 1 <= client->sent_high - client->isn - 1)
		return true;
	if (client->bytes > 0)
		return false;
	mw_reassembly_clear(&client->kept);
	client->isn = ack - 1;
	client->isn_known = client->known = true;
	client->nxt = client->sent = client->sent_high = client->acked = client->high = ack;
	client->kept.floor = ack;
	return true;
}

/* A client whose server was taken for one that is never seen, and here it is. No way that is truly
 * one-way shows a packet of the server's; whoever acknowledges often enough before its SYN-ACK
 * looks the same. As long as nothing was read it is taken back. False: something was, without its
 * replies, and may have been something else. */
static bool is_not_alone(struct mw_flow *flow)
{
	if (mw_flow_inspected(flow) && (flow->content != NULL || flow->client.bytes > 0))
		return false;
	flow->one_sided = false;
	flow->client_alone = 0;
	flow->anomalies &= ~MW_ANOMALY_BIT(MW_REASON_ASYMMETRIC);
	return true;
}

/* Before it has answered the SYN a server may still have an older connection on these ports. It
 * says where that one stands, the client answers with a RST, and all begins anew (RFC 9293, 3.5.1):
 * both have to pass, and say nothing about this connection. */
static bool of_an_older_one(
	const struct mw_lane *lane, const struct mw_flow *flow, const struct mw_frame *frame)
{
	const struct mw_half *client = &flow->client;

	return !lane->config.passive && mw_flow_inspected(flow) && !flow->server.known &&
	       client->isn_known && client->known &&
	       (frame->flags & (MW_TCP_ACK | MW_TCP_SYN | MW_TCP_RST)) == MW_TCP_ACK &&
	       frame->ack - client->isn - 1 > client->high - client->isn - 1;
}

/* What was read of this connection may have been something else to its server: both ends are told.
 */
static void begin_anew(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame)
{
	mw_flow_uninspected(lane, flow, MW_REASON_DESYNC);
	mw_session_reset(lane, flow, packet, frame);
}

void mw_reply_server(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame)
{
	struct mw_half *half = &flow->server;
	uint32_t seq = frame->seq + ((frame->flags & MW_TCP_SYN) != 0 ? 1 : 0);

	mw_packet_forward(packet, MW_REASON_INSPECTED);
	if (of_an_older_one(lane, flow, frame))
		return;
	if ((frame->flags & (MW_TCP_SYN | MW_TCP_ACK)) == (MW_TCP_SYN | MW_TCP_ACK) &&
		!half->known && mw_flow_inspected(flow) && !lane->config.passive &&
		!begin_where_the_server_does(flow, frame)) {
		begin_anew(lane, flow, packet, frame);
		return;
	}
	if (!note_ack(lane, flow, frame)) {
		mw_packet_drop(packet, MW_REASON_ACK_AHEAD);
		return;
	}
	/* A RST may be anybody's, and goes by a rule of its own. */
	if (flow->one_sided && !lane->config.passive && (frame->flags & MW_TCP_RST) == 0 &&
		!is_not_alone(flow)) {
		begin_anew(lane, flow, packet, frame);
		return;
	}
	half->seen = true;
	/* Where the server's first octets are seen, or live; content.c decides elsewhere. */
	if (flow->early_talker && (!lane->config.passive || (frame->flags & MW_TCP_SYN) != 0)) {
		flow->early_talker = false;
		mw_flow_anomaly(lane, flow, MW_REASON_EARLY_TALKER);
	}
	if ((frame->flags & MW_TCP_RST) != 0) {
		if (lane->config.passive && mw_session_blind_rst(flow, half, frame)) {
			mw_flow_anomaly(lane, flow, MW_REASON_BLIND_RST);
			return;
		}
		if (!believed_rst(lane, flow, frame)) {
			mw_flow_anomaly(lane, flow, MW_REASON_BLIND_RST);
			return;
		}
		flow->ended_by_rst = true;
		mw_session_close(lane, flow);
		return;
	}
	if (flow->state == MW_FLOW_EMBRYONIC && (frame->flags & MW_TCP_SYN) == 0)
		flow->state = MW_FLOW_OPEN;
	if (!mw_flow_inspected(flow)) {
		mw_count_octets(half, frame, seq);
		return;
	}
	if (frame->payload_len > 0 && !flow->handshake) {
		if (!is_greeting(packet, frame)) {
			mw_content_lose(lane, flow, MW_REASON_MIDSTREAM);
			mw_count_octets(half, frame, seq);
			return;
		}
		flow->handshake = true; /* all that was missed */
	}
	if (!half->known) {
		half->nxt = half->acked = half->high = seq;
		half->known = true;
		mw_reassembly_start(&half->kept, seq);
	}
	if (frame->payload_len > 0 && !mw_content_need(lane, flow)) {
		mw_count_octets(half, frame, seq);
		return;
	}
	if (flow->content != NULL)
		keep_template(flow, packet, frame);
	if (frame->payload_len > 0 && mw_near(half, seq)) { /* else no receiver takes it */
		payload_in(lane, flow, packet, frame, seq);
		if (!packet->forward || flow->state == MW_FLOW_CLOSED)
			return;
	} else {
		/* How far it is, whether its octets came by here or went another way. */
		if (!lane->config.passive && mw_near(half, seq))
			half->high = mw_seq_max(half->high, seq);
		mw_reply_pump(lane, flow);
	}
	if ((frame->flags & MW_TCP_FIN) != 0 && !half->fin) {
		half->fin = true;
		half->fin_seq = seq + frame->payload_len;
		if (half->acked == half->fin_seq + 1) { /* captured before it */
			half->acked = half->fin_seq;
			half->fin_acked = true;
		}
	}
}
