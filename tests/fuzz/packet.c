#include "tests/fuzz/packet.h"

#define PAYLOAD_MAX 1400u

static void put8(struct packet *p, uint32_t v)
{
	p->octets[p->len++] = (uint8_t)v;
}

static void put16(struct packet *p, uint32_t v)
{
	put8(p, v >> 8);
	put8(p, v);
}

static void put32(struct packet *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p, v);
}

static void put_input(struct packet *p, struct fuzz_input *in, size_t len)
{
	while (len-- > 0)
		put8(p, fuzz_u8(in));
}

static void set16(struct packet *p, uint32_t at, uint32_t v)
{
	p->octets[at] = (uint8_t)(v >> 8);
	p->octets[at + 1] = (uint8_t)v;
}

/* RFC 3032: any labels, the last one says that it is. */
static void labels(struct packet *p, struct fuzz_input *in)
{
	for (uint32_t i = 0; i < p->labels; i++) {
		uint32_t label = fuzz_u32(in);

		put32(p, (label & ~0x100u) | (i + 1 == p->labels ? 0x100u : 0));
	}
}

static void link_layer(struct packet *p, struct fuzz_input *in, bool v6)
{
	static const uint16_t tag_types[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};
	uint8_t how = fuzz_u8(in), more = (how & 0x40) != 0 ? fuzz_u8(in) : 0;
	uint32_t tags = how % 3u + (more & 1u) * 2, named = 0;

	put_input(p, in, 12);
	p->labels = more >> 1 & 15;
	p->labels = p->labels > MW_MPLS_LABELS_MAX ? 0 : p->labels;
	for (uint32_t i = 0; i < tags; i++) {
		uint16_t tci = fuzz_u16(in);

		put16(p, tag_types[((how >> 2 & 3) + (more >> 5 & 1) * i) % 5]);
		put16(p, tci);
		if ((tci & 0xfff) == 0) /* a priority, and no VLAN */
			continue;
		if (named < 2)
			*(named == 0 ? &p->says.vlan_outer : &p->says.vlan_inner) = tci & 0xfff;
		named++;
	}
	if ((how & 0x80) != 0) { /* PPPoE; its length is put in at the end */
		put16(p, 0x8864);
		p->pppoe = p->len;
		put16(p, 0x1100);
		put16(p, fuzz_u16(in));
		put16(p, 0);
		if (p->labels > 0)
			put16(p, (more & 0x40) != 0 ? 0x283 : 0x281);
		else if ((more & 0x80) != 0) /* RFC 1661, 6.5 */
			put8(p, v6 ? 0x57 : 0x21);
		else
			put16(p, v6 ? 0x57 : 0x21);
	} else if (p->labels > 0) {
		put16(p, (more & 0x40) != 0 ? 0x8848 : 0x8847);
	} else {
		put16(p, v6 ? 0x86dd : 0x0800);
	}
	labels(p, in);
	p->says.l3 = (uint16_t)p->len;
}

static void ip4(struct packet *p, struct fuzz_input *in)
{
	uint32_t options = fuzz_u8(in) % 11 * 4;

	put8(p, 0x40 | (20 + options) / 4);
	put8(p, fuzz_u8(in));
	put16(p, 0); /* length */
	put16(p, fuzz_u16(in));
	put16(p, 0);
	p->says.ttl = fuzz_u8(in);
	put8(p, p->says.ttl);
	put8(p, 6);
	put16(p, 0); /* checksum */
	for (int i = 0; i < 2; i++) {
		put_input(p, in, 4);
		*(i == 0 ? &p->says.src : &p->says.dst) = mw_ip_from_v4(p->octets + p->len - 4);
	}
	put_input(p, in, options);
	p->plain_end = p->len;
}

static void ip6(struct packet *p, struct fuzz_input *in, bool whole)
{
	static const uint8_t kinds[] = {0, 43, 60, 51};
	uint32_t extensions = fuzz_u8(in) % 3;

	put32(p, 0x60000000u | (fuzz_u32(in) & 0x0fffffff));
	put16(p, 0); /* length */
	p->next_at = p->len;
	put8(p, 6);
	p->says.ttl = fuzz_u8(in);
	put8(p, p->says.ttl);
	put_input(p, in, 32);
	memcpy(p->says.src.octet, p->octets + p->len - 32, 16);
	memcpy(p->says.dst.octet, p->octets + p->len - 16, 16);
	for (uint32_t i = 0; i < extensions; i++) {
		uint8_t how = fuzz_u8(in);
		uint8_t kind = kinds[how % (whole ? 3 : 4)];
		uint32_t units = how >> 4 & 1;

		p->octets[p->next_at] = kind;
		p->next_at = p->len;
		put8(p, 6);
		put8(p, kind == 51 ? 1 + units : units);
		put_input(p, in, kind == 51 ? 10 + 4 * units : 6 + 8 * units);
	}
	p->plain_end = p->len;
}

