/*
 * One line of expectation for each rule of the text stages.
 */
#include "support.h"

#include "dataplane/text/charset.h"
#include "dataplane/text/html.h"
#include "dataplane/text/invisible.h"
#include "dataplane/text/link.h"
#include "dataplane/text/paragraph.h"
#include "dataplane/text/punycode.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/uri.h"
#include "dataplane/text/uri_edit.h"
#include "dataplane/text/utf8.h"

static struct collected got;

static void test_utf8(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"plain", "plain"}, {"\xc3\xa4", "\xc3\xa4"}, {"\xff", "\xef\xbf\xbd"},
		{"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},		  /* overlong */
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf0\x9f\x98", "\xef\xbf\xbd"}, /* cut off: one */
		{"\xe2\x82z", "\xef\xbf\xbdz"},	  /* maximal subpart */
	};
	uint8_t out[64];
	size_t used;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = mw_utf8_scrub(mw_span_str(cases[i].in), out, sizeof(out), &used);

		assert_int_equal(n, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, n);
		assert_int_equal(used, strlen(cases[i].in));
		assert_int_equal(mw_utf8_valid(mw_span_str(cases[i].in)),
			strcmp(cases[i].in, cases[i].out) == 0);
	}
	/* Never half a character. */
	assert_int_equal(mw_utf8_scrub(mw_span_str("ab\xc3\xa4"), out, 3, &used), 2);
	assert_int_equal(used, 2);
	assert_int_equal(mw_utf8_scrub(mw_span_str("ab\xff"), out, 4, &used), 2);
}

static const struct {
	const char *charset;
	enum mw_charset_invalid invalid;
	const char *in, *out;
} charset_cases[] = {
	{"", MW_CHARSET_GUESS, "caf\xe9 \x93x\x94", "caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d"},
	{"utf-8", MW_CHARSET_REPLACE, "caf\xe9", "caf\xef\xbf\xbd"},
	{"UTF8", MW_CHARSET_GUESS, "\xc3\xa4\xe4", "\xc3\xa4\xc3\xa4"},
	{"iso-8859-1", MW_CHARSET_GUESS, "\x80", "\xe2\x82\xac"}, /* means Windows-1252 */
	{"iso-8859-1", MW_CHARSET_GUESS, "\xc3\xa4", "\xc3\xa4"}, /* UTF-8 in truth */
	{"iso-8859-1", MW_CHARSET_GUESS, "\xe4\xc3\xa4", "\xc3\xa4\xc3\x83\xc2\xa4"}, /* not */
	{"iso-8859-1", MW_CHARSET_REPLACE, "\xc3\xa4", "\xc3\x83\xc2\xa4"},
	{"koi8-r", MW_CHARSET_GUESS, "\xf0\xd2\xc9", "\xd0\x9f\xd1\x80\xd0\xb8"},
	{"gb2312", MW_CHARSET_GUESS, "\xd6\xd0\xce\xc4", "\xe4\xb8\xad\xe6\x96\x87"},
	{"big5", MW_CHARSET_GUESS, "\xa4\xa4\xa4\xe5", "\xe4\xb8\xad\xe6\x96\x87"},
	{"shift_jis", MW_CHARSET_GUESS, "\x93\xfa\x96\x7b", "\xe6\x97\xa5\xe6\x9c\xac"},
	{"iso-2022-jp", MW_CHARSET_GUESS, "x\x1b$BF|K\\\x1b(By", "x\xe6\x97\xa5\xe6\x9c\xacy"},
	{"euc-kr", MW_CHARSET_GUESS, "\xc7\xd1", "\xed\x95\x9c"},
	/* unassigned, at the very end: a converter that steps over what it refuses */
	{"euc-kr", MW_CHARSET_GUESS, "a\xa2\xe8", "a\xef\xbf\xbd"},
	{"gb2312", MW_CHARSET_GUESS, "\xd6", "\xef\xbf\xbd"}, /* cut off */
	{"utf-16", MW_CHARSET_GUESS, "\xff\xfe\xac\x20", "\xe2\x82\xac"},
	{"no-such", MW_CHARSET_GUESS, "\xe4", "\xc3\xa4"},
	/* UTF-7: characters, "+-", an end without "-", a pair, half of one, bits that are left over
	 */
	{"utf-7", MW_CHARSET_GUESS, "a+AOQ-b+-c+AOQ.+AOQ",
		"a\xc3\xa4"
		"b+c\xc3\xa4.\xc3\xa4"},
	{"UTF-7", MW_CHARSET_GUESS, "+2D3eAA-", "\xf0\x9f\x98\x80"},
	{"utf-7", MW_CHARSET_GUESS, "+2D0-x+A-+", "\xef\xbf\xbdx+"},
	{"utf-7", MW_CHARSET_GUESS, "+!\xe4", "+!\xc3\xa4"},
	{"utf-32", MW_CHARSET_REPLACE, "\xff\xfe", "\xef\xbf\xbd"},
	/* a byte order mark speaks louder than a name; a Latin text may begin like one */
	{"utf-8", MW_CHARSET_GUESS, "\xff\xfe", "\xc3\xbf\xc3\xbe"},
	{"utf-8", MW_CHARSET_GUESS, "\xff\xfexy", "\xc3\xbf\xc3\xbexy"},
	{"", MW_CHARSET_GUESS, "\xfex", "\xc3\xbex"},
	/* ASCII that only says EBCDIC */
	{"ibm500", MW_CHARSET_GUESS, "short", "short"},
	{"ibm500", MW_CHARSET_GUESS, "longer than sixteen \xc3\xa4",
		"longer than sixteen \xc3\xa4"},
	{"ibm500", MW_CHARSET_GUESS, "\x40\x40\x81\x40\xc2", "  a B"},
};

