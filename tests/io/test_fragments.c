/*
 * Fragments through the rim and real lanes, as many as the argument says, on virtual time and in
 * one thread: mail in fragments is found and leaves bit for bit, what the lane alters goes back
 * into them, a refused customer's never leave, what is no mail passes as it came. After each test
 * every packet has an end and every buffer is back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "common/base/time.h"
#include "dataplane/io/fragments.h"
#include "dataplane/message/message.h"
#include "dataplane/proto/checksum.h"
#include "dataplane/proto/segment.h"
#include "dataplane/text/charset.h"
#include "dataplane/verdict/snapshot.h"
#include "tests/io/bed.h"

#define CLIENTS	   8
#define FRAMES_MAX 512
#define FRAME_MAX  1600

struct frame {
	uint32_t len;
	uint8_t octets[FRAME_MAX];
};

struct frames {
	uint32_t count;
	struct frame frame[FRAMES_MAX];
};

static struct bed bed;
static uint16_t lanes;
static uint64_t seed, now_ns;
static struct mw_charset_table *charsets[MW_IO_LANES_MAX];
static void *lane_memory[MW_IO_LANES_MAX], *snapshot_memory;
static unsigned test_buffers, rim_buffers;
static uint32_t messages, complete;
static char last_from[128];
static struct frames sent, got[MW_IO_ROLES]; /* what went in last; what came out, by role */
static uint16_t divert_vlan;		     /* of the link to the gateway, where there is one */
static const uint8_t divert_mac[6] = {2, 0, 0, 0, 0, 10}, gateway_mac[6] = {2, 0, 0, 0, 0, 0xff};

static uint32_t below(uint32_t n)
{
	return (uint32_t)(bed_random(&seed) >> 33) % n;
}

static void on_message(void *ctx, const struct mw_lane_message *m)
{
	size_t n = m->envelope->mail_from.len;

	messages++;
	complete += m->complete;
	memset(last_from, 0, sizeof(last_from));
	if (n > 0 && n < sizeof(last_from))
		memcpy(last_from, m->envelope->mail_from.data, n);
}

static const struct mw_snapshot *snapshot_of(enum mw_verdict verdict)
{
	static struct mw_policy_settings settings;
	static struct mw_verdict_record record;
	struct mw_customer_record customer = {
		.index = 0, .id = "K1", .inspection = MW_INSPECTION_CONTENT};
	struct mw_line_record line[2] = {{.customer_index = 0}, {.customer_index = 0}};
	struct mw_snapshot_input in = {.settings = &settings,
		.customers = &customer,
		.customer_count = 1,
		.lines = line,
		.line_count = 2,
		.verdicts = &record,
		.verdict_count = 1,
		.generation = 2};
	const struct mw_snapshot *snapshot;
	size_t size;

	mw_policy_settings_default(&settings);
	if (bed.divert) {
		settings.divert.vlan = divert_vlan;
		assert_int_equal(mw_ip_parse("203.0.113.2", &settings.divert.gateway_v4), 0);
	}
	assert_int_equal(mw_prefix_parse("192.0.2.0/24", &line[0].key.prefix), 0);
	assert_int_equal(mw_prefix_parse("2001:db8::/48", &line[1].key.prefix), 0);
	record = (struct mw_verdict_record){
		.customer_index = 0, .verdict = verdict, .generation = 2};
	snprintf(record.reply, sizeof(record.reply), "outbound mail is refused, ticket MW-1");
	size = (mw_snapshot_bytes(&in) + 63) & ~(size_t)63;
	free(snapshot_memory);
	snapshot_memory = aligned_alloc(64, size);
	assert_int_equal(mw_snapshot_build(&in, snapshot_memory, size, &snapshot), 0);
	return snapshot;
}

static void begin(enum mw_verdict verdict)
{
	const struct mw_snapshot *snapshot = snapshot_of(verdict);

	messages = complete = 0;
	sent.count = got[0].count = got[1].count = got[2].count = 0;
	test_buffers = rte_mempool_avail_count(bed.test_pool);
	rim_buffers = rte_mempool_avail_count(bed.rig.shared.pool);
	bed_wire(&bed, 256, 4096);
	now_ns += 1000 * MW_NS_PER_S;
	for (uint16_t i = 0; i < lanes; i++) {
		struct mw_io_worker *w = bed.rig.worker[i];
		struct mw_lane_sink sink = {
			.ctx = w, .transmit = mw_io_transmit, .message = on_message};
		struct mw_lane_config config = {.lane = i,
			.smtp_ports = &bed.smtp_ports,
			.flows = 64,
			.contents = 16,
			.messages = 16,
			.kept_blocks = 1024,
			.record_blocks = 256,
			.responders = 16,
			.customers = 1,
			.hold_max_ms = 8000,
			.judge_checksums = true,
			.mtu = 1500,
			.divert_mtu = bed.divert ? 1500 : 0};
		size_t size;

		memcpy(config.divert_mac, divert_mac, 6);
		if (charsets[i] == NULL)
			assert_int_equal(mw_charset_table_open(&charsets[i]), 0);
		config.charsets = charsets[i];
		size = (mw_lane_bytes(&config) + 63) & ~(size_t)63;
		lane_memory[i] = aligned_alloc(64, size);
		memset(lane_memory[i], 0, size);
		w->lane = mw_lane_init(lane_memory[i], &config, &sink);
		mw_lane_set_snapshot(w->lane, snapshot);
	}
	if (bed.divert) { /* no keeper: the lanes are told as if by one */
		struct mw_gateway_status up = {.known = true, .up = true, .configured = true};

		memcpy(up.mac, gateway_mac, 6);
		atomic_store(&bed.rig.shared.gateway, mw_gateway_status_pack(&up));
	}
}

