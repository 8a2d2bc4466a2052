/*
 * Clients that left behind an EHLO which offers no TLS. A sender that insists on it comes again on
 * other ports, and so to any lane: all lanes of an appliance remember together.
 */
#ifndef MW_DATAPLANE_ENGINE_LEFT_H
#define MW_DATAPLANE_ENGINE_LEFT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MW_LEFT_ENTRIES 4096u	       /* by hash; the newer takes the place of the older */
#define MW_LEFT_MINUTES (5u * 24 * 60) /* senders try for that long (RFC 5321, 4.5.4.1) */

/* Zeroed: nobody. Written and read by all lanes, relaxed: an entry is one word, whole in itself,
 * and what is lost between two that write the same one is a client that is remembered an attempt
 * later. */
struct mw_left {
	_Atomic uint64_t entry[MW_LEFT_ENTRIES];
};

/* `client`: a keyed hash of the address, the same for all lanes. */
void mw_left_note(struct mw_left *left, uint64_t client, uint64_t now_ns);
bool mw_left_knows(const struct mw_left *left, uint64_t client, uint64_t now_ns);

#endif
