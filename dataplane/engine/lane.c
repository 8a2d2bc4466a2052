/*
 * The lane's memory, the way of a packet to the connection it belongs to, and the tick.
 */
#include "dataplane/engine/internal.h"

#include "dataplane/flow/fragments.h"
#include "dataplane/proto/checksum.h"

#define TIMERS_A_POLL  256u
#define FLUSHED_A_POLL 1024u
#define WALKED_A_POLL  256u

struct layout {
	size_t lane, scratch, flows, kept, envelopes, contents, transfers, records, responder, ham,
		use, tls, total;
};

static size_t place(size_t *at, size_t size)
{
	size_t here = *at;

	*at += (size + 63) & ~(size_t)63;
	return here;
}

static size_t content_bytes(void)
{
	return (sizeof(struct mw_content) + 63) & ~(size_t)63;
}

static size_t transfer_bytes(void)
{
	return (MW_TRANSFER_HEADER + mw_message_bytes() + 63) & ~(size_t)63;
}

static size_t tls_bytes(void)
{
	return (sizeof(struct mw_tls_seen) + 7) & ~(size_t)7;
}

/* Two envelopes a connection and some more for long lists of recipients. */
static uint32_t envelope_blocks(const struct mw_lane_config *c)
{
	return c->contents * 2 + 256;
}

static struct layout layout_of(const struct mw_lane_config *c)
{
	struct layout l;
	size_t at = 0;

	l.lane = place(&at, sizeof(struct mw_lane));
	l.scratch = place(&at, mw_message_scratch_bytes());
	l.flows = place(&at, mw_flow_table_bytes(c->flows, sizeof(struct mw_flow)));
	l.kept = place(&at, (size_t)c->kept_blocks * MW_KEPT_BLOCK_BYTES);
	l.envelopes = place(&at, (size_t)envelope_blocks(c) * MW_SMTP_ENVELOPE_BLOCK);
	l.contents = place(&at, c->contents * content_bytes());
	l.transfers = place(&at, c->messages * transfer_bytes());
	l.records = place(&at, (size_t)c->record_blocks * MW_RECORD_BLOCK_BYTES);
	l.responder = place(&at, mw_responder_bytes(c->responders));
	l.ham = place(&at, (size_t)c->customers * sizeof(uint32_t));
	l.use = place(&at, (size_t)c->customers * sizeof(struct mw_use));
	l.tls = place(&at, (size_t)mw_tls_kept_max(c) * tls_bytes());
	l.total = at;
	return l;
}

size_t mw_lane_bytes(const struct mw_lane_config *config)
{
	return layout_of(config).total;
}

struct mw_lane *mw_lane_init(
	void *memory, const struct mw_lane_config *config, const struct mw_lane_sink *sink)
{
	struct layout l = layout_of(config);
	uint8_t *base = memory;
	struct mw_lane *lane = memory;

	_Static_assert(
		sizeof(struct mw_record_block) <= MW_RECORD_BLOCK_BYTES, "block holds its header");
	lane->config = *config;
	lane->sink = *sink;
	lane->rules_current = MW_RULES_SLOTS;
	lane->message_scratch =
		mw_message_scratch_init(base + l.scratch, config->charsets, config->tlds);
	memcpy(lane->message_config.content_key, &config->key, sizeof(config->key));
	mw_flow_table_init(
		&lane->flows, base + l.flows, config->flows, sizeof(struct mw_flow), config->key);
	mw_wheel_init(&lane->wheel, &lane->flows);
	mw_pool_init(&lane->kept_pool, base + l.kept, MW_KEPT_BLOCK_BYTES, config->kept_blocks);
	mw_pool_init(&lane->envelope_pool, base + l.envelopes, MW_SMTP_ENVELOPE_BLOCK,
		envelope_blocks(config));
	mw_pool_init(&lane->content_pool, base + l.contents, content_bytes(), config->contents);
	mw_pool_init(&lane->transfer_pool, base + l.transfers, transfer_bytes(), config->messages);
	mw_pool_init(
		&lane->record_pool, base + l.records, MW_RECORD_BLOCK_BYTES, config->record_blocks);
	mw_pool_init(&lane->tls_pool, base + l.tls, tls_bytes(), mw_tls_kept_max(config));
	lane->responder = mw_responder_init(
		base + l.responder, config->responders, config->key, config->mtu, config->left);
	lane->ham = (uint32_t *)(void *)(base + l.ham);
	lane->use = (struct mw_use *)(void *)(base + l.use);
	return lane;
}

