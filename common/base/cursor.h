/*
 * Bounds-checked cursors over octets, big-endian. The first overrun makes the cursor fail for good
 * ("sticky"): the caller reads or writes straight through and asks once, at the end.
 */
#ifndef MW_COMMON_BASE_CURSOR_H
#define MW_COMMON_BASE_CURSOR_H

#include "common/base/span.h"

struct mw_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct mw_writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

struct mw_reader mw_reader_of(const void *data, size_t len);
uint8_t mw_read_u8(struct mw_reader *r);
uint16_t mw_read_u16(struct mw_reader *r);
uint32_t mw_read_u32(struct mw_reader *r);
uint64_t mw_read_u64(struct mw_reader *r);
void mw_read_octets(struct mw_reader *r, void *out, size_t len);
/* A 16-bit length and that many octets; the span points into the source. */
struct mw_span mw_read_string(struct mw_reader *r);
/* The same into a NUL-terminated buffer; a string that does not fit or holds a NUL is an error. */
void mw_read_cstring(struct mw_reader *r, char *out, size_t out_size);
/* True when nothing failed and every octet was read. */
bool mw_reader_done(const struct mw_reader *r);

struct mw_writer mw_writer_of(void *out, size_t size);
void mw_write_u8(struct mw_writer *w, uint8_t v);
void mw_write_u16(struct mw_writer *w, uint16_t v);
void mw_write_u32(struct mw_writer *w, uint32_t v);
void mw_write_u64(struct mw_writer *w, uint64_t v);
void mw_write_octets(struct mw_writer *w, const void *data, size_t len);
void mw_write_string(struct mw_writer *w, struct mw_span s);
void mw_write_cstring(struct mw_writer *w, const char *s);
/* Octets written, or 0 when something did not fit. */
size_t mw_writer_len(const struct mw_writer *w);

#endif
