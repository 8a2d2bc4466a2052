/*
 * Refusing in the middle of a session, from a packet forwarder: the octet that would complete the
 * message is held back, so the server has nothing to store; it gets a RST, and from there on the
 * lane speaks to the client in its place: the reply, and an orderly end. Nothing is ever spliced
 * back.
 *
 * A reply may only be put in where the client's and the server's views agree (all conditions are in
 * may_speak). What is to be refused waits on a list that the poll goes through; the packet at hand
 * is never the place, for the RST would overtake it.
 */
#include <stdio.h>

#include "dataplane/engine/talk.h"

#define TRIED_A_POLL 64u
#define TLS_IDLE_NS  (2 * MW_NS_PER_S)
#define TLS_LIMIT_NS (60 * MW_NS_PER_S)
#define SAY_LIMIT_NS (60 * MW_NS_PER_S)
#define WINDOW_LEAST 65535u
#define WINDOW_GUESS 8192u /* the server's scale was never seen */

void mw_refusal_ask(struct mw_lane *lane, struct mw_flow *flow, enum mw_refusal kind)
{
	if (flow->ending || flow->state == MW_FLOW_CLOSED)
		return;
	if (flow->refusal != MW_REFUSAL_NONE) { /* it waits already, perhaps for less */
		if (kind <= (enum mw_refusal)flow->refusal)
			return;
		flow->refusal = (uint8_t)kind;
		flow->refusal_ns = lane->now_ns;
		return;
	}
	flow->refusal = (uint8_t)kind;
	flow->refusal_ns = lane->now_ns;
	flow->refuse_prev = lane->refuse_last;
	flow->refuse_next = NULL;
	if (lane->refuse_last != NULL)
		lane->refuse_last->refuse_next = flow;
	else
		lane->refuse_first = flow;
	lane->refuse_last = flow;
}

void mw_refusal_forget(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->refusal == MW_REFUSAL_NONE)
		return;
	flow->refusal = MW_REFUSAL_NONE;
	if (lane->refuse_cursor == flow)
		lane->refuse_cursor = flow->refuse_next;
	if (flow->refuse_prev != NULL)
		flow->refuse_prev->refuse_next = flow->refuse_next;
	else
		lane->refuse_first = flow->refuse_next;
	if (flow->refuse_next != NULL)
		flow->refuse_next->refuse_prev = flow->refuse_prev;
	else
		lane->refuse_last = flow->refuse_prev;
}

/* The next number of this direction, as its receiver sees it; false when none is known. */
static bool next_number(const struct mw_half *half, uint32_t *seq)
{
	*seq = half->known ? half->high : half->isn + 1;
	return half->known || half->isn_known;
}

static void send_reset(
	struct mw_lane *lane, struct mw_flow *flow, bool to_server, uint32_t seq, uint32_t ack)
{
	const struct mw_flow_key *key = &flow->link.key;
	struct mw_segment s = {
		.v6 = !mw_ip_is_v4(&key->client),
		.ttl = MW_RESET_TTL,
		.src = to_server ? key->client : key->server,
		.dst = to_server ? key->server : key->client,
		.sport = to_server ? key->client_port : key->server_port,
		.dport = to_server ? key->server_port : key->client_port,
		.seq = seq,
		.ack = ack,
		.flags = MW_TCP_RST | MW_TCP_ACK,
		.l2_len = flow->l2_len,
	};
	uint32_t size;

	memcpy(s.l2, flow->l2, flow->l2_len);
	if (!to_server && !flow->diverted) {
		memcpy(s.l2, flow->l2 + 6, 6);
		memcpy(s.l2 + 6, flow->l2, 6);
	}
	size = mw_segment_write(&s, mw_span_of(NULL, 0), lane->frame, sizeof(lane->frame));
	mw_lane_transmit(lane, to_server ? mw_flow_far(flow) : MW_PORT_INSIDE, lane->frame, size);
	lane->counters.reason[MW_REASON_RESET_SENT]++;
}

/* Both ends are told by RST, without a packet at hand. What was kept back of the client's octets
 * never left: the server expects them next. */
void mw_refusal_cut(struct mw_lane *lane, struct mw_flow *flow)
{
	uint32_t client, server;
	bool client_known = next_number(&flow->client, &client);
	bool server_known = next_number(&flow->server, &server);

	if (client_known && flow->content != NULL)
		client = flow->client.sent;
	if (client_known && flow->l2_len > 0)
		send_reset(lane, flow, true, client, server_known ? server : 0);
	if (server_known && flow->l2_len > 0)
		send_reset(lane, flow, false, server, client_known ? flow->client.high : 0);
	flow->was_reset = true;
	mw_session_close(lane, flow);
}

