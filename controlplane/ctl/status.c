/* weirctl status: is all well, and if not, what to do */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/rules_job.h"
#include "controlplane/ctl/values.h"

#define SILENT_S 10 /* a dataplane that has not written for longer is shown as silent */

static json_t *lanes_of(const struct mw_metrics_values *m)
{
	json_t *lanes = json_array();

	for (uint32_t i = 0; i < m->lane_count; i++) {
		const struct mw_event_lane *lane = m->lanes[i];
		json_t *reasons = json_object();

		for (unsigned r = 1; r < MW_REASON_COUNT && r < lane->count; r++) {
			if (lane->packets[r] != 0)
				json_object_set_new(reasons, mw_reason_name((enum mw_reason)r),
					json_integer((json_int_t)lane->packets[r]));
		}
		json_array_append_new(lanes,
			json_pack(
				"{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
				"lane", (int)lane->lane, "time",
				(json_int_t)(lane->time_us / MW_US_PER_S), "rx_packets",
				(json_int_t)lane->rx_packets, "rx_bytes",
				(json_int_t)lane->rx_bytes, "tx_packets",
				(json_int_t)lane->tx_packets, "tx_bytes",
				(json_int_t)lane->tx_bytes, "flows", (json_int_t)lane->flows,
				"messages", (json_int_t)lane->messages, "held",
				(json_int_t)lane->held, "event_drops",
				(json_int_t)lane->event_drops, "policy_generation",
				(json_int_t)lane->policy_generation, "ruleset_generation",
				(json_int_t)lane->ruleset_generation, "reasons", reasons));
	}
	return lanes;
}

static json_t *alarms_of(struct mw_command *c)
{
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_ALARMS, mw_span_of("", 0));
	json_t *list = json_array();
	struct mw_alarm alarm;

	while (mw_alarm_next(&walk, &alarm)) {
		struct mw_ticket_number number = mw_ticket_number_of(alarm.ticket);
		char ticket[MW_TICKET_MAX] = "";

		if (alarm.time_s + 86400 < c->now_s)
			continue;
		if (alarm.ticket != 0)
			mw_ticket_number_format(&number, ticket);
		json_array_append_new(list,
			json_pack("{s:I, s:o, s:o}", "time", (json_int_t)alarm.time_s, "ticket",
				mw_json_text_or_null(ticket), "text", mw_json_text(alarm.text)));
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	return list;
}

static void say(struct mw_command *c, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct mw_command *c, const char *name, const char *format, ...)
{
	va_list args;

	mw_text(c->text, name, 16);
	va_start(args, format);
	vfprintf(c->text, format, args);
	va_end(args);
	fputc('\n', c->text);
}

static const char *gateway_name(enum mw_event_gateway gateway)
{
	return gateway == MW_EVENT_GATEWAY_UP	  ? "up"
	       : gateway == MW_EVENT_GATEWAY_DOWN ? "down"
						  : "none";
}

static void show_gateway(struct mw_command *c, const struct mw_metrics_values *m)
{
	const struct mw_divert_settings *d = &c->ctl->core->settings->divert.gateway;
	uint64_t asked = m->verdicts[MW_VERDICT_DIVERT];

	if (!mw_divert_configured(d)) {
		if (asked > 0)
			say(c, "gateway",
				"NONE is named, and %" PRIu64
				" customers are to be diverted: divert: gateway in the settings",
				asked);
		else
			say(c, "gateway", "not configured");
		return;
	}
	if (m->gateway == MW_EVENT_GATEWAY_NONE)
		say(c, "gateway",
			"named in the settings, but the dataplane has no port to it (--divert)");
	else
		say(c, "gateway",
			"%s, %" PRIu64 " changes; %" PRIu64
			" connections diverted; while it was down %" PRIu64 " passed, %" PRIu64
			" put off, %" PRIu64 " refused",
			m->gateway == MW_EVENT_GATEWAY_UP ? "up" : "DOWN", m->gateway_changes,
			mw_metrics_reason(m, MW_REASON_DIVERT_BEGUN),
			mw_metrics_reason(m, MW_REASON_DIVERT_PASSED),
			mw_metrics_reason(m, MW_REASON_DIVERT_PUT_OFF),
			mw_metrics_reason(m, MW_REASON_DIVERT_REFUSED));
}

/* Classes whose customers are diverted without a verdict of their own. */
static json_t *diverted_classes(const struct mw_settings *s)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < s->class_count; i++)
		if (s->classes[i].verdict == MW_VERDICT_DIVERT)
			json_array_append_new(list, mw_json_text(s->classes[i].name));
	return list;
}

