/* weirctl rules load | list | test */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/ctl/rules_job.h"
#include "controlplane/ctl/rules_test.h"
#include "controlplane/rules/compile.h"

static void load(struct mw_command *c)
{
	const struct mw_rules_request request = {.paths = c->arguments->positional,
		.count = c->arguments->count,
		.client = c->client,
		.json = c->json,
		.by_hand = true,
		.actor = c->actor};
	char error[MW_RULES_ERROR_MAX];

	for (size_t i = 0; i < c->arguments->count; i++) {
		if (c->arguments->positional[i][0] != '/') {
			mw_refuse(c, MW_EXIT_USAGE, "%.200s is no absolute path",
				c->arguments->positional[i]);
			return;
		}
	}
	if (mw_rules_job_start(c->ctl->rules, &request, error, sizeof(error)) != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "%s", error);
	else
		c->reply->later = true;
}

struct listing {
	json_t *rows;
	bool all;
	uint64_t fates[MW_RULE_FATE_COUNT];
};

static json_t *text_of(struct mw_span s)
{
	char copy[512];
	size_t len = s.len < sizeof(copy) - 1 ? s.len : sizeof(copy) - 1;

	memcpy(copy, s.data, len);
	copy[len] = '\0';
	return mw_json_text(copy);
}

static void take(void *ctx, const struct mw_ruleset_report *r)
{
	struct listing *listing = ctx;

	if (r->fate < MW_RULE_FATE_COUNT)
		listing->fates[r->fate]++;
	if (listing->all || r->fate == MW_RULE_UNSUPPORTED)
		json_array_append_new(listing->rows,
			json_pack("{s:o, s:o, s:I, s:s, s:o}", "rule", text_of(r->name), "file",
				text_of(r->file), "line", (json_int_t)r->line, "fate",
				mw_rule_fate_name(r->fate), "reason", text_of(r->reason)));
}

static void list(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"rule", "RULE", MW_COLUMN_TEXT},
		{"fate", "FATE", MW_COLUMN_TEXT}, {"file", "FILE", MW_COLUMN_TEXT},
		{"line", "LINE", MW_COLUMN_TEXT}, {"reason", "REASON", MW_COLUMN_TEXT}};
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	uint64_t generation = mw_meta_get(&txn, "ruleset_generation");
	struct listing listing = {.rows = json_array(),
		.all = c->json || mw_argument_option(c->arguments, "all") != NULL};
	char path[512], error[MW_RULESET_ERROR_MAX] = "";
	struct stat st;
	void *at;
	int fd, rc;

	mw_cases_abort(&txn);
	if (generation == 0) {
		fputs("No rules are in force. Next: weirctl rules load PATH...\n", c->text);
		mw_answer(c, listing.rows);
		return;
	}
	mw_apply_ruleset_path(c->ctl->apply, generation, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0) {
		mw_refuse(c, MW_EXIT_REFUSED, "%s cannot be read: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		json_decref(listing.rows);
		return;
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	rc = at == MAP_FAILED
		     ? -errno
		     : mw_rules_report(mw_span_of(at, (size_t)st.st_size), take, &listing, error);
	if (at != MAP_FAILED)
		munmap(at, (size_t)st.st_size);
	if (rc != 0) {
		mw_refuse(c, MW_EXIT_REFUSED, "%s: %s", path,
			error[0] != '\0' ? error : strerror(-rc));
		json_decref(listing.rows);
		return;
	}
	fprintf(c->text, "Generation %" PRIu64 ":", generation);
	for (unsigned i = 0; i < MW_RULE_FATE_COUNT; i++)
		fprintf(c->text, " %" PRIu64 " %s%s", listing.fates[i],
			mw_rule_fate_name((enum mw_rule_fate)i),
			i + 1 < MW_RULE_FATE_COUNT ? "," : ".\n\n");
	mw_table(c, listing.rows, columns, 5, "Every rule could be expressed.");
	mw_answer(c, listing.rows);
}

void mw_cmd_rules(struct mw_command *c)
{
	switch (c->arguments->grammar->id) {
	case MW_VERB_RULES_LOAD:
		load(c);
		break;
	case MW_VERB_RULES_LIST:
		list(c);
		break;
	default:
		mw_cmd_rules_test(c);
		break;
	}
}
