/* The audit chain: see audit.h. */
#include "controlplane/store/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define AUDIT_VERSION 1

static bool hash_of(const uint8_t before[32], struct mw_span fields, uint8_t out[32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, before, 32) == 1 &&
		  EVP_DigestUpdate(ctx, fields.data, fields.len) == 1 &&
		  EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void put_text(struct mw_writer *w, const char *text, size_t max)
{
	mw_write_string(w, mw_span_of(text, strnlen(text, max - 1)));
}

void mw_audit_add(struct mw_cases_txn *txn, uint64_t now_s, const char *actor, const char *action,
	const char *object, const char *detail)
{
	uint8_t record[1024], hash[32] = {0}, before[32] = {0};
	struct mw_writer w = mw_writer_of(record, sizeof(record));
	uint64_t seq = mw_meta_get(txn, "audit_seq") + 1;
	struct mw_key key = mw_key_u64(seq);
	struct mw_span head;

	if (mw_cases_get(txn, MW_TABLE_META, mw_span_str("audit_head"), &head) && head.len == 32)
		memcpy(before, head.data, 32);
	mw_write_u8(&w, AUDIT_VERSION);
	mw_write_u64(&w, seq);
	mw_write_u64(&w, now_s);
	put_text(&w, actor, MW_ACTOR_MAX);
	put_text(&w, action, MW_AUDIT_ACTION_MAX);
	put_text(&w, object, MW_AUDIT_OBJECT_MAX);
	put_text(&w, detail, MW_AUDIT_DETAIL_MAX);
	if (w.failed || !hash_of(before, mw_span_of(record, mw_writer_len(&w)), hash)) {
		mw_cases_fail(txn, -EIO);
		return;
	}
	mw_write_octets(&w, hash, sizeof(hash));
	mw_cases_put(txn, MW_TABLE_AUDIT, mw_key_span(&key), mw_span_of(record, mw_writer_len(&w)));
	mw_cases_put(txn, MW_TABLE_META, mw_span_str("audit_head"), mw_span_of(hash, sizeof(hash)));
	mw_meta_set(txn, "audit_seq", seq);
}

int mw_audit_decode(uint64_t seq, struct mw_span in, struct mw_audit *out)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);

	memset(out, 0, sizeof(*out));
	if (mw_read_u8(&r) != AUDIT_VERSION)
		return -EPROTO;
	out->seq = mw_read_u64(&r);
	out->time_s = mw_read_u64(&r);
	mw_read_cstring(&r, out->actor, sizeof(out->actor));
	mw_read_cstring(&r, out->action, sizeof(out->action));
	mw_read_cstring(&r, out->object, sizeof(out->object));
	mw_read_cstring(&r, out->detail, sizeof(out->detail));
	mw_read_octets(&r, out->hash, sizeof(out->hash));
	if (!mw_reader_done(&r) || out->seq != seq)
		return -EBADMSG;
	return 0;
}

void mw_audit_verify(struct mw_cases_txn *txn, struct mw_audit_check *out)
{
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_AUDIT, mw_span_of("", 0));
	uint8_t before[32] = {0}, hash[32];
	uint64_t last = mw_meta_get(txn, "audit_seq");
	struct mw_span head;

	memset(out, 0, sizeof(*out));
	while (out->bad_seq == 0 && mw_walk_next(&walk, mw_span_of("", 0))) {
		uint64_t expected = out->entries + 1;
		struct mw_audit entry;

		if (walk.key_len != 8 || mw_key_read_u64(walk.key) != expected) {
			out->bad_seq = expected;
			snprintf(out->sentence, sizeof(out->sentence),
				"entry %" PRIu64 " is missing", expected);
		} else if (mw_audit_decode(expected, walk.value, &entry) != 0 ||
			   walk.value.len < 32) {
			out->bad_seq = expected;
			snprintf(out->sentence, sizeof(out->sentence),
				"entry %" PRIu64 " cannot be read", expected);
		} else if (!hash_of(before, mw_span_of(walk.value.data, walk.value.len - 32),
				   hash) ||
			   memcmp(hash, entry.hash, 32) != 0) {
			out->bad_seq = expected;
			snprintf(out->sentence, sizeof(out->sentence),
				"the hash of entry %" PRIu64
				" does not fit the entry and the one before it",
				expected);
		} else {
			memcpy(before, hash, 32);
			out->entries++;
		}
	}
	mw_walk_end(&walk);
	if (out->bad_seq != 0)
		return;
	if (out->entries != last) {
		out->bad_seq = out->entries + 1;
		snprintf(out->sentence, sizeof(out->sentence),
			"the chain ends at entry %" PRIu64 ", but %" PRIu64 " were written",
			out->entries, last);
	} else if (last > 0 &&
		   (!mw_cases_get(txn, MW_TABLE_META, mw_span_str("audit_head"), &head) ||
			   head.len != 32 || memcmp(head.data, before, 32) != 0)) {
		out->bad_seq = last;
		snprintf(out->sentence, sizeof(out->sentence),
			"the last hash is not the one that was stored");
	}
}
