/*
 * The property that matters most: the same octets, cut anywhere, come out the same. Each stage is
 * fed hostile text whole, octet by octet and in random pieces.
 */
#include "support.h"

#include "dataplane/text/charset.h"
#include "dataplane/text/html.h"
#include "dataplane/text/paragraph.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/render.h"

static const char *const charsets[] = {"", "us-ascii", "UTF-8", "iso-8859-1", "windows-1252",
	"iso-8859-2", "koi8-r", "windows-1258", "utf-16", "utf-16le", "utf-16be", "gb2312",
	"gb18030", "big5", "shift_jis", "euc-jp", "euc-kr", "iso-2022-jp", "no-such-charset",
	"utf-7", "utf-32", "utf-32le", "ibm500", "ibm500", "ibm037"};

static struct mw_charset_table *table;
static struct mw_render_lane lane;

static int open_tables(void **state)
{
	struct mw_tld_table *tlds;

	assert_int_equal(mw_charset_table_open(&table), 0);
	assert_int_equal(mw_tld_table_open(NULL, &tlds), 0);
	lane.charsets = table;
	lane.tlds = tlds;
	return 0;
}

static int close_tables(void **state)
{
	struct mw_tld_table *tlds;

	memcpy(&tlds, &lane.tlds, sizeof(tlds));
	mw_tld_table_close(tlds);
	mw_charset_table_close(table);
	return 0;
}

/* One stage under test: runs `in` in pieces of at most `piece` octets (0: random) into `out`. */
typedef void (*stage_fn)(
	struct text_random *r, struct mw_span in, size_t piece, struct collected *out);

static struct mw_span next(struct text_random *r, struct mw_span *in, size_t piece)
{
	size_t n = piece > 0 ? piece : text_random_below(r, 40) + 1;
	struct mw_span s = mw_span_of(in->data, n < in->len ? n : in->len);

	in->data += s.len;
	in->len -= s.len;
	return s;
}

static const char *charset_name;
static enum mw_charset_invalid charset_invalid;

static void run_charset(
	struct text_random *r, struct mw_span in, size_t piece, struct collected *out)
{
	struct mw_charset c;

	mw_charset_init(&c, table, mw_span_str(charset_name), charset_invalid,
		(struct mw_text_sink){collect, out});
	while (in.len > 0)
		mw_charset_feed(&c, next(r, &in, piece));
	mw_charset_finish(&c);
}

/* Links go into the output too, so that their place counts. */
static void collect_link(void *ctx, struct mw_span uri)
{
	struct collected *c = ctx;

	collect(c, mw_span_of("\001LINK ", 6));
	collect(c, uri);
	collect(c, mw_span_of("\002", 1));
}

static void collect_hidden(void *ctx, bool hidden)
{
	collect(ctx, mw_span_str(hidden ? "\001HIDE" : "\001SHOW"));
}

static void run_html(struct text_random *r, struct mw_span in, size_t piece, struct collected *out)
{
	struct mw_html_sink sink = {{collect, out}, collect_link, out, collect_hidden};
	static struct mw_html h;

	memset(&h, 0x5a, sizeof(h)); /* nothing may rest on what was there before */
	mw_html_init(&h, &sink);
	while (in.len > 0)
		mw_html_feed(&h, next(r, &in, piece));
	mw_html_finish(&h);
}

static void run_paragraph(
	struct text_random *r, struct mw_span in, size_t piece, struct collected *out)
{
	static struct mw_paragraph p;
	size_t half = in.len / 2;
	struct mw_span parts[2] = {
		mw_span_of(in.data, half), mw_span_of(in.data + half, in.len - half)};

	out->marked = true;
	memset(&p, 0x5a, sizeof(p));
	mw_paragraph_init(&p, (struct mw_text_sink){collect, out});
	for (int i = 0; i < 2; i++) {
		mw_paragraph_part(&p);
		while (parts[i].len > 0)
			mw_paragraph_feed(&p, next(r, &parts[i], piece));
	}
	mw_paragraph_finish(&p);
}

static void run_rawchunk(
	struct text_random *r, struct mw_span in, size_t piece, struct collected *out)
{
	static struct mw_rawchunk c;

	out->marked = true;
	memset(&c, 0x5a, sizeof(c));
	mw_rawchunk_init(&c, (struct mw_text_sink){collect, out});
	while (in.len > 0)
		mw_rawchunk_feed(&c, next(r, &in, piece));
	mw_rawchunk_finish(&c);
}

