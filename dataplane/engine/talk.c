#include "dataplane/engine/talk.h"

#define TIMERS_A_TICK 64u
#define REPEATS_SYN   3 /* 1, 2, 4 s */
#define REPEATS_DATA  5
#define RESETS	      2 /* beside the first: 0.2 s and 1 s later */

static size_t header_bytes(void)
{
	return (sizeof(struct mw_responder) + 63) & ~(size_t)63;
}

size_t mw_responder_bytes(uint32_t entries)
{
	return header_bytes() + mw_flow_table_bytes(entries, sizeof(struct mw_talk));
}

struct mw_responder *mw_responder_init(
	void *memory, uint32_t entries, uint64_t key, uint16_t mtu, struct mw_left *left)
{
	struct mw_responder *r = memory;

	mw_flow_table_init(&r->table, (uint8_t *)memory + header_bytes(), entries,
		sizeof(struct mw_talk), key);
	mw_wheel_init(&r->wheel, &r->table);
	r->key = key;
	r->left = left != NULL ? left : &r->own;
	r->mtu = mtu < 576 ? 576 : mtu;
	return r;
}

struct mw_talk *mw_talk_find(const struct mw_lane *lane, const struct mw_flow_key *key)
{
	const struct mw_flow_table *table = &lane->responder->table;

	return table->used > 0 ? mw_flow_find(table, key) : NULL;
}

struct mw_talk *mw_talk_add(struct mw_lane *lane, const struct mw_flow_key *key, uint32_t customer)
{
	struct mw_flow_table *table = &lane->responder->table;
	struct mw_use *use = mw_share_of(lane, customer);
	struct mw_talk *t;

	if (use != NULL && !mw_share_allows(use->responders, table->count, table->used))
		return NULL;
	t = mw_flow_add(table, key);
	if (t == NULL)
		return NULL;
	t->customer = customer;
	t->since_ns = t->last_ns = lane->now_ns;
	if (use != NULL)
		use->responders++;
	return t;
}

/* An IPv6 host changes its address within its prefix. */
static uint64_t client_of(const struct mw_lane *lane, const struct mw_flow_key *key)
{
	size_t len = mw_ip_is_v4(&key->client) ? 16 : 8;

	return mw_flow_hash(lane->responder->key, key->client.octet, len);
}

bool mw_talk_has_left(const struct mw_lane *lane, const struct mw_flow_key *key)
{
	return mw_left_knows(lane->responder->left, client_of(lane, key), lane->now_ns);
}

static void remember_leaving(struct mw_lane *lane, const struct mw_talk *t)
{
	if (t->dialogue.hello && !t->dialogue.mail && !t->dialogue.at_hello)
		mw_left_note(lane->responder->left, client_of(lane, &t->link.key), lane->now_ns);
}

void mw_talk_remove(struct mw_lane *lane, struct mw_talk *t)
{
	struct mw_use *use = mw_share_of(lane, t->customer);

	remember_leaving(lane, t);
	if (use != NULL)
		use->responders--;
	mw_wheel_cancel(&lane->responder->wheel, t);
	mw_flow_remove(&lane->responder->table, t);
}

static bool is_closed(const struct mw_talk *t)
{
	return t->fin_acked && t->fin_seen;
}

static uint64_t quiet_until_ns(const struct mw_talk *t)
{
	return t->last_ns + (is_closed(t) ? MW_TALK_WAIT_NS : MW_TALK_IDLE_NS);
}

void mw_talk_arm(struct mw_lane *lane, struct mw_talk *t)
{
	uint64_t due = quiet_until_ns(t);

	if (t->repeat_ns != 0 && t->repeat_ns < due)
		due = t->repeat_ns;
	if (t->reset_due && t->reset_ns < due)
		due = t->reset_ns;
	mw_wheel_set(&lane->responder->wheel, t, lane->now_ns, due);
}

const char *mw_talk_banner(const struct mw_lane *lane)
{
	const char *name = lane->snapshot != NULL ? lane->snapshot->settings.banner_name : "";

	return name[0] != 0 ? name : "mailweir.invalid";
}

