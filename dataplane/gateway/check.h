/*
 * The check of the gateway's health: one TCP connection at a time, to the port that diverted mail
 * goes to, which must be greeted by 220 (RFC 5321, 3.1) in time. Then QUIT, and closed by both
 * sides. A client of a link and not of the internet: one SYN is repeated, nothing else; what goes
 * wrong ends in a reset. Called by gateway.c and talk.c.
 */
#ifndef MW_DATAPLANE_GATEWAY_CHECK_H
#define MW_DATAPLANE_GATEWAY_CHECK_H

#include "dataplane/gateway/link.h"
#include "dataplane/gateway/why.h"
#include "dataplane/proto/segment.h"

#define MW_CHECK_GREETING_MAX 4096 /* octets of greeting that are read; then it is a bad one */

enum mw_check_state {
	MW_CHECK_IDLE,
	MW_CHECK_SYN_SENT,
	MW_CHECK_GREETING, /* connected, its first line is awaited */
	MW_CHECK_REST,	   /* found good; the greeting's other lines are awaited */
	MW_CHECK_QUIT,	   /* said QUIT, its answer is awaited */
	MW_CHECK_CLOSING,  /* our FIN is sent */
};

/* Where frames go: copied at once. */
struct mw_gateway_sink {
	void *ctx;
	void (*transmit)(void *ctx, const uint8_t *frame, uint32_t len);
};

struct mw_check {
	enum mw_check_state state;
	struct mw_segment head; /* of all our segments; seq is the next octet, ack what we have */
	uint32_t unacked;	/* our first octet that the peer has not acknowledged */
	uint64_t deadline_ns;	/* of the state; UINT64_MAX when idle */
	uint64_t again_ns;	/* SYN_SENT: to be repeated then; UINT64_MAX: no more */
	bool peer_closed;
	uint16_t greeting; /* octets read */
	uint8_t column;	   /* of the greeting's line, up to 4 */
	bool more;	   /* that line says that another follows */
	uint8_t frame[MW_SEGMENT_HEADERS_MAX + 8];
};

void mw_check_init(struct mw_check *c);

/* `head`: link header, addresses, ports, TTL. What was open is ended. */
void mw_check_start(struct mw_check *c, uint64_t now_ns, const struct mw_segment *head,
	uint32_t first_number, uint64_t timeout_ns, const struct mw_gateway_sink *sink);

/* Both say MW_GATEWAY_NOT_YET, and for each started check once what came of it: MW_GATEWAY_FINE, or
 * what was wrong. */
enum mw_gateway_why mw_check_poll(
	struct mw_check *c, uint64_t now_ns, const struct mw_gateway_sink *sink);
/* A whole TCP segment to our address, its checksum right. One that is of no connection is answered
 * with a reset (RFC 9293, 3.10.7.1). */
enum mw_gateway_why mw_check_segment(struct mw_check *c, uint64_t now_ns, const uint8_t *data,
	const struct mw_frame *frame, const struct mw_gateway_sink *sink);

/* Ends what is open, with a reset; nothing is said about it any more. */
void mw_check_abandon(struct mw_check *c, const struct mw_gateway_sink *sink);

/* When it has to be polled; UINT64_MAX: not at all. */
uint64_t mw_check_due(const struct mw_check *c);

#endif
