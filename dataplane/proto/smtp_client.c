/*
 * What the client sends: command lines, and between them the octets of messages. Decides nothing
 * that only the server can decide: behind DATA, STARTTLS, AUTH, a BDAT it cannot read or that was
 * not offered, and a command it does not know, it waits for the reply, and between the chunks of a
 * message behind MAIL, HELO and EHLO too.
 */
#include "dataplane/proto/smtp_internal.h"

static void tell_text(struct mw_smtp_event *ev, enum mw_smtp_kind kind, struct mw_span text)
{
	mw_smtp_event_clear(ev, kind);
	ev->data = text;
}

/* HELO, EHLO, MAIL, RCPT, RSET. */
static bool envelope_command(
	struct mw_smtp *s, const struct mw_smtp_parsed *cmd, struct mw_smtp_event *ev)
{
	enum mw_smtp_kind kind = cmd->command == MW_SMTP_CMD_MAIL   ? MW_SMTP_MAIL
				 : cmd->command == MW_SMTP_CMD_RCPT ? MW_SMTP_RCPT
								    : MW_SMTP_HELO;
	uint8_t flags = 0;

	if (s->content != NULL && cmd->command == MW_SMTP_CMD_RCPT) {
		flags = 0; /* refused, or of no effect: the envelope is sent */
	} else {
		flags = mw_smtp_envelope_log(s, cmd->command, cmd->text);
		/* Between chunks the reply decides whether the message goes on: RSET gives it up
		 * (RFC 3030, 2), but with an argument it is refused. */
		if (s->content != NULL) {
			flags |= RUN_MID;
			s->state = ST_WAIT;
		}
	}
	mw_smtp_queue_push(s, cmd->command, flags);
	if (cmd->command == MW_SMTP_CMD_RSET)
		return false;
	tell_text(ev, kind, cmd->text);
	return true;
}

static bool bdat_command(
	struct mw_smtp *s, const struct mw_smtp_parsed *cmd, struct mw_smtp_event *ev)
{
	bool begins = s->content == NULL;

	if (begins && !mw_smtp_envelope_send(s, true)) {
		mw_smtp_lose(s, MW_REASON_MEMORY);
		return false;
	}
	s->content->chunks++;
	mw_smtp_queue_push(s, cmd->command, 0);
	s->chunk_left = cmd->chunk;
	s->chunk_last = cmd->command == MW_SMTP_CMD_BDAT_LAST;
	s->state = ST_CHUNK;
	if (!begins)
		return false;
	mw_smtp_event_clear(ev, MW_SMTP_CONTENT_BEGIN);
	ev->envelope = s->content;
	return true;
}

/* Servers that have not offered CHUNKING, or not yet, may read the octets of a chunk as commands.
 */
static bool chunks_are_read(const struct mw_smtp *s)
{
	if (!s->is_inline || s->one_sided || s->content != NULL)
		return true;
	return s->chunking && !mw_smtp_queue_has(s, MW_SMTP_CMD_EHLO) &&
	       !mw_smtp_queue_has(s, MW_SMTP_CMD_HELO);
}

/* One direction only, behind AUTH: a line that is no command is a credential. */
static bool is_credential(struct mw_smtp *s, const struct mw_smtp_parsed *cmd)
{
	if (!s->auth_lines)
		return false;
	if (cmd->known)
		s->auth_lines = false;
	return !cmd->known;
}

