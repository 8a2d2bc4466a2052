/*
 * DATA framing against a slow and obvious reading: which octet ends the message, what is stored,
 * and where a lax server might see an end. First the ends that are tried in the wild, then every
 * short string over the octets that matter, in plain text of every length around a block of the
 * fast path.
 */
#include "player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define TEXT_MAX 400

static const char *const reason_names[] = {
#define MW_REASON(ENUM, name, group, sentence) name,
#include "common/contract/reason.def"
#undef MW_REASON
};

struct reading {
	uint8_t content[TEXT_MAX];
	size_t content_len;
	size_t end; /* octets up to and with the one that ends the message; 0: it does not end */
	size_t holds[TEXT_MAX];
	enum mw_reason hold_names[TEXT_MAX];
	size_t holds_count;
	uint64_t names; /* of all look-alikes, bits as in a session's anomalies */
	bool lookalike;
};

static uint64_t bit(enum mw_reason name)
{
	return 1ull << (name - MW_REASON_ASYMMETRIC);
}

/* RFC 5321 4.5.2, word by word. */
static void read_strictly(const uint8_t *p, size_t n, struct reading *r)
{
	bool line_start = true;

	for (size_t i = 0; i < n; i++) {
		if (line_start && p[i] == '.') {
			if (i + 2 < n && p[i + 1] == '\r' && p[i + 2] == '\n') {
				r->end = i + 3;
				return;
			}
			line_start = false;
			continue;
		}
		r->content[r->content_len++] = p[i];
		line_start = p[i] == '\n' && i > 0 && p[i - 1] == '\r';
	}
}

/* The name of a dot at `dot` of `n` octets whose line ends at `end`, its last octet. A NUL that
 * touches the dot, or stands before `end`, is what makes it odd; else the ends in front and behind.
 */
static enum mw_reason name_of(const uint8_t *p, size_t n, size_t dot, size_t end)
{
	static const enum mw_reason names[3][3] = {
		{MW_REASON_SMUGGLING_CR_CR, MW_REASON_SMUGGLING_CR_LF, MW_REASON_SMUGGLING_CR_CRLF},
		{MW_REASON_SMUGGLING_LF_CR, MW_REASON_SMUGGLING_LF_LF, MW_REASON_SMUGGLING_LF_CRLF},
		{MW_REASON_SMUGGLING_CRLF_CR, MW_REASON_SMUGGLING_CRLF_LF, MW_REASON_SMUGGLING_NUL},
	};
	size_t front, behind;

	if (dot > 0 && p[dot - 1] == 0)
		return MW_REASON_SMUGGLING_NUL;
	for (size_t i = dot + 1; i < end; i++)
		if (p[i] == 0)
			return MW_REASON_SMUGGLING_NUL;
	/* A CR that ends the line is decided by the octets behind it: NULs there count. */
	if (p[end] == '\r' && end + 1 < n && p[end + 1] == 0)
		return MW_REASON_SMUGGLING_NUL;
	if (dot == 0 || (dot > 1 && p[dot - 2] == '\r' && p[dot - 1] == '\n'))
		front = 2;
	else
		front = p[dot - 1] == '\n';
	behind = p[end] == '\r' ? 0 : p[end - 1] == '\r' ? 2 : 1;
	return names[front][behind];
}

static void note(struct reading *r, enum mw_reason name)
{
	r->lookalike = true;
	r->names |= bit(name);
}

