/*
 * The whole lane. Octets of an input drive packets of a few connections, true and false ones,
 * through a live lane and one over a capture, with verdicts of two customers, rules and time
 * changing in between. Oracles, after each packet (lane_world.c): it is decided, counted, no longer
 * than it was; what leaves parses and has right checksums; no pool gave out more than it has. Of
 * what leaves towards a server: no octet leaves with two values, none differs from what was kept
 * for scanning, and once a second SMTP parser (lane_shadow.c) finds a message complete in what
 * left, the lane has judged it. At the end all memory is back and each session was told once. An
 * input that begins with 0xff is one honest conversation instead, over three lanes that must agree
 * (lane_split.c).
 */
#include "common/base/time.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"
#include "tests/fuzz/lane_shadow.h"
#include "tests/fuzz/lane_split.h"
#include "tests/fuzz/lane_world.h"

#define MEMORY_SPAN 32768u
#define SPLIT_MARK  0xff

const struct fuzz_target fuzz_target = {"lane", 2500};

struct side {
	struct mw_segment headers;
	uint32_t isn;
	uint32_t nxt; /* offset behind isn + 1 */
};

struct connection {
	struct side client, server;
	struct mw_flow_key key;
	/* what left towards the server, by offset from what was acknowledged when it began */
	uint64_t session;
	uint32_t base;
	bool have[MEMORY_SPAN];
	uint8_t left[MEMORY_SPAN];
	struct shadow shadow;
	uint64_t spoken; /* session in which the lane has spoken in the server's place */
	bool lax;	 /* in its session look-alikes were allowed for some time */
};

static struct {
	struct lane_world live, passive;
	struct connection connection[LANE_CONNECTIONS];
	uint32_t group; /* connections are named by two bits: this is the first of the four */
	bool fragment;	/* the next packet comes in two */
	uint64_t now_ns;
	struct fuzz_input in;
} f;

static uint8_t next(void)
{
	return fuzz_u8(&f.in);
}

static uint32_t next_wide(void)
{
	uint32_t octet = next();

	return octet << (next() & 31);
}

static struct mw_flow *flow_of(const struct connection *c)
{
	return mw_flow_find(&f.live.lane->flows, &c->key);
}

static bool belongs(const struct connection *c, const struct mw_frame *h, bool from_client)
{
	const struct mw_flow_key *k = &c->key;

	return mw_ip_eq(from_client ? &h->src : &h->dst, &k->client) &&
	       mw_ip_eq(from_client ? &h->dst : &h->src, &k->server) &&
	       (from_client ? h->sport : h->dport) == k->client_port &&
	       (from_client ? h->dport : h->sport) == k->server_port &&
	       h->vlan_outer == k->vlan_outer && h->vlan_inner == k->vlan_inner;
}

static bool belongs_to(const struct connection *c, const uint8_t *frame, uint32_t len)
{
	struct mw_frame h;

	return mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP &&
	       (belongs(c, &h, true) || belongs(c, &h, false));
}

/* What was scanned is what the receiver gets: what leaves is what was kept, and until the server
 * has acknowledged an octet, it leaves with the value it left with first. */
