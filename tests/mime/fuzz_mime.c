/*
 * One entry for fuzzers over the whole message layer: the first octet says how the rest is cut and
 * what is asked for; facts and records must be the same as for the uncut octets. With clang's
 * libFuzzer
 * (-fsanitize=fuzzer -DMW_FUZZER) it is the fuzz target; otherwise its main replays files, or
 * mutates generated mails for a while: fuzz_mime FILE...    |    fuzz_mime -n ROUNDS
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/mime/bench.h"
#include "tests/mime/mail_gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct sum {
	uint64_t kinds[MW_RECORD_KINDS];
	uint64_t octets;
};

static struct bench *bench;

static void on_record(void *ctx, const struct mw_record *r)
{
	struct sum *sum = ctx;
	uint64_t h = sum->kinds[r->kind];

	for (size_t i = 0; i < r->data.len; i++)
		h = (h ^ r->data.data[i]) * 0x100000001b3u;
	for (size_t i = 0; i < r->name.len; i++)
		h = (h ^ r->name.data[i]) * 0x100000001b3u;
	sum->kinds[r->kind] = h;
	sum->octets += r->data.len;
}

static void run(struct sum *sum, uint32_t want, const uint8_t *data, size_t len, size_t piece)
{
	memset(sum, 0, sizeof(*sum));
	bench_begin(bench, want, on_record, sum);
	for (size_t at = 0; at < len; at += piece)
		mw_message_feed(
			bench->m, mw_span_of(data + at, len - at < piece ? len - at : piece));
	mw_message_end(bench->m, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mw_message_facts whole_facts;
	const struct mw_message_facts *f;
	struct sum whole, cut;
	uint32_t want = MW_MESSAGE_WANT_RECORDS | MW_MESSAGE_WANT_FACTS;

	if (bench == NULL && (bench = bench_open()) == NULL)
		abort();
	if (len < 1)
		return 0;
	if ((data[0] & 0x80) != 0)
		want &= data[0] * 0x01010101u;
	run(&whole, want, data + 1, len - 1, len);
	whole_facts = *mw_message_facts(bench->m);
	run(&cut, want, data + 1, len - 1, 1 + (data[0] & 0x7f));
	f = mw_message_facts(bench->m);
	if (memcmp(&whole, &cut, sizeof(whole)) != 0 || f->size != whole_facts.size ||
		f->part_count != whole_facts.part_count || f->url_count != whole_facts.url_count ||
		f->anomalies != whole_facts.anomalies ||
		f->content_key != whole_facts.content_key ||
		f->truncated != whole_facts.truncated) {
		fprintf(stderr, "the same octets, cut, gave something else\n");
		abort();
	}
	return 0;
}

#ifndef MW_FUZZER
static void replay(const char *path)
{
	struct mw_span in;

	if (bench_read(path, false, &in) < 0) {
		perror(path);
		exit(2);
	}
	LLVMFuzzerTestOneInput(in.data, in.len);
	free((void *)(uintptr_t)in.data);
}

static void mutate(unsigned long rounds)
{
	struct rng r = {rng_seed("fuzz_mime")};
	struct gen_mail g;

	gen_init(&g);
	while (rounds-- > 0) {
		gen_mail(&g, &r, (unsigned int)rng_below(&r, 8), 1 + rng_below(&r, 600));
		for (size_t i = rng_below(&r, 12); i > 0; i--)
			gen_mutate(&g, &r);
		g.data[0] = (uint8_t)rng_next(&r);
		LLVMFuzzerTestOneInput(g.data, g.len);
	}
	gen_free(&g);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "-n") == 0) {
		mutate(strtoul(argv[2], NULL, 0));
		printf("%s rounds without harm\n", argv[2]);
	} else {
		for (int i = 1; i < argc; i++)
			replay(argv[i]);
		printf("%d inputs without harm\n", argc - 1);
	}
	if (bench != NULL)
		bench_close(bench);
	return 0;
}
#endif
