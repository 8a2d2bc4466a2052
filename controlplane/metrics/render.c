/* The text: one family after the other, HELP and TYPE before its samples (Prometheus text format
 * 0.0.4). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "controlplane/metrics/metrics.h"

struct text {
	char *out;
	size_t size, used;
	bool full;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *t, const char *format, ...)
{
	va_list args;
	int len;

	if (t->full)
		return;
	va_start(args, format);
	len = vsnprintf(t->out + t->used, t->size - t->used, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= t->size - t->used)
		t->full = true;
	else
		t->used += (size_t)len;
}

static void family(struct text *t, const char *name, const char *type, const char *help)
{
	put(t, "# HELP mailweir_%s %s\n# TYPE mailweir_%s %s\n", name, help, name, type);
}

static void counter(struct text *t, const char *name, const char *help, uint64_t value)
{
	family(t, name, "counter", help);
	put(t, "mailweir_%s %" PRIu64 "\n", name, value);
}

static void gauge(struct text *t, const char *name, const char *help, uint64_t value)
{
	family(t, name, "gauge", help);
	put(t, "mailweir_%s %" PRIu64 "\n", name, value);
}

/* Label values are names from our own tables; what a caller hands in is escaped all the same. */
static void put_label(struct text *t, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			put(t, "\\%c", *value);
		else if ((unsigned char)*value >= 0x20 && *value != 0x7f)
			put(t, "%c", *value);
	}
}

static void labelled(
	struct text *t, const char *name, const char *label, const char *value, uint64_t v)
{
	put(t, "mailweir_%s{%s=\"", name, label);
	put_label(t, value);
	put(t, "\"} %" PRIu64 "\n", v);
}

struct lane_field {
	const char *name, *type, *help;
	size_t offset;
	uint64_t per_unit; /* 1, or how many of the record's units make the base unit */
};

#define L(name_, type_, field, unit, help_)                                       \
	{                                                                         \
		.name = name_, .type = type_, .help = help_,                      \
		.offset = offsetof(struct mw_event_lane, field), .per_unit = unit \
	}

static const struct lane_field lane_fields[] = {
	L("lane_receive_packets_total", "counter", rx_packets, 1,
		"Packets a lane took from its ports."),
	L("lane_receive_bytes_total", "counter", rx_bytes, 1, "Octets a lane took from its ports."),
	L("lane_transmit_packets_total", "counter", tx_packets, 1,
		"Packets a lane gave to its ports."),
	L("lane_transmit_bytes_total", "counter", tx_bytes, 1, "Octets a lane gave to its ports."),
	L("lane_flows", "gauge", flows, 1, "SMTP connections a lane knows now."),
	L("lane_flows_highest", "gauge", flows_max, 1,
		"Most SMTP connections a lane has known at once."),
	L("lane_messages_total", "counter", messages, 1, "Messages a lane has seen to their end."),
	L("lane_held_messages_total", "counter", held, 1,
		"Messages whose end was held for the verdict."),
	L("lane_hold_highest_seconds", "gauge", held_ns_max, 1000000000,
		"Longest time the end of a message was held."),
	L("lane_scan_seconds_total", "counter", scan_ns, 1000000000,
		"Time a lane has spent scanning."),
	L("lane_scanned_bytes_total", "counter", scanned_bytes, 1, "Octets given to the scanner."),
	L("lane_event_drops_total", "counter", event_drops, 1,
		"Events a lane could not hand over."),
};

static void put_lanes(struct text *t, const struct mw_metrics_values *v)
{
	gauge(t, "lanes", "Lanes that have reported counters.", v->lane_count);
	for (size_t f = 0; f < sizeof(lane_fields) / sizeof(lane_fields[0]); f++) {
		const struct lane_field *field = &lane_fields[f];

		family(t, field->name, field->type, field->help);
		for (uint32_t i = 0; i < v->lane_count && i < MW_METRICS_LANES_MAX; i++) {
			uint64_t value;

			memcpy(&value, (const char *)v->lanes[i] + field->offset, sizeof(value));
			put(t, "mailweir_%s{lane=\"%u\"} ", field->name, v->lanes[i]->lane);
			if (field->per_unit == 1)
				put(t, "%" PRIu64 "\n", value);
			else
				put(t, "%.9f\n", (double)value / (double)field->per_unit);
		}
	}
}

