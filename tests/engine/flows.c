/*
 * A long run: connection after connection through one lane, most of them honest, the others left at
 * any stage by a RST, by silence, by a lost FIN, with a gap, or with one direction only; of many
 * customers, IPv4 and IPv6, on virtual time, so that all timers fire. At every checkpoint what is
 * taken of each pool is what the open connections explain; what was taken at most stops growing,
 * and so does the process; at the end nothing is taken. Every message that was sent to its end was
 * judged.
 *
 * usage: flows [--flows N]
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/segment.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/resident.h"
#include "tests/engine/rig.h"

#define AT_ONCE	      64u /* connections that somebody still works at */
#define PACKET_NS     (14 * MW_NS_PER_MS)
#define POLL_NS	      (200 * MW_NS_PER_MS)
#define CHECKPOINTS   20u
#define GROWTH_OCTETS (1u << 20)
#define POOLS	      6

/* What becomes of a connection, at the step `fate_step`. */
enum fate { COMPLETE, SILENCE, CLIENT_RST, SERVER_RST, FIN_LOST, GAP, ONE_SIDED };

enum step {
	SYN,
	SYN_ACK,
	LAST_ACK,
	GREETING,
	EHLO,
	EHLO_REPLY,
	ENVELOPE,
	ENVELOPE_REPLY,
	DATA,
	DATA_REPLY,
	BODY,
	BODY_END,
	BODY_REPLY,
	QUIT,
	QUIT_REPLY,
	CLIENT_FIN,
	SERVER_FIN,
	CLOSED,
	STEPS
};

struct job {
	bool live;
	enum step step;
	enum fate fate;
	enum step fate_step;
	uint32_t segments, messages; /* still to be sent */
	bool bad;
	struct mw_segment client, server;
};

static struct rig rig;
static struct job jobs[AT_ONCE];
static uint64_t now_ns = 1700000000ull * MW_NS_PER_S;
static uint64_t polled_ns;
static uint64_t seed = 20251;
static uint64_t begun, packets, sent, sent_bad;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "flows: after %llu connections: ", (unsigned long long)begun);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void same(const char *what, uint64_t is, uint64_t explained)
{
	if (is != explained)
		die("%s: %llu taken, %llu explained", what, (unsigned long long)is,
			(unsigned long long)explained);
}

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static void poll_now(void)
{
	while (mw_lane_poll(rig.lane, now_ns))
		;
	polled_ns = now_ns;
}

static void send_octets(const struct mw_segment *side, uint8_t flags, uint32_t seq, uint32_t ack,
	struct mw_span octets)
{
	static uint8_t frame[2048];
	struct mw_segment s = *side;
	struct mw_packet packet = {
		.data = frame, .port_in = side->dport == 25 ? MW_PORT_INSIDE : MW_PORT_OUTSIDE};

	s.flags = flags;
	s.seq = seq;
	s.ack = ack;
	packet.len = packet.wire_len = mw_segment_write(&s, octets, frame, sizeof(frame));
	mw_lane_packet(rig.lane, now_ns, &packet);
	packets++;
}

static void client_sends(struct job *job, uint8_t flags, const char *text)
{
	struct mw_span octets = mw_span_str(text);

	send_octets(&job->client, flags, job->client.seq, job->server.seq, octets);
	job->client.seq += (uint32_t)octets.len + ((flags & (MW_TCP_SYN | MW_TCP_FIN)) != 0);
}

static void server_sends(struct job *job, uint8_t flags, const char *text)
{
	struct mw_span octets = mw_span_str(text);

	if (job->fate == ONE_SIDED) /* it does, on another way */
		job->server.seq += (uint32_t)octets.len;
	else
		send_octets(&job->server, flags, job->server.seq, job->client.seq, octets);
	if (job->fate != ONE_SIDED)
		job->server.seq += (uint32_t)octets.len;
	job->server.seq += (flags & (MW_TCP_SYN | MW_TCP_FIN)) != 0;
}

static enum fate draw_fate(void)
{
	static const struct {
		enum fate fate;
		uint32_t percent;
	} fates[] = {{SILENCE, 8}, {CLIENT_RST, 6}, {SERVER_RST, 6}, {FIN_LOST, 4}, {GAP, 3},
		{ONE_SIDED, 3}};
	uint32_t drawn = chance(100);

	for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
		if (drawn < fates[i].percent)
			return fates[i].fate;
		drawn -= fates[i].percent;
	}
	return COMPLETE;
}

