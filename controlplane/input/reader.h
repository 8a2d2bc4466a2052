/*
 * Lines and fields of a CSV file (RFC 4180), one line held at a time, with the strictness an import
 * wants: UTF-8, no control characters, no line end inside a field. Inside of this folder.
 */
#ifndef MW_CONTROLPLANE_INPUT_READER_H
#define MW_CONTROLPLANE_INPUT_READER_H

#include "controlplane/input/csv.h"

#define MW_CSV_FIELDS_MAX 32

struct mw_csv_reader {
	FILE *in;
	const char *name;
	struct mw_csv_result *result;
	uint64_t line;
	size_t at, filled;
	size_t field_count;
	char *fields[MW_CSV_FIELDS_MAX]; /* NUL-terminated, in text */
	bool end;
	char text[MW_CSV_LINE_MAX + 2];
	char buffer[MW_CSV_LINE_MAX];
};

/* Heap: it is 128 KiB. NULL when there is no memory. */
struct mw_csv_reader *mw_csv_open(FILE *in, const char *name, struct mw_csv_result *result);
/* 1: a line with its fields; 0: the end; negative errno with the error written. Skips empty lines.
 */
int mw_csv_next(struct mw_csv_reader *r);
/* Writes "FILE:LINE: sentence"; always -EINVAL. */
int mw_csv_error(struct mw_csv_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Reads the header line; place[i] is where column names[i] stands, or SIZE_MAX. The first
 * `required` names must be there. */
int mw_csv_header(struct mw_csv_reader *r, const char *const *names, size_t count, size_t required,
	size_t *place);
/* Copies field `place` (SIZE_MAX: "") into `out`; too long, or blanks around it: an error. */
int mw_csv_copy(struct mw_csv_reader *r, const char *column, size_t place, char *out, size_t size);

/* A map from a 64-bit hash to a number, growing; for duplicates. */
struct mw_csv_map {
	struct mw_csv_slot {
		uint64_t key, value;
	} * slots;
	size_t size, used;
};

/* The value's place, 0 when new; NULL when there is no memory. */
uint64_t *mw_csv_map_at(struct mw_csv_map *map, uint64_t key);
void mw_csv_map_free(struct mw_csv_map *map);
uint64_t mw_csv_hash(const void *data, size_t len, uint64_t seed);

#endif
