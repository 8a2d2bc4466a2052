/*
 * The dataplane's part, by hand, for end-to-end tests: writes events as the agent would, reads
 * verdicts as the lanes would.
 *   cpb-plane feed STATE INDEX COUNT [FIRST_S]   spam-like messages of a customer
 *   cpb-plane lane STATE [up|down]               the counters of one lane, as of now
 *   cpb-plane divert STATE INDEX                 connections of a customer under DIVERT
 *   cpb-plane verdict STATE CUSTOMER             prints "reject MW-2026-000001 text of the reply"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/time.h"
#include "common/store/events.h"
#include "common/store/policy.h"

static struct mw_event event;
static uint8_t octets[MW_EVENT_RECORD_MAX];
static char error[512];

static int append(struct mw_events *events)
{
	struct mw_span record = mw_span_of(octets, mw_event_encode(&event, octets, sizeof(octets)));

	return record.len == 0 ? -1 : mw_events_append(events, &record, 1, 0);
}

static int write_events(int argc, char **argv, enum mw_event_kind kind)
{
	struct mw_env env;
	struct mw_events events;
	bool one = kind != MW_EVENT_MESSAGE;
	unsigned long count = one ? 1 : strtoul(argv[4], NULL, 10);
	uint64_t now = (uint64_t)time(NULL);
	uint64_t first = !one && argc > 5 ? strtoull(argv[5], NULL, 10) : now - count;
	int rc = 0;

	if (mw_env_open(&env, argv[2], MW_EVENTS_ENV, MW_ENV_WRITER, 16 << 20, 0, error,
		    sizeof(error)) != 0 ||
		mw_events_open(&events, &env) != 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	for (unsigned long i = 0; rc == 0 && i < count; i++) {
		struct mw_event_message *m = &event.message;
		const uint8_t client[4] = {192, 0, 2, 10}, server[4] = {198, 51, 100, 7};

		memset(&event, 0, sizeof(event));
		event.kind = kind;
		if (kind == MW_EVENT_LANE) {
			event.lane.time_us = now * MW_US_PER_S;
			event.lane.count = MW_REASON_COUNT;
			event.lane.packets[MW_REASON_FORWARDED] = 1000;
			event.lane.rx_packets = 1234;
			event.lane.messages = 5;
			event.lane.packets[MW_REASON_DIVERT_BEGUN] = 21;
			event.lane.packets[MW_REASON_DIVERT_PUT_OFF] = 4;
			event.lane.packets[MW_REASON_OBSERVED_VERDICT] = 6;
			event.lane.gateway = argc < 4			  ? MW_EVENT_GATEWAY_NONE
					     : strcmp(argv[3], "up") == 0 ? MW_EVENT_GATEWAY_UP
									  : MW_EVENT_GATEWAY_DOWN;
			event.lane.gateway_changes = argc < 4 ? 0 : 3;
		} else if (kind == MW_EVENT_DIVERT) {
			event.divert = (struct mw_event_divert){.time_us = now * MW_US_PER_S,
				.customer_index = (uint32_t)strtoul(argv[3], NULL, 10),
				.diverted = 7,
				.passed = 1,
				.put_off = 2,
				.refused = 3};
		} else {
			m->time_us = (first + i) * MW_US_PER_S;
			m->customer_index = (uint32_t)strtoul(argv[3], NULL, 10);
			m->client = mw_ip_from_v4(client);
			m->server = mw_ip_from_v4(server);
			m->client_port = (uint16_t)(20000 + i);
			m->server_port = 25;
			m->fingerprint = m->campaign = (first + i) * 7919;
			m->klass = MW_CLASS_SPAM;
			m->complete = true;
			m->score_milli = 5000;
			m->threshold_milli = 2000;
			m->recipients = 1;
			snprintf(m->helo, sizeof(m->helo), "infected\x1b[31m.example");
			snprintf(m->subject, sizeof(m->subject), "Buy \xe2\x80\xae now");
			m->domain_count = 1;
			snprintf(m->domains[0], MW_EVENT_TEXT_MAX, "victim%lu.example", i % 10);
			m->rule_count = 1;
			snprintf(m->rules[0].name, MW_RULE_NAME_MAX, "TEST_RULE");
			m->rules[0].score_milli = 5000;
		}
		rc = append(&events);
	}
	mw_events_close(&events);
	mw_env_close(&env);
	return rc == 0 ? 0 : 1;
}

static int print_verdict(const char *state, const char *customer)
{
	struct mw_env env;
	struct mw_policy policy;
	struct mw_policy_txn txn;
	struct mw_customer_record rec;
	struct mw_verdict_record verdict;
	bool found;

	if (mw_env_open(&env, state, MW_POLICY_ENV, MW_ENV_READER, 0, 0, error, sizeof(error)) !=
			0 ||
		mw_policy_open(&policy, &env) != 0 || mw_policy_begin_read(&policy, &txn) != 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	found = mw_policy_find_customer(&txn, customer, &rec) &&
		mw_policy_get_verdict(&txn, rec.index, &verdict);
	if (found)
		printf("%s %s %s\n", mw_verdict_name(verdict.verdict),
			verdict.ticket[0] != '\0' ? verdict.ticket : "-", verdict.reply);
	else
		puts("pass - -");
	mw_policy_end(&txn);
	mw_env_close(&env);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "feed") == 0)
		return write_events(argc, argv, MW_EVENT_MESSAGE);
	if ((argc == 3 || argc == 4) && strcmp(argv[1], "lane") == 0)
		return write_events(argc, argv, MW_EVENT_LANE);
	if (argc == 4 && strcmp(argv[1], "divert") == 0)
		return write_events(argc, argv, MW_EVENT_DIVERT);
	if (argc == 4 && strcmp(argv[1], "verdict") == 0)
		return print_verdict(argv[2], argv[3]);
	fprintf(stderr, "usage: cpb-plane feed STATE INDEX COUNT [FIRST_S] | lane STATE "
			"[up|down] | divert STATE INDEX | verdict STATE ID\n");
	return 2;
}