static void test_charset(void **state)
{
	struct mw_charset_table *table;

	assert_int_equal(mw_charset_table_open(&table), 0);
	for (size_t i = 0; i < sizeof(charset_cases) / sizeof(charset_cases[0]); i++) {
		bool complete;

		got.len = mw_charset_convert(table, mw_span_str(charset_cases[i].charset),
			charset_cases[i].invalid, mw_span_str(charset_cases[i].in), got.data,
			sizeof(got.data), &complete);
		assert_true(complete);
		assert_collected(&got, charset_cases[i].out);
	}
	assert_true(mw_charset_known(table, mw_span_str("KS_C_5601-1987")));
	assert_false(mw_charset_known(table, mw_span_str("x-unknown")));
	mw_charset_table_close(table);
}

/* LINK: in angle brackets of U+0001 and U+0002. */
static void collect_link(void *ctx, struct mw_span uri)
{
	collect(ctx, mw_span_of("{", 1));
	collect(ctx, uri);
	collect(ctx, mw_span_of("}", 1));
}

static const struct {
	const char *in, *out;
} html_cases[] = {
	{"a<br>b<BR/>c</br>d", "a\nb\nc\nd"},
	{"a<div class='x>y'>b</div>c", "a\nb\nc"},
	{"a<p>b</p>c<hr>d", "a\n\nb\n\nc\n\nd"},
	{"<li>a<td>b<h1>c</h1>d<dd>", " a b c d "},
	{"a<span>b</span><b>c</b><o:p>d", "abcd"},
	{"a<script>if (a < b) '</p>'</script>b<style>p{}</style>c", "abc"},
	{"a<script>x</scriptx></SCRIPT >b", "ab"},
	{"a<!-- <p> -- > x -->b<!--->c<!-->d<!-- x --!>e", "abcde"},
	{"<!DOCTYPE html>a<![endif]>b<?php x ?>c", "abc"},
	{"<title>A &amp; <b></title>x", "\n\nA & <b>\n\nx"},
	{"<textarea><p>&lt;</textarea>", "<p><"},
	{"a&amp;b&lt;&gt;&quot;&copy;&hellip;&apos;", "a&b<>\"\xc2\xa9\xe2\x80\xa6'"},
	{"&nbsp;&NBSP;&amp &copyx;&hellip x", " &NBSP;& &copyx;&hellip x"},
	{"&#65;&#x42;&#0000067;&#X44 &#;&#x;&#xg", "ABCD &#;&#x;&#xg"},
	{"&#150;&#0;&#xd800;&#99999999999;", "\xe2\x80\x93\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	{"\xe2\x80\x9cq\xe2\x80\x9d\xe2\x80\x99", "\"q\"\xe2\x80\x99"},
	{"1 < 2 <3 </ x> y <", "1 < 2 <3  y <"},
	{"<font color=white>hidden</font>", "hidden"},
	{"<a href=\"http://x.example/?a=1&amp;b=2\">t</a>", "{http://x.example/?a=1&b=2}t"},
	{"<A HREF=http://x.example/>t", "{http://x.example/}t"},
	{"<a/href='http://x.example'>t", "{http://x.example}t"},
	{"<a title=\"<a href=no>\" href = ' http://y.example ' href=no>t", "{http://y.example}t"},
	{"<img src=\"&#104;ttp://x.example/i.gif\" alt='no'>", "{http://x.example/i.gif}"},
	{"<body background=b.gif><form action=/f><object data=d>", "{b.gif}{/f}{d}"},
	{"<base href='http://b.example/dir/page.html'><a href='x.html'><a href='/y'><a "
	 "href='../z'>",
		"{http://b.example/dir/page.html}{http://b.example/dir/x.html}{http://b.example/y}"
		"{http://b.example/z}"},
	{"<a href=mailto:a@b.example><a href=''><a href='#top'>", "{mailto:a@b.example}{#top}"},
	{"<a href='//www.x.example/p'>", "{http://www.x.example/p}"},
	{"<meta http-equiv=Refresh content='0; URL = http://r.example/'>", "{http://r.example/}"},
	{"<meta content='0;url=http://r.example/;x' http-equiv=refresh>", "{http://r.example/}"},
	{"<script src=http://s.example/></script>", "{http://s.example/}"},
	{"<p href=http://no.example/>", "\n\n"},
	{"<a href=http://no.example/", ""},
	{"<a href='http://x.example/a&nbsp;b'>", "{http://x.example/a b}"},
};

