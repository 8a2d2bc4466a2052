/*
 * The gateway's MAC: found, refreshed, lost, changed, claimed by somebody else, given by the
 * settings; our own addresses, answered for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/gateway/host.h"

static struct host h;
static uint8_t frame[2048];
static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, none[6];

static bool knows(const uint8_t mac[6])
{
	struct mw_gateway_status s = mw_gateway_status(&h.g);

	return s.known && memcmp(s.mac, mac, 6) == 0;
}

static void begin(bool v4, bool v6)
{
	host_begin(&h);
	h.settings.check_port = 0;
	if (!v4)
		memset(&h.settings.gateway_v4, 0, 16), memset(&h.settings.address_v4, 0, 16);
	if (!v6)
		memset(&h.settings.gateway_v6, 0, 16), memset(&h.settings.address_v6, 0, 16);
}

static void it_is_found_at_once(void **state)
{
	for (int families = 1; families <= 3; families++) {
		begin((families & 1) != 0, (families & 2) != 0);
		assert_false(mw_gateway_status(&h.g).configured);
		host_run(&h, 5000);
		assert_int_equal(h.frames, 0); /* without settings it says nothing */
		host_set(&h);
		assert_true(mw_gateway_status(&h.g).configured);
		assert_false(mw_gateway_status(&h.g).known);
		host_run(&h, 1);
		assert_true(knows(host_mac));
		assert_true(mw_gateway_status(&h.g).up); /* no port to check */
		host_run(&h, 10000);
		assert_int_equal(h.asked_all[0], (families & 1) != 0);
		assert_int_equal(h.asked_all[1], (families & 2) != 0);
		assert_int_equal(h.announced[0], (families & 1) != 0 ? 2 : 0);
		assert_int_equal(h.announced[1], (families & 2) != 0 ? 2 : 0);
	}
}

static void all_are_asked_each_second_until_one_answers(void **state)
{
	begin(true, false);
	h.arp = false;
	host_set(&h);
	host_run(&h, 2999);
	assert_int_equal(h.asked_all[0], 3);
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_NOT_YET);
	host_run(&h, 2);
	assert_int_equal(h.asked_all[0], 4);
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_NO_NEIGHBOUR);
	assert_int_equal(mw_gateway_changes(&h.g), 0);
	host_run(&h, 96998);
	assert_int_equal(h.asked_all[0], 100);
	h.arp = true;
	host_run(&h, 1001);
	assert_true(knows(host_mac));
	assert_true(mw_gateway_status(&h.g).up);
	assert_int_equal(mw_gateway_changes(&h.g), 1);
}

/* 15 s after an answer the next question, to him alone. */
static void it_is_asked_again_by_itself(void **state)
{
	for (int bare = 0; bare < 2; bare++) {
		begin(true, true);
		h.bare_na = bare != 0;
		host_set(&h);
		host_run(&h, 15000);
		assert_int_equal(h.asked_one[0] + h.asked_one[1], 0);
		host_run(&h, 1);
		assert_int_equal(h.asked_one[0], 1);
		assert_int_equal(h.asked_one[1], 1);
		host_run(&h, 600000);
		assert_int_equal(h.asked_one[0], 41);
		assert_int_equal(h.asked_one[1], 41);
		assert_int_equal(h.asked_all[0], 1);
		assert_int_equal(h.asked_all[1], 1);
		assert_true(knows(host_mac));
	}
}

/* Three questions to him, three to all, then he is gone: not a tick earlier. */
static void it_is_forgotten_when_it_keeps_silent(void **state)
{
	begin(true, false);
	host_set(&h);
	host_run(&h, 1);
	h.arp = false;
	host_run(&h, 15000 + 6000 - 1);
	assert_int_equal(h.asked_one[0], 3);
	assert_int_equal(h.asked_all[0], 1 + 3);
	assert_true(mw_gateway_status(&h.g).up);
	host_run(&h, 1);
	assert_false(mw_gateway_status(&h.g).known);
	assert_false(mw_gateway_status(&h.g).up);
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_NO_NEIGHBOUR);
	assert_int_equal(mw_gateway_changes(&h.g), 2);
	h.arp = true;
	host_run(&h, 1001);
	assert_true(mw_gateway_status(&h.g).up);
	assert_int_equal(mw_gateway_changes(&h.g), 3);
}

