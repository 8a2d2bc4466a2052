/* A control plane in a process of a test: see world.h. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/store/audit.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/verdicts.h"

#define MIB (1024u * 1024)

void world_dir(struct world *w, const char *name)
{
	/* fsync() is for power cuts; here processes die at most. */
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "%s/mw-%s-XXXXXX", tmp, name);
	assert_non_null(mkdtemp(w->dir));
	w->now_s = NOON;
	w->cases_mib = 64;
	world_settings(&w->settings);
}

void world_remove(const struct world *w)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	assert_int_equal(system(command), 0);
}

void world_settings(struct mw_settings *settings)
{
	static const char text[] = "inspection_default: content-sample\n";
	char error[MW_SETTINGS_ERROR_MAX] = "";

	if (mw_settings_parse("test", text, strlen(text), settings, error) != 0)
		fail_msg("%s", error);
	assert_true(settings->class_count > 0);
	snprintf(settings->desk.name, sizeof(settings->desk.name), "Example abuse desk");
	snprintf(settings->desk.phone, sizeof(settings->desk.phone), "+49 30 1234");
	snprintf(settings->desk.email, sizeof(settings->desk.email), "abuse@example.net");
	snprintf(settings->mail.from, sizeof(settings->mail.from), "abuse@example.net");
	snprintf(settings->mail.message_id_domain, sizeof(settings->mail.message_id_domain),
		"example.net");
}

