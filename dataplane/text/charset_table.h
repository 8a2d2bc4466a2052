/*
 * What charset_open.c fills in once and charset.c reads: internal to the two of them.
 */
#ifndef MW_DATAPLANE_TEXT_CHARSET_TABLE_H
#define MW_DATAPLANE_TEXT_CHARSET_TABLE_H

#include <iconv.h>

#include "dataplane/text/charset.h"

#define MW_CHARSET_DEFS_MAX  64
#define MW_CHARSET_ALIAS_MAX 24 /* octets of a normalised name, the NUL included */
#define MW_CHARSET_NAMES_MAX 160

enum mw_charset_kind {
	MW_CHARSET_UTF8,   /* also us-ascii and unknown names */
	MW_CHARSET_SINGLE, /* one octet a character: high[] */
	MW_CHARSET_UTF16,  /* byte order by its mark, else guessed from the first character */
	MW_CHARSET_UTF16_LE,
	MW_CHARSET_UTF16_BE,
	MW_CHARSET_MULTI,   /* iconv, ASCII stands for itself outside characters */
	MW_CHARSET_ESCAPED, /* iconv, ISO-2022-JP: escape sequences switch */
};

struct mw_charset_def {
	enum mw_charset_kind kind;
	iconv_t iconv;	    /* MULTI, ESCAPED: to UTF-8; its state is reset before every block */
	uint16_t high[128]; /* SINGLE: characters of octets 80..FF */
};

struct mw_charset_name {
	char text[MW_CHARSET_ALIAS_MAX]; /* lower case, letters and digits only */
	uint16_t def;
};

struct mw_charset_table {
	struct mw_charset_def defs[MW_CHARSET_DEFS_MAX]; /* 0 is UTF-8, 1 Windows-1252 */
	struct mw_charset_name names[MW_CHARSET_NAMES_MAX];
	uint32_t defs_count;
	uint32_t names_count;
	uint32_t missing;
};

/* The definition of a name; NULL when it is none of the table's. */
const struct mw_charset_def *mw_charset_lookup(
	const struct mw_charset_table *table, struct mw_span name);

#endif
