/*
 * Compiles literal sets and expressions with Hyperscan (database.h). Sections with the same set
 * share one database: phrases are looked for in rendered text, pieces of text and headers alike.
 */
#include "controlplane/rules/database.h"

#include <errno.h>
#include <hs.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned hs_flags(uint32_t re_flags)
{
	return HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY |
	       ((re_flags & MW_RE_CASELESS) != 0 ? HS_FLAG_CASELESS : 0u) |
	       ((re_flags & MW_RE_DOTALL) != 0 ? HS_FLAG_DOTALL : 0u) |
	       ((re_flags & MW_RE_MULTILINE) != 0 ? HS_FLAG_MULTILINE : 0u);
}

/* NUL-terminated, the extended flag written into it; NULL when it holds a NUL. */
static char *hs_text(struct mw_bag *bag, struct mw_span pattern, uint32_t re_flags)
{
	if (memchr(pattern.data, 0, pattern.len) != NULL)
		return NULL;
	return mw_bag_printf(bag, "%s%.*s", (re_flags & MW_RE_EXTENDED) != 0 ? "(?x)" : "",
		(int)pattern.len, (const char *)pattern.data);
}

/* The library's sentence, its full stop left off; frees the error. */
static const char *reason_of(struct mw_bag *bag, hs_compile_error_t *error)
{
	const char *text = error != NULL && error->message != NULL ? error->message : "unknown";
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '.')
		len--;
	char *copy = mw_bag_copy(bag, mw_span_of(text, len));
	hs_free_compile_error(error);
	return copy;
}

const char *mw_database_streams(struct mw_bag *bag, const struct mw_def *def)
{
	uint32_t re_flags = mw_plan_re_flags(def);
	char *text = hs_text(bag, def->pattern, re_flags);
	hs_database_t *db = NULL;
	hs_compile_error_t *error = NULL;

	if (text == NULL)
		return "has a NUL in a pattern over a stream";
	if (hs_compile(text, hs_flags(re_flags), HS_MODE_STREAM, NULL, &db, &error) != HS_SUCCESS)
		return mw_bag_printf(bag, "cannot run over a stream: %s", reason_of(bag, error));
	hs_free_database(db);
	return NULL;
}

static int keep(struct mw_plan *plan, struct mw_built *built, hs_database_t *db,
	const struct mw_plan_section *s, bool literal)
{
	char *octets = NULL;
	size_t len = 0;
	hs_error_t ret = hs_serialize_database(db, &octets, &len);

	hs_free_database(db);
	if (ret != HS_SUCCESS)
		return mw_rulebook_fail(plan->book, "rules", 0,
			"the pattern library cannot write its database (error %d)", ret);
	built->items = mw_grow(built->items, built->count, &built->room, sizeof(built->items[0]));
	built->items[built->count++] =
		(struct mw_built_database){mw_plan_is_stream(s->kind), literal, octets, len, s};
	return 0;
}

static bool same_literals(const struct mw_plan_section *a, const struct mw_plan_section *b)
{
	if (a->literal_count != b->literal_count ||
		mw_plan_is_stream(a->kind) != mw_plan_is_stream(b->kind))
		return false;
	for (size_t i = 0; i < a->literal_count; i++)
		if (a->literals[i].expr != b->literals[i].expr ||
			a->literals[i].caseless != b->literals[i].caseless ||
			!mw_span_eq(a->literals[i].text, b->literals[i].text))
			return false;
	return true;
}

static bool same_regexes(const struct mw_plan_section *a, const struct mw_plan_section *b)
{
	if (a->regex_count != b->regex_count ||
		mw_plan_is_stream(a->kind) != mw_plan_is_stream(b->kind))
		return false;
	for (size_t i = 0; i < a->regex_count; i++)
		if (a->regexes[i].expr != b->regexes[i].expr)
			return false;
	return true;
}

/* The index of a database that serves this section as well, or NONE. */
static uint32_t shared(const struct mw_built *built, const struct mw_plan_section *s, bool literal)
{
	for (size_t i = 0; i < built->count; i++)
		if (built->items[i].literal == literal &&
			(literal ? same_literals(built->items[i].from, s)
				 : same_regexes(built->items[i].from, s)))
			return (uint32_t)i;
	return MW_RULESET_NONE;
}

struct lists {
	const char **texts;
	unsigned *flags, *ids;
	size_t *lens;
};

static int lists_new(struct lists *l, size_t count)
{
	l->texts = calloc(count + 1, sizeof(*l->texts));
	l->flags = calloc(count + 1, sizeof(*l->flags));
	l->ids = calloc(count + 1, sizeof(*l->ids));
	l->lens = calloc(count + 1, sizeof(*l->lens));
	return l->texts != NULL && l->flags != NULL && l->ids != NULL && l->lens != NULL ? 0
											 : -ENOMEM;
}

static void lists_free(struct lists *l)
{
	free(l->texts);
	free(l->flags);
	free(l->ids);
	free(l->lens);
}