/* CR, LF, CRLF end lines, NUL is nothing: each line that is one dot, but for the true end. */
static void read_laxly(const uint8_t *p, size_t n, struct reading *r)
{
	uint8_t seen[TEXT_MAX];
	size_t at[TEXT_MAX];
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == 0)
			continue;
		seen[m] = p[i];
		at[m++] = i;
	}
	for (size_t i = 0; i + 1 < m; i++) {
		bool begins = i == 0 || seen[i - 1] == '\r' || seen[i - 1] == '\n';

		if (seen[i] != '.' || !begins)
			continue;
		if (seen[i + 1] == '\n' ||
			(seen[i + 1] == '\r' && i + 2 < m && seen[i + 2] == '\n')) {
			size_t lf = seen[i + 1] == '\n' ? at[i + 1] : at[i + 2];

			if (r->end != 0 && lf == r->end - 1)
				continue;
			r->hold_names[r->holds_count] = name_of(p, n, at[i], lf);
			note(r, r->hold_names[r->holds_count]);
			r->holds[r->holds_count++] = lf;
		}
		/* A CR is decided by the octet behind it, which to who keeps NULs may be one. */
		if (seen[i + 1] == '\r' && at[i + 1] + 1 < n && p[at[i + 1] + 1] != '\n')
			note(r, name_of(p, n, at[i], at[i + 1]));
	}
}

static void read_both(const uint8_t *p, size_t n, struct reading *r)
{
	memset(r, 0, sizeof(*r));
	read_strictly(p, n, r);
	read_laxly(p, r->end != 0 ? r->end : n, r);
}

static _Alignas(64) uint8_t memory[4 * MW_SMTP_ENVELOPE_BLOCK];

static void to_content(struct mw_smtp *s, struct mw_pool *pool)
{
	static const char client[] = "DATA\r\n";
	static const char server[] = "220 s\r\n354 go\r\n";
	struct mw_smtp_event ev;

	mw_pool_init(pool, memory, MW_SMTP_ENVELOPE_BLOCK, 4);
	mw_smtp_init(s, pool);
	assert_int_equal(mw_smtp_server(s, (const uint8_t *)server, 7, &ev), 7);
	assert_int_equal(mw_smtp_client(s, (const uint8_t *)client, 6, &ev), 6);
	assert_int_equal(mw_smtp_server(s, (const uint8_t *)server + 7, 8, &ev), 8);
	assert_true(ev.unblocked);
}

/* The parser's reading, in pieces of `piece` octets. Stops behind the end. */
static void read_with_parser(const uint8_t *p, size_t n, size_t piece, struct reading *r)
{
	struct mw_smtp s;
	struct mw_pool pool;
	struct mw_smtp_envelope *env = NULL;
	struct mw_smtp_event ev;
	size_t done = 0;

	memset(r, 0, sizeof(*r));
	to_content(&s, &pool);
	while (r->end == 0) {
		size_t len = n - done < piece ? n - done : piece;

		for (;;) {
			size_t used = mw_smtp_client(&s, p + done, len, &ev);

			done += used;
			len -= used;
			if (ev.kind == MW_SMTP_CONTENT_BEGIN)
				env = ev.envelope;
			if (ev.kind == MW_SMTP_CONTENT) {
				memcpy(r->content + r->content_len, ev.data.data, ev.data.len);
				r->content_len += ev.data.len;
			}
			if (ev.kind == MW_SMTP_LOOKALIKE) {
				note(r, ev.reason);
				if (ev.hold) {
					r->hold_names[r->holds_count] = ev.reason;
					r->holds[r->holds_count++] = done - 1;
				}
			}
			if (ev.kind == MW_SMTP_CONTENT_END)
				r->end = done;
			if (ev.kind == MW_SMTP_MORE || ev.kind == MW_SMTP_CONTENT_END)
				break;
		}
		if (done == n)
			break;
	}
	mw_smtp_envelope_release(env);
	mw_smtp_close(&s);
	assert_int_equal(pool.used, 0);
}

static void show(const char *who, const struct reading *r)
{
	fprintf(stderr, "%s: end %zu lookalike %d names %llx holds", who, r->end, r->lookalike,
		(unsigned long long)r->names);
	for (size_t i = 0; i < r->holds_count; i++)
		fprintf(stderr, " %zu %s", r->holds[i], reason_names[r->hold_names[i]]);
	fprintf(stderr, " content");
	for (size_t i = 0; i < r->content_len; i++)
		fprintf(stderr, " %02x", r->content[i]);
	fprintf(stderr, "\n");
}

