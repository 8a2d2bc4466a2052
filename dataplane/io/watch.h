/*
 * Once a second, beside the lanes: says what an operator must know and nobody else would tell him.
 * A finding is told when it begins and when it ends, not in between. Main thread only.
 */
#ifndef MW_DATAPLANE_IO_WATCH_H
#define MW_DATAPLANE_IO_WATCH_H

#include "common/contract/policy.h"
#include "dataplane/agent/publish.h"
#include "dataplane/io/rig.h"

#define MW_IO_STALL_NS \
	(2 * MW_NS_PER_S)	/* a lane that has begun no turn for so long stands still */
#define MW_IO_GATEWAY_TOLD_S 10 /* another reason for the same state is not told more often */

/* What was told of the gateway last. */
enum mw_io_gateway_told {
	MW_IO_GATEWAY_NOTHING, /* nothing to tell, or not known yet */
	MW_IO_GATEWAY_NO_PORT, /* the settings name one, there is no port to it */
	MW_IO_GATEWAY_UNNAMED, /* there is a port, the settings name none */
	MW_IO_GATEWAY_IS_DOWN,
	MW_IO_GATEWAY_IS_UP,
};

struct mw_io_watch_gateway {
	enum mw_io_gateway_told told;
	struct mw_ip name;  /* told */
	uint8_t mac[6];	    /* told, of UP */
	uint32_t why;	    /* told, of DOWN: enum mw_gateway_why */
	uint32_t conflicts; /* told */
	uint32_t quiet_s;   /* since something was told */
};

struct mw_io_watch_lanes {
	uint64_t began_ns;		   /* 0: no look yet */
	uint64_t stalled[MW_IO_LANES_MAX]; /* the last turn before it stood still; 0: it moves */
	uint64_t stalls;		   /* since the start */
};

struct mw_io_watch {
	struct mw_publish *publish;
	uint16_t reader;		    /* our place among the agent's lanes: none of them */
	const struct mw_io_rig *rig;	    /* set when the lanes run */
	struct mw_policy_settings settings; /* as the lanes were made with */
	uint32_t customers;
	const char *device[MW_IO_ROLES]; /* as the operator named it */
	bool told_settings, told_port[MW_IO_ROLES];
	struct mw_io_watch_gateway gateway;
	struct mw_io_watch_lanes lanes;
};

/* Reads settings and number of customers from the snapshot in force. */
void mw_io_watch_begin(struct mw_io_watch *watch, struct mw_publish *publish, uint16_t reader);
/* True while all lanes move: the service manager may be told that all is well. */
bool mw_io_watch_turn(struct mw_io_watch *watch, uint64_t now_ns);

/* --- watch_lanes.c --- */
/* True while all lanes move. `now_ns` by the lanes' clock. */
bool mw_io_watch_lanes(
	struct mw_io_watch_lanes *watch, const struct mw_io_rig *rig, uint64_t now_ns);

/* --- watch_gateway.c --- */
void mw_io_watch_gateway(struct mw_io_watch_gateway *watch, const struct mw_io_shared *shared,
	const struct mw_divert_settings *settings, bool port);

#endif
