/* The transaction with a sticky error: see env.h. */
#include "common/store/env.h"

#include <errno.h>

enum { CHECK_READERS_EACH = 256 };

static MDB_val val_of(struct mw_span s)
{
	/* LMDB does not write through the pointers it is given here. */
	union {
		const void *in;
		void *out;
	} p = {.in = s.data};

	return (MDB_val){.mv_size = s.len, .mv_data = p.out};
}

static struct mw_span span_of(MDB_val v)
{
	return mw_span_of(v.mv_data, v.mv_size);
}

/* The writer has made the map larger than ours: follow, when no transaction is open here. */
static int follow_size(struct mw_env *env)
{
	MDB_envinfo info;
	int err;

	pthread_rwlock_wrlock(&env->resize);
	err = mdb_env_set_mapsize(env->env, 0);
	if (err == 0 && mdb_env_info(env->env, &info) == 0)
		env->map_bytes = info.me_mapsize;
	pthread_rwlock_unlock(&env->resize);
	return err;
}

int mw_txn_begin(struct mw_txn *t, struct mw_env *env, bool write)
{
	int err = 0;

	*t = (struct mw_txn){.env = env, .write = write};
	if (write && env->role != MW_ENV_WRITER) {
		t->error = -EACCES;
		return t->error;
	}
	if (write && env->writes++ % CHECK_READERS_EACH == 0)
		mw_env_check_readers(env); /* some 10 us */
	for (int attempt = 0; attempt < 3; attempt++) {
		pthread_rwlock_rdlock(&env->resize);
		err = mdb_txn_begin(env->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
		if (err == 0)
			return 0; /* the lock is given back when the transaction ends */
		t->txn = NULL;
		pthread_rwlock_unlock(&env->resize);
		if (err == MDB_READERS_FULL)
			mw_env_check_readers(env);
		else if (err != MDB_MAP_RESIZED || follow_size(env) != 0)
			break;
	}
	t->error = mw_env_errno(err);
	return t->error;
}

void mw_txn_abort(struct mw_txn *t)
{
	if (t->txn == NULL)
		return;
	mdb_txn_abort(t->txn);
	t->txn = NULL;
	pthread_rwlock_unlock(&t->env->resize);
}

int mw_txn_commit(struct mw_txn *t)
{
	if (t->error == 0 && t->txn == NULL)
		t->error = -EINVAL;
	if (t->error != 0) {
		mw_txn_abort(t);
		return t->error;
	}
	t->error = mw_env_errno(mdb_txn_commit(t->txn));
	/* LMDB calls a write that came short an I/O error. */
	if (t->error == -EIO && mw_env_disk_full(t->env))
		t->error = -ENOSPC;
	t->txn = NULL;
	pthread_rwlock_unlock(&t->env->resize);
	return t->error;
}

void mw_txn_fail(struct mw_txn *t, int error)
{
	if (t->error == 0)
		t->error = error;
}

static bool usable(struct mw_txn *t)
{
	if (t->error == 0 && t->txn == NULL)
		t->error = -EINVAL;
	return t->error == 0;
}

MDB_dbi mw_txn_table(struct mw_txn *t, const char *name, unsigned flags)
{
	MDB_dbi dbi = 0;

	if (usable(t))
		mw_txn_fail(t, mw_env_errno(mdb_dbi_open(
				       t->txn, name, flags | (t->write ? MDB_CREATE : 0), &dbi)));
	return dbi;
}

void mw_txn_put(
	struct mw_txn *t, MDB_dbi dbi, struct mw_span key, struct mw_span value, unsigned flags)
{
	MDB_val k = val_of(key);
	MDB_val v = val_of(value);

	if (usable(t))
		mw_txn_fail(t, mw_env_errno(mdb_put(t->txn, dbi, &k, &v, flags)));
}

bool mw_txn_get(struct mw_txn *t, MDB_dbi dbi, struct mw_span key, struct mw_span *value)
{
	MDB_val k = val_of(key);
	MDB_val v;
	int err;

	if (!usable(t))
		return false;
	err = mdb_get(t->txn, dbi, &k, &v);
	if (err == 0)
		*value = span_of(v);
	else if (err != MDB_NOTFOUND)
		mw_txn_fail(t, mw_env_errno(err));
	return err == 0;
}

bool mw_txn_del(struct mw_txn *t, MDB_dbi dbi, struct mw_span key)
{
	MDB_val k = val_of(key);
	int err;

	if (!usable(t))
		return false;
	err = mdb_del(t->txn, dbi, &k, NULL);
	if (err != 0 && err != MDB_NOTFOUND)
		mw_txn_fail(t, mw_env_errno(err));
	return err == 0;
}

uint64_t mw_txn_each(
	struct mw_txn *t, MDB_dbi dbi, struct mw_span from, mw_txn_each_fn each, void *ctx)
{
	MDB_cursor *cursor;
	MDB_val k = val_of(from);
	MDB_val v;
	uint64_t visited = 0;
	int err;

	if (!usable(t))
		return 0;
	err = mdb_cursor_open(t->txn, dbi, &cursor);
	if (err != 0) {
		mw_txn_fail(t, mw_env_errno(err));
		return 0;
	}
	err = mdb_cursor_get(cursor, &k, &v, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE);
	while (err == 0) {
		visited++;
		if (each(ctx, span_of(k), span_of(v)) != 0)
			break;
		err = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	if (err != 0 && err != MDB_NOTFOUND)
		mw_txn_fail(t, mw_env_errno(err));
	return visited;
}

uint64_t mw_txn_count(struct mw_txn *t, MDB_dbi dbi)
{
	MDB_stat stat;
	int err;

	if (!usable(t))
		return 0;
	err = mdb_stat(t->txn, dbi, &stat);
	mw_txn_fail(t, mw_env_errno(err));
	return err == 0 ? stat.ms_entries : 0;
}

bool mw_txn_last(struct mw_txn *t, MDB_dbi dbi, struct mw_span *key, struct mw_span *value)
{
	MDB_cursor *cursor;
	MDB_val k;
	MDB_val v;
	int err;

	if (!usable(t))
		return false;
	err = mdb_cursor_open(t->txn, dbi, &cursor);
	if (err == 0) {
		err = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
		mdb_cursor_close(cursor);
	}
	if (err == 0) {
		*key = span_of(k);
		*value = span_of(v);
	} else if (err != MDB_NOTFOUND) {
		mw_txn_fail(t, mw_env_errno(err));
	}
	return err == 0;
}

struct mw_key32 mw_key32_of(uint32_t v)
{
	return (struct mw_key32){
		{(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}};
}

struct mw_key64 mw_key64_of(uint64_t v)
{
	struct mw_key64 key;

	for (unsigned i = 0; i < 8; i++)
		key.octet[i] = (uint8_t)(v >> (56 - 8 * i));
	return key;
}

uint32_t mw_key32_value(struct mw_span key)
{
	uint32_t v = 0;

	if (key.len == 4)
		for (size_t i = 0; i < 4; i++)
			v = v << 8 | key.data[i];
	return v;
}

uint64_t mw_key64_value(struct mw_span key)
{
	uint64_t v = 0;

	if (key.len == 8)
		for (size_t i = 0; i < 8; i++)
			v = v << 8 | key.data[i];
	return v;
}
