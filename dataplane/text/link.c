/*
 * Addresses taken apart, merged and put together again: pure string work, no allocation.
 */
#include "dataplane/text/link.h"

struct parts {
	struct mw_span scheme, authority, path, query, fragment; /* data NULL: not there */
};

static size_t until(struct mw_span s, size_t from, const char *stops)
{
	while (from < s.len && strchr(stops, s.data[from]) == NULL)
		from++;
	return from;
}

/* strchr finds the NUL as well: an octet 0 ends a part, which no address survives anyway. */
static struct parts take_apart(struct mw_span s)
{
	struct parts p = {0};
	size_t at = until(s, 0, ":/?#"), end;

	if (at > 0 && at < s.len && s.data[at] == ':') {
		p.scheme = mw_span_of(s.data, at);
		at++;
	} else {
		at = 0;
	}
	if (s.len - at >= 2 && s.data[at] == '/' && s.data[at + 1] == '/') {
		end = until(s, at + 2, "/?#");
		p.authority = mw_span_of(s.data + at + 2, end - at - 2);
		at = end;
	}
	end = until(s, at, "?#");
	p.path = mw_span_of(s.data + at, end - at);
	at = end;
	if (at < s.len && s.data[at] == '?') {
		end = until(s, at + 1, "#");
		p.query = mw_span_of(s.data + at + 1, end - at - 1);
		at = end;
	}
	if (at < s.len && s.data[at] == '#')
		p.fragment = mw_span_of(s.data + at + 1, s.len - at - 1);
	return p;
}

struct writer {
	uint8_t *out;
	size_t size;
	size_t len;
};

static void put(struct writer *w, const void *data, size_t len)
{
	if (len > w->size - w->len)
		len = w->size - w->len;
	if (len > 0)
		memcpy(w->out + w->len, data, len);
	w->len += len;
}

/* Is `dots` followed by "/" or the end at `at`? */
static bool segment(const uint8_t *p, size_t at, size_t len, const char *dots)
{
	size_t n = strlen(dots);

	return len - at >= n && memcmp(p + at, dots, n) == 0 && (len - at == n || p[at + n] == '/');
}

/* "." and ".." segments taken out, in place, from `start` on. */
static void remove_dots(struct writer *w, size_t start)
{
	uint8_t *p = w->out;
	size_t at = start, o = start, end = w->len;

	if (segment(p, at, end, "..") && end - at > 2)
		at += 2;
	else if (segment(p, at, end, ".") && end - at > 1)
		at += 1;
	while (at < end) {
		if (segment(p, at, end, "/.")) {
			at += 2;
			if (at == end)
				p[--at] = '/';
		} else if (segment(p, at, end, "/..")) {
			at += 3;
			if (at == end)
				p[--at] = '/';
			while (o > start && p[o - 1] != '/')
				o--;
			if (o > start)
				o--;
		} else {
			if (p[at] == '/')
				p[o++] = p[at++];
			while (at < end && p[at] != '/')
				p[o++] = p[at++];
		}
	}
	w->len = o;
}

static void put_merged(struct writer *w, const struct parts *base, struct mw_span path)
{
	const uint8_t *slash;

	if (base->authority.data != NULL && base->path.len == 0) {
		put(w, "/", 1);
	} else if (base->path.len > 0) {
		slash = memrchr(base->path.data, '/', base->path.len);
		if (slash != NULL)
			put(w, base->path.data, (size_t)(slash - base->path.data) + 1);
	}
	put(w, path.data, path.len);
}

static bool prefix_digits(struct mw_span host, const char *word)
{
	size_t n = strlen(word);

	if (host.len < n || strncasecmp((const char *)host.data, word, n) != 0)
		return false;
	while (n < host.len && host.data[n] >= '0' && host.data[n] <= '9')
		n++;
	return n < host.len && host.data[n] == '.';
}

