/*
 * Frames of UDP in both directions, one of each a turn, of many lengths. What frame N of a
 * direction looks like follows from N, so the receiver knows each octet that it should have, the
 * header's too.
 */
#ifndef MW_TESTS_LAB_FLIPS_FRAMES_H
#define MW_TESTS_LAB_FLIPS_FRAMES_H

#include <stdint.h>

#include "tests/lab/flips/wire.h"

struct frames_count {
	uint64_t sent, arrived, altered;
	uint64_t misplaced; /* overtaken by a later one, or come twice */
	double p50_us, p99_us, max_us;
};

/* Between two IPv4 addresses that no kernel knows. Counted by phase, below `phases`. */
void frames_open(const struct mw_ip *inside, const struct mw_ip *outside, uint32_t phases);
void frames_send(uint32_t phase);
void frames_receive(void);
void frames_counted(uint32_t phase, struct frames_count *out);

#endif
