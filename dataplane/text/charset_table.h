/*
 * What charset_open.c fills in once and charset*.c read: internal to these files.
 */
#ifndef MW_DATAPLANE_TEXT_CHARSET_TABLE_H
#define MW_DATAPLANE_TEXT_CHARSET_TABLE_H

#include <iconv.h>

#include "dataplane/text/charset.h"
#include "dataplane/text/utf8.h"

#define MW_CHARSET_DEFS_MAX  64
#define MW_CHARSET_ALIAS_MAX 24 /* octets of a normalised name, the NUL included */
#define MW_CHARSET_NAMES_MAX 192

enum mw_charset_kind {
	MW_CHARSET_UTF8,   /* also us-ascii and unknown names */
	MW_CHARSET_SINGLE, /* one octet a character: high[] */
	MW_CHARSET_EBCDIC, /* one octet a character, and none of them ASCII: low[], high[] */
	MW_CHARSET_UTF7,   /* RFC 2152 */
	MW_CHARSET_UTF16,  /* byte order by its mark, else guessed from the first character */
	MW_CHARSET_UTF16_LE,
	MW_CHARSET_UTF16_BE,
	MW_CHARSET_UTF32, /* likewise */
	MW_CHARSET_UTF32_LE,
	MW_CHARSET_UTF32_BE,
	MW_CHARSET_MULTI,   /* iconv, ASCII stands for itself outside characters */
	MW_CHARSET_ESCAPED, /* iconv, ISO-2022-JP: escape sequences switch */
};

struct mw_charset_def {
	enum mw_charset_kind kind;
	iconv_t iconv;	    /* MULTI, ESCAPED: to UTF-8; its state is reset before every block */
	uint16_t high[128]; /* SINGLE, EBCDIC: characters of octets 80..FF */
	uint16_t low[128];  /* EBCDIC: of octets 00..7F */
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

static inline void mw_charset_put_code(struct mw_charset *c, uint32_t code)
{
	uint8_t out[MW_UTF8_MAX];

	mw_text_put(&c->sink, out, mw_utf8_put(code, out));
}

/* charset_wide.c: UTF-16 and UTF-32. What is left at the end is in the carry. */
void mw_charset_utf16(struct mw_charset *c, struct mw_span in);
void mw_charset_utf32(struct mw_charset *c, struct mw_span in);
/* charset_utf7.c */
void mw_charset_utf7(struct mw_charset *c, struct mw_span in);
void mw_charset_utf7_finish(struct mw_charset *c);

#endif
