/*
 * What a command line says: verb, address, chunk size. Reads leniently where the server's reply
 * will tell whether it agreed, strictly where two readings would frame the octets that follow
 * differently (BDAT). Never looks into credentials.
 */
#include "dataplane/proto/smtp_internal.h"

/* Larger chunks are a bad BDAT: servers that count in 32 bits would wrap. */
#define CHUNK_MAX INT32_MAX

static const struct {
	const char *verb;
	enum mw_smtp_command command;
} verbs[] = {
	{"MAIL", MW_SMTP_CMD_MAIL}, {"RCPT", MW_SMTP_CMD_RCPT}, {"DATA", MW_SMTP_CMD_DATA},
	{"BDAT", MW_SMTP_CMD_BDAT}, {"EHLO", MW_SMTP_CMD_EHLO}, {"HELO", MW_SMTP_CMD_HELO},
	{"RSET", MW_SMTP_CMD_RSET}, {"QUIT", MW_SMTP_CMD_QUIT}, {"STARTTLS", MW_SMTP_CMD_STARTTLS},
	{"AUTH", MW_SMTP_CMD_AUTH}, {"NOOP", MW_SMTP_CMD_OTHER}, {"VRFY", MW_SMTP_CMD_OTHER},
	{"EXPN", MW_SMTP_CMD_OTHER}, {"HELP", MW_SMTP_CMD_OTHER}, {"ETRN", MW_SMTP_CMD_OTHER},
	{"SEND", MW_SMTP_CMD_OTHER}, {"SOML", MW_SMTP_CMD_OTHER}, {"SAML", MW_SMTP_CMD_OTHER},
	{"XCLIENT", MW_SMTP_CMD_OTHER}, {"XFORWARD", MW_SMTP_CMD_OTHER},
	{"BURL", MW_SMTP_CMD_NOT_FOLLOWED},    /* RFC 4468: content by reference */
	{"TURN", MW_SMTP_CMD_NOT_FOLLOWED},    /* RFC 821: the roles change */
	{"ATRN", MW_SMTP_CMD_NOT_FOLLOWED},    /* RFC 2645: the same */
	{"XEXCH50", MW_SMTP_CMD_NOT_FOLLOWED}, /* octets of Exchange's own follow */
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static struct mw_span skip(struct mw_span s, size_t n)
{
	return mw_span_of(s.data + n, s.len - n);
}

static struct mw_span trim(struct mw_span s)
{
	while (s.len > 0 && is_blank(s.data[0]))
		s = skip(s, 1);
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

/* Where a path ends: at `>` or, without brackets, at a blank; not inside a quoted local part (RFC
 * 5321 4.1.2), unless the quote never closes. */
static size_t path_end(struct mw_span s, bool brackets)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (brackets ? c == '>' : is_blank(c)))
			return i;
	}
	for (size_t i = 0; quoted && i < s.len; i++)
		if (brackets ? s.data[i] == '>' : is_blank(s.data[i]))
			return i;
	return s.len;
}

/* The address of MAIL or RCPT. A source route is dropped, as RFC 5321 appendix C bids. */
static struct mw_span address(struct mw_span s, const char *word)
{
	size_t len = strlen(word);
	const uint8_t *colon;

	s = trim(s);
	if (s.len >= len && strncasecmp((const char *)s.data, word, len) == 0)
		s = trim(skip(s, len));
	if (s.len > 0 && s.data[0] == ':')
		s = trim(skip(s, 1));
	if (s.len > 0 && s.data[0] == '<') {
		s = skip(s, 1);
		s.len = path_end(s, true);
	} else {
		s.len = path_end(s, false);
	}
	s = trim(s);
	if (s.len > 0 && s.data[0] == '@') {
		colon = memchr(s.data, ':', s.len);
		if (colon != NULL)
			s = trim(skip(s, (size_t)(colon - s.data) + 1));
	}
	return s;
}

/* `BDAT size [LAST]` (RFC 3030), nothing else. */
static enum mw_smtp_command bdat(struct mw_span s, uint64_t *chunk)
{
	bool digits = false;
	bool last = false;

	*chunk = 0;
	s = trim(s);
	while (s.len > 0 && is_digit(s.data[0])) {
		digits = true;
		*chunk = *chunk * 10 + (uint64_t)(s.data[0] - '0');
		if (*chunk > CHUNK_MAX)
			return MW_SMTP_CMD_BDAT_BAD;
		s = skip(s, 1);
	}
	if (s.len > 0) {
		last = is_blank(s.data[0]) && mw_span_caseeq(trim(s), "LAST");
		digits = digits && last;
	}
	if (!digits)
		return MW_SMTP_CMD_BDAT_BAD;
	return last ? MW_SMTP_CMD_BDAT_LAST : MW_SMTP_CMD_BDAT;
}

/* Those whose reply decides how the following octets are read may stand before anything but a
 * letter: whatever the server makes of it, its reply is waited for. */
static bool waits(enum mw_smtp_command c)
{
	return c == MW_SMTP_CMD_DATA || c == MW_SMTP_CMD_BDAT || c == MW_SMTP_CMD_STARTTLS ||
	       c == MW_SMTP_CMD_AUTH;
}

/* What some server passes over in front of a verb: white space of C, and what else is not seen. */
static bool is_unseen(uint8_t c)
{
	return c <= ' ' || c == 0x7f;
}

struct mw_smtp_parsed mw_smtp_command_parse(struct mw_span line, bool whole)
{
	struct mw_smtp_parsed out = {.command = MW_SMTP_CMD_UNKNOWN};
	struct mw_span verb;
	bool clean, odd = false;

	for (; line.len > 0 && is_unseen(line.data[0]); line = skip(line, 1))
		odd = odd || !is_blank(line.data[0]);
	verb = line;
	verb.len = 0;
	while (verb.len < line.len &&
		(is_letter(line.data[verb.len]) || (verb.len > 0 && is_digit(line.data[verb.len]))))
		verb.len++;
	line = skip(line, verb.len);
	clean = line.len == 0 || is_blank(line.data[0]);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!mw_span_caseeq(verb, verbs[i].verb))
			continue;
		if (!clean && !waits(verbs[i].command))
			break;
		out.command = verbs[i].command;
		out.known = clean && !odd;
		break;
	}
	/* Private extensions are no oddity (RFC 5321 4.1.5). */
	if (clean && !odd && verb.len > 1 && (verb.data[0] | 0x20) == 'x')
		out.known = true;
	if (out.command == MW_SMTP_CMD_BDAT) {
		out.command = bdat(line, &out.chunk);
		if (!whole || odd)
			out.command = MW_SMTP_CMD_BDAT_BAD;
	} else if (out.command == MW_SMTP_CMD_MAIL) {
		out.text = address(line, "FROM");
	} else if (out.command == MW_SMTP_CMD_RCPT) {
		out.text = address(line, "TO");
	} else if (out.command == MW_SMTP_CMD_HELO || out.command == MW_SMTP_CMD_EHLO) {
		out.text = trim(line);
	}
	return out;
}
