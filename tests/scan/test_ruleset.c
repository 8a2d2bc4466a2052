/* The compiled file: golden octets, a round trip, and every kind of damage refused. */
#include "tests/scan/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A ruleset of one rule, one expression, one section, one meta, one hash, one report line. */
static void write_small(struct mw_ruleset_writer *w)
{
	struct mw_ruleset_header h = {.library = mw_span_str("lib 1"),
		.tune = 7,
		.cpu_features = 9,
		.compile_ms = 3,
		.rules = 1,
		.exprs = 1,
		.sections = 1,
		.metas = 1,
		.digests = 1,
		.reports = 1};
	struct mw_ruleset_rule rule = {.name = mw_span_str("R"),
		.description = mw_span_str("d"),
		.score_milli = -250,
		.klass = MW_CLASS_WORM,
		.flags = MW_RULE_COUNTED,
		.maxhits = 5};
	struct mw_ruleset_expr expr = {0, MW_EXPR_CONFIRM, MW_RE_CASELESS, mw_span_str("a+")};
	struct mw_ruleset_section section = {.kind = MW_SECTION_HEADER,
		.name = mw_span_str("To"),
		.literal_db = MW_RULESET_NONE,
		.regex_db = MW_RULESET_NONE,
		.automaton = MW_RULESET_NONE,
		.always = mw_span_of("\0\0\0\0", 4),
		.members = mw_span_of("\0\0\0\0", 4)};
	struct mw_ruleset_meta meta = {0, mw_span_of("\2\0\0\0\0", 5)};
	struct mw_ruleset_digest digest = {
		0, MW_DIGEST_MD5, UINT64_MAX, mw_span_str("0123456789abcdef")};
	struct mw_ruleset_report report = {
		mw_span_str("R"), mw_span_str("f.cf"), 12, MW_RULE_GATED, mw_span_str("why")};

	memset(h.content_hash, 0xaa, sizeof(h.content_hash));
	mw_ruleset_write_header(w, &h);
	mw_ruleset_write_rule(w, &rule);
	mw_ruleset_write_expr(w, &expr);
	mw_ruleset_write_section(w, &section);
	mw_ruleset_write_meta(w, &meta);
	mw_ruleset_write_digest(w, &digest);
	mw_ruleset_write_report(w, &report);
	assert_int_equal(mw_ruleset_write_end(w), 0);
}

static void test_golden(void **state)
{
	/* Magic, version 5, length 258, then (behind the checksum) the header's fields. */
	static const uint8_t start[] = {
		'M', 'W', 'R', 'U', 'L', 'E', 'S', '\n', 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 2};
	static const uint8_t fields[] = {0, 0, 0, 5, 'l', 'i', 'b', ' ', '1', 0, 0, 0, 7, 0, 0, 0,
		0, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, /* the rule: */ 0, 0, 0, 1, 'R', 0, 0, 0, 1,
		'd', 0xff, 0xff, 0xff, 6, 2, 2, 0, 5};
	struct mw_ruleset_writer w;

	write_small(&w);
	assert_memory_equal(w.data, start, sizeof(start));
	for (unsigned i = 28; i < 60; i++)
		assert_int_equal(w.data[i], 0xaa);
	assert_memory_equal(w.data + 60, fields, sizeof(fields));
	assert_int_equal(w.len, 258);
	free(w.data);
}

static void test_round_trip(void **state)
{
	struct mw_ruleset_writer w;
	struct mw_ruleset_file file;
	char error[MW_RULESET_ERROR_MAX];
	struct mw_ruleset_rule rule;
	struct mw_ruleset_expr expr;
	struct mw_ruleset_section section;
	struct mw_ruleset_meta meta;
	struct mw_ruleset_digest digest;
	struct mw_ruleset_report report;

	write_small(&w);
	assert_int_equal(mw_ruleset_open(mw_span_of(w.data, w.len), &file, error), 0);
	struct mw_reader *r = &file.reader;
	assert_int_equal(file.header.cpu_features, 9);
	mw_ruleset_read_rule(r, &rule);
	assert_int_equal(rule.score_milli, -250);
	assert_int_equal(rule.klass, MW_CLASS_WORM);
	mw_ruleset_read_expr(r, &expr);
	assert_true(mw_span_eq(expr.pattern, mw_span_str("a+")));
	assert_int_equal(expr.re_flags, MW_RE_CASELESS);
	mw_ruleset_read_section(r, &section);
	assert_true(mw_span_eq(section.name, mw_span_str("To")));
	assert_int_equal(section.always_count, 1);
	assert_int_equal(section.automaton, MW_RULESET_NONE);
	mw_ruleset_read_meta(r, &meta);
	assert_int_equal(meta.code.len, 5);
	mw_ruleset_read_digest(r, &digest);
	assert_int_equal(digest.size, UINT64_MAX);
	mw_ruleset_read_report(r, &report);
	assert_int_equal(report.line, 12);
	assert_int_equal(report.fate, MW_RULE_GATED);
	assert_true(mw_reader_done(r));
	free(w.data);
}

