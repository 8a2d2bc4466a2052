/* Reads the settings file: its sections, then the classes, then what must fit together. */
#include "controlplane/input/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/input/settings_class.h"
#include "controlplane/notify/mail.h"

#define FILE_MAX (1u << 20)

/* While a file is read; classes come last, they start from what the rest says. */
struct reading {
	struct mw_settings settings;
	struct mw_detect_policy detect;
	int32_t spam_threshold_milli;
	bool has_inspection;
	yaml_node_t *classes;
	yaml_node_t *default_class;
	uint64_t seen;
};

#define TEXT(name_, object_, field)                                                      \
	{                                                                                \
		.name = name_, .type = MW_YAML_TEXT, .offset = offsetof(object_, field), \
		.size = sizeof(((object_ *)NULL)->field), .min = 0, .max = 0             \
	}
#define NUMBER(name_, type_, object_, field, min_, max_)                                       \
	{                                                                                      \
		.name = name_, .type = type_, .offset = offsetof(object_, field), .min = min_, \
		.max = max_                                                                    \
	}
#define COUNT(keys) (sizeof(keys) / sizeof((keys)[0]))

typedef struct mw_settings S;

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

static int take_reply(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);
	S *s = object;

	if (text == NULL)
		return -EINVAL;
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			return mw_yaml_error(y, node, key->name,
				"only printable ASCII may stand in an SMTP reply");
		if (*p == '%' && (p[1] == '\0' || strchr("tpen%", *++p) == NULL))
			return mw_yaml_error(
				y, node, key->name, "after %% stands t, p, e, n or %%");
	}
	if (strstr(text, "%t") == NULL)
		return mw_yaml_error(y, node, key->name, "it must hold %%t, the ticket number");
	if (strlen(text) >= sizeof(s->smtp.reject_reply))
		return mw_yaml_error(y, node, key->name, "longer than %zu octets",
			sizeof(s->smtp.reject_reply) - 1);
	snprintf(s->smtp.reject_reply, sizeof(s->smtp.reject_reply), "%s", text);
	return 0;
}