static void a_lost_question_changes_nothing(void **state)
{
	begin(true, true);
	host_set(&h);
	host_run(&h, 5000); /* behind the announcements */
	for (int i = 0; i < 20; i++) {
		h.drop = 4; /* two of each family */
		host_run(&h, 20000);
		assert_true(mw_gateway_status(&h.g).up);
		assert_int_equal(h.drop, 0);
	}
	assert_int_equal(h.asked_all[0], 1);
	assert_int_equal(mw_gateway_changes(&h.g), 1);
}

static void one_family_is_enough(void **state)
{
	begin(true, true);
	host_set(&h);
	host_run(&h, 1);
	h.arp = false;
	host_run(&h, 60000);
	assert_true(mw_gateway_status(&h.g).up);
	assert_true(knows(host_mac));
	h.arp = true;
	h.ndp = false;
	host_run(&h, 60000);
	assert_true(mw_gateway_status(&h.g).up);
	assert_int_equal(mw_gateway_changes(&h.g), 1);
	h.arp = false;
	host_run(&h, 60000);
	assert_false(mw_gateway_status(&h.g).known);
}

/* The machine is exchanged: it says so, or it does not. */
static void another_machine_is_followed(void **state)
{
	for (int tells = 0; tells < 2; tells++) {
		begin(true, false);
		host_set(&h);
		host_run(&h, 100);
		memcpy(h.mac, host_other_mac, 6);
		if (tells) { /* gratuitous, for all: not ours to keep */
			assert_false(host_give(&h, frame,
				host_arp(frame, 0, all, h.mac, 1, "192.0.2.2", none, "192.0.2.2")));
			host_run(&h, 1000);
			assert_true(knows(host_mac)); /* who is known may still answer */
			host_run(&h, 1);
			assert_true(knows(host_other_mac));
		} else {
			host_run(&h, 15000 + 3000 - 100);
			assert_true(knows(host_mac));
			host_run(&h, 2);
			assert_true(knows(host_other_mac));
		}
		assert_int_equal(mw_gateway_conflicts(&h.g), 0);
		assert_int_equal(mw_gateway_changes(&h.g), 1);
	}
}

static void another_machine_is_followed_by_v6(void **state)
{
	begin(false, true);
	host_set(&h);
	host_run(&h, 100);
	memcpy(h.mac, host_other_mac, 6);
	/* Without override it is a hint to nobody (RFC 4861, 7.2.5). */
	assert_false(host_give(&h, frame,
		host_na(frame, 0, (const uint8_t *)"\x33\x33\0\0\0\1", h.mac, "2001:db8::2",
			"ff02::1", "2001:db8::2", h.mac, 0)));
	host_run(&h, 1100);
	assert_true(knows(host_mac));
	assert_false(host_give(&h, frame,
		host_na(frame, 0, (const uint8_t *)"\x33\x33\0\0\0\1", h.mac, "2001:db8::2",
			"ff02::1", "2001:db8::2", h.mac, 0x20)));
	host_run(&h, 1001);
	assert_true(knows(host_other_mac));
}

/* Somebody claims its address, with every kind of message, answers too, and gets nothing while the
 * true one answers; and what he makes us ask is bounded. */
static void a_liar_gets_nothing(void **state)
{
	uint32_t asked;

	begin(true, true);
	host_set(&h);
	host_run(&h, 100);
	asked = h.asked_one[0] + h.asked_one[1];
	for (int i = 0; i < 5000; i++) {
		host_give(&h, frame,
			host_arp(frame, 0, host_our_mac, host_other_mac, 2, "192.0.2.2",
				host_our_mac, "192.0.2.1"));
		host_give(&h, frame,
			host_arp(frame, 0, all, host_other_mac, 1, "192.0.2.2", none, "192.0.2.9"));
		host_give(&h, frame,
			host_na(frame, 0, host_our_mac, host_other_mac, "2001:db8::2",
				"2001:db8::1", "2001:db8::2", host_other_mac, 0x60));
		host_give(&h, frame,
			host_na(frame, 0, host_our_mac, host_other_mac, "2001:db8::2",
				"2001:db8::1", "2001:db8::2", host_other_mac, 0x20));
		host_run(&h, 1);
		assert_true(knows(host_mac));
	}
	assert_true(mw_gateway_conflicts(&h.g) >= 4);
	/* Two a second and family. */
	assert_true(h.asked_one[0] + h.asked_one[1] - asked <= 2 * 2 * 6);
	assert_int_equal(mw_gateway_changes(&h.g), 1);
}

