/*
 * Who answers a customer now: SYNs of his, one each 200 µs, over IPv4 and IPv6 in turn, from ports
 * that go round so that every lane has its share. Each is known by its sequence number, and told by
 * what came back: the real server's kernel echoes the timestamp, the responder promises none, a
 * verdict of RESET answers with a RST, DROP with nothing. The other side is watched as well: a
 * probe that was not let through must not have come there.
 */
#ifndef MW_TESTS_LAB_FLIPS_PROBE_H
#define MW_TESTS_LAB_FLIPS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/flips/wire.h"

enum probe_answer { PROBE_NOTHING, PROBE_SERVER, PROBE_RESPONDER, PROBE_RST, PROBE_ANSWERS };

#define PROBE_EVERY_NS 200000ull
/* An answer that has not come by then does not come. */
#define PROBE_PATIENCE_NS 20000000ull
#define PROBE_RING	  65536u /* of the newest probes something is known */

struct probe {
	uint64_t sent_ns, answered_ns;
	uint8_t answer; /* enum probe_answer */
	bool at_server;
};

struct probe_ends {
	struct mw_ip client[2], server[2]; /* IPv4, IPv6: nobody has the client's */
	uint16_t port;
};

void probe_open(const struct probe_ends *ends);
/* Sends what is due and takes what has come; `now_ns` wire_now_ns(). */
void probe_turn(uint64_t now_ns);
/* The number of the next probe; those before it were sent. */
uint64_t probe_next(void);
const struct probe *probe_at(uint64_t number);
const char *probe_name(enum probe_answer answer);
/* Readable when an answer is there; for poll(2). */
int probe_fd(void);

#endif
