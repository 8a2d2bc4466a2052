/*
 * A ruleset file to memory: checked, its databases deserialised, its confirming expressions
 * compiled to machine code. Slow side; everything the file says is doubted.
 */
#include "dataplane/scan/ruleset_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct load {
	struct mw_ruleset *rules;
	struct mw_ruleset_file file;
	char *error;
};

static bool fail(struct load *l, const char *sentence)
{
	if (l->error[0] == 0)
		snprintf(l->error, MW_RULESET_ERROR_MAX, "%s", sentence);
	return false;
}

static void *table(struct load *l, uint32_t count, size_t size)
{
	void *p = calloc((size_t)count + 1, size);

	if (p == NULL)
		fail(l, "there is no memory for the ruleset");
	return p;
}

uint32_t mw_scan_name_hash(enum mw_record_kind kind, struct mw_span name)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;

	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];

		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 16777619u;
	}
	return (h ^ h >> 15) & (MW_SECTION_BUCKETS - 1);
}

static bool kind_of(uint8_t code, enum mw_record_kind *out)
{
	switch (code) {
	case MW_SECTION_HEADER:
		*out = MW_RECORD_HEADER;
		return true;
	case MW_SECTION_HEADER_RAW:
		*out = MW_RECORD_HEADER_RAW;
		return true;
	case MW_SECTION_HEADER_ALL:
		*out = MW_RECORD_HEADER_ALL;
		return true;
	case MW_SECTION_BODY:
		*out = MW_RECORD_BODY;
		return true;
	case MW_SECTION_RAWBODY:
		*out = MW_RECORD_RAWBODY;
		return true;
	case MW_SECTION_URI:
		*out = MW_RECORD_URI;
		return true;
	case MW_SECTION_FULL:
		*out = MW_RECORD_FULL;
		return true;
	case MW_SECTION_ATTACHMENT:
		*out = MW_RECORD_ATTACHMENT;
		return true;
	default:
		return false;
	}
}

static bool check_machine(struct load *l)
{
	const struct mw_ruleset_header *h = &l->file.header;
	hs_platform_info_t here = {0};

	if (hs_valid_platform() != HS_SUCCESS)
		return fail(l, "the pattern library does not run on this processor");
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
		return fail(l, "the rules were compiled for a processor with features this one "
			       "lacks: compile them again on this machine");
	return true;
}

static bool load_rules(struct load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->rule_count = l->file.header.rules;
	rs->rules = table(l, rs->rule_count, sizeof(rs->rules[0]));
	for (uint32_t i = 0; rs->rules != NULL && i < rs->rule_count; i++)
		mw_ruleset_read_rule(&l->file.reader, &rs->rules[i]);
	return rs->rules != NULL;
}

static pcre2_code *compile(struct load *l, const struct mw_ruleset_expr *e)
{
	uint32_t options = ((e->re_flags & MW_RE_CASELESS) != 0 ? PCRE2_CASELESS : 0) |
			   ((e->re_flags & MW_RE_DOTALL) != 0 ? PCRE2_DOTALL : 0) |
			   ((e->re_flags & MW_RE_MULTILINE) != 0 ? PCRE2_MULTILINE : 0) |
			   ((e->re_flags & MW_RE_EXTENDED) != 0 ? PCRE2_EXTENDED : 0);
	int code;
	size_t offset;
	pcre2_code *re =
		pcre2_compile(e->pattern.data, e->pattern.len, options, &code, &offset, NULL);

	/* Without machine code a match may allocate, so such a pattern is refused here. */
	if (re == NULL || pcre2_jit_compile(re, PCRE2_JIT_COMPLETE) != 0) {
		const struct mw_span name = l->rules->rules[e->rule].name;

		snprintf(l->error, MW_RULESET_ERROR_MAX,
			"rule %.*s: PCRE2 cannot make code of its pattern",
			(int)(name.len < 96 ? name.len : 96), (const char *)name.data);
		pcre2_code_free(re);
		return NULL;
	}
	return re;
}

