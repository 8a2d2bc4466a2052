/* What can be counted, gathered: see values.h. */
#include <string.h>

#include "controlplane/ctl/values.h"
#include "controlplane/store/lines.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/verdicts.h"

static void take_lane(void *ctx, const struct mw_event_lane *lane)
{
	struct mw_ctl_values *out = ctx;
	struct mw_metrics_values *m = &out->metrics;

	if (m->lane_count >= MW_METRICS_LANES_MAX)
		return;
	out->lanes[m->lane_count] = *lane;
	m->lanes[m->lane_count] = &out->lanes[m->lane_count];
	m->lane_count++;
	if (lane->time_us / MW_US_PER_S > m->last_export_s)
		m->last_export_s = lane->time_us / MW_US_PER_S;
	/* All lanes are told the same; a lane that is no more would speak of the past. */
	if (lane->time_us >= out->newest_us) {
		out->newest_us = lane->time_us;
		m->gateway = lane->gateway;
		m->gateway_changes = lane->gateway_changes;
	}
}

static void from_cases(struct mw_ctl *ctl, uint64_t now_s, struct mw_ctl_values *out)
{
	struct mw_cases_txn txn = mw_cases_read(ctl->core->cases);
	struct mw_metrics_values *m = &out->metrics;
	struct mw_ticket *ticket = &ctl->core->ticket;
	enum mw_verdict_source source;
	struct mw_verdict_record rec;
	struct mw_own_line line;
	struct mw_walk walk;
	int64_t last = -1;

	m->customers = mw_cases_count(&txn, MW_TABLE_CUSTOMERS);
	m->prefixes = mw_cases_count(&txn, MW_TABLE_LINES);
	walk = mw_walk_from(&txn, MW_TABLE_VERDICTS, mw_span_of("", 0));
	while (mw_verdict_next(&walk, &source, &rec)) {
		if ((int64_t)rec.customer_index != last) {
			last = rec.customer_index;
			if (mw_own_line_at(&txn, rec.customer_index, &line)) {
				m->line_verdicts++;
				continue;
			}
			mw_verdict_effective(&txn, rec.customer_index, now_s, &rec);
			m->verdicts[rec.verdict]++;
		}
	}
	mw_walk_end(&walk);
	m->verdicts[MW_VERDICT_PASS] = m->customers;
	for (unsigned i = 0; i < MW_VERDICT_COUNT; i++)
		m->verdicts[MW_VERDICT_PASS] -= i != MW_VERDICT_PASS ? m->verdicts[i] : 0;
	walk = mw_walk_from(&txn, MW_TABLE_TICKETS, mw_span_of("", 0));
	while (mw_ticket_next(&walk, ticket))
		m->tickets[ticket->state]++;
	mw_walk_end(&walk);
	m->tasks_open = mw_cases_count(&txn, MW_TABLE_OPEN_TASKS);
	m->timers_set = mw_cases_count(&txn, MW_TABLE_TIMERS);
	m->mails_queued = mw_outbox_queued(&txn);
	m->events_lost = mw_meta_get(&txn, "events_lost");
	m->ruleset_generation = mw_meta_get(&txn, "ruleset_generation");
	m->rules = mw_meta_get(&txn, "ruleset_rules");
	m->audit_entries = mw_meta_get(&txn, "audit_seq");
	out->events_cursor = mw_meta_get(&txn, "events_cursor");
	out->outbox_next_try_s = mw_outbox_next_try(&txn);
	mw_cases_abort(&txn);
}

/* Events behind the cursor: by their numbers, since what is consumed is trimmed a little later. */
static uint64_t lag(const struct mw_events *events, uint64_t cursor)
{
	uint64_t counter = (1ull << MW_EVENTS_COUNTER_BITS) - 1, last = 0;
	struct mw_span key, value;
	struct mw_txn txn;

	if (mw_txn_begin(&txn, events->env, false) == 0 &&
		mw_txn_last(&txn, events->event, &key, &value))
		last = mw_key64_value(key);
	mw_txn_abort(&txn);
	if (last <= cursor)
		return 0;
	/* In a new epoch the counter began anew. */
	return (last & ~counter) == (cursor & ~counter) ? last - cursor : last & counter;
}

void mw_ctl_values(struct mw_ctl *ctl, uint64_t now_s, struct mw_ctl_values *out)
{
	const struct mw_core_counters *counters = &ctl->core->counters;
	struct mw_metrics_values *m = &out->metrics;

	memset(out, 0, sizeof(*out));
	m->version = ctl->version;
	m->start_time_s = ctl->started_s;
	from_cases(ctl, now_s, out);
	m->tickets_opened = counters->tickets_opened;
	m->ticket_steps = counters->steps;
	m->ticket_refusals = counters->refusals;
	m->timers_fired = counters->timers_fired;
	m->alarms = counters->alarms;
	m->events_consumed = counters->events_consumed;
	memcpy(m->observations, counters->observations, sizeof(m->observations));
	memcpy(m->findings, counters->findings, sizeof(m->findings));
	m->retries = counters->retries;
	m->campaign_repeats = counters->campaign_repeats;
	m->recipients_refused = counters->recipients_refused;
	m->recipients_unknown = counters->recipients_unknown;
	m->recipients_policy = counters->recipients_policy;
	m->policy_refusals = counters->policy_refusals;
	memcpy(m->mails, counters->mails, sizeof(m->mails));
	m->policy_generation = ctl->apply->policy_generation;
	m->store_fill[0] = mw_env_fill(ctl->apply->policy->env);
	m->store_fill[2] = mw_env_fill(&ctl->core->cases->env);
	m->commands = ctl->commands;
	m->commands_refused = ctl->commands_refused;
	if (ctl->events != NULL) {
		m->store_fill[1] = mw_env_fill(ctl->events->env);
		m->events_lag = lag(ctl->events, out->events_cursor);
		mw_events_lanes(ctl->events, take_lane, out);
	}
}
