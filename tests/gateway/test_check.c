/*
 * The check of the gateway's health: what a good greeting is, what is wrong with the others, when
 * up becomes down and down becomes up, to the tick; how its connections end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/gateway/host.h"

static struct host h;
static uint8_t frame[2048];

static bool up(void)
{
	struct mw_gateway_status s = mw_gateway_status(&h.g);

	assert_true(!s.up || s.known);
	return s.up;
}

static void begin(enum host_smtp smtp)
{
	host_begin(&h);
	h.smtp = smtp;
	host_set(&h);
}

/* The moment between two checks: one is over, the next not begun. */
static void checks(uint32_t n)
{
	host_run(&h, n * 1000ull);
}

static void a_greeting_is_all_it_takes(void **state)
{
	static const enum host_smtp good[] = {HOST_GREETS, HOST_LINES};

	for (int i = 0; i < 2; i++) {
		begin(good[i]);
		host_run(&h, 10);
		assert_true(up()); /* the first success, whatever `rise` is */
		assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_FINE);
		host_run(&h, 990);
		checks(99);
		assert_int_equal(h.syns, 100);
		assert_int_equal(h.quits, 100);
		assert_int_equal(h.closed, 100); /* by both, in order */
		assert_int_equal(h.resets, 0);
		assert_int_equal(mw_gateway_changes(&h.g), 1);
		for (int a = 0; a < 64; a++) {
			for (int b = 0; b < a; b++)
				assert_int_not_equal(h.ports[a], h.ports[b]);
		}
	}
}

/* A first line is a greeting (postscreen lets one wait for the last); it ends without a QUIT. */
static void a_slow_last_line_is_forgiven(void **state)
{
	begin(HOST_TEASES);
	host_run(&h, 10);
	assert_true(up());
	checks(10);
	assert_true(up());
	assert_int_equal(h.quits, 0);
	assert_int_equal(h.resets, 0);
	assert_int_equal(h.closed, 10);
}

static void everything_else_is_down_for_a_reason(void **state)
{
	static const struct {
		enum host_smtp smtp;
		enum mw_gateway_why why;
		bool at_once;
		uint32_t resets; /* a check */
	} bad[] = {
		{HOST_DEAF, MW_GATEWAY_NO_SYN_ACK, false, 0},
		{HOST_REFUSES, MW_GATEWAY_REFUSED, true, 0},
		{HOST_SILENT, MW_GATEWAY_NO_GREETING, false, 1},
		{HOST_HANGS_UP, MW_GATEWAY_NO_GREETING, true, 0},
		{HOST_BUSY, MW_GATEWAY_BAD_GREETING, true, 1},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint32_t fall_ms = 2000 + (bad[i].at_once ? 0 : 300);

		begin(HOST_GREETS);
		host_run(&h, 1000);
		assert_true(up());
		h.smtp = bad[i].smtp;
		h.resets = 0;
		/* Three checks in a row: not a tick before the third has failed. */
		host_run(&h, fall_ms);
		assert_true(up());
		host_run(&h, 1);
		assert_false(up());
		assert_int_equal(mw_gateway_why(&h.g), bad[i].why);
		assert_int_equal(mw_gateway_changes(&h.g), 2);
		assert_int_equal(h.resets, 3 * bad[i].resets);
		host_run(&h, 5000 - fall_ms - 1);
		assert_false(up());
		/* Two good ones in a row: not a tick before the second is greeted. */
		h.smtp = HOST_GREETS;
		host_run(&h, 1000);
		assert_false(up());
		assert_int_equal(mw_gateway_why(&h.g), bad[i].why);
		host_run(&h, 1);
		assert_true(up());
		assert_int_equal(mw_gateway_changes(&h.g), 3);
	}
}

static void it_takes_failures_in_a_row(void **state)
{
	begin(HOST_GREETS);
	checks(1);
	for (int i = 0; i < 20; i++) {
		h.smtp = HOST_REFUSES;
		checks(2);
		assert_true(up());
		h.smtp = HOST_GREETS;
		checks(1);
		assert_true(up());
	}
	h.smtp = HOST_BUSY;
	checks(3);
	assert_false(up());
	for (int i = 0; i < 20; i++) { /* and successes in a row */
		h.smtp = HOST_GREETS;
		checks(1);
		h.smtp = HOST_REFUSES;
		checks(1);
		assert_false(up());
	}
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_REFUSED);
	assert_int_equal(mw_gateway_changes(&h.g), 2);
}