static void compare(const uint8_t *p, size_t n, size_t piece)
{
	struct reading model, parser;

	read_both(p, n, &model);
	read_with_parser(p, n, piece, &parser);
	if (model.end == parser.end && model.lookalike == parser.lookalike &&
		model.names == parser.names &&
		memcmp(model.hold_names, parser.hold_names,
			model.holds_count * sizeof(model.hold_names[0])) == 0 &&
		model.content_len == parser.content_len &&
		memcmp(model.content, parser.content, model.content_len) == 0 &&
		model.holds_count == parser.holds_count &&
		memcmp(model.holds, parser.holds, model.holds_count * sizeof(size_t)) == 0)
		return;
	fprintf(stderr, "pieces of %zu:", piece);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %02x", p[i]);
	fprintf(stderr, "\n");
	show("model ", &model);
	show("parser", &parser);
	fail();
}

static void test_every_short_string(void **state)
{
	static const uint8_t alphabet[] = {'\r', '\n', '.', 'x', 0};
	uint8_t text[16];

	for (uint32_t number = 0; number < 5 * 5 * 5 * 5 * 5 * 5 * 5; number++) {
		uint32_t rest = number;

		for (size_t i = 0; i < 7; i++, rest /= 5)
			text[i] = alphabet[rest % 5];
		memcpy(text + 7, "\r\n.\r\n", 5);
		compare(text, 12, 12);
		compare(text, 12, 1 + number % 3);
	}
}

/* The same strings somewhere in plain text, so that they lie across the blocks of the fast path. */
static void test_strings_in_text(void **state)
{
	static const uint8_t alphabet[] = {'\r', '\n', '.', 'x', 0};
	uint8_t text[TEXT_MAX];
	uint64_t random = 1;

	for (uint32_t round = 0; round < 60000; round++) {
		size_t before = next_random(&random) % 140;
		size_t after = next_random(&random) % 140;
		size_t odd = 1 + next_random(&random) % 6;
		size_t n = 0;

		for (size_t i = 0; i < before; i++, n++)
			text[n] = i % 20 == 18 ? '\r' : i % 20 == 19 ? '\n' : 'a';
		for (size_t i = 0; i < odd; i++)
			text[n++] = alphabet[next_random(&random) % 5];
		for (size_t i = 0; i < after; i++, n++)
			text[n] = i % 30 == 0 ? '\r' : i % 30 == 1 ? '\n' : i % 7 == 2 ? '.' : 'b';
		memcpy(text + n, "\r\n.\r\n", 5);
		n += 5;
		compare(text, n, round % 4 == 0 ? 1 + next_random(&random) % n : n);
	}
}

struct end {
	const char *name;
	const char *octets;
	size_t len;
	bool ends; /* the message, by RFC 5321 */
	bool hold;
	enum mw_reason as;
};

#define END(text) text, sizeof(text) - 1