uint64_t mw_metrics_reason(const struct mw_metrics_values *v, enum mw_reason reason)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < v->lane_count && i < MW_METRICS_LANES_MAX; i++)
		sum += v->lanes[i]->packets[reason];
	return sum;
}

/* Reasons over all lanes, one family a group; the group decides what is counted. */
static void put_reasons(struct text *t, const struct mw_metrics_values *v)
{
	static const struct {
		enum mw_reason_group group;
		const char *name, *help;
	} groups[] = {
		{MW_GROUP_PACKET, "packets_total", "Packets by what was done with them."},
		{MW_GROUP_SESSION, "metadata_sessions_total",
			"Sessions whose content could not be inspected, by reason."},
		{MW_GROUP_ANOMALY, "anomalies_total", "Anomalies seen in sessions, by kind."},
		{MW_GROUP_MESSAGE, "messages_total", "Messages by what was decided and why."},
	};

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		family(t, groups[g].name, "counter", groups[g].help);
		for (int reason = 1; reason < MW_REASON_COUNT; reason++) {
			if (mw_reason_group((enum mw_reason)reason) != groups[g].group)
				continue;
			labelled(t, groups[g].name, "reason",
				mw_reason_name((enum mw_reason)reason),
				mw_metrics_reason(v, (enum mw_reason)reason));
		}
	}
}

/* The gateway, and what became of connections under DIVERT. */
static void put_gateway(struct text *t, const struct mw_metrics_values *v)
{
	static const struct {
		const char *outcome;
		enum mw_reason reason;
	} outcomes[] = {{"diverted", MW_REASON_DIVERT_BEGUN}, {"passed", MW_REASON_DIVERT_PASSED},
		{"put_off", MW_REASON_DIVERT_PUT_OFF}, {"refused", MW_REASON_DIVERT_REFUSED}};

	family(t, "gateway_up", "gauge",
		"1 when the gateway of diverted mail answers, 0 when not; absent without one.");
	if (v->gateway != MW_EVENT_GATEWAY_NONE)
		put(t, "mailweir_gateway_up %d\n", v->gateway == MW_EVENT_GATEWAY_UP);
	counter(t, "gateway_changes_total", "How often the gateway went up or down.",
		v->gateway_changes);
	family(t, "divert_connections_total", "counter",
		"New connections under divert by what became of them.");
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		labelled(t, "divert_connections_total", "outcome", outcomes[i].outcome,
			mw_metrics_reason(v, outcomes[i].reason));
}

static void put_cases(struct text *t, const struct mw_metrics_values *v)
{
	gauge(t, "customers", "Customers known.", v->customers);
	gauge(t, "prefixes", "Prefixes and VLANs known.", v->prefixes);
	family(t, "verdict_customers", "gauge",
		"Customers by the verdict set on them; pass: none, his class counts.");
	for (int i = 0; i < MW_VERDICT_COUNT; i++)
		labelled(t, "verdict_customers", "verdict", mw_verdict_name((enum mw_verdict)i),
			v->verdicts[i]);
	gauge(t, "verdict_lines", "Lines with a verdict of their own.", v->line_verdicts);
	family(t, "tickets", "gauge", "Tickets by state.");
	for (int i = MW_TICKET_SUSPECT; i < MW_TICKET_STATE_COUNT; i++)
		labelled(t, "tickets", "state", mw_ticket_state_name((enum mw_ticket_state)i),
			v->tickets[i]);
	counter(t, "tickets_opened_total", "Tickets opened.", v->tickets_opened);
	counter(t, "ticket_steps_total", "Events tickets have accepted.", v->ticket_steps);
	counter(t, "ticket_refusals_total", "Events that did not fit a ticket's state.",
		v->ticket_refusals);
	gauge(t, "tasks_open", "Tasks that wait for a person.", v->tasks_open);
	gauge(t, "timers_set", "Timers that are set.", v->timers_set);
	counter(t, "timers_fired_total", "Timers that have fired.", v->timers_fired);
	counter(t, "alarms_total", "Alarms raised for a person.", v->alarms);
	counter(t, "audit_entries_total", "Entries of the audit chain.", v->audit_entries);
	counter(t, "commands_total", "Commands of operators carried out.", v->commands);
	counter(t, "commands_refused_total", "Commands of operators refused.", v->commands_refused);
	family(t, "mails_total", "counter", "Answers of the relay to our mails.");
	for (int i = 0; i < MW_MAIL_OUTCOME_COUNT; i++)
		labelled(t, "mails_total", "outcome", mw_mail_outcome_name((enum mw_mail_outcome)i),
			v->mails[i]);
	gauge(t, "mails_queued", "Mails the relay has not accepted yet.", v->mails_queued);
}

