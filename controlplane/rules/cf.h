/* SpamAssassin's rule language: one reader over all `.cf` files of a load, in order. */
#ifndef MW_CONTROLPLANE_RULES_CF_H
#define MW_CONTROLPLANE_RULES_CF_H

#include "controlplane/rules/rulebook.h"

/* replace_tag and its kin: named pieces of text that rules listed in replace_rules use as `<NAME>`.
 */
struct mw_cf_tag {
	struct mw_span kind; /* "tag", "pre", "inter", "post" */
	struct mw_span name;
	struct mw_span text;
};

struct mw_cf_tags {
	struct mw_cf_tag *items;
	size_t count, room;
};

struct mw_cf {
	struct mw_rulebook *book;
	struct mw_cf_tags tags;
};

/* Reads one file into the book. 0 or -EINVAL (the book has the error). */
int mw_cf_read(struct mw_cf *cf, const char *file, struct mw_span text);
/* After the last file: tags are put into the rules that asked for them. 0 or -EINVAL. */
int mw_cf_end(struct mw_cf *cf);
void mw_cf_free(struct mw_cf *cf);

/* The condition of `if` and `ifplugin` for the version of the language we read (4.0.1) with the
 * plugins Debian loads. False when it cannot be read. */
bool mw_cf_condition(struct mw_span text, bool *out);
bool mw_cf_plugin_loaded(struct mw_span name);

#endif
