/*
 * Text of DATA in which nothing can happen, 64 octets at a time: no dot that begins a line by
 * anybody's reading, no bare CR, bare LF or NUL that was not told yet. The hottest loop of the
 * dataplane; what it does not understand it leaves to smtp_content.c, octet by octet.
 */
#include "dataplane/proto/smtp_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Where in a block of 64 octets the octets stand that matter, one bit each. */
struct marks {
	uint64_t cr, lf, nul, dot;
};

#ifdef __SSE2__
static uint64_t mask_of(const __m128i v[4], char c)
{
	const __m128i want = _mm_set1_epi8(c);
	uint64_t mask = 0;

	for (int i = 0; i < 4; i++)
		mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], want))
			<< (16 * i);
	return mask;
}

static struct marks mark(const uint8_t *p)
{
	const __m128i v[4] = {
		_mm_loadu_si128((const __m128i *)(const void *)p),
		_mm_loadu_si128((const __m128i *)(const void *)(p + 16)),
		_mm_loadu_si128((const __m128i *)(const void *)(p + 32)),
		_mm_loadu_si128((const __m128i *)(const void *)(p + 48)),
	};

	return (struct marks){mask_of(v, '\r'), mask_of(v, '\n'), mask_of(v, 0), mask_of(v, '.')};
}
#else
/* High bit of each octet of x that equals c; gathered into 8 bits. */
static uint64_t mask_of(uint64_t x, uint8_t c)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7full;
	uint64_t diff = x ^ (0x0101010101010101ull * c);
	uint64_t zero = ~(((diff & low) + low) | diff | low);

	return ((zero >> 7) * 0x0102040810204080ull) >> 56;
}

static struct marks mark(const uint8_t *p)
{
	struct marks m = {0};

	for (int i = 0; i < 8; i++) {
		uint64_t x = 0;

		for (int j = 7; j >= 0; j--)
			x = x << 8 | p[8 * i + j];
		m.cr |= mask_of(x, '\r') << (8 * i);
		m.lf |= mask_of(x, '\n') << (8 * i);
		m.nul |= mask_of(x, 0) << (8 * i);
		m.dot |= mask_of(x, '.') << (8 * i);
	}
	return m;
}
#endif

/* What the octets so far leave behind for the next block; kept in registers over many of them. */
struct carry {
	uint64_t cr;	 /* the last octet was CR */
	uint64_t crlf;	 /* the last two were CRLF, or it is the beginning */
	uint64_t start;	 /* a lax reader is at the beginning of a line */
	uint64_t cr_new; /* all ones: a bare CR was not reported yet; the others likewise */
	uint64_t lf_new;
	uint64_t nul_new;
};

/* Which octets of a block are not plain: a dot behind CR, LF or NUL, and oddities not yet reported.
 */
static uint64_t odd_octets(const struct carry *c, struct marks m)
{
	uint64_t behind_cr = m.cr << 1 | c->cr;

	return (m.dot & ((m.cr | m.lf | m.nul) << 1 | c->start)) | (m.lf & ~behind_cr & c->lf_new) |
	       (behind_cr & ~m.lf & c->cr_new) | (m.nul & c->nul_new);
}

/* What the first n > 0 octets of a block leave behind, all of them plain. */
static void pass(struct carry *c, struct marks m, size_t n)
{
	unsigned last = (unsigned)(n - 1);

	c->crlf = (m.lf & (m.cr << 1 | c->cr)) >> last & 1;
	c->cr = m.cr >> last & 1;
	if (m.nul == 0) {
		c->start = (m.cr | m.lf) >> last & 1;
	} else { /* NUL changes nothing for a lax reader */
		uint64_t seen = ~m.nul & (UINT64_MAX >> (63 - last));

		if (seen != 0)
			c->start = (m.cr | m.lf) >> (63 - __builtin_clzll(seen)) & 1;
	}
}

/* Whole blocks in which nothing at all is odd: the common case, on registers only. One text for
 * every way of finding the marks. */
static inline __attribute__((always_inline)) size_t skip_with(
	struct marks (*marks_of)(const uint8_t *), struct carry *carry, const uint8_t *p, size_t n)
{
	struct carry c = *carry;
	size_t i = 0;

