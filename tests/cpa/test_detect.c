/* The sequential tests against simulation: how soon a spammer is found, how seldom an honest line.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/detect/detect.h"
#include "controlplane/detect/sprt.h"

static uint64_t seed, rng;

static double uniform(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return ((double)(rng >> 11) + 0.5) / 9007199254740992.0;
}

/* Ham before the next spam-like message, at a share of `p`. */
static uint32_t ham_run(double p)
{
	double n = floor(log(uniform()) / log(1 - p));

	return n > 4e9 ? UINT32_MAX : (uint32_t)n;
}

static struct mw_detect_observation spam(uint64_t at_s, uint32_t ham_before)
{
	struct mw_detect_observation o = {.time_us = at_s * 1000000,
		.klass = MW_CLASS_SPAM,
		.ham_before = ham_before,
		.domain_count = 1};

	o.fingerprint = (uint64_t)(uniform() * 1e18);
	o.campaign = (uint64_t)(uniform() * 1e18) | 1;
	o.domains[0] = (uint64_t)(uniform() * 20);
	return o;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Messages of a line at a spam-like share of 30 % until SPRT says spammer, and until a ticket. */
static void spammer_is_found(void **state)
{
	enum { RUNS = 2001 };
	static uint64_t spammer[RUNS], ticket[RUNS];
	struct mw_detect_policy policy;

	mw_detect_policy_default(&policy);
	for (int run = 0; run < RUNS; run++) {
		static struct mw_detect_state s;
		struct mw_detect_result r = {0};
		uint64_t messages = 0;

		memset(&s, 0, sizeof(s));
		for (uint64_t at = 1000000; r.finding != MW_FINDING_CONSIDERABLE; at += 3) {
			struct mw_detect_observation o = spam(at, ham_run(0.3));

			messages += o.ham_before + 1;
			mw_detect_observe(&s, &policy, &o, at, &r);
			if (r.finding >= MW_FINDING_SPAMMER && spammer[run] == 0)
				spammer[run] = messages;
			assert_true(messages < 100000);
		}
		ticket[run] = messages;
		assert_true(r.first);
		assert_string_equal(r.feature, "considerable");
		assert_true(r.value >= r.threshold);
	}
	qsort(spammer, RUNS, sizeof(spammer[0]), compare);
	qsort(ticket, RUNS, sizeof(ticket[0]), compare);
	print_message("# 30 %% spam-like: SPRT after %llu messages (median), p95 %llu; a "
		      "considerable number after %llu\n",
		(unsigned long long)spammer[RUNS / 2], (unsigned long long)spammer[RUNS * 95 / 100],
		(unsigned long long)ticket[RUNS / 2]);
	assert_in_range(spammer[RUNS / 2], 35, 60);
	assert_in_range(ticket[RUNS / 2], 55, 80);
}

/* 20 million messages of an honest line at 5 %: SPRT alone, no second condition to hide behind. */
static void honest_line_is_left_alone(void **state)
{
	struct mw_sprt test = mw_sprt_of(.05, .5, 1e-6, .01);
	uint64_t messages = 0, alarms = 0, rest;
	double sum = 0;

	while (messages < 20000000) {
		uint32_t ham = ham_run(0.05);

		mw_sprt_ham(&test, &sum, ham, &rest);
		if (mw_sprt_spam(&test, &sum)) {
			alarms++;
			sum = 0;
		}
		messages += ham + 1ull;
	}
	print_message("# honest line at 5 %%: %llu alarms in %llu messages\n",
		(unsigned long long)alarms, (unsigned long long)messages);
	assert_true(alarms == 0);
}

/* The closed form is what one message at a time gives. */
static void closed_form_is_exact(void **state)
{
	struct mw_sprt test = mw_sprt_of(.05, .5, 1e-6, .01);
	struct mw_cusum cusum = mw_cusum_of(.02, .3, 11.5);
	double a = 0, b = 0, c = 0, d = 0;

	for (int i = 0; i < 20000; i++) {
		uint32_t ham = (uint32_t)(uniform() * 30);
		uint64_t rest, counted = 0, ignored;
		bool reset = false;

		assert_true(fabs(a - b) < 1e-9);
		for (uint32_t k = 0; k < ham; k++) {
			counted++;
			if (mw_sprt_ham(&test, &a, 1, &ignored)) {
				reset = true;
				counted = 0;
			}
			mw_cusum_ham(&cusum, &c, 1);
		}
		assert_int_equal(mw_sprt_ham(&test, &b, ham, &rest), reset);
		assert_int_equal(rest, counted);
		mw_cusum_ham(&cusum, &d, ham);
		assert_true(fabs(a - b) < 1e-9 && fabs(c - d) < 1e-9);
		assert_int_equal(mw_sprt_spam(&test, &a), mw_sprt_spam(&test, &b));
		assert_int_equal(mw_cusum_spam(&cusum, &c), mw_cusum_spam(&cusum, &d));
		if (a >= test.upper)
			a = b = 0;
	}
	assert_true(fabs(test.upper - log(.99e6)) < 1e-6);
}

/* Six in a row alarm the SPRT from its zero; as many among their ham, spread out, do not. */
static void order_matters(void **state)
{
	static struct mw_detect_state row, spread;
	struct mw_detect_policy policy;
	struct mw_detect_result r;

	mw_detect_policy_default(&policy);
	memset(&row, 0, sizeof(row));
	memset(&spread, 0, sizeof(spread));
	for (uint64_t i = 0; i < 6; i++) {
		struct mw_detect_observation o = spam(1000 + i, i == 0 ? 64 : 0);

		mw_detect_observe(&row, &policy, &o, 2000, &r);
	}
	assert_int_equal(r.finding, MW_FINDING_SPAMMER);
	assert_string_equal(r.feature, "sprt");
	for (uint64_t i = 0; i < 6; i++) {
		struct mw_detect_observation o = spam(1000 + i, 10);

		mw_detect_observe(&spread, &policy, &o, 2000, &r);
	}
	assert_int_equal(r.finding, MW_FINDING_NOTHING);
	assert_int_equal(spread.messages, 66);
}

static void repetitions_are_one_observation(void **state)
{
	static struct mw_detect_state s;
	struct mw_detect_policy policy;
	struct mw_detect_observation o = spam(1000, 0), p;
	struct mw_detect_result r;

	memset(&s, 0, sizeof(s));
	mw_detect_policy_default(&policy);
	o.refused = true; /* refused by ourselves: one observation, like any */
	mw_detect_observe(&s, &policy, &o, 1000, &r);
	assert_int_equal(r.counted, MW_COUNTED_NEW);
	o.time_us += 4 * 86400ull * 1000000;
	o.ham_before = 3;
	mw_detect_observe(&s, &policy, &o, 1000 + 4 * 86400, &r);
	assert_int_equal(r.counted, MW_COUNTED_RETRY);
	assert_int_equal(s.spam, 1);
	assert_int_equal(s.messages, 4); /* the ham before a retry is ham all the same */
	o.time_us += 5 * 86400ull * 1000000;
	mw_detect_observe(&s, &policy, &o, 1000 + 9 * 86400, &r);
	assert_int_equal(r.counted, MW_COUNTED_NEW);

	p = spam(1000 + 10 * 86400, 0);
	for (int i = 0; i < 120; i++) { /* one campaign, a message a second, for two minutes */
		p.fingerprint++;
		p.time_us += 1000000;
		mw_detect_observe(&s, &policy, &p, 1000 + 11 * 86400, &r);
	}
	assert_int_equal(s.spam, 4);
	assert_int_equal(s.campaign_repeats, 118);
	policy.campaign_s = 0;
	for (int i = 0; i < 10; i++) {
		p.fingerprint++;
		mw_detect_observe(&s, &policy, &p, 1000 + 11 * 86400, &r);
		assert_int_equal(r.counted, MW_COUNTED_NEW);
	}
}

static void considerable_needs_number_and_domains(void **state)
{
	static struct mw_detect_state s;
	struct mw_detect_policy policy;
	struct mw_detect_result r;
	struct mw_detect_observation o;

	mw_detect_policy_default(&policy);
	memset(&s, 0, sizeof(s));
	for (uint64_t i = 0; i < 40; i++) {
		o = spam(1000 + i, 0);
		o.domains[0] = i % 2;
		mw_detect_observe(&s, &policy, &o, 2000, &r);
		assert_true(r.finding < MW_FINDING_CONSIDERABLE);
	}
	o = spam(1041, 0);
	o.domains[0] = 77;
	mw_detect_observe(&s, &policy, &o, 2000, &r);
	assert_int_equal(r.finding, MW_FINDING_CONSIDERABLE);
	assert_true(r.first);
	assert_int_equal(r.domains_in_window, 3);
	o = spam(1042, 0);
	mw_detect_observe(&s, &policy, &o, 2000, &r);
	assert_false(r.first);

	/* the same number over a day is none */
	memset(&s, 0, sizeof(s));
	for (uint64_t i = 0; i < 60; i++) {
		o = spam(1000 + i * 600, 0);
		mw_detect_observe(&s, &policy, &o, 1000 + i * 600, &r);
		assert_true(r.finding < MW_FINDING_CONSIDERABLE);
	}
	assert_int_equal(r.spam_in_window, 6);
	mw_detect_policy_probation(&policy);
	assert_int_equal(policy.considerable_spam, 10);
}

static void worms_and_honest_again(void **state)
{
	static struct mw_detect_state s;
	struct mw_detect_policy policy;
	struct mw_detect_result r;
	struct mw_detect_observation o = spam(1000, 500);

	mw_detect_policy_default(&policy);
	memset(&s, 0, sizeof(s));
	o.klass = MW_CLASS_WORM;
	mw_detect_observe(&s, &policy, &o, 1000, &r);
	assert_int_equal(r.finding, MW_FINDING_WORM);
	assert_string_equal(r.feature, "worm");
	for (uint64_t i = 0; i < 10; i++) {
		o = spam(1001 + i, 0);
		mw_detect_observe(&s, &policy, &o, 2000, &r);
	}
	assert_true(s.spammer);
	o = (struct mw_detect_observation){
		.time_us = 1100000000, .klass = MW_CLASS_HAM, .ham_before = 100};
	mw_detect_observe(&s, &policy, &o, 2000, &r);
	assert_int_equal(r.counted, MW_COUNTED_HAM);
	assert_false(s.spammer);
	assert_false(s.suspicious);
}

/* A line with 10 % of its own gets theta0 .2 from its honest past, and 30 % is then less striking.
 */
static void baseline_is_learnt_from_honest_segments(void **state)
{
	static struct mw_detect_state s;
	struct mw_detect_policy policy;
	struct mw_detect_result r = {0};

	mw_detect_policy_default(&policy);
	memset(&s, 0, sizeof(s));
	for (uint64_t i = 0; i < 3000; i++) {
		struct mw_detect_observation o = spam(1000 + i * 400, ham_run(0.08));

		mw_detect_observe(&s, &policy, &o, 1000 + i * 400, &r);
	}
	print_message("# a line at 8 %%: theta0 %.3f\n", r.theta0);
	assert_true(r.theta0 > 0.08 && r.theta0 <= 0.2);
	assert_true(s.baseline_messages <= 10000.5);
	assert_false(s.spammer);
	for (uint64_t i = 0; i < 3000 && !s.spammer; i++) { /* and full spam still is spam */
		struct mw_detect_observation o = spam(2000000 + i, 0);

		mw_detect_observe(&s, &policy, &o, 3000000, &r);
		assert_true(i < 60);
	}
}

/* GOALS.md: busy customer at 10 % over an own base of 2 %: suspicion within 300 messages. */
static void infected_behind_a_busy_server(void **state)
{
	uint64_t total = 0, worst = 0;

	for (int run = 0; run < 200; run++) {
		static struct mw_detect_state s;
		struct mw_detect_policy policy;
		struct mw_detect_result r = {0};
		uint64_t messages = 0;

		mw_detect_policy_default(&policy);
		memset(&s, 0, sizeof(s));
		for (uint64_t i = 0; r.finding < MW_FINDING_SUSPICION; i++) {
			struct mw_detect_observation o = spam(1000 + i, ham_run(0.12));

			messages += o.ham_before + 1;
			mw_detect_observe(&s, &policy, &o, 1000 + i, &r);
			assert_true(i < 100000);
		}
		total += messages;
		worst = messages > worst ? messages : worst;
	}
	print_message(
		"# 12 %% spam-like: suspicion after %llu messages on average, %llu at worst\n",
		(unsigned long long)(total / 200), (unsigned long long)worst);
	assert_true(total / 200 < 2000);
}

/* Four lanes see parts of one customer's mail: sorted by time it is the same test. */
static void lanes_are_merged(void **state)
{
	enum { N = 400 };
	static struct mw_detect_observation one[N], lanes[N];
	static struct mw_detect_state a, b;
	struct mw_detect_policy policy;
	struct mw_detect_result r;

	mw_detect_policy_default(&policy);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	for (size_t i = 0; i < N; i++) {
		one[i] = spam(1000 + i / 3, (uint32_t)(uniform() * 5));
		one[i].sequence = i;
		one[i].lane = (uint16_t)(uniform() * 4);
	}
	for (size_t lane = 0, n = 0; lane < 4; lane++) /* as they come: lane after lane */
		for (size_t i = 0; i < N; i++)
			if (one[i].lane == lane)
				lanes[n++] = one[i];
	mw_detect_order(lanes, N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(lanes[i].sequence, i);
	for (size_t i = 0; i < N; i++) {
		mw_detect_observe(&a, &policy, &one[i], 5000, &r);
		mw_detect_observe(&b, &policy, &lanes[i], 5000, &r);
	}
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(a.spammer);
}

static void records(void **state)
{
	static struct mw_detect_state s, again;
	static uint8_t one[MW_DETECT_RECORD_MAX], two[MW_DETECT_RECORD_MAX];
	struct mw_detect_policy policy;
	struct mw_detect_result r, q;
	size_t len = 0;

	mw_detect_policy_default(&policy);
	memset(&s, 0, sizeof(s));
	for (uint64_t i = 0; i < 700; i++) {
		struct mw_detect_observation o = spam(1000 + i, ham_run(0.3));

		o.domains[0] = i;
		len = mw_detect_encode(&s, one, sizeof(one));
		assert_true(len > 0);
		assert_int_equal(mw_detect_decode(mw_span_of(one, len), &again), 0);
		assert_int_equal(mw_detect_encode(&again, two, sizeof(two)), len);
		assert_memory_equal(one, two, len);
		mw_detect_observe(&s, &policy, &o, 9000, &r);
		mw_detect_observe(&again, &policy, &o, 9000, &q);
		assert_int_equal(r.finding, q.finding);
		assert_string_equal(r.sentence, q.sentence);
	}
	len = mw_detect_encode(&s, one, sizeof(one));
	print_message("# a full state is %zu octets\n", len);
	for (size_t cut = 0; cut < len; cut += 7)
		assert_int_equal(mw_detect_decode(mw_span_of(one, cut), &again), -EBADMSG);
	for (int i = 0; i < 20000; i++) {
		memcpy(two, one, len);
		two[(size_t)(uniform() * (double)len)] = (uint8_t)(uniform() * 256);
		if (mw_detect_decode(mw_span_of(two, len), &again) == 0) {
			struct mw_detect_observation o = spam(5000, 4000000000u);

			mw_detect_observe(&again, &policy, &o, 9000, &r);
		}
	}
	two[0] = 9;
	assert_int_equal(mw_detect_decode(mw_span_of(two, len), &again), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spammer_is_found),
		cmocka_unit_test(honest_line_is_left_alone),
		cmocka_unit_test(closed_form_is_exact),
		cmocka_unit_test(order_matters),
		cmocka_unit_test(repetitions_are_one_observation),
		cmocka_unit_test(considerable_needs_number_and_domains),
		cmocka_unit_test(worms_and_honest_again),
		cmocka_unit_test(baseline_is_learnt_from_honest_segments),
		cmocka_unit_test(infected_behind_a_busy_server),
		cmocka_unit_test(lanes_are_merged),
		cmocka_unit_test(records),
	};
	const char *given = getenv("MW_SEED");

	seed = given != NULL ? strtoull(given, NULL, 0) : 20261122;
	rng = seed;
	print_message("# seed %llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
