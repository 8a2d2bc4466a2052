/*
 * Against models that are slow and obvious: paragraphs and chunks as SpamAssassin words them, over
 * the whole text at once; charsets as iconv(3) says over the whole text.
 */
#include <iconv.h>

#include "support.h"

#include "dataplane/text/charset.h"
#include "dataplane/text/paragraph.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/utf8.h"

static struct collected got, want;
static uint8_t raw[1 << 20], lines[1 << 20], text[1 << 20];

static size_t crlf_to_lf(const uint8_t *in, size_t len, uint8_t *out)
{
	size_t o = 0;

	for (size_t i = 0; i < len; i++) {
		if (in[i] != '\r' || i + 1 == len || in[i + 1] != '\n')
			out[o++] = in[i];
	}
	return o;
}

/* Octets of the white space at `i`, 0: none there. */
static size_t white_at(const uint8_t *s, size_t len, size_t i)
{
	uint32_t c;
	int n = mw_utf8_get(mw_span_of(s + i, len - i), &c);

	if (n <= 0)
		return 0;
	if ((c >= 9 && c <= 13) || c == 32 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
		(c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
		c == 0x205f || c == 0x3000)
		return (size_t)n;
	return 0;
}

/* Octets that a part is cut to: `limit` characters, then to a line end, else a blank, within 1024.
 */
static size_t cut_part(const uint8_t *s, size_t len, size_t limit, bool characters)
{
	size_t at = 0, count = 0, blank = 0, from;

	for (; at < len; at++) {
		if (!characters || (s[at] & 0xc0) != 0x80) {
			if (count == limit)
				break;
			count++;
		}
	}
	if (at == len)
		return len;
	from = at;
	for (count = 0; at < len; at++) {
		if (!characters || (s[at] & 0xc0) != 0x80) {
			if (count == 1025)
				break;
			count++;
		}
		if (s[at] == '\n')
			return at + 1;
		if (s[at] == ' ' && blank == 0)
			blank = at + 1;
	}
	return blank > 0 ? blank : from;
}

/* One paragraph at a time, cut after the last blank of 2049 octets, else at 2048. */
static void model_lines(const uint8_t *s, size_t len)
{
	size_t start = 0;

	want.len = 0;
	while (start < len) {
		const uint8_t *lf = memchr(s + start, '\n', len - start);
		size_t end = lf != NULL ? (size_t)(lf - s) + 1 : len;

		while (end - start > 2048) {
			size_t n = 2049;

			while (n > 0 && s[start + n - 1] != ' ')
				n--;
			n = n > 0 ? n : 2048;
			collect(&want, mw_span_of(s + start, n));
			start += n;
		}
		if (end > start)
			collect(&want, mw_span_of(s + start, end - start));
		start = end;
	}
}

static void model_paragraphs(const uint8_t *in, size_t len)
{
	size_t n = crlf_to_lf(in, len, lines), o = 0;

	n = cut_part(lines, n, 50000, true);
	for (size_t i = 0; i < n;) {
		size_t w = white_at(lines, n, i), start = i, first = 0, last = 0, ends = 0;

		if (w == 0) {
			text[o++] = lines[i] == 0 ? '\n' : lines[i];
			i++;
			continue;
		}
		for (; i < n && (w = white_at(lines, n, i)) > 0; i += w) {
			if (lines[i] != '\n')
				continue;
			if (ends++ == 0)
				first = i;
			last = i;
		}
		if (ends < 2) {
			text[o++] = ' ';
			continue;
		}
		if (first > start)
			text[o++] = ' ';
		text[o++] = '\n';
		if (last + 1 < i)
			text[o++] = ' ';
	}
	model_lines(text, o);
}

static void model_chunks(const uint8_t *in, size_t len)
{
	size_t n = crlf_to_lf(in, len, lines), at = 0;

	n = cut_part(lines, n, 500000, false);
	want.len = 0;
	while (n - at > 4096) {
		size_t cut = 0;

		for (const char *end = "\n> "; *end != '\0' && cut == 0; end++) {
			for (size_t i = 2048; i < 4096 && cut == 0; i++) {
				if (lines[at + i] == (uint8_t)*end)
					cut = i + 1;
			}
		}
		cut = cut > 0 ? cut : 2049;
		collect(&want, mw_span_of(lines + at, cut));
		at += cut;
	}
	if (n > at)
		collect(&want, mw_span_of(lines + at, n - at));
}

static void compare(const char *what, int round)
{
	size_t i = 0;

	while (i < got.len && i < want.len && got.data[i] == want.data[i])
		i++;
	if (got.len != want.len || i < got.len)
		fail_msg("%s, round %d: first difference at %zu (got %zu octets, want %zu)", what,
			round, i, got.len, want.len);
}

static void test_paragraphs(void **state)
{
	struct text_random r = text_random_open();
	static struct mw_paragraph p;

	got.marked = want.marked = true;
	for (int round = 0; round < 600; round++) {
		size_t len = text_hostile(&r, raw, round % 8 == 0 ? 120000 : 9000);

		got.len = 0;
		mw_paragraph_init(&p, (struct mw_text_sink){collect, &got});
		mw_paragraph_feed(&p, mw_span_of(raw, len));
		mw_paragraph_finish(&p);
		model_paragraphs(raw, len);
		compare("paragraphs", round);
	}
}

static void test_chunks(void **state)
{
	struct text_random r = text_random_open();
	static struct mw_rawchunk c;

	got.marked = want.marked = true;
	for (int round = 0; round < 300; round++) {
		size_t len = text_hostile(&r, raw, round % 20 == 0 ? 700000 : 30000);

		got.len = 0;
		mw_rawchunk_init(&c, (struct mw_text_sink){collect, &got});
		mw_rawchunk_feed(&c, mw_span_of(raw, len));
		mw_rawchunk_finish(&c);
		model_chunks(raw, len);
		compare("chunks", round);
	}
}

/* Valid text in each charset: what iconv makes of Unicode, we make Unicode again. */
static void test_charsets(void **state)
{
	static const struct {
		const char *ours, *iconvs;
		uint32_t from, to;
	} cases[] = {
		{"iso-8859-2", "ISO-8859-2", 0xa0, 0x180},
		{"ISO-8859-15", "ISO-8859-15", 0xa0, 0x180},
		{"iso-8859-5", "ISO-8859-5", 0x400, 0x460},
		{"iso-8859-7", "ISO-8859-7", 0x370, 0x3d0},
		{"windows-1251", "CP1251", 0x400, 0x460},
		{"cp1250", "CP1250", 0xa0, 0x180},
		{"KOI8-R", "KOI8-R", 0x410, 0x450},
		{"koi8-u", "KOI8-U", 0x404, 0x458},
		{"windows-1252", "CP1252", 0xa0, 0x100},
		{"iso-8859-1", "ISO-8859-1", 0xa0, 0x100},
		{"utf-8", "UTF-8", 0x80, 0x3000},
		{"utf-16", "UTF-16BE", 0x20, 0x20000},
		{"utf-16le", "UTF-16LE", 0x20, 0x20000},
		{"utf-32", "UTF-32BE", 0x20, 0x20000},
		{"utf-32le", "UTF-32LE", 0x20, 0x20000},
		{"utf-7", "UTF-7", 0x20, 0x20000},
		{"ibm037", "IBM037", 0x20, 0x100},
		{"cp500", "IBM500", 0x20, 0x100},
		{"ibm1047", "IBM1047", 0x20, 0x100},
		{"ibm-1140", "IBM1140", 0x20, 0x100},
		{"GB2312", "GB2312", 0x4e00, 0x9fa0},
		{"gbk", "GBK", 0x4e00, 0x9fa0},
		{"gb18030", "GB18030", 0x80, 0x10000},
		{"Big5", "BIG5", 0x4e00, 0x9fa0},
		{"Shift_JIS", "CP932", 0x3041, 0x9fa0},
		{"iso-2022-jp", "ISO-2022-JP", 0x3041, 0x9fa0},
		{"euc-jp", "EUC-JP", 0x3041, 0x9fa0},
		{"euc-kr", "EUC-KR", 0xac00, 0xd7a0},
	};
	struct text_random r = text_random_open();
	struct mw_charset_table *table;

	assert_int_equal(mw_charset_table_open(&table), 0);
	assert_int_equal(mw_charset_table_missing(table), 0);
	got.marked = want.marked = false;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		iconv_t cd = iconv_open(cases[i].iconvs, "UTF-8");
		size_t len = 0, n;
		bool complete;

		assert_true(cd != (iconv_t)-1);
		assert_true(mw_charset_known(table, mw_span_str(cases[i].ours)));
		want.len = 0;
		for (int k = 0; k < 3000; k++) {
			uint32_t code =
				k % 3 == 0 ? 'a' + (uint32_t)(k % 26)
					   : cases[i].from + (uint32_t)text_random_below(&r,
								     cases[i].to - cases[i].from);
			uint8_t utf8[4];
			char *in = (char *)utf8, *out = (char *)raw + len;
			size_t in_left = mw_utf8_put(code, utf8), octets = in_left, out_left = 32;

			if (code >= 0xd800 && code <= 0xdfff)
				continue;
			if (iconv(cd, &in, &in_left, &out, &out_left) != 0)
				continue; /* not in this charset */
			collect(&want, mw_span_of(utf8, octets));
			len += 32 - out_left;
		}
		/* what UTF-7 still holds */
		char *rest = (char *)raw + len;
		size_t rest_left = 32;

		iconv(cd, NULL, NULL, &rest, &rest_left);
		len += 32 - rest_left;
		iconv_close(cd);
		assert_true(want.len > 1000);
		n = mw_charset_convert(table, mw_span_str(cases[i].ours), MW_CHARSET_REPLACE,
			mw_span_of(raw, len), got.data, sizeof(got.data), &complete);
		assert_true(complete);
		got.len = n;
		compare(cases[i].ours, (int)i);
	}
	mw_charset_table_close(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paragraphs),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_charsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