/* True when the command is an event of its own. */
static bool command(struct mw_smtp *s, struct mw_span line, bool whole, struct mw_smtp_event *ev)
{
	struct mw_smtp_parsed cmd = mw_smtp_command_parse(line, whole);

	if (is_credential(s, &cmd))
		return false;
	if (!s->greeted && !s->one_sided)
		mw_smtp_note(s, MW_REASON_EARLY_TALKER);
	if (!cmd.known)
		mw_smtp_note(s, MW_REASON_BAD_COMMAND);
	s->client_seen = true;
	switch (cmd.command) {
	case MW_SMTP_CMD_HELO:
	case MW_SMTP_CMD_EHLO:
	case MW_SMTP_CMD_MAIL:
	case MW_SMTP_CMD_RCPT:
	case MW_SMTP_CMD_RSET:
		return envelope_command(s, &cmd, ev);
	case MW_SMTP_CMD_BDAT:
	case MW_SMTP_CMD_BDAT_LAST:
		if (chunks_are_read(s))
			return bdat_command(s, &cmd, ev);
		cmd.command = MW_SMTP_CMD_BDAT_BAD;
		/* fallthrough */
	case MW_SMTP_CMD_BDAT_BAD:
		mw_smtp_note(s, MW_REASON_BAD_BDAT);
		/* fallthrough */
	case MW_SMTP_CMD_UNKNOWN:
	case MW_SMTP_CMD_DATA:
	case MW_SMTP_CMD_STARTTLS:
		s->state = ST_WAIT;
		mw_smtp_queue_push(s, cmd.command, 0);
		return false;
	case MW_SMTP_CMD_AUTH:
		s->auth_seen = true;
		s->state = ST_WAIT;
		mw_smtp_queue_push(s, cmd.command, 0);
		mw_smtp_event_clear(ev, MW_SMTP_AUTH);
		return true;
	case MW_SMTP_CMD_QUIT:
		mw_smtp_queue_push(s, cmd.command, 0);
		mw_smtp_event_clear(ev, MW_SMTP_QUIT);
		return true;
	default:
		mw_smtp_queue_push(s, cmd.command, 0);
		return false;
	}
}

/* A ClientHello where the first command should be, or, with the server unseen, behind STARTTLS. */
static bool is_tls(struct mw_smtp *s, const uint8_t *p, size_t n)
{
	uint8_t first[2];

	if (s->tls_probe && n > 0 && s->line_len == 0) {
		s->tls_probe = false;
		if (p[0] == 0x16) {
			s->starttls = MW_SMTP_STARTTLS_USED;
			mw_smtp_tls_begin(s, MW_REASON_STARTTLS);
			return true;
		}
		if (s->starttls < MW_SMTP_STARTTLS_REFUSED)
			s->starttls = MW_SMTP_STARTTLS_REFUSED;
	}
	/* Who has greeted in clear reads a line there. */
	if ((s->greeted && !s->one_sided) || s->tls_refused)
		return false;
	if (s->client_seen || s->line_len > 1 || s->line_len + n < 2)
		return false;
	first[0] = s->line_len == 1 ? s->line[0] : p[0];
	first[1] = s->line_len == 1 ? p[0] : p[1];
	if (first[0] != 0x16 || first[1] != 0x03)
		return false;
	mw_smtp_tls_begin(s, MW_REASON_IMPLICIT_TLS);
	return true;
}

/* So many of the next n octets may belong to the line. */
static size_t within_line(const struct mw_smtp *s, size_t n)
{
	return n > MW_SMTP_LINE_LIMIT - s->line_len && !s->one_sided
		       ? MW_SMTP_LINE_LIMIT - s->line_len
		       : n;
}

static size_t command_octets(
	struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev, bool *told)
{
	struct mw_span line;
	bool whole;
	size_t used;

	*told = false;
	if (is_tls(s, p, n))
		return 0;
	n = within_line(s, n);
	if (!mw_smtp_line_take(s, p, n, &used, &line, &whole))
		return used;
	*told = command(s, line, whole, ev);
	if (*told)
		s->line_over = true; /* the event may point into it */
	else
		mw_smtp_line_done(s);
	return used;
}

/* The answer to a 334: not kept, not even looked at. */
static size_t auth_octets(struct mw_smtp *s, const uint8_t *p, size_t n)
{
	const uint8_t *lf;

	n = within_line(s, n);
	lf = memchr(p, '\n', n);
	if (lf == NULL) {
		s->line_len += (uint32_t)n;
		return n;
	}
	s->line_len = 0;
	mw_smtp_queue_push(s, MW_SMTP_CMD_AUTH, 0);
	s->state = ST_WAIT;
	return (size_t)(lf - p) + 1;
}

