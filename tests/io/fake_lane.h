/*
 * A lane that the tests can look into: forwards inside to outside and back, and does what a mark in
 * the frame asks for. Stands in for dataplane/engine at link time.
 *
 * A marked frame carries, in any place a normal frame has payload, at offset MARK_AT: the octets
 * "MW", a command, a flow number (32 bits) and a sequence number (32 bits).
 */
#ifndef MW_TESTS_IO_FAKE_LANE_H
#define MW_TESTS_IO_FAKE_LANE_H

#include <stdatomic.h>

#include "dataplane/engine/lane.h"
#include "dataplane/io/worker.h"

#define MARK_AT	   54 /* behind Ethernet, IPv4 and TCP headers without options */
#define FLOWS_MAX  256
#define MARKED_LEN (MARK_AT + 11)

enum mark {
	MARK_PASS = 'p',
	MARK_CONSUME = 'c',   /* the lane keeps it, for reason VERDICT_DROP */
	MARK_SHORTEN = 's',   /* cut to MARKED_LEN octets */
	MARK_ANSWER = 'a',    /* consumed; 100 frames of our own go back */
	MARK_LOST_PORT = 'l', /* forwarded to a port that is not there */
	MARK_GROW = 'g',      /* four octets more in front of it: those of FAKE_GROWTH */
	MARK_SHRINK = 'k',    /* its first four octets are left out */
	MARK_STALL = 't',     /* the lane does not come back for fake_lane_stall_us */
};

#define FAKE_GROWTH "\xfa\xce\x0f\xf0"

struct fake_lane {
	struct mw_lane_counters counters;
	struct mw_lane_sink sink;
	uint16_t index;
	uint32_t delay_us; /* of each packet */
	struct mw_gateway_status gateway;
	uint32_t gateway_told; /* how often */
};

/* Which lanes have seen a flow, one bit each, by direction. */
extern _Atomic uint32_t fake_lane_stall_us;
extern _Atomic uint32_t fake_lane_seen[FLOWS_MAX][2];

void fake_lane_init(struct fake_lane *lane, uint16_t index, const struct mw_lane_sink *sink);

static inline struct mw_lane *fake_lane_cast(struct fake_lane *lane)
{
	return (struct mw_lane *)(void *)lane;
}

#endif
