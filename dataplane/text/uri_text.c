/*
 * Finds what looks like an address in one rendered paragraph, where SpamAssassin's pattern (a
 * hybrid of what Thunderbird and Outlook turn into links) finds it. Only words with a ".", "@" or
 * ":" inside are looked at closely; every alternative of the pattern stays within one such word.
 */
#include "dataplane/text/uri_form.h"
#include "dataplane/text/uri_host.h"

enum {
	WORD = 1,    /* A-Z a-z 0-9 _ */
	DELIM = 2,   /* ends an address */
	MAIL = 4,    /* ends a mail address (DELIM does too) */
	START = 8,   /* an address may begin behind it */
	BARE = 16,   /* one without a scheme may */
	HOST = 32,   /* A-Z a-z 0-9 . _ - */
	HINT = 64,   /* a word without one of these holds no address */
	TRAIL = 128, /* dropped from an address's end */
};

static const uint8_t class[256] = {
	['\t'] = DELIM | START | BARE,
	['\n'] = DELIM | START | BARE,
	[0x0b] = DELIM | START | BARE,
	[0x0c] = DELIM | START | BARE,
	['\r'] = DELIM | START | BARE,
	[0x1b] = DELIM | START | BARE,
	[' '] = DELIM | START | BARE,
	['!'] = BARE | TRAIL,
	['"'] = DELIM | START | BARE,
	['#'] = BARE | TRAIL,
	['$'] = BARE,
	['&'] = BARE | TRAIL,
	['\''] = MAIL | START | BARE | TRAIL,
	['('] = MAIL | START | BARE | TRAIL,
	[')'] = BARE | TRAIL,
	['*'] = BARE | TRAIL,
	['+'] = BARE | TRAIL,
	[','] = MAIL | START | BARE | TRAIL,
	['-'] = HOST | TRAIL,
	['.'] = HOST | HINT | TRAIL,
	['/'] = BARE,
	['0' ... '9'] = WORD | HOST,
	[':'] = BARE | HINT | TRAIL,
	[';'] = BARE | TRAIL,
	['<'] = DELIM | START | BARE,
	['='] = BARE | TRAIL,
	['>'] = DELIM | START | BARE,
	['?'] = BARE | TRAIL,
	['@'] = BARE | HINT | TRAIL,
	['A' ... 'Z'] = WORD | HOST,
	['['] = DELIM | START | BARE,
	['\\'] = BARE,
	[']'] = DELIM | BARE,
	['^'] = BARE | TRAIL,
	['_'] = WORD | HOST | TRAIL,
	['`'] = DELIM | START | BARE,
	['a' ... 'z'] = WORD | HOST,
	['{'] = DELIM | START | BARE,
	['|'] = DELIM | START | BARE,
	['}'] = DELIM | BARE,
	['~'] = BARE | TRAIL,
	[0x80 ... 0x9f] = MAIL,
	[0xa0] = DELIM | START | BARE, /* as an octet, whatever it is part of */
	[0xa1 ... 0xff] = MAIL,
};

#define REST_MAX  2048 /* what may follow "http://" */
#define LOCAL_MAX 251  /* each side of "@" */
#define BARE_MAX  252  /* a bare host, its last label left out */
#define IP_MAX	  48   /* between "[" and "]" */

struct finder {
	const struct mw_uri_env *env;
	const uint8_t *text; /* of the paragraph */
	const uint8_t *text_end;
	const uint8_t *end; /* of the word being looked at */
	/* Where the mail side of the word was last looked at, so that no octet is looked at for
	 * every place an address could begin: the next "@" or what ends a mail address, and the end
	 * behind "@". */
	const uint8_t *stop;
	const uint8_t *mail_end;
};

static bool begins(struct mw_span s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && strncasecmp((const char *)s.data, word, n) == 0;
}

/* Octets of "http://", "www2." or "ftp." at the front; 0: neither. */
static size_t known_scheme(struct mw_span s)
{
	static const char *const schemes[] = {"http://", "https://", "ftp://", "ftp."};
	size_t n = 3;

	if (s.len < 4 || memchr("hHfFwW", s.data[0], 6) == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (begins(s, schemes[i]))
			return strlen(schemes[i]);
	}
	if (!begins(s, "www"))
		return 0;
	while (n < 5 && n < s.len && s.data[n] >= '0' && s.data[n] <= '9')
		n++;
	return n < s.len && s.data[n] == '.' ? n + 1 : 0;
}

static size_t match_known(struct mw_span s)
{
	size_t scheme = known_scheme(s);

	return scheme > 0 && s.len > scheme && s.len - scheme <= REST_MAX ? s.len : 0;
}

/* Octets up to what ends a mail address. */
static size_t mail_run(struct mw_span s, size_t from)
{
	while (from < s.len && (class[s.data[from]] & MAIL) == 0)
		from++;
	return from;
}

