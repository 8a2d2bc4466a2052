/*
 * ClamAV's simple signatures. `.ndb`: Name:Target:Offset:Hex[:MinFL[:MaxFL]], where Hex may hold
 * `??`, a wild nibble, `*`, `{n-m}`, `(aa|bb)` and `!(aa|bb)` is not taken. `.hdb .hsb`:
 * Hash:Size:Name[:MinFL], MD5, SHA-1 or SHA-256 by the hash's length, `*` for any size.
 * Every such rule is of class worm: one hit convicts. What depends on ClamAV's unpacking,
 * normalising or knowledge of file formats is reported as unsupported.
 */
#include "controlplane/rules/rulebook.h"

#include <errno.h>
#include <stdio.h>

#define FIELDS_MAX 8
#define SCORE	   1000

static int hex_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

static size_t split(struct mw_span line, struct mw_span fields[FIELDS_MAX])
{
	size_t n = 0;

	for (;;) {
		const uint8_t *colon = memchr(line.data, ':', line.len);
		size_t len = colon == NULL ? line.len : (size_t)(colon - line.data);

		fields[n++] = mw_span_of(line.data, len);
		if (colon == NULL || n == FIELDS_MAX)
			return n;
		line = mw_span_of(line.data + len + 1, line.len - len - 1);
	}
}

static struct mw_span rule_name(struct mw_span name)
{
	static const char tail[] = ".UNOFFICIAL";
	size_t n = sizeof(tail) - 1;

	if (name.len > n && memcmp(name.data + name.len - n, tail, n) == 0)
		name.len -= n;
	return name;
}

struct out {
	char *text;
	size_t len;
};

static void put(struct out *o, const char *s)
{
	size_t n = strlen(s);

	memcpy(o->text + o->len, s, n);
	o->len += n;
}

/* `{n}`, `{n-}`, `{-m}`, `{n-m}`: octets of any kind. Octets used, 0 when it is none. */
static size_t gap(struct out *o, struct mw_span s)
{
	const uint8_t *end = memchr(s.data, '}', s.len);
	unsigned long bound[2] = {0, 0};
	bool given[2] = {false, false};
	unsigned at = 0;
	char text[64];

	if (end == NULL)
		return 0;
	for (const uint8_t *p = s.data + 1; p < end; p++) {
		if (*p == '-' && at == 0) {
			at = 1;
		} else if (*p >= '0' && *p <= '9' && bound[at] < 100000) {
			bound[at] = bound[at] * 10 + (unsigned long)(*p - '0');
			given[at] = true;
		} else {
			return 0;
		}
	}
	if (at == 0)
		snprintf(text, sizeof(text), ".{%lu}", bound[0]);
	else if (given[1])
		snprintf(text, sizeof(text), ".{%lu,%lu}", bound[0], bound[1]);
	else
		snprintf(text, sizeof(text), ".{%lu,}", bound[0]);
	put(o, text);
	return (size_t)(end - s.data) + 1;
}

/* Hex signature to a regular expression. NULL, or what is wrong; *unsupported when it is only that
 * we do not have it. */
static const char *translate(struct out *o, struct mw_span hex, bool *unsupported)
{
	bool open = false;

	for (size_t i = 0; i < hex.len;) {
		uint8_t c = hex.data[i];
		char text[32];

		if (c == '*') {
			put(o, ".*");
			i++;
		} else if (c == '{') {
			size_t used = gap(o, mw_span_of(hex.data + i, hex.len - i));

			if (used == 0)
				return "a gap reads {n}, {n-}, {-m} or {n-m}";
			i += used;
		} else if (c == '(' && !open) {
			if (i + 1 < hex.len &&
				(hex.data[i + 1] == 'B' || hex.data[i + 1] == 'L' ||
					hex.data[i + 1] == 'W') &&
				i + 2 < hex.len && hex.data[i + 2] == ')') {
				*unsupported = true;
				return "uses a word or line boundary of ClamAV";
			}
			put(o, "(?:");
			open = true;
			i++;
		} else if (c == '|' && open) {
			put(o, "|");
			i++;
		} else if (c == ')' && open) {
			put(o, ")");
			open = false;
			i++;
		} else if (c == '!' || c == '[') {
			*unsupported = true;
			return "uses a negated alternative or an anchored range";
		} else if (i + 1 < hex.len) {
			int hi = hex_of(c), lo = hex_of(hex.data[i + 1]);
			bool any_hi = c == '?', any_lo = hex.data[i + 1] == '?';

			if ((hi < 0 && !any_hi) || (lo < 0 && !any_lo))
				return "this is no hexadecimal signature";
			if (any_hi && any_lo) {
				put(o, ".");
			} else if (any_lo) {
				snprintf(text, sizeof(text), "[\\x%x0-\\x%xf]", (unsigned)hi,
					(unsigned)hi);
				put(o, text);
			} else if (any_hi) {
				put(o, "[");
				for (unsigned h = 0; h < 16; h++) {
					snprintf(text, sizeof(text), "\\x%x%x", h, (unsigned)lo);
					put(o, text);
				}
				put(o, "]");
			} else {
				snprintf(text, sizeof(text), "\\x%x%x", (unsigned)hi, (unsigned)lo);
				put(o, text);
			}
			i += 2;
		} else {
			return "a signature ends in half an octet";
		}
	}
	return open ? "an alternative is not closed" : NULL;
}

