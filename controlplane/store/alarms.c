/* What a person must look at: the latest alarms, for `weirctl status`. See tickets.h. */
#include <errno.h>
#include <string.h>

#include "controlplane/store/tickets.h"

#define ALARM_VERSION 1
#define ALARM_BYTES   1024

void mw_alarm_add(struct mw_cases_txn *txn, uint64_t now_s, uint64_t ticket, const char *text)
{
	uint8_t out[ALARM_BYTES];
	struct mw_writer w = mw_writer_of(out, sizeof(out));
	uint64_t number = mw_meta_next(txn, "alarm_number");
	struct mw_key key = mw_key_u64(number);

	mw_write_u8(&w, ALARM_VERSION);
	mw_write_u64(&w, now_s);
	mw_write_u64(&w, ticket);
	mw_write_string(&w, mw_span_of(text, strnlen(text, MW_EFFECT_TEXT_MAX - 1)));
	mw_cases_put(txn, MW_TABLE_ALARMS, mw_key_span(&key), mw_span_of(out, mw_writer_len(&w)));
	if (number > MW_ALARMS_MAX) {
		key = mw_key_u64(number - MW_ALARMS_MAX);
		mw_cases_del(txn, MW_TABLE_ALARMS, mw_key_span(&key));
	}
}

bool mw_alarm_next(struct mw_walk *walk, struct mw_alarm *out)
{
	struct mw_reader r;

	memset(out, 0, sizeof(*out));
	if (!mw_walk_next(walk, mw_span_of("", 0)) || walk->key_len != 8)
		return false;
	r = mw_reader_of(walk->value.data, walk->value.len);
	if (mw_read_u8(&r) != ALARM_VERSION) {
		mw_cases_fail(walk->txn, -EPROTO);
		return false;
	}
	out->number = mw_key_read_u64(walk->key);
	out->time_s = mw_read_u64(&r);
	out->ticket = mw_read_u64(&r);
	mw_read_cstring(&r, out->text, sizeof(out->text));
	if (!mw_reader_done(&r))
		mw_cases_fail(walk->txn, -EBADMSG);
	return walk->txn->base.error == 0;
}
