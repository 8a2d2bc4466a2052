/*
 * One SMTP session, both directions, as a pure streaming parser (RFC 5321, 2920, 3030, 3207, 4954).
 * Octets come in, in order, cut anywhere; events go out, one a call. It judges nothing, forwards
 * nothing, reads no clock, and never keeps a credential. The lane calls it.
 *
 * How a lane feeds it, either direction:
 *
 *	do {
 *		used = mw_smtp_client(s, p, n, &ev);
 *		p += used, n -= used, position += used;
 *		... act on ev ...
 *	} while (ev.kind != MW_SMTP_MORE && ev.kind != MW_SMTP_BLOCKED);
 *
 * An event may come with used == 0, and there may be events waiting although n == 0: always call
 * until MORE or BLOCKED, and forward only what was consumed by then. Spans in an event are valid
 * until the next call with the same `s`. What waits is told by whichever function is called next,
 * so one handler takes the events of both. When a reply is `unblocked`, octets of the client that
 * were kept back are fed before the server's next reply. Octets still kept back when the session
 * ends are fed after mw_smtp_set_one_sided, before mw_smtp_finish: then what was never answered
 * counts as accepted.
 *
 * Hold points (WIRE.md section 2): with CONTENT_END, and with LOOKALIKE when `hold` is set, the
 * octet that decides is the last one consumed so far, H = position - 1.
 *
 * The order of the two directions matters, the cuts do not: the same octets cut anywhere give the
 * same events, neighbouring CONTENT events joined.
 */
#ifndef MW_DATAPLANE_PROTO_SMTP_H
#define MW_DATAPLANE_PROTO_SMTP_H

#include "common/base/arena.h"
#include "common/contract/reason.h"
#include "dataplane/proto/smtp_refusal.h"
#include "dataplane/proto/tls_hello.h"

/* Octets of a block of the envelope pool; 1024 is the least. */
#define MW_SMTP_ENVELOPE_BLOCK 2048
/* Per envelope: some 2000 recipients are listed, the others counted. */
#define MW_SMTP_ENVELOPE_BLOCKS_MAX 64
/* Octets of a command line that are kept; a longer one is anomaly long_line. */
#define MW_SMTP_LINE_MAX 768
/* No line is read, and none goes on, beyond that many octets: RFC 4954 section 4 asks for as many,
 * and servers cut longer ones and take the rest for the next command (Exim at 16384). */
#define MW_SMTP_LINE_LIMIT 12288
#define MW_SMTP_HELO_MAX   256 /* RFC 5321 4.5.3.1.2 allows 255 */
/* Octets of a line of a reply that are kept; the rest is passed over. */
#define MW_SMTP_REPLY_MAX 160
/* More lines of one reply than that, or more octets in one of its lines, and what speaks there is
 * no SMTP server: DESYNC, or NOT_SMTP before the greeting. RFC 5321 4.5.3.1.5 allows 512 octets. */
#define MW_SMTP_REPLY_LINES_MAX 1024
#define MW_SMTP_REPLY_LINE_MAX	65536
/* Runs of equal commands whose replies are outstanding; at one more the client side is BLOCKED. */
#define MW_SMTP_RUNS_MAX 64

/*
 * A message is over for the lane at CONTENT_ABORT, or when both CONTENT_END and FINAL_REPLY have
 * come, in either order (a server may speak too early). Then it releases its reference.
 */
