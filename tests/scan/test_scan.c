/* Every kind of rule, where it must hit and where it must not. */
#include "tests/scan/rig.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static void test_phrases_everywhere(void **state)
{
	struct rig rig = {0};
	static const struct {
		enum mw_record_kind kind;
		const char *text;
		uint32_t hits;
	} cases[] = {
		{MW_RECORD_BODY, "please BUY NOW, friend", 1},
		{MW_RECORD_RAWBODY, "<b>buy now</b>", 1},
		{MW_RECORD_HEADER_ALL, "Subject: Buy Now\nTo: x\n", 1},
		{MW_RECORD_FULL, "Subject: x\n\nbuy now\n", 1},
		{MW_RECORD_ATTACHMENT, "PK..buy nowPK", 1},
		{MW_RECORD_BODY, "please buy  now", 0},
		{MW_RECORD_URI, "http://buy now/", 0},
	};

	rig_rules(&rig, "a.txt", "# a comment\nbuy now\n\n  meet\tme  \n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_record(&rig, cases[i].kind, "", cases[i].text);
		rig_end(&rig, 1000);
		assert_int_equal(rig_count(&rig, "buy now"), cases[i].hits);
		assert_int_equal(rig.result.score_milli, cases[i].hits * 1000);
		assert_int_equal(rig.result.klass, cases[i].hits ? MW_CLASS_SPAM : MW_CLASS_HAM);
		rig_again(&rig);
	}
	/* Rendered text has single blanks where the phrase has a tab. */
	rig_record(&rig, MW_RECORD_BODY, "", "Meet me there");
	rig_end(&rig, 1001);
	assert_int_equal(rig_count(&rig, "meet\tme"), 1);
	assert_int_equal(rig.result.klass, MW_CLASS_HAM);
	assert_false(rig.result.incomplete);
	rig_free(&rig);
}

/* Raw chunks can only be left out when all that is sought in them is sought in the raw octets too.
 */