static bool load_exprs(struct load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->expr_count = l->file.header.exprs;
	rs->exprs = table(l, rs->expr_count, sizeof(rs->exprs[0]));
	uint32_t *counters = table(l, rs->rule_count, sizeof(uint32_t));
	for (uint32_t i = 0; counters != NULL && i < rs->rule_count; i++)
		if ((rs->rules[i].flags & MW_RULE_COUNTED) != 0)
			counters[i] = rs->counter_count++;
	for (uint32_t i = 0; rs->exprs != NULL && counters != NULL && i < rs->expr_count; i++) {
		struct mw_scan_expr *to = &rs->exprs[i];
		struct mw_ruleset_expr e;

		mw_ruleset_read_expr(&l->file.reader, &e);
		if (l->file.reader.failed || e.rule >= rs->rule_count) {
			fail(l, "the ruleset file is not consistent (expressions)");
			break;
		}
		to->rule = e.rule;
		to->flags = e.flags;
		to->counted = (rs->rules[e.rule].flags & MW_RULE_COUNTED) != 0;
		to->maxhits = rs->rules[e.rule].maxhits;
		to->counter = counters[e.rule];
		if ((e.flags & MW_EXPR_CONFIRM) != 0) {
			to->re = compile(l, &e);
			if (to->re == NULL)
				break;
		}
	}
	free(counters);
	return l->error[0] == 0;
}

/* A database or automaton index of the file: below the count, or NONE. */
static bool index_ok(uint32_t index, uint32_t count)
{
	return index == MW_RULESET_NONE || index < count;
}

static bool load_section(struct load *l, uint32_t at, uint32_t *special_room)
{
	struct mw_ruleset *rs = l->rules;
	struct mw_scan_section *to = &rs->sections[at];
	struct mw_ruleset_section s;

	mw_ruleset_read_section(&l->file.reader, &s);
	if (l->file.reader.failed || !kind_of(s.kind, &to->kind) ||
		!index_ok(s.literal_db, l->file.header.databases) ||
		!index_ok(s.regex_db, l->file.header.databases) ||
		!index_ok(s.automaton, l->file.header.automata))
		return fail(l, "the ruleset file is not consistent (sections)");
	to->name = s.name;
	to->stream = to->kind == MW_RECORD_FULL || to->kind == MW_RECORD_ATTACHMENT;
	/* Indexes now, pointers once the databases have been read. */
	to->literal_db = (hs_database_t *)(uintptr_t)s.literal_db;
	to->regex_db = (hs_database_t *)(uintptr_t)s.regex_db;
	to->automaton = (const struct mw_automaton *)(uintptr_t)s.automaton;
	to->always_count = s.always_count;
	to->always = table(l, s.always_count, sizeof(uint32_t));
	if (to->always == NULL)
		return false;
	for (uint32_t i = 0; i < s.always_count; i++) {
		to->always[i] = mw_ruleset_u32_at(s.always, i);
		if (to->always[i] >= rs->expr_count || rs->exprs[to->always[i]].re == NULL)
			return fail(l, "the ruleset file is not consistent (sections)");
	}
	for (uint32_t i = 0; i < s.member_count; i++) {
		uint32_t expr = mw_ruleset_u32_at(s.members, i);

		if (expr >= rs->expr_count)
			return fail(l, "the ruleset file is not consistent (sections)");
		if ((rs->exprs[expr].flags & (MW_EXPR_NEGATE | MW_EXPR_MISSING | MW_EXPR_EXISTS)) ==
			0)
			continue;
		if (rs->special_count == *special_room) {
			uint32_t room = *special_room * 2 + 64;
			void *p = realloc(rs->specials, room * sizeof(rs->specials[0]));

			if (p == NULL)
				return fail(l, "there is no memory for the ruleset");
			rs->specials = p;
			*special_room = room;
		}
		rs->specials[rs->special_count++] = (struct mw_scan_special){expr, at};
	}
	rs->wants |= 1u << to->kind;
	if (to->name.len == 0 && to->kind != MW_RECORD_HEADER) {
		rs->by_kind[to->kind] = at;
		to->hash_next = MW_RULESET_NONE;
	} else {
		uint32_t h = mw_scan_name_hash(to->kind, to->name);

		to->hash_next = rs->buckets[h];
		rs->buckets[h] = at;
	}
	return true;
}

static bool load_sections(struct load *l)
{
	struct mw_ruleset *rs = l->rules;
	uint32_t special_room = 0;

	for (uint32_t i = 0; i < MW_SECTION_BUCKETS; i++)
		rs->buckets[i] = MW_RULESET_NONE;
	for (uint32_t i = 0; i < MW_RECORD_KINDS; i++)
		rs->by_kind[i] = MW_RULESET_NONE;
	rs->sections = table(l, l->file.header.sections, sizeof(rs->sections[0]));
	for (uint32_t i = 0; rs->sections != NULL && i < l->file.header.sections; i++) {
		rs->section_count = i + 1;
		if (!load_section(l, i, &special_room))
			return false;
	}
	return rs->sections != NULL;
}

