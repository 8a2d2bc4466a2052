/* What a person is to do, and what was done, ticket by ticket: see tickets.h. */
#include "controlplane/store/tickets.h"

#include <errno.h>
#include <string.h>

#define TASK_VERSION	1
#define HISTORY_VERSION 1
#define TASK_BYTES	2048
#define HISTORY_BYTES	1024

const char *mw_task_state_name(enum mw_task_state state)
{
	static const char *const names[] = {
		[MW_TASK_OPEN] = "open",
		[MW_TASK_TAKEN] = "taken",
		[MW_TASK_DONE] = "done",
		[MW_TASK_CLOSED] = "closed",
	};

	return (unsigned)state <= MW_TASK_CLOSED ? names[state] : "unknown";
}

void mw_task_put(struct mw_cases_txn *txn, struct mw_task *task)
{
	uint8_t out[TASK_BYTES];
	struct mw_writer w = mw_writer_of(out, sizeof(out));
	struct mw_key key, open;

	if (task->id == 0)
		task->id = mw_meta_next(txn, "task_id");
	key = mw_key_u64(task->id);
	open = mw_key_u64_u64(task->ticket, task->id);
	mw_write_u8(&w, TASK_VERSION);
	mw_write_u64(&w, task->id);
	mw_write_u64(&w, task->ticket);
	mw_write_cstring(&w, task->customer);
	mw_write_u8(&w, (uint8_t)task->kind);
	mw_write_u8(&w, task->contact);
	mw_write_cstring(&w, task->contact_name);
	mw_write_cstring(&w, task->phone);
	mw_write_u64(&w, task->created_s);
	mw_write_u64(&w, task->due_s);
	mw_write_u8(&w, (uint8_t)task->state);
	mw_write_cstring(&w, task->taken_by);
	mw_write_u64(&w, task->ended_s);
	mw_write_cstring(&w, task->outcome);
	mw_write_cstring(&w, task->text);
	if (w.failed) {
		mw_cases_fail(txn, -E2BIG);
		return;
	}
	mw_cases_put(txn, MW_TABLE_TASKS, mw_key_span(&key), mw_span_of(out, mw_writer_len(&w)));
	if (task->state == MW_TASK_OPEN || task->state == MW_TASK_TAKEN)
		mw_cases_put(txn, MW_TABLE_OPEN_TASKS, mw_key_span(&open), mw_span_of("", 0));
	else
		mw_cases_del(txn, MW_TABLE_OPEN_TASKS, mw_key_span(&open));
}

bool mw_task_get(struct mw_cases_txn *txn, uint64_t id, struct mw_task *out)
{
	struct mw_key key = mw_key_u64(id);
	struct mw_span value;
	struct mw_reader r;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_TASKS, mw_key_span(&key), &value))
		return false;
	r = mw_reader_of(value.data, value.len);
	if (mw_read_u8(&r) != TASK_VERSION) {
		mw_cases_fail(txn, -EPROTO);
		return false;
	}
	out->id = mw_read_u64(&r);
	out->ticket = mw_read_u64(&r);
	mw_read_cstring(&r, out->customer, sizeof(out->customer));
	out->kind = (enum mw_task_kind)mw_read_u8(&r);
	out->contact = mw_read_u8(&r);
	mw_read_cstring(&r, out->contact_name, sizeof(out->contact_name));
	mw_read_cstring(&r, out->phone, sizeof(out->phone));
	out->created_s = mw_read_u64(&r);
	out->due_s = mw_read_u64(&r);
	out->state = (enum mw_task_state)mw_read_u8(&r);
	mw_read_cstring(&r, out->taken_by, sizeof(out->taken_by));
	out->ended_s = mw_read_u64(&r);
	mw_read_cstring(&r, out->outcome, sizeof(out->outcome));
	mw_read_cstring(&r, out->text, sizeof(out->text));
	if (!mw_reader_done(&r) || out->kind >= MW_TASK_KIND_COUNT || out->state > MW_TASK_CLOSED) {
		mw_cases_fail(txn, -EBADMSG);
		return false;
	}
	return true;
}

bool mw_task_next_open(struct mw_walk *walk, uint64_t ticket, struct mw_task *out)
{
	struct mw_key prefix = mw_key_u64(ticket);

	if (ticket == 0)
		prefix.len = 0;
	if (!mw_walk_next(walk, mw_key_span(&prefix)) || walk->key_len != 16)
		return false;
	if (!mw_task_get(walk->txn, mw_key_read_u64(walk->key + 8), out)) {
		mw_cases_fail(walk->txn, -EBADMSG);
		return false;
	}
	return true;
}

void mw_history_add(struct mw_cases_txn *txn, uint64_t ticket, const struct mw_history *entry)
{
	uint8_t out[HISTORY_BYTES];
	struct mw_writer w = mw_writer_of(out, sizeof(out));
	struct mw_key prefix = mw_key_u64(ticket), key;
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_HISTORY, mw_key_span(&prefix));
	uint64_t number = 1;

	if (mw_walk_last(&walk, mw_key_span(&prefix)) && walk.key_len == 16)
		number = mw_key_read_u64(walk.key + 8) + 1;
	mw_walk_end(&walk);
	if (number > MW_HISTORY_MAX)
		return;
	key = mw_key_u64_u64(ticket, number);
	mw_write_u8(&w, HISTORY_VERSION);
	mw_write_u64(&w, entry->time_s);
	mw_write_cstring(&w, entry->by);
	mw_write_cstring(&w, entry->text);
	if (w.failed)
		mw_cases_fail(txn, -E2BIG);
	else
		mw_cases_put(txn, MW_TABLE_HISTORY, mw_key_span(&key),
			mw_span_of(out, mw_writer_len(&w)));
}

struct mw_walk mw_history_walk(struct mw_cases_txn *txn, uint64_t ticket)
{
	struct mw_key key = mw_key_u64(ticket);

	return mw_walk_from(txn, MW_TABLE_HISTORY, mw_key_span(&key));
}

bool mw_history_next(struct mw_walk *walk, uint64_t ticket, struct mw_history *out)
{
	struct mw_key prefix = mw_key_u64(ticket);
	struct mw_reader r;

	memset(out, 0, sizeof(*out));
	if (!mw_walk_next(walk, mw_key_span(&prefix)))
		return false;
	r = mw_reader_of(walk->value.data, walk->value.len);
	if (mw_read_u8(&r) != HISTORY_VERSION) {
		mw_cases_fail(walk->txn, -EPROTO);
		return false;
	}
	out->time_s = mw_read_u64(&r);
	mw_read_cstring(&r, out->by, sizeof(out->by));
	mw_read_cstring(&r, out->text, sizeof(out->text));
	if (!mw_reader_done(&r))
		mw_cases_fail(walk->txn, -EBADMSG);
	return walk->txn->base.error == 0;
}
