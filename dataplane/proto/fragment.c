#include "dataplane/proto/fragment.h"

#include <string.h>

#define ETH_HEADER     14
#define HEAD_MAX       128    /* Ethernet, tags, PPPoE and the IP header in front of the fragment */
#define DATA_MAX       65528u /* what offset and length of a fragment can reach */
#define PIECES_MAX     128
#define EXTENSIONS_MAX 8
#define V6_FRAGMENT    44

/* Where a fragment stands, and what it belongs to. */
struct fragment {
	uint8_t key[38];   /* addresses, identification, protocol, version */
	uint32_t head_len; /* octets in front of the fragment's data, without a fragment header */
	uint32_t l3;
	uint32_t next_at; /* IPv6: place of the "next header" that names the fragment header */
	uint8_t next;	  /* IPv6: what the fragment header names */
	const uint8_t *data;
	uint32_t offset, len;
	bool more, v6;
};

struct piece {
	uint32_t offset, len;
};

struct datagram {
	uint8_t key[38];
	bool used, dead, v6;
	uint64_t since_ns;
	uint32_t head_len, l3, next_at; /* of the first fragment; 0: not here yet */
	uint32_t total;			/* 0: the last fragment is not here yet */
	uint32_t have;
	uint32_t pieces;
	struct piece piece[PIECES_MAX];
	/* the first fragment's head is put right in front of the data */
	uint8_t octets[HEAD_MAX + DATA_MAX];
};

struct mw_fragments {
	uint32_t count;
	struct datagram datagrams[];
};

size_t mw_fragments_bytes(uint32_t datagrams)
{
	return sizeof(struct mw_fragments) + datagrams * sizeof(struct datagram);
}

struct mw_fragments *mw_fragments_init(void *memory, uint32_t datagrams)
{
	struct mw_fragments *f = memory;

	f->count = datagrams;
	for (uint32_t i = 0; i < datagrams; i++)
		f->datagrams[i].used = false;
	return f;
}

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static bool parse_v4(const uint8_t *frame, uint32_t len, uint32_t l3, struct fragment *out)
{
	const uint8_t *ip = frame + l3;
	uint32_t header, total, place;

	if (len < l3 + 20 || ip[0] >> 4 != 4)
		return false;
	header = (uint32_t)(ip[0] & 15) * 4;
	total = be16(ip + 2);
	place = be16(ip + 6);
	if ((place & 0x3fff) == 0 || header < 20 || total <= header || len < l3 + total)
		return false;
	memset(out->key, 0, sizeof(out->key));
	memcpy(out->key, ip + 12, 8);
	memcpy(out->key + 32, ip + 4, 2);
	out->key[36] = ip[9];
	out->key[37] = 4;
	out->head_len = l3 + header;
	out->data = ip + header;
	out->len = total - header;
	out->offset = (place & 0x1fff) * 8;
	out->more = (place & 0x2000) != 0;
	return true;
}

static bool parse_v6(const uint8_t *frame, uint32_t len, uint32_t l3, struct fragment *out)
{
	const uint8_t *ip = frame + l3;
	uint32_t at = l3 + 40, next_at = l3 + 6, end;

	if (len < at || ip[0] >> 4 != 6)
		return false;
	end = at + be16(ip + 4);
	if (len < end)
		return false;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint8_t kind = frame[next_at];

		if (end - at < 8)
			return false;
		if (kind == V6_FRAGMENT)
			break;
		if (kind != 0 && kind != 43 && kind != 60)
			return false;
		next_at = at;
		at += (uint32_t)(frame[at + 1] + 1) * 8;
		if (at > end)
			return false;
	}
	if (frame[next_at] != V6_FRAGMENT || end - at <= 8)
		return false;
	memcpy(out->key, ip + 8, 32);
	memcpy(out->key + 32, frame + at + 4, 4);
	out->key[36] = 0; /* RFC 8200: addresses and identification are all */
	out->key[37] = 6;
	out->head_len = at;
	out->next_at = next_at;
	out->next = frame[at];
	out->data = frame + at + 8;
	out->len = end - at - 8;
	out->offset = be16(frame + at + 2) & 0xfff8;
	out->more = (frame[at + 3] & 1) != 0;
	return true;
}