static size_t match_mail(struct finder *f, struct mw_span s)
{
	size_t end, at;

	if ((s.data[0] | 0x20) == 'm' && begins(s, "mailto:")) {
		end = mail_run(s, 7);
		if (end > 7 && end - 7 <= REST_MAX)
			return end;
	}
	if (f->stop < s.data) {
		for (f->stop = s.data;
			f->stop < f->end && *f->stop != '@' && (class[*f->stop] & MAIL) == 0;)
			f->stop++;
	}
	at = (size_t)(f->stop - s.data);
	if (at == 0 || at > LOCAL_MAX || at == s.len || s.data[at] != '@')
		return 0;
	if (f->mail_end <= s.data + at)
		f->mail_end = s.data + mail_run(s, at + 1);
	end = (size_t)(f->mail_end - s.data);
	return end > at + 1 && end - at - 1 <= LOCAL_MAX ? end : 0;
}

/* host.tld with an optional dot, port and path up to the word's end; *host is the host. */
static size_t match_bare(const struct finder *f, struct mw_span s, struct mw_span *host)
{
	size_t n = 0, at, dot;

	if ((class[s.data[0]] & HOST) == 0 || s.data[0] == '.' || s.data[0] == '-' ||
		s.data[0] == '_')
		return 0;
	while (n < s.len && (class[s.data[n]] & HOST) != 0)
		n++;
	at = n;
	if (at < s.len && s.data[at] == ':') {
		size_t digits = at + 1;

		while (digits < s.len && s.data[digits] >= '0' && s.data[digits] <= '9')
			digits++;
		if (digits == at + 1 || digits - at - 1 > 5)
			return 0;
		at = digits;
	}
	if (at < s.len && (s.data[at] != '/' || s.len - at - 1 == 0 || s.len - at - 1 > REST_MAX))
		return 0;
	if (s.data[n - 1] == '.')
		n--;
	for (dot = n; dot > 0 && s.data[dot - 1] != '.'; dot--)
		;
	if (dot < 2 || dot - 1 > BARE_MAX ||
		!mw_tld_valid(f->env->tlds, mw_span_of(s.data + dot, n - dot)))
		return 0;
	*host = mw_span_of(s.data, n);
	return s.len;
}

/* ")" ends an address unless "(" stands before; then punctuation goes. */
static struct mw_span trim(struct mw_span s)
{
	const uint8_t *open = memchr(s.data, '(', s.len), *close;

	close = memrchr(s.data, ')', open != NULL ? (size_t)(open - s.data) : s.len);
	if (close != NULL)
		s.len = (size_t)(close - s.data);
	while (s.len > 0 && (class[s.data[s.len - 1]] & TRAIL) != 0)
		s.len--;
	return s;
}

/* "http://" and the like, with nothing behind. */
static bool empty(struct mw_span s)
{
	size_t n = 0;

	while (n < s.len && (class[s.data[n]] & WORD) != 0)
		n++;
	if (n == 0 || n == s.len || s.data[n] != ':')
		return false;
	n++;
	return n == s.len ||
	       (s.data[n] == '/' && (n + 1 == s.len || (s.data[n + 1] == '/' && n + 2 == s.len)));
}

/* "email:me@example.org" is read as one word. */
static void strip_misread(struct mw_span *s)
{
	static const char *const misread[] = {
		"skype:", "e-mail:", "email:", "-mail:", "mail:", ":"};

	for (size_t i = 0; i < sizeof(misread) / sizeof(misread[0]); i++) {
		size_t n = strlen(misread[i]);

		if (!begins(*s, misread[i]))
			continue;
		while (n < s->len && s->data[n] == ':')
			n++;
		*s = mw_span_of(s->data + n, s->len - n);
		return;
	}
}

/* What stands before an address without a scheme; NULL: it is none. May move the front of `s`. */
static const char *prefix_of(struct mw_span *s, enum mw_uri_kind *kind)
{
	const uint8_t *at = memchr(s->data, '@', s->len), *slash;
	size_t known = known_scheme(*s);

	if (begins(*s, "http:") || begins(*s, "https:") || begins(*s, "ftp:"))
		return "";
	if (begins(*s, "mailto:")) {
		*kind = MW_URI_MAIL;
		return "";
	}
	if (known > 0)
		return begins(*s, "ftp.") ? "ftp://" : "http://";
	if (memmem(s->data, s->len, "&nbsp;", 6) != NULL && at != NULL)
		return NULL; /* garbled */
	slash = memchr(s->data, '/', s->len);
	if (slash != NULL && (at = memrchr(s->data, '@', s->len)) != NULL && at > slash + 1)
		return "http://"; /* "/" before "@": no mail address */
	at = memchr(s->data, '@', s->len);
	if (at == NULL)
		return memchr(s->data, '.', s->len) != NULL ? "http://" : NULL;
	*kind = MW_URI_MAIL;
	/* Some character, then a dot, behind the "@"; "Vi@gra" is none. */
	if (s->data + s->len - at < 3 ||
		memchr(at + 2, '.', (size_t)(s->data + s->len - at - 2)) == NULL)
		return NULL;
	strip_misread(s);
	return "mailto:";
}