/* The server's receive window as the client knows it: its right edge never moves back, and it never
 * closes, or the client's QUIT would not come (RFC 9293, 3.8.6; RFC 7323, 2.3). */
static uint16_t window_for(const struct mw_flow *flow)
{
	const struct mw_half *client = &flow->client;
	unsigned scale =
		client->wscale >= 0 && flow->server.wscale >= 0 ? (unsigned)flow->server.wscale : 0;
	uint32_t want = WINDOW_LEAST, field;

	if (!client->isn_known || !flow->server.isn_known)
		return flow->content->to_client.window > WINDOW_GUESS
			       ? flow->content->to_client.window
			       : WINDOW_GUESS;
	if (client->right_known && mw_seq_before(client->nxt + want, client->right))
		want = client->right - client->nxt;
	field = (want + (1u << scale) - 1) >> scale;
	return field > UINT16_MAX ? UINT16_MAX : (uint16_t)field;
}

/* What the client sent in order behind the octets that were understood already. */
static void feed_kept(struct mw_lane *lane, const struct mw_flow *flow, struct mw_talk *talk)
{
	for (;;) {
		struct mw_span run = mw_reassembly_at(&flow->client.kept, talk->rcv_nxt);

		if (run.len == 0)
			return;
		mw_talk_feed(lane, talk, run, "");
	}
}

static struct mw_talk *begin_talk(struct mw_lane *lane, struct mw_flow *flow)
{
	const struct mw_content *c = flow->content;
	struct mw_talk *t = mw_talk_find(lane, &flow->link.key);

	if (t != NULL)
		mw_talk_remove(lane, t);
	t = mw_talk_add(lane, &flow->link.key, flow->customer);
	if (t == NULL)
		return NULL;
	t->state = MW_TALK_TALKING;
	t->client_isn = flow->client.isn;
	t->rcv_nxt = flow->client.nxt;
	t->snd_una = t->snd_nxt = flow->server.nxt;
	t->segment = c->to_client;
	t->segment.window = window_for(flow);
	t->segment.has_ts = c->to_client.has_ts && c->to_server.has_ts;
	t->segment.tsecr = c->to_server.tsval; /* tsval stays the server's last: never below it */
	t->mss = flow->mss == 0 ? 536 : flow->mss;
	if (t->segment.has_ts && t->mss > 12 + 64)
		t->mss = (uint16_t)(t->mss - 12);
	t->far = mw_flow_far(flow);
	t->to_server = c->to_server;
	t->to_server.ttl = MW_RESET_TTL; /* the client's may end on the way */
	t->to_server.flags = MW_TCP_RST | MW_TCP_ACK;
	t->to_server.seq = flow->client.sent;
	t->to_server.has_ts = false;
	t->reset_due = true;
	t->reset_ns = lane->now_ns + 200 * MW_NS_PER_MS;
	return t;
}

/* Of the message that is held, else of the customer's verdict. */
static const char *what_to_say(const struct mw_lane *lane, const struct mw_flow *flow)
{
	for (const struct mw_transfer *t = flow->content->transfers; t != NULL; t = t->flow_next)
		if (t->holds_flow && t->refuse)
			return t->refusal_text;
	return flow->refusal == MW_REFUSAL_MOVE ? MW_MOVE_REPLY
						: mw_ruling_of_flow(lane, flow).reply;
}

/* From here on the client's connection is ours. `code` 0: the server has had the last word. */
static void speak(struct mw_lane *lane, struct mw_flow *flow, const char *code, bool close)
{
	struct mw_dialogue_out out = {.close = close};
	struct mw_talk *t = begin_talk(lane, flow);

	if (t == NULL) {
		mw_refusal_cut(lane, flow);
		return;
	}
	mw_talk_reset_server(lane, t);
	mw_dialogue_refused(&t->dialogue, flow->content->refusal_sinks);
	if (code != NULL)
		out.len = (uint16_t)snprintf(
			out.text, sizeof(out.text), "%s %s\r\n", code, what_to_say(lane, flow));
	mw_talk_say(lane, t, &out);
	feed_kept(lane, flow, t);
	if (flow->client.fin && flow->client.fin_seq == t->rcv_nxt) {
		t->fin_seen = true;
		t->rcv_nxt++;
		out = (struct mw_dialogue_out){.close = true};
		mw_talk_say(lane, t, &out);
	}
	mw_talk_arm(lane, t);
	flow->owned = true;
	flow->holding = flow->release_due = false;
	mw_session_close(lane, flow);
}

