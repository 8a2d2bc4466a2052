/* A case from the first spam to its end, and what may happen beside the straight path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/store/audit.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/timers.h"
#include "world.h"

static struct world w;
static struct mw_ticket ticket;

static void load(uint64_t key)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);

	assert_true(mw_ticket_get(&txn, key, &ticket));
	mw_cases_abort(&txn);
}

static unsigned history_lines(uint64_t key, const char *part)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);
	struct mw_walk walk = mw_history_walk(&txn, key);
	struct mw_history entry;
	unsigned found = 0;

	while (mw_history_next(&walk, key, &entry))
		found += strstr(entry.text, part) != NULL ? 1 : 0;
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	return found;
}

static uint64_t next_due(void)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);
	uint64_t due = mw_timer_next_due(&txn);

	mw_cases_abort(&txn);
	return due;
}

static void begin(void)
{
	world_dir(&w, "path");
	world_open(&w);
	world_customer(&w, "acme", "192.0.2.0/24", 2);
	world_customer(&w, "quiet", "198.51.100.0/24", 1);
}

static void end(void)
{
	world_end(&w);
}

/* Up to the moment the clock runs: nobody was reached, the final mail is out. */
static uint64_t until_awaiting(void)
{
	struct mw_task task;
	uint64_t key;

	world_spam(&w, 0, 40, w.now_s);
	w.now_s += 60;
	world_turn(&w);
	key = world_ticket(&w, 0);
	assert_int_not_equal(key, 0);
	assert_true(world_task(&w, MW_TASK_CALL, &task));
	assert_int_equal(world_call(&w, &task, MW_CALL_NO_ANSWER), 0);
	assert_true(world_task(&w, MW_TASK_CALL, &task));
	assert_int_equal(world_call(&w, &task, MW_CALL_VOICEMAIL), 0);
	world_relay(&w, MW_MAIL_ACCEPTED);
	assert_int_equal(world_state(&w, key), MW_TICKET_AWAITING);
	return key;
}

static uint64_t until_disabled(void)
{
	uint64_t key = until_awaiting();

	load(key);
	w.now_s = ticket.deadline_s;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_DISABLED);
	return key;
}

static void straight_path(void **state)
{
	struct mw_verdict_record verdict;
	char number[MW_TICKET_MAX];
	struct mw_task task;
	uint64_t key;

	begin();
	world_spam(&w, 0, 40, w.now_s);
	assert_int_equal(world_ticket(&w, 0), 0);
	w.now_s += 60;
	world_turn(&w);
	key = world_ticket(&w, 0);
	assert_int_not_equal(key, 0);
	assert_int_equal(world_ticket(&w, 1), 0);
	load(key);
	mw_ticket_number_format(&ticket.number, number);
	assert_string_equal(number, "MW-2026-000001");
	assert_int_equal(ticket.state, MW_TICKET_OPEN);
	assert_true(ticket.evidence_count >= 20);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);

	/* calls from the top of the list */
	assert_true(world_task(&w, MW_TASK_CALL, &task));
	assert_string_equal(task.contact_name, "Person 1");
	assert_string_equal(task.phone, "+49 30 1");
	assert_int_equal(world_call(&w, &task, MW_CALL_NO_ANSWER), 0);
	assert_true(world_task(&w, MW_TASK_CALL, &task));
	assert_string_equal(task.contact_name, "Person 2");
	assert_int_equal(world_call(&w, &task, MW_CALL_VOICEMAIL), 0);
	assert_false(world_task(&w, MW_TASK_CALL, &task));

	/* all in vain: the list is worked off when the relay has the final mail, not before */
	assert_int_equal(world_state(&w, key), MW_TICKET_CONTACTING);
	assert_true(world_relay(&w, MW_MAIL_ACCEPTED) >= 3);
	load(key);
	assert_int_equal(ticket.state, MW_TICKET_AWAITING);
	assert_int_equal(ticket.deadline_s, w.now_s + ticket.policy.deadline_s);

	w.now_s = ticket.deadline_s - 1;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_AWAITING);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
	w.now_s++;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_DISABLED);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	assert_string_equal(verdict.ticket, number);
	assert_non_null(strstr(verdict.reply, number));
	for (const char *p = verdict.reply; *p != '\0'; p++)
		assert_true(*p >= 0x20 && *p < 0x7f);
	assert_int_equal(world_verdict(&w, 1, &verdict), MW_VERDICT_PASS);
	assert_true(world_relay(&w, MW_MAIL_ACCEPTED) >= 1);

	/* neither time nor silence enables it again */
	w.now_s += 30 * 86400;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	assert_int_equal(world_desk(&w, key, MW_TEV_CONFIRM, ""), -EPERM);
	assert_int_equal(world_desk(&w, key, MW_TEV_REPORT, "the infected PC was set up anew"), 0);
	assert_int_equal(world_state(&w, key), MW_TICKET_VERIFYING);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	assert_int_equal(world_desk(&w, key, MW_TEV_CONFIRM, ""), 0);
	/* the publication told the ticket that mail flows again */
	assert_int_equal(world_state(&w, key), MW_TICKET_PROBATION);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
	load(key);
	w.now_s += ticket.policy.probation_s;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_CLOSED);
	assert_int_equal(world_ticket(&w, 0), 0);
	end();
}

