/*
 * The drivers for kernel interfaces, over veth pairs: what is refused and in what words, and that
 * frames of any content pass bit for bit, tagged ones too. Argument: af_xdp or af_packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "dataplane/io/room.h"
#include "tests/io/bed.h"
#include "tests/io/wires.h"

static struct bed bed;
static bool allowed, xdp;

static int try_open(struct mw_io_port *port, const char *device, char error[1024])
{
	error[0] = '\0';
	bed.options.device[MW_PORT_INSIDE] = device;
	return mw_io_port_open(port, MW_PORT_INSIDE, &bed.options, &bed.plan, bed.rig.shared.pool,
		stderr, error, 1024);
}

static void refused(const char *device, int rc, const char *const words[])
{
	struct mw_io_port port;
	char error[1024];

	assert_int_equal(try_open(&port, device, error), rc);
	assert_false(port.open);
	for (int i = 0; words[i]; i++) {
		if (!strstr(error, words[i]))
			fail_msg("\"%s\" does not mention \"%s\"", error, words[i]);
	}
}

static void missing_devices_are_named_with_a_remedy(void **state)
{
	refused("nosuch0", -ENODEV, (const char *const[]){"inside", "nosuch0", "ip link", NULL});
	refused("0000:ff:1f.7", -ENODEV,
		(const char *const[]){"inside", "0000:ff:1f.7", "dpdk-devbind", NULL});
	if (!allowed)
		skip();
	refused("lo", -ENETDOWN, (const char *const[]){"lo", "down", NULL});
	assert_true(wires_do("ip link add down0 type veth peer name down1"));
	refused("down0", -ENETDOWN,
		(const char *const[]){"inside", "down0", "ip link set dev down0 up", NULL});
}

static void an_unknown_virtual_device_is_named(void **state)
{
	struct mw_io_port port;
	char error[1024];

	assert_true(try_open(&port, "net_bogus0,iface_none=1", error) < 0);
	assert_non_null(strstr(error, "net_bogus0"));
	assert_non_null(strstr(error, "no such driver"));
}

static unsigned largest_mtu(void)
{
	return mw_io_room(xdp ? "net_af_xdp" : "net_af_packet", "framesz=2048",
		       bed.plan.buffer_bytes) -
	       MW_ROOM_OVER_MTU;
}

static void an_mtu_that_does_not_fit_is_refused(void **state)
{
	struct mw_io_port port;
	char error[1024], mtu[16];

	if (!allowed)
		skip();
	assert_true(wires_do("ip link add big0 mtu 3490 type veth peer name big1 mtu 3490 && "
			     "ip link set big0 up && ip link set big1 up"));
	refused("big0", -EMSGSIZE,
		(const char *const[]){
			"inside (big0)", "3490", "--buffer", "ip link set dev big0 mtu", NULL});
	/* The largest that is said to fit does, one more does not. */
	snprintf(mtu, sizeof(mtu), "%u", largest_mtu());
	assert_true(wires_do("ip link set big0 mtu %s && ip link set big1 mtu %s", mtu, mtu));
	assert_int_equal(try_open(&port, "big0", error), 0);
	assert_string_equal(port.driver, xdp ? "net_af_xdp" : "net_af_packet");
	mw_io_port_close(&port);
	assert_true(wires_do("ip link set big0 mtu $((%s + 1))", mtu));
	assert_int_equal(try_open(&port, "big0", error), -EMSGSIZE);
	assert_true(wires_do("ip link del big0"));
}

static void set_up_pairs(unsigned mtu)
{
	assert_true(wires_do(
		"for n in 0 1; do ip link add far$n mtu %u type veth peer name near$n mtu %u && "
		"ethtool -K far$n tx off gro off >/dev/null && "
		"ethtool -K near$n tx off gro off >/dev/null && "
		"ip link set far$n up && ip link set near$n up || exit 1; done",
		mtu, mtu));
}

static void start_lane(void)
{
	static const char *const near[] = {"near0", "near1"};
	struct rte_mempool *pool = bed.rig.shared.pool;
	char error[1024] = "";

	memset(&bed.rig, 0, sizeof(bed.rig));
	mw_clock_start(&bed.clock);
	bed.rig.shared.pool = pool;
	bed.rig.shared.clock = &bed.clock;
	bed.rig.shared.smtp_ports = &bed.smtp_ports;
	for (uint8_t role = 0; role < 2; role++) {
		bed.options.device[role] = near[role];
		if (mw_io_port_open(&bed.rig.port[role], role, &bed.options, &bed.plan, pool,
			    stderr, error, sizeof(error)) != 0)
			fail_msg("%s", error);
	}
	assert_int_equal(mw_io_rig_make(&bed.rig, &bed.plan, 1024, error, sizeof(error)), 0);
	for (uint16_t i = 0; i < bed.rig.shared.lanes; i++) {
		struct mw_lane_sink sink = {.ctx = bed.rig.worker[i], .transmit = mw_io_transmit};

		fake_lane_init(&bed.lane[i], i, &sink);
		bed.rig.worker[i]->lane = fake_lane_cast(&bed.lane[i]);
	}
	assert_int_equal(mw_io_rig_launch(&bed.rig), 0);
}

