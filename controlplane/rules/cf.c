/*
 * Lines of SpamAssassin's rule files into the rulebook. A later line for the same rule replaces the
 * earlier one; settings that are no rules (reports, trust, network) have no say here and are passed
 * over. What a pattern means is not looked at: only its delimiters and flags.
 */
#include "controlplane/rules/cf.h"

#include <errno.h>
#include <stdlib.h>

#define NESTING_MAX 64

struct line {
	struct mw_cf *cf;
	const char *file;
	uint32_t number;
	struct mw_span key;
	struct mw_span rest; /* behind the key, trimmed */
};

static int fail(struct line *l, const char *sentence)
{
	return mw_rulebook_fail(l->cf->book, l->file, l->number, "%s", sentence);
}

static bool is(struct mw_span s, const char *text)
{
	return mw_span_eq(s, mw_span_str(text));
}

/* `#` starts a comment unless a backslash stands before it; then the backslash goes. */
static struct mw_span without_comment(struct mw_bag *bag, struct mw_span line)
{
	if (memchr(line.data, '#', line.len) == NULL)
		return line;
	uint8_t *out = mw_bag_alloc(bag, line.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] == '#') {
			if (n == 0 || line.data[i - 1] != '\\')
				break;
			n--;
		}
		out[n++] = line.data[i];
	}
	return mw_span_of(out, n);
}

/* Directives are known in any case. */
static struct mw_span lower(struct mw_bag *bag, struct mw_span word)
{
	uint8_t *out = NULL;

	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < 'A' || word.data[i] > 'Z')
			continue;
		if (out == NULL) {
			out = mw_bag_alloc(bag, word.len);
			memcpy(out, word.data, word.len);
		}
		out[i] |= 0x20;
	}
	return out == NULL ? word : mw_span_of(out, word.len);
}

static struct mw_def *define(struct line *l, struct mw_span name, enum mw_def_kind kind)
{
	return mw_rulebook_define(l->cf->book, name, kind, l->file, l->number);
}

static bool valid_name(struct mw_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];

		if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
			    c == '_' || (i > 0 && (c == '-' || c == '.'))))
			return false;
	}
	return name.len > 0 && name.len < MW_RULE_NAME_MAX;
}

static bool starts(struct mw_span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.data, text, len) == 0;
}

/* A rule that calls a function instead of giving a pattern. True when it was one. */
static bool eval_rule(struct line *l, struct mw_span name)
{
	size_t skip = starts(l->rest, "eval:") ? 5 : starts(l->rest, "rbleval:") ? 8 : 0;

	if (skip == 0)
		return false;
	struct mw_def *def = define(l, name, MW_DEF_OTHER);
	size_t n = skip;

	while (n < l->rest.len && l->rest.data[n] != '(')
		n++;
	def->unsupported = mw_bag_printf(&l->cf->book->bag, "calls the function %.*s",
		(int)(n - skip), (const char *)l->rest.data + skip);
	return true;
}

static int pattern_rule(struct line *l, struct mw_span name, enum mw_def_kind kind)
{
	if (eval_rule(l, name))
		return 0;
	struct mw_def *def = define(l, name, kind);
	const char *wrong = mw_parse_regex(l->rest, def);

	return wrong == NULL ? 0
			     : mw_rulebook_fail(l->cf->book, l->file, l->number, "rule %s: %s",
				       def->name, wrong);
}

/* The header's name and its form (":raw", ":addr"), or the reason why we do not have it. */
static void header_target(struct line *l, struct mw_def *def, struct mw_span target)
{
	struct mw_bag *bag = &l->cf->book->bag;
	const uint8_t *colon = memchr(target.data, ':', target.len);
	struct mw_span form = {0};

	if (colon != NULL) {
		form = mw_span_of(colon + 1, target.len - (size_t)(colon + 1 - target.data));
		target.len = (size_t)(colon - target.data);
	}
	def->header = mw_bag_copy(bag, target);
	if (starts(target, "X-Spam-Relays-")) {
		def->unsupported =
			"tests the relays a mail came through: no outbound wire has them";
	} else if (is(target, "EnvelopeFrom") || is(target, "X-Languages") ||
		   is(target, "X-Relay-Countries") || is(target, "X-Spam-DNS")) {
		def->unsupported =
			mw_bag_printf(bag, "tests %s, which the receiver computes", def->header);
	} else if (is(target, "ALL")) {
		def->header_form = is(form, "raw") ? MW_DEF_ALL_RAW : MW_DEF_ALL;
	} else if (is(form, "raw")) {
		def->header_form = MW_DEF_RAW;
		if (is(target, "ToCc") || is(target, "MESSAGEID"))
			def->unsupported = "joins several headers as they stand";
	} else if (is(form, "addr") || is(form, "name")) {
		def->header = mw_bag_printf(
			bag, "%s:%.*s", def->header, (int)form.len, (const char *)form.data);
	} else if (form.len > 0) {
		def->unsupported = mw_bag_printf(bag, "the form :%.*s of a header is not known",
			(int)form.len, (const char *)form.data);
	}
}

