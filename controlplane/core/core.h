/*
 * Decides. An event of the dataplane, a timer, a word from the desk or from the relay comes in with
 * the time; the ticket it concerns moves by the rules of controlplane/ticket, and all that follows
 * is stored in the one transaction the caller opened: ticket, timers, tasks, mails, verdict,
 * evidence, history, audit. Reads no clock, opens no file, sends nothing: apply/ acts after the
 * commit, from what was stored. So a crash at any point loses nothing that was decided and repeats
 * nothing.
 */
#ifndef MW_CONTROLPLANE_CORE_CORE_H
#define MW_CONTROLPLANE_CORE_CORE_H

#include "common/base/time.h"
#include "common/store/events.h"
#include "controlplane/input/settings.h"
#include "controlplane/notify/mail.h"
#include "controlplane/store/customers.h"
#include "controlplane/store/tickets.h"

#define MW_CORE_BATCH_MAX 256 /* events taken in by one transaction */

/* Since the process began; for metrics and status. */
struct mw_core_counters {
	uint64_t tickets_opened;
	uint64_t steps, refusals;
	uint64_t timers_fired;
	uint64_t alarms;
	uint64_t events_consumed, events_lost, events_restarts, events_unreadable, events_unknown;
	uint64_t observations[3]; /* by enum mw_message_class */
	uint64_t findings[MW_FINDING_COUNT];
	uint64_t retries, campaign_repeats;
	uint64_t sessions;
	/* Of all sessions told: RCPT answered with 5yz, by what the reply says, and policy said to
	 * anything else. */
	uint64_t recipients_refused, recipients_unknown, recipients_policy, policy_refusals;
	uint64_t mails[MW_MAIL_OUTCOME_COUNT];
};

/* What one customer did within a batch. */
struct mw_core_pending {
	uint32_t customer_index;
	uint64_t messages; /* spam-like, without retries */
	uint64_t last_s, date_s;
	enum mw_detect_finding finding;
	char sentence[MW_DETECT_SENTENCE_MAX];
};

struct mw_core_event {
	uint64_t seq;
	struct mw_event event;
};

struct mw_core {
	struct mw_cases *cases;
	const struct mw_settings *settings;
	struct mw_core_counters counters;
	/* Room for the work of one call; nothing is carried over in it. */
	struct mw_ticket ticket;
	struct mw_ticket_event step;
	struct mw_effect_list effects;
	struct mw_detect_state detector;
	struct mw_outbox_record mail;
	struct mw_mail_envelope envelope;
	struct mw_event evidence;
	uint32_t batch_count, pending_count;
	struct mw_core_event batch[MW_CORE_BATCH_MAX];
	struct mw_detect_observation observations[MW_CORE_BATCH_MAX];
	struct mw_core_pending pending[MW_CORE_BATCH_MAX];
};

void mw_core_init(struct mw_core *core, struct mw_cases *cases, const struct mw_settings *settings);

/*
 * Takes in the next events after the stored cursor, in a transaction of its own. How many events
 * there were (MW_CORE_BATCH_MAX: there may be more), or negative errno: then nothing was taken
 * (-ENOSPC: the map is too full for new cases, the events wait where they are).
 */
int mw_core_ingest(struct mw_core *core, struct mw_events *events, uint64_t now_s);

/*
 * One event of one ticket. 0, or the error of mw_ticket_step() with a sentence in
 * core->effects.refusal and nothing stored; -ENOENT when there is no such ticket.
 */
int mw_core_step(struct mw_core *core, struct mw_cases_txn *txn, uint64_t ticket,
	const struct mw_ticket_event *event, uint64_t now_s);

/* Opens a ticket. -EEXIST when the customer has one (its key in `ticket`), -ENOENT no customer. */
int mw_core_open(struct mw_core *core, struct mw_cases_txn *txn, const char *customer,
	enum mw_opening how, const char *reason, const char *by, uint64_t now_s, uint64_t *ticket);

/* Fires what is due, at most `max` timers, in a transaction of its own. How many, or negative. */
int mw_core_timers(struct mw_core *core, uint64_t now_s, uint32_t max);

/* The relay's answer. */
int mw_core_mail_result(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_mail_result *result, uint64_t now_s);

/* The policy commit that holds this customer's verdict is done: tells the ticket that waits for it.
 */
void mw_core_effective(
	struct mw_core *core, struct mw_cases_txn *txn, uint32_t customer_index, uint64_t now_s);

/* A verdict set by a person. `expires_s` 0: it stands until cleared. */
void mw_core_desk_verdict(struct mw_core *core, struct mw_cases_txn *txn, uint32_t customer_index,
	enum mw_verdict verdict, const char *reason, const char *by, uint64_t expires_s,
	uint64_t now_s);
/* The same on one line of customer `owner`: there it counts before his. Returns the line's index.
 */
uint32_t mw_core_line_verdict(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_line_key *line, uint32_t owner, enum mw_verdict verdict, const char *reason,
	const char *by, uint64_t expires_s, uint64_t now_s);
/* `index` of a customer or of a line, `why` may be "". False: no person had set one. */
bool mw_core_desk_clear(struct mw_core *core, struct mw_cases_txn *txn, uint32_t index,
	const char *why, const char *by, uint64_t now_s);
/* mw_customer_set_lines(); a line that leaves the customer loses its verdict, which was about him.
 */
int mw_core_set_lines(struct mw_core *core, struct mw_cases_txn *txn, struct mw_desk_customer *rec,
	const struct mw_line_key *lines, size_t count, char owner[MW_CUSTOMER_ID_MAX],
	const char *by, uint64_t now_s);

/* By what right the settings hand mail to the gateway: into the audit, whenever it has changed. In
 * a transaction of its own; 0 or negative errno. */
int mw_core_note_basis(struct mw_core *core, uint64_t now_s);

/* The class of a customer; the default class when the settings no longer have his. */
const struct mw_class_policy *mw_core_class(const struct mw_core *core, const char *class_name);

/* Seconds since the epoch of a Date header (RFC 5322 3.3, with the obsolete zones); 0: unreadable.
 */
uint64_t mw_core_date_s(const char *text);
/* "2026-11-22 09:08:07" (UTC). */
#define MW_CORE_TIME_TEXT 24
char *mw_core_time_format(uint64_t s, char out[MW_CORE_TIME_TEXT]);
/* The year (UTC) of a moment, for ticket numbers. */
uint16_t mw_core_year(uint64_t now_s);

#endif
