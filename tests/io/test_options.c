/* The command line, and what is reckoned from it without touching a device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/io/device.h"
#include "dataplane/io/key.h"
#include "dataplane/io/options.h"
#include "dataplane/io/plan.h"
#include "dataplane/io/room.h"

/* Parses "a b c"; what was said is in `said`. */
static enum mw_io_parsed parse(const char *line, struct mw_io_options *out, char said[4096])
{
	static char name[] = "mailweir-dataplane", copy[1024];
	char *argv[32] = {name};
	int argc = 1;
	FILE *f = fmemopen(said, 4096, "w");
	enum mw_io_parsed rc;

	assert_non_null(f);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	rc = mw_io_options_parse(argc, argv, out, f, f);
	fclose(f);
	return rc;
}

static void a_full_line_is_taken(void **state)
{
	struct mw_io_options o;
	char said[4096];

	assert_int_equal(
		parse("--inside eth1 --outside 0000:01:00.0 --divert net_null0 --state /s --lanes "
		      "3 "
		      "--cores 2,4-5 --poll sleep --no-huge --mem 128 --driver af_packet --ring 64",
			&o, said),
		MW_OPTIONS_RUN);
	assert_string_equal(o.device[0], "eth1");
	assert_string_equal(o.device[1], "0000:01:00.0");
	assert_string_equal(o.device[2], "net_null0");
	assert_string_equal(o.state_dir, "/s");
	assert_int_equal(o.lanes, 3);
	assert_int_equal(o.cpu_count, 3);
	assert_int_equal(o.cpu[0], 2);
	assert_int_equal(o.cpu[2], 5);
	assert_int_equal(o.poll, MW_POLL_SLEEP);
	assert_int_equal(o.memory, MW_MEMORY_NO_HUGE);
	assert_int_equal(o.memory_mb, 128);
	assert_int_equal(o.driver, MW_DRIVER_AF_PACKET);
	assert_int_equal(o.ring_entries, 64);
}

static void help_and_version_are_told(void **state)
{
	struct mw_io_options o;
	char said[4096];

	assert_int_equal(parse("--help", &o, said), MW_OPTIONS_DONE);
	assert_non_null(strstr(said, "--inside DEVICE"));
	assert_int_equal(parse("--version", &o, said), MW_OPTIONS_DONE);
	assert_memory_equal(said, "mailweir-dataplane ", 19);
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *line, *word;
	} wrong[] = {
		{"--inside a --state s", "--outside"},
		{"--inside a --outside b", "--state"},
		{"--inside a --outside a --state s", "same device"},
		{"--inside a --outside b --divert b --state s", "same device"},
		{"--inside a --outside b --state s --lanes 0", "--lanes"},
		{"--inside a --outside b --state s --lanes x", "--lanes"},
		{"--inside a --outside b --state s --lanes 1x", "--lanes"},
		{"--inside a --outside b --state s --lanes -1", "--lanes"},
		{"--inside a --outside b --state s --cores 3-1", "--cores"},
		{"--inside a --outside b --state s --cores 1,,2", "--cores"},
		{"--inside a --outside b --state s --poll often", "often"},
		{"--inside a --outside b --state s --driver tap", "af_xdp"},
		{"--inside a --outside b --state s --huge --no-huge", "exclude"},
		{"--inside a --outside b --state s --ring 100", "power of two"},
		{"--inside a --outside b --state s more", "more"},
		{"--bench speed", "fastpath"},
	};
	struct mw_io_options o;
	char said[4096];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse(wrong[i].line, &o, said), MW_OPTIONS_WRONG);
		if (!strstr(said, wrong[i].word))
			fail_msg("%s: said \"%s\"", wrong[i].line, said);
	}
}

static void devices_are_told_apart(void **state)
{
	assert_int_equal(mw_device_kind_of("eth0"), MW_DEVICE_KERNEL);
	assert_int_equal(mw_device_kind_of("cust0.100"), MW_DEVICE_KERNEL);
	assert_int_equal(mw_device_kind_of("ens1f0"), MW_DEVICE_KERNEL);
	assert_int_equal(mw_device_kind_of("0000:01:00.0"), MW_DEVICE_PCI);
	assert_int_equal(mw_device_kind_of("01:00.1"), MW_DEVICE_PCI);
	assert_int_equal(mw_device_kind_of("01:00.8"), MW_DEVICE_KERNEL);
	assert_int_equal(mw_device_kind_of("net_pcap0,iface=x"), MW_DEVICE_VDEV);
}

static void room_is_reckoned_by_driver(void **state)
{
	/* The figures the lab found: 1,600 passes with AF_XDP and 2,048-octet buffers, 1,800 not;
	 * AF_PACKET loses 1,990 with slots of 2,048. */
	assert_in_range(mw_io_room("net_af_xdp", "iface=x", 2048), 1600 + 14, 1800 + 13);
	assert_in_range(mw_io_room("net_af_packet", "iface=x,framesz=2048", 2048), 1522, 1989);
	assert_int_equal(mw_io_room("net_ring", "", 2048), 2048);
	assert_int_equal(mw_io_af_packet_frame(2048), 2048);
	assert_int_equal(mw_io_af_packet_frame(9100), 8192);
	assert_int_equal(mw_io_af_packet_frame(16352), 16384);
}

static void a_plan_says_no_when_memory_or_cpus_lack(void **state)
{
	struct mw_io_options o = {.memory = MW_MEMORY_NO_HUGE, .buffer_bytes = 2048, .lanes = 2};
	struct mw_io_plan plan;
	char error[512] = "";

	assert_int_equal(mw_io_plan_make(&o, &plan, error, sizeof(error)), 0);
	assert_int_equal(plan.lanes, 2);
	assert_false(plan.huge);
	assert_true(plan.memory_mb >= plan.buffers / 1024 * 2);
	assert_int_equal(plan.buffer_bytes, 2048);
	o.memory_mb = 16;
	assert_int_equal(mw_io_plan_make(&o, &plan, error, sizeof(error)), -ENOMEM);
	assert_non_null(strstr(error, "--mem 16"));
	o.memory_mb = 0;
	o.cpu[0] = 1023;
	o.cpu_count = 1;
	assert_int_equal(mw_io_plan_make(&o, &plan, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "1023"));
}

static void the_key_is_made_once_and_kept_private(void **state)
{
	char dir[] = "/tmp/mw-key-XXXXXX", path[64], error[512] = "";
	uint64_t first = 0, second = 0;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lane.key", dir);
	assert_int_equal(mw_io_key_load(dir, &first, error, sizeof(error)), 0);
	assert_int_equal(mw_io_key_load(dir, &second, error, sizeof(error)), 0);
	assert_true(first == second && first != 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(mw_io_key_load(dir, &second, error, sizeof(error)), -EBADMSG);
	assert_non_null(strstr(error, path));
	unlink(path);
	rmdir(dir);
	assert_true(mw_io_key_load(dir, &second, error, sizeof(error)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_line_is_taken),
		cmocka_unit_test(help_and_version_are_told),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(devices_are_told_apart),
		cmocka_unit_test(room_is_reckoned_by_driver),
		cmocka_unit_test(a_plan_says_no_when_memory_or_cpus_lack),
		cmocka_unit_test(the_key_is_made_once_and_kept_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
