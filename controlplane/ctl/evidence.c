/* weirctl evidence show: what was seen, so that the infected machine can be found */
#include <inttypes.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/store/evidence.h"

static void hex(const uint8_t *in, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", in[i]);
}

static json_t *document(uint64_t number, const struct mw_event_message *m)
{
	static const uint8_t none[sizeof(m->sha256)];
	json_t *rules = json_array(), *domains = json_array(), *doc, *more;
	char client[MW_IP_TEXT_MAX], server[MW_IP_TEXT_MAX], hash[65];

	hash[0] = '\0'; /* none was taken: the dataplane does so only when it is told to */
	if (memcmp(m->sha256, none, sizeof(none)) != 0)
		hex(m->sha256, sizeof(m->sha256), hash);
	for (uint8_t i = 0; i < m->rule_count; i++)
		json_array_append_new(
			rules, json_pack("{s:o, s:f}", "name", mw_json_text(m->rules[i].name),
				       "score", (double)m->rules[i].score_milli / 1000));
	for (uint8_t i = 0; i < m->domain_count; i++)
		json_array_append_new(domains, mw_json_text(m->domains[i]));
	doc = json_pack("{s:I, s:f, s:s, s:s, s:i, s:s, s:i, s:o, s:f, s:f, s:b, s:b}", "number",
		(json_int_t)number, "time", (double)m->time_us / 1e6, "class",
		mw_message_class_name(m->klass), "client", mw_ip_format(&m->client, client),
		"client_port", (int)m->client_port, "server", mw_ip_format(&m->server, server),
		"server_port", (int)m->server_port, "sha256", mw_json_text_or_null(hash), "score",
		(double)m->score_milli / 1000, "threshold", (double)m->threshold_milli / 1000,
		"refused", (int)m->refused, "complete", (int)m->complete);
	more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:i, s:i, s:i, s:o, s:o}",
		"helo", mw_json_text_or_null(m->helo), "mail_from",
		mw_json_text_or_null(m->mail_from), "subject", mw_json_text_or_null(m->subject),
		"from", mw_json_text_or_null(m->header_from), "message_id",
		mw_json_text_or_null(m->message_id), "date", mw_json_text_or_null(m->date),
		"mailer", mw_json_text_or_null(m->mailer), "size", (json_int_t)m->size,
		"recipients", (json_int_t)m->recipients, "ttl", (int)m->ttl, "window",
		(int)m->window, "mss", (int)m->mss, "rules", rules, "recipient_domains", domains);
	if (doc != NULL && more != NULL)
		json_object_update(doc, more);
	json_decref(more);
	return doc;
}

static void line(struct mw_command *c, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	fputs("    ", c->text);
	mw_text(c->text, name, 12);
	mw_text(c->text, text, 0);
	fputc('\n', c->text);
}

static void show(struct mw_command *c, uint64_t number, const struct mw_event_message *m)
{
	char client[MW_IP_TEXT_MAX], server[MW_IP_TEXT_MAX], at[MW_CORE_TIME_TEXT];

	fprintf(c->text, "#%" PRIu64 "  %s UTC  %s  score %.1f (from %.1f)%s\n", number,
		mw_core_time_format(m->time_us / MW_US_PER_S, at), mw_message_class_name(m->klass),
		(double)m->score_milli / 1000, (double)m->threshold_milli / 1000,
		m->refused ? "  refused by us" : "");
	fprintf(c->text, "    machine     %s port %u, TTL %u, window %u, MSS %u, to %s port %u\n",
		mw_ip_format(&m->client, client), (unsigned)m->client_port, (unsigned)m->ttl,
		(unsigned)m->window, (unsigned)m->mss, mw_ip_format(&m->server, server),
		(unsigned)m->server_port);
	line(c, "HELO", m->helo);
	line(c, "MAIL FROM", m->mail_from);
	line(c, "From", m->header_from);
	line(c, "Subject", m->subject);
	line(c, "Message-ID", m->message_id);
	line(c, "X-Mailer", m->mailer);
	line(c, "Date", m->date);
	for (uint8_t i = 0; i < m->rule_count; i++) {
		fputs(i == 0 ? "    rules       " : "                ", c->text);
		mw_text(c->text, m->rules[i].name, 32);
		fprintf(c->text, " %6.1f\n", (double)m->rules[i].score_milli / 1000);
	}
}

void mw_cmd_evidence(struct mw_command *c)
{
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_event *event = &c->ctl->core->evidence;
	json_t *list = json_array();
	struct mw_walk walk;
	uint64_t key, number;

	if (mw_take_ticket(c, c->arguments->positional[0], &txn, &key)) {
		walk = mw_evidence_walk(&txn, key);
		while (mw_evidence_next(&walk, key, &number, event)) {
			if (event->kind != MW_EVENT_MESSAGE)
				continue;
			json_array_append_new(list, document(number, &event->message));
			if (!c->json)
				show(c, number, &event->message);
		}
		mw_walk_end(&walk);
		if (json_array_size(list) == 0)
			fputs("No evidence is kept with this ticket.\n", c->text);
	}
	mw_cases_abort(&txn);
	mw_answer(c, list);
}