/* Thousands of messages more: one ticket, the same deadline, evidence counted. */
static void evidence_joins(void **state)
{
	uint64_t key, deadline, count;

	begin();
	key = until_awaiting();
	load(key);
	deadline = ticket.deadline_s;
	count = ticket.evidence_count;
	w.now_s += 600;
	world_spam(&w, 0, 600, w.now_s - 600);
	world_turn(&w);
	load(key);
	assert_int_equal(world_ticket(&w, 0), key);
	assert_int_equal(ticket.deadline_s, deadline);
	assert_int_equal(ticket.evidence_count, count + 600);
	assert_true(w.core.counters.tickets_opened == 1);
	end();
}

/* The same message again and again is one observation; another process's retries, too. */
static void retries_count_once(void **state)
{
	begin();
	for (unsigned i = 0; i < 30; i++)
		world_spam(&w, 0, 1, NOON);
	world_turn(&w);
	assert_int_equal(world_ticket(&w, 0), 0);
	assert_int_equal(w.core.counters.retries, 29);
	end();
}

static void events_count_once(void **state)
{
	struct mw_cases_txn txn;
	uint64_t key, count;

	begin();
	world_spam(&w, 0, 40, w.now_s);
	w.now_s += 60;
	world_turn(&w);
	key = world_ticket(&w, 0);
	load(key);
	count = ticket.evidence_count;
	/* Read again from the stored cursor: nothing is left, also after opening anew. */
	world_turn(&w);
	world_close(&w);
	world_open(&w);
	world_turn(&w);
	load(key);
	assert_int_equal(ticket.evidence_count, count);
	txn = mw_cases_read(&w.cases);
	assert_int_equal(mw_meta_get(&txn, "events_lost"), 0);
	mw_cases_abort(&txn);
	end();
}

/* What servers say is counted apart and opens nothing: a listed range is no evidence. */
static void refusals_open_nothing(void **state)
{
	static uint8_t octets[MW_EVENT_RECORD_MAX];
	static struct mw_event event;

	begin();
	for (unsigned i = 0; i < 50; i++) {
		struct mw_span record;

		memset(&event, 0, sizeof(event));
		event.kind = MW_EVENT_SESSION;
		event.session.start_us = (w.now_s - 60) * 1000000;
		event.session.end_us = event.session.start_us + 1000000;
		event.session.recipients_refused = 9;
		event.session.recipients_unknown = 5;
		event.session.recipients_policy = 3;
		event.session.policy_refusals = 2;
		record = mw_span_of(octets, mw_event_encode(&event, octets, sizeof(octets)));
		assert_true(record.len > 0);
		assert_int_equal(mw_events_append(&w.events, &record, 1, 0), 0);
	}
	world_turn(&w);
	assert_int_equal(w.core.counters.sessions, 50);
	assert_int_equal(w.core.counters.recipients_refused, 450);
	assert_int_equal(w.core.counters.recipients_unknown, 250);
	assert_int_equal(w.core.counters.recipients_policy, 150);
	assert_int_equal(w.core.counters.policy_refusals, 100);
	assert_int_equal(world_ticket(&w, 0), 0);
	end();
}

static void relay_down(void **state)
{
	struct mw_task task;
	uint64_t key;

	begin();
	world_spam(&w, 0, 40, w.now_s);
	w.now_s += 60;
	world_turn(&w);
	key = world_ticket(&w, 0);
	assert_true(world_task(&w, MW_TASK_CALL, &task));
	assert_int_equal(world_call(&w, &task, MW_CALL_BUSY), 0);
	assert_true(world_task(&w, MW_TASK_CALL, &task));
	assert_int_equal(world_call(&w, &task, MW_CALL_WRONG_NUMBER), 0);
	for (unsigned i = 0; i < 8; i++) {
		world_relay(&w, MW_MAIL_DEFERRED);
		assert_int_equal(world_state(&w, key), MW_TICKET_CONTACTING);
		w.now_s += 300;
		world_turn(&w);
	}
	assert_true(w.core.counters.alarms >= 1); /* after 15 minutes a person is told */
	w.now_s += 900;
	world_turn(&w);
	assert_true(world_relay(&w, MW_MAIL_ACCEPTED) >= 1);
	assert_int_equal(world_state(&w, key), MW_TICKET_AWAITING);
	end();
}