/* Before the gateway was heard: a claim is asked, and only the answer counts. */
static void a_claim_is_no_answer(void **state)
{
	begin(true, false);
	h.arp = false;
	host_set(&h);
	/* Not even asked yet. */
	host_give(&h, frame,
		host_arp(frame, 0, host_our_mac, host_other_mac, 2, "192.0.2.2", host_our_mac,
			"192.0.2.1"));
	assert_false(mw_gateway_status(&h.g).known);
	host_run(&h, 100);
	host_give(&h, frame, host_arp(frame, 0, all, host_mac, 1, "192.0.2.2", none, "192.0.2.77"));
	assert_false(mw_gateway_status(&h.g).known);
	assert_int_equal(h.asked_one[0], 1);
	/* About somebody else, and of somebody else. */
	host_give(&h, frame,
		host_arp(frame, 0, host_our_mac, host_other_mac, 2, "192.0.2.7", host_our_mac,
			"192.0.2.1"));
	host_run(&h, 10);
	assert_false(mw_gateway_status(&h.g).known);
	host_give(&h, frame,
		host_arp(frame, 0, host_our_mac, host_mac, 2, "192.0.2.2", host_our_mac,
			"192.0.2.1"));
	assert_true(knows(host_mac));
}

static void a_given_mac_is_not_asked_for(void **state)
{
	begin(true, true);
	memcpy(h.settings.mac, host_mac, 6);
	host_set(&h);
	assert_true(knows(host_mac));
	assert_true(mw_gateway_status(&h.g).up);
	h.arp = h.ndp = false;
	host_run(&h, 100000);
	host_give(&h, frame,
		host_arp(frame, 0, host_our_mac, host_other_mac, 2, "192.0.2.2", host_our_mac,
			"192.0.2.1"));
	host_give(&h, frame,
		host_arp(frame, 0, all, host_other_mac, 1, "192.0.2.2", none, "192.0.2.2"));
	host_run(&h, 2000);
	assert_true(knows(host_mac));
	for (int f = 0; f < 2; f++)
		assert_int_equal(h.asked_all[f] + h.asked_one[f], 0);
	/* It is given another one. */
	memcpy(h.settings.mac, host_other_mac, 6);
	host_set(&h);
	assert_true(knows(host_other_mac));
}

static void our_addresses_are_answered_for(void **state)
{
	static const uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 1};

	begin(true, true);
	h.settings.vlan = 7;
	host_set(&h);
	host_run(&h, 10);
	assert_true(host_give(
		&h, frame, host_arp(frame, 7, all, host_mac, 1, "192.0.2.2", none, "192.0.2.1")));
	assert_int_equal(h.answered[0], 1);
	assert_memory_equal(h.last, host_mac, 6);
	assert_memory_equal(h.last + 18 + 18, host_mac, 6); /* target, by name too */
	assert_true(host_give(&h, frame,		    /* a probe (RFC 5227) */
		host_arp(frame, 7, all, host_other_mac, 1, "0.0.0.0", none, "192.0.2.1")));
	assert_int_equal(h.answered[0], 2);
	assert_false(host_give(
		&h, frame, host_arp(frame, 7, all, host_mac, 1, "192.0.2.2", none, "192.0.2.9")));
	assert_true(host_give(&h, frame,
		host_ns(frame, 7, group, host_mac, "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1",
			host_mac)));
	assert_int_equal(h.answered[1], 1);
	assert_memory_equal(h.last, host_mac, 6);
	assert_true(host_give(&h, frame, /* unicast, without a MAC */
		host_ns(frame, 7, host_our_mac, host_other_mac, "2001:db8::9", "2001:db8::1",
			"2001:db8::1", NULL)));
	assert_int_equal(h.answered[1], 2);
	assert_memory_equal(h.last, host_other_mac, 6);
	assert_false(host_give(&h, frame, /* our group, another address in it */
		host_ns(frame, 7, group, host_mac, "2001:db8::2", "ff02::1:ff00:1", "2001:db8:1::1",
			host_mac)));
	assert_int_equal(h.answered[1], 2);
	h.announced[1] = 0;
	assert_true(host_give(&h, frame, /* somebody wants to take it: all are told (RFC 4862) */
		host_ns(frame, 7, group, host_other_mac, "::", "ff02::1:ff00:1", "2001:db8::1",
			NULL)));
	assert_int_equal(h.announced[1], 1);
	assert_memory_equal(h.last, "\x33\x33\0\0\0\1", 6);
}

