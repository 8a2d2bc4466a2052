/*
 * What left a live lane on one connection, read by a second SMTP parser that knows nothing of the
 * lane: the first copy of each octet, in order, in both directions. Through it the target knows
 * what a server has, and above all when a message is complete there.
 */
#ifndef MW_TESTS_FUZZ_LANE_SHADOW_H
#define MW_TESTS_FUZZ_LANE_SHADOW_H

#include "dataplane/proto/smtp.h"
#include "tests/fuzz/target.h"

#define SHADOW_SPAN 16384u /* octets of a direction that are looked at */

struct shadow_way {
	uint32_t first; /* sequence number of octet 0 */
	uint32_t read;	/* octets the parser has had */
	bool ahead;	/* something left that lies beyond what is looked at */
	bool have[SHADOW_SPAN];
	uint8_t octet[SHADOW_SPAN];
};

struct shadow {
	bool alive; /* in step with its connection, as far as can be known */
	uint64_t session;
	struct mw_smtp smtp;
	struct shadow_way client, server;
	uint32_t complete; /* messages complete at the server */
	uint32_t last_seq; /* of the octet that completed the last of them */
	bool fresh;	   /* since the last look */
	bool in_data;	   /* behind DATA, in front of the message's end */
	uint32_t data_at;  /* octet of the client at which that message begins */
};

/* A connection from its first octet on. */
void shadow_begin(struct shadow *s, uint64_t session, uint32_t client_first, uint32_t server_first);
void shadow_end(struct shadow *s);
/* Octets that left; those that left before with another value are a finding of the caller's. */
void shadow_left(struct shadow_way *way, uint32_t seq, const uint8_t *data, uint32_t len);
/* Did something leave, of the message behind DATA, in which a server that takes CR or LF for a line
 * end finds it complete? The octet that completes it there included. */
bool shadow_lax_end(const struct shadow *s);
/* Something left beyond octets that have not: who sent it was farther on than could be followed. */
bool shadow_gap(const struct shadow_way *way);
/* The parser goes on as far as there are octets; `server_first`: a reply came before. */
void shadow_advance(struct shadow *s, bool server_first);

#endif
