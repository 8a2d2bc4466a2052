/*
 * A small internet on virtual time: a mail client and a mail server, each with a plain TCP, and the
 * lane between them; each of the four ways loses, delays (and so reorders) and repeats packets as
 * the seed says. Nothing here reads a clock.
 */
#ifndef MW_TESTS_ENGINE_NET_H
#define MW_TESTS_ENGINE_NET_H

#include "dataplane/engine/lane.h"
#include "dataplane/proto/segment.h"

#define NET_BUFFER  (1u << 19)
#define NET_PACKETS 4096

struct net_way {
	uint32_t loss_percent, repeat_percent, delay_max_ms;
};

enum net_end { NET_CLIENT, NET_SERVER };

struct net_peer {
	enum net_end end;
	struct mw_ip ip;
	uint16_t port;
	uint32_t isn;
	bool open, refused; /* handshake done; RST received */
	uint8_t *out;	    /* octets the application has written */
	uint32_t out_len;
	uint32_t una, nxt; /* offsets into out */
	bool fin_wanted, fin_sent, fin_acked;
	uint8_t *in; /* octets received, by offset */
	bool *in_have;
	uint32_t in_len;  /* in order */
	uint32_t in_read; /* read by the application */
	uint32_t peer_isn;
	bool peer_known, fin_received;
	uint32_t fin_offset;
	bool fin_known;
	uint64_t repeat_ns, rto_ns;
	uint32_t segment_max;
	bool has_ts;
};

struct net {
	uint64_t seed, now_ns;
	struct net_way way[2]; /* between client and lane, between lane and server */
	enum mw_port far;      /* where the server is: MW_PORT_OUTSIDE unless changed */
	/* In front of each end's IP packets, as it sends them, and as they have to come to it (0:
	 * not looked at). */
	uint8_t l2[2][MW_L2_MAX], l2_expected[2][MW_L2_MAX];
	uint32_t l2_len[2], l2_expected_len[2];
	struct net_peer peer[2];
	struct mw_lane *lane;
	/* The client is a liar: now and then a segment goes out twice, with other octets or
	 * shifted. */
	uint32_t liar_percent;
	uint64_t polls;
	/* packets on their way */
	struct net_flying *flying;
	uint32_t flying_count;
	/* counted at the lane's rim */
	uint64_t in, forwarded, dropped, made, strays; /* sent to a port where nobody is */
	uint16_t mss_seen;			       /* of the SYN, as it came to the server */
	/* sees every packet as it arrives at the lane: a capture */
	void (*on_packet)(const struct mw_packet *packet, uint64_t now_ns);
	/* called when octets have come in order */
	void (*on_data)(void *ctx, struct net *net, enum net_end end);
	void *ctx;
};

uint32_t net_random(struct net *net, uint32_t below);
/* One at a time: the buffers are static. */
void net_init(struct net *net, uint64_t seed, struct mw_lane *lane);
void net_connect(struct net *net); /* the client opens */
void net_write(struct net *net, enum net_end end, const void *data, size_t len);
void net_close(struct net *net, enum net_end end);
/* Runs until nothing moves any more or the time is up; true when both ends are done. */
bool net_run(struct net *net, uint64_t until_ns);
/* For the lane's sink. */
void net_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len);

#endif
