/* One thing at a time from `cases` to `policy`, and only when it differs: used within apply only.
 */
#ifndef MW_CONTROLPLANE_APPLY_PUBLISH_H
#define MW_CONTROLPLANE_APPLY_PUBLISH_H

#include "controlplane/apply/apply.h"
#include "controlplane/store/customers.h"

/* The customer of that index with his lines that have one of their own, or such a line. */
void mw_publish_customer(struct mw_apply *apply, struct mw_cases_txn *from,
	struct mw_policy_txn *to, uint32_t index);
void mw_publish_line(struct mw_cases_txn *from, struct mw_policy_txn *to,
	const struct mw_line_key *line, uint64_t now_s);
void mw_publish_verdict(struct mw_apply *apply, struct mw_cases_txn *from, struct mw_policy_txn *to,
	uint32_t customer_index, uint64_t now_s);
/* False: no record at all stands for it. */
bool mw_publish_wanted(struct mw_apply *apply, struct mw_cases_txn *from, uint32_t index,
	uint64_t now_s, struct mw_verdict_record *out);
void mw_publish_settings(
	struct mw_apply *apply, struct mw_cases_txn *from, struct mw_policy_txn *to);

#endif
