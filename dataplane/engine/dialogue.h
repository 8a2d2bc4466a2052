/*
 * What the responder says: SMTP (RFC 5321) as a server that takes no mail from this client. Octets
 * in, replies out; no extension is offered, credentials are not kept, and nothing but the command's
 * verb is looked at. Knows nothing of TCP.
 */
#ifndef MW_DATAPLANE_ENGINE_DIALOGUE_H
#define MW_DATAPLANE_ENGINE_DIALOGUE_H

#include "common/base/span.h"

#define MW_DIALOGUE_LINE_MAX 512 /* with CRLF; RFC 5321, 4.5.3.1.4. Beyond: 500 */
/* Of one conversation, by the client; then 421 and an end. */
#define MW_DIALOGUE_LINES_MAX  50
#define MW_DIALOGUE_OCTETS_MAX 16384
/* Answers to one segment; what has no room ends the conversation with 421. */
#define MW_DIALOGUE_OUT_MAX 1024

struct mw_dialogue {
	uint16_t lines;
	uint32_t octets;
	uint16_t line_len; /* octets of the line so far, kept or not */
	uint8_t verb_len;
	bool verb_done;	  /* what comes is behind it */
	bool size_done;	  /* of a BDAT */
	uint32_t size;	  /* what it announces; octets of its chunk still to come */
	bool chunk;	  /* these come: no commands (RFC 3030, 2) */
	bool at_hello;	  /* EHLO and HELO are refused already */
	bool later;	  /* what is refused may come again: 450 for 550 */
	bool hello, mail; /* said by the client */
	bool refused;	  /* behind a refused message: nothing is taken any more */
	bool sinks;	  /* what comes is the rest of that message: not looked at */
	char verb[9];	  /* the longest that is told apart: STARTTLS; "": none */
};

struct mw_dialogue_out {
	uint16_t len;
	bool close;
	char text[MW_DIALOGUE_OUT_MAX];
};

/* `later`: 450 instead of 550. `at_hello`: 550 to EHLO and HELO too. A sender that insists on TLS
 * leaves behind an EHLO that offers none, and would try again for days without ever hearing why. */
void mw_dialogue_greet(struct mw_dialogue *d, const char *name, bool at_hello, bool later,
	struct mw_dialogue_out *out);
/* The other beginning: a message has just been refused. QUIT ends it orderly, anything else with
 * 421. `sinks`: the client may still be in the middle of the message, which is let run out. */
void mw_dialogue_refused(struct mw_dialogue *d, bool sinks);
/* At any time: the client has been silent, or on the line, for too long. */
void mw_dialogue_timeout(struct mw_dialogue_out *out);
/* `reply`: what follows "550 5.7.1 " at MAIL, printable ASCII, cut to what the policy can hold
 * (MW_REPLY_TEXT_MAX - 1 octets). NULL: nothing is refused any more, and the client shall come
 * again. */
void mw_dialogue_feed(struct mw_dialogue *d, struct mw_span in, const char *name, const char *reply,
	struct mw_dialogue_out *out);

#endif