static void test_html(void **state)
{
	struct mw_html_sink sink = {{collect, &got}, collect_link, &got};
	static struct mw_html h;

	got.marked = false;
	for (size_t i = 0; i < sizeof(html_cases) / sizeof(html_cases[0]); i++) {
		got.len = 0;
		mw_html_init(&h, &sink);
		mw_html_feed(&h, mw_span_str(html_cases[i].in));
		mw_html_finish(&h);
		assert_collected(&got, html_cases[i].out);
	}
}

/* What is hidden: between "[" and "]". */
static void collect_hidden(void *ctx, bool hidden)
{
	collect(ctx, mw_span_of(hidden ? "[" : "]", 1));
}

static const struct {
	const char *in, *out;
} hidden_cases[] = {
	{"a<span style='display:none'>b</span>c", "a[b]c"},
	{"a<span style=\"color:red; DISPLAY : None !important\">b</span>c", "a[b]c"},
	{"a<x-y style='visibility:hidden'>b<x-y>c</x-y>d</x-y>e", "a[bcd]e"},
	{"a<i hidden>b</i>c<i hidden=''>d</i>e<i hidden", "a[b]c[d]e"},
	{"a<i style='font-size:0px'>b</i><i style='font-size:.5pt'>c</i><i "
	 "style='font-size:1em'>d</i>",
		"a[b][c]d"},
	{"a<i style='opacity:0.0'>b</i><i style='opacity:0.5'>c</i>", "a[b]c"},
	{"a<i style='max-height:0;overflow:hidden'>b</i><i style='max-height:0'>c</i>", "a[b]c"},
	{"a<i style='text-indent:-9999px'>b</i><i style='color:transparent'>c</i>", "a[b][c]"},
	{"a<font color=#FFFFFF>b</font><font color=#fff>c</font><font color=white>d</font>",
		"a[b][c][d]"},
	{"a<font color=#fefefe>b</font><font color=#eee>c</font>", "a[b]c"},
	{"<td bgcolor=navy><font color=white>shown</font>", " shown"},
	{"<i style='background:#123;color:rgb(17, 34, 51)'>b</i>", "[b]"},
	{"<i style='background-color:beige;color:Beige'>b</i>", "[b]"},
	/* an end tag that may be left out; a block ends a paragraph; a void element holds nothing
	 */
	{"<p style='display:none'>a<p>b", "[\n\na]\n\nb"},
	{"<p hidden>a<div>b", "[\n\na]\nb"},
	{"a<br hidden>b<img hidden>c", "a\nbc"},
	/* never closed; closed twice; an entity in the style; the second of two */
	{"a<i hidden>b", "a[b]"},
	{"a<i hidden>b</i></i>c", "a[b]c"},
	{"a<textarea hidden>b</i></textarea>c", "a[b</i>]c"},
	{"a<i style='display&#58;none'>b</i>c", "a[b]c"},
	{"a<i style='x' style='display:none'>b</i>c", "abc"},
	{"a</i hidden>b", "ab"},
};