/* The clock jumps: forward it fires once and late, so a person is shown first; backward it waits.
 */
static void clock_jumps(void **state)
{
	struct mw_verdict_record verdict;
	uint64_t key, awaiting_since;

	begin();
	key = until_awaiting();
	awaiting_since = w.now_s;
	w.now_s -= 7200;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_AWAITING);
	load(key);
	w.now_s = ticket.deadline_s + 3000;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_AWAITING);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
	w.now_s = awaiting_since;
	world_turn(&w);
	w.now_s = ticket.deadline_s + 3000 + ticket.policy.grace_s;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_DISABLED);
	w.now_s = awaiting_since;
	world_turn(&w);
	w.now_s += 86400;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_DISABLED);
	assert_int_equal(history_lines(key, "-> disabled"), 1);
	end();
}

/* While we were down the deadline passed: shown first, then once. */
static void down_at_the_deadline(void **state)
{
	uint64_t key;

	begin();
	key = until_awaiting();
	load(key);
	world_close(&w);
	w.now_s = ticket.deadline_s + 100000;
	world_open(&w);
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_AWAITING);
	assert_true(next_due() > w.now_s);
	w.now_s += ticket.policy.grace_s;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_DISABLED);
	end();
}

static void spam_in_probation(void **state)
{
	uint64_t key;

	begin();
	key = until_disabled();
	assert_int_equal(world_desk(&w, key, MW_TEV_REPORT, "cleaned"), 0);
	assert_int_equal(world_desk(&w, key, MW_TEV_CONFIRM, ""), 0);
	assert_int_equal(world_state(&w, key), MW_TICKET_PROBATION);
	w.now_s += 3600;
	world_spam(&w, 0, 60, w.now_s - 60);
	world_turn(&w);
	assert_int_equal(world_ticket(&w, 0), key);
	load(key);
	assert_int_equal(ticket.state, MW_TICKET_OPEN);
	assert_int_equal(ticket.reopened, 1);
	assert_int_equal(w.core.counters.tickets_opened, 1);
	end();
}

static void released_at_once(void **state)
{
	struct mw_verdict_record verdict;
	uint64_t key;

	begin();
	key = until_disabled();
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	assert_int_equal(world_desk(&w, key, MW_TEV_RELEASE, "the line was another's"), 0);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
	/* and nobody is told for ever after that it might not be in force */
	for (unsigned i = 0; i < 5; i++) {
		uint64_t alarms = w.core.counters.alarms;

		w.now_s += 61;
		world_turn(&w);
		assert_int_equal(w.core.counters.alarms, alarms);
	}
	load(key);
	assert_int_equal(mw_ticket_timer_due(&ticket, MW_TIMER_VERDICT), 0);
	end();
}

/* A verdict by hand counts before the ticket's, and the ticket's comes back behind it. */
static void desk_before_ticket(void **state)
{
	struct mw_verdict_record verdict;
	struct mw_cases_txn txn;

	begin();
	until_disabled();
	txn = mw_cases_write(&w.cases);
	mw_core_desk_verdict(
		&w.core, &txn, 0, MW_VERDICT_RESET, "for an hour", "bob", w.now_s + 3600, w.now_s);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_RESET);
	assert_string_equal(verdict.by, "bob");
	w.now_s += 3600;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	end();
}

static struct mw_rate published_limits(const char *id, uint64_t *generation)
{
	struct mw_customer_record rec = {0};
	struct mw_policy_txn txn;

	assert_int_equal(mw_policy_begin_read(&w.policy, &txn), 0);
	assert_true(mw_policy_find_customer(&txn, id, &rec));
	*generation = txn.generation;
	mw_policy_end(&txn);
	return rec.rate;
}

