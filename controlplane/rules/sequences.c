/*
 * Class sequences of an expression (filter.h): what the class automaton runs. A literal or class is
 * one place; a repeat gives its least copies and lets its octets follow; an optional part lets its
 * octets stand in between; alternatives are laid over each other place by place, the tails of the
 * longer ones let through. All of this accepts more than the expression, never less.
 */
#include "controlplane/rules/filter.h"

#define PLACES_MAX 40
#define COPIES_MAX 32

struct places {
	struct mw_octets lead; /* may stand before the first place */
	struct mw_octets c[PLACES_MAX], g[PLACES_MAX];
	unsigned len;
	bool cut; /* more would follow: nothing can be appended */
};

static void octets_of(const struct mw_rx *rx, struct mw_octets *out)
{
	static const struct mw_octets all = {{~0ull, ~0ull, ~0ull, ~0ull}};

	if (rx->kind == MW_RX_LOOK)
		return;
	if (rx->kind == MW_RX_CLASS) {
		struct mw_octets set = mw_filter_blanks(rx->set);

		mw_octets_join(out, &set);
	} else if (rx->kind == MW_RX_ANY) {
		mw_octets_join(out, &all);
	}
	for (size_t i = 0; i < rx->count; i++)
		octets_of(rx->kids[i], out);
}

static struct mw_octets *tail_of(struct places *p)
{
	return p->len > 0 ? &p->g[p->len - 1] : &p->lead;
}

static void append(struct places *to, const struct places *from)
{
	if (to->cut)
		return;
	mw_octets_join(tail_of(to), &from->lead);
	for (unsigned i = 0; i < from->len; i++) {
		if (to->len == PLACES_MAX) {
			to->cut = true;
			return;
		}
		to->c[to->len] = from->c[i];
		to->g[to->len++] = from->g[i];
	}
	to->cut = from->cut;
}

/* Lays `b` over `a`. */
static void overlay(struct places *a, const struct places *b)
{
	unsigned len = a->len < b->len ? a->len : b->len;

	mw_octets_join(&a->lead, &b->lead);
	for (unsigned i = 0; i < len; i++) {
		mw_octets_join(&a->c[i], &b->c[i]);
		mw_octets_join(&a->g[i], &b->g[i]);
	}
	struct mw_octets *tail = len > 0 ? &a->g[len - 1] : &a->lead;
	for (unsigned i = len; i < a->len; i++) {
		mw_octets_join(tail, &a->c[i]);
		mw_octets_join(tail, &a->g[i]);
	}
	for (unsigned i = len; i < b->len; i++) {
		mw_octets_join(tail, &b->c[i]);
		mw_octets_join(tail, &b->g[i]);
	}
	/* A cut text goes on with what nobody wrote down: nothing may follow it here either. */
	a->cut = a->cut || b->cut;
	a->len = len;
}

static void places_of(struct mw_bag *bag, const struct mw_rx *rx, struct places *out)
{
	struct places *kid;

	*out = (struct places){0};
	switch (rx->kind) {
	case MW_RX_EMPTY:
	case MW_RX_LOOK:
		return;
	case MW_RX_ANY:
		octets_of(rx, &out->lead);
		return;
	case MW_RX_CLASS:
		out->c[0] = mw_filter_blanks(rx->set);
		out->len = 1;
		return;
	case MW_RX_CAT:
	case MW_RX_ALT:
		kid = mw_bag_alloc(bag, sizeof(*kid));
		for (size_t i = 0; i < rx->count; i++) {
			places_of(bag, rx->kids[i], kid);
			if (i == 0)
				*out = *kid;
			else if (rx->kind == MW_RX_CAT)
				append(out, kid);
			else
				overlay(out, kid);
		}
		return;
	case MW_RX_REPEAT:
		break;
	}
	if (rx->lo == 0) {
		octets_of(rx, &out->lead);
		return;
	}
	uint32_t copies = rx->lo < COPIES_MAX ? rx->lo : COPIES_MAX;
	kid = mw_bag_alloc(bag, sizeof(*kid));
	places_of(bag, rx->kids[0], kid);
	for (uint32_t i = 0; i < copies; i++)
		append(out, kid);
	if (copies < rx->hi && !out->cut)
		octets_of(rx, tail_of(out));
}

