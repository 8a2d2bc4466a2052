/*
 * The feed path: one record in, hits of rules noted in the message's scan (scan.h). Filters propose
 * expressions, each at most once a record; PCRE2 confirms those that need it, under a match limit.
 * Allocates nothing and reads no clock.
 */
#include "dataplane/scan/scan_memory.h"

struct feed {
	struct mw_scan *scan;
	struct mw_scan_scratch *scratch;
	const struct mw_record *record;
};

size_t mw_scan_bytes(const struct mw_ruleset *rules)
{
	size_t bytes = sizeof(struct mw_scan) + mw_words(rules->rule_count) * 8 +
		       mw_words(rules->section_count) * 8 + rules->counter_count * sizeof(uint16_t);

	return (bytes + 7) & ~(size_t)7;
}

struct mw_scan *mw_scan_begin(void *memory, const struct mw_ruleset *rules)
{
	struct mw_scan *scan = memory;

	memset(memory, 0, mw_scan_bytes(rules));
	scan->rules = rules;
	scan->full_slot = scan->attachment_slot = scan->inner_slot = MW_SLOT_NONE;
	scan->hits = (uint64_t *)(scan + 1);
	scan->seen = scan->hits + mw_words(rules->rule_count);
	scan->counts = (uint16_t *)(scan->seen + mw_words(rules->section_count));
	return scan;
}

/* What a filter found: a hit, or a candidate to be confirmed. */
static void propose(void *ctx, uint32_t id)
{
	struct feed *f = ctx;
	const struct mw_scan_expr *e = &f->scan->rules->exprs[id];

	if ((e->flags & MW_EXPR_NO_SUBJECT) != 0 && f->record->stream == 0)
		return;
	if (e->re == NULL) {
		mw_bit_set(f->scan->hits, e->rule);
		return;
	}
	if ((mw_bit_test(f->scan->hits, e->rule) && !e->counted) ||
		mw_bit_test(f->scratch->proposed, id))
		return;
	mw_bit_set(f->scratch->proposed, id);
	f->scratch->queue[f->scratch->queued++] = id;
}

static int on_match(
	unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
	propose(ctx, id);
	return 0;
}

static uint16_t *counter(struct mw_scan *scan, const struct mw_scan_expr *e)
{
	return &scan->counts[e->counter];
}

static bool count_full(struct mw_scan *scan, const struct mw_scan_expr *e)
{
	uint16_t n = *counter(scan, e);

	return n == UINT16_MAX || (e->maxhits > 0 && n >= e->maxhits);
}

/* One expression over the record: Perl's m//g for counted rules, a single match for others. */
static void confirm(struct feed *f, const struct mw_scan_expr *e)
{
	struct mw_scan_scratch *s = f->scratch;
	const struct mw_span text = f->record->data;
	const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
	size_t at = 0;
	uint32_t options = 0;

	while (!e->counted || !count_full(f->scan, e)) {
		int ret = pcre2_match(e->re, text.data, text.len, at, options, s->match, s->limits);

		s->counters.confirm_tries++;
		if (ret < 0) {
			if (ret != PCRE2_ERROR_NOMATCH) {
				s->counters.confirm_limits++;
				f->scan->incomplete = true;
				return;
			}
			/* After an empty match Perl tries again one octet on. */
			if (options == 0 || at >= text.len)
				return;
			at++;
			options = 0;
			continue;
		}
		s->counters.confirmed++;
		mw_bit_set(f->scan->hits, e->rule);
		if (!e->counted)
			return;
		++*counter(f->scan, e);
		if (span[1] == text.len && span[0] == span[1])
			return;
		options = span[0] == span[1] ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
		at = span[1];
	}
}

static void confirm_all(struct feed *f, const struct mw_scan_section *section)
{
	struct mw_scan_scratch *s = f->scratch;

	for (uint32_t i = 0; i < section->always_count; i++)
		propose(f, section->always[i]);
	for (uint32_t i = 0; i < s->queued; i++) {
		confirm(f, &f->scan->rules->exprs[s->queue[i]]);
		s->proposed[s->queue[i] / 64] = 0;
	}
	s->queued = 0;
}

/* Filters look at blanks where the text has any white space (controlplane/rules/filter.h). */
static struct mw_span with_blanks(struct mw_scan_scratch *s, struct mw_span text)
{
	typedef uint8_t octets __attribute__((vector_size(16)));
	size_t i = 0;

