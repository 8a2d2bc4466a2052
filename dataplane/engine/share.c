/*
 * Who may take how much of what all connections of a lane share. One customer may hold no more of a
 * pool than is left in it: a single one gets up to half, two greedy ones a third each, and whoever
 * asks for little always finds something (dynamic thresholds, after Choudhury and Hahne 1998, with
 * a factor of one). What is refused has its stated outcome at the caller; it falls on the customer
 * who causes it.
 *
 * And connections of which only one end has been heard ("young"): their entries make room for newer
 * ones, oldest first, so that a flood of SYNs, or of packets that no connection stands behind,
 * keeps nobody else's mail from being inspected.
 */
#include "dataplane/engine/internal.h"

struct mw_use *mw_share_of(const struct mw_lane *lane, uint32_t customer)
{
	return customer < lane->config.customers ? &lane->use[customer] : NULL;
}

bool mw_share_allows(uint32_t used, uint32_t total, uint32_t taken)
{
	return used < total - taken;
}

/* Content that is read before the other end has answered: a share of its own. */
static uint32_t young_contents_max(const struct mw_lane *lane)
{
	uint32_t share = lane->config.contents / 8;

	return share < 4 ? 4 : share;
}

static uint32_t young_max(const struct mw_lane *lane)
{
	return lane->config.flows < 2 ? 1 : lane->config.flows / 2;
}

bool mw_share_young_content(const struct mw_lane *lane)
{
	return lane->young_contents < young_contents_max(lane);
}

void mw_share_make_room(struct mw_lane *lane)
{
	struct mw_flow *oldest = lane->young_first;

	if (oldest == NULL ||
		(lane->young < young_max(lane) && lane->flows.used < lane->config.flows))
		return;
	lane->counters.reason[MW_REASON_EMBRYONIC]++;
	mw_session_remove(lane, oldest);
}

void mw_share_young_add(struct mw_lane *lane, struct mw_flow *flow)
{
	flow->young = true;
	flow->young_prev = lane->young_last;
	flow->young_next = NULL;
	if (lane->young_last != NULL)
		lane->young_last->young_next = flow;
	else
		lane->young_first = flow;
	lane->young_last = flow;
	lane->young++;
}

void mw_share_young_end(struct mw_lane *lane, struct mw_flow *flow)
{
	if (!flow->young)
		return;
	flow->young = false;
	lane->young--;
	if (flow->young_prev != NULL)
		flow->young_prev->young_next = flow->young_next;
	else
		lane->young_first = flow->young_next;
	if (flow->young_next != NULL)
		flow->young_next->young_prev = flow->young_prev;
	else
		lane->young_last = flow->young_prev;
	if (flow->content != NULL)
		lane->young_contents--;
}
