#include "tests/fuzz/lane_split.h"

#include "common/base/time.h"
#include "tests/fuzz/lane_world.h"

#define SAY_MAX	   1024u
#define PIECES_MAX 12u
#define TURNS_MAX  64u

static struct {
	struct lane_world whole, cut, live;
	struct mw_segment client, server;
	uint16_t vlan_outer, vlan_inner;
	uint64_t now_ns;
	struct fuzz_random random;
} f;

static void give(struct lane_world *w, bool from_client, uint32_t back, uint8_t flags,
	const uint8_t *data, uint32_t len)
{
	struct mw_segment s = from_client ? f.client : f.server;
	const struct mw_segment *other = from_client ? &f.server : &f.client;
	uint8_t frame[LANE_FRAME_MAX], out[LANE_FRAME_MAX];
	struct mw_packet p = {0};

	s.seq -= back;
	s.ack = other->seq;
	s.flags = flags;
	p.len = p.wire_len = mw_segment_write(&s, mw_span_of(data, len), frame, sizeof(frame));
	p.port_in = from_client || w->passive ? MW_PORT_INSIDE : MW_PORT_OUTSIDE;
	demand(p.len > 0, "a segment fits");
	lane_world_packet(w, f.now_ns, &p, frame, out);
}

/* In pieces, in any order, some twice: never so many that a capture would give up what is late. */
static void give_cut(bool from_client, const uint8_t *data, uint32_t len)
{
	struct {
		uint32_t at, len;
	} piece[PIECES_MAX];
	uint32_t count = 0, most = 2 * len / PIECES_MAX + 1;

	for (uint32_t at = 0; at < len; count++) {
		uint32_t n = 1 + fuzz_below(&f.random, most);

		n = n > len - at || count + 1 == PIECES_MAX ? len - at : n;
		piece[count].at = at;
		piece[count].len = n;
		at += n;
	}
	for (; count > 0; count--) {
		uint32_t i = fuzz_below(&f.random, count);

		for (uint32_t copies = fuzz_below(&f.random, 5) == 0 ? 2 : 1; copies > 0; copies--)
			give(&f.cut, from_client, len - piece[i].at, MW_TCP_ACK | MW_TCP_PSH,
				data + piece[i].at, piece[i].len);
		piece[i] = piece[count - 1];
	}
}

static void say(bool from_client, const uint8_t *data, uint32_t len)
{
	(from_client ? &f.client : &f.server)->seq += len;
	give(&f.whole, from_client, len, MW_TCP_ACK | MW_TCP_PSH, data, len);
	give_cut(from_client, data, len);
	give(&f.live, from_client, len, MW_TCP_ACK | MW_TCP_PSH, data, len);
	for (uint32_t i = 0; i < TURNS_MAX && mw_lane_poll(f.live.lane, f.now_ns); i++)
		;
	f.now_ns += MW_NS_PER_MS;
}

static void begin(uint32_t connection)
{
	uint8_t frame[LANE_FRAME_MAX];
	struct mw_frame h;
	uint32_t len;

	lane_world_open(&f.whole, true, LANE_ROOMY);
	lane_world_open(&f.cut, true, LANE_ROOMY);
	lane_world_open(&f.live, false, LANE_ROOMY);
	f.now_ns = 1700000000ull * MW_NS_PER_S;
	f.client = lane_headers(connection);
	f.server = f.client;
	f.server.src = f.client.dst;
	f.server.dst = f.client.src;
	f.server.sport = f.client.dport;
	f.server.dport = f.client.sport;
	len = mw_segment_write(&f.client, mw_span_of("", 0), frame, sizeof(frame));
	demand(mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP, "headers are some");
	f.vlan_outer = h.vlan_outer;
	f.vlan_inner = h.vlan_inner;
	f.client.seq = 0xffffff00u;
	f.server.seq = 0x7fffff00u;
	for (int i = 0; i < 3; i++) {
		struct lane_world *w = i == 0 ? &f.whole : i == 1 ? &f.cut : &f.live;

		give(w, true, 0, MW_TCP_SYN, NULL, 0);
		f.client.seq++;
		give(w, false, 0, MW_TCP_SYN | MW_TCP_ACK, NULL, 0);
		f.server.seq++;
		give(w, true, 0, MW_TCP_ACK, NULL, 0);
		if (i < 2) {
			f.client.seq--;
			f.server.seq--;
		}
	}
	say(false, (const uint8_t *)"220 s\r\n", 7);
}

