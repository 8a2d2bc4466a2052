/* The cases environment: transactions, order of keys, timers, audit chain, evidence, lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/store/audit.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/timers.h"
#include "controlplane/store/verdicts.h"
#include "world.h"

static struct world *fresh(void)
{
	static struct world w;

	world_dir(&w, "store");
	world_open(&w);
	return &w;
}

static void done(struct world *w)
{
	world_close(w);
	world_remove(w);
}

static void first_error_sticks(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn = mw_cases_write(&w->cases);

	mw_meta_set(&txn, "a", 1);
	mw_cases_fail(&txn, -EPROTO);
	mw_cases_fail(&txn, -EIO);
	mw_meta_set(&txn, "b", 2);
	assert_int_equal(mw_cases_commit(&txn), -EPROTO);
	txn = mw_cases_read(&w->cases);
	assert_int_equal(mw_meta_get(&txn, "a"), 0);
	assert_int_equal(mw_meta_get(&txn, "b"), 0);
	mw_cases_abort(&txn);
	done(w);
}

static void last_of_a_prefix(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn = mw_cases_write(&w->cases);
	const uint64_t top[] = {0x01ff, UINT64_MAX, 7};

	for (size_t i = 0; i < 3; i++) {
		struct mw_key prefix = mw_key_u64(top[i]);
		struct mw_walk walk;

		walk = mw_walk_from(&txn, MW_TABLE_HISTORY, mw_key_span(&prefix));
		assert_false(mw_walk_last(&walk, mw_key_span(&prefix)));
		mw_walk_end(&walk);
		for (uint64_t n = 1; n <= 300; n++) {
			struct mw_key key = mw_key_u64_u64(top[i], n);

			mw_cases_put(&txn, MW_TABLE_HISTORY, mw_key_span(&key), mw_span_str("x"));
		}
		walk = mw_walk_from(&txn, MW_TABLE_HISTORY, mw_key_span(&prefix));
		assert_true(mw_walk_last(&walk, mw_key_span(&prefix)));
		assert_int_equal(mw_key_read_u64(walk.key + 8), 300);
		mw_walk_end(&walk);
	}
	mw_cases_abort(&txn);
	done(w);
}

static void timers_in_order_once(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn = mw_cases_write(&w->cases);
	struct mw_timer timer = {.owner = MW_TIMER_OF_TICKET};
	uint64_t before = 0;
	unsigned taken = 0;

	/* 7 is coprime to 500: each due time once, in a wild order. */
	for (uint64_t i = 0; i < 500; i++) {
		timer.id = i;
		timer.kind = 3;
		timer.due_s = 1000 + i * 7 % 500;
		timer.data = i;
		mw_timer_set(&txn, &timer);
	}
	timer.id = 4; /* moved: it must be due at its new time only */
	timer.due_s = 5000;
	mw_timer_set(&txn, &timer);
	mw_timer_clear(&txn, MW_TIMER_OF_TICKET, 5, 3);
	timer.id = 6;
	timer.kind = 4;
	timer.due_s = 1001;
	mw_timer_set(&txn, &timer);
	mw_timer_clear_all(&txn, MW_TIMER_OF_TICKET, 6);
	assert_int_equal(mw_timer_next_due(&txn), 1000);
	while (mw_timer_take_due(&txn, 2000, &timer)) {
		assert_true(timer.due_s >= before);
		assert_true(timer.id != 4 && timer.id != 5 && timer.id != 6);
		before = timer.due_s;
		taken++;
	}
	assert_int_equal(taken, 497);
	assert_int_equal(mw_timer_next_due(&txn), 5000);
	assert_false(mw_timer_take_due(&txn, 4999, &timer));
	assert_true(mw_timer_take_due(&txn, 5000, &timer));
	assert_int_equal(mw_timer_next_due(&txn), UINT64_MAX);
	assert_int_equal(mw_cases_commit(&txn), 0);
	done(w);
}

