/*
 * The mails of a case as text and as RFC 5322 octets. Writes them from facts; never sends, never
 * reads a store. Values that came from outside (names, domains, rules) lose control characters
 * first, so that no line or header can be forged. Called by apply when a QUEUE_MAIL effect is
 * carried out.
 */
#ifndef MW_CONTROLPLANE_NOTIFY_MAIL_H
#define MW_CONTROLPLANE_NOTIFY_MAIL_H

#include "controlplane/notify/outbox.h"

#define MW_MAIL_SUBJECT_MAX 256
#define MW_MAIL_BODY_MAX    8192

/* What a mail may say. Pointers are borrowed; NULL is the same as "". Times: seconds, 0 unknown. */
struct mw_mail_facts {
	const struct mw_ticket *ticket;
	const char *customer_name;
	const char *desk_name; /* "Example Networks abuse desk" */
	const char *desk_phone;
	const char *desk_email;
	const char *remedies_url; /* what to do about an infected machine, "" none */
	const char *contact_name; /* FOLLOW_UP: who was called; TAM: the TAM */
	const char *contact_phone;
	uint64_t now_s;
	const char *const
		*evidence; /* lines for the desk's and the customer's eyes, no third party named */
	size_t evidence_count;
};

struct mw_mail_text {
	char subject[MW_MAIL_SUBJECT_MAX]; /* one line, UTF-8 */
	char body[MW_MAIL_BODY_MAX]; /* LF line ends, UTF-8, lines of at most 76 characters where
					words allow */
};

/* 0, or -EMSGSIZE when the facts do not fit. */
int mw_mail_render(
	enum mw_mail_kind kind, const struct mw_mail_facts *facts, struct mw_mail_text *out);

struct mw_mail_envelope {
	const char *from; /* address: envelope sender and From */
	const char *from_name;
	const char *reply_to;  /* "" none */
	const char *domain;    /* right side of the Message-ID */
	const char *const *to; /* addresses, already checked by mw_mail_address_ok() */
	size_t to_count;
};

/*
 * Fills an outbox record: addresses, Message-ID (stable: the same ticket, kind, contact and
 * revision give the same), octets, due now. `contact` is a list index or MW_NO_CONTACT. 0, -EINVAL
 * for an address no mail can go to, -EMSGSIZE.
 */
int mw_mail_compose(enum mw_mail_kind kind, uint8_t contact, const struct mw_mail_facts *facts,
	const struct mw_mail_envelope *envelope, struct mw_outbox_record *out);

/* "<MW-2026-000123.final.7@domain>"; with a contact "<MW-2026-000123.follow-up.2.5@domain>". */
int mw_mail_message_id(const struct mw_ticket *ticket, enum mw_mail_kind kind, uint8_t contact,
	const char *domain, char *out, size_t out_size);

/* One address of RFC 5321 that is safe in a header and in an SMTP command: local@domain, printable
 * ASCII (UTF-8 in the local part is refused: relays without SMTPUTF8), no quoting, 254 octets. */
bool mw_mail_address_ok(const char *address);

#endif
