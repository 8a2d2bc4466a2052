/*
 * A list that is named weighs more than any code: a reply that speaks of one convicts nobody,
 * though its code should say `user unknown`. Then the enhanced code decides, then the phrases.
 * Addresses in angle brackets are no part of what a reply says: the client chose them.
 */
#include "dataplane/proto/smtp_refusal.h"

/* Words of those who refuse by a list or a reputation. */
static const char *const policy_words[] = {
	"blocklist",
	"blocklisted",
	"blacklist",
	"blacklisted",
	"block list",
	"black list",
	"denylist",
	"blocked",
	"banned",
	"dnsbl",
	"rbl",
	"reputation",
	"spamhaus",
	"spamcop",
	"sorbs",
	"barracudacentral",
	"listed in",
	"listed at",
	"listed by",
	"listed on",
};

/* Of Postfix, Exim, Sendmail, qmail, Exchange and the large providers. */
static const char *const unknown_words[] = {
	"user unknown",
	"unknown user",
	"no such user",
	"user not found",
	"user doesn't exist",
	"does not exist",
	"mailbox unavailable",
	"mailbox not found",
	"no such mailbox",
	"no mailbox here",
	"unknown mailbox",
	"recipient unknown",
	"unknown recipient",
	"invalid recipient",
	"recipient not found",
	"no such recipient",
	"unknown local part",
	"unknown address",
	"address unknown",
	"unrouteable address",
	"not a valid mailbox",
	"recipient address rejected: access denied",
};

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* At `at`, as whole words. */
static bool stands(struct mw_span text, size_t at, const char *words)
{
	size_t len = strlen(words);

	return text.len - at >= len && strncasecmp((const char *)text.data + at, words, len) == 0 &&
	       (at + len == text.len || !is_word(text.data[at + len]));
}

/* Where a bracket closes; the end of the text when it does not. */
static size_t behind_brackets(struct mw_span text, size_t at)
{
	const uint8_t *close = memchr(text.data + at, '>', text.len - at);

	return close == NULL ? text.len : (size_t)(close - text.data) + 1;
}

static bool says(struct mw_span text, const char *const *words, size_t count)
{
	bool begins = true;

	for (size_t at = 0; at < text.len; at++) {
		if (text.data[at] == '<') {
			at = behind_brackets(text, at) - 1;
			begins = true;
			continue;
		}
		for (size_t i = 0; begins && i < count; i++)
			if (stands(text, at, words[i]))
				return true;
		begins = !is_word(text.data[at]);
	}
	return false;
}

static bool take_number(struct mw_span *s, uint16_t *out)
{
	size_t n = 0;

	*out = 0;
	while (n < s->len && n < 3 && s->data[n] >= '0' && s->data[n] <= '9')
		*out = (uint16_t)(*out * 10 + (s->data[n++] - '0'));
	*s = mw_span_of(s->data + n, s->len - n);
	return n > 0;
}

static bool take_dot(struct mw_span *s)
{
	if (s->len == 0 || s->data[0] != '.')
		return false;
	*s = mw_span_of(s->data + 1, s->len - 1);
	return true;
}

struct mw_smtp_enhanced mw_smtp_enhanced_of(int code, struct mw_span text)
{
	const struct mw_smtp_enhanced none = {0};
	uint16_t klass, subject, detail;

	while (text.len > 0 && text.data[0] == ' ')
		text = mw_span_of(text.data + 1, text.len - 1);
	if (!take_number(&text, &klass) || !take_dot(&text) || !take_number(&text, &subject) ||
		!take_dot(&text) || !take_number(&text, &detail))
		return none;
	if (text.len > 0 && (is_word(text.data[0]) || text.data[0] == '.'))
		return none;
	if (klass != code / 100 || (klass != 2 && klass != 4 && klass != 5))
		return none;
	return (struct mw_smtp_enhanced){
		.klass = (uint8_t)klass, .subject = subject, .detail = detail};
}

/* RFC 3463 section 3.2: the destination's address; 7 and 8 are about the sender's. 10: RFC 7505. */
static bool no_such_address(struct mw_smtp_enhanced e)
{
	if (e.subject == 1)
		return e.detail <= 4 || e.detail == 6 || e.detail == 10;
	return e.subject == 2 && e.detail == 1; /* the mailbox is disabled */
}

enum mw_smtp_refusal mw_smtp_refusal_of(
	int code, struct mw_smtp_enhanced enhanced, struct mw_span text)
{
	if (code < 500)
		return MW_SMTP_REFUSAL_NONE;
	if (enhanced.subject == 7 ||
		says(text, policy_words, sizeof(policy_words) / sizeof(policy_words[0])))
		return MW_SMTP_REFUSAL_POLICY;
	if (no_such_address(enhanced))
		return MW_SMTP_REFUSAL_UNKNOWN;
	/* A code of another subject has said what it is; 5.0.0, 5.4.1 and 5.5.0 are used for
	 * anything. */
	if (enhanced.klass != 0 && enhanced.subject != 0 && enhanced.subject != 4 &&
		enhanced.subject != 5)
		return MW_SMTP_REFUSAL_OTHER;
	return says(text, unknown_words, sizeof(unknown_words) / sizeof(unknown_words[0]))
		       ? MW_SMTP_REFUSAL_UNKNOWN
		       : MW_SMTP_REFUSAL_OTHER;
}
