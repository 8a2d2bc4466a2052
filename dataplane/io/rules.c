/*
 * Loads rules for all lanes, or for none: a ruleset that lacks the memory for one lane's scratch is
 * refused and the old one stays.
 */
#include "dataplane/io/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void unload(void *ctx, void *loaded)
{
	struct mw_io_rules *r = loaded;

	for (uint16_t lane = 0; lane < r->lanes; lane++)
		mw_scan_scratch_free(r->scratch[lane]);
	mw_ruleset_free(r->rules);
	free(r);
}

static int load(
	void *ctx, const char *path, uint64_t generation, void **out, char *error, size_t size)
{
	const struct mw_io_rules_config *config = ctx;
	char why[MW_RULESET_ERROR_MAX] = "";
	struct mw_io_rules *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->generation = generation;
	r->rules = mw_ruleset_load_file(path, why);
	if (!r->rules) {
		snprintf(error, size, "%s: %s", path, why);
		free(r);
		return -EINVAL;
	}
	for (r->lanes = 0; r->lanes < config->lanes; r->lanes++) {
		r->scratch[r->lanes] = mw_scan_scratch_new(r->rules, config->messages);
		if (!r->scratch[r->lanes]) {
			snprintf(error, size, "%s: no memory to scan with it in lane %u", path,
				r->lanes);
			unload(ctx, r);
			return -ENOMEM;
		}
	}
	*out = r;
	return 0;
}

struct mw_publish_rules_ops mw_io_rules_ops(struct mw_io_rules_config *config)
{
	return (struct mw_publish_rules_ops){.ctx = config, .load = load, .unload = unload};
}
