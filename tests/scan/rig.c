/* The scan tests' rig (rig.h). */
#include "tests/scan/rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void rig_file(struct rig *rig, const char *name, const char *text)
{
	char path[512];

	if (rig->dir[0] == 0) {
		strcpy(rig->dir, "/tmp/mw-scan-test-XXXXXX");
		assert_non_null(mkdtemp(rig->dir));
	}
	snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

int rig_try(struct rig *rig)
{
	const char *path = rig->dir;

	mw_rules_compiled_free(&rig->compiled);
	return mw_rules_compile(&path, 1, NULL, &rig->compiled, rig->error);
}

void rig_load(struct rig *rig, uint32_t messages)
{
	char error[MW_RULESET_ERROR_MAX];

	rig->rules = mw_ruleset_load(mw_span_of(rig->compiled.octets, rig->compiled.len), error);
	if (rig->rules == NULL)
		fail_msg("%s", error);
	rig->scratch = mw_scan_scratch_new(rig->rules, messages);
	assert_non_null(rig->scratch);
	rig->memory = malloc(mw_scan_bytes(rig->rules));
	assert_non_null(rig->memory);
	rig->scan = mw_scan_begin(rig->memory, rig->rules);
}

void rig_rules(struct rig *rig, const char *name, const char *text)
{
	rig_file(rig, name, text);
	if (rig_try(rig) != 0)
		fail_msg("%s", rig->error);
	rig_load(rig, 2);
}

void rig_octets(struct rig *rig, enum mw_record_kind kind, const void *data, size_t len,
	uint32_t stream, bool last)
{
	struct mw_record rec = {
		.kind = kind, .data = mw_span_of(data, len), .stream = stream, .last = last};

	mw_scan_record(rig->scan, rig->scratch, &rec);
}

void rig_record(struct rig *rig, enum mw_record_kind kind, const char *name, const char *data)
{
	struct mw_record rec = {.kind = kind,
		.name = mw_span_str(name),
		.data = mw_span_str(data),
		.stream = 1,
		.last = true};

	mw_scan_record(rig->scan, rig->scratch, &rec);
}

void rig_end(struct rig *rig, int32_t threshold_milli)
{
	mw_scan_end(rig->scan, rig->scratch, threshold_milli, &rig->result);
}

void rig_again(struct rig *rig)
{
	rig->scan = mw_scan_begin(rig->memory, rig->rules);
}

uint32_t rig_count(struct rig *rig, const char *rule)
{
	for (uint32_t i = 0; i < rig->result.hit_count; i++) {
		const struct mw_ruleset_rule *r =
			mw_ruleset_rule(rig->rules, rig->result.hits[i].rule);

		if (mw_span_eq(r->name, mw_span_str(rule)))
			return rig->result.hits[i].count;
	}
	return 0;
}

struct search {
	const char *rule;
	char *reason;
	size_t size;
	enum mw_rule_fate fate;
};

static void look(void *ctx, const struct mw_ruleset_report *report)
{
	struct search *s = ctx;

	if (!mw_span_eq(report->name, mw_span_str(s->rule)))
		return;
	s->fate = report->fate;
	if (s->reason != NULL)
		snprintf(s->reason, s->size, "%.*s", (int)report->reason.len,
			(const char *)report->reason.data);
}

enum mw_rule_fate rig_fate(struct rig *rig, const char *rule, char *reason, size_t size)
{
	struct search s = {rule, reason, size, MW_RULE_FATE_COUNT};
	char error[MW_RULESET_ERROR_MAX];

	assert_int_equal(mw_rules_report(mw_span_of(rig->compiled.octets, rig->compiled.len), look,
				 &s, error),
		0);
	return s.fate;
}

void rig_free(struct rig *rig)
{
	if (rig->dir[0] != 0) {
		DIR *dir = opendir(rig->dir);
		struct dirent *entry;
		char path[512];

		while (dir != NULL && (entry = readdir(dir)) != NULL) {
			snprintf(path, sizeof(path), "%s/%s", rig->dir, entry->d_name);
			if (entry->d_name[0] != '.')
				unlink(path);
		}
		if (dir != NULL)
			closedir(dir);
		rmdir(rig->dir);
	}
	mw_scan_scratch_free(rig->scratch);
	mw_ruleset_free(rig->rules);
	mw_rules_compiled_free(&rig->compiled);
	free(rig->memory);
	*rig = (struct rig){0};
}
