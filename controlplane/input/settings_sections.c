/* The plain sections of the settings file, key by key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/input/settings_class.h"
#include "controlplane/notify/mail.h"

static int take_address(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);

	if (text == NULL)
		return -EINVAL;
	if (text[0] != '\0' && !mw_mail_address_ok(text))
		return mw_yaml_error(y, node, key->name, "\"%.64s\" is no mail address", text);
	snprintf((char *)object + key->offset, MW_CONTACT_EMAIL_MAX, "%s", text);
	return 0;
}

/* Hosts and names that end in SMTP commands and URLs. */
static int take_name(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);

	if (text == NULL)
		return -EINVAL;
	if (text[0] == '\0' || strlen(text) >= key->size ||
		text[strspn(text,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_")] !=
			'\0')
		return mw_yaml_error(
			y, node, key->name, "\"%.64s\" is no host name or address", text);
	snprintf((char *)object + key->offset, key->size, "%s", text);
	return 0;
}

#define ADDRESS(name_, field)                                                        \
	{                                                                            \
		.name = name_, .type = MW_YAML_CUSTOM, .offset = offsetof(S, field), \
		.take = take_address                                                 \
	}
#define NAME(name_, field)                                                           \
	{                                                                            \
		.name = name_, .type = MW_YAML_CUSTOM, .offset = offsetof(S, field), \
		.size = sizeof(((S *)NULL)->field), .take = take_name                \
	}

static const struct mw_yaml_key desk_keys[] = {
	TEXT("name", S, desk.name),
	TEXT("phone", S, desk.phone),
	ADDRESS("email", desk.email),
	TEXT("remedies_url", S, desk.remedies_url),
};

static const struct mw_yaml_key mail_keys[] = {
	NAME("relay_host", mail.relay.host),
	NUMBER("relay_port", MW_YAML_U16, S, mail.relay.port, 1, 65535),
	NAME("relay_helo", mail.relay.helo),
	{.name = "relay_tls_required",
		.type = MW_YAML_BOOL,
		.offset = offsetof(S, mail.relay.tls_required)},
	TEXT("relay_user", S, mail.relay.user),
	TEXT("relay_password", S, mail.relay.password),
	NUMBER("relay_connect_timeout", MW_YAML_SECONDS, S, mail.relay.connect_s, 1, 300),
	NUMBER("relay_timeout", MW_YAML_SECONDS, S, mail.relay.total_s, 1, 3600),
	ADDRESS("from", mail.from),
	TEXT("from_name", S, mail.from_name),
	ADDRESS("reply_to", mail.reply_to),
	NAME("message_id_domain", mail.message_id_domain),
	ADDRESS("postmaster", mail.postmaster),
};

static int take_ip(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);
	struct mw_ip ip;

	if (text == NULL)
		return -EINVAL;
	if (mw_ip_parse(text, &ip) != 0)
		return mw_yaml_error(y, node, key->name, "\"%.64s\" is no address", text);
	mw_ip_format(&ip, (char *)object + key->offset);
	return 0;
}

static const struct mw_yaml_key metrics_keys[] = {
	{.name = "address",
		.type = MW_YAML_CUSTOM,
		.offset = offsetof(S, metrics.address),
		.take = take_ip},
	NUMBER("port", MW_YAML_U16, S, metrics.port, 0, 65535),
};

static int take_ports(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = object;

	if (node->type != YAML_SEQUENCE_NODE)
		return mw_yaml_error(y, node, key->name, "a list of ports is wanted, like [25]");
	s->smtp.port_count = 0;
	for (yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		yaml_node_t *value = yaml_document_get_node(&y->document, *i);
		const char *text = mw_yaml_text(y, value, key->name);
		char *end;
		unsigned long port;

		if (text == NULL)
			return -EINVAL;
		port = strtoul(text, &end, 10);
		if (text[0] < '0' || text[0] > '9' || *end != '\0' || port < 1 || port > 65535)
			return mw_yaml_error(y, value, key->name, "\"%.40s\" is no port", text);
		for (uint8_t k = 0; k < s->smtp.port_count; k++)
			if (s->smtp.ports[k] == port)
				return mw_yaml_error(
					y, value, key->name, "port %lu stands twice", port);
		if (s->smtp.port_count == sizeof(s->smtp.ports) / sizeof(s->smtp.ports[0]))
			return mw_yaml_error(y, value, key->name, "more than %zu ports",
				sizeof(s->smtp.ports) / sizeof(s->smtp.ports[0]));
		s->smtp.ports[s->smtp.port_count++] = (uint16_t)port;
	}
	return s->smtp.port_count > 0
		       ? 0
		       : mw_yaml_error(y, node, key->name, "at least one port is wanted");
}

int mw_settings_take_reply(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key,
	const char *places, char out[MW_REPLY_TEXT_MAX])
{
	const char *text = mw_yaml_text(y, node, key->name);

	if (text == NULL)
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			return mw_yaml_error(y, node, key->name,
				"only printable ASCII may stand in an SMTP reply");
		if (*p == '%' && (p[1] == '\0' || strchr(places, *++p) == NULL))
			return mw_yaml_error(y, node, key->name,
				places[0] == 't' ? "after %% stands t, p, e, n or %%"
						 : "after %% stands p, e, n or %%");
	}
	if (strlen(text) >= MW_REPLY_TEXT_MAX)
		return mw_yaml_error(
			y, node, key->name, "longer than %d octets", MW_REPLY_TEXT_MAX - 1);
	snprintf(out, MW_REPLY_TEXT_MAX, "%s", text);
	return 0;
}

