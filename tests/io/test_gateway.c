/*
 * Three ports, as many lanes as the argument says, and the keeper of the gateway among them: what
 * is its own finds it whichever lane receives it, what it finds out reaches every lane, what is not
 * its own leaves as it came; and packets whose layer 2 header the lane exchanges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/io/keeper.h"
#include "dataplane/proto/segment.h"
#include "tests/io/bed.h"

static struct bed bed;
static uint16_t lanes;
static uint64_t now_ns;
static struct mw_divert_settings settings;
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 10}, gateway_mac[6] = {2, 0, 0, 0, 0, 0xff},
		     all[6] = {255, 255, 255, 255, 255, 255};

static void tell_settings(void)
{
	for (uint16_t i = 0; i < lanes; i++)
		mw_io_keeper_settings(bed.rig.worker[i], &settings);
}

static void begin(void)
{
	bed.divert = true;
	bed_make(&bed, 256, 1024);
	memcpy(bed.rig.shared.divert_mac, our_mac, 6);
	assert_int_equal(mw_io_keeper_make(bed.rig.worker[MW_IO_KEEPER_LANE]), 0);
	now_ns += 1000 * MW_NS_PER_S;
	settings = (struct mw_divert_settings){
		.check_every_ms = 1000, .check_timeout_ms = 300, .fall = 1, .rise = 1};
	assert_int_equal(mw_ip_parse("192.0.2.2", &settings.gateway_v4), 0);
	assert_int_equal(mw_ip_parse("192.0.2.1", &settings.address_v4), 0);
}

static void turn(void)
{
	uint32_t done, quiet = 0;

	now_ns += MW_NS_PER_MS;
	while (quiet < 2) {
		done = 0;
		for (uint16_t i = 0; i < lanes; i++)
			done += mw_io_worker_turn(bed.rig.worker[i], now_ns);
		quiet = done > 0 ? 0 : quiet + 1;
	}
}

static void end(void)
{
	struct mw_io_counters sum;
	struct rte_mbuf *m;

	turn();
	mw_io_rig_sum(&bed.rig, &sum);
	assert_true(bed_conserved(&sum));
	for (int role = 0; role < 3; role++) {
		while ((m = bed_get(&bed, role)) != NULL)
			rte_pktmbuf_free(m);
	}
	bed_free(&bed);
	bed.divert = false;
}

static uint64_t talked(void)
{
	uint64_t sum = 0;

	for (uint16_t i = 0; i < lanes; i++)
		sum += bed.lane[i].counters.reason[MW_REASON_GATEWAY_TALK];
	return sum;
}

/* What has come out of a port: exactly this, and nothing behind it. */
static void expect(int role, const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = bed_get(&bed, role);

	assert_non_null(m);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->data_len, len);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, len);
	rte_pktmbuf_free(m);
	assert_null(bed_get(&bed, role));
}

static uint32_t arp(
	uint8_t *out, const uint8_t *to, uint8_t operation, uint8_t from_host, uint8_t about_host)
{
	memset(out, 0, 60);
	memcpy(out, to, 6);
	memcpy(out + 6, gateway_mac, 6);
	memcpy(out + 12, "\x08\x06\0\1\x08\0\6\4\0", 9);
	out[21] = operation;
	memcpy(out + 22, gateway_mac, 6);
	memcpy(out + 28, "\xc0\0\2", 3);
	out[31] = from_host;
	memcpy(out + 38, "\xc0\0\2", 3);
	out[41] = about_host;
	return 60;
}

static uint32_t tcp(uint8_t *out, const uint8_t *to, const char *dst, uint16_t dport, uint32_t ack,
	uint8_t flags)
{
	struct mw_segment s = {
		.l2_len = 14, .ttl = 64, .sport = 25, .dport = dport, .ack = ack, .flags = flags};

	assert_int_equal(mw_ip_parse("192.0.2.2", &s.src), 0);
	assert_int_equal(mw_ip_parse(dst, &s.dst), 0);
	memcpy(s.l2, to, 6);
	memcpy(s.l2 + 6, gateway_mac, 6);
	memcpy(s.l2 + 12, "\x08", 2);
	return mw_segment_write(&s, mw_span_of(NULL, 0), out, 128);
}

/* Frames the keeper has sent; of a SYN among them, the port and the number it is answered with. */
static uint32_t heard(uint16_t *port, uint32_t *ack)
{
	struct rte_mbuf *m;
	uint32_t n = 0;

	for (; (m = bed_get(&bed, MW_PORT_DIVERT)) != NULL; n++) {
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

		assert_memory_equal(p + 6, our_mac, 6);
		if (p[12] == 8 && p[13] == 0 && p[23] == 6 && p[47] == 2) {
			*port = (uint16_t)(p[34] << 8 | p[35]);
			*ack = ((uint32_t)p[38] << 24 | (uint32_t)p[39] << 16 |
				       (uint32_t)p[40] << 8 | p[41]) +
			       1;
		}
		rte_pktmbuf_free(m);
	}
	return n;
}

