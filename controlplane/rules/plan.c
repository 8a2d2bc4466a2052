/*
 * Rules to expressions, expressions to the sections of the ruleset (plan.h). Per expression the
 * cheapest means is taken: a literal that is the whole pattern needs no confirmation; else the
 * literal set or class sequence that proposes least; else, in streams, the pattern itself in the
 * pattern library; else PCRE2 on every record.
 */
#include "controlplane/rules/meta.h"
#include "controlplane/rules/plan.h"

#include <errno.h>
#include <stdlib.h>

/* Proposals a record (price times usual length) from which a filter is no longer worth having. A
 * place in the automaton costs next to nothing; a literal that is often found costs its call-back.
 */
#define WORTH_LITERALS	     0.6
#define WORTH_SEQUENCES	     3.0
#define HEADER_AUTOMATON_MIN 3
#define PHRASE_MAX	     4096

bool mw_plan_is_stream(uint8_t kind)
{
	return kind == MW_SECTION_FULL || kind == MW_SECTION_ATTACHMENT;
}

/* Octets of a usual record, by kind. */
static double usual_length(const struct mw_plan_section *s)
{
	switch (s->kind) {
	case MW_SECTION_BODY:
	case MW_SECTION_PLAIN:
		return 160;
	case MW_SECTION_RAWBODY:
		return 1800;
	case MW_SECTION_URI:
		return 45;
	case MW_SECTION_HEADER_ALL:
		return 2000;
	case MW_SECTION_HEADER_RAW:
		return s->name[0] == 0 ? 2000 : 60;
	default:
		return strcasecmp(s->name, "Received") == 0 ? 500 : 60;
	}
}

static struct mw_plan_section *section_of(struct mw_plan *plan, uint8_t kind, const char *name)
{
	for (size_t i = 0; i < plan->section_count; i++)
		if (plan->sections[i].kind == kind && strcasecmp(plan->sections[i].name, name) == 0)
			return &plan->sections[i];
	plan->sections = mw_grow(plan->sections, plan->section_count, &plan->section_room,
		sizeof(plan->sections[0]));
	struct mw_plan_section *s = &plan->sections[plan->section_count++];
	*s = (struct mw_plan_section){.kind = kind,
		.name = name,
		.literal_db = MW_RULESET_NONE,
		.regex_db = MW_RULESET_NONE,
		.automaton = MW_RULESET_NONE};
	return s;
}

static void push_u32(struct mw_u32s *list, uint32_t v)
{
	list->items = mw_grow(list->items, list->count, &list->room, sizeof(uint32_t));
	list->items[list->count++] = v;
}

static uint32_t new_expr(struct mw_plan *plan, struct mw_def *def, uint8_t flags)
{
	plan->exprs =
		mw_grow(plan->exprs, plan->expr_count, &plan->expr_room, sizeof(plan->exprs[0]));
	plan->exprs[plan->expr_count] = (struct mw_plan_expr){.def = def, .flags = flags};
	if ((flags & MW_EXPR_CONFIRM) != 0)
		plan->exprs[plan->expr_count].pattern = def->pattern;
	return (uint32_t)plan->expr_count++;
}

static void add_literal(
	struct mw_plan_section *s, uint32_t expr, struct mw_span text, bool caseless)
{
	s->literals =
		mw_grow(s->literals, s->literal_count, &s->literal_room, sizeof(s->literals[0]));
	s->literals[s->literal_count++] = (struct mw_plan_literal){expr, text, caseless};
}

static void add_regex(struct mw_plan_section *s, uint32_t expr, const struct mw_def *def)
{
	s->regexes = mw_grow(s->regexes, s->regex_count, &s->regex_room, sizeof(s->regexes[0]));
	s->regexes[s->regex_count++] =
		(struct mw_plan_regex){expr, def->pattern, mw_plan_re_flags(def), false};
}

static void add_sequences(struct mw_plan_section *s, uint32_t expr, const struct mw_sequences *seqs)
{
	for (unsigned i = 0; i < seqs->count; i++) {
		s->sequences = mw_grow(s->sequences, s->sequence_count, &s->sequence_room,
			sizeof(s->sequences[0]));
		s->sequences[s->sequence_count++] = (struct mw_plan_sequence){expr, seqs->items[i]};
	}
}

/* How the expression is found in records of this section; it may be in several. */
struct means {
	struct mw_rx *tree;
	bool plain;
	struct mw_span text;
	bool caseless;
};

static struct means means_of(struct mw_plan *plan, const struct mw_def *def)
{
	struct mw_bag *bag = &plan->book->bag;
	struct means m = {0};
	bool exact;

	if (def->literal) {
		m.plain = true;
		m.text = def->pattern;
		m.caseless = def->caseless;
		return m;
	}
	m.tree = mw_rx_parse(bag, def->pattern,
		(struct mw_rx_flags){def->caseless, def->dotall, def->extended}, &exact);
	if (m.tree != NULL && exact)
		m.plain = mw_filter_plain(bag, m.tree, &m.text, &m.caseless);
	return m;
}