static void remember(struct connection *c, const struct mw_frame *h, const uint8_t *frame)
{
	const struct mw_flow *flow = flow_of(c);

	if (flow == NULL || flow->content == NULL || !flow->client.known ||
		(h->flags & MW_TCP_RST) != 0) /* no receiver reads what a RST carries */
		return;
	if (flow->session != c->session || flow->client.kept.head == NULL) {
		c->session = flow->session;
		c->base = flow->client.acked;
		memset(c->have, 0, sizeof(c->have));
	}
	for (uint32_t i = 0; i < h->payload_have; i++) {
		uint32_t seq = h->seq + i + ((h->flags & MW_TCP_SYN) != 0), at = seq - c->base;
		uint8_t octet = frame[h->payload + i];
		struct mw_span kept = mw_reassembly_at(&flow->client.kept, seq);

		if (mw_seq_before(seq, flow->client.acked))
			continue;
		if (!mw_seq_before(seq, flow->client.kept.floor))
			demand(kept.len == 0 || kept.data[0] == octet,
				"an octet leaves that is not the one kept for scanning");
		if (at >= MEMORY_SPAN)
			continue;
		if (c->have[at] && c->left[at] != octet)
			fprintf(stderr, "seq %u left as %02x, now %02x; kept from %u, floor %u\n",
				seq, c->left[at], octet,
				flow->client.kept.head != NULL ? flow->client.kept.head->seq : 0,
				flow->client.kept.floor);
		demand(!c->have[at] || c->left[at] == octet, "an octet left with two values");
		c->have[at] = true;
		c->left[at] = octet;
	}
}

static void to_shadow(struct shadow_way *way, const struct mw_frame *h, const uint8_t *frame)
{
	if ((h->flags & MW_TCP_RST) == 0)
		shadow_left(way, h->seq + ((h->flags & MW_TCP_SYN) != 0), frame + h->payload,
			h->payload_have);
}

/* Who was refused, or cut off, sends no octet past the lane. */
static void check_refused(const struct connection *c, const struct mw_frame *h, bool from_client)
{
	const struct mw_flow *flow = flow_of(c);

	if (from_client && flow != NULL &&
		(flow->session == c->spoken || (flow->state == MW_FLOW_CLOSED && flow->was_reset)))
		demand((h->flags & MW_TCP_RST) != 0,
			"behind a refusal nothing but RST leaves towards the server");
}

/* Something left the live lane. */
static void left(enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_frame h;
	bool from_client = port == MW_PORT_OUTSIDE;

	if (mw_frame_parse(frame, len, len, &h) != MW_FRAME_TCP)
		return;
	for (uint32_t i = 0; i < LANE_CONNECTIONS; i++) {
		struct connection *c = &f.connection[i];

		if (!belongs(c, &h, from_client))
			continue;
		check_refused(c, &h, from_client);
		if (from_client)
			remember(c, &h, frame);
		if (c->shadow.alive)
			to_shadow(from_client ? &c->shadow.client : &c->shadow.server, &h, frame);
	}
}

/* The lane speaks: whatever it says to a client it says in the server's place. */
static void made(enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_frame h;

	left(port, frame, len);
	if (getenv("MW_TEST_TRACE") != NULL && mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP)
		fprintf(stderr, "  made for the %s %u: seq %u..%u ack %u flags %02x\n",
			port == MW_PORT_INSIDE ? "client" : "server",
			h.sport == 25 ? h.dport : h.sport, h.seq, h.seq + h.payload_len, h.ack,
			h.flags);
	if (mw_frame_parse(frame, len, len, &h) != MW_FRAME_TCP)
		return;
	demand((h.flags & MW_TCP_RST) == 0 || h.ttl >= 64, "a RST of the lane's is heard");
	if (port != MW_PORT_INSIDE || h.payload_len == 0)
		return;
	for (uint32_t i = 0; i < LANE_CONNECTIONS; i++) {
		struct connection *c = &f.connection[i];
		const struct mw_flow *flow = flow_of(c);

		if (belongs(c, &h, false) && flow != NULL)
			c->spoken = flow->session;
	}
}

/* A message is complete at the server: it was judged, or given up by name. */
static void check_judged(const struct shadow *s, const struct mw_flow *flow)
{
	for (const struct mw_transfer *t = flow->content->transfers; t != NULL; t = t->flow_next) {
		if (t->timed_out || !t->complete || t->state != MW_TRANSFER_ENDED)
			continue;
		demand(flow->holding && t->holds_flow && mw_seq_before(s->last_seq, flow->hold_seq),
			"a message is complete at the server and not judged here");
	}
	demand(flow->refusal != MW_REFUSAL_MESSAGE || !flow->holding ||
			mw_seq_before(s->last_seq, flow->hold_seq),
		"a message is complete at the server and to be refused here");
	demand(flow->content->receiving == NULL || flow->client.nxt != s->last_seq + 1 ||
			flow->content->receiving->state != MW_TRANSFER_OPEN,
		"a message is complete at the server and goes on here");
}

