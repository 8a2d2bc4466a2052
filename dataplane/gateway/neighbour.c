#include "dataplane/gateway/neighbour.h"

#include <string.h>

#include "dataplane/gateway/link.h"

void mw_neighbour_init(struct mw_neighbour *n, uint64_t now_ns)
{
	*n = (struct mw_neighbour){.next_ns = now_ns};
}

void mw_neighbour_fix(struct mw_neighbour *n, const uint8_t mac[6])
{
	*n = (struct mw_neighbour){.known = true, .fixed = true, .next_ns = UINT64_MAX};
	memcpy(n->mac, mac, 6);
}

void mw_neighbour_none(struct mw_neighbour *n)
{
	*n = (struct mw_neighbour){.fixed = true, .next_ns = UINT64_MAX};
}

static void confirm(struct mw_neighbour *n, uint64_t now_ns, const uint8_t mac[6])
{
	memcpy(n->mac, mac, 6);
	n->known = true;
	n->silent = false;
	n->unanswered = 0;
	n->next_ns = now_ns + MW_NEIGHBOUR_REFRESH_NS;
}

static void ask_one(struct mw_neighbour_questions *ask, const uint8_t mac[6])
{
	memcpy(ask->to[ask->count++], mac, 6);
}

void mw_neighbour_answer(struct mw_neighbour *n, uint64_t now_ns, const uint8_t mac[6])
{
	if (n->fixed)
		return;
	if (!n->known) {
		/* Before the first question there is nothing to answer. */
		if (n->unanswered > 0 || n->doubted) {
			n->doubted = false;
			confirm(n, now_ns, mac);
		}
	} else if (mw_mac_eq(mac, n->mac)) {
		n->known_answered = true;
		confirm(n, now_ns, mac);
	} else if (n->doubted && mw_mac_eq(mac, n->claimed)) {
		n->claim_answered = true;
	} else if (n->unanswered > MW_NEIGHBOUR_ONE) {
		/* All were asked because the known one kept silent, and this is who answers. */
		confirm(n, now_ns, mac);
	}
}

void mw_neighbour_claim(struct mw_neighbour *n, uint64_t now_ns, const uint8_t mac[6],
	struct mw_neighbour_questions *ask)
{
	/* One claim a second is looked into: no flood of claims becomes a flood of questions. */
	if (n->fixed || n->doubted || (n->known && mw_mac_eq(mac, n->mac)))
		return;
	n->doubted = true;
	n->known_answered = n->claim_answered = false;
	memcpy(n->claimed, mac, 6);
	n->doubt_ends_ns = now_ns + MW_NEIGHBOUR_ASK_NS;
	if (n->known)
		ask_one(ask, n->mac);
	ask_one(ask, mac);
}

void mw_neighbour_doubt(struct mw_neighbour *n, uint64_t now_ns)
{
	if (!n->fixed && n->unanswered == 0 && n->next_ns > now_ns)
		n->next_ns = now_ns;
}

uint64_t mw_neighbour_due(const struct mw_neighbour *n)
{
	return n->doubted && n->doubt_ends_ns < n->next_ns ? n->doubt_ends_ns : n->next_ns;
}

static void settle(struct mw_neighbour *n, uint64_t now_ns)
{
	n->doubted = false;
	if (!n->known)
		return;
	if (n->known_answered)
		n->conflicts += n->claim_answered;
	else if (n->claim_answered)
		confirm(n, now_ns, n->claimed);
	else
		mw_neighbour_doubt(n, now_ns); /* neither: the usual questions find out */
}

void mw_neighbour_poll(struct mw_neighbour *n, uint64_t now_ns, struct mw_neighbour_questions *ask)
{
	if (n->doubted && now_ns >= n->doubt_ends_ns)
		settle(n, now_ns);
	if (now_ns < n->next_ns)
		return;
	if (n->known && n->unanswered == MW_NEIGHBOUR_ONE + MW_NEIGHBOUR_ALL) {
		n->known = false;
		n->silent = true;
		n->unanswered = 0;
	}
	if (n->known && n->unanswered < MW_NEIGHBOUR_ONE)
		ask_one(ask, n->mac);
	else
		ask->all = true;
	if (!n->known && n->unanswered == MW_NEIGHBOUR_ALL)
		n->silent = true;
	else
		n->unanswered++;
	n->next_ns = now_ns + MW_NEIGHBOUR_ASK_NS;
}
