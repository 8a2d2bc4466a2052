/*
 * Mail sessions as busy relays send them, made up from a seed: EHLO, pipelined envelopes, one to
 * four messages, QUIT; full segments of 1448 octets with timestamps, an acknowledgement for every
 * second one. Bodies are of three kinds: plain text, quoted-printable text with its HTML twin,
 * base64 attachments. Some messages hold a phrase, so that matching is not only looking.
 */
#include "tests/bench/trace.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/proto/segment.h"
#include "tests/mime/random.h"

#define MSS	    1448
#define MESSAGE_MAX (1u << 20)
#define VOCABULARY  0x706872617365u
#define WORDS	    4096

/* Phrases begin with words that every mail has and end on one that few have. */
struct words {
	char text[WORDS][24];
};

struct draft {
	uint8_t *data;
	size_t len;
};

struct mails {
	glob_t files;
	size_t next;
};

struct maker {
	struct mails *mails; /* NULL: made up */
	struct trace *trace;
	struct rng rng;
	const struct words *words;
	const struct trace_phrases *phrases;
	struct draft mail, wire;
	uint32_t number; /* of the session */
	uint32_t client_seq, server_seq, clock;
	uint32_t unacked; /* segments of the client since the server's last acknowledgement */
};

/* Syllables with the clusters of English, so that triples of letters are as many and as uneven as
 * in real mail: what a filter of short pieces meets. */
static void make_words(struct words *w, struct rng *r)
{
	static const char *const onset[] = {"", "b", "br", "c", "ch", "cl", "cr", "d", "dr", "f",
		"fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "pr", "qu", "r", "s",
		"sh", "sl", "sp", "st", "str", "t", "th", "tr", "v", "w", "y"};
	static const char *const nucleus[] = {"a", "e", "i", "o", "u", "a", "e", "i", "o", "ai",
		"ea", "ee", "ie", "oa", "oo", "ou"};
	static const char *const coda[] = {"", "", "", "", "b", "ck", "d", "ft", "g", "l", "ll",
		"m", "n", "nd", "ng", "nt", "p", "r", "rd", "s", "ss", "st", "t", "x"};

	for (unsigned i = 0; i < WORDS; i++) {
		size_t syllables = 1 + rng_below(r, 3), len = 0;

		for (size_t k = 0; k < syllables; k++)
			len += (size_t)snprintf(w->text[i] + len, sizeof(w->text[i]) - len,
				"%s%s%s", onset[rng_below(r, sizeof(onset) / sizeof(onset[0]))],
				nucleus[rng_below(r, sizeof(nucleus) / sizeof(nucleus[0]))],
				coda[rng_below(r, sizeof(coda) / sizeof(coda[0]))]);
	}
}

void trace_phrases_make(struct trace_phrases *phrases, uint64_t seed, uint32_t count)
{
	struct rng r = {seed ^ VOCABULARY}, rare_r = {seed ^ ~VOCABULARY};
	static struct words common, rare;

	make_words(&common, &r);
	make_words(&rare, &rare_r);
	phrases->text = calloc(count, sizeof(phrases->text[0]));
	phrases->count = phrases->text == NULL ? 0 : count;
	for (uint32_t i = 0; i < phrases->count; i++) {
		char text[96];

		do
			snprintf(text, sizeof(text), "%s %s%s%s", common.text[rng_below(&r, WORDS)],
				i % 3 == 0 ? "" : common.text[rng_below(&r, WORDS)],
				i % 3 == 0 ? "" : " ", rare.text[rng_below(&r, WORDS)]);
		while (strlen(text) < 12);
		phrases->text[i] = strdup(text);
	}
}

static void put(struct draft *d, const void *data, size_t len)
{
	if (d->len + len > MESSAGE_MAX) {
		fprintf(stderr, "mailweir-bench: a made-up message outgrew its room\n");
		exit(1);
	}
	memcpy(d->data + d->len, data, len);
	d->len += len;
}

__attribute__((format(printf, 2, 3))) static void say(struct draft *d, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put(d, line, strlen(line));
}

static const char *word(struct maker *m)
{
	return m->words->text[rng_below(&m->rng, WORDS)];
}