static void begin(struct job *job)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};
	uint64_t number = begun++;
	struct mw_segment *c = &job->client, *s = &job->server;

	memset(job, 0, sizeof(*job));
	job->live = true;
	job->fate = draw_fate();
	/* One at least is sent, and one never: there is something to leave off. */
	job->fate_step = 1 + chance(CLOSED);
	job->messages = 1 + (chance(4) == 0);
	c->v6 = number % 3 == 0;
	c->ttl = 64;
	c->window = 65000;
	memcpy(c->l2, l2, sizeof(l2));
	c->l2_len = sizeof(l2);
	if (c->v6) {
		c->l2[12] = 0x86;
		c->l2[13] = 0xdd;
	}
	/* No two of them have the same addresses and ports. */
	c->src = rig_client((uint32_t)(number % RIG_CUSTOMERS),
		(uint32_t)(number / RIG_CUSTOMERS % 250), c->v6);
	c->sport = (uint16_t)(1024 + number / RIG_CUSTOMERS / 250 % 60000);
	c->dport = 25;
	mw_ip_parse(c->v6 ? "2001:db8:ffff::25" : "198.51.100.25", &c->dst);
	*s = *c;
	s->src = c->dst;
	s->dst = c->src;
	s->sport = c->dport;
	s->dport = c->sport;
	c->seq = chance(UINT32_MAX);
	s->seq = chance(UINT32_MAX);
}

/* A segment is missing, some come behind it, and then nobody is there any more. */
static void leave_a_gap(struct job *job)
{
	uint32_t segments = 1 + chance(5);

	for (uint32_t i = 1; i <= segments; i++) {
		uint32_t seq = job->client.seq + i * 900;

		send_octets(&job->client, MW_TCP_ACK, seq, job->server.seq,
			mw_span_str("octets that come ahead of their time\r\n.\r\n"));
	}
}

/* The connection ends here, unless nothing is to happen yet. */
static bool meets_its_fate(struct job *job)
{
	if (job->fate == FIN_LOST)
		return job->step == SERVER_FIN;
	if (job->step != job->fate_step)
		return false;
	switch (job->fate) {
	case SILENCE:
		return true;
	case CLIENT_RST:
		send_octets(&job->client, MW_TCP_RST, job->client.seq, 0, mw_span_str(""));
		return true;
	case SERVER_RST:
		send_octets(&job->server, MW_TCP_RST | MW_TCP_ACK,
			job->step == SYN_ACK ? 0 : job->server.seq, job->client.seq,
			mw_span_str(""));
		return true;
	case GAP:
		leave_a_gap(job);
		return true;
	case COMPLETE:
	case FIN_LOST:
	case ONE_SIDED:
		break;
	}
	return false;
}

static void body(struct job *job)
{
	static const char *const lines[] = {"plain words, and some more of them\r\n", "\r\n",
		"..a line that begins with a dot\r\n", "=3D and --boundaries of nothing\r\n"};
	char text[1400];
	size_t len = 0;

	if (job->segments == 0) {
		job->segments = 1 + chance(3);
		len = (size_t)snprintf(text, sizeof(text), "Subject: number %llu\r\n\r\n",
			(unsigned long long)begun);
	}
	while (len < 200 + chance(1000))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", lines[chance(4)]);
	client_sends(job, MW_TCP_ACK, text);
	if (--job->segments > 0)
		job->step = BODY - 1; /* and again */
}

static void body_end(struct job *job)
{
	job->bad = chance(10) == 0;
	client_sends(job, MW_TCP_ACK | MW_TCP_PSH,
		job->bad ? "\r\n" FAKE_PHRASE "\r\n.\r\n" : "\r\nThe end.\r\n.\r\n");
	sent++;
	sent_bad += job->bad;
}

