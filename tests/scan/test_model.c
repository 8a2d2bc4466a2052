/*
 * The scanner against a slow model: each pattern of SpamAssassin's own rules, one by one, by
 * PCRE2's interpreter, over pieces of real mail. Every filter must let through what the model
 * finds, and nothing else may hit; counts must be equal. Skipped where the rules or the mails are
 * not installed.
 */
#include "tests/scan/rig.h"

#include "controlplane/rules/import.h"
#include "dataplane/scan/scratch.h"
#include "tests/scan/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STOCK "/usr/share/spamassassin"

struct model_rule {
	const struct mw_def *def;
	uint32_t index; /* in the ruleset */
	pcre2_code *re;
};

struct model {
	struct rig rig;
	struct mw_rulebook book;
	struct model_rule *rules;
	size_t count;
	pcre2_match_data *match;
	uint64_t records, pairs, hits;
};

static uint32_t model_count(struct model *m, const struct model_rule *rule, struct mw_span text)
{
	const size_t *span = pcre2_get_ovector_pointer(m->match);
	uint32_t count = 0;
	uint32_t most = rule->def->maxhits > 0 ? rule->def->maxhits : UINT16_MAX;

	for (size_t at = 0; at <= text.len;) {
		int ret = pcre2_match(rule->re, text.data, text.len, at, 0, m->match, NULL);

		if (ret < 0)
			break;
		count++;
		if (!rule->def->multiple || count >= most)
			break;
		at = span[1] > span[0] ? span[1] : span[1] + 1;
	}
	return count;
}

static bool rule_reads(const struct mw_def *def, enum corpus_kind kind, struct mw_span name)
{
	switch (kind) {
	case CORPUS_PARAGRAPH:
		return def->kind == MW_DEF_BODY;
	case CORPUS_PIECE:
		return def->kind == MW_DEF_RAWBODY;
	case CORPUS_ADDRESS:
		return def->kind == MW_DEF_URI;
	case CORPUS_HEADER:
		return def->kind == MW_DEF_HEADER && def->header_form == MW_DEF_DECODED &&
		       !def->exists && mw_span_caseeq(name, def->header);
	}
	return false;
}

static void compare(void *ctx, enum corpus_kind kind, struct mw_span name, struct mw_span text)
{
	static const enum mw_record_kind kinds[] = {
		MW_RECORD_BODY, MW_RECORD_RAWBODY, MW_RECORD_HEADER, MW_RECORD_URI};
	struct model *m = ctx;
	struct mw_record rec = {
		.kind = kinds[kind], .name = name, .data = text, .stream = 1, .last = true};

	rig_again(&m->rig);
	mw_scan_record(m->rig.scan, m->rig.scratch, &rec);
	rig_end(&m->rig, 5000);
	assert_false(m->rig.result.incomplete);
	m->records++;
	for (size_t i = 0; i < m->count; i++) {
		const struct model_rule *rule = &m->rules[i];

		if (!rule_reads(rule->def, kind, name))
			continue;
		uint32_t expected = model_count(m, rule, text);
		uint32_t found = (uint32_t)(m->rig.scratch->values[rule->index] / 1000);

		if (rule->def->negate)
			expected = expected == 0;
		m->pairs++;
		m->hits += expected > 0;
		if (expected != found)
			fail_msg("%s: the model says %u, the scanner %u, over: %.*s",
				rule->def->name, expected, found,
				(int)(text.len < 300 ? text.len : 300), (const char *)text.data);
	}
}

static uint32_t index_of(struct model *m, const char *name)
{
	for (uint32_t i = 0; i < mw_ruleset_rule_count(m->rig.rules); i++)
		if (mw_span_eq(mw_ruleset_rule(m->rig.rules, i)->name, mw_span_str(name)))
			return i;
	return MW_RULESET_NONE;
}

static void model_rules(struct model *m)
{
	static const char *const paths[] = {STOCK};

	mw_rulebook_init(&m->book);
	assert_int_equal(mw_rules_import(&m->book, paths, 1, NULL, NULL), 0);
	m->rules = calloc(m->book.count, sizeof(m->rules[0]));
	m->match = pcre2_match_data_create(1, NULL);
	assert_non_null(m->rules);
	for (size_t i = 0; i < m->book.count; i++) {
		const struct mw_def *def = m->book.defs[i];
		uint32_t index = def->pattern.len == 0 ? MW_RULESET_NONE : index_of(m, def->name);
		int code;
		size_t offset;

		if (index == MW_RULESET_NONE)
			continue;
		m->rules[m->count] = (struct model_rule){.def = def, .index = index};
		m->rules[m->count].re = pcre2_compile(def->pattern.data, def->pattern.len,
			(def->caseless ? PCRE2_CASELESS : 0) | (def->dotall ? PCRE2_DOTALL : 0) |
				(def->multiline ? PCRE2_MULTILINE : 0) |
				(def->extended ? PCRE2_EXTENDED : 0),
			&code, &offset, NULL);
		assert_non_null(m->rules[m->count].re);
		m->count++;
	}
	assert_true(m->count > 500);
}

static void test_stock_rules(void **state)
{
	static const char *const paths[] = {STOCK};
	struct mw_rules_options all = {.keep_unused = true};
	struct model m = {0};
	struct mw_span text;
	const char *wish = getenv("MW_TEST_CORPUS_OCTETS");
	size_t octets = wish == NULL ? 300000 : strtoul(wish, NULL, 10);

	if (access(STOCK "/20_body_tests.cf", R_OK) != 0) {
		print_message("SpamAssassin's rules are not installed: not compared\n");
		skip();
	}
	if (!corpus_read(octets, &text)) {
		print_message("the mail corpus is not there: not compared\n");
		skip();
	}
	if (mw_rules_compile(paths, 1, &all, &m.rig.compiled, m.rig.error) != 0)
		fail_msg("%s", m.rig.error);
	rig_load(&m.rig, 2);
	model_rules(&m);
	corpus_cut(text, compare, &m);
	print_message("%zu rules, %llu records, %llu pairs, %llu hits: no difference\n", m.count,
		(unsigned long long)m.records, (unsigned long long)m.pairs,
		(unsigned long long)m.hits);
	assert_true(m.hits > 100);
	for (size_t i = 0; i < m.count; i++)
		pcre2_code_free(m.rules[i].re);
	pcre2_match_data_free(m.match);
	free(m.rules);
	mw_rulebook_free(&m.book);
	free((void *)(uintptr_t)text.data);
	rig_free(&m.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_stock_rules)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