static void test_hidden(void **state)
{
	struct mw_html_sink sink = {{collect, &got}, collect_link, &got, collect_hidden};
	struct mw_html h;

	for (size_t i = 0; i < sizeof(hidden_cases) / sizeof(hidden_cases[0]); i++) {
		got.len = 0;
		mw_html_init(&h, &sink);
		mw_html_feed(&h, mw_span_str(hidden_cases[i].in));
		mw_html_finish(&h);
		assert_collected(&got, hidden_cases[i].out);
	}
}

static void test_invisible(void **state)
{
	static const struct {
		const char *in, *out;
		bool split;
	} cases[] = {
		{"", "", false},
		{"plain", "plain", false},
		{"pur\xe2\x80\x8bple", "purple", true},
		{"pur\xc2\xadple", "purple", false},
		{"pur\xc2\xad\xef\xbb\xbfple", "purple", true},
		{"\xe2\x80\x8bx \xe2\x81\xa0y\xe2\x80\x8d", "x y", false},
		{"\xf3\xa0\x81\xa1x\xef\xb8\x8f", "x", false},
		/* not these: a dash, a letter, an emoji's parts */
		{"a\xe2\x80\x93\xc3\xa4", "a\xe2\x80\x93\xc3\xa4", false},
		{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "\xf0\x9f\x91\xa9\xf0\x9f\x92\xbb",
			false},
		{"\xe2\x80", "\xe2\x80", false},
	};
	uint8_t out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool split = false;
		size_t len = mw_invisible_strip(mw_span_str(cases[i].in), out, &split);

		got.len = 0;
		if (len > 0)
			collect(&got, mw_span_of(out, len));
		assert_collected(&got, cases[i].out);
		assert_int_equal(split, cases[i].split);
	}
}

static void test_html_long_value(void **state)
{
	struct mw_html_sink sink = {{collect, &got}, collect_link, &got};
	static struct mw_html h;

	got.len = 0;
	mw_html_init(&h, &sink);
	mw_html_feed(&h, mw_span_str("<a href='http://x.example/"));
	for (int i = 0; i < 1000; i++)
		mw_html_feed(&h, mw_span_str("0123456789"));
	mw_html_feed(&h, mw_span_str("'>t"));
	mw_html_finish(&h);
	assert_int_equal(h.links_cut, 1);
	assert_int_equal(got.len, MW_HTML_VALUE_MAX + 3);
}

static void paragraphs_of(const char *subject, const char *const parts[], size_t count)
{
	static struct mw_paragraph p;

	got.len = 0;
	got.marked = true;
	mw_paragraph_init(&p, (struct mw_text_sink){collect, &got});
	if (subject != NULL)
		mw_paragraph_subject(&p, mw_span_str(subject));
	for (size_t i = 0; i < count; i++) {
		mw_paragraph_part(&p);
		mw_paragraph_feed(&p, mw_span_str(parts[i]));
	}
	mw_paragraph_finish(&p);
}

