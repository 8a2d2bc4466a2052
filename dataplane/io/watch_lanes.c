/*
 * A lane that stands still forwards nothing, and nobody else would notice: the others go on. It is
 * named, and the service manager, which is then told nothing, starts the dataplane anew when it was
 * asked to (WatchdogSec=).
 */
#include "dataplane/io/say.h"
#include "dataplane/io/watch.h"

static double seconds(uint64_t ns)
{
	return (double)ns / (double)MW_NS_PER_S;
}

static void one_lane(
	struct mw_io_watch_lanes *watch, uint16_t lane, uint64_t beat_ns, uint64_t now_ns)
{
	uint64_t *stalled = &watch->stalled[lane];

	if (*stalled == 0) {
		if (now_ns < beat_ns + MW_IO_STALL_NS)
			return;
		*stalled = beat_ns;
		watch->stalls++;
		mw_io_say("lane %u stands still: it has begun no turn for %.1f s, and what arrives "
			  "in it waits or is lost",
			lane, seconds(now_ns - beat_ns));
	} else if (beat_ns != *stalled) {
		mw_io_say("lane %u moves again: it stood still for %.1f s", lane,
			seconds(beat_ns - *stalled));
		*stalled = 0;
	}
}

bool mw_io_watch_lanes(
	struct mw_io_watch_lanes *watch, const struct mw_io_rig *rig, uint64_t now_ns)
{
	bool all_move = true;

	if (watch->began_ns == 0)
		watch->began_ns = now_ns;
	for (uint16_t i = 0; i < rig->shared.lanes; i++) {
		uint64_t beat_ns =
			atomic_load_explicit(&rig->worker[i]->beat_ns, memory_order_relaxed);

		/* Before its first turn: from our first look on. */
		one_lane(watch, i, beat_ns != 0 ? beat_ns : watch->began_ns, now_ns);
		all_move &= watch->stalled[i] == 0;
	}
	return all_move;
}
