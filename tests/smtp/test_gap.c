/*
 * What may leave beyond a gap. The rule of WIRE.md section 1 against its purpose: whatever fills
 * the gap, no octet that left may be the one that completes a message.
 */
#include "player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static _Alignas(64) uint8_t memory[4 * MW_SMTP_ENVELOPE_BLOCK];
static const uint8_t alphabet[] = {'\r', '\n', '.', 'x'};

static void client(struct mw_smtp *s, const char *text)
{
	struct mw_smtp_event ev;
	size_t done = 0;
	size_t len = strlen(text);

	do {
		done += mw_smtp_client(s, (const uint8_t *)text + done, len - done, &ev);
		if (ev.kind == MW_SMTP_CONTENT_BEGIN)
			mw_smtp_envelope_release(ev.envelope);
	} while (ev.kind != MW_SMTP_MORE && ev.kind != MW_SMTP_BLOCKED);
}

static void server(struct mw_smtp *s, const char *text)
{
	struct mw_smtp_event ev;
	size_t done = 0;
	size_t len = strlen(text);

	do
		done += mw_smtp_server(s, (const uint8_t *)text + done, len - done, &ev);
	while (ev.kind != MW_SMTP_MORE);
}

static void begin(struct mw_smtp *s, struct mw_pool *pool)
{
	mw_pool_init(pool, memory, MW_SMTP_ENVELOPE_BLOCK, 4);
	mw_smtp_init(s, pool);
	server(s, "220 s\r\n");
	client(s, "EHLO c\r\n");
	server(s, "250 CHUNKING\r\n");
}

static bool is_eol(uint8_t c)
{
	return c == '\r' || c == '\n';
}

/* WIRE.md section 2: H is the LF of `.`LF or `.`CRLF behind CR or LF, or at once. */
static bool completes(const uint8_t *p, size_t at)
{
	size_t dot;

	if (p[at] != '\n')
		return false;
	if (at >= 1 && p[at - 1] == '.')
		dot = at - 1;
	else if (at >= 2 && p[at - 1] == '\r' && p[at - 2] == '.')
		dot = at - 2;
	else
		return false;
	return dot == 0 || is_eol(p[dot - 1]);
}

/* The sentence of WIRE.md, word by word. */
static size_t rule(const uint8_t *p, size_t n)
{
	if (n >= 1 && p[0] == '\n')
		return 0;
	if (n >= 2 && p[0] == '\r' && p[1] == '\n')
		return 0;
	for (size_t i = 0; i < n; i++) {
		bool follows = i == 0 || p[i - 1] == '\r' || p[i - 1] == '\n';
		bool precedes = i + 1 == n || p[i + 1] == '\r' || p[i + 1] == '\n';

		if (p[i] == '.' && follows && precedes)
			return i;
	}
	return n;
}

static void spell(uint32_t number, size_t len, uint8_t *out)
{
	for (size_t i = 0; i < len; i++, number /= 4)
		out[i] = alphabet[number % 4];
}

static void test_data(void **state)
{
	static const char *const prefixes[] = {"", "x", "x\r", "x\r\n", "x\r\n.", "\n.\r", ".\r"};
	struct mw_pool pool;

	for (size_t a = 0; a < sizeof(prefixes) / sizeof(prefixes[0]); a++) {
		struct mw_smtp s;
		uint64_t let_through = 0;

		begin(&s, &pool);
		client(&s, "DATA\r\n");
		server(&s, "354 go\r\n");
		client(&s, prefixes[a]);
		for (uint32_t number = 0; number < 6 * 1024; number++) {
			size_t len = 1 + number / 1024;
			uint8_t all[32];
			uint8_t segment[8];
			size_t leaves;

			spell(number, len, segment);
			leaves = mw_smtp_beyond_gap(&s, 1 + number % 3, mw_span_of(segment, len));
			assert_int_equal(leaves, rule(segment, len));
			let_through += leaves;
			for (uint32_t fill = 0; fill < 4 + 16 + 64; fill++) {
				size_t gap = fill < 4 ? 1 : fill < 20 ? 2 : 3;
				size_t n = strlen(prefixes[a]);

				memcpy(all, prefixes[a], n);
				spell(gap == 1	   ? fill
					: gap == 2 ? fill - 4
						   : fill - 20,
					gap, all + n);
				n += gap;
				memcpy(all + n, segment, len);
				for (size_t i = 0; i < leaves; i++)
					assert_false(completes(all, n + i));
			}
		}
		assert_true(let_through > 6000); /* a rule that lets nothing out is no rule */
		mw_smtp_close(&s);
	}
}

static void test_elsewhere(void **state)
{
	static const struct {
		const char *sent;
		uint64_t offset;
		size_t len, leaves;
	} table[] = {
		{"", 1, 10, 0}, /* commands */
		{"MAIL FR", 1, 10, 0},
		{"DATA\r\n", 1, 10, 0}, /* no reply yet */
		{"STARTTLS\r\n", 1, 10, 0},
		{"BDAT 100\r\n", 1, 10, 10},
		{"BDAT 100\r\n", 95, 10, 5},
		{"BDAT 100\r\n", 100, 10, 0},
		{"BDAT 100\r\nxxxxx", 90, 10, 5},
		{"BDAT 100 LAST\r\n", 1, 10, 10},
		{"BDAT 100 LAST\r\n", 95, 10, 4}, /* the hundredth is held */
		{"BDAT 100 LAST\r\n", 99, 10, 0},
		{"BDAT 100 LAST\r\n", 1000, 10, 0},
		{"BDAT 1 LAST\r\n", 1, 10, 0},
		{"BDAT 3 LAST\r\nabc", 1, 10, 0},
		{"BDAT 0\r\n", 1, 10, 0},
		{"BDAT 9 X\r\n", 1, 10, 0},
	};
	uint8_t segment[16];

	memset(segment, '.', sizeof(segment));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mw_smtp s;
		struct mw_pool pool;

		begin(&s, &pool);
		client(&s, table[i].sent);
		assert_int_equal(
			mw_smtp_beyond_gap(&s, table[i].offset, mw_span_of(segment, table[i].len)),
			table[i].leaves);
		mw_smtp_close(&s);
		assert_int_equal(pool.used, 0);
	}
}

/* BDAT n LAST: whichever way the octets are cut, the n-th never leaves. */
static void test_chunk_end(void **state)
{
	uint8_t segment[16] = {0};

	for (size_t offset = 1; offset < 12; offset++)
		for (size_t len = 0; len <= 16; len++) {
			struct mw_smtp s;
			struct mw_pool pool;

			begin(&s, &pool);
			client(&s, "BDAT 12 LAST\r\nab");
			assert_true(
				mw_smtp_beyond_gap(&s, offset, mw_span_of(segment, len)) + offset <=
				(offset > 9 ? offset : 9));
			mw_smtp_close(&s);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_chunk_end),
	};

	return cmocka_run_group_tests_name("smtp_gap", tests, NULL, NULL);
}
