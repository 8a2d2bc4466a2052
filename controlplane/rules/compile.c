/*
 * The whole way from paths to a compiled ruleset (compile.h), and the cache of earlier results on
 * disk: one file a content, pattern library and processor.
 */
#include "controlplane/rules/compile.h"
#include "controlplane/rules/encode.h"
#include "controlplane/rules/import.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Goes up with every change of the compiler that makes other octets of the same rules. */
#define COMPILER_REVISION 2

static void hash_more(void *ctx, const void *data, size_t len)
{
	EVP_DigestUpdate(ctx, data, len);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int sentence(char *error, int ret, const char *format, const char *what)
{
	snprintf(error, MW_RULES_ERROR_MAX, format, what);
	return ret;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* Beside its final place, synced, then renamed: a reader sees the old file or the new one. */
static int write_file(const char *path, const uint8_t *data, size_t len)
{
	char tmp[4096];
	int n = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);

	if (n < 0 || (size_t)n >= sizeof(tmp))
		return -ENAMETOOLONG;
	int fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int ret = write_all(fd, data, len);
	if (ret == 0 && fchmod(fd, 0644) != 0)
		ret = -errno;
	if (close(fd) != 0 && ret == 0)
		ret = -errno;
	if (ret == 0 && rename(tmp, path) != 0)
		ret = -errno;
	if (ret != 0)
		unlink(tmp);
	return ret;
}

static uint8_t *read_file(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *data = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		*len = (size_t)st.st_size;
		data = malloc(*len);
	}
	for (size_t at = 0; data != NULL && at < *len;) {
		ssize_t n = read(fd, data + at, *len - at);

		if (n <= 0) {
			free(data);
			data = NULL;
		} else {
			at += (size_t)n;
		}
	}
	close(fd);
	return data;
}

/* Counts what the file's own report says, so that a cached ruleset reports the same. */
static int summarise(struct mw_rules_compiled *out, char *error)
{
	struct mw_span octets = mw_span_of(out->octets, out->len);
	struct mw_ruleset_file file;
	int ret = mw_ruleset_open(octets, &file, error);

	if (ret != 0)
		return ret;
	struct mw_reader *r = &file.reader;
	const struct mw_ruleset_header *h = &file.header;
	struct mw_ruleset_report report;
	struct mw_ruleset_database database;

	mw_ruleset_skip_to_reports(r, h);
	for (uint32_t i = 0; i < h->reports && !r->failed; i++) {
		mw_ruleset_read_report(r, &report);
		if (!r->failed)
			out->summary.rules[report.fate]++;
	}
	for (uint32_t i = 0; i < h->databases; i++) {
		mw_ruleset_read_database(r, &database);
		out->summary.database_bytes += database.octets.len;
	}
	out->summary.databases = h->databases;
	out->summary.compile_ms = h->compile_ms;
	memcpy(out->summary.content_hash, h->content_hash, 32);
	return r->failed ? sentence(error, -EBADMSG, "%s", "the ruleset file ends early") : 0;
}

static bool from_cache(const char *path, const struct mw_machine *machine, const uint8_t hash[32],
	struct mw_rules_compiled *out)
{
	char error[MW_RULES_ERROR_MAX];
	struct mw_ruleset_file file;

	out->octets = read_file(path, &out->len);
	if (out->octets == NULL)
		return false;
	/* A damaged or foreign file in the cache is as good as none: it will be written anew. */
	if (mw_ruleset_open(mw_span_of(out->octets, out->len), &file, error) == 0 &&
		memcmp(file.header.content_hash, hash, 32) == 0 &&
		mw_span_eq(file.header.library, mw_span_str(machine->library)) &&
		file.header.tune == machine->tune &&
		file.header.cpu_features == machine->cpu_features && summarise(out, error) == 0) {
		out->summary.from_cache = true;
		return true;
	}
	mw_rules_compiled_free(out);
	return false;
}

static int build(struct mw_rulebook *book, const struct mw_rules_options *options,
	const struct mw_machine *machine, const uint8_t hash[32], uint64_t start_ms,
	struct mw_rules_compiled *out)
{
	struct mw_ruleset_writer writer = {0};
	struct mw_plan plan;
	struct mw_built built = {0};

	/* Known before rules that build on it are judged. */
	for (size_t i = 0; i < book->count; i++)
		if (book->defs[i]->kind == MW_DEF_FULL && book->defs[i]->unsupported == NULL)
			book->defs[i]->unsupported = mw_database_streams(&book->bag, book->defs[i]);
	int ret = mw_plan_make(&plan, book, options != NULL && options->keep_unused);

	if (ret == 0)
		ret = mw_databases_build(&plan, options, &built);
	if (ret == 0)
		ret = mw_ruleset_encode(
			&plan, &built, machine, hash, (uint32_t)(now_ms() - start_ms), &writer);
	out->octets = writer.data;
	out->len = writer.len;
	mw_databases_free(&built);
	mw_plan_free(&plan);
	return ret;
}

