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

/*
 * An atomic group with a lazy repeat or with alternatives: the machine code of PCRE2 10.42 now and
 * then stops too early (its issue 347) or goes back into the group, and so differs from Perl. Reads
 * no more of the syntax than it needs: brackets, escapes, groups.
 */
static bool atomic_trap(struct mw_span s)
{
	uint8_t atomic[256] = {0}; /* by depth: within an atomic group */
	unsigned depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		switch (s.data[i]) {
		case '\\':
			i++;
			break;
		case '[':
			i += i + 1 < s.len && s.data[i + 1] == '^' ? 2 : 1;
			if (i < s.len && s.data[i] == ']')
				i++;
			for (; i < s.len && s.data[i] != ']'; i++)
				i += s.data[i] == '\\';
			break;
		case '(':
			if (++depth >= sizeof(atomic))
				return true;
			atomic[depth] = atomic[depth - 1] ||
					(i + 2 < s.len && memcmp(s.data + i, "(?>", 3) == 0);
			if (i + 1 < s.len && s.data[i + 1] == '?')
				i++;
			break;
		case ')':
			depth -= depth > 0;
			break;
		case '|':
			if (atomic[depth])
				return true;
			break;
		case '?':
			if (atomic[depth] && i > 0 &&
				(s.data[i - 1] == '*' || s.data[i - 1] == '+' ||
					s.data[i - 1] == '?' || s.data[i - 1] == '}'))
				return true;
			break;
		default:
			break;
		}
	}
	return false;
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
			else if (atomic_trap(def->pattern))
				def->unsupported = "has a lazy repeat in an atomic group, which "
						   "PCRE2 gets wrong";
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
