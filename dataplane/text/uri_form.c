/*
 * The canonical forms of an address, in SpamAssassin's order (Util::uri_list_canonicalize): each
 * trick that hides an address from a rule is undone, and both the trick and the truth are given
 * out.
 */
#include "dataplane/text/uri_form.h"

#include "dataplane/text/punycode.h"
#include "dataplane/text/uri_edit.h"
#include "dataplane/text/uri_host.h"
#include "dataplane/text/uri_redirect.h"

/* Adds a string unless it is there; what exceeds the bounds is left out. */
static void add(struct mw_uri_work *w, const struct mw_uri_buf *b, bool address)
{
	size_t len = b->len < MW_URI_MAX ? b->len : MW_URI_MAX;

	if (len == 0)
		return;
	for (uint32_t i = 0; i < w->forms; i++) {
		if (w->form[i].len == len && memcmp(w->text + w->form[i].at, b->data, len) == 0)
			return;
	}
	if (w->forms == MW_URI_FORMS_MAX || len > sizeof(w->text) - w->text_len)
		return;
	memcpy(w->text + w->text_len, b->data, len);
	w->form[w->forms].at = w->text_len;
	w->form[w->forms].len = (uint32_t)len;
	w->form[w->forms].address = address;
	w->forms++;
	w->text_len += (uint32_t)len;
}

static struct mw_uri_buf other(struct mw_uri_work *w)
{
	return (struct mw_uri_buf){.data = w->other_text, .size = sizeof(w->other_text)};
}

static void add_joined(
	struct mw_uri_work *w, struct mw_span scheme, struct mw_span host, struct mw_span rest)
{
	struct mw_uri_buf b = other(w);

	mw_uri_put(&b, scheme);
	mw_uri_put(&b, host);
	mw_uri_put(&b, rest);
	add(w, &b, false);
}

static void add_mail(struct mw_uri_work *w, struct mw_span address)
{
	add_joined(w, mw_span_str("mailto:"), mw_span_of(address.data, 0), address);
}

/* First octet of `stops` in s from `at` on, or its end. */
static size_t find(struct mw_span s, size_t at, const char *stops)
{
	while (at < s.len && (s.data[at] == 0 || strchr(stops, s.data[at]) == NULL))
		at++;
	return at;
}

/* Parameters, escaped blanks and display names off. */
static void mail_forms(struct mw_uri_work *w, struct mw_span s)
{
	struct mw_span none = mw_span_of(s.data, 0), t = s;
	size_t at = find(s, 0, "@"), end;

	if (at > 0 && at < s.len) {
		end = find(s, at + 1, "?");
		if (end < s.len && end > at + 1)
			add_joined(w, none, none, mw_span_of(s.data, end));
		end = find(s, at + 1, "?&");
		if (end < s.len && end > at + 1 && s.data[end] == '&')
			add_joined(w, none, none, mw_span_of(s.data, end));
	}
	if (memmem(s.data, s.len, "%20", 3) != NULL) {
		if (mw_uri_begins(t, "mailto:"))
			t = mw_span_of(t.data + 7, t.len - 7);
		while (mw_uri_begins(t, "%20"))
			t = mw_span_of(t.data + 3, t.len - 3);
		at = find(t, 0, "@");
		end = at < t.len ? find(t, at + 1, "?&%") : 0;
		if (at > 0 && end > at + 1)
			add_mail(w, mw_span_of(t.data, end));
	}
	t = mw_span_of(s.data, find(s, 0, "?&"));
	for (size_t open = t.len; open-- > 0;) {
		if (s.data[open] != '<')
			continue;
		at = find(s, open + 1, "@>");
		end = find(s, at, ">");
		if (at > open + 1 && at < s.len && s.data[at] == '@' && end < s.len &&
			end > at + 1) {
			add_mail(w, mw_span_of(s.data + open + 1, end - open - 1));
			break;
		}
	}
}

struct split {
	struct mw_span scheme, user, host, port, rest; /* rest: from ":port" or the path on */
};

