/* The verdict on a customer: see verdicts.h. */
#include "controlplane/store/verdicts.h"

#include <errno.h>
#include <string.h>

#include "controlplane/store/changes.h"

static struct mw_key key_of(uint32_t customer_index, enum mw_verdict_source source)
{
	struct mw_key key = mw_key_u32(customer_index);

	key.octet[key.len++] = (uint8_t)source;
	return key;
}

void mw_verdict_put(
	struct mw_cases_txn *txn, enum mw_verdict_source source, struct mw_verdict_record *rec)
{
	struct mw_key key = key_of(rec->customer_index, source);
	uint8_t out[MW_POLICY_RECORD_MAX];
	size_t len;

	rec->generation = mw_meta_next(txn, "verdict_generation");
	len = mw_verdict_encode(rec, out, sizeof(out));
	if (len == 0) {
		mw_cases_fail(txn, -E2BIG);
		return;
	}
	mw_cases_put(txn, MW_TABLE_VERDICTS, mw_key_span(&key), mw_span_of(out, len));
	mw_change_add(txn, MW_CHANGE_VERDICT, rec->customer_index, NULL);
}

bool mw_verdict_remove(
	struct mw_cases_txn *txn, enum mw_verdict_source source, uint32_t customer_index)
{
	struct mw_key key = key_of(customer_index, source);
	struct mw_span value;

	if (!mw_cases_get(txn, MW_TABLE_VERDICTS, mw_key_span(&key), &value))
		return false;
	mw_cases_del(txn, MW_TABLE_VERDICTS, mw_key_span(&key));
	mw_meta_next(txn, "verdict_generation");
	mw_change_add(txn, MW_CHANGE_VERDICT, customer_index, NULL);
	return true;
}

bool mw_verdict_get(struct mw_cases_txn *txn, enum mw_verdict_source source,
	uint32_t customer_index, struct mw_verdict_record *out)
{
	struct mw_key key = key_of(customer_index, source);
	struct mw_span value;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_VERDICTS, mw_key_span(&key), &value))
		return false;
	rc = mw_verdict_decode(value, out);
	if (rc != 0)
		mw_cases_fail(txn, rc);
	return rc == 0;
}

void mw_verdict_effective(struct mw_cases_txn *txn, uint32_t customer_index, uint64_t now_s,
	struct mw_verdict_record *out)
{
	static const enum mw_verdict_source sources[] = {MW_VERDICT_BY_DESK, MW_VERDICT_BY_TICKET};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (mw_verdict_get(txn, sources[i], customer_index, out) &&
			(out->expires_s == 0 || out->expires_s > now_s))
			return;
	memset(out, 0, sizeof(*out));
	out->customer_index = customer_index;
	out->verdict = MW_VERDICT_PASS;
}

bool mw_verdict_next(
	struct mw_walk *walk, enum mw_verdict_source *source, struct mw_verdict_record *out)
{
	int rc;

	if (!mw_walk_next(walk, mw_span_of("", 0)))
		return false;
	rc = walk->key_len == 5 ? mw_verdict_decode(walk->value, out) : -EBADMSG;
	if (rc != 0) {
		mw_cases_fail(walk->txn, rc);
		return false;
	}
	*source = (enum mw_verdict_source)walk->key[4];
	return true;
}
