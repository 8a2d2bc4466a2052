/* Observations kept with a ticket: see evidence.h. */
#include "controlplane/store/evidence.h"

#include <errno.h>
#include <string.h>

/* Number 0 holds the count; observations are numbered from 1. */
static struct mw_key key_of(uint64_t ticket, uint64_t number)
{
	return mw_key_u64_u64(ticket, number);
}

uint64_t mw_evidence_count(struct mw_cases_txn *txn, uint64_t ticket)
{
	struct mw_key key = key_of(ticket, 0);
	struct mw_span value;

	if (!mw_cases_get(txn, MW_TABLE_EVIDENCE, mw_key_span(&key), &value) || value.len != 8)
		return 0;
	return mw_key_read_u64(value.data);
}

static void add_octets(
	struct mw_cases_txn *txn, uint64_t ticket, struct mw_span record, uint32_t limit)
{
	uint64_t number = mw_evidence_count(txn, ticket) + 1;
	struct mw_key head = key_of(ticket, 0), key = key_of(ticket, number);
	struct mw_key count = mw_key_u64(number);

	mw_cases_put(txn, MW_TABLE_EVIDENCE, mw_key_span(&key), record);
	mw_cases_put(txn, MW_TABLE_EVIDENCE, mw_key_span(&head), mw_key_span(&count));
	if (number > limit) {
		key = key_of(ticket, number - limit / 2);
		mw_cases_del(txn, MW_TABLE_EVIDENCE, mw_key_span(&key));
	}
}

void mw_evidence_add(
	struct mw_cases_txn *txn, uint64_t ticket, const struct mw_event *event, uint32_t limit)
{
	static _Thread_local uint8_t record[MW_EVENT_RECORD_MAX];
	size_t len = mw_event_encode(event, record, sizeof(record));

	if (len == 0)
		mw_cases_fail(txn, -E2BIG);
	else
		add_octets(txn, ticket, mw_span_of(record, len), limit);
}

struct mw_walk mw_evidence_walk(struct mw_cases_txn *txn, uint64_t ticket)
{
	struct mw_key key = key_of(ticket, 1);

	return mw_walk_from(txn, MW_TABLE_EVIDENCE, mw_key_span(&key));
}

bool mw_evidence_next(struct mw_walk *walk, uint64_t ticket, uint64_t *number, struct mw_event *out)
{
	struct mw_key prefix = mw_key_u64(ticket);
	int rc;

	if (!mw_walk_next(walk, mw_key_span(&prefix)))
		return false;
	*number = mw_key_read_u64(walk->key + 8);
	rc = mw_event_decode(walk->value, out);
	if (rc != 0)
		mw_cases_fail(walk->txn, rc);
	return rc == 0;
}

uint32_t mw_evidence_remove(struct mw_cases_txn *txn, uint64_t ticket)
{
	struct mw_key prefix = mw_key_u64(ticket);
	struct mw_walk walk = mw_evidence_walk(txn, ticket);
	uint32_t gone = 0;

	while (mw_walk_next(&walk, mw_key_span(&prefix))) {
		mw_walk_del(&walk);
		gone++;
	}
	mw_walk_end(&walk);
	return gone;
}

void mw_evidence_freeze(
	struct mw_cases_txn *txn, uint32_t customer_index, uint64_t ticket, uint32_t limit)
{
	uint64_t recent = MW_EVIDENCE_RECENT(customer_index);
	struct mw_key prefix = mw_key_u64(recent), head = key_of(recent, 0);
	static _Thread_local uint8_t record[MW_EVENT_RECORD_MAX];

	for (bool more = true; more && txn->base.error == 0;) {
		/* A fresh walk each time: the table it walks is the one that is written. */
		struct mw_walk walk = mw_evidence_walk(txn, recent);
		size_t len = 0;

		more = mw_walk_next(&walk, mw_key_span(&prefix));
		if (more) {
			len = walk.value.len;
			if (len > sizeof(record)) {
				mw_cases_fail(txn, -EBADMSG);
				len = 0;
			}
			memcpy(record, walk.value.data, len);
			mw_walk_del(&walk);
		}
		mw_walk_end(&walk);
		if (more)
			add_octets(txn, ticket, mw_span_of(record, len), limit);
	}
	mw_cases_del(txn, MW_TABLE_EVIDENCE, mw_key_span(&head));
}
