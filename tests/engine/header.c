#include "tests/engine/header.h"

#include <assert.h>
#include <string.h>

#include "dataplane/proto/checksum.h"

#define NOP	       1
#define WINDOW_SCALE   3
#define SACK_PERMITTED 4
#define SACK	       5

static void put(struct header_options *o, const uint8_t *octets, uint32_t len)
{
	assert(o->len + len <= sizeof(o->octets));
	memcpy(o->octets + o->len, octets, len);
	o->len += len;
}

static void put32(struct header_options *o, uint32_t v)
{
	uint8_t octets[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	put(o, octets, 4);
}

void header_window_scale(struct header_options *o, uint8_t shift)
{
	put(o, (const uint8_t[]){NOP, WINDOW_SCALE, 3, shift}, 4);
}

void header_sack_permitted(struct header_options *o)
{
	put(o, (const uint8_t[]){NOP, NOP, SACK_PERMITTED, 2}, 4);
}

void header_sack(struct header_options *o, const struct header_block *block, uint32_t blocks)
{
	if (blocks == 0)
		return;
	put(o, (const uint8_t[]){NOP, NOP, SACK, (uint8_t)(2 + 8 * blocks)}, 4);
	for (uint32_t i = 0; i < blocks; i++) {
		put32(o, block[i].start);
		put32(o, block[i].end);
	}
}

uint32_t header_add(uint8_t *frame, uint32_t len, uint32_t room, const struct header_options *o)
{
	struct mw_frame f;
	uint8_t *length;

	if (o->len == 0)
		return len;
	assert(o->len % 4 == 0 && len + o->len <= room);
	mw_frame_parse(frame, len, len, &f);
	memmove(frame + f.payload + o->len, frame + f.payload, f.payload_len);
	memcpy(frame + f.payload, o->octets, o->len);
	frame[f.l4 + 12] = (uint8_t)(frame[f.l4 + 12] + (o->len / 4 << 4));
	len += o->len;
	length = frame + f.l3 + (f.v6 ? 4 : 2);
	length[0] = (uint8_t)((len - f.l3 - (f.v6 ? 40 : 0)) >> 8);
	length[1] = (uint8_t)(len - f.l3 - (f.v6 ? 40 : 0));
	f.payload = (uint16_t)(f.payload + o->len);
	mw_checksum_rewrite(frame, &f, f.payload_len);
	return len;
}

uint8_t header_ecn(const uint8_t *frame, const struct mw_frame *f)
{
	return f->v6 ? (frame[f->l3 + 1] >> 4) & 3 : frame[f->l3 + 1] & 3;
}

void header_set_ecn(uint8_t *frame, const struct mw_frame *f, uint8_t ecn)
{
	if (f->v6) {
		frame[f->l3 + 1] = (uint8_t)((frame[f->l3 + 1] & 0xcf) | ecn << 4);
	} else {
		frame[f->l3 + 1] = (uint8_t)((frame[f->l3 + 1] & 0xfc) | ecn);
		mw_checksum_ipv4(frame + f->l3);
	}
}

static const uint8_t *find(const uint8_t *frame, const struct mw_frame *f, uint8_t kind)
{
	const uint8_t *p = frame + f->l4 + 20, *end = frame + f->payload;

	while (p < end && *p != 0) {
		if (*p == kind)
			return p;
		p += *p == NOP ? 1 : p + 1 < end && p[1] >= 2 ? p[1] : end - p;
	}
	return NULL;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint32_t header_blocks(const uint8_t *frame, const struct mw_frame *f,
	struct header_block block[HEADER_BLOCKS_MAX + 1])
{
	const uint8_t *p = find(frame, f, SACK);
	uint32_t blocks = p != NULL ? (p[1] - 2u) / 8 : 0;

	for (uint32_t i = 0; i < blocks && i < HEADER_BLOCKS_MAX + 1; i++)
		block[i] = (struct header_block){get32(p + 2 + 8 * i), get32(p + 6 + 8 * i)};
	return blocks;
}

bool header_permits_sack(const uint8_t *frame, const struct mw_frame *f)
{
	return find(frame, f, SACK_PERMITTED) != NULL;
}
