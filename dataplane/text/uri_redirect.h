/*
 * Addresses inside addresses: where a redirector leads. Pure, internal to the uri files.
 */
#ifndef MW_DATAPLANE_TEXT_URI_REDIRECT_H
#define MW_DATAPLANE_TEXT_URI_REDIRECT_H

#include "common/base/span.h"

/* The target inside `uri` (with its scheme), empty when there is none; the path begins at `path`.
 */
struct mw_span mw_uri_redirect(struct mw_span uri, size_t path);

#endif
