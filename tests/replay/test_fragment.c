/*
 * Fragments in any order make the datagram again, once; what overlaps, does not fit or is too late
 * makes none. Seeded.
 */
#include "dataplane/proto/fragment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define DATAGRAMS 4
#define PIECES	  40
#define SEED_ENV  "MW_SEED"

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

struct frame {
	uint32_t len;
	uint8_t octets[1600];
};

/* A fragment of an IPv4 datagram whose octet i is i * 7 + id. */
static struct frame make(uint16_t id, uint32_t offset, uint32_t len, bool more)
{
	struct frame f = {.len = 34 + len};
	uint8_t *ip = f.octets + 14;

	f.octets[12] = 8;
	ip[0] = 0x45;
	ip[2] = (uint8_t)((20 + len) >> 8);
	ip[3] = (uint8_t)(20 + len);
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	ip[6] = (uint8_t)((more ? 0x20 : 0) | offset / 8 >> 8);
	ip[7] = (uint8_t)(offset / 8);
	ip[9] = 6;
	ip[12] = ip[16] = 10;
	for (uint32_t i = 0; i < len; i++)
		ip[20 + i] = (uint8_t)((offset + i) * 7 + id);
	return f;
}

static struct mw_fragments *table(void)
{
	return mw_fragments_init(calloc(1, mw_fragments_bytes(DATAGRAMS)), DATAGRAMS);
}

static uint32_t add(struct mw_fragments *t, uint64_t now, const struct frame *f, uint8_t **whole)
{
	uint8_t *copy = malloc(f->len); /* of its exact length: a sanitizer sees a read behind it */
	uint32_t len;

	memcpy(copy, f->octets, f->len);
	len = mw_fragments_add(t, now, copy, f->len, whole);
	free(copy);
	return len;
}

static void test_any_order(void **state)
{
	struct mw_fragments *t = table();

	(void)state;
	for (uint16_t round = 1; round < 2000; round++) {
		struct frame f[PIECES];
		uint32_t n = 2 + below(PIECES - 2), at = 0, made = 0;
		uint8_t *whole = NULL;

		for (uint32_t i = 0; i < n; i++) {
			uint32_t len = (1 + below(60)) * 8 - (i + 1 == n ? below(8) : 0);

			f[i] = make(round, at, len, i + 1 < n);
			at += len;
		}
		for (uint32_t i = n - 1; i > 0; i--) {
			uint32_t j = below(i + 1);
			struct frame swap = f[i];

			f[i] = f[j];
			f[j] = swap;
		}
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(made, 0);
			if (i > 0 && below(4) == 0) /* an exact repeat changes nothing */
				assert_int_equal(add(t, round, &f[below(i)], &whole), 0);
			made = add(t, round, &f[i], &whole);
		}
		assert_int_equal(made, 34 + at);
		assert_int_equal(whole[16] << 8 | whole[17], 20 + at);
		assert_int_equal(whole[20] | whole[21], 0);
		for (uint32_t i = 0; i < at; i++)
			assert_int_equal(whole[34 + i], (uint8_t)(i * 7 + round));
	}
	free(t);
}

/* Each row ends with the fragment that would complete the datagram if the one before were honest.
 */
static void test_strict(void **state)
{
	static const struct {
		uint32_t offset[3], len[3];
		bool more[3];
	} rows[] = {
		{{0, 8, 16}, {16, 16, 8}, {true, true, false}},	    /* overlaps */
		{{0, 0, 16}, {16, 8, 8}, {true, true, false}},	    /* a part again */
		{{0, 24, 16}, {16, 8, 8}, {true, false, false}},    /* two ends */
		{{0, 16, 20}, {16, 4, 8}, {true, true, false}},	    /* not a multiple of 8 */
		{{0, 65528, 16}, {16, 64, 8}, {true, true, false}}, /* beyond 64 KiB */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mw_fragments *t = table();
		uint8_t *whole;

		for (int k = 0; k < 3; k++) {
			struct frame f =
				make(7, rows[i].offset[k], rows[i].len[k], rows[i].more[k]);

			assert_int_equal(add(t, 1, &f, &whole), 0);
		}
		free(t);
	}
}

static void test_late_and_many(void **state)
{
	struct mw_fragments *t = table();
	struct frame first = make(1, 0, 16, true), last = make(1, 16, 8, false);
	uint8_t *whole;

	(void)state;
	assert_int_equal(add(t, 1, &first, &whole), 0);
	assert_int_equal(add(t, MW_FRAGMENT_LIFE_NS + 2, &last, &whole), 0);
	for (uint16_t id = 2; id < 2 + DATAGRAMS; id++) { /* others push both out */
		struct frame other = make(id, 0, 16, true);

		assert_int_equal(add(t, MW_FRAGMENT_LIFE_NS + 2 + id, &other, &whole), 0);
	}
	assert_int_equal(add(t, MW_FRAGMENT_LIFE_NS + 9, &first, &whole), 0);
	assert_int_equal(add(t, MW_FRAGMENT_LIFE_NS + 9, &last, &whole), 34 + 24);
	free(t);
}

static void test_any_octets(void **state)
{
	struct mw_fragments *t = table();
	uint8_t *whole;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct frame f = make((uint16_t)below(3), below(8) * 8, below(64), below(2) == 1);

		f.octets[12] = below(3) == 0 ? 0x86 : 8;
		f.octets[13] = f.octets[12] == 8 ? 0 : 0xdd;
		f.octets[14] = f.octets[12] == 8 ? (uint8_t)(0x40 | below(16)) : 0x60;
		f.octets[20] = f.octets[12] == 8 ? f.octets[20] : (uint8_t)(below(2) ? 44 : 60);
		f.octets[14 + below(60)] = (uint8_t)below(256);
		f.len = below(2) ? f.len : below(f.len + 1);
		add(t, (uint64_t)i, &f, &whole);
	}
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_late_and_many),
		cmocka_unit_test(test_any_octets),
	};

	seed = getenv(SEED_ENV) != NULL ? strtoull(getenv(SEED_ENV), NULL, 10)
					: (uint64_t)time(NULL);
	printf("# seed %llu (" SEED_ENV " sets it)\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
