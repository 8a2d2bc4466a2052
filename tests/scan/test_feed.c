/*
 * The feed path's promises: the same octets cut anywhere give the same hits, nothing is allocated,
 * and filters made of random expressions never say no wrongly.
 */
#include "tests/scan/rig.h"

#include "dataplane/scan/scratch.h"

#include <stdio.h>
#include <stdlib.h>

/* Volatile: the compiler believes that malloc changes no variable of ours. */
static volatile uint64_t allocations;

#if defined(__SANITIZE_ADDRESS__)
int __sanitizer_install_malloc_and_free_hooks(
	void (*on_malloc)(const volatile void *, size_t), void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *p, size_t size)
{
	allocations = allocations + 1;
}

static void on_free(const volatile void *p)
{
}

static void count_allocations(void)
{
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
/* The program's own malloc stands before the library's for every shared library, too. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	allocations = allocations + 1;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations = allocations + 1;
	return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	allocations = allocations + 1;
	return __libc_realloc(p, size);
}

static void count_allocations(void)
{
}
#endif

static uint64_t seed;

static uint32_t roll(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

static void begin_random(void)
{
	const char *wish = getenv("MW_TEST_SEED");

	seed = wish == NULL ? 20261122 : strtoull(wish, NULL, 10);
}

static const char stream_rules[] = "PHRASE\t1\tbuy our pills\n"
				   "REGEX\t2\t/order\\s+n[or][.:]? ?\\d+/i\n"
				   "START\t4\t/\\AFrom: /\n"
				   "END\t8\t/the end$/\n"
				   "GAP\t16\t/begin.{5,40}finish/s\n";

static void test_cuts(void **state)
{
	static const char text[] =
		"From: x\nSubject: Order  No: 12\n\nbegin one two\nfinish BUY our "
		"Pills now\nthe end\n";
	static const enum mw_record_kind kinds[] = {MW_RECORD_FULL, MW_RECORD_ATTACHMENT};
	size_t len = sizeof(text) - 1;
	struct rig rig = {0};

	begin_random();
	rig_rules(&rig, "a.txt", stream_rules);
	for (unsigned k = 0; k < 2; k++) {
		for (size_t cut = 0; cut <= len; cut++) {
			rig_octets(&rig, kinds[k], text, cut, 1, false);
			rig_octets(&rig, kinds[k], text + cut, len - cut, 1, true);
			rig_end(&rig, 1000);
			if (rig.result.score_milli != 31000)
				fail_msg("cut at %zu: %d", cut, rig.result.score_milli);
			rig_again(&rig);
		}
		for (unsigned round = 0; round < 200; round++) {
			uint64_t began = seed;

			for (size_t at = 0; at < len;) {
				size_t n = 1 + roll(round % 9 + 1);

				n = n < len - at ? n : len - at;
				rig_octets(&rig, kinds[k], text + at, n, 1, false);
				at += n;
			}
			/* Closed by the end of the message when `last` never came. */
			rig_end(&rig, 1000);
			if (rig.result.score_milli != 31000)
				fail_msg("seed %llu: %d", (unsigned long long)began,
					rig.result.score_milli);
			rig_again(&rig);
		}
	}
	rig_free(&rig);
}

static void test_no_allocation(void **state)
{
	struct rig rig = {0};
	char long_text[9000];
	uint64_t before;

	for (size_t i = 0; i < sizeof(long_text); i++)
		long_text[i] = (char)("order no 7 "[i % 11]);
	rig_file(&rig, "b.hdb", "0123456789abcdef0123456789abcdef:4:Hash\n");
	rig_file(&rig, "c.cf",
		"body B1 /(a+)+b\\1/\nbody B2 /no (\\d)/\ntflags B2 multiple\nuri U /x{3}/\n"
		"header H To =~ /(o|rd)*er$/\nmeta M B1 + B2 > 1\nrawbody R /(?=no)no 7/\n");
	rig_rules(&rig, "a.txt", stream_rules);
	for (unsigned pass = 0; pass < 3; pass++) {
		before = allocations;
		rig_record(&rig, MW_RECORD_BODY, "", "aaaaaaaaaaaaaaaaaaaaaaaaaaa bb no 1 no 2");
		rig_record(&rig, MW_RECORD_RAWBODY, "", "order no 7");
		rig_record(&rig, MW_RECORD_URI, "", "http://xxx/");
		rig_record(&rig, MW_RECORD_HEADER, "To", "orderorder\n");
		rig_octets(&rig, MW_RECORD_FULL, long_text, sizeof(long_text), 0, true);
		rig_octets(&rig, MW_RECORD_ATTACHMENT, long_text, sizeof(long_text), 1, true);
		rig_end(&rig, 1000);
		if (allocations != before)
			fail_msg("pass %u: %llu allocations", pass,
				(unsigned long long)(allocations - before));
		assert_int_equal(rig_count(&rig, "B2"), 2);
		assert_int_equal(rig_count(&rig, "H"), 1);
		rig_again(&rig);
	}
	/* The counting itself works. */
	before = allocations;
	void *volatile some = malloc(10);
	free(some);
	assert_true(allocations > before);
	rig_free(&rig);
}

