/* Octets that follow from a number, the same at both ends and in every run. */
#ifndef MW_TESTS_LAB_FLIPS_RANDOM_H
#define MW_TESTS_LAB_FLIPS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A bijection that leaves no pattern (after Steele, Lea and Flood 2014, splitmix64). */
static inline uint64_t random_of(uint64_t n)
{
	n *= 0x9e3779b97f4a7c15ull;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	n = (n ^ n >> 27) * 0x94d049bb133111ebull;
	return n ^ n >> 31;
}

static inline void random_fill(uint64_t seed, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(random_of(seed + i / 8) >> 8 * (i % 8));
}

#endif
