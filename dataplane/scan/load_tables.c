/*
 * The tables of a ruleset file: rules, expressions (compiled to machine code), sections, automata,
 * metas, hashes. Every index and every operand is checked here once, so that nothing is at match
 * time.
 */
#include "dataplane/scan/load.h"

#include <stdio.h>
#include <stdlib.h>

uint32_t mw_scan_name_hash(enum mw_record_kind kind, struct mw_span name)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;

	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];

		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 16777619u;
	}
	return (h ^ h >> 15) & (MW_SECTION_BUCKETS - 1);
}

static bool kind_of(uint8_t code, enum mw_record_kind *out)
{
	switch (code) {
	case MW_SECTION_HEADER:
		*out = MW_RECORD_HEADER;
		return true;
	case MW_SECTION_HEADER_RAW:
		*out = MW_RECORD_HEADER_RAW;
		return true;
	case MW_SECTION_HEADER_ALL:
		*out = MW_RECORD_HEADER_ALL;
		return true;
	case MW_SECTION_BODY:
		*out = MW_RECORD_BODY;
		return true;
	case MW_SECTION_RAWBODY:
		*out = MW_RECORD_RAWBODY;
		return true;
	case MW_SECTION_URI:
		*out = MW_RECORD_URI;
		return true;
	case MW_SECTION_FULL:
		*out = MW_RECORD_FULL;
		return true;
	case MW_SECTION_ATTACHMENT:
		*out = MW_RECORD_ATTACHMENT;
		return true;
	case MW_SECTION_PLAIN:
		*out = MW_RECORD_PLAIN;
		return true;
	default:
		return false;
	}
}

static bool load_rules(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->rule_count = l->file.header.rules;
	rs->rules = mw_load_table(l, rs->rule_count, sizeof(rs->rules[0]));
	for (uint32_t i = 0; rs->rules != NULL && i < rs->rule_count; i++)
		mw_ruleset_read_rule(&l->file.reader, &rs->rules[i]);
	return rs->rules != NULL;
}

static pcre2_code *compile(struct mw_load *l, const struct mw_ruleset_expr *e)
{
	uint32_t options = ((e->re_flags & MW_RE_CASELESS) != 0 ? PCRE2_CASELESS : 0) |
			   ((e->re_flags & MW_RE_DOTALL) != 0 ? PCRE2_DOTALL : 0) |
			   ((e->re_flags & MW_RE_MULTILINE) != 0 ? PCRE2_MULTILINE : 0) |
			   ((e->re_flags & MW_RE_EXTENDED) != 0 ? PCRE2_EXTENDED : 0);
	int code;
	size_t offset;
	pcre2_code *re =
		pcre2_compile(e->pattern.data, e->pattern.len, options, &code, &offset, NULL);

	/* Without machine code a match may allocate, so such a pattern is refused here. */
	if (re == NULL || pcre2_jit_compile(re, PCRE2_JIT_COMPLETE) != 0) {
		const struct mw_span name = l->rules->rules[e->rule].name;

		snprintf(l->error, MW_RULESET_ERROR_MAX,
			"rule %.*s: PCRE2 cannot make code of its pattern",
			(int)(name.len < 96 ? name.len : 96), (const char *)name.data);
		pcre2_code_free(re);
		return NULL;
	}
	return re;
}

static bool load_exprs(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->expr_count = l->file.header.exprs;
	rs->exprs = mw_load_table(l, rs->expr_count, sizeof(rs->exprs[0]));
	uint32_t *counters = mw_load_table(l, rs->rule_count, sizeof(uint32_t));
	for (uint32_t i = 0; counters != NULL && i < rs->rule_count; i++)
		if ((rs->rules[i].flags & MW_RULE_COUNTED) != 0)
			counters[i] = rs->counter_count++;
	for (uint32_t i = 0; rs->exprs != NULL && counters != NULL && i < rs->expr_count; i++) {
		struct mw_scan_expr *to = &rs->exprs[i];
		struct mw_ruleset_expr e;

		mw_ruleset_read_expr(&l->file.reader, &e);
		if (l->file.reader.failed || e.rule >= rs->rule_count) {
			mw_load_fail(l, "the ruleset file is not consistent (expressions)");
			break;
		}
		to->rule = e.rule;
		to->flags = e.flags;
		to->counted = (rs->rules[e.rule].flags & MW_RULE_COUNTED) != 0;
		to->maxhits = rs->rules[e.rule].maxhits;
		to->counter = counters[e.rule];
		if ((e.flags & MW_EXPR_CONFIRM) != 0) {
			to->re = compile(l, &e);
			if (to->re == NULL)
				break;
		}
	}
	free(counters);
	return l->error[0] == 0;
}

