/* Mails on their way out: see store/outbox.h. */
#include "controlplane/store/outbox.h"

#include <errno.h>
#include <string.h>

void mw_outbox_put(struct mw_cases_txn *txn, struct mw_outbox_record *record)
{
	static _Thread_local uint8_t out[MW_OUTBOX_RECORD_MAX];
	static _Thread_local struct mw_outbox_record before;
	struct mw_key key, due;
	size_t len;

	if (record->id == 0)
		record->id = mw_meta_next(txn, "outbox_id");
	else if (mw_outbox_get(txn, record->id, &before)) {
		due = mw_key_u64_u64(before.next_try_s, before.id);
		mw_cases_del(txn, MW_TABLE_OUTBOX_DUE, mw_key_span(&due));
	}
	len = mw_outbox_encode(record, out, sizeof(out));
	if (len == 0) {
		mw_cases_fail(txn, -E2BIG);
		return;
	}
	key = mw_key_u64(record->id);
	mw_cases_put(txn, MW_TABLE_OUTBOX, mw_key_span(&key), mw_span_of(out, len));
	if (record->state == MW_OUTBOX_QUEUED) {
		due = mw_key_u64_u64(record->next_try_s, record->id);
		mw_cases_put(txn, MW_TABLE_OUTBOX_DUE, mw_key_span(&due), mw_span_of("", 0));
	}
}

bool mw_outbox_get(struct mw_cases_txn *txn, uint64_t id, struct mw_outbox_record *out)
{
	struct mw_key key = mw_key_u64(id);
	struct mw_span value;
	int rc;

	if (!mw_cases_get(txn, MW_TABLE_OUTBOX, mw_key_span(&key), &value))
		return false;
	rc = mw_outbox_decode(value, out);
	mw_cases_fail(txn, rc);
	return rc == 0;
}

bool mw_outbox_next_due(struct mw_walk *walk, uint64_t now_s, uint64_t *id)
{
	if (!mw_walk_next(walk, mw_span_of("", 0)) || walk->key_len != 16 ||
		mw_key_read_u64(walk->key) > now_s)
		return false;
	*id = mw_key_read_u64(walk->key + 8);
	return true;
}

uint64_t mw_outbox_next_try(struct mw_cases_txn *txn)
{
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_OUTBOX_DUE, mw_span_of("", 0));
	uint64_t at = UINT64_MAX;

	if (mw_walk_next(&walk, mw_span_of("", 0)) && walk.key_len == 16)
		at = mw_key_read_u64(walk.key);
	mw_walk_end(&walk);
	return at;
}

uint64_t mw_outbox_queued(struct mw_cases_txn *txn)
{
	return mw_cases_count(txn, MW_TABLE_OUTBOX_DUE);
}
