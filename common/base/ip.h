/*
 * An IPv4 or IPv6 address as 16 octets, IPv4 in its mapped form (::ffff:a.b.c.d), so that one table
 * and one comparison serve both. A prefix length always counts in those 128 bits.
 */
#ifndef MW_COMMON_BASE_IP_H
#define MW_COMMON_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MW_IP_TEXT_MAX	   46 /* INET6_ADDRSTRLEN */
#define MW_PREFIX_TEXT_MAX 50

struct mw_ip {
	uint8_t octet[16];
};

struct mw_prefix {
	struct mw_ip net; /* host bits are zero */
	uint8_t len;	  /* 0..128; an IPv4 /24 is 120 */
};

static inline struct mw_ip mw_ip_from_v4(const uint8_t octet[4])
{
	struct mw_ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	memcpy(&ip.octet[12], octet, 4);
	return ip;
}

static inline bool mw_ip_is_v4(const struct mw_ip *ip)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(ip->octet, mapped, 12) == 0;
}

static inline bool mw_ip_eq(const struct mw_ip *a, const struct mw_ip *b)
{
	return memcmp(a->octet, b->octet, 16) == 0;
}

/* All zero: no address at all (RFC 4291, 2.5.2). */
static inline bool mw_ip_is_none(const struct mw_ip *ip)
{
	static const struct mw_ip none;

	return mw_ip_eq(ip, &none);
}

/* Writes the address as text ("192.0.2.1", "2001:db8::1"), NUL-terminated. Returns `out`. */
char *mw_ip_format(const struct mw_ip *ip, char out[MW_IP_TEXT_MAX]);

/* Reads an address. 0, or -EINVAL. */
int mw_ip_parse(const char *text, struct mw_ip *out);

/* Reads "192.0.2.0/24", "2001:db8::/32" or a bare address (full length). Host bits set: -EINVAL. */
int mw_prefix_parse(const char *text, struct mw_prefix *out);

char *mw_prefix_format(const struct mw_prefix *prefix, char out[MW_PREFIX_TEXT_MAX]);

bool mw_prefix_contains(const struct mw_prefix *prefix, const struct mw_ip *ip);

#endif
