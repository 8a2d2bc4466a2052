/* One observation: is it new, what do the tests say, and in which words. */
#include <math.h>
#include <stdio.h>

#include "controlplane/detect/detect.h"
#include "controlplane/detect/seen.h"
#include "controlplane/detect/sprt.h"

/* Honest segments are aged, so that a baseline is of the last ten thousand messages or so. */
#define BASELINE_MESSAGES_MAX 10000.0

void mw_detect_policy_default(struct mw_detect_policy *policy)
{
	*policy = (struct mw_detect_policy){
		.theta0 = 0.05,
		.theta1 = 0.5,
		.theta0_max = 0.2,
		.alpha = 1e-6,
		.beta = 0.01,
		.cusum_theta0 = 0.02,
		.cusum_theta1 = 0.3,
		.cusum_h = 11.5,
		.considerable_spam = 20,
		.considerable_domains = 3,
		.considerable_s = 3600,
		.retry_s = 5 * 86400,
		.campaign_s = 60,
		.baseline_min = 200,
		.worm_at_once = true,
	};
}

void mw_detect_policy_probation(struct mw_detect_policy *policy)
{
	policy->considerable_spam = (policy->considerable_spam + 1) / 2;
	policy->considerable_domains = 1;
}

static double theta0_of(const struct mw_detect_state *state, const struct mw_detect_policy *policy)
{
	double own;

	if (state->baseline_messages < policy->baseline_min || state->baseline_messages <= 0)
		return policy->theta0;
	own = 2 * state->baseline_spam / state->baseline_messages;
	if (own > policy->theta0_max)
		own = policy->theta0_max;
	return own > policy->theta0 ? own : policy->theta0;
}

/* The test has accepted "honest": what it looked at is what is usual for this customer. A spammer's
 * mail never gets here: it ends at the other bound. */
static void learn(struct mw_detect_state *state, uint64_t ham_left)
{
	double messages = state->segment_messages - (double)ham_left;

	if (messages > 0) {
		state->baseline_messages += messages;
		state->baseline_spam += state->segment_spam;
	}
	if (state->baseline_messages > BASELINE_MESSAGES_MAX) {
		double keep = BASELINE_MESSAGES_MAX / state->baseline_messages;

		state->baseline_messages *= keep;
		state->baseline_spam *= keep;
	}
	state->segment_messages = (double)ham_left;
	state->segment_spam = 0;
}

static void take_ham(struct mw_detect_state *state, const struct mw_sprt *sprt,
	const struct mw_cusum *cusum, uint32_t count)
{
	uint64_t left;

	if (count == 0)
		return;
	state->messages += count;
	state->segment_messages += count;
	if (mw_sprt_ham(sprt, &state->sprt, count, &left)) {
		state->spammer = false;
		learn(state, left);
	}
	mw_cusum_ham(cusum, &state->cusum, count);
	if (state->cusum <= 0)
		state->suspicious = false;
}

/* New, or a repetition that is no observation? Notes what it sees. */
static enum mw_detect_counted classify(struct mw_detect_state *state,
	const struct mw_detect_policy *policy, const struct mw_detect_observation *o, uint64_t at_s)
{
	if (mw_seen(state->fingerprints, MW_DETECT_FINGERPRINTS, &state->fingerprint_count,
		    o->fingerprint, at_s, policy->retry_s, false)) {
		state->retries++;
		return MW_COUNTED_RETRY;
	}
	if (o->campaign != 0 && policy->campaign_s != 0 &&
		mw_seen(state->campaigns, MW_DETECT_CAMPAIGNS, &state->campaign_count, o->campaign,
			at_s, policy->campaign_s, true)) {
		state->campaign_repeats++;
		return MW_COUNTED_CAMPAIGN;
	}
	return MW_COUNTED_NEW;
}

static void note_window(
	struct mw_detect_state *state, const struct mw_detect_observation *o, uint64_t at_s)
{
	state->spam_s[state->spam_at] = at_s;
	state->spam_at = (state->spam_at + 1) % MW_DETECT_SPAM_MAX;
	if (state->spam_count < MW_DETECT_SPAM_MAX)
		state->spam_count++;
	for (uint8_t i = 0; i < o->domain_count && i < MW_EVENT_DOMAINS_MAX; i++)
		mw_seen(state->domains, MW_DETECT_DOMAINS_MAX, &state->domain_count, o->domains[i],
			at_s, 0, false);
}

static void count_window(const struct mw_detect_state *state, const struct mw_detect_policy *policy,
	uint64_t at_s, struct mw_detect_result *result)
{
	for (uint32_t i = 0; i < state->spam_count; i++)
		result->spam_in_window += at_s - state->spam_s[i] < policy->considerable_s;
	result->domains_in_window =
		mw_seen_count(state->domains, state->domain_count, at_s, policy->considerable_s);
}