static void test_rawbody_in_full(void **state)
{
	static const struct {
		const char *file, *rules;
		bool covered;
		uint32_t quiet;
	} cases[] = {
		{"a.txt", "buy now\nmeet\tme\n", true, 7},
		{"a.txt", "buy now\nviagra\n", true, 0},
		{"a.txt", "A\t1\tbuy now\nB\t1\t/buy\\s+now/i\n", false},
		{"a.cf", "rawbody A /buy now/\nscore A 1\nfull B /buy now/\nscore B 1\n", false, 7},
		{"a.cf", "body A /buy now/\nscore A 1\n", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig = {0};

		rig_rules(&rig, cases[i].file, cases[i].rules);
		assert_int_equal(mw_ruleset_rawbody_in_full(rig.rules), cases[i].covered);
		assert_int_equal(mw_ruleset_full_quiet(rig.rules), cases[i].quiet);
		rig_end(&rig, 1000);
		rig_free(&rig);
	}
}

static void test_named_phrases(void **state)
{
	struct rig rig = {0};

	rig_rules(&rig, "a.txt",
		"PILLS\t2.5\tcheap pills\nNUMBER\t-1\t/\\bno\\.? "
		"?\\d{3,5}\\b/i\nBACK\t1\t/(ab)x\\1/\n");
	rig_record(&rig, MW_RECORD_BODY, "", "Cheap Pills, No. 1234 abxab");
	rig_end(&rig, 2000);
	assert_int_equal(rig_count(&rig, "PILLS"), 1);
	assert_int_equal(rig_count(&rig, "NUMBER"), 1);
	assert_int_equal(rig_count(&rig, "BACK"), 1);
	assert_int_equal(rig.result.score_milli, 2500);
	rig_again(&rig);
	/* Over a stream the expression runs in the pattern library... */
	rig_record(&rig, MW_RECORD_FULL, "", "x\nno 12345 \n");
	rig_end(&rig, 2000);
	assert_int_equal(rig_count(&rig, "NUMBER"), 1);
	/* ... or not at all, and the report says so. */
	char reason[256];
	assert_int_equal(rig_fate(&rig, "BACK", reason, sizeof(reason)), MW_RULE_GATED);
	assert_non_null(strstr(reason, "not in raw octets"));
	rig_free(&rig);
}

static const char sa_rules[] = "body B1 /viagra/i\n"
			       "body B2 /^dear .{3,20}friend$/i\n"
			       "score B2 0.5\n"
			       "body B3 /\\bc[i1]al[i1]s\\b/i\n"
			       "body B4 /(\\w)\\1{5}/\n"
			       "body NOSUBJ /secret/\n"
			       "tflags NOSUBJ nosubject\n"
			       "body MANY /\\$\\d/\n"
			       "tflags MANY multiple maxhits=3\n"
			       "rawbody R1 /<img\\s[^>]{0,40}src=cid:/i\n"
			       "uri U1 m{^https?://[^/]+\\.example/}i\n"
			       "full F1 /^From: x.*Subject: y$/ms\n"
			       "full F2 /x.*^Subject: y/ms\n"
			       "meta M4 F2 || H1\n"
			       "header H1 Subject =~ /free/i\n"
			       "header H2 Subject !~ /ham/\n"
			       "header H3 X-None =~ /^.{0,8}$/\n"
			       "header H4 X-Unset =~ /^dflt$/ [if-unset: dflt]\n"
			       "header H5 exists:X-There\n"
			       "header H6 ALL =~ /^To: .*\\nCc:/m\n"
			       "header H7 Subject:raw =~ /=\\?utf-8/\n"
			       "header H8 From:addr =~ /^spam@/\n"
			       "header H9 ALL:raw =~ /\\n\\tfold/\n"
			       "header __SUB1 X-A =~ /1/\n"
			       "header __SUB2 X-A =~ /2/\n"
			       "meta M1 __SUB1 && !__SUB2\n"
			       "meta M2 (MANY > 2) + B1 >= 2\n"
			       "meta M3 NOT_THERE || H1\n"
			       "score M3 -0.25\n"
			       "describe H1 Says free\n";

static void test_spamassassin_rules(void **state)
{
	struct rig rig = {0};

	rig_rules(&rig, "a.cf", sa_rules);
	rig_octets(&rig, MW_RECORD_BODY, "secret $1", 9, 0, false); /* the subject's line */
	rig_record(&rig, MW_RECORD_BODY, "", "Dear old good friend");
	rig_record(&rig, MW_RECORD_BODY, "", "buy Viagra or C1al1s for $1 $2 $3 aaaaaaa");
	rig_record(&rig, MW_RECORD_RAWBODY, "", "<IMG border=0 src=cid:1>");
	rig_record(&rig, MW_RECORD_URI, "", "http://a.example/x");
	rig_octets(&rig, MW_RECORD_FULL, "To: me\nFrom: x", 14, 0, false);
	rig_octets(&rig, MW_RECORD_FULL, "\nSubject: y\n\n", 13, 0, true);
	rig_record(&rig, MW_RECORD_HEADER, "SUBJECT", "All Free!\n");
	rig_record(&rig, MW_RECORD_HEADER, "X-There", "\n");
	rig_record(&rig, MW_RECORD_HEADER, "X-A", "1\n");
	rig_record(&rig, MW_RECORD_HEADER, "From:addr", "spam@example.net");
	rig_record(&rig, MW_RECORD_HEADER_ALL, "", "To: a\nCc: b\n");
	rig_record(&rig, MW_RECORD_HEADER_RAW, "", "To: a\n\tfold\n");
	rig_record(&rig, MW_RECORD_HEADER_RAW, "Subject", " =?utf-8?q?x?=\n");
	rig_end(&rig, 2000);
	static const struct {
		const char *rule;
		uint32_t count;
	} all[] = {{"B1", 1}, {"B2", 1}, {"B3", 1}, {"B4", 1}, {"NOSUBJ", 0}, {"MANY", 3},
		{"R1", 1}, {"U1", 1}, {"F1", 1}, {"H1", 1}, {"H2", 1}, {"H3", 1}, {"H4", 1},
		{"H5", 1}, {"H6", 1}, {"H7", 1}, {"H8", 1}, {"H9", 1}, {"M1", 1}, {"M2", 1},
		{"M3", 1}, {"__SUB1", 0}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (rig_count(&rig, all[i].rule) != all[i].count)
			fail_msg("%s: %u instead of %u", all[i].rule, rig_count(&rig, all[i].rule),
				all[i].count);
	assert_int_equal(rig_fate(&rig, "F2", NULL, 0), MW_RULE_UNSUPPORTED);
	assert_int_equal(rig_fate(&rig, "M4", NULL, 0), MW_RULE_UNSUPPORTED);
	assert_int_equal(rig_count(&rig, "M4"), 0);
	assert_int_equal(rig.result.klass, MW_CLASS_SPAM);
	assert_int_equal(rig.result.score_milli, 500 + 18 * 1000 - 250);

	/* The same rules over a mail without any of it: only what is true of nothing. */
	rig_again(&rig);
	rig_record(&rig, MW_RECORD_BODY, "", "hello");
	rig_record(&rig, MW_RECORD_HEADER, "Subject", "ham\n");
	rig_record(&rig, MW_RECORD_HEADER, "X-None", "is there after all\n");
	rig_record(&rig, MW_RECORD_HEADER, "X-Unset", "other\n");
	rig_record(&rig, MW_RECORD_HEADER, "X-A", "1 2\n");
	rig_end(&rig, 2000);
	for (uint32_t i = 0; i < rig.result.hit_count; i++)
		fail_msg("%.*s hit",
			(int)mw_ruleset_rule(rig.rules, rig.result.hits[i].rule)->name.len,
			(const char *)mw_ruleset_rule(rig.rules, rig.result.hits[i].rule)
				->name.data);
	assert_int_equal(rig.result.klass, MW_CLASS_HAM);
	rig_free(&rig);
}

static void test_meta_arithmetic(void **state)
{
	static const struct {
		const char *text;
		uint32_t count;
	} cases[] = {
		{"ONE + TWO * 2", 5},
		{"(ONE + TWO) * 2", 6},
		{"TWO || ONE", 2},
		{"ONE && TWO", 2},
		{"!ONE", 0},
		{"!NONE", 1},
		{"TWO - ONE - ONE", 0},
		{"TWO / 2 == ONE", 1},
		{"ONE > TWO", 0},
		{"ONE < TWO", 1},
		{"-ONE < 0", 1},
		{"ONE == 1 && !NONE || NONE", 1},
		{"NONE || NONE && ONE", 0},
		{"rules_matching(*O*) >= 3", 1},
		{"1 / 2", 1},
		{"ONE != TWO", 1},
		{"ONE >= 1", 1},
		{"ONE <= 0", 0},
		{"UNKNOWN_RULE", 0},
		{"!UNKNOWN_RULE", 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig = {0};
		char text[512];

		snprintf(text, sizeof(text),
			"body ONE /one/\nbody TWO /two/\ntflags TWO multiple\nbody NONE /none/\n"
			"meta IT %s\n",
			cases[i].text);
		rig_rules(&rig, "m.cf", text);
		rig_record(&rig, MW_RECORD_BODY, "", "one two two one");
		rig_end(&rig, 0);
		if (rig_count(&rig, "IT") != cases[i].count)
			fail_msg("%s: %u instead of %u", cases[i].text, rig_count(&rig, "IT"),
				cases[i].count);
		rig_free(&rig);
	}
}

static void test_signatures(void **state)
{
	struct rig rig = {0};

	rig_rules(&rig, "a.ndb",
		"Plain.UNOFFICIAL:0:*:6162636465\nGap:0:*:61{1-3}62\nStart:0:0:4d5a??00\n"
		"Mail:4:*:5375626a656374\nAlt:0:*:78(61|62)79\nNibble:0:*:f?0?\n"
		"Section:1:EP+0:6162\n");
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "MZ\x90\0abc", 7, 1, false);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "de a..b xby \xf3\x01", 14, 1, true);
	rig_end(&rig, 5000);
	assert_int_equal(rig.result.klass, MW_CLASS_WORM);
	assert_int_equal(rig_count(&rig, "Plain"), 1);
	assert_int_equal(rig_count(&rig, "Gap"), 1);
	assert_int_equal(rig_count(&rig, "Start"), 1);
	assert_int_equal(rig_count(&rig, "Alt"), 1);
	assert_int_equal(rig_count(&rig, "Nibble"), 1);
	assert_int_equal(rig_count(&rig, "Mail"), 0);
	assert_int_equal(rig_fate(&rig, "Section", NULL, 0), MW_RULE_UNSUPPORTED);
	rig_again(&rig);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "xMZ\x90\0 Subject", 13, 1, true);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "abcd", 4, 2, false);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "e", 1, 3, true);
	rig_end(&rig, 5000);
	assert_int_equal(rig.result.hit_count, 0);
	rig_free(&rig);
}

