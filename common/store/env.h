/*
 * An LMDB environment under the state directory: opened once per process, not across fork, one
 * writing process each (`policy` and `cases` the control plane, `events` the dataplane). The one
 * place that knows LMDB's traps: the writer's lock, dead readers, the size of the map, its error
 * codes.
 */
#ifndef MW_COMMON_STORE_ENV_H
#define MW_COMMON_STORE_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/contract/event.h"
#include "common/contract/policy.h"

/* Inserts stop at this part of the map: deleting needs free pages too. */
#define MW_ENV_FILL_MAX 0.80

enum mw_env_role { MW_ENV_WRITER, MW_ENV_READER };

struct mw_env {
	MDB_env *env;
	enum mw_env_role role;
	char path[512];
	uint64_t map_bytes;
	int lock_fd;		 /* writer: holds the flock; else -1 */
	pthread_rwlock_t resize; /* read: while a transaction is open; write: while the map grows */
	uint32_t writes; /* writer: transactions begun; dead readers are cleared now and then */
};

/* Creates the directory when the role is writer (mode 0750). Takes an exclusive lock as writer (a
 * second writer is refused with -EBUSY), clears dead readers. The writer's `map_bytes` is recorded
 * in the environment and grows it when larger than before; a reader passes 0 and follows, also
 * later. `flags` are MDB_ flags (MDB_NOMETASYNC, ...). A reader gets -ENOENT as long as there is
 * nothing to open. 0 or negative errno; `error` gets a sentence. */
int mw_env_open(struct mw_env *env, const char *state_dir, const char *name, enum mw_env_role role,
	uint64_t map_bytes, unsigned flags, char *error, size_t error_size);
void mw_env_close(struct mw_env *env);
/* Number of the last committed transaction; costs a few ns, opens none. A read begun at once may
 * still get the one before: note the number of the transaction that was read, never this one. */
uint64_t mw_env_last_txn(struct mw_env *env);
/* Part of the map in use, 0..1. Free pages that a living reader still pins count as used. */
double mw_env_fill(struct mw_env *env);
/* True as long as inserts are allowed: fill below MW_ENV_FILL_MAX. Cheap while the file is small.
 */
bool mw_env_may_insert(struct mw_env *env);
/* No room is left where the environment lies, whatever its map has. */
bool mw_env_disk_full(const struct mw_env *env);
/* Clears dead readers; how many there were. */
int mw_env_check_readers(struct mw_env *env);
/* The oldest transaction a living reader holds, and whose it is; 0 when none. */
uint64_t mw_env_oldest_reader(struct mw_env *env, long *pid);
int mw_env_sync(struct mw_env *env);
/* An LMDB code (or errno) as a negative errno: -ENOSPC map or disk full, -ENOENT not found,
 * -EEXIST, ... */
int mw_env_errno(int lmdb_code);

/*
 * A transaction with a sticky error: after the first failure nothing more happens, and the commit
 * says why. Begin, put straight through, ask once.
 */
struct mw_txn {
	struct mw_env *env;
	MDB_txn *txn; /* NULL when not open */
	bool write;
	int error; /* 0, or the first negative errno */
};

/* 0 or negative errno; a failed begin leaves a transaction on which everything is a no-op. A reader
 * table that is full of dead readers is cleared and tried again. */
int mw_txn_begin(struct mw_txn *t, struct mw_env *env, bool write);
/* 0 or the sticky error, in which case nothing was written. The transaction is over either way. */
int mw_txn_commit(struct mw_txn *t);
void mw_txn_abort(struct mw_txn *t); /* also the end of a read transaction; may be called twice */
void mw_txn_fail(struct mw_txn *t, int error); /* keeps the first one */

/* Opens a table, creating it in a write transaction. */
MDB_dbi mw_txn_table(struct mw_txn *t, const char *name, unsigned flags);
void mw_txn_put(
	struct mw_txn *t, MDB_dbi dbi, struct mw_span key, struct mw_span value, unsigned flags);
/* False when there is no such key (no error) or on error. The span dies with the transaction, or
 * with the next write in it. */
bool mw_txn_get(struct mw_txn *t, MDB_dbi dbi, struct mw_span key, struct mw_span *value);
/* True when there was such a key. */
bool mw_txn_del(struct mw_txn *t, MDB_dbi dbi, struct mw_span key);
/* Calls for each key from `from` on (empty span: from the first) in octet order, until `each`
 * returns other than 0. Returns the number of keys visited. `each` must not write to the table. */
typedef int (*mw_txn_each_fn)(void *ctx, struct mw_span key, struct mw_span value);
uint64_t mw_txn_each(
	struct mw_txn *t, MDB_dbi dbi, struct mw_span from, mw_txn_each_fn each, void *ctx);
uint64_t mw_txn_count(struct mw_txn *t, MDB_dbi dbi);
/* The last key, or false. */
bool mw_txn_last(struct mw_txn *t, MDB_dbi dbi, struct mw_span *key, struct mw_span *value);

/* Keys that are numbers are stored big-endian, so octet order is number order. */
struct mw_key32 {
	uint8_t octet[4];
};
struct mw_key64 {
	uint8_t octet[8];
};
struct mw_key32 mw_key32_of(uint32_t v);
struct mw_key64 mw_key64_of(uint64_t v);
uint32_t mw_key32_value(struct mw_span key); /* 0 when the length is wrong */
uint64_t mw_key64_value(struct mw_span key);
#define MW_KEY_SPAN(key) mw_span_of((key).octet, sizeof((key).octet))

#endif
