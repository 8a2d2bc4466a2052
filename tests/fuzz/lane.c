/*
 * Octets of an input drive packets of a few connections, true and false ones, through a live lane
 * and a passive one, with verdicts, rules and time changing in between. After each step: the packet
 * is decided and no longer than it was, what leaves parses and has right checksums, no octet of an
 * inspected client leaves with two values, no pool gave out more than it has. At the end all of it
 * is back.
 *
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/rig.h"
#include "tests/fuzz/target.h"

#define CONNECTIONS 4
#define MEMORY_SPAN 32768u

const struct fuzz_target fuzz_target = {"lane", 2000};

struct side {
	struct mw_segment headers;
	uint32_t isn;
	uint32_t nxt; /* offset behind isn + 1 */
};

struct connection {
	struct side client, server;
	/* what left towards the server, by offset from the client's isn + 1 */
	uint64_t session;
	uint32_t base;
	bool have[MEMORY_SPAN];
	uint8_t left[MEMORY_SPAN];
};

static struct {
	struct rig live, passive;
	struct connection connection[CONNECTIONS];
	uint64_t now_ns;
	const uint8_t *in;
	size_t left;
} f;

static const char *const client_words[] = {"EHLO c\r\n", "MAIL FROM:<a@b.example>\r\n",
	"RCPT TO:<c@d.example>\r\n", "DATA\r\n", "Subject: x\r\n\r\nwords\r\n", ".\r\n",
	"\r\n.\r\n", "BDAT 4 LAST\r\nabcd", "BDAT 4\r\nabcd", "BDAT 0 LAST\r\n", "RSET\r\n",
	"QUIT\r\n", "STARTTLS\r\n", "AUTH PLAIN AAAA\r\n", "\n.\n", "..\r\n", "\r\n", ".", "\n",
	"here is " FAKE_PHRASE " for you\r\n", "BDAT 30\r\nContent-Type: text/html\r\n\r\n<p>",
	"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\nDATA\r\n",
	"BDAT 3 LAST\r\nxyzMAIL FROM:<a@b>\r\nRCPT TO:<x@y>\r\nBDAT 3 LAST\r\nxyz",
	"\x16\x03\x01\x02\x00"};
static const char *const server_words[] = {"220 s ESMTP\r\n", "250 ok\r\n", "354 go\r\n",
	"250-s\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "550 5.1.1 no such user\r\n",
	"250 ok\r\n250 ok\r\n250 ok\r\n", "221 bye\r\n", "421 no\r\n", "334 \r\n", "2", "50 x\r\n",
	"250 ok\r\n354 go\r\n", "552 no\r\n503 no\r\n"};

static uint8_t next(void)
{
	if (f.left == 0)
		return 0;
	f.left--;
	return *f.in++;
}

static uint32_t next_wide(void)
{
	uint32_t octet = next();

	return octet << (next() & 31);
}

static void made_well(const uint8_t *frame, uint32_t len)
{
	struct mw_frame h;

	demand(mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP, "a frame of ours parses");
	demand(mw_checksum_tcp_good(frame, &h), "a frame of ours has a right TCP checksum");
	demand(h.v6 || mw_checksum_fold(mw_checksum_add(0, frame + h.l3, 20)) == 0,
		"a frame of ours has a right IP checksum");
	if (h.l3 >= 22 && frame[h.l3 - 10] == 0x88 && frame[h.l3 - 9] == 0x64)
		demand((uint32_t)(frame[h.l3 - 4] << 8 | frame[h.l3 - 3]) == len - h.l3 + 2,
			"a frame of ours has a right PPPoE length");
}

static struct mw_flow *flow_of(const struct connection *c)
{
	const struct mw_segment *s = &c->client.headers;
	struct mw_flow_key key = {.client = s->src,
		.server = s->dst,
		.client_port = s->sport,
		.server_port = s->dport,
		.vlan_outer = s->l2[12] == 0x81 ? s->l2[15] : 0};

	return mw_flow_find(&f.live.lane->flows, &key);
}

/* What was scanned is what the receiver gets: until the server has acknowledged an octet, it leaves
 * with the value it left with first. */
