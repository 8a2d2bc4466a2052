#include "dataplane/gateway/datagram.h"

#include "common/base/cursor.h"
#include "dataplane/proto/checksum.h"

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static bool read_v4(const uint8_t *ip, uint32_t len, struct mw_datagram *out)
{
	uint32_t header, total;

	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	header = (uint32_t)(ip[0] & 15) * 4;
	total = be16(ip + 2);
	if (header < 20 || total < header || len < total)
		return false;
	*out = (struct mw_datagram){
		.fragment = (be16(ip + 6) & 0x3fff) != 0, /* MF or an offset */
		.protocol = ip[9],
		.hops = ip[8],
		.src = mw_ip_from_v4(ip + 12),
		.dst = mw_ip_from_v4(ip + 16),
		.octets = ip + header,
		.len = total - header,
	};
	return true;
}

static bool read_v6(const uint8_t *ip, uint32_t len, struct mw_datagram *out)
{
	if (len < 40 || ip[0] >> 4 != 6 || len - 40 < be16(ip + 4))
		return false;
	*out = (struct mw_datagram){
		.v6 = true,
		.protocol = ip[6],
		.hops = ip[7],
		.octets = ip + 40,
		.len = be16(ip + 4),
	};
	memcpy(out->src.octet, ip + 8, 16);
	memcpy(out->dst.octet, ip + 24, 16);
	return true;
}

bool mw_datagram_read(const uint8_t *ip, uint32_t len, bool v6, struct mw_datagram *out)
{
	return v6 ? read_v6(ip, len, out) : read_v4(ip, len, out);
}

bool mw_datagram_intact(const uint8_t *ip, bool v6)
{
	return v6 || mw_checksum_fold(mw_checksum_add(0, ip, (uint32_t)(ip[0] & 15) * 4)) == 0;
}

uint32_t mw_datagram_write(uint8_t *out, bool v6, uint8_t protocol, uint8_t hops,
	const struct mw_ip *src, const struct mw_ip *dst, uint32_t len)
{
	struct mw_writer w = mw_writer_of(out, v6 ? 40 : 20);

	if (v6) {
		mw_write_u32(&w, 0x60000000);
		mw_write_u16(&w, (uint16_t)len);
		mw_write_u8(&w, protocol);
		mw_write_u8(&w, hops);
		mw_write_octets(&w, src->octet, 16);
		mw_write_octets(&w, dst->octet, 16);
	} else {
		mw_write_u16(&w, 0x4500);
		mw_write_u16(&w, (uint16_t)(20 + len));
		mw_write_u32(&w, 0x00004000); /* as segment.c: RFC 6864, 4.1 */
		mw_write_u8(&w, hops);
		mw_write_u8(&w, protocol);
		mw_write_u16(&w, 0);
		mw_write_octets(&w, &src->octet[12], 4);
		mw_write_octets(&w, &dst->octet[12], 4);
		mw_checksum_ipv4(out);
	}
	return (uint32_t)mw_writer_len(&w);
}

uint16_t mw_datagram_icmp6_checksum(
	const struct mw_ip *src, const struct mw_ip *dst, const uint8_t *message, uint32_t len)
{
	uint32_t sum = MW_DATAGRAM_ICMP6 + (len & 0xffff) + (len >> 16);

	sum = mw_checksum_add(sum, src->octet, 16);
	sum = mw_checksum_add(sum, dst->octet, 16);
	return mw_checksum_fold(mw_checksum_add(sum, message, len));
}
