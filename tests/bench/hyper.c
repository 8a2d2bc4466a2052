#include "tests/bench/hyper.h"

#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct hyper {
	hs_database_t *database;
	hs_scratch_t *scratch;
	hs_stream_t *stream;
	uint64_t matches;
};

static int on_match(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	((struct hyper *)ctx)->matches++;
	return 0;
}

struct hyper *hyper_new(const struct trace_phrases *phrases)
{
	struct hyper *h = calloc(1, sizeof(*h));
	size_t *lens = calloc(phrases->count, sizeof(*lens));
	unsigned *flags = calloc(phrases->count, sizeof(*flags));
	unsigned *ids = calloc(phrases->count, sizeof(*ids));
	hs_compile_error_t *error = NULL;
	bool good = h != NULL && lens != NULL && flags != NULL && ids != NULL;

	for (uint32_t i = 0; good && i < phrases->count; i++) {
		lens[i] = strlen(phrases->text[i]);
		flags[i] = HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH;
		ids[i] = i;
	}
	if (good &&
		hs_compile_lit_multi((const char *const *)phrases->text, flags, ids, lens,
			phrases->count, HS_MODE_STREAM, NULL, &h->database, &error) != HS_SUCCESS) {
		fprintf(stderr, "mailweir-bench: Hyperscan: %s\n",
			error != NULL ? error->message : "refused");
		hs_free_compile_error(error);
		good = false;
	}
	good = good && hs_alloc_scratch(h->database, &h->scratch) == HS_SUCCESS &&
	       hs_open_stream(h->database, 0, &h->stream) == HS_SUCCESS;
	free(lens);
	free(flags);
	free(ids);
	if (good)
		return h;
	hyper_free(h);
	return NULL;
}

void hyper_free(struct hyper *h)
{
	if (h == NULL)
		return;
	if (h->stream != NULL)
		hs_close_stream(h->stream, NULL, NULL, NULL);
	hs_free_scratch(h->scratch);
	hs_free_database(h->database);
	free(h);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t hyper_pass(struct hyper *h, const struct trace *trace)
{
	uint64_t start = cpu_ns();

	for (uint32_t i = 0; i < trace->payload_count; i++) {
		const struct trace_payload *p = &trace->payload[i];

		if (p->begins)
			hs_reset_stream(h->stream, 0, h->scratch, on_match, h);
		hs_scan_stream(h->stream, (const char *)trace->octets + p->at, p->len, 0,
			h->scratch, on_match, h);
	}
	return cpu_ns() - start;
}