/* A database or automaton index of the file: below the count, or NONE. */
static bool index_ok(uint32_t index, uint32_t count)
{
	return index == MW_RULESET_NONE || index < count;
}

static bool load_section(struct mw_load *l, uint32_t at, uint32_t *special_room)
{
	struct mw_ruleset *rs = l->rules;
	struct mw_scan_section *to = &rs->sections[at];
	struct mw_ruleset_section s;

	mw_ruleset_read_section(&l->file.reader, &s);
	if (l->file.reader.failed || !kind_of(s.kind, &to->kind) ||
		!index_ok(s.literal_db, l->file.header.databases) ||
		!index_ok(s.regex_db, l->file.header.databases) ||
		!index_ok(s.automaton, l->file.header.automata))
		return mw_load_fail(l, "the ruleset file is not consistent (sections)");
	to->name = s.name;
	to->stream = to->kind == MW_RECORD_FULL || to->kind == MW_RECORD_ATTACHMENT;
	/* Indexes now, pointers once the databases have been read. */
	to->literal_db = (hs_database_t *)(uintptr_t)s.literal_db;
	to->regex_db = (hs_database_t *)(uintptr_t)s.regex_db;
	to->automaton = (const struct mw_automaton *)(uintptr_t)s.automaton;
	to->always_count = s.always_count;
	to->always = mw_load_table(l, s.always_count, sizeof(uint32_t));
	if (to->always == NULL)
		return false;
	for (uint32_t i = 0; i < s.always_count; i++) {
		to->always[i] = mw_ruleset_u32_at(s.always, i);
		if (to->always[i] >= rs->expr_count || rs->exprs[to->always[i]].re == NULL)
			return mw_load_fail(l, "the ruleset file is not consistent (sections)");
	}
	to->members = s.members;
	to->member_count = s.member_count;
	to->quiet_len = s.quiet_len;
	if (s.quiet_len > MW_QUIET_MAX)
		return mw_load_fail(l, "the ruleset file is not consistent (sections)");
	for (uint32_t i = 0; i < s.member_count; i++) {
		uint32_t expr = mw_ruleset_u32_at(s.members, i);

		if (expr >= rs->expr_count)
			return mw_load_fail(l, "the ruleset file is not consistent (sections)");
		if ((rs->exprs[expr].flags & (MW_EXPR_NEGATE | MW_EXPR_MISSING | MW_EXPR_EXISTS)) ==
			0)
			continue;
		if (rs->special_count == *special_room) {
			uint32_t room = *special_room * 2 + 64;
			void *p = realloc(rs->specials, room * sizeof(rs->specials[0]));

			if (p == NULL)
				return mw_load_fail(l, "there is no memory for the ruleset");
			rs->specials = p;
			*special_room = room;
		}
		rs->specials[rs->special_count++] = (struct mw_scan_special){expr, at};
	}
	rs->wants |= 1u << to->kind;
	if (to->name.len == 0 && to->kind != MW_RECORD_HEADER) {
		rs->by_kind[to->kind] = at;
		to->hash_next = MW_RULESET_NONE;
	} else {
		uint32_t h = mw_scan_name_hash(to->kind, to->name);

		to->hash_next = rs->buckets[h];
		rs->buckets[h] = at;
	}
	return true;
}

/* Is every expression over raw chunks sought in the raw octets as well, and only whether it matches
 * of interest? An expression that is confirmed in one of them is another one there. */
static bool covered(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;
	const uint32_t raw_at = rs->by_kind[MW_RECORD_RAWBODY],
		       full_at = rs->by_kind[MW_RECORD_FULL];
	const struct mw_scan_section *raw, *full;
	uint8_t *in_full;

	if (raw_at == MW_RULESET_NONE || full_at == MW_RULESET_NONE)
		return true;
	in_full = calloc(rs->expr_count + 1, 1);
	if (in_full == NULL)
		return mw_load_fail(l, "there is no memory for the ruleset");
	raw = &rs->sections[raw_at];
	full = &rs->sections[full_at];
	for (uint32_t i = 0; i < full->member_count; i++)
		in_full[mw_ruleset_u32_at(full->members, i)] = 1;
	rs->rawbody_in_full = true;
	for (uint32_t i = 0; i < raw->member_count; i++) {
		uint32_t expr = mw_ruleset_u32_at(raw->members, i);

		if (!in_full[expr] || rs->exprs[expr].re != NULL || rs->exprs[expr].counted)
			rs->rawbody_in_full = false;
	}
	free(in_full);
	return true;
}

