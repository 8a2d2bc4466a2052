/*
 * Replies of the server (RFC 5321 4.2): lines, multi-line replies, and the one question each final
 * line answers: which command it belongs to. Text that is no reply is passed over, a little of it.
 */
#include "dataplane/proto/smtp_internal.h"

/* More lines than that which are no replies: this is something else. */
#define BAD_REPLIES_MAX 64

/* Keeps the beginning of a line. True when it is complete. */
static bool take_line(struct mw_smtp *s, const uint8_t *p, size_t n, size_t *used)
{
	const uint8_t *lf = n > 0 ? memchr(p, '\n', n) : NULL;
	size_t len = lf != NULL ? (size_t)(lf - p) : n;
	size_t kept = s->reply_len < MW_SMTP_REPLY_MAX ? s->reply_len : MW_SMTP_REPLY_MAX;
	size_t room = MW_SMTP_REPLY_MAX - kept;

	*used = lf != NULL ? len + 1 : len;
	if (len > 0 && room > 0)
		memcpy(s->reply + kept, p, len < room ? len : room);
	s->reply_len = len > UINT32_MAX - s->reply_len ? UINT32_MAX : s->reply_len + (uint32_t)len;
	return lf != NULL;
}

static int code_of(struct mw_span line)
{
	int code = 0;

	if (line.len < 3 || line.data[0] < '1' || line.data[0] > '5')
		return -1;
	for (size_t i = 0; i < 3; i++) {
		if (line.data[i] < '0' || line.data[i] > '9')
			return -1;
		code = code * 10 + (line.data[i] - '0');
	}
	if (line.len > 3 && line.data[3] >= '0' && line.data[3] <= '9')
		return -1;
	return code;
}

static bool names(struct mw_span text, const char *keyword)
{
	size_t len = strlen(keyword);

	return text.len >= len && strncasecmp((const char *)text.data, keyword, len) == 0 &&
	       (text.len == len || text.data[len] == ' ');
}

static void note_extension(struct mw_smtp *s, int code, struct mw_span text)
{
	if (code != 250)
		return;
	if (names(text, "STARTTLS") && s->starttls < MW_SMTP_STARTTLS_OFFERED)
		s->starttls = MW_SMTP_STARTTLS_OFFERED;
	if (names(text, "CHUNKING"))
		s->chunking_listed = true;
}

/* A reply that no command waits for. 421 may come at any time (RFC 5321 3.8). */
static void unasked(struct mw_smtp *s, int code, struct mw_smtp_event *ev)
{
	mw_smtp_event_clear(ev, MW_SMTP_REPLY);
	ev->code = code;
	if (code == 421 || !s->client_seen || s->one_sided)
		return;
	mw_smtp_note(s, MW_REASON_UNEXPECTED_REPLY);
	/* It has read a command where we have not, and what comes next is not what we would take it
	 * for. */
	if (code >= 300 && code < 400)
		mw_smtp_lose(s, MW_REASON_DESYNC);
}

/* What a line of a refusal says; the weightiest line counts. */
static void note_refusal(struct mw_smtp *s, int code, struct mw_span text)
{
	struct mw_smtp_enhanced enhanced = mw_smtp_enhanced_of(code, text);
	enum mw_smtp_refusal refusal = mw_smtp_refusal_of(code, enhanced, text);

	if (enhanced.klass != 0)
		s->reply_enhanced = enhanced;
	if (refusal > s->reply_refusal)
		s->reply_refusal = (uint8_t)refusal;
}

static void reply_over(struct mw_smtp *s)
{
	s->reply_enhanced = (struct mw_smtp_enhanced){0};
	s->reply_refusal = MW_SMTP_REFUSAL_NONE;
	s->reply_lines = 0;
	s->chunking_listed = false;
}

/* What this server says is not what a mail server says. */
static void no_server(struct mw_smtp *s)
{
	mw_smtp_lose(s, s->greeted ? MW_REASON_DESYNC : MW_REASON_NOT_SMTP);
}