static void headers(struct maker *m, const char *type)
{
	struct draft *d = &m->mail;

	say(d,
		"Received: from pc%u.office.example (pc%u.office.example [10.1.%u.%u])\r\n"
		"\tby mail.office.example (Postfix) with ESMTPS id %08x\r\n"
		"\tfor <%s@%s.example>; Mon, 23 Nov 2026 10:%02u:%02u +0000 (UTC)\r\n",
		m->number % 97, m->number % 97, m->number % 250, m->number % 199,
		(unsigned)rng_next(&m->rng), word(m), word(m), m->number % 60, m->number % 59);
	say(d,
		"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=office.example; s=mail;\r\n"
		"\tt=1795000000; bh=%016llx%016llx=;\r\n\th=From:To:Subject:Date;\r\n\tb=",
		(unsigned long long)rng_next(&m->rng), (unsigned long long)rng_next(&m->rng));
	for (int i = 0; i < 16; i++)
		say(d, "%016llx%s", (unsigned long long)rng_next(&m->rng),
			i % 4 == 3 ? "\r\n\t " : "");
	say(d, "\r\nFrom: \"%s %s\" <%s@office.example>\r\nTo: %s <%s@%s.example>\r\n", word(m),
		word(m), word(m), word(m), word(m), word(m));
	say(d, "Subject: %s %s %s %s\r\n", word(m), word(m), word(m), word(m));
	say(d,
		"Date: Mon, 23 Nov 2026 10:%02u:%02u +0000\r\nMessage-ID: "
		"<%016llx@office.example>\r\n",
		m->number % 60, m->number % 59, (unsigned long long)rng_next(&m->rng));
	say(d, "User-Agent: Mozilla Thunderbird\r\nMIME-Version: 1.0\r\n%s\r\n", type);
}

/* One message in twenty holds a phrase, somewhere. */
static void maybe_phrase(struct maker *m)
{
	if (m->phrases->count > 0 && rng_below(&m->rng, 20) == 0)
		say(&m->mail, "%s\r\n", m->phrases->text[rng_below(&m->rng, m->phrases->count)]);
}

static void text(struct maker *m, size_t len)
{
	size_t column = 0, end = m->mail.len + len, paragraph = 0;

	while (m->mail.len < end) {
		const char *w = word(m);

		put(&m->mail, w, strlen(w));
		column += strlen(w) + 1;
		if (column > 68) {
			column = 0;
			say(&m->mail, ++paragraph % 6 == 0 ? ".\r\n\r\n" : "\r\n");
		} else {
			say(&m->mail, " ");
		}
	}
	say(&m->mail, ".\r\n");
	maybe_phrase(m);
}

static void plain_mail(struct maker *m)
{
	headers(m,
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n");
	text(m, 2000 + rng_below(&m->rng, 2000));
}

/* Quoted-printable as mailers write it: soft line ends at 76, `=3D`, accents. */
static void html_mail(struct maker *m)
{
	struct draft *d = &m->mail;
	size_t half = 4000 + rng_below(&m->rng, 4000), end;
	char type[200];

	snprintf(type, sizeof(type),
		"Content-Type: multipart/alternative;\r\n boundary=\"b-%08x\"\r\n", m->number);
	headers(m, type);
	say(d,
		"--b-%08x\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
		m->number);
	end = d->len + half / 2;
	while (d->len < end) {
		for (int i = 0; i < 8; i++)
			say(d, "%s%s", word(m), rng_below(&m->rng, 12) == 0 ? "=C3=A9 " : " ");
		say(d, rng_below(&m->rng, 3) == 0 ? "=20\r\n" : "=\r\n");
	}
	maybe_phrase(m);
	say(d,
		"\r\n--b-%08x\r\nContent-Type: text/html; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n<html><body "
		"style=3D\"margin:0\">=\r\n",
		m->number);
	end = d->len + half;
	while (d->len < end) {
		say(d, "<p class=3D\"%s\"><span style=3D\"color:#%06x\">=\r\n", word(m),
			(unsigned)rng_below(&m->rng, 0xffffff));
		for (int line = 0; line < 3; line++) {
			for (int i = 0; i < 8; i++)
				say(d, "%s%s", word(m),
					rng_below(&m->rng, 12) == 0 ? "=E2=80=99 " : " ");
			say(d, "=\r\n");
		}
		say(d, "</span></p>=0A<a href=3D\"http://www.%s.example/%s\">%s</a><br>\r\n",
			word(m), word(m), word(m));
	}
	say(d, "</body></html>\r\n--b-%08x--\r\n", m->number);
}

static void base64_mail(struct maker *m)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct draft *d = &m->mail;
	size_t end;
	char type[200];

	snprintf(type, sizeof(type), "Content-Type: multipart/mixed;\r\n boundary=\"m-%08x\"\r\n",
		m->number);
	headers(m, type);
	say(d, "--m-%08x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", m->number);
	text(m, 400 + rng_below(&m->rng, 800));
	say(d,
		"--m-%08x\r\nContent-Type: application/pdf; name=\"%s.pdf\"\r\n"
		"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n"
		" filename=\"%s.pdf\"\r\n\r\n",
		m->number, word(m), word(m));
	end = d->len + 80000 + rng_below(&m->rng, 320000);
	while (d->len < end) {
		char line[78];

		for (int i = 0; i < 76; i += 8) {
			uint64_t bits = rng_next(&m->rng);

			for (int k = i; k < i + 8 && k < 76; k++, bits >>= 6)
				line[k] = digits[bits & 63];
		}
		line[76] = '\r';
		line[77] = '\n';
		put(d, line, 78);
	}
	say(d, "--m-%08x--\r\n", m->number);
}

