/*
 * Customers behind every kind of layer 2: found by their VLAN pair alone, inspected, held and
 * released under the same header, refused by an answer that finds its way back; and what is stacked
 * deeper than is followed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/hand.h"

struct stack {
	const char *name;
	uint32_t len, back_len;
	uint16_t outer, inner;
	/* behind the MACs; the header of an answer, without labels; PPPoE's length is left empty */
	const char *octets, *back;
};

#define PPPOE "\x88\x64\x11\x00\x12\x34\x00\x00"

static const struct stack stacks[] = {
	{"one tag", 6, 6, 100, 0, "\x81\x00\x20\x64\x08\x00", "\x81\x00\x20\x64\x08\x00"},
	{"two tags", 10, 10, 100, 7, "\x88\xa8\x00\x64\x81\x00\x00\x07\x08\x00",
		"\x88\xa8\x00\x64\x81\x00\x00\x07\x08\x00"},
	{"four tags", 18, 18, 100, 7,
		"\x93\x00\x00\x64\x92\x00\x00\x07\x91\x00\x00\x01\x81\x00\x00\x02\x08\x00",
		"\x93\x00\x00\x64\x92\x00\x00\x07\x91\x00\x00\x01\x81\x00\x00\x02\x08\x00"},
	{"two tags, PPPoE", 18, 18, 100, 7, "\x88\xa8\x00\x64\x81\x00\x00\x07" PPPOE "\x00\x21",
		"\x88\xa8\x00\x64\x81\x00\x00\x07" PPPOE "\x00\x21"},
	{"a tag, two labels", 14, 6, 100, 0,
		"\x81\x00\x00\x64\x88\x47\x00\x01\x00\x3f\x00\x02\x01\x3f",
		"\x81\x00\x00\x64\x08\x00"},
	{"two tags, PPPoE, a label", 22, 18, 100, 7,
		"\x88\xa8\x00\x64\x81\x00\x00\x07" PPPOE "\x02\x81\x00\x02\x01\x3f",
		"\x88\xa8\x00\x64\x81\x00\x00\x07" PPPOE "\x00\x21"},
};

static struct hand hand;
static uint8_t made[HAND_FRAME];
static uint32_t made_len, answers;
static enum mw_port made_port;
static void *snapshot_memory;

static void on_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;

	assert_int_equal(mw_frame_parse(frame, len, len, &f), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(frame, &f));
	assert_true(len <= sizeof(made));
	memcpy(made, frame, len);
	made_len = len;
	made_port = port;
	answers++;
}

/* A customer who has no prefix, only his line. */
static void line_of(const struct stack *stack, enum mw_verdict verdict)
{
	static struct mw_policy_settings settings;
	static struct mw_verdict_record record;
	struct mw_customer_record customer = {.index = 0,
		.id = "K1",
		.inspection = MW_INSPECTION_CONTENT,
		.spam_threshold_milli = 2000};
	struct mw_line_record line = {.customer_index = 0,
		.key = {.is_vlan = true, .vlan_outer = stack->outer, .vlan_inner = stack->inner}};
	struct mw_snapshot_input in = {.settings = &settings,
		.customers = &customer,
		.customer_count = 1,
		.lines = &line,
		.line_count = 1,
		.verdicts = &record,
		.verdict_count = 1,
		.generation = 3};
	const struct mw_snapshot *snapshot;
	size_t size;

	mw_policy_settings_default(&settings);
	record = (struct mw_verdict_record){
		.customer_index = 0, .verdict = verdict, .generation = 3};
	size = (mw_snapshot_bytes(&in) + 63) & ~(size_t)63;
	free(snapshot_memory);
	snapshot_memory = aligned_alloc(64, size);
	assert_int_equal(mw_snapshot_build(&in, snapshot_memory, size, &snapshot), 0);
	mw_lane_set_snapshot(hand.rig.lane, snapshot);
}

static void begin(const struct stack *stack, const struct rig_options *options)
{
	hand_open(&hand, options);
	hand.rig.on_frame = on_frame;
	line_of(stack, options->verdict);
	memcpy(hand.client.l2 + 12, stack->octets, stack->len);
	hand.client.l2_len = (uint8_t)(12 + stack->len);
	/* The way back has its own labels, or none. */
	memcpy(hand.server.l2 + 12, stack->back, stack->back_len);
	hand.server.l2_len = (uint8_t)(12 + stack->back_len);
	answers = 0;
}

