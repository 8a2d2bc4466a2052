/*
 * One mail on its way out, as the `cases` environment keeps it from the transaction that asked for
 * it until the relay has taken it. Pure: encoding, and when to try again. At least once, with a
 * stable Message-ID, is the promise; the receiver's duplicate suppression does the rest.
 */
#ifndef MW_CONTROLPLANE_NOTIFY_OUTBOX_H
#define MW_CONTROLPLANE_NOTIFY_OUTBOX_H

#include "controlplane/ticket/event.h"

#define MW_OUTBOX_RECIPIENTS_MAX (MW_TICKET_CONTACTS_MAX + 2)
#define MW_OUTBOX_OCTETS_MAX	 20480
#define MW_OUTBOX_REPLY_MAX	 256
#define MW_MESSAGE_ID_MAX	 255
#define MW_OUTBOX_RECORD_MAX	 28672

enum mw_outbox_state {
	MW_OUTBOX_QUEUED,
	MW_OUTBOX_ACCEPTED,
	MW_OUTBOX_FAILED,
	MW_OUTBOX_STATE_COUNT
};

struct mw_outbox_record {
	uint64_t id; /* given by the store */
	struct mw_ticket_number ticket;
	enum mw_mail_kind kind;
	uint8_t contact;   /* MW_NO_CONTACT */
	uint32_t revision; /* of the ticket that asked for it */
	enum mw_outbox_state state;
	uint32_t attempts;
	uint64_t created_s;
	uint64_t next_try_s;
	uint64_t done_s;		      /* accepted or given up, 0 not yet */
	uint32_t last_code;		      /* of the relay's last reply, 0 none */
	char last_reply[MW_OUTBOX_REPLY_MAX]; /* printable, one line: the relay's or our own words
					       */
	char message_id[MW_MESSAGE_ID_MAX];
	char from[MW_CONTACT_EMAIL_MAX];
	uint8_t to_count;
	char to[MW_OUTBOX_RECIPIENTS_MAX][MW_CONTACT_EMAIL_MAX];
	uint32_t octets_len;
	uint8_t octets[MW_OUTBOX_OCTETS_MAX]; /* the message, CRLF line ends, not dot-stuffed */
};

size_t mw_outbox_encode(const struct mw_outbox_record *record, uint8_t *out, size_t size);
int mw_outbox_decode(struct mw_span in, struct mw_outbox_record *out);

enum mw_mail_outcome {
	MW_MAIL_ACCEPTED,
	MW_MAIL_DEFERRED, /* 4xx, no connection, timeout: try again */
	MW_MAIL_REFUSED,  /* 5xx */
	MW_MAIL_OUTCOME_COUNT
};

struct mw_mail_result {
	uint64_t id;
	enum mw_mail_outcome outcome;
	uint32_t code;			 /* SMTP reply code, 0 when there was none */
	char reply[MW_OUTBOX_REPLY_MAX]; /* printable, one line */
	uint8_t refused_count;		 /* recipients refused while others were accepted */
};

#define MW_OUTBOX_GIVE_UP_S (5u * 86400u) /* RFC 5321 4.5.4.1: at least 4-5 days */

/* Seconds until the next try after `attempts` tries: 15 s, doubling, at most 15 min. */
uint32_t mw_outbox_backoff_s(uint32_t attempts);
/* Applies a result: state, attempts, next_try_s, reply. DEFERRED for longer than
 * MW_OUTBOX_GIVE_UP_S becomes FAILED. */
void mw_outbox_apply(
	struct mw_outbox_record *record, const struct mw_mail_result *result, uint64_t now_s);

const char *mw_outbox_state_name(enum mw_outbox_state state);
const char *mw_mail_outcome_name(enum mw_mail_outcome outcome);

#endif
