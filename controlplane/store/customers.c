/* Customers and their lines: see customers.h. Contacts are in contacts.c. */
#include "controlplane/store/customers.h"

#include <errno.h>
#include <string.h>

#include "controlplane/store/changes.h"

#define CUSTOMER_VERSION 1
#define CUSTOMER_BYTES	 1024

static int decode(struct mw_span in, struct mw_desk_customer *out)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);

	memset(out, 0, sizeof(*out));
	if (mw_read_u8(&r) != CUSTOMER_VERSION)
		return -EPROTO;
	out->index = mw_read_u32(&r);
	mw_read_cstring(&r, out->id, sizeof(out->id));
	mw_read_cstring(&r, out->name, sizeof(out->name));
	mw_read_cstring(&r, out->class_name, sizeof(out->class_name));
	out->inspection = (enum mw_inspection)mw_read_u8(&r);
	mw_read_cstring(&r, out->tam, sizeof(out->tam));
	out->valid_from_s = mw_read_u64(&r);
	out->valid_to_s = mw_read_u64(&r);
	out->shared = mw_read_u8(&r) != 0;
	out->threshold_milli = (int32_t)mw_read_u32(&r);
	out->line_count = mw_read_u32(&r);
	if (!mw_reader_done(&r) || out->inspection >= MW_INSPECTION_COUNT)
		return -EBADMSG;
	return 0;
}

bool mw_customer_get(struct mw_cases_txn *txn, const char *id, struct mw_desk_customer *out)
{
	struct mw_span value;
	int rc;

	memset(out, 0, sizeof(*out));
	if (id[0] == '\0' || strlen(id) >= MW_CUSTOMER_ID_MAX ||
		!mw_cases_get(txn, MW_TABLE_CUSTOMERS, mw_span_str(id), &value))
		return false;
	rc = decode(value, out);
	if (rc != 0)
		mw_cases_fail(txn, rc);
	return rc == 0;
}

bool mw_customer_at(struct mw_cases_txn *txn, uint32_t index, struct mw_desk_customer *out)
{
	struct mw_key key = mw_key_u32(index);
	char id[MW_CUSTOMER_ID_MAX];
	struct mw_span value;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_CUSTOMER_INDEX, mw_key_span(&key), &value) ||
		value.len >= sizeof(id))
		return false;
	memcpy(id, value.data, value.len);
	id[value.len] = '\0';
	return mw_customer_get(txn, id, out);
}

void mw_customer_put(struct mw_cases_txn *txn, struct mw_desk_customer *rec)
{
	uint8_t out[CUSTOMER_BYTES];
	struct mw_writer w = mw_writer_of(out, sizeof(out));
	struct mw_span value;

	if (!mw_cases_get(txn, MW_TABLE_CUSTOMERS, mw_span_str(rec->id), &value)) {
		rec->index = (uint32_t)(mw_meta_next(txn, "customer_index") - 1);
		struct mw_key key = mw_key_u32(rec->index);

		mw_cases_put(txn, MW_TABLE_CUSTOMER_INDEX, mw_key_span(&key), mw_span_str(rec->id));
	}
	mw_write_u8(&w, CUSTOMER_VERSION);
	mw_write_u32(&w, rec->index);
	mw_write_cstring(&w, rec->id);
	mw_write_cstring(&w, rec->name);
	mw_write_cstring(&w, rec->class_name);
	mw_write_u8(&w, (uint8_t)rec->inspection);
	mw_write_cstring(&w, rec->tam);
	mw_write_u64(&w, rec->valid_from_s);
	mw_write_u64(&w, rec->valid_to_s);
	mw_write_u8(&w, rec->shared ? 1 : 0);
	mw_write_u32(&w, (uint32_t)rec->threshold_milli);
	mw_write_u32(&w, rec->line_count);
	if (w.failed) {
		mw_cases_fail(txn, -E2BIG);
		return;
	}
	mw_cases_put(
		txn, MW_TABLE_CUSTOMERS, mw_span_str(rec->id), mw_span_of(out, mw_writer_len(&w)));
	mw_change_add(txn, MW_CHANGE_CUSTOMER, rec->index, NULL);
}

bool mw_customer_next(struct mw_walk *walk, struct mw_desk_customer *out)
{
	int rc;

	if (!mw_walk_next(walk, mw_span_of("", 0)))
		return false;
	rc = decode(walk->value, out);
	if (rc != 0)
		mw_cases_fail(walk->txn, rc);
	return rc == 0;
}

bool mw_line_owner(struct mw_cases_txn *txn, const struct mw_line_key *line, uint32_t *index)
{
	struct mw_key key = mw_line_key_of(line);
	struct mw_span value;

	if (!mw_cases_get(txn, MW_TABLE_LINES, mw_key_span(&key), &value) || value.len != 4)
		return false;
	*index = mw_key_read_u32(value.data);
	return true;
}

static struct mw_key owned_key(uint32_t index, const struct mw_line_key *line)
{
	struct mw_key key = mw_key_u32(index), of = mw_line_key_of(line);

	memcpy(key.octet + key.len, of.octet, of.len);
	key.len += of.len;
	return key;
}

int mw_customer_set_lines(struct mw_cases_txn *txn, struct mw_desk_customer *rec,
	const struct mw_line_key *lines, size_t count, char owner[MW_CUSTOMER_ID_MAX])
{
	struct mw_key from = mw_key_u32(rec->index), value = mw_key_u32(rec->index);
	struct mw_desk_customer other;
	struct mw_line_key line;
	struct mw_walk walk;
	uint32_t index;

	for (size_t i = 0; i < count; i++) {
		if (!mw_line_owner(txn, &lines[i], &index) || index == rec->index)
			continue;
		owner[0] = '\0';
		if (mw_customer_at(txn, index, &other))
			memcpy(owner, other.id, sizeof(other.id));
		return -EEXIST;
	}
	walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
	while (mw_customer_next_line(&walk, rec->index, &line)) {
		if (mw_line_key_among(&line, lines, count))
			continue;
		struct mw_key key = mw_line_key_of(&line);

		mw_walk_del(&walk);
		mw_cases_del(txn, MW_TABLE_LINES, mw_key_span(&key));
		mw_change_add(txn, MW_CHANGE_LINE, 0, &line);
	}
	mw_walk_end(&walk);
	for (size_t i = 0; i < count; i++) {
		struct mw_key key = mw_line_key_of(&lines[i]);
		struct mw_key owned = owned_key(rec->index, &lines[i]);

		if (mw_line_owner(txn, &lines[i], &index))
			continue;
		mw_cases_put(txn, MW_TABLE_LINES, mw_key_span(&key), mw_key_span(&value));
		mw_cases_put(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&owned), mw_span_of("", 0));
		mw_change_add(txn, MW_CHANGE_LINE, 0, &lines[i]);
	}
	rec->line_count = 0;
	walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
	while (mw_customer_next_line(&walk, rec->index, &line))
		rec->line_count++;
	mw_walk_end(&walk);
	return txn->base.error;
}

bool mw_customer_next_line(struct mw_walk *walk, uint32_t index, struct mw_line_key *out)
{
	struct mw_key prefix = mw_key_u32(index);

	if (!mw_walk_next(walk, mw_key_span(&prefix)))
		return false;
	if (!mw_line_key_read(mw_span_of(walk->key + 4, walk->key_len - 4), out)) {
		mw_cases_fail(walk->txn, -EBADMSG);
		return false;
	}
	return true;
}
