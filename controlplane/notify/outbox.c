/* The outbox record as octets, and what a result makes of it. */
#include "controlplane/notify/outbox.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/cursor.h"

#define OUTBOX_VERSION 1

static const char *const state_names[MW_OUTBOX_STATE_COUNT] = {"queued", "accepted", "failed"};
static const char *const outcome_names[MW_MAIL_OUTCOME_COUNT] = {"accepted", "deferred", "refused"};

const char *mw_outbox_state_name(enum mw_outbox_state state)
{
	return (unsigned)state < MW_OUTBOX_STATE_COUNT ? state_names[state] : "unknown";
}

const char *mw_mail_outcome_name(enum mw_mail_outcome outcome)
{
	return (unsigned)outcome < MW_MAIL_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

uint32_t mw_outbox_backoff_s(uint32_t attempts)
{
	uint32_t wait_s = 15;

	while (attempts > 1 && wait_s < 900) {
		wait_s *= 2;
		attempts--;
	}
	return wait_s < 900 ? wait_s : 900;
}

void mw_outbox_apply(
	struct mw_outbox_record *record, const struct mw_mail_result *result, uint64_t now_s)
{
	if (record->state != MW_OUTBOX_QUEUED)
		return; /* answered already: a repeated result changes nothing */
	record->attempts++;
	record->last_code = result->code;
	snprintf(record->last_reply, sizeof(record->last_reply), "%s", result->reply);
	switch (result->outcome) {
	case MW_MAIL_ACCEPTED:
		record->state = MW_OUTBOX_ACCEPTED;
		break;
	case MW_MAIL_REFUSED:
		record->state = MW_OUTBOX_FAILED;
		break;
	default:
		if (now_s >= record->created_s + MW_OUTBOX_GIVE_UP_S)
			record->state = MW_OUTBOX_FAILED;
		else
			record->next_try_s = now_s + mw_outbox_backoff_s(record->attempts);
	}
	if (record->state != MW_OUTBOX_QUEUED)
		record->done_s = now_s;
}

size_t mw_outbox_encode(const struct mw_outbox_record *rec, uint8_t *out, size_t size)
{
	struct mw_writer w = mw_writer_of(out, size);

	if (rec->octets_len > MW_OUTBOX_OCTETS_MAX || rec->to_count > MW_OUTBOX_RECIPIENTS_MAX)
		return 0;
	mw_write_u8(&w, OUTBOX_VERSION);
	mw_write_u64(&w, rec->id);
	mw_write_u16(&w, rec->ticket.year);
	mw_write_u32(&w, rec->ticket.seq);
	mw_write_u8(&w, (uint8_t)rec->kind);
	mw_write_u8(&w, rec->contact);
	mw_write_u32(&w, rec->revision);
	mw_write_u8(&w, (uint8_t)rec->state);
	mw_write_u32(&w, rec->attempts);
	mw_write_u64(&w, rec->created_s);
	mw_write_u64(&w, rec->next_try_s);
	mw_write_u64(&w, rec->done_s);
	mw_write_u32(&w, rec->last_code);
	mw_write_cstring(&w, rec->last_reply);
	mw_write_cstring(&w, rec->message_id);
	mw_write_cstring(&w, rec->from);
	mw_write_u8(&w, rec->to_count);
	for (uint8_t i = 0; i < rec->to_count; i++)
		mw_write_cstring(&w, rec->to[i]);
	mw_write_u32(&w, rec->octets_len);
	mw_write_octets(&w, rec->octets, rec->octets_len);
	return mw_writer_len(&w);
}

int mw_outbox_decode(struct mw_span in, struct mw_outbox_record *rec)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);

	memset(rec, 0, sizeof(*rec));
	if (mw_read_u8(&r) != OUTBOX_VERSION)
		return r.failed ? -EBADMSG : -EPROTO;
	rec->id = mw_read_u64(&r);
	rec->ticket.year = mw_read_u16(&r);
	rec->ticket.seq = mw_read_u32(&r);
	rec->kind = (enum mw_mail_kind)mw_read_u8(&r);
	rec->contact = mw_read_u8(&r);
	rec->revision = mw_read_u32(&r);
	rec->state = (enum mw_outbox_state)mw_read_u8(&r);
	rec->attempts = mw_read_u32(&r);
	rec->created_s = mw_read_u64(&r);
	rec->next_try_s = mw_read_u64(&r);
	rec->done_s = mw_read_u64(&r);
	rec->last_code = mw_read_u32(&r);
	mw_read_cstring(&r, rec->last_reply, sizeof(rec->last_reply));
	mw_read_cstring(&r, rec->message_id, sizeof(rec->message_id));
	mw_read_cstring(&r, rec->from, sizeof(rec->from));
	rec->to_count = mw_read_u8(&r);
	if (rec->kind >= MW_MAIL_KIND_COUNT || rec->state >= MW_OUTBOX_STATE_COUNT ||
		rec->to_count > MW_OUTBOX_RECIPIENTS_MAX)
		return -EBADMSG;
	for (uint8_t i = 0; i < rec->to_count; i++)
		mw_read_cstring(&r, rec->to[i], sizeof(rec->to[i]));
	rec->octets_len = mw_read_u32(&r);
	if (rec->octets_len > MW_OUTBOX_OCTETS_MAX)
		return -EBADMSG;
	mw_read_octets(&r, rec->octets, rec->octets_len);
	return mw_reader_done(&r) ? 0 : -EBADMSG;
}
