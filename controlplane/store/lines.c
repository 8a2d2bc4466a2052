/* Lines with an index of their own: see lines.h. */
#include "controlplane/store/lines.h"

#include <errno.h>
#include <string.h>

#include "controlplane/store/changes.h"
#include "controlplane/store/customers.h"

bool mw_own_line_get(
	struct mw_cases_txn *txn, const struct mw_line_key *line, struct mw_own_line *out)
{
	struct mw_key key = mw_line_key_of(line);
	struct mw_span value;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_OWN_LINES, mw_key_span(&key), &value))
		return false;
	if (value.len != 8) {
		mw_cases_fail(txn, -EBADMSG);
		return false;
	}
	out->index = mw_key_read_u32(value.data);
	out->owner = mw_key_read_u32(value.data + 4);
	out->key = *line;
	mw_line_owner(txn, line, &out->owner); /* the one it has now, if any */
	return true;
}

bool mw_own_line_at(struct mw_cases_txn *txn, uint32_t index, struct mw_own_line *out)
{
	struct mw_key key = mw_key_u32(index);
	struct mw_line_key line;
	struct mw_span value;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_OWN_LINE_INDEX, mw_key_span(&key), &value))
		return false;
	if (!mw_line_key_read(value, &line)) {
		mw_cases_fail(txn, -EBADMSG);
		return false;
	}
	return mw_own_line_get(txn, &line, out);
}

void mw_own_line_make(struct mw_cases_txn *txn, const struct mw_line_key *line, uint32_t owner,
	struct mw_own_line *out)
{
	struct mw_key key = mw_line_key_of(line), value, index;

	if (!mw_own_line_get(txn, line, out)) {
		out->index = (uint32_t)(mw_meta_next(txn, "customer_index") - 1);
		out->key = *line;
		index = mw_key_u32(out->index);
		mw_cases_put(txn, MW_TABLE_OWN_LINE_INDEX, mw_key_span(&index), mw_key_span(&key));
	}
	out->owner = owner;
	value = mw_key_u32_u64(out->index, 0);
	index = mw_key_u32(owner);
	memcpy(value.octet + 4, index.octet, 4);
	value.len = 8;
	mw_cases_put(txn, MW_TABLE_OWN_LINES, mw_key_span(&key), mw_key_span(&value));
}

bool mw_own_lines_none(struct mw_cases_txn *txn)
{
	return mw_cases_count(txn, MW_TABLE_OWN_LINES) == 0;
}
