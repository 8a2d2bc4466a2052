#include "common/base/cursor.h"

struct mw_reader mw_reader_of(const void *data, size_t len)
{
	const uint8_t *at = data;

	return (struct mw_reader){.at = at, .end = at == NULL ? at : at + len};
}

static const uint8_t *take(struct mw_reader *r, size_t len)
{
	const uint8_t *at = r->at;

	if (r->failed || (size_t)(r->end - r->at) < len) {
		r->failed = true;
		return NULL;
	}
	r->at += len;
	return at;
}

static uint64_t read_be(struct mw_reader *r, size_t len)
{
	const uint8_t *p = take(r, len);
	uint64_t v = 0;

	if (p == NULL)
		return 0;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t mw_read_u8(struct mw_reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t mw_read_u16(struct mw_reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t mw_read_u32(struct mw_reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t mw_read_u64(struct mw_reader *r)
{
	return read_be(r, 8);
}

void mw_read_octets(struct mw_reader *r, void *out, size_t len)
{
	const uint8_t *p = take(r, len);

	if (p == NULL)
		memset(out, 0, len);
	else
		memcpy(out, p, len);
}

struct mw_span mw_read_string(struct mw_reader *r)
{
	size_t len = mw_read_u16(r);
	const uint8_t *p = take(r, len);

	return p == NULL ? mw_span_of("", 0) : mw_span_of(p, len);
}

void mw_read_cstring(struct mw_reader *r, char *out, size_t out_size)
{
	struct mw_span s = mw_read_string(r);

	if (s.len >= out_size || (s.len > 0 && memchr(s.data, 0, s.len) != NULL)) {
		r->failed = true;
		s.len = 0;
	}
	memcpy(out, s.data, s.len);
	out[s.len] = 0;
}

bool mw_reader_done(const struct mw_reader *r)
{
	return !r->failed && r->at == r->end;
}

struct mw_writer mw_writer_of(void *out, size_t size)
{
	uint8_t *at = out;

	return (struct mw_writer){.start = at, .at = at, .end = at + size};
}

static uint8_t *reserve(struct mw_writer *w, size_t len)
{
	uint8_t *at = w->at;

	if (w->failed || (size_t)(w->end - w->at) < len) {
		w->failed = true;
		return NULL;
	}
	w->at += len;
	return at;
}

static void write_be(struct mw_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = reserve(w, len);

	if (p == NULL)
		return;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
}

void mw_write_u8(struct mw_writer *w, uint8_t v)
{
	write_be(w, v, 1);
}

void mw_write_u16(struct mw_writer *w, uint16_t v)
{
	write_be(w, v, 2);
}

void mw_write_u32(struct mw_writer *w, uint32_t v)
{
	write_be(w, v, 4);
}

void mw_write_u64(struct mw_writer *w, uint64_t v)
{
	write_be(w, v, 8);
}

void mw_write_octets(struct mw_writer *w, const void *data, size_t len)
{
	uint8_t *p = reserve(w, len);

	if (p != NULL && len > 0)
		memcpy(p, data, len);
}

void mw_write_string(struct mw_writer *w, struct mw_span s)
{
	if (s.len > UINT16_MAX) {
		w->failed = true;
		return;
	}
	mw_write_u16(w, (uint16_t)s.len);
	mw_write_octets(w, s.data, s.len);
}

void mw_write_cstring(struct mw_writer *w, const char *s)
{
	mw_write_string(w, mw_span_str(s));
}

size_t mw_writer_len(const struct mw_writer *w)
{
	return w->failed ? 0 : (size_t)(w->at - w->start);
}
