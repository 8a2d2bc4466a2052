/* The pattern library's databases of a plan, serialised. */
#ifndef MW_CONTROLPLANE_RULES_DATABASE_H
#define MW_CONTROLPLANE_RULES_DATABASE_H

#include "controlplane/rules/plan.h"

struct mw_built_database {
	bool stream, literal;
	char *octets; /* free() */
	size_t len;
	const struct mw_plan_section *from;
};

struct mw_built {
	struct mw_built_database *items;
	size_t count, room;
};

/* Whether the library can run the pattern over a stream; NULL, or why not (in the bag). */
const char *mw_database_streams(struct mw_bag *bag, const struct mw_def *def);

/* Compiles what the plan's sections need and notes the indexes in them. 0; -EINVAL or -ENOMEM with
 * the book's error set. A pattern the library refuses over a stream is left out and noted in its
 * rule's report line. */
int mw_databases_build(
	struct mw_plan *plan, const struct mw_rules_options *options, struct mw_built *out);
void mw_databases_free(struct mw_built *built);

#endif
