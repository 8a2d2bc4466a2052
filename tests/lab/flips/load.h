/*
 * What other customers do meanwhile, in a thread of its own: streams on a port that is no mail,
 * SMTP sessions, and single frames of UDP both ways. Both ends are ours: of each stream and session
 * each end hashes what it has sent and got (SHA-256), and the hashes must be the same; each frame
 * is compared octet for octet, headers and all, and is missed when it does not come.
 */
#ifndef MW_TESTS_LAB_FLIPS_LOAD_H
#define MW_TESTS_LAB_FLIPS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/flips/wire.h"

/* What is going on, for frames are counted and timed by it. Its last one is not looked at. */
enum load_phase { LOAD_QUIET, LOAD_FLIPS, LOAD_RESTART_CONTROL, LOAD_OTHER, LOAD_PHASES };

struct load_ends {
	struct mw_ip client[2]; /* of another customer: IPv4, IPv6 */
	struct mw_ip server[2];
	struct mw_ip nobody[2]; /* IPv4, of the customers' side and of the internet's: frames go
				   between them, and no kernel knows them */
};

struct load_count {
	uint64_t whole, altered, broken, octets; /* octets of both directions */
};

struct load_frames {
	uint64_t sent, arrived, altered, misplaced;
	double p50_us, p99_us, max_us; /* from one link to the other */
};

void load_start(const struct load_ends *ends, uint64_t seed);
void load_phase(enum load_phase phase);
/* No stream begins any more; waits until the last one has ended, or 60 s. False: some had not. */
bool load_stop(void);
/* After load_stop(). */
void load_counted(struct load_count *streams, struct load_count *sessions);
void load_frames_of(enum load_phase phase, struct load_frames *out);
/* The first thing that went wrong, or "". */
const char *load_complaint(void);

#endif
