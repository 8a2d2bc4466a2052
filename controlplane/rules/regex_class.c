/*
 * Classes of octets as PCRE2 reads them without UTF and with ASCII tables (pcre2pattern(3)).
 */
#include "controlplane/rules/regex_class.h"

void mw_octets_invert(struct mw_octets *set)
{
	for (unsigned i = 0; i < 4; i++)
		set->bits[i] = ~set->bits[i];
}

void mw_rx_fold(struct mw_octets *set)
{
	for (uint8_t c = 'a'; c <= 'z'; c++) {
		uint8_t upper = (uint8_t)(c - 32);

		if (mw_octets_has(set, c) || mw_octets_has(set, upper)) {
			mw_octets_add(set, c);
			mw_octets_add(set, upper);
		}
	}
}

static void add_range(struct mw_octets *s, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		mw_octets_add(s, (uint8_t)c);
}

bool mw_rx_shorthand(uint8_t letter, struct mw_octets *out)
{
	*out = (struct mw_octets){0};
	switch (letter | 0x20) {
	case 'd':
		add_range(out, '0', '9');
		break;
	case 'w':
		add_range(out, '0', '9');
		add_range(out, 'a', 'z');
		add_range(out, 'A', 'Z');
		mw_octets_add(out, '_');
		break;
	case 's':
		add_range(out, '\t', '\r');
		mw_octets_add(out, ' ');
		break;
	case 'h':
		mw_octets_add(out, '\t');
		mw_octets_add(out, ' ');
		mw_octets_add(out, 0xa0);
		break;
	case 'v':
		add_range(out, '\n', '\r');
		mw_octets_add(out, 0x85);
		break;
	case 'n':
		if (letter != 'N')
			return false;
		mw_octets_add(out, '\n'); /* \N: all but LF */
		break;
	default:
		return false;
	}
	if (letter >= 'A' && letter <= 'Z')
		mw_octets_invert(out);
	return true;
}

static int digit_of(uint8_t c, unsigned base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		v = (c | 0x20) - 'a' + 10;
	return v < (int)base ? v : -1;
}

/* Up to `most` digits, or all up to a closing brace. */
static bool number(
	const uint8_t **at, const uint8_t *end, unsigned base, unsigned most, uint8_t *out)
{
	bool braced = *at < end && **at == '{';
	unsigned value = 0;

	if (braced) {
		++*at;
		most = 8;
	}
	while (most-- > 0 && *at < end && digit_of(**at, base) >= 0) {
		value = value * base + (unsigned)digit_of(**at, base);
		if (value > 255)
			return false;
		++*at;
	}
	if (braced && (*at >= end || *(*at)++ != '}'))
		return false;
	*out = (uint8_t)value;
	return true;
}

bool mw_rx_octet_escape(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
	uint8_t c = *(*at)++;

	switch (c) {
	case 'a':
		*out = 7;
		return true;
	case 'e':
		*out = 27;
		return true;
	case 'f':
		*out = '\f';
		return true;
	case 'n':
		*out = '\n';
		return true;
	case 'r':
		*out = '\r';
		return true;
	case 't':
		*out = '\t';
		return true;
	case 'x':
		return number(at, end, 16, 2, out);
	case 'o':
		return *at < end && **at == '{' && number(at, end, 8, 3, out);
	case '0':
		return number(at, end, 8, 2, out);
	case 'c':
		if (*at >= end)
			return false;
		c = *(*at)++;
		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 32);
		*out = c ^ 0x40;
		return true;
	default:
		break;
	}
	if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return false;
	*out = c; /* an escaped sign stands for itself */
	return true;
}

static const struct {
	const char *name;
	const char *ranges; /* pairs */
} posix[] = {
	{"alpha", "azAZ"},
	{"digit", "09"},
	{"alnum", "azAZ09"},
	{"upper", "AZ"},
	{"lower", "az"},
	{"space", "\t\r  "},
	{"blank", "\t\t  "},
	{"punct", "!/:@[`{~"},
	{"print", " ~"},
	{"graph", "!~"},
	{"xdigit", "09afAF"},
	{"word", "azAZ09__"},
	{"cntrl", "\x01\x1f\x7f\x7f"},
};

/* `[:name:]` inside a bracket; `at` stands behind `[:`. */
static bool posix_class(const uint8_t **at, const uint8_t *end, struct mw_octets *out)
{
	bool inverted = *at < end && **at == '^';
	struct mw_octets set = {0};

	*at += inverted;
	for (size_t i = 0; i < sizeof(posix) / sizeof(posix[0]); i++) {
		size_t n = strlen(posix[i].name);

		if ((size_t)(end - *at) < n + 2 || memcmp(*at, posix[i].name, n) != 0 ||
			memcmp(*at + n, ":]", 2) != 0)
			continue;
		for (const char *r = posix[i].ranges; *r != 0; r += 2)
			add_range(&set, (uint8_t)r[0], (uint8_t)r[1]);
		if (strcmp(posix[i].name, "cntrl") == 0)
			mw_octets_add(&set, 0);
		if (inverted)
			mw_octets_invert(&set);
		mw_octets_join(out, &set);
		*at += n + 2;
		return true;
	}
	return false;
}

/* One member: an octet that may begin a range (true in *single), or a class joined into `set`. */
static bool member(const uint8_t **at, const uint8_t *end, struct mw_octets *set, uint8_t *octet,
	bool *single, bool *exact)
{
	struct mw_octets class;

	*single = false;
	if (**at == '[' && end - *at > 2 && (*at)[1] == ':') {
		*at += 2;
		return posix_class(at, end, set);
	}
	if (**at != '\\') {
		*octet = *(*at)++;
		*single = true;
		return true;
	}
	if (++*at >= end)
		return false;
	if (**at == 'b') {
		++*at;
		*octet = 8;
		*single = true;
		return true;
	}
	if (mw_rx_shorthand(**at, &class)) {
		++*at;
		mw_octets_join(set, &class);
		return true;
	}
	if (**at == 'p' || **at == 'P' || **at == 'N' || **at == 'Q' || **at == 'E')
		return false;
	if (**at >= '1' && **at <= '7') { /* octal inside brackets */
		(void)exact;
		*single = true;
		return number(at, end, 8, 3, octet);
	}
	*single = true;
	return mw_rx_octet_escape(at, end, octet);
}

bool mw_rx_bracket(
	const uint8_t **at, const uint8_t *end, bool caseless, struct mw_octets *out, bool *exact)
{
	bool inverted = *at < end && **at == '^';
	bool first = true;

	*out = (struct mw_octets){0};
	*at += inverted;
	for (;; first = false) {
		uint8_t from, to;
		bool single;

		if (*at >= end)
			return false;
		if (**at == ']' && !first)
			break;
		if (!member(at, end, out, &from, &single, exact))
			return false;
		if (!single)
			continue;
		to = from;
		if (end - *at > 1 && **at == '-' && (*at)[1] != ']') {
			const uint8_t *back = *at;

			++*at;
			if (!member(at, end, out, &to, &single, exact))
				return false;
			if (!single) { /* `a-\d`: the hyphen is itself */
				*at = back;
				to = from;
				mw_octets_add(out, '-');
			}
		}
		if (to < from)
			return false;
		add_range(out, from, to);
	}
	++*at;
	if (caseless)
		mw_rx_fold(out);
	if (inverted)
		mw_octets_invert(out);
	return true;
}
