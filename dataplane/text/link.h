/*
 * A link's address made absolute by the document's base (RFC 3986, section 5.2, with SpamAssassin's
 * departures: an address without scheme whose host begins with www or ftp gets one). Pure; called
 * by html.c.
 */
#ifndef MW_DATAPLANE_TEXT_LINK_H
#define MW_DATAPLANE_TEXT_LINK_H

#include "common/base/span.h"

/* What precedes and follows an address in sloppy HTML: blanks and U+00A0. */
struct mw_span mw_link_trim(struct mw_span link);

/* Writes at most `size` octets and returns how many; what does not fit is cut off. */
size_t mw_link_resolve(struct mw_span base, struct mw_span link, uint8_t *out, size_t size);

/* What <base href> makes of the links after it: without a file name at its end, with a "/"; 0 when
 * the address is no base (not absolute http, https or ftp). */
size_t mw_link_base(struct mw_span href, uint8_t *out, size_t size);

#endif