/* Every cut, and every octet changed, is refused when the file is opened. */
static void test_damage(void **state)
{
	struct mw_ruleset_writer w;
	struct mw_ruleset_file file;
	char error[MW_RULESET_ERROR_MAX];

	write_small(&w);
	for (size_t len = 0; len < w.len; len++) {
		uint8_t *exact = malloc(len + 1);

		assert_non_null(exact);
		memcpy(exact, w.data, len);
		error[0] = 0;
		assert_int_not_equal(mw_ruleset_open(mw_span_of(exact, len), &file, error), 0);
		assert_true(error[0] != 0);
		free(exact);
	}
	for (size_t i = 0; i < w.len; i++) {
		w.data[i] ^= 0x10;
		assert_int_not_equal(mw_ruleset_open(mw_span_of(w.data, w.len), &file, error), 0);
		w.data[i] ^= 0x10;
	}
	w.data[11] = MW_RULESET_VERSION + 1;
	assert_int_equal(mw_ruleset_open(mw_span_of(w.data, w.len), &file, error), -EPROTO);
	assert_non_null(strstr(error, "version 5"));
	free(w.data);
}

/* A file that is whole but lies about itself must not get past the loader. */
static void test_loader_doubts(void **state)
{
	struct rig rig = {0};
	char error[MW_RULESET_ERROR_MAX];
	struct mw_ruleset_writer w;

	write_small(&w);
	assert_null(mw_ruleset_load(mw_span_of(w.data, w.len), error));
	assert_non_null(strstr(error, "lib 1"));
	free(w.data);

	rig_file(&rig, "a.cf",
		"body A /a[bc]+d/\nbody B /foo/i\nheader H To =~ /x/\nmeta M A && !B || H\n");
	assert_int_equal(rig_try(&rig), 0);
	/* Change octets behind the checksum and write a right checksum: by making the header say
	 * so again through the writer, which seals whatever it is given. */
	uint64_t seed = 1;
	for (unsigned i = 0; i < 3000; i++) {
		struct mw_ruleset_writer again = {.size = rig.compiled.len + 16};

		again.data = malloc(again.size);
		assert_non_null(again.data);
		again.len = rig.compiled.len;
		memcpy(again.data, rig.compiled.octets, again.len);
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		/* The tables only: what Hyperscan does with its own octets is its affair. */
		size_t at = 28 + (size_t)(seed >> 33) % 600;
		if (at >= again.len)
			at = 30;
		again.data[at] ^= (uint8_t)(1u << (seed >> 20 & 7));
		assert_int_equal(mw_ruleset_write_end(&again), 0);
		struct mw_ruleset *rules =
			mw_ruleset_load(mw_span_of(again.data, again.len), error);
		if (rules != NULL) { /* a harmless change: it must still run */
			struct mw_scan_scratch *scratch = mw_scan_scratch_new(rules, 1);
			void *memory = malloc(mw_scan_bytes(rules));
			struct mw_scan_result result;
			struct mw_record rec = {.kind = MW_RECORD_BODY,
				.data = mw_span_str("abcd foo"),
				.stream = 1};

			assert_non_null(scratch);
			assert_non_null(memory);
			struct mw_scan *scan = mw_scan_begin(memory, rules);
			mw_scan_record(scan, scratch, &rec);
			mw_scan_end(scan, scratch, 1000, &result);
			mw_scan_scratch_free(scratch);
			free(memory);
		} else {
			assert_true(error[0] != 0);
		}
		mw_ruleset_free(rules);
		free(again.data);
	}
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_loader_doubts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
