/*
 * Layer 2: every stack that is followed, each TPID, each depth, one more than that, everything cut
 * short anywhere; what a reply carries back; octets of any kind without a crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/proto/checksum.h"
#include "dataplane/proto/frame.h"
#include "dataplane/proto/segment.h"

static uint64_t rng_state = 20261127;

static uint32_t rnd(uint32_t below)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng_state >> 33) % below;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A stack: tags outermost first, then PPPoE or not, then labels. */
struct stack {
	uint16_t tpid[6];
	uint16_t vlan[6];
	uint32_t tags, labels;
	bool pppoe, short_ppp, multicast;
};

struct built {
	uint32_t len, pppoe, labels;
	uint8_t octets[128];
};

static struct built build(const struct stack *s, bool v6)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	struct built b = {.len = 12};
	uint32_t ip = v6 ? 0x86dd : 0x0800, mpls = s->multicast ? 0x8848 : 0x8847;

	memcpy(b.octets, macs, 12);
	for (uint32_t i = 0; i < s->tags; i++, b.len += 4) {
		put16(b.octets + b.len, s->tpid[i]);
		put16(b.octets + b.len + 2, 0x6000u | s->vlan[i]); /* priority 3 */
	}
	if (s->pppoe) {
		put16(b.octets + b.len, 0x8864);
		b.pppoe = b.len += 2;
		memcpy(b.octets + b.len, "\x11\x00\x12\x34\x00\x00", 6);
		b.len += 6;
		if (s->short_ppp)
			b.octets[b.len++] = v6 ? 0x57 : 0x21;
		else
			put16(b.octets + (b.len += 2) - 2,
				s->labels > 0 ? (s->multicast ? 0x0283 : 0x0281)
				: v6	      ? 0x57
					      : 0x21);
	} else {
		put16(b.octets + b.len, s->labels > 0 ? mpls : ip);
		b.len += 2;
	}
	b.labels = s->labels > 0 ? b.len : 0;
	for (uint32_t i = 0; i < s->labels; i++, b.len += 4) {
		put16(b.octets + b.len, 0x1000 + i);
		b.octets[b.len + 2] = i + 1 == s->labels ? 0x11 : 0x10;
		b.octets[b.len + 3] = 63;
	}
	return b;
}

static uint32_t frame_of(const struct built *b, bool v6, uint8_t *out, uint32_t size)
{
	struct mw_segment s = {.v6 = v6, .ttl = 61, .sport = 40000, .dport = 25};

	s.flags = MW_TCP_ACK;
	mw_ip_parse(v6 ? "2001:db8::1" : "192.0.2.1", &s.src);
	mw_ip_parse(v6 ? "2001:db8::2" : "198.51.100.2", &s.dst);
	assert_true(b->len <= MW_L2_MAX);
	s.l2_len = (uint8_t)b->len;
	memcpy(s.l2, b->octets, b->len);
	return mw_segment_write(&s, mw_span_str("hello, world"), out, size);
}

static uint32_t pppoe_length(const uint8_t *frame, uint32_t pppoe)
{
	return (uint32_t)frame[pppoe + 4] << 8 | frame[pppoe + 5];
}