/* A look-alike that is to be refused goes no further than to the octet in front of its last, not
 * even when its refusal or its scan has to wait. */
static void check_lax(struct connection *c)
{
	if (!f.live.refuse_smuggling)
		c->lax = true;
	demand(c->lax || !shadow_lax_end(&c->shadow),
		"a message is complete at a lax server that is to be protected");
}

/* The lane speaks in the server's place, or has cut the connection off: what was refused is not
 * complete there. */
static void check_end(struct connection *c, const struct mw_flow *flow)
{
	shadow_advance(&c->shadow, false);
	demand(!c->shadow.alive || !c->shadow.fresh || f.live.refused_session != flow->session ||
			c->shadow.last_seq + 1 != flow->client.sent,
		"a message is complete at the server and was refused");
	check_lax(c);
	shadow_end(&c->shadow);
}

/* The shadow of a connection follows it as long as the lane reads its content from its first octet
 * on. */
static void follow(struct connection *c, bool server_first)
{
	const struct mw_flow *flow = flow_of(c);
	bool read = flow != NULL && flow->content != NULL && !flow->uninspected &&
		    !flow->one_sided && flow->client.isn_known && flow->server.isn_known &&
		    !flow->syn_again;

	if (c->shadow.alive && flow != NULL && flow->session == c->shadow.session &&
		flow->state == MW_FLOW_CLOSED && (flow->owned || flow->was_reset))
		check_end(c, flow);
	if (!read || (c->shadow.alive && c->shadow.session != flow->session))
		shadow_end(&c->shadow);
	/* Where the server itself left octets out, its replies are assumed: nobody can follow. */
	if (c->shadow.alive && flow->content->smtp.one_sided && shadow_gap(&c->shadow.server))
		shadow_end(&c->shadow);
	if (!read)
		return;
	if (!c->shadow.alive && c->shadow.session != flow->session) {
		shadow_begin(&c->shadow, flow->session, flow->client.isn + 1, flow->server.isn + 1);
		c->lax = false;
	}
	if (!c->shadow.alive)
		return;
	shadow_advance(&c->shadow, server_first);
	if (c->shadow.alive && c->shadow.fresh)
		check_judged(&c->shadow, flow);
	c->shadow.fresh = false;
	check_lax(c);
}

/* MW_TEST_TRACE=1: what the live lane did with each packet. */
static void trace(const struct lane_world *w, const struct mw_packet *p)
{
	struct mw_frame h;

	if (w != &f.live || getenv("MW_TEST_TRACE") == NULL ||
		mw_frame_parse(p->data, p->len, p->len, &h) != MW_FRAME_TCP)
		return;
	fprintf(stderr, "%s %u: seq %u..%u ack %u flags %02x %s %s\n",
		p->port_in == MW_PORT_INSIDE ? "client" : "server",
		h.sport == 25 ? h.dport : h.sport, h.seq, h.seq + h.payload_len, h.ack, h.flags,
		p->forward ? "forwarded" : "dropped", mw_reason_name(p->reason));
}

