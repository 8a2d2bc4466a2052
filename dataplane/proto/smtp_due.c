/*
 * One call tells one event; what was found beside it waits here. Also the two ways out of normal
 * reading: a message that ends incomplete, and a session that can no longer be followed.
 */
#include "dataplane/proto/smtp_internal.h"

_Static_assert(MW_REASON_CLEAN - MW_REASON_ASYMMETRIC <= 64, "anomalies fit a word");

void mw_smtp_event_clear(struct mw_smtp_event *ev, enum mw_smtp_kind kind)
{
	*ev = (struct mw_smtp_event){.kind = kind, .code = -1, .message = true};
}

void mw_smtp_note(struct mw_smtp *s, enum mw_reason anomaly)
{
	uint64_t bit = 1ull << (anomaly - MW_REASON_ASYMMETRIC);

	if ((s->reported & bit) != 0)
		return;
	s->reported |= bit;
	s->waiting |= bit;
}

/* The content the client is sending ends here, incomplete. */
void mw_smtp_abort(struct mw_smtp *s, struct mw_smtp_envelope *env, int code, bool message)
{
	bool open = env == s->content;

	env->dead = true;
	env->restore = !message;
	if (code >= 0)
		env->data_reply = (int16_t)code;
	s->abort_due = env; /* takes over the reference of s->content */
	s->abort_code = (int16_t)code;
	s->abort_message = message;
	if (open)
		s->content = NULL;
	else
		env->refs++;
	mw_smtp_envelope_settle(s);
}

void mw_smtp_lose(struct mw_smtp *s, enum mw_reason reason)
{
	if (s->dark)
		return;
	if (s->content != NULL)
		mw_smtp_abort(s, s->content, -1, true);
	s->dark = true;
	s->state = ST_COMMAND;
	s->lost_due = (uint16_t)reason;
	mw_smtp_line_done(s);
}

void mw_smtp_tls_begin(struct mw_smtp *s, enum mw_reason reason)
{
	uint8_t first = s->line[0];
	bool kept = s->line_kept > 0; /* one octet was taken for the beginning of a line */

	if (s->content != NULL)
		mw_smtp_abort(s, s->content, -1, true);
	mw_smtp_line_done(s);
	s->tls = true;
	s->lost_due = (uint16_t)reason;
	mw_tls_hello_init(&s->hello);
	mw_tls_hello_read(&s->hello, &first, kept ? 1 : 0);
}

void mw_smtp_tls_over(struct mw_smtp *s)
{
	mw_tls_hello_end(&s->hello);
	s->tls = false;
	s->dark = true;
	s->hello_due = true;
	s->state = ST_COMMAND;
}

static void tell_abort(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	struct mw_smtp_envelope *env = s->abort_due;

	mw_smtp_event_clear(ev, MW_SMTP_CONTENT_ABORT);
	ev->envelope = env;
	ev->code = s->abort_code;
	ev->message = s->abort_message;
	s->abort_due = NULL;
	mw_smtp_envelope_release(env); /* the lane has its own */
}

static void tell_anomaly(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	int bit = __builtin_ctzll(s->waiting);

	mw_smtp_event_clear(ev, MW_SMTP_ANOMALY);
	ev->reason = (enum mw_reason)(MW_REASON_ASYMMETRIC + bit);
	s->waiting &= s->waiting - 1;
}

static bool over(const struct mw_smtp *s)
{
	return s->dark || s->tls || s->finishing;
}

/* Where reading ends: messages that were whole before are told before the one that is cut off. */
static bool tell_earlier(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	const struct mw_smtp_envelope *cut = s->abort_due != NULL ? s->abort_due : s->content;

	while (cut != NULL && s->sent != NULL && s->sent != cut && mw_smtp_queue_head(s) != NULL) {
		mw_smtp_apply(s, -1, ev);
		if (ev->kind == MW_SMTP_FINAL_REPLY)
			return true;
	}
	return false;
}

/* Replies that nobody waits for any more: the rest of the queue counts as accepted, unanswered. */
static bool drain(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	bool all = over(s);

	while ((all || (s->one_sided && s->outstanding > s->keep)) &&
		mw_smtp_queue_head(s) != NULL) {
		const struct mw_smtp_run *run = mw_smtp_queue_head(s);
		bool final = run->command == MW_SMTP_CMD_CONTENT ||
			     run->command == MW_SMTP_CMD_BDAT_LAST;

		if (final && !all && s->sent != NULL && !s->sent->dead && !s->sent->ended)
			return false;
		/* Nobody answers a chunk before its end, and this one's reply may be seen. */
		if (s->skipping && !all && s->outstanding == 1 && s->state == ST_CHUNK &&
			s->chunk_left > 0)
			return false;
		mw_smtp_apply(s, -1, ev);
		if (ev->kind == MW_SMTP_FINAL_REPLY || s->abort_due != NULL)
			return true;
		if (s->state == ST_BEGIN)
			return false;
	}
	return false;
}

static bool tell_begin(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	mw_smtp_event_clear(ev, MW_SMTP_CONTENT_BEGIN);
	ev->envelope = s->content;
	s->state = ST_DATA;
	return true;
}

bool mw_smtp_due(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	for (;;) {
		if (over(s) && tell_earlier(s, ev))
			return true;
		if (s->abort_due != NULL) {
			tell_abort(s, ev);
			return true;
		}
		if (s->state == ST_BEGIN)
			return tell_begin(s, ev);
		if (s->waiting != 0) {
			tell_anomaly(s, ev);
			return true;
		}
		if (s->lookalike_due) {
			s->lookalike_due = false;
			mw_smtp_event_clear(ev, MW_SMTP_LOOKALIKE);
			ev->reason =
				(enum mw_reason)((unsigned)MW_REASON_SMUGGLING + s->lookalike_as);
			ev->hold = s->lookalike_hold;
			ev->envelope = s->content;
			return true;
		}
		if (s->lost_due != 0) {
			mw_smtp_event_clear(
				ev, s->lost_due == MW_REASON_STARTTLS ||
						    s->lost_due == MW_REASON_IMPLICIT_TLS
					    ? MW_SMTP_TLS
					    : MW_SMTP_LOST);
			ev->reason = (enum mw_reason)s->lost_due;
			s->lost_due = 0;
			return true;
		}
		if (s->hello_due) {
			s->hello_due = false;
			mw_smtp_event_clear(ev, MW_SMTP_TLS_HELLO);
			ev->hello = &s->hello;
			return true;
		}
		if (over(s) && s->content != NULL) {
			mw_smtp_abort(s, s->content, -1, true);
			continue;
		}
		if (drain(s, ev)) {
			if (ev->kind == MW_SMTP_FINAL_REPLY)
				return true;
			continue;
		}
		if (s->state != ST_BEGIN)
			return false;
	}
}