static const char *target_reason(struct mw_span target)
{
	if (target.len == 1) {
		switch (target.data[0]) {
		case '0': /* any file */
		case '2': /* OLE2 */
		case '4': /* mail */
		case '5': /* graphics */
		case '1': /* PE */
		case '6': /* ELF */
			return NULL;
		default:
			break;
		}
	}
	return "is for a file type whose content ClamAV unpacks or normalises first";
}

int mw_import_ndb(struct mw_rulebook *book, const char *file, struct mw_span text)
{
	struct mw_span line, f[FIELDS_MAX];
	uint32_t number = 0;

	text = mw_without_mark(text);
	while (mw_next_line(&text, &line)) {
		bool unsupported = false;

		number++;
		line = mw_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		size_t n = split(line, f);
		if (n < 4 || n > 6 || f[0].len == 0 || f[1].len == 0 || f[3].len < 2)
			return mw_rulebook_fail(book, file, number,
				"a signature reads Name:Target:Offset:Hex[:MinFL[:MaxFL]]");
		struct mw_def *def =
			mw_rulebook_define(book, rule_name(f[0]), MW_DEF_SIGNATURE, file, number);
		struct out o = {0};

		def->klass = MW_CLASS_WORM;
		def->has_score = true;
		def->score_milli = SCORE;
		def->dotall = true;
		def->only_full = f[1].data[0] == '4';
		def->unsupported = target_reason(f[1]);
		/* Half an octet makes at most 34 characters (a class of 16). */
		o.text = mw_bag_alloc(&book->bag, f[3].len * 40 + 64);
		if (f[2].len > 0 && f[2].data[0] >= '0' && f[2].data[0] <= '9') {
			unsigned long at = 0;
			char prefix[32];

			for (size_t i = 0; i < f[2].len && def->unsupported == NULL; i++) {
				if (f[2].data[i] < '0' || f[2].data[i] > '9' || at > 100000)
					def->unsupported = "has an offset that is a range";
				else
					at = at * 10 + (unsigned long)(f[2].data[i] - '0');
			}
			snprintf(prefix, sizeof(prefix), at > 0 ? "\\A.{%lu}" : "\\A", at);
			put(&o, prefix);
		} else if (!mw_span_eq(f[2], mw_span_str("*")) && def->unsupported == NULL) {
			def->unsupported = "has an offset that needs the file's format";
		}
		const char *wrong = translate(&o, f[3], &unsupported);
		if (wrong != NULL && !unsupported)
			return mw_rulebook_fail(
				book, file, number, "signature %s: %s", def->name, wrong);
		if (wrong != NULL)
			def->unsupported = wrong;
		def->pattern = mw_span_of(o.text, o.len);
	}
	return 0;
}

int mw_import_digests(struct mw_rulebook *book, const char *file, struct mw_span text)
{
	struct mw_span line, f[FIELDS_MAX];
	uint32_t number = 0;

	text = mw_without_mark(text);
	while (mw_next_line(&text, &line)) {
		number++;
		line = mw_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		size_t n = split(line, f);
		if (n < 3 || f[2].len == 0)
			return mw_rulebook_fail(
				book, file, number, "a hash signature reads Hash:Size:Name");
		struct mw_def *def =
			mw_rulebook_define(book, rule_name(f[2]), MW_DEF_DIGEST, file, number);

		def->klass = MW_CLASS_WORM;
		def->has_score = true;
		def->score_milli = SCORE;
		def->digest_kind = f[0].len == 32   ? MW_DIGEST_MD5
				   : f[0].len == 40 ? MW_DIGEST_SHA1
						    : MW_DIGEST_SHA256;
		if (f[0].len != 32 && f[0].len != 40 && f[0].len != 64)
			return mw_rulebook_fail(book, file, number,
				"signature %s: a hash has 32, 40 or 64 hexadecimal digits",
				def->name);
		for (size_t i = 0; i < f[0].len; i += 2) {
			int hi = hex_of(f[0].data[i]), lo = hex_of(f[0].data[i + 1]);

			if (hi < 0 || lo < 0)
				return mw_rulebook_fail(book, file, number,
					"signature %s: its hash is not hexadecimal", def->name);
			def->digest[i / 2] = (uint8_t)(hi << 4 | lo);
		}
		def->digest_size = UINT64_MAX;
		if (mw_span_eq(f[1], mw_span_str("*")))
			continue;
		def->digest_size = 0;
		for (size_t i = 0; i < f[1].len; i++) {
			if (f[1].data[i] < '0' || f[1].data[i] > '9' || i > 15)
				return mw_rulebook_fail(book, file, number,
					"signature %s: its size is no number", def->name);
			def->digest_size = def->digest_size * 10 + (uint64_t)(f[1].data[i] - '0');
		}
		if (f[1].len == 0)
			return mw_rulebook_fail(book, file, number,
				"signature %s: its size is no number", def->name);
	}
	return 0;
}
