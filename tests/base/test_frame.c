/*
 * Frames: every encapsulation that is opened, segments written and read back, checksums against a
 * slow model, and octets of any kind without a crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/proto/checksum.h"
#include "dataplane/proto/frame.h"
#include "dataplane/proto/segment.h"

static uint64_t rng_state = 20261122;

static uint32_t rnd(uint32_t below)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng_state >> 33) % below;
}

/* RFC 1071 as it stands there: one 16-bit word after the other. */
static uint16_t slow_checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)(p[i] << 8 | (i + 1 < len ? p[i + 1] : 0));
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void checksum_is_the_slow_one(void **state)
{
	uint8_t data[3000];

	for (int round = 0; round < 2000; round++) {
		size_t len = rnd(sizeof(data));

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)(rnd(round % 2 == 0 ? 256 : 2) *
					    (round % 5 == 0 ? 255 : 1));
		assert_int_equal(
			mw_checksum_fold(mw_checksum_add(0, data, len)), slow_checksum(data, len));
	}
}

static size_t layer2(uint8_t *out, int kind, bool v6)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	size_t at = 12;

	memcpy(out, macs, 12);
	if (kind == 1 || kind == 2) {
		uint16_t outer = kind == 1 ? 0x8100 : 0x88a8;

		out[at++] = (uint8_t)(outer >> 8);
		out[at++] = (uint8_t)outer;
		out[at++] = 0x20; /* priority bits are no part of the number */
		out[at++] = 100;
	}
	if (kind == 2) {
		out[at++] = 0x81;
		out[at++] = 0x00;
		out[at++] = 0;
		out[at++] = 7;
	}
	if (kind == 3) {
		memcpy(out + at, "\x88\x64\x11\x00\x12\x34\x00\x00", 8);
		at += 8;
		out[at++] = 0;
		out[at++] = v6 ? 0x57 : 0x21;
		return at;
	}
	out[at++] = v6 ? 0x86 : 0x08;
	out[at++] = v6 ? 0xdd : 0x00;
	return at;
}

static void written_and_read_back(void **state)
{
	for (int kind = 0; kind < 4; kind++) {
		for (int v6 = 0; v6 < 2; v6++) {
			struct mw_segment s = {.v6 = v6 != 0,
				.ttl = 61,
				.sport = 40000,
				.dport = 25,
				.seq = 0xfffffff0,
				.ack = 77,
				.flags = MW_TCP_ACK | MW_TCP_PSH,
				.window = 501,
				.has_ts = kind % 2 == 0,
				.tsval = 9,
				.tsecr = 8};
			struct mw_frame f;
			uint8_t out[2000];
			uint32_t len;

			mw_ip_parse(v6 ? "2001:db8::1" : "192.0.2.1", &s.src);
			mw_ip_parse(v6 ? "2001:db8::2" : "198.51.100.2", &s.dst);
			s.l2_len = (uint8_t)layer2(s.l2, kind, v6 != 0);
			len = mw_segment_write(&s, mw_span_str("hello, world"), out, sizeof(out));
			assert_true(len > 0);
			assert_int_equal(mw_frame_parse(out, len, len, &f), MW_FRAME_TCP);
			assert_true(mw_ip_eq(&f.src, &s.src) && mw_ip_eq(&f.dst, &s.dst));
			assert_int_equal(f.sport, 40000);
			assert_int_equal(f.dport, 25);
			assert_int_equal(f.seq, s.seq);
			assert_int_equal(f.ack, 77);
			assert_int_equal(f.ttl, 61);
			assert_int_equal(f.has_ts, s.has_ts);
			assert_int_equal(f.payload_len, 12);
			assert_memory_equal(out + f.payload, "hello, world", 12);
			assert_int_equal(f.vlan_outer, kind == 1 || kind == 2 ? 100 : 0);
			assert_int_equal(f.vlan_inner, kind == 2 ? 7 : 0);
			assert_true(mw_checksum_tcp_good(out, &f));
			if (!v6)
				assert_int_equal(slow_checksum(out + f.l3, 20), 0);
			out[f.payload] ^= 1;
			assert_false(mw_checksum_tcp_good(out, &f));
			mw_checksum_rewrite(out, &f, 5); /* cut, and made good again */
			assert_int_equal(mw_frame_parse(out, f.payload + 5u, f.payload + 5u, &f),
				MW_FRAME_TCP);
			assert_int_equal(f.payload_len, 5);
			assert_true(mw_checksum_tcp_good(out, &f));
		}
	}
}

static void padding_and_snap_length(void **state)
{
	struct mw_segment s = {.ttl = 64, .sport = 1, .dport = 25, .flags = MW_TCP_ACK};
	struct mw_frame f;
	uint8_t out[2000] = {0};
	uint32_t len;

	mw_ip_parse("192.0.2.1", &s.src);
	mw_ip_parse("192.0.2.2", &s.dst);
	s.l2_len = (uint8_t)layer2(s.l2, 0, false);
	len = mw_segment_write(&s, mw_span_str("x"), out, sizeof(out));
	assert_int_equal(mw_frame_parse(out, 60, 60, &f), MW_FRAME_TCP);
	assert_int_equal(f.payload_len, 1); /* the rest is Ethernet's padding */
	assert_int_equal(f.payload_have, 1);
	s.has_ts = true;
	len = mw_segment_write(&s, mw_span_str("0123456789"), out, sizeof(out));
	assert_int_equal(mw_frame_parse(out, len - 4, len, &f), MW_FRAME_TCP);
	assert_int_equal(f.payload_len, 10); /* sequence space */
	assert_int_equal(f.payload_have, 6); /* what the capture kept of it */
	assert_int_equal(mw_frame_parse(out, len - 4, len - 4, &f), MW_FRAME_MALFORMED);
}

static void any_octets(void **state)
{
	struct mw_segment s = {
		.ttl = 64, .sport = 1, .dport = 25, .flags = MW_TCP_ACK, .has_ts = true};
	uint8_t good[400];
	uint32_t len;

	mw_ip_parse("192.0.2.1", &s.src);
	mw_ip_parse("192.0.2.2", &s.dst);
	for (int round = 0; round < 200000; round++) {
		struct mw_frame f;
		uint8_t *exact;

		s.v6 = round % 2 != 0;
		s.l2_len = (uint8_t)layer2(s.l2, round % 4, s.v6);
		len = mw_segment_write(&s, mw_span_str("MAIL FROM:<>\r\n"), good, sizeof(good));
		len = rnd(len + 1);
		exact = malloc(
			len == 0 ? 1 : len); /* so that the sanitizer sees one octet too far */
		memcpy(exact, good, len);
		for (int i = 0; i < 3 && len > 0; i++)
			exact[rnd(len)] = (uint8_t)rnd(256);
		if (mw_frame_parse(exact, len, len + rnd(3) * 10, &f) == MW_FRAME_TCP) {
			assert_true(f.payload <= len);
			assert_true(f.payload_have <= f.payload_len);
			assert_true(f.payload + f.payload_have <= len);
			if (f.payload_have == f.payload_len) {
				mw_checksum_tcp_good(exact, &f);
				mw_checksum_rewrite(exact, &f, f.payload_len);
			}
		}
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_is_the_slow_one),
		cmocka_unit_test(written_and_read_back),
		cmocka_unit_test(padding_and_snap_length),
		cmocka_unit_test(any_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