/* PPPoE's length, the only thing in front of IP that a lane writes. */
static void clear_length(uint8_t *frame, const char *octets, uint32_t len)
{
	for (uint32_t i = 0; i + 8 <= len; i++)
		if (memcmp(octets + i, PPPOE, 4) == 0) {
			uint32_t said = (uint32_t)frame[12 + i + 6] << 8 | frame[12 + i + 7];

			assert_int_equal(said, made_len - (12 + i + 8));
			memset(frame + 12 + i + 6, 0, 2);
		}
}

static void inspected_held_and_released(void **state)
{
	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
		const struct stack *s = &stacks[i];
		struct rig_options options = {.scan_budget_ns = 50000};

		begin(s, &options);
		hand_shake(&hand);
		hand_envelope(&hand);
		assert_int_equal(hand_say(&hand, &hand.client, "BDAT 4 LAST\r\n\r\nab"),
			MW_REASON_TRIMMED_HOLD);
		made_len = hand.packet.len;
		clear_length(hand.frame, s->octets, s->len);
		assert_memory_equal(hand.frame + 12, s->octets, s->len);
		hand_poll(&hand, MW_NS_PER_MS);
		assert_int_equal(answers, 1);
		assert_int_equal(made_port, MW_PORT_OUTSIDE);
		clear_length(made, s->octets, s->len);
		assert_memory_equal(made, hand.client.l2, 12);
		assert_memory_equal(made + 12, s->octets, s->len);
		hand_say(&hand, &hand.server, "250 fine\r\n");
		assert_int_equal(hand.rig.messages, 1);
		hand_close(&hand);
	}
}

static void refused_by_an_answer_that_finds_back(void **state)
{
	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++) {
		const struct stack *s = &stacks[i];
		struct rig_options options = {.verdict = MW_VERDICT_REJECT};

		begin(s, &options);
		assert_int_equal(
			hand_raw(&hand, &hand.client, MW_TCP_SYN, 77, NULL, 0), MW_REASON_ANSWERED);
		assert_false(hand.packet.forward);
		assert_int_equal(answers, 1);
		assert_int_equal(made_port, MW_PORT_INSIDE);
		assert_memory_equal(made, hand.client.l2 + 6, 6);
		assert_memory_equal(made + 6, hand.client.l2, 6);
		clear_length(made, s->back, s->back_len);
		assert_memory_equal(made + 12, s->back, s->back_len);
		hand_close(&hand);
	}
}

/* Another line than the customer's is nobody's. */
static void the_pair_is_the_whole_pair(void **state)
{
	struct rig_options options = {.verdict = MW_VERDICT_REJECT};

	begin(&stacks[1], &options);
	hand.client.l2[12 + 7] = 8;
	assert_int_equal(
		hand_raw(&hand, &hand.client, MW_TCP_SYN, 77, NULL, 0), MW_REASON_FORWARDED);
	assert_true(hand.packet.forward);
	hand_close(&hand);
}

static void deeper_is_counted_and_passes(void **state)
{
	struct rig_options options = {.verdict = MW_VERDICT_REJECT};
	uint8_t frame[200], before[200];

	begin(&stacks[0], &options);
	hand_raw(&hand, &hand.client, MW_TCP_SYN, 77, NULL, 0);
	memset(frame, 0, sizeof(frame));
	memcpy(frame, hand.client.l2, 12);
	for (int tag = 0; tag < MW_VLAN_TAGS_MAX + 1; tag++)
		memcpy(frame + 12 + 4 * tag, "\x81\x00\x00\x64", 4);
	memcpy(frame + 32, "\x08\x00", 2);
	memcpy(frame + 34, hand.frame + 18, 40);
	memcpy(before, frame, sizeof(frame));
	hand.packet = (struct mw_packet){.data = frame, .len = 100, .wire_len = 100};
	mw_lane_packet(hand.rig.lane, hand.now_ns, &hand.packet);
	assert_true(hand.packet.forward);
	assert_int_equal(hand.packet.reason, MW_REASON_L2_DEPTH);
	assert_int_equal(hand.packet.len, 100);
	assert_memory_equal(frame, before, sizeof(frame));
	hand_close(&hand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inspected_held_and_released),
		cmocka_unit_test(refused_by_an_answer_that_finds_back),
		cmocka_unit_test(the_pair_is_the_whole_pair),
		cmocka_unit_test(deeper_is_counted_and_passes),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(snapshot_memory);
	return failed;
}
