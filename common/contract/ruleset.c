/*
 * Encoding and checking of the compiled ruleset file (ruleset.h). Knows the layout and nothing of
 * what the octets mean; never allocates when it reads.
 *
 * Layout: magic, version, total length, checksum, then a body that the checksum covers: header
 * fields and the tables in the order of ruleset.h. Integers are big-endian, octet strings carry a
 * 32-bit length (a database is larger than 64 KiB).
 */
#include "common/contract/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t magic[8] = {'M', 'W', 'R', 'U', 'L', 'E', 'S', '\n'};

#define AT_LENGTH   12
#define AT_CHECKSUM 20
#define AT_BODY	    28

const char *mw_rule_fate_name(enum mw_rule_fate fate)
{
	switch (fate) {
	case MW_RULE_EXACT:
		return "exact";
	case MW_RULE_GATED:
		return "gated";
	case MW_RULE_UNSUPPORTED:
		return "unsupported";
	case MW_RULE_UNUSED:
		return "unused";
	case MW_RULE_FATE_COUNT:
		break;
	}
	return "unknown";
}

/* FNV-1a over 64-bit words, then the rest by octet: finds damage, not malice (the folder's owner is
 * trusted), and keeps up with a file of tens of megabytes. */
static uint64_t checksum(const uint8_t *data, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull ^ len;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t word = 0;

		for (unsigned k = 0; k < 8; k++)
			word = word << 8 | data[i + k];
		h = (h ^ word) * 0x100000001b3ull;
		h ^= h >> 29;
	}
	for (; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3ull;
	return h ^ h >> 32;
}

static struct mw_span read_blob(struct mw_reader *r)
{
	uint32_t len = mw_read_u32(r);
	struct mw_span s = {0};

	if (r->failed || len > (size_t)(r->end - r->at)) {
		r->failed = true;
		return s;
	}
	s = mw_span_of(r->at, len);
	r->at += len;
	return s;
}

int mw_ruleset_open(
	struct mw_span in, struct mw_ruleset_file *out, char error[MW_RULESET_ERROR_MAX])
{
	struct mw_reader r = mw_reader_of(in.data, in.len);
	struct mw_ruleset_header *h = &out->header;

	if (in.len < AT_BODY || memcmp(in.data, magic, sizeof(magic)) != 0) {
		snprintf(error, MW_RULESET_ERROR_MAX, "this is not a compiled ruleset file");
		return -EBADMSG;
	}
	r.at += sizeof(magic);
	uint32_t version = mw_read_u32(&r);
	if (version != MW_RULESET_VERSION) {
		snprintf(error, MW_RULESET_ERROR_MAX,
			"the ruleset file has version %u, this program reads version %u: compile "
			"the rules again",
			version, MW_RULESET_VERSION);
		return -EPROTO;
	}
	uint64_t length = mw_read_u64(&r);
	if (length != in.len) {
		snprintf(error, MW_RULESET_ERROR_MAX,
			"the ruleset file is cut or has something behind it: %llu octets "
			"announced, "
			"%zu there",
			(unsigned long long)length, in.len);
		return -EBADMSG;
	}
	uint64_t sum = mw_read_u64(&r);
	if (sum != checksum(in.data + AT_BODY, in.len - AT_BODY)) {
		snprintf(error, MW_RULESET_ERROR_MAX,
			"the ruleset file is damaged: its checksum is wrong");
		return -EBADMSG;
	}
	memset(h, 0, sizeof(*h));
	mw_read_octets(&r, h->content_hash, sizeof(h->content_hash));
	h->library = read_blob(&r);
	h->tune = mw_read_u32(&r);
	h->cpu_features = mw_read_u64(&r);
	h->compile_ms = mw_read_u32(&r);
	h->rules = mw_read_u32(&r);
	h->exprs = mw_read_u32(&r);
	h->sections = mw_read_u32(&r);
	h->databases = mw_read_u32(&r);
	h->automata = mw_read_u32(&r);
	h->metas = mw_read_u32(&r);
	h->digests = mw_read_u32(&r);
	h->reports = mw_read_u32(&r);
	uint64_t items = (uint64_t)h->rules + h->exprs + h->sections + h->databases + h->automata +
			 h->metas + h->digests + h->reports;
	/* Every item takes four octets or more: a count that cannot fit allocates nothing later. */
	if (r.failed || items > in.len / 4) {
		snprintf(error, MW_RULESET_ERROR_MAX,
			"the ruleset file announces more than it can hold");
		return -EBADMSG;
	}
	out->reader = r;
	return 0;
}

