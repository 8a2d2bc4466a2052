/*
 * What the files of the SMTP parser say to each other. Nobody else includes this.
 */
#ifndef MW_DATAPLANE_PROTO_SMTP_INTERNAL_H
#define MW_DATAPLANE_PROTO_SMTP_INTERNAL_H

#include "dataplane/proto/smtp.h"

/* Of the client side. */
enum {
	ST_COMMAND,
	ST_WAIT,  /* behind DATA, STARTTLS, AUTH, a bad BDAT, a command that is not known: the reply
		     decides what follows */
	ST_BEGIN, /* 354 came, CONTENT_BEGIN is to be told */
	ST_DATA,
	ST_CHUNK, /* inside BDAT; without s->content the octets belong to a dead message */
	ST_AUTH,  /* the next line is a credential */
};

/* Strict reading of DATA content: only CRLF ends a line (RFC 5321 2.3.8). */
enum {
	BODY_START,  /* at the beginning of a line */
	BODY_DOT,    /* behind a dot that begins a line; it was not told */
	BODY_DOT_CR, /* behind that and a CR; neither was told */
	BODY_MID,
	BODY_CR, /* behind a CR that was told */
};

/* A lax reading: CR, LF and CRLF end lines, NUL is nothing. DOT_NUL: the CR behind a dot, with a
 * NUL behind it, was told as the line's end, and an LF may follow still. */
enum { LAX_START, LAX_DOT, LAX_DOT_CR, LAX_DOT_NUL, LAX_MID };

/* What the last octet of content was, as far as the name of a look-alike depends on it. */
enum { LAX_LAST_SEEN, LAX_LAST_NUL, LAX_LAST_UNSEEN };

/* How a lax line ends. */
enum { END_LF, END_CRLF, END_CR, END_UNSEEN };

/* Octets of the server's that were not seen, and no reply has answered a command since; or one has.
 */
enum { GAP_NONE, GAP_RIGHT_BEHIND, GAP_BEHIND };

/* How a command's reply finds its envelope. */
enum {
	RUN_ENV = 1,  /* counted in an envelope: the oldest message not answered, else the current
			 one */
	RUN_NODE = 2, /* it is in the log of that envelope */
	RUN_MID = 4,  /* sent between the chunks of a message: the envelope is the current one */
};

/* smtp_queue.c */
bool mw_smtp_queue_room(const struct mw_smtp *s);
void mw_smtp_queue_push(struct mw_smtp *s, enum mw_smtp_command command, uint8_t flags);
bool mw_smtp_queue_has(const struct mw_smtp *s, enum mw_smtp_command command);
const struct mw_smtp_run *mw_smtp_queue_head(const struct mw_smtp *s); /* NULL when empty */
void mw_smtp_queue_pop(struct mw_smtp *s);

/* smtp_envelope.c */
struct mw_smtp_envelope *mw_smtp_envelope_get(struct mw_smtp *s); /* the current one; may be NULL */
/* Writes a command into the current envelope's log; the flags for its run. */
uint8_t mw_smtp_envelope_log(struct mw_smtp *s, enum mw_smtp_command command, struct mw_span text);
/* The oldest logged command got its reply. The node, or NULL when it was not logged. */
const struct mw_smtp_rcpt *mw_smtp_envelope_answer(
	struct mw_smtp *s, enum mw_smtp_command command, uint8_t flags, int code, bool *dropped);
void mw_smtp_envelope_drop_current(struct mw_smtp *s);
/* The current envelope becomes the message whose content comes now; false: no memory. */
bool mw_smtp_envelope_send(struct mw_smtp *s, bool bdat);
/* Takes messages from the list of the unanswered that have nothing outstanding any more. */
void mw_smtp_envelope_settle(struct mw_smtp *s);

/* smtp_command.c */
struct mw_smtp_parsed {
	enum mw_smtp_command command;
	struct mw_span text; /* HELO, MAIL, RCPT */
	uint64_t chunk;	     /* BDAT */
	bool known;	     /* a command of some RFC */
};
struct mw_smtp_parsed mw_smtp_command_parse(struct mw_span line, bool whole);

/* smtp_line.c: takes octets up to a LF. True when a line is complete, without its CRLF. */
bool mw_smtp_line_take(struct mw_smtp *s, const uint8_t *p, size_t n, size_t *used,
	struct mw_span *line, bool *whole);
void mw_smtp_line_done(struct mw_smtp *s);

/* smtp_content.c: octets of DATA content. */
size_t mw_smtp_data(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev);

/* smtp_plain.c: how many of the first octets are plain; the states are those behind them. */
size_t mw_smtp_skip_plain(struct mw_smtp *s, const uint8_t *p, size_t n);

/* smtp_reply.c: what a reply means. code -1: none will come. */
void mw_smtp_apply(struct mw_smtp *s, int code, struct mw_smtp_event *ev);

static inline bool mw_smtp_reported(const struct mw_smtp *s, enum mw_reason anomaly)
{
	return (s->reported >> (anomaly - MW_REASON_ASYMMETRIC) & 1) != 0;
}

/* smtp_due.c */
void mw_smtp_note(struct mw_smtp *s, enum mw_reason anomaly);
void mw_smtp_lose(struct mw_smtp *s, enum mw_reason reason);
/* The next octets of the client are those of a ClientHello. */
void mw_smtp_tls_begin(struct mw_smtp *s, enum mw_reason reason);
/* The hello is over, whole or not: dark. */
void mw_smtp_tls_over(struct mw_smtp *s);
void mw_smtp_abort(struct mw_smtp *s, struct mw_smtp_envelope *env, int code, bool message);
/* Tells what waits to be told: false when nothing does. */
bool mw_smtp_due(struct mw_smtp *s, struct mw_smtp_event *ev);
void mw_smtp_event_clear(struct mw_smtp_event *ev, enum mw_smtp_kind kind);

#endif
