/*
 * base64 (RFC 2045 section 6.8) in a stream. What is no digit is skipped, as that section asks;
 * line ends and blanks are expected, other octets set `bad`. Padding ends the data (`ended`); what
 * follows it is decoded as new data, the caller decides whether it counts.
 *
 * Two speeds: 32 digits at a time where the processor has AVX2 (the range lookups are those of Mula
 * and Lemire, "Faster Base64 Encoding and Decoding using AVX2 Instructions", ACM TWEB 2018), else
 * four at a time from a table. Both stop at the first octet that is no digit, which the slow path
 * handles.
 */
#include "dataplane/proto/decode.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define VALID	 0x80u
#define BLANK	 0x40u
#define DIGIT(n) (VALID | (n))

static const uint8_t digits[256] = {
	['A'] = DIGIT(0),
	['B'] = DIGIT(1),
	['C'] = DIGIT(2),
	['D'] = DIGIT(3),
	['E'] = DIGIT(4),
	['F'] = DIGIT(5),
	['G'] = DIGIT(6),
	['H'] = DIGIT(7),
	['I'] = DIGIT(8),
	['J'] = DIGIT(9),
	['K'] = DIGIT(10),
	['L'] = DIGIT(11),
	['M'] = DIGIT(12),
	['N'] = DIGIT(13),
	['O'] = DIGIT(14),
	['P'] = DIGIT(15),
	['Q'] = DIGIT(16),
	['R'] = DIGIT(17),
	['S'] = DIGIT(18),
	['T'] = DIGIT(19),
	['U'] = DIGIT(20),
	['V'] = DIGIT(21),
	['W'] = DIGIT(22),
	['X'] = DIGIT(23),
	['Y'] = DIGIT(24),
	['Z'] = DIGIT(25),
	['a'] = DIGIT(26),
	['b'] = DIGIT(27),
	['c'] = DIGIT(28),
	['d'] = DIGIT(29),
	['e'] = DIGIT(30),
	['f'] = DIGIT(31),
	['g'] = DIGIT(32),
	['h'] = DIGIT(33),
	['i'] = DIGIT(34),
	['j'] = DIGIT(35),
	['k'] = DIGIT(36),
	['l'] = DIGIT(37),
	['m'] = DIGIT(38),
	['n'] = DIGIT(39),
	['o'] = DIGIT(40),
	['p'] = DIGIT(41),
	['q'] = DIGIT(42),
	['r'] = DIGIT(43),
	['s'] = DIGIT(44),
	['t'] = DIGIT(45),
	['u'] = DIGIT(46),
	['v'] = DIGIT(47),
	['w'] = DIGIT(48),
	['x'] = DIGIT(49),
	['y'] = DIGIT(50),
	['z'] = DIGIT(51),
	['0'] = DIGIT(52),
	['1'] = DIGIT(53),
	['2'] = DIGIT(54),
	['3'] = DIGIT(55),
	['4'] = DIGIT(56),
	['5'] = DIGIT(57),
	['6'] = DIGIT(58),
	['7'] = DIGIT(59),
	['8'] = DIGIT(60),
	['9'] = DIGIT(61),
	['+'] = DIGIT(62),
	['/'] = DIGIT(63),
	[' '] = BLANK,
	['\t'] = BLANK,
	['\r'] = BLANK,
	['\n'] = BLANK,
};

#if defined(__x86_64__)
/* Whole quartets of digits from the front of `in`; stops at the first octet that is none. */
__attribute__((target("avx2"))) static size_t run_avx2(
	const uint8_t *in, size_t len, size_t *used, uint8_t *out, size_t size)
{
	const __m256i low = _mm256_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
		0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a, 0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
		0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
	const __m256i high = _mm256_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10,
		0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04,
		0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
	const __m256i roll = _mm256_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
	const __m256i gather = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1,
		-1, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
	const __m256i slash = _mm256_set1_epi8(0x2f);
	size_t at = 0, made = 0;

	while (len - at >= 32 && size - made >= 32) {
		__m256i v = _mm256_loadu_si256((const void *)(in + at));
		__m256i hi = _mm256_and_si256(_mm256_srli_epi32(v, 4), slash);
		__m256i kind_hi = _mm256_shuffle_epi8(high, hi);
		__m256i kind_lo = _mm256_shuffle_epi8(low, _mm256_and_si256(v, slash));
		__m256i wrong = _mm256_cmpeq_epi8(
			_mm256_and_si256(kind_hi, kind_lo), _mm256_setzero_si256());
		uint32_t stop = ~(uint32_t)_mm256_movemask_epi8(wrong);
		unsigned int good = stop == 0 ? 32 : (unsigned int)__builtin_ctz(stop) & ~3u;

		v = _mm256_add_epi8(v, _mm256_shuffle_epi8(roll,
					       _mm256_add_epi8(_mm256_cmpeq_epi8(v, slash), hi)));
		v = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
		v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
		v = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(v, gather), lanes);
		_mm256_storeu_si256((void *)(out + made), v);
		at += good;
		made += good / 4 * 3;
		if (good != 32)
			break;
	}
	*used = at;
	return made;
}
#endif

