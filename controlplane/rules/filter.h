/*
 * Cheap filters out of an expression's tree. A filter proposes every text that the expression
 * matches and, one hopes, few others; its price is the estimated share of octets at which it
 * proposes. Two kinds: a set of literals of which one must occur (any case), and a class sequence:
 * up to eight classes of octets in a row, between which octets of given sets may stand any number
 * of times.
 */
#ifndef MW_CONTROLPLANE_RULES_FILTER_H
#define MW_CONTROLPLANE_RULES_FILTER_H

#include "controlplane/rules/regex_tree.h"

#define MW_FILTER_NONE	    1e9 /* the price of what cannot be had */
#define MW_LITERALS_MAX	    600
#define MW_SEQUENCE_MAX	    8
#define MW_ALTERNATIVES_MAX 4

struct mw_literals {
	struct mw_span *items; /* folded to lower case */
	size_t count;
	double price;
};

/* A required set of literals; price MW_FILTER_NONE when there is none worth having. `paragraphs`:
 * the text is rendered, its only white space is the single blank. */
struct mw_literals mw_filter_literals(struct mw_bag *bag, const struct mw_rx *rx, bool paragraphs);

struct mw_sequence {
	struct mw_octets c[MW_SEQUENCE_MAX]; /* the octet at this place */
	struct mw_octets g[MW_SEQUENCE_MAX]; /* octets that may follow it, any number */
	unsigned len;
	double price;
};

struct mw_sequences {
	struct mw_sequence items[MW_ALTERNATIVES_MAX]; /* one of them must occur */
	unsigned count;
	double price;
};

struct mw_sequences mw_filter_sequences(struct mw_bag *bag, const struct mw_rx *rx);

/* When the whole expression is one literal: its text and whether case counts. */
bool mw_filter_plain(
	struct mw_bag *bag, const struct mw_rx *rx, struct mw_span *text, bool *caseless);

/* Estimated share of this octet in mail text (any case for letters). */
double mw_octet_share(uint8_t c);

#endif
