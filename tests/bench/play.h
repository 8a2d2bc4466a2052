/*
 * A lane as the appliance has it, and traffic played through it in the place of two network ports
 * and the mail hosts behind them: nobody acknowledges what was not sent on, what was held is waited
 * for, and what was refused for want of room is sent again. Time is virtual; only the lane's own
 * processor time is measured.
 */
#ifndef MW_TESTS_BENCH_PLAY_H
#define MW_TESTS_BENCH_PLAY_H

#include "dataplane/scan/scan.h"
#include "tests/bench/trace.h"

struct player;

#define PLAY_LANES_MAX 64

struct play_options {
	const struct mw_ruleset *rules; /* NULL: none */
	const struct mw_port_set *ports;
	uint16_t lane;
	bool passive; /* a bystander: to count what is in a capture */
};

/* What one pass over the traffic came to. */
struct play_result {
	uint64_t cpu_ns;	       /* of this thread, within the lane */
	uint64_t messages, complete;   /* told by the lane; with all octets judged */
	uint64_t hits;		       /* messages with a rule that matched */
	uint64_t held, repeats, stuck; /* ends that waited; frames sent again; frames given up */
	uint64_t longest_poll_ns;
	uint64_t scanned_bytes;
};

struct player *player_new(const struct play_options *options, const struct trace *trace);
void player_free(struct player *player);
/* Plays the whole traffic once, over new connections. */
void player_pass(struct player *player, struct play_result *out);
/* Why the lane lost sight of something, as text for people: counters that are not zero. */
void player_tell(const struct player *player);

/* Octets that the lane's pools and tables hold for an open connection between two messages. */
double player_idle_flow_bytes(const struct mw_port_set *ports);
/* A customer policy as an appliance has it: 256 customers with a prefix each. Owned by the caller.
 */
const struct mw_snapshot *play_snapshot(void **memory);

#endif
