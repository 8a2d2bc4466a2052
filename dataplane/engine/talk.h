/*
 * A conversation held in the server's place: our side of a TCP connection with a client, and what
 * is said on it. Two begin one: the responder, for a refused customer whose SYN never left, and the
 * refusal of a message in the middle of a session, from where the lane owns the client's sequence
 * numbers until the connection is closed.
 *
 * Entries are of fixed number; what happens without one is their beginners' matter. Those that only
 * wait, for a handshake's last ACK or behind the end, are spare: nobody is charged for them, and
 * the oldest makes room for a new one when the table is full.
 */
#ifndef MW_DATAPLANE_ENGINE_TALK_H
#define MW_DATAPLANE_ENGINE_TALK_H

#include "dataplane/engine/dialogue.h"
#include "dataplane/engine/internal.h"
#include "dataplane/engine/left.h"

#define MW_TALK_IDLE_NS (60 * MW_NS_PER_S)
/* Of one that goes on behind a refused message without an end. */
#define MW_TALK_LIFE_NS (300 * MW_NS_PER_S)
/* Both ends have said FIN: it stays, for the client may not have heard that its own was, and
 * repeats it (TIME-WAIT, RFC 9293, 3.6.1; not for two maximum segment lifetimes). It takes nobody's
 * place. */
#define MW_TALK_LINGER_NS (10 * MW_NS_PER_S)

enum mw_talk_state {
	MW_TALK_SYN_RECEIVED, /* our SYN-ACK was sent */
	MW_TALK_TALKING,
	MW_TALK_CLOSING, /* our FIN is behind what is left to say */
};

struct mw_talk {
	struct mw_flow_link link;
	enum mw_talk_state state;
	uint32_t customer;
	uint32_t client_isn;
	uint32_t rcv_nxt; /* the client's next octet */
	uint32_t snd_una; /* our oldest unacknowledged one */
	uint32_t snd_nxt;
	uint16_t mss; /* the client's */
	uint8_t repeats;
	bool fin_sent, fin_acked, fin_seen;
	bool spare;
	bool reset_due; /* the server may not have heard that it is over */
	uint8_t resets;
	struct mw_talk *spare_prev, *spare_next;
	uint64_t since_ns, last_ns;
	uint64_t repeat_ns;	     /* 0: nothing to repeat */
	uint64_t reset_ns;	     /* of the next RST to the server */
	struct mw_segment segment;   /* headers of our side */
	struct mw_segment to_server; /* the RST that is repeated */
	enum mw_port far;	     /* behind which the server is */
	struct mw_dialogue dialogue;
	uint16_t out_len; /* unacknowledged octets, from snd_una on */
	uint8_t out[MW_DIALOGUE_OUT_MAX * 2];
};

struct mw_responder {
	struct mw_flow_table table;
	struct mw_wheel wheel;
	uint64_t key;
	uint16_t mtu;
	uint32_t spares;
	struct mw_talk *spare_first, *spare_last; /* by age */
	struct mw_left *left;			  /* of all lanes, or `own` */
	struct mw_left own;
};

/* Has this client left behind an EHLO before, without a MAIL? */
bool mw_talk_has_left(const struct mw_lane *lane, const struct mw_flow_key *key);
struct mw_talk *mw_talk_find(const struct mw_lane *lane, const struct mw_flow_key *key);
/* NULL: no entry left, or none for this customer. The key must not have one. */
struct mw_talk *mw_talk_add(struct mw_lane *lane, const struct mw_flow_key *key, uint32_t customer);
/* The same of a spare one: NULL only when all entries are in use. */
struct mw_talk *mw_talk_add_spare(
	struct mw_lane *lane, const struct mw_flow_key *key, uint32_t customer);
/* Spare no more. False: there is none for this customer. */
bool mw_talk_keep(struct mw_lane *lane, struct mw_talk *talk);
void mw_talk_remove(struct mw_lane *lane, struct mw_talk *talk);
/* Sets its timer to whatever is due next. */
void mw_talk_arm(struct mw_lane *lane, struct mw_talk *talk);
/* Puts a reply behind what is still unacknowledged and sends. */
void mw_talk_say(struct mw_lane *lane, struct mw_talk *talk, const struct mw_dialogue_out *out);
/* What is unacknowledged, or an acknowledgement alone (RFC 5961: to what is none of it). */
void mw_talk_repeat(struct mw_lane *lane, struct mw_talk *talk);
/* A segment of the client's on an established conversation. */
void mw_talk_segment(struct mw_lane *lane, struct mw_talk *talk, const struct mw_packet *packet,
	const struct mw_frame *frame, const char *reply);
/* In order, from the client: for octets that came before the conversation began. */
void mw_talk_feed(
	struct mw_lane *lane, struct mw_talk *talk, struct mw_span octets, const char *reply);
/* The RST that the server gets at the octet that was held. */
void mw_talk_reset_server(struct mw_lane *lane, const struct mw_talk *talk);
const char *mw_talk_banner(const struct mw_lane *lane);
void mw_talk_send(struct mw_lane *lane, const struct mw_segment *segment, struct mw_span payload);
void mw_talk_send_syn_ack(
	struct mw_lane *lane, struct mw_segment *segment, uint32_t isn, uint32_t ack);

#endif
