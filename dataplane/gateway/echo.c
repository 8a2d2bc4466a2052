#include "dataplane/gateway/echo.h"

#include "dataplane/proto/checksum.h"

#define HOPS   64
#define HEADER 8

/* A source that nobody can be answered at: a group, broadcast, none. */
static bool answerable(const struct mw_datagram *d)
{
	if (d->v6)
		return d->src.octet[0] != 0xff && !mw_ip_is_none(&d->src);
	return d->src.octet[12] > 0 && d->src.octet[12] < 224;
}

uint32_t mw_echo_answer(const struct mw_datagram *d, uint8_t *out, uint32_t size)
{
	const uint8_t question = d->v6 ? 128 : 8, answer = d->v6 ? 129 : 0;
	uint32_t header = d->v6 ? 40 : 20;
	uint16_t checksum;
	uint8_t *message;

	if (d->protocol != (d->v6 ? MW_DATAGRAM_ICMP6 : MW_DATAGRAM_ICMP) || d->fragment ||
		d->len < HEADER || d->octets[0] != question || d->octets[1] != 0 ||
		!answerable(d) || size < header || d->len > size - header)
		return 0;
	checksum = d->v6 ? mw_datagram_icmp6_checksum(&d->src, &d->dst, d->octets, d->len)
			 : mw_checksum_fold(mw_checksum_add(0, d->octets, d->len));
	if (checksum != 0)
		return 0;
	message = out + mw_datagram_write(out, d->v6, d->protocol, HOPS, &d->dst, &d->src, d->len);
	memcpy(message, d->octets, d->len);
	message[0] = answer;
	message[2] = message[3] = 0;
	checksum = d->v6 ? mw_datagram_icmp6_checksum(&d->dst, &d->src, message, d->len)
			 : mw_checksum_fold(mw_checksum_add(0, message, d->len));
	message[2] = (uint8_t)(checksum >> 8);
	message[3] = (uint8_t)checksum;
	return header + d->len;
}