void mw_talk_send(struct mw_lane *lane, const struct mw_segment *s, struct mw_span payload)
{
	uint32_t size = mw_segment_write(s, payload, lane->frame, sizeof(lane->frame));

	if (size > 0)
		mw_lane_transmit(lane, MW_PORT_INSIDE, lane->frame, size);
}

/* RFC 9293, 3.7.1; IPv6 at least what every link carries. */
static uint16_t our_mss(const struct mw_responder *r, bool v6)
{
	return v6 ? (r->mtu < 1280 ? 1220 : (uint16_t)(r->mtu - 60)) : (uint16_t)(r->mtu - 40);
}

void mw_talk_send_syn_ack(struct mw_lane *lane, struct mw_segment *s, uint32_t isn, uint32_t ack)
{
	s->seq = isn;
	s->ack = ack;
	s->flags = MW_TCP_SYN | MW_TCP_ACK;
	s->mss = our_mss(lane->responder, s->v6);
	mw_talk_send(lane, s, mw_span_of(NULL, 0));
	s->mss = 0;
}

/* Sends what there is from octet `sent` of the unacknowledged ones on (all fit a segment or two),
 * and the FIN when it is time and as long as the client has not acknowledged it: behind it there is
 * no number left to send. */
static void send_from(struct mw_lane *lane, struct mw_talk *t, uint32_t sent)
{
	uint32_t most = t->mss == 0 ? 536 : t->mss;
	bool fin = t->state == MW_TALK_CLOSING && !t->fin_acked;

	t->segment.ack = t->rcv_nxt;
	do {
		uint32_t len = t->out_len - sent < most ? t->out_len - sent : most;

		t->segment.seq = t->snd_una + sent;
		t->segment.flags = MW_TCP_ACK;
		if (len > 0)
			t->segment.flags |= MW_TCP_PSH;
		if (sent + len == t->out_len && fin)
			t->segment.flags |= MW_TCP_FIN;
		mw_talk_send(lane, &t->segment, mw_span_of(t->out + sent, len));
		sent += len;
	} while (sent < t->out_len);
	t->snd_nxt = t->snd_una + t->out_len + (fin ? 1 : 0);
	t->fin_sent |= fin;
}

void mw_talk_repeat(struct mw_lane *lane, struct mw_talk *t)
{
	send_from(lane, t, 0);
}

void mw_talk_say(struct mw_lane *lane, struct mw_talk *t, const struct mw_dialogue_out *out)
{
	uint32_t said = t->snd_nxt - t->snd_una;

	if (t->out_len + out->len > sizeof(t->out)) {
		t->state = MW_TALK_CLOSING; /* one who talks on without listening */
	} else {
		memcpy(t->out + t->out_len, out->text, out->len);
		t->out_len = (uint16_t)(t->out_len + out->len);
	}
	if (out->close)
		t->state = MW_TALK_CLOSING;
	send_from(lane, t, said < t->out_len ? said : t->out_len); /* more: a FIN, again */
	t->repeats = 0;
	t->repeat_ns = lane->now_ns + MW_NS_PER_S;
}

static void note_ack(const struct mw_lane *lane, struct mw_talk *t, const struct mw_frame *f)
{
	uint32_t advance = f->ack - t->snd_una;

	if (f->window == 0 && t->repeat_ns != 0)
		t->repeats = 0; /* it is there and takes nothing yet (RFC 9293, 3.8.6.1) */
	if (t->segment.has_ts && f->has_ts && (int32_t)(f->tsval - t->segment.tsecr) > 0)
		t->segment.tsecr = f->tsval;
	if (advance == 0 || advance > t->snd_nxt - t->snd_una)
		return;
	if (advance > t->out_len) { /* our FIN as well */
		t->out_len = 0;
		t->snd_una = f->ack;
		t->fin_acked = true;
		t->repeat_ns = 0;
		return;
	}
	memmove(t->out, t->out + advance, t->out_len - advance);
	t->out_len = (uint16_t)(t->out_len - advance);
	t->snd_una = f->ack;
	t->repeats = 0;
	t->repeat_ns = t->out_len == 0 && !t->fin_sent ? 0 : lane->now_ns + MW_NS_PER_S;
}