static void put_detection(struct text *t, const struct mw_metrics_values *v)
{
	counter(t, "events_consumed_total", "Events of the dataplane consumed.",
		v->events_consumed);
	counter(t, "events_lost_total", "Gaps in the numbering of events.", v->events_lost);
	gauge(t, "events_waiting", "Events not consumed yet.", v->events_lag);
	family(t, "observations_total", "counter", "Messages of customers by class.");
	for (int i = 0; i < 3; i++)
		labelled(t, "observations_total", "class",
			mw_message_class_name((enum mw_message_class)i), v->observations[i]);
	family(t, "findings_total", "counter", "Findings of the detector.");
	for (int i = MW_FINDING_SUSPICION; i < MW_FINDING_COUNT; i++)
		labelled(t, "findings_total", "finding",
			mw_detect_finding_name((enum mw_detect_finding)i), v->findings[i]);
	counter(t, "retries_total", "Messages not counted, seen before.", v->retries);
	counter(t, "campaign_repeats_total",
		"Messages not counted, the same campaign within a minute.", v->campaign_repeats);
}

/* What servers say of customers' mail: only `unknown` speaks of the sender's list of addresses. */
static void put_refusals(struct text *t, const struct mw_metrics_values *v)
{
	uint64_t known = v->recipients_unknown + v->recipients_policy;

	family(t, "refused_recipients_total", "counter",
		"Recipients refused by servers, by what the reply says.");
	labelled(t, "refused_recipients_total", "said", "unknown", v->recipients_unknown);
	labelled(t, "refused_recipients_total", "said", "policy", v->recipients_policy);
	labelled(t, "refused_recipients_total", "said", "other",
		v->recipients_refused > known ? v->recipients_refused - known : 0);
	counter(t, "policy_refusals_total",
		"Greetings, commands and messages refused by servers for policy.",
		v->policy_refusals);
}

size_t mw_metrics_render(const struct mw_metrics_values *v, char *out, size_t size)
{
	static const char *const stores[3] = {"policy", "events", "cases"};
	struct text text = {.out = out, .size = size};
	struct text *t = &text;

	family(t, "build_info", "gauge", "The version that runs; always 1.");
	labelled(t, "build_info", "version", v->version != NULL ? v->version : "", 1);
	gauge(t, "start_time_seconds", "When the control plane started, since the epoch.",
		v->start_time_s);
	gauge(t, "dataplane_last_report_time_seconds",
		"When the dataplane last reported, since the epoch; 0 never.", v->last_export_s);
	gauge(t, "policy_generation", "Generation of the policy.", v->policy_generation);
	gauge(t, "ruleset_generation", "Generation of the active rules, 0 none.",
		v->ruleset_generation);
	gauge(t, "rules", "Rules in the active set.", v->rules);
	family(t, "store_fill_ratio", "gauge", "Part of a store's map in use.");
	for (int i = 0; i < 3; i++)
		put(t, "mailweir_store_fill_ratio{store=\"%s\"} %.6f\n", stores[i],
			v->store_fill[i]);
	put_cases(t, v);
	put_detection(t, v);
	put_refusals(t, v);
	put_lanes(t, v);
	put_reasons(t, v);
	put_gateway(t, v);
	return t->full ? 0 : t->used;
}
