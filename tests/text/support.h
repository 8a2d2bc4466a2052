/*
 * What the text tests share: seeded randomness, a sink that collects, hostile material.
 */
#ifndef MW_TESTS_TEXT_SUPPORT_H
#define MW_TESTS_TEXT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "dataplane/text/sink.h"

struct text_random {
	uint64_t state;
};

/* MW_SEED in the environment, else the clock; printed, so that a failure can be repeated. */
static inline struct text_random text_random_open(void)
{
	const char *given = getenv("MW_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = given != NULL ? strtoull(given, NULL, 0)
			     : (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
	print_message("# MW_SEED=%llu\n", (unsigned long long)seed);
	return (struct text_random){seed};
}

/* Below `n`, which is not 0 (splitmix64). */
static inline size_t text_random_below(struct text_random *r, size_t n)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (size_t)((z ^ z >> 31) % n);
}

/* Everything put, with a mark between calls when these mean something. */
struct collected {
	bool marked;
	size_t len;
	uint8_t data[1 << 20];
};

static inline void collect(void *ctx, struct mw_span octets)
{
	struct collected *c = ctx;

	assert_true(octets.len > 0);
	assert_true(c->len + octets.len + 1 <= sizeof(c->data));
	memcpy(c->data + c->len, octets.data, octets.len);
	c->len += octets.len;
	if (c->marked)
		c->data[c->len++] = 0xff;
}

static inline void assert_collected(const struct collected *c, const char *want)
{
	size_t len = strlen(want);

	if (c->len != len || memcmp(c->data, want, len) != 0)
		fail_msg("want \"%s\"\n got \"%.*s\"", want, (int)c->len, (const char *)c->data);
}

/* Random text out of words that matter to the stages: returns its length. */
size_t text_hostile(struct text_random *r, uint8_t *out, size_t size);

#endif
