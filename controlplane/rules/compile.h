/*
 * Rule files to a compiled ruleset. The suffix of a file decides who reads it: `.cf` SpamAssassin,
 * `.ndb .hdb .hsb` ClamAV, `.txt` plain phrases; a folder gives all its files of these kinds in
 * order of name. A rule that is wrong stops everything (named by file, line and reason); a rule
 * that is fine but cannot be expressed is reported as unsupported and left out.
 *
 * Slow side: allocates, reads files, takes its time (progress is told). Called by `mailweir-rules`
 * and by the control plane's daemon, in a thread of its own.
 */
#ifndef MW_CONTROLPLANE_RULES_COMPILE_H
#define MW_CONTROLPLANE_RULES_COMPILE_H

#include "common/contract/ruleset.h"

#define MW_RULES_ERROR_MAX 1024

struct mw_rules_options {
	const char *cache_dir; /* NULL: no cache. Made when it is missing. */
	bool keep_unused;      /* compile sub-rules that feed nothing, too */
	/* Called between steps; may be NULL. `what` is a short phrase ("body: patterns"). */
	void (*progress)(void *ctx, const char *what, uint32_t done, uint32_t total);
	void *progress_ctx;
};

struct mw_rules_summary {
	uint32_t rules[MW_RULE_FATE_COUNT];
	uint32_t files;
	uint32_t databases;
	uint64_t database_bytes;
	uint32_t compile_ms;
	bool from_cache;
	uint8_t content_hash[32];
};

struct mw_rules_compiled {
	uint8_t *octets; /* the ruleset file; release with mw_rules_compiled_free */
	size_t len;
	struct mw_rules_summary summary;
};

/* 0; -EINVAL when a file or a rule is wrong; other negative errno (I/O, memory). On error `error`
 * says what, where and why ("rules/x.cf:12: ..."), and nothing is made. */
int mw_rules_compile(const char *const *paths, size_t count, const struct mw_rules_options *options,
	struct mw_rules_compiled *out, char error[MW_RULES_ERROR_MAX]);
void mw_rules_compiled_free(struct mw_rules_compiled *compiled);

/* The same, and the file written to `out_path` (made beside it, synced, renamed over it): on any
 * error what was there stays. */
int mw_rules_compile_to(const char *const *paths, size_t count,
	const struct mw_rules_options *options, const char *out_path, struct mw_rules_summary *out,
	char error[MW_RULES_ERROR_MAX]);

/* The load report out of a compiled file, one call a line, in order of the files. -EBADMSG, and a
 * sentence, when the octets are no ruleset. */
int mw_rules_report(struct mw_span octets,
	void (*line)(void *ctx, const struct mw_ruleset_report *report), void *ctx,
	char error[MW_RULESET_ERROR_MAX]);

#endif