static bool load_sections(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;
	uint32_t special_room = 0;

	for (uint32_t i = 0; i < MW_SECTION_BUCKETS; i++)
		rs->buckets[i] = MW_RULESET_NONE;
	for (uint32_t i = 0; i < MW_RECORD_KINDS; i++)
		rs->by_kind[i] = MW_RULESET_NONE;
	rs->sections = mw_load_table(l, l->file.header.sections, sizeof(rs->sections[0]));
	for (uint32_t i = 0; rs->sections != NULL && i < l->file.header.sections; i++) {
		rs->section_count = i + 1;
		if (!load_section(l, i, &special_room))
			return false;
	}
	return rs->sections != NULL && covered(l);
}

static bool load_automata(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->automata = mw_load_table(l, l->file.header.automata, sizeof(rs->automata[0]));
	for (uint32_t i = 0; rs->automata != NULL && i < l->file.header.automata; i++) {
		struct mw_ruleset_automaton a;

		mw_ruleset_read_automaton(&l->file.reader, &a);
		for (uint32_t k = 0; !l->file.reader.failed && k < a.sequence_count; k++) {
			uint32_t expr = mw_ruleset_u32_at(a.exprs, k);

			if (expr >= rs->expr_count || rs->exprs[expr].re == NULL)
				return mw_load_fail(
					l, "the ruleset file is not consistent (automata)");
		}
		rs->automata[i] = l->file.reader.failed ? NULL : mw_automaton_new(&a);
		if (rs->automata[i] == NULL)
			return mw_load_fail(l, "the ruleset file is not consistent (automata)");
		rs->automaton_count = i + 1;
	}
	return rs->automata != NULL;
}

/* Meta code is trusted at match time, so its stack and operands are walked here once. */
static bool meta_ok(const struct mw_ruleset *rs, const struct mw_ruleset_meta *m)
{
	struct mw_reader r = mw_reader_of(m->code.data, m->code.len);
	unsigned depth = 0;

	if (m->rule >= rs->rule_count)
		return false;
	while (!r.failed && r.at < r.end) {
		uint8_t op = mw_read_u8(&r);

		if (op == MW_META_NUMBER || op == MW_META_RULE) {
			uint32_t v = mw_read_u32(&r);

			if (++depth > MW_META_STACK_MAX ||
				(op == MW_META_RULE && v >= rs->rule_count))
				return false;
		} else if (op == MW_META_NOT || op == MW_META_NEGATIVE) {
			if (depth < 1)
				return false;
		} else if (op >= MW_META_AND && op <= MW_META_DIV) {
			if (depth < 2)
				return false;
			depth--;
		} else {
			return false;
		}
	}
	return !r.failed && depth == 1;
}

static bool load_metas(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->meta_count = l->file.header.metas;
	rs->metas = mw_load_table(l, rs->meta_count, sizeof(rs->metas[0]));
	for (uint32_t i = 0; rs->metas != NULL && i < rs->meta_count; i++) {
		mw_ruleset_read_meta(&l->file.reader, &rs->metas[i]);
		if (l->file.reader.failed || !meta_ok(rs, &rs->metas[i]))
			return mw_load_fail(l, "the ruleset file is not consistent (metas)");
	}
	return rs->metas != NULL;
}

static bool load_digests(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->digest_count = l->file.header.digests;
	rs->digests = mw_load_table(l, rs->digest_count, sizeof(rs->digests[0]));
	for (uint32_t i = 0; rs->digests != NULL && i < rs->digest_count; i++) {
		mw_ruleset_read_digest(&l->file.reader, &rs->digests[i]);
		if (l->file.reader.failed || rs->digests[i].rule >= rs->rule_count)
			return mw_load_fail(l, "the ruleset file is not consistent (hashes)");
		rs->digest_kinds |= 1u << rs->digests[i].kind;
		rs->wants |= 1u << MW_RECORD_ATTACHMENT;
	}
	return rs->digests != NULL;
}

bool mw_load_tables(struct mw_load *l)
{
	return load_rules(l) && !l->file.reader.failed && load_exprs(l) && load_sections(l) &&
	       load_automata(l) && load_metas(l) && load_digests(l);
}
