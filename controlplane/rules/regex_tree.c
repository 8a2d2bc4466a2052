/*
 * Regular expression to tree (regex_tree.h). Knows the Perl syntax that rules use; whatever it does
 * not know makes it give up, and the rule then goes without a filter.
 */
#include "controlplane/rules/regex_tree.h"
#include "controlplane/rules/regex_class.h"

#include <stdlib.h>

#define DEPTH_MAX 200
#define KIDS_MAX  65536

struct parse {
	struct mw_bag *bag;
	const uint8_t *at, *end;
	struct mw_rx_flags flags;
	unsigned depth;
	bool failed;
	bool exact;
};

struct list {
	struct mw_rx **items;
	size_t count, room;
};

static struct mw_rx *node(struct parse *p, enum mw_rx_kind kind)
{
	struct mw_rx *rx = mw_bag_alloc(p->bag, sizeof(*rx));

	rx->kind = kind;
	return rx;
}

static struct mw_rx *assertion(struct parse *p)
{
	p->exact = false;
	return node(p, MW_RX_EMPTY);
}

static struct mw_rx *anything(struct parse *p)
{
	p->exact = false;
	return node(p, MW_RX_ANY);
}

static struct mw_rx *octet(struct parse *p, uint8_t c)
{
	struct mw_rx *rx = node(p, MW_RX_CLASS);

	mw_octets_add(&rx->set, c);
	if (p->flags.caseless)
		mw_rx_fold(&rx->set);
	return rx;
}

static struct mw_rx *give_up(struct parse *p)
{
	p->failed = true;
	return node(p, MW_RX_EMPTY);
}

static void push(struct list *l, struct mw_rx *rx)
{
	l->items = mw_grow(l->items, l->count, &l->room, sizeof(struct mw_rx *));
	l->items[l->count++] = rx;
}

/* A list becomes a node; one item is itself. */
static struct mw_rx *close_list(struct parse *p, struct list *l, enum mw_rx_kind kind)
{
	struct mw_rx *rx;

	if (l->count == 1) {
		rx = l->items[0];
	} else if (l->count == 0) {
		rx = node(p, MW_RX_EMPTY);
	} else {
		rx = node(p, kind);
		rx->count = l->count;
		rx->kids = mw_bag_alloc(p->bag, l->count * sizeof(struct mw_rx *));
		memcpy(rx->kids, l->items, l->count * sizeof(struct mw_rx *));
	}
	if (l->count > KIDS_MAX)
		p->failed = true;
	free(l->items);
	*l = (struct list){0};
	return rx;
}

static bool next_is(struct parse *p, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(p->end - p->at) < n || memcmp(p->at, text, n) != 0)
		return false;
	p->at += n;
	return true;
}

static bool skip_to(struct parse *p, uint8_t c)
{
	while (p->at < p->end && *p->at != c)
		p->at++;
	if (p->at >= p->end)
		return false;
	p->at++;
	return true;
}

static void skip_extended(struct parse *p)
{
	while (p->flags.extended && p->at < p->end) {
		if (*p->at == ' ' || (*p->at >= '\t' && *p->at <= '\r'))
			p->at++;
		else if (*p->at != '#')
			return;
		else if (!skip_to(p, '\n'))
			p->at = p->end;
	}
}

static struct mw_rx *alternatives(struct parse *p);

/* `(?i-s` … up to `)` or `:`. True when a group follows (`:`). */
static bool inline_flags(struct parse *p)
{
	bool on = true;

	while (p->at < p->end) {
		switch (*p->at++) {
		case '^':
			p->flags = (struct mw_rx_flags){0};
			break;
		case '-':
			on = false;
			break;
		case 'i':
			p->flags.caseless = on;
			break;
		case 's':
			p->flags.dotall = on;
			break;
		case 'x':
			p->flags.extended = on;
			break;
		case 'm':
		case 'a':
		case 'n':
			break;
		case ')':
			return false;
		case ':':
			return true;
		default:
			p->failed = true;
			return false;
		}
	}
	p->failed = true;
	return false;
}

