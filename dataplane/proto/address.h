/*
 * Address lists (RFC 5322 section 3.4) taken apart leniently: display names and addresses, for
 * rules that look at either. Groups are flattened, comments serve as names where there is no other.
 */
#ifndef MW_DATAPLANE_PROTO_ADDRESS_H
#define MW_DATAPLANE_PROTO_ADDRESS_H

#include "common/base/span.h"

struct mw_address {
	struct mw_span name; /* as written, quotes and all; may be empty */
	struct mw_span addr; /* without angle brackets; may be empty */
};

/* Takes the next address off the front of an unfolded value; false at its end. */
bool mw_address_next(struct mw_span *rest, struct mw_address *out);
/* A part of one as text: quotes off, `\x` to x in a display name; blanks off in an address. */
size_t mw_address_text(struct mw_span part, bool display, uint8_t *out, size_t size);

#endif
