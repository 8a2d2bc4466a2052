/*
 * What every fuzz target of this folder is: a function over octets that ends the process when its
 * oracle is broken, and a maker of inputs that get deep. main.c makes an ordinary program of one,
 * mutate.c and clang's libFuzzer a fuzzer.
 */
#ifndef MW_TESTS_FUZZ_TARGET_H
#define MW_TESTS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_INPUT_MAX 4096 /* octets; a target looks at no more */

struct fuzz_random {
	uint64_t state;
};

static inline uint64_t fuzz_random(struct fuzz_random *r) /* splitmix64 */
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Below `n`, which is not 0. */
static inline uint32_t fuzz_below(struct fuzz_random *r, uint32_t n)
{
	return (uint32_t)(fuzz_random(r) % n);
}

struct fuzz_target {
	const char *name;
	uint32_t seeds; /* inputs made up in the ordinary test */
};

extern const struct fuzz_target fuzz_target;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Makes an input up; octets written, at most `size`, which is FUZZ_INPUT_MAX at most. */
size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size);

/* The oracle: what does not hold is a finding. */
static inline void demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz %s: does not hold: %s\n", fuzz_target.name, what);
	abort();
}

/* The octets of an input, read as a program: beyond its end there are zeros. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->at++;
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t high = fuzz_u8(in);

	return (uint16_t)(high << 8 | fuzz_u8(in));
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t high = fuzz_u16(in);

	return high << 16 | fuzz_u16(in);
}

/* Up to `len` octets; *got of them are there. */
static inline const uint8_t *fuzz_take(struct fuzz_input *in, size_t len, size_t *got)
{
	const uint8_t *from = in->at;

	*got = len < in->left ? len : in->left;
	in->at += *got;
	in->left -= *got;
	return from;
}

/* A copy in a heap block of just that size: one octet too far is seen. Never NULL. */
static inline uint8_t *fuzz_exact(const void *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	demand(copy != NULL, "there is memory");
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* How a text is cut for the second time: pieces of at most this many octets, differing in length.
 */
struct fuzz_cuts {
	struct fuzz_random random;
	uint32_t most; /* 0: not at all */
};

static inline size_t fuzz_piece(struct fuzz_cuts *c, size_t left)
{
	size_t n = c->most == 0 ? left : 1 + fuzz_below(&c->random, c->most);

	return n < left ? n : left;
}

#endif
