/*
 * A set of strings by their keyed hash (SipHash-1-3: Aumasson and Bernstein, 2012), open
 * addressing.
 */
#include "dataplane/text/uri_form.h"

#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void rounds(uint64_t v[4], int count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[1] = ROTATE(v[1], 13) ^ v[0];
		v[0] = ROTATE(v[0], 32);
		v[2] += v[3];
		v[3] = ROTATE(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = ROTATE(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = ROTATE(v[1], 17) ^ v[2];
		v[2] = ROTATE(v[2], 32);
	}
}

uint64_t mw_uri_hash(const uint64_t key[2], struct mw_span s)
{
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
		key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};
	uint64_t word;
	size_t i = 0;

	for (; s.len - i >= 8; i += 8) {
		memcpy(&word, s.data + i, 8);
		v[3] ^= word;
		rounds(v, 1);
		v[0] ^= word;
	}
	word = (uint64_t)s.len << 56;
	for (size_t n = 0; i + n < s.len; n++)
		word |= (uint64_t)s.data[i + n] << (8 * n);
	v[3] ^= word;
	rounds(v, 1);
	v[0] ^= word;
	v[2] ^= 0xff;
	rounds(v, 3);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void mw_uri_seen_init(struct mw_uri_seen *seen, const uint64_t key[2])
{
	memset(seen, 0, sizeof(*seen));
	seen->key[0] = key[0];
	seen->key[1] = key[1];
}

enum mw_uri_seen_result mw_uri_seen_add(struct mw_uri_seen *seen, struct mw_span uri)
{
	const uint32_t slots = sizeof(seen->slot) / sizeof(seen->slot[0]);
	uint64_t h = mw_uri_hash(seen->key, uri) | 1; /* 0 is a free slot */
	uint32_t at = (uint32_t)(h >> 32) % slots;

	for (; seen->slot[at] != 0; at = (at + 1) % slots) {
		if (seen->slot[at] == h)
			return MW_URI_SEEN;
	}
	if (seen->used == MW_URI_SEEN_MAX) {
		seen->refused++;
		return MW_URI_SEEN_FULL;
	}
	seen->slot[at] = h;
	seen->used++;
	return MW_URI_NEW;
}

void mw_uri_limit_init(struct mw_uri_limit *limit, const uint64_t key[2])
{
	memset(limit, 0, sizeof(*limit));
	limit->key[0] = key[0];
	limit->key[1] = key[1];
	limit->octets_left = MW_URI_LIMIT_OCTETS;
}

bool mw_uri_limit_pass(struct mw_uri_limit *limit, struct mw_span address, bool link)
{
	/* A link may be given out where the same words in text were no address. */
	uint64_t h = mw_uri_hash(limit->key, address) ^ (link ? 1 : 0);
	uint64_t *recent = &limit->recent[h % MW_URI_RECENT];

	if (*recent == h)
		return false;
	if (address.len + 64 > limit->octets_left) {
		limit->refused++;
		return false;
	}
	limit->octets_left -= (uint32_t)address.len + 64;
	*recent = h;
	return true;
}