static void what_the_keeper_knows_reaches_every_lane(void **state)
{
	uint8_t frame[128];
	uint16_t port = 0;
	uint32_t ack = 0, len;

	begin();
	turn();
	assert_int_equal(heard(&port, &ack), 0); /* no settings yet */
	settings.check_port = 25;
	tell_settings();
	turn();
	for (uint16_t i = 0; i < lanes; i++) {
		assert_true(bed.lane[i].gateway.configured);
		assert_false(bed.lane[i].gateway.known);
	}
	assert_true(heard(&port, &ack) >= 1);
	len = arp(frame, our_mac, 2, 2, 1);
	assert_true(bed_put(&bed, MW_PORT_DIVERT, frame, len));
	turn();
	turn(); /* the others look at the beginning of their turn */
	for (uint16_t i = 0; i < lanes; i++) {
		assert_true(bed.lane[i].gateway.known);
		assert_false(bed.lane[i].gateway.up);
		assert_memory_equal(bed.lane[i].gateway.mac, gateway_mac, 6);
		assert_int_equal(bed.lane[i].gateway_told, 2); /* only what is new */
	}
	assert_int_equal(talked(), 1);
	/* The check goes to an SMTP port, and yet its answers find the keeper: a hundred of them,
	 * whatever lane their ports belong to. */
	for (int i = 0; i < 100; i++) {
		port = 0;
		for (int k = 0; k < 1200 && port == 0; k++) {
			turn();
			heard(&port, &ack);
		}
		assert_int_not_equal(port, 0);
		len = tcp(frame, our_mac, "192.0.2.1", port, ack, 0x14); /* refused */
		assert_true(bed_put(&bed, MW_PORT_DIVERT, frame, len));
		atomic_store(&bed.rig.shared.gateway_why, MW_GATEWAY_NOT_YET);
		turn();
		assert_int_equal(atomic_load(&bed.rig.shared.gateway_why), MW_GATEWAY_REFUSED);
		assert_int_equal(talked(), 2 * (uint64_t)i + 2);
		/* Its refresh falls into this time as well. */
		len = arp(frame, our_mac, 2, 2, 1);
		assert_true(bed_put(&bed, MW_PORT_DIVERT, frame, len));
		turn();
		assert_int_equal(talked(), 2 * (uint64_t)i + 3);
	}
	assert_null(bed_get(&bed, MW_PORT_INSIDE));
	assert_null(bed_get(&bed, MW_PORT_OUTSIDE));
	/* Without a check it is up, and with other settings nothing of that is left. */
	settings.check_port = 0;
	memcpy(settings.mac, gateway_mac, 6);
	tell_settings();
	turn();
	turn();
	for (uint16_t i = 0; i < lanes; i++)
		assert_true(bed.lane[i].gateway.up);
	memset(&settings, 0, sizeof(settings));
	tell_settings();
	turn();
	turn();
	for (uint16_t i = 0; i < lanes; i++)
		assert_false(bed.lane[i].gateway.up || bed.lane[i].gateway.known ||
			     bed.lane[i].gateway.configured);
	assert_int_equal(atomic_load(&bed.rig.shared.gateway_changes), 2);
	end();
}

/* The gateway is a host of the outside link: what it says to others is theirs, bit for bit. */
static void what_is_not_the_keepers_passes(void **state)
{
	uint8_t frame[128];
	uint32_t len;

	begin();
	tell_settings();
	turn();
	len = arp(frame, all, 1, 2, 9); /* who has .9? */
	assert_true(bed_put(&bed, MW_PORT_DIVERT, frame, len));
	turn();
	expect(MW_PORT_OUTSIDE, frame, len);
	for (uint16_t port = 20000; port < 20032; port++) { /* of every lane */
		len = tcp(frame, all, "198.51.100.7", port, 1, 0x10);
		assert_true(bed_put(&bed, MW_PORT_DIVERT, frame, len));
		turn();
		expect(MW_PORT_OUTSIDE, frame, len);
	}
	/* From the other ports nothing is the keeper's, even if it looks like that. */
	len = arp(frame, our_mac, 2, 2, 1);
	assert_true(bed_put(&bed, MW_PORT_OUTSIDE, frame, len));
	turn();
	expect(MW_PORT_INSIDE, frame, len);
	assert_int_equal(talked(), 0);
	assert_false(bed.lane[0].gateway.known);
	end();
}

/* Without a port to it there is no keeper, and whatever the settings say, lanes know of none. */
static void without_a_port_there_is_no_gateway(void **state)
{
	bed.divert = false;
	bed_make(&bed, 256, 1024);
	now_ns += 1000 * MW_NS_PER_S;
	tell_settings();
	for (int i = 0; i < 100; i++)
		turn();
	for (uint16_t i = 0; i < lanes; i++)
		assert_int_equal(bed.lane[i].gateway_told, 0);
	end();
}

static void layer_2_headers_grow_and_shrink(void **state)
{
	uint8_t frame[1600], want[1604];
	uint64_t seed = bed_seed();

	begin();
	for (int i = 0; i < 500; i++) {
		uint32_t len = 70 + (uint32_t)(bed_random(&seed) % 1440), flow = (uint32_t)i % 64;
		bool grow = (bed_random(&seed) & 1) != 0;

		len = bed_tcp(frame, len, flow, false, grow ? MARK_GROW : MARK_SHRINK, (uint32_t)i);
		memcpy(want, FAKE_GROWTH, 4);
		memcpy(want + 4, frame, len);
		assert_true(bed_put(&bed, MW_PORT_INSIDE, frame, len));
		turn();
		if (grow)
			expect(MW_PORT_OUTSIDE, want, len + 4);
		else
			expect(MW_PORT_OUTSIDE, frame + 4, len - 4);
	}
	end();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_keeper_knows_reaches_every_lane),
		cmocka_unit_test(what_is_not_the_keepers_passes),
		cmocka_unit_test(without_a_port_there_is_no_gateway),
		cmocka_unit_test(layer_2_headers_grow_and_shrink),
	};

	lanes = (uint16_t)(argc > 1 ? atoi(argv[1]) : 1);
	now_ns = 1700000000ull * MW_NS_PER_S;
	bed_eal(&bed, lanes);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
