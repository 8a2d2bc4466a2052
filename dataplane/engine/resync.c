/*
 * Over a capture: where the two sides fit together again behind octets of the server's that were
 * not seen. The client says it: what it sends for the first time with an acknowledgement of octets
 * behind the gap, it sends knowing all replies up to there. So up to that octet of the client's
 * (`resync_at.seq`) every reply counts as missing, and from there on what the server says behind
 * what was acknowledged with it (`resync_at.ack`) answers what the client sends.
 *
 * Live there is no such place: what has passed is certain, and a reply that went another way may
 * come to mean anything; there the rest of the session is read as one direction only (reply.c).
 */
#include "dataplane/engine/internal.h"

/* A gap begins where the server's octets are read: what was acknowledged up to there says nothing.
 */
static void forget_heard(struct mw_content *c, uint32_t server_nxt)
{
	uint32_t n = 0;

	while (n < c->heard_count && !mw_seq_before(server_nxt, c->capture->heard[n].ack))
		n++;
	c->heard_count = (uint8_t)(c->heard_count - n);
	memmove(c->capture->heard, c->capture->heard + n,
		c->heard_count * sizeof(c->capture->heard[0]));
}

void mw_resync_note(struct mw_flow *flow, uint32_t seq, uint32_t ack)
{
	struct mw_content *c = flow->content;

	if (c->resync && !c->resync_known && !mw_seq_before(ack, c->resync_from)) {
		c->resync_known = true;
		c->resync_at = (struct mw_heard){seq, ack};
	}
	forget_heard(c, flow->server.nxt);
	if (!mw_seq_before(flow->server.nxt, ack) ||
		(c->heard_count > 0 &&
			!mw_seq_before(c->capture->heard[c->heard_count - 1].ack, ack)))
		return;
	/* Too many: the first ones stay exact, and a later gap ends later. */
	if (c->heard_count == MW_HEARD)
		c->heard_count--;
	c->capture->heard[c->heard_count++] = (struct mw_heard){seq, ack};
}

/* Replies in octets [from, to) that lie together, all of them seen. */
static uint32_t replies_between(const struct mw_half *server, uint32_t from, uint32_t to)
{
	struct mw_smtp_finals finals = {0};

	while (mw_seq_before(from, to)) {
		struct mw_span run = mw_reassembly_at(&server->kept, from);

		if (run.len == 0)
			return 0;
		if (run.len > to - from)
			run.len = to - from;
		mw_smtp_count_finals(&finals, run);
		from += (uint32_t)run.len;
	}
	return finals.count;
}

void mw_resync_begin(struct mw_lane *lane, struct mw_flow *flow, uint32_t found)
{
	struct mw_content *c = flow->content;
	uint32_t seen = 0;

	c->resync = true;
	c->resync_known = false;
	c->resync_from = found;
	for (uint32_t i = 0; i < c->heard_count && !c->resync_known; i++) {
		c->resync_known = !mw_seq_before(c->capture->heard[i].ack, found);
		c->resync_at = c->capture->heard[i];
	}
	/* A group of commands whose replies were cut into: those that are there are its last. */
	if (c->resync_known && flow->client.nxt == c->resync_at.seq)
		seen = replies_between(&flow->server, found, c->resync_at.ack);
	if (seen > 0)
		c->resync_at.ack = found;
	mw_smtp_skip_replies(&c->smtp, seen);
	mw_flow_uninspected(lane, flow, MW_REASON_GAP);
}

void mw_resync_give_up(struct mw_content *c)
{
	c->resync = false;
	mw_smtp_set_one_sided(&c->smtp);
}

bool mw_resync_over(struct mw_flow *flow)
{
	struct mw_content *c = flow->content;

	if (!c->resync || !c->resync_known || mw_seq_before(flow->client.nxt, c->resync_at.seq) ||
		mw_seq_before(flow->server.nxt, c->resync_at.ack))
		return false;
	c->resync = false;
	mw_smtp_resume(&c->smtp);
	return true;
}

/* As much of a run from `seq` on as lies in front of `end`. */
static struct mw_span in_front(struct mw_span run, uint32_t seq, uint32_t end)
{
	if (!mw_seq_before(seq, end))
		run.len = 0;
	else if (run.len > end - seq)
		run.len = end - seq;
	return run;
}

struct mw_span mw_resync_client(const struct mw_content *c, uint32_t seq, struct mw_span run)
{
	return c->resync && c->resync_known ? in_front(run, seq, c->resync_at.seq) : run;
}

struct mw_span mw_resync_server(const struct mw_content *c, uint32_t seq, struct mw_span run)
{
	return c->resync ? in_front(run, seq, c->resync_known ? c->resync_at.ack : seq) : run;
}
