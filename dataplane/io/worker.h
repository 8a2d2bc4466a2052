/*
 * A worker: one lane, the queues it polls, the rings to and from its neighbours, and what waits to
 * be sent. One thread owns all of it; what others may touch is said beside it.
 *
 *   device queues ─┐                          ┌─ own send queue of each port
 *   hand-over rings├─ burst → mw_lane_packet ─┤
 *   send rings ────┘ (send only)              └─ send ring to the lane that has the queue
 */
#ifndef MW_DATAPLANE_IO_WORKER_H
#define MW_DATAPLANE_IO_WORKER_H

#include <stdatomic.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "common/contract/divert.h"
#include "dataplane/agent/event_ring.h"
#include "dataplane/agent/publish.h"
#include "dataplane/engine/lane.h"
#include "dataplane/io/clock.h"
#include "dataplane/io/options.h"

#define MW_IO_BURST	 32
#define MW_IO_TX_BACKLOG 1024 /* packets a port may owe a lane before the lane drops */
#define MW_IO_QUEUES_MAX 64   /* receive queues one lane can poll */
#define MW_IO_RULES_MAX	 8    /* ruleset generations messages of one lane may pin */

/* The same for all lanes; written before they run, read by all of them afterwards. */
struct mw_io_shared {
	uint16_t lanes;
	uint64_t key;
	const struct mw_port_set *smtp_ports;
	const struct mw_clock *clock;
	struct rte_mempool *pool;
	struct mw_publish *publish; /* NULL: no agent (tests, bench) */
	bool sleep;		    /* idle lanes sleep */
	uint32_t room;		    /* largest frame a buffer of the pool holds */
	double tsc_ns;		    /* nanoseconds a tick */
	bool divert;		    /* there is a port to the antivirus gateway, and a keeper */
	uint8_t divert_mac[6];	    /* ours on that port */
	/* Written by the keeper's lane, read by every lane each turn and by the main thread. */
	_Atomic uint64_t gateway; /* mw_gateway_status_pack; 0: none */
	_Atomic uint64_t gateway_changes;
	_Atomic uint32_t gateway_why, gateway_conflicts; /* enum mw_gateway_why */
	_Atomic bool stop;				 /* written by the main thread */
};

struct mw_io_queue {
	uint16_t device; /* DPDK's number */
	uint16_t queue;
	uint8_t role;
};

/* What a lane sends to a port: straight to its own queue, or through a ring to the lane that has
 * one. */
struct mw_io_tx {
	bool exists;
	uint16_t device, queue;
	struct rte_ring *ring; /* not NULL: that lane sends it for us */
	uint32_t count;
	struct rte_mbuf *packet[MW_IO_TX_BACKLOG];
};

/* Packets of other lanes that we send for them. */
struct mw_io_relay {
	struct rte_ring *ring;
	uint8_t role;
};

struct mw_io_batch {
	uint32_t count;
	struct rte_mbuf *packet[MW_IO_BURST];
};

struct mw_io_pinned {
	uint64_t serial;
	const struct mw_ruleset *rules;
};

/* Written by the worker alone; read by others when it has ended (bench and tests also while it
 * runs, as an estimate). The reasons of packets are counted by the lane. */
struct mw_io_counters {
	uint64_t rx_packets, rx_bytes; /* from devices */
	uint64_t tx_packets, tx_bytes; /* taken by devices, or by the relaying lane */
	uint64_t handed_over;	       /* to other lanes */
	uint64_t taken_over;	       /* from other lanes */
	uint64_t relayed;	       /* of other lanes' packets, put on our send queue */
	uint64_t made;		       /* frames of the lane's own making */
	uint64_t consumed;	       /* ended in the lane, by its decision */
	uint64_t ring_full, tx_full, no_buffer, no_port, oversize; /* drops, by reason */
	uint64_t polls, sleeps;
	uint64_t cpu_ns; /* of the thread, set when it ends */
};

struct mw_io_fragments; /* fragments.c */
struct mw_gateway;	/* dataplane/gateway/gateway.h */

struct mw_io_worker {
	struct mw_io_shared *shared;
	struct mw_lane *lane;
	struct mw_io_fragments *fragments;
	uint16_t index;
	uint16_t queue_count, relay_count;
	struct mw_io_queue queue[MW_IO_QUEUES_MAX];
	struct rte_ring *from[MW_IO_LANES_MAX]; /* packets handed to us; NULL for ourselves */
	struct rte_ring *to[MW_IO_LANES_MAX];
	struct mw_io_relay relay[MW_IO_LANES_MAX * MW_IO_ROLES];
	struct mw_io_tx tx[MW_IO_ROLES];
	struct mw_io_batch batch[MW_IO_LANES_MAX];
	struct mw_io_counters counters;
	/* slow matters, looked at each millisecond */
	struct mw_event_ring *events; /* NULL: facts are dropped (tests, bench) */
	struct mw_event *event;	      /* to encode from, too large for the stack */
	const struct mw_snapshot *snapshot;
	struct mw_io_pinned pinned[MW_IO_RULES_MAX];
	uint16_t pinned_count;
	uint64_t rules_serial, rules_generation;
	uint64_t next_ms_ns, next_second_ns;
	/* the antivirus gateway: keeper.c */
	struct mw_gateway *gateway;	  /* NULL: another lane has it, or there is no port to it */
	struct mw_divert_settings divert; /* of the newest snapshot */
	bool divert_new;		  /* the keeper was not told of them yet */
	uint64_t gateway_word;		  /* as our lane was told last */
	uint64_t idle;			  /* polls in a row that found nothing */
	/* When its last turn began; 0: none yet. Written by the worker, read by the main thread. */
	_Atomic uint64_t beat_ns;
};

/* The loop: until shared->stop, then once more for what is in the rings. `worker` as void * for the
 * EAL; returns 0. */
int mw_io_worker_run(void *worker);
/* One turn: packets handled (for the loop, and for tests that want no thread). */
uint32_t mw_io_worker_turn(struct mw_io_worker *w, uint64_t now_ns);
/* Offers everything that waits to be sent to the devices once. */
void mw_io_worker_flush(struct mw_io_worker *w);

/* The lane's sink, `ctx` a struct mw_io_worker. */
void mw_io_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len);

/* --- send.c: used by worker.c and fragments.c --- */
/* To the port of that role; dropped, counted, where there is none. */
void mw_io_send(struct mw_io_worker *w, uint8_t role, struct rte_mbuf *m);

#endif
