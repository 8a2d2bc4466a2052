/*
 * Envelopes. With PIPELINING the client is far ahead of the replies, so what it said is written
 * down as a log in the order it came, and each reply, also in order, decides about the oldest line
 * of it: an accepted MAIL, RSET, HELO or EHLO drops what stands before it, a refused one drops
 * nothing (RFC 5321 4.1.4, 4.1.1.5). Bounded by the blocks of one arena; beyond that recipients are
 * counted.
 */
#include "dataplane/proto/smtp_internal.h"

static bool accepted(int code)
{
	return code < 300;
}

struct mw_smtp_envelope *mw_smtp_envelope_get(struct mw_smtp *s)
{
	struct mw_smtp_envelope *env;
	struct mw_arena arena;

	if (s->current != NULL)
		return s->current;
	mw_arena_init(&arena, s->pool, MW_SMTP_ENVELOPE_BLOCKS_MAX);
	env = mw_arena_alloc(&arena, sizeof(*env));
	if (env == NULL)
		return NULL;
	memset(env, 0, sizeof(*env));
	env->arena = arena;
	env->data_reply = -1;
	env->refs = 1;
	s->current = env;
	return env;
}

void mw_smtp_envelope_release(struct mw_smtp_envelope *env)
{
	struct mw_arena arena;

	if (env == NULL || --env->refs > 0)
		return;
	arena = env->arena; /* the struct lies in its own arena */
	mw_arena_reset(&arena);
}

void mw_smtp_envelope_drop_current(struct mw_smtp *s)
{
	struct mw_smtp_envelope *env = s->current;

	s->current = NULL;
	mw_smtp_envelope_release(env);
}

/* Until a reply comes the sender is taken for granted: there may never be one. */
static void sender_from(struct mw_smtp_envelope *env, const struct mw_smtp_rcpt *node)
{
	while (node != NULL && node->command != MW_SMTP_CMD_MAIL)
		node = node->log_next;
	env->mail_from = node != NULL ? node->address : mw_span_of(NULL, 0);
	env->start_ns = node != NULL ? node->time_ns : env->content_ns;
}

uint8_t mw_smtp_envelope_log(struct mw_smtp *s, enum mw_smtp_command command, struct mw_span text)
{
	bool is_rcpt = command == MW_SMTP_CMD_RCPT;
	struct mw_smtp_envelope *env;
	struct mw_smtp_rcpt *node = NULL;

	if (command == MW_SMTP_CMD_RSET && s->current == NULL)
		return 0;
	env = mw_smtp_envelope_get(s);
	if (env == NULL)
		return 0;
	env->outstanding++;
	/* Once something did not fit nothing is listed any more: the log has no holes. */
	if (!env->arena.refused)
		node = mw_arena_alloc(&env->arena, sizeof(*node) + text.len);
	env->rcpt_count += is_rcpt;
	env->rcpts_seen += is_rcpt;
	if (node == NULL) {
		env->rcpts_unlisted += is_rcpt;
		return RUN_ENV;
	}
	*node = (struct mw_smtp_rcpt){
		.address = mw_span_of(node + 1, text.len),
		.reply = -1,
		.command = (uint8_t)command,
		.rcpts_before = env->rcpts_seen - is_rcpt,
		.time_ns = s->line_ns,
	};
	if (text.len > 0)
		memcpy(node + 1, text.data, text.len);
	if (env->log_last != NULL)
		env->log_last->log_next = node;
	env->log_last = node;
	if (env->unanswered == NULL)
		env->unanswered = node;
	if (is_rcpt) {
		if (env->rcpts == NULL)
			env->rcpts = node;
		else
			env->rcpt_last->next = node;
		env->rcpt_last = node;
	} else if (command == MW_SMTP_CMD_MAIL && !env->mail_accepted &&
		   env->mail_from.data == NULL) {
		sender_from(env, node);
	}
	return RUN_ENV | RUN_NODE;
}

/* What stood before `node` is no part of the transaction. */
static void drop_before(struct mw_smtp_envelope *env, const struct mw_smtp_rcpt *node)
{
	struct mw_smtp_rcpt *rcpt = node != NULL ? node->log_next : NULL;

	while (rcpt != NULL && rcpt->command != MW_SMTP_CMD_RCPT)
		rcpt = rcpt->log_next;
	env->rcpts = rcpt;
	if (rcpt == NULL)
		env->rcpt_last = NULL;
	if (node != NULL) {
		env->rcpt_count = env->rcpts_seen - node->rcpts_before;
	} else {
		/* Which of the unlisted ones came later is not known; none of them is listed. */
		env->rcpt_count = env->outstanding;
		env->rcpts_unlisted = env->outstanding;
	}
	env->rcpts_accepted =
		0; /* replies come in order: all counted so far were to dropped ones */
	env->rcpts_refused = 0;
	env->mail_accepted = false;
	sender_from(env, node != NULL ? node->log_next : NULL);
}

