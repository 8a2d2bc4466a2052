#include "tests/bench/measure.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/hyper.h"

#define ROUNDS	    5
#define LANE_ROUNDS 3

struct sample {
	double gbps, messages_per_s;
	struct play_result last;
	bool good;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return count == 0 ? NAN : values[count / 2];
}

/* Whole passes for about that long; false: not everything that was sent was judged. The longest
 * poll is that of the best pass: one in which the thread lost its core says nothing about a lane.
 */
static bool sample(
	struct player *player, const struct trace *trace, double seconds, struct sample *out)
{
	uint64_t cpu = 0, bytes = 0, messages = 0, longest = 0;

	do {
		player_pass(player, &out->last);
		/* A capture may lack frames: then some of what follows cannot be played either. */
		if (out->last.messages != trace->messages ||
			(out->last.stuck > 0 && !trace->captured))
			return false;
		cpu += out->last.cpu_ns;
		bytes += trace->wire_bytes;
		messages += trace->messages;
		if (longest == 0 || out->last.longest_poll_ns < longest)
			longest = out->last.longest_poll_ns;
	} while ((double)cpu < seconds * 1e9);
	out->last.longest_poll_ns = longest;
	out->gbps = (double)bytes * 8 / (double)cpu;
	out->messages_per_s = (double)messages * 1e9 / (double)cpu;
	return true;
}

static double sample_hyper(struct hyper *hyper, const struct trace *trace, double seconds)
{
	uint64_t cpu = 0, bytes = 0;

	do {
		cpu += hyper_pass(hyper, trace);
		bytes += trace->payload_bytes;
	} while ((double)cpu < seconds * 1e9 && cpu > 0);
	return (double)bytes * 8 / (double)cpu;
}

/* How many messages a capture holds: a bystander lane says so. */
static int count_messages(const struct measure_options *o, struct trace *trace)
{
	struct play_options options = {.ports = &o->ports, .passive = true};
	struct player *player = player_new(&options, trace);
	struct play_result result;

	if (player == NULL) {
		fprintf(stderr,
			"mailweir-bench: no memory, or more connections than client ports\n");
		return -1;
	}
	player_pass(player, &result);
	trace->messages = result.messages;
	player_free(player);
	return 0;
}

struct workload {
	const char *gbps, *messages, *hyper; /* names of its figures */
	struct trace trace;
	struct player *player;
	double ours[ROUNDS], theirs[ROUNDS], judged[ROUNDS];
	uint64_t longest_ns;
	bool refused;
};

static void refuse(struct workload *w, const struct sample *s)
{
	w->refused = true;
	fprintf(stderr,
		"mailweir-bench: %s is refused: %llu messages were sent, %llu judged, %llu frames "
		"given up\n",
		w->gbps, (unsigned long long)w->trace.messages,
		(unsigned long long)s->last.messages, (unsigned long long)s->last.stuck);
	player_tell(w->player);
}

static void round_of(struct workload *w, struct hyper *hyper, int number, double seconds)
{
	struct sample s = {0};

	if (w->refused)
		return;
	w->theirs[number] = hyper == NULL ? NAN : sample_hyper(hyper, &w->trace, seconds / 4);
	if (!sample(w->player, &w->trace, seconds, &s)) {
		refuse(w, &s);
		return;
	}
	w->ours[number] = s.gbps;
	w->judged[number] = s.messages_per_s;
	if (w->longest_ns == 0 || s.last.longest_poll_ns < w->longest_ns)
		w->longest_ns = s.last.longest_poll_ns;
}

static void tell(struct workload *w, const struct hyper *hyper, struct figures *figures)
{
	if (w->refused) {
		figures_unknown(figures, w->gbps);
		figures_unknown(figures, w->messages);
	} else {
		figures_set(figures, w->gbps, median(w->ours, ROUNDS));
		figures_set(figures, w->messages, median(w->judged, ROUNDS));
	}
	if (w->hyper != NULL && hyper != NULL)
		figures_set(figures, w->hyper, median(w->theirs, ROUNDS));
	else if (w->hyper != NULL)
		figures_unknown(figures, w->hyper);
}

struct thread {
	pthread_t id;
	pthread_barrier_t *start;
	const struct measure_options *options;
	const struct trace *trace;
	struct player *player;
	struct sample sample;
	double seconds;
	bool good;
};

static void *thread_main(void *ctx)
{
	struct thread *t = ctx;

	pthread_barrier_wait(t->start);
	t->good = sample(t->player, t->trace, t->seconds, &t->sample);
	return NULL;
}

/* All lanes at the same time, each with traffic and memory of its own. By processor time, so that a
 * machine that gives a thread less than a core does not count against it; caches and memory do. */
static double lanes_together(
	const struct measure_options *o, const struct trace *trace, uint16_t lanes, double seconds)
{
	static struct thread threads[PLAY_LANES_MAX];
	pthread_barrier_t start;
	double gbps = 0;
	bool good = true;
	uint16_t made = 0;

	pthread_barrier_init(&start, NULL, lanes);
	for (uint16_t i = 0; i < lanes; i++) {
		struct play_options options = {.rules = o->rules, .ports = &o->ports, .lane = i};

		threads[i] = (struct thread){.start = &start,
			.options = o,
			.trace = trace,
			.seconds = seconds,
			.player = player_new(&options, trace)};
		good = good && threads[i].player != NULL;
	}
	for (; good && made < lanes; made++)
		if (pthread_create(&threads[made].id, NULL, thread_main, &threads[made]) != 0)
			abort(); /* the others wait for it */
	for (uint16_t i = 0; i < made; i++) {
		pthread_join(threads[i].id, NULL);
		good = good && threads[i].good;
		gbps += threads[i].sample.gbps;
	}
	for (uint16_t i = 0; i < lanes; i++)
		player_free(threads[i].player);
	pthread_barrier_destroy(&start);
	return good ? gbps : NAN;
}

