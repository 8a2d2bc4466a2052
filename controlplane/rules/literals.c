/*
 * Required literals of an expression (filter.h). Going through the tree, each part says which texts
 * it is exactly (if they are few), with which texts it must begin and end, and which set of
 * literals any match of it must contain. Runs of exact parts are multiplied out; where that would
 * grow too large, or a part is inexact, the run so far is a candidate. The cheapest candidate wins.
 */
#include "controlplane/rules/filter.h"

#include <math.h>
#include <stdlib.h>

#define EXACT_MAX  96 /* texts of a part that is still multiplied out */
#define LENGTH_MAX 24
#define CLASS_MAX  10 /* octets of a class that still counts as alternatives */
#define COPIES_MAX 4

struct set {
	struct mw_span *items;
	size_t count;
};

struct info {
	bool exact;		   /* `prefix` is everything it can be */
	struct set prefix, suffix; /* at least { "" } */
	struct set best;	   /* count 0: none */
	double best_price;
};

struct work {
	struct mw_bag *bag;
	enum mw_filter_texts texts;
};

struct mw_octets mw_filter_blanks(struct mw_octets set)
{
	bool any = false;

	for (uint8_t c = '\t'; c <= '\r'; c++) {
		any = any || mw_octets_has(&set, c);
		set.bits[0] &= ~(1ull << c);
	}
	if (any)
		mw_octets_add(&set, ' ');
	return set;
}

double mw_octet_share(uint8_t c)
{
	/* Letters of English text in thousandths of all octets, roughly. */
	static const uint8_t letters[26] = {61, 12, 23, 30, 95, 17, 16, 34, 57, 2, 7, 33, 20, 56,
		61, 17, 2, 50, 52, 72, 24, 9, 13, 4, 16, 2};

	if (c >= 'A' && c <= 'Z')
		c = (uint8_t)(c + 32);
	if (c >= 'a' && c <= 'z')
		return letters[c - 'a'] / 1000.0;
	if (c == ' ')
		return 0.16;
	if (c >= '0' && c <= '9')
		return 0.012;
	switch (c) {
	case '.':
	case '-':
	case '=':
	case '\n':
		return 0.02;
	case ',':
	case '/':
	case '<':
	case '>':
	case ':':
	case '"':
		return 0.01;
	default:
		break;
	}
	return c >= 0x80 || c < ' ' ? 0.0005 : 0.003;
}

/* Letters follow each other less freely than chance has it: later octets tell less. */
static double literal_price(struct work *w, struct mw_span s)
{
	static const char *const everywhere[] = {"http://www.", "https://www.", ".com/"};
	double p = 1;

	if (s.len == 0)
		return MW_FILTER_NONE;
	for (size_t i = 0; w->texts == MW_TEXTS_ADDRESSES && i < 3; i++)
		if (memmem(everywhere[i], strlen(everywhere[i]), s.data, s.len) != NULL)
			return 1;
	for (size_t i = 0; i < s.len; i++)
		p *= i == 0 ? mw_octet_share(s.data[i]) : pow(mw_octet_share(s.data[i]), 0.75);
	if (s.len == 1)
		p = p * 4 + 0.01;
	else if (s.len == 2)
		p = p * 3 + 0.0005;
	return p;
}

static double set_price(struct work *w, const struct set *s)
{
	double p = 0;

	if (s->count == 0 || s->count > MW_LITERALS_MAX)
		return MW_FILTER_NONE;
	for (size_t i = 0; i < s->count; i++)
		p += literal_price(w, s->items[i]);
	return p + 2e-7 * (double)s->count;
}

static struct set empty_text(struct work *w)
{
	struct set s = {.count = 1};

	s.items = mw_bag_alloc(w->bag, sizeof(s.items[0]));
	s.items[0] = mw_span_of("", 0);
	return s;
}

static int compare(const void *a, const void *b)
{
	const struct mw_span *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = n == 0 ? 0 : memcmp(x->data, y->data, n);

	return c != 0 ? c : x->len < y->len ? -1 : x->len > y->len;
}

static void unique(struct set *s)
{
	size_t n = 0;

	if (s->count < 2)
		return;
	qsort(s->items, s->count, sizeof(s->items[0]), compare);
	for (size_t i = 0; i < s->count; i++)
		if (n == 0 || compare(&s->items[n - 1], &s->items[i]) != 0)
			s->items[n++] = s->items[i];
	s->count = n;
}

static struct set join(struct work *w, struct set a, struct set b)
{
	struct set s = {.count = a.count + b.count};

	s.items = mw_bag_alloc(w->bag, (s.count + 1) * sizeof(s.items[0]));
	for (size_t i = 0; i < a.count; i++)
		s.items[i] = a.items[i];
	for (size_t i = 0; i < b.count; i++)
		s.items[a.count + i] = b.items[i];
	unique(&s);
	return s;
}

