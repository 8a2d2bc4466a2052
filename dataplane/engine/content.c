/*
 * What the SMTP parser tells, turned into acts: messages begin and end, inspection is lost for a
 * named reason, replies unblock the other direction.
 */
#include "dataplane/engine/internal.h"

#define PORT_SUBMISSIONS 465 /* RFC 8314: TLS from the first octet on */

static void attach_half(
	struct mw_lane *lane, struct mw_half *half, uint8_t blocks_max, struct mw_use *use)
{
	mw_reassembly_init(&half->kept, &lane->kept_pool, blocks_max);
	if (use != NULL)
		mw_reassembly_charge(&half->kept, &use->kept);
	if (half->known)
		mw_reassembly_start(&half->kept, half->nxt);
}

bool mw_content_attach(struct mw_lane *lane, struct mw_flow *flow, enum mw_reason *reason)
{
	const struct mw_pool *pool = &lane->content_pool;
	struct mw_use *use = mw_share_of(lane, flow->customer);
	struct mw_content *content = NULL;

	*reason = MW_REASON_MEMORY;
	if (use != NULL && pool->used < pool->blocks &&
		!mw_share_allows(use->contents, pool->blocks, pool->used))
		*reason = MW_REASON_CUSTOMER_SHARE;
	else if (!flow->young || mw_share_young_content(lane))
		content = mw_pool_get(&lane->content_pool);
	if (content == NULL)
		return false;
	memset(content, 0, sizeof(*content));
	mw_smtp_init(&content->smtp, &lane->envelope_pool);
	flow->content = content;
	if (use != NULL)
		use->contents++;
	if (flow->young)
		lane->young_contents++;
	attach_half(lane, &flow->client, MW_KEPT_BLOCKS_FLOW, use);
	attach_half(lane, &flow->server, MW_KEPT_BLOCKS_FLOW / 4, use);
	mw_smtp_set_now(&content->smtp, lane->now_ns);
	if (flow->one_sided)
		mw_smtp_set_one_sided(&content->smtp);
	if (flow->unopened)
		mw_smtp_greeting_unsure(&content->smtp);
	if (!lane->config.passive)
		mw_smtp_set_inline(&content->smtp, flow->link.key.server_port == PORT_SUBMISSIONS);
	return true;
}

bool mw_content_need(struct mw_lane *lane, struct mw_flow *flow)
{
	enum mw_reason reason;

	if (flow->content == NULL && !mw_content_attach(lane, flow, &reason))
		mw_content_lose(lane, flow, reason);
	return flow->content != NULL;
}

static struct mw_transfer *transfer_of(
	const struct mw_flow *flow, const struct mw_smtp_envelope *env)
{
	struct mw_transfer *t = flow->content->transfers;

	while (t != NULL && t->envelope != env)
		t = t->flow_next;
	return t;
}

static void answered(struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	struct mw_transfer *t = transfer_of(flow, event->envelope);

	if (t == NULL)
		return;
	t->answered = true;
	if (!event->message)
		t->is_message = false;
	mw_transfer_settle(lane, t);
}

static void content_begins(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	struct mw_transfer *t = mw_transfer_begin(lane, flow, event->envelope);

	if (t != NULL)
		flow->content->receiving = t;
	else
		mw_content_lose(lane, flow, MW_REASON_MEMORY);
}

static void content_ends(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	struct mw_transfer *t = flow->content->receiving;

	flow->content->receiving = NULL;
	if (t == NULL)
		return;
	t->holds_flow = !lane->config.passive; /* until it is judged, which may be now */
	mw_transfer_end(lane, t, event->complete);
	flow->release_due = false;
	if (t->state != MW_TRANSFER_JUDGED || flow->refusal == MW_REFUSAL_MESSAGE) {
		mw_hold_begin(lane, flow, t, flow->client.nxt - 1);
		return;
	}
	t->holds_flow = false;
	mw_transfer_settle(lane, t);
}

/* Something a lax server takes for the end of the message. Refused by policy, it goes no further:
 * the octet that decides is held, and so is all that would be commands to that server. */
static void looks_like_an_end(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	struct mw_transfer *t = flow->content->receiving;
	uint32_t at = event->hold ? flow->client.nxt - 1 : flow->client.nxt;

	mw_flow_anomaly(lane, flow, MW_REASON_SMUGGLING);
	mw_flow_anomaly(lane, flow, event->reason); /* which */
	if (t == NULL || !mw_transfer_refuses_smuggling(lane, t))
		return;
	t->smuggles = true;
	if (lane->config.passive)
		return;
	t->holds_flow = true;
	flow->content->receiving = NULL;
	flow->content->refusal_sinks = true;
	mw_transfer_end(lane, t, false);
	flow->release_due = false;
	mw_hold_begin(lane, flow, t, at);
}