static void render_body(void *ctx, struct mw_span piece, bool subject)
{
	collect(ctx, piece);
}

static void render_uri(void *ctx, const struct mw_uri_found *found)
{
	collect(ctx, mw_span_of("\001", 1));
	collect(ctx, found->uri);
	assert_true(found->uri.len <= MW_URI_MAX);
}

/* Kept apart: how it falls between the others depends on the cuts. */
static struct collected shown;

static void render_shown(void *ctx, struct mw_span piece, bool subject)
{
	collect(&shown, piece);
	assert_true(piece.len <= MW_PARAGRAPH_MAX);
}

static void run_render(
	struct text_random *r, struct mw_span in, size_t piece, struct collected *out)
{
	const struct mw_render_sink sink = {render_body, render_uri, out, render_shown};
	static struct mw_render render;

	out->marked = true;
	shown.marked = true;
	shown.len = 0;
	memset(&render, 0x5a, sizeof(render));
	mw_render_init(&render, &lane, &sink);
	mw_render_subject(&render, mw_span_str("subject"));
	mw_render_part_begin(&render, MW_RENDER_HTML, mw_span_str("utf-8"));
	while (in.len > 0)
		mw_render_part_feed(&render, next(r, &in, piece));
	mw_render_part_end(&render);
	mw_render_finish(&render);
	if (shown.len > 0)
		collect(out, mw_span_of(shown.data, shown.len));
}

static void check(stage_fn stage, size_t size, int rounds)
{
	static struct collected whole, cut;
	struct text_random r = text_random_open();
	uint8_t *in = malloc(size);

	assert_non_null(in);
	for (int i = 0; i < rounds; i++) {
		size_t len = text_hostile(&r, in, size);

		whole.len = 0;
		stage(&r, mw_span_of(in, len), SIZE_MAX, &whole);
		for (size_t piece = 0; piece < 4; piece++) {
			cut.len = 0;
			stage(&r, mw_span_of(in, len), piece, &cut);
			if (cut.len != whole.len || memcmp(cut.data, whole.data, cut.len) != 0)
				fail_msg("round %d, pieces of %zu: %zu octets in, %zu and %zu out",
					i, piece, len, whole.len, cut.len);
		}
	}
	free(in);
}

static void test_charset(void **state)
{
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		charset_name = charsets[i];
		charset_invalid = i % 2 == 0 ? MW_CHARSET_GUESS : MW_CHARSET_REPLACE;
		check(run_charset, 3000, 40);
	}
}

/* Lanes interleave messages over one table: the descriptors must not remember. */
static void test_charset_interleaved(void **state)
{
	static struct collected alone[2], mixed[2];
	struct text_random r = text_random_open();
	static uint8_t in[2][2000];

	charset_name = "iso-2022-jp";
	charset_invalid = MW_CHARSET_GUESS;
	for (int round = 0; round < 100; round++) {
		struct mw_charset c[2];
		struct mw_span left[2];

		for (int k = 0; k < 2; k++) {
			left[k] = mw_span_of(in[k], text_hostile(&r, in[k], sizeof(in[k])));
			alone[k].len = mixed[k].len = 0;
			run_charset(&r, left[k], SIZE_MAX, &alone[k]);
			mw_charset_init(&c[k], table, mw_span_str(charset_name), charset_invalid,
				(struct mw_text_sink){collect, &mixed[k]});
		}
		while (left[0].len + left[1].len > 0) {
			for (int k = 0; k < 2; k++)
				mw_charset_feed(&c[k], next(&r, &left[k], 0));
		}
		for (int k = 0; k < 2; k++) {
			mw_charset_finish(&c[k]);
			assert_int_equal(alone[k].len, mixed[k].len);
			assert_memory_equal(alone[k].data, mixed[k].data, mixed[k].len);
		}
	}
}

static void test_html(void **state)
{
	check(run_html, 4000, 1500);
}

static void test_paragraph(void **state)
{
	check(run_paragraph, 12000, 300);
	check(run_paragraph, 140000, 12);
}

static void test_rawchunk(void **state)
{
	check(run_rawchunk, 20000, 200);
	check(run_rawchunk, 600000, 4);
}

static void test_render(void **state)
{
	check(run_render, 4000, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charset),
		cmocka_unit_test(test_charset_interleaved),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_paragraph),
		cmocka_unit_test(test_rawchunk),
		cmocka_unit_test(test_render),
	};

	return cmocka_run_group_tests(tests, open_tables, close_tables);
}
