/* Walking a table in the order of its keys, and keys whose order means something: see cases.h. */
#include "controlplane/store/cases.h"

#include <errno.h>
#include <string.h>

struct mw_walk mw_walk_from(struct mw_cases_txn *txn, enum mw_table table, struct mw_span from)
{
	struct mw_walk walk = {.txn = txn};
	int rc;

	if (txn->base.error != 0)
		return walk;
	if (from.len > sizeof(walk.key)) {
		mw_cases_fail(txn, -E2BIG);
		return walk;
	}
	if (from.len > 0)
		memcpy(walk.key, from.data, from.len);
	walk.key_len = from.len;
	rc = mdb_cursor_open(txn->base.txn, txn->cases->table[table], &walk.cursor);
	if (rc != 0) {
		walk.cursor = NULL;
		mw_cases_fail(txn, mw_env_errno(rc));
	}
	return walk;
}

/* Takes over what the cursor found. False: nothing more, or not below the prefix. */
static bool take(
	struct mw_walk *walk, int rc, const MDB_val *k, const MDB_val *v, struct mw_span prefix)
{
	if (rc == MDB_NOTFOUND)
		return false;
	if (rc != 0 || k->mv_size > sizeof(walk->key)) {
		mw_cases_fail(walk->txn, rc != 0 ? mw_env_errno(rc) : -EBADMSG);
		return false;
	}
	if (k->mv_size < prefix.len ||
		(prefix.len > 0 && memcmp(k->mv_data, prefix.data, prefix.len) != 0))
		return false;
	memcpy(walk->key, k->mv_data, k->mv_size);
	walk->key_len = k->mv_size;
	walk->value = mw_span_of(v->mv_data, v->mv_size);
	return true;
}

bool mw_walk_next(struct mw_walk *walk, struct mw_span prefix)
{
	MDB_val k = {.mv_data = walk->key, .mv_size = walk->key_len}, v = {0};
	MDB_cursor_op op = MDB_NEXT;

	if (walk->cursor == NULL || walk->txn->base.error != 0)
		return false;
	if (!walk->started)
		op = walk->key_len > 0 ? MDB_SET_RANGE : MDB_FIRST;
	walk->started = true;
	return take(walk, mdb_cursor_get(walk->cursor, &k, &v, op), &k, &v, prefix);
}

bool mw_walk_last(struct mw_walk *walk, struct mw_span prefix)
{
	uint8_t above[MW_CASES_KEY_MAX];
	MDB_val k = {.mv_data = above, .mv_size = prefix.len}, v = {0};
	size_t at = prefix.len;
	int rc;

	if (walk->cursor == NULL || walk->txn->base.error != 0 || prefix.len > sizeof(above))
		return false;
	walk->started = true;
	/* The first key above all that begin with the prefix, then one back. */
	if (prefix.len > 0)
		memcpy(above, prefix.data, prefix.len);
	while (at > 0 && above[at - 1] == 0xff)
		at--;
	if (at == 0) {
		rc = mdb_cursor_get(walk->cursor, &k, &v, MDB_LAST);
		return take(walk, rc, &k, &v, prefix);
	}
	above[at - 1]++;
	k.mv_size = at;
	rc = mdb_cursor_get(walk->cursor, &k, &v, MDB_SET_RANGE);
	rc = mdb_cursor_get(walk->cursor, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	return take(walk, rc, &k, &v, prefix);
}

void mw_walk_del(struct mw_walk *walk)
{
	int rc;

	if (walk->cursor == NULL || walk->txn->base.error != 0)
		return;
	/* After it the cursor stands before the next entry: MDB_NEXT gives that one. */
	rc = mdb_cursor_del(walk->cursor, 0);
	if (rc != 0)
		mw_cases_fail(walk->txn, mw_env_errno(rc));
}

void mw_walk_end(struct mw_walk *walk)
{
	if (walk->cursor != NULL)
		mdb_cursor_close(walk->cursor);
	walk->cursor = NULL;
}

static void put_be(struct mw_key *key, uint64_t value, size_t octets)
{
	for (size_t i = octets; i > 0; i--)
		key->octet[key->len++] = (uint8_t)(value >> (8 * (i - 1)));
}

struct mw_key mw_key_u32(uint32_t a)
{
	struct mw_key key = {.len = 0};

	put_be(&key, a, 4);
	return key;
}

struct mw_key mw_key_u64(uint64_t a)
{
	struct mw_key key = {.len = 0};

	put_be(&key, a, 8);
	return key;
}

struct mw_key mw_key_u64_u64(uint64_t a, uint64_t b)
{
	struct mw_key key = mw_key_u64(a);

	put_be(&key, b, 8);
	return key;
}

struct mw_key mw_key_u32_u64(uint32_t a, uint64_t b)
{
	struct mw_key key = mw_key_u32(a);

	put_be(&key, b, 8);
	return key;
}

struct mw_span mw_key_span(const struct mw_key *key)
{
	return mw_span_of(key->octet, key->len);
}

uint64_t mw_key_read_u64(const uint8_t *key)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | key[i];
	return v;
}

uint32_t mw_key_read_u32(const uint8_t *key)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++)
		v = v << 8 | key[i];
	return v;
}

uint64_t mw_meta_get(struct mw_cases_txn *txn, const char *name)
{
	struct mw_span value;

	if (!mw_cases_get(txn, MW_TABLE_META, mw_span_str(name), &value))
		return 0;
	if (value.len != 8) {
		mw_cases_fail(txn, -EBADMSG);
		return 0;
	}
	return mw_key_read_u64(value.data);
}

void mw_meta_set(struct mw_cases_txn *txn, const char *name, uint64_t value)
{
	struct mw_key v = mw_key_u64(value);

	mw_cases_put(txn, MW_TABLE_META, mw_span_str(name), mw_key_span(&v));
}

uint64_t mw_meta_next(struct mw_cases_txn *txn, const char *name)
{
	uint64_t v = mw_meta_get(txn, name) + 1;

	mw_meta_set(txn, name, v);
	return v;
}
