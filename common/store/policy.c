/* Transactions and tables of the policy environment, and its writer. Reading is in policy_read.c.
 */
#include "common/store/policy.h"

#include <errno.h>

#include "common/store/policy_tables.h"

int mw_policy_open(struct mw_policy *policy, struct mw_env *env)
{
	struct mw_txn t;

	*policy = (struct mw_policy){.env = env};
	mw_txn_begin(&t, env, env->role == MW_ENV_WRITER);
	policy->meta = mw_txn_table(&t, "meta", 0);
	policy->customer = mw_txn_table(&t, "customer", 0);
	policy->customer_id = mw_txn_table(&t, "customer_id", 0);
	policy->line = mw_txn_table(&t, "line", 0);
	policy->verdict = mw_txn_table(&t, "verdict", 0);
	policy->change = mw_txn_table(&t, "change", 0);
	return mw_txn_commit(&t); /* a read is committed too: that keeps the handles */
}

uint64_t mw_policy_meta_u64(struct mw_policy_txn *t, const char *name)
{
	struct mw_span value;

	if (!mw_txn_get(&t->txn, t->policy->meta, mw_span_str(name), &value))
		return 0;
	if (value.len != 8)
		mw_txn_fail(&t->txn, -EBADMSG);
	return mw_key64_value(value);
}

static void put_meta_u64(struct mw_policy_txn *t, const char *name, uint64_t v)
{
	struct mw_key64 value = mw_key64_of(v);

	mw_txn_put(&t->txn, t->policy->meta, mw_span_str(name), MW_KEY_SPAN(value), 0);
}

static int begin(struct mw_policy *policy, bool write, struct mw_policy_txn *t)
{
	*t = (struct mw_policy_txn){.policy = policy};
	mw_txn_begin(&t->txn, policy->env, write);
	t->generation = mw_policy_meta_u64(t, MW_META_GENERATION);
	t->changes_floor = mw_policy_meta_u64(t, MW_META_FLOOR);
	t->customers = (uint32_t)mw_policy_meta_u64(t, MW_META_CUSTOMERS);
	if (t->txn.error != 0)
		mw_txn_abort(&t->txn);
	return t->txn.error;
}

int mw_policy_begin_read(struct mw_policy *policy, struct mw_policy_txn *t)
{
	return begin(policy, false, t);
}

int mw_policy_begin_write(struct mw_policy *policy, struct mw_policy_txn *t)
{
	return begin(policy, true, t);
}

void mw_policy_end(struct mw_policy_txn *t)
{
	mw_txn_abort(&t->txn);
}

/* Oldest entries go first, as many as exceed the limit. One transaction that alone exceeds it has
 * dropped the log already: see note_change. */
static void trim_changes(struct mw_policy_txn *t)
{
	uint64_t floor = t->changes_floor;

	while (t->txn.error == 0 && t->generation - floor > MW_POLICY_CHANGES_MAX) {
		struct mw_key64 key = mw_key64_of(++floor);

		mw_txn_del(&t->txn, t->policy->change, MW_KEY_SPAN(key));
	}
	t->changes_floor = floor;
}

int mw_policy_commit(struct mw_policy_txn *t)
{
	if (t->changes_made > 0) {
		trim_changes(t);
		put_meta_u64(t, MW_META_GENERATION, t->generation);
		put_meta_u64(t, MW_META_FLOOR, t->changes_floor);
		put_meta_u64(t, MW_META_CUSTOMERS, t->customers);
	}
	return mw_txn_commit(&t->txn);
}

/* Gives the change its generation and enters it in the log. */
static uint64_t note_change(struct mw_policy_txn *t, uint8_t kind, struct mw_span key)
{
	uint8_t entry[1 + MW_LINE_KEY_MAX];
	struct mw_key64 generation = mw_key64_of(++t->generation);

	t->changes_made++;
	if (t->changes_made > MW_POLICY_CHANGES_MAX) {
		/* More than the log keeps: every reader will have to load everything anyway. */
		if (t->changes_floor + 1 < t->generation && t->txn.error == 0)
			mw_txn_fail(
				&t->txn, mw_env_errno(mdb_drop(t->txn.txn, t->policy->change, 0)));
		t->changes_floor = t->generation;
		return t->generation;
	}
	entry[0] = kind;
	memcpy(entry + 1, key.data, key.len);
	mw_txn_put(&t->txn, t->policy->change, MW_KEY_SPAN(generation),
		mw_span_of(entry, 1 + key.len), MDB_APPEND);
	return t->generation;
}

/* True when the table holds exactly this already: importing the same file again changes nothing. */
static bool unchanged(
	struct mw_policy_txn *t, MDB_dbi dbi, struct mw_span key, struct mw_span value)
{
	struct mw_span old;

	return mw_txn_get(&t->txn, dbi, key, &old) && mw_span_eq(old, value);
}

