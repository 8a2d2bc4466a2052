/*
 * The life of a session: begin, end, and the questions a lane asks in between.
 */
#include "dataplane/proto/smtp_internal.h"

_Static_assert(sizeof(struct mw_smtp) <= 1600, "a session fits 25 cache lines");

void mw_smtp_init(struct mw_smtp *s, struct mw_pool *envelope_pool)
{
	memset(s, 0, sizeof(*s));
	s->pool = envelope_pool;
	s->state = ST_COMMAND;
	mw_smtp_queue_push(s, MW_SMTP_CMD_GREETING, 0);
}

void mw_smtp_close(struct mw_smtp *s)
{
	mw_smtp_envelope_drop_current(s);
	mw_smtp_envelope_release(s->content);
	mw_smtp_envelope_release(s->abort_due);
	s->content = NULL;
	s->abort_due = NULL;
	while (s->sent != NULL) {
		struct mw_smtp_envelope *env = s->sent;

		s->sent = env->next;
		mw_smtp_envelope_release(env);
	}
	s->sent_last = NULL;
	s->dark = true;
	mw_smtp_line_done(s);
}

void mw_smtp_set_now(struct mw_smtp *s, uint64_t now_ns)
{
	s->now_ns = now_ns;
}

void mw_smtp_join(struct mw_smtp *s)
{
	mw_smtp_queue_pop(s);
	s->greeted = s->client_seen = true;
	s->chunking = true; /* its EHLO went by, too */
}

void mw_smtp_set_inline(struct mw_smtp *s, bool tls_first)
{
	s->is_inline = true;
	s->tls_refused = !tls_first;
}

void mw_smtp_greeting_unsure(struct mw_smtp *s)
{
	s->unsure = true;
}

void mw_smtp_set_one_sided(struct mw_smtp *s)
{
	s->one_sided = true;
}

void mw_smtp_finish(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	s->finishing = true;
	if (s->tls)
		mw_smtp_tls_over(s);
	if (s->state == ST_CHUNK && s->chunk_left == 0 && s->chunk_last && s->content != NULL) {
		mw_smtp_client(s, NULL, 0, ev); /* complete, only not told yet */
		return;
	}
	if (mw_smtp_due(s, ev))
		return;
	mw_smtp_event_clear(ev, MW_SMTP_MORE);
}

bool mw_smtp_idle(const struct mw_smtp *s)
{
	return !s->dark && !s->tls && s->greeted && s->state == ST_COMMAND && s->line_len == 0 &&
	       s->content == NULL && s->outstanding == 0 && !mw_smtp_reply_open(s) &&
	       (s->current == NULL || !s->current->mail_accepted);
}

uint32_t mw_smtp_replies_outstanding(const struct mw_smtp *s)
{
	return s->outstanding;
}

bool mw_smtp_reply_open(const struct mw_smtp *s)
{
	return s->reply_multi || s->reply_len > 0;
}

bool mw_smtp_secret(const struct mw_smtp *s)
{
	return s->line_secret || s->auth_seen;
}

bool mw_smtp_dark(const struct mw_smtp *s)
{
	return s->dark;
}

bool mw_smtp_in_content(const struct mw_smtp *s)
{
	return s->content != NULL;
}

enum mw_smtp_starttls mw_smtp_starttls(const struct mw_smtp *s)
{
	return (enum mw_smtp_starttls)s->starttls;
}

const char *mw_smtp_starttls_name(enum mw_smtp_starttls status)
{
	static const char *const names[] = {"no", "offered", "refused", "used"};

	return names[status];
}
