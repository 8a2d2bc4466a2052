/* What holds when a file says nothing, and what is derived from settings for others. */
#include "controlplane/input/settings.h"

#include <stdio.h>

#include "controlplane/input/settings_class.h"

struct mw_class_policy *mw_settings_add_class(struct mw_settings *s, const char *name)
{
	struct mw_class_policy *c = &s->classes[s->class_count++];

	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->inspection = s->inspection_default;
	c->spam_threshold_milli = 2000;
	/* What people of a mid-sized office write in an hour, and far less than a spammer needs. */
	c->rate = (struct mw_rate){.messages = 60, .recipients = 300, .connections = 60};
	mw_ticket_policy_default(&c->ticket);
	mw_detect_policy_default(&c->detect);
	c->ticket.divert_max_s = s->divert.max_s;
	snprintf(c->ticket.class_name, sizeof(c->ticket.class_name), "%s", name);
	return c;
}

void mw_settings_default(struct mw_settings *out)
{
	static const struct {
		const char *name;
		uint32_t deadline_s;
	} classes[] = {{"fope", 3600}, {"business", 3 * 3600}, {"hosting", 24 * 3600},
		{"consumer", 72 * 3600}};

	memset(out, 0, sizeof(*out));
	out->inspection_default = MW_INSPECTION_NONE;
	snprintf(out->default_class, sizeof(out->default_class), "business");
	snprintf(out->desk.name, sizeof(out->desk.name), "Abuse desk");
	snprintf(out->mail.relay.host, sizeof(out->mail.relay.host), "127.0.0.1");
	out->mail.relay.port = 25;
	snprintf(out->mail.relay.helo, sizeof(out->mail.relay.helo), "mailweir.invalid");
	out->mail.relay.connect_s = 10;
	out->mail.relay.total_s = 60;
	snprintf(out->mail.from_name, sizeof(out->mail.from_name), "Abuse desk");
	snprintf(out->metrics.address, sizeof(out->metrics.address), "127.0.0.1");
	out->metrics.port = 9925;
	out->smtp.ports[0] = 25;
	out->smtp.port_count = 1;
	out->smtp.refuse_worm = true;
	out->smtp.refuse_smuggling = true;
	out->smtp.reject_at = MW_REJECT_AT_ADAPTIVE;
	out->smtp.scan_budget_us = 50;
	out->smtp.hold_max_ms = 5000;
	snprintf(out->smtp.banner_name, sizeof(out->smtp.banner_name), "mailweir.invalid");
	snprintf(out->smtp.reject_reply, sizeof(out->smtp.reject_reply),
		"outbound mail is refused, ticket %%t, please call %%p or write to %%e");
	snprintf(out->smtp.rate_reply, sizeof(out->smtp.rate_reply),
		"more mail than may be sent in an hour, ticket %%t, please call %%p or write to "
		"%%e");
	snprintf(out->smtp.refuse_reply, sizeof(out->smtp.refuse_reply),
		"message refused, please call %%p or write to %%e");
	out->divert.gateway = (struct mw_divert_settings){.fallback = MW_DIVERT_PASS,
		.check_port = 25,
		.check_every_ms = 5000,
		.check_timeout_ms = 3000,
		.fall = 3,
		.rise = 2};
	out->divert.check_every_s = 5;
	out->divert.check_timeout_s = 3;
	out->divert.max_s = 14 * 86400;
	snprintf(out->divert.reply, sizeof(out->divert.reply),
		"the check of outgoing mail is not available, please call %%p or write to %%e");
	out->store.policy_mib = 1024;
	out->store.events_mib = 1024;
	out->store.cases_mib = 1024;
	out->retention.evidence_days = 90;
	out->retention.evidence_per_ticket = 1000;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		struct mw_class_policy *c = mw_settings_add_class(out, classes[i].name);

		c->ticket.deadline_s = classes[i].deadline_s;
		mw_settings_derive(c, true, true);
	}
}

const struct mw_class_policy *mw_settings_class(
	const struct mw_settings *settings, const char *name)
{
	for (uint8_t i = 0; i < settings->class_count; i++)
		if (strcmp(settings->classes[i].name, name) == 0)
			return &settings->classes[i];
	return NULL;
}

bool mw_settings_class_limits(const struct mw_class_policy *class_policy)
{
	const struct mw_rate *rate = &class_policy->rate;

	return rate->messages != 0 || rate->recipients != 0 || rate->connections != 0;
}

static void fill_in(const struct mw_settings *s, const char *text, const char *ticket,
	char out[MW_REPLY_TEXT_MAX]);

void mw_settings_to_policy(const struct mw_settings *s, struct mw_policy_settings *out)
{
	const struct mw_class_policy *c = mw_settings_class(s, s->default_class);

	memset(out, 0, sizeof(*out));
	memcpy(out->smtp_ports, s->smtp.ports, sizeof(out->smtp_ports));
	out->smtp_port_count = s->smtp.port_count;
	out->refuse_worm = s->smtp.refuse_worm;
	out->refuse_spam = s->smtp.refuse_spam;
	out->refuse_smuggling = s->smtp.refuse_smuggling;
	out->reject_at = s->smtp.reject_at;
	out->observe = s->smtp.observe;
	out->reachable_count = s->smtp.reachable_count;
	memcpy(out->reachable, s->smtp.reachable, sizeof(out->reachable));
	out->divert = s->divert.gateway;
	out->scan_budget_us = s->smtp.scan_budget_us;
	out->hold_max_ms = s->smtp.hold_max_ms;
	out->default_threshold_milli = c != NULL ? c->spam_threshold_milli : 2000;
	snprintf(out->banner_name, sizeof(out->banner_name), "%s", s->smtp.banner_name);
	fill_in(s, s->smtp.refuse_reply, "", out->refuse_reply);
	fill_in(s, s->divert.reply, "", out->divert_reply);
}

static void fill_in(const struct mw_settings *s, const char *text, const char *ticket,
	char out[MW_REPLY_TEXT_MAX])
{
	size_t used = 0;

	for (const char *p = text; *p != '\0'; p++) {
		const char one[2] = {*p, '\0'}, *piece = one;

		if (*p == '%') {
			p++;
			piece = *p == 't'   ? ticket
				: *p == 'p' ? s->desk.phone
				: *p == 'e' ? s->desk.email
				: *p == 'n' ? s->desk.name
					    : "%";
		}
		for (; *piece != '\0' && used + 1 < MW_REPLY_TEXT_MAX; piece++)
			if (((unsigned char)*piece & 0xc0) != 0x80) /* UTF-8: one mark for each */
				out[used++] = *piece >= 0x20 && *piece < 0x7f ? *piece : '?';
		if (*p == '\0')
			break;
	}
	out[used] = '\0';
}

void mw_settings_reject_reply(
	const struct mw_settings *s, const char *ticket, char out[MW_REPLY_TEXT_MAX])
{
	fill_in(s, s->smtp.reject_reply, ticket, out);
}

void mw_settings_rate_reply(
	const struct mw_settings *s, const char *ticket, char out[MW_REPLY_TEXT_MAX])
{
	fill_in(s, s->smtp.rate_reply, ticket, out);
}

void mw_settings_divert_reply(
	const struct mw_settings *s, const char *ticket, char out[MW_REPLY_TEXT_MAX])
{
	fill_in(s, s->divert.reply, ticket, out);
}
