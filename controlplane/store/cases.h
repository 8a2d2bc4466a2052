/*
 * The `cases` environment: everything the control plane must not forget. One process opens it, one
 * thread writes it. What belongs together goes into one transaction; a transaction remembers its
 * first error, so that code which decides reads straight through and is asked once, at the commit.
 *
 * Called by the other files of this folder, by core/, apply/ and ctl/. Knows no policy.
 */
#ifndef MW_CONTROLPLANE_STORE_CASES_H
#define MW_CONTROLPLANE_STORE_CASES_H

#include <stdbool.h>

#include "common/base/cursor.h"
#include "common/base/span.h"
#include "common/store/env.h"

/* A record longer than this is refused with -E2BIG: the text of one customer with all his lines. */
#define MW_CASES_RECORD_MAX (1024u * 1024)
#define MW_CASES_KEY_MAX    256

enum mw_table {
	MW_TABLE_META,		 /* name → u64 or octets */
	MW_TABLE_CUSTOMERS,	 /* id → desk customer */
	MW_TABLE_CUSTOMER_INDEX, /* index → id; lines with an index of their own are not in it */
	MW_TABLE_LINES,		 /* line key → customer index: one line, one customer */
	MW_TABLE_CUSTOMER_LINES, /* customer index, line key → nothing */
	MW_TABLE_CONTACTS,	 /* id NUL position → contact */
	MW_TABLE_TICKETS,	 /* ticket number → ticket */
	MW_TABLE_OPEN_TICKETS,	 /* customer index → ticket number */
	MW_TABLE_TASKS,		 /* id → task */
	MW_TABLE_OPEN_TASKS,	 /* ticket, id → nothing */
	MW_TABLE_TIMERS,	 /* due, ticket, kind → nothing */
	MW_TABLE_TIMER_OF,	 /* ticket, kind → due */
	MW_TABLE_OUTBOX,	 /* id → mail */
	MW_TABLE_OUTBOX_DUE,	 /* next attempt, id → nothing */
	MW_TABLE_DETECTOR,	 /* customer index → detector state */
	MW_TABLE_EVIDENCE,	 /* ticket, number → event record */
	MW_TABLE_HISTORY,	 /* ticket, number → history entry */
	MW_TABLE_AUDIT,		 /* sequence number → entry */
	MW_TABLE_VERDICTS,	 /* customer index → verdict */
	MW_TABLE_CHANGES,	 /* revision → what changed for the dataplane */
	MW_TABLE_ALARMS,	 /* number → what a person must look at */
	MW_TABLE_OWN_LINES,	 /* line key → index of its own, customer index */
	MW_TABLE_OWN_LINE_INDEX, /* index → line key */
	MW_TABLE_DIVERTED,	 /* customer index → connections under DIVERT */
	MW_TABLE_COUNT
};

struct mw_cases {
	struct mw_env env;
	MDB_dbi table[MW_TABLE_COUNT];
	/* Tests only: called at each named step of a commit, to die there. NULL otherwise. */
	void (*step)(void *ctx, const char *name);
	void *step_ctx;
};

struct mw_cases_txn {
	struct mw_cases *cases;
	struct mw_txn base; /* .error: the first one, negative errno; nothing is done after it */
};

int mw_cases_open(struct mw_cases *cases, const char *state_dir, uint64_t map_bytes, char *error,
	size_t error_size);
void mw_cases_close(struct mw_cases *cases);
void mw_cases_step(const struct mw_cases *cases, const char *name);

struct mw_cases_txn mw_cases_read(struct mw_cases *cases);
struct mw_cases_txn mw_cases_write(struct mw_cases *cases);
/* 0, or the first error of the transaction, in which case nothing of it was stored. */
int mw_cases_commit(struct mw_cases_txn *txn);
void mw_cases_abort(struct mw_cases_txn *txn);
void mw_cases_fail(struct mw_cases_txn *txn, int error);

/* False when there is none (no error) or the transaction has failed. The value lives until the next
 * write of the transaction: decode it at once. */
bool mw_cases_get(
	struct mw_cases_txn *txn, enum mw_table table, struct mw_span key, struct mw_span *value);
void mw_cases_put(
	struct mw_cases_txn *txn, enum mw_table table, struct mw_span key, struct mw_span value);
/* Deleting what is not there is no error. */
void mw_cases_del(struct mw_cases_txn *txn, enum mw_table table, struct mw_span key);
uint64_t mw_cases_count(struct mw_cases_txn *txn, enum mw_table table);

/* Walks the keys of a table in order. `from` is where it starts (the first key not below it). */
struct mw_walk {
	struct mw_cases_txn *txn;
	MDB_cursor *cursor;
	bool started;
	uint8_t key[MW_CASES_KEY_MAX];
	size_t key_len;
	struct mw_span value; /* as with mw_cases_get */
};

struct mw_walk mw_walk_from(struct mw_cases_txn *txn, enum mw_table table, struct mw_span from);
/* True with the next entry, whose key begins with `prefix` (empty: any). */
bool mw_walk_next(struct mw_walk *walk, struct mw_span prefix);
/* The last entry whose key begins with `prefix`; call on a fresh walk. */
bool mw_walk_last(struct mw_walk *walk, struct mw_span prefix);
void mw_walk_del(struct mw_walk *walk); /* the entry the walk stands on */
void mw_walk_end(struct mw_walk *walk);

/* Keys made of numbers are big-endian, so that their order is the order of the numbers. */
struct mw_key {
	uint8_t octet[64];
	size_t len;
};

struct mw_key mw_key_u32(uint32_t a);
struct mw_key mw_key_u64(uint64_t a);
struct mw_key mw_key_u64_u64(uint64_t a, uint64_t b);
struct mw_key mw_key_u32_u64(uint32_t a, uint64_t b);
struct mw_span mw_key_span(const struct mw_key *key);
uint64_t mw_key_read_u64(const uint8_t *key);
uint32_t mw_key_read_u32(const uint8_t *key);

/* Counters and marks by name; 0 where there is none. */
uint64_t mw_meta_get(struct mw_cases_txn *txn, const char *name);
void mw_meta_set(struct mw_cases_txn *txn, const char *name, uint64_t value);
/* Adds one, stores and returns it: 1 for the first. */
uint64_t mw_meta_next(struct mw_cases_txn *txn, const char *name);

#endif
