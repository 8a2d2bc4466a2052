#include "tests/fuzz/lane_world.h"

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"

static const char *const client_words[] = {"EHLO c\r\n", "MAIL FROM:<a@b.example>\r\n",
	"RCPT TO:<c@d.example>\r\n", "DATA\r\n", "Subject: x\r\n\r\nwords\r\n", ".\r\n",
	"\r\n.\r\n", "BDAT 4 LAST\r\nabcd", "BDAT 4\r\nabcd", "BDAT 0 LAST\r\n", "RSET\r\n",
	"QUIT\r\n", "STARTTLS\r\n", "AUTH PLAIN AAAA\r\n", "\n.\n", "..\r\n", "\r\n", ".", "\n",
	"here is " FAKE_PHRASE " for you\r\n", "BDAT 30\r\nContent-Type: text/html\r\n\r\n<p>",
	"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\nDATA\r\n",
	"BDAT 3 LAST\r\nxyzMAIL FROM:<a@b>\r\nRCPT TO:<x@y>\r\nBDAT 3 LAST\r\nxyz",
	"\x16\x03\x01\x02\x00",
	"Subject: y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" FAKE_PHRASE
	"\r\n--b--\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n",
	"\r\n.\r\nMAIL FROM:<e@f>\r\n"};
static const char *const server_words[] = {"220 s ESMTP\r\n", "250 ok\r\n", "354 go\r\n",
	"250-s\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "550 5.1.1 no such user\r\n",
	"250 ok\r\n250 ok\r\n250 ok\r\n", "221 bye\r\n", "421 no\r\n", "334 \r\n", "2", "50 x\r\n",
	"250 ok\r\n354 go\r\n", "552 no\r\n503 no\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

const char *lane_word(bool from_client, uint8_t number)
{
	return from_client ? client_words[number % COUNT(client_words)]
			   : server_words[number % COUNT(server_words)];
}

static void on_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct lane_world *w = ctx;

	demand(port == MW_PORT_INSIDE || port == MW_PORT_OUTSIDE, "a frame goes somewhere");
	demand(!w->passive, "over a capture nothing is sent");
	w->made++;
	lane_made_well(frame, len);
	if (w->on_made != NULL)
		w->on_made(port, frame, len);
}

static void on_message(void *ctx, const struct mw_lane_message *m)
{
	struct lane_world *w = ctx;
	struct lane_message *out = &w->message[w->messages++ % LANE_MESSAGES];

	if (m->refuse)
		w->refused_session = m->session;

	memset(out, 0, sizeof(*out));
	out->size = m->facts->size;
	memcpy(out->sha256, m->facts->sha256, 32);
	out->complete = m->complete;
	out->klass = m->klass;
	out->rcpts = m->envelope->rcpt_count;
	out->data_reply = m->envelope->data_reply;
}

static void on_session(void *ctx, const struct mw_lane_session *s)
{
	struct lane_world *w = ctx;

	w->session = *s;
	w->sessions++;
}

static void on_ham(void *ctx, uint32_t customer, uint32_t ham, uint64_t now_ns)
{
	demand(ham > 0, "no ham is not told");
}

void lane_made_well(const uint8_t *frame, uint32_t len)
{
	struct mw_frame h;

	demand(mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP, "a frame of ours parses");
	demand(mw_checksum_tcp_good(frame, &h), "a frame of ours has a right TCP checksum");
	demand(h.v6 || mw_checksum_fold(mw_checksum_add(0, frame + h.l3, h.l4 - h.l3)) == 0,
		"a frame of ours has a right IP checksum");
	if (h.l3 >= 22 && frame[h.l3 - 10] == 0x88 && frame[h.l3 - 9] == 0x64)
		demand((uint32_t)(frame[h.l3 - 4] << 8 | frame[h.l3 - 3]) == len - h.l3 + 2,
			"a frame of ours has a right PPPoE length");
}

/* A snapshot takes longer to build than an input to play: each kind is built once. */
void lane_world_policy(
	struct lane_world *w, enum mw_verdict first, enum mw_verdict second, unsigned flags)
{
	static const struct mw_snapshot *built[MW_VERDICT_COUNT][MW_VERDICT_COUNT][4];
	static struct mw_verdict_record record[MW_VERDICT_COUNT][MW_VERDICT_COUNT]
					      [2]; /* outlive their snapshots */
	static uint64_t generation = 1; /* a lane that gets another one looks at its connections */
	const struct mw_snapshot **snapshot = &built[first][second][flags & 3];
	struct mw_verdict_record *verdict = record[first][second];
	struct mw_policy_settings settings;
	struct mw_customer_record customer[2] = {{.index = 0,
							 .id = "K1",
							 .inspection = MW_INSPECTION_CONTENT,
							 .spam_threshold_milli = 2000},
		{.index = 1,
			.id = "K2",
			.inspection = MW_INSPECTION_CONTENT,
			.spam_threshold_milli = 2000}};
	struct mw_line_record line[2] = {{.customer_index = 0}, {.customer_index = 1}};
	struct mw_snapshot_input in = {.settings = &settings,
		.customers = customer,
		.customer_count = 2,
		.lines = line,
		.line_count = 2,
		.verdicts = verdict,
		.verdict_count = 2,
		.generation = generation + 1};

