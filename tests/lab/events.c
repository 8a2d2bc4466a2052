/*
 * What the dataplane has told, as JSON Lines: the messages and sessions in the events store of a
 * lab, whole and in their order. Reads beside the writer and changes nothing. A control plane that
 * runs has events deleted behind itself; whoever wants all of them asks while none does.
 *
 * usage: lab-events STATE-DIR
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/store/events.h"

#define BATCH_MAX 1024

static json_t *anomaly_names(uint64_t bits)
{
	json_t *names = json_array();

	for (unsigned bit = 0; bit < 64; bit++)
		if ((bits >> bit & 1) != 0)
			json_array_append_new(
				names, json_string(mw_reason_name(mw_reason_anomaly(bit))));
	return names;
}

static json_t *session_json(const struct mw_event_session *s)
{
	return json_pack("{s:s, s:i, s:i, s:s, s:o, s:b}", "type", "session", "client_port",
		(int)s->client_port, "messages", (int)s->messages, "reason",
		mw_reason_name(s->reason), "anomalies", anomaly_names(s->anomalies), "quit",
		(int)s->quit);
}

static json_t *message_json(const struct mw_event_message *m)
{
	char fingerprint[17];

	snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, m->fingerprint);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:b, s:b, s:I}", "type", "message",
		"client_port", (int)m->client_port, "subject", m->subject, "fingerprint",
		fingerprint, "class", mw_message_class_name(m->klass), "refused", (int)m->refused,
		"complete", (int)m->complete, "size", (json_int_t)m->size);
}

static int print(void *ctx, uint64_t seq, const struct mw_event *event, struct mw_span record)
{
	json_t *line = NULL;
	int status = 0;

	(void)ctx;
	(void)seq;
	(void)record;
	if (event->kind == MW_EVENT_SESSION)
		line = session_json(&event->session);
	else if (event->kind == MW_EVENT_MESSAGE)
		line = message_json(&event->message);
	else
		return 0;
	if (!line || json_dumpf(line, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF)
		status = -EIO;
	json_decref(line);
	return status;
}

/* What was lost would make a judgement over the rest worthless: it is a failure. */
static int print_all(struct mw_events *events)
{
	struct mw_events_batch batch = {0};
	uint64_t after = 0;
	int status;

	do {
		status = mw_events_read(events, after, BATCH_MAX, print, NULL, &batch);
		if (status < 0)
			return status;
		if (batch.missing > 0 || batch.unreadable > 0) {
			fprintf(stderr,
				"lab-events: %" PRIu64 " events missing, %" PRIu32 " unreadable\n",
				batch.missing, batch.unreadable);
			return -EBADMSG;
		}
		after = batch.last_seq;
	} while (batch.count > 0);
	return 0;
}

int main(int argc, char **argv)
{
	struct mw_env env;
	struct mw_events events;
	char error[256] = "";
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: lab-events STATE-DIR\n");
		return 2;
	}
	status = mw_env_open(
		&env, argv[1], MW_EVENTS_ENV, MW_ENV_READER, 0, 0, error, sizeof(error));
	if (status < 0) {
		fprintf(stderr, "lab-events: %s: %s\n", argv[1], error);
		return 1;
	}
	status = mw_events_open(&events, &env);
	if (status == 0)
		status = print_all(&events);
	mw_env_close(&env);
	if (status < 0)
		fprintf(stderr, "lab-events: %s\n", strerror(-status));
	return status < 0 ? 1 : 0;
}
