/*
 * The end of a message: the octet that would complete it stays here until the message is judged,
 * and what was held goes out as segments of the lane's own, under the client's headers and within
 * its segment size. The client still owns those octets: if they are lost behind us, it repeats
 * them.
 */
#include "dataplane/engine/internal.h"

#define SEGMENT_LEAST 536 /* RFC 9293, 3.7.1: what every receiver takes */

void mw_hold_begin(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_transfer *transfer, uint32_t seq)
{
	/* Octets let through beyond a gap were no end of the message the parser stood in then. But
	 * the gap may have held that message's end and a whole `BDAT n LAST` behind it: then the
	 * octet that decides has left already. What has not is the gap's filler, so its first octet
	 * is held. */
	if (mw_seq_before(seq, flow->client.sent_high))
		seq = flow->client.sent;
	flow->holding = true;
	flow->hold_seq = seq;
	flow->hold_since_ns = lane->now_ns;
	transfer->holds_flow = true;
	lane->counters.held++;
	mw_wheel_set(&lane->wheel, flow, lane->now_ns,
		lane->now_ns + (uint64_t)lane->config.hold_max_ms * MW_NS_PER_MS);
}

void mw_hold_release(struct mw_lane *lane, struct mw_flow *flow)
{
	uint64_t waited = lane->now_ns - flow->hold_since_ns;

	for (struct mw_transfer *t = flow->content->transfers; t != NULL; t = t->flow_next)
		t->holds_flow = false;
	flow->holding = flow->release_due = false;
	if (waited > lane->counters.held_ns_max)
		lane->counters.held_ns_max = waited;
	if (!flow->ending)
		mw_stream_pump(lane, flow);
}

void mw_hold_release_due(struct mw_lane *lane, struct mw_flow *flow)
{
	if (!flow->release_due || flow->content == NULL)
		return;
	flow->release_due = false;
	if (flow->refusal != MW_REFUSAL_MESSAGE)
		mw_hold_release(lane, flow);
}

bool mw_hold_timeout(struct mw_lane *lane, struct mw_flow *flow)
{
	for (struct mw_transfer *t = flow->content->transfers; t != NULL; t = t->flow_next) {
		if (!t->holds_flow)
			continue;
		/* That it is refused is certain; only what the scan finds in it was waited for. */
		if (t->smuggles) {
			mw_transfer_drain(lane, t);
			mw_transfer_settle(lane, t);
			flow->release_due = false;
			return false;
		}
		t->timed_out = true;
	}
	mw_hold_release(lane, flow);
	return true;
}

void mw_hold_flush(struct mw_lane *lane, struct mw_flow *flow, uint32_t limit)
{
	struct mw_half *half = &flow->client;
	struct mw_segment segment;
	struct mw_span run;
	uint32_t seq, most, from = half->sent;

	if (flow->content == NULL || !flow->content->has_template)
		return;
	most = flow->segment_max > SEGMENT_LEAST ? flow->segment_max : SEGMENT_LEAST;
	segment = flow->content->to_server;
	while ((run = mw_reassembly_unsent(&half->kept, from, limit, &seq)).len > 0) {
		uint32_t len = run.len < most ? (uint32_t)run.len : most;
		uint32_t size;

		segment.seq = seq;
		segment.flags = MW_TCP_ACK | MW_TCP_PSH;
		if (half->fin && half->fin_seq == seq + len && !half->fin_sent) {
			segment.flags |= MW_TCP_FIN;
			half->fin_sent = true;
		}
		size = mw_segment_write(
			&segment, mw_span_of(run.data, len), lane->frame, sizeof(lane->frame));
		mw_reassembly_sent(&half->kept, seq, seq + len);
		from = seq + len; /* the marks may say less than was sent: never look back */
		if (size == 0)
			continue;
		mw_lane_transmit(lane, mw_flow_far(flow), lane->frame, size);
		lane->counters.reason[MW_REASON_RELEASED]++;
		if (half->kept.wipe)
			memset(lane->frame, 0, size);
	}
	half->sent = mw_seq_max(half->sent, limit);
	half->sent_high = mw_seq_max(half->sent_high, half->sent);
}
