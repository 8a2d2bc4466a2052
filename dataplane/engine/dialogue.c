#include "dataplane/engine/dialogue.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/contract/policy.h"

#define ENOUGH "421 4.7.0 Too much\r\n"

_Static_assert(sizeof("550 5.7.1 \r\n") - 1 + MW_REPLY_TEXT_MAX - 1 <= MW_DIALOGUE_LINE_MAX,
	"a reply line is longer than SMTP has it");

/* For the last word there is always room. */
__attribute__((format(printf, 2, 3))) static void add(
	struct mw_dialogue_out *out, const char *format, ...)
{
	size_t room = sizeof(out->text) - sizeof(ENOUGH) - out->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out->text + out->len, room, format, args);
	va_end(args);
	if (n <= 0 || (size_t)n >= room) {
		/* more replies than a client that waits its turn can have caused */
		n = (int)strlen(ENOUGH);
		memcpy(out->text + out->len, ENOUGH, (size_t)n);
		out->close = true;
	}
	out->len = (uint16_t)(out->len + n);
}

static void add_reply(struct mw_dialogue_out *out, const char *code, const char *reply)
{
	add(out, "%s %.*s\r\n", code, MW_REPLY_TEXT_MAX - 1, reply);
}

void mw_dialogue_greet(struct mw_dialogue *d, const char *name, bool at_hello, bool later,
	struct mw_dialogue_out *out)
{
	memset(d, 0, sizeof(*d));
	d->at_hello = at_hello;
	d->later = later;
	out->len = 0;
	out->close = false;
	add(out, "220 %s ESMTP\r\n", name);
}

void mw_dialogue_timeout(struct mw_dialogue_out *out)
{
	out->len = 0;
	add(out, "421 4.4.2 Timeout\r\n");
	out->close = true;
}

void mw_dialogue_refused(struct mw_dialogue *d, bool sinks)
{
	memset(d, 0, sizeof(*d));
	d->refused = true;
	d->sinks = sinks;
}

/* RSET and NOOP too: a client whose connection goes on after them would put the next, innocent
 * message into it (seen with Postfix's connection cache). */
static void act_refused(const struct mw_dialogue *d, struct mw_dialogue_out *out)
{
	if (strcmp(d->verb, "QUIT") == 0)
		add(out, "221 2.0.0 Bye\r\n");
	else if (d->sinks)
		return;
	else
		add(out, "421 4.7.0 Closing the connection behind a refused message\r\n");
	out->close = true;
}

/* Which answers need nothing but the verb. RFC 5321, 4.2.4: 502 to what is known and not had, 500
 * to what is not known. */
static const struct {
	const char *verb, *reply;
} answers[] = {
	{"RSET", "250 2.0.0 Ok"},
	{"NOOP", "250 2.0.0 Ok"},
	{"VRFY", "252 2.0.0 Cannot verify"},
	/* no MAIL was taken, so none of these is ever in turn */
	{"RCPT", "503 5.5.1 Bad sequence of commands"},
	{"DATA", "503 5.5.1 Bad sequence of commands"},
	{"BDAT", "503 5.5.1 Bad sequence of commands"},
	{"STARTTLS", "502 5.5.1 Command not implemented"},
	{"EXPN", "502 5.5.1 Command not implemented"},
	{"ETRN", "502 5.5.1 Command not implemented"},
	{"SEND", "502 5.5.1 Command not implemented"},
	{"SOML", "502 5.5.1 Command not implemented"},
	{"SAML", "502 5.5.1 Command not implemented"},
	{"TURN", "502 5.5.1 Command not implemented"},
};

static const char *answer_to(const char *verb)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(verb, answers[i].verb) == 0)
			return answers[i].reply;
	return "500 5.5.1 Command not recognized";
}

static void act(
	struct mw_dialogue *d, const char *name, const char *reply, struct mw_dialogue_out *out)
{
	const char *verb = d->verb;
	const char *code = d->later ? "450 4.7.1" : "550 5.7.1";
	bool hello = strcmp(verb, "EHLO") == 0 || strcmp(verb, "HELO") == 0;
	bool mail = strcmp(verb, "MAIL") == 0;

	d->hello |= hello;
	d->mail |= mail;
	if (strcmp(verb, "QUIT") == 0) {
		add(out, "221 2.0.0 Bye\r\n");
		out->close = true;
	} else if (reply == NULL) {
		add(out, "421 4.3.2 Please connect again\r\n");
		out->close = true;
	} else if (d->line_len >= MW_DIALOGUE_LINE_MAX) /* without its LF */
		add(out, "500 5.5.2 Line too long\r\n");
	else if (hello && !d->at_hello)
		add(out, "250 %s\r\n", name);
	else if (hello || mail || strcmp(verb, "AUTH") == 0)
		add_reply(out, code, reply);
	else if (strcmp(verb, "HELP") == 0)
		add_reply(out, "214 2.0.0", reply);
	else
		add(out, "%s\r\n", answer_to(verb));
}

/* The verb: letters from the line's first octet on, and a blank or the line's end behind them. */
static void take_verb(struct mw_dialogue *d, uint8_t c)
{
	bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

	if (letter && d->verb_len < sizeof(d->verb) - 1) {
		d->verb[d->verb_len++] = (char)(c & 0xdf);
		return;
	}
	d->verb_done = true;
	if (c != ' ' && c != '\t' && c != '\r')
		memset(d->verb, 0, sizeof(d->verb));
}

/* A size that cannot be read is none. */
static void take_size(struct mw_dialogue *d, uint8_t c)
{
	if (c >= '0' && c <= '9') {
		if (d->size <= MW_DIALOGUE_OCTETS_MAX) /* more is never read */
			d->size = d->size * 10 + (uint32_t)(c - '0');
	} else if (c != ' ' && c != '\r') {
		d->size = 0;
		d->size_done = true;
	} else {
		d->size_done = d->size > 0;
	}
}

static void end_line(
	struct mw_dialogue *d, const char *name, const char *reply, struct mw_dialogue_out *out)
{
	if (d->refused)
		act_refused(d, out);
	else
		act(d, name, reply, out);
	d->lines = (uint16_t)(d->lines + !d->sinks);
	d->line_len = 0;
	d->verb_len = 0;
	d->verb_done = d->size_done = d->chunk = false;
	d->size = 0;
	memset(d->verb, 0, sizeof(d->verb));
}

void mw_dialogue_feed(struct mw_dialogue *d, struct mw_span in, const char *name, const char *reply,
	struct mw_dialogue_out *out)
{
	out->len = 0;
	out->close = false;
	for (size_t i = 0; i < in.len && !out->close; i++) {
		uint8_t c = in.data[i];

		if (!d->sinks && (++d->octets > MW_DIALOGUE_OCTETS_MAX ||
					 d->lines >= MW_DIALOGUE_LINES_MAX)) {
			add(out, ENOUGH);
			out->close = true;
			return;
		}
		if (d->chunk) {
			/* answered when it is through, like any server's */
			if (--d->size == 0)
				end_line(d, name, reply, out);
		} else if (c == '\n') {
			d->chunk = !d->refused && d->size > 0 && d->line_len < MW_DIALOGUE_LINE_MAX;
			if (!d->chunk)
				end_line(d, name, reply, out);
		} else {
			if (d->line_len < UINT16_MAX)
				d->line_len++;
			if (!d->verb_done)
				take_verb(d, c);
			else if (!d->size_done && strcmp(d->verb, "BDAT") == 0)
				take_size(d, c);
		}
	}
}
