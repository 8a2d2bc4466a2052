/*
 * The two LMDB environments both planes open. Each has one writing process: `policy` the control
 * plane, `events` the dataplane. An environment is opened once per process and not across fork.
 */
#ifndef MW_COMMON_STORE_ENV_H
#define MW_COMMON_STORE_ENV_H

#include <lmdb.h>
#include <stdint.h>

#include "common/contract/event.h"
#include "common/contract/policy.h"

enum mw_env_role { MW_ENV_WRITER, MW_ENV_READER };

struct mw_env {
	MDB_env *env;
	enum mw_env_role role;
	char path[512];
	uint64_t map_bytes;
};

/* Creates the directory when the role is writer. Takes an exclusive lock as writer (a second writer is
 * refused with -EBUSY), clears dead readers. The map size is stored beside the data, both sides use
 * it. 0 or negative errno; `error` gets a sentence. */
int mw_env_open(struct mw_env *env, const char *state_dir, const char *name, enum mw_env_role role,
		uint64_t map_bytes, unsigned flags, char *error, size_t error_size);
void mw_env_close(struct mw_env *env);
uint64_t mw_env_last_txn(const struct mw_env *env);
/* Part of the map in use, 0..1. */
double mw_env_fill(const struct mw_env *env);
/* Clears dead readers; how many there were. */
int mw_env_check_readers(struct mw_env *env);

#endif