void mw_lane_set_snapshot(struct mw_lane *lane, const struct mw_snapshot *snapshot)
{
	if (snapshot != NULL && lane->walked != snapshot->generation) {
		lane->walked = snapshot->generation;
		if (lane->walk == NULL)
			lane->walk = lane->open_first;
		else
			lane->walk_again = true; /* those behind it are seen with the new ones */
	}
	lane->snapshot = snapshot;
}

bool mw_lane_set_rules(
	struct mw_lane *lane, const struct mw_ruleset *rules, struct mw_scan_scratch *scratch)
{
	if (rules == NULL) {
		lane->rules_current = MW_RULES_SLOTS;
		return true;
	}
	if (mw_scan_bytes(rules) > MW_RECORD_BLOCK_BYTES - 2 * MW_ARENA_OVERHEAD)
		return false;
	for (uint32_t i = 0; i < MW_RULES_SLOTS; i++) {
		struct mw_rules_slot *slot = &lane->rules[i];

		if (i == lane->rules_current || slot->users > 0)
			continue;
		slot->rules = rules;
		slot->scratch = scratch;
		lane->rules_current = i;
		return true;
	}
	return false;
}

bool mw_lane_rules_in_use(const struct mw_lane *lane, const struct mw_ruleset *rules)
{
	for (uint32_t i = 0; i < MW_RULES_SLOTS; i++)
		if (lane->rules[i].rules == rules &&
			(lane->rules[i].users > 0 || i == lane->rules_current))
			return true;
	return false;
}

const struct mw_lane_counters *mw_lane_counters(const struct mw_lane *lane)
{
	return &lane->counters;
}

void mw_lane_count(struct mw_lane *lane, enum mw_reason reason, uint64_t n)
{
	lane->counters.reason[reason] += n;
}

static uint8_t across(uint8_t port_in)
{
	return port_in == MW_PORT_INSIDE ? MW_PORT_OUTSIDE : MW_PORT_INSIDE;
}

/* The plain case, decided from a few octets: untagged IPv4 without options, or IPv6 with TCP or UDP
 * right behind its header, and no SMTP port at either end. True: nothing for us, for certain. */
static bool surely_not_smtp(const struct mw_port_set *ports, const uint8_t *p, uint32_t len)
{
	uint32_t l4;

	if (len < 34)
		return true;
	if (p[12] == 0x08 && p[13] == 0x00 && p[14] == 0x45) {
		if (p[23] != 6)
			return true;
		if ((p[20] & 0x3f) != 0 || p[21] != 0) /* the last one may be of an octet */
			return false;
		if (len < 38)
			return true;
		l4 = 34;
	} else if (p[12] == 0x86 && p[13] == 0xdd && len >= 58) {
		if (p[20] == 17 || p[20] == 58)
			return true;
		if (p[20] != 6)
			return false;
		l4 = 54;
	} else {
		return p[12] == 0x08 && p[13] == 0x06; /* ARP; the rest is looked at closely */
	}
	return !mw_port_set_has(ports, (uint16_t)(p[l4] << 8 | p[l4 + 1])) &&
	       !mw_port_set_has(ports, (uint16_t)(p[l4 + 2] << 8 | p[l4 + 3]));
}

/* Of fragments that have no ports: where all of a packet's meet. */
static uint16_t collector(uint64_t key, const uint8_t *frame, uint32_t len, uint16_t lanes)
{
	struct mw_fragment g;

	if (!mw_fragment_parse(frame, len, &g))
		return MW_LANE_ANY;
	return (uint16_t)((mw_fragments_hash(key, &g) >> 32) % lanes);
}

