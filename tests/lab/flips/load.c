#include "tests/lab/flips/load.h"

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/base/time.h"
#include "tests/lab/flips/frames.h"
#include "tests/lab/flips/stream.h"

#define STREAMS		6
#define SESSIONS	4
#define PLACES		(STREAMS + SESSIONS)
#define STREAM_PORT	8443
#define SMTP_PORT	25
#define PATIENCE_NS	(60 * MW_NS_PER_S)
#define COMPLAINT_BYTES 256

static struct {
	struct load_ends ends;
	pthread_t thread;
	_Atomic int phase;
	_Atomic bool stop;
	bool in_time;
	uint64_t seed;
	int listener[2][2]; /* streams, sessions; IPv4, IPv6 */
	struct stream place[PLACES];
	bool busy[PLACES];
	struct load_count count[2];
	char complaint[COMPLAINT_BYTES];
} load;

static void complain(const char *what, const struct stream *s)
{
	if (load.complaint[0] == '\0')
		snprintf(load.complaint, sizeof(load.complaint),
			"%s over IPv%d from port %u: %s%s%s",
			s->kind == STREAM_MAIL ? "a session" : "a stream", s->v6 ? 6 : 4,
			(unsigned)s->client_port, what, s->why[0] != '\0' ? ", " : "", s->why);
}

static void begin(int at)
{
	struct stream *s = &load.place[at];
	bool mail = at >= STREAMS, v6 = at % 2 != 0;

	stream_begin(s, mail ? STREAM_MAIL : STREAM_OTHER, v6, ++load.seed);
	s->client.fd = wire_bound(WIRE_CUSTOMERS, &load.ends.client[v6], 0, 0);
	stream_pace(s->client.fd);
	s->client_port = stream_port_of(s->client.fd, true);
	load.busy[at] = true;
	if (wire_connect(s->client.fd, &load.ends.server[v6], mail ? SMTP_PORT : STREAM_PORT) != 0)
		stream_fail(s, "cannot connect");
}

/* The other end of one of ours, known by its port. */
static void take_in(int kind, int v6)
{
	int fd = accept4(load.listener[kind][v6], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	uint16_t port;

	if (fd < 0)
		return;
	stream_pace(fd);
	port = stream_port_of(fd, false);
	for (int at = 0; at < PLACES; at++) {
		struct stream *s = &load.place[at];

		if (load.busy[at] && s->client_port == port && s->v6 == (v6 != 0) &&
			(s->kind == STREAM_MAIL) == (kind != 0) && s->server.fd < 0) {
			s->server.fd = fd;
			return;
		}
	}
	close(fd);
}

static void end(int at)
{
	struct stream *s = &load.place[at];
	struct load_count *count = &load.count[s->kind == STREAM_MAIL];

	count->octets += s->client.got_octets + s->server.got_octets;
	switch (stream_end(s)) {
	case STREAM_WHOLE:
		count->whole++;
		break;
	case STREAM_ALTERED:
		count->altered++;
		complain("what was got is not what was sent", s);
		break;
	case STREAM_BROKEN:
		count->broken++;
		complain("broken", s);
		break;
	}
	load.busy[at] = false;
}

/* True while a stream is under way. */
static bool turn(bool more, uint64_t now_ns)
{
	bool busy = false;

	for (int kind = 0; kind < 2; kind++)
		for (int v6 = 0; v6 < 2; v6++)
			take_in(kind, v6);
	for (int at = 0; at < PLACES; at++) {
		struct stream *s = &load.place[at];

		if (!load.busy[at] && more)
			begin(at);
		if (!load.busy[at])
			continue;
		busy = true;
		if (stream_turn(s, now_ns))
			end(at);
	}
	return busy;
}

static void *run(void *unused)
{
	struct timespec pause = {.tv_nsec = 1000000};
	uint64_t last_ns = 0;
	bool busy = true;

	while (busy) {
		bool stop = atomic_load(&load.stop);
		uint64_t now_ns = wire_now_ns();

		if (stop && last_ns == 0)
			last_ns = now_ns;
		if (!stop)
			frames_send((uint32_t)atomic_load(&load.phase));
		frames_receive();
		busy = turn(!stop, now_ns);
		if (stop && now_ns - last_ns > PATIENCE_NS) {
			load.in_time = false;
			return NULL;
		}
		nanosleep(&pause, NULL);
	}
	/* Frames that are on their way still have a moment. */
	for (int i = 0; i < 200; i++) {
		frames_receive();
		nanosleep(&pause, NULL);
	}
	return unused;
}

void load_start(const struct load_ends *ends, uint64_t seed)
{
	static const uint16_t port[2] = {STREAM_PORT, SMTP_PORT};

	load.ends = *ends;
	load.seed = seed;
	load.in_time = true;
	for (int kind = 0; kind < 2; kind++)
		for (int v6 = 0; v6 < 2; v6++)
			load.listener[kind][v6] =
				wire_bound(WIRE_INTERNET, &ends->server[v6], port[kind], 1024);
	frames_open(&ends->nobody[WIRE_CUSTOMERS], &ends->nobody[WIRE_INTERNET], LOAD_PHASES);
	if (pthread_create(&load.thread, NULL, run, NULL) != 0)
		errx(1, "no thread for the load");
}

void load_phase(enum load_phase phase)
{
	atomic_store(&load.phase, (int)phase);
}

bool load_stop(void)
{
	atomic_store(&load.stop, true);
	pthread_join(load.thread, NULL);
	return load.in_time;
}

void load_counted(struct load_count *streams, struct load_count *sessions)
{
	*streams = load.count[0];
	*sessions = load.count[1];
}

void load_frames_of(enum load_phase phase, struct load_frames *out)
{
	struct frames_count count;

	frames_counted((uint32_t)phase, &count);
	out->sent = count.sent;
	out->arrived = count.arrived;
	out->altered = count.altered;
	out->misplaced = count.misplaced;
	out->p50_us = count.p50_us;
	out->p99_us = count.p99_us;
	out->max_us = count.max_us;
}

const char *load_complaint(void)
{
	return load.complaint;
}
