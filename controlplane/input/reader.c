/* Reads lines into one buffer, splits them in place. */
#include "controlplane/input/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "controlplane/input/utf8.h"

struct mw_csv_reader *mw_csv_open(FILE *in, const char *name, struct mw_csv_result *result)
{
	struct mw_csv_reader *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->in = in;
	r->name = name;
	r->result = result;
	r->line = 0;
	r->at = r->filled = r->field_count = 0;
	r->end = false;
	memset(result, 0, sizeof(*result));
	return r;
}

int mw_csv_error(struct mw_csv_reader *r, const char *format, ...)
{
	va_list args;
	int used;

	r->result->line = r->line;
	used = snprintf(r->result->error, sizeof(r->result->error), "%s:%llu: ", r->name,
		(unsigned long long)r->line);
	if (used < 0 || (size_t)used >= sizeof(r->result->error))
		return -EINVAL;
	va_start(args, format);
	vsnprintf(r->result->error + used, sizeof(r->result->error) - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

/* One line without its end into text. 1, 0 at the end of the file, or an error. */
static int read_line(struct mw_csv_reader *r, size_t *len)
{
	size_t used = 0;

	r->line++;
	for (;;) {
		char *from = r->buffer + r->at, *newline;
		size_t have = r->filled - r->at, part;

		if (have == 0) {
			if (r->end)
				break;
			r->filled = fread(r->buffer, 1, sizeof(r->buffer), r->in);
			r->at = 0;
			if (r->filled == 0) {
				if (ferror(r->in)) {
					int error = errno != 0 ? errno : EIO;

					mw_csv_error(r, "cannot be read: %s", strerror(error));
					return -error;
				}
				r->end = true;
			}
			continue;
		}
		newline = memchr(from, '\n', have);
		part = newline != NULL ? (size_t)(newline - from) : have;
		if (used + part > MW_CSV_LINE_MAX)
			return mw_csv_error(
				r, "the line is longer than %d octets", MW_CSV_LINE_MAX);
		memcpy(r->text + used, from, part);
		used += part;
		r->at += part + (newline != NULL);
		if (newline != NULL) {
			if (used > 0 && r->text[used - 1] == '\r')
				used--;
			*len = used;
			return 1;
		}
	}
	*len = used;
	return used > 0; /* a last line without its end is taken */
}

static int check_octets(struct mw_csv_reader *r, size_t len)
{
	size_t bad;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)r->text[i];

		if (c < 0x20 || c == 0x7f)
			return mw_csv_error(r,
				"a control character (%#04x) in column %zu of the line", c, i + 1);
	}
	bad = mw_utf8_bad(r->text, len);
	if (bad < len)
		return mw_csv_error(
			r, "octet %zu of the line is no UTF-8, or a control character", bad + 1);
	return 0;
}

static int split(struct mw_csv_reader *r, size_t len)
{
	char *p = r->text, *end = r->text + len;

	*end = '\0';
	r->field_count = 0;
	for (;;) {
		char *to = p;

		if (r->field_count == MW_CSV_FIELDS_MAX)
			return mw_csv_error(r, "more than %d fields", MW_CSV_FIELDS_MAX);
		r->fields[r->field_count++] = p;
		if (*p == '"') {
			p++;
			for (;;) {
				if (p == end)
					return mw_csv_error(r, "a quoted field without its closing "
							       "quote on the line");
				if (*p == '"' && *++p != '"')
					break;
				*to++ = *p++;
			}
			if (p != end && *p != ',')
				return mw_csv_error(r, "text after the closing quote of field %zu",
					r->field_count);
		} else {
			while (p != end && *p != ',') {
				if (*p == '"')
					return mw_csv_error(r, "a quote in the middle of field %zu",
						r->field_count);
				p++;
			}
			to = p;
		}
		if (p == end) {
			*to = '\0';
			return 1;
		}
		p++;
		*to = '\0';
	}
}

int mw_csv_next(struct mw_csv_reader *r)
{
	size_t len = 0;
	int rc;

	do {
		rc = read_line(r, &len);
		if (rc <= 0)
			return rc;
		if (r->line == 1 && len >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0) {
			len -= 3; /* the mark some spreadsheets write */
			memmove(r->text, r->text + 3, len);
		}
	} while (len == 0);
	rc = check_octets(r, len);
	return rc != 0 ? rc : split(r, len);
}

int mw_csv_header(struct mw_csv_reader *r, const char *const *names, size_t count, size_t required,
	size_t *place)
{
	int rc = mw_csv_next(r);

	for (size_t i = 0; i < count; i++)
		place[i] = SIZE_MAX;
	if (rc < 0)
		return rc;
	if (rc == 0)
		return mw_csv_error(
			r, "the file is empty; a header line that names the columns comes first");
	for (size_t f = 0; f < r->field_count; f++) {
		size_t i = 0;

		while (i < count && strcmp(names[i], r->fields[f]) != 0)
			i++;
		if (i == count)
			return mw_csv_error(r, "unknown column \"%.64s\"", r->fields[f]);
		if (place[i] != SIZE_MAX)
			return mw_csv_error(r, "column \"%s\" stands twice", names[i]);
		place[i] = f;
	}
	for (size_t i = 0; i < required; i++)
		if (place[i] == SIZE_MAX)
			return mw_csv_error(r, "column \"%s\" is missing", names[i]);
	return 0;
}

int mw_csv_copy(struct mw_csv_reader *r, const char *column, size_t place, char *out, size_t size)
{
	const char *text = place == SIZE_MAX ? "" : r->fields[place];
	size_t len = strlen(text);

	if (len >= size)
		return mw_csv_error(r, "%s is longer than %zu octets", column, size - 1);
	if (len > 0 && (text[0] == ' ' || text[len - 1] == ' '))
		return mw_csv_error(r, "%s begins or ends with a blank", column);
	memcpy(out, text, len + 1);
	return 0;
}

/* FNV-1a with the finish of MurmurHash3: spreads well over a power of two. */
uint64_t mw_csv_hash(const void *data, size_t len, uint64_t hash_seed)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ull ^ hash_seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

static uint64_t *find(struct mw_csv_slot *slots, size_t size, uint64_t key)
{
	size_t i = key & (size - 1);

	while (slots[i].key != 0 && slots[i].key != key)
		i = (i + 1) & (size - 1);
	slots[i].key = key;
	return &slots[i].value;
}

uint64_t *mw_csv_map_at(struct mw_csv_map *map, uint64_t key)
{
	uint64_t *value;

	key |= key == 0;
	if (map->used * 2 >= map->size) {
		size_t size = map->size == 0 ? 1024 : map->size * 2;
		struct mw_csv_slot *slots = calloc(size, sizeof(*slots));

		if (slots == NULL)
			return NULL;
		for (size_t i = 0; i < map->size; i++)
			if (map->slots[i].key != 0)
				*find(slots, size, map->slots[i].key) = map->slots[i].value;
		free(map->slots);
		map->slots = slots;
		map->size = size;
	}
	value = find(map->slots, map->size, key);
	map->used += *value == 0; /* callers store something that is not 0 */
	return value;
}

void mw_csv_map_free(struct mw_csv_map *map)
{
	free(map->slots);
	*map = (struct mw_csv_map){0};
}