static json_t *gateway_of(const struct mw_command *c, const struct mw_metrics_values *m)
{
	const struct mw_divert_settings *d = &c->ctl->core->settings->divert.gateway;

	return json_pack("{s:o, s:b, s:s, s:s, s:I, s:{s:I, s:I, s:I, s:I}}", "classes",
		diverted_classes(c->ctl->core->settings), "configured",
		(int)mw_divert_configured(d), "state", gateway_name(m->gateway), "fallback",
		mw_divert_fallback_name(d->fallback), "changes", (json_int_t)m->gateway_changes,
		"connections", "diverted", (json_int_t)mw_metrics_reason(m, MW_REASON_DIVERT_BEGUN),
		"passed", (json_int_t)mw_metrics_reason(m, MW_REASON_DIVERT_PASSED), "put_off",
		(json_int_t)mw_metrics_reason(m, MW_REASON_DIVERT_PUT_OFF), "refused",
		(json_int_t)mw_metrics_reason(m, MW_REASON_DIVERT_REFUSED));
}

static void show_classes(struct mw_command *c)
{
	json_t *list = diverted_classes(c->ctl->core->settings), *name;
	size_t index;

	if (json_array_size(list) > 0) {
		mw_text(c->text, "diverted", 16);
		fputs("all mail of class", c->text);
		json_array_foreach(list, index, name)
		{
			fputs(index > 0 ? ", " : " ", c->text);
			mw_text(c->text, json_string_value(name), 0);
		}
		fputs(", where a person has not decided otherwise\n", c->text);
	}
	json_decref(list);
}

/* Verdicts that are only observed, and what servers refused: both easily overlooked. */
static void show_refusals(struct mw_command *c, const struct mw_metrics_values *m)
{
	if (c->ctl->core->settings->smtp.observe)
		say(c, "observe",
			"ON: verdicts are reported and not acted on; %" PRIu64
			" connections would have been touched (smtp: observe)",
			mw_metrics_reason(m, MW_REASON_OBSERVED_VERDICT));
	say(c, "refusals",
		"servers refused %" PRIu64 " recipients (%" PRIu64 " unknown, %" PRIu64
		" by policy) and %" PRIu64 " other commands by policy",
		m->recipients_refused, m->recipients_unknown, m->recipients_policy,
		m->policy_refusals);
}

static void show(struct mw_command *c, const struct mw_ctl_values *v, const json_t *alarms)
{
	static const struct mw_column columns[] = {{"time", "WHEN", MW_COLUMN_TIME},
		{"ticket", "TICKET", MW_COLUMN_TEXT}, {"text", "ALARM", MW_COLUMN_TEXT}};
	const struct mw_metrics_values *m = &v->metrics;
	uint64_t packets = 0, messages = 0, drops = 0;
	const char *rules = mw_rules_job_state(c->ctl->rules);

	for (uint32_t i = 0; i < m->lane_count; i++) {
		packets += m->lanes[i]->rx_packets;
		messages += m->lanes[i]->messages;
		drops += m->lanes[i]->event_drops;
	}
	if (m->lane_count == 0)
		say(c, "dataplane",
			"has not been seen yet: is mailweir-dataplane running with this --state?");
	else if (m->last_export_s + SILENT_S < c->now_s)
		say(c, "dataplane",
			"SILENT for %" PRIu64
			" s: the last policy stays in force in it if it lives",
			c->now_s - m->last_export_s);
	else
		say(c, "dataplane",
			"alive, %" PRIu32 " lanes, %" PRIu64 " packets, %" PRIu64 " messages",
			m->lane_count, packets, messages);
	say(c, "events", "%" PRIu64 " taken in, %" PRIu64 " waiting, %" PRIu64 " lost%s",
		m->events_consumed, m->events_lag, m->events_lost + drops,
		m->events_lost + drops > 0 ? " (evidence is missing, no mail is)" : "");
	say(c, "stores", "policy %.0f %%, events %.0f %%, cases %.0f %% full%s",
		m->store_fill[0] * 100, m->store_fill[1] * 100, m->store_fill[2] * 100,
		m->store_fill[0] > .75 || m->store_fill[1] > .75 || m->store_fill[2] > .75
			? ": raise store: ..._mib in the settings"
			: "");
	say(c, "customers",
		"%" PRIu64 " with %" PRIu64 " lines, %" PRIu64 " refused, %" PRIu64
		" diverted, %" PRIu64 " limited, %" PRIu64 " discarded%s",
		m->customers, m->prefixes,
		m->verdicts[MW_VERDICT_REJECT] + m->verdicts[MW_VERDICT_RESET],
		m->verdicts[MW_VERDICT_DIVERT], m->verdicts[MW_VERDICT_RATE],
		m->verdicts[MW_VERDICT_DROP],
		m->verdicts[MW_VERDICT_DROP] > 0 ? ": weirctl verdict list" : "");
	show_gateway(c, m);
	show_classes(c);
	show_refusals(c, m);
	say(c, "tasks", "%" PRIu64 " open%s", m->tasks_open,
		m->tasks_open > 0 ? ": weirctl task list" : "");
	say(c, "mails",
		"%" PRIu64 " queued, %" PRIu64 " accepted, %" PRIu64 " put off, %" PRIu64
		" refused",
		m->mails_queued, m->mails[MW_MAIL_ACCEPTED], m->mails[MW_MAIL_DEFERRED],
		m->mails[MW_MAIL_REFUSED]);
	if (m->ruleset_generation == 0 && rules[0] == '\0')
		say(c, "rules", "none: weirctl rules load PATH...");
	else
		say(c, "rules", "generation %" PRIu64 ", %" PRIu64 " rules%s%s",
			m->ruleset_generation, m->rules, rules[0] != '\0' ? "; " : "", rules);
	fputc('\n', c->text);
	mw_table(c, alarms, columns, 3, "No alarm in the last 24 hours.");
}

