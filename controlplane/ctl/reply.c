/* Answering: refusals, commits, text for a terminal. See command.h. Octets from outside never reach
 * a terminal as they are. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/ctl/command.h"

void mw_refuse(struct mw_command *c, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->reply->error, sizeof(c->reply->error), format, args);
	va_end(args);
	c->reply->exit = code;
}

void mw_answer(struct mw_command *c, json_t *document)
{
	if (c->json && c->reply->exit == MW_EXIT_DONE) {
		/* Escaped down to ASCII: no octet in it can move a terminal. */
		char *text = document == NULL
				     ? NULL
				     : json_dumps(document, JSON_ENSURE_ASCII | JSON_INDENT(1) |
								    JSON_REAL_PRECISION(6));

		if (text == NULL)
			mw_refuse(
				c, MW_EXIT_REFUSED, "the answer cannot be put together: no memory");
		else
			fprintf(c->out, "%s\n", text);
		free(text);
	}
	json_decref(document);
}

bool mw_commit(struct mw_command *c, struct mw_cases_txn *txn)
{
	int rc;

	if (c->reply->exit != MW_EXIT_DONE) {
		mw_cases_abort(txn);
		return false;
	}
	rc = mw_cases_commit(txn);
	if (rc == -ENOSPC)
		mw_refuse(c, MW_EXIT_REFUSED,
			"not done: the store of cases is full, or its disk is. Raise store: "
			"cases_mib in the settings and start again, or make room on the disk; "
			"nothing is lost");
	else if (rc != 0)
		mw_refuse(
			c, MW_EXIT_REFUSED, "not done: the store of cases says: %s", strerror(-rc));
	if (rc != 0)
		return false;
	rc = mw_apply_publish(c->ctl->apply, c->now_s);
	if (rc != 0)
		mw_refuse(c, MW_EXIT_REFUSED,
			"recorded, but not in force yet: the policy store says: %s. It is tried "
			"again",
			strerror(-rc));
	return rc == 0;
}

/* One character of UTF-8: its length, 0 when it is broken or must not reach a terminal. */
static size_t harmless(const unsigned char *p)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code;
	size_t len;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
	if (len == 0 || p[0] > 0xf4)
		return 0;
	code = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	/* C1 controls; marks that change the direction of writing or cannot be seen. */
	if (code < 0xa0 || (code >= 0x200b && code <= 0x200f) ||
		(code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
		code == 0xfeff)
		return 0;
	return len;
}

size_t mw_text(FILE *out, const char *text, size_t width)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t columns = 0;

	while (*p != '\0') {
		size_t len = harmless(p);

		if (len == 0) {
			fprintf(out, "\\x%02x", (unsigned)*p++);
			columns += 4;
			continue;
		}
		fwrite(p, 1, len, out);
		p += len;
		columns++;
	}
	for (size_t i = columns; i < width; i++)
		fputc(' ', out);
	return columns > width ? columns : width;
}

void mw_text_time(FILE *out, uint64_t s, uint64_t now_s)
{
	char at[MW_CORE_TIME_TEXT], span[40];
	uint64_t apart = s > now_s ? s - now_s : now_s - s;

	if (s == 0) {
		fputs("-", out);
		return;
	}
	if (apart < 120)
		snprintf(span, sizeof(span), "%" PRIu64 " s", apart);
	else if (apart < 7200)
		snprintf(span, sizeof(span), "%" PRIu64 " min", apart / 60);
	else if (apart < 172800)
		snprintf(span, sizeof(span), "%" PRIu64 " h %02" PRIu64 " min", apart / 3600,
			apart / 60 % 60);
	else
		snprintf(span, sizeof(span), "%" PRIu64 " days", apart / 86400);
	mw_core_time_format(s, at);
	/* Today's times without the date: the column stays narrow on the phone. */
	fprintf(out, "%s UTC (%s%s%s)", s / 86400 == now_s / 86400 ? at + 11 : at,
		s > now_s ? "in " : "", span, s > now_s ? "" : " ago");
}

static size_t cell(
	FILE *out, const json_t *row, const struct mw_column *column, uint64_t now_s, size_t width)
{
	const json_t *value = json_object_get(row, column->key);
	char number[32];

	if (column->kind == MW_COLUMN_COUNT) {
		snprintf(number, sizeof(number), "%zu", json_array_size(value));
		return mw_text(out, number, width);
	}
	if (column->kind == MW_COLUMN_TIME && json_is_integer(value)) {
		char *text = NULL;
		size_t len = 0;
		FILE *at = open_memstream(&text, &len);

		if (at == NULL)
			return 0;
		mw_text_time(at, (uint64_t)json_integer_value(value), now_s);
		fclose(at);
		len = mw_text(out, text, width);
		free(text);
		return len;
	}
	if (json_is_string(value))
		return mw_text(out, json_string_value(value), width);
	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		return mw_text(out, number, width);
	}
	if (json_is_boolean(value))
		return mw_text(out, json_is_true(value) ? "yes" : "no", width);
	return mw_text(out, "-", width);
}

