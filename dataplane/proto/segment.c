#include "dataplane/proto/segment.h"

#include "common/base/cursor.h"
#include "dataplane/proto/checksum.h"

#define PROTO_TCP 6

bool mw_segment_keep_l2(
	struct mw_segment *segment, const uint8_t *data, const struct mw_frame *frame)
{
	if (frame->l3 > MW_L2_MAX)
		return false;
	memcpy(segment->l2, data, frame->l3);
	segment->l2_len = (uint8_t)frame->l3;
	return true;
}

bool mw_segment_keep(struct mw_segment *t, const uint8_t *data, const struct mw_frame *frame)
{
	if (!mw_segment_keep_l2(t, data, frame))
		return false;
	t->v6 = frame->v6;
	t->ttl = frame->ttl;
	t->src = frame->src;
	t->dst = frame->dst;
	t->sport = frame->sport;
	t->dport = frame->dport;
	t->ack = frame->ack;
	t->window = frame->window;
	t->has_ts = frame->has_ts;
	t->tsval = frame->tsval;
	t->tsecr = frame->tsecr;
	return true;
}

bool mw_segment_answer_l2(
	struct mw_segment *segment, const uint8_t *data, const struct mw_frame *frame)
{
	struct mw_layer2 l2;

	mw_layer2_parse(data, frame->l3 + 1u, &l2);
	if (frame->l3 > MW_L2_MAX || l2.l3 != frame->l3)
		return false;
	segment->l2_len = (uint8_t)mw_layer2_without_labels(data, &l2, frame->v6, segment->l2);
	memcpy(segment->l2, data + 6, 6);
	memcpy(segment->l2 + 6, data, 6);
	return true;
}

bool mw_segment_reset(struct mw_segment *out, const uint8_t *data, const struct mw_frame *f)
{
	if ((f->flags & MW_TCP_RST) != 0)
		return false;
	*out = (struct mw_segment){.v6 = f->v6,
		.src = f->dst,
		.dst = f->src,
		.sport = f->dport,
		.dport = f->sport,
		.flags = MW_TCP_RST};
	if ((f->flags & MW_TCP_ACK) != 0) {
		out->seq = f->ack;
	} else {
		out->flags |= MW_TCP_ACK;
		out->ack = f->seq + f->payload_len + ((f->flags & MW_TCP_SYN) != 0) +
			   ((f->flags & MW_TCP_FIN) != 0);
	}
	return mw_segment_answer_l2(out, data, f);
}

uint32_t mw_segment_write(
	const struct mw_segment *s, struct mw_span payload, uint8_t *out, uint32_t size)
{
	struct mw_writer w = mw_writer_of(out, size);
	uint32_t options = (s->has_ts ? 12u : 0u) + (s->mss != 0 ? 4u : 0u);
	uint32_t l4 = s->l2_len + (s->v6 ? 40u : 20u);
	struct mw_frame frame = {
		.l3 = s->l2_len,
		.l4 = (uint16_t)l4,
		.payload = (uint16_t)(l4 + 20 + options),
		.v6 = s->v6,
	};

	mw_write_octets(&w, s->l2, s->l2_len);
	if (s->v6) {
		mw_write_u32(&w, 0x60000000);
		mw_write_u16(&w, 0);
		mw_write_u8(&w, PROTO_TCP);
		mw_write_u8(&w, s->ttl);
		mw_write_octets(&w, s->src.octet, 16);
		mw_write_octets(&w, s->dst.octet, 16);
	} else {
		mw_write_u32(&w, 0x45000000);
		mw_write_u32(
			&w, 0x00004000); /* no identification, do not fragment (RFC 6864, 4.1) */
		mw_write_u8(&w, s->ttl);
		mw_write_u8(&w, PROTO_TCP);
		mw_write_u16(&w, 0);
		mw_write_octets(&w, &s->src.octet[12], 4);
		mw_write_octets(&w, &s->dst.octet[12], 4);
	}
	mw_write_u16(&w, s->sport);
	mw_write_u16(&w, s->dport);
	mw_write_u32(&w, s->seq);
	mw_write_u32(&w, (s->flags & MW_TCP_ACK) != 0 ? s->ack : 0);
	mw_write_u8(&w, (uint8_t)((20 + options) / 4 << 4));
	mw_write_u8(&w, s->flags);
	mw_write_u16(&w, s->window);
	mw_write_u32(&w, 0);
	if (s->mss != 0) {
		mw_write_u16(&w, 0x0204);
		mw_write_u16(&w, s->mss);
	}
	if (s->has_ts) {
		mw_write_u32(&w, 0x0101080a);
		mw_write_u32(&w, s->tsval);
		mw_write_u32(&w, s->tsecr);
	}
	mw_write_octets(&w, payload.data, payload.len);
	if (w.failed)
		return 0;
	mw_checksum_rewrite(out, &frame, (uint32_t)payload.len);
	return (uint32_t)(w.at - out);
}
