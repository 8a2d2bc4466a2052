/*
 * Flips one customer's verdict again and again while others' traffic goes on, and measures how long
 * each change takes from the desk's word to the wire. Told what to do on standard input, a line
 * each; answers each with lines that begin with `ok:` or `NOT ok:`, and the line `done`:
 *
 *   quiet SECONDS    no flips, for comparison
 *   flips N          N changes, one after another, each looked at until it holds on every lane
 *   hold VERDICT     one change, and it stays
 *   watch PLANE      control|dataplane: from now on until `seen` the verdict must hold, with PLANE
 *   seen             killed and started again meanwhile
 *   end              withdraws the verdict, ends the load, compares; `lost: N` are frames of a
 * phase
 *
 * usage: lab-flips CUSTOMERS-NS INTERNET-NS CONTROL-SOCKET SEED TABLE-FILE
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "common/base/time.h"
#include "tests/lab/flips/control.h"
#include "tests/lab/flips/figures.h"
#include "tests/lab/flips/load.h"
#include "tests/lab/flips/probe.h"
#include "tests/lab/flips/visit.h"

#define CUSTOMER "K-1066"
/* As many probes in a row as show that it holds: both families, ports enough for each lane. */
#define HOLDS		 32u
#define FLIP_PATIENCE_NS (10 * MW_NS_PER_S)
#define VISITS_AFTER	 50
#define FAULTS_MAX	 5 /* then the rest of the flips would say the same */
#define NS_A_MS		 1e6

/* Every change from each of the four to each other, once round. */
static const char *const round_of_flips[] = {"reject", "pass", "reset", "pass", "drop", "reject",
	"reset", "reject", "drop", "reset", "drop", "pass"};
#define ROUND (sizeof(round_of_flips) / sizeof(round_of_flips[0]))