static void say_worm(struct mw_detect_result *r)
{
	r->finding = MW_FINDING_WORM;
	r->feature = "worm";
	r->value = 1;
	r->threshold = 1;
	r->first = true;
	snprintf(r->sentence, sizeof(r->sentence), "a message carried a known worm");
}

static void say_spammer(struct mw_detect_result *r, const struct mw_detect_state *state,
	const struct mw_detect_policy *policy, const struct mw_sprt *sprt)
{
	bool considerable = r->spam_in_window >= policy->considerable_spam &&
			    r->domains_in_window >= policy->considerable_domains;

	r->finding = considerable ? MW_FINDING_CONSIDERABLE : MW_FINDING_SPAMMER;
	r->feature = considerable ? "considerable" : "sprt";
	r->value = considerable ? r->spam_in_window : state->sprt;
	r->threshold = considerable ? policy->considerable_spam : sprt->upper;
	snprintf(r->sentence, sizeof(r->sentence),
		"%u spam-like messages to %u%s domains in %u s (limits %u and %u); SPRT %.1f of "
		"%.1f, theta0 %.3f",
		r->spam_in_window, r->domains_in_window,
		r->domains_in_window >= MW_DETECT_DOMAINS_MAX ? " or more" : "",
		policy->considerable_s, policy->considerable_spam, policy->considerable_domains,
		state->sprt, sprt->upper, r->theta0);
}

static void say_suspicion(struct mw_detect_result *r, const struct mw_detect_state *state,
	const struct mw_detect_policy *policy)
{
	r->finding = MW_FINDING_SUSPICION;
	r->feature = "cusum";
	r->value = state->cusum;
	r->threshold = policy->cusum_h;
	snprintf(r->sentence, sizeof(r->sentence),
		"the share of spam-like mail has risen: CUSUM %.1f of %.1f (theta %.2f against "
		"%.2f)",
		state->cusum, policy->cusum_h, policy->cusum_theta1, policy->cusum_theta0);
}

void mw_detect_observe(struct mw_detect_state *state, const struct mw_detect_policy *policy,
	const struct mw_detect_observation *o, uint64_t now_s, struct mw_detect_result *result)
{
	struct mw_cusum cusum =
		mw_cusum_of(policy->cusum_theta0, policy->cusum_theta1, policy->cusum_h);
	uint64_t at_s = o->time_us / 1000000;
	enum mw_detect_finding before = MW_FINDING_NOTHING;
	struct mw_sprt sprt;
	bool suspected = state->suspicious;

	memset(result, 0, sizeof(*result));
	result->feature = "";
	if (at_s > now_s)
		at_s = now_s;
	if (at_s < state->last_s)
		at_s = state->last_s;
	state->last_s = at_s;
	result->theta0 = theta0_of(state, policy);
	sprt = mw_sprt_of(result->theta0, policy->theta1, policy->alpha, policy->beta);

	take_ham(state, &sprt, &cusum, o->ham_before);
	if (o->klass == MW_CLASS_HAM) {
		result->counted = MW_COUNTED_HAM;
		return;
	}
	count_window(state, policy, at_s, result);
	if (state->spammer)
		before = result->spam_in_window >= policy->considerable_spam &&
					 result->domains_in_window >= policy->considerable_domains
				 ? MW_FINDING_CONSIDERABLE
				 : MW_FINDING_SPAMMER;
	result->counted = classify(state, policy, o, at_s);
	if (result->counted == MW_COUNTED_NEW) {
		state->messages++;
		state->spam++;
		state->segment_messages++;
		state->segment_spam++;
		if (mw_sprt_spam(&sprt, &state->sprt) && !state->spammer) {
			state->spammer = true;
			state->spammer_since_s = at_s;
		}
		if (mw_cusum_spam(&cusum, &state->cusum))
			state->suspicious = true;
		note_window(state, o, at_s);
		result->spam_in_window = 0;
		count_window(state, policy, at_s, result);
	}
	if (o->klass == MW_CLASS_WORM)
		state->worms += result->counted == MW_COUNTED_NEW;
	if (o->klass == MW_CLASS_WORM && policy->worm_at_once) {
		say_worm(result);
	} else if (state->spammer) {
		say_spammer(result, state, policy, &sprt);
		result->first = result->finding != before;
	} else if (state->suspicious) {
		say_suspicion(result, state, policy);
		result->first = !suspected;
	}
}

void mw_detect_reset(struct mw_detect_state *state)
{
	state->sprt = 0;
	state->cusum = 0;
	state->spammer = false;
	state->suspicious = false;
	state->spammer_since_s = 0;
	state->segment_messages = 0;
	state->segment_spam = 0;
	state->domain_count = 0;
	state->spam_count = 0;
	state->spam_at = 0;
}
