/*
 * The conversation with a refused customer, in the server's place: a SYN-ACK with a cookie, a
 * greeting, `550 5.7.1` at MAIL with ticket and desk, an orderly end. The server never sees a
 * packet of it.
 *
 * Nothing is promised that would have to be remembered: no window scale, no SACK, no timestamps.
 * Until the handshake is over an entry is a convenience (it repeats the SYN-ACK); when there is
 * none to be had the cookie alone carries a connection through its handshake, and the customer
 * table alone decides, so a flood of SYNs opens no hole, and takes no entry from anybody who talks.
 */
#include "dataplane/engine/talk.h"

#define WINDOW 65535

static struct mw_flow_key key_of(const struct mw_frame *f)
{
	struct mw_flow_key key = {
		.client = f->src,
		.server = f->dst,
		.client_port = f->sport,
		.server_port = f->dport,
		.vlan_outer = f->vlan_outer,
		.vlan_inner = f->vlan_inner,
	};

	return key;
}

bool mw_responder_owns(const struct mw_lane *lane, const struct mw_flow_key *key)
{
	return mw_talk_find(lane, key) != NULL;
}

void mw_responder_forget(struct mw_lane *lane, const struct mw_flow_key *key)
{
	struct mw_talk *t = mw_talk_find(lane, key);

	if (t != NULL)
		mw_talk_remove(lane, t);
}

/* Our initial sequence number: a keyed hash over the connection and the client's own, so that the
 * last ACK of the handshake proves itself without an entry. */
static uint32_t cookie(
	const struct mw_responder *r, const struct mw_flow_key *key, uint32_t client_isn)
{
	return (uint32_t)(mw_flow_hash(mw_flow_hash(r->key, key, sizeof(*key)), &client_isn,
				  sizeof(client_isn)) >>
			  16);
}

static bool answer_headers(
	struct mw_segment *s, const struct mw_packet *packet, const struct mw_frame *f)
{
	memset(s, 0, sizeof(*s));
	s->v6 = f->v6;
	s->ttl = 64;
	s->src = f->dst;
	s->dst = f->src;
	s->sport = f->dport;
	s->dport = f->sport;
	s->window = WINDOW;
	return mw_segment_answer_l2(s, packet->data, f);
}

void mw_responder_reset(
	struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *f)
{
	struct mw_segment s;
	uint32_t size;

	if (!mw_segment_reset(&s, packet->data, f))
		return;
	s.ttl = MW_RESET_TTL;
	s.window = WINDOW;
	size = mw_segment_write(&s, mw_span_of(NULL, 0), lane->frame, sizeof(lane->frame));
	mw_lane_transmit(lane, packet->port_in, lane->frame, size);
	lane->counters.reason[MW_REASON_RESET_SENT]++;
}

static void on_syn(struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *f,
	const struct mw_flow_key *key, uint32_t customer)
{
	uint32_t isn = cookie(lane->responder, key, f->seq);
	struct mw_talk *t = mw_talk_find(lane, key);
	struct mw_segment s;

	if (!answer_headers(&s, packet, f))
		return;
	if (t != NULL && t->state != MW_TALK_SYN_RECEIVED && t->client_isn == f->seq) {
		mw_talk_repeat(lane, t); /* a late duplicate of its own: RFC 5961, 4.2 */
		return;
	}
	if (t != NULL && (t->state != MW_TALK_SYN_RECEIVED || t->rcv_nxt != f->seq + 1)) {
		mw_talk_remove(lane, t); /* the client has begun anew */
		t = NULL;
	}
	if (t == NULL) {
		t = mw_talk_add_spare(lane, key, customer);
		if (t != NULL) {
			t->state = MW_TALK_SYN_RECEIVED;
			t->client_isn = f->seq;
			t->rcv_nxt = f->seq + 1;
			t->snd_una = isn;
			t->snd_nxt = isn + 1;
			t->mss = f->mss;
			t->segment = s;
		}
	}
	mw_talk_send_syn_ack(lane, &s, isn, f->seq + 1);
	if (t != NULL) {
		t->last_ns = lane->now_ns;
		t->repeat_ns = lane->now_ns + MW_NS_PER_S;
		t->repeats = 0;
		mw_talk_arm(lane, t);
	}
}

static bool refuses_hello(const struct mw_lane *lane, const struct mw_flow_key *key)
{
	switch (lane->snapshot != NULL ? lane->snapshot->settings.reject_at : MW_REJECT_AT_MAIL) {
	case MW_REJECT_AT_HELLO:
		return true;
	case MW_REJECT_AT_ADAPTIVE:
		return mw_talk_has_left(lane, key);
	case MW_REJECT_AT_MAIL:
	default:
		return false;
	}
}

/* The last ACK of a handshake, with or without an entry. */
static struct mw_talk *establish(struct mw_lane *lane, const struct mw_packet *packet,
	const struct mw_frame *f, const struct mw_flow_key *key, struct mw_talk *t,
	uint32_t customer, bool later)
{
	struct mw_dialogue_out out;

	if (f->ack != cookie(lane->responder, key, f->seq - 1) + 1)
		return NULL;
	if (t == NULL) {
		t = mw_talk_add(lane, key, customer);
		if (t == NULL || !answer_headers(&t->segment, packet, f)) {
			if (t != NULL)
				mw_talk_remove(lane, t);
			return NULL;
		}
		t->client_isn = f->seq - 1;
		t->rcv_nxt = f->seq;
	} else if (!mw_talk_keep(lane, t)) {
		mw_talk_remove(lane, t);
		return NULL;
	}
	t->state = MW_TALK_TALKING;
	t->snd_una = t->snd_nxt = f->ack;
	t->out_len = 0;
	mw_dialogue_greet(&t->dialogue, mw_talk_banner(lane), refuses_hello(lane, key) && !later,
		later, &out);
	mw_talk_say(lane, t, &out);
	return t;
}

void mw_responder_packet(struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f,
	uint32_t customer, const struct mw_ruling *ruling)
{
	struct mw_flow_key key = key_of(f);
	bool free = ruling->verdict == MW_VERDICT_PASS ||
		    (ruling->verdict == MW_VERDICT_DIVERT && mw_divert_ready(lane));
	struct mw_talk *t;

	mw_packet_drop(packet, MW_REASON_ANSWERED);
	if ((f->flags & (MW_TCP_SYN | MW_TCP_ACK | MW_TCP_RST)) == MW_TCP_SYN) {
		on_syn(lane, packet, f, &key, customer);
		return;
	}
	t = mw_talk_find(lane, &key);
	if ((f->flags & MW_TCP_RST) != 0) {
		if (t != NULL && f->seq == t->rcv_nxt)
			mw_talk_remove(lane, t);
		return;
	}
	if ((f->flags & MW_TCP_ACK) == 0)
		return;
	if (t == NULL || t->state == MW_TALK_SYN_RECEIVED) {
		t = establish(lane, packet, f, &key, t, customer, mw_ruling_later(lane, ruling));
		if (t == NULL) {
			packet->reason = MW_REASON_REJECT_OTHER;
			mw_responder_reset(lane, packet, f);
			return;
		}
	}
	/* NULL: nothing is refused any more, he shall come again. */
	mw_talk_segment(lane, t, packet, f, free ? NULL : mw_ruling_reply(ruling));
}