enum mw_smtp_kind {
	/* Everything is consumed, nothing waits to be told. */
	MW_SMTP_MORE,
	/* Client: the octets after `consumed` cannot be understood before a reply of the server (to
	 * DATA, STARTTLS, AUTH, a bad BDAT, a command that nobody knows; or too many replies are
	 * outstanding, or a line is longer than MW_SMTP_LINE_LIMIT). */
	MW_SMTP_BLOCKED,
	/* The client sent HELO or EHLO, MAIL, RCPT. data: the name or address. */
	MW_SMTP_HELO,
	MW_SMTP_MAIL,
	MW_SMTP_RCPT,
	/* The client sent AUTH; nothing of it is told. */
	MW_SMTP_AUTH,
	MW_SMTP_QUIT,
	/* A message begins. envelope: one reference is the lane's from here on. */
	MW_SMTP_CONTENT_BEGIN,
	/* data: octets of the message as a receiver stores them. */
	MW_SMTP_CONTENT,
	/* The message has ended. complete: every octet was seen. */
	MW_SMTP_CONTENT_END,
	/* It ends incomplete, no FINAL_REPLY follows. code: of the chunk that was refused, else -1.
	 * !message: there was none after all (the first chunk was refused), forget it. */
	MW_SMTP_CONTENT_ABORT,
	/* A lax server might take this for the end of data; it goes on. Besides being `smuggling`,
	 * it is `reason`: which octets it was made of; SMUGGLING where those before it were never
	 * seen.
	 */
	MW_SMTP_LOOKALIKE,
	/* The server's first reply. code. */
	MW_SMTP_GREETING,
	/* code, command, data: text of the last line; rcpt when the command was RCPT. */
	MW_SMTP_REPLY,
	/* To BDAT without LAST. envelope, NULL when its message is over. */
	MW_SMTP_CHUNK_REPLY,
	/* To the whole content. code -1: none will come. !message: there was none after all. */
	MW_SMTP_FINAL_REPLY,
	/* TLS begins: nothing of the session can be read any more but the client's hello, which is
	 * read next. reason: MW_REASON_STARTTLS or MW_REASON_IMPLICIT_TLS. */
	MW_SMTP_TLS,
	/* Dark from here on. hello: how it came, the server's name and the version in it. Told once
	 * behind each TLS: when the hello is whole, when it is found not to be one, when the server
	 * speaks before its end, at a gap, behind MW_TLS_HELLO_MAX octets, by mw_smtp_finish. */
	MW_SMTP_TLS_HELLO,
	/* reason, of the ANOMALY group; each is told once a session. */
	MW_SMTP_ANOMALY,
	/* Dark from here on. reason: DESYNC, GAP, MEMORY, NOT_SMTP, UNSUPPORTED_ENCODING. */
	MW_SMTP_LOST,
};

enum mw_smtp_command {
	MW_SMTP_CMD_NONE, /* a reply nobody asked for */
	MW_SMTP_CMD_GREETING,
	MW_SMTP_CMD_HELO,
	MW_SMTP_CMD_EHLO,
	MW_SMTP_CMD_MAIL,
	MW_SMTP_CMD_RCPT,
	MW_SMTP_CMD_RSET,
	MW_SMTP_CMD_DATA,
	MW_SMTP_CMD_CONTENT, /* what follows a 354 */
	MW_SMTP_CMD_BDAT,
	MW_SMTP_CMD_BDAT_LAST,
	MW_SMTP_CMD_BDAT_BAD,
	MW_SMTP_CMD_STARTTLS,
	MW_SMTP_CMD_AUTH,
	MW_SMTP_CMD_QUIT,
	MW_SMTP_CMD_UNKNOWN,	  /* whatever it makes a server do, its reply tells */
	MW_SMTP_CMD_NOT_FOLLOWED, /* BURL, TURN, ATRN, XEXCH50: accepted, they end inspection */
	MW_SMTP_CMD_OTHER,
};

/* Strongest wins (INSPECT.md). */
enum mw_smtp_starttls {
	MW_SMTP_STARTTLS_NO,
	MW_SMTP_STARTTLS_OFFERED,
	MW_SMTP_STARTTLS_REFUSED,
	MW_SMTP_STARTTLS_USED,
};

/* One line of an envelope's log; the lane walks env->rcpts by `next`, reads address and reply. */
struct mw_smtp_rcpt {
	struct mw_smtp_rcpt *next;
	struct mw_span address; /* without brackets, route and parameters, case as it came */
	int16_t reply;		/* -1: none seen */

	/* internal from here: MAIL, RSET, HELO and EHLO are logged in the same way */
	uint8_t command;
	uint32_t rcpts_before;
	uint64_t time_ns;
	struct mw_smtp_rcpt *log_next;
};

struct mw_smtp_envelope {
	struct mw_arena arena; /* owns this very struct too */
	void *user;	       /* the lane's */
	/* By mw_smtp_set_now: the first octet of MAIL (without one: of DATA or BDAT), and the octet
	 * that ended the content, 0 before. */
	uint64_t start_ns, end_ns;

	struct mw_span helo;	    /* data NULL: unknown */
	struct mw_span mail_from;   /* data NULL: unknown; len 0: the null sender */
	struct mw_smtp_rcpt *rcpts; /* in order, refused ones too */
	uint32_t rcpt_count;	    /* listed or not */
	uint32_t rcpts_unlisted;    /* beyond the cap: counted only */
	uint32_t rcpts_accepted;
	uint32_t rcpts_refused;
	int16_t data_reply; /* to the content; -1: none seen */
	bool bdat;	    /* came by BDAT, else by DATA */
	bool ended;	    /* its last octet was consumed */
	bool gap;	    /* octets of it were never seen */
	bool lookalike;	    /* held an end-of-data look-alike */

