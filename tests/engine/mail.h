/* The two applications of the small internet: a mail client with messages to send, a mail server.
 */
#ifndef MW_TESTS_ENGINE_MAIL_H
#define MW_TESTS_ENGINE_MAIL_H

#include "tests/engine/net.h"

#define MAIL_MESSAGES 8
#define MAIL_MAX      60000
#define MAIL_STORED   32 /* more than were sent, when the client lies */

struct mail_text {
	uint8_t octets[MAIL_MAX];
	uint32_t len;
	bool bdat;
	bool raw; /* dots that begin a line are not stuffed */
	bool bad; /* holds the phrase of the fake rule */
};

struct mail_pair {
	struct mail_text sent[MAIL_MESSAGES];
	uint32_t to_send;
	/* the client */
	uint32_t step, replies_awaited, next_message;
	bool pipelining;
	char last_reply[600];
	bool refused;
	char refusal[600]; /* the first 5xx */
	/* the server */
	struct mail_text stored[MAIL_STORED];
	uint32_t stored_count;
	bool in_data;
	uint32_t chunk_left;
	bool chunk_last;
	struct mail_text current;
	/* called when the server has taken a message in */
	void (*on_stored)(void *ctx, struct mail_pair *pair);
	void *ctx;
};

void mail_init(struct mail_pair *pair, struct net *net, uint32_t messages, uint32_t size_max);
void mail_on_data(void *ctx, struct net *net, enum net_end end);

#endif