static void feed(struct mw_lane *lane, struct mw_talk *t, struct mw_span octets, const char *reply,
	struct mw_dialogue_out *out)
{
	t->rcv_nxt += (uint32_t)octets.len;
	if (t->state == MW_TALK_TALKING)
		mw_dialogue_feed(&t->dialogue, octets, mw_talk_banner(lane), reply, out);
}

void mw_talk_feed(struct mw_lane *lane, struct mw_talk *t, struct mw_span octets, const char *reply)
{
	struct mw_dialogue_out out = {.len = 0};

	feed(lane, t, octets, reply, &out);
	if (out.len > 0 || out.close)
		mw_talk_say(lane, t, &out);
}

void mw_talk_segment(struct mw_lane *lane, struct mw_talk *t, const struct mw_packet *packet,
	const struct mw_frame *f, const char *reply)
{
	struct mw_span payload = mw_span_of(packet->data + f->payload, f->payload_have);
	uint32_t skip = t->rcv_nxt - f->seq;
	struct mw_dialogue_out out = {.len = 0};

	note_ack(lane, t, f);
	t->last_ns = lane->now_ns;
	if (f->payload_len > 0 && f->payload_have == f->payload_len && skip <= f->payload_len) {
		payload.data += skip;
		payload.len -= skip;
		feed(lane, t, payload, reply, &out);
	}
	if ((f->flags & MW_TCP_FIN) != 0 && f->seq + f->payload_len == t->rcv_nxt && !t->fin_seen) {
		t->fin_seen = true;
		t->rcv_nxt++;
		out.close = true;
	}
	if (out.len > 0 || (out.close && !t->fin_sent))
		mw_talk_say(lane, t, &out);
	else if (f->payload_len > 0 || (f->flags & MW_TCP_FIN) != 0 ||
		 mw_seq_before(f->seq, t->rcv_nxt)) /* a keep-alive, the probe of a window */
		mw_talk_repeat(lane, t);
	mw_talk_arm(lane, t);
}

void mw_talk_reset_server(struct mw_lane *lane, const struct mw_talk *t)
{
	uint32_t size = mw_segment_write(
		&t->to_server, mw_span_of(NULL, 0), lane->frame, sizeof(lane->frame));

	mw_lane_transmit(lane, t->far, lane->frame, size);
	lane->counters.reason[MW_REASON_RESET_SENT]++;
}

/* The server may have lost the RST, and would keep the message's beginning for minutes. */
static void repeat_reset(struct mw_lane *lane, struct mw_talk *t)
{
	if (!t->reset_due || lane->now_ns < t->reset_ns)
		return;
	mw_talk_reset_server(lane, t);
	t->reset_due = ++t->resets < RESETS;
	t->reset_ns = lane->now_ns + 800 * MW_NS_PER_MS;
}

/* One that speaks to nobody any more: over, or its peer is gone. */
static bool is_over(const struct mw_lane *lane, const struct mw_talk *t)
{
	uint8_t most = t->state == MW_TALK_SYN_RECEIVED ? REPEATS_SYN : REPEATS_DATA;

	if (is_closed(t) && t->reset_due)
		return false;
	return lane->now_ns >= quiet_until_ns(t) || lane->now_ns >= t->since_ns + MW_TALK_LIFE_NS ||
	       (t->repeat_ns != 0 && t->repeats >= most && lane->now_ns >= t->repeat_ns);
}

void mw_responder_tick(struct mw_lane *lane)
{
	uint32_t steps = TIMERS_A_TICK;
	struct mw_talk *t;

	while ((t = mw_wheel_due(&lane->responder->wheel, lane->now_ns, &steps)) != NULL) {
		repeat_reset(lane, t);
		if (is_over(lane, t)) {
			mw_talk_remove(lane, t);
			continue;
		}
		if (t->repeat_ns != 0 && lane->now_ns >= t->repeat_ns) {
			t->repeats++;
			t->repeat_ns = lane->now_ns + (MW_NS_PER_S << t->repeats);
			if (t->state == MW_TALK_SYN_RECEIVED)
				mw_talk_send_syn_ack(lane, &t->segment, t->snd_una, t->rcv_nxt);
			else
				mw_talk_repeat(lane, t);
		}
		mw_talk_arm(lane, t);
	}
}