uint16_t mw_lane_owner(const struct mw_port_set *smtp_ports, uint64_t key, const uint8_t *frame,
	uint32_t len, uint16_t lanes)
{
	struct {
		struct mw_ip ip[2];
		uint16_t port[2];
		uint16_t vlan[2];
	} both;
	struct mw_frame f;
	int first;

	if (surely_not_smtp(smtp_ports, frame, len))
		return MW_LANE_ANY;
	switch (mw_frame_parse(frame, len, len, &f)) {
	case MW_FRAME_TCP:
		break;
	case MW_FRAME_FRAGMENT:
		return collector(key, frame, len, lanes);
	default:
		return MW_LANE_ANY;
	}
	if (!mw_port_set_has(smtp_ports, f.sport) && !mw_port_set_has(smtp_ports, f.dport))
		return MW_LANE_ANY;
	first = memcmp(&f.src, &f.dst, sizeof(f.src));
	if (first == 0)
		first = (int)f.sport - (int)f.dport;
	memset(&both, 0, sizeof(both));
	both.ip[first > 0] = f.src;
	both.ip[first <= 0] = f.dst;
	both.port[first > 0] = f.sport;
	both.port[first <= 0] = f.dport;
	both.vlan[0] = f.vlan_outer;
	both.vlan[1] = f.vlan_inner;
	return (uint16_t)((mw_flow_hash(key, &both, sizeof(both)) >> 32) % lanes);
}

static struct mw_flow_key key_of(const struct mw_frame *f, bool from_client)
{
	struct mw_flow_key key = {
		.client = from_client ? f->src : f->dst,
		.server = from_client ? f->dst : f->src,
		.client_port = from_client ? f->sport : f->dport,
		.server_port = from_client ? f->dport : f->sport,
		.vlan_outer = f->vlan_outer,
		.vlan_inner = f->vlan_inner,
	};

	return key;
}

/* Whose direction is this? False: not SMTP of the inside's clients. */
static bool direction(const struct mw_lane *lane, const struct mw_packet *packet,
	const struct mw_frame *f, bool *from_client)
{
	bool to_server = mw_port_set_has(lane->config.smtp_ports, f->dport);
	bool to_client = mw_port_set_has(lane->config.smtp_ports, f->sport);

	if (!lane->config.passive) {
		*from_client = packet->port_in == MW_PORT_INSIDE;
		return *from_client ? to_server : packet->port_in == MW_PORT_OUTSIDE && to_client;
	}
	*from_client = to_server;
	if (to_server && to_client) { /* an SMTP port at both ends: who opened it? */
		struct mw_flow_key key = key_of(f, false);

		if ((f->flags & (MW_TCP_SYN | MW_TCP_ACK)) == MW_TCP_SYN)
			*from_client = true;
		else
			*from_client = mw_flow_find(&lane->flows, &key) == NULL;
	}
	return to_server || to_client;
}

/* The customer behind a connection; false: nobody's, or one who is not to be inspected. */
static bool customer_of(const struct mw_lane *lane, const struct mw_flow_key *key,
	uint32_t *customer, bool *content)
{
	const struct mw_customer_entry *entry;

	*customer = MW_NO_CUSTOMER_INDEX;
	*content = true;
	if (lane->snapshot != NULL) {
		*customer = mw_snapshot_customer(
			lane->snapshot, &key->client, key->vlan_outer, key->vlan_inner);
		if (*customer != MW_NO_CUSTOMER_INDEX) {
			entry = mw_snapshot_customer_entry(lane->snapshot, *customer);
			*content = entry->inspection >= MW_INSPECTION_CONTENT;
			return entry->inspection != MW_INSPECTION_NONE;
		}
	}
	return lane->config.every_client;
}

