/*
 * Opens the charsets: the slow side of charset.h. For charsets of one octet a character it asks
 * iconv(3) for each octet once and keeps the answers; for the large ones it keeps the descriptor.
 * Never called by the feed path.
 */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/text/charset_table.h"

struct wanted {
	const char *iconv_name;
	enum mw_charset_kind kind;
	const char *names; /* normalised, separated by blanks */
};

/* Names are the IANA registry's and those seen in mail; supersets where mailers mean the superset.
 */
static const struct wanted wanted[] = {
	{NULL, MW_CHARSET_UTF16, "utf16 ucs2 unicode iso10646ucs2"},
	{NULL, MW_CHARSET_UTF16_LE, "utf16le ucs2le"},
	{NULL, MW_CHARSET_UTF16_BE, "utf16be ucs2be"},
	{NULL, MW_CHARSET_UTF32, "utf32 ucs4 iso10646ucs4"},
	{NULL, MW_CHARSET_UTF32_LE, "utf32le ucs4le"},
	{NULL, MW_CHARSET_UTF32_BE, "utf32be ucs4be"},
	{NULL, MW_CHARSET_UTF7, "utf7 unicode11utf7 csunicode11utf7 xunicode20utf7"},
	{"ISO-8859-2", MW_CHARSET_SINGLE, "iso88592 latin2 l2"},
	{"ISO-8859-3", MW_CHARSET_SINGLE, "iso88593 latin3 l3"},
	{"ISO-8859-4", MW_CHARSET_SINGLE, "iso88594 latin4 l4"},
	{"ISO-8859-5", MW_CHARSET_SINGLE, "iso88595 cyrillic"},
	{"ISO-8859-6", MW_CHARSET_SINGLE, "iso88596 iso88596i arabic"},
	{"ISO-8859-7", MW_CHARSET_SINGLE, "iso88597 greek"},
	{"ISO-8859-8", MW_CHARSET_SINGLE, "iso88598 iso88598i iso88598e hebrew"},
	{"ISO-8859-9", MW_CHARSET_SINGLE, "iso88599 latin5 l5"},
	{"ISO-8859-10", MW_CHARSET_SINGLE, "iso885910 latin6 l6"},
	{"ISO-8859-13", MW_CHARSET_SINGLE, "iso885913 latin7"},
	{"ISO-8859-14", MW_CHARSET_SINGLE, "iso885914 latin8"},
	{"ISO-8859-15", MW_CHARSET_SINGLE, "iso885915 latin9"},
	{"ISO-8859-16", MW_CHARSET_SINGLE, "iso885916 latin10"},
	{"CP1250", MW_CHARSET_SINGLE, "windows1250 cp1250 xcp1250"},
	{"CP1251", MW_CHARSET_SINGLE, "windows1251 cp1251 xcp1251 win1251"},
	{"CP1253", MW_CHARSET_SINGLE, "windows1253 cp1253 xcp1253"},
	{"CP1254", MW_CHARSET_SINGLE, "windows1254 cp1254 xcp1254"},
	{"CP1255", MW_CHARSET_SINGLE, "windows1255 cp1255 xcp1255"},
	{"CP1256", MW_CHARSET_SINGLE, "windows1256 cp1256 xcp1256"},
	{"CP1257", MW_CHARSET_SINGLE, "windows1257 cp1257 xcp1257"},
	{"CP1258", MW_CHARSET_SINGLE, "windows1258 cp1258 xcp1258"},
	{"CP874", MW_CHARSET_SINGLE, "windows874 cp874 tis620 iso885911"},
	{"KOI8-R", MW_CHARSET_SINGLE, "koi8r koi8"},
	{"KOI8-U", MW_CHARSET_SINGLE, "koi8u koi8ru"},
	{"MACINTOSH", MW_CHARSET_SINGLE, "macintosh mac xmacroman"},
	{"CP437", MW_CHARSET_SINGLE, "ibm437 cp437"},
	{"CP850", MW_CHARSET_SINGLE, "ibm850 cp850"},
	{"CP852", MW_CHARSET_SINGLE, "ibm852 cp852"},
	{"CP866", MW_CHARSET_SINGLE, "ibm866 cp866"},
	{"IBM037", MW_CHARSET_EBCDIC, "ibm037 cp037 ibm37 cp37 ebcdiccpus ebcdiccpca csibm037"},
	{"IBM273", MW_CHARSET_EBCDIC, "ibm273 cp273"},
	{"IBM500", MW_CHARSET_EBCDIC, "ibm500 cp500 ebcdiccpbe ebcdiccpch csibm500"},
	{"IBM1047", MW_CHARSET_EBCDIC, "ibm1047 cp1047 ibm01047"},
	{"IBM1140", MW_CHARSET_EBCDIC, "ibm1140 cp1140 ibm01140 ebcdicus37euro"},
	{"IBM1141", MW_CHARSET_EBCDIC, "ibm1141 cp1141 ibm01141 ebcdicde273euro"},
	{"IBM1148", MW_CHARSET_EBCDIC, "ibm1148 cp1148 ibm01148"},
	{"GB18030", MW_CHARSET_MULTI,
		"gb18030 gbk gb2312 cp936 ms936 windows936 euccn xgbk gb231280 csgb2312 "
		"gb180302000"},
	{"CP950", MW_CHARSET_MULTI, "big5 big5hkscs cp950 csbig5 xxbig5 big5eten"},
	{"CP932", MW_CHARSET_MULTI, "shiftjis sjis cp932 windows31j xsjis mskanji csshiftjis"},
	{"EUC-JP-MS", MW_CHARSET_MULTI, "eucjp xeucjp cseucpkdfmtjapanese"},
	{"UHC", MW_CHARSET_MULTI, "euckr ksc56011987 ksc5601 cp949 uhc windows949 cseuckr"},
	{"ISO-2022-JP", MW_CHARSET_ESCAPED, "iso2022jp csiso2022jp"},
};