static void test_paragraph(void **state)
{
	paragraphs_of("S", (const char *const[]){"a\nb \t c\n\nd"}, 1);
	assert_collected(&got, "S\n\xff"
			       "a b c\n\xff"
			       "d\xff");
	paragraphs_of("", (const char *const[]){"a\r\n\r\nb\r\n"}, 1);
	assert_collected(&got, "\n\xff"
			       "a\n\xff"
			       "b \xff");
	paragraphs_of(NULL, (const char *const[]){"a \n \n\n b"}, 1);
	assert_collected(&got, "a \n\xff b\xff");
	paragraphs_of(
		NULL, (const char *const[]){"a\n", "b", "c"}, 3); /* LF and the part's own: two */
	assert_collected(&got, "a\n\xff"
			       "b c\xff");
	paragraphs_of(NULL, (const char *const[]){"a\xc2\xa0 \xe2\x80\x83 b\xe3\x80\x80"}, 1);
	assert_collected(&got, "a b \xff");
	paragraphs_of("", NULL, 0);
	assert_collected(&got, "\n\xff");
}

static void test_paragraph_cut(void **state)
{
	static char text[3001];
	const char *parts[] = {text};

	memset(text, 'x', 3000);
	paragraphs_of(NULL, parts, 1);
	assert_int_equal(got.len, 3002);
	assert_int_equal(got.data[2048], 0xff); /* no blank: at 2048 */
	text[2048] = ' ';
	paragraphs_of(NULL, parts, 1);
	assert_int_equal(got.data[2049], 0xff); /* behind the blank */
	text[2048] = 'x';
	text[100] = ' ';
	paragraphs_of(NULL, parts, 1);
	assert_int_equal(got.data[101], 0xff);
}

static void test_rawchunk(void **state)
{
	static struct mw_rawchunk c;
	static char text[6001];
	static const struct {
		size_t at;
		char end;
		size_t len;
	} cases[] = {{0, 'x', 2049}, {3000, ' ', 3001}, {3500, '>', 3501}, {4000, '\n', 4001}};

	got.marked = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (i == 0)
			memset(text, 'x', 6000);
		text[cases[i].at] = cases[i].end; /* each stronger than the last */
		got.len = 0;
		mw_rawchunk_init(&c, (struct mw_text_sink){collect, &got});
		mw_rawchunk_feed(&c, mw_span_of(text, 6000));
		mw_rawchunk_finish(&c);
		assert_int_equal(got.data[cases[i].len], 0xff);
		assert_int_equal(got.len, 6002);
	}
	memset(text, 'x', 6000);
	got.len = 0;
	mw_rawchunk_init(&c, (struct mw_text_sink){collect, &got});
	mw_rawchunk_feed(&c, mw_span_of(text, 4096));
	mw_rawchunk_finish(&c);
	assert_int_equal(got.len, 4097); /* one piece */
}

static void test_squeeze(void **state)
{
	static const struct {
		const char *in, *out;
		bool changed;
	} cases[] = {
		{"", "", false},
		{"a b", "a b", false},
		{" a ", " a ", false},
		{"a  b\t\r\n c\n", "a b c ", true},
		{"a\tb", "a b", true},
		{"a\xc2\xa0"
		 "b \xe3\x80\x80\xe2\x80\x83 c\xe1\x9a\x80",
			"a b c ", true},
		/* a letter, a quotation mark and a zero-width space begin with the same octets */
		{"\xc2\xb5\xe2\x80\x9c\xe2\x80\x8b\xe3\x81\x82",
			"\xc2\xb5\xe2\x80\x9c\xe2\x80\x8b\xe3\x81\x82", false},
		{"a\xc2", "a\xc2", false},
		{"a\xe2\x80", "a\xe2\x80", false},
	};
	uint8_t out[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mw_span in = mw_span_str(cases[i].in);
		bool changed = false;
		size_t len = mw_paragraph_squeeze(in, out, &changed);

		assert_int_equal(len, strlen(cases[i].out));
		assert_memory_equal(out, cases[i].out, len);
		assert_int_equal(changed, cases[i].changed);
		memcpy(out, in.data, in.len); /* where it lies */
		assert_int_equal(mw_paragraph_squeeze(mw_span_of(out, in.len), out, &changed), len);
		assert_memory_equal(out, cases[i].out, len);
	}
}

