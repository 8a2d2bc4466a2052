/*
 * Replies that were not seen: what is made of those that are.
 */
#include "dataplane/proto/smtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static _Alignas(64) uint8_t memory[8 * MW_SMTP_ENVELOPE_BLOCK];
static struct mw_pool pool;
static struct mw_smtp smtp;

static void begin(void)
{
	mw_pool_init(&pool, memory, MW_SMTP_ENVELOPE_BLOCK, 8);
	mw_smtp_init(&smtp, &pool);
}

static void end(void)
{
	mw_smtp_close(&smtp);
	assert_int_equal(pool.used, 0);
}

static void client(const char *text)
{
	struct mw_smtp_event ev;
	size_t done = 0;
	size_t len = strlen(text);

	do {
		done += mw_smtp_client(&smtp, (const uint8_t *)text + done, len - done, &ev);
		if (ev.kind == MW_SMTP_CONTENT_BEGIN)
			mw_smtp_envelope_release(ev.envelope);
	} while (ev.kind != MW_SMTP_MORE && ev.kind != MW_SMTP_BLOCKED);
	assert_int_equal(done, len);
}

/* One reply: the event that tells it. */
static struct mw_smtp_event server(const char *text)
{
	struct mw_smtp_event ev, told = {.kind = MW_SMTP_MORE};
	size_t done = 0;
	size_t len = strlen(text);

	do {
		done += mw_smtp_server(&smtp, (const uint8_t *)text + done, len - done, &ev);
		if (ev.kind == MW_SMTP_GREETING || ev.kind == MW_SMTP_REPLY)
			told = ev;
	} while (ev.kind != MW_SMTP_MORE);
	return told;
}

static void test_greeting_or_not(void **state)
{
	static const struct {
		const char *first;
		bool spoken;   /* the client has */
		bool greeting; /* where it may have been missed */
		bool certain;  /* where it may not */
	} table[] = {
		{"220 mx\r\n", false, true, true},
		{"220 mx\r\n", true, true, true},
		{"220-mx\r\n220 mx\r\n", true, true, true},
		{"554 no\r\n", true, true, true},
		{"421 no\r\n", true, true, true},
		{"250 mx\r\n", true, false, false},
		{"250-mx\r\n250 HELP\r\n", true, false, false},
		{"502 what\r\n", true, false, true},
		{"550 no\r\n", true, false, true},
		{"450 no\r\n", true, false, true},
		{"550 no\r\n", false, true, true},
	};

	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		bool unsure = i % 2 == 0;
		struct mw_smtp_event ev;

		begin();
		if (unsure)
			mw_smtp_greeting_unsure(&smtp);
		if (table[i / 2].spoken)
			client("EHLO pc\r\n");
		ev = server(table[i / 2].first);
		if (unsure ? table[i / 2].greeting : table[i / 2].certain) {
			assert_int_equal(ev.kind, MW_SMTP_GREETING);
			assert_int_equal(
				mw_smtp_replies_outstanding(&smtp), table[i / 2].spoken ? 1 : 0);
		} else {
			assert_int_equal(ev.kind, MW_SMTP_REPLY);
			assert_int_equal(ev.command, MW_SMTP_CMD_EHLO);
			assert_int_equal(mw_smtp_replies_outstanding(&smtp), 0);
		}
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting_or_not),
	};

	return cmocka_run_group_tests_name("smtp_unseen", tests, NULL, NULL);
}
