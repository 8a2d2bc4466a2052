/* The compiler's process: compiles, and tells its parent in lines on standard output. See
 * rules_job.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "controlplane/ctl/rules_job.h"
#include "controlplane/rules/compile.h"

static void tell(void *ctx, const char *what, uint32_t done, uint32_t total)
{
	printf("progress %s %" PRIu32 "/%" PRIu32 "\n", what, done, total);
	fflush(stdout);
}

int mw_rules_job_child(
	const char *out_path, const char *cache_dir, const char *const *paths, size_t count)
{
	struct mw_rules_options options = {.cache_dir = cache_dir, .progress = tell};
	struct mw_rules_summary s = {0};
	char error[MW_RULES_ERROR_MAX] = "";

	if (nice(10) < 0)
		errno = 0; /* a courtesy to the lanes, no need */
	if (mw_rules_compile_to(paths, count, &options, out_path, &s, error) != 0) {
		for (char *p = error; *p != '\0'; p++)
			*p = *p == '\n' ? ' ' : *p;
		printf("error %s\n", error);
		return 1;
	}
	printf("done %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu32 "\n",
		s.rules[MW_RULE_EXACT], s.rules[MW_RULE_GATED], s.rules[MW_RULE_UNSUPPORTED],
		s.rules[MW_RULE_UNUSED], s.database_bytes, s.compile_ms);
	return fflush(stdout) == 0 ? 0 : 1;
}