/* Frame number `i` of a direction: a random body behind a plausible head, every fourth tagged, the
 * longest among them as long as the MTU allows. */
static size_t compose(uint8_t *frame, uint64_t seed, uint32_t i, size_t mtu)
{
	uint64_t state = seed + i;
	size_t tag = i % 4 == 0 ? 4 : 0, len = 60 + bed_random(&state) % (mtu + 14 - 60 + 1);

	if (i % 16 < 2)
		len = mtu + 14;
	for (size_t k = 12; k < len + tag; k++)
		frame[k] = (uint8_t)bed_random(&state);
	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	if (tag)
		memcpy(frame + 12, "\x81\0\0\x64", 4);
	memcpy(frame + 12 + tag, "\x88\xb5", 2); /* IEEE local experimental */
	memcpy(frame + 14 + tag, &i, sizeof(i));
	return len + tag;
}

/* Sends `count` frames each way, a few at a time, and wants every one of them back in order. */
static void exchange(uint64_t seed, uint32_t count, size_t mtu)
{
	int fd[2] = {wires_open("far0"), wires_open("far1")};
	uint32_t sent[2] = {0, 0}, got[2] = {0, 0};
	uint8_t frame[16384], want[16384];

	assert_true(fd[0] >= 0 && fd[1] >= 0);
	for (int idle = 0; idle < 4000 && got[0] + got[1] < 2 * count;) {
		bool moved = false;

		for (int side = 0; side < 2; side++) {
			uint64_t s = side ? ~seed : seed;
			size_t len;

			if (sent[side] < count && sent[side] < got[side] + 32) {
				len = compose(frame, s, sent[side], mtu);
				if (send(fd[side], frame, len, 0) == (ssize_t)len) {
					sent[side]++;
					moved = true;
				}
			}
			len = wires_receive(fd[!side], frame, sizeof(frame));
			if (len == 0)
				continue;
			assert_int_equal(len, compose(want, s, got[side], mtu));
			assert_memory_equal(frame, want, len);
			got[side]++;
			moved = true;
		}
		idle = moved ? 0 : idle + 1;
		if (!moved)
			usleep(200);
	}
	assert_int_equal(got[0], count);
	assert_int_equal(got[1], count);
	close(fd[0]);
	close(fd[1]);
}

static void hold_most_buffers(void)
{
	while (rte_mempool_avail_count(bed.rig.shared.pool) > 12000)
		assert_non_null(rte_pktmbuf_alloc(bed.rig.shared.pool));
}

static void frames_pass_bit_for_bit(void **state)
{
	struct mw_io_counters sum;
	uint64_t seed = bed_seed();
	/* The largest that is accepted, so that a wrong reckoning of the room is a lost frame. */
	unsigned mtu = largest_mtu();

	if (!allowed)
		skip();
	/* The buffers used here are the last of the pool, those that would be out of reach for the
	 * kernel if the pool had gaps. */
	hold_most_buffers();
	set_up_pairs(mtu);
	start_lane();
	exchange(seed, 1500, mtu);
	mw_io_rig_stop(&bed.rig);
	mw_io_rig_sum(&bed.rig, &sum);
	assert_true(sum.rx_packets >= 3000);
	assert_true(bed_conserved(&sum));
	mw_io_rig_free(&bed.rig);
	mw_io_port_close(&bed.rig.port[0]);
	mw_io_port_close(&bed.rig.port[1]);
	/* Once more on the same interfaces: what was taken away came off cleanly. (The AF_XDP
	 * driver of DPDK 22.11 keeps its socket until the process ends.) */
	if (!xdp) {
		start_lane();
		exchange(seed, 200, mtu);
		mw_io_rig_stop(&bed.rig);
		mw_io_rig_free(&bed.rig);
		mw_io_port_close(&bed.rig.port[0]);
		mw_io_port_close(&bed.rig.port[1]);
	}
	assert_true(wires_do("ip link del far0; ip link del far1"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_devices_are_named_with_a_remedy),
		cmocka_unit_test(an_unknown_virtual_device_is_named),
		cmocka_unit_test(an_mtu_that_does_not_fit_is_refused),
		cmocka_unit_test(frames_pass_bit_for_bit),
	};
	int failed;

	xdp = argc > 1 && strcmp(argv[1], "af_xdp") == 0;
	allowed = wires_enter();
	if (xdp && mw_device_af_xdp() != MW_ACCESS_OK)
		allowed = false;
	bed_eal(&bed, 1);
	bed.options.driver = xdp ? MW_DRIVER_AF_XDP : MW_DRIVER_AF_PACKET;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	mw_eal_stop();
	return failed;
}