/* One octet of one entry altered, an entry removed, the end cut off: each is seen. */
static void audit_sees_tampering(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn = mw_cases_write(&w->cases);
	struct mw_audit_check check;
	struct mw_span value;
	uint8_t copy[1024];
	size_t len;

	for (unsigned i = 0; i < 40; i++)
		mw_audit_add(&txn, NOON + i, "alice", "note", "MW-2026-000001", "a detail");
	assert_int_equal(mw_cases_commit(&txn), 0);
	txn = mw_cases_read(&w->cases);
	mw_audit_verify(&txn, &check);
	assert_int_equal(check.bad_seq, 0);
	assert_int_equal(check.entries, 40);
	mw_cases_abort(&txn);
	for (uint64_t seq = 1; seq <= 40; seq += 13) {
		struct mw_key key = mw_key_u64(seq);

		txn = mw_cases_write(&w->cases);
		assert_true(mw_cases_get(&txn, MW_TABLE_AUDIT, mw_key_span(&key), &value));
		len = value.len;
		memcpy(copy, value.data, len);
		for (size_t at = 9; at < len; at += 11) {
			copy[at] ^= 1;
			mw_cases_put(
				&txn, MW_TABLE_AUDIT, mw_key_span(&key), mw_span_of(copy, len));
			mw_audit_verify(&txn, &check);
			assert_int_equal(check.bad_seq, seq);
			copy[at] ^= 1;
		}
		mw_cases_del(&txn, MW_TABLE_AUDIT, mw_key_span(&key));
		mw_audit_verify(&txn, &check);
		assert_int_equal(check.bad_seq, seq);
		mw_cases_abort(&txn);
	}
	done(w);
}

static void evidence_is_bounded(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn = mw_cases_write(&w->cases);
	static struct mw_event event;
	uint64_t number, before = 0, kept = 0, recent = MW_EVIDENCE_RECENT(3);
	struct mw_walk walk;

	event.kind = MW_EVENT_MESSAGE;
	for (unsigned i = 0; i < 1000; i++) {
		event.message.time_us = i;
		mw_evidence_add(&txn, recent, &event, 200);
	}
	mw_evidence_freeze(&txn, 3, 42, 150);
	assert_int_equal(mw_evidence_count(&txn, recent), 0);
	assert_int_equal(mw_evidence_count(&txn, 42), 200);
	walk = mw_evidence_walk(&txn, 42);
	while (mw_evidence_next(&walk, 42, &number, &event)) {
		assert_true(number > before);
		before = number;
		kept++;
	}
	mw_walk_end(&walk);
	assert_int_equal(kept, 150);
	assert_int_equal(event.message.time_us, 999);
	assert_int_equal(mw_evidence_remove(&txn, 42), kept);
	assert_int_equal(mw_cases_commit(&txn), 0);
	done(w);
}

static void a_line_has_one_owner(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn;
	struct mw_desk_customer a, b;
	struct mw_line_key lines[2] = {0};
	struct mw_policy_txn policy;
	struct mw_line_record found;
	char owner[MW_CUSTOMER_ID_MAX];

	world_customer(w, "a", "192.0.2.0/28", 1);
	world_customer(w, "b", "192.0.2.16/28", 1);
	assert_int_equal(mw_prefix_parse("192.0.2.0/28", &lines[0].prefix), 0);
	lines[1].is_vlan = true;
	lines[1].vlan_outer = 100;
	lines[1].vlan_inner = 7;
	txn = mw_cases_write(&w->cases);
	assert_true(mw_customer_get(&txn, "a", &a));
	assert_true(mw_customer_get(&txn, "b", &b));
	assert_int_not_equal(a.index, b.index);
	assert_int_equal(mw_customer_set_lines(&txn, &b, lines, 2, owner), -EEXIST);
	assert_string_equal(owner, "a");
	/* Given up by one, it may go to the other. */
	assert_int_equal(mw_customer_set_lines(&txn, &a, NULL, 0, owner), 0);
	assert_int_equal(mw_customer_set_lines(&txn, &b, lines, 2, owner), 0);
	assert_int_equal(b.line_count, 2);
	assert_int_equal(mw_cases_commit(&txn), 0);
	assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
	assert_int_equal(mw_policy_begin_read(&w->policy, &policy), 0);
	assert_true(mw_policy_get_line(&policy, &lines[0], &found));
	assert_int_equal(found.customer_index, b.index);
	assert_true(mw_policy_get_line(&policy, &lines[1], &found));
	assert_int_equal(mw_policy_line_count(&policy), 2);
	mw_policy_end(&policy);
	done(w);
}

static void validity_moves_lines(void **state)
{
	struct world *w = fresh();
	struct mw_cases_txn txn;
	struct mw_desk_customer a;
	struct mw_line_key line = {0};
	struct mw_policy_txn policy;
	struct mw_line_record found;
	struct mw_timer timer = {.owner = MW_TIMER_OF_VALIDITY, .due_s = NOON + 100, .kind = 1};

	world_customer(w, "a", "192.0.2.0/28", 0);
	assert_int_equal(mw_prefix_parse("192.0.2.0/28", &line.prefix), 0);
	txn = mw_cases_write(&w->cases);
	assert_true(mw_customer_get(&txn, "a", &a));
	a.valid_to_s = NOON + 100;
	mw_customer_put(&txn, &a);
	mw_timer_set(&txn, &timer);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(w);
	assert_int_equal(mw_policy_begin_read(&w->policy, &policy), 0);
	assert_true(mw_policy_get_line(&policy, &line, &found));
	mw_policy_end(&policy);
	w->now_s = NOON + 100;
	world_turn(w);
	assert_int_equal(mw_policy_begin_read(&w->policy, &policy), 0);
	assert_false(mw_policy_get_line(&policy, &line, &found));
	mw_policy_end(&policy);
	done(w);
}

