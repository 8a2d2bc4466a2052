/*
 * The octets of one direction of a connection that are still of interest: those received in order
 * and not yet acknowledged, and those beyond a gap. Each sequence number is kept once, the first
 * copy wins, and a later copy that differs is overwritten with the first one where it lies: what
 * was scanned is what the receiver gets.
 *
 * Memory: 2 KiB blocks of a pool, at most `blocks_max` of them, and no more of the pool for one who
 * is charged (mw_reassembly_charge) than there is left for the others; a segment that does not fit
 * is refused whole. Sequence numbers wrap (RFC 9293, 3.4): all comparisons are modulo 2^32, and
 * everything kept lies within less than 2^31 of each other.
 */
#ifndef MW_DATAPLANE_PROTO_REASSEMBLY_H
#define MW_DATAPLANE_PROTO_REASSEMBLY_H

#include "common/base/pool.h"
#include "common/base/span.h"

#define MW_KEPT_BLOCK_BYTES 2048
#define MW_KEPT_DATA_BYTES  (MW_KEPT_BLOCK_BYTES - 32)

struct mw_kept {
	struct mw_kept *prev, *next;
	uint32_t seq;
	uint16_t len;
	uint16_t
		sent; /* octets from the front known to have gone to the receiver; never too many */
	uint8_t data[MW_KEPT_DATA_BYTES];
};

struct mw_reassembly {
	struct mw_pool *pool;
	struct mw_kept *head, *tail;
	uint32_t floor; /* octets in front of it are of no interest any more: never kept again */
	uint8_t blocks;
	uint8_t blocks_max;
	bool wipe;	   /* what is let go is overwritten: there may be a credential in it */
	uint32_t *charged; /* blocks of all that is charged to the same one; NULL: nobody is */
};

enum mw_kept_result {
	MW_KEPT_OK,
	MW_KEPT_CONFLICT, /* kept, and a part differed from the first copy: it was overwritten in
			     `data` */
	MW_KEPT_REFUSED,  /* over the budget: nothing of it was kept */
};

static inline bool mw_seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline uint32_t mw_seq_max(uint32_t a, uint32_t b)
{
	return mw_seq_before(a, b) ? b : a;
}

static inline uint32_t mw_seq_min(uint32_t a, uint32_t b)
{
	return mw_seq_before(a, b) ? a : b;
}

void mw_reassembly_init(struct mw_reassembly *r, struct mw_pool *pool, uint8_t blocks_max);
/* From now on each block is counted in `*charged`, which must outlive what is kept. */
void mw_reassembly_charge(struct mw_reassembly *r, uint32_t *charged);
void mw_reassembly_clear(struct mw_reassembly *r);
/* The first sequence number of interest, before anything is kept. */
void mw_reassembly_start(struct mw_reassembly *r, uint32_t seq);

/* Keeps `len` octets from sequence number `seq` on, and mends `data` where it differs. `next`: the
 * octet that is waited for. What begins behind it may not use up the last of the budget: otherwise
 * the octets beyond a gap could keep out the ones that close it. */
enum mw_kept_result mw_reassembly_add(
	struct mw_reassembly *r, uint32_t next, uint32_t seq, uint8_t *data, uint32_t len);

/* The kept octets from `seq` on that lie together; empty when the octet at `seq` is not kept. */
struct mw_span mw_reassembly_at(const struct mw_reassembly *r, uint32_t seq);

/* The first sequence number kept at or behind `seq`; false when there is none. */
bool mw_reassembly_next(const struct mw_reassembly *r, uint32_t seq, uint32_t *found);

/* Octets [seq, end) went to the receiver. */
void mw_reassembly_sent(struct mw_reassembly *r, uint32_t seq, uint32_t end);

/* The first run of octets in [from, limit) that did not go to the receiver yet; empty when all did.
 */
struct mw_span mw_reassembly_unsent(
	const struct mw_reassembly *r, uint32_t from, uint32_t limit, uint32_t *seq);

/* Nothing below `seq` is of interest any more. */
void mw_reassembly_trim(struct mw_reassembly *r, uint32_t seq);

/* Octets kept at or behind `seq`. */
uint32_t mw_reassembly_beyond(const struct mw_reassembly *r, uint32_t seq);

#endif
