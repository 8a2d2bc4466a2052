/*
 * The flow table against a plain array, the timers against a plain comparison of times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/flow/wheel.h"

#define COUNT 500u

struct flow {
	struct mw_flow_link link;
	uint32_t number;
};

static uint64_t rng_state;

static uint32_t rnd(uint32_t below)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng_state >> 33) % below;
}

static struct mw_flow_key key_of(uint32_t n)
{
	struct mw_flow_key key = {.client_port = (uint16_t)n, .server_port = 25};

	key.client.octet[15] = (uint8_t)(n >> 16);
	return key;
}

static void table_is_a_table(void **state)
{
	void *memory =
		aligned_alloc(64, (mw_flow_table_bytes(COUNT, sizeof(struct flow)) + 63) / 64 * 64);
	static struct flow *present[2000];
	struct mw_flow_table table;
	uint32_t live = 0;

	rng_state = 5;
	mw_flow_table_init(&table, memory, COUNT, sizeof(struct flow), 99);
	for (int step = 0; step < 200000; step++) {
		uint32_t n = rnd(2000);
		struct mw_flow_key key = key_of(n);
		struct flow *found = mw_flow_find(&table, &key);

		assert_ptr_equal(found, present[n]);
		if (found == NULL) {
			found = mw_flow_add(&table, &key);
			if (live == COUNT) {
				assert_null(found);
				continue;
			}
			assert_non_null(found);
			assert_int_equal(found->number, 0);
			found->number = n + 1;
			present[n] = found;
			live++;
		} else if (rnd(2) == 0) {
			assert_int_equal(found->number, n + 1);
			mw_flow_remove(&table, found);
			present[n] = NULL;
			live--;
		}
		assert_int_equal(table.used, live);
	}
	assert_true(table.refused > 0);
	free(memory);
}

static void timers_fire_once_and_in_time(void **state)
{
	void *memory =
		aligned_alloc(64, (mw_flow_table_bytes(COUNT, sizeof(struct flow)) + 63) / 64 * 64);
	static struct flow *flow[COUNT];
	static uint64_t due[COUNT];
	struct mw_flow_table table;
	struct mw_wheel wheel;
	uint64_t now = 1700000000ull * 1000000000ull;

	rng_state = 6;
	mw_flow_table_init(&table, memory, COUNT, sizeof(struct flow), 99);
	mw_wheel_init(&wheel, &table);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct mw_flow_key key = key_of(i);

		flow[i] = mw_flow_add(&table, &key);
		flow[i]->number = i;
	}
	for (int step = 0; step < 20000; step++) {
		uint32_t i = rnd(COUNT);
		uint32_t steps = 20; /* few: the rest must come with the next calls */
		struct flow *f;

		if (rnd(8) == 0) {
			mw_wheel_cancel(&wheel, flow[i]);
			due[i] = 0;
		} else {
			due[i] = now + (uint64_t)rnd(200000) * 1000000ull;
			mw_wheel_set(&wheel, flow[i], now, due[i]);
		}
		now += (uint64_t)rnd(step % 100 == 0 ? 90000 : 60) * 1000000ull;
		while ((f = mw_wheel_due(&wheel, now, &steps)) != NULL) {
			assert_true(due[f->number] != 0 && due[f->number] <= now);
			due[f->number] = 0;
		}
	}
	now += 400ull * 1000000000ull;
	for (int call = 0; call < 3000; call++) {
		uint32_t steps = 20;
		struct flow *f;

		while ((f = mw_wheel_due(&wheel, now, &steps)) != NULL) {
			assert_true(due[f->number] != 0);
			due[f->number] = 0;
		}
	}
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(due[i], 0);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_a_table),
		cmocka_unit_test(timers_fire_once_and_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