static size_t longest(struct set s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.count; i++)
		n = s.items[i].len > n ? s.items[i].len : n;
	return n;
}

static bool can_cross(struct set a, struct set b)
{
	return a.count * b.count <= EXACT_MAX && longest(a) + longest(b) <= LENGTH_MAX;
}

static struct set cross(struct work *w, struct set a, struct set b)
{
	struct set s = {0};

	s.items = mw_bag_alloc(w->bag, a.count * b.count * sizeof(s.items[0]));
	for (size_t i = 0; i < a.count; i++) {
		for (size_t k = 0; k < b.count; k++) {
			uint8_t *text = mw_bag_alloc(w->bag, a.items[i].len + b.items[k].len + 1);

			memcpy(text, a.items[i].data, a.items[i].len);
			memcpy(text + a.items[i].len, b.items[k].data, b.items[k].len);
			s.items[s.count++] = mw_span_of(text, a.items[i].len + b.items[k].len);
		}
	}
	unique(&s);
	return s;
}

static void candidate(struct work *w, struct info *info, struct set s)
{
	double price = set_price(w, &s);

	if (price < info->best_price) {
		info->best_price = price;
		info->best = s;
	}
}

static struct info nothing(struct work *w)
{
	struct info info = {.best_price = MW_FILTER_NONE};

	info.prefix = info.suffix = empty_text(w);
	return info;
}

static struct info analyse(struct work *w, const struct mw_rx *rx);

static struct info class_info(struct work *w, const struct mw_rx *rx)
{
	struct info info = nothing(w);
	struct mw_octets set = mw_filter_blanks(rx->set);
	struct set s = {0};

	s.items = mw_bag_alloc(w->bag, (CLASS_MAX + 1) * sizeof(s.items[0]));
	for (unsigned c = 0; c < 256; c++) {
		uint8_t *text;

		if (!mw_octets_has(&set, (uint8_t)c))
			continue;
		if (c >= 'A' && c <= 'Z' && mw_octets_has(&set, (uint8_t)(c + 32)))
			continue; /* literals are found in any case */
		if (s.count == CLASS_MAX)
			return info;
		text = mw_bag_alloc(w->bag, 1);
		*text = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		s.items[s.count++] = mw_span_of(text, 1);
	}
	if (s.count == 0)
		return info;
	unique(&s);
	info.exact = true;
	info.prefix = info.suffix = s;
	return info;
}

/* The state of a walk over parts that follow each other. */
struct walk {
	struct info info;
	struct set run;
	bool whole; /* the run began with the first part */
};

static void flush(struct work *w, struct walk *k, struct set run)
{
	candidate(w, &k->info, run);
	if (k->whole)
		k->info.prefix = run;
	k->whole = false;
}

static void follow(struct work *w, struct walk *k, const struct info *part)
{
	if (part->best_price < k->info.best_price) {
		k->info.best = part->best;
		k->info.best_price = part->best_price;
	}
	if (part->exact && can_cross(k->run, part->prefix)) {
		k->run = cross(w, k->run, part->prefix);
		return;
	}
	if (part->exact) {
		flush(w, k, k->run);
		k->run = part->suffix;
		return;
	}
	flush(w, k, can_cross(k->run, part->prefix) ? cross(w, k->run, part->prefix) : k->run);
	candidate(w, &k->info, part->prefix);
	k->run = part->suffix;
}

static struct info walk_end(struct work *w, struct walk *k)
{
	candidate(w, &k->info, k->run);
	k->info.exact = k->whole;
	k->info.suffix = k->run;
	if (k->whole)
		k->info.prefix = k->run;
	return k->info;
}

static struct info repeat_info(struct work *w, const struct mw_rx *rx)
{
	struct walk k = {.info = nothing(w), .run = empty_text(w), .whole = true};
	struct info kid = analyse(w, rx->kids[0]);
	uint32_t copies = rx->lo < COPIES_MAX ? rx->lo : COPIES_MAX;

	if (rx->lo == 0) {
		struct info info = nothing(w);

		if (rx->hi == 1 && kid.exact && kid.prefix.count < EXACT_MAX) {
			info.exact = true;
			info.prefix = info.suffix = join(w, kid.prefix, empty_text(w));
		}
		return info;
	}
	for (uint32_t i = 0; i < copies; i++)
		follow(w, &k, &kid);
	struct info info = walk_end(w, &k);
	if (copies == rx->hi)
		return info;
	/* More may follow: what it begins and ends with still holds, what it is does not. */
	info.exact = false;
	return info;
}

static struct info alternatives_info(struct work *w, const struct mw_rx *rx)
{
	struct info info = {.exact = true, .best_price = MW_FILTER_NONE};
	struct set best = {0};
	bool prefix = true, suffix = true, required = true;

