/*
 * How many refused senders the responder can talk to: whole conversations, from SYN to the last
 * ACK, many at the same time, through one lane. Three ways: alone; beside a flood of SYNs of the
 * same customer; and with no entry left for him, where the cookie answers and the rest is a RST.
 * Every reply is looked at; at the end nothing is taken, and the process is no larger than it was.
 *
 * As a test it says nothing about time. By hand, a release build, the figures of
 * docs/benchmarks.md:
 *
 * usage: talks [--talks N] [--rounds N]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "tests/engine/resident.h"
#include "tests/engine/rig.h"

#define RESPONDERS    4096u /* what an appliance has by default */
#define AT_ONCE	      512u
#define BURST	      32u		  /* packets between two polls */
#define PACKET_NS     (14 * MW_NS_PER_US) /* 10,000 conversations a second */
#define FLOOD	      10u		  /* SYNs beside each conversation */
#define GROWTH_OCTETS (256u << 10)
#define ROUNDS_MAX    31
#define REPLY	      "outbound mail is refused, ticket MW-2026-000123, please call +49 30 5550100"

enum way { ALONE, FLOODED, FULL, WAYS };

static const char *const way_name[WAYS] = {"alone", "beside a flood", "no entry left"};

enum step { SYN, LAST_ACK, HELLO, MAIL, QUIT, FIN, DONE };

/* What is said at a step, and how the answer to it begins. */
static const struct {
	uint8_t flags;
	const char *says, *hears;
} steps[DONE] = {
	[SYN] = {MW_TCP_SYN, "", ""},
	[LAST_ACK] = {MW_TCP_ACK, "", "220 "},
	[HELLO] = {MW_TCP_ACK | MW_TCP_PSH, "EHLO mail.office.example\r\n", "250 "},
	[MAIL] = {MW_TCP_ACK | MW_TCP_PSH, "MAIL FROM:<clerk@office.example>\r\n",
		"550 5.7.1 " REPLY "\r\n"},
	[QUIT] = {MW_TCP_ACK | MW_TCP_PSH, "QUIT\r\n", "221 "},
	[FIN] = {MW_TCP_ACK | MW_TCP_FIN, "", ""},
};

struct job {
	enum step step;
	struct mw_segment client;
};

/* What came back to the packet that is being handed in. */
static struct {
	uint32_t frames;
	struct mw_frame frame;
	char text[MW_DIALOGUE_LINE_MAX + 1];
} answer;

static struct rig rig;
static struct job jobs[AT_ONCE];
static uint64_t now_ns, begun, packets, seed;
static enum way way;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "talks: %s, after %llu conversations: ", way_name[way],
		(unsigned long long)begun);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

static void on_frame(struct rig *of, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	answer.frames++;
	if (port != MW_PORT_INSIDE)
		die("a packet to the server");
	if (mw_frame_parse(frame, len, len, &answer.frame) != MW_FRAME_TCP ||
		answer.frame.payload_len >= sizeof(answer.text))
		die("a frame that is none");
	memcpy(answer.text, frame + answer.frame.payload, answer.frame.payload_len);
	answer.text[answer.frame.payload_len] = 0;
}

static void hand_in(const struct mw_segment *s, struct mw_span text)
{
	static uint8_t frame[2048];
	struct mw_packet packet = {.data = frame, .port_in = MW_PORT_INSIDE};

	packet.len = packet.wire_len = mw_segment_write(s, text, frame, sizeof(frame));
	/* Those that take the entries from the others do not get old. */
	now_ns += way == FULL ? MW_NS_PER_US : PACKET_NS;
	if (++packets % BURST == 0)
		mw_lane_poll(rig.lane, now_ns);
	answer.frames = 0;
	mw_lane_packet(rig.lane, now_ns, &packet);
	if (packet.forward)
		die("a packet of a refused customer passes");
}

static void client_of(struct mw_segment *c, uint32_t host, uint16_t port)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};
	static struct mw_segment pattern;

	if (pattern.l2_len == 0) {
		pattern = (struct mw_segment){
			.ttl = 64, .window = 65000, .dport = 25, .l2_len = sizeof(l2)};
		memcpy(pattern.l2, l2, sizeof(l2));
		pattern.src = rig_client(0, 0, false);
		mw_ip_parse("198.51.100.25", &pattern.dst);
	}
	*c = pattern;
	c->src.octet[15] = (uint8_t)host;
	c->sport = port;
	c->seq = chance(UINT32_MAX);
}

/* No two that are open at the same time have the same host and port; the flood has hosts of its
 * own.
 */
static void begin(struct job *job)
{
	client_of(&job->client, (uint32_t)(begun % 100), (uint16_t)(1024 + begun / 100 % 60000));
	job->step = SYN;
	begun++;
}

static void flood(void)
{
	struct mw_segment s;

	client_of(&s, 100 + chance(100), (uint16_t)(1024 + chance(60000)));
	s.flags = MW_TCP_SYN;
	hand_in(&s, mw_span_of(NULL, 0));
	if (answer.frames == 0)
		die("a SYN that is not answered");
}

