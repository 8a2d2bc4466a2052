/*
 * A connection played by hand: packets written one by one, with any header, into a lane; what the
 * lane makes is remembered. For what no honest peer would do.
 */
#ifndef MW_TESTS_ENGINE_HAND_H
#define MW_TESTS_ENGINE_HAND_H

#include "dataplane/proto/segment.h"
#include "tests/engine/rig.h"

#define HAND_FRAME  4096
#define HAND_STREAM 4096

struct hand {
	struct rig rig;
	uint64_t now_ns;
	struct mw_segment client, server; /* headers of either side; seq is the next octet's */
	bool silly;			  /* segments carry an option of length 0 */
	uint8_t option[20];		  /* of every segment, behind its others */
	uint32_t option_len;		  /* a multiple of 4 */
	uint16_t urgent;		  /* the urgent pointer */
	uint8_t ecn;			  /* the ECN field of every packet */
	struct mw_packet packet;	  /* the last one, as the lane left it */
	uint8_t frame[HAND_FRAME];
	/* what the lane made */
	uint32_t made, made_to_server, resets_to_client, resets_to_server;
	uint32_t last_reset_seq, reset_seq_to_server;
	uint8_t reset_ttl_to_server;
	uint32_t held_back; /* of the client's octets the server has not got, nor acknowledges, so
			       many */
	uint8_t to_client[4096]; /* what the lane said to the client, repeats and all */
	uint32_t to_client_len;
	uint8_t last_to_client[2048]; /* its last frame */
	uint32_t last_to_client_len;
	uint8_t last_to_server[2048]; /* the last one the lane made for the server */
	uint32_t last_to_server_len;
	/* The client's octets as its server reads them: the first copy of each, whoever sent it,
	 * by distance from `stream_first` (the octet behind the SYN). */
	uint32_t stream_first;
	uint8_t stream[HAND_STREAM];
	bool stream_have[HAND_STREAM];
};

void hand_open(struct hand *hand, const struct rig_options *options);
void hand_close(struct hand *hand);
/* The same hosts over IPv6. */
void hand_v6(struct hand *hand);
/* Another connection: client `host` of customer `customer`, from `port`; both sides begin anew. */
void hand_connection(struct hand *hand, uint32_t customer, uint32_t host, uint16_t port);
/* One segment of `side` (&hand->client or &hand->server) at `seq`; moves nothing. */
enum mw_reason hand_raw(struct hand *hand, struct mw_segment *side, uint8_t flags, uint32_t seq,
	const void *data, size_t len);
/* The same at the side's next octet, acknowledging all of the other's, and moves it. */
enum mw_reason hand_say(struct hand *hand, struct mw_segment *side, const char *text);
void hand_shake(struct hand *hand); /* SYN, SYN-ACK, ACK */
/* Up to the first message: greeting, EHLO, MAIL, RCPT, all answered. */
void hand_envelope(struct hand *hand);
/* The last packet as the lane left it; its checksum is right. */
struct mw_frame hand_left(struct hand *hand);
/* Is that what the server has, and nothing behind it? */
bool hand_server_has(const struct hand *hand, const char *text);
void hand_poll(struct hand *hand, uint64_t ns);

#endif
