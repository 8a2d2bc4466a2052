/*
 * Octets of a direction that is counted and not inspected: each sequence number once, although
 * segments come out of order and are repeated. What lies beyond the farthest octet is new; what
 * fills one of the holes that are remembered is new; everything else is a repeat.
 */
#include "dataplane/engine/internal.h"

static void remember_hole(struct mw_half *half, uint32_t start, uint32_t end)
{
	if (half->holes == MW_HOLES_MAX) {
		/* More holes than are followed: the oldest is taken for filled, it nearly always
		 * is. */
		half->bytes += half->hole[0].end - half->hole[0].start;
		half->holes--;
		memmove(half->hole, half->hole + 1, half->holes * sizeof(half->hole[0]));
	}
	half->hole[half->holes++] = (struct mw_hole){start, end};
}

/* The part of one hole that the segment fills; false when it fills none. */
static bool fill_one(struct mw_half *half, uint32_t seq, uint32_t end)
{
	for (uint8_t i = 0; i < half->holes; i++) {
		struct mw_hole hole = half->hole[i];
		uint32_t from = mw_seq_max(seq, hole.start), to = mw_seq_min(end, hole.end);

		if (!mw_seq_before(from, to))
			continue;
		half->bytes += to - from;
		half->holes--;
		memmove(half->hole + i, half->hole + i + 1,
			(size_t)(half->holes - i) * sizeof(hole));
		if (mw_seq_before(hole.start, from))
			remember_hole(half, hole.start, from);
		if (mw_seq_before(to, hole.end))
			remember_hole(half, to, hole.end);
		return true;
	}
	return false;
}

void mw_count_octets(struct mw_half *half, const struct mw_frame *frame, uint32_t seq)
{
	uint32_t end = seq + frame->payload_len;

	if (frame->payload_len > 0) {
		if (!half->known) {
			half->known = true;
			half->high = seq;
		}
		while (fill_one(half, seq, end))
			;
		if (mw_seq_before(half->high, end)) {
			if (mw_seq_before(half->high, seq))
				remember_hole(half, half->high, seq);
			half->bytes += end - mw_seq_max(half->high, seq);
			half->high = half->nxt = end;
		}
	}
	if ((frame->flags & MW_TCP_FIN) != 0 && !half->fin) {
		half->fin = true;
		half->fin_seq = end;
	}
}

void mw_count_kept(struct mw_half *half)
{
	uint32_t at = half->nxt, found;

	if (!half->known)
		return;
	while (mw_reassembly_next(&half->kept, at, &found)) {
		struct mw_span run = mw_reassembly_at(&half->kept, found);

		if (found != at)
			remember_hole(half, at, found);
		half->bytes += run.len;
		at = found + (uint32_t)run.len;
	}
	if (mw_seq_before(at, half->high)) /* seen, and not kept */
		remember_hole(half, at, half->high);
}
