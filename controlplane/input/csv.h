/*
 * Customers and contacts from CSV (RFC 4180, UTF-8, a header line that names the columns, in any
 * order). The first bad line ends the reading with its number: the caller aborts its transaction,
 * so nothing of the file is taken. A line is held at a time (64 KiB at most); beside it only a hash
 * of each id and prefix seen, against duplicates.
 */
#ifndef MW_CONTROLPLANE_INPUT_CSV_H
#define MW_CONTROLPLANE_INPUT_CSV_H

#include <stdio.h>

#include "common/contract/policy.h"
#include "controlplane/ticket/ticket.h"

#define MW_CSV_LINE_MAX	      65536
#define MW_CSV_ERROR_MAX      512
#define MW_CUSTOMER_NAME_MAX  128
#define MW_CUSTOMER_LINES_MAX 256 /* prefixes and VLANs of one customer */

struct mw_csv_customer {
	uint64_t line; /* of the file, from 1: the header is line 1 */
	char id[MW_CUSTOMER_ID_MAX];
	char name[MW_CUSTOMER_NAME_MAX];
	char class_name[MW_CLASS_MAX];
	bool has_inspection; /* else the class's */
	enum mw_inspection inspection;
	char tam[MW_CONTACT_NAME_MAX]; /* "" none */
	uint64_t valid_from_s,
		valid_to_s; /* 0: without limit; from dates YYYY-MM-DD, UTC, or seconds */
	uint32_t line_count;
	struct mw_line_key lines[MW_CUSTOMER_LINES_MAX];
};

struct mw_csv_contact {
	uint64_t line;
	char customer[MW_CUSTOMER_ID_MAX];
	struct mw_contact contact;
};

/* 0 to go on; anything else refuses the file, with the caller's sentence in `error`. */
typedef int (*mw_csv_customer_fn)(
	void *ctx, const struct mw_csv_customer *row, char *error, size_t error_size);
typedef int (*mw_csv_contact_fn)(
	void *ctx, const struct mw_csv_contact *row, char *error, size_t error_size);
/* May be NULL: then every class name is taken. */
typedef bool (*mw_csv_class_fn)(void *ctx, const char *class_name);

struct mw_csv_result {
	uint64_t rows;
	uint64_t line;		      /* of the error, 0 when the file as a whole is meant */
	char error[MW_CSV_ERROR_MAX]; /* "FILE:LINE: sentence" */
};

/* 0, -EINVAL for a bad file, or the errno of reading. `name` stands for the file in errors. */
int mw_csv_customers(FILE *in, const char *name, mw_csv_class_fn class_known,
	mw_csv_customer_fn row, void *ctx, struct mw_csv_result *result);
int mw_csv_contacts(
	FILE *in, const char *name, mw_csv_contact_fn row, void *ctx, struct mw_csv_result *result);

/* "192.0.2.0/24", "2001:db8::/32", "vlan:100", "vlan:100.7". 0, or -EINVAL with a sentence. */
int mw_line_key_parse(const char *text, struct mw_line_key *out, char *error, size_t error_size);
#define MW_LINE_KEY_TEXT_MAX MW_PREFIX_TEXT_MAX
char *mw_line_key_format(const struct mw_line_key *key, char out[MW_LINE_KEY_TEXT_MAX]);

#endif