static bool split(struct mw_span s, struct split *out)
{
	size_t at = mw_uri_begins(s, "http://") ? 7 : mw_uri_begins(s, "https://") ? 8 : 0, end;

	if (at == 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->scheme = mw_span_of(s.data, at);
	out->port = mw_span_of(s.data, 0);
	end = find(s, at, "@/?#");
	if (end < s.len && s.data[end] == '@' && find(s, end + 1, "/?#:") > end + 1) {
		out->user = mw_span_of(s.data + at, end + 1 - at);
		at = end + 1;
	}
	end = find(s, at, "/?#:");
	if (end == at)
		return false;
	out->host = mw_span_of(s.data + at, end - at);
	out->rest = mw_span_of(s.data + end, s.len - end);
	if (end < s.len && s.data[end] == ':') {
		at = end + 1;
		for (end = at; end < s.len && s.data[end] >= '0' && s.data[end] <= '9'; end++)
			;
		out->port = mw_span_of(s.data + at, end - at);
	}
	return true;
}

static bool is_plain_http(const struct split *p)
{
	return p->scheme.len == 7 && memcmp(p->scheme.data, "http://", 7) == 0;
}

/* ":80" of http and ":443" of https off. */
static bool default_port(const struct split *p, struct mw_span *rest)
{
	const char *port = is_plain_http(p) ? ":80" : ":443";
	size_t n = strlen(port);

	*rest = p->rest;
	if (!mw_uri_begins(p->rest, port) || (p->rest.len > n && mw_uri_is_word(p->rest.data[n])))
		return false;
	*rest = mw_span_of(p->rest.data + n, p->rest.len - n);
	return true;
}

static void add_target(struct mw_uri_work *w, const struct split *p)
{
	struct mw_uri_buf b = other(w), t;
	struct mw_span target;

	mw_uri_put(&b, p->scheme);
	mw_uri_put(&b, p->host);
	mw_uri_put(&b, p->rest);
	target = mw_uri_redirect(mw_span_of(b.data, b.len), b.len - p->rest.len);
	t = (struct mw_uri_buf){.data = b.data + (target.data - b.data), .len = target.len};
	add(w, &t, true);
}

/* "http://intranet/" is where a browser tries www.intranet.com. */
static void add_guess(const struct mw_uri_env *env, const struct split *p, struct mw_span host)
{
	struct mw_uri_buf b = other(env->work);
	struct mw_span name = host;

	if (!is_plain_http(p) || p->user.len > 0 ||
		(p->port.len > 0 && !mw_span_eq(p->port, mw_span_str("80"))) ||
		mw_span_eq(host, mw_span_str("localhost")))
		return;
	if (mw_uri_begins(name, "www.") && name.len > 4)
		name = mw_span_of(name.data + 4, name.len - 4);
	if (memchr(name.data, '.', name.len) != NULL || mw_host_known(env->tlds, host))
		return;
	mw_uri_put(&b, p->scheme);
	mw_uri_put(&b, mw_span_str("www."));
	mw_uri_put(&b, name);
	mw_uri_put(&b, mw_span_str(".com"));
	mw_uri_put(&b, p->rest);
	add(env->work, &b, false);
}

/* Odd spellings of the host, one after the other. `s` lies in form_text. */
static void host_forms(const struct mw_uri_env *env, struct mw_span s)
{
	struct mw_uri_work *w = env->work;
	uint8_t ascii[1024], clean[1024], address[MW_URI_QUAD_MAX];
	struct mw_span rest, host, known;
	struct split p;
	bool port;
	size_t n;

	if (!split(s, &p) || p.host.len > sizeof(clean))
		return;
	port = default_port(&p, &rest);
	if (port)
		add_joined(w, p.scheme, p.host, rest);
	host = p.host;
	n = mw_punycode_host(host, ascii, sizeof(ascii));
	known = mw_span_of(ascii, n);
	if (n > 0 && !(n == host.len &&
			     strncasecmp((const char *)ascii, (const char *)host.data, n) == 0)) {
		add_joined(w, p.scheme, known, p.rest);
		if (p.port.len > 0)
			add_joined(w, p.scheme, known, rest);
		host = known;
	}
	n = 0;
	for (size_t i = 0; i < host.len; i++) {
		if (host.data[i] > ' ')
			clean[n++] = host.data[i];
	}
	if (n != host.len) {
		host = mw_span_of(clean, n);
		add_joined(w, p.scheme, host, p.rest);
	}
	p.host = host;
	add_target(w, &p);
	n = find(host, 0, "@");
	if (n > 0 && n < host.len) {
		host = mw_span_of(host.data + n + 1, host.len - n - 1);
		add_joined(w, p.scheme, host, p.rest);
	}
	for (n = host.len; n > 0 && (!mw_uri_is_word(host.data[n - 1]) || host.data[n - 1] == '_');
		n--)
		;
	if (n != host.len) {
		host.len = n;
		add_joined(w, p.scheme, host, p.rest);
	}
	n = mw_uri_quad(host, address);
	if (n > 0)
		add_joined(w, p.scheme, mw_span_of(address, n), p.rest);
	else
		add_guess(env, &p, known);
}

static bool is_mail(struct mw_span s)
{
	size_t at = find(s, 0, ":@");

	return mw_uri_begins(s, "mailto:") || (at < s.len && s.data[at] == '@');
}

/* Everything that one address (number `i` of the list) stands for. */
static void canonical(const struct mw_uri_env *env, uint32_t i)
{
	struct mw_uri_work *w = env->work;
	struct mw_span s = mw_span_of(w->text + w->form[i].at, w->form[i].len);
	struct mw_uri_buf b = {.data = w->form_text, .size = sizeof(w->form_text)};

	if (s.len <= 1 || s.data[0] == '#' || s.data[0] == '?' || s.data[0] == '&' ||
		(s.data[0] == '/' && s.data[1] != '/'))
		return;
	if (is_mail(s)) {
		mail_forms(w, s);
		return;
	}
	mw_uri_put(&b, s);
	mw_uri_slashes(&b);
	mw_uri_unescape(&b);
	mw_uri_scheme(&b);
	mw_uri_path(&b);
	mw_uri_entities(&b);
	add(w, &b, false);
	host_forms(env, mw_span_of(b.data, b.len));
}

/* For its reader "http://evil.invalid/" is an address, though no rule is shown it. "ftp.c" is a
 * file. */
static bool is_strange(const struct mw_uri_work *w, enum mw_uri_kind kind, const char *prefix)
{
	return kind == MW_URI_SCHEME && w->forms > 0 && strcmp(prefix, "ftp://") != 0 &&
	       mw_uri_says_host(
		       mw_span_of(w->text + w->form[0].at, w->form[0].len), prefix[0] != '\0');
}

/* What a mail address in text must have: an "@" once decoded, a valid top-level domain behind it.
 */
static bool mail_ok(const struct mw_uri_env *env, struct mw_uri_buf *b)
{
	uint8_t ascii[1024];
	struct mw_span host, s;
	size_t at, end, n;

	mw_uri_unescape(b);
	s = mw_span_of(b->data, b->len);
	at = find(s, 0, "@");
	if (at == s.len)
		return false;
	end = find(s, at + 1, "?&>");
	host = mw_span_of(s.data + at + 1, end - at - 1);
	while (host.len >= 3 && memcmp(host.data + host.len - 3, "%20", 3) == 0)
		host.len -= 3;
	n = mw_punycode_host(host, ascii, sizeof(ascii));
	return n > 0 && mw_host_known(env->tlds, mw_span_of(ascii, n));
}

void mw_uri_forms(const struct mw_uri_env *env, enum mw_uri_kind kind, const char *prefix,
	struct mw_span rest, struct mw_span written)
{
	struct mw_uri_work *w = env->work;
	struct mw_uri_buf b = {.data = w->form_text, .size = MW_URI_MAX};
	bool ok = kind == MW_URI_LINK;

	mw_uri_put(&b, mw_span_str(prefix));
	mw_uri_put(&b, rest);
	if (env->limit != NULL &&
		!mw_uri_limit_pass(env->limit, mw_span_of(b.data, b.len), kind == MW_URI_LINK))
		return;
	b.size = sizeof(w->form_text);
	if (!ok && mw_uri_begins(mw_span_of(b.data, b.len), "mailto:") && !mail_ok(env, &b))
		return;
	mw_uri_clean(&b);
	w->forms = 0;
	w->text_len = 0;
	add(w, &b, true);
	for (uint32_t i = 0; i < w->forms; i++) {
		if (w->form[i].address)
			canonical(env, i);
	}
	for (uint32_t i = 0; i < w->forms && !ok; i++)
		ok = mw_uri_has_host(
			env->tlds, mw_span_of(w->text + w->form[i].at, w->form[i].len));
	if (!ok && is_strange(w, kind, prefix)) {
		kind = MW_URI_STRANGE;
		w->forms = 1;
		ok = true;
	}
	for (uint32_t i = 0; i < w->forms && ok; i++) {
		struct mw_uri_found found = {.kind = kind, .canonical = i > 0, .written = written};

		found.uri = mw_span_of(w->text + w->form[i].at, w->form[i].len);
		env->found(env->ctx, &found);
	}
}

void mw_uri_link(const struct mw_uri_env *env, struct mw_span link)
{
	if (link.len > 0)
		mw_uri_forms(env, MW_URI_LINK, "", link, link);
}
