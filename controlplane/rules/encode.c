/* Lays a plan out as the contract's ruleset file (encode.h). */
#include "controlplane/rules/encode.h"

#include <errno.h>
#include <hs.h>
#include <stdlib.h>

int mw_machine_get(struct mw_machine *out)
{
	hs_platform_info_t platform = {0};

	if (hs_valid_platform() != HS_SUCCESS || hs_populate_platform(&platform) != HS_SUCCESS)
		return -ENOTSUP;
	out->library = hs_version();
	out->tune = platform.tune;
	out->cpu_features = platform.cpu_features;
	return 0;
}

static struct mw_span u32_list(struct mw_bag *bag, const uint32_t *items, size_t count)
{
	uint8_t *out = mw_bag_alloc(bag, count * 4 + 1);

	for (size_t i = 0; i < count; i++)
		for (unsigned k = 0; k < 4; k++)
			out[i * 4 + k] = (uint8_t)(items[i] >> (24 - 8 * k));
	return mw_span_of(out, count * 4);
}

static void put_octets(uint8_t **at, const struct mw_octets *s)
{
	for (unsigned c = 0; c < 256; c += 8) {
		uint8_t v = 0;

		for (unsigned k = 0; k < 8; k++)
			v |= (uint8_t)((unsigned)mw_octets_has(s, (uint8_t)(c + k)) << k);
		*(*at)++ = v;
	}
}

/* What the scanner may know about long runs of base64 (struct mw_ruleset_section). */
static uint16_t quiet_len(const struct mw_plan_section *s)
{
	size_t longest = 0;

	if (!mw_plan_is_stream(s->kind) || s->regex_count > 0 || s->sequence_count > 0 ||
		s->always.count > 0)
		return 0;
	for (size_t i = 0; i < s->literal_count; i++) {
		const struct mw_span text = s->literals[i].text;
		size_t at = 0;

		while (at < text.len && mw_base64_text(text.data[at]))
			at++;
		if (at == text.len || text.len > MW_QUIET_MAX)
			return 0;
		if (text.len > longest)
			longest = text.len;
	}
	return (uint16_t)longest;
}

static void write_automaton(
	struct mw_plan *plan, const struct mw_plan_section *s, struct mw_ruleset_writer *out)
{
	struct mw_bag *bag = &plan->book->bag;
	struct mw_ruleset_automaton v = {0};
	uint32_t *exprs = mw_bag_alloc(bag, s->sequence_count * sizeof(uint32_t));
	uint8_t *tables = mw_bag_alloc(bag, s->sequence_count * (1 + MW_SEQUENCE_MAX * 64));
	uint8_t *at = tables;

	for (size_t i = 0; i < s->sequence_count; i++) {
		const struct mw_sequence *seq = &s->sequences[i].seq;

		exprs[i] = s->sequences[i].expr;
		*at++ = (uint8_t)seq->len;
		for (unsigned k = 0; k < seq->len; k++) {
			put_octets(&at, &seq->c[k]);
			put_octets(&at, &seq->g[k]);
		}
	}
	v.exprs = u32_list(bag, exprs, s->sequence_count);
	v.tables = mw_span_of(tables, (size_t)(at - tables));
	mw_ruleset_write_automaton(out, &v);
}

static struct mw_span text_or_empty(const char *s)
{
	return s == NULL ? mw_span_of("", 0) : mw_span_str(s);
}

static void write_rules(struct mw_plan *plan, struct mw_ruleset_writer *out)
{
	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct mw_def *def = plan->rules[i];
		struct mw_ruleset_rule v = {.name = mw_span_str(def->name),
			.description = text_or_empty(def->description),
			.score_milli = def->score_milli,
			.klass = def->klass,
			.maxhits = def->maxhits};

		if (mw_def_hidden(def))
			v.flags |= MW_RULE_HIDDEN;
		if (def->multiple && def->kind != MW_DEF_PHRASE)
			v.flags |= MW_RULE_COUNTED;
		if (def->kind == MW_DEF_META)
			v.flags |= MW_RULE_META;
		mw_ruleset_write_rule(out, &v);
	}
}

static void write_reports(const struct mw_rulebook *book, struct mw_ruleset_writer *out)
{
	for (size_t i = 0; i < book->count; i++) {
		const struct mw_def *def = book->defs[i];
		struct mw_ruleset_report v = {.name = mw_span_str(def->name),
			.file = text_or_empty(def->file),
			.line = def->line,
			.fate = def->fate,
			.reason = text_or_empty(def->note)};

		if (def->kind != MW_DEF_NONE)
			mw_ruleset_write_report(out, &v);
	}
}