static void remember(struct connection *c, const uint8_t *frame, uint32_t len)
{
	const struct mw_flow *flow = flow_of(c);
	struct mw_frame h;

	if (flow == NULL || flow->content == NULL || !flow->client.known ||
		mw_frame_parse(frame, len, len, &h) != MW_FRAME_TCP ||
		(h.flags & MW_TCP_RST) != 0 || /* no receiver reads what a RST carries */
		!mw_ip_eq(&h.src, &c->client.headers.src) || /* another one's by now */
		!mw_ip_eq(&h.dst, &c->client.headers.dst) || h.sport != c->client.headers.sport ||
		h.dport != 25 || h.vlan_outer != flow->link.key.vlan_outer || h.vlan_inner != 0)
		return;
	if (flow->session != c->session || flow->client.kept.head == NULL) {
		c->session = flow->session;
		c->base = flow->client.acked;
		memset(c->have, 0, sizeof(c->have));
	}
	for (uint32_t i = 0; i < h.payload_have; i++) {
		uint32_t seq = h.seq + i, at = seq - c->base;

		if ((h.flags & MW_TCP_SYN) != 0)
			at++;
		if (at >= MEMORY_SPAN || mw_seq_before(seq, flow->client.acked))
			continue;
		if (c->have[at] && c->left[at] != frame[h.payload + i])
			fprintf(stderr, "seq %u left as %02x, now %02x; kept from %u, floor %u\n",
				seq, c->left[at], frame[h.payload + i],
				flow->client.kept.head != NULL ? flow->client.kept.head->seq : 0,
				flow->client.kept.floor);
		demand(!c->have[at] || c->left[at] == frame[h.payload + i],
			"an octet left with two values");
		c->have[at] = true;
		c->left[at] = frame[h.payload + i];
	}
}

static void on_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	made_well(frame, len);
}

static void check_pool(const struct mw_pool *pool)
{
	demand(pool->used <= pool->blocks, "a pool gave out no more than it has");
}

static void check_lane(const struct rig *rig)
{
	const struct mw_lane *l = rig->lane;

	check_pool(&l->kept_pool);
	check_pool(&l->envelope_pool);
	check_pool(&l->content_pool);
	check_pool(&l->transfer_pool);
	check_pool(&l->record_pool);
	demand(l->flows.used <= l->flows.count, "the table holds no more than it can");
}

/* MW_TEST_TRACE=1: what the live lane did with each packet. */
static void trace(const struct rig *rig, const struct mw_packet *p)
{
	struct mw_frame h;

	if (rig != &f.live || getenv("MW_TEST_TRACE") == NULL ||
		mw_frame_parse(p->data, p->len, p->len, &h) != MW_FRAME_TCP)
		return;
	fprintf(stderr, "%s %u: seq %u..%u ack %u flags %02x %s %s\n",
		p->port_in == MW_PORT_INSIDE ? "client" : "server",
		h.sport == 25 ? h.dport : h.sport, h.seq, h.seq + h.payload_len, h.ack, h.flags,
		p->forward ? "forwarded" : "dropped", mw_reason_name(p->reason));
}

static void into(struct rig *rig, struct connection *c, const uint8_t *frame, uint32_t len,
	uint32_t wire_len, uint8_t port)
{
	/* A heap block of the exact size: one octet too far is seen. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct mw_packet p = {.data = copy, .len = len, .wire_len = wire_len, .port_in = port};

	memcpy(copy, frame, len);
	mw_lane_packet(rig->lane, f.now_ns, &p);
	demand(p.reason != MW_REASON_NONE && p.reason < MW_REASON_COUNT, "a packet has a reason");
	demand(p.len <= len, "a packet does not grow");
	trace(rig, &p);
	if (p.forward && rig == &f.live) {
		if (p.len != len || memcmp(copy, frame, len) != 0)
			made_well(copy, p.len);
		if (c != NULL && port == MW_PORT_INSIDE)
			remember(c, copy, p.len);
	}
	demand(rig == &f.live || p.len == len, "a capture is not cut");
	check_lane(rig);
	free(copy);
}

/* One packet of a connection. `how` says what is false about it. */
static void packet(struct connection *c, bool from_client, uint8_t how, const uint8_t *data,
	uint32_t len, uint8_t flags)
{
	struct side *me = from_client ? &c->client : &c->server;
	const struct side *peer = from_client ? &c->server : &c->client;
	struct mw_segment s = me->headers;
	uint8_t frame[2600];
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
	into(&f.live, c, frame, size, size, from_client ? MW_PORT_INSIDE : MW_PORT_OUTSIDE);
	if ((how & 15) == 8 && size > 0) /* a capture cut it */
		into(&f.passive, NULL, frame, next() % size, size, MW_PORT_INSIDE);
	else if ((how & 15) != 9) /* a capture missed it */
		into(&f.passive, NULL, frame, size, size, MW_PORT_INSIDE);
}

static void syn(struct connection *c, bool from_client, uint8_t how)
{
	struct side *me = from_client ? &c->client : &c->server;
	const char *word = client_words[how % (sizeof(client_words) / sizeof(client_words[0]))];
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
		mw_lane_poll(f.live.lane, f.now_ns);
		mw_lane_poll(f.passive.lane, f.now_ns);
	}
	check_lane(&f.live);
	check_lane(&f.passive);
}

