/* A bed with fake lanes. See bed.h. */
#include "tests/io/bed.h"

#include <string.h>

void bed_make(struct bed *bed, uint32_t ring_entries, uint32_t out_entries)
{
	memset(bed->lane, 0, sizeof(bed->lane));
	memset(fake_lane_seen, 0, sizeof(fake_lane_seen));
	bed_wire(bed, ring_entries, out_entries);
	for (uint16_t i = 0; i < bed->rig.shared.lanes; i++) {
		struct mw_io_worker *w = bed->rig.worker[i];
		struct mw_lane_sink sink = {.ctx = w, .transmit = mw_io_transmit};

		fake_lane_init(&bed->lane[i], i, &sink);
		w->lane = fake_lane_cast(&bed->lane[i]);
	}
}
