/*
 * The keeper of the antivirus gateway: a host of its own on the gateway's link, with the addresses
 * that the settings give the appliance there. It finds the gateway's MAC and watches it, answers
 * for our addresses, and checks that the gateway takes mail; what it knows goes to the lanes as
 * status.h, one word.
 *
 * A state machine: frames and time in, frames and a status out. It has its memory from the start,
 * reads no clock, and sends a bounded number of frames a call. One thread drives it
 * (dataplane/io: the first lane's); the tests do so on virtual time.
 *
 * What it does not do: probe for its own addresses before it takes them (RFC 5227, 2.1; RFC 4862,
 * 5.4: a conflict is counted when it shows), report group membership (RFC 3810: a switch that
 * prunes groups must not stand on that link), put fragments together.
 */
#ifndef MW_DATAPLANE_GATEWAY_GATEWAY_H
#define MW_DATAPLANE_GATEWAY_GATEWAY_H

#include "common/contract/divert.h"
#include "dataplane/gateway/check.h"
#include "dataplane/gateway/health.h"
#include "dataplane/gateway/neighbour.h"
#include "dataplane/gateway/status.h"

#define MW_GATEWAY_FRAMES_MAX 8	   /* that one call sends at most */
#define MW_GATEWAY_FRAME_MAX  2048 /* octets of a frame of its own: longer pings have no answer */

/* Announcements of our addresses (RFC 5227, 1.1 and 2.3), and the defence of them (2.4 (c)). */
#define MW_GATEWAY_ANNOUNCE_NUM	     2
#define MW_GATEWAY_ANNOUNCE_EVERY_NS (2 * MW_NS_PER_S)
#define MW_GATEWAY_DEFEND_EVERY_NS   (10 * MW_NS_PER_S)

struct mw_gateway_config {
	uint8_t mac[6]; /* our own on the divert port */
	uint64_t key;	/* secret: of sequence numbers and ports */
	struct mw_gateway_sink sink;
};

enum mw_gateway_family { MW_GATEWAY_V4, MW_GATEWAY_V6, MW_GATEWAY_FAMILIES };

struct mw_gateway {
	struct mw_gateway_config config;
	struct mw_divert_settings settings;
	bool configured;
	struct mw_neighbour neighbour[MW_GATEWAY_FAMILIES];
	struct mw_health health;
	struct mw_check check;
	enum mw_gateway_family checked; /* the family the check speaks */
	uint32_t checks;		/* started */
	uint64_t first_port;		/* of the dynamic ones: where the checks began */
	uint64_t next_check_ns;		/* UINT64_MAX: none */
	uint8_t announcements;		/* still to be made */
	uint64_t announce_ns, defended_ns;
	uint32_t conflicts; /* another host was seen to use an address of ours */
	uint64_t due_ns;
	uint8_t frame[MW_GATEWAY_FRAME_MAX];
};

/* Without settings: nothing is ours, nothing is sent. */
void mw_gateway_init(struct mw_gateway *g, const struct mw_gateway_config *config);

/* The settings in force from now on, valid ones (common/contract/divert.h). When they name another
 * gateway, or ourselves by another address, everything is found out anew; connections that are
 * diverted to the old one are the lane's affair. */
void mw_gateway_set(
	struct mw_gateway *g, uint64_t now_ns, const struct mw_divert_settings *settings);

/* Must the keeper see this frame from the divert port before a lane does? Pure, and asked by
 * whoever receives there: ARP, neighbour discovery, what is sent to our addresses, and what is sent
 * to our MAC and is not IP. */
bool mw_gateway_wants(const struct mw_divert_settings *settings, const uint8_t mac[6],
	const uint8_t *data, uint32_t len);

/* A frame from the divert port. True: it was meant for us and has been dealt with. False: somebody
 * else's, to be handled as if the keeper were not there (it may have learned from it). */
bool mw_gateway_packet(struct mw_gateway *g, uint64_t now_ns, const uint8_t *data, uint32_t len);

void mw_gateway_turn(struct mw_gateway *g, uint64_t now_ns);
/* To be called often; until something is due it costs a comparison. */
static inline void mw_gateway_poll(struct mw_gateway *g, uint64_t now_ns)
{
	if (now_ns >= g->due_ns)
		mw_gateway_turn(g, now_ns);
}

struct mw_gateway_status mw_gateway_status(const struct mw_gateway *g);
/* Why it is not up. */
enum mw_gateway_why mw_gateway_why(const struct mw_gateway *g);
/* How often it went up or down. */
uint64_t mw_gateway_changes(const struct mw_gateway *g);
/* How often another host was seen to use the gateway's address or one of ours. */
uint32_t mw_gateway_conflicts(const struct mw_gateway *g);

#endif
