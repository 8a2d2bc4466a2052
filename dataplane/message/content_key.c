/* See content_key.h. */
#include "dataplane/message/content_key.h"

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

void mw_content_key_init(struct mw_content_key *key, const uint8_t secret[16])
{
	uint64_t s0 = load(secret), s1 = load(secret + 8);

	*key = (struct mw_content_key){0};
	for (int i = 0; i < 4; i++) {
		/* odd constants keep the four apart when the secret is all zeros */
		s0 += 0x9e3779b97f4a7c15u;
		s1 += 0xd1b54a32d192ed03u;
		key->secret[i] = fold(s0 ^ 0xbf58476d1ce4e5b9u, s1 | 1) ^ s0;
	}
	key->a = key->secret[0];
	key->b = key->secret[1];
}

static void block(struct mw_content_key *key, const uint8_t *at)
{
	key->a = fold(key->a ^ load(at), key->secret[2] ^ load(at + 8)) + key->secret[0];
	key->b = fold(key->b ^ load(at + 16), key->secret[3] ^ load(at + 24)) + key->secret[1];
}

void mw_content_key_feed(struct mw_content_key *key, struct mw_span octets)
{
	size_t at = 0;

	if (octets.len == 0)
		return;
	key->octets += octets.len;
	if (key->held_len > 0) {
		at = sizeof(key->held) - key->held_len;
		if (at > octets.len)
			at = octets.len;
		memcpy(key->held + key->held_len, octets.data, at);
		key->held_len = (uint8_t)(key->held_len + at);
		if (key->held_len < sizeof(key->held))
			return;
		block(key, key->held);
		key->held_len = 0;
	}
	for (; octets.len - at >= 32; at += 32)
		block(key, octets.data + at);
	memcpy(key->held, octets.data + at, octets.len - at);
	key->held_len = (uint8_t)(octets.len - at);
}

uint64_t mw_content_key_value(const struct mw_content_key *key)
{
	struct mw_content_key last = *key;

	memset(last.held + last.held_len, 0, sizeof(last.held) - last.held_len);
	block(&last, last.held);
	return fold(fold(last.a ^ last.octets, last.b ^ last.secret[2]) ^ last.secret[3],
		last.secret[0] | 1);
}
