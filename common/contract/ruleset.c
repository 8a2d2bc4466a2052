/*
 * Encoding and checking of the compiled ruleset file (ruleset.h). Knows the layout and nothing of
 * what the octets mean; never allocates when it reads.
 *
 * Layout: magic, version, total length, checksum, then a body that the checksum covers: header
 * fields and the tables in the order of ruleset.h. Integers are big-endian, octet strings carry a
 * 32-bit length (a database is larger than 64 KiB).
 */
#include "common/contract/ruleset_wire.h"

#include <errno.h>
#include <stdio.h>

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

	if (in.len < MW_RULESET_AT_BODY || memcmp(in.data, MW_RULESET_MAGIC, 8) != 0) {
		snprintf(error, MW_RULESET_ERROR_MAX, "this is not a compiled ruleset file");
		return -EBADMSG;
	}
	r.at += 8;
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
	if (sum != mw_ruleset_checksum(in.data + MW_RULESET_AT_BODY, in.len - MW_RULESET_AT_BODY)) {
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
	out->quiet_len = mw_read_u16(r);
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

void mw_ruleset_skip_to_reports(struct mw_reader *r, const struct mw_ruleset_header *h)
{
	struct mw_ruleset_rule rule;
	struct mw_ruleset_expr expr;
	struct mw_ruleset_section section;
	struct mw_ruleset_automaton automaton;
	struct mw_ruleset_meta meta;
	struct mw_ruleset_digest digest;

	for (uint32_t i = 0; i < h->rules && !r->failed; i++)
		mw_ruleset_read_rule(r, &rule);
	for (uint32_t i = 0; i < h->exprs && !r->failed; i++)
		mw_ruleset_read_expr(r, &expr);
	for (uint32_t i = 0; i < h->sections && !r->failed; i++)
		mw_ruleset_read_section(r, &section);
	for (uint32_t i = 0; i < h->automata && !r->failed; i++)
		mw_ruleset_read_automaton(r, &automaton);
	for (uint32_t i = 0; i < h->metas && !r->failed; i++)
		mw_ruleset_read_meta(r, &meta);
	for (uint32_t i = 0; i < h->digests && !r->failed; i++)
		mw_ruleset_read_digest(r, &digest);
}

uint32_t mw_ruleset_u32_at(struct mw_span list, uint32_t index)
{
	const uint8_t *p = list.data + 4 * (size_t)index;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