/* The server's own last word on what is to be refused: passed, and nothing is put in behind it. */
static void note_last_word(struct mw_flow *flow, const struct mw_smtp_event *event)
{
	const struct mw_transfer *t;

	if (flow->refusal != MW_REFUSAL_MESSAGE || flow->content == NULL)
		return;
	if (event->kind == MW_SMTP_REPLY && event->code == 421)
		flow->content->server_said = true;
	if (event->kind != MW_SMTP_FINAL_REPLY && event->kind != MW_SMTP_CONTENT_ABORT)
		return;
	t = transfer_of(flow, event->envelope);
	if (t != NULL && t->holds_flow)
		flow->content->server_said = true;
}

static void content_aborts(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	struct mw_transfer *t = transfer_of(flow, event->envelope);

	if (t == NULL)
		return;
	if (flow->content->receiving == t)
		flow->content->receiving = NULL;
	t->answered = true;
	t->is_message = event->message;
	if (t->state == MW_TRANSFER_OPEN)
		mw_transfer_end(lane, t, false);
	else
		t->complete =
			false; /* a chunk was refused behind its end: judged once, not twice */
	mw_transfer_drain(lane, t);
	mw_transfer_settle(lane, t);
	mw_hold_release_due(lane, flow);
}

static void count_to_most(uint16_t *counter)
{
	if (*counter < UINT16_MAX)
		++*counter;
}

/* What the server refuses, and what it says of why: counted apart, because a list that names the
 * provider's range is no evidence against this customer. */
static void count_refusal(struct mw_flow *flow, const struct mw_smtp_event *event)
{
	bool rcpt = event->command == MW_SMTP_CMD_RCPT;

	if (event->code < 500)
		return;
	flow->recipients_refused += rcpt;
	if (event->refusal == MW_SMTP_REFUSAL_POLICY)
		count_to_most(rcpt ? &flow->recipients_policy : &flow->policy_refusals);
	else if (rcpt && event->refusal == MW_SMTP_REFUSAL_UNKNOWN)
		count_to_most(&flow->recipients_unknown);
}

/* The client spoke, and no greeting was read before. Live that is what it seems to be, once the
 * server is seen at all. A capture may lack the greeting: where its place is known the client says
 * by its acknowledgement whether it had it, elsewhere the first reply tells. */
static void spoke_early(struct mw_lane *lane, struct mw_flow *flow)
{
	const struct mw_half *server = &flow->server;

	if (lane->config.passive ? !server->isn_known : !server->seen)
		flow->early_talker = true;
	else if (!lane->config.passive || !server->ack_seen ||
		 !mw_seq_before(server->nxt, server->acked))
		mw_flow_anomaly(lane, flow, MW_REASON_EARLY_TALKER);
}

static void first_reply(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	if (!lane->config.passive || flow->ending)
		return;
	if (event->kind == MW_SMTP_GREETING && event->code >= 0) {
		if (flow->early_talker)
			mw_flow_anomaly(lane, flow, MW_REASON_EARLY_TALKER);
		flow->unopened = false;
	} else if (flow->unopened && event->command != MW_SMTP_CMD_NONE) {
		mw_content_joined(lane, flow);
	}
	flow->early_talker = false;
}

void mw_content_event(struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	note_last_word(flow, event);
	switch (event->kind) {
	case MW_SMTP_CONTENT_BEGIN:
		content_begins(lane, flow, event);
		break;
	case MW_SMTP_CONTENT:
		if (flow->content->receiving != NULL)
			mw_message_feed(flow->content->receiving->message, event->data);
		break;
	case MW_SMTP_CONTENT_END:
		content_ends(lane, flow, event);
		break;
	case MW_SMTP_CONTENT_ABORT:
		content_aborts(lane, flow, event);
		break;
	case MW_SMTP_FINAL_REPLY:
		count_refusal(flow, event);
		answered(lane, flow, event);
		break;
	case MW_SMTP_LOOKALIKE:
		looks_like_an_end(lane, flow, event);
		break;
	case MW_SMTP_ANOMALY:
		if (event->reason == MW_REASON_EARLY_TALKER)
			spoke_early(lane, flow);
		else
			mw_flow_anomaly(lane, flow, event->reason);
		break;
	case MW_SMTP_QUIT:
		flow->quit = true;
		break;
	case MW_SMTP_AUTH:
		flow->client.kept.wipe = true;
		break;
	case MW_SMTP_GREETING:
	case MW_SMTP_REPLY:
		first_reply(lane, flow, event);
		/* fallthrough */
	case MW_SMTP_CHUNK_REPLY:
		count_refusal(flow, event);
		break;
	case MW_SMTP_TLS: /* content memory is needed for the client's hello still */
		if (!flow->ending)
			mw_flow_uninspected(lane, flow, event->reason);
		break;
	case MW_SMTP_TLS_HELLO:
		mw_tls_keep(lane, flow, event->hello);
		mw_content_lose(lane, flow, (enum mw_reason)flow->reason);
		break;
	case MW_SMTP_LOST:
		mw_content_lose(lane, flow, event->reason);
		break;
	default:
		break;
	}
}

