/*
 * The message's octets as FULL records, with LF line ends. Where nothing that is sought can lie
 * within base64 text (config full_quiet: the longest match, which has some other octet), the middle
 * of a long run of it is left out: a match that has another octet lies near that octet, so near one
 * end of the run, and what joins in the stream where the middle was is base64 text on both sides
 * for more than the length of a match.
 */
#include "dataplane/message/message_state.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static void record(struct mw_message *m, const void *data, size_t len, bool last)
{
	struct mw_record out = {
		.kind = MW_RECORD_FULL, .data = mw_span_of(data, len), .last = last};

	if (len > 0 || last)
		mw_message_emit(m, &out);
}

/* CRLF becomes LF, as a receiver stores it and as rules over `full` are written. */
static void lines(struct mw_message *m, struct mw_span in)
{
	uint8_t *out = m->scratch->lines;
	const size_t size = sizeof(m->scratch->lines);
	size_t at = 0, len = 0;

	while (at < in.len) {
		const uint8_t *cr;
		size_t run = in.len - at;

		if (len + 1 >= size) {
			record(m, out, len, false);
			len = 0;
		}
		if (m->full_cr) {
			if (in.data[at] != '\n')
				out[len++] = '\r';
			m->full_cr = false;
			continue;
		}
		if (run > size - len - 1)
			run = size - len - 1;
		cr = memchr(in.data + at, '\r', run);
		if (cr != NULL)
			run = (size_t)(cr - (in.data + at));
		memcpy(out + len, in.data + at, run);
		len += run;
		at += run;
		if (cr != NULL) {
			m->full_cr = true;
			at++;
		}
	}
	record(m, out, len, false);
}

/* For each low half of an octet, the high halves with which it is base64 text, one bit each: CR and
 * LF with 0, "+" and "/" with 2, digits and "=" with 3, letters with 4 to 7. */
static const uint8_t highs[16] = {0xa8, 0xf8, 0xf8, 0xf8, 0xf8, 0xf8, 0xf8, 0xf8, 0xf8, 0xf8, 0xf1,
	0x54, 0x50, 0x59, 0x50, 0x54};

static bool is_base64_text(uint8_t c)
{
	return c < 0x80 && (highs[c & 15] >> (c >> 4) & 1) != 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t prefix_avx2(const uint8_t *p, size_t len)
{
	const __m256i lows = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)highs));
	const __m256i bits = _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i half = _mm256_set1_epi8(15);
	size_t at = 0;

	for (; len - at >= 32; at += 32) {
		__m256i v = _mm256_loadu_si256((const void *)(p + at));
		__m256i low = _mm256_shuffle_epi8(lows, _mm256_and_si256(v, half));
		__m256i high =
			_mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(v, 4), half));
		__m256i wrong =
			_mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
		uint32_t mask = (uint32_t)_mm256_movemask_epi8(wrong);

		if (mask != 0)
			return at + (size_t)__builtin_ctz(mask);
	}
	return at;
}
#endif

/* How many octets from the front are base64 text. */
static size_t prefix(struct mw_span in)
{
	size_t at = 0;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		at = prefix_avx2(in.data, in.len);
#endif
	while (at < in.len && is_base64_text(in.data[at]))
		at++;
	return at;
}

/* Keeps the last `keep` octets of what is held and this. */
static void hold(struct mw_message *m, struct mw_span in, size_t keep)
{
	size_t old = m->full_held_len;

	if (old + in.len > keep)
		m->full_cr = false; /* it stands in front of what is left out */
	if (in.len >= keep) {
		memcpy(m->full_held, in.data + in.len - keep, keep);
		m->full_held_len = (uint16_t)keep;
		return;
	}
	if (old > keep - in.len) {
		memmove(m->full_held, m->full_held + old - (keep - in.len), keep - in.len);
		old = keep - in.len;
	}
	memcpy(m->full_held + old, in.data, in.len);
	m->full_held_len = (uint16_t)(old + in.len);
}

static void release(struct mw_message *m)
{
	m->full_run = 0;
	if (m->full_held_len == 0)
		return;
	lines(m, mw_span_of(m->full_held, m->full_held_len));
	m->full_held_len = 0;
}

void mw_message_full_feed(struct mw_message *m, struct mw_span in)
{
	/* In octets as they come, of which a line end is two: twice the match is enough. */
	const size_t edge = 2 * (size_t)m->config->full_quiet;
	size_t run;

	if (edge == 0 || edge > sizeof(m->full_held)) {
		lines(m, in);
		return;
	}
	run = prefix(in);
	if (m->full_run >= edge) { /* in the middle */
		hold(m, mw_span_of(in.data, run), edge);
		if (run == in.len)
			return;
		release(m);
		in = mw_span_of(in.data + run, in.len - run);
		run = 0;
	}
	lines(m, in);
	m->full_run = run == in.len ? m->full_run + (uint32_t)run : 0;
}

void mw_message_full_end(struct mw_message *m)
{
	release(m);
	record(m, "\r", m->full_cr ? 1 : 0, true);
}
