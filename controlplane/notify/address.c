/* Which addresses mail may go to: what is plain in a header and in an SMTP command alike. */
#include "controlplane/notify/mail.h"

static bool atext(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Dot-string @ domain or [IPv4 literal] (RFC 5321 4.1.2); no quoted local part, no source route. */
bool mw_mail_address_ok(const char *address)
{
	const char *at = strrchr(address, '@');
	size_t len = strlen(address);
	bool last_dot = true;

	if (at == NULL || at == address || len > 254 || at - address > 64)
		return false;
	for (const char *p = address; p < at; p++) {
		if (*p == '.' ? last_dot : !atext((unsigned char)*p))
			return false;
		last_dot = *p == '.';
	}
	if (last_dot)
		return false;
	if (at[1] == '[') {
		size_t n = strspn(at + 2, "0123456789.");

		return n >= 7 && strcmp(at + 2 + n, "]") == 0;
	}
	last_dot = true;
	for (const char *p = at + 1; *p != '\0'; p++) {
		if (*p == '.' ? last_dot : !alnum((unsigned char)*p) && *p != '-')
			return false;
		last_dot = *p == '.';
	}
	return !last_dot && strlen(at + 1) <= 253;
}