static const struct mw_verdict_entry *verdict_in_force(
	const struct mw_lane *lane, uint32_t customer, enum mw_verdict *verdict)
{
	const struct mw_verdict_entry *entry = NULL;

	*verdict = MW_VERDICT_PASS;
	if (lane->snapshot != NULL && !lane->config.passive && customer != MW_NO_CUSTOMER_INDEX) {
		entry = mw_snapshot_verdict(lane->snapshot, customer);
		*verdict = mw_verdict_entry_at(entry, lane->now_ns / MW_NS_PER_S);
	}
	return entry;
}

static bool is_first(const struct mw_frame *f)
{
	return (f->flags & (MW_TCP_SYN | MW_TCP_ACK | MW_TCP_RST)) == MW_TCP_SYN;
}

/* A packet that belongs to no connection we know. NULL: decided. */
static struct mw_flow *stranger(struct mw_lane *lane, struct mw_packet *packet,
	const struct mw_frame *f, const struct mw_flow_key *key, bool from_client)
{
	const struct mw_verdict_entry *entry;
	enum mw_verdict verdict;
	uint32_t customer;
	bool content;
	struct mw_flow *flow;

	if (!customer_of(lane, key, &customer, &content)) {
		mw_packet_forward(packet, MW_REASON_FORWARDED);
		return NULL;
	}
	entry = verdict_in_force(lane, customer, &verdict);
	if (from_client && is_first(f) && verdict == MW_VERDICT_PASS)
		mw_responder_forget(lane, key); /* free again, he begins anew on these ports */
	if (from_client && (verdict == MW_VERDICT_REJECT || mw_responder_owns(lane, key))) {
		mw_responder_packet(lane, packet, f, customer, entry);
		return NULL;
	}
	if (verdict == MW_VERDICT_RATE && from_client && is_first(f) &&
		!mw_rate_connection(lane, customer)) {
		mw_responder_packet(lane, packet, f, customer, entry);
		return NULL;
	}
	if (!from_client && mw_responder_owns(lane, key)) { /* its entry is gone, we still talk */
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_AFTER_REFUSAL);
		return NULL;
	}
	if (verdict == MW_VERDICT_RESET && from_client) {
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
		return NULL;
	}
	if (verdict == MW_VERDICT_DROP && from_client) {
		mw_packet_drop(packet, MW_REASON_VERDICT_DROP);
		return NULL;
	}
	if ((f->flags & MW_TCP_RST) != 0) {
		mw_packet_forward(packet, MW_REASON_INSPECTED);
		return NULL;
	}
	flow = mw_session_open(lane, key, f, customer, content);
	if (flow == NULL) {
		lane->counters.reason[MW_REASON_MEMORY]++;
		mw_packet_forward(packet, MW_REASON_INSPECTED);
	}
	return flow;
}

/* A SYN or SYN-ACK on a connection we know: a repeat of its first, or the first of another. */
static bool is_successor(const struct mw_lane *lane, const struct mw_flow *flow,
	const struct mw_frame *f, bool from_client)
{
	const struct mw_half *half = from_client ? &flow->client : &flow->server;

	if ((f->flags & MW_TCP_SYN) == 0)
		return false;
	if (from_client && (f->flags & MW_TCP_ACK) == 0) {
		if (half->isn_known && half->isn == f->seq)
			return flow->state == MW_FLOW_CLOSED && !lane->config.passive;
		/* A capture may have the SYN-ACK first: this is the SYN that it answers. */
		if (lane->config.passive && !half->isn_known && half->known &&
			half->nxt == f->seq + 1 && half->bytes == 0)
			return false;
		/* Live, an open connection's server answers such a SYN with a challenge (RFC 5961);
		 * it is the SYN-ACK, below, that tells a new connection from an attempt to harm.
		 * The same from the first SYN-ACK on: a second SYN would move us away from what the
		 * server has taken. */
		return lane->config.passive || flow->state == MW_FLOW_CLOSED ||
		       (flow->state == MW_FLOW_EMBRYONIC && !flow->server.isn_known);
	}
	if (from_client || !half->isn_known || half->isn == f->seq)
		return false;
	/* A SYN-ACK that the client did not want, old or forged, was answered with a RST, and here
	 * is the right one (RFC 9293, figure 9). */
	return lane->config.passive || flow->reset_by_client ||
	       (flow->syn_again && f->ack == flow->syn_again_isn + 1);
}

