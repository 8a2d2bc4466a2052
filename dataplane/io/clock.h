/*
 * The only clock of the dataplane. Lanes are handed its reading: nanoseconds since the epoch, never
 * backwards within the run. The wall clock is read once, at start; what an operator or NTP steps it
 * by afterwards does not reach the lanes (slewing does).
 */
#ifndef MW_DATAPLANE_IO_CLOCK_H
#define MW_DATAPLANE_IO_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "common/base/time.h"

struct mw_clock {
	uint64_t offset_ns; /* epoch at the zero of CLOCK_MONOTONIC; written once, read by all lanes
			     */
};

static inline uint64_t mw_clock_of(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * MW_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static inline void mw_clock_start(struct mw_clock *clock)
{
	clock->offset_ns = mw_clock_of(CLOCK_REALTIME) - mw_clock_of(CLOCK_MONOTONIC);
}

static inline uint64_t mw_clock_now(const struct mw_clock *clock)
{
	return clock->offset_ns + mw_clock_of(CLOCK_MONOTONIC);
}

#endif
