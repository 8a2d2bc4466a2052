/*
 * Making and releasing a lane's scratch (slow side), and its pool of streams. Streams are opened
 * once and reset between messages: Hyperscan 5.4.0 leaks on closing one, and opening one allocates.
 */
#include "dataplane/scan/scratch.h"

#include <stdlib.h>

#define JIT_STACK_START 32768
#define JIT_STACK_MAX	1048576
#define MATCH_LIMIT	200000 /* about a millisecond of backtracking, then the match is given up */

static const struct mw_scan_section *section_of(
	const struct mw_ruleset *rules, enum mw_record_kind kind)
{
	uint32_t at = rules->by_kind[kind];

	return at == MW_RULESET_NONE ? NULL : &rules->sections[at];
}

static bool open_stream(struct mw_scan_scratch *s, hs_database_t *db, hs_stream_t **out)
{
	size_t size = 0;

	if (db == NULL)
		return true;
	if (hs_stream_size(db, &size) == HS_SUCCESS)
		s->bytes += size;
	return hs_open_stream(db, 0, out) == HS_SUCCESS;
}

static bool pool_new(struct mw_scan_scratch *s, struct mw_scan_pool *pool, enum mw_record_kind kind,
	uint32_t count)
{
	const struct mw_scan_section *section = section_of(s->rules, kind);
	uint32_t digests = kind == MW_RECORD_ATTACHMENT ? s->rules->digest_kinds : 0;

	if (section == NULL && digests == 0)
		return true;
	pool->slots = calloc((size_t)count + 1, sizeof(pool->slots[0]));
	if (pool->slots == NULL)
		return false;
	s->bytes += ((size_t)count + 1) * sizeof(pool->slots[0]);
	for (uint32_t i = 0; i < count; i++) {
		struct mw_scan_slot *slot = &pool->slots[i];

		pool->count = i + 1;
		slot->next_free = i + 1 < count ? i + 1 : MW_SLOT_NONE;
		if (section != NULL && (!open_stream(s, section->literal_db, &slot->literal) ||
					       !open_stream(s, section->regex_db, &slot->regex)))
			return false;
		slot->digests = digests;
		slot->dirty = true; /* hashes have not begun */
	}
	pool->free_first = count > 0 ? 0 : MW_SLOT_NONE;
	return true;
}

static void pool_free(struct mw_scan_pool *pool)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		struct mw_scan_slot *slot = &pool->slots[i];

		if (slot->literal != NULL)
			hs_close_stream(slot->literal, NULL, NULL, NULL);
		if (slot->regex != NULL)
			hs_close_stream(slot->regex, NULL, NULL, NULL);
	}
	free(pool->slots);
}

void mw_scan_slot_reset(struct mw_scan_slot *slot)
{
	if (slot->dirty) {
		if (slot->literal != NULL)
			hs_reset_stream(slot->literal, 0, NULL, NULL, NULL);
		if (slot->regex != NULL)
			hs_reset_stream(slot->regex, 0, NULL, NULL, NULL);
		if (slot->digests != 0) {
			MD5_Init(&slot->md5);
			SHA1_Init(&slot->sha1);
			SHA256_Init(&slot->sha256);
		}
	}
	slot->dirty = false;
	slot->octets = 0;
}

uint32_t mw_scan_slot_get(struct mw_scan_pool *pool)
{
	uint32_t index = pool->slots == NULL ? MW_SLOT_NONE : pool->free_first;

	if (index == MW_SLOT_NONE)
		return MW_SLOT_NONE;
	pool->free_first = pool->slots[index].next_free;
	mw_scan_slot_reset(&pool->slots[index]);
	return index;
}

void mw_scan_slot_put(struct mw_scan_pool *pool, uint32_t index)
{
	if (index == MW_SLOT_NONE)
		return;
	pool->slots[index].next_free = pool->free_first;
	pool->free_first = index;
}

static bool hs_new(struct mw_scan_scratch *s)
{
	size_t size = 0;

	for (uint32_t i = 0; i < s->rules->database_count; i++)
		if (hs_alloc_scratch(s->rules->databases[i], &s->hs) != HS_SUCCESS)
			return false;
	if (s->hs != NULL && hs_scratch_size(s->hs, &size) == HS_SUCCESS)
		s->bytes += size;
	return true;
}

static void *zeroed(struct mw_scan_scratch *s, size_t count, size_t size)
{
	s->bytes += (count + 1) * size;
	return calloc(count + 1, size);
}

struct mw_scan_scratch *mw_scan_scratch_new(const struct mw_ruleset *rules, uint32_t messages)
{
	struct mw_scan_scratch *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->rules = rules;
	s->bytes = sizeof(*s) + JIT_STACK_MAX;
	s->full.free_first = s->attachment.free_first = MW_SLOT_NONE;
	s->match = pcre2_match_data_create(1, NULL);
	s->limits = pcre2_match_context_create(NULL);
	s->jit_stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
	s->proposed = zeroed(s, rules->expr_count / 64 + 1, sizeof(uint64_t));
	s->queue = zeroed(s, rules->expr_count, sizeof(uint32_t));
	s->values = zeroed(s, rules->rule_count, sizeof(int64_t));
	s->blanks = zeroed(s, MW_SCAN_BLANKS_MAX + 16, 1);
	s->hits = zeroed(s, rules->rule_count, sizeof(struct mw_scan_hit));
	if (s->match == NULL || s->limits == NULL || s->jit_stack == NULL || s->proposed == NULL ||
		s->queue == NULL || s->values == NULL || s->hits == NULL || s->blanks == NULL ||
		!hs_new(s) || !pool_new(s, &s->full, MW_RECORD_FULL, messages) ||
		!pool_new(s, &s->attachment, MW_RECORD_ATTACHMENT, messages)) {
		mw_scan_scratch_free(s);
		return NULL;
	}
	pcre2_set_match_limit(s->limits, MATCH_LIMIT);
	pcre2_jit_stack_assign(s->limits, NULL, s->jit_stack);
	return s;
}

void mw_scan_scratch_free(struct mw_scan_scratch *s)
{
	if (s == NULL)
		return;
	pool_free(&s->full);
	pool_free(&s->attachment);
	hs_free_scratch(s->hs);
	pcre2_match_data_free(s->match);
	pcre2_match_context_free(s->limits);
	pcre2_jit_stack_free(s->jit_stack);
	free(s->proposed);
	free(s->queue);
	free(s->values);
	free(s->hits);
	free(s->blanks);
	free(s);
}

size_t mw_scan_scratch_memory(const struct mw_scan_scratch *scratch)
{
	return scratch->bytes;
}

const struct mw_scan_counters *mw_scan_counters(const struct mw_scan_scratch *scratch)
{
	return &scratch->counters;
}