static int build_literals(struct mw_plan *plan, struct mw_plan_section *s, struct mw_built *built)
{
	hs_database_t *db = NULL;
	hs_compile_error_t *error = NULL;
	struct lists l;
	int ret = lists_new(&l, s->literal_count);

	for (size_t i = 0; ret == 0 && i < s->literal_count; i++) {
		l.texts[i] = (const char *)s->literals[i].text.data;
		l.lens[i] = s->literals[i].text.len;
		l.ids[i] = s->literals[i].expr;
		l.flags[i] =
			HS_FLAG_SINGLEMATCH | (s->literals[i].caseless ? HS_FLAG_CASELESS : 0u);
	}
	if (ret == 0 &&
		hs_compile_lit_multi(l.texts, l.flags, l.ids, l.lens, (unsigned)s->literal_count,
			mw_plan_is_stream(s->kind) ? HS_MODE_STREAM : HS_MODE_BLOCK, NULL, &db,
			&error) != HS_SUCCESS) {
		int at = error != NULL ? error->expression : -1;
		const struct mw_def *def = plan->exprs[s->literals[at < 0 ? 0 : at].expr].def;

		ret = mw_rulebook_fail(plan->book, def->file, def->line,
			"rule %s: the pattern library refuses a literal of it: %s", def->name,
			reason_of(&plan->book->bag, error));
	}
	if (ret == 0)
		ret = keep(plan, built, db, s, true);
	if (ret == 0)
		s->literal_db = (uint32_t)(built->count - 1);
	lists_free(&l);
	return ret;
}

/* A pattern the library does not take over a stream: the rule lacks these records, and says so. */
static void drop(struct mw_plan *plan, struct mw_plan_section *s, size_t at, const char *reason)
{
	struct mw_def *def = plan->exprs[s->regexes[at].expr].def;

	s->regexes[at].dropped = true;
	if (def->kind == MW_DEF_PHRASE) {
		def->note = mw_bag_printf(
			&plan->book->bag, "not in raw octets and attachments: %s", reason);
	} else {
		def->fate = MW_RULE_UNSUPPORTED;
		def->note = reason;
	}
}

static int build_regexes(struct mw_plan *plan, struct mw_plan_section *s, struct mw_built *built)
{
	struct mw_bag *bag = &plan->book->bag;
	hs_compile_error_t *error = NULL;
	hs_database_t *db = NULL;
	struct lists l;
	size_t count, tries = 0;
	int ret = lists_new(&l, s->regex_count);

	while (ret == 0) {
		count = 0;
		for (size_t i = 0; i < s->regex_count; i++) {
			struct mw_plan_regex *re = &s->regexes[i];
			const char *why = NULL;
			char *text = hs_text(bag, re->pattern, re->re_flags);

			/* One refused pattern costs a whole compilation: after the first, each is
			 * tried alone before the next attempt. */
			if (!re->dropped && (tries == 1 || text == NULL))
				why = mw_database_streams(bag, plan->exprs[re->expr].def);
			if (why != NULL)
				drop(plan, s, i, why);
			if (re->dropped)
				continue;
			l.texts[count] = text;
			l.ids[count] = re->expr;
			l.flags[count] = hs_flags(re->re_flags);
			l.lens[count++] = i;
		}
		if (count == 0)
			break;
		if (hs_compile_multi(l.texts, l.flags, l.ids, (unsigned)count,
			    mw_plan_is_stream(s->kind) ? HS_MODE_STREAM : HS_MODE_BLOCK, NULL, &db,
			    &error) == HS_SUCCESS) {
			ret = keep(plan, built, db, s, false);
			if (ret == 0)
				s->regex_db = (uint32_t)(built->count - 1);
			break;
		}
		int at = error != NULL ? error->expression : -1;
		const char *reason = reason_of(bag, error);
		if (at < 0 || (size_t)at >= count || ++tries > 64)
			ret = mw_rulebook_fail(plan->book, "rules", 0,
				"the pattern library refuses the set: %s", reason);
		else
			drop(plan, s, l.lens[at], reason);
	}
	lists_free(&l);
	return ret;
}

static void tell(
	const struct mw_rules_options *options, const char *what, size_t done, size_t total)
{
	if (options != NULL && options->progress != NULL)
		options->progress(options->progress_ctx, what, (uint32_t)done, (uint32_t)total);
}

int mw_databases_build(
	struct mw_plan *plan, const struct mw_rules_options *options, struct mw_built *out)
{
	int ret = 0;

	*out = (struct mw_built){0};
	for (size_t i = 0; i < plan->section_count && ret == 0; i++) {
		struct mw_plan_section *s = &plan->sections[i];

		tell(options, "compiling patterns", i, plan->section_count);
		if (s->literal_count > 0) {
			s->literal_db = shared(out, s, true);
			if (s->literal_db == MW_RULESET_NONE)
				ret = build_literals(plan, s, out);
		}
		if (ret == 0 && s->regex_count > 0) {
			s->regex_db = shared(out, s, false);
			if (s->regex_db == MW_RULESET_NONE)
				ret = build_regexes(plan, s, out);
		}
	}
	tell(options, "compiling patterns", plan->section_count, plan->section_count);
	if (ret != 0)
		mw_databases_free(out);
	return ret;
}

void mw_databases_free(struct mw_built *built)
{
	for (size_t i = 0; i < built->count; i++)
		free(built->items[i].octets);
	free(built->items);
	*built = (struct mw_built){0};
}