/* A capture in which the client speaks on behind a RST: its receiver did not believe it. What
 * follows is not read, but is told, as a session of its own that begins in mid-stream. */
static bool outlives_rst(const struct mw_lane *lane, const struct mw_flow *flow,
	const struct mw_frame *f, bool from_client)
{
	return lane->config.passive && flow->state == MW_FLOW_CLOSED && flow->ended_by_rst &&
	       from_client && f->payload_len > 0 &&
	       mw_seq_before(flow->client.high, f->seq + f->payload_len);
}

/* For what may have to be said when there is no packet at hand. */
static void keep_l2(struct mw_flow *flow, const struct mw_packet *packet, const struct mw_frame *f,
	bool from_client)
{
	if (flow->l2_len > 0 || f->l3 > sizeof(flow->l2) || f->l3 < 14)
		return;
	memcpy(flow->l2, packet->data, f->l3);
	flow->l2_len = (uint8_t)f->l3;
	if (!from_client) {
		memcpy(flow->l2, packet->data + 6, 6);
		memcpy(flow->l2 + 6, packet->data, 6);
	}
}

static void note_syn(struct mw_flow *flow, const struct mw_frame *f, bool from_client)
{
	struct mw_half *half = from_client ? &flow->client : &flow->server;

	if ((f->flags & MW_TCP_SYN) == 0)
		return;
	if (from_client && half->isn_known && half->isn != f->seq) {
		flow->syn_again = true;
		flow->syn_again_isn = f->seq;
	}
	if (half->isn_known)
		return;
	half->isn = f->seq;
	half->isn_known = true;
	half->wscale = f->wscale;
	flow->handshake = true;
	if (from_client) {
		flow->mss = f->mss;
		flow->window = f->window;
	}
}

/* Open connections of a customer whose verdict has changed. In clear, mail ends with a word (421
 * between two messages, 554 at the end of one); a verdict that is withdrawn before it was said is
 * forgotten. */
static void verdict_on_open(struct mw_lane *lane, struct mw_flow *flow, enum mw_verdict verdict)
{
	if (verdict == MW_VERDICT_REJECT) {
		mw_refusal_ask(lane, flow, MW_REFUSAL_SESSION);
	} else if (flow->refusal == MW_REFUSAL_SESSION && !flow->holding) {
		mw_refusal_forget(lane, flow);
	}
}

/* A few open connections a poll are held against verdicts that are new: idle ones send no packet.
 */
static void walk(struct mw_lane *lane)
{
	uint32_t steps = WALKED_A_POLL;

	/* Here and not at the end of a round: the last connection may close between two polls. */
	if (lane->walk == NULL && lane->walk_again) {
		lane->walk = lane->open_first;
		lane->walk_again = false;
	}
	while (lane->walk != NULL && steps-- > 0) {
		struct mw_flow *flow = lane->walk;
		enum mw_verdict verdict;

		verdict_in_force(lane, flow->customer, &verdict);
		lane->walk = flow->open_next;
		if (verdict == MW_VERDICT_RESET)
			mw_refusal_cut(lane, flow);
		else
			verdict_on_open(lane, flow, verdict);
	}
}

/* A connection that the lane has taken over: the client talks to us, the server to nobody. */
static void in_owned(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *f, bool from_client, const struct mw_verdict_entry *verdict)
{
	flow->last_ns = lane->now_ns; /* it stays for as long as one of them speaks */
	if (from_client) {
		mw_responder_packet(lane, packet, f, flow->customer, verdict);
	} else {
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_AFTER_REFUSAL);
	}
}

/* Late packets of a connection that is over pass. Octets of a client that was read to its end do so
 * only where the server has acknowledged them: an end that its server does not know of would be a
 * way past inspection, for what is new as for what has left and was lost behind us, of which no
 * copy is kept any more. */