static void step(struct job *job)
{
	const uint8_t push = MW_TCP_ACK | MW_TCP_PSH;

	switch (job->step) {
	case SYN:
		client_sends(job, MW_TCP_SYN, "");
		break;
	case SYN_ACK:
		server_sends(job, MW_TCP_SYN | MW_TCP_ACK, "");
		break;
	case LAST_ACK:
		client_sends(job, MW_TCP_ACK, "");
		break;
	case GREETING:
		server_sends(job, push, "220 mx.example ESMTP\r\n");
		break;
	case EHLO:
		if (job->fate == ONE_SIDED) /* it acknowledges one it alone has heard */
			for (int i = 0; i < 4; i++)
				client_sends(job, MW_TCP_ACK, "");
		client_sends(job, push, "EHLO client.example\r\n");
		break;
	case EHLO_REPLY:
		server_sends(job, push, "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
		break;
	case ENVELOPE:
		client_sends(
			job, push, "MAIL FROM:<me@client.example>\r\nRCPT TO:<you@mx.example>\r\n");
		break;
	case ENVELOPE_REPLY:
		server_sends(job, push, "250 ok\r\n250 ok\r\n");
		break;
	case DATA:
		client_sends(job, push, "DATA\r\n");
		break;
	case DATA_REPLY:
		server_sends(job, push, "354 go on\r\n");
		break;
	case BODY:
		body(job);
		break;
	case BODY_END:
		body_end(job);
		break;
	case BODY_REPLY:
		poll_now(); /* the server has nothing to reply to before the end is released */
		server_sends(job, push, "250 stored\r\n");
		if (--job->messages > 0)
			job->step = ENVELOPE - 1;
		break;
	case QUIT:
		client_sends(job, push, "QUIT\r\n");
		break;
	case QUIT_REPLY:
		server_sends(job, push, "221 bye\r\n");
		break;
	case CLIENT_FIN:
		client_sends(job, MW_TCP_FIN | MW_TCP_ACK, "");
		break;
	case SERVER_FIN:
		server_sends(job, MW_TCP_FIN | MW_TCP_ACK, "");
		break;
	case CLOSED:
	case STEPS:
		client_sends(job, MW_TCP_ACK, "");
		job->live = false;
		break;
	}
	job->step++;
}

static void one_packet(uint64_t flows)
{
	struct job *job = &jobs[chance(AT_ONCE)];

	now_ns += PACKET_NS;
	if (now_ns - polled_ns >= POLL_NS)
		poll_now();
	if (!job->live) {
		if (begun == flows)
			return;
		begin(job);
	}
	if (meets_its_fate(job))
		job->live = false;
	else
		step(job);
}

static bool anybody_left(void)
{
	for (uint32_t i = 0; i < AT_ONCE; i++)
		if (jobs[i].live)
			return true;
	return false;
}

/* --- what is taken, and by whom --- */

struct explained {
	uint32_t open, young, young_contents, contents, kept, transfers, scans, queued;
	uint32_t customer_contents[RIG_CUSTOMERS], customer_kept[RIG_CUSTOMERS];
};

static void add_flow(struct explained *e, const struct mw_flow *flow)
{
	uint32_t kept = flow->client.kept.blocks + flow->server.kept.blocks;

	e->open++;
	e->young += flow->young;
	e->kept += kept;
	e->customer_kept[flow->customer] += kept;
	if (flow->content == NULL)
		return;
	e->young_contents += flow->young;
	e->contents++;
	e->customer_contents[flow->customer]++;
	for (const struct mw_transfer *t = flow->content->transfers; t != NULL; t = t->flow_next) {
		e->transfers++;
		e->scans += t->scan != NULL; /* not judged yet */
		e->queued += t->queue_blocks;
	}
}

static void explain(void)
{
	static struct explained e;
	const struct mw_lane *lane = rig.lane;
	const uint32_t records = lane->record_pool.used;

	memset(&e, 0, sizeof(e));
	for (const struct mw_flow *f = lane->open_first; f != NULL; f = f->open_next)
		add_flow(&e, f);
	same("timers", rig_timers(&rig), lane->flows.used);
	same("young entries", lane->young, e.young);
	same("content before a handshake", lane->young_contents, e.young_contents);
	same("inspected connections", lane->content_pool.used, e.contents);
	same("kept octets", lane->kept_pool.used, e.kept);
	same("messages", lane->transfer_pool.used, e.transfers);
	same("scans", fake_open_scans, e.scans);
	for (uint32_t i = 0; i < RIG_CUSTOMERS; i++) {
		same("a customer's connections", lane->use[i].contents, e.customer_contents[i]);
		same("a customer's kept octets", lane->use[i].kept, e.customer_kept[i]);
	}
	if (lane->flows.used < e.open)
		die("%u entries for %u open connections", lane->flows.used, e.open);
	if (records < e.queued || records > e.transfers * (MW_FACTS_BLOCKS_MAX + 1) + e.queued)
		die("%u blocks of records for %u messages", records, e.transfers);
	if (lane->envelope_pool.used > 2 * e.contents)
		die("%u blocks of envelopes for %u connections", lane->envelope_pool.used,
			e.contents);
}

static const char *const pool_name[POOLS] = {
	"flows", "contents", "kept", "envelopes", "messages", "records"};

static void taken_at_most(uint32_t out[POOLS])
{
	const struct mw_lane *lane = rig.lane;

	out[0] = lane->flows.used_max;
	out[1] = lane->content_pool.used_max;
	out[2] = lane->kept_pool.used_max;
	out[3] = lane->envelope_pool.used_max;
	out[4] = lane->transfer_pool.used_max;
	out[5] = lane->record_pool.used_max;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Timers alone take down what nobody ended. */
static void wait_for_the_last(void)
{
	uint64_t until_ns = now_ns + MW_IDLE_NS + MW_CLOSED_NS + 60 * MW_NS_PER_S;

	for (; now_ns < until_ns; now_ns += MW_NS_PER_S)
		poll_now();
	explain();
	same("entries", rig.lane->flows.used, 0);
	same("envelopes", rig.lane->envelope_pool.used, 0);
	same("records", rig.lane->record_pool.used, 0);
	rig_assert_empty(&rig);
}

static void check_counters(void)
{
	const struct mw_lane_counters *c = mw_lane_counters(rig.lane);

	same("sessions", c->sessions, begun);
	same("sessions told of", rig.sessions, begun);
	same("messages without a hit", c->reason[MW_REASON_CLEAN], sent - sent_bad);
	same("messages with one", c->reason[MW_REASON_OBSERVED_SPAM], sent_bad);
	same("held too long", c->reason[MW_REASON_SCAN_TIMEOUT], 0);
	same("refused by the table", c->flows_refused, 0);
	same("without memory", c->reason[MW_REASON_MEMORY], 0);
	same("over a share", c->reason[MW_REASON_CUSTOMER_SHARE], 0);
	same("over a budget", c->reason[MW_REASON_OVER_BUDGET], 0);
	same("made room", c->reason[MW_REASON_EMBRYONIC], 0);
}

static uint64_t flows_of(int argc, char **argv)
{
	char *end = NULL;
	uint64_t flows = 100000;

	if (argc == 3 && strcmp(argv[1], "--flows") == 0)
		flows = strtoull(argv[2], &end, 10);
	if ((argc != 1 && end == NULL) || (end != NULL && *end != 0) || flows < 20000) {
		fprintf(stderr, "usage: flows [--flows N]      N: 20000 at least\n");
		exit(2);
	}
	return flows;
}

int main(int argc, char **argv)
{
	struct rig_options options = {.flows = 4096,
		.contents = 4096, /* an eighth for those of whom one end is heard: some 200 at a
				     time here */
		.messages = 1024,
		.kept_blocks = 4096,
		.record_blocks = 8192,
		.customers = RIG_CUSTOMERS,
		.scan_budget_ns = 50000};
	uint64_t flows = flows_of(argc, argv), early_octets = 0, octets, begun_ns = now_ns;
	uint32_t early[POOLS] = {0}, late[POOLS];
	double start;

	fake_record_cost_ns = 5000;
	rig_open(&rig, &options);
	start = seconds();
	for (uint32_t i = 1; i <= CHECKPOINTS; i++) {
		while (begun < flows * i / CHECKPOINTS)
			one_packet(flows);
		explain();
		if (i == CHECKPOINTS / 10)
			early_octets = resident_octets();
		if (i == CHECKPOINTS / 5)
			taken_at_most(early);
	}
	while (anybody_left())
		one_packet(flows);
	wait_for_the_last();
	octets = resident_octets();
	start = seconds() - start;
	check_counters();
	taken_at_most(late);
	printf("%llu connections, %llu packets, %llu messages in %.1f s: %.0f connections/s; "
	       "%.1f h of virtual time\n",
		(unsigned long long)begun, (unsigned long long)packets, (unsigned long long)sent,
		start, (double)begun / start,
		(double)(now_ns - begun_ns) / (3600.0 * (double)MW_NS_PER_S));
	printf("resident: %.1f MiB after a tenth, %.1f MiB at the end; a lane of %.1f MiB\n",
		(double)early_octets / 1048576, (double)octets / 1048576,
		(double)mw_lane_bytes(&rig.config) / 1048576);
	for (int i = 0; i < POOLS; i++) {
		printf("%s: %u at most after a fifth, %u at the end\n", pool_name[i], early[i],
			late[i]);
		/* Rare crowds are larger the longer one waits, but not by much. */
		if (late[i] > early[i] + early[i] / 4 + 32)
			die("%s grow", pool_name[i]);
	}
	if (octets > early_octets + GROWTH_OCTETS)
		die("the process grows");
	rig_close(&rig);
	return 0;
}
