/*
 * From one address to all strings that count for it: internal to the uri files.
 */
#ifndef MW_DATAPLANE_TEXT_URI_FORM_H
#define MW_DATAPLANE_TEXT_URI_FORM_H

#include "dataplane/text/uri.h"

/* Gives out prefix + rest and its canonical forms; from text (kind is not MW_URI_LINK) only if one
 * of them names a host that can exist. Where none does, an address with a scheme or www. is given
 * out alone, as MW_URI_STRANGE. */
void mw_uri_forms(const struct mw_uri_env *env, enum mw_uri_kind kind, const char *prefix,
	struct mw_span rest, struct mw_span written);

/* SipHash-1-3. */
uint64_t mw_uri_hash(const uint64_t key[2], struct mw_span s);
/* Is this address to be worked out, or was it just now, or is the budget used up? */
bool mw_uri_limit_pass(struct mw_uri_limit *limit, struct mw_span address, bool link);

#endif
