/*
 * What a change of verdicts means for connections that are open. In clear, mail ends with a word
 * (421 between two messages, 554 at the end of one); a verdict that is withdrawn before it was said
 * is forgotten. The lines follow the verdicts by up to a second, so both begin a round, and one
 * learns in it which line it is on. One that passes unread for want of room is cut at once under
 * REJECT: nobody gains by that. Those that send no packet are gone through, a few a poll.
 */
#include "dataplane/engine/internal.h"

#define WALKED_A_POLL 256u

/* Would a new connection of his go another way than this one does? */
static bool has_to_move(
	const struct mw_lane *lane, const struct mw_flow *flow, enum mw_verdict verdict)
{
	return verdict == MW_VERDICT_DIVERT && !flow->diverted &&
	       (mw_divert_ready(lane) ||
		       lane->snapshot->settings.divert.fallback != MW_DIVERT_PASS);
}

void mw_walk_connection(struct mw_lane *lane, struct mw_flow *flow, enum mw_verdict verdict)
{
	if (verdict == MW_VERDICT_REJECT)
		mw_refusal_ask(lane, flow, MW_REFUSAL_SESSION);
	else if (has_to_move(lane, flow, verdict))
		mw_refusal_ask(lane, flow, MW_REFUSAL_MOVE);
	else if (flow->refusal == MW_REFUSAL_MOVE ||
		 (flow->refusal == MW_REFUSAL_SESSION && !flow->holding))
		mw_refusal_forget(lane, flow);
}

/* A line gets an index of its own with its first verdict. Who is behind a connection stays as it
 * was when it began; which of his lines it is on does not. */
static void follow_line(const struct mw_lane *lane, struct mw_flow *flow)
{
	const struct mw_flow_key *key = &flow->link.key;
	const struct mw_customer_entry *entry;
	uint32_t line;

	if (flow->customer == MW_NO_CUSTOMER_INDEX || lane->snapshot == NULL)
		return;
	line = mw_snapshot_customer(/* the key of a diverted one has no tags */
		lane->snapshot, &key->client, flow->vlan_outer, flow->vlan_inner);
	entry = mw_snapshot_customer_entry(lane->snapshot, line);
	if (line == flow->customer || (entry->known && entry->owner == flow->customer))
		flow->line = line;
}

void mw_walk_begin(struct mw_lane *lane)
{
	if (lane->walk == NULL)
		lane->walk = lane->open_first;
	else
		lane->walk_again = true; /* those behind it are seen with the new ones */
}

void mw_walk_poll(struct mw_lane *lane)
{
	uint32_t steps = WALKED_A_POLL;

	/* Here and not at the end of a round: the last connection may close between two polls. */
	if (lane->walk == NULL && lane->walk_again) {
		lane->walk = lane->open_first;
		lane->walk_again = false;
	}
	while (lane->walk != NULL && steps-- > 0) {
		struct mw_flow *flow = lane->walk;
		enum mw_verdict verdict;

		if (lane->walk_lines)
			follow_line(lane, flow);
		verdict = mw_ruling_of_flow(lane, flow).verdict;
		lane->walk = flow->open_next;
		if (verdict == MW_VERDICT_RESET ||
			(verdict == MW_VERDICT_REJECT && mw_flow_had_no_room(flow)))
			mw_refusal_cut(lane, flow);
		else
			mw_walk_connection(lane, flow, verdict);
	}
	if (lane->walk == NULL && !lane->walk_again)
		lane->walk_lines = false;
}
