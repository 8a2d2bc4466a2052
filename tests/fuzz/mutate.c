/*
 * For libFuzzer only: now and then an input is thrown away and one made up in its place, so that
 * what the target's own grammar can say is in the corpus from the beginning; else libFuzzer mutates
 * as it does.
 */
#include "tests/fuzz/target.h"

#define MAKE_UP_ONE_IN 64

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct fuzz_random r = {seed};

	if (size < 2 || fuzz_below(&r, MAKE_UP_ONE_IN) == 0)
		return fuzz_make_up(&r, data, max < FUZZ_INPUT_MAX ? max : FUZZ_INPUT_MAX);
	return LLVMFuzzerMutate(data, size, max);
}
