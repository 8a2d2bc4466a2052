/* What others may ask of a loaded ruleset, and its release (scan.h). */
#include "dataplane/scan/ruleset_memory.h"

#include <stdlib.h>

uint32_t mw_ruleset_wants(const struct mw_ruleset *rules)
{
	return rules->wants;
}

bool mw_ruleset_rawbody_in_full(const struct mw_ruleset *rules)
{
	return rules->rawbody_in_full;
}

uint32_t mw_ruleset_full_quiet(const struct mw_ruleset *rules)
{
	const uint32_t at = rules->by_kind[MW_RECORD_FULL];

	return at == MW_RULESET_NONE ? 0 : rules->sections[at].quiet_len;
}

uint32_t mw_ruleset_digests(const struct mw_ruleset *rules)
{
	return rules->digest_kinds;
}

uint32_t mw_ruleset_rule_count(const struct mw_ruleset *rules)
{
	return rules->rule_count;
}

const struct mw_ruleset_rule *mw_ruleset_rule(const struct mw_ruleset *rules, uint32_t index)
{
	return &rules->rules[index];
}

const uint8_t *mw_ruleset_hash(const struct mw_ruleset *rules)
{
	return rules->content_hash;
}

size_t mw_ruleset_memory(const struct mw_ruleset *rules)
{
	size_t bytes = sizeof(*rules) + rules->copy_len + rules->database_bytes +
		       rules->rule_count * sizeof(rules->rules[0]) +
		       rules->expr_count * sizeof(rules->exprs[0]);

	for (uint32_t i = 0; i < rules->automaton_count; i++)
		bytes += mw_automaton_bytes(rules->automata[i]);
	for (uint32_t i = 0; i < rules->expr_count; i++) {
		size_t code = 0, jit = 0;

		if (rules->exprs[i].re == NULL)
			continue;
		pcre2_pattern_info(rules->exprs[i].re, PCRE2_INFO_SIZE, &code);
		pcre2_pattern_info(rules->exprs[i].re, PCRE2_INFO_JITSIZE, &jit);
		bytes += code + jit;
	}
	return bytes;
}

void mw_ruleset_free(struct mw_ruleset *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; rules->exprs != NULL && i < rules->expr_count; i++)
		pcre2_code_free(rules->exprs[i].re);
	for (uint32_t i = 0; rules->sections != NULL && i < rules->section_count; i++)
		free(rules->sections[i].always);
	for (uint32_t i = 0; i < rules->automaton_count; i++)
		mw_automaton_free(rules->automata[i]);
	for (uint32_t i = 0; i < rules->database_count; i++)
		hs_free_database(rules->databases[i]);
	free(rules->rules);
	free(rules->exprs);
	free(rules->sections);
	free(rules->databases);
	free(rules->automata);
	free(rules->metas);
	free(rules->digests);
	free(rules->specials);
	free(rules->copy);
	free(rules);
}