/* The network packet behind Ethernet, VLAN tags and PPPoE. */
static bool parse(const uint8_t *frame, uint32_t len, struct fragment *out)
{
	uint32_t at = ETH_HEADER, type;

	if (len < ETH_HEADER)
		return false;
	type = be16(frame + 12);
	for (int tags = 0; tags < 2; tags++) {
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100 && type != 0x9200)
			break;
		if (len < at + 4)
			return false;
		type = be16(frame + at + 2);
		at += 4;
	}
	if (type == 0x8864 && len >= at + 8) {
		type = be16(frame + at + 6) == 0x21   ? 0x0800
		       : be16(frame + at + 6) == 0x57 ? 0x86dd
						      : 0;
		at += 8;
	}
	*out = (struct fragment){.l3 = at, .v6 = type == 0x86dd};
	if (type == 0x0800)
		return parse_v4(frame, len, at, out);
	return type == 0x86dd && parse_v6(frame, len, at, out);
}

static struct datagram *datagram_of(
	struct mw_fragments *f, uint64_t now_ns, const struct fragment *fragment)
{
	struct datagram *oldest = &f->datagrams[0];

	for (uint32_t i = 0; i < f->count; i++) {
		struct datagram *d = &f->datagrams[i];

		if (d->used && now_ns - d->since_ns > MW_FRAGMENT_LIFE_NS)
			d->used = false;
		if (d->used && memcmp(d->key, fragment->key, sizeof(d->key)) == 0)
			return d;
		if (!d->used)
			oldest = d;
		else if (oldest->used && d->since_ns < oldest->since_ns)
			oldest = d;
	}
	memset(oldest, 0, offsetof(struct datagram, octets));
	memcpy(oldest->key, fragment->key, sizeof(oldest->key));
	oldest->used = true;
	oldest->since_ns = now_ns;
	return oldest;
}

/* Takes the octets in. False: they contradict what is there, and nothing can be made of it. */
static bool place(struct datagram *d, const struct fragment *g, bool *repeat)
{
	uint32_t end = g->offset + g->len;

	*repeat = false;
	if (end > DATA_MAX || (g->more && g->len % 8 != 0) || d->pieces == PIECES_MAX)
		return false;
	if (d->total != 0 && (end > d->total || (!g->more && end != d->total)))
		return false;
	for (uint32_t i = 0; i < d->pieces; i++) {
		const struct piece *p = &d->piece[i];

		if (!g->more && p->offset + p->len > end)
			return false;
		if (p->offset >= end || g->offset >= p->offset + p->len)
			continue;
		*repeat = p->offset == g->offset && p->len == g->len &&
			  memcmp(d->octets + HEAD_MAX + p->offset, g->data, g->len) == 0;
		return *repeat;
	}
	memcpy(d->octets + HEAD_MAX + g->offset, g->data, g->len);
	d->piece[d->pieces++] = (struct piece){g->offset, g->len};
	d->have += g->len;
	if (!g->more)
		d->total = end;
	return true;
}

static void set_be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void v4_checksum(uint8_t *ip)
{
	uint32_t sum = 0;

	set_be16(ip + 10, 0);
	for (uint32_t i = 0; i < (uint32_t)(ip[0] & 15) * 4; i += 2)
		sum += be16(ip + i);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	set_be16(ip + 10, ~sum & 0xffff);
}

/* The first fragment's head, made to announce the whole. */
static uint32_t finish(struct datagram *d, uint8_t **whole)
{
	uint8_t *frame = d->octets + HEAD_MAX - d->head_len;
	uint8_t *ip = frame + d->l3;
	uint32_t l3_len = d->head_len - d->l3 + d->total;

	d->used = false;
	if (l3_len - (d->v6 ? 40 : 0) > UINT16_MAX)
		return 0;
	if (d->v6) {
		set_be16(ip + 4, l3_len - 40);
	} else {
		set_be16(ip + 2, l3_len);
		set_be16(ip + 6, 0);
		v4_checksum(ip);
	}
	*whole = frame;
	return d->head_len + d->total;
}

uint32_t mw_fragments_add(struct mw_fragments *f, uint64_t now_ns, const uint8_t *frame,
	uint32_t len, uint8_t **whole)
{
	struct fragment g;
	struct datagram *d;
	bool repeat;

	if (!parse(frame, len, &g) || g.head_len > HEAD_MAX)
		return 0;
	d = datagram_of(f, now_ns, &g);
	if (d->dead)
		return 0;
	if (!place(d, &g, &repeat)) {
		d->dead = true; /* it stays, so that later fragments find it so */
		return 0;
	}
	if (g.offset == 0 && !repeat) {
		uint8_t *head = d->octets + HEAD_MAX - g.head_len;

		memcpy(head, frame, g.head_len);
		if (g.v6)
			head[g.next_at] = g.next;
		d->head_len = g.head_len;
		d->l3 = g.l3;
		d->v6 = g.v6;
	}
	if (d->total == 0 || d->have != d->total || d->head_len == 0)
		return 0;
	return finish(d, whole);
}
