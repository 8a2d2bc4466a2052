/* What the store's tests share: seeded randomness, a scratch directory, the clock. */
#ifndef TESTS_STORE_SUPPORT_H
#define TESTS_STORE_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* xorshift64*: the same everywhere for the same seed. */
struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * UINT64_C(2685821657736338717);
}

static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return (uint32_t)((rng_next(rng) >> 32) * n >> 32);
}

/* MW_SEED from the environment, else fixed; printed so that a failure can be repeated. */
static inline struct rng rng_seeded(const char *what)
{
	const char *text = getenv("MW_SEED");
	uint64_t seed = text == NULL ? 20261122 : strtoull(text, NULL, 0);

	print_message("%s: seed %llu\n", what, (unsigned long long)seed);
	return (struct rng){seed == 0 ? 1 : seed};
}

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A scratch directory of its own; removed with its environments by scratch_remove. */
struct scratch {
	char path[64];
};

static inline void scratch_make(struct scratch *s)
{
	snprintf(s->path, sizeof(s->path), "/tmp/mw-store-XXXXXX");
	assert_non_null(mkdtemp(s->path));
}

static inline int scratch_unlink(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static inline void scratch_remove(const struct scratch *s)
{
	nftw(s->path, scratch_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

enum { DISK_CANNOT = 99 }; /* exit code of a child that may not have a disk of its own: not root */

/* In a child: a disk of so many octets ("1m") over a directory, that nobody else sees. */
static inline void disk_make(const char *path, const char *size)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%s", size);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", path, "tmpfs", 0, options) != 0)
		_exit(DISK_CANNOT);
}

static inline bool disk_grow(const char *path, const char *size)
{
	char options[32];

	snprintf(options, sizeof(options), "size=%s", size);
	return mount("none", path, NULL, MS_REMOUNT, options) == 0;
}

/* Waits for a child and returns its exit code, or 256 plus the signal that ended it. */
static inline int child_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#endif
