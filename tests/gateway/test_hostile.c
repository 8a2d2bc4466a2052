/*
 * Whatever comes: octets of no meaning, frames of every kind with octets turned, cut anywhere.
 * Nothing is read outside, few frames are said to each, all of them well formed (host.c looks), and
 * nothing is kept that is not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/gateway/host.h"

static struct host h;
static uint8_t frame[2048];
static uint64_t state_of;

static uint32_t rnd(uint32_t below) /* splitmix64 */
{
	uint64_t z = state_of += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)((z ^ z >> 31) % below);
}

static void seed(void)
{
	const char *given = getenv("MW_TEST_SEED");

	state_of = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("# MW_TEST_SEED=%llu\n", (unsigned long long)state_of);
}

/* A true frame of one of the kinds the keeper knows. */
static uint32_t some(void)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			     group[6] = {0x33, 0x33, 0xff, 0, 0, 1}, none[6];
	static const char *const v4[] = {"192.0.2.1", "192.0.2.2", "192.0.2.9", "0.0.0.0"};
	static const char *const v6[] = {
		"2001:db8::1", "2001:db8::2", "fe80::9", "::", "ff02::1", "ff02::1:ff00:1"};
	const uint8_t *const to[] = {host_our_mac, all, group, host_other_mac};
	const uint8_t *from = rnd(3) == 0 ? host_other_mac : host_mac;
	uint16_t vlan = (uint16_t)(rnd(4) == 0 ? 7 : 0);

	switch (rnd(5)) {
	case 0:
		return host_arp(frame, vlan, to[rnd(4)], from, (uint16_t)(1 + rnd(2)), v4[rnd(4)],
			rnd(2) ? none : host_our_mac, v4[rnd(4)]);
	case 1:
		return host_na(frame, vlan, to[rnd(4)], from, v6[rnd(6)], v6[rnd(6)], v6[rnd(6)],
			rnd(2) ? from : NULL, (uint8_t)(rnd(8) << 5));
	case 2:
		return host_ns(frame, vlan, to[rnd(4)], from, v6[rnd(6)], v6[rnd(6)], v6[rnd(6)],
			rnd(2) ? from : NULL);
	case 3:
		return rnd(2) ? host_ping(frame, vlan, to[rnd(4)], from, v4[rnd(4)], v4[rnd(4)],
					8 + rnd(100))
			      : host_ping(frame, vlan, to[rnd(4)], from, v6[rnd(6)], v6[rnd(6)],
					8 + rnd(100));
	default:
		return host_tcp(frame, vlan, host_our_mac, from, "192.0.2.2", "192.0.2.1", 25,
			h.port, h.seq + rnd(3), h.ack + rnd(2), (uint8_t)rnd(256),
			rnd(2) ? "220 x\r\n" : "");
	}
}

/* For us: our MAC, or everybody's and about us. That is all that may be kept. */
static bool for_us(const uint8_t *p, uint32_t len)
{
	static const uint8_t v4[4] = {192, 0, 2, 1},
			     v6[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	if (len >= 6 && memcmp(p, host_our_mac, 6) == 0)
		return true;
	return len >= 6 && (p[0] & 1) != 0 &&
	       (memmem(p, len, v4, 4) != NULL || memmem(p, len, v6, 16) != NULL);
}

/* Kept, so it must be for us; else it is printed. */
static void give(uint32_t len)
{
	if (!host_give(&h, frame, len) || for_us(frame, len))
		return;
	for (uint32_t i = 0; i < len; i++)
		printf("%s%02x", i % 16 == 0 ? "\n# " : " ", frame[i]);
	printf("\n");
	fail_msg("kept, and not for us");
}

static void check_status(void)
{
	struct mw_gateway_status s = mw_gateway_status(&h.g);

	assert_true(s.configured);
	assert_true(!s.up || s.known);
	assert_true(!s.known || (s.mac[0] & 1) == 0);
	assert_true(s.up == (mw_gateway_why(&h.g) == MW_GATEWAY_FINE));
}

static void octets_of_no_meaning(void **state)
{
	host_begin(&h);
	host_set(&h);
	for (int i = 0; i < 100000; i++) {
		uint32_t len = rnd(120);

		for (uint32_t at = 0; at < len; at++)
			frame[at] = (uint8_t)rnd(256);
		if (rnd(2) && len >= 6)
			memcpy(frame, host_our_mac, 6);
		give(len);
		if (rnd(20) == 0)
			host_run(&h, rnd(30));
		check_status();
	}
}

static void true_frames_with_octets_turned(void **state)
{
	host_begin(&h);
	host_set(&h);
	for (int i = 0; i < 100000; i++) {
		uint32_t len = some(), turn = rnd(4);

		if (rnd(10) == 0)
			h.smtp = (enum host_smtp)rnd(9);
		for (uint32_t t = 0; t < turn; t++)
			frame[rnd(len)] ^= (uint8_t)(1u << rnd(8));
		if (rnd(8) == 0)
			len = rnd(len + 1);
		/* A turned check connection would not be the host's any more. */
		give(len);
		h.to_count = 0;
		if (rnd(20) == 0)
			h.now_ns += rnd(2000) * MW_NS_PER_MS;
		h.in_call = 0;
		mw_gateway_poll(&h.g, h.now_ns);
		check_status();
	}
}

/* With nothing but true frames, of the gateway and of liars, and a clock that jumps. */
static void true_frames_in_any_order(void **state)
{
	uint32_t was_up = 0;

	host_begin(&h);
	host_set(&h);
	for (int i = 0; i < 100000; i++) {
		give(some());
		h.in_call = 0;
		mw_gateway_poll(&h.g, h.now_ns);
		for (uint32_t k = 0; k < h.to_count; k++)
			host_give(&h, h.to[k].octets, h.to[k].len);
		h.to_count = 0;
		if (rnd(30) == 0)
			h.now_ns += rnd(20000) * MW_NS_PER_MS;
		was_up += mw_gateway_status(&h.g).up;
		check_status();
	}
	assert_true(was_up > 1000);
	/* In the end it finds its way by itself. */
	memcpy(h.mac, host_mac, 6);
	h.smtp = HOST_GREETS;
	host_run(&h, 60000);
	assert_true(mw_gateway_status(&h.g).up);
	assert_memory_equal(mw_gateway_status(&h.g).mac, host_mac, 6);
}

/* Everything a true frame is cut to. */
static void cut_anywhere(void **state)
{
	host_begin(&h);
	host_set(&h);
	host_run(&h, 10);
	for (int i = 0; i < 300; i++) {
		uint32_t len = some();

		for (uint32_t cut = 0; cut < len; cut++) {
			host_give(&h, frame, cut);
			h.to_count = 0;
		}
		check_status();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_of_no_meaning),
		cmocka_unit_test(true_frames_with_octets_turned),
		cmocka_unit_test(true_frames_in_any_order),
		cmocka_unit_test(cut_anywhere),
	};

	seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
