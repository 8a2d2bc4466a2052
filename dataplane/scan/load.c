/*
 * A ruleset file to memory: checked, its databases deserialised, its confirming expressions
 * compiled to machine code. Slow side; everything the file says is doubted.
 */
#include "dataplane/scan/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool mw_load_fail(struct mw_load *l, const char *sentence)
{
	if (l->error[0] == 0)
		snprintf(l->error, MW_RULESET_ERROR_MAX, "%s", sentence);
	return false;
}

void *mw_load_table(struct mw_load *l, uint32_t count, size_t size)
{
	void *p = calloc((size_t)count + 1, size);

	if (p == NULL)
		mw_load_fail(l, "there is no memory for the ruleset");
	return p;
}

static bool check_machine(struct mw_load *l)
{
	const struct mw_ruleset_header *h = &l->file.header;
	hs_platform_info_t here = {0};

	if (hs_valid_platform() != HS_SUCCESS)
		return mw_load_fail(l, "the pattern library does not run on this processor");
	if (!mw_span_eq(h->library, mw_span_str(hs_version()))) {
		snprintf(l->error, MW_RULESET_ERROR_MAX,
			"the rules were compiled for pattern library \"%.*s\", here is \"%s\": "
			"compile them again on this machine",
			(int)(h->library.len < 64 ? h->library.len : 64),
			(const char *)h->library.data, hs_version());
		return false;
	}
	if (hs_populate_platform(&here) != HS_SUCCESS ||
		(h->cpu_features & ~(uint64_t)here.cpu_features) != 0)
		return mw_load_fail(l,
			"the rules were compiled for a processor with features this one "
			"lacks: compile them again on this machine");
	return true;
}

static bool load_database(struct mw_load *l, uint32_t at)
{
	struct mw_ruleset *rs = l->rules;
	struct mw_ruleset_database d;
	char *aligned;

	mw_ruleset_read_database(&l->file.reader, &d);
	if (l->file.reader.failed || d.octets.len == 0)
		return mw_load_fail(l, "the ruleset file is not consistent (databases)");
	/* The library reads words: the octets may lie anywhere in the file. */
	aligned = aligned_alloc(64, (d.octets.len + 63) & ~(size_t)63);
	if (aligned == NULL)
		return mw_load_fail(l, "there is no memory for the ruleset");
	memcpy(aligned, d.octets.data, d.octets.len);
	hs_error_t ret = hs_deserialize_database(aligned, d.octets.len, &rs->databases[at]);
	free(aligned);
	if (ret == HS_SUCCESS)
		rs->database_count = at + 1;
	if (ret == HS_DB_VERSION_ERROR || ret == HS_DB_PLATFORM_ERROR || ret == HS_DB_MODE_ERROR)
		return mw_load_fail(l,
			"the rules were compiled for another pattern library or processor: "
			"compile them again on this machine");
	if (ret != HS_SUCCESS)
		return mw_load_fail(
			l, "the pattern library refuses its database: compile the rules again");
	rs->database_bytes += d.octets.len;
	return true;
}

/* The section's index in the file, as load_section left it, to the database. */
static bool to_database(struct mw_load *l, const struct mw_scan_section *s, hs_database_t **db)
{
	uint32_t index = (uint32_t)(uintptr_t)*db;
	unsigned mode_ok;
	char *info = NULL;

	if (index == MW_RULESET_NONE) {
		*db = NULL;
		return true;
	}
	*db = l->rules->databases[index];
	if (hs_database_info(*db, &info) != HS_SUCCESS)
		return mw_load_fail(l, "the pattern library refuses its database");
	mode_ok = (strstr(info, "STREAM") != NULL) == s->stream;
	free(info);
	return mode_ok || mw_load_fail(l, "the ruleset file is not consistent (database modes)");
}