	for (; i + 16 <= text.len; i += 16) {
		octets v, white;

		memcpy(&v, text.data + i, 16);
		white = (octets)(v - '\t' < 5);
		v = (v & ~white) | (white & ' ');
		memcpy(s->blanks + i, &v, 16);
	}
	for (; i < text.len; i++)
		s->blanks[i] = text.data[i] >= '\t' && text.data[i] <= '\r' ? ' ' : text.data[i];
	return mw_span_of(s->blanks, text.len);
}

static void scan_block(struct feed *f, const struct mw_scan_section *section)
{
	const struct mw_span text = f->record->data;
	const char *data = text.len > 0 ? (const char *)text.data : "";
	struct mw_span blanks = {(const uint8_t *)"", 0};

	if (text.len > MW_SCAN_BLANKS_MAX) {
		f->scan->incomplete = true; /* no record is that long */
		return;
	}
	if (section->literal_db != NULL || section->automaton != NULL)
		blanks = with_blanks(f->scratch, text);
	/* An error here can only be a misuse of ours; the verdict then says it is not whole. */
	if (section->literal_db != NULL &&
		hs_scan(section->literal_db, (const char *)blanks.data, (unsigned)blanks.len, 0,
			f->scratch->hs, on_match, f) != HS_SUCCESS)
		f->scan->incomplete = true;
	if (section->regex_db != NULL && hs_scan(section->regex_db, data, (unsigned)text.len, 0,
						 f->scratch->hs, on_match, f) != HS_SUCCESS)
		f->scan->incomplete = true;
	if (section->automaton != NULL)
		mw_automaton_run(section->automaton, blanks, propose, f);
	confirm_all(f, section);
}

static void slot_feed(struct feed *f, struct mw_scan_slot *slot, struct mw_span text)
{
	hs_stream_t *const streams[] = {slot->literal, slot->regex};

	slot->dirty = true;
	slot->octets += text.len;
	if ((slot->digests & 1u << MW_DIGEST_MD5) != 0)
		MD5_Update(&slot->md5, text.data, text.len);
	if ((slot->digests & 1u << MW_DIGEST_SHA1) != 0)
		SHA1_Update(&slot->sha1, text.data, text.len);
	if ((slot->digests & 1u << MW_DIGEST_SHA256) != 0)
		SHA256_Update(&slot->sha256, text.data, text.len);
	for (unsigned i = 0; i < 2; i++)
		if (streams[i] != NULL &&
			hs_scan_stream(streams[i], (const char *)text.data, (unsigned)text.len, 0,
				f->scratch->hs, on_match, f) != HS_SUCCESS)
			f->scan->incomplete = true;
}

static void slot_digests(struct mw_scan *scan, struct mw_scan_slot *slot)
{
	uint8_t octets[SHA256_DIGEST_LENGTH];

	if ((slot->digests & 1u << MW_DIGEST_MD5) != 0) {
		MD5_Final(octets, &slot->md5);
		mw_scan_digest(scan, MW_DIGEST_MD5, octets, slot->octets);
	}
	if ((slot->digests & 1u << MW_DIGEST_SHA1) != 0) {
		SHA1_Final(octets, &slot->sha1);
		mw_scan_digest(scan, MW_DIGEST_SHA1, octets, slot->octets);
	}
	if ((slot->digests & 1u << MW_DIGEST_SHA256) != 0) {
		SHA256_Final(octets, &slot->sha256);
		mw_scan_digest(scan, MW_DIGEST_SHA256, octets, slot->octets);
	}
}

/* The end of a stream: `$` is tried, hashes are finished, the slot goes back. */
static void slot_end(struct feed *f, struct mw_scan_pool *pool, uint32_t *index)
{
	struct mw_scan_slot *slot;

	if (*index == MW_SLOT_NONE)
		return;
	slot = &pool->slots[*index];
	if (slot->literal != NULL)
		hs_reset_stream(slot->literal, 0, f->scratch->hs, on_match, f);
	if (slot->regex != NULL)
		hs_reset_stream(slot->regex, 0, f->scratch->hs, on_match, f);
	slot_digests(f->scan, slot);
	slot->dirty = slot->digests != 0;
	mw_scan_slot_put(pool, *index);
	*index = MW_SLOT_NONE;
}

