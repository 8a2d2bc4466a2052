/* The section of the antivirus gateway: where it is, how it is known to be well, what may be led to
 * it. What classes say of it is in settings_class.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/input/settings_class.h"

/* What a machine on a link can have as its own: one host, and no placeholder. */
static bool is_host(const struct mw_ip *ip)
{
	const uint8_t *o = ip->octet;

	if (mw_ip_is_v4(ip))
		return o[12] != 0 && o[12] != 127 && o[12] < 224;
	return !mw_ip_is_none(ip) && o[0] != 0xff;
}

/* One address or two of different families, as a list. */
static int take_addresses(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key,
	struct mw_ip *v4, struct mw_ip *v6)
{
	if (node->type != YAML_SEQUENCE_NODE)
		return mw_yaml_error(
			y, node, key->name, "a list of addresses is wanted, like [192.0.2.9]");
	*v4 = *v6 = (struct mw_ip){{0}};
	for (yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		yaml_node_t *value = yaml_document_get_node(&y->document, *i);
		const char *text = mw_yaml_text(y, value, key->name);
		struct mw_ip ip, *to;

		if (text == NULL)
			return -EINVAL;
		if (mw_ip_parse(text, &ip) != 0 || !is_host(&ip))
			return mw_yaml_error(
				y, value, key->name, "\"%.64s\" is no address of a host", text);
		to = mw_ip_is_v4(&ip) ? v4 : v6;
		if (!mw_ip_is_none(to))
			return mw_yaml_error(y, value, key->name,
				"one address of a family, %s is the second", text);
		*to = ip;
	}
	if (mw_ip_is_none(v4) && mw_ip_is_none(v6))
		return mw_yaml_error(y, node, key->name, "at least one address is wanted");
	return 0;
}

static int take_gateway(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct mw_divert_settings *d = &((S *)object)->divert.gateway;

	return take_addresses(y, node, key, &d->gateway_v4, &d->gateway_v6);
}

static int take_address(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct mw_divert_settings *d = &((S *)object)->divert.gateway;

	return take_addresses(y, node, key, &d->address_v4, &d->address_v6);
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static bool parse_mac(const char *text, uint8_t out[6])
{
	uint8_t any = 0;

	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 6; i++) {
		int high = hex(text[3 * i]), low = hex(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		any |= out[i];
	}
	return any != 0 && (out[0] & 1) == 0; /* one station's, IEEE 802.3 3.2.3 */
}

static int take_mac(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);

	if (text == NULL)
		return -EINVAL;
	if (text[0] != '\0' && !parse_mac(text, ((S *)object)->divert.gateway.mac))
		return mw_yaml_error(y, node, key->name,
			"\"%.40s\" is no address of one station, like 02:00:5e:10:00:01", text);
	return 0;
}

static int take_fallback(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);

	if (text == NULL)
		return -EINVAL;
	if (mw_divert_fallback_parse(text, &((S *)object)->divert.gateway.fallback) != 0)
		return mw_yaml_error(
			y, node, key->name, "\"%.40s\" is none of pass, later and refuse", text);
	return 0;
}

#define CHECK_S_MAX 3600

static const struct mw_yaml_key check_keys[] = {
	NUMBER("port", MW_YAML_U16, S, divert.gateway.check_port, 0, 65535),
	NUMBER("every", MW_YAML_SECONDS, S, divert.check_every_s, 1, CHECK_S_MAX),
	NUMBER("timeout", MW_YAML_SECONDS, S, divert.check_timeout_s, 1, CHECK_S_MAX),
	NUMBER("fall", MW_YAML_U8, S, divert.gateway.fall, 1, 255),
	NUMBER("rise", MW_YAML_U8, S, divert.gateway.rise, 1, 255),
};

static int take_check(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = object;
	int rc = mw_yaml_section(y, node, key->name, check_keys, COUNT(check_keys), s, NULL);

	if (rc == 0 && s->divert.check_timeout_s > s->divert.check_every_s)
		rc = mw_yaml_error(y, node, key->name,
			"timeout lies beyond every: one check would still run when the next "
			"begins");
	s->divert.gateway.check_every_ms = s->divert.check_every_s * 1000;
	s->divert.gateway.check_timeout_ms = s->divert.check_timeout_s * 1000;
	return rc;
}

static int take_reply(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	return mw_settings_take_reply(y, node, key, "tpen%", ((S *)object)->divert.reply);
}

enum { K_GATEWAY, K_ADDRESS };

static const struct mw_yaml_key divert_keys[] = {
	[K_GATEWAY] = {.name = "gateway", .type = MW_YAML_CUSTOM, .take = take_gateway},
	[K_ADDRESS] = {.name = "address", .type = MW_YAML_CUSTOM, .take = take_address},
	{.name = "mac", .type = MW_YAML_CUSTOM, .take = take_mac},
	NUMBER("vlan", MW_YAML_U16, S, divert.gateway.vlan, 0, 4094),
	{.name = "fallback", .type = MW_YAML_CUSTOM, .take = take_fallback},
	{.name = "check", .type = MW_YAML_CUSTOM, .take = take_check},
	{.name = "everybody", .type = MW_YAML_BOOL, .offset = offsetof(S, divert.everybody)},
	TEXT("basis", S, divert.basis),
	/* Less than a minute could not be seen, let alone renewed, by anybody. */
	NUMBER("max", MW_YAML_SECONDS, S, divert.max_s, 60, 366 * 86400.0),
	{.name = "reply", .type = MW_YAML_CUSTOM, .take = take_reply},
};

/* Both ends of the link or neither, in each family. */
static int check_family(struct mw_yaml *y, const yaml_node_t *node, const char *family,
	const struct mw_ip *gateway, const struct mw_ip *address)
{
	bool far = !mw_ip_is_none(gateway), near = !mw_ip_is_none(address);

	if (far && !near)
		return mw_yaml_error(y, node, "address",
			"the gateway has an %s address, so we need one of our own on its link",
			family);
	if (near && !far)
		return mw_yaml_error(y, node, "gateway",
			"we have an %s address on its link, and the gateway has none", family);
	if (far && mw_ip_eq(gateway, address))
		return mw_yaml_error(
			y, node, "address", "it is the gateway's; a free one is wanted");
	return 0;
}

int mw_settings_take_divert(struct mw_yaml *y, yaml_node_t *node, const char *key, S *s)
{
	const struct mw_divert_settings *d = &s->divert.gateway;
	size_t was = strlen(y->path);
	int rc = mw_yaml_section(y, node, key, divert_keys, COUNT(divert_keys), s, NULL);

	if (rc != 0)
		return rc;
	snprintf(y->path + was, sizeof(y->path) - was, "%s", key);
	rc = check_family(y, node, "IPv4", &d->gateway_v4, &d->address_v4);
	if (rc == 0)
		rc = check_family(y, node, "IPv6", &d->gateway_v6, &d->address_v6);
	y->path[was] = '\0';
	return rc;
}

const char *mw_settings_may_divert(const S *s)
{
	if (!mw_divert_configured(&s->divert.gateway))
		return "mail cannot be diverted, no gateway is named (divert: gateway)";
	if (s->divert.basis[0] == '\0')
		return "this hands mail to another system without a person's decision: "
		       "divert: basis must say by what right";
	return NULL;
}