static bool load_databases(struct mw_load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->databases = mw_load_table(l, l->file.header.databases, sizeof(rs->databases[0]));
	for (uint32_t i = 0; rs->databases != NULL && i < l->file.header.databases; i++)
		if (!load_database(l, i))
			return false;
	for (uint32_t i = 0; rs->databases != NULL && i < rs->section_count; i++) {
		struct mw_scan_section *s = &rs->sections[i];
		uint32_t automaton = (uint32_t)(uintptr_t)s->automaton;

		if (!to_database(l, s, &s->literal_db) || !to_database(l, s, &s->regex_db))
			return false;
		s->automaton = automaton == MW_RULESET_NONE ? NULL : rs->automata[automaton];
	}
	return rs->databases != NULL;
}

static void skip_reports(struct mw_load *l)
{
	struct mw_ruleset_report report;

	for (uint32_t i = 0; i < l->file.header.reports && !l->file.reader.failed; i++)
		mw_ruleset_read_report(&l->file.reader, &report);
}

/* Finds where the databases begin, so that only what is before them is copied. */
static size_t length_before_databases(struct mw_span octets, const struct mw_ruleset_file *opened)
{
	struct mw_reader r = opened->reader;
	struct mw_ruleset_report report;

	mw_ruleset_skip_to_reports(&r, &opened->header);
	for (uint32_t i = 0; i < opened->header.reports && !r.failed; i++)
		mw_ruleset_read_report(&r, &report);
	return r.failed ? 0 : (size_t)(r.at - octets.data);
}

/* Spans must outlive the caller's octets: the first part is copied, the reader moved into the copy;
 * the databases are read from the caller's octets. */
static bool copy_tables(struct mw_load *l, struct mw_span octets, struct mw_reader *databases)
{
	struct mw_ruleset *rs = l->rules;
	size_t len = length_before_databases(octets, &l->file);

	if (len == 0)
		return mw_load_fail(l, "the ruleset file ends early");
	rs->copy = malloc(len);
	if (rs->copy == NULL)
		return mw_load_fail(l, "there is no memory for the ruleset");
	memcpy(rs->copy, octets.data, len);
	rs->copy_len = len;
	*databases = mw_reader_of(octets.data + len, octets.len - len);
	l->file.reader.at = rs->copy + (l->file.reader.at - octets.data);
	l->file.reader.end = rs->copy + len;
	return true;
}

struct mw_ruleset *mw_ruleset_load(struct mw_span octets, char error[MW_RULESET_ERROR_MAX])
{
	struct mw_load l = {.error = error};
	struct mw_reader databases = {0};

	error[0] = 0;
	if (mw_ruleset_open(octets, &l.file, error) != 0 || !check_machine(&l))
		return NULL;
	l.rules = calloc(1, sizeof(*l.rules));
	if (l.rules == NULL) {
		mw_load_fail(&l, "there is no memory for the ruleset");
		return NULL;
	}
	memcpy(l.rules->content_hash, l.file.header.content_hash, 32);
	bool ok = copy_tables(&l, octets, &databases) && mw_load_tables(&l);
	if (ok) {
		skip_reports(&l);
		ok = !l.file.reader.failed && l.file.reader.at == l.file.reader.end;
	}
	if (ok) {
		l.file.reader = databases;
		ok = load_databases(&l) && mw_reader_done(&l.file.reader);
	}
	if (ok)
		return l.rules;
	mw_load_fail(&l, "the ruleset file is not consistent");
	mw_ruleset_free(l.rules);
	return NULL;
}

struct mw_ruleset *mw_ruleset_load_file(const char *path, char error[MW_RULESET_ERROR_MAX])
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct mw_ruleset *rules = NULL;
	void *data = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		errno = EINVAL;
		if (S_ISREG(st.st_mode) && st.st_size > 0)
			data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (data == MAP_FAILED) {
		snprintf(error, MW_RULESET_ERROR_MAX, "%.160s: %s", path, strerror(errno));
	} else {
		rules = mw_ruleset_load(mw_span_of(data, (size_t)st.st_size), error);
		munmap(data, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	return rules;
}
