/*
 * Meta expressions, with Perl's precedence (perlop): `!` and unary `-`, then `* /`, `+ -`,
 * `< <= > >=`, `== !=`, `&&`, `||`. A name's value is its rule's count.
 */
#include "controlplane/rules/meta.h"

#include <stdlib.h>

#define CODE_MAX  65536
#define DEPTH_MAX (MW_META_STACK_MAX / 2)

struct parse {
	struct mw_rulebook *book;
	const struct mw_meta_names *names;
	struct mw_span rest;
	uint8_t *code;
	size_t len;
	unsigned depth;
	unsigned stack; /* values the code has pushed at this point */
	const char *wrong;
};

static void emit(struct parse *p, enum mw_meta_op op)
{
	if (op == MW_META_NUMBER || op == MW_META_RULE)
		p->stack++;
	else if (op != MW_META_NOT && op != MW_META_NEGATIVE && p->stack > 0)
		p->stack--;
	if (p->len >= CODE_MAX || p->stack > MW_META_STACK_MAX)
		p->wrong = "its expression is too long";
	else
		p->code[p->len++] = (uint8_t)op;
}

static void emit_operand(struct parse *p, enum mw_meta_op op, uint32_t v)
{
	if (p->len + 5 > CODE_MAX) {
		p->wrong = "its expression is too long";
		return;
	}
	emit(p, op);
	for (int shift = 24; shift >= 0; shift -= 8)
		p->code[p->len++] = (uint8_t)(v >> shift);
}