	/* internal from here */
	bool dead;     /* aborted: what the server still says to it is nobody's concern */
	bool answered; /* its final reply came */
	bool chunk_accepted;
	bool mail_accepted;
	bool restore; /* was no message after all: the transaction goes on */
	uint8_t refs;
	uint32_t outstanding; /* its commands MAIL, RCPT, RSET, HELO, EHLO without a reply */
	uint32_t chunks;      /* replies to its content that are outstanding */
	uint32_t rcpts_seen;
	uint64_t content_ns;	       /* of DATA or BDAT */
	struct mw_smtp_envelope *next; /* next message whose replies are outstanding */
	struct mw_smtp_rcpt *log_last, *unanswered, *rcpt_last;
	uint8_t helo_text[MW_SMTP_HELO_MAX];
};

struct mw_smtp_event {
	enum mw_smtp_kind kind;
	enum mw_reason reason;
	enum mw_smtp_command command;
	int code; /* 200..599; -1: no reply */
	/* Of a reply: its enhanced status code, and what a refusal says; a reply of several lines
	 * is judged by all of them. */
	struct mw_smtp_enhanced enhanced;
	enum mw_smtp_refusal refusal;
	struct mw_span data;
	struct mw_smtp_envelope *envelope;
	const struct mw_smtp_rcpt *rcpt;  /* REPLY to RCPT: whose, NULL when not listed */
	const struct mw_tls_hello *hello; /* TLS_HELLO */
	bool hold;			  /* LOOKALIKE: the last octet is a hold point */
	bool complete;			  /* CONTENT_END */
	bool message;	/* CONTENT_ABORT, FINAL_REPLY: false when there was no message after all */
	bool unblocked; /* a reply after which the client side can be fed again */
	bool dropped;	/* a reply that dropped the open transaction (RSET, HELO, EHLO) */
};

struct mw_smtp_run {
	uint8_t command; /* enum mw_smtp_command */
	uint8_t flags;
	uint16_t count;
};

/* Fixed size; the lane keeps one a session. All fields are internal. */
struct mw_smtp {
	struct mw_pool *pool;
	uint64_t now_ns;
	uint64_t line_ns;		  /* when the line being read began */
	uint64_t chunk_left;		  /* octets of the BDAT chunk still to come */
	uint64_t reported;		  /* anomalies found, one bit each */
	uint64_t waiting;		  /* those of them not told yet */
	struct mw_smtp_envelope *current; /* being filled by MAIL and RCPT, not sent yet */
	struct mw_smtp_envelope *content; /* whose octets the client is sending */
	struct mw_smtp_envelope *sent;	  /* oldest message with replies outstanding */
	struct mw_smtp_envelope *sent_last;
	struct mw_smtp_envelope *abort_due; /* CONTENT_ABORT still to be told */
	uint32_t outstanding;		    /* replies */
	uint32_t line_len;		    /* octets of the line so far, kept or not */
	uint32_t reply_len;
	uint16_t line_kept;
	uint16_t helo_len;
	uint16_t bad_replies;
	uint16_t reply_lines; /* of the reply being read */
	uint16_t lost_due;    /* enum mw_reason: LOST still to be told */
	int16_t abort_code;
	uint8_t runs, run_first;
	uint8_t state;	      /* of the client side */
	uint8_t body;	      /* of DATA content: the strict reading */
	uint8_t lax;	      /* the same as a lax server might read it */
	uint8_t lax_last;     /* what the last octet of content was, where it matters */
	uint8_t dot_behind;   /* a dot that stands alone on a lax line: what is in front of it */
	bool dot_nul;	      /* and whether a NUL is next to it */
	uint8_t lookalike_as; /* LOOKALIKE still to be told: its reason, places behind SMUGGLING */
	uint8_t starttls;
	uint8_t reply_refusal; /* enum mw_smtp_refusal: of the lines of this reply so far */
	struct mw_smtp_enhanced reply_enhanced;
	bool line_cr; /* the last octet of the line so far was CR */
	bool line_bare_cr, line_nul;
	bool line_secret; /* AUTH: the rest of the line is not kept */
	bool line_over;	  /* it was told, and can be forgotten at the next call */
	bool lookalike_due, lookalike_hold;
	bool chunk_last;
	bool helo_known;
	bool one_sided, dark, finishing;
	bool tls;	    /* the client's hello is being read */
	bool hello_due;	    /* TLS_HELLO still to be told */
	bool unsure;	    /* the greeting may have gone by unseen */
	bool greeted;	    /* the first reply was complete */
	bool client_seen;   /* a line of the client was complete */
	bool reply_multi;   /* in the middle of a multi-line reply */
	bool abort_message; /* what CONTENT_ABORT is to say */
	bool tls_probe;	    /* one-sided: the next octet tells whether STARTTLS was accepted */
	bool chunking, chunking_listed; /* offered by the last EHLO; by the reply being read */
	bool is_inline, tls_refused;	/* mw_smtp_set_inline */
	bool auth_seen;
	bool auth_lines; /* one-sided: lines may be credentials */
	struct mw_smtp_run run[MW_SMTP_RUNS_MAX];
	uint8_t helo[MW_SMTP_HELO_MAX];
	uint8_t reply[MW_SMTP_REPLY_MAX];
	union {
		uint8_t line[MW_SMTP_LINE_MAX];
		struct mw_tls_hello hello; /* there are no lines under TLS */
	};
};

