/*
 * The class automaton: many short sequences of octet classes followed at once, in bits of wide
 * words. For each octet D = (((D << 1) | first) & C[octet]) | (D & G[octet]): bit j of a sequence
 * says that its places 0..j were met in order, with octets of G between. What ever reached its last
 * place is a candidate. Constant work an octet, no branch on the text, no call-back. Slow side:
 * _new and _free. Feed path: _run, which allocates nothing.
 */
#ifndef MW_DATAPLANE_SCAN_AUTOMATON_H
#define MW_DATAPLANE_SCAN_AUTOMATON_H

#include "common/contract/ruleset.h"

struct mw_automaton;

/* NULL: out of memory, or tables that are not what they should be. */
struct mw_automaton *mw_automaton_new(const struct mw_ruleset_automaton *in);
void mw_automaton_free(struct mw_automaton *a);
size_t mw_automaton_bytes(const struct mw_automaton *a);
/* Calls `found` for the expression of each sequence met in the text, at most once a sequence. */
void mw_automaton_run(const struct mw_automaton *a, struct mw_span text,
	void (*found)(void *ctx, uint32_t expr), void *ctx);

#endif