	for (size_t i = 0; i < rx->count; i++) {
		struct info kid = analyse(w, rx->kids[i]);
		struct set own = kid.best;

		if (kid.exact && set_price(w, &kid.prefix) < kid.best_price)
			own = kid.prefix;
		info.exact = info.exact && kid.exact;
		prefix = prefix && info.prefix.count + kid.prefix.count <= EXACT_MAX;
		suffix = suffix && info.suffix.count + kid.suffix.count <= EXACT_MAX;
		required = required && own.count > 0 && best.count + own.count <= MW_LITERALS_MAX;
		if (prefix)
			info.prefix = join(w, info.prefix, kid.prefix);
		if (suffix)
			info.suffix = join(w, info.suffix, kid.suffix);
		if (required)
			best = join(w, best, own);
	}
	info.exact = info.exact && prefix && suffix;
	if (!prefix)
		info.prefix = empty_text(w);
	if (!suffix)
		info.suffix = empty_text(w);
	if (required)
		candidate(w, &info, best);
	return info;
}

static struct info analyse(struct work *w, const struct mw_rx *rx)
{
	struct walk k;
	struct info info;

	switch (rx->kind) {
	case MW_RX_CLASS:
		return class_info(w, rx);
	case MW_RX_REPEAT:
		return repeat_info(w, rx);
	case MW_RX_ALT:
		return alternatives_info(w, rx);
	case MW_RX_CAT:
		k = (struct walk){.info = nothing(w), .run = empty_text(w), .whole = true};
		for (size_t i = 0; i < rx->count; i++) {
			info = analyse(w, rx->kids[i]);
			follow(w, &k, &info);
		}
		return walk_end(w, &k);
	case MW_RX_EMPTY:
		info = nothing(w);
		info.exact = true;
		return info;
	case MW_RX_LOOK: {
		struct info kid = analyse(w, rx->kids[0]);

		/* What it looks at must be there, though the text goes on from here. */
		info = nothing(w);
		info.exact = true;
		info.best = kid.best;
		info.best_price = kid.best_price;
		candidate(w, &info, kid.prefix);
		return info;
	}
	case MW_RX_ANY:
		break;
	}
	return nothing(w);
}

/* A literal that contains another of the set says nothing new. */
static void drop_longer(struct set *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		bool covered = false;

		for (size_t k = 0; k < s->count && !covered; k++)
			covered = k != i && s->items[k].len < s->items[i].len &&
				  memmem(s->items[i].data, s->items[i].len, s->items[k].data,
					  s->items[k].len) != NULL;
		if (!covered)
			s->items[n++] = s->items[i];
	}
	s->count = n;
}

struct mw_literals mw_filter_literals(
	struct mw_bag *bag, const struct mw_rx *rx, enum mw_filter_texts texts)
{
	struct work w = {.bag = bag, .texts = texts};
	struct info info = analyse(&w, rx);
	struct mw_literals out = {.price = MW_FILTER_NONE};

	if (info.exact)
		candidate(&w, &info, info.prefix);
	if (info.best.count == 0)
		return out;
	struct set best = join(&w, info.best, (struct set){.items = info.best.items});
	struct set all = {.count = best.count};
	all.items = mw_bag_alloc(bag, best.count * sizeof(all.items[0]));
	memcpy(all.items, best.items, best.count * sizeof(all.items[0]));
	drop_longer(&all);
	for (size_t i = 0; i < all.count; i++)
		if (all.items[i].len < 2)
			return out;
	out.items = all.items;
	out.count = all.count;
	out.price = set_price(&w, &all);
	return out;
}

bool mw_filter_plain(
	struct mw_bag *bag, const struct mw_rx *rx, struct mw_span *text, bool *caseless)
{
	const struct mw_rx *const *kids =
		rx->kind == MW_RX_CAT ? (const struct mw_rx *const *)rx->kids : &rx;
	size_t count = rx->kind == MW_RX_CAT ? rx->count : 1;
	bool sensitive = false, insensitive = false;
	uint8_t *out = mw_bag_alloc(bag, count + 1);

	for (size_t i = 0; i < count; i++) {
		unsigned found = 0, octet = 0;

		if (kids[i]->kind != MW_RX_CLASS)
			return false;
		for (unsigned c = 0; c < 256; c++) {
			if (mw_octets_has(&kids[i]->set, (uint8_t)c)) {
				octet = c;
				found++;
			}
		}
		bool letter = (octet | 0x20) >= 'a' && (octet | 0x20) <= 'z';
		if (found == 2 && letter && mw_octets_has(&kids[i]->set, (uint8_t)(octet ^ 0x20)))
			insensitive = true;
		else if (found == 1)
			sensitive = sensitive || letter;
		else
			return false;
		out[i] = (uint8_t)octet;
	}
	*text = mw_span_of(out, count);
	*caseless = insensitive;
	return count > 0 && !(sensitive && insensitive);
}
