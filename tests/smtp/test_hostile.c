/*
 * Sessions that are large or mean: memory stays bounded, alignment holds, credentials are not kept.
 */
#include "player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define MANY 100000u

static void feed(struct player *p, char from, const char *text)
{
	player_feed(p, from, (const uint8_t *)text, strlen(text));
}

static void greet(struct player *p)
{
	player_init(p);
	feed(p, 'S', "220 s\r\n");
	feed(p, 'C', "EHLO me\r\n");
	feed(p, 'S', "250-PIPELINING\r\n250 CHUNKING\r\n");
}

static void test_many_recipients_pipelined(void **state)
{
	static struct player p;
	char line[64];

	greet(&p);
	p.quiet = true;
	feed(&p, 'C', "MAIL FROM:<a@b>\r\n");
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(line, sizeof(line), "RCPT TO:<recipient%u@example.org>\r\n", i);
		feed(&p, 'C', line);
	}
	assert_false(mw_smtp_blocked(&p.smtp));
	assert_int_equal(mw_smtp_replies_outstanding(&p.smtp), MANY + 1);
	assert_in_range(p.pool.used, 1, MW_SMTP_ENVELOPE_BLOCKS_MAX);
	feed(&p, 'C', "BDAT 1 LAST\r\nx");
	feed(&p, 'S', "250 ok\r\n");
	for (uint32_t i = 0; i < MANY; i++)
		feed(&p, 'S', i % 4 == 3 ? "550 no\r\n" : "250 ok\r\n");
	assert_int_equal(mw_smtp_replies_outstanding(&p.smtp), 1);
	assert_non_null(p.smtp.sent);
	assert_int_equal(p.smtp.sent->rcpt_count, MANY);
	assert_int_equal(p.smtp.sent->rcpts_refused, MANY / 4);
	assert_int_equal(p.smtp.sent->rcpts_accepted, MANY - MANY / 4);
	assert_in_range(p.smtp.sent->rcpts_unlisted, 1, MANY - 1000);
	feed(&p, 'S', "250 queued\r\n");
	assert_true(mw_smtp_idle(&p.smtp));
	assert_int_equal(p.pool.used, 0);
	player_finish(&p);
	player_free(&p);
}

static void test_six_hundred_recipients_are_listed(void **state)
{
	static struct player p;
	char line[64];
	uint32_t listed = 0;

	greet(&p);
	p.quiet = true;
	feed(&p, 'C', "MAIL FROM:<a@b>\r\n");
	for (uint32_t i = 0; i < 600; i++) {
		snprintf(line, sizeof(line), "RCPT TO:<recipient%u@example.org>\r\n", i);
		feed(&p, 'C', line);
	}
	feed(&p, 'S', "250 ok\r\n");
	for (uint32_t i = 0; i < 600; i++)
		feed(&p, 'S', i == 599 ? "452 too many\r\n" : "250 ok\r\n");
	for (const struct mw_smtp_rcpt *r = p.smtp.current->rcpts; r != NULL; r = r->next, listed++)
		assert_int_equal(r->reply, listed == 599 ? 452 : 250);
	assert_int_equal(listed, 600);
	player_finish(&p);
	player_free(&p);
}

