/* The writer of the events environment. Reading is in events_read.c. */
#include "common/store/events.h"

#include <errno.h>

#include "common/base/cursor.h"
#include "common/store/events_tables.h"

static uint64_t meta_u64(struct mw_txn *t, MDB_dbi meta, const char *name)
{
	struct mw_span value;

	return mw_txn_get(t, meta, mw_span_str(name), &value) ? mw_key64_value(value) : 0;
}

static void put_meta_u64(struct mw_txn *t, MDB_dbi meta, const char *name, uint64_t v)
{
	struct mw_key64 value = mw_key64_of(v);

	mw_txn_put(t, meta, mw_span_str(name), MW_KEY_SPAN(value), 0);
}

static void put_loss(struct mw_txn *t, MDB_dbi meta, const struct mw_events_loss *loss)
{
	uint8_t buf[MW_EVENTS_LOSS_OCTETS];
	struct mw_writer w = mw_writer_of(buf, sizeof(buf));

	mw_write_u8(&w, MW_EVENTS_LOSS_VERSION);
	mw_write_u64(&w, loss->messages);
	mw_write_u64(&w, loss->hams);
	mw_write_u64(&w, loss->sessions);
	mw_write_u64(&w, loss->ham);
	mw_write_u64(&w, loss->spam);
	mw_write_u64(&w, loss->worms);
	mw_write_u64(&w, loss->ring);
	mw_write_u64(&w, loss->invalid);
	mw_txn_put(
		t, meta, mw_span_str(MW_EVENTS_META_LOSS), mw_span_of(buf, mw_writer_len(&w)), 0);
}

void mw_events_get_loss(struct mw_txn *t, MDB_dbi meta, struct mw_events_loss *out)
{
	struct mw_span value;
	struct mw_reader r;

	*out = (struct mw_events_loss){0};
	if (!mw_txn_get(t, meta, mw_span_str(MW_EVENTS_META_LOSS), &value))
		return;
	r = mw_reader_of(value.data, value.len);
	if (mw_read_u8(&r) != MW_EVENTS_LOSS_VERSION)
		mw_txn_fail(t, -EPROTO);
	out->messages = mw_read_u64(&r);
	out->hams = mw_read_u64(&r);
	out->sessions = mw_read_u64(&r);
	out->ham = mw_read_u64(&r);
	out->spam = mw_read_u64(&r);
	out->worms = mw_read_u64(&r);
	out->ring = mw_read_u64(&r);
	out->invalid = mw_read_u64(&r);
	if (!mw_reader_done(&r))
		mw_txn_fail(t, -EBADMSG);
}

/* The number to go on with. A writer that did not close cleanly may have handed out numbers that a
 * power cut took back: those are behind us for good, in the epoch before. */
static uint64_t decide_next(struct mw_txn *t, MDB_dbi meta)
{
	uint64_t epoch = meta_u64(t, meta, MW_EVENTS_META_EPOCH);
	uint64_t clean = meta_u64(t, meta, MW_EVENTS_META_CLEAN);

	if (clean != 0) {
		mw_txn_del(t, meta, mw_span_str(MW_EVENTS_META_CLEAN));
		return clean;
	}
	if (epoch >> (64 - MW_EVENTS_COUNTER_BITS) != 0 ||
		epoch + 1 == UINT64_C(1) << (64 - MW_EVENTS_COUNTER_BITS)) {
		mw_txn_fail(t, -EOVERFLOW);
		return 0;
	}
	put_meta_u64(t, meta, MW_EVENTS_META_EPOCH, epoch + 1);
	return (epoch + 1) << MW_EVENTS_COUNTER_BITS | 1;
}

int mw_events_open(struct mw_events *events, struct mw_env *env)
{
	bool write = env->role == MW_ENV_WRITER;
	struct mw_txn t;
	int err;

	*events = (struct mw_events){.env = env};
	mw_txn_begin(&t, env, write);
	events->meta = mw_txn_table(&t, "meta", 0);
	events->event = mw_txn_table(&t, "event", 0);
	events->lane = mw_txn_table(&t, "lane", 0);
	if (write && t.error == 0) {
		events->next_seq = decide_next(&t, events->meta);
		mw_events_get_loss(&t, events->meta, &events->loss);
	}
	err = mw_txn_commit(&t);
	return err == 0 && write ? mw_env_sync(env) : err;
}

int mw_events_begin_after(struct mw_events *events, uint64_t cursor)
{
	uint64_t epoch = (cursor >> MW_EVENTS_COUNTER_BITS) + 1;
	struct mw_txn t;
	int err;

	if (cursor < events->next_seq)
		return 0;
	mw_txn_begin(&t, events->env, true);
	put_meta_u64(&t, events->meta, MW_EVENTS_META_EPOCH, epoch);
	err = mw_txn_commit(&t);
	if (err == 0)
		err = mw_env_sync(events->env);
	if (err == 0)
		events->next_seq = epoch << MW_EVENTS_COUNTER_BITS | 1;
	return err;
}

int mw_events_close(struct mw_events *events)
{
	struct mw_txn t;
	int err;

	if (events->env->role != MW_ENV_WRITER)
		return 0;
	mw_txn_begin(&t, events->env, true);
	put_meta_u64(&t, events->meta, MW_EVENTS_META_CLEAN, events->next_seq);
	err = mw_txn_commit(&t);
	return err == 0 ? mw_env_sync(events->env) : err;
}

