/*
 * Known redirectors by host, path and parameter, as the stock rules' redirector_pattern lines name
 * them (search results aside); else anything that begins with http: behind the host.
 */
#include "dataplane/text/uri_redirect.h"

#include "dataplane/text/uri_edit.h"

struct redirector {
	const char *host; /* in the host: "google." */
	const char *path; /* in what follows the host */
	const char *name; /* parameter that holds the target; NULL: everything behind `path` */
};

static const struct redirector redirectors[] = {
	{"google.", "/url?", "q="},
	{"google.", "/translate?", "u="},
	{"google.", "/pagead/iclk?", "adurl="},
	{"aol.com", "/redir.adp?", "_url="},
	{"facebook.com", "/l/;", NULL},
	{".gov", "externallink.jhtml?", "url="},
	{"", "/redirect.php?", "goto="},
	{"", "/?", "url="},
	{"", "/index.php?", "url="},
};

/* `word` is in lower case. */
static size_t find_word(struct mw_span s, size_t at, const char *word)
{
	size_t n = strlen(word);
	uint8_t first = (uint8_t)word[0];

	for (; at + n <= s.len; at++) {
		uint8_t b = s.data[at];

		if (b != first && (b < 'A' || b > 'Z' || b + 32 != first))
			continue;
		if (strncasecmp((const char *)s.data + at, word, n) == 0)
			return at;
	}
	return s.len;
}

static struct mw_span up_to(struct mw_span s, size_t at, const char *stops)
{
	size_t end = at;

	while (end < s.len && (s.data[end] == 0 || strchr(stops, s.data[end]) == NULL))
		end++;
	return mw_span_of(s.data + at, end - at);
}

static bool has_dot(struct mw_span s)
{
	return s.len > 0 && memchr(s.data, '.', s.len) != NULL;
}

static struct mw_span by_pattern(struct mw_span uri, size_t path, const struct redirector *r)
{
	struct mw_span none = mw_span_of(uri.data, 0), host = mw_span_of(uri.data, path);
	size_t at;

	if (*r->host != '\0' && find_word(host, 0, r->host) == host.len)
		return none;
	at = find_word(uri, path, r->path);
	if (at == uri.len)
		return none;
	at += strlen(r->path);
	if (r->name == NULL)
		return mw_span_of(uri.data + at, uri.len - at);
	for (at--; at < uri.len; at++) {
		if (uri.data[at] != '?' && uri.data[at] != '&')
			continue;
		if (mw_uri_begins(mw_span_of(uri.data + at + 1, uri.len - at - 1), r->name))
			return up_to(uri, at + 1 + strlen(r->name), "&#");
	}
	return none;
}

struct mw_span mw_uri_redirect(struct mw_span uri, size_t path)
{
	struct mw_span target;

	if (uri.len - path < 8)
		return mw_span_of(uri.data, 0); /* room for no address */
	for (size_t i = 0; i < sizeof(redirectors) / sizeof(redirectors[0]); i++) {
		target = by_pattern(uri, path, &redirectors[i]);
		if (has_dot(target))
			return target;
	}
	for (size_t at = path; (at = find_word(uri, at, "http")) < uri.len; at++) {
		size_t n = at + 4;

		if (n < uri.len && (uri.data[n] | 0x20) == 's')
			n++;
		if (n >= uri.len || uri.data[n] != ':')
			continue;
		target = up_to(uri, at, "&#");
		/* Something behind the colon: slashes alone are no target. */
		if (target.len > n + 1 - at)
			return has_dot(target) ? target : mw_span_of(uri.data, 0);
	}
	return mw_span_of(uri.data, 0);
}
