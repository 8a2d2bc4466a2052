/*
 * The customers of a replay: an exported policy environment read once into a snapshot.
 */
#ifndef MW_DATAPLANE_REPLAY_POLICY_H
#define MW_DATAPLANE_REPLAY_POLICY_H

#include "common/store/policy.h"
#include "dataplane/verdict/snapshot.h"

struct mw_replay_policy {
	struct mw_policy_settings settings;
	struct mw_customer_record *customers;
	uint32_t customer_count;
	struct mw_line_record *lines;
	uint32_t line_count;
	void *memory;
	const struct mw_snapshot *snapshot;
};

/* Reads `state_dir`'s policy environment. 0, or negative errno and a sentence. */
int mw_replay_policy_load(
	struct mw_replay_policy *policy, const char *state_dir, char *error, size_t error_size);
void mw_replay_policy_free(struct mw_replay_policy *policy);

#endif