static void in_closed(struct mw_lane *lane, const struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *f, bool from_client, enum mw_verdict verdict)
{
	uint32_t end = f->seq + f->payload_len;
	bool past =
		flow->client.known && mw_seq_before(flow->client.acked, end) && f->payload_len > 0;

	mw_packet_forward(packet, MW_REASON_INSPECTED);
	if (lane->config.passive || (f->flags & MW_TCP_RST) != 0)
		return;
	if (flow->was_reset) { /* one who has not heard: once more */
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
	} else if (from_client && verdict != MW_VERDICT_PASS) {
		mw_packet_drop(packet, verdict == MW_VERDICT_DROP ? MW_REASON_VERDICT_DROP
								  : MW_REASON_VERDICT_RESET);
	} else if (from_client && flow->was_inspected && past) {
		mw_packet_drop(packet, MW_REASON_OUT_OF_WINDOW);
	} else if (!from_client && flow->reset_by_client && (f->flags & MW_TCP_ACK) != 0) {
		/* It has not heard the RST, or not believed it (octets in front of it were lost):
		 * here is one at the very number it expects (RFC 5961, 3.2). */
		mw_responder_reset(lane, packet, f);
	}
}

static void in_connection(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *f, bool from_client)
{
	enum mw_verdict verdict;
	const struct mw_verdict_entry *entry = verdict_in_force(lane, flow->customer, &verdict);

	if (flow->owned) {
		in_owned(lane, flow, packet, f, from_client, entry);
		return;
	}
	if (flow->state == MW_FLOW_CLOSED) {
		in_closed(lane, flow, packet, f, from_client, verdict);
		return;
	}
	if (verdict == MW_VERDICT_RESET) {
		mw_session_reset(lane, flow, packet, f);
		return;
	}
	if (verdict == MW_VERDICT_DROP) {
		mw_packet_drop(packet, MW_REASON_VERDICT_DROP);
		return;
	}
	flow->last_ns = lane->now_ns;
	keep_l2(flow, packet, f, from_client);
	note_syn(flow, f, from_client);
	if (from_client)
		flow->ttl = f->ttl;
	if (flow->content != NULL)
		mw_smtp_set_now(&flow->content->smtp, lane->now_ns);
	if (lane->config.passive)
		mw_stream_patience(flow);
	if (from_client)
		mw_stream_client(lane, flow, packet, f);
	else
		mw_reply_server(lane, flow, packet, f);
	if (flow->state != MW_FLOW_CLOSED &&
		(verdict == MW_VERDICT_REJECT || flow->refusal == MW_REFUSAL_SESSION))
		verdict_on_open(lane, flow, verdict);
	if (flow->state != MW_FLOW_CLOSED && mw_session_over(lane, flow))
		mw_session_close(lane, flow);
}

static void tcp(struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f)
{
	struct mw_flow_key key;
	struct mw_flow *flow;
	bool from_client;

	if (!direction(lane, packet, f, &from_client)) {
		mw_packet_forward(packet, MW_REASON_FORWARDED);
		return;
	}
	lane->counters.smtp_packets++;
	if (lane->config.judge_checksums && !packet->checksum_good &&
		f->payload_have == f->payload_len && !mw_checksum_tcp_good(packet->data, f)) {
		mw_packet_drop(packet, MW_REASON_BAD_CHECKSUM);
		return;
	}
	key = key_of(f, from_client);
	flow = mw_flow_find(&lane->flows, &key);
	if (flow != NULL && (is_successor(lane, flow, f, from_client) ||
				    outlives_rst(lane, flow, f, from_client))) {
		if (flow->owned && !from_client)
			mw_responder_forget(lane, &key);
		mw_session_remove(lane, flow);
		flow = NULL;
	}
	if (flow == NULL)
		flow = stranger(lane, packet, f, &key, from_client);
	if (flow != NULL)
		in_connection(lane, flow, packet, f, from_client);
}

