/*
 * Conditions of `if` blocks: which of a rule file's variants is meant for us. We answer as
 * SpamAssassin 4.0.1 with Debian's plugins does: a wrong answer loses rules or doubles them.
 */
#include "controlplane/rules/cf.h"

#include <stdlib.h>

#define OUR_VERSION 4.000001
#define DEPTH_MAX   32

static const char *const plugins[] = {"URIDNSBL", "SPF", "Pyzor", "Razor2", "SpamCop",
	"AutoLearnThreshold", "WelcomeListSubject", "WhiteListSubject", "MIMEHeader", "ReplaceTags",
	"DKIM", "Check", "HTTPSMismatch", "URIDetail", "Bayes", "BodyEval", "DNSEval", "HTMLEval",
	"HeaderEval", "MIMEEval", "RelayEval", "URIEval", "WLBLEval", "VBounce", "ImageInfo",
	"FreeMail", "AskDNS", "HashBL", "DMARC"};

struct parse {
	struct mw_span rest;
	unsigned depth;
	bool failed;
};

static bool starts(struct mw_span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.data, text, len) == 0;
}

bool mw_cf_plugin_loaded(struct mw_span name)
{
	static const char prefix[] = "Mail::SpamAssassin::Plugin::";

	if (!starts(name, prefix))
		return false;
	name = mw_span_of(name.data + sizeof(prefix) - 1, name.len - (sizeof(prefix) - 1));
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++)
		if (mw_span_eq(name, mw_span_str(plugins[i])))
			return true;
	return false;
}

/* can(Package::function): is that feature there? */
static bool can(struct mw_span name)
{
	static const char conf[] = "Mail::SpamAssassin::Conf::";
	size_t colon = name.len;

	if (starts(name, conf)) {
		struct mw_span f =
			mw_span_of(name.data + sizeof(conf) - 1, name.len - (sizeof(conf) - 1));

		/* compat_…: only after an enable_compat line, which Debian does not have. */
		return starts(f, "feature_") || starts(f, "perl_min_version_5");
	}
	while (colon > 1 && !(name.data[colon - 1] == ':' && name.data[colon - 2] == ':'))
		colon--;
	return colon > 2 && mw_cf_plugin_loaded(mw_span_of(name.data, colon - 2));
}

static bool take(struct parse *p, const char *text)
{
	size_t len = strlen(text);

	p->rest = mw_trim(p->rest);
	if (!starts(p->rest, text))
		return false;
	p->rest = mw_span_of(p->rest.data + len, p->rest.len - len);
	return true;
}

/* The argument of plugin(…) or can(…). */
static struct mw_span argument(struct parse *p)
{
	size_t n = 0;

	if (!take(p, "("))
		p->failed = true;
	while (n < p->rest.len && p->rest.data[n] != ')')
		n++;
	struct mw_span s = mw_trim(mw_span_of(p->rest.data, n));
	p->rest = mw_span_of(p->rest.data + n, p->rest.len - n);
	if (!take(p, ")"))
		p->failed = true;
	return s;
}

static double or_part(struct parse *p);

static double operand(struct parse *p)
{
	double v = 0;

	if (p->failed || ++p->depth > DEPTH_MAX) {
		p->failed = true;
		return 0;
	}
	if (take(p, "!")) {
		v = operand(p) == 0;
	} else if (take(p, "(")) {
		v = or_part(p);
		if (!take(p, ")"))
			p->failed = true;
	} else if (take(p, "plugin")) {
		v = mw_cf_plugin_loaded(argument(p));
	} else if (take(p, "can")) {
		v = can(argument(p));
	} else if (take(p, "has")) {
		argument(p);
		v = 0;
	} else if (take(p, "version")) {
		v = OUR_VERSION;
	} else if (take(p, "perl_version")) {
		v = 5.036;
	} else if (take(p, "local_tests_only")) {
		v = 1;
	} else {
		char digits[32];
		size_t n = 0;

		while (n < p->rest.len && n + 1 < sizeof(digits) &&
			(p->rest.data[n] == '.' ||
				(p->rest.data[n] >= '0' && p->rest.data[n] <= '9'))) {
			digits[n] = (char)p->rest.data[n];
			n++;
		}
		digits[n] = 0;
		if (n == 0)
			p->failed = true;
		v = strtod(digits, NULL);
		p->rest = mw_span_of(p->rest.data + n, p->rest.len - n);
	}
	p->depth--;
	return v;
}

static double comparison(struct parse *p)
{
	double a = operand(p);

	if (take(p, ">="))
		return a >= operand(p);
	if (take(p, "<="))
		return a <= operand(p);
	if (take(p, "=="))
		return a == operand(p);
	if (take(p, "!="))
		return a != operand(p);
	if (take(p, ">"))
		return a > operand(p);
	if (take(p, "<"))
		return a < operand(p);
	return a;
}

static double and_part(struct parse *p)
{
	double v = comparison(p);

	while (take(p, "&&")) {
		double w = comparison(p);

		v = v != 0 && w != 0;
	}
	return v;
}

static double or_part(struct parse *p)
{
	double v = and_part(p);

	while (take(p, "||")) {
		double w = and_part(p);

		v = v != 0 || w != 0;
	}
	return v;
}

bool mw_cf_condition(struct mw_span text, bool *out)
{
	struct parse p = {.rest = text};

	*out = or_part(&p) != 0;
	p.rest = mw_trim(p.rest);
	return !p.failed && p.rest.len == 0;
}
