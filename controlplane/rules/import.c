/* Finds rule files and hands each to its reader by its suffix (import.h). */
#include "controlplane/rules/import.h"
#include "controlplane/rules/cf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((off_t)256 * 1024 * 1024)

enum suffix { SUFFIX_NONE, SUFFIX_CF, SUFFIX_NDB, SUFFIX_DIGEST, SUFFIX_TXT };

static enum suffix suffix_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot == NULL || strchr(dot, '/') != NULL)
		return SUFFIX_NONE;
	if (strcasecmp(dot, ".cf") == 0)
		return SUFFIX_CF;
	if (strcasecmp(dot, ".ndb") == 0)
		return SUFFIX_NDB;
	if (strcasecmp(dot, ".hdb") == 0 || strcasecmp(dot, ".hsb") == 0)
		return SUFFIX_DIGEST;
	if (strcasecmp(dot, ".txt") == 0)
		return SUFFIX_TXT;
	return SUFFIX_NONE;
}

struct import {
	struct mw_rulebook *book;
	struct mw_cf cf;
	void (*hash)(void *ctx, const void *data, size_t len);
	void *hash_ctx;
};

static int errno_fail(struct import *im, const char *path)
{
	int err = errno;

	mw_rulebook_fail(im->book, path, 0, "%s", strerror(err));
	return err == 0 ? -EIO : -err;
}

static int read_all(struct import *im, const char *path, struct mw_span *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno_fail(im, path);
	if (fstat(fd, &st) != 0) {
		int ret = errno_fail(im, path);

		close(fd);
		return ret;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
		close(fd);
		return mw_rulebook_fail(
			im->book, path, 0, "this is no regular file of at most 256 MiB");
	}
	size_t size = (size_t)st.st_size, len = 0;
	uint8_t *data = mw_bag_alloc(&im->book->bag, size + 1);

	while (len < size) {
		ssize_t n = read(fd, data + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int ret = errno_fail(im, path);

			close(fd);
			return ret;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	*out = mw_span_of(data, len);
	return 0;
}

static int import_file(struct import *im, const char *path)
{
	enum suffix suffix = suffix_of(path);
	struct mw_span text;
	const char *file = mw_bag_copy(&im->book->bag, mw_span_str(path));

	if (suffix == SUFFIX_NONE)
		return mw_rulebook_fail(im->book, path, 0,
			"the suffix says how a rule file is read: .cf, .ndb, .hdb, .hsb or .txt");
	int ret = read_all(im, path, &text);
	if (ret != 0)
		return ret;
	im->book->files++;
	if (im->hash != NULL) {
		uint64_t frame[2] = {(uint64_t)suffix, text.len};

		im->hash(im->hash_ctx, frame, sizeof(frame));
		im->hash(im->hash_ctx, text.data, text.len);
	}
	switch (suffix) {
	case SUFFIX_CF:
		return mw_cf_read(&im->cf, file, text);
	case SUFFIX_NDB:
		return mw_import_ndb(im->book, file, text);
	case SUFFIX_DIGEST:
		return mw_import_digests(im->book, file, text);
	case SUFFIX_TXT:
	case SUFFIX_NONE:
		break;
	}
	return mw_import_phrases(im->book, file, text);
}

static int wanted(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && suffix_of(entry->d_name) != SUFFIX_NONE;
}

/* SpamAssassin's own folder keeps statistics and keys in .txt files, which are no phrases. */
static int wanted_beside_spamassassin(const struct dirent *entry)
{
	return wanted(entry) && suffix_of(entry->d_name) == SUFFIX_CF;
}

static bool is_spamassassin_folder(const char *path)
{
	static const char *const marks[] = {"STATISTICS-set0.txt", "sa-update-pubkey.txt"};
	char name[4096];

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", path, marks[i]);
		if (access(name, F_OK) == 0)
			return true;
	}
	return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* octets, whatever the locale */
}

static int import_path(struct import *im, const char *path)
{
	struct stat st;
	struct dirent **entries;
	int ret = 0;

	if (stat(path, &st) != 0)
		return errno_fail(im, path);
	if (!S_ISDIR(st.st_mode))
		return import_file(im, path);
	int n = scandir(path, &entries,
		is_spamassassin_folder(path) ? wanted_beside_spamassassin : wanted, by_name);
	if (n < 0)
		return errno_fail(im, path);
	if (n == 0)
		ret = mw_rulebook_fail(im->book, path, 0,
			"this folder has no rule file (.cf, .ndb, .hdb, .hsb or .txt)");
	for (int i = 0; i < n; i++) {
		if (ret == 0)
			ret = import_file(im,
				mw_bag_printf(&im->book->bag, "%s/%s", path, entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	return ret;
}

int mw_rules_import(struct mw_rulebook *book, const char *const *paths, size_t count,
	void (*hash)(void *ctx, const void *data, size_t len), void *hash_ctx)
{
	struct import im = {.book = book, .cf = {.book = book}, .hash = hash, .hash_ctx = hash_ctx};
	int ret = 0;

	for (size_t i = 0; i < count && ret == 0; i++)
		ret = import_path(&im, paths[i]);
	if (ret == 0)
		ret = mw_cf_end(&im.cf);
	mw_cf_free(&im.cf);
	return ret;
}