static int take_reject_at(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);
	S *s = object;

	if (text == NULL)
		return -EINVAL;
	if (mw_reject_at_parse(text, &s->smtp.reject_at) == 0)
		return 0;
	return mw_yaml_error(
		y, node, key->name, "\"%.40s\" is none of mail, ehlo and adaptive", text);
}

static int take_reject_reply(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = object;
	int rc = mw_settings_take_reply(y, node, key, "tpen%", s->smtp.reject_reply);

	if (rc == 0 && strstr(s->smtp.reject_reply, "%t") == NULL)
		return mw_yaml_error(y, node, key->name, "it must hold %%t, the ticket number");
	return rc;
}

/* The desk may set RATE without a case, so the ticket number may be left out. */
static int take_rate_reply(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = object;

	return mw_settings_take_reply(y, node, key, "tpen%", s->smtp.rate_reply);
}

/* A refused message has no ticket yet. */
static int take_refuse_reply(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = object;

	return mw_settings_take_reply(y, node, key, "pen%", s->smtp.refuse_reply);
}

static int take_reachable(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = object;

	if (node->type != YAML_SEQUENCE_NODE)
		return mw_yaml_error(
			y, node, key->name, "a list of prefixes is wanted, like [192.0.2.25]");
	s->smtp.reachable_count = 0;
	for (yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		yaml_node_t *value = yaml_document_get_node(&y->document, *i);
		const char *text = mw_yaml_text(y, value, key->name);
		struct mw_prefix prefix;

		if (text == NULL)
			return -EINVAL;
		if (mw_prefix_parse(text, &prefix) != 0)
			return mw_yaml_error(y, value, key->name,
				"\"%.64s\" is no address or prefix without host bits", text);
		if (s->smtp.reachable_count == MW_REACHABLE_MAX)
			return mw_yaml_error(
				y, value, key->name, "more than %d prefixes", MW_REACHABLE_MAX);
		s->smtp.reachable[s->smtp.reachable_count++] = prefix;
	}
	return 0;
}

static const struct mw_yaml_key smtp_keys[] = {
	{.name = "ports", .type = MW_YAML_CUSTOM, .take = take_ports},
	{.name = "refuse_worm", .type = MW_YAML_BOOL, .offset = offsetof(S, smtp.refuse_worm)},
	{.name = "refuse_spam", .type = MW_YAML_BOOL, .offset = offsetof(S, smtp.refuse_spam)},
	{.name = "refuse_smuggling",
		.type = MW_YAML_BOOL,
		.offset = offsetof(S, smtp.refuse_smuggling)},
	{.name = "observe", .type = MW_YAML_BOOL, .offset = offsetof(S, smtp.observe)},
	{.name = "reachable", .type = MW_YAML_CUSTOM, .take = take_reachable},
	NUMBER("scan_budget_us", MW_YAML_U32, S, smtp.scan_budget_us, 1, 1000000),
	NUMBER("hold_max_ms", MW_YAML_U32, S, smtp.hold_max_ms, 1, 600000),
	NAME("banner_name", smtp.banner_name),
	{.name = "reject_at", .type = MW_YAML_CUSTOM, .take = take_reject_at},
	{.name = "reject_reply", .type = MW_YAML_CUSTOM, .take = take_reject_reply},
	{.name = "rate_reply", .type = MW_YAML_CUSTOM, .take = take_rate_reply},
	{.name = "refuse_reply", .type = MW_YAML_CUSTOM, .take = take_refuse_reply},
};

static const struct mw_yaml_key store_keys[] = {
	NUMBER("policy_mib", MW_YAML_U32, S, store.policy_mib, 1, 1048576),
	NUMBER("events_mib", MW_YAML_U32, S, store.events_mib, 1, 1048576),
	NUMBER("cases_mib", MW_YAML_U32, S, store.cases_mib, 1, 1048576),
};

static const struct mw_yaml_key retention_keys[] = {
	NUMBER("evidence_days", MW_YAML_U32, S, retention.evidence_days, 1, 3650),
	NUMBER("evidence_per_ticket", MW_YAML_U32, S, retention.evidence_per_ticket, 1, 100000),
};

int mw_settings_take_section(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	static const struct {
		const char *name;
		const struct mw_yaml_key *keys;
		size_t count;
	} sections[] = {{"desk", desk_keys, COUNT(desk_keys)},
		{"mail", mail_keys, COUNT(mail_keys)},
		{"metrics", metrics_keys, COUNT(metrics_keys)},
		{"smtp", smtp_keys, COUNT(smtp_keys)}, {"store", store_keys, COUNT(store_keys)},
		{"retention", retention_keys, COUNT(retention_keys)}};
	size_t i = 0;

	while (strcmp(sections[i].name, key->name) != 0)
		i++;
	return mw_yaml_section(
		y, node, key->name, sections[i].keys, sections[i].count, object, NULL);
}