/* RFC 5227, 2.4: said once in ten seconds whose it is, counted each time. */
static void our_addresses_are_defended(void **state)
{
	begin(true, true);
	host_set(&h);
	host_run(&h, 5000);
	h.announced[0] = h.announced[1] = 0;
	for (int i = 0; i < 100; i++) {
		assert_true(host_give(&h, frame,
			host_arp(
				frame, 0, all, host_other_mac, 1, "192.0.2.1", none, "192.0.2.9")));
		assert_true(host_give(&h, frame,
			host_na(frame, 0, (const uint8_t *)"\x33\x33\0\0\0\1", host_other_mac,
				"2001:db8::1", "ff02::1", "2001:db8::1", host_other_mac, 0x20)));
		host_run(&h, 100);
	}
	assert_int_equal(mw_gateway_conflicts(&h.g), 200);
	assert_int_equal(h.announced[0] + h.announced[1], 1);
	host_give(&h, frame,
		host_arp(frame, 0, all, host_other_mac, 1, "192.0.2.1", none, "192.0.2.9"));
	assert_int_equal(h.announced[0], 2);
}

static void pings_are_answered(void **state)
{
	uint32_t len;

	begin(true, true);
	host_set(&h);
	host_run(&h, 10);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *src = v6 ? "2001:db8::2" : "192.0.2.2";
		const char *dst = v6 ? "2001:db8::1" : "192.0.2.1";
		uint32_t head = 14 + (v6 ? 40 : 20);

		h.pongs = 0;
		for (len = 8; len < 1480; len += 41) {
			uint32_t n = host_ping(frame, 0, host_our_mac, host_mac, src, dst, len);

			assert_true(host_give(&h, frame, n));
			assert_memory_equal(h.last, host_mac, 6);
			assert_memory_equal(h.last + head + 4, frame + head + 4, len - 4);
		}
		assert_int_equal(h.pongs, 36);
		frame[head + 12] ^= 1; /* a wrong checksum: ours, and no answer */
		assert_true(host_give(&h, frame, head + len - 41));
		/* To all, to another address, to another MAC. */
		host_ping(frame, 0, all, host_mac, src, dst, 64);
		assert_true(host_give(&h, frame, head + 64));
		host_ping(frame, 0, host_our_mac, host_mac, src, v6 ? "2001:db8::7" : "192.0.2.7",
			64);
		assert_false(host_give(&h, frame, head + 64));
		host_ping(frame, 0, host_other_mac, host_mac, src, dst, 64);
		assert_false(host_give(&h, frame, head + 64));
		assert_int_equal(h.pongs, 36);
	}
}

static void another_vlan_is_another_link(void **state)
{
	static const uint16_t tags[] = {0, 8, 4094};

	begin(true, true);
	h.settings.vlan = 7;
	host_set(&h);
	host_run(&h, 1);
	assert_true(knows(host_mac));
	h.frames = 0;
	for (int i = 0; i < 3; i++) {
		uint32_t n;

		assert_false(host_give(&h, frame,
			host_arp(
				frame, tags[i], all, host_mac, 1, "192.0.2.2", none, "192.0.2.1")));
		assert_false(host_give(&h, frame,
			host_arp(frame, tags[i], host_our_mac, host_other_mac, 2, "192.0.2.2",
				host_our_mac, "192.0.2.1")));
		n = host_ping(frame, tags[i], host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 64);
		assert_false(host_give(&h, frame, n));
	}
	assert_int_equal(h.frames, 0);
	/* Untagged, and with a tag that has a priority only: the same link. */
	h.settings.vlan = 0;
	host_set(&h);
	host_run(&h, 1);
	host_ping(frame, 1, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 64);
	frame[14] = 0xa0;
	frame[15] = 0;
	assert_true(host_give(&h, frame, 18 + 20 + 64));
	assert_int_equal(h.pongs, 1);
}