static bool load_automata(struct load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->automata = table(l, l->file.header.automata, sizeof(rs->automata[0]));
	for (uint32_t i = 0; rs->automata != NULL && i < l->file.header.automata; i++) {
		struct mw_ruleset_automaton a;

		mw_ruleset_read_automaton(&l->file.reader, &a);
		for (uint32_t k = 0; !l->file.reader.failed && k < a.sequence_count; k++) {
			uint32_t expr = mw_ruleset_u32_at(a.exprs, k);

			if (expr >= rs->expr_count || rs->exprs[expr].re == NULL)
				return fail(l, "the ruleset file is not consistent (automata)");
		}
		rs->automata[i] = l->file.reader.failed ? NULL : mw_automaton_new(&a);
		if (rs->automata[i] == NULL)
			return fail(l, "the ruleset file is not consistent (automata)");
		rs->automaton_count = i + 1;
	}
	return rs->automata != NULL;
}

/* Meta code is trusted at match time, so its stack and operands are walked here once. */
static bool meta_ok(const struct mw_ruleset *rs, const struct mw_ruleset_meta *m)
{
	struct mw_reader r = mw_reader_of(m->code.data, m->code.len);
	unsigned depth = 0;

	if (m->rule >= rs->rule_count)
		return false;
	while (!r.failed && r.at < r.end) {
		uint8_t op = mw_read_u8(&r);

		if (op == MW_META_NUMBER || op == MW_META_RULE) {
			uint32_t v = mw_read_u32(&r);

			if (++depth > MW_META_STACK_MAX ||
				(op == MW_META_RULE && v >= rs->rule_count))
				return false;
		} else if (op == MW_META_NOT || op == MW_META_NEGATIVE) {
			if (depth < 1)
				return false;
		} else if (op >= MW_META_AND && op <= MW_META_DIV) {
			if (depth < 2)
				return false;
			depth--;
		} else {
			return false;
		}
	}
	return !r.failed && depth == 1;
}

static bool load_metas(struct load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->meta_count = l->file.header.metas;
	rs->metas = table(l, rs->meta_count, sizeof(rs->metas[0]));
	for (uint32_t i = 0; rs->metas != NULL && i < rs->meta_count; i++) {
		mw_ruleset_read_meta(&l->file.reader, &rs->metas[i]);
		if (l->file.reader.failed || !meta_ok(rs, &rs->metas[i]))
			return fail(l, "the ruleset file is not consistent (metas)");
	}
	return rs->metas != NULL;
}

static bool load_digests(struct load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->digest_count = l->file.header.digests;
	rs->digests = table(l, rs->digest_count, sizeof(rs->digests[0]));
	for (uint32_t i = 0; rs->digests != NULL && i < rs->digest_count; i++) {
		mw_ruleset_read_digest(&l->file.reader, &rs->digests[i]);
		if (l->file.reader.failed || rs->digests[i].rule >= rs->rule_count)
			return fail(l, "the ruleset file is not consistent (hashes)");
		rs->digest_kinds |= 1u << rs->digests[i].kind;
		rs->wants |= 1u << MW_RECORD_ATTACHMENT;
	}
	return rs->digests != NULL;
}

static bool load_database(struct load *l, uint32_t at)
{
	struct mw_ruleset *rs = l->rules;
	struct mw_ruleset_database d;
	char *aligned;

	mw_ruleset_read_database(&l->file.reader, &d);
	if (l->file.reader.failed || d.octets.len == 0)
		return fail(l, "the ruleset file is not consistent (databases)");
	/* The library reads words: the octets may lie anywhere in the file. */
	aligned = aligned_alloc(64, (d.octets.len + 63) & ~(size_t)63);
	if (aligned == NULL)
		return fail(l, "there is no memory for the ruleset");
	memcpy(aligned, d.octets.data, d.octets.len);
	hs_error_t ret = hs_deserialize_database(aligned, d.octets.len, &rs->databases[at]);
	free(aligned);
	if (ret == HS_SUCCESS)
		rs->database_count = at + 1;
	if (ret == HS_DB_VERSION_ERROR || ret == HS_DB_PLATFORM_ERROR || ret == HS_DB_MODE_ERROR)
		return fail(l, "the rules were compiled for another pattern library or processor: "
			       "compile them again on this machine");
	if (ret != HS_SUCCESS)
		return fail(l, "the pattern library refuses its database: compile the rules again");
	rs->database_bytes += d.octets.len;
	return true;
}

