#include "tests/bench/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"

#define OPEN_AT_A_TIME 16 /* connections that send at the same time */
#define RUN	       4  /* frames of one connection one after the other */
#define BURST	       32 /* frames between two polls, as the appliance's receive burst */
#define PATIENCE       3  /* polls that left the lane nothing to do: then no wait will end */
#define CUSTOMERS      256
#define MESSAGES       1024

struct cursor {
	uint32_t session;
	uint32_t next; /* frame within it */
	uint32_t tried;
	bool waiting; /* something of it is held in the lane */
};

struct player {
	const struct trace *trace;
	struct mw_lane_config config;
	struct mw_lane *lane;
	void *memory, *snapshot_memory;
	struct mw_scan_scratch *scratch;
	uint8_t *work; /* the traffic of this pass */
	uint32_t *session_of_port;
	struct cursor open[OPEN_AT_A_TIME];
	uint64_t now_ns, pass;
	uint32_t since_poll;
	bool busy; /* the last poll left work in the lane */
	double ns_per_tick;
	struct play_result *result;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * MW_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* The lane's stopwatch, as the appliance has one: the processor's counter. */
#if defined(__x86_64__)
static uint64_t spent_ns(void *ctx)
{
	return (uint64_t)((double)__rdtsc() * ((const struct player *)ctx)->ns_per_tick);
}

static double measure_tick(void)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), ticks = __rdtsc(), end;

	do
		end = clock_ns(CLOCK_MONOTONIC);
	while (end - start < 20 * MW_NS_PER_MS);
	return (double)(end - start) / (double)(__rdtsc() - ticks);
}
#else
static uint64_t spent_ns(void *ctx)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static double measure_tick(void)
{
	return 1;
}
#endif

const struct mw_snapshot *play_snapshot(void **memory)
{
	static struct mw_policy_settings settings;
	static struct mw_customer_record customers[CUSTOMERS];
	static struct mw_line_record lines[CUSTOMERS];
	struct mw_snapshot_input in = {.settings = &settings,
		.customers = customers,
		.customer_count = CUSTOMERS,
		.lines = lines,
		.line_count = CUSTOMERS,
		.generation = 1};
	const struct mw_snapshot *snapshot;
	size_t size;

	mw_policy_settings_default(&settings);
	for (uint32_t i = 0; i < CUSTOMERS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "10.20.%u.0/24", i);
		customers[i] = (struct mw_customer_record){.index = i,
			.inspection = MW_INSPECTION_CONTENT,
			.spam_threshold_milli = 2000};
		snprintf(customers[i].id, sizeof(customers[i].id), "K%u", i);
		memset(&lines[i], 0, sizeof(lines[i]));
		lines[i].customer_index = i;
		mw_prefix_parse(text, &lines[i].key.prefix);
	}
	size = (mw_snapshot_bytes(&in) + 63) & ~(size_t)63;
	*memory = aligned_alloc(64, size);
	if (*memory == NULL || mw_snapshot_build(&in, *memory, size, &snapshot) != 0)
		return NULL;
	return snapshot;
}

static void on_message(void *ctx, const struct mw_lane_message *m)
{
	struct play_result *r = ((struct player *)ctx)->result;

	r->messages++;
	r->complete += m->complete && m->reason != MW_REASON_SCAN_TIMEOUT;
	r->hits += m->matches != NULL;
}

/* What was held leaves the lane: the connection goes on. */
static void on_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct player *p = ctx;
	struct mw_frame f;

	if (port != MW_PORT_OUTSIDE || mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP)
		return;
	for (unsigned i = 0; i < OPEN_AT_A_TIME; i++)
		if (p->open[i].session == p->session_of_port[f.sport])
			p->open[i].waiting = false;
}

/* Large pages where the kernel gives them, as the appliance asks for. Zeroed. */
static void *memory_new(size_t size)
{
	const size_t large = 2u << 20;
	void *memory = aligned_alloc(large, (size + large - 1) & ~(large - 1));

	if (memory == NULL)
		return NULL;
	madvise(memory, (size + large - 1) & ~(large - 1), MADV_HUGEPAGE);
	memset(memory, 0, size);
	return memory;
}

