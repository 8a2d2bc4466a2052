/*
 * A loaded ruleset as the scanner sees it. Private to dataplane/scan. Written once by load.c, then
 * only read: by any number of lanes.
 */
#ifndef MW_DATAPLANE_SCAN_RULESET_MEMORY_H
#define MW_DATAPLANE_SCAN_RULESET_MEMORY_H

#include "dataplane/scan/automaton.h"
#include "dataplane/scan/scan.h"

#include <hs.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MW_SECTION_BUCKETS 512 /* of header names; a power of two */

struct mw_scan_expr {
	uint32_t rule;
	uint8_t flags;	  /* MW_EXPR_x */
	bool counted;	  /* the rule's MW_RULE_COUNTED */
	uint16_t maxhits; /* 0: no limit */
	uint32_t counter; /* place among the counters, when counted */
	pcre2_code *re;	  /* with MW_EXPR_CONFIRM */
};

struct mw_scan_section {
	enum mw_record_kind kind;
	bool stream;
	struct mw_span name;
	uint32_t hash_next;		      /* index of the next section in its bucket, or NONE */
	hs_database_t *literal_db, *regex_db; /* owned by the database table; NULL for none */
	const struct mw_automaton *automaton;
	uint32_t *always;
	uint32_t always_count;
	struct mw_span members; /* u32 each: every expression of the section */
	uint32_t member_count;
	uint16_t quiet_len; /* as in the file */
};

/* A header rule that says something about a header that is not there, or that is. */
struct mw_scan_special {
	uint32_t expr;
	uint32_t section;
};

struct mw_ruleset {
	uint8_t *copy; /* of the file's part before the databases; spans point into it */
	size_t copy_len;
	uint8_t content_hash[32];
	struct mw_ruleset_rule *rules;
	uint32_t rule_count;
	uint32_t counter_count;
	struct mw_scan_expr *exprs;
	uint32_t expr_count;
	struct mw_scan_section *sections;
	uint32_t section_count;
	hs_database_t **databases;
	uint32_t database_count;
	struct mw_automaton **automata;
	uint32_t automaton_count;
	struct mw_ruleset_meta *metas;
	uint32_t meta_count;
	struct mw_ruleset_digest *digests; /* sorted by kind, then octets */
	uint32_t digest_count;
	struct mw_scan_special *specials;
	uint32_t special_count;
	uint32_t by_kind[MW_RECORD_KINDS]; /* section without a name, or NONE */
	uint32_t buckets[MW_SECTION_BUCKETS];
	uint32_t wants, digest_kinds;
	bool rawbody_in_full;
	size_t database_bytes;
};

/* A hash of (kind, name without case) for the buckets. */
uint32_t mw_scan_name_hash(enum mw_record_kind kind, struct mw_span name);

#endif
