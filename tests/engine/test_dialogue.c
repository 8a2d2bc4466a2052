/*
 * What the responder says, command by command, beside RFC 5321 and what servers do: each command in
 * and out of turn, lines at their limit and beyond, everything at once and octet by octet, and how
 * much of it there may be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/contract/policy.h"
#include "dataplane/engine/dialogue.h"

#define NAME   "mailweir.isp.example"
#define REASON "refused, ticket MW-2026-000123, call +49 30 5550100"
#define NO     "550 5.7.1 " REASON "\r\n"
#define TURN   "503 5.5.1 Bad sequence of commands\r\n"
#define ABSENT "502 5.5.1 Command not implemented\r\n"
#define WHAT   "500 5.5.1 Command not recognized\r\n"
#define LONG   "500 5.5.2 Line too long\r\n"
#define ENOUGH "421 4.7.0 Too much\r\n"
#define BYE    "221 2.0.0 Bye\r\n"

static struct mw_dialogue dialogue;
static char said[1 << 16];
static size_t said_len;
static bool closed;

static void begin(bool at_hello, bool later)
{
	struct mw_dialogue_out out;

	mw_dialogue_greet(&dialogue, NAME, at_hello, later, &out);
	assert_int_equal(out.len, strlen("220 " NAME " ESMTP\r\n"));
	assert_memory_equal(out.text, "220 " NAME " ESMTP\r\n", out.len);
	assert_false(out.close);
	said_len = 0;
	said[0] = 0;
	closed = false;
}

/* What comes in one segment. Behind the end nothing more is said, whatever comes. */
static void feed_with(const void *octets, size_t len, const char *reply)
{
	struct mw_dialogue_out out;

	if (closed)
		return;
	mw_dialogue_feed(&dialogue, mw_span_of(octets, len), NAME, reply, &out);
	assert_true(out.len <= sizeof(out.text));
	assert_true(said_len + out.len < sizeof(said));
	memcpy(said + said_len, out.text, out.len);
	said_len += out.len;
	said[said_len] = 0;
	closed = out.close;
}

static void feed(const char *text)
{
	feed_with(text, strlen(text), REASON);
}

/* Whole lines, CRLF, none over 512 octets, and a code in front of each. */
static void check_lines(void)
{
	const char *at = said, *end;

	for (; *at != 0; at = end + 2) {
		end = strstr(at, "\r\n");
		assert_non_null(end);
		assert_true(end + 2 - at <= MW_DIALOGUE_LINE_MAX);
		for (int i = 0; i < 3; i++)
			assert_in_range(at[i], '0', '9');
		assert_int_equal(at[3], ' ');
		for (const char *c = at; c < end; c++)
			assert_in_range(*c, 0x20, 0x7e);
	}
}

struct talk {
	const char *name, *client, *server;
	bool closes;
};

static const struct talk talks[] = {
	{"a mail, as every sender tries it", "EHLO c\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n",
		"250 " NAME "\r\n" NO BYE, true},
	{"HELO is a greeting, too", "HELO c\r\nMAIL FROM:<>\r\n", "250 " NAME "\r\n" NO, false},
	{"without a greeting, the same answer", "MAIL FROM:<a@b.example>\r\n", NO, false},
	{"case does not count", "ehlo c\r\nmAiL from:<a@b.example>\r\nquit\r\n",
		"250 " NAME "\r\n" NO BYE, true},
	{"MAIL again, and again",
		"MAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\nRSET\r\nMAIL FROM:<e@f>\r\n",
		NO NO "250 2.0.0 Ok\r\n" NO, false},
	{"pipelined, though it was not offered",
		"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\nQUIT\r\n",
		"250 " NAME "\r\n" NO TURN TURN TURN BYE, true},
	{"RCPT and DATA out of turn", "RCPT TO:<c@d>\r\nDATA\r\n", TURN TURN, false},
	{"RSET, NOOP, VRFY", "RSET\r\nNOOP\r\nNOOP with words\r\nVRFY postmaster\r\n",
		"250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n252 2.0.0 Cannot verify\r\n",
		false},
	{"known, and not had: 502 (RFC 5321, 4.2.4)",
		"STARTTLS\r\nEXPN list\r\nETRN b.example\r\nSEND FROM:<a@b>\r\nSOML FROM:<a@b>\r\n"
		"SAML FROM:<a@b>\r\nTURN\r\n",
		ABSENT ABSENT ABSENT ABSENT ABSENT ABSENT ABSENT, false},
	{"unknown: 500", "LHLO c\r\nXCLIENT NAME=x\r\nGET / HTTP/1.0\r\n\r\n", WHAT WHAT WHAT WHAT,
		false},
	{"what only begins like a command is none",
		"MAILS FROM:<a@b>\r\nMAIL1\r\nQUITE\r\nSTARTTLSX\r\n QUIT\r\nQ "
		"UIT\r\nQUI\r\nQUIT\tx\r\n",
		WHAT WHAT WHAT WHAT WHAT WHAT WHAT BYE, true},
	{"HELP says how to reach the desk", "HELP\r\n", "214 2.0.0 " REASON "\r\n", false},
	{"AUTH with an initial response", "AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b>\r\n", NO NO,
		false},
	{"AUTH LOGIN is over before the user's name, and cancelled",
		"EHLO c\r\nAUTH LOGIN\r\n*\r\nQUIT\r\n", "250 " NAME "\r\n" NO WHAT BYE, true},
	{"a name and a password that come all the same are no commands",
		"AUTH LOGIN\r\nbWFpbA==\r\ncXVpdA==\r\n", NO WHAT WHAT, false},
	{"the octets of a chunk are no commands (RFC 3030, 2)",
		"MAIL FROM:<a@b>\r\nBDAT 6\r\nQUIT\r\nBDAT 8 LAST\r\nRSET\r\nxx\r\nQUIT\r\n",
		NO TURN TURN WHAT BYE, true},
	{"no chunk", "BDAT 0 LAST\r\nBDAT\r\nBDAT x\r\nBDAT +4\r\nBDAT 4x\r\nBDATA 4\r\nQUIT\r\n",
		TURN TURN TURN TURN TURN WHAT BYE, true},
	{"lines ended by LF alone are lines", "EHLO c\nMAIL FROM:<a@b>\nQUIT\n",
		"250 " NAME "\r\n" NO BYE, true},
	{"nothing is said behind the end", "QUIT\r\nMAIL FROM:<a@b>\r\n", BYE, true},
	{"half a command is none", "MAIL FROM:<a@b>", "", false},
};