/* `[if-unset: TEXT]` at the end gives the value of a missing header. */
static void take_if_unset(struct line *l, struct mw_def *def)
{
	static const char mark[] = "[if-unset:";
	size_t n = sizeof(mark) - 1;

	if (l->rest.len < n || l->rest.data[l->rest.len - 1] != ']')
		return;
	for (size_t at = l->rest.len - n; at > 0; at--) {
		if (memcmp(l->rest.data + at, mark, n) != 0)
			continue;
		def->if_unset = mw_bag_copy(&l->cf->book->bag,
			mw_trim(mw_span_of(l->rest.data + at + n, l->rest.len - at - n - 1)));
		l->rest = mw_trim(mw_span_of(l->rest.data, at));
		return;
	}
}

static int header_rule(struct line *l, struct mw_span name)
{
	if (eval_rule(l, name))
		return 0;
	struct mw_def *def = define(l, name, MW_DEF_HEADER);
	size_t n = 0;

	if (starts(l->rest, "exists:")) {
		def->exists = true;
		header_target(l, def, mw_span_of(l->rest.data + 7, l->rest.len - 7));
		return 0;
	}
	while (n + 1 < l->rest.len &&
		!(l->rest.data[n + 1] == '~' && (l->rest.data[n] == '=' || l->rest.data[n] == '!')))
		n++;
	struct mw_span target = mw_trim(mw_span_of(l->rest.data, n));
	if (n + 1 >= l->rest.len || target.len == 0 || memchr(target.data, ' ', target.len) != NULL)
		return mw_rulebook_fail(l->cf->book, l->file, l->number,
			"rule %s: a header rule reads NAME Header =~ /pattern/", def->name);
	def->negate = l->rest.data[n] == '!';
	l->rest = mw_trim(mw_span_of(l->rest.data + n + 2, l->rest.len - n - 2));
	take_if_unset(l, def);
	header_target(l, def, target);
	const char *wrong = mw_parse_regex(l->rest, def);

	return wrong == NULL ? 0
			     : mw_rulebook_fail(l->cf->book, l->file, l->number, "rule %s: %s",
				       def->name, wrong);
}

static int score_line(struct line *l, struct mw_span name)
{
	struct mw_def *def = mw_rulebook_get(l->cf->book, name);
	struct mw_span word = mw_next_word(&l->rest);
	int32_t value;
	/* "(n)": relative to what was said before. */
	bool relative = word.len > 2 && word.data[0] == '(' && word.data[word.len - 1] == ')';

	if (relative)
		word = mw_span_of(word.data + 1, word.len - 2);
	if (!mw_parse_milli(word, &value))
		return mw_rulebook_fail(l->cf->book, l->file, l->number,
			"score of %s: \"%.*s\" is no number", def->name, (int)word.len,
			(const char *)word.data);
	def->score_milli = relative && def->has_score ? def->score_milli + value : value;
	def->has_score = true;
	return 0;
}

static int tflags_line(struct line *l, struct mw_span name)
{
	struct mw_def *def = mw_rulebook_get(l->cf->book, name);

	def->multiple = def->nice = def->no_subject = def->never = false;
	def->maxhits = 0;
	while (l->rest.len > 0) {
		struct mw_span flag = mw_next_word(&l->rest);

		if (is(flag, "multiple"))
			def->multiple = true;
		else if (is(flag, "nice"))
			def->nice = true;
		else if (is(flag, "nosubject"))
			def->no_subject = true;
		else if (is(flag, "net") || is(flag, "learn"))
			def->never = true;
		else if (starts(flag, "maxhits=")) {
			int32_t n;

			if (!mw_parse_milli(mw_span_of(flag.data + 8, flag.len - 8), &n) || n < 0 ||
				n > 65535000)
				return fail(l, "maxhits needs a number up to 65535");
			def->maxhits = (uint16_t)(n / 1000);
		}
	}
	return 0;
}

static void replace_line(struct line *l)
{
	struct mw_cf_tags *tags = &l->cf->tags;

	if (is(l->key, "replace_rules")) {
		while (l->rest.len > 0)
			mw_rulebook_get(l->cf->book, mw_next_word(&l->rest))->replace_tags = true;
		return;
	}
	struct mw_span name = mw_next_word(&l->rest);
	struct mw_span kind = mw_span_of(l->key.data + 8, l->key.len - 8);

	tags->items = mw_grow(tags->items, tags->count, &tags->room, sizeof(tags->items[0]));
	tags->items[tags->count++] = (struct mw_cf_tag){kind, name, l->rest};
}

