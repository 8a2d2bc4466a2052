/* What a refusal says, in the words of the servers that say it. */
#include "dataplane/proto/smtp_refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define NONE	MW_SMTP_REFUSAL_NONE
#define OTHER	MW_SMTP_REFUSAL_OTHER
#define UNKNOWN MW_SMTP_REFUSAL_UNKNOWN
#define POLICY	MW_SMTP_REFUSAL_POLICY

static enum mw_smtp_refusal judge(int code, const char *text)
{
	/* A copy of exactly that length: reading beyond it is seen by ASan. */
	size_t len = strlen(text);
	uint8_t *copy = malloc(len > 0 ? len : 1);
	enum mw_smtp_refusal refusal;
	struct mw_span span;

	memcpy(copy, text, len);
	span = mw_span_of(copy, len);
	refusal = mw_smtp_refusal_of(code, mw_smtp_enhanced_of(code, span), span);
	free(copy);
	return refusal;
}

static void test_refusals(void **state)
{
	static const struct {
		int code;
		enum mw_smtp_refusal want;
		const char *text;
	} table[] = {
		{250, NONE, "2.1.5 Ok"},
		{450, NONE, "4.1.1 <a@b>: user unknown"},
		{421, NONE, "4.7.0 listed in zen.spamhaus.org"},
		/* by enhanced code */
		{550, UNKNOWN, "5.1.1 <a@b>: Recipient address rejected"},
		{550, UNKNOWN, "5.1.0 Address rejected."},
		{550, UNKNOWN, "5.1.2 no such host"},
		{556, UNKNOWN, "5.1.10 Recipient address has null MX"},
		{550, UNKNOWN, "5.2.1 The account is disabled"},
		{550, UNKNOWN, "5.1.1"},
		{550, OTHER, "5.1.8 Sender address rejected: Domain not found"},
		{553, OTHER, "5.1.7 bad sender's syntax"},
		{552, OTHER, "5.2.2 Mailbox full"},
		{552, OTHER, "5.3.4 Message too big, mailbox unavailable"},
		{554, POLICY, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked"},
		{550, POLICY, "5.7.1 Relaying denied"},
		{550, POLICY, "5.7.26 unauthenticated"},
		{550, POLICY, "5.7.606 Access denied, banned sending IP"},
		/* a list that is named weighs more than the code */
		{550, POLICY, "5.1.1 your host is blacklisted, user unknown to you"},
		{550, POLICY, "5.5.0 mailbox unavailable: 192.0.2.1 is listed in bl.example"},
		/* codes that are used for anything: the phrase decides */
		{550, UNKNOWN, "5.5.0 Requested action not taken: mailbox unavailable"},
		{550, UNKNOWN, "5.4.1 Recipient address rejected: Access denied."},
		{550, UNKNOWN, "5.0.0 <a@b>... User unknown"},
		{550, OTHER, "5.5.1 Error"},
		/* no code */
		{550, UNKNOWN, "No such user here"},
		{550, UNKNOWN, "sorry, no mailbox here by that name. (#5.1.1)"},
		{550, UNKNOWN, "Unrouteable address"},
		{550, UNKNOWN, "<a@b> unknown user account"},
		{550, UNKNOWN, "USER UNKNOWN"},
		{554, POLICY, "your IP has a poor reputation"},
		{554, POLICY, "Blocked - see http://www.spamcop.net/bl.shtml"},
		{550, POLICY, "rejected because 192.0.2.1 is in a DNSBL"},
		{550, OTHER, "Administrative prohibition"},
		{550, OTHER, ""},
		{500, OTHER, "syntax"},
		/* the code must be that of the reply, and a code */
		{550, UNKNOWN, "4.7.1 user unknown"},
		{550, OTHER, "5.1.1.1 whatever"},
		{550, OTHER, "5.1.1x"},
		{550, OTHER, "5.1. x"},
		{550, OTHER, "5..1 x"},
		/* words, not parts of words */
		{550, OTHER, "marblehead is not served here"},
		{550, OTHER, "superuser unknowns"},
		/* what stands in brackets the client chose */
		{550, OTHER, "<\"user unknown\"@spamhaus.example>: go away"},
		{550, UNKNOWN, "<blacklist@dnsbl.example>: User unknown in virtual mailbox table"},
		{550, OTHER, "<no such user"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (judge(table[i].code, table[i].text) != table[i].want)
			fail_msg("%d %s: %d", table[i].code, table[i].text,
				judge(table[i].code, table[i].text));
}

static void test_enhanced(void **state)
{
	static const struct {
		int code;
		const char *text;
		unsigned klass, subject, detail;
	} table[] = {
		{250, "2.0.0 Ok", 2, 0, 0},
		{550, "5.7.606 no", 5, 7, 606},
		{550, "  5.1.1", 5, 1, 1},
		{450, "4.7.1\t", 4, 7, 1},
		{550, "5.1.1-x", 5, 1, 1},
		{250, "5.0.0 x", 0, 0, 0},
		{550, "5.1.1234", 0, 0, 0},
		{354, "3.0.0 x", 0, 0, 0},
		{550, "5.1", 0, 0, 0},
		{550, "", 0, 0, 0},
		{550, "192.0.2.1 is bad", 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mw_smtp_enhanced e =
			mw_smtp_enhanced_of(table[i].code, mw_span_str(table[i].text));

		assert_int_equal(e.klass, table[i].klass);
		assert_int_equal(e.subject, table[i].subject);
		assert_int_equal(e.detail, table[i].detail);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_enhanced),
	};

	return cmocka_run_group_tests_name("smtp_refusal", tests, NULL, NULL);
}