static void into(struct lane_world *w, struct connection *c, const uint8_t *frame, uint32_t len,
	uint32_t wire_len, uint8_t port)
{
	struct mw_packet p = {.len = len, .wire_len = wire_len, .port_in = port};
	uint64_t spoken = c->spoken;
	const struct mw_flow *flow;
	uint8_t out[LANE_FRAME_MAX];

	lane_world_packet(w, f.now_ns, &p, frame, out);
	trace(w, &p);
	if (w != &f.live)
		return;
	flow = flow_of(c);
	demand(spoken == 0 || flow == NULL || flow->session != spoken || !p.forward ||
			!belongs_to(c, out, p.len),
		"the lane speaks for the server: nothing passes");
	if (p.forward)
		left(p.port_out, out, p.len);
	follow(c, port == MW_PORT_OUTSIDE);
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* An IPv4 packet as two fragments, the second first when `swap`. */
static void in_fragments(struct connection *c, const struct mw_frame *h, const uint8_t *frame,
	uint8_t port, bool swap)
{
	uint32_t first = 24u + next() % 8u * 8, all = h->payload + h->payload_len - h->l4;
	uint8_t out[LANE_FRAME_MAX];

	if (h->v6 || all <= first)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		bool back = (i == 1) != swap;
		uint32_t offset = back ? first : 0, len = back ? all - first : first;

		memcpy(out, frame, h->l4);
		memcpy(out + h->l4, frame + h->l4 + offset, len);
		set16(out + h->l3 + 2, (uint32_t)(h->l4 - h->l3) + len);
		set16(out + h->l3 + 4, 77);
		set16(out + h->l3 + 6, (back ? 0 : 0x2000) | offset / 8);
		set16(out + h->l3 + 10, 0);
		set16(out + h->l3 + 10,
			mw_checksum_fold(mw_checksum_add(0, out + h->l3, h->l4 - h->l3)));
		into(&f.live, c, out, h->l4 + len, h->l4 + len, port);
		into(&f.passive, c, out, h->l4 + len, h->l4 + len, MW_PORT_INSIDE);
	}
}

/* One packet of a connection. `how` says what is false about it. */
static void packet(struct connection *c, bool from_client, uint8_t how, const uint8_t *data,
	uint32_t len, uint8_t flags)
{
	struct side *me = from_client ? &c->client : &c->server;
	const struct side *peer = from_client ? &c->server : &c->client;
	struct mw_segment s = me->headers;
	uint8_t frame[LANE_FRAME_MAX], port = from_client ? MW_PORT_INSIDE : MW_PORT_OUTSIDE;
	uint32_t size, at;
	struct mw_frame h;

	s.flags = flags;
	s.seq = me->isn + 1 + me->nxt;
	s.ack = peer->isn + 1 + peer->nxt;
	switch (how & 15) {
	case 1:
		s.seq += next() - 128u;
		break;
	case 2:
		s.ack += next() - 128u;
		break;
	case 3:
		s.seq += next_wide();
		break;
	case 4:
		s.ack += next_wide();
		break;
	case 5:
		s.flags = next();
		break;
	case 6:
		s.mss = 1;
		break;
	case 10: /* it may not get there */
		s.ttl = next();
		/* fall through */
	default:
		me->nxt += len + ((flags & MW_TCP_FIN) != 0);
		break;
	}
	size = mw_segment_write(&s, mw_span_of(data, len), frame, sizeof(frame));
	if (size == 0 || mw_frame_parse(frame, size, size, &h) != MW_FRAME_TCP)
		return;
	if ((how & 15) == 6 && h.payload > h.l4 + 20u) { /* silly options */
		frame[h.l4 + 20] = next();
		frame[h.l4 + 21] = next();
		mw_checksum_rewrite(frame, &h, h.payload_len);
	} else if ((how & 15) == 7) { /* any octet of the headers */
		at = 12u + next() % (h.payload - 12u);
		frame[at] = next();
		if (mw_frame_parse(frame, size, size, &h) == MW_FRAME_TCP && (how & 32) != 0)
			mw_checksum_rewrite(frame, &h, h.payload_have);
	}
	if (f.fragment && mw_frame_parse(frame, size, size, &h) == MW_FRAME_TCP) {
		f.fragment = false;
		in_fragments(c, &h, frame, port, (how & 1) != 0);
		return;
	}
	into(&f.live, c, frame, size, size, port);
	if ((how & 15) == 8 && size > 0) /* a capture cut it */
		into(&f.passive, c, frame, next() % size, size, MW_PORT_INSIDE);
	else if ((how & 15) != 9) /* a capture missed it */
		into(&f.passive, c, frame, size, size, MW_PORT_INSIDE);
}

