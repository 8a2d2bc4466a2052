/* Expressions over rules (meta rules) to stack code. */
#ifndef MW_CONTROLPLANE_RULES_META_H
#define MW_CONTROLPLANE_RULES_META_H

#include "controlplane/rules/rulebook.h"

/* What a name stands for while code is made: a rule, or the constant 0. NULL code: not to be had.
 */
struct mw_meta_names {
	void *ctx;
	/* The rule, with *zero set when it counts as 0; NULL with *zero unset: unsupported. */
	struct mw_def *(*resolve)(void *ctx, struct mw_span name, bool *zero);
};

/* Code over defs: operands of MW_META_RULE are places in book->defs, replaced by rule indexes with
 * mw_meta_renumber once those are known. NULL, or why it cannot be had (in the book's bag). */
const char *mw_meta_compile(struct mw_rulebook *book, const char *text,
	const struct mw_meta_names *names, struct mw_span *code);

/* Calls `each` with every operand of MW_META_RULE; the value returned replaces it. */
void mw_meta_renumber(
	struct mw_span code, uint32_t (*each)(void *ctx, uint32_t operand), void *ctx);

#endif