static void speak(struct connection *c, bool from_client, uint8_t how)
{
	static const uint8_t x[2048];
	uint8_t word = next(), flags = MW_TCP_ACK | MW_TCP_PSH;
	const char *text = from_client
				   ? client_words[word % (sizeof(client_words) / sizeof(char *))]
				   : server_words[word % (sizeof(server_words) / sizeof(char *))];
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
	struct connection *c = &f.connection[op & 3];
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
		if ((op & 0x40) != 0)
			rig_verdict(&f.live, verdicts[next() & 3], "refused, ticket 1");
		else if ((op & 0x80) != 0)
			mw_lane_set_rules(f.live.lane, fake_rules(), fake_scratch());
		else
			mw_lane_set_rules(f.live.lane, NULL, NULL);
		break;
	default: /* all of one side's again, from the start */
		c->client.nxt -= c->client.nxt < 50 ? c->client.nxt : 50;
		break;
	}
}

static void begin(void)
{
	struct rig_options options = {.scan_budget_ns = 50000,
		.flows = 6,
		.contents = 3,
		.messages = 3,
		.kept_blocks = 64,
		.record_blocks = 8,
		.responders = 2};

	fake_record_cost_ns = 20000;
	fake_open_scans = 0;
	rig_open(&f.live, &options);
	f.live.on_frame = on_frame;
	options.passive = true;
	options.scan_budget_ns = 0;
	rig_open(&f.passive, &options);
	f.now_ns = 1700000000ull * MW_NS_PER_S;
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};
		static const uint8_t vlan[18] = {
			2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0x00, 0, 7, 0x08, 0x00};
		static const uint8_t pppoe[22] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x64,
			0x11, 0, 0, 1, 0, 0, 0, 0x21};
		struct connection *c = &f.connection[i];
		struct mw_segment s = {.ttl = 64,
			.window = 65000,
			.sport = (uint16_t)(4000 + i),
			.dport = 25,
			.has_ts = i == 1};

		memset(c, 0, sizeof(*c));
		s.l2_len = i == 1 ? 18 : i == 2 ? 22 : 14;
		memcpy(s.l2, i == 1 ? vlan : i == 2 ? pppoe : l2, s.l2_len);
		s.v6 = i == 3;
		if (s.v6) {
			s.l2[12] = 0x86;
			s.l2[13] = 0xdd;
		}
		mw_ip_parse(s.v6 ? "2001:db8::9" : "192.0.2.10", &s.src);
		mw_ip_parse(s.v6 ? "2001:db8:1::9" : "198.51.100.25", &s.dst);
		c->client.isn = 0xffffffc0u + i;
		c->server.isn = 0x7fffffe0u + i;
		c->client.headers = c->server.headers = s;
		c->server.headers.src = s.dst;
		c->server.headers.dst = s.src;
		c->server.headers.sport = s.dport;
		c->server.headers.dport = s.sport;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* the rig asserts, and no test runs */
	begin();
	f.in = data;
	f.left = size;
	while (f.left > 0)
		step(next());
	poll(0);
	mw_lane_finish(f.live.lane, f.now_ns);
	mw_lane_finish(f.passive.lane, f.now_ns);
	rig_assert_empty(&f.live);
	rig_assert_empty(&f.passive);
	demand(f.live.lane->open_first == NULL, "no session is left open");
	rig_close(&f.live);
	rig_close(&f.passive);
	return 0;
}

/* Mostly a conversation that gets somewhere, with false packets in between. */
size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static const uint8_t talk[][2] = {{3, 0}, {7, 3}, {3, 1}, {7, 1}, {3, 2}, {7, 1}, {3, 3},
		{7, 2}, {3, 4}, {3, 19}, {3, 6}, {7, 1}, {3, 7}, {7, 1}, {3, 22}, {7, 5}};
	size_t n = 0, len = 40u + fuzz_below(r, 1020);
	uint8_t c = (uint8_t)fuzz_below(r, CONNECTIONS);
	uint32_t strange = fuzz_below(r, 256);

	len = len < size ? len : size;
	if (len < 8)
		return 0;
	out[n++] = (uint8_t)(2 << 2 | c);
	for (uint32_t i = 0; n + 8 < len; i++) {
		if (fuzz_below(r, 256) < strange) {
			out[n++] = (uint8_t)fuzz_random(r);
			continue;
		}
		if (fuzz_below(r, 256) < 30) {
			out[n++] = 13 << 2;
			out[n++] = (uint8_t)fuzz_random(r);
			out[n++] = (uint8_t)fuzz_below(r, 24);
		}
		out[n++] = (uint8_t)(talk[i % 16][0] << 2 | c);
		out[n++] = talk[i % 16][1];
	}
	return n;
}