/* Blocks: the filter that proposes least, or none. */
static void gate(
	struct mw_plan *plan, struct mw_plan_section *s, uint32_t expr, const struct means *m)
{
	struct mw_bag *bag = &plan->book->bag;
	double length = usual_length(s);
	struct mw_literals lits = {.price = MW_FILTER_NONE};
	struct mw_sequences seqs = {.price = MW_FILTER_NONE};

	if (m->tree != NULL) {
		enum mw_filter_texts texts =
			s->kind == MW_SECTION_URI ? MW_TEXTS_ADDRESSES : MW_TEXTS_PROSE;

		lits = mw_filter_literals(bag, m->tree, texts);
		seqs = mw_filter_sequences(bag, m->tree, texts);
	}
	bool literals = lits.price * length <= WORTH_LITERALS;
	bool sequences = seqs.price * length <= WORTH_SEQUENCES;
	if (literals && (!sequences || lits.price <= seqs.price * 2)) {
		for (size_t i = 0; i < lits.count; i++)
			add_literal(s, expr, lits.items[i], true);
	} else if (!sequences) {
		push_u32(&s->always, expr);
	} else {
		add_sequences(s, expr, &seqs);
	}
}

/* White space as filters see it; see filter.h. */
static struct mw_span with_blanks(struct mw_bag *bag, struct mw_span s)
{
	uint8_t *out = mw_bag_alloc(bag, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		out[i] = s.data[i] >= '\t' && s.data[i] <= '\r' ? ' ' : s.data[i];
	return mw_span_of(out, s.len);
}

static bool has_blank(struct mw_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] == ' ' || (s.data[i] >= '\t' && s.data[i] <= '\r'))
			return true;
	return false;
}

static void find_in(struct mw_plan *plan, struct mw_plan_section *s, uint32_t expr,
	const struct mw_def *def, const struct means *m)
{
	push_u32(&s->members, expr);
	if ((plan->exprs[expr].flags & MW_EXPR_EXISTS) != 0)
		return;
	if (m->plain)
		add_literal(s, expr,
			mw_plan_is_stream(s->kind) ? m->text
						   : with_blanks(&plan->book->bag, m->text),
			m->caseless);
	else if (mw_plan_is_stream(s->kind))
		add_regex(s, expr, def);
	else
		gate(plan, s, expr, m);
}

/* A phrase as it reads in a rendered paragraph: white space is one blank. The same span when
 * nothing changes. */
static struct mw_span as_rendered(struct mw_bag *bag, struct mw_span s)
{
	uint8_t *out = mw_bag_alloc(bag, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		bool blank = s.data[i] == ' ' || (s.data[i] >= '\t' && s.data[i] <= '\r');

		if (!blank)
			out[n++] = s.data[i];
		else if (n == 0 || out[n - 1] != ' ')
			out[n++] = ' ';
	}
	return n == s.len && memcmp(out, s.data, n) == 0 ? s : mw_span_of(out, n);
}

static void plan_everywhere(struct mw_plan *plan, struct mw_def *def)
{
	static const uint8_t phrase[] = {MW_SECTION_BODY, MW_SECTION_RAWBODY, MW_SECTION_HEADER_ALL,
		MW_SECTION_FULL, MW_SECTION_ATTACHMENT, MW_SECTION_PLAIN};
	static const uint8_t signature[] = {
		MW_SECTION_FULL, MW_SECTION_ATTACHMENT, MW_SECTION_RAWBODY};
	const uint8_t *kinds = def->kind == MW_DEF_PHRASE ? phrase : signature;
	size_t count = def->kind == MW_DEF_PHRASE ? sizeof(phrase)
		       : def->only_full		  ? 1
						  : sizeof(signature);
	struct means m = means_of(plan, def);
	uint32_t exact = MW_RULESET_NONE, confirmed = MW_RULESET_NONE;

	for (size_t i = 0; i < count; i++) {
		bool confirm = !m.plain && !mw_plan_is_stream(kinds[i]);
		uint32_t *expr = confirm ? &confirmed : &exact;

		if (*expr == MW_RULESET_NONE)
			*expr = new_expr(plan, def, confirm ? MW_EXPR_CONFIRM : 0);
		struct mw_plan_section *s = section_of(plan, kinds[i], "");
		find_in(plan, s, *expr, def, &m);
		if ((kinds[i] == MW_SECTION_BODY || kinds[i] == MW_SECTION_PLAIN) && m.plain) {
			struct mw_span rendered = as_rendered(&plan->book->bag, m.text);

			if (rendered.data != m.text.data)
				add_literal(s, *expr, rendered, m.caseless);
		}
	}
	if (confirmed != MW_RULESET_NONE)
		def->fate = MW_RULE_GATED;
}

