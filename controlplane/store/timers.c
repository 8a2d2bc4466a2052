/* Timers that survive kill and restart: see timers.h. */
#include "controlplane/store/timers.h"

#include <errno.h>
#include <string.h>

#define OF_BYTES  11 /* owner, id, kind */
#define DUE_BYTES (8 + OF_BYTES)

static struct mw_key of_key(enum mw_timer_owner owner, uint64_t id, uint16_t kind)
{
	struct mw_key n = mw_key_u64(id), key = {.len = OF_BYTES};

	key.octet[0] = (uint8_t)owner;
	memcpy(key.octet + 1, n.octet, 8);
	key.octet[9] = (uint8_t)(kind >> 8);
	key.octet[10] = (uint8_t)kind;
	return key;
}

static struct mw_key due_key(uint64_t due_s, const struct mw_key *of)
{
	struct mw_key key = mw_key_u64(due_s);

	memcpy(key.octet + 8, of->octet, OF_BYTES);
	key.len = DUE_BYTES;
	return key;
}

static bool read_due(struct mw_cases_txn *txn, const uint8_t *key, size_t key_len,
	struct mw_span value, struct mw_timer *out)
{
	if (key_len != DUE_BYTES || value.len != 8) {
		mw_cases_fail(txn, -EBADMSG);
		return false;
	}
	out->due_s = mw_key_read_u64(key);
	out->owner = (enum mw_timer_owner)key[8];
	out->id = mw_key_read_u64(key + 9);
	out->kind = (uint16_t)(key[17] << 8 | key[18]);
	out->data = mw_key_read_u64(value.data);
	return true;
}

void mw_timer_set(struct mw_cases_txn *txn, const struct mw_timer *timer)
{
	struct mw_key of = of_key(timer->owner, timer->id, timer->kind);
	struct mw_key due = due_key(timer->due_s, &of), when = mw_key_u64(timer->due_s);
	struct mw_key data = mw_key_u64(timer->data);

	mw_timer_clear(txn, timer->owner, timer->id, timer->kind);
	mw_cases_put(txn, MW_TABLE_TIMER_OF, mw_key_span(&of), mw_key_span(&when));
	mw_cases_put(txn, MW_TABLE_TIMERS, mw_key_span(&due), mw_key_span(&data));
}

void mw_timer_clear(struct mw_cases_txn *txn, enum mw_timer_owner owner, uint64_t id, uint16_t kind)
{
	struct mw_key of = of_key(owner, id, kind), due;
	struct mw_span when;

	if (!mw_cases_get(txn, MW_TABLE_TIMER_OF, mw_key_span(&of), &when) || when.len != 8)
		return;
	due = due_key(mw_key_read_u64(when.data), &of);
	mw_cases_del(txn, MW_TABLE_TIMERS, mw_key_span(&due));
	mw_cases_del(txn, MW_TABLE_TIMER_OF, mw_key_span(&of));
}

void mw_timer_clear_all(struct mw_cases_txn *txn, enum mw_timer_owner owner, uint64_t id)
{
	struct mw_key prefix = of_key(owner, id, 0);
	struct mw_walk walk;

	prefix.len = 9;
	walk = mw_walk_from(txn, MW_TABLE_TIMER_OF, mw_key_span(&prefix));
	while (mw_walk_next(&walk, mw_key_span(&prefix))) {
		struct mw_key of = {.len = OF_BYTES}, due;

		if (walk.key_len != OF_BYTES || walk.value.len != 8) {
			mw_cases_fail(txn, -EBADMSG);
			break;
		}
		memcpy(of.octet, walk.key, OF_BYTES);
		due = due_key(mw_key_read_u64(walk.value.data), &of);
		mw_walk_del(&walk);
		mw_cases_del(txn, MW_TABLE_TIMERS, mw_key_span(&due));
	}
	mw_walk_end(&walk);
}

bool mw_timer_get(struct mw_cases_txn *txn, enum mw_timer_owner owner, uint64_t id, uint16_t kind,
	struct mw_timer *out)
{
	struct mw_key of = of_key(owner, id, kind), due;
	struct mw_span when, value;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_TIMER_OF, mw_key_span(&of), &when) || when.len != 8)
		return false;
	due = due_key(mw_key_read_u64(when.data), &of);
	if (!mw_cases_get(txn, MW_TABLE_TIMERS, mw_key_span(&due), &value))
		return false;
	return read_due(txn, due.octet, due.len, value, out);
}

uint64_t mw_timer_next_due(struct mw_cases_txn *txn)
{
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_TIMERS, mw_span_of("", 0));
	uint64_t due = UINT64_MAX;

	if (mw_walk_next(&walk, mw_span_of("", 0)) && walk.key_len == DUE_BYTES)
		due = mw_key_read_u64(walk.key);
	mw_walk_end(&walk);
	return due;
}

bool mw_timer_take_due(struct mw_cases_txn *txn, uint64_t now_s, struct mw_timer *out)
{
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_TIMERS, mw_span_of("", 0));
	bool found = false;

	memset(out, 0, sizeof(*out));
	if (mw_walk_next(&walk, mw_span_of("", 0)) &&
		read_due(txn, walk.key, walk.key_len, walk.value, out))
		found = out->due_s <= now_s;
	mw_walk_end(&walk);
	if (found)
		mw_timer_clear(txn, out->owner, out->id, out->kind);
	return found && txn->base.error == 0;
}