static bool take(struct parse *p, const char *text)
{
	size_t len = strlen(text);

	p->rest = mw_trim(p->rest);
	if (p->rest.len < len || memcmp(p->rest.data, text, len) != 0)
		return false;
	p->rest = mw_span_of(p->rest.data + len, p->rest.len - len);
	return true;
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static struct mw_span take_word(struct parse *p)
{
	size_t n = 0;

	p->rest = mw_trim(p->rest);
	while (n < p->rest.len && (is_word(p->rest.data[n]) || p->rest.data[n] == '.'))
		n++;
	struct mw_span word = mw_span_of(p->rest.data, n);
	p->rest = mw_span_of(p->rest.data + n, p->rest.len - n);
	return word;
}

static void name_value(struct parse *p, struct mw_span name)
{
	bool zero = false;
	struct mw_def *def = p->names->resolve(p->names->ctx, name, &zero);

	if (zero)
		emit_operand(p, MW_META_NUMBER, 0);
	else if (def != NULL)
		emit_operand(p, MW_META_RULE, def->index);
	else
		p->wrong = mw_bag_printf(&p->book->bag, "needs %.*s, which is not supported",
			(int)name.len, (const char *)name.data);
}

static bool glob_match(struct mw_span glob, const char *name)
{
	if (glob.len == 0)
		return *name == 0;
	struct mw_span rest = mw_span_of(glob.data + 1, glob.len - 1);
	if (glob.data[0] == '*') {
		for (;; name++) {
			if (glob_match(rest, name))
				return true;
			if (*name == 0)
				return false;
		}
	}
	return *name != 0 && (glob.data[0] == '?' || glob.data[0] == (uint8_t)*name) &&
	       glob_match(rest, name + 1);
}

/* rules_matching(GLOB): the sum of all rules so named. */
static void matching(struct parse *p)
{
	size_t n = 0;

	if (!take(p, "(")) {
		p->wrong = "rules_matching needs a pattern of names";
		return;
	}
	while (n < p->rest.len && p->rest.data[n] != ')')
		n++;
	struct mw_span glob = mw_trim(mw_span_of(p->rest.data, n));
	p->rest = mw_span_of(p->rest.data + n, p->rest.len - n);
	if (!take(p, ")") || glob.len > 64) {
		p->wrong = "rules_matching needs a pattern of names";
		return;
	}
	emit_operand(p, MW_META_NUMBER, 0);
	for (size_t i = 0; i < p->book->count && p->wrong == NULL; i++) {
		struct mw_def *def = p->book->defs[i];

		if (def->kind == MW_DEF_NONE || !glob_match(glob, def->name))
			continue;
		name_value(p, mw_span_str(def->name));
		emit(p, MW_META_ADD);
	}
}

static void level(struct parse *p, unsigned precedence);

static void operand(struct parse *p)
{
	if (p->wrong != NULL)
		return;
	if (++p->depth > DEPTH_MAX) {
		p->wrong = "its expression is nested too deeply";
		return;
	}
	if (take(p, "!")) {
		operand(p);
		emit(p, MW_META_NOT);
	} else if (take(p, "-")) {
		operand(p);
		emit(p, MW_META_NEGATIVE);
	} else if (take(p, "(")) {
		level(p, 0);
		if (p->wrong == NULL && !take(p, ")"))
			p->wrong = "a parenthesis is not closed";
	} else {
		struct mw_span word = take_word(p);
		int32_t number;

		if (word.len == 0)
			p->wrong =
				"its expression has an operator that is not known, or ends early";
		else if (mw_parse_milli(word, &number))
			emit_operand(p, MW_META_NUMBER, (uint32_t)number);
		else if (mw_span_eq(word, mw_span_str("rules_matching")))
			matching(p);
		else
			name_value(p, word);
	}
	p->depth--;
}

/* Operators by level, weakest first; within a level the longer spelling first. */
static const struct {
	unsigned level;
	const char *text;
	enum mw_meta_op op;
} operators[] = {
	{0, "||", MW_META_OR},
	{1, "&&", MW_META_AND},
	{2, "==", MW_META_EQ},
	{2, "!=", MW_META_NE},
	{3, "<=", MW_META_LE},
	{3, ">=", MW_META_GE},
	{3, "<", MW_META_LT},
	{3, ">", MW_META_GT},
	{4, "+", MW_META_ADD},
	{4, "-", MW_META_SUB},
	{5, "*", MW_META_MUL},
	{5, "/", MW_META_DIV},
};

#define LEVELS 6

static void level(struct parse *p, unsigned precedence)
{
	if (precedence == LEVELS) {
		operand(p);
		return;
	}
	level(p, precedence + 1);
	while (p->wrong == NULL) {
		size_t i = 0;
		size_t count = sizeof(operators) / sizeof(operators[0]);

		while (i < count &&
			!(operators[i].level == precedence && take(p, operators[i].text)))
			i++;
		if (i == count)
			return;
		level(p, precedence + 1);
		emit(p, operators[i].op);
	}
}

const char *mw_meta_compile(struct mw_rulebook *book, const char *text,
	const struct mw_meta_names *names, struct mw_span *code)
{
	struct parse p = {.book = book, .names = names, .rest = mw_span_str(text)};

	p.code = malloc(CODE_MAX);
	if (p.code == NULL)
		return "there is no memory";
	level(&p, 0);
	p.rest = mw_trim(p.rest);
	if (p.wrong == NULL && p.rest.len > 0)
		p.wrong =
			mw_bag_printf(&book->bag, "its expression cannot be read from \"%.20s\" on",
				(const char *)mw_bag_copy(&book->bag, p.rest));
	*code = mw_span_of(mw_bag_copy(&book->bag, mw_span_of(p.code, p.len)), p.len);
	free(p.code);
	return p.wrong;
}

void mw_meta_renumber(struct mw_span code, uint32_t (*each)(void *ctx, uint32_t operand), void *ctx)
{
	/* The code lies in the book's bag, which we own: the cast gives back what copying took. */
	uint8_t *at = (uint8_t *)(uintptr_t)code.data;
	uint8_t *end = at + code.len;

	while (at < end) {
		uint8_t op = *at++;

		if (op != MW_META_RULE && op != MW_META_NUMBER)
			continue;
		if (op == MW_META_RULE) {
			uint32_t v = mw_ruleset_u32_at(mw_span_of(at, 4), 0);

			v = each(ctx, v);
			for (int k = 0; k < 4; k++)
				at[k] = (uint8_t)(v >> (24 - 8 * k));
		}
		at += 4;
	}
}
