/* Writing the compiled ruleset file: a buffer that grows, sealed at the end (ruleset.h). */
#include "common/contract/ruleset_wire.h"

#include <errno.h>
#include <stdlib.h>

/* Room for `len` octets at the end; NULL once memory ran out. */
static uint8_t *grow(struct mw_ruleset_writer *w, size_t len)
{
	if (w->failed)
		return NULL;
	if (w->size - w->len < len) {
		size_t size = w->size * 2 + len + 65536;
		uint8_t *data = realloc(w->data, size);

		if (data == NULL) {
			w->failed = true;
			return NULL;
		}
		w->data = data;
		w->size = size;
	}
	w->len += len;
	return w->data + w->len - len;
}

static void put(struct mw_ruleset_writer *w, uint64_t v, unsigned octets)
{
	uint8_t *at = grow(w, octets);

	for (unsigned i = 0; at != NULL && i < octets; i++)
		at[i] = (uint8_t)(v >> 8 * (octets - 1 - i));
}

static void put_octets(struct mw_ruleset_writer *w, const void *data, size_t len)
{
	uint8_t *at = grow(w, len);

	if (at != NULL && len > 0)
		memcpy(at, data, len);
}

static void put_blob(struct mw_ruleset_writer *w, struct mw_span s)
{
	if (s.len > UINT32_MAX) {
		w->failed = true;
		return;
	}
	put(w, s.len, 4);
	put_octets(w, s.data, s.len);
}

void mw_ruleset_write_header(struct mw_ruleset_writer *w, const struct mw_ruleset_header *h)
{
	*w = (struct mw_ruleset_writer){0};
	put_octets(w, MW_RULESET_MAGIC, 8);
	put(w, MW_RULESET_VERSION, 4);
	put(w, 0, 8); /* length and checksum: write_end */
	put(w, 0, 8);
	put_octets(w, h->content_hash, sizeof(h->content_hash));
	put_blob(w, h->library);
	put(w, h->tune, 4);
	put(w, h->cpu_features, 8);
	put(w, h->compile_ms, 4);
	put(w, h->rules, 4);
	put(w, h->exprs, 4);
	put(w, h->sections, 4);
	put(w, h->databases, 4);
	put(w, h->automata, 4);
	put(w, h->metas, 4);
	put(w, h->digests, 4);
	put(w, h->reports, 4);
}

void mw_ruleset_write_rule(struct mw_ruleset_writer *w, const struct mw_ruleset_rule *v)
{
	put_blob(w, v->name);
	put_blob(w, v->description);
	put(w, (uint32_t)v->score_milli, 4);
	put(w, v->klass == MW_CLASS_WORM ? 2 : 1, 1);
	put(w, v->flags, 1);
	put(w, v->maxhits, 2);
}

void mw_ruleset_write_expr(struct mw_ruleset_writer *w, const struct mw_ruleset_expr *v)
{
	put(w, v->rule, 4);
	put(w, v->flags, 1);
	put(w, v->re_flags, 4);
	put_blob(w, v->pattern);
}

void mw_ruleset_write_section(struct mw_ruleset_writer *w, const struct mw_ruleset_section *v)
{
	put(w, v->kind, 1);
	put_blob(w, v->name);
	put(w, v->literal_db, 4);
	put(w, v->regex_db, 4);
	put(w, v->automaton, 4);
	put_blob(w, v->always);
	put_blob(w, v->members);
	put(w, v->quiet_len, 2);
}

void mw_ruleset_write_database(struct mw_ruleset_writer *w, const struct mw_ruleset_database *v)
{
	put(w, (v->stream ? 1u : 0u) | (v->literal ? 2u : 0u), 1);
	put_blob(w, v->octets);
}

void mw_ruleset_write_automaton(struct mw_ruleset_writer *w, const struct mw_ruleset_automaton *v)
{
	put_blob(w, v->exprs);
	put_blob(w, v->tables);
}

void mw_ruleset_write_meta(struct mw_ruleset_writer *w, const struct mw_ruleset_meta *v)
{
	put(w, v->rule, 4);
	put_blob(w, v->code);
}

void mw_ruleset_write_digest(struct mw_ruleset_writer *w, const struct mw_ruleset_digest *v)
{
	put(w, v->rule, 4);
	put(w, (uint64_t)v->kind, 1);
	put(w, v->size, 8);
	put_blob(w, v->octets);
}

void mw_ruleset_write_report(struct mw_ruleset_writer *w, const struct mw_ruleset_report *v)
{
	put_blob(w, v->name);
	put_blob(w, v->file);
	put(w, v->line, 4);
	put(w, (uint64_t)v->fate, 1);
	put_blob(w, v->reason);
}

int mw_ruleset_write_end(struct mw_ruleset_writer *w)
{
	if (w->failed || w->len < MW_RULESET_AT_BODY) {
		free(w->data);
		*w = (struct mw_ruleset_writer){.failed = true};
		return -ENOMEM;
	}
	struct mw_ruleset_writer at = {
		.data = w->data, .len = MW_RULESET_AT_LENGTH, .size = w->size};

	put(&at, w->len, 8);
	put(&at, mw_ruleset_checksum(w->data + MW_RULESET_AT_BODY, w->len - MW_RULESET_AT_BODY), 8);
	return 0;
}