	if (*snapshot == NULL) {
		size_t size;
		void *memory;

		mw_policy_settings_default(&settings);
		generation++;
		settings.refuse_spam = (flags & LANE_REFUSE_SPAM) != 0;
		settings.refuse_smuggling = (flags & LANE_ALLOW_LOOKALIKES) == 0;
		for (uint32_t i = 0; i < 2; i++) {
			verdict[i] = (struct mw_verdict_record){.customer_index = i,
				.verdict = i == 0 ? first : second,
				.generation = 2,
				.reply = "refused, ticket 1"};
			demand(mw_prefix_parse(i == 0 ? "192.0.2.0/24" : "2001:db8::/48",
				       &line[i].key.prefix) == 0,
				"a prefix is one");
		}
		size = (mw_snapshot_bytes(&in) + 63) & ~(size_t)63;
		memory = aligned_alloc(64, size);
		demand(memory != NULL && mw_snapshot_build(&in, memory, size, snapshot) == 0,
			"a snapshot can be built");
	}
	mw_lane_set_snapshot(w->lane, *snapshot);
	w->refuse_smuggling = (flags & LANE_ALLOW_LOOKALIKES) == 0;
}

static void configure(struct lane_world *w, enum lane_room room)
{
	static struct mw_charset_table *charsets;
	static struct mw_tld_table *tlds;
	static struct mw_port_set ports;
	bool narrow = room == LANE_NARROW;

	if (charsets == NULL)
		demand(mw_charset_table_open(&charsets) == 0 && mw_tld_table_open(NULL, &tlds) == 0,
			"the tables can be opened");
	mw_port_set_add(&ports, 25);
	w->config = (struct mw_lane_config){
		.key = 0x1122334455667788ull,
		.smtp_ports = &ports,
		.flows = narrow ? 6 : 16,
		.contents = narrow ? 3 : 8,
		.messages = narrow ? 3 : 8,
		.kept_blocks = narrow ? 64 : 400,
		.record_blocks = narrow ? 8 : 64,
		.responders = 2,
		.customers = 2,
		.scan_budget_ns = w->passive ? 0 : 50000,
		.spent_ns = fake_stopwatch,
		.hold_max_ms = 8000,
		.passive = w->passive,
		.judge_checksums = true,
		.want_hashes = true,
		.want_parts = true,
		.every_client = w->passive,
		.mtu = 1500,
		.charsets = charsets,
		.tlds = tlds,
	};
}

/* `frame`: what packet->data was. */
static void decide(struct lane_world *w, struct mw_packet *packet, const uint8_t *frame)
{
	const struct mw_lane_counters *c = mw_lane_counters(w->lane);
	uint64_t tx_before = c->tx_packets, made_before = w->made, of_reason[MW_REASON_COUNT];
	uint32_t len = packet->len;
	bool undecided, leaves;

	memcpy(of_reason, c->reason, sizeof(of_reason));
	mw_lane_packet(w->lane, w->now_ns, packet);
	undecided = !w->passive && packet->reason == MW_REASON_FRAGMENT;
	leaves = packet->forward && !packet->joined && !undecided;
	demand(packet->reason != MW_REASON_NONE && packet->reason < MW_REASON_COUNT,
		"a packet has a reason");
	demand((c->reason[packet->reason] > of_reason[packet->reason]) == !undecided,
		"which is counted when it is decided");
	demand(!undecided || !packet->joined, "a whole is decided");
	demand(c->tx_packets - tx_before == w->made - made_before + leaves,
		"what goes out is counted");
	demand(packet->len <= len, "a packet does not grow");
	demand(!w->passive || packet->len == len, "a capture is not cut");
	demand(!packet->forward || packet->port_out != packet->port_in, "a packet goes across");
	if (!w->passive && packet->forward &&
		(packet->len != len || memcmp(packet->data, frame, len) != 0))
		lane_made_well(packet->data, packet->len);
	w->forwarded += leaves;
}

/* A frame that waits for others of its packet. */
struct waiting {
	uint32_t len;
	uint8_t port_in;
	uint8_t frame[];
};

static void release(void *ctx, void *handle, enum mw_reason reason)
{
	struct lane_world *w = ctx;
	struct waiting *g = handle;
	bool passes = reason == MW_REASON_FRAGMENT;

	mw_lane_fragment(w->lane, reason, passes ? g->len : 0);
	w->forwarded += passes;
	free(g);
}

