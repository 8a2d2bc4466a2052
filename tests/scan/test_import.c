/* Rule files as people write them: conditions, comments, replaced rules, tags, and what is wrong.
 */
#include "tests/scan/rig.h"

#include "controlplane/rules/cf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_conditions(void **state)
{
	static const struct {
		const char *text;
		bool readable, value;
	} cases[] = {
		{"(version >= 3.004002)", true, true},
		{"version < 4.000000", true, false},
		{"version >= 4.000002", true, false},
		{"plugin(Mail::SpamAssassin::Plugin::ReplaceTags)", true, true},
		{"!plugin(Mail::SpamAssassin::Plugin::TextCat)", true, true},
		{"!(!plugin ( Mail::SpamAssassin::Plugin::DKIM ))", true, true},
		{"can(Mail::SpamAssassin::Conf::feature_bug6558_free)", true, true},
		{"can(Mail::SpamAssassin::Conf::compat_welcomelist_blocklist)", true, false},
		{"can(Mail::SpamAssassin::Plugin::BodyEval::has_check_body_length)", true, true},
		{"can(Mail::SpamAssassin::Plugin::ASN::has_check_asn)", true, false},
		{"(version >= 3.004000) && plugin(Mail::SpamAssassin::Plugin::DCC)", true, false},
		{"version >= 9 || version >= 1", true, true},
		{"", false, false},
		{"(version >= 3", false, false},
		{"wibble", false, false},
		{"version >= 3 version", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool value = false;
		bool ok = mw_cf_condition(mw_span_str(cases[i].text), &value);

		if (ok != cases[i].readable || (ok && value != cases[i].value))
			fail_msg("%s: readable %d, value %d", cases[i].text, ok, value);
	}
}

static void test_blocks(void **state)
{
	struct rig rig = {0};

	rig_rules(&rig, "a.cf",
		"ifplugin Mail::SpamAssassin::Plugin::NoSuch\n"
		"body IN_NO /x/\n"
		"if (nonsense that is never read)\n body DEEP /x/\nelse\n body DEEP2 /x/\nendif\n"
		"else\n"
		"body IN_ELSE /x/ # a comment\n"
		"endif\n"
		"if !plugin(Mail::SpamAssassin::Plugin::NoSuch)\n  body IN_YES /x\\#y/\nendif\n"
		"lang de describe IN_YES Text\n"
		"body TWICE /zzz/\nscore TWICE 3\nbody TWICE /xy/\n"
		"body OFF /x/\nscore OFF 0\n"
		"body FOUR /x/\nscore FOUR 0.1 0.2 0.3 0.4\n"
		"body NICE /x/\ntflags NICE nice\n"
		"body T_TEST /x/\n"
		"meta OF_OFF OFF || IN_NO\n"
		"report_contact me\n"
		"header BYEVAL eval:check_x('a')\n"
		"meta ON_EVAL BYEVAL && IN_YES\n"
		"body LAZY /(?>x[)>]\\)+?)y/\nbody CHOICE /a(?>(?:x)y|z)y/\nbody ATOMIC "
		"/(?>x+)(?:[)>]+?)y/\n"
		"header RELAY X-Spam-Relays-External =~ /x/\n");
	rig_record(&rig, MW_RECORD_BODY, "", "x#y xy");
	rig_end(&rig, 0);
	assert_int_equal(rig_count(&rig, "IN_NO"), 0);
	assert_int_equal(rig_count(&rig, "DEEP"), 0);
	assert_int_equal(rig_count(&rig, "DEEP2"), 0);
	assert_int_equal(rig_count(&rig, "IN_ELSE"), 1);
	assert_int_equal(rig_count(&rig, "IN_YES"), 1);
	assert_int_equal(rig_count(&rig, "TWICE"), 1);
	assert_int_equal(rig_count(&rig, "OFF"), 0);
	assert_int_equal(rig_count(&rig, "OF_OFF"), 0);
	/* IN_ELSE 1, IN_YES 1, TWICE 3, FOUR 0.1, NICE -1, T_TEST 0.01 */
	assert_int_equal(rig.result.score_milli, 1000 + 1000 + 3000 + 100 - 1000 + 10);
	char reason[256];
	assert_int_equal(rig_fate(&rig, "BYEVAL", reason, sizeof(reason)), MW_RULE_UNSUPPORTED);
	assert_string_equal(reason, "calls the function check_x");
	assert_int_equal(rig_fate(&rig, "ON_EVAL", reason, sizeof(reason)), MW_RULE_UNSUPPORTED);
	assert_string_equal(reason, "needs BYEVAL, which is not supported");
	assert_int_equal(rig_fate(&rig, "RELAY", NULL, 0), MW_RULE_UNSUPPORTED);
	assert_int_equal(rig_fate(&rig, "LAZY", NULL, 0), MW_RULE_UNSUPPORTED);
	assert_int_equal(rig_fate(&rig, "CHOICE", NULL, 0), MW_RULE_UNSUPPORTED);
	assert_int_equal(rig_fate(&rig, "ATOMIC", NULL, 0), MW_RULE_GATED);
	assert_int_equal(rig_fate(&rig, "OFF", NULL, 0), MW_RULE_UNUSED);
	assert_int_equal(rig_fate(&rig, "IN_NO", NULL, 0), MW_RULE_FATE_COUNT);
	rig_free(&rig);
}

static void test_tags(void **state)
{
	struct rig rig = {0};

	rig_rules(&rig, "a.cf",
		"body FUZZ /<inter SP><post P><V><I>agra/i\n"
		"body PLAIN /<V>x/\n"
		"replace_tag V (?:v|\\\\/)\nreplace_tag I [i1<ONE>]\nreplace_tag ONE !\n"
		"replace_inter SP [_ ]?\nreplace_post P {1,2}\n"
		"replace_rules FUZZ\n");
	static const struct {
		const char *text;
		uint32_t hits;
	} cases[] = {{"viagra", 1}, {"V1agra", 1}, {"\\/!agra", 1}, {"vv_iiagra", 1},
		{"v_!agra", 1}, {"v__iagra", 0}, {"viiiagra", 0}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_record(&rig, MW_RECORD_BODY, "", cases[i].text);
		rig_end(&rig, 0);
		if (rig_count(&rig, "FUZZ") != cases[i].hits)
			fail_msg("%s", cases[i].text);
		rig_again(&rig);
	}
	rig_record(&rig, MW_RECORD_BODY, "", "a <V>x");
	rig_end(&rig, 0);
	assert_int_equal(rig_count(&rig, "PLAIN"), 1);
	rig_free(&rig);
}

/* What is wrong is named by file, line and reason; nothing is compiled, the old file stays. */
static void test_wrong_files(void **state)
{
	static const struct {
		const char *file, *text, *says;
	} cases[] = {
		{"w.cf", "body OK /x/\nbody BAD /(unclosed/\n",
			"w.cf:2: rule BAD: the pattern is wrong"},
		{"w.cf", "body BAD no pattern\n", "w.cf:1: rule BAD: a pattern must be written"},
		{"w.cf", "body BAD /x\n", "has no closing delimiter"},
		{"w.cf", "body BAD //\n", "the pattern is empty"},
		{"w.cf", "\n\nbody BAD /x/q\n", "w.cf:3: rule BAD: unknown flag"},
		{"w.cf", "body BAD\n", "nothing stands behind its name"},
		{"w.cf", "body B!D /x/\n", "a rule's name is of letters"},
		{"w.cf", "header BAD Subject /x/\n", "a header rule reads"},
		{"w.cf", "score OK abc\n", "is no number"},
		{"w.cf", "if (version > 3)\nbody A /a/\n", "w.cf:1: this condition has no endif"},
		{"w.cf", "endif\n", "endif without if"},
		{"w.cf", "else\n", "else without if"},
		{"w.cf", "if wibble\nendif\n", "this condition cannot be understood"},
		{"w.cf", "include other.cf\n", "include is not followed"},
		{"w.txt", "fine\nX\t1\t/a(/\n", "w.txt:2: rule X: the pattern is wrong"},
		{"w.txt", "X\t1\t/ab\n", "w.txt:1: rule X"},
		{"w.ndb", "Name:0:*\n", "w.ndb:1: a signature reads"},
		{"w.ndb", "Name:0:*:6g\n", "no hexadecimal signature"},
		{"w.ndb", "Name:0:*:616\n", "half an octet"},
		{"w.ndb", "Name:0:*:(61|62\n", "an alternative is not closed"},
		{"w.hdb", "0123:4:Name\n", "32, 40 or 64 hexadecimal digits"},
		{"w.hdb", "x\n", "a hash signature reads"},
		{"w.hdb", "zz23456789abcdef0123456789abcdef:4:N\n", "not hexadecimal"},
		{"w.hdb", "0123456789abcdef0123456789abcdef:x:N\n", "size is no number"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig rig = {0};
		struct mw_rules_summary summary;
		char out[128], old[16] = "";
		const char *path = rig.dir;

		rig_file(&rig, "old", "the old set");
		rig_file(&rig, cases[i].file, cases[i].text);
		snprintf(out, sizeof(out), "%s/old", rig.dir);
		assert_int_equal(
			mw_rules_compile_to(&path, 1, NULL, out, &summary, rig.error), -EINVAL);
		if (strstr(rig.error, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", rig.error, cases[i].says);
		FILE *f = fopen(out, "re");
		assert_non_null(f);
		assert_int_equal(fread(old, 1, sizeof(old), f), 11);
		fclose(f);
		assert_string_equal(old, "the old set");
		rig_free(&rig);
	}
}

static void test_paths(void **state)
{
	static const char *const missing[] = {"/nonexistent/rules.cf"};
	static const char *const suffix[] = {"/etc/hostname"};
	struct mw_rules_compiled compiled;
	char error[MW_RULES_ERROR_MAX];
	struct rig rig = {0};

	assert_int_equal(mw_rules_compile(missing, 1, NULL, &compiled, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/rules.cf"));
	assert_int_equal(mw_rules_compile(suffix, 1, NULL, &compiled, error), -EINVAL);
	assert_non_null(strstr(error, "suffix"));
	/* A folder without rule files is a mistake; SpamAssassin's own keeps notes in .txt. */
	rig_file(&rig, "readme", "x");
	assert_int_equal(rig_try(&rig), -EINVAL);
	rig_file(&rig, "STATISTICS-set0.txt", "phrase\n");
	rig_rules(&rig, "a.cf", "body A /a/\n");
	assert_int_equal(mw_ruleset_rule_count(rig.rules), 1);
	rig_free(&rig);
}

static void test_cache(void **state)
{
	struct rig rig = {0};
	char cache[128], file[512];
	struct mw_rules_options how = {.cache_dir = cache};
	struct mw_rules_compiled first, second;
	const char *path = rig.dir;

	rig_file(&rig, "a.cf", "body A /ab+c/\n");
	snprintf(cache, sizeof(cache), "%s/cache", rig.dir);
	assert_int_equal(mw_rules_compile(&path, 1, &how, &first, rig.error), 0);
	assert_false(first.summary.from_cache);
	assert_int_equal(mw_rules_compile(&path, 1, &how, &second, rig.error), 0);
	assert_true(second.summary.from_cache);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.octets, second.octets, first.len);
	assert_int_equal(second.summary.rules[MW_RULE_GATED], 1);
	/* A damaged cache file is made anew; other content is other rules. */
	int n = snprintf(file, sizeof(file), "%s/", cache);
	for (unsigned i = 0; i < 32; i++)
		n += snprintf(
			file + n, sizeof(file) - (size_t)n, "%02x", first.summary.content_hash[i]);
	snprintf(file + n, sizeof(file) - (size_t)n, ".rules");
	assert_int_equal(truncate(file, 100), 0);
	mw_rules_compiled_free(&second);
	assert_int_equal(mw_rules_compile(&path, 1, &how, &second, rig.error), 0);
	assert_false(second.summary.from_cache);
	mw_rules_compiled_free(&second);
	assert_int_equal(mw_rules_compile(&path, 1, &how, &second, rig.error), 0);
	assert_true(second.summary.from_cache);
	unlink(file);
	mw_rules_compiled_free(&second);
	rig_file(&rig, "a.cf", "body A /ab+d/\n");
	assert_int_equal(mw_rules_compile(&path, 1, &how, &second, rig.error), 0);
	assert_false(second.summary.from_cache);
	assert_memory_not_equal(first.summary.content_hash, second.summary.content_hash, 32);
	n = snprintf(file, sizeof(file), "%s/", cache);
	for (unsigned i = 0; i < 32; i++)
		n += snprintf(
			file + n, sizeof(file) - (size_t)n, "%02x", second.summary.content_hash[i]);
	snprintf(file + n, sizeof(file) - (size_t)n, ".rules");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(cache), 0);
	mw_rules_compiled_free(&first);
	mw_rules_compiled_free(&second);
	rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
