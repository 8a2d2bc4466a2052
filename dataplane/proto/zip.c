/* See zip.h. A search for "PK" and two more octets, and the few fields behind them. */
#include "dataplane/proto/zip.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { SEARCH, SIGNATURE, FIXED, NAME, EXTRA };

#define PK	      0x504bu
#define LOCAL	      0x504b0304u
#define CENTRAL	      0x504b0102u
#define DIRECTORY_END 0x504b0506u
#define LOCAL_LEN     30
#define CENTRAL_LEN   46
#define FLAG_CRYPTED  0x0001u
#define FLAG_TRAILING 0x0008u /* sizes stand behind the data */
#define FLAG_UTF8     0x0800u
#define SIZE_IN_EXTRA 0xffffffffu
#define EXTRA_ZIP64   0x0001u

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void mw_zip_init(struct mw_zip *z, mw_zip_fn member, void *ctx)
{
	memset(z, 0, offsetof(struct mw_zip, fixed));
	z->member = member;
	z->ctx = ctx;
}

/* The sizes that did not fit into 32 bits, in the order of the header, as many as there are. */
static bool size_from_extra(const struct mw_zip *z, uint64_t *size)
{
	const uint8_t *p = z->extra, *end = p + z->extra_len;

	while (end - p >= 4) {
		uint32_t len = get16(p + 2);

		if (get16(p) == EXTRA_ZIP64 && len >= 8 && end - p >= 12) {
			*size = get64(p + 4);
			return true;
		}
		if ((size_t)(end - p) < 4 + (size_t)len)
			return false;
		p += 4 + len;
	}
	return false;
}

static void tell(struct mw_zip *z, uint32_t missing)
{
	const uint8_t *f = z->fixed;
	uint32_t flags = get16(f + (z->central ? 8 : 6));
	uint32_t said = get32(f + (z->central ? 24 : 22)),
		 stored = get32(f + (z->central ? 20 : 18));
	struct mw_zip_member m = {
		.name = mw_span_of(z->name, z->name_len),
		.size = said,
		.size_known = z->central || (flags & FLAG_TRAILING) == 0 || said != 0,
		.utf8 = (flags & FLAG_UTF8) != 0,
		.encrypted = (flags & FLAG_CRYPTED) != 0,
		.directory = z->central,
		.nested = z->nested,
		.name_cut = missing > 0 || get16(f + (z->central ? 28 : 26)) > MW_ZIP_NAME_MAX,
	};

	if (said == SIZE_IN_EXTRA)
		m.size_known = size_from_extra(z, &m.size);
	/* Behind a directory's entry comes no data, and where the data of one with its sizes behind
	 * it ends nobody can say. */
	if (!z->nested && !z->central)
		z->data_end = z->at + (stored == SIZE_IN_EXTRA ? 0 : stored);
	z->member(z->ctx, &m);
	z->state = SEARCH;
}

/* The place of "PK", of a "P" at the very end, or len. */
static size_t find_pk(const uint8_t *data, size_t len)
{
	size_t at = 0;

#if defined(__SSE2__)
	const __m128i p = _mm_set1_epi8('P'), k = _mm_set1_epi8('K');

	for (; len - at >= 17; at += 16) {
		__m128i a = _mm_loadu_si128((const void *)(data + at));
		__m128i b = _mm_loadu_si128((const void *)(data + at + 1));
		int mask = _mm_movemask_epi8(
			_mm_and_si128(_mm_cmpeq_epi8(a, p), _mm_cmpeq_epi8(b, k)));

		if (mask != 0)
			return at + (size_t)__builtin_ctz((unsigned int)mask);
	}
#endif
	for (; at < len; at++)
		if (data[at] == 'P' && (at + 1 == len || data[at + 1] == 'K'))
			return at;
	return len;
}

/* A local header or an entry of the directory begins; it ends whatever header was in hand. */
static void header_begin(struct mw_zip *z, bool central)
{
	/* the first three octets of the signature went into the name */
	if (z->state == NAME && z->name_len > 3) {
		z->name_len = (uint16_t)(z->name_len - 3);
		tell(z, 1);
	} else if (z->state == EXTRA) {
		z->extra_len = (uint16_t)(z->extra_len > 3 ? z->extra_len - 3 : 0);
		tell(z, 0);
	}
	z->central = central;
	z->nested = z->at - 4 < z->data_end;
	z->name_len = z->extra_len = 0;
	z->have = 4;
	z->state = FIXED;
}

static void fixed_octet(struct mw_zip *z, uint8_t b)
{
	z->fixed[z->have++] = b;
	if (z->have < (z->central ? CENTRAL_LEN : LOCAL_LEN))
		return;
	z->left = get16(z->fixed + (z->central ? 28 : 26));
	/* a header without a name is none */
	z->state = z->left > 0 ? NAME : SEARCH;
}

static void name_octet(struct mw_zip *z, uint8_t b)
{
	z->name[z->name_len++] = b;
	if (--z->left > 0) {
		if (z->name_len == MW_ZIP_NAME_MAX)
			tell(z, z->left);
		return;
	}
	z->left = get16(z->fixed + (z->central ? 30 : 28));
	z->state = EXTRA;
	if (z->left == 0)
		tell(z, 0);
}

static void extra_octet(struct mw_zip *z, uint8_t b)
{
	z->extra[z->extra_len++] = b;
	if (--z->left == 0 || z->extra_len == MW_ZIP_EXTRA_MAX)
		tell(z, 0);
}

/* "P", "PK", "PK" and a small number: may the octets so far become a signature? */
static bool may_be_signature(uint32_t window)
{
	return (window & 0xff) == 'P' || (window & 0xffff) == PK ||
	       ((window >> 8 & 0xffff) == PK && (window & 0xff) < 8);
}

void mw_zip_feed(struct mw_zip *z, struct mw_span octets)
{
	size_t i = 0;

	while (i < octets.len) {
		uint8_t b;

		/* A header may have ended with the first octets of the next one's signature. */
		if (z->state == SEARCH && may_be_signature(z->window))
			z->state = SIGNATURE;
		if (z->state == SEARCH) {
			size_t at = find_pk(octets.data + i, octets.len - i);

			z->at += at;
			i += at;
			if (i == octets.len)
				return;
			z->state = SIGNATURE;
		}
		b = octets.data[i++];
		z->at++;
		z->window = z->window << 8 | b;
		if (z->window == LOCAL || z->window == CENTRAL) {
			header_begin(z, z->window == CENTRAL);
			continue;
		}
		z->ended |= z->window == DIRECTORY_END && z->at - 4 >= z->data_end;
		switch (z->state) {
		case SIGNATURE:
			if (!may_be_signature(z->window))
				z->state = SEARCH;
			break;
		case FIXED:
			fixed_octet(z, b);
			break;
		case NAME:
			name_octet(z, b);
			break;
		default: /* EXTRA */
			extra_octet(z, b);
			break;
		}
	}
}

bool mw_zip_finish(struct mw_zip *z)
{
	if (z->state == EXTRA || (z->state == NAME && z->name_len > 0))
		tell(z, z->state == NAME ? z->left : 0);
	return z->ended;
}
