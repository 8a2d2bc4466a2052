/* A customer's line as people write it: a prefix, or a VLAN. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/input/csv.h"

static int say(char *error, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int say(char *error, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, size, format, args);
	va_end(args);
	return -EINVAL;
}

/* 1..4094 (IEEE 802.1Q 9.6: 0 and 4095 are reserved), all digits; 0 when it is none. */
static uint16_t vlan_id(const char *text, size_t len)
{
	uint32_t v = 0;

	if (len == 0 || len > 4 || text[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		v = v * 10 + (uint32_t)(text[i] - '0');
	}
	return v <= 4094 ? (uint16_t)v : 0;
}

int mw_line_key_parse(const char *text, struct mw_line_key *out, char *error, size_t error_size)
{
	const char *slash = strchr(text, '/');
	char address[MW_IP_TEXT_MAX];
	struct mw_ip ip;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (strncmp(text, "vlan:", 5) == 0) {
		const char *dot = strchr(text + 5, '.');

		out->is_vlan = true;
		out->vlan_outer = vlan_id(
			text + 5, dot != NULL ? (size_t)(dot - text - 5) : strlen(text + 5));
		if (dot != NULL)
			out->vlan_inner = vlan_id(dot + 1, strlen(dot + 1));
		if (out->vlan_outer == 0 || (dot != NULL && out->vlan_inner == 0))
			return say(error, error_size,
				"\"%.64s\" is no VLAN: vlan:100 or vlan:100.7, 1 to 4094", text);
		return 0;
	}
	if (mw_prefix_parse(text, &out->prefix) == 0)
		return 0;
	len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	if (slash != NULL && len < sizeof(address)) {
		char *end;
		unsigned long bits = strtoul(slash + 1, &end, 10);

		memcpy(address, text, len);
		address[len] = '\0';
		if (mw_ip_parse(address, &ip) == 0 && slash[1] >= '0' && slash[1] <= '9' &&
			*end == '\0' && bits <= (mw_ip_is_v4(&ip) ? 32u : 128u))
			return say(error, error_size,
				"\"%.64s\" has host bits set beyond its length", text);
	}
	return say(error, error_size, "\"%.64s\" is no prefix, address or VLAN", text);
}

char *mw_line_key_format(const struct mw_line_key *key, char out[MW_LINE_KEY_TEXT_MAX])
{
	if (!key->is_vlan)
		return mw_prefix_format(&key->prefix, out);
	if (key->vlan_inner != 0)
		snprintf(out, MW_LINE_KEY_TEXT_MAX, "vlan:%u.%u", key->vlan_outer, key->vlan_inner);
	else
		snprintf(out, MW_LINE_KEY_TEXT_MAX, "vlan:%u", key->vlan_outer);
	return out;
}
