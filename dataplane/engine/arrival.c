/*
 * When octets of a capture's client came. They may wait to be read, for a reply or for a hole to
 * close, and a message begins and ends with the packets that carried its octets (INSPECT). Few are
 * remembered: what waits long keeps the last one exact and the others nearly. Captures only; live,
 * what is read now came now.
 */
#include "dataplane/engine/internal.h"

static void drop(struct mw_content *c, uint32_t at)
{
	c->arrival_count--;
	memmove(c->capture->arrivals + at, c->capture->arrivals + at + 1,
		(c->arrival_count - at) * sizeof(c->capture->arrivals[0]));
}

void mw_arrival_note(struct mw_content *c, uint32_t seq, uint32_t len, uint64_t now_ns)
{
	struct mw_arrival *last;

	if (c->arrival_count == MW_ARRIVALS) { /* the two before the last become one */
		struct mw_arrival *a = &c->capture->arrivals[MW_ARRIVALS - 3], *b = a + 1;

		a->start = mw_seq_min(a->start, b->start);
		a->end = mw_seq_max(a->end, b->end);
		a->time_ns = b->time_ns;
		drop(c, MW_ARRIVALS - 2);
	}
	last = &c->capture->arrivals[c->arrival_count++];
	*last = (struct mw_arrival){.time_ns = now_ns, .start = seq, .end = seq + len};
}

/* The first copy of an octet counts: of those that hold it, the one noted first. */
struct mw_span mw_arrival_run(
	struct mw_content *c, uint32_t seq, struct mw_span run, uint64_t now_ns)
{
	uint32_t end = seq + (uint32_t)run.len;
	uint64_t time_ns = now_ns;

	for (uint32_t i = 0; i < c->arrival_count;) {
		const struct mw_arrival *a = &c->capture->arrivals[i];

		if (!mw_seq_before(seq, a->end)) {
			drop(c, i); /* read already */
			continue;
		}
		if (mw_seq_before(seq, a->start)) {
			end = mw_seq_min(end, a->start);
		} else {
			end = mw_seq_min(end, a->end);
			time_ns = a->time_ns;
			break;
		}
		i++;
	}
	if (run.len > 0) {
		run.len = end - seq;
		if (c->read_ns < time_ns)
			c->read_ns = time_ns;
	}
	mw_smtp_set_now(&c->smtp, time_ns);
	return run;
}
