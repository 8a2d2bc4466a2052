/*
 * One neighbour's MAC: when it is asked for, when an answer is believed, when it is forgotten. Both
 * ARP (RFC 826; RFC 1122, 2.3.2) and neighbour discovery (RFC 4861, 7.2 and 7.3) put it to use: it
 * says whom to ask, others write the question.
 *
 * Who says that the address is his without having been asked is not believed but asked; while
 * another is known, that one is asked as well, and keeps the address when he answers within a
 * second. So a spoofed message moves nothing, and a gateway that was exchanged for another machine
 * is followed a second after it has said so.
 */
#ifndef MW_DATAPLANE_GATEWAY_NEIGHBOUR_H
#define MW_DATAPLANE_GATEWAY_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/time.h"

#define MW_NEIGHBOUR_ASK_NS	(1 * MW_NS_PER_S)  /* between two questions without answer */
#define MW_NEIGHBOUR_REFRESH_NS (15 * MW_NS_PER_S) /* between an answer and the next question */
#define MW_NEIGHBOUR_ONE	3 /* unanswered by the one who is known: then all are asked */
#define MW_NEIGHBOUR_ALL	3 /* and by all: then he is not known any more */

struct mw_neighbour {
	bool known;
	bool fixed;  /* given by the settings: nothing is asked, nothing is believed */
	bool silent; /* was asked for MW_NEIGHBOUR_ALL times, nobody has answered */
	uint8_t mac[6];
	uint8_t unanswered; /* questions since the last answer */
	uint64_t next_ns;   /* the next question; UINT64_MAX: none */
	/* a claim that is looked into */
	bool doubted, known_answered, claim_answered;
	uint8_t claimed[6];
	uint64_t doubt_ends_ns;
	uint32_t conflicts; /* claims that the known one has answered */
};

/* Whom to ask now: `all`, or those MACs. */
struct mw_neighbour_questions {
	bool all;
	uint8_t count;
	uint8_t to[2][6];
};

/* Nothing is known, the first question is due at `now`. */
void mw_neighbour_init(struct mw_neighbour *n, uint64_t now_ns);
/* Known for good. */
void mw_neighbour_fix(struct mw_neighbour *n, const uint8_t mac[6]);
/* Not there at all: never known, never asked. */
void mw_neighbour_none(struct mw_neighbour *n);

/* An answer to a question of ours. */
void mw_neighbour_answer(struct mw_neighbour *n, uint64_t now_ns, const uint8_t mac[6]);
/* What was not asked for. */
void mw_neighbour_claim(struct mw_neighbour *n, uint64_t now_ns, const uint8_t mac[6],
	struct mw_neighbour_questions *ask);
/* Somebody above waits in vain for him (RFC 1122, 2.3.2.1 (4)): he is asked at the next poll. */
void mw_neighbour_doubt(struct mw_neighbour *n, uint64_t now_ns);

/* When it has to be polled; UINT64_MAX: not at all. */
uint64_t mw_neighbour_due(const struct mw_neighbour *n);
void mw_neighbour_poll(struct mw_neighbour *n, uint64_t now_ns, struct mw_neighbour_questions *ask);

#endif