static void list_uri(void *ctx, const struct mw_uri_found *found)
{
	if (got.len > 0)
		collect(ctx, mw_span_of(" ", 1));
	collect(ctx, found->uri);
	if (!found->canonical)
		collect(ctx, mw_span_of(&"SMBLX"[found->kind], 1));
}

/* Found strings carry the letter of their kind (Scheme, Mail, Bare, Link, X for strange); canonical
 * forms do not. What has an X is no business of `uri` rules. */
static const struct {
	const char *in, *out;
} text_cases[] = {
	{"ftp://172.42.48.124 https://facebook.com, http://test-site.org/blah/123/",
		"ftp://172.42.48.124S https://facebook.comS http://test-site.org/blah/123/S"},
	{"see http://a.example.com/x.", "http://a.example.com/xS"},
	{"(http://example.com/a) http://example.com/b(c)",
		"http://example.com/aS http://example.com/b(cS"},
	{"www.example.com, FTP.example.com/x", "http://www.example.comS ftp://FTP.example.com/xS"},
	{"example.com example.com/ example.com/x", "http://example.comB http://example.com/xB"},
	{"main.c e.g. 3.14 foo.invalid word. a.b", ""},
	{"mail me@example.com, mailto:you@example.org?subject=x",
		"mailto:me@example.comM mailto:you@example.org?subject=xM mailto:you@example.org"},
	{"Vi@gra me@invalid x@y", ""},
	{"<me@example.com>email:me@example.com", "mailto:me@example.comM mailto:me@example.comM"},
	{"http:// http://x https://", "http://xS http://www.x.com"},
	{"http://example.com?q=1", "http://example.com?q=1S http://example.com/?q=1"},
	{"http://example.com:80/x", "http://example.com:80/xS http://example.com/x"},
	{"http://1113343455/", "http://1113343455/S http://66.92.69.223/"},
	{"http://0x425c45de/", "http://0x425c45de/S http://66.92.69.222/"},
	{"http://66.92.0x45.0335/", "http://66.92.0x45.0335/S http://66.92.69.221/"},
	{"http://ex%61mple.com/", "http://ex%61mple.com/S http://example.com/"},
	{"http://r.example.com/*http://t.example.org/y&z",
		"http://r.example.com/*http://t.example.org/y&zS http://t.example.org/y"},
	{"http://www.google.com/url?sa=t&q=evil.example.com&x=1",
		"http://www.google.com/url?sa=t&q=evil.example.com&x=1S evil.example.com "
		"http://evil.example.com"},
	{"http://b\xc3\xbc"
	 "cher.example.com/x",
		"http://b\xc3\xbc"
		"cher.example.com/xS http://xn--bcher-kva.example.com/x"},
	{"http://a.example.com\\x", "http://a.example.com\\xS http://a.example.com/x"},
	{"[cid:image001.png@01D4986E.E3459640]", ""},
	{"http://evil.invalid/a, http://spam.test/ (https://phish.invalid/).",
		"http://evil.invalid/aX http://spam.test/X https://phish.invalid/X"},
	{"http://srv01.corp/x http://localhost/a ftp://files.lan http://x_y.com/a http://-x.com/a",
		"http://srv01.corp/xX http://localhost/aX ftp://files.lanX http://x_y.com/aX "
		"http://-x.com/aX"},
	{"http://me@evil.invalid:8080?x http://1.2.3.4.5/ http://\xe4\xbe\x8b.invalid/",
		"http://me@evil.invalid:8080?xX http://1.2.3.4.5/X http://\xe4\xbe\x8b.invalid/X"},
	{"HTTP://EVIL.INVALID:25 www.evil.invalid ftp.c www./x www._ http:///x http://... "
	 "https://:80/",
		"HTTP://EVIL.INVALID:25X http://www.evil.invalidX"},
	/* one form that names a host is enough for all of them to be seen */
	{"http://evil.invalid/?u=http://example.com/",
		"http://evil.invalid/?u=http://example.com/S http://example.com/"},
	/* an address in brackets is one of its own, and the rest is read as without it */
	{"see (http://[2001:db8::1]/a). https://[::ffff:192.0.2.1]:8080, ftp://[2001:DB8::2]",
		"http://[2001:db8::1]/aX https://[::ffff:192.0.2.1]:8080X ftp://[2001:DB8::2]X"},
	{"http://[192.0.2.1]/ http://[1.2]/ http://[::1 http://[::g] www.[::1] http:[::1] "
	 "http://[]",
		"http://[192.0.2.1]/X"},
	{"http://[::1] http://[::1]'s http://[::1]www.example.com",
		"http://[::1]X http://[::1]X http://[::1]X http://www.example.comS"},
	{"x@y.com/z/me@example.com", "http://x@y.com/z/me@example.comM"},
};

