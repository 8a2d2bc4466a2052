/*
 * What scanning costs: nanoseconds an octet for 2000 phrases over mail text, and for SpamAssassin's
 * own rules by kind of record, with the dearest single records. Prints; asserts nothing.
 */
#include "controlplane/rules/compile.h"
#include "dataplane/scan/scan.h"
#include "tests/scan/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PHRASES 2000
#define PASSES	5

struct records {
	struct mw_record *items;
	size_t count, room;
	uint64_t octets[4];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct mw_span keep(struct mw_span s)
{
	uint8_t *p = malloc(s.len + 1);

	if (p == NULL)
		abort();
	memcpy(p, s.data == NULL ? (const uint8_t *)"" : s.data, s.len);
	return mw_span_of(p, s.len);
}

static void collect(void *ctx, enum corpus_kind kind, struct mw_span name, struct mw_span text)
{
	static const enum mw_record_kind kinds[] = {
		MW_RECORD_BODY, MW_RECORD_RAWBODY, MW_RECORD_HEADER, MW_RECORD_URI};
	struct records *r = ctx;

	if (r->count == r->room) {
		r->room = r->room * 2 + 1024;
		r->items = realloc(r->items, r->room * sizeof(r->items[0]));
		if (r->items == NULL)
			abort();
	}
	r->items[r->count++] = (struct mw_record){.kind = kinds[kind],
		.name = name.len > 0 ? keep(name) : name,
		.data = keep(text),
		.stream = 1,
		.last = true};
	r->octets[kind] += text.len;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void by_kind(const struct mw_ruleset *rules, struct mw_scan_scratch *scratch, void *memory,
	const struct records *r, enum mw_record_kind kind, const char *name)
{
	uint64_t best = UINT64_MAX, octets = 0, worst = 0, count = 0;
	uint64_t *each = calloc(r->count + 1, sizeof(uint64_t));
	struct mw_scan_result result;

	if (each == NULL)
		abort();
	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint64_t start = now_ns();

		octets = 0;
		for (size_t i = 0; i < r->count; i++) {
			if (r->items[i].kind != kind)
				continue;
			struct mw_scan *scan = mw_scan_begin(memory, rules);
			mw_scan_record(scan, scratch, &r->items[i]);
			octets += r->items[i].data.len;
			mw_scan_abandon(scan, scratch);
		}
		uint64_t took = now_ns() - start;
		best = took < best ? took : best;
	}
	for (size_t i = 0; i < r->count; i++) {
		if (r->items[i].kind != kind)
			continue;
		uint64_t start = now_ns();
		struct mw_scan *scan = mw_scan_begin(memory, rules);
		mw_scan_record(scan, scratch, &r->items[i]);
		uint64_t took = now_ns() - start;
		mw_scan_end(scan, scratch, 5000, &result);
		worst = took > worst ? took : worst;
		each[count++] = took;
	}
	qsort(each, count, sizeof(uint64_t), compare_u64);
	if (count > 0)
		printf("  %-8s %7llu records %9llu octets  %7.2f ns/octet  %8.0f ns/record  p99 "
		       "%llu ns  worst %llu ns\n",
			name, (unsigned long long)count, (unsigned long long)octets,
			(double)best / (double)octets, (double)best / (double)count,
			(unsigned long long)each[count * 99 / 100], (unsigned long long)worst);
	free(each);
}

static void stream(const struct mw_ruleset *rules, struct mw_scan_scratch *scratch, void *memory,
	struct mw_span text, enum mw_record_kind kind, const char *name)
{
	uint64_t best = UINT64_MAX;
	struct mw_scan_result result = {0};

