#include "dataplane/engine/dialogue.h"

#include <stdarg.h>
#include <stdio.h>

#define LINES_MAX  50
#define OCTETS_MAX 16384

__attribute__((format(printf, 2, 3))) static void add(
	struct mw_dialogue_out *out, const char *format, ...)
{
	size_t room = sizeof(out->text) - out->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out->text + out->len, room, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < room)
		out->len = (uint16_t)(out->len + n);
	else
		out->close =
			true; /* more replies than a client that waits its turn can have caused */
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

static void act(
	struct mw_dialogue *d, const char *name, const char *reply, struct mw_dialogue_out *out)
{
	const char *verb = d->verb;
	const char *code = d->later ? "450 4.7.1" : "550 5.7.1";
	bool hello = strcmp(verb, "EHLO") == 0 || strcmp(verb, "HELO") == 0;

	d->hello |= hello;
	d->mail |= strcmp(verb, "MAIL") == 0;
	if (d->line_len > MW_DIALOGUE_LINE_MAX)
		add(out, "500 5.5.2 Line too long\r\n");
	else if (hello && d->at_hello)
		add(out, "%s %s\r\n", code, reply);
	else if (hello)
		add(out, "250 %s\r\n", name);
	else if (strcmp(verb, "MAIL") == 0 || strcmp(verb, "AUTH") == 0)
		add(out, "%s %s\r\n", code, reply);
	else if (strcmp(verb, "RSET") == 0 || strcmp(verb, "NOOP") == 0)
		add(out, "250 2.0.0 Ok\r\n");
	else if (strcmp(verb, "VRFY") == 0)
		add(out, "252 2.0.0 Cannot verify\r\n");
	else if (strcmp(verb, "QUIT") == 0) {
		add(out, "221 2.0.0 Bye\r\n");
		out->close = true;
	} else if (strcmp(verb, "RCPT") == 0 || strcmp(verb, "DATA") == 0 ||
		   strcmp(verb, "BDAT") == 0)
		add(out, "503 5.5.1 Bad sequence of commands\r\n");
	else
		add(out, "502 5.5.1 Command not implemented\r\n");
}

void mw_dialogue_feed(struct mw_dialogue *d, struct mw_span in, const char *name, const char *reply,
	struct mw_dialogue_out *out)
{
	out->len = 0;
	out->close = false;
	for (size_t i = 0; i < in.len && !out->close; i++) {
		uint8_t c = in.data[i];

		if (!d->sinks && (++d->octets > OCTETS_MAX || d->lines >= LINES_MAX)) {
			add(out, "421 4.7.0 Too much\r\n");
			out->close = true;
			return;
		}
		if (c == '\n') {
			if (d->refused)
				act_refused(d, out);
			else
				act(d, name, reply, out);
			d->lines = (uint16_t)(d->lines + !d->sinks);
			d->line_len = 0;
			d->verb_len = 0;
			d->verb[0] = 0;
			continue;
		}
		if (d->line_len < UINT16_MAX)
			d->line_len++;
		/* The verb: letters from the line's first octet on. One too long for all is none of
		 * them. */
		if (d->line_len == (uint16_t)(d->verb_len + 1) &&
			d->verb_len < sizeof(d->verb) - 1) {
			bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

			if (letter) {
				d->verb[d->verb_len++] = (char)(c & 0xdf);
				d->verb[d->verb_len] = 0;
			}
		}
	}
}
