/* Seeds of a test that runs many conversations: MW_TEST_SEED runs that one alone, MW_TEST_ROUNDS so
 * many of each kind, from MW_TEST_FIRST on (1). Include behind cmocka.h. */
#ifndef MW_TESTS_ENGINE_ROUNDS_H
#define MW_TESTS_ENGINE_ROUNDS_H

#include <stdlib.h>

static uint64_t seed_now;

static int print_seed(void **state)
{
	print_message("# last seed %llu\n", (unsigned long long)seed_now);
	return 0;
}

static uint64_t number_of(const char *variable, uint64_t usual)
{
	const char *text = getenv(variable);

	return text != NULL ? strtoull(text, NULL, 10) : usual;
}

static uint64_t first(void)
{
	return number_of("MW_TEST_SEED", number_of("MW_TEST_FIRST", 1));
}

/* The last one. */
static uint64_t rounds(uint64_t usual)
{
	if (getenv("MW_TEST_SEED") != NULL)
		return first();
	return first() + number_of("MW_TEST_ROUNDS", usual) - 1;
}

#endif
