/*
 * The class automaton over words of 512 bits: 64 sequences of 8 bits (automaton.h). The word is a
 * vector of the compiler's; the same loop is built for AVX-512, AVX2 and the plain processor and
 * chosen once, when an automaton is made.
 */
#include "dataplane/scan/automaton.h"

#include <stdlib.h>

#define SEQUENCES_PER_WORD 64
#define PLACES		   8
#define LANES		   8 /* 64-bit lanes of a word */

typedef uint64_t word __attribute__((vector_size(64)));

struct tables {
	word c[256], g[256];
	word last;
	uint32_t exprs[SEQUENCES_PER_WORD];
	uint32_t count;
};

typedef void (*run_fn)(const struct tables *t, const uint8_t *text, size_t len, word *met);

struct mw_automaton {
	struct tables *words; /* aligned to 64 */
	uint32_t word_count;
	run_fn run;
};

/* A shift by one carries the last bit of a sequence into the first of the next, where `first` is
 * set anyway; what it carries out of a lane is the last bit of a sequence, which has no next place.
 */
static inline __attribute__((always_inline)) void run_word(
	const struct tables *t, const uint8_t *text, size_t len, word *met)
{
	const uint64_t ones = 0x0101010101010101ull;
	const word first = {ones, ones, ones, ones, ones, ones, ones, ones};
	word d = {0}, a = {0};

	for (size_t i = 0; i < len; i++) {
		d = (((d << 1) | first) & t->c[text[i]]) | (d & t->g[text[i]]);
		a |= d;
	}
	*met = a & t->last;
}

static void run_plain(const struct tables *t, const uint8_t *text, size_t len, word *met)
{
	run_word(t, text, len, met);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void run_avx2(
	const struct tables *t, const uint8_t *text, size_t len, word *met)
{
	run_word(t, text, len, met);
}

__attribute__((target("avx512f"))) static void run_avx512(
	const struct tables *t, const uint8_t *text, size_t len, word *met)
{
	run_word(t, text, len, met);
}
#endif

static run_fn choose(void)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512f"))
		return run_avx512;
	if (__builtin_cpu_supports("avx2"))
		return run_avx2;
#endif
	return run_plain;
}

static bool fill(struct mw_automaton *a, const struct mw_ruleset_automaton *in)
{
	struct mw_reader r = mw_reader_of(in->tables.data, in->tables.len);

	for (uint32_t s = 0; s < in->sequence_count; s++) {
		struct tables *t = &a->words[s / SEQUENCES_PER_WORD];
		uint32_t slot = s % SEQUENCES_PER_WORD;
		uint8_t len = mw_read_u8(&r);

		if (r.failed || len == 0 || len > PLACES)
			return false;
		t->exprs[slot] = mw_ruleset_u32_at(in->exprs, s);
		t->count = slot + 1;
		for (unsigned place = 0; place < len; place++) {
			uint64_t bit = 1ull << (slot % 8 * 8 + place);
			uint8_t set[64];

			mw_read_octets(&r, set, sizeof(set));
			if (r.failed)
				return false;
			for (unsigned c = 0; c < 256; c++) {
				if ((set[c / 8] >> c % 8 & 1) != 0)
					t->c[c][slot / 8] |= bit;
				if ((set[32 + c / 8] >> c % 8 & 1) != 0)
					t->g[c][slot / 8] |= bit;
			}
			if (place + 1 == len)
				t->last[slot / 8] |= bit;
		}
	}
	return mw_reader_done(&r);
}

struct mw_automaton *mw_automaton_new(const struct mw_ruleset_automaton *in)
{
	struct mw_automaton *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->word_count = (in->sequence_count + SEQUENCES_PER_WORD - 1) / SEQUENCES_PER_WORD;
	a->run = choose();
	a->words = aligned_alloc(64, (a->word_count + 1) * sizeof(struct tables));
	if (a->words != NULL)
		memset(a->words, 0, (a->word_count + 1) * sizeof(struct tables));
	if (a->words == NULL || !fill(a, in)) {
		mw_automaton_free(a);
		return NULL;
	}
	return a;
}

void mw_automaton_free(struct mw_automaton *a)
{
	if (a == NULL)
		return;
	free(a->words);
	free(a);
}

size_t mw_automaton_bytes(const struct mw_automaton *a)
{
	return a->word_count * sizeof(struct tables);
}

void mw_automaton_run(const struct mw_automaton *a, struct mw_span text,
	void (*found)(void *ctx, uint32_t expr), void *ctx)
{
	for (uint32_t w = 0; w < a->word_count; w++) {
		const struct tables *t = &a->words[w];
		word met;

		a->run(t, text.data, text.len, &met);
		for (unsigned lane = 0; lane < LANES; lane++) {
			uint64_t bits = met[lane];

			while (bits != 0) {
				unsigned bit = (unsigned)__builtin_ctzll(bits);

				found(ctx, t->exprs[lane * 8 + bit / 8]);
				bits &= bits - 1;
			}
		}
	}
}