static void hex_digest(const EVP_MD *md, const char *text, char *out)
{
	uint8_t octets[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	assert_int_equal(EVP_Digest(text, strlen(text), octets, &len, md, NULL), 1);
	for (unsigned i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static void test_hashes(void **state)
{
	struct rig rig = {0};
	char md5[129], sha256[129], text[1024];

	hex_digest(EVP_md5(), "worm", md5);
	hex_digest(EVP_sha256(), "worm2", sha256);
	snprintf(
		text, sizeof(text), "%s:4:Worm.A\n%s:5:Wrong.Size\n%s:*:Worm.Any\n", md5, md5, md5);
	rig_file(&rig, "a.hdb", text);
	snprintf(text, sizeof(text), "%s:5:Worm.B\n", sha256);
	rig_rules(&rig, "a.hsb", text);
	assert_int_equal(mw_ruleset_digests(rig.rules), 1 << MW_DIGEST_MD5 | 1 << MW_DIGEST_SHA256);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "wo", 2, 1, false);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "rm", 2, 1, false);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "", 0, 1, true);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "worm2", 5, 2, true);
	rig_end(&rig, 5000);
	assert_int_equal(rig_count(&rig, "Worm.A"), 1);
	assert_int_equal(rig_count(&rig, "Worm.Any"), 1);
	assert_int_equal(rig_count(&rig, "Wrong.Size"), 0);
	assert_int_equal(rig_count(&rig, "Worm.B"), 1);
	assert_int_equal(rig.result.klass, MW_CLASS_WORM);
	rig_again(&rig);
	rig_octets(&rig, MW_RECORD_ATTACHMENT, "worm3", 5, 1, true);
	rig_end(&rig, 5000);
	assert_int_equal(rig.result.hit_count, 0);
	rig_free(&rig);
}