/* One stack from end to end: written, read, cut, answered, and cut short at every octet. */
static void follow(const struct stack *s, bool v6)
{
	struct built b = build(s, v6);
	struct stack back = *s;
	struct mw_segment answer = {.v6 = v6};
	struct mw_frame f;
	uint8_t out[400];
	uint32_t len = frame_of(&b, v6, out, sizeof(out));

	assert_int_equal(mw_frame_parse(out, len, len, &f), MW_FRAME_TCP);
	assert_int_equal(f.l3, b.len);
	assert_int_equal(f.v6, v6);
	assert_int_equal(f.vlan_outer, s->tags > 0 ? s->vlan[0] : 0);
	assert_int_equal(f.vlan_inner, s->tags > 1 ? s->vlan[1] : 0);
	assert_int_equal(f.dport, 25);
	assert_int_equal(f.payload_len, 12);
	assert_true(mw_checksum_tcp_good(out, &f));
	if (s->pppoe)
		assert_int_equal(pppoe_length(out, b.pppoe), len - b.pppoe - 6);
	mw_checksum_rewrite(out, &f, 5);
	if (s->pppoe)
		assert_int_equal(pppoe_length(out, b.pppoe), len - 7 - b.pppoe - 6);
	for (uint32_t i = 0; i < b.len; i++) /* nothing but that length was touched */
		if (b.pppoe == 0 || (i != b.pppoe + 4 && i != b.pppoe + 5))
			assert_int_equal(out[i], b.octets[i]);
	for (uint32_t cut = 0; cut < b.len; cut++) {
		uint8_t *exact = malloc(cut == 0 ? 1 : cut);

		memcpy(exact, out, cut);
		assert_int_equal(mw_frame_parse(exact, cut, cut, &f), MW_FRAME_OTHER);
		free(exact);
	}
	assert_int_equal(mw_frame_parse(out, len - 7, len - 7, &f), MW_FRAME_TCP);
	assert_true(mw_segment_keep_l2(&answer, out, &f));
	assert_int_equal(answer.l2_len, b.len);
	assert_memory_equal(answer.l2, out, b.len);

	/* The way back: the same without the labels. */
	back.labels = 0;
	b = build(&back, v6);
	assert_true(mw_segment_answer_l2(&answer, out, &f));
	assert_int_equal(answer.l2_len, b.len);
	assert_memory_equal(answer.l2, b.octets + 6, 6);
	assert_memory_equal(answer.l2 + 6, b.octets, 6);
	for (uint32_t i = 12; i < b.len; i++)
		if (b.pppoe == 0 || (i != b.pppoe + 4 && i != b.pppoe + 5))
			assert_int_equal(answer.l2[i], b.octets[i]);
	len = mw_segment_write(&answer, mw_span_str("ok"), out, sizeof(out));
	assert_int_equal(mw_frame_parse(out, len, len, &f), MW_FRAME_TCP);
	if (s->pppoe)
		assert_int_equal(pppoe_length(out, b.pppoe), len - b.pppoe - 6);
}

static const uint16_t tpids[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};

static void every_stack(void **state)
{
	uint32_t stacks = 0;

	for (uint32_t tags = 0; tags <= MW_VLAN_TAGS_MAX; tags++)
		for (uint32_t labels = 0; labels <= MW_MPLS_LABELS_MAX; labels++)
			for (uint32_t kind = 0; kind < 12; kind++)
				for (uint32_t round = 0; round < 5; round++) {
					struct stack s = {.tags = tags,
						.labels = labels,
						.pppoe = kind % 2 != 0,
						.multicast = kind / 2 % 2 != 0,
						.short_ppp = kind / 4 % 2 != 0 && labels == 0};

					for (uint32_t i = 0; i < tags; i++) {
						s.tpid[i] = tpids[(round + i * kind) % 5];
						s.vlan[i] = (uint16_t)(1 + rnd(4094));
					}
					follow(&s, kind >= 8);
					stacks++;
				}
	assert_int_equal(stacks, 5 * 9 * 12 * 5);
}

/* One more than is followed has a name of its own, and is not opened. */
static void one_too_many(void **state)
{
	struct stack tags = {.tags = MW_VLAN_TAGS_MAX + 1},
		     labels = {.labels = MW_MPLS_LABELS_MAX + 1};
	struct mw_frame f;
	struct built b;

	for (int i = 0; i < 6; i++)
		tags.tpid[i] = 0x88a8;
	b = build(&tags, false);
	assert_int_equal(mw_frame_parse(b.octets, 100, 100, &f), MW_FRAME_DEEP);
	for (uint32_t i = 0; i < 4; i++) {
		labels.pppoe = i % 2 != 0;
		labels.tags = i / 2 * 2;
		labels.tpid[0] = labels.tpid[1] = 0x9300;
		b = build(&labels, false);
		assert_int_equal(mw_frame_parse(b.octets, 100, 100, &f), MW_FRAME_DEEP);
	}
}

/* What is carried over labels and is no IP, what PPPoE carries beside IP, and other sessions. */
static void not_opened(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t octet;
	} rows[] = {
		{22, 0x00},		/* behind the label: a pseudowire's control word */
		{22, 0x10},		/* an associated channel */
		{22, 0x55}, {13, 0x46}, /* another Ethertype */
	};
	struct stack label = {.labels = 1}, session = {.pppoe = true};
	struct built b = build(&label, false);
	struct mw_frame f;
	uint8_t out[400];
	uint32_t len;

	b.len = 18;
	len = frame_of(&b, false, out, sizeof(out));
	assert_int_equal(mw_frame_parse(out, len, len, &f), MW_FRAME_TCP);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t at = rows[i].at == 22 ? 18 : rows[i].at;
		uint8_t old = out[at];

		out[at] = rows[i].octet;
		assert_int_equal(mw_frame_parse(out, len, len, &f), MW_FRAME_OTHER);
		out[at] = old;
	}
	b = build(&session, false);
	len = frame_of(&b, false, out, sizeof(out));
	for (uint32_t at = 14; at < 22; at++) {
		uint8_t old = out[at];

		if (at >= 16 && at < 20)
			continue; /* session and length are not judged */
		out[at] = (uint8_t)(old + 2);
		assert_int_equal(mw_frame_parse(out, len, len, &f), MW_FRAME_OTHER);
		out[at] = old;
	}
}