/* More than there is room for is more than any test here compares. */
static void take(int role)
{
	for (struct rte_mbuf *m; (m = bed_get(&bed, role)) != NULL; rte_pktmbuf_free(m)) {
		struct frame *f = &got[role].frame[got[role].count];

		assert_int_equal(m->nb_segs, 1);
		assert_int_equal(m->pkt_len, m->data_len);
		assert_true(m->data_len <= FRAME_MAX);
		if (got[role].count == FRAMES_MAX - 1)
			continue;
		got[role].count++;
		f->len = m->data_len;
		memcpy(f->octets, rte_pktmbuf_mtod(m, void *), f->len);
	}
}

static void discard(void)
{
	for (int role = 0; role < (bed.divert ? 3 : 2); role++)
		for (struct rte_mbuf *m; (m = bed_get(&bed, role)) != NULL;)
			rte_pktmbuf_free(m);
}

static void turn(void)
{
	uint32_t done, quiet = 0;

	now_ns += MW_NS_PER_MS;
	while (quiet < 2) { /* what one hands over, the other takes in its next turn */
		done = 0;
		for (uint16_t i = 0; i < lanes; i++)
			done += mw_io_worker_turn(bed.rig.worker[i], now_ns);
		quiet = done > 0 ? 0 : quiet + 1;
	}
	take(MW_PORT_INSIDE);
	take(MW_PORT_OUTSIDE);
	if (bed.divert)
		take(MW_PORT_DIVERT);
}

static uint64_t reason(enum mw_reason which)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < lanes; i++)
		sum += mw_lane_counters(bed.rig.worker[i]->lane)->reason[which];
	return sum;
}

