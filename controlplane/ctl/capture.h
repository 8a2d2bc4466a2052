/*
 * A message as a capture: one SMTP session over TCP that delivers it, so that the dataplane's
 * replay reads it exactly as it would read it on the wire. Addresses are of the documentation
 * ranges.
 */
#ifndef MW_CONTROLPLANE_CTL_CAPTURE_H
#define MW_CONTROLPLANE_CTL_CAPTURE_H

#include <stdint.h>
#include <stdio.h>

#include "common/base/span.h"

/* Writes the capture (pcap, raw IP). Bare LF becomes CRLF, dots are stuffed. 0 or -EIO. */
int mw_capture_message(FILE *out, struct mw_span message, uint64_t now_s);

#endif
