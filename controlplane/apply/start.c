/*
 * At the start: what `policy` says is compared with `cases`, thing by thing, and put right. It may
 * be behind (killed between the two commits), empty (a new or a lost environment) or hold a verdict
 * that no longer stands.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/apply/publish.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/verdicts.h"

#define START_BATCH 20000 /* things compared within one transaction of `policy` */

struct start {
	struct mw_apply *apply;
	struct mw_cases_txn from;
	struct mw_policy_txn to;
	uint64_t now_s;
	uint32_t in_batch;
	int rc;
	/* verdicts and lines of `policy`, looked at in a read transaction of their own */
	uint32_t index[1024];
	struct mw_line_key line[1024];
	uint32_t count;
	bool more;
};

static void one_done(struct start *s)
{
	if (++s->in_batch < START_BATCH || s->rc != 0)
		return;
	s->rc = mw_policy_commit(&s->to);
	if (s->rc == 0)
		s->rc = mw_policy_begin_write(s->apply->policy, &s->to);
	s->in_batch = 0;
}

static void customers(struct start *s)
{
	uint64_t count = mw_meta_get(&s->from, "customer_index");

	/* By index, so that an empty `policy` gives out the same ones. */
	for (uint32_t i = 0; i < count && s->rc == 0; i++) {
		mw_publish_customer(s->apply, &s->from, &s->to, i);
		one_done(s);
	}
}

static void lines(struct start *s)
{
	struct mw_walk walk = mw_walk_from(&s->from, MW_TABLE_LINES, mw_span_of("", 0));
	struct mw_line_key line;

	while (s->rc == 0 && mw_walk_next(&walk, mw_span_of("", 0))) {
		if (mw_line_key_read(mw_span_of(walk.key, walk.key_len), &line))
			mw_publish_line(&s->from, &s->to, &line, s->now_s);
		one_done(s);
	}
	mw_walk_end(&walk);
}

static void verdicts(struct start *s)
{
	struct mw_walk walk = mw_walk_from(&s->from, MW_TABLE_VERDICTS, mw_span_of("", 0));
	enum mw_verdict_source source;
	struct mw_verdict_record rec;

	while (s->rc == 0 && mw_verdict_next(&walk, &source, &rec)) {
		mw_publish_verdict(s->apply, &s->from, &s->to, rec.customer_index, s->now_s);
		one_done(s);
	}
	mw_walk_end(&walk);
}

/* A verdict or a line in `policy` of which `cases` knows nothing is looked at again, too. */
static void stray_verdict(void *ctx, const struct mw_verdict_record *rec)
{
	struct start *s = ctx;
	struct mw_verdict_record want;

	if (mw_publish_wanted(s->apply, &s->from, rec->customer_index, s->now_s, &want))
		return;
	if (s->count < 1024)
		s->index[s->count++] = rec->customer_index;
	else
		s->more = true;
}

static void stray_line(void *ctx, const struct mw_line_record *rec)
{
	struct start *s = ctx;
	uint32_t owner;

	if (mw_line_owner(&s->from, &rec->key, &owner))
		return;
	if (s->count < 1024)
		s->line[s->count++] = rec->key;
	else
		s->more = true;
}

static void strays(struct start *s, unsigned part)
{
	const struct mw_policy_sink sink = {.ctx = s, .verdict = stray_verdict, .line = stray_line};

	s->more = true;
	while (s->rc == 0 && s->more) {
		s->more = false;
		s->count = 0;
		s->rc = mw_policy_walk(&s->to, part, &sink);
		for (uint32_t i = 0; i < s->count && s->rc == 0; i++) {
			if (part == MW_POLICY_VERDICTS)
				mw_policy_clear_verdict(&s->to, s->index[i]);
			else
				mw_policy_del_line(&s->to, &s->line[i]);
		}
	}
}

/* Tickets that wait to hear that their verdict is in force: it is now. */
static int tell_tickets(struct mw_apply *apply, uint64_t now_s)
{
	struct mw_cases_txn txn = mw_cases_write(apply->core->cases);
	uint64_t next = 0;
	bool more = true;

	while (more && next <= UINT32_MAX) {
		struct mw_key from = mw_key_u32((uint32_t)next);
		/* A fresh walk each time: a ticket told may leave the table it walks. */
		struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_OPEN_TICKETS, mw_key_span(&from));

		more = mw_walk_next(&walk, mw_span_of("", 0)) && walk.key_len == 4;
		mw_walk_end(&walk);
		if (more) {
			uint32_t index = mw_key_read_u32(walk.key);

			mw_core_effective(apply->core, &txn, index, now_s);
			next = (uint64_t)index + 1;
		}
	}
	return mw_cases_commit(&txn);
}

int mw_apply_start(struct mw_apply *apply, struct mw_core *core, struct mw_policy *policy,
	const char *state_dir, uint64_t now_s, char *error, size_t error_size)
{
	static struct start s;

	memset(apply, 0, sizeof(*apply));
	memset(&s, 0, sizeof(s));
	apply->core = core;
	apply->policy = policy;
	snprintf(apply->state_dir, sizeof(apply->state_dir), "%s", state_dir);
	s.apply = apply;
	s.now_s = now_s;
	s.from = mw_cases_read(core->cases);
	s.rc = mw_policy_begin_write(policy, &s.to);
	if (s.rc == 0) {
		customers(&s);
		lines(&s);
		strays(&s, MW_POLICY_LINES);
		verdicts(&s);
		strays(&s, MW_POLICY_VERDICTS);
		mw_publish_settings(apply, &s.from, &s.to);
		if (s.rc == 0 && s.from.base.error != 0)
			s.rc = s.from.base.error;
		if (s.rc == 0)
			s.rc = mw_policy_commit(&s.to);
		else
			mw_policy_end(&s.to);
	}
	mw_cases_abort(&s.from);
	if (s.rc == 0)
		s.rc = mw_apply_publish(apply, now_s);
	if (s.rc == 0)
		s.rc = tell_tickets(apply, now_s);
	if (s.rc == 0)
		s.rc = mw_apply_publish(apply, now_s);
	if (s.rc == -EXDEV)
		snprintf(error, error_size,
			"the policy environment in %s belongs to other cases: move it away, it is "
			"made anew",
			state_dir);
	else if (s.rc != 0)
		snprintf(error, error_size, "the policy environment in %s cannot be put right: %s",
			state_dir, strerror(-s.rc));
	return s.rc;
}
