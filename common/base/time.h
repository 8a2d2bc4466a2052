/*
 * Units of time. No function of the core reads a clock: `now` is handed in, in one of these units.
 */
#ifndef MW_COMMON_BASE_TIME_H
#define MW_COMMON_BASE_TIME_H

#include <stdint.h>

#define MW_NS_PER_US 1000ull
#define MW_NS_PER_MS 1000000ull
#define MW_NS_PER_S  1000000000ull
#define MW_US_PER_S  1000000ull

/* Lanes: nanoseconds since the epoch (UTC), never going backwards within one run.
 * Records: microseconds since the epoch. Tickets and timers: seconds since the epoch. */

#endif