	for (unsigned pass = 0; pass < PASSES; pass++) {
		uint64_t start = now_ns();

		/* A mail of 8 kB each, in slices as the lane feeds them. */
		for (size_t at = 0; at < text.len; at += 8192) {
			struct mw_scan *scan = mw_scan_begin(memory, rules);

			for (size_t k = at; k < text.len && k < at + 8192; k += 4096) {
				size_t n = text.len - k < 4096 ? text.len - k : 4096;
				struct mw_record rec = {.kind = kind,
					.data = mw_span_of(text.data + k, n),
					.last = k + 4096 >= at + 8192};

				mw_scan_record(scan, scratch, &rec);
			}
			mw_scan_end(scan, scratch, 5000, &result);
		}
		uint64_t took = now_ns() - start;
		best = took < best ? took : best;
	}
	printf("  %-8s %9zu octets  %7.3f ns/octet  %.2f Gbit/s\n", name, text.len,
		(double)best / (double)text.len, 8.0 * (double)text.len / (double)best);
}

static bool write_phrases(const char *path, struct mw_span text)
{
	FILE *f = fopen(path, "we");
	uint64_t seed = 42;

	if (f == NULL)
		return false;
	/* Two words of 4 to 12 letters each, hardly ever together in the text. */
	for (unsigned i = 0; i < PHRASES; i++) {
		for (unsigned w = 0; w < 2; w++) {
			size_t at, n;

			do {
				seed = seed * 6364136223846793005ull + 1442695040888963407ull;
				at = (size_t)(seed >> 20) % (text.len - 64);
				while (at < text.len - 20 && (text.data[at] | 0x20) >= 'a' &&
					(text.data[at] | 0x20) <= 'z')
					at++;
				at++;
				for (n = 0; n < 12 && (text.data[at + n] | 0x20) >= 'a' &&
					    (text.data[at + n] | 0x20) <= 'z';)
					n++;
			} while (n < 4);
			fprintf(f, "%.*s%c", (int)n, (const char *)text.data + at, w ? '\n' : ' ');
		}
	}
	return fclose(f) == 0;
}

static int measure(const char *path, const struct records *r, struct mw_span text)
{
	struct mw_rules_compiled compiled;
	char error[MW_RULES_ERROR_MAX];

	if (mw_rules_compile(&path, 1, NULL, &compiled, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	struct mw_ruleset *rules =
		mw_ruleset_load(mw_span_of(compiled.octets, compiled.len), error);
	struct mw_scan_scratch *scratch = rules == NULL ? NULL : mw_scan_scratch_new(rules, 4);
	if (scratch == NULL) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	void *memory = malloc(mw_scan_bytes(rules));
	if (memory == NULL)
		return 1;
	printf("%s: %u rules, compiled in %u ms, databases %.1f kB, ruleset %.2f MB, scratch %.2f "
	       "MB, a message %zu octets\n",
		path, mw_ruleset_rule_count(rules), compiled.summary.compile_ms,
		(double)compiled.summary.database_bytes / 1e3,
		(double)mw_ruleset_memory(rules) / 1e6,
		(double)mw_scan_scratch_memory(scratch) / 1e6, mw_scan_bytes(rules));
	by_kind(rules, scratch, memory, r, MW_RECORD_BODY, "body");
	by_kind(rules, scratch, memory, r, MW_RECORD_RAWBODY, "rawbody");
	by_kind(rules, scratch, memory, r, MW_RECORD_URI, "uri");
	by_kind(rules, scratch, memory, r, MW_RECORD_HEADER, "header");
	stream(rules, scratch, memory, text, MW_RECORD_FULL, "full");
	stream(rules, scratch, memory, text, MW_RECORD_ATTACHMENT, "attach");
	const struct mw_scan_counters *c = mw_scan_counters(scratch);
	printf("  confirmations: %llu tried, %llu true, %llu over the limit\n",
		(unsigned long long)c->confirm_tries, (unsigned long long)c->confirmed,
		(unsigned long long)c->confirm_limits);
	free(memory);
	mw_scan_scratch_free(scratch);
	mw_ruleset_free(rules);
	mw_rules_compiled_free(&compiled);
	return 0;
}

int main(int argc, char **argv)
{
	struct records r = {0};
	struct mw_span text;
	char phrases[64] = "/tmp/mw-bench-XXXXXX.txt";
	int ret;

	if (!corpus_read(2000000, &text)) {
		fputs("the mail corpus is not there\n", stderr);
		return 77;
	}
	corpus_cut(text, collect, &r);
	if (argc > 1)
		return measure(argv[1], &r, text);
	int fd = mkstemps(phrases, 4);
	if (fd < 0 || !write_phrases(phrases, text))
		return 1;
	close(fd);
	ret = measure(phrases, &r, text);
	unlink(phrases);
	if (access("/usr/share/spamassassin", R_OK) == 0)
		ret |= measure("/usr/share/spamassassin", &r, text);
	return ret;
}