/* Nothing a client repeats piles up once it was answered. */
static void test_repeated_commands(void **state)
{
	static const struct {
		const char *client, *server;
	} table[] = {
		{"RSET\r\n", "250 ok\r\n"},
		{"EHLO x\r\n", "250 ok\r\n"},
		{"MAIL FROM:<a@b>\r\nRSET\r\n", "250 ok\r\n250 ok\r\n"},
		{"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", "550 no\r\n503 no\r\n"},
		{"RCPT TO:<c@d>\r\n", "503 no\r\n"},
		{"DATA\r\n", "503 no\r\n"},
		{"BDAT 1\r\nx", "503 no\r\n"},
		{"BDAT 1 LAST\r\nx", "250 ok\r\n"},
		{"BDAT x\r\n", "501 no\r\n"},
		{"AUTH PLAIN\r\n", "535 no\r\n"},
		{"STARTTLS\r\n", "454 no\r\n"},
		{"what is this\r\n", "500 no\r\n"},
		{"BDAT 1\r\nxRSET\r\n", "250 ok\r\n250 ok\r\n"},
		{"MAIL FROM:<a@b>\r\nBDAT 1\r\nxRSET\r\n", "250 ok\r\n503 no\r\n250 ok\r\n"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		static struct player p;

		greet(&p);
		p.quiet = true;
		for (int round = 0; round < 2000; round++) {
			feed(&p, 'C', table[i].client);
			feed(&p, 'S', table[i].server);
			if (p.pool.used > 1 || !mw_smtp_idle(&p.smtp))
				fail_msg("%s: %u blocks, round %d", table[i].client, p.pool.used,
					round);
		}
		player_finish(&p);
		player_free(&p);
	}
}

/* A client far ahead of the replies, with commands that do not run together, has to wait. */
static void test_full_queue_waits(void **state)
{
	static struct player p;

	greet(&p);
	for (int i = 0; i < 1000; i++)
		feed(&p, 'C', "NOOP\r\nRSET\r\n");
	assert_true(mw_smtp_blocked(&p.smtp));
	assert_int_equal(mw_smtp_replies_outstanding(&p.smtp), MW_SMTP_RUNS_MAX);
	for (int i = 0; i < 1000; i++)
		feed(&p, 'S', "250 noop\r\n250 rset\r\n");
	assert_false(mw_smtp_blocked(&p.smtp));
	assert_true(mw_smtp_idle(&p.smtp));
	assert_null(strstr(p.out.data, "anomaly"));
	player_finish(&p);
	player_free(&p);
}

static void test_no_memory_is_told(void **state)
{
	static struct player p;
	void *blocks[256];
	uint32_t taken = 0;

	greet(&p);
	while ((blocks[taken] = mw_pool_get(&p.pool)) != NULL)
		taken++;
	feed(&p, 'C', "EHLO again\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRSET\r\nBDAT 3\r\nabc");
	assert_non_null(strstr(p.out.data, "lost memory"));
	assert_true(mw_smtp_dark(&p.smtp));
	while (taken > 0)
		mw_pool_put(&p.pool, blocks[--taken]);
	player_finish(&p);
	player_free(&p);
}

/* A credential cut everywhere is in no event, no envelope, and not in the session when it is over.
 */
static void test_credentials(void **state)
{
	static const char dialogue[] = "  AUTH PLAIN c2Vjc2Vjc2Vj\r\n";

	for (size_t at = 1; at < sizeof(dialogue) - 1; at++) {
		static struct player p;

		greet(&p);
		p.secret = "c2Vj";
		player_feed(&p, 'C', (const uint8_t *)dialogue, at);
		player_feed(&p, 'C', (const uint8_t *)dialogue + at, sizeof(dialogue) - 1 - at);
		feed(&p, 'S', "334 more\r\n");
		feed(&p, 'C', "c2Vjc2");
		assert_null(memmem(&p.smtp, sizeof(p.smtp), "c2Vj", 4));
		feed(&p, 'C', "Vj\r\n");
		feed(&p, 'S', "235 ok\r\n");
		feed(&p, 'C', "QUIT\r\n");
		assert_non_null(strstr(p.out.data, "reply 235 to AUTH unblocked"));
		assert_null(strstr(p.out.data, "anomaly"));
		player_finish(&p);
		player_free(&p);
	}
}

static void test_long_lines(void **state)
{
	static struct player p;
	static char line[12200];

	greet(&p);
	memset(line, 'x', sizeof(line));
	memcpy(line, "MAIL FROM:<", 11);
	memcpy(line + sizeof(line) - 4, ">\r\n", 4);
	feed(&p, 'C', line);
	assert_non_null(strstr(p.out.data, "anomaly long_line"));
	feed(&p, 'S', "500 too long\r\n");
	/* A size far behind what is kept is no size. */
	memset(line, ' ', sizeof(line));
	memcpy(line, "BDAT 5", 6);
	memcpy(line + sizeof(line) - 7, "LAST\r\n", 7);
	feed(&p, 'C', line);
	assert_non_null(strstr(p.out.data, "anomaly bad_bdat"));
	assert_true(mw_smtp_blocked(&p.smtp));
	feed(&p, 'S', "501 no\r\n");
	/* RFC 4954 4.5: a credential may have 12288 octets. */
	feed(&p, 'C', "AUTH X ");
	memset(line, 'y', sizeof(line));
	line[12000] = 0;
	feed(&p, 'C', line);
	feed(&p, 'C', "\r\n");
	feed(&p, 'S', "235 ok\r\n");
	assert_true(mw_smtp_idle(&p.smtp));
	player_finish(&p);
	player_free(&p);
}

/* Inline, a chunk is one only where the server has offered to take it: Exim answers another with
 * 503 and reads its octets as commands. */
static void test_chunks_must_be_offered(void **state)
{
	static const struct {
		const char *client, *server;
		bool offered;
	} table[] = {
		{"", "", false}, {"HELO me\r\n", "250 CHUNKING\r\n", false},
		{"EHLO me\r\n", "250-s\r\n250 SIZE\r\n", false},
		{"EHLO me\r\n", "250-s\r\n250-chunking\r\n250 SIZE\r\n", true},
		{"EHLO me\r\n", "250-s\r\n250-CHUNKINGS\r\n250 XCHUNKING\r\n", false},
		{"EHLO me\r\nHELO me\r\n", "250 CHUNKING\r\n250 ok\r\n", false},
		{"EHLO me\r\nEHLO\r\n", "250 CHUNKING\r\n501 what\r\n", true},
		{"EHLO me\r\n", "", false}, /* not yet */
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int in_line = 0; in_line < 2; in_line++) {
			static struct player p;

			player_init(&p);
			if (in_line == 1)
				mw_smtp_set_inline(&p.smtp, false);
			feed(&p, 'S', "220 s\r\n");
			if (table[i].client[0] != 0)
				feed(&p, 'C', table[i].client);
			if (table[i].server[0] != 0)
				feed(&p, 'S', table[i].server);
			feed(&p, 'C', "BDAT 6\r\n");
			assert_int_equal(
				mw_smtp_in_content(&p.smtp), in_line == 0 || table[i].offered);
			assert_int_equal(
				mw_smtp_blocked(&p.smtp), in_line == 1 && !table[i].offered);
			player_finish(&p);
			player_free(&p);
		}
}

/* The same where a ClientHello, or what looks like one, comes before any greeting. */
static void test_nobody_begins_with_tls_inline(void **state)
{
	for (int in_line = 0; in_line < 3; in_line++) {
		static struct player p;

		player_init(&p);
		if (in_line > 0)
			mw_smtp_set_inline(&p.smtp, in_line == 2);
		feed(&p, 'C', "\x16\x03\x01\x40\x01\r\n");
		assert_int_equal(mw_smtp_blocked(&p.smtp), in_line == 1);
		feed(&p, 'S', "\x16\x03\x03");
		assert_true(mw_smtp_dark(&p.smtp));
		player_finish(&p);
		player_free(&p);
	}
}

/* Exim takes what stands behind the 16384th octet of a line for the next command. It never comes to
 * that: the line stops before, and no reply makes it go on. */
static void test_endless_lines(void **state)
{
	static const char *const begins[] = {"", "NOOP ", "AUTH X ", "MAIL FROM:<"};
	static const char behind[] = "BDAT 4 LAST\r\nabcdMAIL FROM:<x@y>\r\n";

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		for (size_t piece = 1; piece < 20000; piece = piece * 7 + 1) {
			static struct player p;
			static uint8_t line[20000];
			struct mw_smtp_event ev;
			size_t done = 0;

			greet(&p);
			memset(line, 'A', sizeof(line));
			memcpy(line, begins[i], strlen(begins[i]));
			memcpy(line + 16385, behind, sizeof(behind) - 1);
			while (done < sizeof(line)) {
				size_t n =
					sizeof(line) - done < piece ? sizeof(line) - done : piece;
				size_t used = mw_smtp_client(&p.smtp, line + done, n, &ev);

				done += used;
				if (ev.kind == MW_SMTP_BLOCKED)
					break;
				assert_int_not_equal(ev.kind, MW_SMTP_CONTENT_BEGIN);
			}
			assert_int_equal(done, MW_SMTP_LINE_LIMIT);
			assert_true(mw_smtp_blocked(&p.smtp));
			feed(&p, 'S', "500 too long\r\n250 queued\r\n");
			assert_true(mw_smtp_blocked(&p.smtp));
			player_free(&p);
		}
}

/* The answers to 334, too. */
static void test_endless_credentials(void **state)
{
	static struct player p;
	static uint8_t line[20000];
	struct mw_smtp_event ev;

	greet(&p);
	feed(&p, 'C', "AUTH LOGIN\r\n");
	feed(&p, 'S', "334 VXNlcg==\r\n");
	memset(line, 'A', sizeof(line));
	assert_int_equal(mw_smtp_client(&p.smtp, line, sizeof(line), &ev), MW_SMTP_LINE_LIMIT);
	assert_int_equal(ev.kind, MW_SMTP_BLOCKED);
	player_free(&p);
}

/* What a server never ends is not waited for without end. */
static void test_replies_without_end(void **state)
{
	static struct player p;
	static char line[MW_SMTP_REPLY_LINE_MAX + 2];

	greet(&p);
	feed(&p, 'C', "HELP\r\nDATA\r\n");
	for (int i = 0; i < MW_SMTP_REPLY_LINES_MAX; i++)
		feed(&p, 'S', "214-more\r\n");
	assert_false(mw_smtp_dark(&p.smtp));
	feed(&p, 'S', "214 end\r\n"); /* as many are believed */
	for (int i = 0; i < MW_SMTP_REPLY_LINES_MAX; i++)
		feed(&p, 'S', "503-more\r\n");
	assert_true(mw_smtp_reply_open(&p.smtp));
	assert_false(mw_smtp_dark(&p.smtp));
	feed(&p, 'S', "503-more\r\n");
	assert_true(mw_smtp_dark(&p.smtp));
	assert_non_null(strstr(p.out.data, "lost desync"));
	player_finish(&p);
	player_free(&p);

	for (size_t piece = 1; piece < sizeof(line); piece = piece * 7) {
		greet(&p);
		feed(&p, 'C', "NOOP\r\n");
		memset(line, 'x', sizeof(line));
		memcpy(line, "250 ", 4);
		for (size_t done = 0; done < MW_SMTP_REPLY_LINE_MAX; done += piece)
			player_feed(&p, 'S', (const uint8_t *)line + done,
				MW_SMTP_REPLY_LINE_MAX - done < piece
					? MW_SMTP_REPLY_LINE_MAX - done
					: piece);
		assert_false(mw_smtp_dark(&p.smtp));
		feed(&p, 'S', "x\n");
		assert_true(mw_smtp_dark(&p.smtp));
		assert_non_null(strstr(p.out.data, "lost desync"));
		assert_null(strstr(p.out.data, "to other"));
		player_finish(&p);
		player_free(&p);
	}

	greet(&p);
	feed(&p, 'C', "NOOP\r\n");
	for (int i = 0; i < 64; i++)
		feed(&p, 'S', "150 thinking\r\n");
	assert_false(mw_smtp_dark(&p.smtp));
	feed(&p, 'S', "150 thinking\r\n");
	assert_true(mw_smtp_dark(&p.smtp));
	player_finish(&p);
	player_free(&p);

	player_init(&p);
	memset(line, '-', sizeof(line));
	for (int i = 0; i < 2; i++)
		player_feed(&p, 'S', (const uint8_t *)line, sizeof(line));
	assert_non_null(strstr(p.out.data, "lost not_smtp"));
	player_finish(&p);
	player_free(&p);
}

/* Cut between every two octets, in both forms a line can be held: no octet of what follows AUTH. */
static void test_credentials_between_cuts(void **state)
{
	static const char *const lines[] = {"AUTH PLAIN c2Vjc2Vj\r\n", "\tauth login c2Vjc2Vj\r\n",
		"AUTH LOGIN\tc2Vj\r\n", "AUTH  c2Vj\n"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t len = strlen(lines[i]);

		for (size_t piece = 1; piece <= len; piece++) {
			static struct player p;

			greet(&p);
			p.secret = "c2Vj";
			for (size_t at = 0; at < len; at += piece) {
				player_feed(&p, 'C', (const uint8_t *)lines[i] + at,
					len - at < piece ? len - at : piece);
				assert_null(memmem(&p.smtp, sizeof(p.smtp), "c2Vj", 4));
				assert_null(memmem(&p.smtp, sizeof(p.smtp), "2Vjc", 4));
			}
			assert_true(mw_smtp_secret(&p.smtp));
			player_finish(&p);
			player_free(&p);
		}
	}
}

static void test_conditions_of_a_refusal(void **state)
{
	static struct player p;

	player_init(&p);
	assert_int_equal(mw_smtp_replies_outstanding(&p.smtp), 1);
	assert_false(mw_smtp_idle(&p.smtp));
	feed(&p, 'S', "220-s");
	assert_true(mw_smtp_reply_open(&p.smtp));
	feed(&p, 'S', "\r\n");
	assert_true(mw_smtp_reply_open(&p.smtp));
	feed(&p, 'S', "220 s\r\n");
	assert_false(mw_smtp_reply_open(&p.smtp));
	assert_true(mw_smtp_idle(&p.smtp));
	feed(&p, 'C', "EHL");
	assert_false(mw_smtp_idle(&p.smtp));
	feed(&p, 'C', "O me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 2 LAST\r\nxy");
	assert_int_equal(mw_smtp_replies_outstanding(&p.smtp), 4);
	feed(&p, 'S', "250 1\r\n250 2\r\n250 3\r\n");
	assert_int_equal(mw_smtp_replies_outstanding(&p.smtp), 1); /* that to the content */
	assert_false(mw_smtp_idle(&p.smtp));
	feed(&p, 'S', "250 q\r\n");
	assert_true(mw_smtp_idle(&p.smtp));
	feed(&p, 'C', "MAIL FROM:<a@b>\r\n");
	feed(&p, 'S', "250 ok\r\n");
	assert_false(mw_smtp_idle(&p.smtp)); /* in a transaction */
	feed(&p, 'C', "RSET\r\n");
	feed(&p, 'S', "250 ok\r\n");
	assert_true(mw_smtp_idle(&p.smtp));
	player_finish(&p);
	player_free(&p);
}

static void test_times(void **state)
{
	static struct player p;

	greet(&p);
	mw_smtp_set_now(&p.smtp, 10);
	feed(&p, 'C', "MA");
	mw_smtp_set_now(&p.smtp, 20);
	feed(&p, 'C', "IL FROM:<a@b>\r\n");
	feed(&p, 'S', "250 ok\r\n");
	mw_smtp_set_now(&p.smtp, 30);
	feed(&p, 'C', "MAIL FROM:<e@f>\r\n");
	feed(&p, 'S', "503 no\r\n");
	feed(&p, 'C', "RCPT TO:<c@d>\r\n");
	feed(&p, 'S', "250 ok\r\n");
	mw_smtp_set_now(&p.smtp, 40);
	feed(&p, 'C', "BDAT 2 LAST\r\nx");
	assert_int_equal(p.smtp.sent->end_ns, 0);
	mw_smtp_set_now(&p.smtp, 50);
	feed(&p, 'C', "y");
	assert_int_equal(p.smtp.sent->start_ns, 10);
	assert_int_equal(p.smtp.sent->end_ns, 50);
	player_finish(&p);
	player_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_recipients_pipelined),
		cmocka_unit_test(test_six_hundred_recipients_are_listed),
		cmocka_unit_test(test_repeated_commands),
		cmocka_unit_test(test_full_queue_waits),
		cmocka_unit_test(test_no_memory_is_told),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_credentials_between_cuts),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_chunks_must_be_offered),
		cmocka_unit_test(test_nobody_begins_with_tls_inline),
		cmocka_unit_test(test_endless_lines),
		cmocka_unit_test(test_endless_credentials),
		cmocka_unit_test(test_replies_without_end),
		cmocka_unit_test(test_conditions_of_a_refusal),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests_name("smtp_hostile", tests, NULL, NULL);
}