/* The section's index in the file, as load_section left it, to the database. */
static bool to_database(struct load *l, const struct mw_scan_section *s, hs_database_t **db)
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
		return fail(l, "the pattern library refuses its database");
	mode_ok = (strstr(info, "STREAM") != NULL) == s->stream;
	free(info);
	return mode_ok || fail(l, "the ruleset file is not consistent (database modes)");
}

static bool load_databases(struct load *l)
{
	struct mw_ruleset *rs = l->rules;

	rs->databases = table(l, l->file.header.databases, sizeof(rs->databases[0]));
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

static void skip_reports(struct load *l)
{
	struct mw_ruleset_report report;

	for (uint32_t i = 0; i < l->file.header.reports && !l->file.reader.failed; i++)
		mw_ruleset_read_report(&l->file.reader, &report);
}

/* Finds where the databases begin, so that only what is before them is copied. */
static size_t length_before_databases(struct mw_span octets, const struct mw_ruleset_file *opened)
{
	struct mw_reader r = opened->reader;
	struct mw_ruleset_rule rule;
	struct mw_ruleset_expr expr;
	struct mw_ruleset_section section;
	struct mw_ruleset_automaton automaton;
	struct mw_ruleset_meta meta;
	struct mw_ruleset_digest digest;
	struct mw_ruleset_report report;

	for (uint32_t i = 0; i < opened->header.rules; i++)
		mw_ruleset_read_rule(&r, &rule);
	for (uint32_t i = 0; i < opened->header.exprs; i++)
		mw_ruleset_read_expr(&r, &expr);
	for (uint32_t i = 0; i < opened->header.sections; i++)
		mw_ruleset_read_section(&r, &section);
	for (uint32_t i = 0; i < opened->header.automata; i++)
		mw_ruleset_read_automaton(&r, &automaton);
	for (uint32_t i = 0; i < opened->header.metas; i++)
		mw_ruleset_read_meta(&r, &meta);
	for (uint32_t i = 0; i < opened->header.digests; i++)
		mw_ruleset_read_digest(&r, &digest);
	for (uint32_t i = 0; i < opened->header.reports; i++)
		mw_ruleset_read_report(&r, &report);
	return r.failed ? 0 : (size_t)(r.at - octets.data);
}

/* Spans must outlive the caller's octets: the first part is copied, the reader moved into the copy;
 * the databases are read from the caller's octets. */
static bool copy_tables(struct load *l, struct mw_span octets, struct mw_reader *databases)
{
	struct mw_ruleset *rs = l->rules;
	size_t len = length_before_databases(octets, &l->file);

	if (len == 0)
		return fail(l, "the ruleset file ends early");
	rs->copy = malloc(len);
	if (rs->copy == NULL)
		return fail(l, "there is no memory for the ruleset");
	memcpy(rs->copy, octets.data, len);
	rs->copy_len = len;
	*databases = mw_reader_of(octets.data + len, octets.len - len);
	l->file.reader.at = rs->copy + (l->file.reader.at - octets.data);
	l->file.reader.end = rs->copy + len;
	return true;
}

struct mw_ruleset *mw_ruleset_load(struct mw_span octets, char error[MW_RULESET_ERROR_MAX])
{
	struct load l = {.error = error};
	struct mw_reader databases = {0};

	error[0] = 0;
	if (mw_ruleset_open(octets, &l.file, error) != 0 || !check_machine(&l))
		return NULL;
	l.rules = calloc(1, sizeof(*l.rules));
	if (l.rules == NULL) {
		fail(&l, "there is no memory for the ruleset");
		return NULL;
	}
	memcpy(l.rules->content_hash, l.file.header.content_hash, 32);
	bool ok = copy_tables(&l, octets, &databases) && load_rules(&l) && !l.file.reader.failed &&
		  load_exprs(&l) && load_sections(&l) && load_automata(&l) && load_metas(&l) &&
		  load_digests(&l);
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
	fail(&l, "the ruleset file is not consistent");
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

void mw_ruleset_free(struct mw_ruleset *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; rules->exprs != NULL && i < rules->expr_count; i++)
		pcre2_code_free(rules->exprs[i].re);
	for (uint32_t i = 0; rules->sections != NULL && i < rules->section_count; i++)
		free(rules->sections[i].always);
	for (uint32_t i = 0; i < rules->automaton_count; i++)
		mw_automaton_free(rules->automata[i]);
	for (uint32_t i = 0; i < rules->database_count; i++)
		hs_free_database(rules->databases[i]);
	free(rules->rules);
	free(rules->exprs);
	free(rules->sections);
	free(rules->databases);
	free(rules->automata);
	free(rules->metas);
	free(rules->digests);
	free(rules->specials);
	free(rules->copy);
	free(rules);
}
