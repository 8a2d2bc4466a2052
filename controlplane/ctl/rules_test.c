/*
 * weirctl rules test: the message becomes a capture, and the dataplane's replay reads it with the
 * rules in force. So the answer is the lane's own, not a second opinion.
 */
#include "controlplane/ctl/rules_test.h"

#include <errno.h>
#include <string.h>

#include "controlplane/ctl/capture.h"
#include "controlplane/ctl/rules_job.h"

void mw_cmd_rules_test(struct mw_command *c)
{
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	uint64_t generation = mw_meta_get(&txn, "ruleset_generation");
	char ruleset[512], capture[512], error[512];
	FILE *out;
	int rc;

	mw_cases_abort(&txn);
	if (c->ctl->replay_program[0] == '\0') {
		mw_refuse(c, MW_EXIT_REFUSED,
			"mailweir-replay is not beside mailweir-controlplane: it is what reads the "
			"message");
		return;
	}
	if (generation == 0) {
		mw_refuse(c, MW_EXIT_REFUSED,
			"no rules are in force. Next: weirctl rules load PATH...");
		return;
	}
	mw_apply_ruleset_path(c->ctl->apply, generation, ruleset, sizeof(ruleset));
	snprintf(capture, sizeof(capture), "%s/rules/test.pcap", c->ctl->apply->state_dir);
	if (mw_rules_job_fd(c->ctl->rules) >= 0) {
		mw_refuse(c, MW_EXIT_REFUSED, "the compiler is at work: %s",
			mw_rules_job_state(c->ctl->rules));
		return;
	}
	out = fopen(capture, "we");
	rc = out == NULL ? -errno : mw_capture_message(out, c->data, c->now_s);
	if (out != NULL && fclose(out) != 0)
		rc = -errno;
	if (rc != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s cannot be written: %s", capture, strerror(-rc));
	else if (mw_rules_job_test(c->ctl->rules, c->ctl->replay_program, ruleset, capture,
			 c->client, c->json, error, sizeof(error)) != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s", error);
	else
		c->reply->later = true;
}