static struct mw_uri_env uri_env;

static void test_uri_text(void **state)
{
	got.marked = false;
	for (size_t i = 0; i < sizeof(text_cases) / sizeof(text_cases[0]); i++) {
		got.len = 0;
		mw_uri_text(&uri_env, mw_span_str(text_cases[i].in));
		assert_collected(&got, text_cases[i].out);
	}
}

static const struct {
	const char *in, *out;
} link_cases[] = {
	{"http://www.example.com", "http://www.example.comL"},
	{"image.gif", "image.gifL http://image.gif"},
	{"#top", "#topL"},
	{"/x", "/xL"},
	{"http:example.com", "http:example.comL http://example.com"},
	{"http://a\n.example.com/ x", "http://a.example.com/ xL"},
	{"http://user@example.com/", "http://user@example.com/L"},
	{"http://example.com/&#65;", "http://example.com/&#65;L http://example.com/A"},
	{"http://intranet/", "http://intranet/L http://www.intranet.com/"},
	{"http://example.com!!/", "http://example.com!!/L http://example.com/"},
	{"mailto:a@b.example?subject=1", "mailto:a@b.example?subject=1L mailto:a@b.example"},
	{"javascript:x()", "javascript:x()L"},
};

static void test_uri_link(void **state)
{
	got.marked = false;
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		got.len = 0;
		mw_uri_link(&uri_env, mw_span_str(link_cases[i].in));
		assert_collected(&got, link_cases[i].out);
	}
}

static void test_seen(void **state)
{
	static struct mw_uri_seen seen;
	const uint64_t key[2] = {3, 4};
	char text[32];

	mw_uri_seen_init(&seen, key);
	for (int i = 0; i < MW_URI_SEEN_MAX; i++) {
		snprintf(text, sizeof(text), "http://%d.example", i);
		assert_int_equal(mw_uri_seen_add(&seen, mw_span_str(text)), MW_URI_NEW);
		assert_int_equal(mw_uri_seen_add(&seen, mw_span_str(text)), MW_URI_SEEN);
	}
	assert_int_equal(mw_uri_seen_add(&seen, mw_span_str("one more")), MW_URI_SEEN_FULL);
	assert_int_equal(seen.refused, 1);
}