void mw_ruleset_read_rule(struct mw_reader *r, struct mw_ruleset_rule *out)
{
	out->name = read_blob(r);
	out->description = read_blob(r);
	out->score_milli = (int32_t)mw_read_u32(r);
	uint8_t klass = mw_read_u8(r);
	switch (klass) {
	case 1:
		out->klass = MW_CLASS_SPAM;
		break;
	case 2:
		out->klass = MW_CLASS_WORM;
		break;
	default:
		out->klass = MW_CLASS_HAM;
		r->failed = true;
		break;
	}
	out->flags = mw_read_u8(r);
	out->maxhits = mw_read_u16(r);
}

void mw_ruleset_read_expr(struct mw_reader *r, struct mw_ruleset_expr *out)
{
	out->rule = mw_read_u32(r);
	out->flags = mw_read_u8(r);
	out->re_flags = mw_read_u32(r);
	out->pattern = read_blob(r);
}

void mw_ruleset_read_section(struct mw_reader *r, struct mw_ruleset_section *out)
{
	out->kind = mw_read_u8(r);
	out->name = read_blob(r);
	out->literal_db = mw_read_u32(r);
	out->regex_db = mw_read_u32(r);
	out->automaton = mw_read_u32(r);
	out->always = read_blob(r);
	out->members = read_blob(r);
	out->always_count = (uint32_t)(out->always.len / 4);
	out->member_count = (uint32_t)(out->members.len / 4);
	if (out->always.len % 4 != 0 || out->members.len % 4 != 0)
		r->failed = true;
}

void mw_ruleset_read_database(struct mw_reader *r, struct mw_ruleset_database *out)
{
	uint8_t flags = mw_read_u8(r);

	out->stream = (flags & 1) != 0;
	out->literal = (flags & 2) != 0;
	out->octets = read_blob(r);
}

void mw_ruleset_read_automaton(struct mw_reader *r, struct mw_ruleset_automaton *out)
{
	out->exprs = read_blob(r);
	out->tables = read_blob(r);
	out->sequence_count = (uint32_t)(out->exprs.len / 4);
	if (out->exprs.len % 4 != 0)
		r->failed = true;
}

void mw_ruleset_read_meta(struct mw_reader *r, struct mw_ruleset_meta *out)
{
	out->rule = mw_read_u32(r);
	out->code = read_blob(r);
}

void mw_ruleset_read_digest(struct mw_reader *r, struct mw_ruleset_digest *out)
{
	out->rule = mw_read_u32(r);
	uint8_t kind = mw_read_u8(r);
	out->size = mw_read_u64(r);
	out->octets = read_blob(r);
	out->kind = (enum mw_digest_kind)kind;
	if (!((kind == MW_DIGEST_MD5 && out->octets.len == 16) ||
		    (kind == MW_DIGEST_SHA1 && out->octets.len == 20) ||
		    (kind == MW_DIGEST_SHA256 && out->octets.len == 32)))
		r->failed = true;
}

void mw_ruleset_read_report(struct mw_reader *r, struct mw_ruleset_report *out)
{
	out->name = read_blob(r);
	out->file = read_blob(r);
	out->line = mw_read_u32(r);
	uint8_t fate = mw_read_u8(r);
	out->fate = (enum mw_rule_fate)fate;
	if (fate >= MW_RULE_FATE_COUNT)
		r->failed = true;
	out->reason = read_blob(r);
}

uint32_t mw_ruleset_u32_at(struct mw_span list, uint32_t index)
{
	const uint8_t *p = list.data + 4 * (size_t)index;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

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
	put_octets(w, magic, sizeof(magic));
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
	if (w->failed || w->len < AT_BODY) {
		free(w->data);
		*w = (struct mw_ruleset_writer){.failed = true};
		return -ENOMEM;
	}
	struct mw_ruleset_writer at = {.data = w->data, .len = AT_LENGTH, .size = w->size};

	put(&at, w->len, 8);
	put(&at, checksum(w->data + AT_BODY, w->len - AT_BODY), 8);
	return 0;
}