/* What a receiver must discard (RFC 4861, 7.1) is discarded. */
static void routed_or_broken_discovery_is_discarded(void **state)
{
	static const struct {
		uint8_t at, octet;
	} faults[] = {
		{21, 254},  /* hop limit: it came from elsewhere */
		{55, 1},    /* code */
		{79, 0},    /* an option of no length */
		{79, 2},    /* that runs past the end */
		{62, 0xff}, /* a group as target */
	};
	struct mw_gateway before;

	begin(false, true);
	h.ndp = false;
	host_set(&h);
	host_run(&h, 10);
	before = h.g;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) + 1; i++) {
		uint32_t n = host_na(frame, 0, host_our_mac, host_mac, "2001:db8::2", "2001:db8::1",
			"2001:db8::2", host_mac, 0x60);

		if (i < sizeof(faults) / sizeof(faults[0])) {
			frame[faults[i].at] = faults[i].octet;
			host_close_icmp6(frame);
		} else {
			frame[56] ^= 1; /* the checksum itself */
		}
		assert_true(host_give(&h, frame, n)); /* it is for us, and says nothing */
		assert_memory_equal(&h.g.neighbour, &before.neighbour, sizeof(before.neighbour));
		assert_false(mw_gateway_status(&h.g).known);
	}
	assert_true(host_give(&h, frame,
		host_na(frame, 0, host_our_mac, host_mac, "2001:db8::2", "2001:db8::1",
			"2001:db8::2", host_mac, 0x60)));
	assert_true(knows(host_mac));
}

static void settings_are_followed(void **state)
{
	begin(true, true);
	host_set(&h);
	host_run(&h, 10);
	assert_true(mw_gateway_status(&h.g).up);
	h.settings.fallback = MW_DIVERT_REFUSE;
	h.settings.fall = 9;
	host_set(&h);
	assert_true(mw_gateway_status(&h.g).up); /* the same gateway */
	h.settings.vlan = 9;
	host_set(&h);
	assert_false(mw_gateway_status(&h.g).known); /* the same on another link is another */
	host_run(&h, 1);
	assert_true(mw_gateway_status(&h.g).up);
	assert_int_equal(mw_gateway_changes(&h.g), 3);
	memset(&h.settings, 0, sizeof(h.settings));
	host_set(&h);
	assert_false(mw_gateway_status(&h.g).configured);
	assert_false(mw_gateway_status(&h.g).known);
	h.frames = 0;
	host_run(&h, 100000);
	assert_int_equal(h.frames, 0);
	assert_false(host_give(&h, frame,
		host_ping(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 64)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_at_once),
		cmocka_unit_test(all_are_asked_each_second_until_one_answers),
		cmocka_unit_test(it_is_asked_again_by_itself),
		cmocka_unit_test(it_is_forgotten_when_it_keeps_silent),
		cmocka_unit_test(a_lost_question_changes_nothing),
		cmocka_unit_test(one_family_is_enough),
		cmocka_unit_test(another_machine_is_followed),
		cmocka_unit_test(another_machine_is_followed_by_v6),
		cmocka_unit_test(a_liar_gets_nothing),
		cmocka_unit_test(a_claim_is_no_answer),
		cmocka_unit_test(a_given_mac_is_not_asked_for),
		cmocka_unit_test(our_addresses_are_answered_for),
		cmocka_unit_test(our_addresses_are_defended),
		cmocka_unit_test(pings_are_answered),
		cmocka_unit_test(another_vlan_is_another_link),
		cmocka_unit_test(routed_or_broken_discovery_is_discarded),
		cmocka_unit_test(settings_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
