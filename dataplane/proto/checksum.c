#include "dataplane/proto/checksum.h"

#include <arpa/inet.h>

#define PROTO_TCP 6

uint32_t mw_checksum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = sum;

	/* Words in the machine's order: the sum is byte-order independent (RFC 1071, 2 B) once it
	 * is folded and swapped, which this does per call so that sums can be chained. */
	uint64_t native = 0;

	while (len >= 4) {
		uint32_t word;

		memcpy(&word, p, 4);
		native += word;
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		uint16_t half;

		memcpy(&half, p, 2);
		native += half;
		p += 2;
		len -= 2;
	}
	while (native >> 16 != 0)
		native = (native & 0xffff) + (native >> 16);
	wide += ntohs((uint16_t)native);
	if (len == 1)
		wide += (uint32_t)*p << 8;
	while (wide >> 32 != 0)
		wide = (wide & 0xffffffff) + (wide >> 32);
	return (uint32_t)wide;
}

uint16_t mw_checksum_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The pseudo header of RFC 9293, 3.1 (IPv4) and RFC 8200, 8.1 (IPv6). A routing header's final
 * destination is not followed: such segments are judged by the address that is written there. */
static uint32_t pseudo_sum(const uint8_t *data, const struct mw_frame *frame, uint32_t tcp_len)
{
	const uint8_t *ip = data + frame->l3;
	uint32_t sum = PROTO_TCP + (tcp_len & 0xffff) + (tcp_len >> 16);

	if (frame->v6)
		return mw_checksum_add(sum, ip + 8, 32);
	return mw_checksum_add(sum, ip + 12, 8);
}

bool mw_checksum_tcp_good(const uint8_t *data, const struct mw_frame *frame)
{
	uint32_t tcp_len = (uint32_t)(frame->payload - frame->l4) + frame->payload_len;
	uint32_t sum = pseudo_sum(data, frame, tcp_len);

	return mw_checksum_fold(mw_checksum_add(sum, data + frame->l4, tcp_len)) == 0;
}

void mw_checksum_ipv4(uint8_t *ip)
{
	put16(ip + 10, 0);
	put16(ip + 10, mw_checksum_fold(mw_checksum_add(0, ip, (uint32_t)(ip[0] & 15) * 4)));
}

void mw_checksum_rewrite(uint8_t *data, const struct mw_frame *frame, uint32_t payload_len)
{
	uint8_t *ip = data + frame->l3;
	uint8_t *tcp = data + frame->l4;
	uint32_t tcp_len = (uint32_t)(frame->payload - frame->l4) + payload_len;

	if (frame->v6) {
		put16(ip + 4, (uint16_t)(tcp_len + (uint32_t)(frame->l4 - frame->l3) - 40));
	} else {
		put16(ip + 2, (uint16_t)((uint32_t)(ip[0] & 15) * 4 + tcp_len));
		mw_checksum_ipv4(ip);
	}
	mw_layer2_set_length(data, frame->l3, (uint32_t)(frame->l4 - frame->l3) + tcp_len);
	put16(tcp + 16, 0);
	put16(tcp + 16,
		mw_checksum_fold(mw_checksum_add(pseudo_sum(data, frame, tcp_len), tcp, tcp_len)));
}