static bool is_smtp(void *ctx, uint16_t sport, uint16_t dport)
{
	return sport == 25 || dport == 25;
}

static void open_fragments(struct lane_world *w)
{
	struct mw_fragments_config config = {.key = 7,
		.packets = 32,
		.pieces = 64,
		.marks = 64,
		.ctx = w,
		.is_smtp = is_smtp,
		.release = release};
	size_t size = (mw_fragments_bytes(&config) + 63) & ~(size_t)63;

	if (w->fragments_memory == NULL)
		w->fragments_memory = aligned_alloc(64, size);
	demand(w->fragments_memory != NULL, "there is memory");
	memset(w->fragments_memory, 0, size);
	w->fragments = mw_fragments_init(w->fragments_memory, &config);
}

/* All of a packet is there: it is decided, and what is left of it leaves in its frames. */
static void whole(struct lane_world *w, const struct mw_fragments_result *result)
{
	static uint8_t octets[MW_WHOLE_MAX];
	struct mw_fragment g[MW_FRAGMENTS_PIECES];
	struct mw_packet p = {.joined = true};
	uint32_t total = 0, head = 0;
	uint8_t *came;

	for (uint32_t i = 0; i < result->count; i++) {
		const struct waiting *f = result->handle[i];

		demand(mw_fragment_parse(f->frame, f->len, &g[i]), "what waited is a fragment");
		total += g[i].len;
		p.port_in = f->port_in;
	}
	for (uint32_t i = 0; i < result->count; i++) {
		const struct waiting *f = result->handle[i];

		if (g[i].offset == 0)
			head = mw_fragment_head(f->frame, &g[i], total, octets);
	}
	for (uint32_t i = 0; i < result->count; i++) {
		const struct waiting *f = result->handle[i];

		memcpy(octets + head + g[i].offset, f->frame + g[i].data, g[i].len);
	}
	p.len = p.wire_len = head + total;
	came = fuzz_exact(octets, p.len);
	p.data = fuzz_exact(octets, p.len);
	decide(w, &p, came);
	for (uint32_t i = 0; i < result->count; i++) {
		struct waiting *f = result->handle[i];
		uint32_t left = 0;

		if (p.forward && p.len > head)
			left = mw_fragment_put_back(
				f->frame, f->len, &g[i], p.data + head, p.len - head);
		demand(left <= f->len, "a fragment does not grow");
		mw_lane_fragment(w->lane, MW_REASON_FRAGMENT_JOINED, left);
		w->forwarded += left > 0;
		free(f);
	}
	if (p.forward && w->on_joined != NULL)
		w->on_joined(p.port_out, p.data, p.len);
	free(p.data);
	free(came);
}

static void fragment(struct lane_world *w, const struct mw_packet *packet)
{
	struct waiting *g = malloc(sizeof(*g) + packet->len);
	struct mw_fragments_result result;

	demand(g != NULL, "there is memory");
	g->len = packet->len;
	g->port_in = packet->port_in;
	memcpy(g->frame, packet->data, packet->len);
	switch (mw_fragments_add(
		w->fragments, w->now_ns, packet->port_in, g->frame, g->len, g, &result)) {
	case MW_FRAGMENTS_KEEP:
		break;
	case MW_FRAGMENTS_PASS:
	case MW_FRAGMENTS_DROP:
		release(w, g, result.reason);
		break;
	case MW_FRAGMENTS_WHOLE:
		whole(w, &result);
		break;
	}
}

void lane_world_open(struct lane_world *w, bool passive, enum lane_room room)
{
	struct mw_lane_sink sink = {.ctx = w,
		.transmit = on_transmit,
		.message = on_message,
		.session = on_session,
		.ham = on_ham};
	void *memory = w->memory;
	size_t size;

	*w = (struct lane_world){
		.memory = memory, .passive = passive, .fragments_memory = w->fragments_memory};
	configure(w, room);
	size = (mw_lane_bytes(&w->config) + 63) & ~(size_t)63;
	if (w->memory == NULL)
		w->memory = aligned_alloc(64, size);
	demand(w->memory != NULL, "there is memory");
	memset(w->memory, 0, size); /* as the rim promises */
	w->lane = mw_lane_init(w->memory, &w->config, &sink);
	if (!passive)
		lane_world_policy(w, MW_VERDICT_PASS, MW_VERDICT_PASS, 0);
	demand(mw_lane_set_rules(w->lane, fake_rules(), fake_scratch()), "rules can be set");
	if (!passive)
		open_fragments(w);
}