/* Behind `(`. */
static struct mw_rx *group(struct parse *p)
{
	struct mw_rx_flags saved = p->flags;
	bool looks = false, negative = false;

	if (++p->depth > DEPTH_MAX)
		return give_up(p);
	if (p->at < p->end && *p->at == '*')
		return give_up(p); /* a verb */
	if (next_is(p, "?")) {
		if (next_is(p, "#")) {
			p->depth--;
			return skip_to(p, ')') ? node(p, MW_RX_EMPTY) : give_up(p);
		}
		if (next_is(p, "=") || next_is(p, "<=")) {
			looks = true;
		} else if (next_is(p, "!") || next_is(p, "<!")) {
			looks = negative = true;
		} else if (next_is(p, ">")) {
			p->exact = false; /* atomic: accepts less than the tree */
		} else if (next_is(p, "|") || next_is(p, ":")) {
			/* a plain group */
		} else if (next_is(p, "P<") || next_is(p, "<")) {
			if (!skip_to(p, '>'))
				return give_up(p);
		} else if (next_is(p, "'")) {
			if (!skip_to(p, '\''))
				return give_up(p);
		} else if (next_is(p, "P=")) {
			p->depth--;
			return skip_to(p, ')') ? anything(p) : give_up(p);
		} else if (!inline_flags(p)) {
			p->depth--;
			return node(p, MW_RX_EMPTY); /* flags hold to the end of this group */
		}
	}
	struct mw_rx *rx = alternatives(p);
	if (p->at >= p->end || *p->at++ != ')')
		return give_up(p);
	p->flags = saved;
	p->depth--;
	if (!looks)
		return rx;
	struct mw_rx *look = assertion(p);
	if (!negative) {
		look->kind = MW_RX_LOOK;
		look->kids = mw_bag_alloc(p->bag, sizeof(struct mw_rx *));
		look->kids[0] = rx;
		look->count = 1;
	}
	return look;
}

static struct mw_rx *escape(struct parse *p)
{
	struct mw_octets set;
	uint8_t c;

	if (p->at >= p->end)
		return give_up(p);
	c = *p->at;
	if (c == 'N' && p->end - p->at > 1 && p->at[1] == '{')
		return give_up(p);
	if (mw_rx_shorthand(c, &set)) {
		struct mw_rx *rx = node(p, MW_RX_CLASS);

		p->at++;
		rx->set = set;
		return rx;
	}
	switch (c) {
	case 'b':
	case 'B':
	case 'A':
	case 'z':
	case 'Z':
	case 'G':
	case 'K':
		p->at++;
		return assertion(p);
	case 'g':
	case 'k':
		p->at++;
		if (next_is(p, "{"))
			return skip_to(p, '}') ? anything(p) : give_up(p);
		if (next_is(p, "<"))
			return skip_to(p, '>') ? anything(p) : give_up(p);
		while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
			p->at++;
		return anything(p);
	case 'R':
	case 'X':
		p->at++;
		return anything(p);
	case 'C': {
		struct mw_rx *rx = node(p, MW_RX_CLASS);

		p->at++;
		mw_octets_invert(&rx->set);
		return rx;
	}
	case 'E':
		p->at++;
		return node(p, MW_RX_EMPTY);
	default:
		break;
	}
	if (c >= '1' && c <= '9') { /* a back-reference, or an octal number: any text covers both */
		while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
			p->at++;
		return anything(p);
	}
	if (!mw_rx_octet_escape(&p->at, p->end, &c))
		return give_up(p);
	return octet(p, c);
}

/* `\Q…\E`: as it stands. */
static void quoted(struct parse *p, struct list *l)
{
	while (p->at < p->end && !next_is(p, "\\E"))
		push(l, octet(p, *p->at++));
}

static struct mw_rx *atom(struct parse *p)
{
	uint8_t c = *p->at++;
	struct mw_rx *rx;