/* README of the corpus: ends that some server takes for one. */
static void test_known_ends(void **state)
{
	static const struct end ends[] = {
		{"lflf, A1", END("\n.\n"), false, true, MW_REASON_SMUGGLING_LF_LF},
		{"crcr", END("\r.\r"), false, false, MW_REASON_SMUGGLING_CR_CR},
		{"crlf", END("\r.\n"), false, true, MW_REASON_SMUGGLING_CR_LF},
		{"lfcr", END("\n.\r"), false, false, MW_REASON_SMUGGLING_LF_CR},
		{"lfcrlf", END("\n.\r\n"), false, true, MW_REASON_SMUGGLING_LF_CRLF},
		{"crlflf", END("\r\n.\n"), false, true, MW_REASON_SMUGGLING_CRLF_LF},
		{"crcrlf, A4", END("\r.\r\n"), false, true, MW_REASON_SMUGGLING_CR_CRLF},
		{"crlfcr", END("\r\n.\r"), false, false, MW_REASON_SMUGGLING_CRLF_CR},
		{"nullbefore, A8", END("\r\n\0.\r\n"), false, true, MW_REASON_SMUGGLING_NUL},
		{"nullafter, A11", END("\r\n.\0\r\n"), false, true, MW_REASON_SMUGGLING_NUL},
		{"A12", END("\r\n.\r\0\n"), false, true, MW_REASON_SMUGGLING_NUL},
		{"A13", END("\r\n.\r\n\0"), true, false},
		{"the true end", END("\r\n.\r\n"), true, false},
		{"stuffed", END("\r\n..\r\n"), false, false},
	};
	static const char tail[] = "MAIL FROM:<admin@x>\r\nDATA\r\nsmuggled";

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint8_t text[TEXT_MAX] = "carrier";
		size_t n = 7;
		bool stuffed = strcmp(ends[i].name, "stuffed") == 0;

		memcpy(text + n, ends[i].octets, ends[i].len);
		n += ends[i].len;
		memcpy(text + n, tail, sizeof(tail) - 1);
		n += sizeof(tail) - 1;
		for (size_t piece = 1; piece <= n; piece++) {
			struct reading r;

			read_with_parser(text, n, piece, &r);
			assert_int_equal(r.end != 0, ends[i].ends);
			assert_int_equal(r.lookalike, !ends[i].ends && !stuffed);
			assert_int_equal(r.holds_count, ends[i].hold);
			if (ends[i].hold)
				assert_int_equal(r.holds[0], 7 + ends[i].len - 1);
			assert_int_equal(
				r.names, ends[i].as == MW_REASON_NONE ? 0 : bit(ends[i].as));
			if (ends[i].ends)
				assert_int_equal(r.end, 7 + 5);
			compare(text, n, piece);
		}
	}
}

/* A line end by CR is told with the octet behind it at the latest, whatever that is: who waits for
 * more has let the whole message go. */
static void test_cr_is_told_at_once(void **state)
{
	static const char behind[] = {'x', '.', '\r', '\0'};

	for (size_t i = 0; i < sizeof(behind); i++) {
		uint8_t text[] = {'x', '\r', '\n', '.', '\r', (uint8_t)behind[i]};

		for (size_t piece = 1; piece <= sizeof(text); piece++) {
			struct reading r;

			read_with_parser(text, sizeof(text), piece, &r);
			assert_true(r.lookalike);
			assert_int_equal(r.holds_count, 0);
			compare(text, sizeof(text), piece);
		}
	}
}

static void test_dots(void **state)
{
	static const struct {
		const char *sent, *stored;
	} table[] = {
		{".\r\n", ""},
		{"..\r\n.\r\n", ".\r\n"},
		{"...\r\n.\r\n", "..\r\n"},
		{"a\r\n..\r\n..b\r\n.c\r\n.\r\n", "a\r\n.\r\n.b\r\nc\r\n"},
		{"a.\r\n.\r\n", "a.\r\n"},
		{"a\n..b\r\n.\r\n", "a\n..b\r\n"},
		{"\r\n.\r\n", "\r\n"},
		{"a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n"},
		{"a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n"},
		{"a\r\r\n.\r\n", "a\r\r\n"},
		{"no line end. .\r\n.\r\n", "no line end. .\r\n"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (size_t piece = 1; piece <= strlen(table[i].sent); piece++) {
			struct reading r;

			read_with_parser(
				(const uint8_t *)table[i].sent, strlen(table[i].sent), piece, &r);
			assert_int_equal(r.end, strlen(table[i].sent));
			assert_int_equal(r.content_len, strlen(table[i].stored));
			assert_memory_equal(r.content, table[i].stored, r.content_len);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dots),
		cmocka_unit_test(test_known_ends),
		cmocka_unit_test(test_cr_is_told_at_once),
		cmocka_unit_test(test_every_short_string),
		cmocka_unit_test(test_strings_in_text),
	};

	return cmocka_run_group_tests_name("smtp_content", tests, NULL, NULL);
}