void mw_policy_put_customer(struct mw_policy_txn *t, struct mw_customer_record *rec)
{
	uint8_t buf[MW_POLICY_RECORD_MAX];
	struct mw_span id = mw_span_str(rec->id);
	struct mw_span value;
	struct mw_key32 index;
	size_t len;

	if (id.len > 0 && mw_txn_get(&t->txn, t->policy->customer_id, id, &value)) {
		rec->index = mw_key32_value(value);
		index = mw_key32_of(rec->index);
	} else if (t->customers == MW_NO_INDEX) {
		mw_txn_fail(&t->txn, -EOVERFLOW);
		return;
	} else {
		rec->index = t->customers;
		index = mw_key32_of(rec->index);
	}
	len = mw_customer_encode(rec, buf, sizeof(buf));
	if (len == 0) {
		mw_txn_fail(&t->txn, -EINVAL);
		return;
	}
	if (rec->index == t->customers) {
		mw_txn_put(&t->txn, t->policy->customer_id, id, MW_KEY_SPAN(index), 0);
		t->customers++;
	}
	if (unchanged(t, t->policy->customer, MW_KEY_SPAN(index), mw_span_of(buf, len)))
		return;
	mw_txn_put(&t->txn, t->policy->customer, MW_KEY_SPAN(index), mw_span_of(buf, len), 0);
	note_change(t, MW_CHANGE_CUSTOMER, MW_KEY_SPAN(index));
}

void mw_policy_put_line(struct mw_policy_txn *t, const struct mw_line_record *rec)
{
	uint8_t key[MW_LINE_KEY_MAX];
	uint8_t buf[MW_POLICY_RECORD_MAX];
	size_t key_len = mw_line_key_encode(&rec->key, key, sizeof(key));
	size_t len = mw_line_encode(rec, buf, sizeof(buf));

	if (key_len == 0 || len == 0 || rec->customer_index >= t->customers) {
		mw_txn_fail(&t->txn, -EINVAL);
		return;
	}
	if (unchanged(t, t->policy->line, mw_span_of(key, key_len), mw_span_of(buf, len)))
		return;
	mw_txn_put(&t->txn, t->policy->line, mw_span_of(key, key_len), mw_span_of(buf, len), 0);
	note_change(t, MW_CHANGE_LINE, mw_span_of(key, key_len));
}

bool mw_policy_del_line(struct mw_policy_txn *t, const struct mw_line_key *line)
{
	uint8_t key[MW_LINE_KEY_MAX];
	size_t len = mw_line_key_encode(line, key, sizeof(key));

	if (len == 0) {
		mw_txn_fail(&t->txn, -EINVAL);
		return false;
	}
	if (!mw_txn_del(&t->txn, t->policy->line, mw_span_of(key, len)))
		return false;
	note_change(t, MW_CHANGE_LINE, mw_span_of(key, len));
	return true;
}

uint64_t mw_policy_put_verdict(struct mw_policy_txn *t, struct mw_verdict_record *rec)
{
	uint8_t buf[MW_POLICY_RECORD_MAX];
	struct mw_key32 index = mw_key32_of(rec->customer_index);
	size_t len;

	if (rec->customer_index >= t->customers) {
		mw_txn_fail(&t->txn, -EINVAL);
		return 0;
	}
	rec->generation = t->generation + 1;
	len = mw_verdict_encode(rec, buf, sizeof(buf));
	if (len == 0) {
		mw_txn_fail(&t->txn, -EINVAL);
		return 0;
	}
	mw_txn_put(&t->txn, t->policy->verdict, MW_KEY_SPAN(index), mw_span_of(buf, len), 0);
	note_change(t, MW_CHANGE_VERDICT, MW_KEY_SPAN(index));
	return t->txn.error == 0 ? rec->generation : 0;
}

bool mw_policy_clear_verdict(struct mw_policy_txn *t, uint32_t customer_index)
{
	struct mw_key32 index = mw_key32_of(customer_index);

	if (!mw_txn_del(&t->txn, t->policy->verdict, MW_KEY_SPAN(index)))
		return false;
	note_change(t, MW_CHANGE_VERDICT, MW_KEY_SPAN(index));
	return true;
}

void mw_policy_put_settings(struct mw_policy_txn *t, const struct mw_policy_settings *rec)
{
	uint8_t buf[MW_POLICY_RECORD_MAX];
	size_t len = mw_policy_settings_encode(rec, buf, sizeof(buf));

	if (len == 0) {
		mw_txn_fail(&t->txn, -EINVAL);
		return;
	}
	if (unchanged(t, t->policy->meta, mw_span_str(MW_META_SETTINGS), mw_span_of(buf, len)))
		return;
	mw_txn_put(
		&t->txn, t->policy->meta, mw_span_str(MW_META_SETTINGS), mw_span_of(buf, len), 0);
	note_change(t, MW_CHANGE_SETTINGS, mw_span_of("", 0));
}

void mw_policy_set_cursor(struct mw_policy_txn *t, uint64_t seq)
{
	if (seq > mw_policy_cursor(t))
		put_meta_u64(t, MW_META_CURSOR, seq);
}
