/*
 * The lane's facts as JSON Lines, one object a line, in the words of the interface that scripts/run
 * --pcap promises. Octets from the wire are made valid UTF-8; the library escapes the rest.
 */
#ifndef MW_DATAPLANE_REPLAY_OUTPUT_H
#define MW_DATAPLANE_REPLAY_OUTPUT_H

#include <stdio.h>

#include "dataplane/engine/lane.h"

struct mw_output {
	FILE *to;
	bool redact; /* local parts of addresses become a keyed hash */
	uint64_t redact_key;
	bool details; /* session lines say more than the interface promises */
	const char *(*customer_id)(void *ctx, uint32_t index); /* NULL: nobody's */
	void *customer_ctx;
	uint64_t sessions, messages;
	bool failed; /* a line could not be written */
};

void mw_output_message(struct mw_output *out, const struct mw_lane_message *message);
void mw_output_session(struct mw_output *out, const struct mw_lane_session *session);
void mw_output_summary(struct mw_output *out, uint64_t packets, uint64_t bytes,
	const struct mw_lane_counters *counters);

#endif