/* RFC 8446 section 2: the client speaks first, in clear. */
static size_t hello_octets(struct mw_smtp *s, const uint8_t *p, size_t n)
{
	size_t used = mw_tls_hello_read(&s->hello, p, n);

	if (s->hello.outcome != MW_TLS_READING)
		mw_smtp_tls_over(s);
	return used;
}

static void content_end(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	struct mw_smtp_envelope *env = s->content;

	mw_smtp_event_clear(ev, MW_SMTP_CONTENT_END);
	ev->envelope = env;
	ev->complete = !env->gap;
	env->ended = true;
	env->end_ns = s->now_ns;
	s->content = NULL;
	s->state = ST_COMMAND;
	mw_smtp_envelope_release(env); /* the lane has its own */
}

static size_t chunk_octets(
	struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev, bool *told)
{
	size_t len = n < s->chunk_left ? n : (size_t)s->chunk_left;

	*told = false;
	if (s->chunk_left == 0) {
		s->state = ST_COMMAND;
		if (s->chunk_last && s->content != NULL) {
			content_end(s, ev);
			*told = true;
		}
		return 0;
	}
	s->chunk_left -= len;
	if (s->content != NULL && !s->content->gap && len > 0) {
		tell_text(ev, MW_SMTP_CONTENT, mw_span_of(p, len));
		ev->envelope = s->content;
		*told = true;
	}
	return len;
}

static size_t data_octets(
	struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev, bool *told)
{
	size_t used = mw_smtp_data(s, p, n, ev);

	*told = true;
	if (ev->kind == MW_SMTP_CONTENT_END)
		content_end(s, ev);
	else if (ev->kind == MW_SMTP_CONTENT && !s->content->gap)
		ev->envelope = s->content;
	else
		*told = false;
	return used;
}

static size_t step(
	struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev, bool *told)
{
	*told = false;
	if (s->tls)
		return hello_octets(s, p, n);
	switch (s->state) {
	case ST_DATA:
		return data_octets(s, p, n, ev, told);
	case ST_CHUNK:
		return chunk_octets(s, p, n, ev, told);
	case ST_AUTH:
		return auth_octets(s, p, n);
	default:
		return command_octets(s, p, n, ev, told);
	}
}

static bool line_is_endless(const struct mw_smtp *s)
{
	return (s->state == ST_COMMAND || s->state == ST_AUTH) && s->line_len >= MW_SMTP_LINE_LIMIT;
}

bool mw_smtp_blocked(const struct mw_smtp *s)
{
	return !s->dark && !s->tls && !s->one_sided &&
	       (s->state == ST_WAIT || (s->state == ST_COMMAND && !mw_smtp_queue_room(s)) ||
		       line_is_endless(s));
}

size_t mw_smtp_client(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev)
{
	size_t done = 0;
	bool told;

	if (p == NULL) /* of no octets; places are counted from it */
		p = (const uint8_t *)"";
	if (s->line_over)
		mw_smtp_line_done(s);
	for (;;) {
		bool chunk_over = s->state == ST_CHUNK && s->chunk_left == 0;

		if (mw_smtp_due(s, ev))
			return done;
		if (s->dark) {
			mw_smtp_event_clear(ev, MW_SMTP_MORE);
			return n;
		}
		if (done == n && !chunk_over) {
			mw_smtp_event_clear(ev, MW_SMTP_MORE);
			return done;
		}
		if (mw_smtp_blocked(s)) {
			mw_smtp_event_clear(ev, MW_SMTP_BLOCKED);
			return done;
		}
		done += step(s, p + done, n - done, ev, &told);
		if (told)
			return done;
	}
}
