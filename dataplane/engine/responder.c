/*
 * The conversation with a refused customer, in the server's place: a SYN-ACK with a cookie, a
 * greeting, `550 5.7.1` at MAIL with ticket and desk, an orderly end. The server never sees a
 * packet of it.
 *
 * Nothing is promised that would have to be remembered: no window scale, no SACK, no timestamps. An
 * entry is a convenience (it repeats the SYN-ACK and our replies); when there is none to be had the
 * cookie alone carries a connection through its handshake, and the customer table alone decides, so
 * a flood of SYNs opens no hole.
 */
#include "dataplane/engine/internal.h"

#include "dataplane/engine/dialogue.h"

#define WINDOW	      65535
#define IDLE_NS	      (60 * MW_NS_PER_S)
#define TIMERS_A_TICK 64u
#define REPEATS_SYN   3 /* 1, 2, 4 s */
#define REPEATS_DATA  5

enum responder_state { SYN_RECEIVED, TALKING, CLOSING };

struct entry {
	struct mw_flow_link link;
	enum responder_state state;
	uint32_t rcv_nxt; /* the client's next octet */
	uint32_t snd_una; /* our oldest unacknowledged one */
	uint32_t snd_nxt;
	uint16_t mss; /* the client's */
	uint8_t repeats;
	bool fin_sent, fin_seen;
	uint64_t last_ns;
	uint64_t repeat_ns;	   /* 0: nothing to repeat */
	struct mw_segment segment; /* headers of our side */
	struct mw_dialogue dialogue;
	uint16_t out_len; /* unacknowledged octets, from snd_una on */
	uint8_t out[MW_DIALOGUE_OUT_MAX * 2];
};

struct mw_responder {
	struct mw_flow_table table;
	struct mw_wheel wheel;
	uint64_t key;
	uint16_t mtu;
};

static size_t header_bytes(void)
{
	return (sizeof(struct mw_responder) + 63) & ~(size_t)63;
}

size_t mw_responder_bytes(uint32_t entries)
{
	return header_bytes() + mw_flow_table_bytes(entries, sizeof(struct entry));
}

struct mw_responder *mw_responder_init(void *memory, uint32_t entries, uint64_t key, uint16_t mtu)
{
	struct mw_responder *r = memory;

	mw_flow_table_init(
		&r->table, (uint8_t *)memory + header_bytes(), entries, sizeof(struct entry), key);
	mw_wheel_init(&r->wheel, &r->table);
	r->key = key;
	r->mtu = mtu < 576 ? 576 : mtu;
	return r;
}

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
	return lane->responder->table.used > 0 &&
	       mw_flow_find(&lane->responder->table, key) != NULL;
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

