/*
 * Sockets at either side of the appliance from one process: what goes in at one side and comes out
 * at the other can so be compared octet for octet, and timed by one clock.
 */
#ifndef MW_TESTS_LAB_FLIPS_WIRE_H
#define MW_TESTS_LAB_FLIPS_WIRE_H

#include <stdint.h>

#include "common/base/ip.h"

#define WIRE_FRAME_MAX 1514

enum wire_side { WIRE_CUSTOMERS, WIRE_INTERNET, WIRE_SIDES };

/* The two namespaces, by the names that `ip netns` has for them; each has its link as eth0. Ends
 * the program with a sentence when it cannot. */
void wire_open(const char *customers, const char *internet);
/* A socket of that side's, from any thread. Ends the program when there is none. */
int wire_socket(enum wire_side side, int family, int type);
/* Bound, nonblocking; listening where `backlog` is not 0. Port 0: any. */
int wire_bound(enum wire_side side, const struct mw_ip *ip, uint16_t port, int backlog);
/* Begins to connect; the handshake is under way when it returns 0, else -errno. */
int wire_connect(int fd, const struct mw_ip *ip, uint16_t port);

/* Which frames a raw socket gets: those with this address as their source, or destination. `v6` may
 * be NULL. */
struct wire_filter {
	bool source;
	const struct mw_ip *v4, *v6;
};
/* Whole frames of that side's eth0, as they arrive; nonblocking, each with the kernel's time. */
int wire_raw(enum wire_side side, const struct wire_filter *filter);
void wire_send(int fd, const uint8_t *frame, uint32_t len);
/* The next frame and when it came (CLOCK_REALTIME, ns). 0: none. */
uint32_t wire_receive(int fd, uint8_t frame[2048], uint64_t *when_ns);
/* The layer 2 header of a frame of IPv4 (or IPv6) from that side to the other. */
void wire_header(enum wire_side from, bool v6, uint8_t out[14]);

uint64_t wire_now_ns(void); /* CLOCK_REALTIME: what the kernel stamps frames with */

#endif
