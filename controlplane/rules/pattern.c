/* PCRE2's word on the patterns of a load: wrong, too large, or fine. */
#include "controlplane/rules/plan.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static uint32_t pcre_options(const struct mw_def *def)
{
	return (def->caseless ? PCRE2_CASELESS : 0) | (def->dotall ? PCRE2_DOTALL : 0) |
	       (def->multiline ? PCRE2_MULTILINE : 0) | (def->extended ? PCRE2_EXTENDED : 0);
}

uint32_t mw_plan_re_flags(const struct mw_def *def)
{
	return (def->caseless ? MW_RE_CASELESS : 0) | (def->dotall ? MW_RE_DOTALL : 0) |
	       (def->multiline ? MW_RE_MULTILINE : 0) | (def->extended ? MW_RE_EXTENDED : 0);
}

static bool too_large(int code)
{
	return code == PCRE2_ERROR_PATTERN_TOO_LARGE || code == PCRE2_ERROR_LOOKBEHIND_TOO_LONG ||
	       code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP ||
	       code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED ||
	       code == PCRE2_ERROR_PATTERN_STRING_TOO_LONG;
}

int mw_plan_check_patterns(struct mw_plan *plan)
{
	struct mw_rulebook *book = plan->book;

	for (size_t i = 0; i < book->count; i++) {
		struct mw_def *def = book->defs[i];
		int code;
		size_t offset;
		PCRE2_UCHAR text[256];

		if (def->pattern.len == 0 || def->literal)
			continue;
		if (memmem(def->pattern.data, def->pattern.len, "%{", 2) != NULL &&
			def->unsupported == NULL && def->kind != MW_DEF_SIGNATURE) {
			def->unsupported = "uses what another rule captured";
			continue;
		}
		pcre2_code *re = pcre2_compile(def->pattern.data, def->pattern.len,
			pcre_options(def), &code, &offset, NULL);
		if (re != NULL) {
			/* The scanner only runs machine code: see dataplane/scan/load.c. */
			if (pcre2_jit_compile(re, PCRE2_JIT_COMPLETE) != 0)
				def->unsupported = "PCRE2 cannot make machine code of its pattern";
			pcre2_code_free(re);
			continue;
		}
		pcre2_get_error_message(code, text, sizeof(text));
		if (too_large(code)) {
			def->unsupported = mw_bag_printf(&book->bag,
				"its pattern is beyond PCRE2's limits (%s)", (const char *)text);
			continue;
		}
		return mw_rulebook_fail(book, def->file, def->line,
			"rule %s: the pattern is wrong at octet %zu: %s", def->name, offset + 1,
			(const char *)text);
	}
	return 0;
}

bool mw_plan_hits_missing(const struct mw_def *def)
{
	const char *value = def->if_unset != NULL ? def->if_unset : "";
	int code;
	size_t offset;
	pcre2_code *re = pcre2_compile(
		def->pattern.data, def->pattern.len, pcre_options(def), &code, &offset, NULL);
	bool hit = false;

	if (re == NULL)
		return false;
	pcre2_match_data *match = pcre2_match_data_create_from_pattern(re, NULL);
	if (match != NULL)
		hit = pcre2_match(re, (PCRE2_SPTR)value, strlen(value), 0, 0, match, NULL) >= 0;
	pcre2_match_data_free(match);
	pcre2_code_free(re);
	return hit != def->negate;
}
