/*
 * The end of a message: rules about headers that are missing or merely there, metas in their order,
 * the score and the class (scan.h, mw_scan_end). Feed path: allocates nothing.
 */
#include "dataplane/scan/scan_memory.h"

#define META_VALUE_MAX 1000000000ll /* thousandths */

/* Presence, absence and negation, once everything has been seen. */
static void settle_specials(struct mw_scan *scan)
{
	const struct mw_ruleset *rules = scan->rules;

	for (uint32_t i = 0; i < rules->special_count; i++) {
		const struct mw_scan_special *special = &rules->specials[i];
		const struct mw_scan_expr *e = &rules->exprs[special->expr];
		bool seen = mw_bit_test(scan->seen, special->section);
		bool matched = mw_bit_test(scan->hits, e->rule);
		bool hit = matched;

		if ((e->flags & MW_EXPR_EXISTS) != 0)
			hit = seen;
		else if (!seen)
			hit = (e->flags & MW_EXPR_MISSING) != 0;
		else if ((e->flags & MW_EXPR_NEGATE) != 0)
			hit = !matched;
		scan->hits[e->rule / 64] &= ~(1ull << e->rule % 64);
		if (hit)
			mw_bit_set(scan->hits, e->rule);
	}
}

static int64_t meta_value(const struct mw_ruleset_meta *meta, const int64_t *values)
{
	int64_t stack[MW_META_STACK_MAX + 1];
	struct mw_reader r = mw_reader_of(meta->code.data, meta->code.len);
	unsigned n = 0; /* checked at load: never empty when an operator wants something */

	while (r.at < r.end) {
		uint8_t op = mw_read_u8(&r);
		int64_t *a, b;

		switch (op) {
		case MW_META_NUMBER:
			stack[n++] = (int32_t)mw_read_u32(&r);
			continue;
		case MW_META_RULE:
			stack[n++] = values[mw_read_u32(&r)];
			continue;
		case MW_META_NOT:
			stack[n - 1] = stack[n - 1] == 0 ? 1000 : 0;
			continue;
		case MW_META_NEGATIVE:
			stack[n - 1] = -stack[n - 1];
			continue;
		default:
			break;
		}
		b = stack[--n];
		a = &stack[n - 1];
		switch (op) {
		case MW_META_AND:
			*a = *a != 0 ? b : *a;
			break;
		case MW_META_OR:
			*a = *a != 0 ? *a : b;
			break;
		case MW_META_EQ:
			*a = *a == b ? 1000 : 0;
			break;
		case MW_META_NE:
			*a = *a != b ? 1000 : 0;
			break;
		case MW_META_LT:
			*a = *a < b ? 1000 : 0;
			break;
		case MW_META_LE:
			*a = *a <= b ? 1000 : 0;
			break;
		case MW_META_GT:
			*a = *a > b ? 1000 : 0;
			break;
		case MW_META_GE:
			*a = *a >= b ? 1000 : 0;
			break;
		case MW_META_ADD:
			*a += b;
			break;
		case MW_META_SUB:
			*a -= b;
			break;
		case MW_META_MUL:
			*a = *a * b / 1000;
			break;
		case MW_META_DIV:
			*a = b == 0 ? 0 : *a * 1000 / b;
			break;
		default:
			break;
		}
		/* A million is far beyond any count, and its square still fits. */
		*a = *a > META_VALUE_MAX ? META_VALUE_MAX : *a;
		*a = *a < -META_VALUE_MAX ? -META_VALUE_MAX : *a;
	}
	return stack[0];
}

/* The count of each rule, metas last in their order. */
static void fill_values(struct mw_scan *scan, struct mw_scan_scratch *s)
{
	const struct mw_ruleset *rules = scan->rules;

	memset(s->values, 0, rules->rule_count * sizeof(s->values[0]));
	for (uint32_t w = 0; w < mw_words(rules->rule_count); w++)
		for (uint64_t bits = scan->hits[w]; bits != 0; bits &= bits - 1)
			s->values[w * 64 + (unsigned)__builtin_ctzll(bits)] = 1000;
	for (uint32_t i = 0; rules->counter_count > 0 && i < rules->expr_count; i++) {
		const struct mw_scan_expr *e = &rules->exprs[i];

		if (e->counted && mw_bit_test(scan->hits, e->rule) && scan->counts[e->counter] > 0)
			s->values[e->rule] = scan->counts[e->counter] * 1000ll;
	}
	for (uint32_t i = 0; i < rules->meta_count; i++)
		s->values[rules->metas[i].rule] = meta_value(&rules->metas[i], s->values);
}

void mw_scan_end(struct mw_scan *scan, struct mw_scan_scratch *scratch, int32_t threshold_milli,
	struct mw_scan_result *out)
{
	const struct mw_ruleset *rules = scan->rules;
	int64_t score = 0;
	bool worm = false;

	mw_scan_close_streams(scan, scratch);
	settle_specials(scan);
	fill_values(scan, scratch);
	*out = (struct mw_scan_result){.hits = scratch->hits, .incomplete = scan->incomplete};
	for (uint32_t i = 0; i < rules->rule_count; i++) {
		const struct mw_ruleset_rule *rule = &rules->rules[i];
		int64_t count = scratch->values[i] / 1000;

		if (scratch->values[i] == 0 || (rule->flags & MW_RULE_HIDDEN) != 0)
			continue;
		scratch->hits[out->hit_count++] =
			(struct mw_scan_hit){i, count < 1 ? 1 : (uint32_t)count};
		score += rule->score_milli;
		worm = worm || rule->klass == MW_CLASS_WORM;
	}
	out->score_milli = score > INT32_MAX   ? INT32_MAX
			   : score < INT32_MIN ? INT32_MIN
					       : (int32_t)score;
	if (worm)
		out->klass = MW_CLASS_WORM;
	else if (out->hit_count > 0 && out->score_milli >= threshold_milli)
		out->klass = MW_CLASS_SPAM;
	else
		out->klass = MW_CLASS_HAM;
}
