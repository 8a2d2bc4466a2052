/*
 * A packet that belongs to no connection we know: whose it is, what the verdict on him has to say
 * to a new connection, which way it goes, and its entry.
 */
#include "dataplane/engine/internal.h"

/* Who is behind a connection; false: nobody. */
static bool line_of(
	const struct mw_lane *lane, const struct mw_flow_key *key, struct mw_line_of *out)
{
	const struct mw_customer_entry *entry;

	*out = (struct mw_line_of){MW_NO_CUSTOMER_INDEX, MW_NO_CUSTOMER_INDEX, true, true};
	if (lane->snapshot != NULL) {
		out->line = mw_snapshot_customer(
			lane->snapshot, &key->client, key->vlan_outer, key->vlan_inner);
		if (out->line != MW_NO_CUSTOMER_INDEX) {
			entry = mw_snapshot_customer_entry(lane->snapshot, out->line);
			out->customer = entry->known ? entry->owner : out->line;
			out->counted = entry->inspection != MW_INSPECTION_NONE;
			out->content = entry->inspection >= MW_INSPECTION_CONTENT;
			return true;
		}
	}
	return lane->config.every_client;
}

static bool is_first(const struct mw_frame *f)
{
	return (f->flags & (MW_TCP_SYN | MW_TCP_ACK | MW_TCP_RST)) == MW_TCP_SYN;
}

/* The gateway is down: what the policy has for that. True: decided. */
static bool falls_back(struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f,
	const struct mw_line_of *line, const struct mw_ruling *ruling)
{
	switch (lane->snapshot->settings.divert.fallback) {
	case MW_DIVERT_LATER:
		mw_divert_count(lane, line->customer, MW_REASON_DIVERT_PUT_OFF);
		break;
	case MW_DIVERT_REFUSE:
		mw_divert_count(lane, line->customer, MW_REASON_DIVERT_REFUSED);
		break;
	case MW_DIVERT_PASS:
	default:
		mw_divert_count(lane, line->customer, MW_REASON_DIVERT_PASSED);
		return false;
	}
	mw_responder_packet(lane, packet, f, line->customer, ruling);
	return true;
}

/* A new connection under DIVERT: its entry has the key under which the gateway's answers are found.
 */
static struct mw_flow *begin_diverted(struct mw_lane *lane, const struct mw_frame *f,
	const struct mw_flow_key *key, const struct mw_line_of *line)
{
	struct mw_flow_key bare = mw_divert_key(key);
	struct mw_flow *flow = mw_flow_find(&lane->flows, &bare);

	if (flow != NULL) /* another VLAN has the same addresses and ports: the gateway could not */
		return NULL; /* tell them apart */
	flow = mw_session_open(lane, &bare, f, line);
	if (flow == NULL)
		return NULL;
	flow->diverted = true;
	mw_divert_count(lane, line->customer, MW_REASON_DIVERT_BEGUN);
	return flow;
}

/* What a verdict has to say to a packet that belongs to no connection. True: decided. */
static bool ruled_out(struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f,
	const struct mw_flow_key *key, bool from_client, const struct mw_line_of *line,
	const struct mw_ruling *ruling)
{
	bool begins = from_client && is_first(f);
	bool goes = ruling->verdict == MW_VERDICT_PASS ||
		    (ruling->verdict == MW_VERDICT_DIVERT && mw_divert_ready(lane));

	if (begins && ruling->set_aside != MW_REASON_NONE)
		lane->counters.reason[ruling->set_aside]++;
	if (begins && goes)
		mw_responder_forget(lane, key); /* free again, he begins anew on these ports */
	if (from_client && (ruling->verdict == MW_VERDICT_REJECT || mw_responder_owns(lane, key))) {
		mw_responder_packet(lane, packet, f, line->customer, ruling);
		return true;
	}
	if (ruling->verdict == MW_VERDICT_RATE && begins && !mw_rate_connection(lane, line->line)) {
		mw_responder_packet(lane, packet, f, line->customer, ruling);
		return true;
	}
	if (!from_client && mw_responder_owns(lane, key)) { /* its entry is gone, we still talk */
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_AFTER_REFUSAL);
		return true;
	}
	/* What a server says first opens no connection to a refused customer, which he could then
	 * use. A RST may pass: it ends what there is. */
	if (!from_client && ruling->verdict == MW_VERDICT_REJECT && (f->flags & MW_TCP_RST) == 0) {
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_REJECT_OTHER);
		return true;
	}
	if (ruling->verdict == MW_VERDICT_RESET && from_client) {
		mw_responder_reset(lane, packet, f);
		mw_packet_drop(packet, MW_REASON_VERDICT_RESET);
		return true;
	}
	if (ruling->verdict == MW_VERDICT_DROP && from_client) {
		mw_packet_drop(packet, MW_REASON_VERDICT_DROP);
		return true;
	}
	return false;
}

struct mw_flow *mw_stranger(struct mw_lane *lane, struct mw_packet *packet,
	const struct mw_frame *f, const struct mw_flow_key *key, bool from_client)
{
	struct mw_ruling ruling;
	struct mw_line_of line;
	struct mw_flow *flow = NULL;

	if (!line_of(lane, key, &line)) {
		mw_packet_forward(packet, MW_REASON_FORWARDED);
		return NULL;
	}
	ruling = mw_ruling_of(lane, line.line, &key->server);
	if (ruled_out(lane, packet, f, key, from_client, &line, &ruling))
		return NULL;
	if (ruling.verdict == MW_VERDICT_DIVERT && from_client && is_first(f)) {
		if (mw_divert_ready(lane))
			flow = begin_diverted(lane, f, key, &line);
		if (flow != NULL)
			return flow;
		if (falls_back(lane, packet, f, &line, &ruling))
			return NULL;
	}
	if (!line.counted) {
		mw_packet_forward(packet, MW_REASON_FORWARDED);
		return NULL;
	}
	if ((f->flags & MW_TCP_RST) != 0) {
		mw_packet_forward(packet, MW_REASON_INSPECTED);
		return NULL;
	}
	flow = mw_session_open(lane, key, f, &line);
	if (flow == NULL) {
		lane->counters.reason[MW_REASON_MEMORY]++;
		mw_packet_forward(packet, MW_REASON_INSPECTED);
	}
	return flow;
}