static void tell(const struct lane_world *w)
{
	const struct mw_lane_session *s = &w->session;

	fprintf(stderr, "session: %u messages, %llu and %llu octets, metadata %d for %s, anomalies",
		s->messages, (unsigned long long)s->client_bytes,
		(unsigned long long)s->server_bytes, s->metadata, mw_reason_name(s->reason));
	for (unsigned r = MW_REASON_ASYMMETRIC;
		r < MW_REASON_COUNT && r - MW_REASON_ASYMMETRIC < 64; r++)
		if ((s->anomalies & MW_ANOMALY_BIT(r)) != 0)
			fprintf(stderr, " %s", mw_reason_name((enum mw_reason)r));
	fprintf(stderr, "\n");
	for (uint32_t i = 0; i < w->messages && i < LANE_MESSAGES; i++)
		fprintf(stderr, "  message of %llu octets, complete %d, %u recipients, reply %d\n",
			(unsigned long long)w->message[i].size, w->message[i].complete,
			w->message[i].rcpts, w->message[i].data_reply);
}

static int by_content(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct lane_message));
}

/* Of messages that the end of all finds open, a capture has other ones in hand than a live lane. */
static void in_any_order(struct lane_world *w)
{
	qsort(w->message, w->messages < LANE_MESSAGES ? w->messages : LANE_MESSAGES,
		sizeof(w->message[0]), by_content);
}

static void same(const struct lane_world *a, const struct lane_world *b, const char *what)
{
	const struct mw_lane_session *s = &a->session, *t = &b->session;
	uint32_t count = a->messages < LANE_MESSAGES ? a->messages : LANE_MESSAGES;

	if (a->messages != b->messages ||
		memcmp(a->message, b->message, count * sizeof(a->message[0])) != 0 ||
		s->metadata != t->metadata || s->reason != t->reason ||
		s->client_bytes != t->client_bytes || s->server_bytes != t->server_bytes) {
		tell(a);
		tell(b);
	}
	demand(a->messages == b->messages, what);
	for (uint32_t i = 0; i < count; i++)
		demand(memcmp(&a->message[i], &b->message[i], sizeof(a->message[i])) == 0, what);
	demand(a->sessions == 1 && b->sessions == 1, what);
	demand(s->messages == t->messages && s->starttls == t->starttls && s->quit == t->quit &&
			s->recipients_refused == t->recipients_refused,
		what);
	demand(s->metadata == t->metadata && s->reason == t->reason, what);
	demand(s->client_bytes == t->client_bytes && s->server_bytes == t->server_bytes, what);
}

/* Live, what no reply has let go on waits, and at the end is nobody's; over a capture it was on the
 * wire and is read. So the two can be compared where nothing waits. */
static bool live_read_all(void)
{
	struct mw_flow_key key = {.client = f.client.src,
		.server = f.client.dst,
		.client_port = f.client.sport,
		.server_port = f.client.dport,
		.vlan_outer = f.vlan_outer,
		.vlan_inner = f.vlan_inner};
	const struct mw_flow *flow = mw_flow_find(&f.live.lane->flows, &key);

	demand(flow != NULL, "the conversation has its entry");
	return flow->content != NULL && flow->client.nxt == f.client.seq &&
	       flow->server.nxt == f.server.seq;
}

/* Inline, a chunk that was not offered and a ClientHello in front of the greeting are read in
 * another way than over a capture, on purpose. */
static bool live_reads_otherwise(void)
{
	return ((f.whole.session.anomalies ^ f.live.session.anomalies) &
		       MW_ANOMALY_BIT(MW_REASON_BAD_BDAT)) != 0 ||
	       f.whole.session.reason == MW_REASON_IMPLICIT_TLS;
}

void lane_split(struct fuzz_input *in)
{
	uint8_t octets[SAY_MAX];
	bool compare_live;

	f.random.state = fuzz_u8(in);
	begin(fuzz_u8(in) % LANE_CONNECTIONS);
	for (uint32_t turn = 0; in->left > 0 && turn < 400; turn++) {
		uint8_t how = fuzz_u8(in);
		bool from_client = (how & 1) == 0;
		uint32_t len = 0;

		for (uint32_t words = (how >> 1 & 3) + 1; words > 0; words--) {
			const char *word = lane_word(from_client, fuzz_u8(in));
			uint32_t n = (uint32_t)strlen(word);

			n = n < SAY_MAX - len ? n : SAY_MAX - len;
			memcpy(octets + len, word, n);
			len += n;
		}
		if ((how & 0xe0) == 0xe0) /* octets of the input's own among them */
			for (uint32_t n = how >> 3 & 3; n > 0; n--)
				octets[fuzz_u8(in) % len] = fuzz_u8(in);
		say(from_client, octets, len);
	}
	compare_live = live_read_all();
	lane_world_finish(&f.whole, f.now_ns);
	lane_world_finish(&f.cut, f.now_ns);
	lane_world_finish(&f.live, f.now_ns);
	same(&f.whole, &f.cut, "a capture cut, shuffled and repeated is the same conversation");
	if (!compare_live || live_reads_otherwise())
		return;
	in_any_order(&f.whole);
	in_any_order(&f.live);
	same(&f.whole, &f.live, "a live lane sees what a capture shows");
}
