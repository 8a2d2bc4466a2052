/*
 * What follows from a step of a ticket, stored in the transaction of that step. A mail is written
 * out here, as octets with its Message-ID, so that sending it again after a crash sends the same
 * mail.
 */
#include "controlplane/core/effects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/store/audit.h"
#include "controlplane/store/evidence.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/timers.h"
#include "controlplane/store/verdicts.h"

#define MAIL_EVIDENCE_MAX  8
#define MAIL_EVIDENCE_LINE 256

static void history(struct mw_cases_txn *txn, const struct mw_ticket *ticket, uint64_t now_s,
	const char *by, const char *text)
{
	struct mw_history entry = {.time_s = now_s};

	snprintf(entry.by, sizeof(entry.by), "%s", by);
	snprintf(entry.text, sizeof(entry.text), "%s", text);
	mw_history_add(txn, mw_ticket_key(&ticket->number), &entry);
}

static void alarm_raise(
	struct mw_core *core, struct mw_cases_txn *txn, uint64_t now_s, const char *text)
{
	core->counters.alarms++;
	mw_alarm_add(txn, now_s, mw_ticket_key(&core->ticket.number), text);
	history(txn, &core->ticket, now_s, "alarm", text);
}

static void create_task(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_effect *effect, uint64_t now_s)
{
	const struct mw_ticket *ticket = &core->ticket;
	struct mw_task task = {.ticket = mw_ticket_key(&ticket->number),
		.kind = effect->task.kind,
		.contact = effect->task.contact,
		.created_s = now_s,
		.due_s = effect->task.due_s,
		.state = MW_TASK_OPEN};

	memcpy(task.customer, ticket->customer, sizeof(task.customer));
	memcpy(task.text, effect->text, sizeof(task.text));
	if (effect->task.contact < ticket->contact_count) {
		const struct mw_contact *who = &ticket->contacts[effect->task.contact].who;

		memcpy(task.contact_name, who->name, sizeof(task.contact_name));
		memcpy(task.phone, who->phone, sizeof(task.phone));
	}
	mw_task_put(txn, &task);
}

static void close_tasks(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_effect *effect, uint64_t now_s)
{
	uint64_t ticket = mw_ticket_key(&core->ticket.number);
	bool more = true;

	while (more && txn->base.error == 0) {
		struct mw_key from = mw_key_u64(ticket);
		/* A fresh walk each time: closing a task takes it out of the table. */
		struct mw_walk walk = mw_walk_from(txn, MW_TABLE_OPEN_TASKS, mw_key_span(&from));
		struct mw_task task;

		more = false;
		while (!more && mw_task_next_open(&walk, ticket, &task))
			more = task.kind == effect->task.kind &&
			       (effect->task.contact == MW_NO_CONTACT ||
				       task.contact == effect->task.contact);
		mw_walk_end(&walk);
		if (more) {
			task.state = MW_TASK_CLOSED;
			task.ended_s = now_s;
			mw_task_put(txn, &task);
		}
	}
}

/* Lines about the latest observations: time, line, what was found. No recipient, no third party. */
static size_t evidence_lines(struct mw_core *core, struct mw_cases_txn *txn,
	char lines[MAIL_EVIDENCE_MAX][MAIL_EVIDENCE_LINE])
{
	uint64_t ticket = mw_ticket_key(&core->ticket.number), number;
	struct mw_walk walk = mw_evidence_walk(txn, ticket);
	size_t count = 0;

	while (count < MAIL_EVIDENCE_MAX &&
		mw_evidence_next(&walk, ticket, &number, &core->evidence)) {
		const struct mw_event_message *m = &core->evidence.message;
		char ip[MW_IP_TEXT_MAX], rules[128] = "";
		char at[MW_CORE_TIME_TEXT];
		size_t used = 0;

		if (core->evidence.kind != MW_EVENT_MESSAGE)
			continue;
		for (uint8_t i = 0; i < m->rule_count && i < 3; i++) {
			int n = snprintf(rules + used, sizeof(rules) - used, "%s%.40s",
				i > 0 ? ", " : "", m->rules[i].name);

			used = n > 0 && used + (size_t)n < sizeof(rules) ? used + (size_t)n
									 : sizeof(rules) - 1;
		}
		snprintf(lines[count++], MAIL_EVIDENCE_LINE,
			"%s UTC, from %s, port %u, HELO %.60s: %s%s%s",
			mw_core_time_format(m->time_us / MW_US_PER_S, at),
			mw_ip_format(&m->client, ip), (unsigned)m->client_port, m->helo,
			mw_message_class_name(m->klass), used > 0 ? ", rules " : "", rules);
	}
	mw_walk_end(&walk);
	return count;
}

