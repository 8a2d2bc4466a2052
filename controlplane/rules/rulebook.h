/*
 * What the rule files say, before anything is compiled: one entry a rule name, in order of first
 * mention. Filled by the importers (cf.c, phrases.c, clamav.c), read by the planner (plan.c). It
 * also carries the one error of a load: the first that occurs, named by file and line.
 */
#ifndef MW_CONTROLPLANE_RULES_RULEBOOK_H
#define MW_CONTROLPLANE_RULES_RULEBOOK_H

#include "common/contract/ruleset.h"
#include "controlplane/rules/bag.h"
#include "controlplane/rules/compile.h"

enum mw_def_kind {
	MW_DEF_NONE, /* only mentioned (score, tflags, describe) */
	MW_DEF_HEADER,
	MW_DEF_BODY,
	MW_DEF_RAWBODY,
	MW_DEF_URI,
	MW_DEF_FULL,
	MW_DEF_META,
	MW_DEF_PHRASE,	  /* everywhere: rendered, decoded and raw */
	MW_DEF_SIGNATURE, /* ClamAV body signature: octets of attachments, raw octets */
	MW_DEF_DIGEST,
	MW_DEF_OTHER, /* a rule that cannot be expressed: `unsupported` says why */
};

enum mw_def_header { MW_DEF_DECODED, MW_DEF_RAW, MW_DEF_ALL, MW_DEF_ALL_RAW };

struct mw_def {
	const char *name;
	const char *file;
	uint32_t line;
	enum mw_def_kind kind;
	const char *unsupported; /* why it cannot be expressed; NULL when it can */
	bool never;		 /* does not run and counts 0 in metas (network, learning) */

	struct mw_span pattern; /* regular expression, or a literal when `literal` */
	bool literal;
	bool caseless, dotall, multiline, extended;
	bool only_full;	   /* signature: raw octets only */
	bool replace_tags; /* listed in replace_rules */

	enum mw_def_header header_form;
	const char *header;
	bool negate, exists;
	const char *if_unset; /* value of a missing header; NULL: empty */

	const char *meta;
	const char *description;
	bool has_score;
	int32_t score_milli;
	bool multiple, nice, no_subject;
	uint16_t maxhits;
	enum mw_message_class klass;

	enum mw_digest_kind digest_kind;
	uint8_t digest[32];
	uint64_t digest_size;

	/* the planner's */
	int state;
	bool matters;
	uint32_t index;
	enum mw_rule_fate fate;
	const char *note;    /* beside the fate in the report */
	struct mw_span code; /* of a meta */
	struct mw_def *hash_next;
};

struct mw_rulebook {
	struct mw_bag bag;
	struct mw_def **defs;
	size_t count, room;
	struct mw_def **table;
	size_t table_size;
	uint32_t files;
	char error[MW_RULES_ERROR_MAX];
	bool failed;
};

void mw_rulebook_init(struct mw_rulebook *book);
void mw_rulebook_free(struct mw_rulebook *book);
struct mw_def *mw_rulebook_find(struct mw_rulebook *book, struct mw_span name); /* or NULL */
struct mw_def *mw_rulebook_get(struct mw_rulebook *book, struct mw_span name); /* made if missing */
/* The entry, emptied of an earlier definition (what scores, flags and descriptions said stays). */
struct mw_def *mw_rulebook_define(struct mw_rulebook *book, struct mw_span name,
	enum mw_def_kind kind, const char *file, uint32_t line);
/* Notes the first error: "file:line: sentence". Always returns -EINVAL. */
int mw_rulebook_fail(struct mw_rulebook *book, const char *file, uint32_t line, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* A file's text without the byte order mark that some editors put in front. */
struct mw_span mw_without_mark(struct mw_span text);
/* One line of a file, without its line end; `rest` moves behind it. False at the end. */
bool mw_next_line(struct mw_span *rest, struct mw_span *line);
struct mw_span mw_trim(struct mw_span s);
/* The first word (up to white space); `s` moves behind it and the white space after it. */
struct mw_span mw_next_word(struct mw_span *s);
/* A decimal number ("1", "-0.25", "1e3" is none) in thousandths. */
bool mw_parse_milli(struct mw_span s, int32_t *out);

/* Importers: 0, or -EINVAL with the book's error set. `file` lives as long as the book. */
int mw_import_phrases(struct mw_rulebook *book, const char *file, struct mw_span text);
int mw_import_ndb(struct mw_rulebook *book, const char *file, struct mw_span text);
int mw_import_digests(struct mw_rulebook *book, const char *file, struct mw_span text);

/* `/re/flags`, `m{re}flags`, `m!re!flags`. NULL, or a sentence that says what is wrong. */
const char *mw_parse_regex(struct mw_span s, struct mw_def *out);

#endif