	while (n - i >= 64) {
		struct marks m = marks_of(p + i);

		if (odd_octets(&c, m) != 0 || m.nul != 0)
			break;
		c.crlf = (m.lf & (m.cr << 1 | c.cr)) >> 63;
		c.cr = m.cr >> 63;
		c.start = (m.cr | m.lf) >> 63;
		i += 64;
	}
	*carry = c;
	return i;
}

#if defined(__x86_64__)
__attribute__((target("avx512bw"))) static inline struct marks mark_avx512(const uint8_t *p)
{
	const __m512i v = _mm512_loadu_si512(p);

	return (struct marks){
		_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\r')),
		_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\n')),
		_mm512_testn_epi8_mask(v, v),
		_mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('.')),
	};
}

__attribute__((target("avx512bw"))) static size_t skip_avx512(
	struct carry *carry, const uint8_t *p, size_t n)
{
	return skip_with(mark_avx512, carry, p, n);
}

__attribute__((target("avx2"))) static inline uint64_t mask_avx2(__m256i low, __m256i high, char c)
{
	const __m256i want = _mm256_set1_epi8(c);

	return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, want)) |
	       (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, want)) << 32;
}

__attribute__((target("avx2"))) static inline struct marks mark_avx2(const uint8_t *p)
{
	const __m256i low = _mm256_loadu_si256((const void *)p);
	const __m256i high = _mm256_loadu_si256((const void *)(p + 32));

	return (struct marks){mask_avx2(low, high, '\r'), mask_avx2(low, high, '\n'),
		mask_avx2(low, high, 0), mask_avx2(low, high, '.')};
}

__attribute__((target("avx2"))) static size_t skip_avx2(
	struct carry *carry, const uint8_t *p, size_t n)
{
	return skip_with(mark_avx2, carry, p, n);
}
#endif

static size_t skip_whole_blocks(struct carry *carry, const uint8_t *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512bw"))
		return skip_avx512(carry, p, n);
	if (__builtin_cpu_supports("avx2"))
		return skip_avx2(carry, p, n);
#endif
	return skip_with(mark, carry, p, n);
}

/* A block that may be short, up to its first odd octet. */
static size_t skip_in_block(struct carry *c, const uint8_t *p, size_t n, bool *found)
{
	uint8_t rest[64];
	struct marks m;
	uint64_t odd;
	size_t len = n;

	if (n < 64) {
		memset(rest, 'x', sizeof(rest));
		memcpy(rest, p, n);
		m = mark(rest);
		odd = odd_octets(c, m) & ((1ull << n) - 1);
	} else {
		m = mark(p);
		odd = odd_octets(c, m);
	}
	*found = odd != 0;
	if (odd != 0)
		len = (size_t)__builtin_ctzll(odd);
	if (len > 0)
		pass(c, m, len);
	return len;
}

static size_t skip_blocks(struct carry *c, const uint8_t *p, size_t n)
{
	bool found = false;
	size_t i = 0;

	while (i < n && !found) {
		i += skip_whole_blocks(c, p + i, n - i);
		if (i < n)
			i += skip_in_block(c, p + i, n - i < 64 ? n - i : 64, &found);
	}
	return i;
}

size_t mw_smtp_skip_plain(struct mw_smtp *s, const uint8_t *p, size_t n)
{
	struct carry c = {
		.cr = s->body == BODY_CR,
		.crlf = s->body == BODY_START,
		.start = s->lax == LAX_START,
		.cr_new = mw_smtp_reported(s, MW_REASON_BARE_CR) ? 0 : UINT64_MAX,
		.lf_new = mw_smtp_reported(s, MW_REASON_BARE_LF) ? 0 : UINT64_MAX,
		.nul_new = mw_smtp_reported(s, MW_REASON_NUL_OCTET) ? 0 : UINT64_MAX,
	};
	size_t plain = skip_blocks(&c, p, n);

	if (plain > 0) {
		s->body = c.cr != 0 ? BODY_CR : c.crlf != 0 ? BODY_START : BODY_MID;
		s->lax = c.start != 0 ? LAX_START : LAX_MID;
	}
	return plain;
}
