/*
 * Plays a session through the parser as a lane would (octets behind a blocked command wait, then go
 * first) and writes down every event as a line of text, so that sessions can be compared and read.
 */
#ifndef MW_TESTS_SMTP_PLAYER_H
#define MW_TESTS_SMTP_PLAYER_H

#include "dataplane/proto/smtp.h"

#define STEPS_MAX 64

struct step {
	/* 'C', 'S'; 'c', 's': that many octets (len) were never seen; 'k': replies are missing, but
	 * for those to the last `len` commands; 'r': the sides fit together again; 'o': one-sided
	 * now. */
	char from;
	const char *octets;
	size_t len;
};

struct session {
	const char *name;
	const char *messages; /* the message lines of its transcript */
	const char *also[8];  /* what stands in its transcript besides; with '!' in front: what does
				 not */
	struct step steps[STEPS_MAX];
};

#define C(text)                             \
	{                                   \
		'C', text, sizeof(text) - 1 \
	}
#define S(text)                             \
	{                                   \
		'S', text, sizeof(text) - 1 \
	}
#define GREET                                              \
	S("220 mail.example ESMTP\r\n"), C("EHLO me\r\n"), \
		S("250-mail.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n")

/* How the octets of a step are cut. */
struct cuts {
	size_t at;     /* only == false: every step is cut behind so many octets, 0 not at all */
	size_t piece;  /* pieces of so many octets, 0: no */
	uint64_t seed; /* pieces of random length, 0: no */
};

struct text {
	char *data;
	size_t len, size;
};

struct player {
	struct mw_smtp smtp;
	struct mw_pool pool;
	void *memory;
	struct text out;
	uint8_t *waiting; /* octets of the client kept back */
	size_t waiting_len, waiting_size;
	uint64_t position; /* of the client */
	bool content_open; /* the last line of `out` is a content line */
	uint64_t content_octets;
	uint64_t events;
	bool quiet;	    /* write nothing down */
	const char *secret; /* must never be told */
	uint64_t random;
};

void player_init(struct player *p);
void player_feed(struct player *p, char from, const uint8_t *octets, size_t len);
void player_finish(struct player *p);
void player_free(struct player *p); /* checks that every block came back */

/* The transcript, to be freed. */
char *play(const struct session *session, struct cuts cuts);
/* The message lines of it only. */
char *play_messages(const struct session *session);

uint64_t next_random(uint64_t *state);
extern const struct session sessions[];
extern const size_t sessions_count;

#endif