	switch (c) {
	case '(':
		return group(p);
	case '\\':
		return escape(p);
	case '^':
	case '$':
		return assertion(p);
	case '.':
		rx = node(p, MW_RX_CLASS);
		if (!p->flags.dotall)
			mw_octets_add(&rx->set, '\n');
		mw_octets_invert(&rx->set);
		return rx;
	case '[':
		rx = node(p, MW_RX_CLASS);
		if (!mw_rx_bracket(&p->at, p->end, p->flags.caseless, &rx->set, &p->exact))
			return give_up(p);
		return rx;
	case '*':
	case '+':
	case '?':
		return give_up(p);
	default:
		return octet(p, c);
	}
}

/* `{n}`, `{n,}`, `{n,m}`; anything else in braces is text. */
static bool counted(struct parse *p, uint32_t *lo, uint32_t *hi)
{
	const uint8_t *q = p->at + 1;
	uint32_t v[2] = {0, 0};
	bool comma = false, digits[2] = {false, false};

	for (; q < p->end && *q != '}'; q++) {
		if (*q == ',' && !comma) {
			comma = true;
		} else if (*q >= '0' && *q <= '9' && v[comma] < 100000) {
			v[comma] = v[comma] * 10 + (uint32_t)(*q - '0');
			digits[comma] = true;
		} else {
			return false;
		}
	}
	if (q >= p->end || !digits[0])
		return false;
	p->at = q + 1;
	*lo = v[0];
	*hi = !comma ? v[0] : digits[1] ? v[1] : MW_RX_INFINITE;
	return true;
}

/* A `\E` that ends nothing is nothing: what stands behind it is about what stands before. */
static void skip_ends(struct parse *p)
{
	do {
		skip_extended(p);
	} while (next_is(p, "\\E"));
}

static struct mw_rx *quantified(struct parse *p, struct mw_rx *rx)
{
	for (;;) {
		uint32_t lo, hi;

		skip_ends(p);
		if (p->at >= p->end)
			return rx;
		if (*p->at == '*') {
			lo = 0, hi = MW_RX_INFINITE;
			p->at++;
		} else if (*p->at == '+') {
			lo = 1, hi = MW_RX_INFINITE;
			p->at++;
		} else if (*p->at == '?') {
			lo = 0, hi = 1;
			p->at++;
		} else if (*p->at != '{' || !counted(p, &lo, &hi)) {
			return rx;
		}
		if (p->at < p->end && *p->at == '?') {
			p->at++;
		} else if (p->at < p->end && *p->at == '+') {
			p->at++;
			p->exact = false; /* possessive: accepts less */
		}
		struct mw_rx *repeat = node(p, MW_RX_REPEAT);
		repeat->kids = mw_bag_alloc(p->bag, sizeof(struct mw_rx *));
		repeat->kids[0] = rx;
		repeat->count = 1;
		repeat->lo = lo;
		repeat->hi = hi;
		rx = repeat;
	}
}

static struct mw_rx *alternatives(struct parse *p)
{
	struct list branches = {0}, items = {0};

	while (!p->failed) {
		skip_extended(p);
		if (p->at >= p->end || *p->at == ')')
			break;
		if (*p->at == '|') {
			p->at++;
			push(&branches, close_list(p, &items, MW_RX_CAT));
		} else if (next_is(p, "\\Q")) {
			quoted(p, &items);
			if (items.count > 0)
				items.items[items.count - 1] =
					quantified(p, items.items[items.count - 1]);
		} else {
			push(&items, quantified(p, atom(p)));
		}
	}
	push(&branches, close_list(p, &items, MW_RX_CAT));
	return close_list(p, &branches, MW_RX_ALT);
}

struct mw_rx *mw_rx_parse(
	struct mw_bag *bag, struct mw_span pattern, struct mw_rx_flags flags, bool *exact)
{
	struct parse p = {.bag = bag,
		.at = pattern.data,
		.end = pattern.data + pattern.len,
		.flags = flags,
		.exact = true};
	struct mw_rx *rx = alternatives(&p);

	*exact = p.exact && !p.failed;
	return p.failed || p.at != p.end ? NULL : rx;
}