static void found(const struct finder *f, struct mw_span written, enum mw_uri_kind kind,
	struct mw_span bare_host)
{
	struct mw_span s = trim(written);
	const char *prefix;

	if (s.len == 0 || (kind == MW_URI_MAIL && memchr(s.data, '@', s.len) == NULL))
		return;
	if (kind == MW_URI_BARE && !mw_host_valid(bare_host))
		return;
	if (begins(s, "cid:") || begins(s, "mid:") || empty(s))
		return;
	written = s;
	prefix = prefix_of(&s, &kind);
	if (prefix != NULL)
		mw_uri_forms(f->env, kind, prefix, s, written);
}

/*
 * "http://[2001:db8::1]/a" (RFC 3986, section 3.2.2): "[" ends an address for SpamAssassin, which
 * sees none here, so this goes by the words, and what follows "[" is looked at as ever. Returns
 * what the reader sees, empty if the word does not end in a scheme that begins at `at` with an IP
 * address behind it.
 */
static struct mw_span match_literal(const struct finder *f, const uint8_t *at)
{
	struct mw_span scheme = mw_span_of(at, (size_t)(f->end - at)), none = mw_span_of(at, 0), ip;
	const uint8_t *end = f->end;

	if (end == f->text_end || *end != '[' || end[-1] != '/' ||
		known_scheme(scheme) != scheme.len)
		return none;
	for (end++; end < f->text_end && end - f->end <= IP_MAX && *end != 0 &&
		    strchr("0123456789abcdefABCDEF:.", *end) != NULL;)
		end++;
	if (end == f->text_end || *end != ']')
		return none;
	ip = mw_span_of(f->end + 1, (size_t)(end - f->end - 1));
	if (ip.len == 0 || (memchr(ip.data, ':', ip.len) == NULL && !mw_host_is_ipv4(ip)))
		return none;
	end++;
	if (end < f->text_end && *end != 0 && strchr("/:?#", *end) != NULL) {
		while (end < f->text_end && (class[*end] & DELIM) == 0 && end - at < REST_MAX)
			end++;
	}
	return trim(mw_span_of(at, (size_t)(end - at)));
}

/* May an address begin at `at`? A word's edge, or behind one of the characters that stand before
 * it. */
static bool may_start(const struct finder *f, const uint8_t *at)
{
	bool before = at > f->text && (class[at[-1]] & WORD) != 0;

	if (before != ((class[*at] & WORD) != 0))
		return true;
	if (at > f->text && (class[at[-1]] & START) != 0)
		return true;
	/* ISO-2022's shift back to ASCII that nobody decoded. */
	return at >= f->text + 3 && at[-3] == 0x1b && at[-2] == '(';
}

/* Everything within one word. */
static void look(struct finder *f, const uint8_t *at)
{
	while (at < f->end) {
		struct mw_span s = mw_span_of(at, (size_t)(f->end - at)), host = mw_span_of(at, 0);
		enum mw_uri_kind kind = MW_URI_SCHEME;
		size_t n;

		if (!may_start(f, at)) {
			at++;
			continue;
		}
		n = match_known(s);
		if (n == 0) {
			struct mw_uri_found literal = {.kind = MW_URI_STRANGE};

			literal.uri = literal.written = match_literal(f, at);
			if (literal.uri.len > 0)
				f->env->found(f->env->ctx, &literal);
			kind = MW_URI_MAIL;
			n = match_mail(f, s);
		}
		if (n == 0 && (at == f->text || (class[at[-1]] & BARE) != 0)) {
			kind = MW_URI_BARE;
			n = match_bare(f, s, &host);
		}
		if (n == 0) {
			at++;
			continue;
		}
		found(f, mw_span_of(at, n), kind, host);
		at += n;
	}
}

void mw_uri_text(const struct mw_uri_env *env, struct mw_span paragraph)
{
	const uint8_t *at = paragraph.data, *end = at + paragraph.len;
	struct finder f = {.env = env, .text = at, .text_end = end};

	while (at < end) {
		const uint8_t *start = at, *hint = NULL;

		for (; at < end && (class[*at] & DELIM) == 0; at++) {
			if ((class[*at] & HINT) != 0 && hint == NULL)
				hint = at;
		}
		/* A dot or colon at the very end of a word is a sentence's. */
		if (hint != NULL && hint + 1 < at) {
			f.end = at;
			f.stop = f.mail_end = start - 1; /* of an earlier word */
			look(&f, start);
		}
		at++;
	}
}