static void scan_stream(struct feed *f)
{
	struct mw_scan *scan = f->scan;
	struct mw_scan_scratch *s = f->scratch;
	bool full = f->record->kind == MW_RECORD_FULL;
	struct mw_scan_pool *pool = full ? &s->full : &s->attachment;
	bool inner = !full && (f->record->stream & MW_RECORD_STREAM_INNER) != 0;
	uint32_t *index = full	  ? &scan->full_slot
			  : inner ? &scan->inner_slot
				  : &scan->attachment_slot;
	struct mw_span rest = f->record->data;

	if (pool->slots == NULL)
		return;
	/* Parts come one after the other: another number ends the one before. */
	if (!full && !inner && scan->attachment_stream != f->record->stream)
		slot_end(f, pool, index);
	if (*index == MW_SLOT_NONE && !(full && scan->full_refused)) {
		*index = mw_scan_slot_get(pool);
		if (*index == MW_SLOT_NONE)
			s->counters.streams_refused++;
	}
	if (!full && !inner)
		scan->attachment_stream = f->record->stream;
	if (*index == MW_SLOT_NONE) {
		/* A text begun in the middle would say no wrongly: none of it is scanned. */
		scan->full_refused = scan->full_refused || full;
		scan->incomplete = true;
		return;
	}
	while (rest.len > 0) {
		size_t n = rest.len < MW_SCAN_SLICE_MAX ? rest.len : MW_SCAN_SLICE_MAX;

		slot_feed(f, &pool->slots[*index], mw_span_of(rest.data, n));
		rest = mw_span_of(rest.data + n, rest.len - n);
	}
	if (f->record->last)
		slot_end(f, pool, index);
}

static bool same_name(struct mw_span a, struct mw_span b)
{
	return a.len == b.len &&
	       (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

static uint32_t section_of(const struct mw_ruleset *rules, const struct mw_record *rec)
{
	uint32_t at;

	if (rec->name.len == 0)
		return rules->by_kind[rec->kind];
	at = rules->buckets[mw_scan_name_hash(rec->kind, rec->name)];
	while (at != MW_RULESET_NONE && !(rules->sections[at].kind == rec->kind &&
						same_name(rules->sections[at].name, rec->name)))
		at = rules->sections[at].hash_next;
	return at;
}

void mw_scan_record(
	struct mw_scan *scan, struct mw_scan_scratch *scratch, const struct mw_record *rec)
{
	const struct mw_ruleset *rules = scan->rules;
	struct feed f = {scan, scratch, rec};

	if ((unsigned)rec->kind >= MW_RECORD_KINDS || (rules->wants & 1u << rec->kind) == 0)
		return;
	scratch->counters.records++;
	scratch->counters.octets += rec->data.len;
	if (rec->kind == MW_RECORD_FULL || rec->kind == MW_RECORD_ATTACHMENT) {
		scan_stream(&f);
		return;
	}
	uint32_t section = section_of(rules, rec);
	if (section == MW_RULESET_NONE)
		return;
	mw_bit_set(scan->seen, section);
	scan_block(&f, &rules->sections[section]);
}

static int digest_order(
	const struct mw_ruleset_digest *d, enum mw_digest_kind kind, const uint8_t *octets)
{
	if (d->kind != kind)
		return d->kind < kind ? -1 : 1;
	return memcmp(d->octets.data, octets, d->octets.len);
}

void mw_scan_digest(
	struct mw_scan *scan, enum mw_digest_kind kind, const uint8_t *octets, uint64_t size)
{
	const struct mw_ruleset *rules = scan->rules;
	uint32_t lo = 0, hi = rules->digest_count;

	while (lo < hi) { /* the first that is not below */
		uint32_t mid = lo + (hi - lo) / 2;

		if (digest_order(&rules->digests[mid], kind, octets) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < rules->digest_count && digest_order(&rules->digests[lo], kind, octets) == 0;
		lo++)
		if (rules->digests[lo].size == UINT64_MAX || rules->digests[lo].size == size)
			mw_bit_set(scan->hits, rules->digests[lo].rule);
}

void mw_scan_close_streams(struct mw_scan *scan, struct mw_scan_scratch *scratch)
{
	const struct mw_record none = {.kind = MW_RECORD_FULL, .last = true};
	struct feed f = {scan, scratch, &none};

	slot_end(&f, &scratch->full, &scan->full_slot);
	slot_end(&f, &scratch->attachment, &scan->attachment_slot);
	slot_end(&f, &scratch->attachment, &scan->inner_slot);
}

void mw_scan_abandon(struct mw_scan *scan, struct mw_scan_scratch *scratch)
{
	mw_scan_slot_put(&scratch->full, scan->full_slot);
	mw_scan_slot_put(&scratch->attachment, scan->attachment_slot);
	mw_scan_slot_put(&scratch->attachment, scan->inner_slot);
	scan->full_slot = scan->attachment_slot = scan->inner_slot = MW_SLOT_NONE;
}
