#include "tests/engine/fake_scan.h"

struct mw_ruleset {
	struct mw_ruleset_rule rule;
};

struct mw_scan_scratch {
	struct mw_scan_hit hit;
};

struct mw_scan {
	uint32_t hits;
};

uint64_t fake_clock_ns;
uint64_t fake_record_cost_ns;
uint64_t fake_open_scans;

static struct mw_ruleset rules;
static struct mw_scan_scratch scratch;

uint64_t fake_stopwatch(void *ctx)
{
	return fake_clock_ns;
}

struct mw_ruleset *fake_rules(void)
{
	rules.rule.name = mw_span_str("PHRASE");
	rules.rule.score_milli = 5000;
	return &rules;
}

struct mw_scan_scratch *fake_scratch(void)
{
	return &scratch;
}

uint32_t mw_ruleset_wants(const struct mw_ruleset *r)
{
	return 1u << MW_RECORD_BODY | 1u << MW_RECORD_HEADER | 1u << MW_RECORD_FULL;
}

uint32_t mw_ruleset_full_quiet(const struct mw_ruleset *r)
{
	return 0;
}

bool mw_ruleset_rawbody_in_full(const struct mw_ruleset *r)
{
	return false;
}

const struct mw_ruleset_rule *mw_ruleset_rule(const struct mw_ruleset *r, uint32_t index)
{
	return &r->rule;
}

size_t mw_scan_bytes(const struct mw_ruleset *r)
{
	return sizeof(struct mw_scan);
}

struct mw_scan *mw_scan_begin(void *memory, const struct mw_ruleset *r)
{
	struct mw_scan *scan = memory;

	scan->hits = 0;
	fake_open_scans++;
	return scan;
}

void mw_scan_record(struct mw_scan *scan, struct mw_scan_scratch *s, const struct mw_record *record)
{
	fake_clock_ns += fake_record_cost_ns;
	if (record->kind == MW_RECORD_BODY && record->data.len > 0 &&
		memmem(record->data.data, record->data.len, FAKE_PHRASE, strlen(FAKE_PHRASE)) !=
			NULL)
		scan->hits++;
}

void mw_scan_end(struct mw_scan *scan, struct mw_scan_scratch *s, int32_t threshold_milli,
	struct mw_scan_result *out)
{
	fake_open_scans--;
	s->hit = (struct mw_scan_hit){.rule = 0, .count = scan->hits};
	*out = (struct mw_scan_result){
		.score_milli = scan->hits > 0 ? 5000 : 0,
		.klass = scan->hits > 0 ? MW_CLASS_SPAM : MW_CLASS_HAM,
		.hit_count = scan->hits > 0,
		.hits = &s->hit,
	};
}

void mw_scan_abandon(struct mw_scan *scan, struct mw_scan_scratch *s)
{
	fake_open_scans--;
}