static void syn(struct connection *c, bool from_client, uint8_t how)
{
	struct side *me = from_client ? &c->client : &c->server;
	const char *word = lane_word(true, how);
	uint32_t len = (how & 0xe0) == 0xe0 ? (uint32_t)strlen(word) : 0;

	if ((how & 0x18) != 0) {
		me->isn = (uint32_t)next() << (how & 24);
		me->nxt = 0;
	}
	me->nxt--; /* packet() counts from isn + 1 */
	packet(c, from_client, 0, (const uint8_t *)word, len,
		(uint8_t)(MW_TCP_SYN | (from_client ? 0 : MW_TCP_ACK)));
	me->nxt++;
}

static void poll(uint64_t ns)
{
	f.now_ns += ns;
	for (int i = 0; i < 3; i++) {
		lane_world_poll(&f.live, f.now_ns);
		lane_world_poll(&f.passive, f.now_ns);
	}
	for (uint32_t i = 0; i < LANE_CONNECTIONS; i++)
		follow(&f.connection[i], false);
}

static void speak(struct connection *c, bool from_client, uint8_t how)
{
	static const uint8_t x[2048];
	uint8_t word = next(), flags = MW_TCP_ACK | MW_TCP_PSH;
	const char *text = lane_word(from_client, word);
	uint8_t own[64];
	uint32_t n;

	if ((how & 64) != 0)
		flags |= MW_TCP_FIN;
	switch (how >> 4 & 3) {
	case 1: /* octets of the input's own */
		n = next() % (uint32_t)sizeof(own);
		for (uint32_t i = 0; i < n; i++)
			own[i] = next();
		packet(c, from_client, how & 0x2f, own, n, flags);
		break;
	case 2: /* many */
		packet(c, from_client, how & 0x2f, x, 8u * next(), flags);
		break;
	case 3: /* in pieces, the first last */
		n = (uint32_t)strlen(text) / 2;
		(from_client ? &c->client : &c->server)->nxt += n;
		packet(c, from_client, how & 15, (const uint8_t *)text + n,
			(uint32_t)strlen(text) - n, flags);
		(from_client ? &c->client : &c->server)->nxt -= (uint32_t)strlen(text);
		packet(c, from_client, 0, (const uint8_t *)text, n, MW_TCP_ACK);
		(from_client ? &c->client : &c->server)->nxt += (uint32_t)strlen(text) - n;
		break;
	default:
		packet(c, from_client, how & 0x2f, (const uint8_t *)text, (uint32_t)strlen(text),
			flags);
		break;
	}
}