static void plan_rule(struct mw_plan *plan, struct mw_def *def)
{
	uint8_t kind = MW_SECTION_BODY;
	const char *name = "";
	uint8_t flags = 0;
	struct means m = {0};

	switch (def->kind) {
	case MW_DEF_PHRASE:
	case MW_DEF_SIGNATURE:
		plan_everywhere(plan, def);
		return;
	case MW_DEF_HEADER:
		kind = def->header_form == MW_DEF_DECODED ? MW_SECTION_HEADER
		       : def->header_form == MW_DEF_ALL	  ? MW_SECTION_HEADER_ALL
							  : MW_SECTION_HEADER_RAW;
		if (def->header_form == MW_DEF_DECODED || def->header_form == MW_DEF_RAW)
			name = def->header;
		if (def->exists)
			flags = MW_EXPR_EXISTS;
		else if (mw_plan_hits_missing(def))
			flags = MW_EXPR_MISSING;
		if (def->negate)
			flags |= MW_EXPR_NEGATE;
		break;
	case MW_DEF_BODY:
		flags = def->no_subject ? MW_EXPR_NO_SUBJECT : 0;
		break;
	case MW_DEF_RAWBODY:
		kind = MW_SECTION_RAWBODY;
		break;
	case MW_DEF_URI:
		kind = MW_SECTION_URI;
		break;
	case MW_DEF_FULL:
		kind = MW_SECTION_FULL;
		break;
	case MW_DEF_NONE:
	case MW_DEF_META:
	case MW_DEF_DIGEST:
	case MW_DEF_OTHER:
		return;
	}
	if (!def->exists) {
		m = means_of(plan, def);
		if ((!m.plain || def->multiple || has_blank(m.text)) && !mw_plan_is_stream(kind))
			flags |= MW_EXPR_CONFIRM;
		if ((flags & MW_EXPR_CONFIRM) != 0)
			def->fate = MW_RULE_GATED;
	}
	uint32_t expr = new_expr(plan, def, flags);
	find_in(plan, section_of(plan, kind, name), expr, def, &m);
}

/* An automaton's tables for a header's few octets pay from the third expression on. */
static void drop_small_automata(struct mw_plan *plan)
{
	for (size_t i = 0; i < plan->section_count; i++) {
		struct mw_plan_section *s = &plan->sections[i];

		if (s->name[0] == 0 || s->sequence_count == 0)
			continue;
		size_t exprs = 1;
		for (size_t k = 1; k < s->sequence_count; k++)
			exprs += s->sequences[k].expr != s->sequences[k - 1].expr;
		if (exprs >= HEADER_AUTOMATON_MIN)
			continue;
		for (size_t k = 0; k < s->sequence_count; k++)
			if (k == 0 || s->sequences[k].expr != s->sequences[k - 1].expr)
				push_u32(&s->always, s->sequences[k].expr);
		s->sequence_count = 0;
	}
}

static uint32_t to_rule_index(void *ctx, uint32_t operand)
{
	struct mw_plan *plan = ctx;

	return plan->book->defs[operand]->index;
}

int mw_plan_make(struct mw_plan *plan, struct mw_rulebook *book, bool keep_unused)
{
	*plan = (struct mw_plan){.book = book};
	for (size_t i = 0; i < book->count; i++) {
		struct mw_def *def = book->defs[i];

		if (def->pattern.len > PHRASE_MAX && def->literal)
			return mw_rulebook_fail(book, def->file, def->line,
				"a phrase may have at most %d octets", PHRASE_MAX);
		if (def->kind == MW_DEF_FULL && def->multiple)
			def->unsupported = "counts matches over the raw octets, which stream by";
	}
	if (mw_plan_check_patterns(plan) != 0)
		return -EINVAL;
	mw_plan_fates(plan, keep_unused);
	/* Rule indexes replace places in the book only after every meta's code has been made. */
	uint32_t *index = calloc(book->count + 1, sizeof(uint32_t));
	if (index == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < book->count; i++) {
		if (!book->defs[i]->matters)
			continue;
		plan->rules = mw_grow(
			plan->rules, plan->rule_count, &plan->rule_room, sizeof(plan->rules[0]));
		index[i] = (uint32_t)plan->rule_count;
		plan->rules[plan->rule_count++] = book->defs[i];
	}
	for (size_t i = 0; i < book->count; i++)
		book->defs[i]->index = index[i];
	free(index);
	for (size_t i = 0; i < plan->meta_count; i++)
		mw_meta_renumber(plan->metas[i]->code, to_rule_index, plan);
	for (size_t i = 0; i < plan->rule_count; i++)
		plan_rule(plan, plan->rules[i]);
	drop_small_automata(plan);
	return 0;
}

void mw_plan_free(struct mw_plan *plan)
{
	for (size_t i = 0; i < plan->section_count; i++) {
		struct mw_plan_section *s = &plan->sections[i];

		free(s->literals);
		free(s->regexes);
		free(s->sequences);
		free(s->always.items);
		free(s->members.items);
	}
	free(plan->rules);
	free(plan->metas);
	free(plan->exprs);
	free(plan->sections);
	*plan = (struct mw_plan){0};
}