static double share(const struct mw_octets *s, enum mw_filter_texts texts)
{
	double p = 0;

	for (unsigned c = 0; c < 256; c++) {
		double one = mw_octet_share((uint8_t)c);

		if (!mw_octets_has(s, (uint8_t)c))
			continue;
		if (c >= 'A' && c <= 'Z')
			one *= 0.08;
		if (texts == MW_TEXTS_ADDRESSES && (c == '/' || c == '.' || (c >= '0' && c <= '9')))
			one *= 3;
		p += one;
	}
	return p < 1 ? p : 1;
}

/* The share of octets at which the last place of a window is entered, if octets came by chance. */
static double window_price(const double *c, const double *g, unsigned len)
{
	double state = 1;

	for (unsigned i = 0; i + 1 < len; i++) {
		state *= c[i] / (1.0001 - (g[i] < 0.9999 ? g[i] : 0.9999));
		state = state < 1 ? state : 1;
	}
	return state * c[len - 1];
}

static bool is_only(const struct mw_octets *s, uint8_t c)
{
	struct mw_octets one = {0};

	mw_octets_add(&one, c);
	return memcmp(s, &one, sizeof(one)) == 0;
}

/* Behind `://`: what is before it says nothing in an address. */
static unsigned behind_scheme(const struct places *p)
{
	unsigned start = 0;

	for (unsigned i = 0; i + 2 < p->len; i++)
		if (is_only(&p->c[i], ':') && is_only(&p->c[i + 1], '/') &&
			is_only(&p->c[i + 2], '/'))
			start = i + 3;
	return start;
}

static struct mw_sequence window_of(const struct places *p, enum mw_filter_texts texts)
{
	static const unsigned lengths[] = {8, 16, 24, 32};
	struct mw_sequence best = {.price = MW_FILTER_NONE};
	double c[PLACES_MAX], g[PLACES_MAX];
	unsigned start = texts == MW_TEXTS_ADDRESSES ? behind_scheme(p) : 0, at = 0;

	for (unsigned i = 0; i < p->len; i++) {
		c[i] = share(&p->c[i], texts);
		g[i] = share(&p->g[i], texts);
	}
	for (unsigned l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
		unsigned len = p->len - start < lengths[l] ? p->len - start : lengths[l];
		/* Eight more places take as much of the automaton as another rule. */
		double wanted = best.price * (l > 0 ? 0.3 : 1);

		if (len <= best.len || best.price < 1e-4)
			break;
		for (unsigned i = start; i + len <= p->len; i++) {
			double price = window_price(c + i, g + i, len);

			if (price < wanted) {
				best.price = wanted = price;
				best.len = len;
				at = i;
			}
		}
	}
	memcpy(best.c, p->c + at, best.len * sizeof(best.c[0]));
	memcpy(best.g, p->g + at, best.len * sizeof(best.g[0]));
	return best;
}

struct mw_sequences mw_filter_sequences(
	struct mw_bag *bag, const struct mw_rx *rx, enum mw_filter_texts texts)
{
	struct mw_sequences out = {0};
	struct places *p = mw_bag_alloc(bag, sizeof(*p));
	bool split = rx->kind == MW_RX_ALT && rx->count <= MW_ALTERNATIVES_MAX;
	size_t count = split ? rx->count : 1;

	for (size_t i = 0; i < count; i++) {
		places_of(bag, split ? rx->kids[i] : rx, p);
		out.items[i] = window_of(p, texts);
		out.price += out.items[i].price;
	}
	out.count = (unsigned)count;
	return out;
}