static int hash_final(EVP_MD_CTX *ctx, const struct mw_machine *machine, bool keep_unused,
	const char *const *paths, size_t count, uint8_t hash[32])
{
	uint64_t fixed[5] = {COMPILER_REVISION, MW_RULESET_VERSION, machine->tune,
		machine->cpu_features, keep_unused};

	EVP_DigestUpdate(ctx, fixed, sizeof(fixed));
	EVP_DigestUpdate(ctx, machine->library, strlen(machine->library) + 1);
	for (size_t i = 0; i < count; i++) /* the report names files */
		EVP_DigestUpdate(ctx, paths[i], strlen(paths[i]) + 1);
	return EVP_DigestFinal_ex(ctx, hash, NULL) == 1 ? 0 : -EIO;
}

int mw_rules_compile(const char *const *paths, size_t count, const struct mw_rules_options *options,
	struct mw_rules_compiled *out, char error[MW_RULES_ERROR_MAX])
{
	uint64_t start = now_ms();
	const char *cache = options != NULL ? options->cache_dir : NULL;
	char cached[4096] = "";
	struct mw_machine machine;
	struct mw_rulebook book;
	uint8_t hash[32];

	*out = (struct mw_rules_compiled){0};
	error[0] = 0;
	if (mw_machine_get(&machine) != 0)
		return sentence(error, -ENOTSUP, "%s",
			"the pattern library does not run on this processor (it needs SSSE3)");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return sentence(error, -ENOMEM, "%s", "there is no memory for a hash");
	}
	mw_rulebook_init(&book);
	int ret = mw_rules_import(&book, paths, count, hash_more, ctx);
	if (ret == 0)
		ret = hash_final(
			ctx, &machine, options != NULL && options->keep_unused, paths, count, hash);
	EVP_MD_CTX_free(ctx);
	if (ret == 0 && cache != NULL) {
		int n = snprintf(cached, sizeof(cached), "%s/", cache);

		for (unsigned i = 0; i < 32 && n > 0 && (size_t)n + 8 < sizeof(cached); i++)
			n += snprintf(cached + n, sizeof(cached) - (size_t)n, "%02x", hash[i]);
		if (n < 0 || (size_t)n + 8 >= sizeof(cached))
			ret = mw_rulebook_fail(&book, cache, 0, "the cache's path is too long");
		else
			memcpy(cached + n, ".rules", 7);
	}
	if (ret == 0 && cache != NULL && from_cache(cached, &machine, hash, out)) {
		out->summary.files = book.files;
		mw_rulebook_free(&book);
		return 0;
	}
	if (ret == 0)
		ret = build(&book, options, &machine, hash, start, out);
	if (ret == 0)
		ret = summarise(out, book.error);
	out->summary.files = book.files;
	if (ret == 0 && cache != NULL) {
		int wrote;

		if (mkdir(cache, 0755) != 0 && errno != EEXIST)
			wrote = -errno;
		else
			wrote = write_file(cached, out->octets, out->len);
		if (wrote != 0)
			ret = mw_rulebook_fail(&book, cache, 0, "the cache cannot be written: %s",
				strerror(-wrote));
	}
	if (ret != 0) {
		mw_rules_compiled_free(out);
		sentence(error, ret, "%s", book.error[0] != 0 ? book.error : strerror(-ret));
	}
	mw_rulebook_free(&book);
	return ret;
}

void mw_rules_compiled_free(struct mw_rules_compiled *compiled)
{
	free(compiled->octets);
	*compiled = (struct mw_rules_compiled){0};
}

int mw_rules_compile_to(const char *const *paths, size_t count,
	const struct mw_rules_options *options, const char *out_path, struct mw_rules_summary *out,
	char error[MW_RULES_ERROR_MAX])
{
	struct mw_rules_compiled compiled;
	int ret = mw_rules_compile(paths, count, options, &compiled, error);

	if (ret != 0)
		return ret;
	*out = compiled.summary;
	ret = write_file(out_path, compiled.octets, compiled.len);
	if (ret != 0)
		snprintf(error, MW_RULES_ERROR_MAX, "%s: %s", out_path, strerror(-ret));
	mw_rules_compiled_free(&compiled);
	return ret;
}

int mw_rules_report(struct mw_span octets,
	void (*line)(void *ctx, const struct mw_ruleset_report *report), void *ctx,
	char error[MW_RULESET_ERROR_MAX])
{
	struct mw_ruleset_file file;
	struct mw_ruleset_report report;
	int ret = mw_ruleset_open(octets, &file, error);

	if (ret != 0)
		return ret;
	struct mw_reader *r = &file.reader;
	mw_ruleset_skip_to_reports(r, &file.header);
	for (uint32_t i = 0; i < file.header.reports && !r->failed; i++) {
		mw_ruleset_read_report(r, &report);
		if (!r->failed)
			line(ctx, &report);
	}
	if (r->failed) {
		snprintf(error, MW_RULESET_ERROR_MAX, "the ruleset file ends early");
		return -EBADMSG;
	}
	return 0;
}
