/*
 * What the dataplane must be told: a numbered list of the things that changed (not of their
 * values). apply/ reads each thing's present value from `cases` and writes it to `policy` together
 * with the number; so publishing again after a crash does no harm, and what was published can be
 * dropped here.
 */
#ifndef MW_CONTROLPLANE_STORE_CHANGES_H
#define MW_CONTROLPLANE_STORE_CHANGES_H

#include "common/contract/policy.h"
#include "controlplane/store/cases.h"

enum mw_change_kind {
	MW_CHANGE_CUSTOMER = 1,
	MW_CHANGE_LINE = 2,
	MW_CHANGE_VERDICT = 3,
	MW_CHANGE_SETTINGS = 4, /* of the ruleset or of the settings file */
};

struct mw_change {
	uint64_t revision;
	enum mw_change_kind kind;
	uint32_t customer_index; /* CUSTOMER, VERDICT; of a line: its own */
	struct mw_line_key line; /* LINE */
};

void mw_change_add(struct mw_cases_txn *txn, enum mw_change_kind kind, uint32_t customer_index,
	const struct mw_line_key *line);
uint64_t mw_change_last(struct mw_cases_txn *txn);
/* The first change after `revision`; start with a walk over MW_TABLE_CHANGES. */
bool mw_change_next(struct mw_walk *walk, struct mw_change *out);
/* Drops changes up to `revision`, at most `max` of them. */
void mw_change_trim(struct mw_cases_txn *txn, uint64_t revision, uint32_t max);

/* The line as a key: order and equality of lines. */
struct mw_key mw_line_key_of(const struct mw_line_key *line);
bool mw_line_key_read(struct mw_span key, struct mw_line_key *out);
bool mw_line_key_among(
	const struct mw_line_key *line, const struct mw_line_key *lines, size_t count);

#endif