/* Where the greeting cannot have been missed any refusal is one: servers say more than 554. */
static bool may_greet(const struct mw_smtp *s, int code)
{
	return code == 220 || (s->unsure ? code == 554 || code == 421 : code >= 400);
}

static void align(struct mw_smtp *s, int code, struct mw_smtp_event *ev)
{
	const struct mw_smtp_run *head = mw_smtp_queue_head(s);
	bool blocked = mw_smtp_blocked(s);

	/* A first reply that cannot be a greeting answers a command: the greeting was not seen. */
	if (head != NULL && head->command == MW_SMTP_CMD_GREETING && s->runs > 1 &&
		!may_greet(s, code)) {
		s->greeted = true;
		mw_smtp_queue_pop(s);
		head = mw_smtp_queue_head(s);
	}
	if (head == NULL || s->one_sided)
		unasked(s, code, ev);
	else
		mw_smtp_apply(s, code, ev);
	ev->unblocked = blocked && !mw_smtp_blocked(s) && !s->dark;
}

/* False when the line says nothing. */
static bool read_line(struct mw_smtp *s, struct mw_smtp_event *ev)
{
	struct mw_span line = mw_span_of(
		s->reply, s->reply_len < MW_SMTP_REPLY_MAX ? s->reply_len : MW_SMTP_REPLY_MAX);
	struct mw_span text;
	int code;

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	code = code_of(line);
	if (code < 0) {
		if (++s->bad_replies > BAD_REPLIES_MAX)
			no_server(s);
		return false;
	}
	text = line.len > 4 ? mw_span_of(line.data + 4, line.len - 4) : mw_span_of(line.data, 0);
	note_extension(s, code, text);
	note_refusal(s, code, text);
	s->reply_multi = line.len > 3 && line.data[3] == '-';
	if (s->reply_multi) {
		if (++s->reply_lines > MW_SMTP_REPLY_LINES_MAX)
			no_server(s);
		return false;
	}
	if (code < 200) { /* RFC 5321 4.2.1 knows no 1yz; it settles nothing */
		reply_over(s);
		if (++s->bad_replies > BAD_REPLIES_MAX)
			no_server(s);
		return false;
	}
	align(s, code, ev);
	ev->data = text;
	ev->enhanced = s->reply_enhanced;
	ev->refusal = (enum mw_smtp_refusal)s->reply_refusal;
	reply_over(s);
	return true;
}

/* TLS where a reply should begin: the STARTTLS was in the direction that is not seen. */
static bool is_tls(struct mw_smtp *s)
{
	if (s->reply_len < 2 || s->reply[0] != 0x16 || s->reply[1] != 0x03)
		return false;
	if (s->greeted)
		s->starttls = MW_SMTP_STARTTLS_USED;
	mw_smtp_tls_begin(s, s->greeted ? MW_REASON_STARTTLS : MW_REASON_IMPLICIT_TLS);
	mw_smtp_tls_over(s); /* the hello before it was not seen */
	return true;
}

size_t mw_smtp_server(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev)
{
	size_t done = 0;
	size_t used;
	bool complete, told;

	for (;;) {
		if (mw_smtp_due(s, ev))
			return done;
		if (s->dark || done == n) {
			mw_smtp_event_clear(ev, MW_SMTP_MORE);
			return n;
		}
		if (s->tls) { /* it answers a hello of which we have not seen the end */
			mw_smtp_tls_over(s);
			continue;
		}
		complete = take_line(s, p + done, n - done, &used);
		done += used;
		if (is_tls(s))
			continue;
		if (s->reply_len > MW_SMTP_REPLY_LINE_MAX) {
			no_server(s);
			continue;
		}
		if (!complete)
			continue;
		told = read_line(s, ev);
		s->reply_len = 0;
		if (told)
			return done;
	}
}
