/*
 * Between the files of the small internet: a host's TCP, what it sends (host_out.c) and what it
 * makes of what comes (host_in.c); the ways (net.c); the judge of what the lane leaves (judge.c).
 */
#ifndef MW_TESTS_ENGINE_HOST_H
#define MW_TESTS_ENGINE_HOST_H

#include "common/base/time.h"
#include "tests/engine/header.h"
#include "tests/engine/net.h"

#define RTO_FIRST_NS (200 * MW_NS_PER_MS)
#define RTO_HASTY_NS (15 * MW_NS_PER_MS)
#define WINDOW_PLAIN 65000u

enum net_where { WHERE_CLIENT, WHERE_LANE_INSIDE, WHERE_LANE_OUTSIDE, WHERE_SERVER };

/* --- net.c --- */
/* On its way to `where`, over way 0 (the client's) or 1: lost, late or twice as it happens. */
void net_launch(struct net *net, const uint8_t *frame, uint32_t len, uint8_t where, int way_index);

/* --- judge.c --- */
void net_blame(struct net *net, const char *what);
/* A frame of the lane's own. */
void net_judge_made(struct net *net, enum mw_port port, const uint8_t *frame, uint32_t len);
/* A packet that goes on, and the frame that it was. */
void net_judge_forwarded(struct net *net, const uint8_t *frame, uint32_t len, bool of_server,
	const struct mw_packet *packet);

/* --- host_out.c --- */
/* `len` octets of what it writes from `offset` on, in one segment. */
void host_send(struct net *net, struct net_peer *p, uint32_t offset, uint32_t len, uint8_t flags);
void host_send_reset(struct net *net, struct net_peer *p, uint32_t seq);
/* Sends what the window allows, `again`: from the oldest unacknowledged octet on. */
void host_pump(struct net *net, struct net_peer *p, bool again);
/* The window it announces, as in the header; the edge that was told stays told. */
uint16_t host_window(struct net_peer *p, bool syn);

/* --- host_in.c --- */
void host_receive(struct net *net, struct net_peer *p, const uint8_t *frame, uint32_t len);
/* Its timers. */
void host_repeat(struct net *net, struct net_peer *p);
void host_tick(struct net *net, struct net_peer *p);
bool host_done(const struct net_peer *p);

#endif
