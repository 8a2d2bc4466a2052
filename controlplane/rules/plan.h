/*
 * From the rulebook to a plan: which rules count, what each record kind must look for, and by what
 * means. No pattern library here but PCRE2, which says whether a pattern is one at all.
 */
#ifndef MW_CONTROLPLANE_RULES_PLAN_H
#define MW_CONTROLPLANE_RULES_PLAN_H

#include "controlplane/rules/filter.h"
#include "controlplane/rules/rulebook.h"

struct mw_plan_expr {
	struct mw_def *def;
	uint8_t flags;		/* MW_EXPR_x */
	struct mw_span pattern; /* with MW_EXPR_CONFIRM */
};

struct mw_plan_literal {
	uint32_t expr;
	struct mw_span text;
	bool caseless;
};

struct mw_plan_regex {
	uint32_t expr;
	struct mw_span pattern;
	uint32_t re_flags; /* MW_RE_x */
	bool dropped;	   /* the library refused it */
};

struct mw_plan_sequence {
	uint32_t expr;
	struct mw_sequence seq;
};

struct mw_u32s {
	uint32_t *items;
	size_t count, room;
};

struct mw_plan_section {
	uint8_t kind; /* enum mw_ruleset_kind */
	const char *name;
	struct mw_plan_literal *literals;
	size_t literal_count, literal_room;
	struct mw_plan_regex *regexes;
	size_t regex_count, regex_room;
	struct mw_plan_sequence *sequences;
	size_t sequence_count, sequence_room;
	struct mw_u32s always, members;
	uint32_t literal_db, regex_db, automaton; /* filled in by the builder */
};

struct mw_plan {
	struct mw_rulebook *book;
	struct mw_def **rules; /* by rule index */
	size_t rule_count, rule_room;
	struct mw_def **metas; /* in order of evaluation */
	size_t meta_count, meta_room;
	struct mw_plan_expr *exprs;
	size_t expr_count, expr_room;
	struct mw_plan_section *sections;
	size_t section_count, section_room;
};

/* 0, or -EINVAL with the book's error set (a pattern is wrong). */
int mw_plan_make(struct mw_plan *plan, struct mw_rulebook *book, bool keep_unused);
void mw_plan_free(struct mw_plan *plan);
uint32_t mw_plan_re_flags(const struct mw_def *def);
bool mw_plan_is_stream(uint8_t kind);
bool mw_def_hidden(const struct mw_def *def); /* a sub-rule: "__" at the start of its name */

/* fate.c: fates of all rules, scores, order of metas, `matters`. */
void mw_plan_fates(struct mw_plan *plan, bool keep_unused);
/* pattern.c: is each pattern a pattern? 0 or -EINVAL. Marks what is too large. */
int mw_plan_check_patterns(struct mw_plan *plan);
/* What the rule says about a message without that header. */
bool mw_plan_hits_missing(const struct mw_def *def);

#endif