/* Windows-1252 where it differs from ISO-8859-1; its five holes are the C1 controls (as in HTML).
 */
static const uint16_t windows_1252[32] = {0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
	0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019,
	0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,
	0x017e, 0x0178};

static void add_names(struct mw_charset_table *table, uint32_t def, const char *names)
{
	while (*names != '\0' && table->names_count < MW_CHARSET_NAMES_MAX) {
		size_t len = strcspn(names, " ");
		struct mw_charset_name *name = &table->names[table->names_count];

		if (len > 0 && len < MW_CHARSET_ALIAS_MAX) {
			memset(name->text, 0, sizeof(name->text));
			memcpy(name->text, names, len);
			name->def = (uint16_t)def;
			table->names_count++;
		}
		names += len;
		names += strspn(names, " ");
	}
}

/* Some charsets (Vietnamese) hold a character back to compose it with the next: ask for that too.
 */
static uint16_t character_of(iconv_t cd, uint8_t octet)
{
	char in[1] = {(char)octet}, *in_at = in;
	uint32_t out[2] = {0, 0};
	char *out_at = (char *)out;
	size_t in_left = 1, out_left = sizeof(out);

	iconv(cd, NULL, NULL, NULL, NULL);
	if (iconv(cd, &in_at, &in_left, &out_at, &out_left) == (size_t)-1)
		return 0xfffd;
	iconv(cd, NULL, NULL, &out_at, &out_left);
	if (out_left != sizeof(out) - 4 || out[0] > 0xffff)
		return 0xfffd;
	return (uint16_t)out[0];
}

static bool open_single(struct mw_charset_def *def, const char *name)
{
	iconv_t cd = iconv_open("UCS-4LE", name);

	if (cd == (iconv_t)-1)
		return false;
	for (uint32_t i = 0; i < 128; i++) {
		def->high[i] = character_of(cd, (uint8_t)(0x80 + i));
		def->low[i] = character_of(cd, (uint8_t)i);
	}
	iconv_close(cd);
	return true;
}

static bool open_one(struct mw_charset_def *def, const struct wanted *w)
{
	def->kind = w->kind;
	def->iconv = (iconv_t)-1;
	if (w->kind == MW_CHARSET_SINGLE || w->kind == MW_CHARSET_EBCDIC)
		return open_single(def, w->iconv_name);
	if (w->kind != MW_CHARSET_MULTI && w->kind != MW_CHARSET_ESCAPED)
		return true;
	def->iconv = iconv_open("UTF-8", w->iconv_name);
	return def->iconv != (iconv_t)-1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct mw_charset_name *)a)->text,
		((const struct mw_charset_name *)b)->text);
}

int mw_charset_table_open(struct mw_charset_table **out)
{
	struct mw_charset_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return -ENOMEM;
	table->defs[0].kind = MW_CHARSET_UTF8;
	table->defs[0].iconv = (iconv_t)-1;
	add_names(table, 0,
		"utf8 usascii ascii ansix341968 ansix341986 iso646us 646 us cp65001 utf8mb4");
	table->defs[1].kind = MW_CHARSET_SINGLE;
	table->defs[1].iconv = (iconv_t)-1;
	for (uint32_t i = 0; i < 128; i++)
		table->defs[1].high[i] = i < 32 ? windows_1252[i] : (uint16_t)(0x80 + i);
	add_names(
		table, 1, "iso88591 latin1 l1 windows1252 cp1252 xcp1252 iso885911987 88591 ansi");
	table->defs_count = 2;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (!open_one(&table->defs[table->defs_count], &wanted[i])) {
			table->missing++;
			continue;
		}
		add_names(table, table->defs_count, wanted[i].names);
		table->defs_count++;
	}
	qsort(table->names, table->names_count, sizeof(table->names[0]), by_name);
	*out = table;
	return 0;
}

void mw_charset_table_close(struct mw_charset_table *table)
{
	if (table == NULL)
		return;
	for (uint32_t i = 0; i < table->defs_count; i++) {
		if (table->defs[i].iconv != (iconv_t)-1)
			iconv_close(table->defs[i].iconv);
	}
	free(table);
}
