/*
 * GET /metrics in the text format of Prometheus, from a plain structure the daemon fills. Serves on
 * the loopback by default, never names a customer, an address or a ticket. Runs in the daemon's own
 * loop: no thread, no lock. Called by the daemon.
 */
#ifndef MW_CONTROLPLANE_METRICS_METRICS_H
#define MW_CONTROLPLANE_METRICS_METRICS_H

#include "common/contract/event.h"
#include "common/contract/policy.h"
#include "controlplane/detect/detect.h"
#include "controlplane/notify/outbox.h"

#define MW_METRICS_LANES_MAX 64

/* Counters count since the control plane (or lane) started; gauges are as of now. */
struct mw_metrics_values {
	const char *version;
	uint64_t start_time_s;
	uint64_t last_export_s; /* of the newest lane record, 0 none: is the dataplane alive? */

	uint32_t lane_count; /* newest counters of each lane */
	const struct mw_event_lane *lanes[MW_METRICS_LANES_MAX];

	/* Of diverted mail, as the lane sees it that reported last. */
	enum mw_event_gateway gateway;
	uint64_t gateway_changes;

	uint64_t customers, prefixes;
	uint64_t
		verdicts[MW_VERDICT_COUNT]; /* customers by verdict; pass: or what his class says */
	uint64_t line_verdicts;		    /* lines with a verdict of their own */
	uint64_t tickets[MW_TICKET_STATE_COUNT];
	uint64_t tickets_opened;
	uint64_t ticket_steps, ticket_refusals;
	uint64_t tasks_open;
	uint64_t timers_set, timers_fired;
	uint64_t alarms;

	uint64_t events_consumed, events_lost; /* lost: gaps in the sequence */
	uint64_t events_lag;		       /* records not consumed yet */
	uint64_t observations[3];	       /* by enum mw_message_class */
	uint64_t findings[MW_FINDING_COUNT];
	uint64_t retries, campaign_repeats;
	uint64_t recipients_refused; /* RCPT answered with 5yz, in sessions with a finding */
	uint64_t recipients_unknown, recipients_policy; /* of these, by what the reply says */
	uint64_t policy_refusals;			/* policy said to anything but RCPT */

	uint64_t mails_queued;
	uint64_t mails[MW_MAIL_OUTCOME_COUNT];

	uint64_t policy_generation, ruleset_generation, rules;
	double store_fill[3]; /* 0..1: policy, events, cases */
	uint64_t audit_entries;
	uint64_t commands, commands_refused;
};

/* Fills `out`; what it points to stays valid until the next call. */
typedef void (*mw_metrics_fn)(void *ctx, struct mw_metrics_values *out);

struct mw_metrics;

/* NULL with a sentence in `error`. `port` 0 takes a free one (tests). */
struct mw_metrics *mw_metrics_start(const char *address, uint16_t port, mw_metrics_fn fn, void *ctx,
	char *error, size_t error_size);
uint16_t mw_metrics_port(const struct mw_metrics *metrics);
/* An epoll descriptor: readable means call mw_metrics_run(). */
int mw_metrics_fd(const struct mw_metrics *metrics);
/* Milliseconds until mw_metrics_run() is due although nothing is readable, -1 never. */
int mw_metrics_timeout_ms(const struct mw_metrics *metrics);
void mw_metrics_run(struct mw_metrics *metrics);
void mw_metrics_stop(struct mw_metrics *metrics); /* NULL is allowed */

/* A reason over all lanes. */
uint64_t mw_metrics_reason(const struct mw_metrics_values *values, enum mw_reason reason);
/* The text alone. Octets written, or 0 when it does not fit. */
size_t mw_metrics_render(const struct mw_metrics_values *values, char *out, size_t size);

#endif