/* True when the conversation is over. */
static bool go_on(struct job *job)
{
	struct mw_span text = mw_span_str(steps[job->step].says);
	struct mw_segment *c = &job->client;
	const char *hears = steps[job->step].hears;
	const struct mw_frame *f = &answer.frame;

	c->flags = steps[job->step].flags;
	hand_in(c, text);
	c->seq += (uint32_t)text.len + ((c->flags & (MW_TCP_SYN | MW_TCP_FIN)) != 0);
	if (answer.frames != 1)
		die("%u answers at step %d", answer.frames, job->step);
	if (way == FULL && job->step == LAST_ACK) {
		if (f->flags != MW_TCP_RST || f->seq != c->ack)
			die("neither an entry nor a RST");
		return true;
	}
	if (f->dport != c->sport || f->ack != c->seq ||
		strncmp(answer.text, hears, strlen(hears)) != 0)
		die("at step %d: flags %x, \"%s\"", job->step, f->flags, answer.text);
	c->ack = f->seq + f->payload_len + ((f->flags & (MW_TCP_SYN | MW_TCP_FIN)) != 0);
	return ++job->step == DONE;
}

/* One packet of one of those that are open; a new one in the place of one that is over. */
static void one_packet(uint64_t talks)
{
	struct job *job = &jobs[chance(AT_ONCE)];

	if (job->step == DONE) {
		if (begun >= talks)
			return;
		begin(job);
		for (uint32_t i = 0; way == FLOODED && i < FLOOD; i++)
			flood();
	}
	if (go_on(job))
		job->step = DONE;
}

static bool anybody_left(void)
{
	for (uint32_t i = 0; i < AT_ONCE; i++)
		if (jobs[i].step != DONE)
			return true;
	return false;
}

/* Connections that were greeted and say nothing, until no more is to be had. */
static void fill(void)
{
	for (uint32_t i = 0; i < RESPONDERS; i++) {
		struct job job = {.step = SYN};

		client_of(&job.client, 200 + i % 50, (uint16_t)(1024 + i));
		for (int k = 0; k < 2; k++) {
			job.client.flags = steps[k].flags;
			hand_in(&job.client, mw_span_of(NULL, 0));
			job.client.seq += k == 0;
			job.client.ack = answer.frame.seq + 1;
		}
	}
}

static void wait_until_empty(void)
{
	uint64_t until = now_ns + 2 * MW_TALK_LIFE_NS;

	for (; now_ns < until; now_ns += 10 * MW_NS_PER_MS)
		mw_lane_poll(rig.lane, now_ns);
	rig_assert_empty(&rig);
	if (rig.lane->responder->table.used != 0 || rig.lane->responder->spares != 0 ||
		rig.lane->use[0].responders != 0)
		die("%u entries are left, %u of them charged", rig.lane->responder->table.used,
			rig.lane->use[0].responders);
	if (mw_lane_counters(rig.lane)->sessions != 0)
		die("a session of somebody who was refused");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Conversations a second of processor time, ours included; by how much the process grew in the last
 * nine tenths of them. */
static double one_round(uint64_t talks, uint64_t *growth)
{
	struct rig_options options = {
		.verdict = MW_VERDICT_REJECT, .reply = REPLY, .responders = RESPONDERS};
	uint64_t before = 0, after;
	double start;

	rig_open(&rig, &options);
	rig.on_frame = on_frame;
	now_ns = 1700000000ull * MW_NS_PER_S;
	begun = packets = 0;
	seed = 20251;
	for (uint32_t i = 0; i < AT_ONCE; i++)
		jobs[i].step = DONE;
	if (way == FULL)
		fill();
	start = seconds();
	while (begun < talks) {
		one_packet(talks);
		if (before == 0 && begun >= talks / 10)
			before = resident_octets();
	}
	while (anybody_left())
		one_packet(talks);
	start = seconds() - start;
	after = resident_octets();
	*growth = after > before ? after - before : 0;
	if (*growth > GROWTH_OCTETS)
		die("the process grows: %llu octets, then %llu", (unsigned long long)before,
			(unsigned long long)after);
	wait_until_empty();
	rig_close(&rig);
	return (double)talks / start;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n == 0) {
		fprintf(stderr, "talks: %s is no number of use\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	uint64_t talks = 20000, rounds = 1;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && strcmp(argv[i], "--talks") == 0) {
			talks = number(argv[i + 1]);
		} else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
			rounds = number(argv[i + 1]);
		} else {
			fprintf(stderr, "usage: talks [--talks N] [--rounds N]\n");
			return 2;
		}
	}
	if (rounds > ROUNDS_MAX)
		rounds = ROUNDS_MAX;
	for (way = ALONE; way < WAYS; way++) {
		double rate[ROUNDS_MAX];
		uint64_t growth = 0, grew;

		for (uint64_t i = 0; i < rounds; i++) {
			rate[i] = one_round(talks, &grew);
			growth = grew > growth ? grew : growth;
		}
		qsort(rate, rounds, sizeof(rate[0]), by_value);
		printf("%-14s %8.0f a second (median of %llu, %.0f to %.0f); grew by %.0f KiB\n",
			way_name[way], rate[rounds / 2], (unsigned long long)rounds, rate[0],
			rate[rounds - 1], (double)growth / 1024);
	}
	return 0;
}
