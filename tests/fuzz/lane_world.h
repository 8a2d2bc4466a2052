/*
 * Lanes for the fuzz target: memory that is used again for each input, a policy of two customers, a
 * sink that remembers, and what has to hold of a lane at any time. The scanner is the fake one of
 * tests/engine.
 */
#ifndef MW_TESTS_FUZZ_LANE_WORLD_H
#define MW_TESTS_FUZZ_LANE_WORLD_H

#include "dataplane/engine/internal.h"
#include "dataplane/flow/fragments.h"
#include "tests/fuzz/target.h"

#define LANE_MESSAGES	 64
#define LANE_CONNECTIONS 6
#define LANE_FRAME_MAX	 2600

struct lane_message {
	uint64_t size;
	uint8_t sha256[32];
	uint32_t rcpts;
	int data_reply;
	enum mw_message_class klass;
	bool complete;
};

struct lane_world {
	struct mw_lane *lane;
	struct mw_lane_config config;
	void *memory;
	bool passive;
	uint64_t fed, forwarded, made; /* packets in, packets sent on, frames of the lane's own */
	struct lane_message message[LANE_MESSAGES];
	uint32_t messages;
	struct mw_lane_session session; /* the last one that ended */
	uint32_t sessions;
	struct mw_fragments *fragments; /* live: what a rim has in front of a lane */
	void *fragments_memory;
	uint64_t now_ns;
	bool refuse_smuggling;
	uint64_t refused_session; /* of the last message that was refused */
	/* What leaves beside the packet at hand: frames of the lane's own, and packets that came in
	 * fragments. Either may be NULL. */
	void (*on_made)(enum mw_port port, const uint8_t *frame, uint32_t len);
	void (*on_joined)(enum mw_port port, const uint8_t *frame, uint32_t len);
};

/* Beside verdicts. */
#define LANE_REFUSE_SPAM      1u
#define LANE_ALLOW_LOOKALIKES 2u

enum lane_room { LANE_NARROW, LANE_ROOMY };

/* As new; the memory is kept from one input to the next. */
void lane_world_open(struct lane_world *w, bool passive, enum lane_room room);
/* Verdicts of the two customers (enum mw_verdict), and LANE_ flags. */
void lane_world_policy(
	struct lane_world *w, enum mw_verdict first, enum mw_verdict second, unsigned flags);
/* One packet, in a block of its own size; `out` (LANE_FRAME_MAX octets) gets what was sent on. A
 * fragment is collected; the packet it completes is decided, and told by on_joined when it leaves.
 */
void lane_world_packet(struct lane_world *w, uint64_t now_ns, struct mw_packet *packet,
	const uint8_t *frame, uint8_t *out);
void lane_world_poll(struct lane_world *w, uint64_t now_ns);
/* Pools, table, counters: at any time. */
void lane_world_check(const struct lane_world *w);
/* Ends everything; afterwards nothing is held, and after some time nobody is talked to. */
void lane_world_finish(struct lane_world *w, uint64_t now_ns);

/* Headers of the client's packets: 0 plain, 1 a tag, 2 PPPoE, 3 IPv6, 4 two tags, 5 IPv6 in a tag.
 * Customers: the first has 192.0.2.0/24, the second 2001:db8::/48. */
struct mw_segment lane_headers(uint32_t connection);
/* A frame that was made or changed is one. */
void lane_made_well(const uint8_t *frame, uint32_t len);

/* What is said, by number: any number is one. */
const char *lane_word(bool from_client, uint8_t number);

#endif
