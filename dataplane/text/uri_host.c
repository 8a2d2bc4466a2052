/*
 * What is a host, in the manner of SpamAssassin's RegistryBoundaries (uri_to_domain, is_fqdn_valid,
 * is_domain_valid), which decides what may come out of plain text at all.
 */
#include "dataplane/text/uri_host.h"

#include "dataplane/text/punycode.h"

static bool is_name(uint8_t b)
{
	return (uint8_t)((b | 0x20) - 'a') < 26 || (uint8_t)(b - '0') < 10 || b == '_';
}

static struct mw_span without_dots(struct mw_span host)
{
	while (host.len > 0 && host.data[host.len - 1] == '.')
		host.len--;
	return host;
}

bool mw_host_valid(struct mw_span host)
{
	size_t start = 0, labels = 1, at = 0;

	host = without_dots(host);
	if (host.len == 0 || host.len > MW_HOST_MAX)
		return false;
	for (size_t i = 0; i < host.len; i++)
		labels += host.data[i] == '.';
	if (labels < 2)
		return false;
	for (size_t i = 0; i <= host.len; i++) {
		struct mw_span label;

		if (i < host.len && host.data[i] != '.') {
			if (!is_name(host.data[i]) && host.data[i] != '-')
				return false;
			continue;
		}
		label = mw_span_of(host.data + start, i - start);
		if (label.len == 0 || label.len > 63 || label.data[0] == '-' ||
			label.data[label.len - 1] == '-')
			return false;
		if (labels - at <= 2 && memchr(label.data, '_', label.len) != NULL)
			return false;
		at++;
		start = i + 1;
	}
	return true;
}

bool mw_host_known(const struct mw_tld_table *tlds, struct mw_span host)
{
	const uint8_t *dot = host.len > 0 ? memrchr(host.data, '.', host.len) : NULL;

	if (dot == NULL)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		if (host.data[i] == ' ' || (host.data[i] >= '\t' && host.data[i] <= '\r'))
			return false;
	}
	return mw_tld_valid(tlds, mw_span_of(dot + 1, host.len - (size_t)(dot - host.data) - 1));
}

bool mw_host_is_ipv4(struct mw_span host)
{
	uint32_t value = 0, digits = 0, parts = 0;

	for (size_t i = 0; i <= host.len; i++) {
		if (i < host.len && host.data[i] >= '0' && host.data[i] <= '9') {
			value = value * 10 + (uint32_t)(host.data[i] - '0');
			if (++digits > 3 || value > 255)
				return false;
			continue;
		}
		if (digits == 0 || (i < host.len && host.data[i] != '.'))
			return false;
		value = 0;
		digits = 0;
		parts++;
	}
	return parts == 4;
}

static bool begins(struct mw_span s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && strncasecmp((const char *)s.data, word, n) == 0;
}

/* Escapes that should have been decoded: %21 to %7E. The decoded form is looked at as well. */
static bool has_escape(struct mw_span s)
{
	for (size_t i = 0; i + 2 < s.len; i++) {
		uint8_t a = s.data[i + 1], b = s.data[i + 2] | 0x20;
		bool hex = (b >= '0' && b <= '9') ||
			   (s.data[i + 2] >= '0' && s.data[i + 2] <= '9') || (b >= 'a' && b <= 'f');

		if (s.data[i] != '%' || !hex || a < '2' || a > '7')
			continue;
		if (!(a == '2' && s.data[i + 2] == '0') && !(a == '7' && b == 'f'))
			return true;
	}
	return false;
}

static struct mw_span host_of_mail(struct mw_span uri)
{
	const uint8_t *at;

	uri.data += 7;
	uri.len -= 7;
	at = memchr(uri.data, '?', uri.len);
	if (at != NULL)
		uri.len = (size_t)(at - uri.data);
	at = uri.len > 0 ? memchr(uri.data, '@', uri.len) : NULL;
	if (at == NULL || memrchr(uri.data, '@', uri.len) != at)
		return mw_span_of(uri.data, 0);
	at++;
	return mw_span_of(at, uri.len - (size_t)(at - uri.data));
}

static struct mw_span host_of_address(struct mw_span uri)
{
	const uint8_t *at;
	size_t i = 0;

	while (i < uri.len && (uint8_t)((uri.data[i] | 0x20) - 'a') < 26)
		i++;
	if (i > 0 && i < uri.len && uri.data[i] == ':') {
		i++;
		for (int slashes = 0; slashes < 2 && i < uri.len && uri.data[i] == '/'; slashes++)
			i++;
		uri.data += i;
		uri.len -= i;
	}
	for (i = 0; i < uri.len && uri.data[i] != '/' && uri.data[i] != '?' && uri.data[i] != '#';
		i++)
		;
	uri.len = i;
	at = uri.len > 0 ? memrchr(uri.data, '@', uri.len) : NULL;
	if (at != NULL) {
		at++;
		uri = mw_span_of(at, uri.len - (size_t)(at - uri.data));
	}
	for (i = uri.len; i > 0 && uri.data[i - 1] >= '0' && uri.data[i - 1] <= '9'; i--)
		;
	if (i > 0 && uri.data[i - 1] == ':')
		uri.len = i - 1;
	return uri;
}

bool mw_uri_has_host(const struct mw_tld_table *tlds, struct mw_span uri)
{
	uint8_t ascii[512];
	struct mw_span host;
	size_t len;

	if (begins(uri, "javascript:") || begins(uri, "cid:") || begins(uri, "file:"))
		return false;
	host = begins(uri, "mailto:") ? host_of_mail(uri) : host_of_address(uri);
	if (host.len == 0 || has_escape(host))
		return false;
	len = mw_punycode_host(host, ascii, sizeof(ascii));
	host = mw_span_of(ascii, len);
	return mw_host_is_ipv4(host) || (mw_host_valid(host) && mw_host_known(tlds, host));
}

bool mw_uri_says_host(struct mw_span uri, bool guessed)
{
	struct mw_span host = host_of_address(uri);
	uint8_t ascii[512];

	if (guessed) {
		size_t len = mw_punycode_host(host, ascii, sizeof(ascii));

		return mw_host_valid(mw_span_of(ascii, len));
	}
	for (size_t i = 0; i < host.len; i++) {
		if (is_name(host.data[i]) || host.data[i] >= 0x80)
			return true;
	}
	return false;
}