static bool make_lane(struct player *p, const struct play_options *o)
{
	static struct mw_charset_table *charsets[PLAY_LANES_MAX];
	struct mw_lane_sink sink = {.ctx = p, .transmit = on_transmit, .message = on_message};
	static struct mw_tld_table *tlds; /* read by all lanes */
	size_t size;

	if (charsets[o->lane] == NULL && mw_charset_table_open(&charsets[o->lane]) != 0)
		return false;
	if (tlds == NULL && mw_tld_table_open(NULL, &tlds) != 0)
		tlds = NULL;
	/* As dataplane/io/lanes.c, but for the number of connections. */
	p->config = (struct mw_lane_config){
		.lane = o->lane,
		.key = 0x6d61696c77656972ull,
		.smtp_ports = o->ports,
		.flows = 65536,
		.contents = 4096,
		.messages = MESSAGES,
		.kept_blocks = 16384,
		.record_blocks = 2048,
		.responders = 256,
		.customers = 65536,
		.scan_budget_ns = o->passive ? 0 : 50000,
		.spent_ns = spent_ns,
		.spent_ctx = p,
		.hold_max_ms = 8000,
		.passive = o->passive,
		.judge_checksums = !o->passive,
		.every_client = true,
		.mtu = 1500,
		.charsets = charsets[o->lane],
		.tlds = tlds,
	};
	size = (mw_lane_bytes(&p->config) + 63) & ~(size_t)63;
	p->memory = memory_new(size);
	if (p->memory == NULL)
		return false;
	p->lane = mw_lane_init(p->memory, &p->config, &sink);
	if (!o->passive) {
		const struct mw_snapshot *snapshot = play_snapshot(&p->snapshot_memory);

		if (snapshot == NULL)
			return false;
		mw_lane_set_snapshot(p->lane, snapshot);
	}
	if (o->rules == NULL)
		return true;
	p->scratch = mw_scan_scratch_new(o->rules, MESSAGES);
	return p->scratch != NULL && mw_lane_set_rules(p->lane, o->rules, p->scratch);
}

struct player *player_new(const struct play_options *options, const struct trace *trace)
{
	struct player *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->trace = trace;
	p->now_ns = 1795000000ull * MW_NS_PER_S;
	p->ns_per_tick = measure_tick();
	p->work = memory_new(trace->len);
	p->session_of_port = calloc(65536, sizeof(p->session_of_port[0]));
	if (p->work == NULL || p->session_of_port == NULL || trace->session_count > 60000 ||
		!make_lane(p, options)) {
		player_free(p);
		return NULL;
	}
	return p;
}

