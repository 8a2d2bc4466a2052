/*
 * Positions count octets since the beginning and never wrap; the place in the ring is the position
 * modulo its size. A record is 8 octets of header (its length) and its octets, rounded up to 8.
 * What would cross the end begins at the start again, and a header of WRAP says so.
 */
#include "dataplane/agent/event_ring.h"

enum { HEADER = 8, RING_MIN = 64 << 10 };

#define WRAP UINT64_MAX

static uint64_t round8(uint64_t n)
{
	return (n + 7) & ~UINT64_C(7);
}

static size_t struct_octets(void)
{
	return (sizeof(struct mw_event_ring) + 63) & ~(size_t)63;
}

size_t mw_event_ring_bytes(size_t size)
{
	return struct_octets() + size;
}

struct mw_event_ring *mw_event_ring_init(void *memory, size_t size)
{
	struct mw_event_ring *ring = memory;

	if (size < RING_MIN || (size & (size - 1)) != 0)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->data = (uint8_t *)memory + struct_octets();
	ring->size = size;
	return ring;
}

static void put_header(struct mw_event_ring *ring, uint64_t position, uint64_t value)
{
	memcpy(ring->data + (position & (ring->size - 1)), &value, sizeof(value));
}

static uint64_t get_header(const struct mw_event_ring *ring, uint64_t position)
{
	uint64_t value;

	memcpy(&value, ring->data + (position & (ring->size - 1)), sizeof(value));
	return value;
}

/* Where a record of `len` octets would begin: at the head, or at the start of the next round. */
static bool place(struct mw_event_ring *ring, size_t len, uint64_t *begin)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint64_t need = HEADER + round8(len);
	uint64_t left = ring->size - (head & (ring->size - 1));
	uint64_t skip = left < need ? left : 0;

	if (head + skip + need - ring->tail_seen > ring->size) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head + skip + need - ring->tail_seen > ring->size)
			return false;
	}
	if (skip > 0)
		put_header(ring, head, WRAP); /* seen only once the head has moved beyond it */
	*begin = head + skip;
	return true;
}

static void count_drop(struct mw_event_ring *ring)
{
	uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);

	atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
}

uint8_t *mw_event_ring_reserve(struct mw_event_ring *ring)
{
	if (!place(ring, MW_EVENT_RECORD_MAX, &ring->reserved)) {
		count_drop(ring);
		return NULL;
	}
	return ring->data + (ring->reserved & (ring->size - 1)) + HEADER;
}

void mw_event_ring_commit(struct mw_event_ring *ring, size_t len)
{
	if (len == 0 || len > MW_EVENT_RECORD_MAX)
		return;
	put_header(ring, ring->reserved, len);
	atomic_store_explicit(
		&ring->head, ring->reserved + HEADER + round8(len), memory_order_release);
}

bool mw_event_ring_push(struct mw_event_ring *ring, struct mw_span record)
{
	uint64_t begin;

	if (record.len == 0 || record.len > MW_EVENT_RECORD_MAX ||
		!place(ring, record.len, &begin)) {
		count_drop(ring);
		return false;
	}
	put_header(ring, begin, record.len);
	memcpy(ring->data + (begin & (ring->size - 1)) + HEADER, record.data, record.len);
	atomic_store_explicit(
		&ring->head, begin + HEADER + round8(record.len), memory_order_release);
	return true;
}

uint64_t mw_event_ring_tail(const struct mw_event_ring *ring)
{
	return atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

bool mw_event_ring_next(const struct mw_event_ring *ring, uint64_t *position, struct mw_span *out)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t len;

	if (*position == head)
		return false;
	len = get_header(ring, *position);
	if (len == WRAP) {
		*position = (*position & ~(ring->size - 1)) + ring->size;
		len = get_header(ring, *position);
	}
	*out = mw_span_of(ring->data + (*position & (ring->size - 1)) + HEADER, len);
	*position += HEADER + round8(len);
	return true;
}

void mw_event_ring_release(struct mw_event_ring *ring, uint64_t position)
{
	atomic_store_explicit(&ring->tail, position, memory_order_release);
}

uint64_t mw_event_ring_dropped(const struct mw_event_ring *ring)
{
	return atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}
