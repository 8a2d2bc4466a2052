/*
 * Which verdict counts for a connection: a server that is always reachable comes before all of
 * them, then the line's own, then the customer's, then his class's. One that has expired is none.
 * When verdicts are only observed, none counts, and what would have is told.
 */
#include "dataplane/engine/internal.h"

static bool is_reachable(const struct mw_policy_settings *settings, const struct mw_ip *server)
{
	for (uint8_t i = 0; i < settings->reachable_count; i++)
		if (mw_prefix_contains(&settings->reachable[i], server))
			return true;
	return false;
}

/* An entry that was never set, or was taken back, is PASS without generation: it says nothing. A
 * PASS that was set says that nothing of what is less particular counts. */
static bool is_set(const struct mw_verdict_entry *entry, uint64_t now_s)
{
	return (entry->generation != 0 || entry->verdict != MW_VERDICT_PASS) &&
	       (entry->expires_s == 0 || entry->expires_s > now_s);
}

static struct mw_ruling most_particular(
	const struct mw_snapshot *snapshot, uint32_t line, uint64_t now_s)
{
	const struct mw_customer_entry *customer = mw_snapshot_customer_entry(snapshot, line);
	const struct mw_verdict_entry *entry = mw_snapshot_verdict(snapshot, line);

	if (is_set(entry, now_s))
		return (struct mw_ruling){.verdict = entry->verdict, .reply = entry->reply};
	if (customer->known && customer->owner != line) {
		entry = mw_snapshot_verdict(snapshot, customer->owner);
		if (is_set(entry, now_s))
			return (struct mw_ruling){.verdict = entry->verdict, .reply = entry->reply};
	}
	return (struct mw_ruling){.verdict = (enum mw_verdict)customer->class_verdict,
		.reply = customer->class_verdict == MW_VERDICT_DIVERT
				 ? snapshot->settings.divert_reply
				 : ""};
}

struct mw_ruling mw_ruling_of(const struct mw_lane *lane, uint32_t line, const struct mw_ip *server)
{
	const struct mw_snapshot *snapshot = lane->snapshot;
	struct mw_ruling ruling = {.verdict = MW_VERDICT_PASS, .reply = ""};

	if (snapshot == NULL || lane->config.passive || line == MW_NO_CUSTOMER_INDEX)
		return ruling;
	ruling = most_particular(snapshot, line, lane->now_ns / MW_NS_PER_S);
	if (ruling.verdict == MW_VERDICT_PASS)
		return ruling;
	if (is_reachable(&snapshot->settings, server)) {
		ruling.set_aside = MW_REASON_REACHABLE;
		ruling.verdict = MW_VERDICT_PASS;
	} else if (snapshot->settings.observe) {
		ruling.set_aside = MW_REASON_OBSERVED_VERDICT;
		ruling.verdict = MW_VERDICT_PASS;
	}
	return ruling;
}

struct mw_ruling mw_ruling_of_flow(const struct mw_lane *lane, const struct mw_flow *flow)
{
	return mw_ruling_of(lane, flow->line, &flow->link.key.server);
}

const char *mw_ruling_reply(const struct mw_ruling *ruling)
{
	if (ruling->reply[0] != 0)
		return ruling->reply;
	return ruling->verdict == MW_VERDICT_RATE     ? MW_RATE_REPLY
	       : ruling->verdict == MW_VERDICT_DIVERT ? MW_DIVERT_REPLY
						      : "";
}

bool mw_ruling_later(const struct mw_lane *lane, const struct mw_ruling *ruling)
{
	return ruling->verdict == MW_VERDICT_RATE ||
	       (ruling->verdict == MW_VERDICT_DIVERT &&
		       lane->snapshot->settings.divert.fallback != MW_DIVERT_REFUSE);
}