static void queue_mail(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, const struct mw_effect *effect, uint64_t now_s)
{
	const struct mw_settings *s = core->settings;
	const char *to[MW_OUTBOX_RECIPIENTS_MAX];
	const char *lines[MAIL_EVIDENCE_MAX];
	char line[MAIL_EVIDENCE_MAX][MAIL_EVIDENCE_LINE], said[MW_EFFECT_TEXT_MAX];
	struct mw_mail_facts facts = {.ticket = &core->ticket,
		.customer_name = customer->name[0] != '\0' ? customer->name : customer->id,
		.desk_name = s->desk.name,
		.desk_phone = s->desk.phone,
		.desk_email = s->desk.email,
		.remedies_url = s->desk.remedies_url,
		.now_s = now_s,
		.evidence = lines};
	struct mw_mail_envelope envelope = {.from = s->mail.from,
		.from_name = s->mail.from_name,
		.reply_to = s->mail.reply_to,
		.domain = s->mail.message_id_domain,
		.to = to};
	int rc;

	envelope.to_count = mw_effect_recipients(effect, &core->ticket, to);
	if ((effect->mail.to & MW_TO_DESK) != 0 && s->desk.email[0] != '\0' &&
		envelope.to_count < MW_OUTBOX_RECIPIENTS_MAX)
		to[envelope.to_count++] = s->desk.email;
	if (envelope.to_count == 0) {
		snprintf(said, sizeof(said),
			"the %s mail has nobody to go to: the customer has no contact with an "
			"address",
			mw_mail_kind_name(effect->mail.kind));
		alarm_raise(core, txn, now_s, said);
		return;
	}
	if (effect->mail.contact < core->ticket.contact_count) {
		const struct mw_contact *who = &core->ticket.contacts[effect->mail.contact].who;

		facts.contact_name = who->name;
		facts.contact_phone = who->phone;
	}
	facts.evidence_count = evidence_lines(core, txn, line);
	for (size_t i = 0; i < facts.evidence_count; i++)
		lines[i] = line[i];
	rc = mw_mail_compose(
		effect->mail.kind, effect->mail.contact, &facts, &envelope, &core->mail);
	if (rc != 0) {
		snprintf(said, sizeof(said), "the %s mail cannot be written: %s",
			mw_mail_kind_name(effect->mail.kind), strerror(-rc));
		alarm_raise(core, txn, now_s, said);
		return;
	}
	core->mail.id = 0;
	core->mail.ticket = core->ticket.number;
	core->mail.revision = core->ticket.revision;
	core->mail.created_s = now_s;
	core->mail.next_try_s = now_s;
	mw_outbox_put(txn, &core->mail);
}

static void set_verdict(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, const struct mw_effect *effect, const char *by,
	uint64_t now_s)
{
	struct mw_verdict_record rec = {.customer_index = customer->index,
		.verdict = effect->verdict,
		.since_s = now_s,
		.expires_s = effect->until_s};

	snprintf(rec.reason, sizeof(rec.reason), "%.200s", effect->text);
	snprintf(rec.by, sizeof(rec.by), "%s", by);
	mw_ticket_number_format(&core->ticket.number, rec.ticket);
	mw_verdict_put(txn, MW_VERDICT_BY_TICKET, &rec);
}

void mw_core_store_effects(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_desk_customer *customer, const char *by, uint64_t now_s)
{
	uint64_t ticket = mw_ticket_key(&core->ticket.number);
	char number[MW_TICKET_MAX];

	mw_ticket_number_format(&core->ticket.number, number);
	for (uint32_t i = 0; i < core->effects.count; i++) {
		const struct mw_effect *effect = &core->effects.item[i];
		struct mw_timer timer = {.owner = MW_TIMER_OF_TICKET, .id = ticket};

		switch (effect->kind) {
		case MW_EFFECT_CREATE_TASK:
			create_task(core, txn, effect, now_s);
			break;
		case MW_EFFECT_CLOSE_TASK:
			close_tasks(core, txn, effect, now_s);
			break;
		case MW_EFFECT_QUEUE_MAIL:
			queue_mail(core, txn, customer, effect, now_s);
			break;
		case MW_EFFECT_SET_TIMER:
			timer.kind = (uint16_t)effect->timer.kind;
			timer.due_s = effect->timer.due_s;
			mw_timer_set(txn, &timer);
			break;
		case MW_EFFECT_CANCEL_TIMER:
			mw_timer_clear(
				txn, MW_TIMER_OF_TICKET, ticket, (uint16_t)effect->timer.kind);
			break;
		case MW_EFFECT_SET_VERDICT:
			set_verdict(core, txn, customer, effect, by, now_s);
			break;
		case MW_EFFECT_CLEAR_VERDICT:
			mw_verdict_remove(txn, MW_VERDICT_BY_TICKET, customer->index);
			break;
		case MW_EFFECT_ALARM:
			alarm_raise(core, txn, now_s, effect->text);
			break;
		case MW_EFFECT_AUDIT:
			mw_audit_add(txn, now_s, by, effect->action, number, effect->text);
			break;
		case MW_EFFECT_HISTORY:
			history(txn, &core->ticket, now_s, by, effect->text);
			break;
		case MW_EFFECT_KIND_COUNT:
			mw_cases_fail(txn, -EINVAL);
			break;
		}
	}
}
