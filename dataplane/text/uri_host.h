/*
 * Host names within addresses: are they valid, which host does an address name. Pure, internal to
 * the uri files.
 */
#ifndef MW_DATAPLANE_TEXT_URI_HOST_H
#define MW_DATAPLANE_TEXT_URI_HOST_H

#include "dataplane/text/uri.h"

#define MW_HOST_MAX 253 /* RFC 1035, section 2.3.4, without the last dot */

/* Labels of 1 to 63 letters, digits, "-" and "_" (this not in the last two), at least two of them;
 * ASCII only, any case, dots at the end allowed. */
bool mw_host_valid(struct mw_span host);
/* Does it end in a valid top-level domain, with something in front? ASCII. */
bool mw_host_known(const struct mw_tld_table *tlds, struct mw_span host);
bool mw_host_is_ipv4(struct mw_span host);
/* Does the address (mailto: or with a scheme) name a host that can exist? */
bool mw_uri_has_host(const struct mw_tld_table *tlds, struct mw_span uri);
/* Does the address (with a scheme) name any host at all, known or not? `guessed`: the scheme was
 * not written, so the host must at least have the form of one. */
bool mw_uri_says_host(struct mw_span uri, bool guessed);

#endif
