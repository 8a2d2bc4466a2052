/* The table of rules as read (rulebook.h), and the small readers all importers share. */
#include "controlplane/rules/rulebook.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static size_t hash_name(struct mw_span name)
{
	size_t h = 1469598103934665603ull;

	for (size_t i = 0; i < name.len; i++)
		h = (h ^ name.data[i]) * 1099511628211ull;
	return h ^ h >> 32;
}

void mw_rulebook_init(struct mw_rulebook *book)
{
	*book = (struct mw_rulebook){.table_size = 16384};
	book->table = mw_bag_alloc(&book->bag, book->table_size * sizeof(struct mw_def *));
}

void mw_rulebook_free(struct mw_rulebook *book)
{
	free(book->defs);
	mw_bag_free(&book->bag);
	book->defs = NULL;
	book->count = 0;
}

struct mw_def *mw_rulebook_find(struct mw_rulebook *book, struct mw_span name)
{
	struct mw_def *def = book->table[hash_name(name) & (book->table_size - 1)];

	while (def != NULL && !mw_span_eq(mw_span_str(def->name), name))
		def = def->hash_next;
	return def;
}

struct mw_def *mw_rulebook_get(struct mw_rulebook *book, struct mw_span name)
{
	struct mw_def *def = mw_rulebook_find(book, name);

	if (def != NULL)
		return def;
	struct mw_def **slot = &book->table[hash_name(name) & (book->table_size - 1)];
	def = mw_bag_alloc(&book->bag, sizeof(*def));
	def->name = mw_bag_copy(&book->bag, name);
	def->hash_next = *slot;
	def->klass = MW_CLASS_SPAM;
	*slot = def;
	book->defs = mw_grow(book->defs, book->count, &book->room, sizeof(struct mw_def *));
	book->defs[book->count++] = def;
	return def;
}

struct mw_def *mw_rulebook_define(struct mw_rulebook *book, struct mw_span name,
	enum mw_def_kind kind, const char *file, uint32_t line)
{
	struct mw_def *old = mw_rulebook_get(book, name);
	struct mw_def fresh = {
		.name = old->name,
		.file = file,
		.line = line,
		.kind = kind,
		.description = old->description,
		.has_score = old->has_score,
		.score_milli = old->score_milli,
		.multiple = old->multiple,
		.nice = old->nice,
		.no_subject = old->no_subject,
		.maxhits = old->maxhits,
		.never = old->never,
		.replace_tags = old->replace_tags,
		.klass = MW_CLASS_SPAM,
		.hash_next = old->hash_next,
	};

	*old = fresh;
	return old;
}

int mw_rulebook_fail(
	struct mw_rulebook *book, const char *file, uint32_t line, const char *format, ...)
{
	va_list args;
	int len;

	if (book->failed)
		return -EINVAL;
	book->failed = true;
	if (line > 0)
		len = snprintf(book->error, sizeof(book->error), "%s:%u: ", file, line);
	else
		len = snprintf(book->error, sizeof(book->error), "%s: ", file);
	if (len < 0 || (size_t)len >= sizeof(book->error))
		return -EINVAL;
	va_start(args, format);
	vsnprintf(book->error + len, sizeof(book->error) - (size_t)len, format, args);
	va_end(args);
	return -EINVAL;
}

struct mw_span mw_without_mark(struct mw_span text)
{
	bool marked = text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0;

	return marked ? mw_span_of(text.data + 3, text.len - 3) : text;
}

bool mw_next_line(struct mw_span *rest, struct mw_span *line)
{
	if (rest->len == 0)
		return false;
	const uint8_t *lf = memchr(rest->data, '\n', rest->len);
	size_t len = lf == NULL ? rest->len : (size_t)(lf - rest->data);

	*line = mw_span_of(rest->data, len);
	rest->data += len + (lf != NULL);
	rest->len -= len + (lf != NULL);
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct mw_span mw_trim(struct mw_span s)
{
	while (s.len > 0 && is_blank(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	return s;
}

struct mw_span mw_next_word(struct mw_span *s)
{
	size_t n = 0;

	*s = mw_trim(*s);
	while (n < s->len && !is_blank(s->data[n]))
		n++;
	struct mw_span word = mw_span_of(s->data, n);
	*s = mw_trim(mw_span_of(s->data + n, s->len - n));
	return word;
}

bool mw_parse_milli(struct mw_span s, int32_t *out)
{
	int64_t v = 0;
	size_t i = 0, digits = 0;
	bool negative = false;

	if (i < s.len && (s.data[i] == '-' || s.data[i] == '+'))
		negative = s.data[i++] == '-';
	for (; i < s.len && s.data[i] >= '0' && s.data[i] <= '9'; i++, digits++) {
		v = v * 10 + (s.data[i] - '0');
		if (v > 1000000)
			return false;
	}
	v *= 1000;
	if (i < s.len && s.data[i] == '.') {
		int64_t unit = 100;

		for (i++; i < s.len && s.data[i] >= '0' && s.data[i] <= '9'; i++, digits++) {
			v += unit * (s.data[i] - '0');
			unit /= 10;
		}
	}
	if (digits == 0 || i != s.len)
		return false;
	*out = (int32_t)(negative ? -v : v);
	return true;
}

static uint8_t closer_of(uint8_t open)
{
	switch (open) {
	case '{':
		return '}';
	case '(':
		return ')';
	case '[':
		return ']';
	case '<':
		return '>';
	default:
		return open;
	}
}

const char *mw_parse_regex(struct mw_span s, struct mw_def *out)
{
	uint8_t closer;
	size_t start;

	s = mw_trim(s);
	if (s.len >= 2 && s.data[0] == 'm' && !(s.data[1] >= '0' && s.data[1] <= '9') &&
		!((s.data[1] | 0x20) >= 'a' && (s.data[1] | 0x20) <= 'z') && s.data[1] > ' ') {
		closer = closer_of(s.data[1]);
		start = 2;
	} else if (s.len >= 1 && s.data[0] == '/') {
		closer = '/';
		start = 1;
	} else {
		return "a pattern must be written /pattern/flags or m{pattern}flags";
	}
	size_t end = s.len;
	while (end > start && s.data[end - 1] != closer)
		end--;
	if (end <= start)
		return "the pattern has no closing delimiter";
	end--;
	if (end == start)
		return "the pattern is empty";
	for (size_t i = end + 1; i < s.len; i++) {
		switch (s.data[i]) {
		case 'i':
			out->caseless = true;
			break;
		case 's':
			out->dotall = true;
			break;
		case 'm':
			out->multiline = true;
			break;
		case 'x':
			out->extended = true;
			break;
		case 'a':
		case 'o':
		case 'p':
			break; /* octets and ASCII classes are what we have */
		default:
			return "unknown flag behind the pattern (i, s, m and x are known)";
		}
	}
	out->pattern = mw_span_of(s.data + start, end - start);
	return NULL;
}