static void step(uint8_t op)
{
	struct connection *c = &f.connection[f.group + (op & 3)];
	static const enum mw_verdict verdicts[] = {
		MW_VERDICT_PASS, MW_VERDICT_REJECT, MW_VERDICT_RESET, MW_VERDICT_DROP};

	switch (op >> 2 & 15) {
	case 0:
		syn(c, true, next());
		break;
	case 1:
		syn(c, false, next());
		break;
	case 2: /* a whole handshake, its greeting */
		syn(c, true, 8);
		syn(c, false, 8);
		packet(c, true, 0, NULL, 0, MW_TCP_ACK);
		packet(c, false, 0, (const uint8_t *)"220 s\r\n", 7, MW_TCP_ACK);
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		speak(c, true, (op & 0x80) != 0 ? next() : 0);
		break;
	case 7:
	case 8:
	case 9:
		speak(c, false, (op & 0x80) != 0 ? next() : 0);
		break;
	case 10:
		packet(c, (op & 0x40) != 0, next(), NULL, 0, MW_TCP_ACK);
		break;
	case 11:
		packet(c, (op & 0x40) != 0, next() & 3, NULL, 0, MW_TCP_RST | MW_TCP_ACK);
		break;
	case 12:
		packet(c, (op & 0x40) != 0, 0, NULL, 0, MW_TCP_FIN | MW_TCP_ACK);
		break;
	case 13:
		poll((uint64_t)next_wide() * 16);
		break;
	case 14:
		if ((op & 0x40) != 0) {
			uint8_t to = next();

			lane_world_policy(&f.live, verdicts[to & 3],
				verdicts[(to & 0x40) != 0 ? to >> 2 & 3 : to & 3],
				((to & 0x80) != 0 ? LANE_REFUSE_SPAM : 0) |
					((to & 0x20) != 0 ? LANE_ALLOW_LOOKALIKES : 0));
		} else if ((op & 0x80) != 0)
			mw_lane_set_rules(f.live.lane, fake_rules(), fake_scratch());
		else
			mw_lane_set_rules(f.live.lane, NULL, NULL);
		break;
	default:
		if ((op & 0x80) != 0) { /* other connections */
			f.group = op & 2;
			break;
		}
		if ((op & 0x40) != 0) {
			f.fragment = true;
			break;
		}
		/* all of one side's again, from the start */
		c->client.nxt -= c->client.nxt < 50 ? c->client.nxt : 50;
		break;
	}
}

