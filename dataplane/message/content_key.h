/*
 * A fast keyed fingerprint of a stream of octets, cut anywhere: equal content, equal key; whoever
 * does not know the secret cannot aim at a collision. Not a cryptographic hash: it groups copies of
 * one campaign and retries of one message, nothing is proved by it. (A multiply-and-fold hash in
 * the manner of Wang Yi's wyhash, over two independent lanes.)
 */
#ifndef MW_DATAPLANE_MESSAGE_CONTENT_KEY_H
#define MW_DATAPLANE_MESSAGE_CONTENT_KEY_H

#include "common/base/span.h"

struct mw_content_key {
	uint64_t secret[4];
	uint64_t a, b; /* the lanes */
	uint64_t octets;
	uint8_t held[32];
	uint8_t held_len;
};

void mw_content_key_init(struct mw_content_key *key, const uint8_t secret[16]);
void mw_content_key_feed(struct mw_content_key *key, struct mw_span octets);
/* May be asked at any time; feeding may go on. */
uint64_t mw_content_key_value(const struct mw_content_key *key);

#endif
