/* The two applications of the small internet: a mail client with messages to send, a mail server.
 */
#ifndef MW_TESTS_ENGINE_MAIL_H
#define MW_TESTS_ENGINE_MAIL_H

#include "tests/engine/net.h"

#define MAIL_MESSAGES 8
#define MAIL_MOST     24 /* of a session */
#define MAIL_MAX      60000
#define MAIL_STORED   32 /* more than were sent, when the client lies */

struct mail_text {
	uint32_t len;
	bool bdat;
	bool raw; /* dots that begin a line are not stuffed */
	bool bad; /* holds the phrase of the fake rule */
	uint8_t octets[MAIL_MAX];
};

struct mail_pair {
	uint32_t to_send;
	/* the client */
	uint32_t step, replies_awaited, next_message;
	bool pipelining;
	bool eager; /* pipelining: what follows a message goes out with its last segment */
	/* Behind this message, or in the middle of that one, the client sends FIN and reads on. */
	uint32_t leaves_behind, tears;
	char last_reply[600];
	bool refused;
	char refusal[600]; /* the first 5xx */
	/* the server */
	uint32_t stored_count;
	bool in_data;
	uint32_t chunk_left;
	bool chunk_last;
	/* called when the server has taken a message in */
	void (*on_stored)(void *ctx, struct mail_pair *pair);
	void *ctx;
	struct mail_text current;
	struct mail_text sent[MAIL_MOST], stored[MAIL_STORED];
};

void mail_init(struct mail_pair *pair, struct net *net, uint32_t messages, uint32_t size_max);
/* One message holds the phrase, no other does; MAIL_MOST and more: none. */
void mail_choose_bad(struct mail_pair *pair, uint32_t number);
/* The client closes its side now and reads on. */
void mail_leave(struct mail_pair *pair, struct net *net);
void mail_on_data(void *ctx, struct net *net, enum net_end end);

#endif
