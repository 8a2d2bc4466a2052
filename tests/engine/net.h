/*
 * A small internet on virtual time: a mail client and a mail server, each with a plain TCP or one
 * with habits (net_enrich), and the lane between them; each of the four ways loses, delays (and so
 * reorders) and repeats packets as the seed says. Nothing here reads a clock.
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

/* What a host's TCP does beyond the plainest one. All zero: nothing of it. */
struct net_habits {
	bool scales; /* RFC 7323; `shift` counts when both do */
	uint8_t shift;
	uint32_t buffer;   /* octets it takes that its application has not read; 0: 65000, always */
	uint32_t pause_ms; /* its application reads now and then, so long apart at most */
	bool delays_ack;   /* RFC 1122, 4.2.3.2: every second segment, or 40 ms */
	bool acks_in_part; /* a part of what came first, the rest 20 ms later */
	bool sacks, reneges; /* RFC 2018, and its section 8 */
	bool ecn;	     /* RFC 3168 */
	bool probes_empty;   /* a closed window, with an empty segment before it, not an octet */
	bool hasty;	     /* repeats after 15 ms: what is held comes again and again */
};

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
	uint32_t in_given; /* of in_len, what the application may read by now */
	/* all that follows: net_enrich() */
	struct net_habits habits;
	bool gone;	     /* it has sent a RST, and knows nothing of the connection any more */
	bool corked;	     /* what is written is not sent yet */
	uint32_t in_high;    /* nothing has come from here on */
	uint32_t right_told; /* the edge of its own window, as the other end knows it */
	uint32_t ack_told;
	uint32_t peer_right; /* of the other end's */
	uint8_t peer_shift, shift;
	bool sack_agreed, ecn_agreed, ece_due, cwr_due;
	uint32_t acks_waiting;
	uint64_t ack_due_ns, read_ns;
	uint32_t ts_recent;
	bool ts_known;
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
	/* A net that was enriched: hosts judge a RST by its number (RFC 5961) and old segments by
	 * their timestamp (RFC 7323, 5), and what the lane leaves of a packet is looked at. */
	bool strict;
	uint32_t ce_percent; /* of packets that carry ECT */
	uint32_t poll_ms;    /* the lane has a busy core: it is polled so seldom; 0: each ms */
	const char *broken;  /* what the lane has done that it must not; NULL: nothing */
	uint32_t edge;	     /* of the server's window, as the client knows it by the server */
	uint32_t ts_told;    /* the server's newest timestamp that went to the client */
	bool edge_known, ts_seen;
	/* what the habits came to */
	uint32_t probes, reneged, marked, too_old, challenges;
	/* called every millisecond, before anything moves */
	void (*on_tick)(void *ctx, struct net *net);
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
void net_abort(struct net *net, enum net_end end); /* RST, and nothing is known any more */
/* Until it is taken off, what `end` writes waits: then it goes as one, cut where segments end. */
void net_cork(struct net *net, enum net_end end, bool on);
/* Between net_init() and net_connect(): the hosts get habits, each seldom, by the seed; and strict.
 */
void net_enrich(struct net *net);
/* The habits in words, for the seed that failed. */
void net_describe(const struct net *net, char *out, size_t size);
/* Runs until nothing moves any more or the time is up; true when both ends are done. */
bool net_run(struct net *net, uint64_t until_ns);
/* How many whole lines that begin so have come to it, in order. */
uint32_t net_lines(const struct net_peer *peer, const char *begins);
/* For the lane's sink. */
void net_transmit(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len);

#endif
