#include "dataplane/proto/reassembly.h"

_Static_assert(sizeof(struct mw_kept) <= MW_KEPT_BLOCK_BYTES, "a block holds its header and data");

void mw_reassembly_init(struct mw_reassembly *r, struct mw_pool *pool, uint8_t blocks_max)
{
	*r = (struct mw_reassembly){.pool = pool, .blocks_max = blocks_max};
}

void mw_reassembly_charge(struct mw_reassembly *r, uint32_t *charged)
{
	r->charged = charged;
}

void mw_reassembly_start(struct mw_reassembly *r, uint32_t seq)
{
	r->floor = seq;
}

static void unlink_block(struct mw_reassembly *r, struct mw_kept *k)
{
	if (k->prev != NULL)
		k->prev->next = k->next;
	else
		r->head = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	else
		r->tail = k->prev;
	r->blocks--;
	if (r->charged != NULL)
		(*r->charged)--;
	if (r->wipe)
		memset(k->data, 0, sizeof(k->data));
	mw_pool_put(r->pool, k);
}

void mw_reassembly_clear(struct mw_reassembly *r)
{
	while (r->head != NULL)
		unlink_block(r, r->head);
}

static uint32_t kept_end(const struct mw_kept *k)
{
	return k->seq + k->len;
}

/* The last block that begins at or before `seq`. From the tail: new octets nearly always belong
 * there. */
static struct mw_kept *find(const struct mw_reassembly *r, uint32_t seq)
{
	struct mw_kept *k = r->tail;

	while (k != NULL && mw_seq_before(seq, k->seq))
		k = k->prev;
	return k;
}

static struct mw_kept *insert_block(struct mw_reassembly *r, struct mw_kept *after, uint32_t seq)
{
	struct mw_kept *k = mw_pool_get(r->pool);

	if (k == NULL)
		return NULL;
	k->seq = seq;
	k->len = 0;
	k->sent = 0;
	k->prev = after;
	k->next = after != NULL ? after->next : r->head;
	if (k->prev != NULL)
		k->prev->next = k;
	else
		r->head = k;
	if (k->next != NULL)
		k->next->prev = k;
	else
		r->tail = k;
	r->blocks++;
	if (r->charged != NULL)
		(*r->charged)++;
	return k;
}

/* A block takes in the one behind it when they touch and one is room enough for both: what came in
 * small pieces out of order would else hold a block for each piece as long as it is kept. */
static void join_next(struct mw_reassembly *r, struct mw_kept *k)
{
	struct mw_kept *next = k->next;

	if (next == NULL || next->seq != kept_end(k) ||
		(uint32_t)k->len + next->len > MW_KEPT_DATA_BYTES)
		return;
	memcpy(k->data + k->len, next->data, next->len);
	if (k->sent == k->len) /* else what was sent of it is forgotten: better twice than never */
		k->sent = (uint16_t)(k->sent + next->sent);
	k->len = (uint16_t)(k->len + next->len);
	unlink_block(r, next);
}

/* Keeps octets of a hole that lies behind `before` (NULL: in front of all). They join the
 * neighbours they touch where there is room, so that single octets in any order do not take a block
 * each. */
static void fill(struct mw_reassembly *r, struct mw_kept *before, uint32_t seq, const uint8_t *data,
	uint32_t len)
{
	struct mw_kept *after = before != NULL ? before->next : r->head;

	if (after != NULL && after->seq == seq + len && len + after->len <= MW_KEPT_DATA_BYTES &&
		(before == NULL || kept_end(before) != seq)) {
		memmove(after->data + len, after->data, after->len);
		memcpy(after->data, data, len);
		after->seq = seq;
		after->len = (uint16_t)(after->len + len);
		after->sent = 0; /* the front is new: better sent twice than taken for sent */
		return;
	}
	while (len > 0) {
		uint32_t room;

		if (before == NULL || kept_end(before) != seq || before->len == MW_KEPT_DATA_BYTES)
			before = insert_block(r, before, seq);
		room = MW_KEPT_DATA_BYTES - before->len;
		if (room > len)
			room = len;
		memcpy(before->data + before->len, data, room);
		before->len = (uint16_t)(before->len + room);
		seq += room;
		data += room;
		len -= room;
	}
	join_next(r, before);
}

/* Worst case of blocks a segment can take: one a hole it fills (a hole needs two neighbours within
 * the segment), one more at each 2 KiB. */
static bool fits(const struct mw_reassembly *r, const struct mw_kept *at, bool beyond, uint32_t seq,
	uint32_t len)
{
	uint32_t need = len / MW_KEPT_DATA_BYTES + 2;
	uint32_t flow_spare = beyond ? r->blocks_max / 4u : 0,
		 pool_spare = beyond ? r->pool->blocks / 8 : 0;

	uint32_t left = r->pool->blocks - r->pool->used;

	for (const struct mw_kept *k = at; k != NULL && mw_seq_before(k->seq, seq + len);
		k = k->next)
		need++;
	if (r->charged != NULL && *r->charged + need > left)
		return false;
	return r->blocks + need + flow_spare <= r->blocks_max && left >= need + pool_spare;
}