static uint16_t our_mss(const struct mw_responder *r, bool v6)
{
	return v6 ? (r->mtu < 1280 ? 1220 : (uint16_t)(r->mtu - 60)) : (uint16_t)(r->mtu - 40);
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

static void send(struct mw_lane *lane, const struct mw_segment *s, struct mw_span payload)
{
	uint32_t size = mw_segment_write(s, payload, lane->frame, sizeof(lane->frame));

	if (size > 0)
		mw_lane_transmit(lane, MW_PORT_INSIDE, lane->frame, size);
}

void mw_responder_reset(
	struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *f)
{
	struct mw_segment s;
	uint32_t size, taken = f->payload_len + ((f->flags & MW_TCP_SYN) != 0) +
			       ((f->flags & MW_TCP_FIN) != 0);

	if ((f->flags & MW_TCP_RST) != 0 || !answer_headers(&s, packet, f))
		return;
	if ((f->flags & MW_TCP_ACK) != 0) {
		s.flags = MW_TCP_RST;
		s.seq = f->ack;
	} else {
		s.flags = MW_TCP_RST | MW_TCP_ACK;
		s.ack = f->seq + taken;
	}
	size = mw_segment_write(&s, mw_span_of(NULL, 0), lane->frame, sizeof(lane->frame));
	mw_lane_transmit(lane, packet->port_in, lane->frame, size);
	lane->counters.reason[MW_REASON_RESET_SENT]++;
}

static void send_syn_ack(struct mw_lane *lane, struct mw_segment *s, uint32_t isn, uint32_t ack)
{
	s->seq = isn;
	s->ack = ack;
	s->flags = MW_TCP_SYN | MW_TCP_ACK;
	s->mss = our_mss(lane->responder, s->v6);
	send(lane, s, mw_span_of(NULL, 0));
	s->mss = 0;
}

static void remove_entry(struct mw_lane *lane, struct entry *e)
{
	mw_wheel_cancel(&lane->responder->wheel, e);
	mw_flow_remove(&lane->responder->table, e);
}

static void arm(struct mw_lane *lane, struct entry *e)
{
	uint64_t due = e->last_ns + IDLE_NS;

	if (e->repeat_ns != 0 && e->repeat_ns < due)
		due = e->repeat_ns;
	mw_wheel_set(&lane->responder->wheel, e, lane->now_ns, due);
}

static void on_syn(struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *f,
	const struct mw_flow_key *key)
{
	struct mw_responder *r = lane->responder;
	uint32_t isn = cookie(r, key, f->seq);
	struct entry *e = mw_flow_find(&r->table, key);
	struct mw_segment s;

	if (!answer_headers(&s, packet, f))
		return;
	if (e != NULL && (e->state != SYN_RECEIVED || e->rcv_nxt != f->seq + 1)) {
		remove_entry(lane, e); /* the client has begun anew */
		e = NULL;
	}
	if (e == NULL) {
		e = mw_flow_add(&r->table, key);
		if (e != NULL) {
			e->state = SYN_RECEIVED;
			e->rcv_nxt = f->seq + 1;
			e->snd_una = isn;
			e->snd_nxt = isn + 1;
			e->mss = f->mss;
			e->segment = s;
		}
	}
	send_syn_ack(lane, &s, isn, f->seq + 1);
	if (e != NULL) {
		e->last_ns = lane->now_ns;
		e->repeat_ns = lane->now_ns + MW_NS_PER_S;
		e->repeats = 0;
		arm(lane, e);
	}
}

/* Sends everything unacknowledged (it fits a segment or two), and the FIN when it is time. */
static void send_out(struct mw_lane *lane, struct entry *e)
{
	uint32_t most = e->mss == 0 ? 536 : e->mss, sent = 0;

	e->segment.ack = e->rcv_nxt;
	do {
		uint32_t len = e->out_len - sent < most ? e->out_len - sent : most;

		e->segment.seq = e->snd_una + sent;
		e->segment.flags = MW_TCP_ACK;
		if (len > 0)
			e->segment.flags |= MW_TCP_PSH;
		if (sent + len == e->out_len && e->state == CLOSING)
			e->segment.flags |= MW_TCP_FIN;
		send(lane, &e->segment, mw_span_of(e->out + sent, len));
		sent += len;
	} while (sent < e->out_len);
	e->snd_nxt = e->snd_una + e->out_len + (e->state == CLOSING ? 1 : 0);
	e->fin_sent = e->state == CLOSING;
}

static void say(struct mw_lane *lane, struct entry *e, const struct mw_dialogue_out *out)
{
	if (e->out_len + out->len > sizeof(e->out)) {
		e->state = CLOSING; /* one who talks on without listening */
	} else {
		memcpy(e->out + e->out_len, out->text, out->len);
		e->out_len = (uint16_t)(e->out_len + out->len);
	}
	if (out->close)
		e->state = CLOSING;
	send_out(lane, e);
	e->repeats = 0;
	e->repeat_ns = lane->now_ns + MW_NS_PER_S;
}

static const char *banner(const struct mw_lane *lane)
{
	const char *name = lane->snapshot != NULL ? lane->snapshot->settings.banner_name : "";

	return name[0] != 0 ? name : "mailweir.invalid";
}

/* The last ACK of a handshake, with or without an entry. */
static struct entry *establish(struct mw_lane *lane, const struct mw_packet *packet,
	const struct mw_frame *f, const struct mw_flow_key *key, struct entry *e)
{
	struct mw_responder *r = lane->responder;
	struct mw_dialogue_out out;

	if (f->ack != cookie(r, key, f->seq - 1) + 1)
		return NULL;
	if (e == NULL) {
		e = mw_flow_add(&r->table, key);
		if (e == NULL || !answer_headers(&e->segment, packet, f)) {
			if (e != NULL)
				mw_flow_remove(&r->table, e);
			return NULL;
		}
		e->rcv_nxt = f->seq;
	}
	e->state = TALKING;
	e->snd_una = e->snd_nxt = f->ack;
	e->out_len = 0;
	mw_dialogue_greet(&e->dialogue, banner(lane), &out);
	say(lane, e, &out);
	return e;
}

static void note_ack(struct entry *e, const struct mw_frame *f)
{
	uint32_t advance = f->ack - e->snd_una;

	if (advance == 0 || advance > e->snd_nxt - e->snd_una)
		return;
	if (advance > e->out_len) { /* our FIN as well */
		e->out_len = 0;
		e->snd_una = f->ack;
		e->repeat_ns = 0;
		return;
	}
	memmove(e->out, e->out + advance, e->out_len - advance);
	e->out_len = (uint16_t)(e->out_len - advance);
	e->snd_una = f->ack;
	if (e->out_len == 0 && !e->fin_sent)
		e->repeat_ns = 0;
}

static void on_payload(struct mw_lane *lane, struct entry *e, const struct mw_packet *packet,
	const struct mw_frame *f, const char *reply)
{
	struct mw_span payload = mw_span_of(packet->data + f->payload, f->payload_have);
	uint32_t skip = e->rcv_nxt - f->seq;
	struct mw_dialogue_out out = {.len = 0};

	if (f->payload_len > 0 && f->payload_have == f->payload_len && skip <= f->payload_len) {
		payload.data += skip;
		payload.len -= skip;
		e->rcv_nxt += (uint32_t)payload.len;
		if (e->state == TALKING)
			mw_dialogue_feed(&e->dialogue, payload, banner(lane), reply, &out);
	}
	if ((f->flags & MW_TCP_FIN) != 0 && f->seq + f->payload_len == e->rcv_nxt && !e->fin_seen) {
		e->fin_seen = true;
		e->rcv_nxt++;
		out.close = true;
	}
	if (out.len > 0 || (out.close && !e->fin_sent))
		say(lane, e, &out);
	else if (f->payload_len > 0 || (f->flags & MW_TCP_FIN) != 0)
		send_out(lane, e); /* at least an acknowledgement; a repeat where it was lost */
}

void mw_responder_packet(struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f,
	const struct mw_verdict_entry *verdict)
{
	struct mw_flow_key key = key_of(f);
	struct entry *e;

	mw_packet_drop(packet, MW_REASON_ANSWERED);
	if ((f->flags & (MW_TCP_SYN | MW_TCP_ACK | MW_TCP_RST)) == MW_TCP_SYN) {
		on_syn(lane, packet, f, &key);
		return;
	}
	e = mw_flow_find(&lane->responder->table, &key);
	if ((f->flags & MW_TCP_RST) != 0) {
		if (e != NULL && f->seq == e->rcv_nxt)
			remove_entry(lane, e);
		return;
	}
	if ((f->flags & MW_TCP_ACK) == 0)
		return;
	if (e == NULL || e->state == SYN_RECEIVED) {
		e = establish(lane, packet, f, &key, e);
		if (e == NULL) {
			packet->reason = MW_REASON_REJECT_OTHER;
			mw_responder_reset(lane, packet, f);
			return;
		}
	} else {
		note_ack(e, f);
	}
	e->last_ns = lane->now_ns;
	on_payload(lane, e, packet, f, verdict != NULL ? verdict->reply : "");
	if (e->fin_sent && e->fin_seen && e->out_len == 0 && e->snd_una == e->snd_nxt)
		remove_entry(lane, e);
	else
		arm(lane, e);
}

void mw_responder_tick(struct mw_lane *lane)
{
	uint32_t steps = TIMERS_A_TICK;
	struct entry *e;

	while ((e = mw_wheel_due(&lane->responder->wheel, lane->now_ns, &steps)) != NULL) {
		uint8_t most = e->state == SYN_RECEIVED ? REPEATS_SYN : REPEATS_DATA;

		if (lane->now_ns >= e->last_ns + IDLE_NS ||
			(e->repeat_ns != 0 && e->repeats >= most)) {
			mw_flow_remove(&lane->responder->table, e);
			continue;
		}
		if (e->repeat_ns != 0 && lane->now_ns >= e->repeat_ns) {
			e->repeats++;
			e->repeat_ns = lane->now_ns + (MW_NS_PER_S << e->repeats);
			if (e->state == SYN_RECEIVED)
				send_syn_ack(lane, &e->segment, e->snd_una, e->rcv_nxt);
			else
				send_out(lane, e);
		}
		arm(lane, e);
	}
}