/* The next file that is a message of bearable length; false: none is left. */
static bool file_mail(struct maker *m)
{
	while (m->mails->next < m->mails->files.gl_pathc) {
		FILE *f = fopen(m->mails->files.gl_pathv[m->mails->next++], "re");
		size_t len = 0;
		int c, before = '\n';

		m->mail.len = 0;
		while (f != NULL && (c = getc(f)) != EOF && ++len < MESSAGE_MAX / 4) {
			if (c == '\n' && before != '\r')
				put(&m->mail, "\r", 1);
			put(&m->mail, &(char){(char)c}, 1);
			before = c;
		}
		if (f != NULL)
			fclose(f);
		if (before != '\n')
			put(&m->mail, "\r\n", 2);
		if (f != NULL && len > 0 && len < MESSAGE_MAX / 4)
			return true;
	}
	return false;
}

static bool make_mail(struct maker *m, enum trace_kind kind)
{
	size_t die = rng_below(&m->rng, 10);

	if (m->mails != NULL)
		return file_mail(m);
	m->mail.len = 0;
	if (kind == TRACE_TEXT || die < 6)
		plain_mail(m);
	else if (die < 9)
		html_mail(m);
	else
		base64_mail(m);
	return true;
}

/* Dots at line starts doubled, and the dot that ends it (RFC 5321, 4.5.2). */
static void make_wire(struct maker *m)
{
	bool line_start = true;

	m->wire.len = 0;
	for (size_t i = 0; i < m->mail.len; i++) {
		if (line_start && m->mail.data[i] == '.')
			put(&m->wire, ".", 1);
		put(&m->wire, &m->mail.data[i], 1);
		line_start = m->mail.data[i] == '\n';
	}
	put(&m->wire, ".\r\n", 3);
}

