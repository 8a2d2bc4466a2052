/*
 * Hands mails to the relay over SMTP (libcurl), in one worker thread, so that a slow relay never
 * stops the daemon. A queue goes in, results come out behind an eventfd. Keeps nothing: what is not
 * answered for when the process ends is tried again from the outbox.
 */
#ifndef MW_CONTROLPLANE_NOTIFY_MAILER_H
#define MW_CONTROLPLANE_NOTIFY_MAILER_H

#include "controlplane/notify/outbox.h"

#define MW_MAILER_QUEUE_MAX 64

struct mw_relay {
	char host[256]; /* name or address; IPv6 without brackets */
	uint16_t port;
	char helo[128];	   /* what we greet with */
	bool tls_required; /* else STARTTLS where it is offered */
	char user[128];	   /* "" no AUTH */
	char password[128];
	uint32_t connect_s; /* time limits: connecting, and the whole transaction */
	uint32_t total_s;
};

struct mw_mailer; /* one thread; submit and result are called by one other thread */

/* NULL with a sentence in `error`. */
struct mw_mailer *mw_mailer_start(const struct mw_relay *relay, char *error, size_t error_size);
/* Readable when results wait. Owned by the mailer. */
int mw_mailer_fd(const struct mw_mailer *mailer);
/* Copies the record. 0, -EAGAIN when the queue is full (try later), -EEXIST when that id is in the
 * queue or on its way, -EINVAL. */
int mw_mailer_submit(struct mw_mailer *mailer, const struct mw_outbox_record *record);
/* 1 and a result, or 0 when there is none. Clears the fd with the last one. */
int mw_mailer_result(struct mw_mailer *mailer, struct mw_mail_result *out);
/* New relay from the next mail on. */
void mw_mailer_set_relay(struct mw_mailer *mailer, const struct mw_relay *relay);
/* Ends the transaction in progress and the thread; frees everything. NULL is allowed. */
void mw_mailer_stop(struct mw_mailer *mailer);

#endif
