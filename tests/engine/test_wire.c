/*
 * Holding and refusing between hosts whose TCP has everything a TCP has: scaled, small, closed and
 * probed windows, timestamps, SACK and reneging, ECN, delayed and partial acknowledgements, hasty
 * repeats, ends that close or reset in the middle, commands behind a message in its last segment;
 * each drawn from the seed, over ways that lose, delay and repeat. Whatever comes: the client ends
 * with exactly one final reply to what is refused, the server has stored none of it and all that
 * came before it, and the lane has changed nothing it may not change (net.c, strict).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/talk.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/mail.h"
#include "tests/engine/rig.h"
#include "tests/engine/rounds.h"

/* What the client does in the end. */
enum ending {
	ENDING_QUIT,
	ENDING_FIN,	 /* behind one of its messages, whatever becomes of it; it reads on */
	ENDING_TORN,	 /* FIN in the middle of one */
	ENDING_FIN_HELD, /* FIN while its message is held */
	ENDING_RST_HELD, /* RST while its message is held */
};

struct run {
	struct rig rig;
	struct net net;
	enum ending ending;
	uint64_t held; /* ends of messages held so far */
	uint32_t patience_ms;
	bool ended; /* by `ending`, while held */
};

static struct mail_pair pair;
static struct run run;

/* What came about in all runs of a kind: one that never sees it proves nothing. */
static struct {
	uint32_t runs, refused, put_off, stored, held, fin_held, rst_held;
	uint32_t probes, reneged, marked, too_old, challenges, unheard;
} tally;

static int print_tally(void **state)
{
	print_message(
		"# %u runs: %u messages refused, %u stored, %u held; 421 for %u; FIN while held "
		"%u, RST %u; windows probed %u times, %u times reneged, %u packets marked, "
		"%u too old, %u RSTs asked about, %u not heard\n",
		tally.runs, tally.refused, tally.stored, tally.held, tally.put_off, tally.fin_held,
		tally.rst_held, tally.probes, tally.reneged, tally.marked, tally.too_old,
		tally.challenges, tally.unheard);
	memset(&tally, 0, sizeof(tally));
	return print_seed(state);
}

static void count(void)
{
	tally.runs++;
	tally.stored += pair.stored_count;
	tally.held += (uint32_t)mw_lane_counters(run.rig.lane)->held;
	tally.fin_held += run.ended && run.ending == ENDING_FIN_HELD;
	tally.rst_held += run.ended && run.ending == ENDING_RST_HELD;
	tally.probes += run.net.probes;
	tally.reneged += run.net.reneged;
	tally.marked += run.net.marked;
	tally.too_old += run.net.too_old;
	tally.challenges += run.net.challenges;
}

static void say_seed(const char *what)
{
	char habits[400];

	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (mw_lane_counters(run.rig.lane)->reason[i] > 0)
			print_message("%s %llu\n", mw_reason_name((enum mw_reason)i),
				(unsigned long long)mw_lane_counters(run.rig.lane)->reason[i]);
	net_describe(&run.net, habits, sizeof(habits));
	print_message("%s\nending %d, %s%sclient: last reply %sstored %u of %u\n", habits,
		(int)run.ending, pair.pipelining ? "pipelining, " : "", pair.eager ? "eager, " : "",
		pair.last_reply, pair.stored_count, pair.to_send);
	fail_msg("seed %llu: %s", (unsigned long long)seed_now, what);
}