/* Options that are whole; the last of a kind counts. */
static void tcp_options(struct packet *p, struct fuzz_input *in)
{
	uint32_t begin = p->len, count = fuzz_u8(in) % 6;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t kind = fuzz_u8(in) % 5;
		uint32_t room = 40 - (p->len - begin);

		if (kind == 0 && room >= 1) {
			put8(p, 1);
		} else if (kind == 1 && room >= 4) {
			p->says.mss = fuzz_u16(in);
			put16(p, 0x0204);
			put16(p, p->says.mss);
		} else if (kind == 2 && room >= 3) {
			uint8_t shift = fuzz_u8(in);

			p->says.wscale = (int8_t)(shift > 14 ? 14 : shift);
			put16(p, 0x0303);
			put8(p, shift);
		} else if (kind == 3 && room >= 10) {
			p->says.has_ts = true;
			p->says.tsval = fuzz_u32(in);
			p->says.tsecr = fuzz_u32(in);
			put16(p, 0x080a);
			put32(p, p->says.tsval);
			put32(p, p->says.tsecr);
		} else if (kind == 4 && room >= 6) { /* one nobody reads */
			put16(p, 0x1e06);
			put32(p, fuzz_u32(in));
		}
	}
	if ((p->len - begin) % 4 != 0) { /* the end of the list; what follows is no option */
		put8(p, 0);
		while ((p->len - begin) % 4 != 0)
			put8(p, 2);
	}
}

static void tcp(struct packet *p, struct fuzz_input *in)
{
	uint32_t payload = fuzz_u16(in) % (PAYLOAD_MAX + 1), there;
	const uint8_t *from;
	size_t got;

	p->says.l4 = (uint16_t)p->len;
	p->says.sport = fuzz_u16(in);
	p->says.dport = fuzz_u16(in);
	p->says.seq = fuzz_u32(in);
	p->says.ack = fuzz_u32(in);
	p->says.flags = fuzz_u8(in);
	p->says.window = fuzz_u16(in);
	put16(p, p->says.sport);
	put16(p, p->says.dport);
	put32(p, p->says.seq);
	put32(p, p->says.ack);
	put16(p, p->says.flags);
	put16(p, p->says.window);
	put32(p, 0);
	tcp_options(p, in);
	p->octets[p->says.l4 + 12] = (uint8_t)((p->len - p->says.l4) / 4 << 4);
	p->says.payload = (uint16_t)p->len;
	from = fuzz_take(in, payload, &got);
	memcpy(p->octets + p->len, from, got);
	for (there = (uint32_t)got; there < payload; there++)
		p->octets[p->len + there] = (uint8_t)(there * 7);
	p->len += payload;
	p->says.payload_len = p->says.payload_have = payload;
}

void packet_build(struct packet *p, struct fuzz_input *in, bool whole)
{
	uint8_t how = fuzz_u8(in);
	uint32_t l3;

	memset(p, 0, sizeof(*p));
	p->says.wscale = -1;
	p->says.v6 = (how & 1) != 0;
	link_layer(p, in, p->says.v6);
	if (p->says.v6)
		ip6(p, in, whole);
	else
		ip4(p, in);
	tcp(p, in);
	p->end = p->len;
	l3 = p->says.l3;
	set16(p, p->says.v6 ? l3 + 4 : l3 + 2, p->end - l3 - (p->says.v6 ? 40 : 0));
	if (p->pppoe != 0)
		set16(p, p->pppoe + 4, p->end - p->pppoe - 6);
	packet_close(p);
	if (!whole)
		put_input(p, in, how >> 4 & 7);
}

uint16_t packet_checksum(uint32_t start, const uint8_t *data, size_t len)
{
	uint64_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint16_t packet_tcp_checksum(const struct packet *p)
{
	uint32_t l3 = p->says.l3, from = p->says.v6 ? l3 + 8 : l3 + 12;
	uint32_t len = p->end - p->says.l4;
	uint16_t addresses = (uint16_t)~packet_checksum(0, p->octets + from, p->says.v6 ? 32 : 8);

	return packet_checksum(6 + len + addresses, p->octets + p->says.l4, len);
}

void packet_close(struct packet *p)
{
	uint32_t l3 = p->says.l3;

	set16(p, p->says.l4 + 16u, 0);
	set16(p, p->says.l4 + 16u, packet_tcp_checksum(p));
	if (p->says.v6)
		return;
	set16(p, l3 + 10, 0);
	set16(p, l3 + 10, packet_checksum(0, p->octets + l3, (p->octets[l3] & 15u) * 4));
}