static void begin(void)
{
	fake_record_cost_ns = 20000;
	fake_open_scans = 0;
	lane_world_open(&f.live, false, LANE_NARROW);
	lane_world_open(&f.passive, true, LANE_NARROW);
	f.live.on_made = made;
	f.live.on_joined = left;
	f.group = 0;
	f.fragment = false;
	f.now_ns = 1700000000ull * MW_NS_PER_S;
	for (uint32_t i = 0; i < LANE_CONNECTIONS; i++) {
		struct connection *c = &f.connection[i];
		struct mw_segment s = lane_headers(i);
		uint8_t frame[LANE_FRAME_MAX];
		struct mw_frame h;
		uint32_t len = mw_segment_write(&s, mw_span_of("", 0), frame, sizeof(frame));

		demand(mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP, "headers are some");
		shadow_end(&c->shadow);
		c->shadow.session = c->session = c->spoken = 0;
		c->key = (struct mw_flow_key){.client = s.src,
			.server = s.dst,
			.client_port = s.sport,
			.server_port = s.dport,
			.vlan_outer = h.vlan_outer,
			.vlan_inner = h.vlan_inner};
		c->client = (struct side){.isn = 0xffffffc0u + i, .headers = s};
		c->server = (struct side){.isn = 0x7fffffe0u + i, .headers = s};
		c->server.headers.src = s.dst;
		c->server.headers.dst = s.src;
		c->server.headers.sport = s.dport;
		c->server.headers.dport = s.sport;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	f.in = (struct fuzz_input){data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	if (size > 0 && data[0] == SPLIT_MARK) {
		next();
		lane_split(&f.in);
		return 0;
	}
	begin();
	while (f.in.left > 0)
		step(next());
	poll(0);
	lane_world_finish(&f.live, f.now_ns);
	lane_world_finish(&f.passive, f.now_ns);
	demand(fake_open_scans == 0, "every scan is ended");
	for (uint32_t i = 0; i < LANE_CONNECTIONS; i++)
		shadow_end(&f.connection[i].shadow);
	return 0;
}

/* A conversation for lane_split.c: mostly what honest people say, in their order. */
static size_t make_split(struct fuzz_random *r, uint8_t *out, size_t len)
{
	static const uint8_t talk[][3] = {{0, 0}, {1, 3}, {0, 1}, {1, 1}, {0, 2}, {1, 1}, {0, 3},
		{1, 2}, {0, 4}, {0, 5}, {1, 1}, {0, 7}, {1, 1}};
	size_t n = 0;

	out[n++] = SPLIT_MARK;
	out[n++] = (uint8_t)fuzz_random(r);
	out[n++] = (uint8_t)fuzz_random(r);
	for (uint32_t i = 0; n + 8 < len; i++) {
		if (fuzz_below(r, 8) == 0) {
			out[n++] = (uint8_t)fuzz_random(r);
			continue;
		}
		out[n++] = talk[i % 13][0];
		out[n++] = talk[i % 13][1];
	}
	return n;
}

/* Octets of the client's own: a dot between line ends of any kind, and commands behind it. */
static size_t make_lookalike(struct fuzz_random *r, uint8_t *out, uint8_t connection)
{
	static const char *const line_end[] = {"\r\n", "\n", "\r"};
	char text[48];
	int len = snprintf(text, sizeof(text), "x%s.%s%s", line_end[fuzz_below(r, 3)],
		line_end[fuzz_below(r, 3)], fuzz_below(r, 2) == 0 ? "" : "MAIL FROM:<a@b>\r\n");

	out[0] = (uint8_t)(0x80 | 3 << 2 | connection);
	out[1] = 0x10;
	out[2] = 0;
	out[3] = (uint8_t)len;
	memcpy(out + 4, text, (size_t)len);
	return 4 + (size_t)len;
}

/* Mostly a conversation that gets somewhere, with false packets in between. */
size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static const uint8_t talk[][2] = {{3, 0}, {7, 3}, {3, 1}, {7, 1}, {3, 2}, {7, 1}, {3, 3},
		{7, 2}, {3, 4}, {3, 19}, {3, 6}, {7, 1}, {3, 7}, {7, 1}, {3, 22}, {7, 5}};
	size_t n = 0, len = 40u + fuzz_below(r, 1020);
	uint8_t c = (uint8_t)fuzz_below(r, 4);
	uint32_t strange = fuzz_below(r, 256);

	len = len < size ? len : size;
	if (len < 80)
		len = 80 < size ? 80 : size;
	if (len < 80)
		return 0;
	if (fuzz_below(r, 4) == 0)
		return make_split(r, out, len / 4);
	if (fuzz_below(r, 3) == 0)
		out[n++] = 15 << 2 | 0x80 | 2;
	if (fuzz_below(r, 2) == 0) { /* spam is refused, look-alikes mostly are */
		out[n++] = 14 << 2 | 0x40;
		out[n++] = fuzz_below(r, 4) == 0 ? 0xa0 : 0x80;
	}
	out[n++] = (uint8_t)(2 << 2 | c);
	for (uint32_t i = 0; n + 64 < len; i++) {
		if (fuzz_below(r, 256) < strange) {
			out[n++] = (uint8_t)fuzz_random(r);
			continue;
		}
		if (fuzz_below(r, 256) < 10)
			n += make_lookalike(r, out + n, c);
		if (fuzz_below(r, 256) < 2) { /* a verdict on who has begun already */
			out[n++] = 14 << 2 | 0x40;
			out[n++] = 0x81;
		}
		if (fuzz_below(r, 256) < 30) {
			out[n++] = 13 << 2;
			out[n++] = (uint8_t)fuzz_random(r);
			out[n++] = (uint8_t)fuzz_below(r, 24);
		}
		if (fuzz_below(r, 4) == 0) { /* in halves, the first last; or with a FIN */
			out[n++] = (uint8_t)(0x80 | talk[i % 16][0] << 2 | c);
			out[n++] = fuzz_below(r, 8) == 0 ? 0x40 : 0x30;
		} else {
			out[n++] = (uint8_t)(talk[i % 16][0] << 2 | c);
		}
		out[n++] = talk[i % 16][1];
	}
	return n;
}