/* Repetitions are passed over; what a text may not say a link may; the budget ends. */
static void test_limit(void **state)
{
	static struct mw_uri_limit limit;
	struct mw_uri_env env = uri_env;
	const uint64_t key[2] = {5, 6};
	char text[64];

	mw_uri_limit_init(&limit, key);
	env.limit = &limit;
	got.marked = false;
	got.len = 0;
	mw_uri_text(&env, mw_span_str("a@b.de a@b.de www.x.de a@b.de a@b.invalid/.de"));
	mw_uri_link(&env, mw_span_str("mailto:a@b.invalid/.de"));
	assert_collected(&got, "mailto:a@b.deM http://www.x.deS mailto:a@b.invalid/.deL");
	assert_int_equal(limit.refused, 0);
	for (int i = 0; i < MW_URI_LIMIT_OCTETS / 64; i++) {
		got.len = 0;
		snprintf(text, sizeof(text), "http://%d.example.com", i);
		mw_uri_text(&env, mw_span_str(text));
	}
	assert_true(limit.refused > 0);
	assert_int_equal(got.len, 0);
}

/* RFC 3492, section 7.1, and what registries show. */
static void test_punycode(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"m\xc3\xbcnchen", "xn--mnchen-3ya"},
		{"M\xc3\x9cNCHEN.De", "xn--mnchen-3ya.de"},
		{"\xe4\xb8\xad\xe5\x9b\xbd", "xn--fiqs8s"},
		{"\xd1\x80\xd1\x84", "xn--p1ai"},
		{"a\xe3\x80\x82"
		 "b\xc3\xa4.example",
			"a.xn--b-0fa.example"},
		{"Plain.EXAMPLE", "plain.example"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		got.len = mw_punycode_host(mw_span_str(cases[i].in), got.data, 100);
		assert_collected(&got, cases[i].out);
	}
	assert_int_equal(mw_punycode_host(mw_span_str("m\xc3\xbcnchen"), got.data, 9), 0);
}

/* RFC 3986, section 5.4.1. */
static void test_resolve(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"g:h", "g:h"},
		{"g", "http://a/b/c/g"},
		{"./g", "http://a/b/c/g"},
		{"g/", "http://a/b/c/g/"},
		{"/g", "http://a/g"},
		{"//g", "http://g"},
		{"?y", "http://a/b/c/d;p?y"},
		{"g?y", "http://a/b/c/g?y"},
		{"#s", "http://a/b/c/d;p?q#s"},
		{"g#s", "http://a/b/c/g#s"},
		{";x", "http://a/b/c/;x"},
		{"", "http://a/b/c/d;p?q"},
		{".", "http://a/b/c/"},
		{"..", "http://a/b/"},
		{"../", "http://a/b/"},
		{"../g", "http://a/b/g"},
		{"../..", "http://a/"},
		{"../../g", "http://a/g"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		got.len = mw_link_resolve(
			mw_span_str("http://a/b/c/d;p?q"), mw_span_str(cases[i].in), got.data, 200);
		assert_collected(&got, cases[i].out);
	}
}

static int open_env(void **state)
{
	static struct mw_uri_work work;
	struct mw_tld_table *tlds;

	assert_int_equal(mw_tld_table_open(NULL, &tlds), 0);
	assert_true(mw_tld_table_count(tlds) > 1000);
	assert_true(mw_tld_valid(tlds, mw_span_str("COM")));
	assert_true(mw_tld_valid(tlds, mw_span_str("xn--p1ai")));
	assert_false(mw_tld_valid(tlds, mw_span_str("invalid")));
	assert_int_equal(mw_tld_table_open("/nonexistent", &tlds), -2);
	uri_env = (struct mw_uri_env){tlds, &work, list_uri, &got, NULL};
	return 0;
}

static int close_env(void **state)
{
	struct mw_tld_table *tlds;

	memcpy(&tlds, &uri_env.tlds, sizeof(tlds));
	mw_tld_table_close(tlds);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_charset),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_invisible),
		cmocka_unit_test(test_html_long_value),
		cmocka_unit_test(test_paragraph),
		cmocka_unit_test(test_squeeze),
		cmocka_unit_test(test_paragraph_cut),
		cmocka_unit_test(test_rawchunk),
		cmocka_unit_test(test_uri_text),
		cmocka_unit_test(test_uri_link),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_punycode),
		cmocka_unit_test(test_resolve),
	};

	return cmocka_run_group_tests(tests, open_env, close_env);
}
