/*
 * Rules against records. Slow side: a compiled ruleset file is loaded once, shared read-only by all
 * lanes, and each lane makes its scratch for it. Feed path: one `struct mw_scan` a message, in the
 * caller's memory; no malloc, no clock, and nothing is kept of a record beyond the call.
 * The unit of work is one record (at most 8 KiB, but HEADER_ALL 64 KiB) or a 4 KiB slice of a
 * stream, so a lane bounds its work by counting calls.
 */
#ifndef MW_DATAPLANE_SCAN_SCAN_H
#define MW_DATAPLANE_SCAN_SCAN_H

#include "common/contract/ruleset.h"
#include "dataplane/message/record.h"

#define MW_SCAN_SLICE_MAX 4096 /* of FULL and ATTACHMENT a call; longer ones are cut inside */

struct mw_ruleset;	/* immutable after load; any number of threads may read it */
struct mw_scan_scratch; /* one per lane and ruleset; never two threads */
struct mw_scan;		/* one per message; belongs to the lane whose scratch it is fed with */

/* --- slow side --- */

/* NULL, and a sentence in `error`, when the octets are no ruleset for this machine. The octets are
 * copied where needed: the caller may release them. */
struct mw_ruleset *mw_ruleset_load(struct mw_span octets, char error[MW_RULESET_ERROR_MAX]);
/* The same from a file. */
struct mw_ruleset *mw_ruleset_load_file(const char *path, char error[MW_RULESET_ERROR_MAX]);
void mw_ruleset_free(struct mw_ruleset *rules);

/* Bit (1 << kind) for every kind of record that some rule looks at: others need not be made. */
uint32_t mw_ruleset_wants(const struct mw_ruleset *rules);
/* True when a RAWBODY record whose octets are also in FULL, as they are, can add nothing. */
bool mw_ruleset_rawbody_in_full(const struct mw_ruleset *rules);
/* No rule over FULL matches more octets than this, nor octets of base64 text alone: in a long run
 * of those, what is farther than this from both ends need not be scanned. 0: all must be. */
uint32_t mw_ruleset_full_quiet(const struct mw_ruleset *rules);
/* Bit (1 << MW_DIGEST_x) for hashes of attachments that some rule compares (the scanner makes
 * them). */
uint32_t mw_ruleset_digests(const struct mw_ruleset *rules);
uint32_t mw_ruleset_rule_count(const struct mw_ruleset *rules);
/* Valid as long as the ruleset; index < rule_count. */
const struct mw_ruleset_rule *mw_ruleset_rule(const struct mw_ruleset *rules, uint32_t index);
const uint8_t *mw_ruleset_hash(const struct mw_ruleset *rules); /* 32 octets: names the content */
size_t mw_ruleset_memory(const struct mw_ruleset *rules);	/* octets held, about */

/* `messages`: how many messages of this lane may be scanned at the same time. Their pattern streams
 * are made here, so that the feed path never allocates. NULL: out of memory. */
struct mw_scan_scratch *mw_scan_scratch_new(const struct mw_ruleset *rules, uint32_t messages);
void mw_scan_scratch_free(struct mw_scan_scratch *scratch);
size_t mw_scan_scratch_memory(const struct mw_scan_scratch *scratch);

/* --- feed path --- */

size_t mw_scan_bytes(const struct mw_ruleset *rules); /* memory of one mw_scan, aligned to 8 */
struct mw_scan *mw_scan_begin(void *memory, const struct mw_ruleset *rules);
void mw_scan_record(
	struct mw_scan *scan, struct mw_scan_scratch *scratch, const struct mw_record *rec);
/* A hash of some part that the caller has anyway. `size` in octets of the part. */
void mw_scan_digest(
	struct mw_scan *scan, enum mw_digest_kind kind, const uint8_t *octets, uint64_t size);

struct mw_scan_hit {
	uint32_t rule;	/* index for mw_ruleset_rule */
	uint32_t count; /* 1, or more for counted rules and metas */
};

struct mw_scan_result {
	int32_t score_milli;	     /* sum over the reported rules */
	enum mw_message_class klass; /* worm: a worm rule hit; spam: score >= threshold; else ham */
	uint32_t hit_count;
	const struct mw_scan_hit *hits; /* reported rules only, in scratch: until its next _end */
	bool incomplete; /* a stream could not be had, or a confirmation hit its limit */
};

/* Ends the message: header rules over missing headers, metas, score. Gives streams back; the scan's
 * memory may be reused. Must be called (or _abandon) for every scan begun. */
void mw_scan_end(struct mw_scan *scan, struct mw_scan_scratch *scratch, int32_t threshold_milli,
	struct mw_scan_result *out);
void mw_scan_abandon(struct mw_scan *scan, struct mw_scan_scratch *scratch);

struct mw_scan_counters {
	uint64_t records, octets;
	uint64_t confirmed, confirm_tries, confirm_limits; /* PCRE2: matches, attempts, limit hit */
	uint64_t streams_refused;
};

const struct mw_scan_counters *mw_scan_counters(const struct mw_scan_scratch *scratch);

#endif
