/*
 * The compiled rules as a file: what the control plane's compiler writes and the dataplane's
 * scanner loads. Encoded field by field, closed by a length and a checksum; databases of the
 * pattern library are opaque octets in it, bound to that library's version and this processor's
 * features, which the file names so that a foreign one is refused before anything is trusted.
 *
 * This file knows no pattern library. Writing allocates (slow side); reading only points into the
 * octets it was given.
 */
#ifndef MW_COMMON_CONTRACT_RULESET_H
#define MW_COMMON_CONTRACT_RULESET_H

#include "common/base/cursor.h"
#include "common/base/span.h"
#include "common/contract/event.h"

#define MW_RULESET_VERSION   5
#define MW_RULESET_NONE	     UINT32_MAX /* "no such index" */
#define MW_RULESET_ERROR_MAX 256	/* buffer for a sentence that says what is wrong */

/* What became of a rule of the files, in the load report. */
enum mw_rule_fate {
	MW_RULE_EXACT,	     /* the pattern library alone answers */
	MW_RULE_GATED,	     /* a filter that never says no wrongly, confirmed by PCRE2 */
	MW_RULE_UNSUPPORTED, /* cannot be expressed; the reason says why */
	MW_RULE_UNUSED,	     /* can be, but nothing would come of it (score 0 and feeds nothing) */
	MW_RULE_FATE_COUNT
};

const char *mw_rule_fate_name(enum mw_rule_fate fate); /* "exact" ... */

#define MW_RULE_HIDDEN	1u /* a sub-rule: counts in metas, is never reported */
#define MW_RULE_COUNTED 2u /* every match counts, up to maxhits */
#define MW_RULE_META	4u

struct mw_ruleset_rule {
	struct mw_span name;
	struct mw_span description;
	int32_t score_milli;
	enum mw_message_class klass; /* spam, or worm: one hit convicts */
	uint8_t flags;
	uint16_t maxhits;
};

#define MW_EXPR_CONFIRM	   1u  /* a database only proposes; PCRE2 decides */
#define MW_EXPR_NEGATE	   2u  /* the rule hits when this does not match (headers, URIs never) */
#define MW_EXPR_MISSING	   4u  /* the rule hits when the header is missing */
#define MW_EXPR_EXISTS	   8u  /* no pattern: the rule hits when the header is there */
#define MW_EXPR_NO_SUBJECT 16u /* BODY: not on the line of the subject */

/* How PCRE2 reads the pattern: octets, ASCII classes, `$` also before a last LF, and of these: */
#define MW_RE_CASELESS	1u
#define MW_RE_DOTALL	2u
#define MW_RE_MULTILINE 4u
#define MW_RE_EXTENDED	8u

/* One thing to find; a rule has one or more, and hits when any of them does. */
struct mw_ruleset_expr {
	uint32_t rule;
	uint8_t flags;
	uint32_t re_flags;	/* MW_RE_x; meaningful with MW_EXPR_CONFIRM */
	struct mw_span pattern; /* PCRE2 source; empty without MW_EXPR_CONFIRM */
};

/* Kinds of records as wire codes; the scanner maps them to enum mw_record_kind. */
enum mw_ruleset_kind {
	MW_SECTION_HEADER = 1,
	MW_SECTION_HEADER_RAW,
	MW_SECTION_HEADER_ALL,
	MW_SECTION_BODY,
	MW_SECTION_RAWBODY,
	MW_SECTION_URI,
	MW_SECTION_FULL,
	MW_SECTION_ATTACHMENT,
	MW_SECTION_PLAIN, /* names, and text without what is not shown: phrases only */
};

/* Everything that looks at one kind of record (and, for headers, at one name). */
struct mw_ruleset_section {
	uint8_t kind;	     /* enum mw_ruleset_kind */
	struct mw_span name; /* header name as rules write it; empty otherwise */
	uint32_t literal_db; /* index of a database, or NONE */
	uint32_t regex_db;
	uint32_t automaton;	/* index of a class automaton, or NONE */
	uint32_t always_count;	/* expressions confirmed on every record */
	struct mw_span always;	/* u32 each */
	uint32_t member_count;	/* every expression of the section */
	struct mw_span members; /* u32 each */
	/* Over a stream: no match is longer than this, and none consists of octets alone that
	 * base64 text has (mw_base64_text). 0: not so. */
	uint16_t quiet_len;
};

#define MW_QUIET_MAX 128 /* longest match with which the promise is given */

/* Letters, digits, "+", "/", "=", CR, LF. */
static inline bool mw_base64_text(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '=' || c == '\r' || c == '\n';
}

struct mw_ruleset_database {
	bool stream;
	bool literal;
	struct mw_span octets;
};

/* Class sequences for the automaton (dataplane/scan/automaton.h), up to 32 places each. */
struct mw_ruleset_automaton {
	uint32_t sequence_count;
	struct mw_span exprs; /* u32 a sequence: the expression it proposes */
	struct mw_span
		tables; /* per sequence: u8 length, then per position 32 octets C, 32 octets G */
};

