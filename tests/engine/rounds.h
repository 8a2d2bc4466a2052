/* Seeds of a test that runs many conversations: MW_TEST_SEED runs that one alone, MW_TEST_ROUNDS so
 * many of each kind. Include behind cmocka.h. */
#ifndef MW_TESTS_ENGINE_ROUNDS_H
#define MW_TESTS_ENGINE_ROUNDS_H

#include <stdlib.h>

static uint64_t seed_now;

static int print_seed(void **state)
{
	print_message("# last seed %llu\n", (unsigned long long)seed_now);
	return 0;
}

static uint64_t first(void)
{
	const char *seed = getenv("MW_TEST_SEED");

	return seed != NULL ? strtoull(seed, NULL, 10) : 1;
}

static uint64_t rounds(uint64_t usual)
{
	if (getenv("MW_TEST_SEED") != NULL)
		return first();
	return getenv("MW_TEST_ROUNDS") != NULL ? strtoull(getenv("MW_TEST_ROUNDS"), NULL, 10)
						: usual;
}

#endif
