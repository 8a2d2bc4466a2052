/*
 * Field by field from the lane's facts to the contract's records. Local parts of recipients stop
 * here: only their domains go on.
 */
#include "dataplane/io/events.h"

#include <ctype.h>
#include <string.h>

#include "dataplane/message/message.h"
#include "dataplane/proto/smtp.h"
#include "dataplane/text/utf8.h"

/* A NUL would end the string for a careless reader, so it is replaced too. */
static void text(char out[MW_EVENT_TEXT_MAX], struct mw_span in)
{
	size_t len = 0;

	if (in.data)
		len = mw_utf8_scrub(in, (uint8_t *)out, MW_EVENT_TEXT_MAX - 1, NULL);
	for (size_t i = 0; i < len; i++) {
		if (out[i] == '\0')
			out[i] = '?';
	}
	out[len] = '\0';
}

static bool has_domain(const struct mw_event_message *out, const char *domain)
{
	for (uint8_t i = 0; i < out->domain_count; i++) {
		if (strcmp(out->domains[i], domain) == 0)
			return true;
	}
	return false;
}

/* The part behind the last @, in lower case; each once, in order, up to the limit. */
static void domains(const struct mw_smtp_envelope *envelope, struct mw_event_message *out)
{
	for (const struct mw_smtp_rcpt *r = envelope->rcpts; r; r = r->next) {
		const uint8_t *at =
			r->address.len ? memrchr(r->address.data, '@', r->address.len) : NULL;
		char *domain = out->domains[out->domain_count];

		if (out->domain_count == MW_EVENT_DOMAINS_MAX)
			return;
		if (!at)
			continue;
		at++;
		text(domain, mw_span_of(at, (size_t)(r->address.data + r->address.len - at)));
		for (char *c = domain; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (domain[0] != '\0' && !has_domain(out, domain))
			out->domain_count++;
	}
}

/* All of them, or the dearest when there are more than fit. */
static void rules(const struct mw_lane_message *message, struct mw_event_message *out)
{
	for (const struct mw_match *match = message->matches; match != NULL; match = match->next) {
		size_t len =
			match->rule.len < MW_RULE_NAME_MAX ? match->rule.len : MW_RULE_NAME_MAX - 1;
		uint8_t at;

		if (out->rule_count < MW_EVENT_RULES_MAX)
			at = out->rule_count++;
		else if (match->score_milli > out->rules[MW_EVENT_RULES_MAX - 1].score_milli)
			at = MW_EVENT_RULES_MAX - 1;
		else
			continue;
		while (at > 0 && out->rules[at - 1].score_milli < match->score_milli) {
			out->rules[at] = out->rules[at - 1];
			at--;
		}
		memcpy(out->rules[at].name, match->rule.data, len);
		out->rules[at].name[len] = '\0';
		out->rules[at].score_milli = match->score_milli;
	}
}

static void headers(const struct mw_message_facts *facts, struct mw_event_message *out)
{
	text(out->subject, facts->subject);
	text(out->header_from, facts->from);
	text(out->message_id, facts->message_id);
	text(out->date, facts->date);
	text(out->mailer, facts->x_mailer);
}

void mw_io_message_to_event(
	const struct mw_lane_message *message, bool sample, struct mw_event_message *out)
{
	memset(out, 0, sizeof(*out));
	out->time_us = message->end_ns / MW_NS_PER_US;
	out->customer_index = message->customer_index;
	out->lane = message->lane;
	out->client = message->client;
	out->server = message->server;
	out->client_port = message->client_port;
	out->server_port = message->server_port;
	out->fingerprint = message->fingerprint;
	out->campaign = message->campaign;
	out->ham_before = message->ham_before;
	out->klass = message->klass;
	out->refused = message->refuse;
	out->complete = message->complete;
	out->score_milli = message->score_milli;
	out->threshold_milli = message->threshold_milli;
	out->ttl = message->ttl;
	out->window = message->window;
	out->mss = message->mss;
	if (message->envelope) {
		out->recipients = message->envelope->rcpt_count;
		text(out->helo, message->envelope->helo);
		text(out->mail_from, message->envelope->mail_from);
		domains(message->envelope, out);
	}
	if (message->facts) {
		out->size = message->facts->size;
		memcpy(out->sha256, message->facts->sha256, sizeof(out->sha256));
		if (sample)
			headers(message->facts, out);
	}
	rules(message, out);
}

static void push(struct mw_io_worker *w)
{
	uint8_t *room;

	if (!w->events)
		return;
	room = mw_event_ring_reserve(w->events);
	if (room)
		mw_event_ring_commit(
			w->events, mw_event_encode(w->event, room, MW_EVENT_RECORD_MAX));
}

/* Evidence beyond the judgement itself is kept of those customers only whose class says so. */
static bool may_sample(const struct mw_io_worker *w, uint32_t customer_index)
{
	return w->snapshot && mw_snapshot_customer_entry(w->snapshot, customer_index)->inspection ==
				      MW_INSPECTION_CONTENT_SAMPLE;
}

void mw_io_event_message(void *ctx, const struct mw_lane_message *message)
{
	struct mw_io_worker *w = ctx;

	if (!w->events || message->klass == MW_CLASS_HAM ||
		message->customer_index == MW_NO_CUSTOMER_INDEX)
		return;
	w->event->kind = MW_EVENT_MESSAGE;
	mw_io_message_to_event(message, may_sample(w, message->customer_index), &w->event->message);
	push(w);
}

static enum mw_event_tls tls_hello_of(enum mw_tls_outcome outcome)
{
	switch (outcome) {
	case MW_TLS_WHOLE:
		return MW_EVENT_TLS_WHOLE;
	case MW_TLS_READING:
	case MW_TLS_CUT:
		return MW_EVENT_TLS_CUT;
	case MW_TLS_UNKEPT:
		return MW_EVENT_TLS_UNKEPT;
	case MW_TLS_BAD:
		return MW_EVENT_TLS_BAD;
	case MW_TLS_NONE:
		break;
	}
	return MW_EVENT_TLS_NONE;
}

void mw_io_event_session(void *ctx, const struct mw_lane_session *session)
{
	struct mw_io_worker *w = ctx;
	struct mw_event_session *out;

	if (!w->events || session->customer_index == MW_NO_CUSTOMER_INDEX)
		return;
	/* Sessions without any finding are not told. */
	if (!session->metadata && session->anomalies == 0 && session->recipients_refused == 0 &&
		session->policy_refusals == 0)
		return;
	out = &w->event->session;
	memset(out, 0, sizeof(*out));
	w->event->kind = MW_EVENT_SESSION;
	out->start_us = session->start_ns / MW_NS_PER_US;
	out->end_us = session->end_ns / MW_NS_PER_US;
	out->customer_index = session->customer_index;
	out->lane = session->lane;
	out->client = session->client;
	out->server = session->server;
	out->client_port = session->client_port;
	out->server_port = session->server_port;
	out->messages = session->messages;
	out->reason = session->reason;
	out->anomalies = session->anomalies;
	out->client_bytes = session->client_bytes;
	out->server_bytes = session->server_bytes;
	out->quit = session->quit;
	out->recipients_refused = session->recipients_refused;
	out->recipients_unknown = session->recipients_unknown;
	out->recipients_policy = session->recipients_policy;
	out->policy_refusals = session->policy_refusals;
	out->tls_hello = tls_hello_of(session->tls_hello);
	out->tls_version = session->tls_version;
	text(out->tls_server_name, session->tls_server_name);
	push(w);
}

void mw_io_event_ham(void *ctx, uint32_t customer_index, uint32_t ham, uint64_t now_ns)
{
	struct mw_io_worker *w = ctx;

	if (!w->events)
		return;
	w->event->kind = MW_EVENT_HAM;
	w->event->ham = (struct mw_event_ham){.time_us = now_ns / MW_NS_PER_US,
		.customer_index = customer_index,
		.lane = w->index,
		.ham = ham};
	push(w);
}

void mw_io_event_divert(
	void *ctx, uint32_t customer_index, const struct mw_divert_counts *counts, uint64_t now_ns)
{
	struct mw_io_worker *w = ctx;

	if (!w->events)
		return;
	w->event->kind = MW_EVENT_DIVERT;
	w->event->divert = (struct mw_event_divert){.time_us = now_ns / MW_NS_PER_US,
		.customer_index = customer_index,
		.lane = w->index,
		.diverted = counts->diverted,
		.passed = counts->passed,
		.put_off = counts->put_off,
		.refused = counts->refused};
	push(w);
}

static enum mw_event_gateway gateway_of(const struct mw_io_worker *w)
{
	struct mw_gateway_status status = mw_gateway_status_unpack(w->gateway_word);

	return !status.configured ? MW_EVENT_GATEWAY_NONE
	       : status.up	  ? MW_EVENT_GATEWAY_UP
				  : MW_EVENT_GATEWAY_DOWN;
}

void mw_io_event_lane(struct mw_io_worker *w, uint64_t now_ns)
{
	const struct mw_lane_counters *from;
	struct mw_event_lane *out;

	if (!w->events)
		return;
	from = mw_lane_counters(w->lane);
	out = &w->event->lane;
	memset(out, 0, sizeof(*out));
	w->event->kind = MW_EVENT_LANE;
	out->time_us = now_ns / MW_NS_PER_US;
	out->lane = w->index;
	out->count = MW_REASON_COUNT;
	memcpy(out->packets, from->reason, sizeof(out->packets));
	/* What crossed the devices is known here, not in the lane. */
	out->rx_packets = w->counters.rx_packets;
	out->rx_bytes = w->counters.rx_bytes;
	out->tx_packets = w->counters.tx_packets;
	out->tx_bytes = w->counters.tx_bytes;
	out->flows = from->flows;
	out->flows_max = from->flows_max;
	out->messages = from->messages;
	out->held = from->held;
	out->held_ns_max = from->held_ns_max;
	out->scan_ns = from->scan_ns;
	out->scanned_bytes = from->scanned_bytes;
	out->event_drops = mw_event_ring_dropped(w->events);
	out->policy_generation = w->snapshot ? w->snapshot->generation : 0;
	out->ruleset_generation = w->rules_generation;
	out->gateway = gateway_of(w);
	out->gateway_changes =
		atomic_load_explicit(&w->shared->gateway_changes, memory_order_relaxed);
	push(w);
}