#define COLUMNS_MAX 12

void mw_table(struct mw_command *c, const json_t *rows, const struct mw_column *columns,
	size_t count, const char *when_empty)
{
	size_t width[COLUMNS_MAX], index;
	FILE *nowhere;
	json_t *row;

	if (c->json)
		return;
	if (json_array_size(rows) == 0) {
		fprintf(c->text, "%s\n", when_empty);
		return;
	}
	nowhere = fopen("/dev/null", "w");
	if (nowhere == NULL || count > COLUMNS_MAX) {
		if (nowhere != NULL)
			fclose(nowhere);
		mw_refuse(c, MW_EXIT_REFUSED, "the table cannot be laid out: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < count; i++)
		width[i] = mw_text(nowhere, columns[i].title, 0);
	json_array_foreach(rows, index, row)
	{
		for (size_t i = 0; i < count; i++) {
			size_t w = cell(nowhere, row, &columns[i], c->now_s, 0);

			width[i] = w > width[i] ? w : width[i];
		}
	}
	fclose(nowhere);
	for (size_t i = 0; i < count; i++) {
		mw_text(c->text, columns[i].title, i + 1 < count ? width[i] : 0);
		fputs(i + 1 < count ? "  " : "\n", c->text);
	}
	json_array_foreach(rows, index, row)
	{
		for (size_t i = 0; i < count; i++) {
			cell(c->text, row, &columns[i], c->now_s, i + 1 < count ? width[i] : 0);
			fputs(i + 1 < count ? "  " : "\n", c->text);
		}
	}
}

json_t *mw_json_text(const char *text)
{
	json_t *whole = json_string(text);
	char *clean;
	size_t len = 0;

	if (whole != NULL)
		return whole;
	/* Not UTF-8: each octet that does not fit becomes U+FFFD. */
	clean = malloc(strlen(text) * 3 + 1);
	if (clean == NULL)
		return NULL;
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
		size_t n = harmless(p);

		if (n == 0 && *p >= 0x80) {
			memcpy(clean + len, "\xef\xbf\xbd", 3);
			len += 3;
			p++;
			continue;
		}
		n = n == 0 ? 1 : n;
		memcpy(clean + len, p, n);
		len += n;
		p += n;
	}
	whole = json_stringn(clean, len);
	free(clean);
	return whole;
}

json_t *mw_json_text_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : mw_json_text(text);
}

json_t *mw_json_time(uint64_t s)
{
	return s == 0 ? json_null() : json_integer((json_int_t)s);
}

uint64_t mw_moment(const char *text, uint64_t now_s)
{
	struct tm tm = {0};
	char *end = NULL;
	const char *rest;
	unsigned long long n;

	for (const char *format = "%Y-%m-%dT%H:%M:%SZ\0%Y-%m-%dT%H:%MZ\0%Y-%m-%d %H:%M\0%Y-%m-%d\0";
		*format != '\0'; format += strlen(format) + 1) {
		memset(&tm, 0, sizeof(tm));
		rest = strptime(text, format, &tm);
		if (rest != NULL && *rest == '\0') {
			time_t t = timegm(&tm);

			return t > 0 ? (uint64_t)t : 0;
		}
	}
	if (text[0] == '+')
		text++;
	if (text[0] < '0' || text[0] > '9')
		return 0;
	n = strtoull(text, &end, 10);
	if (n > 1ull << 40)
		return 0;
	if (strcmp(end, "s") == 0)
		return now_s + n;
	if (strcmp(end, "m") == 0 || strcmp(end, "min") == 0)
		return now_s + n * 60;
	if (strcmp(end, "h") == 0)
		return now_s + n * 3600;
	if (strcmp(end, "d") == 0)
		return now_s + n * 86400;
	return *end == '\0' && n > 1000000000 ? n : 0;
}

bool mw_take_text(
	struct mw_command *c, const char *what, const char *in, char *out, size_t out_size)
{
	size_t len = strlen(in);

	if (len >= out_size) {
		mw_refuse(c, MW_EXIT_USAGE, "%s is too long: %zu octets, at most %zu are kept",
			what, len, out_size - 1);
		return false;
	}
	for (const unsigned char *p = (const unsigned char *)in; *p != '\0';) {
		size_t n = harmless(p);

		if (n == 0) {
			mw_refuse(c, MW_EXIT_USAGE,
				"%s must be one line of text without control characters", what);
			return false;
		}
		p += n;
	}
	memcpy(out, in, len + 1);
	return true;
}

bool mw_take_ascii(
	struct mw_command *c, const char *what, const char *in, char *out, size_t out_size)
{
	if (!mw_take_text(c, what, in, out, out_size))
		return false;
	for (const char *p = out; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80) {
			mw_refuse(c, MW_EXIT_USAGE,
				"%s must be plain ASCII: it goes into the policy store", what);
			return false;
		}
	}
	return true;
}
