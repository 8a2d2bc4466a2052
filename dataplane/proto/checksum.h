/*
 * Internet checksums (RFC 1071): judging a received segment, and making those of packets the lane
 * has cut or written itself good again. Called by the lane only when it must.
 */
#ifndef MW_DATAPLANE_PROTO_CHECKSUM_H
#define MW_DATAPLANE_PROTO_CHECKSUM_H

#include "dataplane/proto/frame.h"

/* Sum of 16-bit words, not yet folded to its complement; an odd last octet counts as high octet. */
uint32_t mw_checksum_add(uint32_t sum, const void *data, size_t len);
uint16_t mw_checksum_fold(uint32_t sum);

/* True when the TCP checksum is right. The whole segment must lie in the buffer. */
bool mw_checksum_tcp_good(const uint8_t *data, const struct mw_frame *frame);

/* Writes the checksum of an IPv4 header. */
void mw_checksum_ipv4(uint8_t *ip);

/* Writes the lengths and checksums of PPPoE, IP and TCP for a payload of `payload_len` octets that
 * lies behind the headers described by `frame`. */
void mw_checksum_rewrite(uint8_t *data, const struct mw_frame *frame, uint32_t payload_len);

#endif
