/*
 * What the watch says: of a lane that stands still, with real threads and one that blocks; of the
 * gateway, each state once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "dataplane/gateway/gateway.h"
#include "dataplane/io/watch.h"
#include "tests/io/bed.h"

#define LANES 2

static struct bed bed;
static char told[16384];

/* stderr between the two is kept in `told`. */
static FILE *kept;
static int was;

static void listen_begin(void)
{
	kept = tmpfile();
	assert_non_null(kept);
	fflush(stderr);
	was = dup(STDERR_FILENO);
	assert_true(was >= 0 && dup2(fileno(kept), STDERR_FILENO) >= 0);
}

static const char *listen_end(void)
{
	size_t len;

	fflush(stderr);
	assert_true(dup2(was, STDERR_FILENO) >= 0);
	close(was);
	rewind(kept);
	len = fread(told, 1, sizeof(told) - 1, kept);
	told[len] = '\0';
	fclose(kept);
	return told;
}

static uint32_t lines(const char *text)
{
	uint32_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void a_lane_that_blocks_is_named(void **state)
{
	struct mw_io_watch_lanes watch = {.began_ns = 0};
	bool moved = true, moves = true, named = false;
	uint8_t frame[128];
	unsigned lane = 0;
	char want[64];

	bed_make(&bed, 256, 1024);
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
	usleep(100000);
	listen_begin();
	for (int i = 0; i < 5; i++) {
		moved &= mw_io_watch_lanes(&watch, &bed.rig, mw_clock_now(&bed.clock));
		usleep(20000);
	}
	atomic_store(&fake_lane_stall_us, 2700000u);
	moved &= bed_put(&bed, 0, frame, bed_tcp(frame, 100, 3, false, MARK_STALL, 0));
	for (int i = 0; i < 40 && !(named && moves); i++) {
		usleep(100000);
		moves = mw_io_watch_lanes(&watch, &bed.rig, mw_clock_now(&bed.clock));
		named |= !moves;
	}
	listen_end();
	lane = atomic_load(&fake_lane_seen[3][0]) == 1 ? 0 : 1;
	assert_true(moved);
	assert_true(named);
	assert_true(moves);
	assert_int_equal(watch.stalls, 1);
	assert_int_equal(lines(told), 2);
	snprintf(want, sizeof(want), "lane %u stands still: it has begun no turn for 2.", lane);
	assert_non_null(strstr(told, want));
	snprintf(want, sizeof(want), "lane %u moves again: it stood still for 2.7 s", lane);
	assert_non_null(strstr(told, want));
	mw_io_rig_stop(&bed.rig);
	bed_free(&bed);
}

/* From the first look on; and to the tick. */
static void a_lane_that_never_begins_is_named(void **state)
{
	struct mw_io_watch_lanes watch = {.began_ns = 0};
	uint64_t now_ns = 1000 * MW_NS_PER_S;

	bed_make(&bed, 256, 1024);
	mw_io_worker_turn(bed.rig.worker[0], now_ns);
	listen_begin();
	assert_true(mw_io_watch_lanes(&watch, &bed.rig, now_ns));
	now_ns += MW_IO_STALL_NS - 1;
	assert_true(mw_io_watch_lanes(&watch, &bed.rig, now_ns));
	mw_io_worker_turn(bed.rig.worker[0], now_ns);
	assert_false(mw_io_watch_lanes(&watch, &bed.rig, now_ns + 1));
	assert_false(mw_io_watch_lanes(&watch, &bed.rig, now_ns + 2));
	assert_int_equal(lines(listen_end()), 1);
	assert_non_null(strstr(told, "lane 1 stands still"));
	bed_free(&bed);
}

static void say(struct mw_io_watch_gateway *watch, struct mw_io_shared *shared,
	const struct mw_gateway_status *status, uint32_t why,
	const struct mw_divert_settings *settings, bool port, uint32_t seconds, const char *want)
{
	atomic_store(&shared->gateway, mw_gateway_status_pack(status));
	atomic_store(&shared->gateway_why, why);
	listen_begin();
	for (uint32_t i = 0; i < seconds; i++)
		mw_io_watch_gateway(watch, shared, settings, port);
	listen_end();
	if (!want) {
		assert_string_equal(told, "");
		return;
	}
	assert_int_equal(lines(told), 1);
	if (!strstr(told, want))
		fail_msg("told: %s", told);
}

static void the_gateway_is_told_of_once(void **state)
{
	static struct mw_io_shared shared;
	struct mw_io_watch_gateway watch = {.why = 0};
	struct mw_divert_settings none = {.vlan = 0}, s = {.vlan = 0, .fallback = MW_DIVERT_LATER};
	struct mw_gateway_status nothing = {.known = false}, down = {.configured = true},
				 up = {.mac = {2, 0, 0, 0, 0, 0xff},
					 .known = true,
					 .up = true,
					 .configured = true};

	assert_int_equal(mw_ip_parse("192.0.2.2", &s.gateway_v4), 0);
	say(&watch, &shared, &nothing, 0, &none, false, 50, NULL);
	say(&watch, &shared, &nothing, 0, &s, false, 50,
		"the settings name an antivirus gateway (192.0.2.2), but there is no port");
	say(&watch, &shared, &nothing, 0, &none, true, 50,
		"the settings name no antivirus gateway");
	say(&watch, &shared, &down, MW_GATEWAY_NOT_YET, &s, true, 50, NULL);
	say(&watch, &shared, &down, MW_GATEWAY_NO_NEIGHBOUR, &s, true, 50,
		"gateway 192.0.2.2 is down: nobody answers for its address (ARP, NDP); new "
		"connections under DIVERT are put off (4xx)");
	/* Another reason: told, as it is what to mend next; not each second. */
	say(&watch, &shared, &down, MW_GATEWAY_REFUSED, &s, true, 1, "refuses the connection");
	say(&watch, &shared, &down, MW_GATEWAY_NO_SYN_ACK, &s, true, 9, NULL);
	say(&watch, &shared, &down, MW_GATEWAY_NO_SYN_ACK, &s, true, 50, "does not answer");
	say(&watch, &shared, &up, MW_GATEWAY_FINE, &s, true, 50,
		"gateway 192.0.2.2 is up, at 02:00:00:00:00:ff");
	up.mac[5] = 0x66; /* another machine */
	say(&watch, &shared, &up, MW_GATEWAY_FINE, &s, true, 50, "at 02:00:00:00:00:66");
	assert_int_equal(mw_ip_parse("192.0.2.3", &s.gateway_v4), 0); /* another address */
	say(&watch, &shared, &up, MW_GATEWAY_FINE, &s, true, 50, "gateway 192.0.2.3 is up");
	atomic_store(&shared.gateway_conflicts, 7);
	say(&watch, &shared, &up, MW_GATEWAY_FINE, &s, true, 50, "7 messages of it so far");
	s.fallback = MW_DIVERT_REFUSE;
	say(&watch, &shared, &down, MW_GATEWAY_BAD_GREETING, &s, true, 50,
		"something else than 220; new connections under DIVERT are refused (5xx)");
	/* All reasons have their words, and no two the same. */
	for (int a = 0; a < MW_GATEWAY_WHY_COUNT; a++) {
		for (int b = 0; b < a; b++)
			assert_string_not_equal(mw_gateway_why_text((enum mw_gateway_why)a),
				mw_gateway_why_text((enum mw_gateway_why)b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lane_that_blocks_is_named),
		cmocka_unit_test(a_lane_that_never_begins_is_named),
		cmocka_unit_test(the_gateway_is_told_of_once),
	};

	bed_eal(&bed, LANES);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
