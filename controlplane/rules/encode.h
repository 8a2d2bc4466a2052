/* A plan with its databases to the octets of the ruleset file. */
#ifndef MW_CONTROLPLANE_RULES_ENCODE_H
#define MW_CONTROLPLANE_RULES_ENCODE_H

#include "controlplane/rules/database.h"

/* What binds a file to this machine: the pattern library's version and the processor's features. */
struct mw_machine {
	const char *library;
	uint32_t tune;
	uint64_t cpu_features;
};

int mw_machine_get(struct mw_machine *out); /* 0, or -ENOTSUP: the library does not run here */

int mw_ruleset_encode(struct mw_plan *plan, const struct mw_built *built,
	const struct mw_machine *machine, const uint8_t content_hash[32], uint32_t compile_ms,
	struct mw_ruleset_writer *out);

#endif
