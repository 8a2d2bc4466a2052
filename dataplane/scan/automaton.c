/*
 * The class automaton over words of 512 bits: 64 slots of 8 places (automaton.h); a sequence
 * takes one to four slots. The word is a
 * vector of the compiler's; the same loop is built for AVX-512, AVX2 and the plain processor and
 * chosen once, when an automaton is made.
 */
#include "dataplane/scan/automaton.h"

#include <stdlib.h>

#define SEQUENCES_PER_WORD 64
#define PLACES		   8
#define LANES		   8 /* 64-bit lanes of a word, and slots of a lane */
#define LENGTH_MAX	   32

typedef uint64_t word __attribute__((vector_size(64)));

struct tables {
	word c[256], g[256];
	word first, last;
	uint32_t exprs[SEQUENCES_PER_WORD]; /* by the slot a sequence ends in */
};

typedef void (*run_fn)(const struct tables *t, const uint8_t *text, size_t len, word *met);

struct mw_automaton {
	struct tables *words; /* aligned to 64 */
	uint32_t word_count;
	run_fn run;
};

/* A shift by one carries the top bit of a slot into the next slot: there the same sequence goes on,
 * or another begins, and its first bit is set anyway. No sequence goes on in the next lane. */
static inline __attribute__((always_inline)) void run_word(
	const struct tables *t, const uint8_t *text, size_t len, word *met)
{
	const word first = t->first;
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

/* Where a sequence goes: consecutive slots of one lane. */
struct place {
	uint32_t word, slot;
};

static struct place next_place(struct place *at, unsigned len)
{
	uint32_t slots = (len + PLACES - 1) / PLACES;
	struct place place;

	if (at->slot % LANES + slots > LANES)
		at->slot += LANES - at->slot % LANES;
	if (at->slot >= SEQUENCES_PER_WORD) {
		at->slot = 0;
		at->word++;
	}
	place = *at;
	at->slot += slots;
	return place;
}

static void put_place(struct tables *t, unsigned slot, unsigned place, const uint8_t set[64])
{
	uint64_t bit = 1ull << (slot % LANES * PLACES + place);
	unsigned lane = slot / LANES;

	for (unsigned c = 0; c < 256; c++) {
		if ((set[c / 8] >> c % 8 & 1) != 0)
			t->c[c][lane] |= bit;
		if ((set[32 + c / 8] >> c % 8 & 1) != 0)
			t->g[c][lane] |= bit;
	}
}

/* The words needed, or 0 for tables that are not what they should be. */
static uint32_t count_words(const struct mw_ruleset_automaton *in)
{
	struct mw_reader r = mw_reader_of(in->tables.data, in->tables.len);
	struct place at = {0, 0};

	for (uint32_t s = 0; s < in->sequence_count; s++) {
		unsigned len = mw_read_u8(&r);
		uint8_t set[64];

		if (r.failed || len == 0 || len > LENGTH_MAX)
			return 0;
		for (unsigned i = 0; i < len; i++)
			mw_read_octets(&r, set, sizeof(set));
		next_place(&at, len);
	}
	return mw_reader_done(&r) ? at.word + 1 : 0;
}

static void fill(struct mw_automaton *a, const struct mw_ruleset_automaton *in)
{
	struct mw_reader r = mw_reader_of(in->tables.data, in->tables.len);
	struct place at = {0, 0};

	for (uint32_t s = 0; s < in->sequence_count; s++) {
		unsigned len = mw_read_u8(&r);
		struct place place = next_place(&at, len);
		struct tables *t = &a->words[place.word];
		uint32_t slot = place.slot + (len - 1) / PLACES;

		for (unsigned i = 0; i < len; i++) {
			uint8_t set[64];

			mw_read_octets(&r, set, sizeof(set));
			put_place(t, place.slot + i / PLACES, i % PLACES, set);
		}
		t->first[place.slot / LANES] |= 1ull << place.slot % LANES * PLACES;
		t->last[slot / LANES] |= 1ull << (slot % LANES * PLACES + (len - 1) % PLACES);
		t->exprs[slot] = mw_ruleset_u32_at(in->exprs, s);
	}
}

struct mw_automaton *mw_automaton_new(const struct mw_ruleset_automaton *in)
{
	struct mw_automaton *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->word_count = count_words(in);
	a->run = choose();
	a->words = aligned_alloc(64, (a->word_count + 1) * sizeof(struct tables));
	if (a->words == NULL || a->word_count == 0) {
		mw_automaton_free(a);
		return NULL;
	}
	memset(a->words, 0, (a->word_count + 1) * sizeof(struct tables));
	fill(a, in);
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
