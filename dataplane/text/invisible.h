/*
 * Characters that are in a text and not on the screen: zero-width spaces and joiners, soft hyphens,
 * marks of direction, variation selectors, tags. Spammers put them inside words that filters look
 * for. (Unicode's Default_Ignorable_Code_Point, without the fillers that have a width.)
 */
#ifndef MW_DATAPLANE_TEXT_INVISIBLE_H
#define MW_DATAPLANE_TEXT_INVISIBLE_H

#include "common/base/span.h"

/*
 * Copies valid UTF-8 without them; `out` has room for all of `in`, and may be where it lies.
 * Returns the octets written, in.len when there are none. *split (may be NULL) is set when one
 * stood between two letters or digits of ASCII, where no script needs one; a soft hyphen, which
 * honest senders put there, does not count.
 */
size_t mw_invisible_strip(struct mw_span in, uint8_t *out, bool *split);

#endif