static bool covered(const struct mw_kept *at, uint32_t seq, uint32_t end)
{
	while (at != NULL && !mw_seq_before(seq, at->seq) && mw_seq_before(seq, end)) {
		if (mw_seq_before(seq, kept_end(at)))
			seq = kept_end(at);
		at = at->next;
	}
	return !mw_seq_before(seq, end);
}

enum mw_kept_result mw_reassembly_add(
	struct mw_reassembly *r, uint32_t next, uint32_t seq, uint8_t *data, uint32_t len)
{
	bool beyond = mw_seq_before(next, seq);
	uint32_t end = seq + len;
	bool conflict = false;
	struct mw_kept *at;

	if (!mw_seq_before(r->floor, end))
		return MW_KEPT_OK;
	if (mw_seq_before(seq, r->floor)) {
		data += r->floor - seq;
		len = end - r->floor;
		seq = r->floor;
	}
	if (len == 0)
		return MW_KEPT_OK;
	at = find(r, seq);
	if (!covered(at != NULL ? at : r->head, seq, end) &&
		!fits(r, at != NULL ? at : r->head, beyond, seq, len))
		return MW_KEPT_REFUSED;
	while (mw_seq_before(seq, end)) {
		uint32_t run;

		if (at != NULL && mw_seq_before(seq, kept_end(at))) {
			const uint8_t *first = at->data + (seq - at->seq);

			run = mw_seq_min(end, kept_end(at)) - seq;
			if (memcmp(first, data, run) != 0) {
				memcpy(data, first, run);
				conflict = true;
			}
		} else {
			struct mw_kept *behind = at != NULL ? at->next : r->head;

			if (behind != NULL && behind->seq == seq) {
				at = behind;
				continue;
			}
			run = (behind != NULL ? mw_seq_min(end, behind->seq) : end) - seq;
			fill(r, at, seq, data, run);
			at = find(r, seq);
		}
		seq += run;
		data += run;
		while (at != NULL && at->next != NULL && !mw_seq_before(seq, at->next->seq))
			at = at->next;
	}
	return conflict ? MW_KEPT_CONFLICT : MW_KEPT_OK;
}

struct mw_span mw_reassembly_at(const struct mw_reassembly *r, uint32_t seq)
{
	const struct mw_kept *k = find(r, seq);

	if (k == NULL || !mw_seq_before(seq, kept_end(k)))
		return mw_span_of(NULL, 0);
	return mw_span_of(k->data + (seq - k->seq), kept_end(k) - seq);
}

bool mw_reassembly_next(const struct mw_reassembly *r, uint32_t seq, uint32_t *found)
{
	const struct mw_kept *k = find(r, seq);

	if (k != NULL && mw_seq_before(seq, kept_end(k))) {
		*found = seq;
		return true;
	}
	k = k != NULL ? k->next : r->head;
	if (k == NULL)
		return false;
	*found = k->seq;
	return true;
}

void mw_reassembly_sent(struct mw_reassembly *r, uint32_t seq, uint32_t end)
{
	struct mw_kept *k = find(r, seq);

	if (k == NULL)
		k = r->head;
	for (; k != NULL && mw_seq_before(k->seq, end); k = k->next) {
		uint32_t from = mw_seq_max(seq, k->seq) - k->seq;
		uint32_t to = mw_seq_min(end, kept_end(k)) - k->seq;

		if (from <= k->sent && to > k->sent && to <= k->len)
			k->sent = (uint16_t)to;
	}
}

struct mw_span mw_reassembly_unsent(
	const struct mw_reassembly *r, uint32_t from, uint32_t limit, uint32_t *seq)
{
	const struct mw_kept *k = find(r, from);

	if (k == NULL)
		k = r->head;
	for (; k != NULL && mw_seq_before(k->seq, limit); k = k->next) {
		uint32_t start = mw_seq_max(from, k->seq + k->sent);
		uint32_t end = mw_seq_min(limit, kept_end(k));

		if (mw_seq_before(start, end)) {
			*seq = start;
			return mw_span_of(k->data + (start - k->seq), end - start);
		}
	}
	return mw_span_of(NULL, 0);
}

void mw_reassembly_trim(struct mw_reassembly *r, uint32_t seq)
{
	r->floor = mw_seq_max(r->floor, seq);
	while (r->head != NULL && !mw_seq_before(seq, kept_end(r->head)))
		unlink_block(r, r->head);
}

uint32_t mw_reassembly_beyond(const struct mw_reassembly *r, uint32_t seq)
{
	uint32_t total = 0;

	for (const struct mw_kept *k = r->tail; k != NULL && mw_seq_before(seq, kept_end(k));
		k = k->prev)
		total += kept_end(k) - mw_seq_max(seq, k->seq);
	return total;
}