static struct trace_frame *segment(
	struct maker *m, bool from_client, uint8_t flags, const void *data, size_t len)
{
	static const uint8_t macs[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	uint8_t client[4] = {10, 20, (uint8_t)(m->number >> 8 & 255), (uint8_t)m->number};
	uint8_t server[4] = {198, 51, 100, (uint8_t)(1 + m->number % 200)};
	uint16_t port = (uint16_t)(20000 + m->number % 40000);
	struct mw_segment s = {
		.l2_len = sizeof(macs),
		.ttl = 63,
		.src = mw_ip_from_v4(from_client ? client : server),
		.dst = mw_ip_from_v4(from_client ? server : client),
		.sport = from_client ? port : 25,
		.dport = from_client ? 25 : port,
		.seq = from_client ? m->client_seq : m->server_seq,
		.ack = from_client ? m->server_seq : m->client_seq,
		.flags = flags,
		.window = 65535,
		.has_ts = true,
		.tsval = m->clock,
		.tsecr = m->clock - 1,
		.mss = (flags & MW_TCP_SYN) != 0 ? 1460 : 0,
	};
	uint8_t frame[2048];
	uint32_t size, moved = (uint32_t)len + ((flags & (MW_TCP_SYN | MW_TCP_FIN)) != 0 ? 1 : 0);

	memcpy(s.l2, macs, sizeof(macs));
	size = mw_segment_write(&s, mw_span_of(data, len), frame, sizeof(frame));
	if (from_client)
		m->client_seq += moved;
	else
		m->server_seq += moved;
	m->clock++;
	return trace_frame_add(m->trace, frame, size, size, from_client);
}

static void acknowledge(struct maker *m)
{
	segment(m, false, MW_TCP_ACK, NULL, 0);
	m->unacked = 0;
}

static void client_says(struct maker *m, const char *line)
{
	segment(m, true, MW_TCP_ACK | MW_TCP_PSH, line, strlen(line));
}

static void server_says(struct maker *m, const char *line)
{
	segment(m, false, MW_TCP_ACK | MW_TCP_PSH, line, strlen(line));
}

static void content(struct maker *m)
{
	for (size_t at = 0; at < m->wire.len; at += MSS) {
		size_t len = m->wire.len - at < MSS ? m->wire.len - at : MSS;
		bool end = at + len == m->wire.len;
		struct trace_frame *f = segment(m, true,
			(uint8_t)(MW_TCP_ACK | (end ? MW_TCP_PSH : 0)), m->wire.data + at, len);

		trace_payload_add(m->trace, f->at + f->head.payload, (uint32_t)len, at == 0);
		if (++m->unacked == 2 && !end)
			acknowledge(m);
	}
	m->unacked = 0;
	server_says(m, "250 2.0.0 Ok: queued as 4F1A2B3C4D\r\n");
}

static void session(struct maker *m, enum trace_kind kind)
{
	size_t messages = 1 + rng_below(&m->rng, 4);
	char line[400];

	trace_session_begin(m->trace);
	m->client_seq = (uint32_t)rng_next(&m->rng);
	m->server_seq = (uint32_t)rng_next(&m->rng);
	m->clock = (uint32_t)rng_next(&m->rng);
	m->unacked = 0;
	segment(m, true, MW_TCP_SYN, NULL, 0);
	segment(m, false, MW_TCP_SYN | MW_TCP_ACK, NULL, 0);
	segment(m, true, MW_TCP_ACK, NULL, 0);
	server_says(m, "220 mx.example ESMTP Postfix\r\n");
	client_says(m, "EHLO mail.office.example\r\n");
	server_says(m, "250-mx.example\r\n250-PIPELINING\r\n250-SIZE "
		       "52428800\r\n250-ENHANCEDSTATUSCODES\r\n"
		       "250-8BITMIME\r\n250 SMTPUTF8\r\n");
	for (size_t i = 0; i < messages; i++) {
		if (!make_mail(m, kind))
			break;
		make_wire(m);
		snprintf(line, sizeof(line),
			"MAIL FROM:<%s@office.example> SIZE=%zu\r\nRCPT "
			"TO:<%s@%s.example>\r\nDATA\r\n",
			word(m), m->mail.len, word(m), word(m));
		client_says(m, line);
		server_says(m, "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"
			       "354 End data with <CR><LF>.<CR><LF>\r\n");
		content(m);
		m->trace->messages++;
	}
	client_says(m, "QUIT\r\n");
	server_says(m, "221 2.0.0 Bye\r\n");
	segment(m, false, MW_TCP_FIN | MW_TCP_ACK, NULL, 0);
	segment(m, true, MW_TCP_FIN | MW_TCP_ACK, NULL, 0);
	segment(m, false, MW_TCP_ACK, NULL, 0);
	m->number++;
}

static void open_maker(struct maker *m)
{
	static struct words words;
	struct rng vocabulary = {m->rng.state ^ VOCABULARY};

	make_words(&words, &vocabulary);
	m->words = &words;
	m->mail.data = malloc(MESSAGE_MAX);
	m->wire.data = malloc(MESSAGE_MAX);
	if (m->mail.data == NULL || m->wire.data == NULL) {
		fprintf(stderr, "mailweir-bench: out of memory\n");
		exit(1);
	}
}

static void close_maker(struct maker *m)
{
	free(m->mail.data);
	free(m->wire.data);
}

void trace_synth(struct trace *trace, enum trace_kind kind, uint64_t seed, size_t bytes,
	const struct trace_phrases *phrases)
{
	struct maker m = {.trace = trace, .rng = {seed}, .phrases = phrases};

	open_maker(&m);
	while (trace->wire_bytes < bytes)
		session(&m, kind);
	close_maker(&m);
}

int trace_mails(
	struct trace *trace, const char *folder, uint64_t seed, char *error, size_t error_size)
{
	static const struct trace_phrases none;
	struct mails mails = {0};
	struct maker m = {.trace = trace, .rng = {seed}, .phrases = &none, .mails = &mails};
	char pattern[4096];

	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	if (glob(pattern, 0, NULL, &mails.files) != 0) {
		snprintf(error, error_size, "%s: no files in it", folder);
		return -1;
	}
	open_maker(&m);
	while (mails.next < mails.files.gl_pathc && trace->session_count < 50000)
		session(&m, TRACE_MIXED);
	close_maker(&m);
	globfree(&mails.files);
	if (trace->messages > 0)
		return 0;
	snprintf(error, error_size, "%s: no mail in it", folder);
	return -1;
}