void mw_lane_packet(struct mw_lane *lane, uint64_t now_ns, struct mw_packet *packet)
{
	struct mw_frame f;

	lane->now_ns = now_ns;
	if (!packet->joined) {
		lane->counters.rx_packets++;
		lane->counters.rx_bytes += packet->wire_len;
	}
	packet->port_out = across(packet->port_in);
	if (surely_not_smtp(lane->config.smtp_ports, packet->data, packet->len)) {
		mw_packet_forward(packet, MW_REASON_FORWARDED);
	} else {
		switch (mw_frame_parse(packet->data, packet->len, packet->wire_len, &f)) {
		case MW_FRAME_TCP:
			tcp(lane, packet, &f);
			break;
		case MW_FRAME_FRAGMENT:
			if (packet->joined) { /* fragments of a fragment: no host makes them */
				mw_packet_drop(packet, MW_REASON_FRAGMENT_BAD);
				break;
			}
			mw_packet_forward(packet, MW_REASON_FRAGMENT);
			if (!lane->config.passive)
				return;
			break;
		case MW_FRAME_DEEP:
			mw_packet_forward(packet, MW_REASON_L2_DEPTH);
			break;
		case MW_FRAME_MALFORMED:
		case MW_FRAME_OTHER:
			mw_packet_forward(packet, MW_REASON_FORWARDED);
			break;
		}
	}
	lane->counters.reason[packet->reason]++;
	if (packet->forward && !packet->joined) {
		lane->counters.tx_packets++;
		lane->counters.tx_bytes += packet->len;
	}
}

void mw_lane_fragment(struct mw_lane *lane, enum mw_reason reason, uint32_t sent)
{
	lane->counters.reason[reason]++;
	lane->counters.tx_packets += sent > 0;
	lane->counters.tx_bytes += sent;
}

static void flush_ham(struct mw_lane *lane)
{
	uint32_t end = lane->ham_cursor + FLUSHED_A_POLL;

	if (lane->ham_cursor == 0) {
		if (lane->now_ns < lane->ham_flush_ns)
			return;
		lane->ham_flush_ns = lane->now_ns + MW_HAM_FLUSH_NS;
	}
	if (end > lane->config.customers)
		end = lane->config.customers;
	for (; lane->ham_cursor < end; lane->ham_cursor++) {
		uint32_t ham = lane->ham[lane->ham_cursor];

		if (ham == 0)
			continue;
		lane->ham[lane->ham_cursor] = 0;
		if (lane->sink.ham != NULL)
			lane->sink.ham(lane->sink.ctx, lane->ham_cursor, ham, lane->now_ns);
	}
	if (lane->ham_cursor == lane->config.customers)
		lane->ham_cursor = 0;
}

static void scan(struct mw_lane *lane)
{
	uint64_t start, spent = 0;

	if (lane->run_head == NULL)
		return;
	start = lane->config.spent_ns(lane->config.spent_ctx);
	while (spent < lane->config.scan_budget_ns && mw_transfer_run(lane))
		spent = lane->config.spent_ns(lane->config.spent_ctx) - start;
	lane->counters.scan_ns += spent;
}

bool mw_lane_poll(struct mw_lane *lane, uint64_t now_ns)
{
	uint32_t steps = TIMERS_A_POLL;
	struct mw_flow *flow;

	lane->now_ns = now_ns;
	scan(lane);
	walk(lane);
	mw_refusal_poll(lane);
	while ((flow = mw_wheel_due(&lane->wheel, now_ns, &steps)) != NULL)
		mw_session_timer(lane, flow);
	mw_responder_tick(lane);
	flush_ham(lane);
	return lane->run_head != NULL;
}

void mw_lane_finish(struct mw_lane *lane, uint64_t now_ns)
{
	struct mw_flow *flow;

	lane->now_ns = now_ns;
	while ((flow = lane->open_first) != NULL) /* in the order of their numbers */
		mw_session_close(lane, flow);
	lane->ham_cursor = 0;
	lane->ham_flush_ns = 0;
	do
		flush_ham(lane);
	while (lane->ham_cursor != 0);
}