/* `envelope_pool`: blocks of MW_SMTP_ENVELOPE_BLOCK octets. Starts before the greeting. */
void mw_smtp_init(struct mw_smtp *s, struct mw_pool *envelope_pool);
/* Gives all memory back but envelopes the lane holds a reference to. No event is told. */
void mw_smtp_close(struct mw_smtp *s);

/* The time of the octets that are fed next; only copied into envelopes. */
void mw_smtp_set_now(struct mw_smtp *s, uint64_t now_ns);
/* The session is joined between two commands: its greeting went by before. Before anything is fed.
 */
void mw_smtp_join(struct mw_smtp *s);
/* The greeting may have gone by before: when the client has spoken, a first reply that is none of
 * 220, 554 and 421 (RFC 5321 3.1, 3.8) answers its command, and is told as a REPLY. */
void mw_smtp_greeting_unsure(struct mw_smtp *s);
/* The lane stands between the two, and what a server might read in another way does not pass: a
 * chunk only where CHUNKING was offered, for else its octets are commands; and but for a port at
 * which clients begin with TLS (RFC 8314 knows 465 alone), what looks like a ClientHello is a line,
 * unless the server's first octets are TLS, too. */
void mw_smtp_set_inline(struct mw_smtp *s, bool tls_first);
/* One direction only is seen: from now on (and for what is outstanding) a missing reply counts as
 * acceptance; nothing is ever BLOCKED. Octets of the server are read for STARTTLS only. */
void mw_smtp_set_one_sided(struct mw_smtp *s);

/* Each: octets consumed, and at most one event. */
size_t mw_smtp_client(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev);
size_t mw_smtp_server(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev);

/* The next `octets` of the client will never be seen. Inside BDAT they are counted off; inside DATA
 * the search for the end goes on; both make the message incomplete (no CONTENT follows; CONTENT_END
 * has !complete). Elsewhere: LOST. Call mw_smtp_client afterwards until MORE, with n == 0 if need
 * be. */
void mw_smtp_gap_client(struct mw_smtp *s, uint64_t octets);
/* Octets of the server will never be seen: from now on as with mw_smtp_set_one_sided. */
void mw_smtp_gap_server(struct mw_smtp *s);

/* The session is over: call until MORE. Every message still open (CONTENT_ABORT) or unanswered
 * (FINAL_REPLY, code -1) is handed out; then mw_smtp_close. */
void mw_smtp_finish(struct mw_smtp *s, struct mw_smtp_event *ev);

/* Gives the lane's reference back (once for each CONTENT_BEGIN). */
void mw_smtp_envelope_release(struct mw_smtp_envelope *env);

/* WIRE.md section 1: a segment begins `offset` octets (> 0) after the in-order position; how many
 * of its first octets may be forwarded whatever the gap holds. */
size_t mw_smtp_beyond_gap(const struct mw_smtp *s, uint64_t offset, struct mw_span segment);

/* Between transactions, no reply outstanding, no partial line either way. */
bool mw_smtp_idle(const struct mw_smtp *s);
uint32_t mw_smtp_replies_outstanding(const struct mw_smtp *s);
/* The server is in the middle of a line or of a multi-line reply. */
bool mw_smtp_reply_open(const struct mw_smtp *s);
bool mw_smtp_blocked(const struct mw_smtp *s);
/* Octets of a credential may be among those the client has sent: from an AUTH command on. */
bool mw_smtp_secret(const struct mw_smtp *s);
bool mw_smtp_dark(const struct mw_smtp *s);
bool mw_smtp_in_content(const struct mw_smtp *s);
enum mw_smtp_starttls mw_smtp_starttls(const struct mw_smtp *s);
/* "no" "offered" "refused" "used" */
const char *mw_smtp_starttls_name(enum mw_smtp_starttls status);

#endif
