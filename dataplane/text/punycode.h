/*
 * International host names in their ASCII form (RFC 3492, IDNA without its tables: letters of
 * Latin, Greek and Cyrillic are lowered, the other dots of RFC 3490 become "."). Pure.
 */
#ifndef MW_DATAPLANE_TEXT_PUNYCODE_H
#define MW_DATAPLANE_TEXT_PUNYCODE_H

#include "common/base/span.h"

#define MW_PUNYCODE_LABEL_MAX 63 /* characters of a label before it is encoded */

/* One label, UTF-8 in, lower-case ASCII ("xn--...") out. 0 when it is no UTF-8 or does not fit. */
size_t mw_punycode_label(struct mw_span label, uint8_t *out, size_t size);
/* A host name of several labels; octets that are no valid UTF-8 leave it as it is, lowered. Returns
 * the octets written, 0 when it does not fit. */
size_t mw_punycode_host(struct mw_span host, uint8_t *out, size_t size);

#endif
