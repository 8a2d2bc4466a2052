#include "common/contract/wire.h"

/* Octets of the UTF-8 sequence at `p` (RFC 3629: shortest form, no surrogates), 0 when it is none.
 */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	uint8_t lo = 0x80;
	uint8_t hi = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (left < len)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

static bool octet_allowed(uint8_t c, enum mw_wire_text kind)
{
	switch (kind) {
	case MW_WIRE_ASCII:
		return c >= 0x20 && c < 0x7f;
	case MW_WIRE_LABEL:
		return c >= 0x20 && c != 0x7f;
	case MW_WIRE_UTF8:
		return c != 0;
	}
	return false;
}

static bool text_valid(struct mw_span s, enum mw_wire_text kind)
{
	size_t at = 0;

	while (at < s.len) {
		size_t len = utf8_len(s.data + at, s.len - at);

		if (len == 0 || !octet_allowed(s.data[at], kind))
			return false;
		at += len;
	}
	return true;
}

/* Same length, each octet that is part of no valid sequence replaced. */
static void repair(const char *text, size_t len, uint8_t *out)
{
	size_t at = 0;

	memcpy(out, text, len);
	while (at < len) {
		size_t step = utf8_len(out + at, len - at);

		if (step == 0) {
			out[at] = '?';
			step = 1;
		}
		at += step;
	}
}

void mw_wire_write_text(struct mw_writer *w, const char *text, size_t size, enum mw_wire_text kind)
{
	size_t len = strnlen(text, size);
	struct mw_span s = mw_span_of(text, len);

	if (len == size) {
		w->failed = true;
		return;
	}
	if (text_valid(s, kind)) {
		mw_write_string(w, s);
		return;
	}
	mw_write_u16(w, (uint16_t)len);
	if (kind != MW_WIRE_UTF8 || len > UINT16_MAX || (size_t)(w->end - w->at) < len)
		w->failed = true;
	if (w->failed)
		return;
	repair(text, len, w->at);
	w->at += len;
}

void mw_wire_read_text(struct mw_reader *r, char *out, size_t size, enum mw_wire_text kind)
{
	mw_read_cstring(r, out, size);
	if (!text_valid(mw_span_str(out), kind)) {
		r->failed = true;
		out[0] = 0;
	}
}

void mw_wire_write_bool(struct mw_writer *w, bool v)
{
	mw_write_u8(w, v ? 1 : 0);
}

bool mw_wire_read_bool(struct mw_reader *r)
{
	uint8_t v = mw_read_u8(r);

	if (v > 1)
		r->failed = true;
	return v == 1;
}

void mw_wire_write_ip(struct mw_writer *w, const struct mw_ip *ip)
{
	mw_write_octets(w, ip->octet, sizeof(ip->octet));
}

void mw_wire_read_ip(struct mw_reader *r, struct mw_ip *ip)
{
	mw_read_octets(r, ip->octet, sizeof(ip->octet));
}

void mw_wire_write_i32(struct mw_writer *w, int32_t v)
{
	mw_write_u32(w, (uint32_t)v);
}

int32_t mw_wire_read_i32(struct mw_reader *r)
{
	return (int32_t)mw_read_u32(r); /* gcc and clang define the conversion modulo 2^32 */
}

void mw_wire_write_reason(struct mw_writer *w, enum mw_reason reason)
{
	if ((unsigned)reason >= MW_REASON_COUNT)
		w->failed = true;
	else
		mw_write_cstring(w, mw_reason_name(reason));
}

enum mw_reason mw_wire_read_reason(struct mw_reader *r)
{
	struct mw_span name = mw_read_string(r);
	enum mw_reason reason;

	if (name.len == 0 || name.len > 64 || !text_valid(name, MW_WIRE_ASCII))
		r->failed = true;
	return mw_reason_parse(name, &reason) == 0 ? reason : MW_REASON_COUNT;
}
