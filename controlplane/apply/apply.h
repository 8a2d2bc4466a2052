/*
 * Acts on what was decided and stored. Verdicts, customers and lines go from `cases` to `policy`,
 * mails from the outbox to the relay, answers back. Everything it does can be done again: a
 * publication writes present values, a mail carries a stable Message-ID. Decides nothing.
 */
#ifndef MW_CONTROLPLANE_APPLY_APPLY_H
#define MW_CONTROLPLANE_APPLY_APPLY_H

#include "common/store/policy.h"
#include "controlplane/core/core.h"
#include "controlplane/notify/mailer.h"

#define MW_APPLY_BATCH_MAX 4096 /* changes published by one transaction */

struct mw_apply {
	struct mw_core *core;
	struct mw_policy *policy;
	char state_dir[256];
	uint64_t published_cursor;
	uint64_t published_revision;
	uint64_t policy_generation;
	struct mw_outbox_record mail;
	uint32_t touched_count; /* customers whose verdict was published, not yet told to their
				   ticket */
	uint32_t touched[MW_APPLY_BATCH_MAX];
};

/* At the start: whatever `policy` lacks or has too much of is put right from `cases`. 0, or
 * negative errno with a sentence. */
int mw_apply_start(struct mw_apply *apply, struct mw_core *core, struct mw_policy *policy,
	const char *state_dir, uint64_t now_s, char *error, size_t error_size);
/* Publishes all that changed since, and the events cursor. Returns 0 when `policy` holds what
 * `cases` says (synced), else negative errno: it will be tried again. */
int mw_apply_publish(struct mw_apply *apply, uint64_t now_s);
/* Something waits to be published. */
bool mw_apply_pending(struct mw_apply *apply);
/* How many changes wait; the cursor does not count. */
uint64_t mw_apply_changes(struct mw_apply *apply);
/* The verdict as the dataplane is told it: of the desk or the ticket, with the responder's words.
 * `index`: of a customer or of a line. PASS with since_s 0: nobody has set one, his class counts.
 */
void mw_apply_verdict(struct mw_apply *apply, struct mw_cases_txn *txn, uint32_t customer_index,
	uint64_t now_s, struct mw_verdict_record *out);

/* The one that counts for the customer of that record of his or his line's, his class included. */
enum mw_verdict mw_apply_in_force(struct mw_apply *apply, const struct mw_desk_customer *customer,
	const struct mw_verdict_record *set);

/* Hands due mails to the mailer. How many were handed over. */
int mw_apply_mails(struct mw_apply *apply, struct mw_mailer *mailer, uint64_t now_s);
/* Takes the relay's answers, each in a transaction of its own. How many, or negative errno. */
int mw_apply_mail_results(struct mw_apply *apply, struct mw_mailer *mailer, uint64_t now_s);

/* The compiled rules of a generation: STATE/rules/GENERATION.mwr. */
void mw_apply_ruleset_path(
	const struct mw_apply *apply, uint64_t generation, char *out, size_t out_size);

#endif
