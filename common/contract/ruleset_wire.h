/*
 * The layout of the ruleset file, for its reader and its writer: magic, version, total length,
 * checksum, then a body that the checksum covers. Private to common/contract.
 */
#ifndef MW_COMMON_CONTRACT_RULESET_WIRE_H
#define MW_COMMON_CONTRACT_RULESET_WIRE_H

#include "common/contract/ruleset.h"

#define MW_RULESET_MAGIC     "MWRULES\n" /* 8 octets, without the NUL */
#define MW_RULESET_AT_LENGTH 12
#define MW_RULESET_AT_BODY   28

/* FNV-1a over 64-bit words, then the rest by octet: finds damage, not malice (the folder's owner is
 * trusted), and keeps up with a file of tens of megabytes. */
static inline uint64_t mw_ruleset_checksum(const uint8_t *data, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull ^ len;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t word = 0;

		for (unsigned k = 0; k < 8; k++)
			word = word << 8 | data[i + k];
		h = (h ^ word) * 0x100000001b3ull;
		h ^= h >> 29;
	}
	for (; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3ull;
	return h ^ h >> 32;
}

#endif
