/*
 * The other end of the gateway's link: a host that answers ARP, neighbour solicitations and SMTP,
 * as well or as badly as a test wants. It writes and reads octets by itself and has checksums of
 * its own, so nothing of the keeper vouches for the keeper. Each frame of the keeper's is held
 * against what every frame must be.
 */
#ifndef MW_TESTS_GATEWAY_HOST_H
#define MW_TESTS_GATEWAY_HOST_H

#include "dataplane/gateway/gateway.h"

enum host_smtp {
	HOST_GREETS,   /* 220, then 221 to QUIT, then FIN */
	HOST_LINES,    /* the same in three lines, an octet a segment */
	HOST_TEASES,   /* 220-, and never the last line */
	HOST_DEAF,     /* no answer to a SYN */
	HOST_REFUSES,  /* RST */
	HOST_SILENT,   /* accepts, says nothing */
	HOST_HANGS_UP, /* accepts, closes */
	HOST_BUSY,     /* 421 */
	HOST_STUBBORN, /* greets, answers nothing to QUIT and never closes */
};

struct host {
	struct mw_gateway g;
	struct mw_divert_settings settings;
	uint64_t now_ns;
	uint8_t mac[6];
	bool arp, ndp; /* answers questions for its address */
	bool bare_na;  /* advertisements without a MAC where that is allowed */
	enum host_smtp smtp;
	uint32_t drop; /* this many frames of the keeper are lost next */
	/* what the keeper was heard to say */
	uint32_t asked_all[2], asked_one[2], answered[2], announced[2];
	uint32_t syns, acks, quits, fins, resets, closed; /* closed: by both, in order */
	uint32_t pongs;
	uint32_t frames, in_call;
	uint8_t last[2048];
	uint32_t last_len;
	uint16_t ports[64]; /* of the first SYNs */
	/* the connection */
	uint16_t port;
	uint32_t isn, seq, ack;
	bool open, fin_sent, fin_seen, said_quit;
	/* frames under way to the keeper */
	struct host_frame {
		uint32_t len;
		uint8_t octets[1600];
	} to[64];
	uint32_t to_count;
};

#define HOST_START (1700000000ull * MW_NS_PER_S)

extern const uint8_t host_our_mac[6], host_mac[6], host_other_mac[6];

/* Both families, VLAN 0, a check of port 25 each second with 300 ms, fall 3, rise 2; the host is in
 * order. */
void host_begin(struct host *h);
/* Takes the settings over. */
void host_set(struct host *h);
/* A millisecond a step. */
void host_run(struct host *h, uint64_t ms);
/* What the keeper says of it; its calls may send MW_GATEWAY_FRAMES_MAX. */
bool host_give(struct host *h, const uint8_t *frame, uint32_t len);

/* Writers of frames to the keeper: their length. */
uint32_t host_arp(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	uint16_t operation, const char *sender, const uint8_t target_mac[6], const char *target);
uint32_t host_na(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, const char *target, const uint8_t *mac, uint8_t flags);
uint32_t host_ns(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, const char *target, const uint8_t *mac);
uint32_t host_ping(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, uint32_t len);
uint32_t host_tcp(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, uint16_t sport, uint16_t dport, uint32_t seq,
	uint32_t ack, uint8_t flags, const char *text);
/* Makes the checksums of an untagged frame's ICMPv6 message good again after it was altered. */
void host_close_icmp6(uint8_t *frame);

#endif
