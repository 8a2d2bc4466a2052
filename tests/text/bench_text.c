/*
 * How fast the text stages are: Gbit/s of input for each, and the dearest hostile inputs known, in
 * nanoseconds an octet. Run by `meson test --benchmark`; no bound is asserted, machines differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dataplane/text/rawchunk.h"
#include "dataplane/text/render.h"

static struct mw_render_lane lane;
static uint64_t out_octets, out_uris;

static void body(void *ctx, struct mw_span piece, bool subject)
{
	out_octets += piece.len;
}

static void uri(void *ctx, const struct mw_uri_found *found)
{
	out_uris++;
}

static void drop(void *ctx, struct mw_span octets)
{
	out_octets += octets.len;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum what { CHARSET, HTML, RAWCHUNK, RENDER_PLAIN, RENDER_HTML, RENDER_PLAIN_URI, RENDER_HTML_URI };

static void once(enum what what, const char *charset, struct mw_span in)
{
	struct mw_render_sink sink = {body, what >= RENDER_PLAIN_URI ? uri : NULL, NULL};
	struct mw_html_sink html_sink = {{drop, NULL}, drop, NULL};
	static struct mw_render r;
	static struct mw_html h;
	static struct mw_rawchunk c;
	struct mw_charset cs;

	switch (what) {
	case CHARSET:
		mw_charset_init(&cs, lane.charsets, mw_span_str(charset), MW_CHARSET_GUESS,
			(struct mw_text_sink){drop, NULL});
		mw_charset_feed(&cs, in);
		break;
	case HTML:
		mw_html_init(&h, &html_sink);
		mw_html_feed(&h, in);
		break;
	case RAWCHUNK:
		mw_rawchunk_init(&c, (struct mw_text_sink){drop, NULL});
		mw_rawchunk_feed(&c, in);
		mw_rawchunk_finish(&c);
		break;
	default:
		mw_render_init(&r, &lane, &sink);
		mw_render_part_begin(&r,
			what == RENDER_PLAIN || what == RENDER_PLAIN_URI ? MW_RENDER_PLAIN
									 : MW_RENDER_HTML,
			mw_span_str(charset));
		mw_render_part_feed(&r, in);
		mw_render_part_end(&r);
		mw_render_finish(&r);
		break;
	}
}

static void measure(const char *name, enum what what, const char *charset, const char *unit)
{
	static char text[40000];
	size_t len = 0, n = strlen(unit);
	double start, took = 1e9;

	while (len + n <= sizeof(text)) {
		memcpy(text + len, unit, n);
		len += n;
	}
	out_uris = out_octets = 0;
	for (int pass = 0; pass < 5; pass++) {
		int rounds = 0;

		start = seconds();
		do {
			once(what, charset, mw_span_of(text, len));
			rounds++;
		} while (seconds() - start < 0.05);
		if ((seconds() - start) / rounds < took)
			took = (seconds() - start) / rounds;
	}
	printf("%-34s %7.2f Gbit/s %8.2f ns/octet\n", name, (double)len * 8 / took / 1e9,
		took * 1e9 / (double)len);
}

#define PLAIN                                                                                      \
	"Dear colleagues, please find the minutes of our last meeting below.\nThe next one takes " \
	"place "                                                                                   \
	"on Thursday, as usual; tell me if you cannot come.\n\nSee "                               \
	"http://www.example.com/minutes or "                                                       \
	"write to office@example.org.\n"
#define MARKUP                                                                                   \
	"<tr><td align=\"left\" width=\"20%\"><font face=\"Arial\" size=\"2\">The next meeting " \
	"takes "                                                                                 \
	"place on <b>Thursday</b>, as usual &amp; as planned.</font></td>\n<td><a "              \
	"href=\"http://www.example.com/minutes?id=17\">Minutes</a><br></td></tr>\n"

int main(void)
{
	struct mw_charset_table *charsets;
	struct mw_tld_table *tlds;

	if (mw_charset_table_open(&charsets) != 0 || mw_tld_table_open(NULL, &tlds) != 0)
		return 77;
	lane.charsets = charsets;
	lane.tlds = tlds;
	printf("state: charset %zu, html %zu, paragraph %zu, rawchunk %zu, render %zu; lane %zu "
	       "octets\n",
		sizeof(struct mw_charset), sizeof(struct mw_html), sizeof(struct mw_paragraph),
		sizeof(struct mw_rawchunk), sizeof(struct mw_render),
		sizeof(struct mw_render_lane));
	measure("plain -> paragraphs", RENDER_PLAIN, "utf-8", PLAIN);
	measure("plain -> paragraphs, uris", RENDER_PLAIN_URI, "utf-8", PLAIN);
	measure("html -> text", HTML, "utf-8", MARKUP);
	measure("html -> paragraphs", RENDER_HTML, "utf-8", MARKUP);
	measure("html -> paragraphs, uris", RENDER_HTML_URI, "utf-8", MARKUP);
	measure("rawbody chunks", RAWCHUNK, "", PLAIN);
	measure("charset utf-8, ASCII", CHARSET, "utf-8", PLAIN);
	measure("charset utf-8, Chinese", CHARSET, "utf-8", "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97");
	measure("charset koi8-r", CHARSET, "koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4 ");
	measure("charset gb2312", CHARSET, "gb2312", "\xd6\xd0\xce\xc4 ");
	measure("charset iso-2022-jp", CHARSET, "iso-2022-jp", "\x1b$BF|K\\\x1b(B ");
	measure("hostile: dots", RENDER_PLAIN_URI, "", "a.");
	measure("hostile: at signs", RENDER_PLAIN_URI, "", "a@");
	measure("hostile: commas and at", RENDER_PLAIN_URI, "", "a,b@");
	measure("hostile: short addresses", RENDER_PLAIN_URI, "", "a@b.de ");
	measure("hostile: redirectors", RENDER_PLAIN_URI, "", "http://a.de/?http:b.de/");
	measure("hostile: short links", RENDER_HTML_URI, "", "<a href=a.de>");
	measure("hostile: redirecting links", RENDER_HTML_URI, "",
		"<a href='http://a.de?http:b.de&http:c.de&http://1.2.3.4/&http:%41%41'>");
	measure("hostile: escapes", RENDER_PLAIN_URI, "", "http://a.de/%41\x7f");
	measure("hostile: open tags", RENDER_HTML_URI, "", "<a <a ");
	measure("hostile: half entities", RENDER_HTML_URI, "", "&amp&#x");
	mw_charset_table_close(charsets);
	mw_tld_table_close(tlds);
	return 0;
}