void mw_content_server_event(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event)
{
	bool unblocked = event->unblocked;

	mw_content_event(lane, flow, event);
	if (unblocked && flow->content != NULL)
		mw_stream_pump(lane, flow);
}

void mw_content_joined(struct mw_lane *lane, struct mw_flow *flow)
{
	flow->unopened = false;
	if (!flow->one_sided && !flow->client.isn_known && !flow->server.isn_known)
		mw_flow_uninspected(lane, flow, MW_REASON_MIDSTREAM);
}

void mw_content_client_gap(struct mw_lane *lane, struct mw_flow *flow, uint32_t len)
{
	struct mw_transfer *t = flow->content->receiving;

	if (t != NULL)
		mw_message_gap(t->message);
	mw_smtp_gap_client(&flow->content->smtp, len);
	flow->client.nxt += len;
	mw_reassembly_trim(&flow->client.kept, flow->client.nxt);
	mw_flow_uninspected(lane, flow, MW_REASON_GAP);
}

/* Every message that is still open or unanswered is ended, judged as far as it came, and reported.
 */
static void finish(struct mw_lane *lane, struct mw_flow *flow)
{
	struct mw_smtp_event event;

	if (flow->holding && flow->content->transfers != NULL)
		mw_transfer_drain(lane, flow->content->transfers);
	do {
		mw_smtp_finish(&flow->content->smtp, &event);
		mw_content_event(lane, flow, &event);
	} while (event.kind != MW_SMTP_MORE);
	while (flow->content->transfers != NULL) {
		struct mw_transfer *t = flow->content->transfers;

		t->answered = true;
		if (t->state == MW_TRANSFER_OPEN)
			mw_transfer_end(lane, t, false);
		mw_transfer_drain(lane, t);
		mw_transfer_settle(lane, t);
	}
}

void mw_content_detach(struct mw_lane *lane, struct mw_flow *flow, bool send_on)
{
	struct mw_content *content = flow->content;
	struct mw_use *use = mw_share_of(lane, flow->customer);

	if (flow->state != MW_FLOW_CLOSED && flow->mode == MW_MODE_CONTENT) {
		mw_count_kept(&flow->client);
		mw_count_kept(&flow->server);
	}
	flow->ending = true;
	finish(lane, flow);
	flow->ending = false;
	flow->starttls = (uint8_t)mw_smtp_starttls(&content->smtp);
	mw_smtp_close(&content->smtp);
	if (send_on && !lane->config.passive)
		mw_hold_flush(lane, flow, flow->client.high);
	mw_reassembly_clear(&flow->client.kept);
	mw_reassembly_clear(&flow->server.kept);
	flow->holding = flow->release_due = false;
	flow->content = NULL;
	if (use != NULL)
		use->contents--;
	if (flow->young)
		lane->young_contents--;
	mw_pool_put(&lane->content_pool, content);
}

/* What waits to be refused can then be refused no more. Under TLS a session has a while to come to
 * its end: refusal.c. */
static bool loses_refusal(const struct mw_flow *flow, enum mw_reason reason)
{
	return flow->refusal == MW_REFUSAL_MESSAGE ||
	       (flow->refusal == MW_REFUSAL_SESSION && reason != MW_REASON_STARTTLS &&
		       reason != MW_REASON_IMPLICIT_TLS);
}

void mw_content_lose(struct mw_lane *lane, struct mw_flow *flow, enum mw_reason reason)
{
	if (flow->ending) /* the parser's last words while the session is being closed */
		return;
	mw_flow_uninspected(lane, flow, reason);
	if (loses_refusal(flow, reason) && !lane->config.passive) {
		mw_refusal_cut(lane, flow); /* what is to be refused must not go on its way */
		return;
	}
	flow->mode = MW_MODE_METADATA;
	if (flow->content == NULL) /* it was not needed before */
		return;
	mw_count_kept(&flow->client);
	mw_count_kept(&flow->server);
	mw_content_detach(lane, flow, true);
	flow->client.nxt = flow->client.high;
	flow->server.nxt = flow->server.high;
}