/* A rule over other rules, in the order they must be evaluated. */
struct mw_ruleset_meta {
	uint32_t rule;
	struct mw_span code; /* see enum mw_meta_op */
};

enum mw_meta_op {	    /* stack code; operands are 32-bit, big-endian, after the octet */
	MW_META_NUMBER = 1, /* push a constant in thousandths */
	MW_META_RULE,	    /* push the count of a rule */
	MW_META_NOT,
	MW_META_NEGATIVE,
	MW_META_AND,
	MW_META_OR, /* the operand, as in Perl, not 1 */
	MW_META_EQ,
	MW_META_NE,
	MW_META_LT,
	MW_META_LE,
	MW_META_GT,
	MW_META_GE,
	MW_META_ADD,
	MW_META_SUB,
	MW_META_MUL,
	MW_META_DIV,
};

#define MW_META_STACK_MAX 64

enum mw_digest_kind { MW_DIGEST_MD5 = 1, MW_DIGEST_SHA1 = 2, MW_DIGEST_SHA256 = 3 };

/* A rule on a hash of an attachment. Sorted by kind, then octets. */
struct mw_ruleset_digest {
	uint32_t rule;
	enum mw_digest_kind kind;
	uint64_t size;	       /* UINT64_MAX: any */
	struct mw_span octets; /* 16, 20 or 32 */
};

/* One line of the load report; also for rules that are not in the rule table. */
struct mw_ruleset_report {
	struct mw_span name;
	struct mw_span file;
	uint32_t line;
	enum mw_rule_fate fate;
	struct mw_span reason;
};

struct mw_ruleset_header {
	uint8_t content_hash[32];
	struct mw_span library; /* version text of the pattern library */
	uint32_t tune;
	uint64_t cpu_features;
	uint32_t compile_ms;
	uint32_t rules, exprs, sections, databases, automata, metas, digests, reports;
};

/* An opened file: the header, and a cursor that stands before the first rule. */
struct mw_ruleset_file {
	struct mw_ruleset_header header;
	struct mw_reader reader;
};

/* Checks magic, version, length and checksum, and reads the header. 0; -EPROTO for a version that
 * is not known, -EBADMSG for anything else; `error` then holds a sentence. */
int mw_ruleset_open(
	struct mw_span in, struct mw_ruleset_file *out, char error[MW_RULESET_ERROR_MAX]);
/* Then, in this order and each as often as the header says: */
void mw_ruleset_read_rule(struct mw_reader *r, struct mw_ruleset_rule *out);
void mw_ruleset_read_expr(struct mw_reader *r, struct mw_ruleset_expr *out);
void mw_ruleset_read_section(struct mw_reader *r, struct mw_ruleset_section *out);
void mw_ruleset_read_automaton(struct mw_reader *r, struct mw_ruleset_automaton *out);
void mw_ruleset_read_meta(struct mw_reader *r, struct mw_ruleset_meta *out);
void mw_ruleset_read_digest(struct mw_reader *r, struct mw_ruleset_digest *out);
void mw_ruleset_read_report(struct mw_reader *r, struct mw_ruleset_report *out);
void mw_ruleset_read_database(struct mw_reader *r, struct mw_ruleset_database *out);
/* Passes over everything before the report lines; `r` as mw_ruleset_open left it. */
void mw_ruleset_skip_to_reports(struct mw_reader *r, const struct mw_ruleset_header *h);
uint32_t mw_ruleset_u32_at(struct mw_span list, uint32_t index); /* of always, members, exprs */

/* Writing: a buffer that grows; `failed` is sticky (out of memory). */
struct mw_ruleset_writer {
	uint8_t *data;
	size_t len, size;
	bool failed;
};

void mw_ruleset_write_header(struct mw_ruleset_writer *w, const struct mw_ruleset_header *h);
void mw_ruleset_write_rule(struct mw_ruleset_writer *w, const struct mw_ruleset_rule *v);
void mw_ruleset_write_expr(struct mw_ruleset_writer *w, const struct mw_ruleset_expr *v);
void mw_ruleset_write_section(struct mw_ruleset_writer *w, const struct mw_ruleset_section *v);
void mw_ruleset_write_automaton(struct mw_ruleset_writer *w, const struct mw_ruleset_automaton *v);
void mw_ruleset_write_meta(struct mw_ruleset_writer *w, const struct mw_ruleset_meta *v);
void mw_ruleset_write_digest(struct mw_ruleset_writer *w, const struct mw_ruleset_digest *v);
void mw_ruleset_write_report(struct mw_ruleset_writer *w, const struct mw_ruleset_report *v);
void mw_ruleset_write_database(struct mw_ruleset_writer *w, const struct mw_ruleset_database *v);
/* Fills in length and checksum. 0 or -ENOMEM; on error the memory is gone. */
int mw_ruleset_write_end(struct mw_ruleset_writer *w);

#endif
