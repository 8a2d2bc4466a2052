/*
 * Octets of a named charset become UTF-8, as they come: however the input is cut, the output is the
 * same. Never allocates after the table is open, never fails: what cannot be converted is U+FFFD.
 *
 * us-ascii, utf-8, an absent and an unknown name mean UTF-8 where it is valid, Windows-1252 for the
 * other octets (what SpamAssassin guesses; or U+FFFD on request). iso-8859-1 is read as
 * Windows-1252. A charset of one octet a character is taken for UTF-8 as long as everything above
 * ASCII is valid UTF-8, as SpamAssassin does; the first octet that is not ends that for the rest of
 * the text. (With
 * MW_CHARSET_REPLACE the declared charset is believed from the start.) EBCDIC is believed when one
 * of its first 16 octets lies above ASCII, where its letters are; else such a text is ASCII in
 * truth. With MW_CHARSET_GUESS a text that begins with the byte order mark of UTF-16 and a
 * character of ASCII in that order is UTF-16, whatever its name says, unless it is a charset of
 * many octets.
 *
 * One table a lane: the descriptors of iconv(3) in it are no business of two threads. Messages of
 * one lane share it, interleaved as they like.
 */
#ifndef MW_DATAPLANE_TEXT_CHARSET_H
#define MW_DATAPLANE_TEXT_CHARSET_H

#include "dataplane/text/sink.h"

#define MW_CHARSET_CARRY_MAX  16
#define MW_CHARSET_ESCAPE_MAX 4

struct mw_charset_table;
struct mw_charset_def;

/* Slow side (charset_open.c): allocates, opens iconv descriptors. 0 or a negative errno. A charset
 * that this machine's iconv does not know is left out and treated as an unknown name. */
int mw_charset_table_open(struct mw_charset_table **out);
void mw_charset_table_close(struct mw_charset_table *table);
/* Charsets that were opened, and those wanted that this machine lacks. */
uint32_t mw_charset_table_count(const struct mw_charset_table *table);
uint32_t mw_charset_table_missing(const struct mw_charset_table *table);
/* Is the name one that is converted (rather than guessed at)? */
bool mw_charset_known(const struct mw_charset_table *table, struct mw_span name);

enum mw_charset_invalid {
	MW_CHARSET_GUESS, /* octets that are no UTF-8 are Windows-1252: body text, header values to
			     scan */
	MW_CHARSET_REPLACE, /* they are U+FFFD: what is shown to people and machines (INSPECT) */
};

struct mw_charset {
	const struct mw_charset_def *def;
	const uint16_t *windows_1252; /* characters of octets 80..FF */
	struct mw_text_sink sink;
	enum mw_charset_invalid invalid;
	bool as_utf8;	    /* so far everything above ASCII was UTF-8 */
	bool big_endian;    /* UTF-16, UTF-32 */
	bool begun;	    /* a byte order mark, or EBCDIC's first letter, has been looked for */
	bool wide;	    /* UTF-16 that only its byte order mark told */
	bool shifted;	    /* UTF-7: between "+" and what ends it */
	uint8_t bit_count;  /* UTF-7: bits held */
	uint16_t surrogate; /* UTF-7: the first of a pair, 0: none */
	uint32_t bits;	    /* UTF-7 */
	uint8_t carry_len;  /* beginning of a character whose rest has not come */
	uint8_t escape_len; /* ISO-2022: escape sequence in force */
	uint8_t carry[MW_CHARSET_CARRY_MAX];
	uint8_t escape[MW_CHARSET_ESCAPE_MAX];
};

/* `name` as in the charset parameter, any case, quotes off; empty when there is none. The state is
 * about 70 octets and needs no cleaning up. */
void mw_charset_init(struct mw_charset *c, const struct mw_charset_table *table,
	struct mw_span name, enum mw_charset_invalid invalid, struct mw_text_sink sink);
void mw_charset_feed(struct mw_charset *c, struct mw_span in);
void mw_charset_finish(struct mw_charset *c); /* a character left incomplete is U+FFFD */

/*
 * All at once, for header words. Writes at most `out_size` octets, never part of a character, and
 * returns how many; false in *complete (may be NULL) when something did not fit.
 */
size_t mw_charset_convert(const struct mw_charset_table *table, struct mw_span name,
	enum mw_charset_invalid invalid, struct mw_span in, uint8_t *out, size_t out_size,
	bool *complete);

#endif