/* More messages at once than streams: said, counted, never a wrong "no" without a word. */
static void test_streams_run_out(void **state)
{
	struct rig rig = {0};

	rig_file(&rig, "a.txt", "needle\n");
	assert_int_equal(rig_try(&rig), 0);
	rig_load(&rig, 1);
	void *memory = malloc(mw_scan_bytes(rig.rules));
	assert_non_null(memory);
	struct mw_scan *other = mw_scan_begin(memory, rig.rules);
	struct mw_record rec = {.kind = MW_RECORD_FULL, .data = mw_span_str("nee")};
	struct mw_scan_result result;

	rig_octets(&rig, MW_RECORD_FULL, "nee", 3, 0, false);
	mw_scan_record(other, rig.scratch, &rec);
	rec.data = mw_span_str("needle");
	rig_octets(&rig, MW_RECORD_FULL, "dle", 3, 0, false);
	rig_end(&rig, 1000);
	assert_int_equal(rig_count(&rig, "needle"), 1);
	assert_false(rig.result.incomplete);
	/* A slot is free again, but this message lost its beginning. */
	mw_scan_record(other, rig.scratch, &rec);
	mw_scan_end(other, rig.scratch, 1000, &result);
	assert_int_equal(result.hit_count, 0);
	assert_true(result.incomplete);
	assert_int_equal(mw_scan_counters(rig.scratch)->streams_refused, 1);
	/* An abandoned message gives its stream back, and leaves nothing in it. */
	rig_again(&rig);
	rig_octets(&rig, MW_RECORD_FULL, "need", 4, 0, false);
	mw_scan_abandon(rig.scan, rig.scratch);
	rig_again(&rig);
	rig_octets(&rig, MW_RECORD_FULL, "le", 2, 0, true);
	rig_end(&rig, 1000);
	assert_int_equal(rig.result.hit_count, 0);
	assert_false(rig.result.incomplete);
	free(memory);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phrases_everywhere),
		cmocka_unit_test(test_rawbody_in_full),
		cmocka_unit_test(test_named_phrases),
		cmocka_unit_test(test_spamassassin_rules),
		cmocka_unit_test(test_meta_arithmetic),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_streams_run_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