static size_t run_table(const uint8_t *in, size_t len, size_t *used, uint8_t *out, size_t size)
{
	size_t at = 0, made = 0;

	while (len - at >= 4 && size - made >= 3) {
		uint8_t a = digits[in[at]], b = digits[in[at + 1]];
		uint8_t c = digits[in[at + 2]], d = digits[in[at + 3]];
		uint32_t bits;

		if ((a & b & c & d & VALID) == 0)
			break;
		bits = (uint32_t)(a & 63) << 18 | (uint32_t)(b & 63) << 12 |
		       (uint32_t)(c & 63) << 6 | (d & 63u);
		out[made] = (uint8_t)(bits >> 16);
		out[made + 1] = (uint8_t)(bits >> 8);
		out[made + 2] = (uint8_t)bits;
		at += 4;
		made += 3;
	}
	*used = at;
	return made;
}

/* What the held sextets are worth when no more come: 2 make one octet, 3 make two. */
static size_t flush(struct mw_decode *d, uint8_t *out)
{
	size_t made = 0;

	if (d->count >= 2)
		out[made++] = (uint8_t)(d->held >> (d->count == 2 ? 4 : 10));
	if (d->count == 3)
		out[made++] = (uint8_t)(d->held >> 2);
	d->count = 0;
	d->pads = 0;
	d->held = 0;
	return made;
}

size_t mw_decode_base64(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size)
{
	size_t at = 0, made = 0;
#if defined(__x86_64__)
	const bool wide = __builtin_cpu_supports("avx2");
#endif

	while (at < in.len && size - made >= 3) {
		uint8_t v;

		if (d->count == 0) {
			size_t took = 0;
			const size_t before = at;

#if defined(__x86_64__)
			if (wide && in.len - at >= 32) {
				made += run_avx2(
					in.data + at, in.len - at, &took, out + made, size - made);
				at += took;
			}
			if (!wide || in.len - at < 32 || size - made < 32)
#endif
			{
				made += run_table(
					in.data + at, in.len - at, &took, out + made, size - made);
				at += took;
			}
			d->bad |= d->ended && at > before;
			if (at == in.len || size - made < 3)
				break;
		}
		v = digits[in.data[at]];
		if ((v & VALID) != 0) {
			at++;
			if (d->ended)
				d->bad = true;
			d->held = d->held << 6 | (v & 63u);
			d->pads = 0;
			if (++d->count == 4) {
				out[made++] = (uint8_t)(d->held >> 16);
				out[made++] = (uint8_t)(d->held >> 8);
				out[made++] = (uint8_t)d->held;
				d->count = 0;
				d->held = 0;
			}
		} else if (in.data[at] == '=') {
			at++;
			if (d->count < 2) {
				d->bad |= !d->ended || d->count != 0;
			} else if (d->count + ++d->pads >= 4) {
				made += flush(d, out + made);
				if (!d->ended) {
					d->ended = true;
					break;
				}
			}
		} else {
			at++;
			d->bad |= v != BLANK;
			/* a line end is two of them: back to the fast runs only behind both */
			while (at < in.len && digits[in.data[at]] == BLANK)
				at++;
		}
	}
	*used = at;
	return made;
}

size_t mw_decode_base64_finish(struct mw_decode *d, uint8_t *out)
{
	d->bad |= d->count != 0;
	return flush(d, out);
}
