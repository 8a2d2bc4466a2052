/*
 * The `policy` environment: what the control plane (the one writer) tells the dataplane. Tables:
 *   meta         settings, generation, published events cursor
 *   customer     u32 index → customer        customer_id  id → u32 index
 *   line         prefix or VLAN → customer   verdict      u32 index → verdict (none: PASS)
 *   change       u64 generation → what was changed
 * Every change has its own generation; several may share a transaction. The change log is trimmed;
 * a reader behind the trim is told so and loads everything.
 */
#ifndef MW_COMMON_STORE_POLICY_H
#define MW_COMMON_STORE_POLICY_H

#include "common/store/env.h"

#define MW_POLICY_ENV	      "policy"
#define MW_POLICY_CHANGES_MAX 16384 /* entries the change log keeps */

struct mw_policy {
	struct mw_env *env;
	MDB_dbi meta, customer, customer_id, line, verdict, change;
};

struct mw_policy_txn {
	struct mw_policy *policy;
	struct mw_txn txn;	/* sticky error */
	uint64_t generation;	/* of the last change seen or made here */
	uint64_t changes_floor; /* changes up to and including this one are no longer in the log */
	uint64_t changes_made;
	uint32_t customers; /* next free index */
};

/* Opens the tables; the writer creates what is missing, a reader gets -ENOENT then. Thread-safe
 * afterwards for readers; writing belongs to one thread at a time. */
int mw_policy_open(struct mw_policy *policy, struct mw_env *env);

int mw_policy_begin_read(struct mw_policy *policy, struct mw_policy_txn *t);
int mw_policy_begin_write(struct mw_policy *policy, struct mw_policy_txn *t);
/* Durable when it returns 0 (fsync). Else nothing of the transaction was written. */
int mw_policy_commit(struct mw_policy_txn *t);
void mw_policy_end(struct mw_policy_txn *t); /* ends a read, or throws a write away */

/* Writing. Errors are sticky: the commit reports the first one. A customer, line or settings that
 * are there already, octet for octet, are no change. */

/* A customer known by id keeps his index, a new one gets the next; rec->index is set. */
void mw_policy_put_customer(struct mw_policy_txn *t, struct mw_customer_record *rec);
void mw_policy_put_line(struct mw_policy_txn *t, const struct mw_line_record *rec);
bool mw_policy_del_line(struct mw_policy_txn *t, const struct mw_line_key *key);
/* The record's generation is set to that of the change; that is also returned (0 on error). */
uint64_t mw_policy_put_verdict(struct mw_policy_txn *t, struct mw_verdict_record *rec);
/* Back to PASS. False when there was none. */
bool mw_policy_clear_verdict(struct mw_policy_txn *t, uint32_t customer_index);
void mw_policy_put_settings(struct mw_policy_txn *t, const struct mw_policy_settings *rec);
/* The published copy of the events cursor; never goes back; no change of generation. */
void mw_policy_set_cursor(struct mw_policy_txn *t, uint64_t seq);

/* Reading, in either kind of transaction. False: not there (or the sticky error). */
bool mw_policy_find_customer(
	struct mw_policy_txn *t, const char *id, struct mw_customer_record *out);
bool mw_policy_get_customer(
	struct mw_policy_txn *t, uint32_t index, struct mw_customer_record *out);
bool mw_policy_get_line(
	struct mw_policy_txn *t, const struct mw_line_key *key, struct mw_line_record *out);
/* The customer of an address by its longest prefix; walks up the prefix lengths, a few µs. */
bool mw_policy_find_address(
	struct mw_policy_txn *t, const struct mw_ip *ip, struct mw_line_record *out);
bool mw_policy_get_verdict(struct mw_policy_txn *t, uint32_t index, struct mw_verdict_record *out);
bool mw_policy_get_settings(struct mw_policy_txn *t, struct mw_policy_settings *out);
uint64_t mw_policy_cursor(struct mw_policy_txn *t);

enum {
	MW_POLICY_SETTINGS = 1,
	MW_POLICY_CUSTOMERS = 2,
	MW_POLICY_LINES = 4,
	MW_POLICY_VERDICTS = 8,
};

/* Where records are delivered; a member that is NULL is not called. */
struct mw_policy_sink {
	void *ctx;
	void (*settings)(void *ctx, const struct mw_policy_settings *rec);
	void (*customer)(void *ctx, const struct mw_customer_record *rec);
	void (*line)(void *ctx, const struct mw_line_record *rec); /* in key order when walking */
	void (*line_gone)(void *ctx, const struct mw_line_key *key);
	void (*verdict)(void *ctx, const struct mw_verdict_record *rec);
	void (*verdict_gone)(void *ctx, uint32_t customer_index);
};

/* Everything of the named parts. 0, or -EBADMSG at the first record that cannot be read. */
int mw_policy_walk(struct mw_policy_txn *t, unsigned parts, const struct mw_policy_sink *sink);
/* The present state of all that was changed after `since`, each once at least. `parts` as above
 * restricts what is read; parts_changed (may be NULL) says what changed at all. -ESTALE: the log no
 * longer reaches back to `since`, walk instead. */
int mw_policy_changes(struct mw_policy_txn *t, uint64_t since, unsigned parts,
	const struct mw_policy_sink *sink, unsigned *parts_changed);
/* Number of customer indexes given out, and of lines. */
uint32_t mw_policy_customer_count(struct mw_policy_txn *t);
uint64_t mw_policy_line_count(struct mw_policy_txn *t);

#endif
