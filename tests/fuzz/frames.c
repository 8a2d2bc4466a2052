/*
 * Frames. Oracles: what was built (packet.h) is what is read, whole and cut by a capture; checksums
 * are those of a slow sum, and one turned bit makes them bad; a segment written is the segment
 * read; a table of fragments does what its model says (frames_fragments.c). Any octets at all:
 * nothing is read outside, and what is called TCP lies inside.
 */
#include "dataplane/proto/checksum.h"
#include "dataplane/proto/fragment.h"
#include "dataplane/proto/segment.h"
#include "tests/fuzz/frames_fragments.h"
#include "tests/fuzz/packet.h"

const struct fuzz_target fuzz_target = {"frames", 3000};

static void same_frame(const struct mw_frame *a, const struct mw_frame *b)
{
	demand(a->l3 == b->l3 && a->l4 == b->l4 && a->payload == b->payload,
		"the headers lie where they were put");
	demand(a->v6 == b->v6 && a->ttl == b->ttl && a->flags == b->flags, "version, TTL, flags");
	demand(a->vlan_outer == b->vlan_outer && a->vlan_inner == b->vlan_inner, "tags");
	demand(a->sport == b->sport && a->dport == b->dport && a->seq == b->seq &&
			a->ack == b->ack && a->window == b->window,
		"ports, numbers, window");
	demand(mw_ip_eq(&a->src, &b->src) && mw_ip_eq(&a->dst, &b->dst), "addresses");
	demand(a->payload_len == b->payload_len && a->payload_have == b->payload_have, "payload");
	demand(a->has_ts == b->has_ts && a->tsval == b->tsval && a->tsecr == b->tsecr &&
			a->mss == b->mss && a->wscale == b->wscale,
		"options");
}

/* The first `len` octets of a frame that had `wire_len`. */
static enum mw_frame_kind parse(
	const uint8_t *data, uint32_t len, uint32_t wire_len, struct mw_frame *out)
{
	uint8_t *copy = fuzz_exact(data, len);
	enum mw_frame_kind kind = mw_frame_parse(copy, len, wire_len, out);

	free(copy);
	return kind;
}

