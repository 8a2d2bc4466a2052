/*
 * From a lane to the agent: a bounded ring of encoded events, one producer (the lane), one consumer
 * (the export thread). Full: the new record is dropped and counted, what is in it stays. Records
 * are contiguous, so the consumer reads them where they lie.
 */
#ifndef MW_DATAPLANE_AGENT_EVENT_RING_H
#define MW_DATAPLANE_AGENT_EVENT_RING_H

#include <stdatomic.h>

#include "common/contract/event.h"

struct mw_event_ring {
	/* written by the lane */
	_Alignas(64) _Atomic uint64_t head; /* lane stores (release), export loads (acquire) */
	_Atomic uint64_t dropped;	    /* lane stores (relaxed), export loads */
	uint64_t tail_seen;		    /* lane alone: its copy of tail */
	uint64_t reserved;		    /* lane alone: where a reserved record will begin */
	/* written by the export thread */
	_Alignas(64) _Atomic uint64_t tail; /* export stores (release), lane loads (acquire) */
	/* constant after init */
	_Alignas(64) uint8_t *data;
	uint64_t size; /* a power of two */
};

/* Octets for a ring whose data part is `size` octets (a power of two, at least 64 KiB). */
size_t mw_event_ring_bytes(size_t size);
/* `memory` aligned to 64. NULL when `size` is not allowed. */
struct mw_event_ring *mw_event_ring_init(void *memory, size_t size);

/* Lane. False: full (or longer than MW_EVENT_RECORD_MAX), counted. Never blocks. */
bool mw_event_ring_push(struct mw_event_ring *ring, struct mw_span record);
/* Lane: room for MW_EVENT_RECORD_MAX octets to encode into directly, NULL when full (counted); then
 * commit with the length, 0 gives it up (uncounted). */
uint8_t *mw_event_ring_reserve(struct mw_event_ring *ring);
void mw_event_ring_commit(struct mw_event_ring *ring, size_t len);

/* Export. Walks from *position (start with mw_event_ring_tail) without releasing; false at the end.
 */
uint64_t mw_event_ring_tail(const struct mw_event_ring *ring);
bool mw_event_ring_next(const struct mw_event_ring *ring, uint64_t *position, struct mw_span *out);
/* Export: everything before `position` may be overwritten. */
void mw_event_ring_release(struct mw_event_ring *ring, uint64_t position);
uint64_t mw_event_ring_dropped(const struct mw_event_ring *ring);

#endif