/* A fragment header that makes a packet its own only fragment hides nothing. */
static void atomic_fragment(void **state)
{
	struct stack plain = {.tags = 0};
	struct built b = build(&plain, true);
	struct mw_frame f;
	uint8_t out[400], with[400];
	uint32_t len = frame_of(&b, true, out, sizeof(out));

	memcpy(with, out, 54);
	memcpy(with + 54, "\x06\x00\x00\x00\x01\x02\x03\x04", 8);
	memcpy(with + 62, out + 54, len - 54);
	with[20] = 44;
	put16(with + 18, len - 54 + 8);
	assert_int_equal(mw_frame_parse(with, len + 8, len + 8, &f), MW_FRAME_TCP);
	assert_int_equal(f.l4, 62);
	assert_int_equal(f.payload_len, 12);
	assert_true(mw_checksum_tcp_good(with, &f));
	with[57] = 1; /* more follow */
	assert_int_equal(mw_frame_parse(with, len + 8, len + 8, &f), MW_FRAME_FRAGMENT);
	assert_int_equal(f.next_at, 20);
	assert_int_equal(f.l4, 62);
	assert_int_equal(f.payload_len, len - 54);
}

static void any_octets(void **state)
{
	for (int round = 0; round < 300000; round++) {
		struct stack s = {.tags = rnd(6), .labels = rnd(10), .pppoe = rnd(2) != 0};
		struct mw_layer2 l2;
		struct mw_frame f;
		struct built b;
		uint8_t *exact, out[MW_L2_MAX];
		uint32_t len = rnd(120);

		for (uint32_t i = 0; i < s.tags; i++)
			s.tpid[i] = tpids[rnd(5)];
		b = build(&s, rnd(2) != 0);
		exact = malloc(len == 0 ? 1 : len);
		for (uint32_t i = 0; i < len; i++)
			exact[i] = i < b.len && rnd(40) != 0 ? b.octets[i] : (uint8_t)rnd(256);
		if (mw_layer2_parse(exact, len, &l2) >= MW_LAYER2_IPV4) {
			assert_true(l2.l3 <= MW_L2_MAX && l2.l3 <= len);
			assert_true(l2.labels <= l2.l3 && l2.pppoe <= l2.l3);
			assert_true(mw_layer2_without_labels(exact, &l2, false, out) <= l2.l3);
			mw_layer2_set_length(exact, l2.l3, 40);
		}
		mw_frame_parse(exact, len, len, &f);
		free(exact);
	}
}

/* A priority in front of a line's tag, or between its two, does not make another line of it. */
static void a_priority_is_no_vlan(void **state)
{
	static const struct stack stacks[] = {{.tags = 2, .vlan = {0, 7}},
		{.tags = 3, .vlan = {0, 7, 9}}, {.tags = 3, .vlan = {7, 0, 9}},
		{.tags = 4, .vlan = {0, 7, 0, 9}}, {.tags = 2, .vlan = {0, 0}}};
	static const uint16_t expected[][2] = {{7, 0}, {7, 9}, {7, 9}, {7, 9}, {0, 0}};

	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
		struct stack s = stacks[i];
		struct mw_layer2 l2;
		struct built b;

		for (uint32_t tag = 0; tag < s.tags; tag++)
			s.tpid[tag] = 0x8100;
		b = build(&s, false);
		assert_int_equal(mw_layer2_parse(b.octets, b.len, &l2), MW_LAYER2_IPV4);
		assert_int_equal(l2.vlan_outer, expected[i][0]);
		assert_int_equal(l2.vlan_inner, expected[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_priority_is_no_vlan),
		cmocka_unit_test(every_stack),
		cmocka_unit_test(one_too_many),
		cmocka_unit_test(not_opened),
		cmocka_unit_test(atomic_fragment),
		cmocka_unit_test(any_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