static void built(struct fuzz_input *in)
{
	static struct packet p;
	struct mw_frame h;
	uint32_t cut, bit;

	packet_build(&p, in, false);
	demand(parse(p.octets, p.len, p.len, &h) == MW_FRAME_TCP, "what is TCP is called so");
	same_frame(&h, &p.says);
	demand(mw_checksum_tcp_good(p.octets, &h), "a right checksum is good");

	cut = fuzz_u16(in) % (p.len + 1);
	if (parse(p.octets, cut, p.len, &h) == MW_FRAME_TCP) {
		demand(cut >= p.says.payload, "headers that were cut are not read");
		demand(h.payload_have == (cut < p.end ? cut : p.end) - h.payload,
			"a capture has what it has");
		h.payload_have = h.payload_len;
		same_frame(&h, &p.says);
	} else {
		demand(cut < p.says.payload, "headers that are there are read");
	}

	/* The checksum field itself included: only -0 and +0 are one, and a bit never makes that.
	 */
	bit = fuzz_u16(in) % (8 * (p.end - p.says.l4));
	p.octets[p.says.l4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	demand(!mw_checksum_tcp_good(p.octets, &p.says), "one turned bit is noticed");
	p.octets[p.says.l4 + bit / 8] ^= (uint8_t)(1u << bit % 8);

	/* Cut as the lane cuts, and closed again. */
	p.says.payload_len = fuzz_u16(in) % (p.says.payload_len + 1);
	mw_checksum_rewrite(p.octets, &p.says, p.says.payload_len);
	p.end = p.says.payload + p.says.payload_len;
	demand(packet_tcp_checksum(&p) == 0, "a segment that was cut has a right checksum");
	demand(p.says.v6 || packet_checksum(
				    0, p.octets + p.says.l3, (p.octets[p.says.l3] & 15u) * 4) == 0,
		"and so has its IP header");
	demand(parse(p.octets, p.end, p.end, &h) == MW_FRAME_TCP &&
			h.payload_len == p.says.payload_len,
		"and its length is the new one");
}

static void written(struct fuzz_input *in)
{
	static struct packet p;
	static uint8_t payload[1500];
	struct mw_segment s = {.l2_len = 0};
	struct mw_frame h;
	uint32_t size, len = fuzz_u16(in) % sizeof(payload), wrote;
	uint8_t how = fuzz_u8(in), *out;

	packet_build(&p, in, true);
	demand(how % 2 == 0 ? mw_segment_keep_l2(&s, p.octets, &p.says)
			    : mw_segment_answer_l2(&s, p.octets, &p.says),
		"a link layer of ours is kept");
	s.v6 = p.says.v6;
	s.ttl = p.says.ttl;
	s.src = p.says.src;
	s.dst = p.says.dst;
	s.sport = p.says.sport;
	s.dport = p.says.dport;
	s.seq = p.says.seq;
	s.ack = p.says.ack;
	s.flags = p.says.flags;
	s.window = p.says.window;
	s.has_ts = p.says.has_ts;
	s.tsval = p.says.tsval;
	s.tsecr = p.says.tsecr;
	s.mss = p.says.mss;
	for (uint32_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i + how);
	size = s.l2_len + (s.v6 ? 40u : 20u) + 20 + (s.has_ts ? 12u : 0) + (s.mss != 0 ? 4u : 0) +
	       len;
	out = fuzz_exact(payload, 0);
	demand(mw_segment_write(&s, mw_span_of(payload, len), out, 0) == 0, "no room, no segment");
	free(out);
	out = malloc(size);
	demand(out != NULL, "there is memory");
	demand(mw_segment_write(&s, mw_span_of(payload, len), out, size - 1) == 0,
		"one octet too little is too little");
	wrote = mw_segment_write(&s, mw_span_of(payload, len), out, size);
	demand(wrote == size, "a segment is as long as its parts");
	demand(mw_frame_parse(out, wrote, wrote, &h) == MW_FRAME_TCP, "what was written is TCP");
	demand(mw_checksum_tcp_good(out, &h), "with a right checksum");
	demand(h.payload_len == len && memcmp(out + h.payload, payload, len) == 0,
		"and the payload");
	demand(how % 2 == 0
			? memcmp(out, p.octets, 12) == 0
			: memcmp(out, p.octets + 6, 6) == 0 && memcmp(out + 6, p.octets, 6) == 0,
		"the addresses of the link layer are those, or exchanged");
	if (how % 2 != 0) /* the way back has no labels */
		p.says.l3 = (uint16_t)(p.says.l3 - 4 * p.labels);
	p.says.l4 = h.l4;
	p.says.payload = h.payload;
	p.says.payload_len = p.says.payload_have = len;
	p.says.wscale = -1;
	if ((s.flags & MW_TCP_ACK) == 0)
		p.says.ack = 0;
	same_frame(&h, &p.says);
	free(out);
}

/* What lies in front of the IP header is read from the octets in front of it, and its first. */
static void any_layer2(const uint8_t *data, uint32_t len)
{
	struct mw_layer2 l2, again;
	enum mw_layer2_kind kind = mw_layer2_parse(data, len, &l2);
	uint8_t *copy, out[MW_L2_MAX + 1] = {0};
	uint32_t cut, back;

	if (kind != MW_LAYER2_IPV4 && kind != MW_LAYER2_IPV6)
		return;
	demand(l2.l3 >= 14 && l2.l3 <= len && l2.l3 <= MW_L2_MAX, "it ends in the frame");
	cut = l2.l3 < len ? l2.l3 + 1u : len;
	copy = fuzz_exact(data, cut);
	demand(mw_layer2_parse(copy, cut, &again) == kind && memcmp(&l2, &again, sizeof(l2)) == 0,
		"what lies behind it does not count");
	mw_layer2_set_length(copy, l2.l3, 1000);
	demand(mw_layer2_parse(copy, cut, &again) == kind && memcmp(&l2, &again, sizeof(l2)) == 0,
		"nor does the length in it");
	back = mw_layer2_without_labels(data, &l2, kind == MW_LAYER2_IPV6, out);
	demand(back <= l2.l3 && mw_layer2_parse(out, back + 1, &again) == kind &&
			again.l3 == back && again.labels == 0 &&
			again.vlan_outer == l2.vlan_outer && again.vlan_inner == l2.vlan_inner &&
			again.pppoe == l2.pppoe,
		"without its labels it is the same");
	free(copy);
}

static void any_octets(struct fuzz_input *in)
{
	uint32_t len = fuzz_u16(in) % 2048, more = fuzz_u8(in), head;
	const uint8_t *from;
	struct mw_frame h, again;
	struct mw_fragment fragment;
	uint8_t *data;
	size_t got;

	from = fuzz_take(in, len, &got);
	data = fuzz_exact(from, got);
	len = (uint32_t)got;
	any_layer2(data, len);
	mw_fragment_parse(data, len, &fragment);
	if (mw_frame_parse(data, len, len + more, &h) == MW_FRAME_TCP) {
		demand(h.l3 >= 14 && h.l4 >= h.l3 + 20 && h.payload >= h.l4 + 20 &&
				h.payload <= len,
			"headers of TCP lie in the frame");
		demand(h.payload_have <= h.payload_len && h.payload + h.payload_have <= len &&
				h.payload + h.payload_len <= len + more,
			"and so does the payload");
		head = h.payload - h.l3;
		if (h.payload_have == h.payload_len && head + h.payload_len <= 65535) {
			mw_checksum_tcp_good(data, &h);
			mw_checksum_rewrite(data, &h, h.payload_len);
			demand(mw_checksum_tcp_good(data, &h), "what was closed is good");
			demand(mw_frame_parse(data, len, len + more, &again) == MW_FRAME_TCP,
				"and TCP still");
			same_frame(&h, &again);
		}
	}
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};

	while (in.left > 0) {
		switch (fuzz_u8(&in) % 4) {
		case 0:
			built(&in);
			break;
		case 1:
			written(&in);
			break;
		case 2:
			frames_fragments(&in);
			break;
		default:
			any_octets(&in);
			break;
		}
	}
	return 0;
}

/* Octets of no meaning do for all but the last kind, for which a built packet is written down, a
 * few octets of it turned. */
size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static struct packet p;
	size_t n = fuzz_below(r, (uint32_t)size + 1);
	struct fuzz_input in = {out, n};

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)fuzz_random(r);
	if (fuzz_below(r, 2) == 0)
		return n;
	packet_build(&p, &in, false);
	if (p.len + 4 > size)
		return n;
	out[0] = 3;
	out[1] = (uint8_t)(p.len >> 8);
	out[2] = (uint8_t)p.len;
	out[3] = (uint8_t)(fuzz_below(r, 2) == 0 ? 0 : fuzz_random(r));
	for (uint32_t i = fuzz_below(r, 4); i > 0; i--)
		p.octets[12 + fuzz_below(r, p.says.payload - 12u)] ^=
			(uint8_t)(1u << fuzz_below(r, 8));
	memcpy(out + 4, p.octets, p.len);
	return p.len + 4;
}
