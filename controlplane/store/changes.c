/* The list of changes for the dataplane: see changes.h. */
#include "controlplane/store/changes.h"

#include <errno.h>
#include <string.h>

struct mw_key mw_line_key_of(const struct mw_line_key *line)
{
	struct mw_key key = {.len = 0};

	key.octet[key.len++] = line->is_vlan ? 1 : 0;
	if (line->is_vlan) {
		key.octet[key.len++] = (uint8_t)(line->vlan_outer >> 8);
		key.octet[key.len++] = (uint8_t)line->vlan_outer;
		key.octet[key.len++] = (uint8_t)(line->vlan_inner >> 8);
		key.octet[key.len++] = (uint8_t)line->vlan_inner;
		return key;
	}
	memcpy(key.octet + key.len, line->prefix.net.octet, 16);
	key.len += 16;
	key.octet[key.len++] = line->prefix.len;
	return key;
}

bool mw_line_key_read(struct mw_span key, struct mw_line_key *out)
{
	memset(out, 0, sizeof(*out));
	if (key.len == 5 && key.data[0] == 1) {
		out->is_vlan = true;
		out->vlan_outer = (uint16_t)(key.data[1] << 8 | key.data[2]);
		out->vlan_inner = (uint16_t)(key.data[3] << 8 | key.data[4]);
		return true;
	}
	if (key.len == 18 && key.data[0] == 0) {
		memcpy(out->prefix.net.octet, key.data + 1, 16);
		out->prefix.len = key.data[17];
		return true;
	}
	return false;
}

bool mw_line_key_among(
	const struct mw_line_key *line, const struct mw_line_key *lines, size_t count)
{
	struct mw_key key = mw_line_key_of(line);

	for (size_t i = 0; i < count; i++) {
		struct mw_key other = mw_line_key_of(&lines[i]);

		if (mw_span_eq(mw_key_span(&key), mw_key_span(&other)))
			return true;
	}
	return false;
}

void mw_change_add(struct mw_cases_txn *txn, enum mw_change_kind kind, uint32_t customer_index,
	const struct mw_line_key *line)
{
	struct mw_key key = mw_key_u64(mw_meta_next(txn, "revision")), value = {.len = 0};

	if (kind == MW_CHANGE_LINE)
		value = mw_line_key_of(line);
	else
		value = mw_key_u32(customer_index);
	memmove(value.octet + 1, value.octet, value.len);
	value.octet[0] = (uint8_t)kind;
	value.len++;
	mw_cases_put(txn, MW_TABLE_CHANGES, mw_key_span(&key), mw_key_span(&value));
}

uint64_t mw_change_last(struct mw_cases_txn *txn)
{
	return mw_meta_get(txn, "revision");
}

bool mw_change_next(struct mw_walk *walk, struct mw_change *out)
{
	memset(out, 0, sizeof(*out));
	if (!mw_walk_next(walk, mw_span_of("", 0)))
		return false;
	if (walk->key_len != 8 || walk->value.len < 5) {
		mw_cases_fail(walk->txn, -EBADMSG);
		return false;
	}
	out->revision = mw_key_read_u64(walk->key);
	out->kind = (enum mw_change_kind)walk->value.data[0];
	if (out->kind == MW_CHANGE_LINE) {
		if (!mw_line_key_read(
			    mw_span_of(walk->value.data + 1, walk->value.len - 1), &out->line)) {
			mw_cases_fail(walk->txn, -EBADMSG);
			return false;
		}
	} else {
		out->customer_index = mw_key_read_u32(walk->value.data + 1);
	}
	return true;
}

void mw_change_trim(struct mw_cases_txn *txn, uint64_t revision, uint32_t max)
{
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CHANGES, mw_span_of("", 0));
	struct mw_change change;

	while (max-- > 0 && mw_change_next(&walk, &change) && change.revision <= revision)
		mw_walk_del(&walk);
	mw_walk_end(&walk);
}