static void take_helo(struct mw_smtp *s, const struct mw_smtp_rcpt *node)
{
	s->helo_known = node != NULL;
	if (node == NULL)
		return;
	s->helo_len = (uint16_t)(node->address.len < MW_SMTP_HELO_MAX ? node->address.len
								      : MW_SMTP_HELO_MAX);
	if (s->helo_len > 0)
		memcpy(s->helo, node->address.data, s->helo_len);
}

static void give_helo(const struct mw_smtp *s, struct mw_smtp_envelope *env)
{
	env->helo = mw_span_of(NULL, 0);
	if (!s->helo_known)
		return;
	memcpy(env->helo_text, s->helo, s->helo_len);
	env->helo = mw_span_of(env->helo_text, s->helo_len);
}

static void effect(struct mw_smtp *s, struct mw_smtp_envelope *env, enum mw_smtp_command command,
	const struct mw_smtp_rcpt *node, int code, bool *dropped)
{
	switch (command) {
	case MW_SMTP_CMD_RCPT:
		env->rcpts_accepted += code >= 0 && accepted(code);
		env->rcpts_refused += !accepted(code);
		break;
	case MW_SMTP_CMD_MAIL:
		if (accepted(code)) {
			drop_before(env, node);
			env->mail_accepted = true;
			env->mail_from = node != NULL ? node->address : mw_span_of(NULL, 0);
			env->start_ns = node != NULL ? node->time_ns : env->content_ns;
		} else if (!env->mail_accepted) {
			sender_from(env, node != NULL ? node->log_next : NULL);
		}
		break;
	case MW_SMTP_CMD_HELO:
	case MW_SMTP_CMD_EHLO:
		if (accepted(code)) {
			take_helo(s, node);
			if (env != s->current)
				give_helo(s, env); /* sent already, ahead of this reply */
		}
		/* fallthrough */
	default: /* RSET */
		if (accepted(code)) {
			*dropped = env->mail_accepted || env->rcpts_accepted > 0;
			drop_before(env, node);
		}
		break;
	}
}

const struct mw_smtp_rcpt *mw_smtp_envelope_answer(
	struct mw_smtp *s, enum mw_smtp_command command, uint8_t flags, int code, bool *dropped)
{
	struct mw_smtp_envelope *env = s->current;
	struct mw_smtp_rcpt *node = NULL;

	if ((flags & RUN_MID) == 0 && s->sent != NULL)
		env = s->sent;
	if ((flags & RUN_ENV) == 0 || env == NULL) {
		if (accepted(code) && (command == MW_SMTP_CMD_HELO || command == MW_SMTP_CMD_EHLO))
			take_helo(s, NULL);
		/* A chunk refused meanwhile left its transaction open: that goes, too. */
		if (accepted(code) && command == MW_SMTP_CMD_RSET && (flags & RUN_MID) != 0 &&
			s->current != NULL) {
			*dropped = true;
			mw_smtp_envelope_drop_current(s);
		}
		return NULL;
	}
	env->outstanding--;
	if ((flags & RUN_NODE) != 0) {
		node = env->unanswered;
		env->unanswered = node->log_next;
		node->reply = (int16_t)code;
	}
	effect(s, env, command, node, code, dropped);
	/* An envelope in which nothing is left gives its memory back; `node` was in it. */
	if (env == s->current && env->outstanding == 0 && !env->mail_accepted &&
		env->rcpts_refused == env->rcpt_count) {
		mw_smtp_envelope_drop_current(s);
		return NULL;
	}
	return command == MW_SMTP_CMD_RCPT ? node : NULL;
}

bool mw_smtp_envelope_send(struct mw_smtp *s, bool bdat)
{
	struct mw_smtp_envelope *env = mw_smtp_envelope_get(s);

	if (env == NULL)
		return false;
	env->content_ns = s->line_ns;
	if (env->start_ns == 0)
		env->start_ns = s->line_ns;
	env->end_ns = 0;
	env->bdat = bdat;
	env->ended = env->gap = env->lookalike = false;
	env->dead = env->answered = env->chunk_accepted = env->restore = false;
	env->data_reply = -1;
	give_helo(s, env);
	/* The list's reference was that of s->current; one for s->content, one for the lane. */
	env->refs = (uint8_t)(env->refs + 2);
	s->current = NULL;
	s->content = env;
	env->next = NULL;
	if (s->sent == NULL)
		s->sent = env;
	else
		s->sent_last->next = env;
	s->sent_last = env;
	return true;
}

void mw_smtp_envelope_settle(struct mw_smtp *s)
{
	while (s->sent != NULL && (s->sent->dead || s->sent->answered) && s->sent->chunks == 0) {
		struct mw_smtp_envelope *env = s->sent;

		s->sent = env->next;
		env->next = NULL;
		/* A message that was none (BDAT before RCPT, refused) leaves its transaction open.
		 */
		if (env->restore && env->mail_accepted && s->current == NULL)
			s->current = env;
		else
			mw_smtp_envelope_release(env);
	}
	if (s->sent == NULL)
		s->sent_last = NULL;
}