/* WIRE's conditions: the server is in the middle of no reply, the client has acknowledged all of
 * the server's octets, and exactly the one reply is outstanding that we are about to give. */
static bool may_speak(const struct mw_flow *flow, uint32_t outstanding)
{
	const struct mw_half *server = &flow->server;
	const struct mw_smtp *smtp = &flow->content->smtp;

	return flow->content->has_template && flow->content->has_client_template && server->known &&
	       !server->fin && !flow->one_sided && server->ack_seen &&
	       server->acked == server->high && server->nxt == server->high &&
	       !mw_smtp_reply_open(smtp) && mw_smtp_replies_outstanding(smtp) == outstanding;
}

static bool is_for_now(const struct mw_flow *flow)
{
	for (const struct mw_transfer *t = flow->content->transfers; t != NULL; t = t->flow_next)
		if (t->holds_flow && t->refuse)
			return t->later;
	return false;
}

static void try_message(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->content->server_said) {
		if (may_speak(flow, mw_smtp_replies_outstanding(&flow->content->smtp)))
			speak(lane, flow, NULL, true);
	} else if (may_speak(flow, 1)) {
		speak(lane, flow, is_for_now(flow) ? "451 4.7.1" : "554 5.7.1", false);
	}
}

/* Nothing is under way, and he may be told something. */
static bool between_messages(const struct mw_flow *flow)
{
	return !flow->holding && mw_smtp_idle(&flow->content->smtp) &&
	       flow->client.sent == flow->client.nxt && flow->client.kept.head == NULL &&
	       may_speak(flow, 0);
}

/* In the middle of a message it goes on, and is refused at its end. */
static void try_session(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->one_sided) { /* nothing can be refused at the end of a message either */
		mw_refusal_cut(lane, flow);
		return;
	}
	if (between_messages(flow))
		speak(lane, flow, "421 4.7.1", true);
	else if (flow->refusal == MW_REFUSAL_SESSION && flow->content->receiving == NULL &&
		 !flow->holding && lane->now_ns >= flow->refusal_ns + SAY_LIMIT_NS)
		mw_refusal_cut(lane, flow); /* always another reply is outstanding */
}

/* A sender with mail for hours begins his next message in the packet that acknowledges the reply to
 * the last one, so that there is never a moment without him. What he begins waits: he repeats it,
 * and is told meanwhile. */
bool mw_refusal_due(const struct mw_flow *flow)
{
	return flow->refusal == MW_REFUSAL_MOVE && !flow->one_sided && flow->content != NULL &&
	       between_messages(flow);
}

/* Under TLS nothing can be said. */
static void try_dark(struct mw_lane *lane, struct mw_flow *flow)
{
	if (lane->now_ns < flow->last_ns + TLS_IDLE_NS &&
		lane->now_ns < flow->refusal_ns + TLS_LIMIT_NS)
		return;
	lane->counters.reason[MW_REASON_TLS_CUT]++;
	mw_refusal_cut(lane, flow);
}

void mw_refusal_timeout(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->refusal == MW_REFUSAL_MESSAGE) /* perhaps it is to be refused since just now */
		try_message(lane, flow);
	if (flow->state == MW_FLOW_CLOSED)
		return;
	if (may_speak(flow, mw_smtp_replies_outstanding(&flow->content->smtp)))
		speak(lane, flow, "421 4.7.1", true);
	else
		mw_refusal_cut(lane, flow);
}

static void try_one(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->state == MW_FLOW_CLOSED)
		mw_refusal_forget(lane, flow);
	else if (!mw_flow_inspected(flow))
		try_dark(lane, flow);
	else if (flow->content == NULL) /* nothing was said yet */
		mw_refusal_cut(lane, flow);
	else if (flow->refusal == MW_REFUSAL_MESSAGE)
		try_message(lane, flow);
	else
		try_session(lane, flow);
}

void mw_refusal_poll(struct mw_lane *lane)
{
	uint32_t steps = TRIED_A_POLL;

	if (lane->refuse_cursor == NULL)
		lane->refuse_cursor = lane->refuse_first;
	while (lane->refuse_cursor != NULL && steps-- > 0) {
		struct mw_flow *flow = lane->refuse_cursor;

		lane->refuse_cursor = flow->refuse_next;
		try_one(lane, flow);
	}
}