/* What a batch does to the numbers and the losses; taken over when the commit has succeeded. */
struct append {
	struct mw_events *events;
	struct mw_txn txn;
	uint64_t next_seq;
	struct mw_events_loss loss;
	bool refuse;
	bool lost; /* loss was changed */
	struct mw_event event;
};

static void put_lane(struct append *a, struct mw_span record)
{
	struct mw_key32 key;

	if (mw_event_decode(record, &a->event) != 0) {
		a->loss.invalid++;
		a->lost = true;
		return;
	}
	key = mw_key32_of(a->event.lane.lane);
	mw_txn_put(&a->txn, a->events->lane, MW_KEY_SPAN(key), record, 0);
}

/* What remains of a record that is not stored: a number that is missing, and sums. */
static void aggregate(struct append *a, struct mw_span record)
{
	a->lost = true;
	if (mw_event_decode(record, &a->event) != 0) {
		a->loss.invalid++;
		return;
	}
	switch (a->event.kind) {
	case MW_EVENT_MESSAGE:
		a->loss.messages++;
		a->loss.ham += a->event.message.ham_before;
		a->loss.spam += a->event.message.klass == MW_CLASS_SPAM;
		a->loss.worms += a->event.message.klass == MW_CLASS_WORM;
		break;
	case MW_EVENT_HAM:
		a->loss.hams++;
		a->loss.ham += a->event.ham.ham;
		break;
	case MW_EVENT_SESSION:
		a->loss.sessions++;
		break;
	case MW_EVENT_DIVERT: /* the lane's own counters have their sum */
	case MW_EVENT_LANE:
		break;
	}
}

static int append_try(
	struct append *a, const struct mw_span *records, size_t count, uint64_t ring_lost)
{
	a->next_seq = a->events->next_seq + ring_lost;
	a->loss = a->events->loss;
	a->loss.ring += ring_lost;
	a->lost = ring_lost > 0;
	mw_txn_begin(&a->txn, a->events->env, true);
	for (size_t i = 0; i < count && a->txn.error == 0; i++) {
		enum mw_event_kind kind = mw_event_peek(records[i]);
		struct mw_key64 key = mw_key64_of(a->next_seq);

		if (kind == MW_EVENT_LANE) {
			put_lane(a, records[i]);
			continue;
		}
		a->next_seq++;
		if (a->refuse || (int)kind == 0)
			aggregate(a, records[i]);
		else
			mw_txn_put(&a->txn, a->events->event, MW_KEY_SPAN(key), records[i],
				MDB_APPEND);
	}
	if (a->lost)
		put_loss(&a->txn, a->events->meta, &a->loss);
	return mw_txn_commit(&a->txn);
}

/* Stopped at MW_ENV_FILL_MAX, on again well below it: else each page that comes free lets one event
 * through, and what is kept of an overload is a sieve. */
static bool must_refuse(const struct mw_events *events)
{
	return events->full ? mw_env_fill(events->env) >= MW_EVENTS_RESUME_FILL
			    : !mw_env_may_insert(events->env);
}

int mw_events_append(
	struct mw_events *events, const struct mw_span *records, size_t count, uint64_t ring_lost)
{
	struct append a = {.events = events, .refuse = must_refuse(events)};
	int err;

	if (count == 0 && ring_lost == 0)
		return 0;
	err = append_try(&a, records, count, ring_lost);
	/* A full disk is waited for, in the rings: somebody makes room, and nothing is lost. */
	if (err == -ENOSPC && !a.refuse && !mw_env_disk_full(events->env)) {
		a.refuse = true;
		err = append_try(&a, records, count, ring_lost);
	}
	if (err != 0)
		return err;
	events->next_seq = a.next_seq;
	events->loss = a.loss;
	events->full = a.refuse;
	return 0;
}

static int trim_in(struct mw_txn *t, MDB_dbi dbi, uint64_t upto)
{
	MDB_cursor *cursor;
	MDB_val k;
	MDB_val v;
	int deleted = 0;
	int err = mdb_cursor_open(t->txn, dbi, &cursor);

	if (err != 0) {
		mw_txn_fail(t, mw_env_errno(err));
		return 0;
	}
	err = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
	while (err == 0 && deleted < MW_EVENTS_TRIM_MAX &&
		mw_key64_value(mw_span_of(k.mv_data, k.mv_size)) <= upto) {
		err = mdb_cursor_del(cursor, 0);
		deleted += err == 0;
		if (err == 0)
			err = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
	}
	mdb_cursor_close(cursor);
	if (err != 0 && err != MDB_NOTFOUND)
		mw_txn_fail(t, mw_env_errno(err));
	return deleted;
}

int mw_events_trim(struct mw_events *events, uint64_t cursor)
{
	struct mw_txn t;
	int deleted;
	int err = mw_txn_begin(&t, events->env, true);

	if (err != 0)
		return err;
	deleted = trim_in(&t, events->event, cursor);
	if (deleted == 0) {
		mw_txn_abort(&t);
		return t.error;
	}
	err = mw_txn_commit(&t);
	return err == 0 ? deleted : err;
}