static void play(const struct talk *t, size_t piece)
{
	size_t len = strlen(t->client);

	for (size_t at = 0; at < len; at += piece)
		feed_with(t->client + at, len - at < piece ? len - at : piece, REASON);
	if (strcmp(said, t->server) != 0 || closed != t->closes)
		fail_msg("%s, %zu octets at a time:\n%s-- %s, not\n%s-- %s", t->name, piece, said,
			closed ? "closed" : "open", t->server, t->closes ? "closed" : "open");
	check_lines();
}

/* The same octets, cut anywhere, have the same answers. */
static void command_by_command(void **state)
{
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		for (size_t piece = 1; piece <= strlen(talks[i].client); piece++) {
			begin(false, false);
			play(&talks[i], piece);
		}
}

static void refused_at_hello(void **state)
{
	static const struct talk at_hello = {"refused at EHLO and HELO, and at MAIL all the same",
		"EHLO c\r\nHELO c\r\nMAIL FROM:<a@b>\r\nQUIT\r\n", NO NO NO BYE, true};

	begin(true, false);
	play(&at_hello, strlen(at_hello.client));
}

static void later(void **state)
{
	static const struct talk rate = {"over his rate: the same, but for now",
		"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nQUIT\r\n",
		"250 " NAME "\r\n450 4.7.1 " REASON "\r\n" TURN BYE, true};

	begin(false, true);
	play(&rate, strlen(rate.client));
}

/* The verdict is withdrawn before he says MAIL: he comes again, and is not bounced without a word.
 */
static void nothing_is_refused_any_more(void **state)
{
	begin(false, false);
	feed("EHLO c\r\n");
	feed_with("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", 32, NULL);
	assert_string_equal(said, "250 " NAME "\r\n421 4.3.2 Please connect again\r\n");
	assert_true(closed);
	begin(false, false);
	feed_with("QUIT\r\n", 6, NULL);
	assert_string_equal(said, BYE);
	assert_true(closed);
}

/* The longest text there is, and one longer than any that the policy can hold. */
static void a_reply_at_the_limit(void **state)
{
	char reply[1024], line[1100];

	memset(reply, 'x', sizeof(reply));
	reply[MW_REPLY_TEXT_MAX - 1] = 0;
	begin(false, false);
	feed_with("MAIL FROM:<a@b>\r\n", 17, reply);
	snprintf(line, sizeof(line), "550 5.7.1 %s\r\n", reply);
	assert_string_equal(said, line);
	reply[MW_REPLY_TEXT_MAX - 1] = 'x';
	reply[sizeof(reply) - 1] = 0;
	begin(false, false);
	feed_with("MAIL FROM:<a@b>\r\n", 17, reply);
	assert_string_equal(said, line);
	check_lines();
}

