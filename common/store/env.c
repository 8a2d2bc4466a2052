/* Opening, locking and measuring an environment. Transactions are in txn.c. */
#include "common/store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TABLES_MAX = 32, READERS_MAX = 126, DISK_FULL_BYTES = 1 << 16 };

int mw_env_errno(int code)
{
	if (code > 0)
		return -code;
	switch (code) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_KEYEXIST:
		return -EEXIST;
	case MDB_MAP_FULL:
		return -ENOSPC;
	case MDB_READERS_FULL:
		return -EAGAIN;
	case MDB_MAP_RESIZED:
		return -ERANGE;
	case MDB_BAD_VALSIZE:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_DBI:
		return -EINVAL;
	case MDB_VERSION_MISMATCH:
		return -EPROTO;
	default:
		return -EIO; /* corrupted, panic, ... */
	}
}

/* The directory and its parent: state directories are one level deep. */
static int make_dirs(const char *state_dir, const char *path)
{
	if (mkdir(state_dir, 0750) != 0 && errno != EEXIST)
		return -errno;
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* An flock, not a POSIX lock: it holds against a second open in this process too, and no other
 * descriptor's close drops it. O_CLOEXEC: it does not live on in a child. */
static int take_writer_lock(const char *path, int *fd_out)
{
	char file[sizeof(((struct mw_env *)0)->path) + 16];
	char text[32];
	int len;
	int fd;

	snprintf(file, sizeof(file), "%s/writer.lock", path);
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int err = errno == EWOULDBLOCK ? -EBUSY : -errno;

		close(fd);
		return err;
	}
	/* Whose lock it is, for people; nothing reads it back. */
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
		int err = errno == 0 ? -EIO : -errno;

		close(fd);
		return err;
	}
	*fd_out = fd;
	return 0;
}

static bool has_data(const char *path)
{
	char file[sizeof(((struct mw_env *)0)->path) + 16];
	struct stat st;

	snprintf(file, sizeof(file), "%s/data.mdb", path);
	return stat(file, &st) == 0 && st.st_size > 0;
}

static int open_lmdb(struct mw_env *env, uint64_t map_bytes, unsigned flags)
{
	MDB_envinfo info;
	int err = mdb_env_create(&env->env);

	if (err != 0)
		return mw_env_errno(err);
	err = mdb_env_set_maxdbs(env->env, TABLES_MAX);
	if (err == 0)
		err = mdb_env_set_maxreaders(env->env, READERS_MAX);
	if (err == 0 && env->role == MW_ENV_WRITER && map_bytes > 0) {
		uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

		err = mdb_env_set_mapsize(env->env, (map_bytes + page - 1) / page * page);
	}
	if (env->role == MW_ENV_READER)
		flags |= MDB_RDONLY;
	if (err == 0)
		err = mdb_env_open(env->env, env->path, flags | MDB_NOTLS, 0640);
	if (err == 0)
		err = mdb_env_info(env->env, &info);
	if (err != 0) {
		mdb_env_close(env->env);
		env->env = NULL;
		return mw_env_errno(err);
	}
	env->map_bytes = info.me_mapsize;
	return 0;
}

static void say(char *error, size_t error_size, const struct mw_env *env, int err)
{
	const char *path = env->path;

	if (err == -EBUSY)
		snprintf(error, error_size,
			"%s is in use by another writing process; stop that one first", path);
	else if (err == -ENOENT && env->role == MW_ENV_READER)
		snprintf(error, error_size, "%s does not exist yet: its writer has not run", path);
	else
		snprintf(error, error_size, "cannot open %s: %s", path, strerror(-err));
}

int mw_env_open(struct mw_env *env, const char *state_dir, const char *name, enum mw_env_role role,
	uint64_t map_bytes, unsigned flags, char *error, size_t error_size)
{
	int err = 0;
	int len;

	*env = (struct mw_env){.role = role, .lock_fd = -1};
	len = snprintf(env->path, sizeof(env->path), "%s/%s", state_dir, name);
	if (len < 0 || (size_t)len >= sizeof(env->path))
		err = -ENAMETOOLONG;
	if (err == 0 && role == MW_ENV_WRITER) {
		err = make_dirs(state_dir, env->path);
		if (err == 0)
			err = take_writer_lock(env->path, &env->lock_fd);
	} else if (err == 0 && !has_data(env->path)) {
		err = -ENOENT;
	}
	if (err == 0)
		err = open_lmdb(env, map_bytes, flags);
	if (err != 0) {
		if (env->lock_fd >= 0)
			close(env->lock_fd);
		env->lock_fd = -1;
		say(error, error_size, env, err);
		return err;
	}
	pthread_rwlock_init(&env->resize, NULL);
	mw_env_check_readers(env);
	return 0;
}

