/*
 * Which identifications have gone by, read or unread, within the last minutes. It is what keeps
 * pieces that passed unread (of a packet that was no mail then) from being completed at the server
 * by a first fragment that was read with other pieces. Fixed memory; a mark is one place, found by
 * its hash. A younger one that takes the place says so, and stands for both: nobody gets rid of a
 * mark by a flood, the flood only costs fragmented mail its passage. Called by fragments.c.
 */
#ifndef MW_DATAPLANE_FLOW_MARKS_H
#define MW_DATAPLANE_FLOW_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An identification is not used again within the life of a packet on its way: RFC 6864, 4.3. The
 * longest a receiver waits for the rest is the same: RFC 1122, 3.3.2. */
#define MW_MARKS_LIFE_S 120u
/* So long the rest of a packet whose first fragment has passed follows it. */
#define MW_MARKS_FOLLOW_S 30u

struct mw_mark;

struct mw_marks {
	struct mw_mark *mark;
	uint32_t count; /* a power of two; 0: nothing is remembered, nothing was ever used */
};

size_t mw_marks_bytes(uint32_t count);
/* `memory`: zeroed. */
void mw_marks_init(struct mw_marks *marks, void *memory, uint32_t count);

/* Something of this identification goes by; `read`: as mail. */
void mw_marks_set(struct mw_marks *marks, uint64_t now_ns, uint64_t hash, bool read);

/* Its first fragment has passed unread a moment ago. */
bool mw_marks_passed(const struct mw_marks *marks, uint64_t now_ns, uint64_t hash);
/* All of it was read as mail, minutes ago at most. */
bool mw_marks_read(const struct mw_marks *marks, uint64_t now_ns, uint64_t hash);
/* Something of it may have gone by that a receiver still waits to complete. */
bool mw_marks_used(const struct mw_marks *marks, uint64_t now_ns, uint64_t hash);

#endif