/* 512 octets with CRLF (RFC 5321, 4.5.3.1.4); one more is too long, whatever stands in it. */
static void a_line_at_the_limit(void **state)
{
	for (size_t len = MW_DIALOGUE_LINE_MAX - 1; len <= MW_DIALOGUE_LINE_MAX + 1; len++) {
		char line[MW_DIALOGUE_LINE_MAX + 2];

		memset(line, 'a', sizeof(line));
		memcpy(line, "MAIL FROM:<", 11);
		memcpy(line + len - 3, ">\r\n", 3);
		begin(false, false);
		feed_with(line, len, REASON);
		assert_string_equal(said, len <= MW_DIALOGUE_LINE_MAX ? NO : LONG);
		feed("QUIT\r\n");
		assert_true(closed);
	}
	begin(false, false);
	for (int i = 0; i < 16; i++) { /* not a line end far and wide */
		char flood[1000];

		memset(flood, 'Q', sizeof(flood));
		feed_with(flood, sizeof(flood), REASON);
	}
	assert_int_equal(said_len, 0);
	feed("\r\nRSET\r\n");
	assert_string_equal(said, LONG "250 2.0.0 Ok\r\n");
}

/* Octets of every value: answers are lines all the same, and none is anything but printable. */
static void noise(void **state)
{
	uint8_t octets[512];
	uint64_t seed = 3;

	for (int round = 0; round < 2000; round++) {
		begin(false, false);
		for (int k = 0; k < 8 && !closed; k++) {
			for (size_t i = 0; i < sizeof(octets); i++) {
				seed = seed * 6364136223846793005ull + 1442695040888963407ull;
				octets[i] = seed >> 60 == 0 ? '\n' : (uint8_t)(seed >> 33);
			}
			feed_with(octets, sizeof(octets), REASON);
		}
		check_lines();
	}
}

static void ends_with_enough(void)
{
	assert_true(closed);
	assert_true(said_len >= strlen(ENOUGH));
	assert_string_equal(said + said_len - strlen(ENOUGH), ENOUGH);
	check_lines();
}

static void there_is_an_end(void **state)
{
	uint32_t commands = 0;

	begin(false, false);
	while (!closed && commands < 1000) {
		feed("NOOP\r\n");
		commands += !closed;
	}
	assert_int_equal(commands, MW_DIALOGUE_LINES_MAX);
	ends_with_enough();
	begin(false, false);
	for (uint32_t octets = 0; octets < MW_DIALOGUE_OCTETS_MAX; octets++)
		feed("x");
	assert_false(closed);
	feed("x");
	assert_string_equal(said, ENOUGH);
	ends_with_enough();
	/* A chunk counts like all the rest, and one of no size at all (2^64 + 4) is no small one.
	 */
	for (int huge = 0; huge < 2; huge++) {
		begin(false, false);
		feed(huge ? "BDAT 18446744073709551620\r\n" : "BDAT 100000\r\n");
		for (uint32_t i = 0; i < MW_DIALOGUE_OCTETS_MAX / 6 + 1; i++)
			feed("QUIT\r\n");
		assert_string_equal(said, ENOUGH);
		assert_true(closed);
	}
}

/* More commands at once than their answers have room for: whole answers, and a word at the end. */
static void more_than_can_be_answered(void **state)
{
	char all[40 * 17 + 1] = "";

	for (int i = 0; i < 40; i++)
		strcat(all, "MAIL FROM:<a@b>\r\n");
	begin(false, false);
	feed(all);
	assert_memory_equal(said, NO NO NO NO, 4 * strlen(NO));
	ends_with_enough();
}

/* Behind a refused message: QUIT is orderly, and nothing else is taken. */
static void behind_a_refused_message(void **state)
{
	static const char *const others[] = {
		"MAIL FROM:<a@b>\r\n", "RSET\r\n", "NOOP\r\n", "x\r\n"};

	said_len = 0;
	closed = false;
	mw_dialogue_refused(&dialogue, false);
	feed("QUIT\r\n");
	assert_string_equal(said, BYE);
	assert_true(closed);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		said_len = 0;
		closed = false;
		mw_dialogue_refused(&dialogue, false);
		feed_with(others[i], strlen(others[i]), NULL);
		assert_string_equal(
			said, "421 4.7.0 Closing the connection behind a refused message\r\n");
		assert_true(closed);
	}
	/* The rest of the message is no command, however much there is of it. */
	said_len = 0;
	said[0] = 0;
	closed = false;
	mw_dialogue_refused(&dialogue, true);
	for (uint32_t i = 0; i < MW_DIALOGUE_OCTETS_MAX; i++)
		feed("BDAT 100000\r\nRSET\r\n");
	assert_int_equal(said_len, 0);
	feed("QUIT\r\n");
	assert_string_equal(said, BYE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_by_command),
		cmocka_unit_test(refused_at_hello),
		cmocka_unit_test(later),
		cmocka_unit_test(nothing_is_refused_any_more),
		cmocka_unit_test(a_reply_at_the_limit),
		cmocka_unit_test(a_line_at_the_limit),
		cmocka_unit_test(noise),
		cmocka_unit_test(there_is_an_end),
		cmocka_unit_test(more_than_can_be_answered),
		cmocka_unit_test(behind_a_refused_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
