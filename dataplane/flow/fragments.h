/*
 * Fragments of TCP packets collected until the packet is whole, over fixed memory. It knows frames
 * of its caller only as handles and octets that stay where they are; which of them pass, which wait
 * and which end here is its whole output. Never looks at the clock. Called by the rims
 * (dataplane/io, dataplane/replay), in front of a lane. Why so, and why strict:
 * docs/decisions/fragments.md.
 */
#ifndef MW_DATAPLANE_FLOW_FRAGMENTS_H
#define MW_DATAPLANE_FLOW_FRAGMENTS_H

#include "common/contract/reason.h"
#include "dataplane/proto/fragment.h"

#define MW_FRAGMENTS_LIFE_NS UINT64_C(30000000000) /* RFC 791 leaves it open; Linux takes 30 s */
#define MW_FRAGMENTS_PIECES                                                       \
	64u /* of one packet: 64 KiB in pieces of what every IPv4 link carries is \
	       more, 9000 octets in such pieces a quarter */
#define MW_FRAGMENTS_SHARE 8u /* no source has more than one in so many of the places */

struct mw_fragments;

struct mw_fragments_config {
	uint64_t key;	  /* secret of its hashes */
	uint32_t packets; /* under way at a time */
	uint32_t pieces;  /* frames kept at a time, all packets together */
	uint32_t marks;	  /* a power of two; 0: identifications may be used again (captures) */
	/* Captures: a first fragment may be too short for its headers. Its receiver has put the
	 * packet together all the same. */
	bool short_starts;
	void *ctx;
	bool (*is_smtp)(void *ctx, uint16_t sport, uint16_t dport);
	/* A frame that was kept leaves, in the order of arrival: FRAGMENT, it passes as it is; any
	 * other reason, it ends here. Called from within the functions below. */
	void (*release)(void *ctx, void *handle, enum mw_reason reason);
};

enum mw_fragments_action {
	MW_FRAGMENTS_PASS, /* this frame passes as it is; those kept before it have been released */
	MW_FRAGMENTS_KEEP, /* handle and octets belong to the table until they are released */
	MW_FRAGMENTS_WHOLE, /* with this one all are there: they are the caller's again */
	MW_FRAGMENTS_DROP,  /* this one ends here, for `reason` */
};

struct mw_fragments_result {
	enum mw_reason reason;
	uint32_t
		count; /* WHOLE: frames of the packet, in the order of arrival, this one included */
	void *handle[MW_FRAGMENTS_PIECES];
};

/* Octets of memory, all of it at init. */
size_t mw_fragments_bytes(const struct mw_fragments_config *config);
/* `memory`: aligned to 64, zeroed. */
struct mw_fragments *mw_fragments_init(void *memory, const struct mw_fragments_config *config);

/* A frame that came in by port `port_in`. `frame` may be read until `handle` is released. */
enum mw_fragments_action mw_fragments_add(struct mw_fragments *f, uint64_t now_ns, uint8_t port_in,
	const uint8_t *frame, uint32_t len, void *handle, struct mw_fragments_result *result);

/* Lets go what has waited too long: a few packets a call. True when more may be due. */
bool mw_fragments_tick(struct mw_fragments *f, uint64_t now_ns);
/* Lets go everything. */
void mw_fragments_finish(struct mw_fragments *f);

/* Frames kept now. */
uint32_t mw_fragments_kept(const struct mw_fragments *f);

/* Keyed hash over what makes fragments belong together at their receiver: addresses,
 * identification, protocol. Not the VLAN: it says nothing behind the next router. */
uint64_t mw_fragments_hash(uint64_t key, const struct mw_fragment *fragment);

#endif
