/*
 * Which rules run: scores by default and by flag, what a meta needs and whether it can be had, and
 * which rules can matter at all. A meta with a part that is not supported is itself not supported:
 * guessing a negated part would make it hit too often.
 */
#include "controlplane/rules/meta.h"
#include "controlplane/rules/plan.h"

#include <stdlib.h>

enum { UNSEEN, VISITING, DONE };

bool mw_def_hidden(const struct mw_def *def)
{
	return strncmp(def->name, "__", 2) == 0;
}

static void default_score(struct mw_def *def)
{
	if (def->has_score)
		return;
	if (mw_def_hidden(def))
		def->score_milli = 0;
	else if (strncmp(def->name, "T_", 2) == 0)
		def->score_milli = 10;
	else
		def->score_milli = def->nice ? -1000 : 1000;
}

static void settle(struct mw_plan *plan, struct mw_def *def);

static struct mw_def *resolve(void *ctx, struct mw_span name, bool *zero)
{
	struct mw_plan *plan = ctx;
	struct mw_def *def = mw_rulebook_find(plan->book, name);

	*zero = false;
	if (def == NULL || def->kind == MW_DEF_NONE || def->never ||
		(def->has_score && def->score_milli == 0)) {
		*zero = true;
		return NULL;
	}
	if (def->state == VISITING)
		return NULL; /* a circle */
	settle(plan, def);
	return def->fate == MW_RULE_UNSUPPORTED ? NULL : def;
}

static void settle(struct mw_plan *plan, struct mw_def *def)
{
	struct mw_meta_names names = {plan, resolve};

	if (def->state != UNSEEN)
		return;
	def->state = VISITING;
	if (def->never) {
		def->fate = MW_RULE_UNSUPPORTED;
		def->note = def->unsupported != NULL ? def->unsupported
						     : "needs the network or a learned database";
	} else if (def->unsupported != NULL) {
		def->fate = MW_RULE_UNSUPPORTED;
		def->note = def->unsupported;
	} else if (def->has_score && def->score_milli == 0) {
		def->fate = MW_RULE_UNUSED;
		def->note = "its score is 0";
	} else if (def->kind == MW_DEF_META) {
		def->fate = MW_RULE_EXACT;
		def->note = mw_meta_compile(plan->book, def->meta, &names, &def->code);
		if (def->note != NULL)
			def->fate = MW_RULE_UNSUPPORTED;
		else {
			plan->metas = mw_grow(plan->metas, plan->meta_count, &plan->meta_room,
				sizeof(plan->metas[0]));
			plan->metas[plan->meta_count++] = def;
		}
	} else {
		def->fate = MW_RULE_EXACT;
	}
	def->state = DONE;
}

static bool runs(const struct mw_def *def)
{
	return def->kind != MW_DEF_NONE && def->fate == MW_RULE_EXACT;
}

static void mark(struct mw_plan *plan, struct mw_def *def);

static uint32_t mark_operand(void *ctx, uint32_t operand)
{
	struct mw_plan *plan = ctx;

	mark(plan, plan->book->defs[operand]);
	return operand;
}

static void mark(struct mw_plan *plan, struct mw_def *def)
{
	if (def->matters || !runs(def))
		return;
	def->matters = true;
	if (def->kind == MW_DEF_META)
		mw_meta_renumber(def->code, mark_operand, plan);
}

void mw_plan_fates(struct mw_plan *plan, bool keep_unused)
{
	struct mw_rulebook *book = plan->book;
	size_t kept = 0;

	for (size_t i = 0; i < book->count; i++) {
		book->defs[i]->index = (uint32_t)i;
		default_score(book->defs[i]);
	}
	for (size_t i = 0; i < book->count; i++)
		if (book->defs[i]->kind != MW_DEF_NONE)
			settle(plan, book->defs[i]);
	for (size_t i = 0; i < book->count; i++) {
		struct mw_def *def = book->defs[i];

		if (keep_unused || (!mw_def_hidden(def) && def->score_milli != 0))
			mark(plan, def);
	}
	for (size_t i = 0; i < book->count; i++) {
		struct mw_def *def = book->defs[i];

		if (runs(def) && !def->matters) {
			def->fate = MW_RULE_UNUSED;
			def->note =
				"nothing would come of it: a sub-rule that feeds no rule that runs";
		}
	}
	for (size_t i = 0; i < plan->meta_count; i++)
		if (plan->metas[i]->matters)
			plan->metas[kept++] = plan->metas[i];
	plan->meta_count = kept;
}
