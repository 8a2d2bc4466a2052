/* Rules from text, records by hand, hits by name: what the scan tests share. */
#ifndef MW_TESTS_SCAN_RIG_H
#define MW_TESTS_SCAN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controlplane/rules/compile.h"
#include "dataplane/scan/scan.h"

struct rig {
	char dir[64];
	char error[MW_RULES_ERROR_MAX];
	struct mw_rules_compiled compiled;
	struct mw_ruleset *rules;
	struct mw_scan_scratch *scratch;
	void *memory;
	struct mw_scan *scan;
	struct mw_scan_result result;
};

/* Writes `text` as a file of that name into the rig's folder (made on first use). */
void rig_file(struct rig *rig, const char *name, const char *text);
/* Compiles the folder; 0 or what mw_rules_compile says, with the sentence in rig->error. */
int rig_try(struct rig *rig);
/* One file, compiled, loaded, a scan begun: fails the test when anything goes wrong. */
void rig_rules(struct rig *rig, const char *name, const char *text);
void rig_load(struct rig *rig, uint32_t messages);
void rig_record(struct rig *rig, enum mw_record_kind kind, const char *name, const char *data);
void rig_octets(struct rig *rig, enum mw_record_kind kind, const void *data, size_t len,
	uint32_t stream, bool last);
void rig_end(struct rig *rig, int32_t threshold_milli);
void rig_again(struct rig *rig);		       /* begins the next message */
uint32_t rig_count(struct rig *rig, const char *rule); /* 0: no hit in the last result */
/* Fate and reason of a rule in the load report; MW_RULE_FATE_COUNT when it is not there. */
enum mw_rule_fate rig_fate(struct rig *rig, const char *rule, char *reason, size_t size);
void rig_free(struct rig *rig);

#endif