#define CHECK(what)                      \
	do {                             \
		if (!(what))             \
			say_seed(#what); \
	} while (0)

static uint32_t lines_of(const char *begins)
{
	return net_lines(&run.net.peer[NET_CLIENT], begins);
}

/* A client that does something while its message is held does it so long after the hold began. */
static void on_tick(void *ctx, struct net *net)
{
	uint64_t held = mw_lane_counters(run.rig.lane)->held;

	if (run.ended || pair.next_message < pair.to_send)
		return;
	if (held == run.held) {
		const struct mw_flow *flow = run.rig.lane->open_first;

		if (flow == NULL || !flow->holding || run.patience_ms-- > 0)
			return;
		run.ended = true;
		if (run.ending == ENDING_RST_HELD)
			net_abort(net, NET_CLIENT);
		else
			mail_leave(&pair, net);
		return;
	}
	run.held = held;
}

static void begin(uint64_t seed, struct net_way way, uint32_t size_max, uint32_t messages_most)
{
	struct rig_options options = {.refuse_spam = true};
	struct net *net = &run.net;
	uint32_t messages;

	seed_now = seed;
	fake_open_scans = 0;
	options.scan_budget_ns = seed % 3 != 0 ? 50000 : 0;
	options.hold_max_ms = 20000;
	rig_open(&run.rig, &options);
	net_init(net, seed, run.rig.lane);
	net->way[0] = net->way[1] = way;
	net_enrich(net);
	run.rig.net = net;
	messages = 1 + net_random(net, messages_most);
	mail_init(&pair, net, messages, size_max);
	pair.eager = net_random(net, 3) == 0;
	run.ending = net_random(net, 3) == 0 ? (enum ending)(1 + net_random(net, 4)) : ENDING_QUIT;
	run.held = 0;
	run.ended = false;
	run.patience_ms = net_random(net, net_random(net, 2) == 0 ? 300 : 3);
	if (run.ending == ENDING_FIN)
		pair.leaves_behind = net_random(net, messages);
	if (run.ending == ENDING_TORN)
		pair.tears = net_random(net, messages);
	if (run.ending >= ENDING_FIN_HELD)
		net->on_tick = on_tick;
	/* The scan of a record takes so long that holds last for anything up to seconds. */
	fake_record_cost_ns =
		run.ending >= ENDING_FIN_HELD || net_random(net, 4) == 0 ? 2000000 : 20000;
	net->on_data = mail_on_data;
	net->ctx = &pair;
}

/* Tombstones, repeats and timers run out; then nothing is left of it. */
static void end(void)
{
	uint64_t until = run.net.now_ns + 2000 * MW_NS_PER_S;

	fake_record_cost_ns = 0;
	count();
	while (run.net.now_ns < until) {
		mw_lane_poll(run.rig.lane, run.net.now_ns);
		run.net.now_ns += 4 * MW_NS_PER_S;
	}
	mw_lane_finish(run.rig.lane, run.net.now_ns);
	rig_assert_empty(&run.rig);
	assert_int_equal(run.rig.lane->flows.used, 0);
	assert_int_equal(run.rig.lane->responder->table.used, 0);
	assert_int_equal(run.rig.lane->use[0].responders, 0);
	rig_close(&run.rig);
}

/* Of the messages that the client has sent whole. */
static uint32_t first_bad(uint32_t whole)
{
	uint32_t i = 0;

	while (i < whole && !pair.sent[i].bad)
		i++;
	return i;
}

static void check_stored(uint32_t least, uint32_t most)
{
	CHECK(pair.stored_count >= least && pair.stored_count <= most);
	for (uint32_t i = 0; i < pair.stored_count; i++) {
		CHECK(pair.stored[i].len == pair.sent[i].len);
		CHECK(memcmp(pair.stored[i].octets, pair.sent[i].octets, pair.sent[i].len) == 0);
	}
}

/* A server that has heard none of its RSTs gives up one day, as servers do (RFC 5321, 4.5.3.2.7),
 * and is told then; its words reach nobody any more. */
static bool server_gives_up(void)
{
	uint32_t lines = lines_of("421");

	if (lines_of("554") + lines == 0 || run.net.peer[NET_SERVER].refused)
		return false;
	run.net.peer[NET_CLIENT].refused = true;
	net_write(&run.net, NET_SERVER, "421 4.4.2 timeout\r\n", 19);
	net_close(&run.net, NET_SERVER);
	tally.unheard++;
	return net_run(&run.net, run.net.now_ns + 60 * MW_NS_PER_S) && lines_of("421") == lines;
}

static void one_run(uint64_t seed, struct net_way way, uint32_t size_max, uint32_t messages_most)
{
	uint32_t bad, whole, refusals, put_off;
	bool over;

	begin(seed, way, size_max, messages_most);
	net_connect(&run.net);
	over = net_run(&run.net,
		run.net.now_ns + (run.ending == ENDING_RST_HELD ? 120 : 3600) * MW_NS_PER_S);
	CHECK(run.net.broken == NULL || (say_seed(run.net.broken), false));
	whole = run.ending == ENDING_FIN    ? pair.leaves_behind + 1
		: run.ending == ENDING_TORN ? pair.tears
					    : pair.to_send;
	bad = first_bad(whole);
	refusals = lines_of("554");
	put_off = lines_of("421");
	CHECK(refusals <= 1);
	tally.refused += refusals;
	tally.put_off += refusals == 0 && put_off > 0;
	CHECK(refusals == 0 || strstr(pair.refusal, "reference ") != NULL);
	if (run.ended && run.ending == ENDING_RST_HELD) {
		/* It may have heard the end of the story before it left. */
		check_stored(0, bad);
	} else {
		CHECK(over || server_gives_up());
		if (refusals == 0 && put_off > 0 && pair.eager) {
			/* decisions/hold-the-filler.md: it may come again */
			check_stored(0, bad);
		} else {
			check_stored(bad, bad);
			CHECK(refusals == (bad < whole));
		}
	}
	CHECK(bad == whole || run.rig.messages > bad || run.ended || pair.eager);
	for (uint32_t i = 0; i < run.rig.messages && i < bad; i++)
		CHECK(!run.rig.message[i].refused);
	end();
}

#define KINDS 4

static const struct {
	struct net_way way;
	uint32_t size_max, messages_most;
} kinds[KINDS] = {
	{{0}, 1500, 3},
	{{.delay_max_ms = 5}, 3000, 4},
	{{.loss_percent = 3, .repeat_percent = 3, .delay_max_ms = 10}, 2000, 3},
	{{.loss_percent = 8, .repeat_percent = 5, .delay_max_ms = 40}, 1500, 2},
};

static void run_kind(uint32_t kind, uint64_t usual)
{
	for (uint64_t seed = first(); seed <= rounds(usual); seed++)
		one_run(seed + (100 + kind) * 10000000ull, kinds[kind].way, kinds[kind].size_max,
			kinds[kind].messages_most);
}

static void on_clean_ways(void **state)
{
	run_kind(0, 200);
}

static void on_ways_that_delay(void **state)
{
	run_kind(1, 200);
}

static void on_ways_that_lose(void **state)
{
	run_kind(2, 300);
}

static void on_bad_ways(void **state)
{
	run_kind(3, 300);
}

/* Two dozen messages a session, one of the last of them bad. */
static void many_messages_a_session(void **state)
{
	struct net_way way = {.loss_percent = 2, .repeat_percent = 2, .delay_max_ms = 4};

	for (uint64_t seed = first(); seed <= rounds(20); seed++) {
		uint32_t bad;

		begin(seed + 1040000000ull, way, 600, 1);
		fake_record_cost_ns = 10000;
		run.net.on_tick = NULL;
		run.ending = ENDING_QUIT;
		bad = MAIL_MOST - 3 + net_random(&run.net, 4);
		mail_init(&pair, &run.net, MAIL_MOST, 600);
		mail_choose_bad(&pair, bad);
		net_connect(&run.net);
		CHECK(net_run(&run.net, run.net.now_ns + 3600 * MW_NS_PER_S));
		CHECK(run.net.broken == NULL || (say_seed(run.net.broken), false));
		check_stored(bad, bad);
		CHECK(lines_of("554") == (bad < MAIL_MOST));
		tally.refused += lines_of("554");
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(on_clean_ways, print_tally),
		cmocka_unit_test_teardown(on_ways_that_delay, print_tally),
		cmocka_unit_test_teardown(on_ways_that_lose, print_tally),
		cmocka_unit_test_teardown(on_bad_ways, print_tally),
		cmocka_unit_test_teardown(many_messages_a_session, print_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