/* Every packet has been sent or has a named end; every buffer is back. */
static void end(void)
{
	struct mw_io_counters sum;

	turn(); /* what lies in a ring still */
	for (uint16_t i = 0; i < lanes; i++) {
		mw_io_fragments_end(bed.rig.worker[i]);
		mw_lane_finish(bed.rig.worker[i]->lane, now_ns);
	}
	turn();
	mw_io_rig_sum(&bed.rig, &sum);
	assert_true(bed_conserved(&sum));
	for (uint16_t i = 0; i < lanes; i++)
		free(lane_memory[i]);
	bed_free(&bed);
	assert_int_equal(rte_mempool_avail_count(bed.test_pool), test_buffers);
	assert_int_equal(rte_mempool_avail_count(bed.rig.shared.pool), rim_buffers);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* An unfragmented frame cut into fragments of at most `size` octets each (a multiple of 8). */
static void cut(const uint8_t *frame, uint32_t len, uint32_t size, uint32_t id, struct frames *out)
{
	bool pppoe = frame[12] == 0x88 && frame[13] == 0x64;
	bool tagged = frame[12] == 0x81 || (frame[12] == 0x88 && !pppoe);
	uint32_t type_at = pppoe ? 20 : tagged ? 16 : 12, l3 = type_at + 2;
	bool v6 = pppoe ? frame[21] == 0x57 : frame[type_at] == 0x86;
	uint32_t data = l3 + (v6 ? 40 : 20), total = len - data;

	out->count = 0;
	for (uint32_t at = 0; at < total; at += size) {
		struct frame *f = &out->frame[out->count++];
		uint32_t n = total - at < size ? total - at : size;
		bool more = at + n < total;

		memcpy(f->octets, frame, data);
		f->len = data;
		if (v6) {
			uint8_t header[8] = {6, 0, (uint8_t)(at >> 8), (uint8_t)(at | more)};

			put16(header + 4, id >> 16);
			put16(header + 6, id);
			f->octets[l3 + 6] = 44;
			memcpy(f->octets + f->len, header, 8);
			f->len += 8;
			put16(f->octets + l3 + 4, 8 + n);
		} else {
			put16(f->octets + l3 + 2, 20 + n);
			put16(f->octets + l3 + 4, id);
			put16(f->octets + l3 + 6, (more ? 0x2000u : 0) | at / 8);
			mw_checksum_ipv4(f->octets + l3);
		}
		memcpy(f->octets + f->len, frame + data + at, n);
		f->len += n;
		if (pppoe)
			put16(f->octets + 18, 2 + f->len - l3);
		assert_true(f->len <= FRAME_MAX);
	}
}

static void shuffle(struct frames *f)
{
	for (uint32_t i = f->count - 1; i > 0 && i < f->count; i--) {
		uint32_t j = below(i + 1);
		struct frame swap = f->frame[i];

		f->frame[i] = f->frame[j];
		f->frame[j] = swap;
	}
}

static void put(int role, const struct frames *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		assert_true(bed_put(&bed, role, f->frame[i].octets, f->frame[i].len));
}

static void clear(void)
{
	got[0].count = got[1].count = got[2].count = 0;
}

static void assert_same(const struct frames *out, const struct frames *in)
{
	if (out->count != in->count)
		for (int i = 1; i < MW_REASON_COUNT; i++)
			if (reason((enum mw_reason)i) > 0)
				print_message("# %s %" PRIu64 "\n",
					mw_reason_name((enum mw_reason)i),
					reason((enum mw_reason)i));
	assert_int_equal(out->count, in->count);
	for (uint32_t i = 0; i < in->count; i++) {
		assert_int_equal(out->frame[i].len, in->frame[i].len);
		assert_memory_equal(out->frame[i].octets, in->frame[i].octets, in->frame[i].len);
	}
}

/* A connection: the two sides' headers, each with the number of its next octet. */
struct talk {
	struct mw_segment client, server;
	bool diverted; /* the server is the gateway */
	uint32_t id;
	uint32_t size; /* of fragments; 0: none */
	bool shuffled;
};

static void talk_open(struct talk *t, bool v6, uint16_t vlan, uint16_t port)
{
	static const uint8_t l2[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

	memset(t, 0, sizeof(*t));
	t->client = (struct mw_segment){.v6 = v6, .ttl = 64, .sport = port, .dport = 25};
	t->client.window = 60000;
	memcpy(t->client.l2, l2, 12);
	t->client.l2_len = 12;
	if (vlan != 0) {
		put16(t->client.l2 + 12, 0x88a8);
		put16(t->client.l2 + 14, vlan);
		t->client.l2_len += 4;
	}
	put16(t->client.l2 + t->client.l2_len, v6 ? 0x86dd : 0x0800);
	t->client.l2_len += 2;
	mw_ip_parse(v6 ? "2001:db8::10" : "192.0.2.10", &t->client.src);
	mw_ip_parse(v6 ? "2001:db8:f::25" : "198.51.100.25", &t->client.dst);
	t->server = t->client;
	t->server.src = t->client.dst;
	t->server.dst = t->client.src;
	t->server.sport = 25;
	t->server.dport = port;
	t->client.seq = 1000 + port;
	t->server.seq = 5000;
	t->id = port * 100u;
}

/* One segment of `side` at `seq`, in fragments if so asked; moves nothing. What came out is in got.
 */
static void raw(struct talk *t, struct mw_segment *side, uint8_t flags, uint32_t seq,
	const void *data, size_t len)
{
	static uint8_t frame[70000];
	struct mw_segment s = *side;
	uint32_t size;
	bool client = side == &t->client;

	s.flags = flags;
	s.seq = seq;
	s.ack = (client ? &t->server : &t->client)->seq;
	size = mw_segment_write(&s, mw_span_of(data, len), frame, sizeof(frame));
	assert_true(size > 0);
	if (t->size > 0 && len > 8)
		cut(frame, size, t->size, ++t->id, &sent);
	else {
		sent.count = 1;
		sent.frame[0].len = size;
		assert_true(size <= FRAME_MAX);
		memcpy(sent.frame[0].octets, frame, size);
	}
	if (t->shuffled)
		shuffle(&sent);
	clear();
	put(client ? MW_PORT_INSIDE : t->diverted ? MW_PORT_DIVERT : MW_PORT_OUTSIDE, &sent);
	turn();
}

static void say(struct talk *t, struct mw_segment *side, const char *text)
{
	size_t len = strlen(text);

	raw(t, side, MW_TCP_ACK | MW_TCP_PSH, side->seq, text, len);
	side->seq += (uint32_t)len;
}

/* The same, and it has passed bit for bit, in the order it was sent. */
static void passes(struct talk *t, struct mw_segment *side, const char *text)
{
	int out = side == &t->client ? MW_PORT_OUTSIDE : MW_PORT_INSIDE;

	say(t, side, text);
	assert_same(&got[out], &sent);
	assert_int_equal(got[!out].count, 0);
}

static void shake(struct talk *t)
{
	raw(t, &t->client, MW_TCP_SYN, t->client.seq++, NULL, 0);
	raw(t, &t->server, MW_TCP_SYN | MW_TCP_ACK, t->server.seq++, NULL, 0);
	raw(t, &t->client, MW_TCP_ACK, t->client.seq, NULL, 0);
}

static char *body_of(size_t lines)
{
	char *text = malloc(lines * 40 + 200);
	size_t at = (size_t)sprintf(text, "From: a@b.example\r\nSubject: long\r\n\r\n");

	for (size_t i = 0; i < lines; i++)
		at += (size_t)sprintf(text + at, "line %06zu of a message in pieces\r\n", i);
	return text;
}

/* Commands that nobody has to wait for. */
static char *commands_of(size_t lines)
{
	char *text = malloc(lines * 40 + 1);
	size_t at = 0;

	for (size_t i = 0; i < lines; i++)
		at += (size_t)sprintf(text + at, "NOOP %06zu of many in many pieces\r\n", i);
	return text;
}

static void one_session(struct talk *t, size_t lines)
{
	char *body = body_of(lines);

	shake(t);
	passes(t, &t->server, "220 mail.example.org ESMTP is ready\r\n");
	passes(t, &t->client, "EHLO a.host.of.the.customer.example\r\n");
	passes(t, &t->server, "250-mail.example.org\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	passes(t, &t->client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
	passes(t, &t->server, "250 2.1.0 fine\r\n250 2.1.5 fine\r\n");
	passes(t, &t->client, "DATA\r\n");
	passes(t, &t->server, "354 go ahead, end with a dot on a line\r\n");
	passes(t, &t->client, body);
	passes(t, &t->client, "the last line of it, and its end\r\n.\r\n");
	passes(t, &t->server, "250 2.0.0 queued as something long\r\n");
	free(body);
}

static void mail_in_fragments_is_found(void **state)
{
	uint32_t sessions = 0;
	uint64_t joined;

	begin(MW_VERDICT_PASS);
	for (uint16_t i = 0; i < CLIENTS; i++) {
		struct talk t;

		talk_open(&t, i % 2 != 0, (uint16_t)(i / 2 % 2 * 300), (uint16_t)(40000 + i));
		t.size = 24 + 8 * below(5);
		t.shuffled = i >= 2;
		one_session(&t, 3);
		t.size = 1400; /* longer than a buffer, and than any link carries */
		passes(&t, &t.client,
			"MAIL FROM:<b@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
		passes(&t, &t.server, "250 ok\r\n250 ok\r\n354 ok\r\n");
		{
			char *body = body_of(400);

			passes(&t, &t.client, body);
			assert_true(sent.count > 8);
			free(body);
		}
		passes(&t, &t.client, ".\r\n");
		passes(&t, &t.server, "250 ok\r\n");
		sessions++;
		assert_int_equal(messages, 2 * sessions);
		assert_int_equal(complete, 2 * sessions);
		assert_string_equal(last_from, "b@b.example");
	}
	joined = reason(MW_REASON_FRAGMENT_JOINED);
	assert_true(joined > 8 * 12 * 2);
	assert_int_equal(reason(MW_REASON_FRAGMENT), 0);
	assert_int_equal(reason(MW_REASON_FRAGMENT_BAD) + reason(MW_REASON_FRAGMENT_OVERLAP) +
				 reason(MW_REASON_FRAGMENT_REUSED) +
				 reason(MW_REASON_FRAGMENT_FLOOD),
		0);
	if (lanes > 1)
		assert_true(reason(MW_REASON_HANDED_OVER) > joined / 4);
	end();
}

/* Not a single frame reaches the outside, in however many pieces it comes. */
static void refused_in_fragments_is_answered(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct talk t;
		struct mw_frame f;
		bool refused = false;
		uint8_t frame[400];
		uint32_t len;

		begin(MW_VERDICT_REJECT);
		talk_open(&t, v6 != 0, 0, 41000);
		raw(&t, &t.client, MW_TCP_SYN, t.client.seq++, NULL, 0);
		assert_int_equal(got[MW_PORT_OUTSIDE].count, 0);
		assert_int_equal(got[MW_PORT_INSIDE].count, 1);
		mw_frame_parse(
			got[0].frame[0].octets, got[0].frame[0].len, got[0].frame[0].len, &f);
		assert_int_equal(f.flags, MW_TCP_SYN | MW_TCP_ACK);
		t.server.seq = f.seq + 1;
		t.size = 24;
		t.shuffled = true;
		for (int step = 0; step < 3; step++) {
			static const char *const words[] = {
				"EHLO a.host.of.the.customer.example\r\n",
				"MAIL FROM:<somebody.with.a.long.name@customer.example>\r\n",
				"QUIT, and some words more that say nothing\r\n"};

			say(&t, &t.client, words[step]);
			assert_true(sent.count > 1);
			assert_int_equal(got[MW_PORT_OUTSIDE].count, 0);
			assert_true(got[MW_PORT_INSIDE].count > 0);
			for (uint32_t i = 0; i < got[0].count; i++) {
				const struct frame *a = &got[0].frame[i];

				assert_int_equal(mw_frame_parse(a->octets, a->len, a->len, &f),
					MW_FRAME_TCP);
				assert_true(mw_checksum_tcp_good(a->octets, &f));
				refused |= f.payload_len > 9 &&
					   memcmp(a->octets + f.payload, "550 5.7.1", 9) == 0;
				if (f.payload_len > 0)
					t.server.seq = f.seq + f.payload_len;
			}
		}
		assert_true(refused);
		/* without its end, for ever: nothing of it leaves either */
		t.client.flags = MW_TCP_ACK;
		len = mw_segment_write(&t.client, mw_span_str("words that miss their last piece"),
			frame, sizeof(frame));
		cut(frame, len, 24, 99999, &sent);
		sent.count--;
		clear();
		put(MW_PORT_INSIDE, &sent);
		turn();
		now_ns += 31 * MW_NS_PER_S; /* and no packet comes */
		turn();
		assert_int_equal(reason(MW_REASON_FRAGMENT_EXPIRED), sent.count);
		end();
		assert_int_equal(got[MW_PORT_OUTSIDE].count, 0);
	}
}

/* What came out is what went in with another header in front; PPPoE says each one's length. */
static void assert_relabelled(const struct frames *out, const struct mw_segment *from,
	const uint8_t *label, uint32_t label_len)
{
	static struct frames want;

	want.count = sent.count;
	for (uint32_t i = 0; i < sent.count; i++) {
		const struct frame *in = &sent.frame[i];
		struct frame *f = &want.frame[i];

		f->len = label_len + in->len - from->l2_len;
		assert_true(f->len <= FRAME_MAX);
		memcpy(f->octets, label, label_len);
		memcpy(f->octets + label_len, in->octets + from->l2_len, in->len - from->l2_len);
		if (label_len == 22)
			put16(f->octets + 18, 2 + f->len - label_len);
	}
	assert_same(out, &want);
}

struct labels {
	uint8_t gateway[18], client[22];
	uint32_t gateway_len, client_len;
};

static void through(
	struct talk *t, struct mw_segment *side, const char *text, const struct labels *l)
{
	say(t, side, text);
	assert_int_equal(got[MW_PORT_OUTSIDE].count, 0);
	if (side == &t->client)
		assert_relabelled(&got[MW_PORT_DIVERT], side, l->gateway, l->gateway_len);
	else
		assert_relabelled(&got[MW_PORT_INSIDE], side, l->client, l->client_len);
}

/* Behind tags, behind PPPoE, behind nothing, to a link with a tag or without: the headers are
 * exchanged in front of each fragment, longer or shorter, and nothing else of it changes. */
static void diverted_in_fragments_goes_to_the_gateway_and_back(void **state)
{
	bed.divert = true;
	for (uint32_t kind = 0; kind < 12; kind++) {
		static const uint8_t pppoe[10] = {0x88, 0x64, 0x11, 0, 0x12, 0x34, 0, 0, 0, 0x21};
		bool v6 = kind % 2 != 0;
		uint8_t type[2] = {v6 ? 0x86 : 0x08, v6 ? 0xdd : 0x00};
		struct labels l = {.gateway_len = 12};
		struct talk t;
		char *body = body_of(3);

		divert_vlan = kind / 2 % 2 != 0 ? 7 : 0;
		begin(MW_VERDICT_DIVERT);
		talk_open(&t, v6, kind / 4 == 1 ? 300 : 0, (uint16_t)(43000 + kind));
		if (kind / 4 == 2) {
			memcpy(t.client.l2 + 12, pppoe, 10);
			t.client.l2[21] = v6 ? 0x57 : 0x21;
			t.client.l2_len = 22;
		}
		t.diverted = true;
		memcpy(l.gateway, gateway_mac, 6);
		memcpy(l.gateway + 6, divert_mac, 6);
		if (divert_vlan != 0) {
			memcpy(l.gateway + 12, "\x81\0\0\7", 4);
			l.gateway_len = 16;
		}
		memcpy(l.gateway + l.gateway_len, type, 2);
		l.gateway_len += 2;
		l.client_len = t.client.l2_len;
		memcpy(l.client, t.client.l2, l.client_len);
		memcpy(l.client, t.client.l2 + 6, 6);
		memcpy(l.client + 6, t.client.l2, 6);
		memcpy(t.server.l2, l.gateway, l.gateway_len);
		memcpy(t.server.l2, divert_mac, 6);
		memcpy(t.server.l2 + 6, gateway_mac, 6);
		t.server.l2_len = (uint8_t)l.gateway_len;

		shake(&t);
		t.size = 24 + 8 * below(3);
		t.shuffled = true;
		through(&t, &t.server, "220 gateway.example.org ESMTP is ready\r\n", &l);
		through(&t, &t.client, "EHLO a.host.of.the.customer.example\r\n", &l);
		through(&t, &t.server, "250-gateway.example.org\r\n250 PIPELINING\r\n", &l);
		through(&t, &t.client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n", &l);
		through(&t, &t.server, "250 2.1.0 fine\r\n250 2.1.5 fine\r\n", &l);
		through(&t, &t.client, "DATA\r\n", &l);
		through(&t, &t.server, "354 go ahead, end with a dot on a line\r\n", &l);
		through(&t, &t.client, body, &l);
		through(&t, &t.client, "the last line of it, and its end\r\n.\r\n", &l);
		through(&t, &t.server, "250 2.0.0 queued as something long\r\n", &l);
		assert_int_equal(messages, 1); /* and it is inspected like any other */
		assert_int_equal(complete, 1);
		assert_int_equal(reason(MW_REASON_DIVERT_BEGUN), 1);
		assert_true(reason(MW_REASON_FRAGMENT_JOINED) >= 12);
		assert_int_equal(reason(MW_REASON_NO_PORT), 0);
		free(body);
		end();
	}
	bed.divert = false;
}

/* Fragments that no lane decides about go where the gateway's other frames go. */
static void fragments_of_the_gateways_own_pass(void **state)
{
	static const uint8_t text[600] = "octets of the gateway's own";
	struct mw_segment s;
	uint8_t frame[700];
	struct talk t;
	uint32_t len;

	bed.divert = true;
	divert_vlan = 0;
	begin(MW_VERDICT_PASS);
	talk_open(&t, false, 0, 44000);
	s = t.client;
	s.dport = 443;
	s.flags = MW_TCP_ACK;
	for (int way = 0; way < 3; way++) {
		int out = way == 0 ? MW_PORT_OUTSIDE : way == 1 ? MW_PORT_DIVERT : MW_PORT_COUNT;

		/* To the world, back to its MAC, and to us, who want nothing of it. */
		memcpy(s.l2, way == 1 ? gateway_mac : way == 2 ? divert_mac : t.client.l2, 6);
		len = mw_segment_write(&s, mw_span_of(text, sizeof(text)), frame, sizeof(frame));
		cut(frame, len, 200, 7 + (uint32_t)way, &sent);
		clear();
		put(way == 1 ? MW_PORT_OUTSIDE : MW_PORT_DIVERT, &sent);
		turn();
		for (int role = 0; role < 3; role++) {
			if (role == out)
				assert_same(&got[role], &sent);
			else
				assert_int_equal(got[role].count, 0);
		}
	}
	assert_int_equal(reason(MW_REASON_GATEWAY_STRAY), sent.count);
	assert_int_equal(reason(MW_REASON_NO_PORT), 0);
	end();
	bed.divert = false;
}

/* Other ports, other protocols: out as they came, at the latest when their ports are known. */
static void what_is_no_mail_passes_bit_for_bit(void **state)
{
	begin(MW_VERDICT_REJECT);
	for (uint32_t round = 0; round < 200; round++) {
		static const uint8_t text[1000] = "nothing but octets";
		struct mw_segment s;
		struct talk t;
		uint8_t frame[1400];
		uint32_t len;
		int role = (int)below(2);

		talk_open(&t, below(2) != 0, (uint16_t)(below(2) * 77), (uint16_t)(1024 + round));
		s = t.client;
		s.dport = 443;
		s.flags = MW_TCP_ACK;
		len = mw_segment_write(&s, mw_span_of(text, 20 + below(900)), frame, sizeof(frame));
		cut(frame, len, 8 * (2 + below(12)), round, &sent);
		if (round % 4 == 3) /* another protocol */
			for (uint32_t i = 0; i < sent.count; i++) {
				uint8_t *ip = sent.frame[i].octets + t.client.l2_len;

				if (s.v6)
					ip[40] = 17;
				else
					ip[9] = 17;
				if (!s.v6)
					mw_checksum_ipv4(ip);
			}
		shuffle(&sent);
		clear();
		put(role, &sent);
		turn();
		assert_same(&got[!role], &sent);
		assert_int_equal(got[role].count, 0);
	}
	assert_true(reason(MW_REASON_FRAGMENT) > 1000);
	end();
}

/* Reads the fragments that came out back into one frame, slowly. */
static uint32_t read_back(const struct frames *f, bool v6, uint8_t *out, struct mw_frame *parsed)
{
	uint32_t data = 14 + (v6 ? 40u : 20u), top = 0, have = 0, last = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		const uint8_t *ip = f->frame[i].octets + 14;
		uint32_t at, n, from = data;
		bool more;

		if (v6) {
			at = get16(ip + 42) & 0xfff8;
			more = (ip[43] & 1) != 0;
			n = get16(ip + 4) - 8;
			from += 8;
		} else {
			uint8_t copy[20];

			memcpy(copy, ip, 20);
			mw_checksum_ipv4(copy);
			assert_memory_equal(copy, ip, 20);
			at = (get16(ip + 6) & 0x1fff) * 8;
			more = (ip[6] & 0x20) != 0;
			n = get16(ip + 2) - 20;
		}
		assert_int_equal(f->frame[i].len, from + n);
		memcpy(out + data + at, f->frame[i].octets + from, n);
		if (at == 0)
			memcpy(out, f->frame[i].octets, data);
		last += !more;
		have += n;
		top = at + n > top ? at + n : top;
	}
	assert_int_equal(last, 1);
	assert_int_equal(have, top);
	if (v6) {
		out[14 + 6] = 6;
		put16(out + 14 + 4, top);
	} else {
		put16(out + 14 + 2, 20 + top);
		put16(out + 14 + 6, 0);
	}
	assert_int_equal(mw_frame_parse(out, data + top, data + top, parsed), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(out, parsed));
	return data + top;
}

/* A repeat that differs is replaced, one beyond a gap is cut at the dot: in the same fragments. */
static void altered_goes_back_into_the_fragments(void **state)
{
	static const char first[] = "a line of the message that came first, in pieces\r\n";
	static const char other[] = "a line of the message that came later, in pieces\r\n";
	static const char ahead[] =
		"far ahead of what has come, up to this\r\n.\r\nMAIL FROM:<x@y.z>\r\n";
	static uint8_t out[70000];

	for (uint16_t round = 0; round < 16; round++) {
		struct talk t;
		struct mw_frame f;
		bool v6 = round % 2 != 0;

		begin(MW_VERDICT_PASS);
		talk_open(&t, v6, 0, (uint16_t)(42000 + round));
		shake(&t);
		passes(&t, &t.server, "220 s\r\n");
		passes(&t, &t.client, "HELO c\r\n");
		passes(&t, &t.server, "250 s\r\n");
		passes(&t, &t.client, "MAIL FROM:<a@b.example>\r\n");
		passes(&t, &t.server, "250 s\r\n");
		passes(&t, &t.client, "RCPT TO:<a@b.example>\r\n");
		passes(&t, &t.server, "250 s\r\n");
		passes(&t, &t.client, "DATA\r\n");
		passes(&t, &t.server, "354 s\r\n");
		t.size = 24 + 8 * below(4);
		t.shuffled = round >= 4;
		passes(&t, &t.client, first);
		raw(&t, &t.client, MW_TCP_ACK, t.client.seq - (uint32_t)strlen(first), other,
			strlen(other));
		assert_int_equal(got[MW_PORT_OUTSIDE].count, sent.count);
		read_back(&got[MW_PORT_OUTSIDE], v6, out, &f);
		assert_int_equal(f.payload_len, strlen(first));
		assert_memory_equal(out + f.payload, first, strlen(first));
		assert_int_equal(reason(MW_REASON_REPLACED_CONFLICT), 1);

		raw(&t, &t.client, MW_TCP_ACK | MW_TCP_PSH, t.client.seq + 10, ahead,
			strlen(ahead));
		assert_int_equal(reason(MW_REASON_TRIMMED_GAP), 1);
		assert_true(got[MW_PORT_OUTSIDE].count <= sent.count);
		read_back(&got[MW_PORT_OUTSIDE], v6, out, &f);
		assert_true(f.payload_len > 30 && f.payload_len <= 40);
		assert_memory_equal(out + f.payload, ahead, f.payload_len);
		assert_int_equal(f.flags & MW_TCP_PSH, 0);
		raw(&t, &t.client, MW_TCP_ACK, t.client.seq, "0123456789", 10);
		assert_int_equal(messages, 0); /* its reply is not here yet */
		end();
		assert_int_equal(messages, 1);
	}
}

/* What the lane sends on itself is no longer than what it has seen whole: the way to the server
 * need not carry in one piece what came in several. */
static void sent_on_in_short_segments(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		char *body = commands_of(80);
		uint32_t octets = 0;
		struct talk t;

		begin(MW_VERDICT_PASS);
		talk_open(&t, v6 != 0, 0, 44000);
		shake(&t);
		passes(&t, &t.server, "220 s\r\n");
		passes(&t, &t.client, "HELO c\r\n");
		passes(&t, &t.server, "250 s\r\n");
		/* behind a hole, where commands stand: nothing leaves, but it is kept */
		t.size = 1400;
		raw(&t, &t.client, MW_TCP_ACK, t.client.seq + 6, body, strlen(body));
		assert_true(sent.count > 1);
		assert_int_equal(got[MW_PORT_OUTSIDE].count, 0);
		assert_int_equal(reason(MW_REASON_BEYOND_GAP), 1);
		raw(&t, &t.client, MW_TCP_ACK, t.client.seq, "NOOP\r\n", 6);
		assert_true(got[MW_PORT_OUTSIDE].count > 4);
		for (uint32_t i = 0; i < got[MW_PORT_OUTSIDE].count; i++) {
			const struct frame *a = &got[MW_PORT_OUTSIDE].frame[i];
			struct mw_frame f;

			assert_int_equal(
				mw_frame_parse(a->octets, a->len, a->len, &f), MW_FRAME_TCP);
			assert_true(mw_checksum_tcp_good(a->octets, &f));
			assert_true(f.payload_len <= 536);
			octets += f.payload_len;
		}
		assert_int_equal(octets, 6 + strlen(body));
		end();
		free(body);
	}
}

/* Fragments of every kind, lost, doubled, damaged, from both sides. */
static void soup(void **state)
{
	begin(MW_VERDICT_PASS);
	for (uint32_t round = 0; round < 3000; round++) {
		struct talk t;
		struct mw_segment s;
		uint8_t frame[1400], text[800];
		uint32_t len, burst = 1 + below(4);

		for (uint32_t b = 0; b < burst; b++) {
			talk_open(&t, below(2) != 0, 0, (uint16_t)(43000 + below(20)));
			s = below(2) ? t.client : t.server;
			if (below(4) == 0)
				s.dport = s.sport = 8080;
			s.flags = below(20) ? MW_TCP_ACK : (uint8_t)below(64);
			s.seq = below(2000);
			memset(text, 'a' + (int)below(20), sizeof(text));
			len = mw_segment_write(
				&s, mw_span_of(text, 10 + below(790)), frame, sizeof(frame));
			cut(frame, len, 8 * (1 + below(30)), round * 8 + b % 2, &sent);
			shuffle(&sent);
			for (uint32_t i = 0; i < sent.count; i++) {
				struct frame *f = &sent.frame[i];

				if (below(12) == 0) /* lost, or doubled, or damaged */
					f->octets[below(f->len)] = (uint8_t)below(256);
				for (uint32_t k = below(10); k > 0 && k<9; k = k> 7 ? 7 : 0)
					assert_true(
						bed_put(&bed, (int)below(2), f->octets, f->len));
			}
		}
		clear();
		turn();
		now_ns += below(10) == 0 ? 10 * MW_NS_PER_S : 0;
	}
	assert_true(reason(MW_REASON_FRAGMENT_EXPIRED) > 100);
	assert_true(reason(MW_REASON_FRAGMENT_JOINED) > 100);
	end();
}

/* The same with a thread for each lane, stopped in the middle: what is kept then has an end too. */
static void stopped_while_running(void **state)
{
	begin(MW_VERDICT_PASS);
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
	for (uint32_t round = 0; round < 1500; round++) {
		struct talk t;
		struct mw_segment s;
		uint8_t frame[1400], text[800];
		uint32_t len;

		talk_open(&t, below(2) != 0, 0, (uint16_t)(1024 + round));
		s = below(2) ? t.client : t.server;
		if (below(4) == 0)
			s.dport = s.sport = 8080;
		s.flags = MW_TCP_ACK;
		memset(text, 'a', sizeof(text));
		len = mw_segment_write(&s, mw_span_of(text, 10 + below(790)), frame, sizeof(frame));
		cut(frame, len, 8 * (3 + below(30)), round, &sent);
		shuffle(&sent);
		if (below(10) == 0)
			sent.count--;
		put((int)below(2), &sent);
		discard();
	}
	mw_io_rig_stop(&bed.rig);
	discard();
	assert_true(reason(MW_REASON_FRAGMENT_JOINED) > 1000);
	assert_true(reason(MW_REASON_FRAGMENT_EXPIRED) > 10); /* at the stop */
	clear();
	end();
}

/* A ring that is full: dropped, counted, nothing lost sight of. */
static void ring_full(void **state)
{
	uint64_t lost = 0, put_in = 0;

	if (lanes == 1)
		return;
	begin(MW_VERDICT_PASS);
	for (uint32_t round = 0; round < 2000; round++) {
		struct talk t;
		uint8_t frame[400];
		struct mw_segment s;
		uint32_t len;

		talk_open(&t, false, 0, (uint16_t)(20000 + round));
		s = t.client;
		s.flags = MW_TCP_ACK;
		len = mw_segment_write(&s, mw_span_str("words enough for two pieces, and more"),
			frame, sizeof(frame));
		cut(frame, len, 40, round, &sent);
		put(MW_PORT_INSIDE, &sent);
		put_in += sent.count;
		now_ns += MW_NS_PER_MS;
		/* Only the lane that polls this port works, and the one beside it. */
		for (uint16_t i = 0; i < lanes; i++)
			if (bed.rig.worker[i]->queue[0].role == MW_PORT_INSIDE)
				mw_io_worker_turn(bed.rig.worker[i], now_ns);
		discard();
		lost = reason(MW_REASON_RING_FULL);
	}
	assert_true(lost > 0 && lost < put_in);
	for (int i = 0; i < 40; i++) { /* the others, at last */
		for (uint16_t lane = 0; lane < lanes; lane++)
			mw_io_worker_turn(bed.rig.worker[lane], now_ns);
		discard();
	}
	end();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_in_fragments_is_found),
		cmocka_unit_test(refused_in_fragments_is_answered),
		cmocka_unit_test(diverted_in_fragments_goes_to_the_gateway_and_back),
		cmocka_unit_test(fragments_of_the_gateways_own_pass),
		cmocka_unit_test(what_is_no_mail_passes_bit_for_bit),
		cmocka_unit_test(altered_goes_back_into_the_fragments),
		cmocka_unit_test(sent_on_in_short_segments),
		cmocka_unit_test(soup),
		cmocka_unit_test(stopped_while_running),
		cmocka_unit_test(ring_full),
	};
	int failed;

	lanes = argc > 1 ? (uint16_t)atoi(argv[1]) : 2;
	seed = bed_seed();
	bed_eal(&bed, lanes);
	now_ns = 1700000000 * MW_NS_PER_S;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (uint16_t i = 0; i < lanes; i++)
		mw_charset_table_close(charsets[i]);
	free(snapshot_memory);
	mw_eal_stop();
	return failed;
}
