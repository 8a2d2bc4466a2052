/* The outbox and the relay: due mails out, answers back. A mail leaves at least once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/apply/apply.h"
#include "controlplane/store/outbox.h"

int mw_apply_mails(struct mw_apply *apply, struct mw_mailer *mailer, uint64_t now_s)
{
	struct mw_cases_txn txn = mw_cases_read(apply->core->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_OUTBOX_DUE, mw_span_of("", 0));
	struct mw_mail_result unfit = {.outcome = MW_MAIL_REFUSED};
	int handed = 0, rc = 0;
	uint64_t id;

	while (rc != -EAGAIN && mw_outbox_next_due(&walk, now_s, &id)) {
		if (!mw_outbox_get(&txn, id, &apply->mail))
			continue;
		rc = mw_mailer_submit(mailer, &apply->mail);
		if (rc == 0)
			handed++;
		else if (rc == -EINVAL)
			unfit.id = id;
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	if (unfit.id != 0) {
		/* It never will fit: better the desk hears of it than that it waits for ever. */
		snprintf(unfit.reply, sizeof(unfit.reply), "the mail is not one that can be sent");
		txn = mw_cases_write(apply->core->cases);
		mw_core_mail_result(apply->core, &txn, &unfit, now_s);
		mw_cases_commit(&txn);
	}
	return handed;
}

int mw_apply_mail_results(struct mw_apply *apply, struct mw_mailer *mailer, uint64_t now_s)
{
	struct mw_mail_result result;
	int taken = 0;

	while (mw_mailer_result(mailer, &result) == 1) {
		struct mw_cases_txn txn = mw_cases_write(apply->core->cases);
		int rc;

		mw_core_mail_result(apply->core, &txn, &result, now_s);
		mw_cases_step(apply->core->cases, "mail-answered");
		rc = mw_cases_commit(&txn);
		if (rc != 0)
			return rc;
		taken++;
	}
	return taken;
}
