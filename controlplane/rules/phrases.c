/*
 * Plain pattern files (.txt): one phrase a line, found literally and without regard to ASCII case
 * wherever it hides. `#` starts a comment line. With tabs a line says more:
 *
 *     phrase
 *     name<TAB>score<TAB>phrase
 *     name<TAB>score<TAB>/regular expression/flags
 *
 * A line is read as the second or third form only when it has two tabs and its second field is a
 * number; a phrase may thus contain tabs, blanks and octets of any charset.
 */
#include "controlplane/rules/rulebook.h"

#include <errno.h>

static bool split_fields(
	struct mw_span line, struct mw_span *name, int32_t *score, struct mw_span *pattern)
{
	const uint8_t *first = memchr(line.data, '\t', line.len);

	if (first == NULL || first == line.data)
		return false;
	size_t rest = line.len - (size_t)(first + 1 - line.data);
	const uint8_t *second = memchr(first + 1, '\t', rest);
	if (second == NULL)
		return false;
	if (!mw_parse_milli(mw_span_of(first + 1, (size_t)(second - first - 1)), score))
		return false;
	*name = mw_trim(mw_span_of(line.data, (size_t)(first - line.data)));
	*pattern = mw_trim(mw_span_of(second + 1, line.len - (size_t)(second + 1 - line.data)));
	return name->len > 0;
}

int mw_import_phrases(struct mw_rulebook *book, const char *file, struct mw_span text)
{
	struct mw_span line;
	uint32_t number = 0;

	text = mw_without_mark(text);
	while (mw_next_line(&text, &line)) {
		struct mw_span name, pattern;
		int32_t score = 1000;

		number++;
		line = mw_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (memchr(line.data, 0, line.len) != NULL)
			return mw_rulebook_fail(book, file, number,
				"a phrase cannot hold a NUL: is this a text file?");
		bool named = split_fields(line, &name, &score, &pattern);
		if (!named)
			name = pattern = line;
		if (pattern.len == 0)
			return mw_rulebook_fail(book, file, number,
				"rule %.*s has no pattern behind its score", (int)name.len,
				(const char *)name.data);

		struct mw_def *def = mw_rulebook_define(book, name, MW_DEF_PHRASE, file, number);
		def->has_score = true;
		def->score_milli = score;
		def->literal = true;
		def->caseless = true;
		def->pattern = pattern;
		if (named && pattern.len > 1 && pattern.data[0] == '/') {
			def->literal = false;
			def->caseless = false;
			const char *wrong = mw_parse_regex(pattern, def);
			if (wrong != NULL)
				return mw_rulebook_fail(
					book, file, number, "rule %s: %s", def->name, wrong);
		}
	}
	return 0;
}