static void a_gateway_that_is_down_at_start_comes_up_with_its_first_success(void **state)
{
	begin(HOST_REFUSES);
	checks(10);
	assert_false(up());
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_REFUSED);
	assert_int_equal(mw_gateway_changes(&h.g), 0);
	h.smtp = HOST_GREETS;
	host_run(&h, 1);
	assert_true(up());
}

/* One SYN may be lost: it is said again, the same one; the second is not. */
static void one_lost_syn_is_repeated(void **state)
{
	begin(HOST_GREETS);
	host_run(&h, 1000);
	for (int i = 0; i < 10; i++) {
		h.syns = 0;
		h.drop = 1;
		host_run(&h, 150);
		assert_int_equal(h.syns, 0);
		host_run(&h, 850);
		assert_int_equal(h.syns, 1);
	}
	assert_true(up());
	assert_int_equal(mw_gateway_changes(&h.g), 1);
	assert_int_equal(h.closed, 11);
	for (int i = 0; i < 3; i++) {
		h.drop = 2;
		checks(1);
	}
	assert_false(up());
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_NO_SYN_ACK);
}

/* Without it nothing reaches the gateway: down at once, and afterwards it has to prove itself. */
static void up_implies_known(void **state)
{
	begin(HOST_GREETS);
	host_run(&h, 1000);
	h.arp = h.ndp = false;
	host_run(&h, 30000);
	assert_false(up());
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_NO_NEIGHBOUR);
	h.syns = 0;
	host_run(&h, 10000);
	assert_int_equal(h.syns, 0); /* to whom? */
	h.arp = true;
	for (int i = 0; i < 1100 && !mw_gateway_status(&h.g).known; i++)
		host_run(&h, 1);
	assert_true(mw_gateway_status(&h.g).known);
	host_run(&h, 999);
	assert_false(up());
	host_run(&h, 1);
	assert_true(up());
}

static void by_v6_when_there_is_no_v4(void **state)
{
	for (int both = 0; both < 2; both++) {
		host_begin(&h);
		if (both)
			h.arp = false; /* configured, but does not answer */
		else
			memset(&h.settings.gateway_v4, 0, 16),
				memset(&h.settings.address_v4, 0, 16);
		h.settings.vlan = 42;
		host_set(&h);
		host_run(&h, 10);
		assert_true(up());
		assert_int_equal(h.last[18] >> 4, 6);
		host_run(&h, 990);
		assert_int_equal(h.closed, 1);
	}
}

/* A server that never closes: reset, and the check was good all the same. */
static void nobody_waits_for_ever(void **state)
{
	begin(HOST_STUBBORN);
	h.settings.check_every_ms = 5000;
	host_set(&h);
	host_run(&h, 1900);
	assert_int_equal(h.resets, 0);
	host_run(&h, 3000);
	assert_int_equal(h.resets, 1);
	h.settings.check_every_ms =
		1000; /* the next one comes before that: it begins with a reset */
	host_set(&h);
	host_run(&h, 4000);
	assert_true(up());
	assert_int_equal(mw_gateway_changes(&h.g), 1);
	assert_true(h.resets >= 4);
}

/* What belongs to no connection draws a reset, resets draw nothing; neither moves the check. */
static void strangers_are_reset(void **state)
{
	uint32_t n;

	begin(HOST_SILENT);
	host_run(&h, 10);
	assert_int_equal(h.syns, 1);
	for (int i = 0; i < 4; i++) {
		static const uint8_t flags[4] = {0x02, 0x10, 0x12, 0x11};

		n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, 777,
			1000, 2000, flags[i], "");
		assert_true(host_give(&h, frame, n));
		assert_int_equal(h.last[47] & 4, 4);
	}
	h.frames = 0;
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, 777, 1000,
		2000, 0x04, "");
	assert_true(host_give(&h, frame, n));
	/* A reset for the check's own connection, beside the octet that is awaited. */
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port,
		h.seq + 1, h.ack, 0x14, "");
	assert_true(host_give(&h, frame, n));
	assert_int_equal(h.frames, 0);
	/* From another address the right numbers help nothing. */
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.3", "192.0.2.1", 25, h.port, h.seq,
		h.ack, 0x18, "220 fine\r\n");
	assert_true(host_give(&h, frame, n));
	assert_false(up());
	/* A wrong checksum. */
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port, h.seq,
		h.ack, 0x18, "220 fine\r\n");
	frame[50] ^= 1;
	assert_true(host_give(&h, frame, n));
	assert_false(up());
	/* A refusal that acknowledges nothing of ours is anybody's. */
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port, h.seq,
		h.ack, 0x18, "220 fine\r\n");
	assert_true(host_give(&h, frame, n));
	assert_true(up());
}