static const struct mw_yaml_key smtp_keys[] = {
	{.name = "ports", .type = MW_YAML_CUSTOM, .take = take_ports},
	{.name = "refuse_worm", .type = MW_YAML_BOOL, .offset = offsetof(S, smtp.refuse_worm)},
	{.name = "refuse_spam", .type = MW_YAML_BOOL, .offset = offsetof(S, smtp.refuse_spam)},
	NUMBER("scan_budget_us", MW_YAML_U32, S, smtp.scan_budget_us, 1, 1000000),
	NUMBER("hold_max_ms", MW_YAML_U32, S, smtp.hold_max_ms, 1, 600000),
	NAME("banner_name", smtp.banner_name),
	{.name = "reject_reply", .type = MW_YAML_CUSTOM, .take = take_reply},
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

static int take_section(
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
	return mw_yaml_section(y, node, key->name, sections[i].keys, sections[i].count,
		&((struct reading *)object)->settings, NULL);
}

static int take_rules(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = &((struct reading *)object)->settings;

	if (node->type != YAML_SEQUENCE_NODE)
		return mw_yaml_error(y, node, key->name, "a list of paths is wanted");
	for (yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		yaml_node_t *value = yaml_document_get_node(&y->document, *i);
		const char *text = mw_yaml_text(y, value, key->name);

		if (text == NULL)
			return -EINVAL;
		if (s->rules_count == MW_SETTINGS_RULES_MAX)
			return mw_yaml_error(
				y, value, key->name, "more than %d paths", MW_SETTINGS_RULES_MAX);
		if (text[0] == '\0' || strlen(text) >= MW_SETTINGS_PATH_MAX)
			return mw_yaml_error(y, value, key->name, "a path has 1 to %d octets",
				MW_SETTINGS_PATH_MAX - 1);
		snprintf(s->rules[s->rules_count++], MW_SETTINGS_PATH_MAX, "%s", text);
	}
	return 0;
}

static int take_inspection_default(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct reading *r = object;

	r->has_inspection = true;
	return mw_settings_take_inspection(y, node, key, &r->settings.inspection_default);
}

static int take_detect(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	return mw_settings_take_detect(y, node, key->name, &((struct reading *)object)->detect);
}

static int keep_node(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct reading *r = object;

	if (strcmp(key->name, "classes") == 0) {
		r->classes = node;
		return 0;
	}
	r->default_class = node;
	if (mw_yaml_text(y, node, key->name) == NULL)
		return -EINVAL;
	snprintf(r->settings.default_class, MW_CLASS_MAX, "%s", mw_yaml_text(y, node, key->name));
	return 0;
}

#define SECTION(name_)                                                      \
	{                                                                   \
		.name = name_, .type = MW_YAML_CUSTOM, .take = take_section \
	}

static const struct mw_yaml_key top_keys[] = {
	TEXT("state_dir", struct reading, settings.state_dir),
	TEXT("socket_path", struct reading, settings.socket_path),
	{.name = "inspection_default", .type = MW_YAML_CUSTOM, .take = take_inspection_default},
	{.name = "default_class", .type = MW_YAML_CUSTOM, .take = keep_node},
	NUMBER("spam_threshold", MW_YAML_MILLI, struct reading, spam_threshold_milli, 0.001, 1000),
	SECTION("desk"),
	SECTION("mail"),
	SECTION("metrics"),
	SECTION("smtp"),
	SECTION("store"),
	SECTION("retention"),
	{.name = "rules", .type = MW_YAML_CUSTOM, .take = take_rules},
	{.name = "detect", .type = MW_YAML_CUSTOM, .take = take_detect},
	{.name = "classes", .type = MW_YAML_CUSTOM, .take = keep_node},
};

static struct mw_class_policy *find_class(S *s, const char *name)
{
	for (uint8_t i = 0; i < s->class_count; i++)
		if (strcmp(s->classes[i].name, name) == 0)
			return &s->classes[i];
	return NULL;
}

static int take_classes(struct mw_yaml *y, struct reading *r)
{
	S *s = &r->settings;
	uint32_t seen = 0;

	for (uint8_t i = 0; i < s->class_count; i++) {
		s->classes[i].inspection = s->inspection_default;
		s->classes[i].spam_threshold_milli = r->spam_threshold_milli;
		s->classes[i].detect = r->detect;
	}
	if (r->classes == NULL)
		return 0;
	if (r->classes->type != YAML_MAPPING_NODE)
		return mw_yaml_error(y, r->classes, "classes", "keys and values are wanted here");
	snprintf(y->path, sizeof(y->path), "classes");
	for (yaml_node_pair_t *pair = r->classes->data.mapping.pairs.start;
		pair < r->classes->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = yaml_document_get_node(&y->document, pair->key);
		const char *name = mw_yaml_text(y, node, "class");
		struct mw_class_policy *c;
		bool is_new;
		int rc;

		if (name == NULL)
			return -EINVAL;
		if (name[0] == '\0' || strlen(name) >= MW_CLASS_MAX ||
			strpbrk(name, " ,\"'") != NULL)
			return mw_yaml_error(y, node, name,
				"a class name has 1 to %d octets, no blanks or quotes",
				MW_CLASS_MAX - 1);
		c = find_class(s, name);
		is_new = c == NULL;
		if (is_new && s->class_count == MW_SETTINGS_CLASSES_MAX)
			return mw_yaml_error(
				y, node, name, "more than %d classes", MW_SETTINGS_CLASSES_MAX);
		if (is_new) {
			c = mw_settings_add_class(s, name);
			c->spam_threshold_milli = r->spam_threshold_milli;
			c->detect = r->detect;
		}
		if ((seen & 1u << (c - s->classes)) != 0)
			return mw_yaml_error(y, node, name, "stands twice");
		seen |= 1u << (c - s->classes);
		rc = mw_settings_take_class(
			y, yaml_document_get_node(&y->document, pair->value), c, is_new);
		if (rc != 0)
			return rc;
	}
	y->path[0] = '\0';
	return 0;
}

static int check_whole(struct mw_yaml *y, struct reading *r)
{
	S *s = &r->settings;
	char reply[MW_REPLY_TEXT_MAX];
	const char *at = strchr(s->mail.from, '@');

	if (!r->has_inspection)
		return mw_yaml_error(y, NULL, "inspection_default",
			"must be named: none, metadata, content or content-sample; there is no "
			"default");
	if (find_class(s, s->default_class) == NULL)
		return mw_yaml_error(y, r->default_class, "default_class",
			"there is no class \"%s\"", s->default_class);
	if (s->mail.message_id_domain[0] == '\0' && at != NULL)
		snprintf(
			s->mail.message_id_domain, sizeof(s->mail.message_id_domain), "%s", at + 1);
	if (s->mail.message_id_domain[0] == '\0')
		snprintf(s->mail.message_id_domain, sizeof(s->mail.message_id_domain),
			"mailweir.invalid");
	mw_settings_reject_reply(s, "MW-2026-000123", reply);
	if (strstr(reply, "MW-2026-000123") == NULL)
		return mw_yaml_error(y, NULL, "smtp.reject_reply",
			"too long once it is filled in: the ticket number is cut off");
	return 0;
}

int mw_settings_parse(const char *name, const char *text, size_t len, struct mw_settings *out,
	char error[MW_SETTINGS_ERROR_MAX])
{
	struct reading *r = calloc(1, sizeof(*r));
	struct mw_yaml y;
	int rc;

	error[0] = '\0';
	if (r == NULL)
		return -ENOMEM;
	mw_settings_default(&r->settings);
	mw_detect_policy_default(&r->detect);
	r->spam_threshold_milli = 2000;
	rc = mw_yaml_open(&y, name, text, len, error, MW_SETTINGS_ERROR_MAX);
	if (rc == 0) {
		rc = mw_yaml_map(&y, yaml_document_get_root_node(&y.document), top_keys,
			COUNT(top_keys), r, &r->seen);
		if (rc == 0)
			rc = take_classes(&y, r);
		if (rc == 0)
			rc = check_whole(&y, r);
		mw_yaml_close(&y);
	}
	if (rc == 0)
		*out = r->settings;
	free(r);
	return rc;
}

int mw_settings_load(const char *path, struct mw_settings *out, char error[MW_SETTINGS_ERROR_MAX])
{
	FILE *in = fopen(path, "re");
	char *text = malloc(FILE_MAX + 1);
	size_t len = 0;
	int rc = 0;

	if (in == NULL || text == NULL)
		rc = errno != 0 ? -errno : -ENOMEM;
	if (rc == 0) {
		len = fread(text, 1, FILE_MAX + 1, in);
		rc = ferror(in) ? -EIO : len > FILE_MAX ? -EFBIG : 0;
	}
	if (rc != 0)
		snprintf(error, MW_SETTINGS_ERROR_MAX, "%s: cannot be read: %s", path,
			strerror(-rc));
	else
		rc = mw_settings_parse(path, text, len, out, error);
	if (in != NULL)
		fclose(in);
	free(text);
	return rc;
}