static void other_rule(struct line *l, struct mw_span name, const char *why, bool never)
{
	struct mw_def *def = define(l, name, MW_DEF_OTHER);

	def->unsupported = why;
	def->never = never;
}

/* One directive with its condition met. Words that define no rule are passed over. */
static int directive(struct line *l)
{
	struct mw_span key = l->key;
	bool named = is(key, "header") || is(key, "body") || is(key, "rawbody") || is(key, "uri") ||
		     is(key, "full") || is(key, "meta") || is(key, "score") ||
		     is(key, "describe") || is(key, "tflags") || is(key, "mimeheader") ||
		     is(key, "uri_detail");
	bool network = is(key, "askdns") || is(key, "uridnsbl") || is(key, "urirhsbl") ||
		       is(key, "urirhssub") || is(key, "urinsrhsbl") || is(key, "urinsrhssub") ||
		       is(key, "urifullnsrhsbl") || is(key, "urifullnsrhssub");

	if (starts(key, "replace_")) {
		if (is(key, "replace_rules") || is(key, "replace_tag") || is(key, "replace_pre") ||
			is(key, "replace_inter") || is(key, "replace_post"))
			replace_line(l);
		return 0;
	}
	if (is(key, "include"))
		return fail(l, "include is not followed: name the file or its folder itself");
	if (!named && !network)
		return 0;
	struct mw_span name = mw_next_word(&l->rest);
	if (!valid_name(name))
		return fail(l, "a rule's name is of letters, digits and _ (at most 95)");
	if (l->rest.len == 0)
		return mw_rulebook_fail(l->cf->book, l->file, l->number,
			"rule %.*s: nothing stands behind its name", (int)name.len,
			(const char *)name.data);
	if (network)
		other_rule(l, name, "asks the network", true);
	else if (is(key, "header"))
		return header_rule(l, name);
	else if (is(key, "body"))
		return pattern_rule(l, name, MW_DEF_BODY);
	else if (is(key, "rawbody"))
		return pattern_rule(l, name, MW_DEF_RAWBODY);
	else if (is(key, "uri"))
		return pattern_rule(l, name, MW_DEF_URI);
	else if (is(key, "full"))
		return pattern_rule(l, name, MW_DEF_FULL);
	else if (is(key, "meta"))
		define(l, name, MW_DEF_META)->meta = mw_bag_copy(&l->cf->book->bag, l->rest);
	else if (is(key, "score"))
		return score_line(l, name);
	else if (is(key, "tflags"))
		return tflags_line(l, name);
	else if (is(key, "describe"))
		mw_rulebook_get(l->cf->book, name)->description =
			mw_bag_copy(&l->cf->book->bag, l->rest);
	else if (is(key, "mimeheader"))
		other_rule(l, name, "headers of single parts are not scanned", false);
	else
		other_rule(l, name, "needs the parts of an address one by one", false);
	return 0;
}

int mw_cf_read(struct mw_cf *cf, const char *file, struct mw_span text)
{
	struct line l = {.cf = cf, .file = file};
	bool met[NESTING_MAX] = {true};	  /* this block's lines count */
	bool taken[NESTING_MAX] = {true}; /* its condition was met */
	uint32_t opened[NESTING_MAX] = {0};
	unsigned depth = 0;
	struct mw_span line;

	text = mw_without_mark(text);
	while (mw_next_line(&text, &line)) {
		l.number++;
		l.rest = mw_trim(without_comment(&cf->book->bag, line));
		if (l.rest.len == 0)
			continue;
		l.key = lower(&cf->book->bag, mw_next_word(&l.rest));
		if (is(l.key, "if") || is(l.key, "ifplugin")) {
			bool value = false;

			if (depth + 1 == NESTING_MAX)
				return fail(&l, "conditions are nested too deeply");
			if (is(l.key, "ifplugin"))
				value = mw_cf_plugin_loaded(l.rest);
			else if (met[depth] && !mw_cf_condition(l.rest, &value))
				return fail(&l, "this condition cannot be understood");
			depth++;
			taken[depth] = value;
			met[depth] = met[depth - 1] && value;
			opened[depth] = l.number;
		} else if (is(l.key, "else")) {
			if (depth == 0)
				return fail(&l, "else without if");
			taken[depth] = !taken[depth];
			met[depth] = met[depth - 1] && taken[depth];
		} else if (is(l.key, "endif")) {
			if (depth == 0)
				return fail(&l, "endif without if");
			depth--;
		} else if (met[depth] && !is(l.key, "lang")) {
			int ret = directive(&l);

			if (ret != 0)
				return ret;
		}
	}
	l.number = opened[depth];
	return depth == 0 ? 0 : fail(&l, "this condition has no endif");
}