void world_open(struct world *w)
{
	char error[512] = "";

	if (mw_cases_open(&w->cases, w->dir, w->cases_mib * MIB, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	if (mw_env_open(&w->policy_env, w->dir, MW_POLICY_ENV, MW_ENV_WRITER, 64 * MIB, 0, error,
		    sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(mw_policy_open(&w->policy, &w->policy_env), 0);
	if (mw_env_open(&w->events_env, w->dir, MW_EVENTS_ENV, MW_ENV_WRITER, 64 * MIB, 0, error,
		    sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(mw_events_open(&w->events, &w->events_env), 0);
	mw_core_init(&w->core, &w->cases, &w->settings);
	if (mw_apply_start(
		    &w->apply, &w->core, &w->policy, w->dir, w->now_s, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

void world_close(struct world *w)
{
	assert_int_equal(mw_events_close(&w->events), 0);
	mw_env_close(&w->events_env);
	mw_env_close(&w->policy_env);
	mw_cases_close(&w->cases);
}

void world_end(struct world *w)
{
	struct mw_cases_txn txn = mw_cases_read(&w->cases);
	struct mw_audit_check check;

	mw_audit_verify(&txn, &check);
	assert_int_equal(check.bad_seq, 0);
	mw_cases_abort(&txn);
	world_close(w);
	world_remove(w);
}

void world_customer(struct world *w, const char *id, const char *prefix, unsigned contacts)
{
	struct mw_cases_txn txn = mw_cases_write(&w->cases);
	struct mw_desk_customer rec = {.inspection = MW_INSPECTION_CONTENT_SAMPLE};
	struct mw_line_key line = {0};
	char owner[MW_CUSTOMER_ID_MAX];

	snprintf(rec.id, sizeof(rec.id), "%s", id);
	snprintf(rec.name, sizeof(rec.name), "Company %s", id);
	snprintf(rec.class_name, sizeof(rec.class_name), "%s", w->settings.default_class);
	rec.line_count = 1;
	assert_int_equal(mw_prefix_parse(prefix, &line.prefix), 0);
	mw_customer_put(&txn, &rec);
	assert_int_equal(mw_customer_set_lines(&txn, &rec, &line, 1, owner), 0);
	for (unsigned i = 1; i <= contacts; i++) {
		struct mw_contact contact = {.position = (uint16_t)i, .role = MW_CONTACT_CONTACT};

		snprintf(contact.name, sizeof(contact.name), "Person %u", i);
		snprintf(contact.phone, sizeof(contact.phone), "+49 30 %u", i);
		snprintf(contact.email, sizeof(contact.email), "p%u@%s.example", i, id);
		mw_contact_put(&txn, id, &contact);
	}
	assert_int_equal(mw_cases_commit(&txn), 0);
	assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
}

void world_spam(struct world *w, uint32_t customer_index, unsigned count, uint64_t first_s)
{
	static struct mw_event event;
	static uint8_t octets[MW_EVENT_RECORD_MAX];

	for (unsigned i = 0; i < count; i++) {
		struct mw_event_message *m = &event.message;
		const uint8_t client[4] = {192, 0, 2, 10}, server[4] = {198, 51, 100, 7};
		struct mw_span record;

		memset(&event, 0, sizeof(event));
		event.kind = MW_EVENT_MESSAGE;
		m->time_us = (first_s + i) * MW_US_PER_S;
		m->customer_index = customer_index;
		m->client = mw_ip_from_v4(client);
		m->server = mw_ip_from_v4(server);
		m->client_port = (uint16_t)(20000 + i);
		m->server_port = 25;
		m->fingerprint = first_s * 1000 + i;
		m->campaign = first_s * 1000 + i;
		m->klass = MW_CLASS_SPAM;
		m->complete = true;
		m->score_milli = 5000;
		m->threshold_milli = 2000;
		m->recipients = 1;
		m->size = 2000;
		snprintf(m->helo, sizeof(m->helo), "infected.example");
		snprintf(m->subject, sizeof(m->subject), "Buy number %u", i);
		m->domain_count = 1;
		snprintf(m->domains[0], sizeof(m->domains[0]), "victim%u.example", i % 10);
		m->rule_count = 1;
		snprintf(m->rules[0].name, sizeof(m->rules[0].name), "TEST_RULE");
		m->rules[0].score_milli = 5000;
		record = mw_span_of(octets, mw_event_encode(&event, octets, sizeof(octets)));
		assert_true(record.len > 0);
		assert_int_equal(mw_events_append(&w->events, &record, 1, 0), 0);
	}
}

void world_diverted(struct world *w, uint32_t customer_index, uint32_t diverted, uint32_t passed,
	uint32_t put_off, uint32_t refused)
{
	static struct mw_event event;
	static uint8_t octets[MW_EVENT_RECORD_MAX];
	struct mw_span record;

	memset(&event, 0, sizeof(event));
	event.kind = MW_EVENT_DIVERT;
	event.divert = (struct mw_event_divert){.time_us = w->now_s * MW_US_PER_S,
		.customer_index = customer_index,
		.diverted = diverted,
		.passed = passed,
		.put_off = put_off,
		.refused = refused};
	record = mw_span_of(octets, mw_event_encode(&event, octets, sizeof(octets)));
	assert_true(record.len > 0);
	assert_int_equal(mw_events_append(&w->events, &record, 1, 0), 0);
}

void world_turn(struct world *w)
{
	int rc;

	while ((rc = mw_core_timers(&w->core, w->now_s, 16)) > 0)
		assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
	assert_int_equal(rc, 0);
	while ((rc = mw_core_ingest(&w->core, &w->events, w->now_s)) > 0)
		assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
}

unsigned world_relay(struct world *w, enum mw_mail_outcome outcome)
{
	static struct mw_outbox_record mail;
	unsigned handed = 0;

	for (;;) {
		struct mw_mail_result result = {.outcome = outcome, .code = 250};
		struct mw_cases_txn txn = mw_cases_read(&w->cases);
		struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_OUTBOX_DUE, mw_span_of("", 0));
		uint64_t id = 0;
		bool found =
			mw_outbox_next_due(&walk, w->now_s, &id) && mw_outbox_get(&txn, id, &mail);
		char path[300];
		FILE *log;

		mw_walk_end(&walk);
		mw_cases_abort(&txn);
		if (!found)
			return handed;
		snprintf(path, sizeof(path), "%s/relay", w->dir);
		log = fopen(path, "a");
		assert_non_null(log);
		fprintf(log, "%s\n", mail.message_id);
		fclose(log);
		mw_cases_step(&w->cases, "mail-handed-over");
		result.id = id;
		result.code = outcome == MW_MAIL_ACCEPTED ? 250 : 450;
		snprintf(result.reply, sizeof(result.reply), "%u so it is", result.code);
		txn = mw_cases_write(&w->cases);
		assert_int_equal(mw_core_mail_result(&w->core, &txn, &result, w->now_s), 0);
		assert_int_equal(mw_cases_commit(&txn), 0);
		assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
		handed++;
	}
}

uint64_t world_ticket(struct world *w, uint32_t customer_index)
{
	struct mw_cases_txn txn = mw_cases_read(&w->cases);
	uint64_t key = mw_ticket_open_of(&txn, customer_index);

	mw_cases_abort(&txn);
	return key;
}

enum mw_ticket_state world_state(struct world *w, uint64_t ticket)
{
	struct mw_cases_txn txn = mw_cases_read(&w->cases);
	static struct mw_ticket t;

	mw_ticket_get(&txn, ticket, &t);
	mw_cases_abort(&txn);
	return t.state;
}

bool world_task(struct world *w, enum mw_task_kind kind, struct mw_task *out)
{
	struct mw_cases_txn txn = mw_cases_read(&w->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_OPEN_TASKS, mw_span_of("", 0));
	bool found = false;

	while (!found && mw_task_next_open(&walk, 0, out))
		found = out->kind == kind;
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	return found;
}

enum mw_verdict world_verdict(
	struct world *w, uint32_t customer_index, struct mw_verdict_record *out)
{
	struct mw_policy_txn txn;
	bool found;

	assert_int_equal(mw_policy_begin_read(&w->policy, &txn), 0);
	found = mw_policy_get_verdict(&txn, customer_index, out);
	mw_policy_end(&txn);
	return found ? out->verdict : MW_VERDICT_PASS;
}

static int step(
	struct world *w, struct mw_cases_txn *txn, uint64_t ticket, struct mw_ticket_event *ev)
{
	int rc;

	snprintf(ev->by, sizeof(ev->by), "alice");
	rc = mw_core_step(&w->core, txn, ticket, ev, w->now_s);
	if (rc != 0) {
		mw_cases_abort(txn);
		return rc;
	}
	assert_int_equal(mw_cases_commit(txn), 0);
	assert_int_equal(mw_apply_publish(&w->apply, w->now_s), 0);
	return 0;
}

int world_desk(struct world *w, uint64_t ticket, enum mw_ticket_event_kind kind, const char *text)
{
	static struct mw_ticket_event ev;
	struct mw_cases_txn txn = mw_cases_write(&w->cases);

	memset(&ev, 0, sizeof(ev));
	ev.kind = kind;
	snprintf(ev.text, sizeof(ev.text), "%s", text);
	if (kind == MW_TEV_CONTACTED)
		ev.call.contact = MW_NO_CONTACT;
	if (kind == MW_TEV_REPORT) {
		ev.report.number = mw_ticket_number_of(ticket);
		snprintf(ev.report.measures, sizeof(ev.report.measures), "%s", text);
		ev.text[0] = '\0';
	}
	return step(w, &txn, ticket, &ev);
}

int world_call(struct world *w, struct mw_task *task, enum mw_call_outcome outcome)
{
	static struct mw_ticket_event ev;
	struct mw_cases_txn txn = mw_cases_write(&w->cases);

	task->state = MW_TASK_DONE;
	task->ended_s = w->now_s;
	mw_task_put(&txn, task);
	memset(&ev, 0, sizeof(ev));
	ev.kind = MW_TEV_CALL_OUTCOME;
	ev.call.contact = task->contact;
	ev.call.outcome = outcome;
	return step(w, &txn, task->ticket, &ev);
}