void mw_cmd_status(struct mw_command *c)
{
	struct mw_ctl_values *v = calloc(1, sizeof(*v));
	struct mw_metrics_values *m;
	json_t *alarms, *doc, *tickets = json_object();
	bool alive;

	if (v == NULL) {
		mw_refuse(c, MW_EXIT_REFUSED, "no memory");
		json_decref(tickets);
		return;
	}
	mw_ctl_values(c->ctl, c->now_s, v);
	m = &v->metrics;
	alarms = alarms_of(c);
	alive = m->lane_count > 0 && m->last_export_s + SILENT_S >= c->now_s;
	for (unsigned i = MW_TICKET_SUSPECT; i < MW_TICKET_STATE_COUNT; i++)
		json_object_set_new(tickets, mw_ticket_state_name((enum mw_ticket_state)i),
			json_integer((json_int_t)m->tickets[i]));
	if (!c->json)
		show(c, v, alarms);
	doc = json_pack("{s:s, s:I, s:I, s:{s:b, s:o, s:o}, s:{s:I, s:I, s:I, s:I}, "
			"s:{s:f, s:f, s:f}, s:I, s:I, s:o, s:I, s:{s:I, s:I, s:I, s:I, s:o}, "
			"s:{s:I, s:I, s:s}, s:I, s:o, s:o, s:{s:b, s:I}, s:{s:I, s:I, s:I, s:I}, "
			"s:I}",
		"version", m->version, "time", (json_int_t)c->now_s, "started",
		(json_int_t)m->start_time_s, "dataplane", "alive", (int)alive, "last_record",
		mw_json_time(m->last_export_s), "lanes", lanes_of(m), "events", "cursor",
		(json_int_t)v->events_cursor, "consumed", (json_int_t)m->events_consumed, "waiting",
		(json_int_t)m->events_lag, "lost", (json_int_t)m->events_lost, "fill", "policy",
		m->store_fill[0], "events", m->store_fill[1], "cases", m->store_fill[2],
		"customers", (json_int_t)m->customers, "lines", (json_int_t)m->prefixes, "tickets",
		tickets, "tasks_open", (json_int_t)m->tasks_open, "mails", "queued",
		(json_int_t)m->mails_queued, "accepted", (json_int_t)m->mails[MW_MAIL_ACCEPTED],
		"deferred", (json_int_t)m->mails[MW_MAIL_DEFERRED], "refused",
		(json_int_t)m->mails[MW_MAIL_REFUSED], "next_try",
		mw_json_time(v->outbox_next_try_s == UINT64_MAX ? 0 : v->outbox_next_try_s),
		"rules", "generation", (json_int_t)m->ruleset_generation, "count",
		(json_int_t)m->rules, "job", mw_rules_job_state(c->ctl->rules), "policy_generation",
		(json_int_t)m->policy_generation, "alarms", alarms, "gateway", gateway_of(c, m),
		"observe", "on", (int)c->ctl->core->settings->smtp.observe, "connections",
		(json_int_t)mw_metrics_reason(m, MW_REASON_OBSERVED_VERDICT), "refusals",
		"recipients", (json_int_t)m->recipients_refused, "unknown",
		(json_int_t)m->recipients_unknown, "policy", (json_int_t)m->recipients_policy,
		"commands", (json_int_t)m->policy_refusals, "line_verdicts",
		(json_int_t)m->line_verdicts);
	mw_answer(c, doc);
	free(v);
}
