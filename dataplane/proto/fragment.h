/*
 * IP fragments put together (RFC 791, 3.2; RFC 8200, 4.5), over memory of the caller's. Strict
 * where a sender may choose: a fragment that overlaps another, exact repeats excepted, ends its
 * datagram (RFC 5722, for IPv4 too), and so does one without its place. Bounded: datagrams under
 * way, octets and pieces each; the oldest makes room. Never looks at the clock. Called by a rim, in
 * front of a lane.
 */
#ifndef MW_DATAPLANE_PROTO_FRAGMENT_H
#define MW_DATAPLANE_PROTO_FRAGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MW_FRAGMENT_LIFE_NS 30000000000u /* RFC 791 leaves it open; Linux takes 30 s */

struct mw_fragments;

/* Room for `datagrams` under way at a time. */
size_t mw_fragments_bytes(uint32_t datagrams);
struct mw_fragments *mw_fragments_init(void *memory, uint32_t datagrams);

/*
 * An Ethernet frame. 0: it is no fragment, or completes nothing; else the length of the frame at
 * *whole, which has the whole datagram without a fragment header, valid until the next call.
 */
uint32_t mw_fragments_add(struct mw_fragments *f, uint64_t now_ns, const uint8_t *frame,
	uint32_t len, uint8_t **whole);

#endif
