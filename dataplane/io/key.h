/*
 * The secret of hashes and cookies. Kept in the state directory, because a message that is tried
 * again after a restart must get the same fingerprint.
 */
#ifndef MW_DATAPLANE_IO_KEY_H
#define MW_DATAPLANE_IO_KEY_H

#include <stddef.h>
#include <stdint.h>

/* Reads DIR/lane.key, makes it when it is not there. 0, or negative errno with a sentence. */
int mw_io_key_load(const char *state_dir, uint64_t *key, char *error, size_t size);

#endif
