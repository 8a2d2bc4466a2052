/*
 * A regular expression as a tree over octets: what the planner derives cheap filters from. The tree
 * accepts every text the expression accepts and perhaps more (assertions accept the empty string,
 * back-references anything), never less: a filter made from it never says no wrongly.
 */
#ifndef MW_CONTROLPLANE_RULES_REGEX_TREE_H
#define MW_CONTROLPLANE_RULES_REGEX_TREE_H

#include "controlplane/rules/bag.h"

#define MW_RX_INFINITE UINT32_MAX

enum mw_rx_kind {
	MW_RX_EMPTY, /* also assertions */
	MW_RX_CLASS, /* one octet of `set` */
	MW_RX_CAT,
	MW_RX_ALT,
	MW_RX_REPEAT, /* kids[0], lo to hi times */
	MW_RX_ANY,    /* any text */
	MW_RX_LOOK,   /* the empty text, where kids[0] begins or ends */
};

struct mw_octets {
	uint64_t bits[4];
};

struct mw_rx {
	enum mw_rx_kind kind;
	struct mw_octets set;
	struct mw_rx **kids;
	size_t count;
	uint32_t lo, hi;
};

struct mw_rx_flags {
	bool caseless, dotall, extended;
};

/* NULL when it holds something this parser does not know. *exact: the tree accepts just what the
 * expression does. */
struct mw_rx *mw_rx_parse(
	struct mw_bag *bag, struct mw_span pattern, struct mw_rx_flags flags, bool *exact);

static inline bool mw_octets_has(const struct mw_octets *s, uint8_t c)
{
	return (s->bits[c >> 6] >> (c & 63) & 1) != 0;
}

static inline void mw_octets_add(struct mw_octets *s, uint8_t c)
{
	s->bits[c >> 6] |= 1ull << (c & 63);
}

static inline void mw_octets_join(struct mw_octets *s, const struct mw_octets *t)
{
	for (unsigned i = 0; i < 4; i++)
		s->bits[i] |= t->bits[i];
}

#endif
