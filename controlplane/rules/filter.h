/*
 * Cheap filters out of an expression's tree. A filter proposes every text that the expression
 * matches and, one hopes, few others; its price is the estimated share of octets at which it
 * proposes. Two kinds: a set of literals of which one must occur (any case), and a class sequence:
 * up to 32 classes of octets in a row, between which octets of given sets may stand any number
 * of times.
 *
 * Filters look at a text in which every white-space octet (HT to CR) is a blank: that keeps sets of
 * literals small, and the end of a paragraph or header value (LF) needs no thought.
 */
#ifndef MW_CONTROLPLANE_RULES_FILTER_H
#define MW_CONTROLPLANE_RULES_FILTER_H

#include "controlplane/rules/regex_tree.h"

#define MW_FILTER_NONE	    1e9 /* the price of what cannot be had */
#define MW_LITERALS_MAX	    600
#define MW_SEQUENCE_MAX	    32
#define MW_ALTERNATIVES_MAX 4

struct mw_literals {
	struct mw_span *items; /* folded to lower case */
	size_t count;
	double price;
};

/* What the texts are: decides what is common in them. */
enum mw_filter_texts { MW_TEXTS_PROSE, MW_TEXTS_ADDRESSES };

/* A required set of literals; price MW_FILTER_NONE when there is none worth having. */
struct mw_literals mw_filter_literals(
	struct mw_bag *bag, const struct mw_rx *rx, enum mw_filter_texts texts);

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

struct mw_sequences mw_filter_sequences(
	struct mw_bag *bag, const struct mw_rx *rx, enum mw_filter_texts texts);

/* When the whole expression is one literal: its text and whether case counts. */
bool mw_filter_plain(
	struct mw_bag *bag, const struct mw_rx *rx, struct mw_span *text, bool *caseless);

/* The set as filters see it: white space is the blank. */
struct mw_octets mw_filter_blanks(struct mw_octets set);

/* Estimated share of this octet in mail text (any case for letters). */
double mw_octet_share(uint8_t c);

#endif