struct mw_span mw_link_trim(struct mw_span s)
{
	for (;;) {
		if (s.len >= 2 && s.data[0] == 0xc2 && s.data[1] == 0xa0) {
			s.data += 2;
			s.len -= 2;
		} else if (s.len > 0 && s.data[0] != 0 &&
			   strchr(" \t\n\r\f\v", s.data[0]) != NULL) {
			s.data++;
			s.len--;
		} else {
			break;
		}
	}
	for (;;) {
		if (s.len >= 2 && s.data[s.len - 2] == 0xc2 && s.data[s.len - 1] == 0xa0)
			s.len -= 2;
		else if (s.len > 0 && s.data[s.len - 1] != 0 &&
			 strchr(" \t\n\r\f\v", s.data[s.len - 1]) != NULL)
			s.len--;
		else
			break;
	}
	return s;
}

size_t mw_link_resolve(struct mw_span base, struct mw_span link, uint8_t *out, size_t size)
{
	struct writer w = {out, size, 0};
	struct parts b = take_apart(base), r = take_apart(link);
	struct mw_span scheme = r.scheme, authority = r.authority, query = r.query;
	size_t start;

	if (scheme.data != NULL && b.scheme.data != NULL && mw_span_eq(scheme, b.scheme))
		scheme.data = NULL;
	if (scheme.data == NULL) {
		scheme = b.scheme;
		if (authority.data == NULL)
			authority = b.authority;
	} else {
		b = (struct parts){0};
	}
	if (scheme.data != NULL) {
		put(&w, scheme.data, scheme.len);
		put(&w, ":", 1);
	} else if (authority.data != NULL) {
		if (prefix_digits(authority, "www"))
			put(&w, "http:", 5);
		else if (prefix_digits(authority, "ftp"))
			put(&w, "ftp:", 4);
	}
	if (authority.data != NULL) {
		put(&w, "//", 2);
		put(&w, authority.data, authority.len);
	}
	start = w.len;
	if (r.authority.data != NULL ||
		(r.path.len > 0 && (r.path.data[0] == '/' || b.path.data == NULL))) {
		put(&w, r.path.data, r.path.len);
		remove_dots(&w, start);
	} else if (r.path.len == 0) {
		put(&w, b.path.data, b.path.len);
		if (query.data == NULL)
			query = b.query;
	} else {
		put_merged(&w, &b, r.path);
		remove_dots(&w, start);
	}
	if (query.data != NULL) {
		put(&w, "?", 1);
		put(&w, query.data, query.len);
	}
	if (r.fragment.data != NULL) {
		put(&w, "#", 1);
		put(&w, r.fragment.data, r.fragment.len);
	}
	return w.len;
}

size_t mw_link_base(struct mw_span href, uint8_t *out, size_t size)
{
	static const char *const schemes[] = {"http:", "https:", "ftp:"};
	struct writer w = {out, size, 0};
	size_t host = 0, len = href.len, dot, name;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);

		if (href.len >= n && strncasecmp((const char *)href.data, schemes[i], n) == 0)
			host = n;
	}
	if (host == 0)
		return 0;
	while (host < len && href.data[host] == '/')
		host++;
	/* A file name: after the last "/" of a path, with one dot and 2 to 4 octets behind it. */
	for (name = len; name > 0 && href.data[name - 1] != '/'; name--)
		;
	if (memchr(href.data + host, '/', len - host) != NULL && name > host) {
		for (dot = len; dot > name && href.data[dot - 1] != '.'; dot--)
			;
		if (dot > name + 1 && len - dot >= 2 && len - dot <= 4 && len > dot) {
			for (dot--; dot > name && href.data[dot - 1] != '.'; dot--)
				;
			len = dot;
		}
	}
	put(&w, href.data, len);
	if (w.len == 0 || out[w.len - 1] != '/')
		put(&w, "/", 1);
	return w.len == size ? 0 : w.len;
}
