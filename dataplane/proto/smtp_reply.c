/*
 * What a reply means to the oldest command outstanding. One place for replies that came and for
 * those that never will (code -1, which counts as acceptance: INSPECT.md, one direction only).
 */
#include "dataplane/proto/smtp_internal.h"

static bool accepted(int code)
{
	return code < 300;
}

static bool intermediate(int code)
{
	return code >= 300 && code < 400;
}

/* HELO, EHLO, MAIL, RCPT, RSET. */
static void envelope_reply(
	struct mw_smtp *s, struct mw_smtp_run run, int code, struct mw_smtp_event *ev)
{
	ev->rcpt = mw_smtp_envelope_answer(s, run.command, run.flags, code, &ev->dropped);
	if ((run.flags & RUN_MID) != 0) {
		s->state = ST_COMMAND;
		/* The server began anew: what came of the message is void. */
		if (accepted(code) && s->content != NULL)
			mw_smtp_abort(s, s->content, -1, true);
	}
	/* None of these has a second step (RFC 5321 4.3.2). */
	if (intermediate(code))
		mw_smtp_lose(s, MW_REASON_DESYNC);
}

static void data_reply(struct mw_smtp *s, int code)
{
	s->state = ST_COMMAND;
	if (code >= 200 && accepted(code)) {
		mw_smtp_lose(s, MW_REASON_DESYNC);
		return;
	}
	if (code >= 400)
		return;
	if (s->content != NULL)
		mw_smtp_abort(s, s->content, -1, true);
	if (!mw_smtp_envelope_send(s, false)) {
		mw_smtp_lose(s, MW_REASON_MEMORY);
		return;
	}
	s->content->chunks = 1;
	mw_smtp_queue_push(s, MW_SMTP_CMD_CONTENT, 0);
	s->state = ST_BEGIN;
	s->body = BODY_START;
	s->lax = LAX_START;
	s->lax_last = LAX_LAST_SEEN;
}

/* BDAT without LAST. Refused, it ends its message; when it was the first there was none. */
static void chunk_reply(struct mw_smtp *s, int code, struct mw_smtp_event *ev)
{
	struct mw_smtp_envelope *env = s->sent;

	ev->kind = MW_SMTP_CHUNK_REPLY;
	if (env == NULL)
		return;
	env->chunks--;
	if (!env->dead)
		ev->envelope = env;
	if (env->dead) {
		mw_smtp_envelope_settle(s);
	} else if (accepted(code)) {
		env->chunk_accepted = true;
	} else {
		mw_smtp_abort(s, env, code, env->chunk_accepted);
	}
}

/* The reply to a whole content. */
static void final_reply(
	struct mw_smtp *s, enum mw_smtp_command command, int code, struct mw_smtp_event *ev)
{
	struct mw_smtp_envelope *env = s->sent;
	bool open;

	if (env == NULL)
		return;
	env->chunks--;
	if (env->dead) {
		mw_smtp_envelope_settle(s);
		return;
	}
	open = env == s->content;
	/* An end was not seen that the server saw: in a gap, or at a look-alike. What the client
	 * sends from here on would be commands read as content. */
	if (open && command == MW_SMTP_CMD_CONTENT &&
		(env->gap || (accepted(code) && env->lookalike))) {
		mw_smtp_abort(s, env, code, true);
		mw_smtp_lose(s, env->gap ? MW_REASON_GAP : MW_REASON_DESYNC);
		return;
	}
	env->data_reply = (int16_t)code;
	env->answered = true;
	ev->kind = MW_SMTP_FINAL_REPLY;
	ev->envelope = env;
	/* A lone `BDAT n LAST` to which nobody's RCPT was accepted is what a refused DATA is. */
	if (command == MW_SMTP_CMD_BDAT_LAST && code >= 400 && !env->chunk_accepted &&
		env->rcpts_accepted == 0) {
		ev->message = false;
		env->restore = true;
	}
	mw_smtp_envelope_settle(s);
}

static void starttls_reply(struct mw_smtp *s, int code)
{
	s->state = ST_COMMAND;
	if (code < 0) {
		s->tls_probe = true;
	} else if (accepted(code)) {
		/* Dark from the ClientHello on. A client that goes on in clear all the same
		 * (captures that were decrypted do) is read on. */
		s->starttls = MW_SMTP_STARTTLS_USED;
		s->tls_probe = true;
	} else if (s->starttls < MW_SMTP_STARTTLS_REFUSED) {
		s->starttls = MW_SMTP_STARTTLS_REFUSED;
	}
}

static void auth_reply(struct mw_smtp *s, int code)
{
	s->state = intermediate(code) ? ST_AUTH : ST_COMMAND;
	s->auth_lines = code < 0;
}

void mw_smtp_apply(struct mw_smtp *s, int code, struct mw_smtp_event *ev)
{
	struct mw_smtp_run run = *mw_smtp_queue_head(s);

	mw_smtp_queue_pop(s);
	mw_smtp_event_clear(ev, MW_SMTP_REPLY);
	ev->command = run.command;
	ev->code = code;
	switch ((enum mw_smtp_command)run.command) {
	case MW_SMTP_CMD_GREETING:
		ev->kind = MW_SMTP_GREETING;
		s->greeted = true;
		break;
	case MW_SMTP_CMD_HELO:
	case MW_SMTP_CMD_EHLO:
		if (code >= 0 && accepted(code))
			s->chunking = run.command == MW_SMTP_CMD_EHLO && s->chunking_listed;
		envelope_reply(s, run, code, ev);
		break;
	case MW_SMTP_CMD_MAIL:
	case MW_SMTP_CMD_RCPT:
	case MW_SMTP_CMD_RSET:
		envelope_reply(s, run, code, ev);
		break;
	case MW_SMTP_CMD_DATA:
		data_reply(s, code);
		break;
	case MW_SMTP_CMD_BDAT:
		chunk_reply(s, code, ev);
		break;
	case MW_SMTP_CMD_CONTENT:
	case MW_SMTP_CMD_BDAT_LAST:
		final_reply(s, run.command, code, ev);
		break;
	case MW_SMTP_CMD_BDAT_BAD:
		s->state = ST_COMMAND;
		if (code >= 0 && code < 400)
			mw_smtp_lose(s, MW_REASON_DESYNC); /* it read a size where none is */
		break;
	case MW_SMTP_CMD_STARTTLS:
		starttls_reply(s, code);
		break;
	case MW_SMTP_CMD_AUTH:
		auth_reply(s, code);
		break;
	case MW_SMTP_CMD_UNKNOWN: /* a server may have found a DATA in it */
		s->state = ST_COMMAND;
		if (code == 354 && s->gap != GAP_NONE)
			mw_smtp_lose(s, MW_REASON_DESYNC); /* or it is that of another command */
		else if (code == 354)
			data_reply(s, code);
		else if (intermediate(code))
			mw_smtp_lose(s, MW_REASON_UNSUPPORTED_ENCODING);
		break;
	case MW_SMTP_CMD_NOT_FOLLOWED:
		if (code >= 0 && code < 400)
			mw_smtp_lose(s, MW_REASON_UNSUPPORTED_ENCODING);
		break;
	case MW_SMTP_CMD_NONE:
	case MW_SMTP_CMD_QUIT:
	case MW_SMTP_CMD_OTHER:
		if (intermediate(code))
			mw_smtp_lose(s, MW_REASON_UNSUPPORTED_ENCODING);
		break;
	}
}
