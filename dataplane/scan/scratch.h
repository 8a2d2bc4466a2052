/* A lane's working memory for one ruleset. Private to dataplane/scan. */
#ifndef MW_DATAPLANE_SCAN_SCRATCH_H
#define MW_DATAPLANE_SCAN_SCRATCH_H

#include "dataplane/scan/ruleset_memory.h"

/* The old interfaces: the new one allocates each time a hash begins. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

/* The pattern streams of one FULL or ATTACHMENT stream of octets. */
struct mw_scan_slot {
	hs_stream_t *literal, *regex;
	uint32_t digests; /* bit (1 << MW_DIGEST_x) */
	MD5_CTX md5;
	SHA_CTX sha1;
	SHA256_CTX sha256;
	uint64_t octets;
	uint32_t next_free;
	bool dirty; /* holds the state of an earlier text */
};

/* Slots of one kind. */
struct mw_scan_pool {
	struct mw_scan_slot *slots;
	uint32_t count, free_first;
};

struct mw_scan_scratch {
	const struct mw_ruleset *rules;
	hs_scratch_t *hs;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	pcre2_jit_stack *jit_stack;
	struct mw_scan_pool full, attachment;
	uint8_t *blanks; /* MW_SCAN_BLANKS_MAX octets: the record with all white space as blanks */
	/* candidates of the record in hand */
	uint64_t *proposed; /* a bit an expression */
	uint32_t *queue;
	uint32_t queued;
	/* of mw_scan_end */
	int64_t *values; /* a rule's count in thousandths */
	struct mw_scan_hit *hits;
	struct mw_scan_counters counters;
	size_t bytes;
};

#define MW_SLOT_NONE	   UINT32_MAX
#define MW_SCAN_BLANKS_MAX MW_RECORD_ALL_MAX

/* The pattern streams of a slot start over; nothing is reported. */
void mw_scan_slot_reset(struct mw_scan_slot *slot);
uint32_t mw_scan_slot_get(struct mw_scan_pool *pool);
void mw_scan_slot_put(struct mw_scan_pool *pool, uint32_t index);

#endif
