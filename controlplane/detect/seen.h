/*
 * A small table of keys with the time they were last seen; the oldest gives way. What makes a
 * retry, a campaign or a known destination. Inside of the detector.
 */
#ifndef MW_CONTROLPLANE_DETECT_SEEN_H
#define MW_CONTROLPLANE_DETECT_SEEN_H

#include "controlplane/detect/detect.h"

/* True when `key` was seen less than `within_s` before; its time is then `keep` ? unchanged :
 * renewed. */
bool mw_seen(struct mw_detect_seen *table, uint32_t size, uint32_t *count, uint64_t key,
	uint64_t at_s, uint64_t within_s, bool keep);
/* Keys not older than `within_s`. */
uint32_t mw_seen_count(
	const struct mw_detect_seen *table, uint32_t count, uint64_t at_s, uint64_t within_s);

#endif