static int by_digest(const void *a, const void *b)
{
	const struct mw_def *x = *(struct mw_def *const *)a, *y = *(struct mw_def *const *)b;

	if (x->digest_kind != y->digest_kind)
		return x->digest_kind < y->digest_kind ? -1 : 1;
	return memcmp(x->digest, y->digest, sizeof(x->digest));
}

static void write_digests(
	struct mw_plan *plan, struct mw_def **digests, size_t count, struct mw_ruleset_writer *out)
{
	static const size_t lens[] = {0, 16, 20, 32};

	qsort(digests, count, sizeof(digests[0]), by_digest);
	for (size_t i = 0; i < count; i++) {
		struct mw_ruleset_digest v = {.rule = digests[i]->index,
			.kind = digests[i]->digest_kind,
			.size = digests[i]->digest_size};

		v.octets = mw_span_of(digests[i]->digest, lens[digests[i]->digest_kind]);
		mw_ruleset_write_digest(out, &v);
	}
}

int mw_ruleset_encode(struct mw_plan *plan, const struct mw_built *built,
	const struct mw_machine *machine, const uint8_t content_hash[32], uint32_t compile_ms,
	struct mw_ruleset_writer *out)
{
	struct mw_bag *bag = &plan->book->bag;
	struct mw_ruleset_header h = {.library = mw_span_str(machine->library),
		.tune = machine->tune,
		.cpu_features = machine->cpu_features,
		.compile_ms = compile_ms,
		.rules = (uint32_t)plan->rule_count,
		.exprs = (uint32_t)plan->expr_count,
		.sections = (uint32_t)plan->section_count,
		.databases = (uint32_t)built->count,
		.metas = (uint32_t)plan->meta_count};
	struct mw_def **digests = mw_bag_alloc(bag, (plan->rule_count + 1) * sizeof(*digests));

	memcpy(h.content_hash, content_hash, sizeof(h.content_hash));
	for (size_t i = 0; i < plan->rule_count; i++)
		if (plan->rules[i]->kind == MW_DEF_DIGEST)
			digests[h.digests++] = plan->rules[i];
	for (size_t i = 0; i < plan->section_count; i++)
		if (plan->sections[i].sequence_count > 0)
			plan->sections[i].automaton = h.automata++;
	for (size_t i = 0; i < plan->book->count; i++)
		h.reports += plan->book->defs[i]->kind != MW_DEF_NONE;

	mw_ruleset_write_header(out, &h);
	write_rules(plan, out);
	for (size_t i = 0; i < plan->expr_count; i++) {
		const struct mw_plan_expr *e = &plan->exprs[i];
		struct mw_ruleset_expr v = {.rule = e->def->index,
			.flags = e->flags,
			.re_flags = mw_plan_re_flags(e->def),
			.pattern = e->pattern};

		mw_ruleset_write_expr(out, &v);
	}
	for (size_t i = 0; i < plan->section_count; i++) {
		const struct mw_plan_section *s = &plan->sections[i];
		struct mw_ruleset_section v = {.kind = s->kind,
			.name = mw_span_str(s->name),
			.literal_db = s->literal_db,
			.regex_db = s->regex_db,
			.automaton = s->automaton,
			.always = u32_list(bag, s->always.items, s->always.count),
			.members = u32_list(bag, s->members.items, s->members.count),
			.quiet_len = quiet_len(s)};

		mw_ruleset_write_section(out, &v);
	}
	for (size_t i = 0; i < plan->section_count; i++)
		if (plan->sections[i].sequence_count > 0)
			write_automaton(plan, &plan->sections[i], out);
	for (size_t i = 0; i < plan->meta_count; i++) {
		struct mw_ruleset_meta v = {
			.rule = plan->metas[i]->index, .code = plan->metas[i]->code};

		mw_ruleset_write_meta(out, &v);
	}
	write_digests(plan, digests, h.digests, out);
	write_reports(plan->book, out);
	for (size_t i = 0; i < built->count; i++) {
		struct mw_ruleset_database v = {.stream = built->items[i].stream,
			.literal = built->items[i].literal,
			.octets = mw_span_of(built->items[i].octets, built->items[i].len)};

		mw_ruleset_write_database(out, &v);
	}
	return mw_ruleset_write_end(out);
}