void player_free(struct player *p)
{
	if (p == NULL)
		return;
	free(p->work);
	free(p->session_of_port);
	free(p->memory);
	free(p->snapshot_memory);
	mw_scan_scratch_free(p->scratch);
	free(p);
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

/* The traffic again as connections that were never seen: other client ports, other sequence
 * numbers. */
static void prepare(struct player *p)
{
	const struct trace *t = p->trace;

	memcpy(p->work, t->octets, t->len);
	p->pass++;
	for (uint32_t i = 0; i < t->frame_count; i++) {
		const struct trace_frame *f = &t->frames[i];
		uint8_t *tcp = p->work + f->at + f->head.l4;
		uint32_t port = 2000 + (f->session + (uint32_t)p->pass * 7919) % 60000;
		uint32_t client = (uint32_t)(p->pass * 0x9e3779b9u),
			 server = (uint32_t)(p->pass * 0x85ebca6bu);

		if (!f->tcp)
			continue;
		p->session_of_port[port] = f->session;
		put16(tcp + (f->from_client ? 0 : 2), port);
		put32(tcp + 4, f->head.seq + (f->from_client ? client : server));
		if ((f->head.flags & MW_TCP_ACK) != 0)
			put32(tcp + 8, f->head.ack + (f->from_client ? server : client));
		if (f->head.payload_have == f->head.payload_len)
			mw_checksum_rewrite(p->work + f->at, &f->head, f->head.payload_len);
	}
}

static void poll(struct player *p)
{
	uint64_t start = spent_ns(p), spent;

	p->busy = mw_lane_poll(p->lane, p->now_ns);
	spent = spent_ns(p) - start;
	if (spent > p->result->longest_poll_ns)
		p->result->longest_poll_ns = spent;
	p->since_poll = 0;
}

/* False: the connection has to wait. */
static bool play_frame(struct player *p, struct cursor *c)
{
	const struct trace_session *s = &p->trace->sessions[c->session];
	const struct trace_frame *f = &p->trace->frames[s->first + c->next];
	struct mw_packet packet = {
		.data = p->work + f->at,
		.len = f->len,
		.wire_len = f->wire_len,
		.port_in = f->from_client || p->config.passive ? MW_PORT_INSIDE : MW_PORT_OUTSIDE,
	};

	__builtin_prefetch(
		packet.data + ((f->len + 63) & ~63u)); /* the next: as within a burst of ours */
	p->now_ns += 100 + f->wire_len;		       /* some 8 Gbit/s */
	mw_lane_packet(p->lane, p->now_ns, &packet);
	p->since_poll++;
	if (packet.forward && packet.reason != MW_REASON_TRIMMED_HOLD) {
		c->next++;
		c->tried = 0;
		return true;
	}
	switch (packet.reason) {
	case MW_REASON_HELD:
	case MW_REASON_TRIMMED_HOLD: /* kept by the lane, which sends it on */
		c->next++;
		c->tried = 0;
		c->waiting = true;
		return false;
	case MW_REASON_OVER_BUDGET:
	case MW_REASON_ACK_AHEAD:
		p->result->repeats++;
		c->tried = p->busy ? 0 : c->tried + 1;
		if (c->tried <= PATIENCE)
			return false;
		p->result->stuck++;
		break;
	default: /* dropped for good, as some frames of real captures are */
		break;
	}
	c->next++;
	c->tried = 0;
	return true;
}

static bool open_next(struct player *p, struct cursor *c, uint32_t *next)
{
	if (*next == p->trace->session_count)
		return false;
	*c = (struct cursor){.session = (*next)++};
	return true;
}

static void play_all(struct player *p)
{
	uint32_t next = 0, count = 0;
	struct cursor *open = p->open;

	while (count < OPEN_AT_A_TIME && open_next(p, &open[count], &next))
		count++;
	while (count > 0) {
		uint32_t waiting = 0;

		for (uint32_t i = 0; i < count; i++) {
			struct cursor *c = &open[i];
			const struct trace_session *s = &p->trace->sessions[c->session];

			for (int k = 0; k < RUN && !c->waiting && c->next < s->count; k++)
				if (!play_frame(p, c))
					break;
			if (c->waiting && !p->busy && ++c->tried > PATIENCE) {
				c->waiting = false;
				c->tried = 0;
				p->result->stuck++;
			}
			waiting += c->waiting;
			if (p->since_poll >= BURST)
				poll(p);
			if (!c->waiting && c->next == s->count && !open_next(p, c, &next)) {
				*c = open[--count];
				open[count].session = UINT32_MAX;
				i--;
			}
		}
		if (p->since_poll > 0 || waiting == count)
			poll(p);
	}
}

void player_pass(struct player *p, struct play_result *out)
{
	const struct mw_lane_counters *counters = mw_lane_counters(p->lane);
	struct play_result result = {
		.held = counters->held, .scanned_bytes = counters->scanned_bytes};
	uint64_t start;

	p->result = &result;
	prepare(p);
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (p->config.passive) { /* in the order of each connection: nothing ever waits */
		play_all(p);
		mw_lane_finish(p->lane, p->now_ns);
	} else {
		play_all(p);
		/* What stays of a closed connection goes after a minute: its removal belongs to the
		 * work. */
		p->now_ns += 61 * MW_NS_PER_S;
		for (uint64_t before = UINT64_MAX; before != counters->flows;) {
			before = counters->flows;
			for (int i = 0; i < 64 && counters->flows > 0; i++)
				poll(p);
		}
	}
	result.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	result.held = counters->held - result.held;
	result.scanned_bytes = counters->scanned_bytes - result.scanned_bytes;
	p->now_ns +=
		3600 * MW_NS_PER_S; /* a capture's open ends are forgotten before the next pass */
	for (int i = 0; i < 100000 && counters->flows > 0; i++)
		mw_lane_poll(p->lane, p->now_ns);
	*out = result;
}

void player_tell(const struct player *p)
{
	const struct mw_lane_counters *c = mw_lane_counters(p->lane);

	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (c->reason[i] > 0)
			fprintf(stderr, "  %s %llu\n", mw_reason_name((enum mw_reason)i),
				(unsigned long long)c->reason[i]);
}
