#include "common/base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *mw_ip_format(const struct mw_ip *ip, char out[MW_IP_TEXT_MAX])
{
	bool v4 = mw_ip_is_v4(ip);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? &ip->octet[12] : ip->octet, out, MW_IP_TEXT_MAX);
	return out;
}

int mw_ip_parse(const char *text, struct mw_ip *out)
{
	uint8_t v4[4];

	if (inet_pton(AF_INET, text, v4) == 1) {
		*out = mw_ip_from_v4(v4);
		return 0;
	}
	return inet_pton(AF_INET6, text, out->octet) == 1 ? 0 : -EINVAL;
}

/* The mask octet at position i of a prefix of `len` bits. */
static uint8_t mask_octet(uint8_t len, int i)
{
	int bits = (int)len - 8 * i;

	if (bits <= 0)
		return 0;
	return (uint8_t)(bits >= 8 ? 0xff : 0xff00 >> bits);
}

int mw_prefix_parse(const char *text, struct mw_prefix *out)
{
	char addr[MW_PREFIX_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t addr_len = slash == NULL ? strlen(text) : (size_t)(slash - text);
	long bits = -1;
	bool v4;

	if (addr_len == 0 || addr_len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, addr_len);
	addr[addr_len] = 0;
	if (mw_ip_parse(addr, &out->net) != 0)
		return -EINVAL;
	v4 = strchr(addr, ':') == NULL;
	if (slash != NULL) {
		char *end;

		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		bits = strtol(slash + 1, &end, 10);
		if (*end != 0)
			return -EINVAL;
	} else {
		bits = v4 ? 32 : 128;
	}
	if (bits < 0 || bits > (v4 ? 32 : 128))
		return -EINVAL;
	out->len = (uint8_t)(v4 ? bits + 96 : bits);
	for (int i = 0; i < 16; i++)
		if ((out->net.octet[i] & (uint8_t)~mask_octet(out->len, i)) != 0)
			return -EINVAL;
	return 0;
}

char *mw_prefix_format(const struct mw_prefix *prefix, char out[MW_PREFIX_TEXT_MAX])
{
	char addr[MW_IP_TEXT_MAX];
	bool v4 = mw_ip_is_v4(&prefix->net) && prefix->len >= 96;

	snprintf(out, MW_PREFIX_TEXT_MAX, "%s/%d", mw_ip_format(&prefix->net, addr),
		v4 ? prefix->len - 96 : prefix->len);
	return out;
}

bool mw_prefix_contains(const struct mw_prefix *prefix, const struct mw_ip *ip)
{
	for (int i = 0; i < 16; i++)
		if (((prefix->net.octet[i] ^ ip->octet[i]) & mask_octet(prefix->len, i)) != 0)
			return false;
	return true;
}