/* A random expression over a small alphabet, so that random texts often match it. */
static size_t random_regex(char *out, size_t size, unsigned depth, bool atomic)
{
	static const char *const pieces[] = {"a", "b", "c", "ab", "abc", "[ab]", "[^a]", ".", "\\w",
		"\\s", "x", " ", "\\b", "(?i)B", "bca", "cab", "c\\b"};
	static const char *const repeats[] = {
		"", "", "", "", "+", "*", "?", "{2}", "{1,3}", "*?", "+?", "\\E?"};
	size_t n = 0;
	unsigned parts = 1 + roll(4);
	/* No choices in an atomic group: such rules are reported as unsupported. */
	unsigned kinds = atomic ? 9 : 12;

	for (unsigned i = 0; i < parts && n + 80 < size; i++) {
		if (depth < 3 && roll(4) == 0) {
			static const char *const opens[] = {"(", "(?:", "(?i:", "(?>"};

			unsigned open = roll(4);
			bool within = atomic || open == 3;

			n += (size_t)snprintf(out + n, size - n, "%s", opens[open]);
			n += random_regex(out + n, (size - n) / 2, depth + 1, within);
			if (!within && roll(2) == 0) {
				out[n++] = '|';
				n += random_regex(out + n, (size - n) / 2, depth + 1, within);
			}
			out[n++] = ')';
			n += (size_t)snprintf(out + n, size - n, "%s", repeats[roll(kinds)]);
		} else {
			unsigned piece = roll(17);

			n += (size_t)snprintf(out + n, size - n, "%s%s", pieces[piece],
				piece >= 12 && piece != 14 && piece != 15 ? ""
									  : repeats[roll(kinds)]);
		}
	}
	if (depth == 0 && roll(8) == 0)
		n += (size_t)snprintf(out + n, size - n, "(?=%s)", roll(2) ? "a" : "b|c");
	return n;
}

#define EXPRESSIONS 40

struct random_set {
	char text[EXPRESSIONS][2048];
	pcre2_code *re[EXPRESSIONS];
	pcre2_match_data *match;
	pcre2_match_context *limits;
	unsigned hits, limited;
};

static void random_set_make(struct random_set *set, struct rig *rig)
{
	static const char *const kinds[] = {"rawbody", "uri", "header"};
	char *rules = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&rules, &len);

	assert_non_null(f);
	for (unsigned i = 0; i < EXPRESSIONS; i++) {
		size_t n = random_regex(set->text[i], sizeof(set->text[i]), 0, false), offset;
		int code;

		set->text[i][n] = 0;
		fprintf(f, "%s R%u %s/%s/%s\n", kinds[i % 3], i, i % 3 == 2 ? "To =~ " : "",
			set->text[i], i % 5 == 0 ? "i" : "");
		set->re[i] = pcre2_compile((PCRE2_SPTR)set->text[i], n,
			i % 5 == 0 ? PCRE2_CASELESS : 0, &code, &offset, NULL);
		assert_non_null(set->re[i]);
	}
	fclose(f);
	rig_rules(rig, "r.cf", rules);
	free(rules);
}

static void random_line(struct random_set *set, struct rig *rig, uint64_t began)
{
	static const enum mw_record_kind kinds[] = {
		MW_RECORD_RAWBODY, MW_RECORD_URI, MW_RECORD_HEADER};
	char line[64];
	size_t len = roll(60);

	for (size_t c = 0; c < len; c++)
		line[c] = "aabbccabcABC x_\n\xe4"[roll(17)];
	line[len] = 0;
	for (unsigned kind = 0; kind < 3; kind++)
		rig_record(rig, kinds[kind], kind == 2 ? "To" : "", line);
	rig_end(rig, 1000);
	for (unsigned i = 0; i < EXPRESSIONS; i++) {
		char name[16];
		int ret = pcre2_match(
			set->re[i], (PCRE2_SPTR)line, len, 0, 0, set->match, set->limits);

		snprintf(name, sizeof(name), "R%u", i);
		bool expected = ret >= 0, found = rig_count(rig, name) > 0;
		/* A match limit may cost a hit, and then the result says so. */
		if (ret == PCRE2_ERROR_MATCHLIMIT ||
			(expected && !found && rig->result.incomplete)) {
			set->limited++;
			continue;
		}
		set->hits += expected;
		if (expected != found)
			fail_msg("seed %llu: /%s/ over \"%s\": %d expected",
				(unsigned long long)began, set->text[i], line, expected);
	}
	rig_again(rig);
}

static void test_random_expressions(void **state)
{
	struct random_set *set = calloc(1, sizeof(*set));

	assert_non_null(set);
	set->match = pcre2_match_data_create(1, NULL);
	set->limits = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(set->limits, 100000);
	begin_random();
	for (unsigned round = 0; round < 40; round++) {
		struct rig rig = {0};
		uint64_t began = seed;

		random_set_make(set, &rig);
		for (unsigned k = 0; k < 60; k++)
			random_line(set, &rig, began);
		for (unsigned i = 0; i < EXPRESSIONS; i++)
			pcre2_code_free(set->re[i]);
		rig_free(&rig);
	}
	print_message("%u hits, %u lost to the match limit\n", set->hits, set->limited);
	assert_true(set->hits > 1000 && set->limited * 50 < set->hits);
	pcre2_match_data_free(set->match);
	pcre2_match_context_free(set->limits);
	free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_no_allocation),
		cmocka_unit_test(test_random_expressions),
	};

	count_allocations();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