/* The greeting in any order of segments that a link could make of it. */
static void the_greeting_is_read_in_order(void **state)
{
	uint32_t n, isn;

	begin(HOST_SILENT);
	host_run(&h, 10);
	isn = h.seq;
	/* Its second half first, then twice its first, then both overlapping. */
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port,
		isn + 3, h.ack, 0x18, " hello\r\n");
	assert_true(host_give(&h, frame, n));
	assert_false(up());
	for (int i = 0; i < 2; i++) {
		n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port,
			isn, h.ack, 0x18, "220");
		h.frames = 0;
		assert_true(host_give(&h, frame, n));
		assert_int_equal(h.frames, 1); /* acknowledged, the repeated one too */
		assert_false(up());
	}
	n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port,
		isn + 1, h.ack, 0x18, "20 hello\r\n");
	assert_true(host_give(&h, frame, n));
	assert_true(up());
	assert_int_equal(h.quits, 1);
}

static void a_greeting_is_not_endless(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} lines[] = {
		{"220\r\n", true},
		{"220 x\r\n", true},
		{"220\n", true},
		{"220-x\r\n", true},
		{"220-x\r\n220 y\r\n", true},
		{"220-x\r\n500 y\r\n", true}, /* changed his mind: left without a QUIT */
		{"2200 x\r\n", false},
		{"221 x\r\n", false},
		{" 220 x\r\n", false},
		{"\r\n", false},
		{"SSH-2.0-x\r\n", false},
	};
	uint32_t n;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		begin(HOST_SILENT);
		host_run(&h, 10);
		n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port,
			h.seq, h.ack, 0x18, lines[i].text);
		assert_true(host_give(&h, frame, n));
		assert_true(up() == lines[i].good);
		assert_int_equal(h.quits, lines[i].good &&
						  strstr(lines[i].text, "220-x\r\n5") == NULL &&
						  strcmp(lines[i].text, "220-x\r\n") != 0);
		assert_int_equal(h.resets, !lines[i].good);
		if (!lines[i].good)
			assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_BAD_GREETING);
	}
	begin(HOST_SILENT);
	host_run(&h, 10);
	n = 0;
	for (uint32_t sent = 0; mw_gateway_why(&h.g) == MW_GATEWAY_NOT_YET; sent++) {
		assert_true(sent <= MW_CHECK_GREETING_MAX);
		n = host_tcp(frame, 0, host_our_mac, host_mac, "192.0.2.2", "192.0.2.1", 25, h.port,
			h.seq + sent, h.ack, 0x18,
			sent == 0   ? "2"
			: sent == 1 ? "2"
			: sent == 2 ? "0"
				    : " ");
		assert_true(host_give(&h, frame, n));
	}
	assert_int_equal(mw_gateway_why(&h.g), MW_GATEWAY_BAD_GREETING);
	assert_int_equal(h.resets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_greeting_is_all_it_takes),
		cmocka_unit_test(a_slow_last_line_is_forgiven),
		cmocka_unit_test(everything_else_is_down_for_a_reason),
		cmocka_unit_test(it_takes_failures_in_a_row),
		cmocka_unit_test(a_gateway_that_is_down_at_start_comes_up_with_its_first_success),
		cmocka_unit_test(one_lost_syn_is_repeated),
		cmocka_unit_test(up_implies_known),
		cmocka_unit_test(by_v6_when_there_is_no_v4),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(strangers_are_reset),
		cmocka_unit_test(the_greeting_is_read_in_order),
		cmocka_unit_test(a_greeting_is_not_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