void mw_env_close(struct mw_env *env)
{
	if (env->env == NULL)
		return;
	mdb_env_close(env->env);
	env->env = NULL;
	pthread_rwlock_destroy(&env->resize);
	if (env->lock_fd >= 0)
		close(env->lock_fd);
	env->lock_fd = -1;
}

/* The map must not move away under LMDB's feet while it looks at it. */
static int info_of(struct mw_env *env, MDB_envinfo *info, MDB_stat *stat)
{
	int err;

	pthread_rwlock_rdlock(&env->resize);
	err = mdb_env_info(env->env, info);
	if (err == 0)
		err = mdb_env_stat(env->env, stat);
	pthread_rwlock_unlock(&env->resize);
	return err;
}

uint64_t mw_env_last_txn(struct mw_env *env)
{
	MDB_envinfo info;
	MDB_stat stat;

	return info_of(env, &info, &stat) == 0 ? info.me_last_txnid : 0;
}

int mw_env_check_readers(struct mw_env *env)
{
	int dead = 0;

	return mdb_reader_check(env->env, &dead) == 0 ? dead : 0;
}

int mw_env_sync(struct mw_env *env)
{
	return mw_env_errno(mdb_env_sync(env->env, 1));
}

struct oldest {
	uint64_t txn;
	long pid;
};

/* One line of LMDB's table: "pid thread txnid", the last "-" when the slot is idle. */
static int oldest_line(const char *line, void *ctx)
{
	struct oldest *oldest = ctx;
	unsigned long long txn;
	long pid;

	if (sscanf(line, "%ld %*s %llu", &pid, &txn) == 2 &&
		(oldest->txn == 0 || txn < oldest->txn)) {
		oldest->txn = txn;
		oldest->pid = pid;
	}
	return 0;
}

uint64_t mw_env_oldest_reader(struct mw_env *env, long *pid)
{
	struct oldest oldest = {0};

	mdb_reader_list(env->env, oldest_line, &oldest);
	if (pid != NULL)
		*pid = oldest.pid;
	return oldest.txn;
}

struct free_pages {
	uint64_t before; /* only what was freed before this transaction can be used again */
	uint64_t pages;
};

/* LMDB's own table of free pages: transaction → {count, page numbers ...}. */
static int add_free(void *ctx, struct mw_span key, struct mw_span value)
{
	struct free_pages *free = ctx;
	size_t txn;
	size_t count;

	if (key.len != sizeof(txn) || value.len < sizeof(count))
		return 0;
	memcpy(&txn, key.data, sizeof(txn));
	memcpy(&count, value.data, sizeof(count));
	if (txn < free->before)
		free->pages += count;
	return 0;
}

enum { FREE_TABLE = 0 }; /* LMDB keeps it under the first handle */

double mw_env_fill(struct mw_env *env)
{
	struct free_pages free = {.before = mw_env_oldest_reader(env, NULL)};
	struct mw_txn t;
	MDB_envinfo info;
	MDB_stat stat;
	uint64_t used;

	if (mw_txn_begin(&t, env, false) != 0)
		return 1.0;
	info_of(env, &info, &stat);
	if (free.before == 0 || free.before > mdb_txn_id(t.txn))
		free.before = mdb_txn_id(t.txn);
	mw_txn_each(&t, FREE_TABLE, mw_span_of(NULL, 0), add_free, &free);
	mw_txn_abort(&t);
	used = info.me_last_pgno + 1;
	used = used > free.pages ? used - free.pages : 0;
	return (double)used * (double)stat.ms_psize / (double)info.me_mapsize;
}

bool mw_env_disk_full(const struct mw_env *env)
{
	struct statvfs disk;

	return statvfs(env->path, &disk) == 0 &&
	       disk.f_bavail * disk.f_frsize < (uint64_t)DISK_FULL_BYTES;
}

bool mw_env_may_insert(struct mw_env *env)
{
	MDB_envinfo info;
	MDB_stat stat;

	if (info_of(env, &info, &stat) != 0)
		return false;
	if ((double)(info.me_last_pgno + 1) * (double)stat.ms_psize <
		MW_ENV_FILL_MAX * (double)info.me_mapsize)
		return true;
	return mw_env_fill(env) < MW_ENV_FILL_MAX;
}