static void settings_read_again(void)
{
	char error[512] = "";

	if (mw_apply_start(&w.apply, &w.core, &w.policy, w.dir, w.now_s, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(mw_apply_publish(&w.apply, w.now_s), 0);
}

/* The limits of a class go to the dataplane with each customer; a change of the settings does, too,
 * and settings that say the same write nothing. */
static void limits_are_published(void **state)
{
	uint64_t before, after;
	struct mw_rate rate;

	begin();
	rate = published_limits("quiet", &before);
	assert_int_equal(rate.messages, 60);
	assert_int_equal(rate.recipients, 300);
	assert_int_equal(rate.connections, 60);
	settings_read_again();
	published_limits("quiet", &after);
	assert_int_equal(after, before);
	for (unsigned field = 0; field < 3; field++) {
		for (uint8_t i = 0; i < w.settings.class_count; i++) {
			struct mw_rate *to = &w.settings.classes[i].rate;

			*(field == 0	     ? &to->messages
				: field == 1 ? &to->recipients
					     : &to->connections) = 7 + field;
		}
		before = after;
		settings_read_again();
		rate = published_limits("quiet", &after);
		assert_true(after > before);
		assert_int_equal(rate.messages, 7);
		assert_int_equal(rate.recipients, field >= 1 ? 8 : 300);
		assert_int_equal(rate.connections, field >= 2 ? 9 : 60);
	}
	world_close(&w);
	world_open(&w); /* and they are still there, in the record as it is stored */
	rate = published_limits("acme", &after);
	assert_true(rate.messages == 7 && rate.recipients == 8 && rate.connections == 9);
	end();
}

/* RATE while the case is worked, with a reply of its own; REJECT at the deadline. */
static void interim_rate(void **state)
{
	struct mw_verdict_record verdict;
	uint64_t key;

	world_dir(&w, "path");
	for (uint8_t i = 0; i < w.settings.class_count; i++)
		w.settings.classes[i].ticket.interim = MW_VERDICT_RATE;
	world_open(&w);
	world_customer(&w, "acme", "192.0.2.0/24", 2);
	world_customer(&w, "quiet", "198.51.100.0/24", 1);
	key = until_awaiting();
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_RATE);
	assert_string_equal(verdict.ticket, "MW-2026-000001");
	assert_string_equal(verdict.reply,
		"more mail than may be sent in an hour, ticket MW-2026-000001, please call "
		"+49 30 1234 or write to abuse@example.net");
	assert_int_equal(world_verdict(&w, 1, &verdict), MW_VERDICT_PASS);
	load(key);
	assert_int_equal(mw_ticket_timer_due(&ticket, MW_TIMER_VERDICT), 0); /* it was told */
	w.now_s = ticket.deadline_s;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	assert_non_null(strstr(verdict.reply, "outbound mail is refused, ticket MW-2026-000001"));
	assert_int_equal(world_desk(&w, key, MW_TEV_REPORT, "cleaned"), 0);
	assert_int_equal(world_desk(&w, key, MW_TEV_CONFIRM, ""), 0);
	assert_int_equal(world_state(&w, key), MW_TICKET_PROBATION);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
	end();
}

/* Retention: evidence goes when its time is over, unless a legal hold stands. */
static void evidence_ends(void **state)
{
	struct mw_cases_txn txn;
	uint64_t key;

	begin();
	key = until_disabled();
	assert_int_equal(world_desk(&w, key, MW_TEV_UNFOUNDED, "a test of ours"), 0);
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_UNFOUNDED);
	w.now_s += w.settings.retention.evidence_days * 86400ull - 100;
	world_turn(&w);
	txn = mw_cases_write(&w.cases);
	assert_true(mw_evidence_remove(&txn, key) > 0);
	mw_cases_abort(&txn);
	w.now_s += 200;
	world_turn(&w);
	txn = mw_cases_write(&w.cases);
	assert_int_equal(mw_evidence_remove(&txn, key), 0);
	mw_cases_abort(&txn);
	end();
}

static void dates(void **state)
{
	static const struct {
		const char *text;
		uint64_t s;
	} cases[] = {{"Fri, 21 Nov 1997 09:55:06 -0600", 880127706},
		{"21 Nov 97 09:55:06 CST", 880127706}, {"Thu, 1 Jan 1970 00:00:01 +0000", 1},
		{"Sun, 22 Nov 2026 09:35 (noted) +0100", 1795336500}, {"", 0}, {"yesterday", 0},
		{"Fri, 99 Nov 1997 09:55:06 -0600", 0}, {"Fri, 21 Nov 1997", 0},
		{"Tue, 29 Feb 2028 23:59:60 GMT", 1835481600}};
	char text[MW_CORE_TIME_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(mw_core_date_s(cases[i].text), cases[i].s);
	assert_string_equal(mw_core_time_format(1835481599, text), "2028-02-29 23:59:59");
	assert_string_equal(mw_core_time_format(0, text), "1970-01-01 00:00:00");
	assert_int_equal(mw_core_year(1798761599), 2026);
	assert_int_equal(mw_core_year(1798761600), 2027);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight_path),
		cmocka_unit_test(evidence_joins),
		cmocka_unit_test(retries_count_once),
		cmocka_unit_test(events_count_once),
		cmocka_unit_test(refusals_open_nothing),
		cmocka_unit_test(relay_down),
		cmocka_unit_test(clock_jumps),
		cmocka_unit_test(down_at_the_deadline),
		cmocka_unit_test(spam_in_probation),
		cmocka_unit_test(released_at_once),
		cmocka_unit_test(desk_before_ticket),
		cmocka_unit_test(limits_are_published),
		cmocka_unit_test(interim_rate),
		cmocka_unit_test(evidence_ends),
		cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