/* A lost or foreign policy environment: the one is made anew, the other refused. */
static void policy_is_derived(void **state)
{
	struct world *w = fresh();
	struct mw_verdict_record rec;
	struct mw_cases_txn txn;
	char command[600];

	world_customer(w, "a", "192.0.2.0/28", 1);
	world_customer(w, "b", "192.0.2.16/28", 1);
	txn = mw_cases_write(&w->cases);
	mw_core_desk_verdict(
		&w->core, &txn, 1, MW_VERDICT_REJECT, "test", "alice", NOON + 50, NOON);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(w);
	assert_int_equal(world_verdict(w, 1, &rec), MW_VERDICT_REJECT);
	assert_true(rec.reply[0] != '\0');
	world_close(w);
	snprintf(command, sizeof(command), "rm -rf '%.255s/policy'", w->dir);
	assert_int_equal(system(command), 0);
	world_open(w);
	assert_int_equal(world_verdict(w, 1, &rec), MW_VERDICT_REJECT);
	assert_int_equal(rec.expires_s, NOON + 50);
	assert_int_equal(world_verdict(w, 0, &rec), MW_VERDICT_PASS);
	/* It expires by its timer, also when nobody comes by at the very second. */
	w->now_s = NOON + 60;
	world_turn(w);
	assert_int_equal(world_verdict(w, 1, &rec), MW_VERDICT_PASS);
	done(w);
}

/* Full: events wait where they are, the desk goes on; with room again nothing is missing. */
static void full_and_room_again(void **state)
{
	static uint8_t block[200 * 1024];
	static struct world w;
	struct mw_cases_txn txn;
	uint64_t n = 0;

	world_dir(&w, "full");
	w.cases_mib = 4;
	world_open(&w);
	world_customer(&w, "a", "192.0.2.0/28", 1);
	world_spam(&w, 0, 40, NOON);
	while (mw_env_may_insert(&w.cases.env)) {
		struct mw_key key = mw_key_u64(++n);

		txn = mw_cases_write(&w.cases);
		mw_cases_put(
			&txn, MW_TABLE_ALARMS, mw_key_span(&key), mw_span_of(block, sizeof(block)));
		assert_int_equal(mw_cases_commit(&txn), 0);
	}
	assert_true(n > 5);
	assert_int_equal(mw_core_ingest(&w.core, &w.events, NOON + 60), -ENOSPC);
	assert_int_equal(w.core.counters.events_consumed, 0);
	txn = mw_cases_write(&w.cases);
	mw_core_desk_verdict(&w.core, &txn, 0, MW_VERDICT_REJECT, "by hand", "alice", 0, NOON);
	assert_int_equal(mw_cases_commit(&txn), 0);
	/* To the brim: a commit that does not fit leaves nothing behind. */
	txn = mw_cases_write(&w.cases);
	mw_meta_set(&txn, "half", 1);
	for (uint64_t i = 0; i < 40; i++) {
		struct mw_key key = mw_key_u64(1000 + i);

		mw_cases_put(
			&txn, MW_TABLE_ALARMS, mw_key_span(&key), mw_span_of(block, sizeof(block)));
	}
	assert_int_equal(mw_cases_commit(&txn), -ENOSPC);
	txn = mw_cases_read(&w.cases);
	assert_int_equal(mw_meta_get(&txn, "half"), 0);
	mw_cases_abort(&txn);
	for (; n > 0; n--) {
		struct mw_key key = mw_key_u64(n);

		txn = mw_cases_write(&w.cases);
		mw_cases_del(&txn, MW_TABLE_ALARMS, mw_key_span(&key));
		assert_int_equal(mw_cases_commit(&txn), 0);
	}
	w.now_s += 60;
	world_turn(&w);
	assert_int_equal(w.core.counters.events_consumed, 40);
	assert_int_not_equal(world_ticket(&w, 0), 0);
	done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_error_sticks),
		cmocka_unit_test(last_of_a_prefix),
		cmocka_unit_test(timers_in_order_once),
		cmocka_unit_test(audit_sees_tampering),
		cmocka_unit_test(evidence_is_bounded),
		cmocka_unit_test(a_line_has_one_owner),
		cmocka_unit_test(validity_moves_lines),
		cmocka_unit_test(policy_is_derived),
		cmocka_unit_test(full_and_room_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