void lane_world_packet(struct lane_world *w, uint64_t now_ns, struct mw_packet *packet,
	const uint8_t *frame, uint8_t *out)
{
	uint8_t *copy = fuzz_exact(frame, packet->len);

	w->now_ns = now_ns;
	w->fed++;
	packet->data = copy;
	decide(w, packet, frame);
	if (!w->passive && packet->reason == MW_REASON_FRAGMENT) {
		fragment(w, packet);
		packet->forward = false;
	}
	memcpy(out, copy, packet->len);
	packet->data = out;
	free(copy);
	lane_world_check(w);
}

void lane_world_poll(struct lane_world *w, uint64_t now_ns)
{
	w->now_ns = now_ns;
	mw_lane_poll(w->lane, now_ns);
	if (w->fragments != NULL)
		mw_fragments_tick(w->fragments, now_ns);
	lane_world_check(w);
}

static void check_pool(const struct mw_pool *pool)
{
	demand(pool->used <= pool->blocks, "a pool gave out no more than it has");
}

void lane_world_check(const struct lane_world *w)
{
	const struct mw_lane *l = w->lane;
	const struct mw_lane_counters *c = mw_lane_counters(l);

	check_pool(&l->kept_pool);
	check_pool(&l->envelope_pool);
	check_pool(&l->content_pool);
	check_pool(&l->transfer_pool);
	check_pool(&l->record_pool);
	check_pool(&l->tls_pool);
	demand(l->responder->table.used <= l->responder->table.count,
		"no more are talked to than can be");
	demand(l->flows.used <= l->flows.count, "the table holds no more than it can");
	demand(c->rx_packets == w->fed, "each packet is counted in");
	demand(c->tx_packets == w->forwarded + w->made, "and each one out");
}

/* Nothing is remembered for longer than that behind its end. A poll takes a few turns of the wheel:
 * so many for all of it. */
#define OVER_STEPS 8
#define OVER_NS	   (70 * MW_NS_PER_S)
#define OVER_POLLS 70

static void run_out(struct lane_world *w, uint64_t now_ns)
{
	const struct mw_lane *l = w->lane;

	for (int i = 0; i < OVER_STEPS; i++) {
		now_ns += OVER_NS;
		for (int k = 0; k < OVER_POLLS; k++)
			if (l->flows.used > 0 || l->responder->table.used > 0)
				lane_world_poll(w, now_ns);
	}
}

void lane_world_finish(struct lane_world *w, uint64_t now_ns)
{
	const struct mw_lane *l = w->lane;

	mw_lane_finish(w->lane, now_ns);
	if (w->fragments != NULL) {
		mw_fragments_finish(w->fragments);
		demand(mw_fragments_kept(w->fragments) == 0, "no fragment is left");
	}
	demand(l->kept_pool.used == 0 && l->envelope_pool.used == 0 && l->content_pool.used == 0 &&
			l->transfer_pool.used == 0 && l->record_pool.used == 0,
		"everything comes back");
	demand(l->open_first == NULL && l->refuse_first == NULL && l->young_first == NULL,
		"no session is left open");
	demand(w->sessions == l->counters.sessions, "each session is told once");
	for (int i = 0; i < MW_RULES_SLOTS; i++)
		demand(l->rules[i].users == 0, "no rules are in use");
	run_out(w, now_ns);
	demand(l->responder->table.used == 0, "nobody is talked to for ever");
	demand(l->flows.used == 0 && l->tls_pool.used == 0, "no connection is remembered for ever");
	for (uint32_t i = 0; i < w->config.customers; i++)
		demand(l->use[i].kept == 0 && l->use[i].contents == 0 && l->use[i].responders == 0,
			"nobody is charged for what he gave back");
}

struct mw_segment lane_headers(uint32_t connection)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	static const struct {
		uint8_t octets[12];
		uint8_t len;
	} behind[LANE_CONNECTIONS] = {{{0x08, 0x00}, 2}, {{0x81, 0x00, 0, 7, 0x08, 0x00}, 6},
		{{0x88, 0x64, 0x11, 0, 0, 1, 0, 0, 0, 0x21}, 10}, {{0x86, 0xdd}, 2},
		{{0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 9, 0x08, 0x00}, 10},
		{{0x81, 0x00, 0, 7, 0x86, 0xdd}, 6}};
	struct mw_segment s = {.ttl = 64,
		.window = 65000,
		.sport = (uint16_t)(4000 + connection),
		.dport = 25,
		.has_ts = connection == 1,
		.v6 = connection == 3 || connection == 5};

	s.l2_len = (uint8_t)(12 + behind[connection].len);
	memcpy(s.l2, macs, 12);
	memcpy(s.l2 + 12, behind[connection].octets, behind[connection].len);
	mw_ip_parse(s.v6 ? "2001:db8::9" : "192.0.2.10", &s.src);
	mw_ip_parse(s.v6 ? "2001:db8:1::9" : "198.51.100.25", &s.dst);
	return s;
}
