/* Sums of connections under DIVERT: see diverted.h. */
#include "controlplane/store/diverted.h"

#include <errno.h>
#include <string.h>

#define DIVERTED_VERSION 1
#define DIVERTED_BYTES	 33

void mw_diverted_get(struct mw_cases_txn *txn, uint32_t customer_index, struct mw_diverted *out)
{
	struct mw_key key = mw_key_u32(customer_index);
	struct mw_span value;
	struct mw_reader r;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_DIVERTED, mw_key_span(&key), &value))
		return;
	r = mw_reader_of(value.data, value.len);
	if (mw_read_u8(&r) != DIVERTED_VERSION) {
		mw_cases_fail(txn, -EPROTO);
		return;
	}
	out->diverted = mw_read_u64(&r);
	out->passed = mw_read_u64(&r);
	out->put_off = mw_read_u64(&r);
	out->refused = mw_read_u64(&r);
	if (!mw_reader_done(&r))
		mw_cases_fail(txn, -EBADMSG);
}

void mw_diverted_add(
	struct mw_cases_txn *txn, uint32_t customer_index, const struct mw_diverted *more)
{
	struct mw_key key = mw_key_u32(customer_index);
	uint8_t out[DIVERTED_BYTES];
	struct mw_writer w = mw_writer_of(out, sizeof(out));
	struct mw_diverted sum;

	mw_diverted_get(txn, customer_index, &sum);
	mw_write_u8(&w, DIVERTED_VERSION);
	mw_write_u64(&w, sum.diverted + more->diverted);
	mw_write_u64(&w, sum.passed + more->passed);
	mw_write_u64(&w, sum.put_off + more->put_off);
	mw_write_u64(&w, sum.refused + more->refused);
	mw_cases_put(txn, MW_TABLE_DIVERTED, mw_key_span(&key), mw_span_of(out, mw_writer_len(&w)));
}