static const struct {
	const char *verdict;
	enum probe_answer answer;
} kinds[] = {{"pass", PROBE_SERVER}, {"reject", PROBE_RESPONDER}, {"reset", PROBE_RST},
	{"drop", PROBE_NOTHING}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct {
	const char *socket_path, *table_path;
	const char *verdict; /* in force */
	uint64_t faults, unanswered;
	struct figures asked_to_acked, acked_to_wire, asked_to_wire, by_kind[KINDS];
	uint64_t watched_from;
	const char *watched;
} lab = {.verdict = "pass"};

static size_t kind_of(const char *verdict)
{
	size_t at = 0;

	while (at < KINDS && strcmp(kinds[at].verdict, verdict) != 0)
		at++;
	if (at == KINDS)
		errx(2, "no verdict of this lab: %s", verdict);
	return at;
}

static void say_fault(const char *what, const char *detail)
{
	lab.faults++;
	printf("NOT ok: %s%s%s\n", what, detail[0] != '\0' ? ": " : "", detail);
}

/* Until the next probe is due or an answer comes. */
static void turn(int fd)
{
	struct pollfd p[2] = {{.fd = probe_fd(), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	struct timespec pause = {.tv_nsec = PROBE_EVERY_NS / 2};

	ppoll(p, 2, &pause, NULL);
	probe_turn(wire_now_ns());
}

enum judgement { PENDING, RIGHT, WRONG, LOST };

/* One probe by what it should have met. Before the change, under DROP, silence was an answer. A SYN
 * that is at the server has met PASS, even where RESET came in time to answer in place of its
 * SYN-ACK. */
static enum judgement judge(
	const struct probe *p, enum probe_answer expected, bool from_silence, uint64_t now_ns)
{
	if (p->at_server && expected != PROBE_SERVER)
		return WRONG;
	if (p->answer == PROBE_NOTHING && now_ns - p->sent_ns < PROBE_PATIENCE_NS)
		return PENDING;
	if (p->answer == expected)
		return RIGHT;
	if (p->answer == PROBE_NOTHING && !from_silence)
		return LOST;
	return WRONG;
}

struct holding {
	uint64_t
		first; /* the first probe of those that were met rightly, with no other behind it */
	uint32_t count;
};

static struct holding holds(uint64_t from, enum probe_answer expected, bool from_silence)
{
	struct holding h = {.first = probe_next()};
	uint64_t now_ns = wire_now_ns();

	for (uint64_t n = probe_next(); n > from; n--) {
		switch (judge(probe_at(n - 1), expected, from_silence, now_ns)) {
		case RIGHT:
			h.first = n - 1;
			h.count++;
			break;
		case WRONG:
			return h;
		case PENDING: /* behind the run it is no matter, within it it may be wrong yet */
			h.count = 0;
			break;
		case LOST:
			break;
		}
	}
	return h;
}

static void note(const struct control *c, const struct holding *h, size_t kind)
{
	const struct probe *p = probe_at(h->first);
	uint64_t wire_ns = p->answer != PROBE_NOTHING ? p->answered_ns : p->sent_ns;

	figures_add(&lab.asked_to_acked, (double)(c->answered_ns - c->asked_ns) / NS_A_MS);
	figures_add(&lab.acked_to_wire, ((double)wire_ns - (double)c->answered_ns) / NS_A_MS);
	figures_add(&lab.asked_to_wire, ((double)wire_ns - (double)c->asked_ns) / NS_A_MS);
	figures_add(&lab.by_kind[kind], ((double)wire_ns - (double)c->asked_ns) / NS_A_MS);
}

/* One change, from the word to where it holds. False: it never did. */
static bool change(const char *to, bool measured)
{
	size_t kind = kind_of(to);
	bool from_silence = strcmp(lab.verdict, "drop") == 0, answered = false;
	uint64_t from = probe_next(), limit_ns;
	struct holding h = {0};
	struct control c;
	char what[64];

	snprintf(what, sizeof(what), "from %s to %s", lab.verdict, to);
	control_verdict(&c, lab.socket_path, CUSTOMER, to);
	limit_ns = c.asked_ns + FLIP_PATIENCE_NS;
	while (h.count < HOLDS || !answered) {
		turn(answered ? -1 : c.fd);
		answered = answered || control_answered(&c);
		if (answered && (c.code != 0 || strcmp(c.verdict, to) != 0)) {
			say_fault(what,
				c.error[0] != '\0' ? c.error : "the answer names another verdict");
			return false;
		}
		h = holds(from, kinds[kind].answer, from_silence);
		if (wire_now_ns() > limit_ns) {
			say_fault(what, "it does not come to the wire");
			return false;
		}
	}
	for (uint64_t n = h.first; n < probe_next() && kinds[kind].answer != PROBE_NOTHING; n++)
		lab.unanswered +=
			judge(probe_at(n), kinds[kind].answer, false, wire_now_ns()) == LOST;
	lab.verdict = to;
	if (measured)
		note(&c, &h, kind);
	return true;
}

static void visit_once(const char *what, bool v6)
{
	const char *fault = visit(lab.verdict, v6);
	char where[192];

	snprintf(where, sizeof(where), "%s, a connection over IPv%d under %s", what, v6 ? 6 : 4,
		lab.verdict);
	if (fault != NULL)
		say_fault(where, fault);
}

static void flips(uint64_t count)
{
	uint64_t faults = lab.faults, begun_ns = wire_now_ns(), done = 0;

	load_phase(LOAD_FLIPS);
	for (uint64_t i = 0; i < count && lab.faults < faults + FAULTS_MAX; i++) {
		if (change(round_of_flips[i % ROUND], true))
			done++;
		visit_once("after a flip", i / ROUND % 2 != 0);
	}
	if (lab.faults == faults)
		printf("ok: %llu flips in %.1f s, each held on every lane, and a connection after "
		       "each "
		       "met what it should; %llu probes without an answer\n",
			(unsigned long long)done,
			(double)(wire_now_ns() - begun_ns) / (double)MW_NS_PER_S,
			(unsigned long long)lab.unanswered);
	load_phase(LOAD_QUIET);
}

static void quiet(double seconds)
{
	uint64_t end_ns = wire_now_ns() + (uint64_t)(seconds * (double)MW_NS_PER_S);

	load_phase(LOAD_QUIET);
	while (wire_now_ns() < end_ns)
		turn(-1);
}

static void hold(const char *verdict)
{
	if (strcmp(lab.verdict, verdict) != 0)
		change(kinds[kind_of(verdict)].verdict, false);
}

static void watch(const char *plane)
{
	uint64_t end_ns = wire_now_ns() + 100 * MW_NS_PER_MS;

	lab.watched = strcmp(plane, "control") == 0 ? "control plane" : "dataplane";
	load_phase(plane[0] == 'c' ? LOAD_RESTART_CONTROL : LOAD_OTHER);
	/* What was sent before has a moment to arrive: it is still counted. */
	while (wire_now_ns() < end_ns)
		turn(-1);
	lab.watched_from = probe_next();
}

static void seen(void)
{
	enum probe_answer expected = kinds[kind_of(lab.verdict)].answer;
	uint64_t end_ns = wire_now_ns() + 2 * PROBE_PATIENCE_NS, right = 0, wrong = 0, there = 0;
	uint64_t last_ns = probe_at(lab.watched_from)->sent_ns, gap_ns = 0, since_gap = 0;
	char what[128];

	while (wire_now_ns() < end_ns)
		turn(-1);
	for (uint64_t n = lab.watched_from; n < probe_next(); n++) {
		const struct probe *p = probe_at(n);

		there += p->at_server;
		if (p->answer == PROBE_NOTHING)
			continue;
		right += p->answer == expected;
		wrong += p->answer != expected;
		since_gap++;
		if (p->sent_ns - last_ns > gap_ns) {
			gap_ns = p->sent_ns - last_ns;
			since_gap = 0;
		}
		last_ns = p->sent_ns;
	}
	snprintf(what, sizeof(what), "kill -9 of the %s under %s", lab.watched, lab.verdict);
	if (probe_next() - lab.watched_from > PROBE_RING)
		say_fault(what, "it took longer than is remembered");
	else if (wrong > 0)
		say_fault(what, "another verdict was in force meanwhile");
	else if (there > 0 && expected != PROBE_SERVER)
		say_fault(what, "packets came to the server");
	else if (right < HOLDS || since_gap < HOLDS)
		say_fault(what, "nothing is answered any more");
	else
		printf("ok: %s: %llu probes met it and none met another, silence of %.1f ms, %llu "
		       "behind it\n",
			what, (unsigned long long)right, (double)gap_ns / NS_A_MS,
			(unsigned long long)since_gap);
	visit_once(what, false);
	visit_once(what, true);
	load_phase(LOAD_QUIET);
}

static void row(FILE *out, const char *what, struct figures *f)
{
	fprintf(out, "| %s | %zu | %.2f | %.2f | %.2f |\n", what, f->count, figures_at(f, 0.5),
		figures_at(f, 0.99), figures_at(f, 1));
}

static void frames_row(FILE *out, const char *what, enum load_phase phase)
{
	struct load_frames f;

	load_frames_of(phase, &f);
	fprintf(out, "| %s | %llu | %.3f | %.3f | %.3f |\n", what, (unsigned long long)f.sent,
		f.p50_us / 1e3, f.p99_us / 1e3, f.max_us / 1e3);
}

static void write_table(void)
{
	FILE *out = fopen(lab.table_path, "we");

	if (out == NULL)
		err(1, "%s", lab.table_path);
	fprintf(out, "| ms | count | p50 | p99 | max |\n|---|---|---|---|---|\n");
	row(out, "request to acknowledgement", &lab.asked_to_acked);
	row(out, "acknowledgement to wire", &lab.acked_to_wire);
	row(out, "request to wire", &lab.asked_to_wire);
	for (size_t i = 0; i < KINDS; i++) {
		char what[64];

		snprintf(what, sizeof(what), "request to wire, now %s", kinds[i].verdict);
		row(out, what, &lab.by_kind[i]);
	}
	frames_row(out, "a frame of others from link to link, no flips", LOAD_QUIET);
	frames_row(out, "the same while verdicts flip", LOAD_FLIPS);
	fclose(out);
}

/* Whether what is lost was lost by the appliance or in front of it, the script has to say. */
static void compare_frames(enum load_phase phase, const char *what)
{
	struct load_frames f;
	char detail[160];

	load_frames_of(phase, &f);
	snprintf(detail, sizeof(detail),
		"%llu frames of others, octet for octet; %llu altered, %llu misplaced, %llu lost",
		(unsigned long long)f.sent, (unsigned long long)f.altered,
		(unsigned long long)f.misplaced, (unsigned long long)(f.sent - f.arrived));
	if (f.altered != 0 || f.misplaced != 0 || f.sent == 0)
		say_fault(what, detail);
	else
		printf("ok: %s: %s\n", what, detail);
	printf("lost: %llu\n", (unsigned long long)(f.sent - f.arrived));
}

static void compare_streams(const struct load_count *c, const char *what)
{
	char detail[160];

	snprintf(detail, sizeof(detail),
		"%llu compared (%.1f MB), SHA-256 equal at both ends; %llu altered, %llu broken",
		(unsigned long long)c->whole, (double)c->octets / 1e6,
		(unsigned long long)c->altered, (unsigned long long)c->broken);
	if (c->altered != 0 || c->broken != 0 || c->whole == 0)
		say_fault(what, detail);
	else
		printf("ok: %s: %s\n", what, detail);
}

static void end(void)
{
	struct load_count streams, sessions;
	uint64_t faults;

	if (strcmp(lab.verdict, "pass") != 0)
		change("pass", false);
	faults = lab.faults;
	for (int i = 0; i < VISITS_AFTER; i++)
		visit_once("after the last clear", i % 2 != 0);
	if (lab.faults == faults)
		printf("ok: %d connections of the customer after the last clear, each whole\n",
			VISITS_AFTER);
	if (!load_stop())
		say_fault("the load", "it does not come to its end");
	load_counted(&streams, &sessions);
	compare_streams(&streams, "streams of others, no mail");
	compare_streams(&sessions, "SMTP sessions of others");
	compare_frames(LOAD_QUIET, "without flips");
	compare_frames(LOAD_FLIPS, "while verdicts flip");
	compare_frames(LOAD_RESTART_CONTROL, "over the death of the control plane");
	if (load_complaint()[0] != '\0')
		printf("NOT ok: the first that went wrong: %s\n", load_complaint());
	write_table();
}

static void obey(char *line)
{
	char *word = strtok(line, " \n"), *rest = strtok(NULL, " \n");

	if (word == NULL)
		return;
	if (strcmp(word, "quiet") == 0 && rest != NULL)
		quiet(atof(rest));
	else if (strcmp(word, "flips") == 0 && rest != NULL)
		flips(strtoull(rest, NULL, 10));
	else if (strcmp(word, "hold") == 0 && rest != NULL)
		hold(rest);
	else if (strcmp(word, "watch") == 0 && rest != NULL)
		watch(rest);
	else if (strcmp(word, "seen") == 0)
		seen();
	else if (strcmp(word, "end") == 0)
		end();
	else
		errx(2, "no such command: %s", word);
	puts("done");
	fflush(stdout);
}

static struct mw_ip ip(const char *text)
{
	struct mw_ip out;

	if (mw_ip_parse(text, &out) != 0)
		errx(2, "no address: %s", text);
	return out;
}

/* The addresses of tests/lab/flips.sh. */
static void open_all(uint64_t seed)
{
	const struct load_ends load_ends = {{ip("203.0.113.7"), ip("2001:db8:c::7")},
		{ip("198.51.100.25"), ip("2001:db8:1::25")},
		{ip("203.0.113.9"), ip("198.51.100.99")}};
	const struct probe_ends probe_ends = {{ip("203.0.113.70"), ip("2001:db8:c::66:70")},
		{ip("198.51.100.25"), ip("2001:db8:1::25")}, 25};
	const struct visit_ends visit_ends = {{ip("203.0.113.66"), ip("2001:db8:c::66:66")},
		{ip("198.51.100.26"), ip("2001:db8:1::26")}};

	probe_open(&probe_ends);
	visit_open(&visit_ends);
	load_start(&load_ends, seed);
}

int main(int argc, char **argv)
{
	char line[128];
	size_t len = 0;

	if (argc != 6)
		errx(2, "usage: lab-flips CUSTOMERS-NS INTERNET-NS CONTROL-SOCKET SEED TABLE-FILE");
	lab.socket_path = argv[3];
	lab.table_path = argv[5];
	prctl(PR_SET_TIMERSLACK, 1000);
	wire_open(argv[1], argv[2]);
	open_all(strtoull(argv[4], NULL, 10));
	/* Probes go on while nobody says anything. */
	for (;;) {
		struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, 0) == 0) {
			turn(STDIN_FILENO);
			continue;
		}
		n = read(STDIN_FILENO, line + len, 1);
		if (n <= 0)
			break;
		if (line[len] == '\n') {
			line[len] = '\0';
			len = 0;
			obey(line);
		} else if (++len == sizeof(line)) {
			errx(2, "a command without end");
		}
	}
	return lab.faults > 0 ? 1 : 0;
}