/* One lane and all of them in turn, so that both see the same machine. */
static void tell_lanes(const struct measure_options *o, const struct trace *trace, double seconds,
	struct figures *figures)
{
	double together[LANE_ROUNDS], ratio[LANE_ROUNDS];

	for (int i = 0; i < LANE_ROUNDS; i++) {
		double alone = lanes_together(o, trace, 1, seconds / LANE_ROUNDS);

		together[i] = lanes_together(o, trace, o->lanes, seconds / LANE_ROUNDS);
		ratio[i] = together[i] / alone;
		if (isnan(ratio[i])) {
			figures_unknown(figures, "lanes_gbps");
			figures_unknown(figures, "lanes_ratio");
			return;
		}
	}
	figures_set(figures, "lanes_gbps", median(together, LANE_ROUNDS));
	figures_set(figures, "lanes_ratio", median(ratio, LANE_ROUNDS));
}

static double without_rules(
	const struct measure_options *o, const struct trace *trace, double seconds)
{
	struct play_options options = {.ports = &o->ports};
	struct player *player = player_new(&options, trace);
	struct sample s = {0};
	double gbps = NAN;

	if (player != NULL && sample(player, trace, seconds, &s))
		gbps = s.gbps;
	player_free(player);
	return gbps;
}

static int make_workloads(const struct measure_options *o, const struct trace_phrases *phrases,
	struct workload *w, uint32_t *count)
{
	struct play_options options = {.rules = o->rules, .ports = &o->ports};
	char error[1024];

	*count = o->pcap != NULL || o->mail != NULL ? 1 : 2;
	if (o->pcap != NULL) {
		if (trace_load(&w[0].trace, o->pcap, &o->ports, error, sizeof(error)) != 0) {
			fprintf(stderr, "mailweir-bench: %s\n", error);
			return -1;
		}
		if (count_messages(o, &w[0].trace) != 0)
			return -1;
	} else if (o->mail != NULL) {
		if (trace_mails(&w[0].trace, o->mail, o->seed, error, sizeof(error)) != 0) {
			fprintf(stderr, "mailweir-bench: %s\n", error);
			return -1;
		}
	} else {
		trace_synth(&w[0].trace, TRACE_MIXED, o->seed, o->bytes, phrases);
		trace_synth(&w[1].trace, TRACE_TEXT, o->seed, o->bytes / 2, phrases);
	}
	for (uint32_t i = 0; i < *count; i++) {
		w[i].player = player_new(&options, &w[i].trace);
		if (w[i].player == NULL) {
			fprintf(stderr, "mailweir-bench: no lane with these rules: out of memory, "
					"or too many rules\n");
			return -1;
		}
	}
	return 0;
}

int measure(const struct measure_options *o, const struct trace_phrases *phrases,
	struct figures *figures)
{
	static struct workload w[2] = {
		{.gbps = "smtp_gbps", .messages = "messages_per_s", .hyper = "hyperscan_gbps"},
		{.gbps = "smtp_text_gbps",
			.messages = "messages_text_per_s",
			.hyper = "hyperscan_text_gbps"},
	};
	struct hyper *hyper = hyper_new(phrases);
	uint32_t count;
	double part;
	struct sample warm = {0};
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	int rc = 0;

	if (make_workloads(o, phrases, w, &count) != 0)
		return 1;
	part = (double)o->seconds / (ROUNDS * count * 1.25 + 4);
	for (uint32_t i = 0; i < count; i++)
		if (!sample(w[i].player, &w[i].trace, 0, &warm))
			refuse(&w[i], &warm);
	for (int round = 0; round < ROUNDS; round++)
		for (uint32_t i = 0; i < count; i++)
			round_of(&w[i], hyper, round, part);
	for (uint32_t i = 0; i < count; i++) {
		tell(&w[i], hyper, figures);
		rc |= w[i].refused;
	}
	if (!w[0].refused)
		figures_set(figures, "poll_max_us", (double)w[0].longest_ns / 1000);
	figures_set(figures, "smtp_no_rules_gbps", without_rules(o, &w[0].trace, part));
	figures_set(figures, "lanes", o->lanes);
	tell_lanes(o, &w[0].trace, part, figures);
	figures_set(figures, "idle_flow_bytes", player_idle_flow_bytes(&o->ports));
	figures_set(figures, "messages_sent", (double)w[0].trace.messages);
	figures_set(figures, "messages_judged", (double)(w[0].refused ? 0 : w[0].trace.messages));
	figures_set(figures, "wire_bytes", (double)w[0].trace.wire_bytes);
	figures_set(figures, "seconds", (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9);
	hyper_free(hyper);
	for (uint32_t i = 0; i < count; i++) {
		player_free(w[i].player);
		trace_free(&w[i].trace);
	}
	return rc;
}
