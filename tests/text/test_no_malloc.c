/*
 * The feed path allocates nothing, iconv's own work included: malloc is replaced by one that
 * counts. Says nothing under a sanitizer, which has its own.
 */
#include "support.h"

#include "dataplane/text/rawchunk.h"
#include "dataplane/text/render.h"

static uint64_t allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

static void drop(void *ctx, struct mw_span octets)
{
}

static void drop_body(void *ctx, struct mw_span piece, bool subject)
{
}

static void drop_uri(void *ctx, const struct mw_uri_found *found)
{
}

static void test_no_malloc(void **state)
{
	static const char *const names[] = {"", "iso-8859-1", "koi8-r", "utf-16", "gb18030", "big5",
		"shift_jis", "iso-2022-jp", "euc-jp", "euc-kr"};
	const struct mw_render_sink sink = {drop_body, drop_uri, NULL, drop_body};
	struct text_random r = text_random_open();
	static struct mw_render_lane lane;
	static struct mw_render render;
	static struct mw_rawchunk chunk;
	static uint8_t in[8000];
	struct mw_charset_table *charsets;
	struct mw_tld_table *tlds;
	uint64_t before;

	assert_int_equal(mw_charset_table_open(&charsets), 0);
	assert_int_equal(mw_tld_table_open(NULL, &tlds), 0);
	lane.charsets = charsets;
	lane.tlds = tlds;
	before = allocations;
	assert_true(before > 0); /* it counts */
	for (int i = 0; i < 500; i++) {
		struct mw_span s = mw_span_of(in, text_hostile(&r, in, sizeof(in)));

		mw_render_init(&render, &lane, &sink);
		mw_render_subject(&render, mw_span_str("subject"));
		mw_render_part_begin(&render, i % 2 == 0 ? MW_RENDER_HTML : MW_RENDER_PLAIN,
			mw_span_str(names[i % 10]));
		mw_render_part_feed(&render, s);
		mw_render_part_end(&render);
		mw_render_finish(&render);
		mw_rawchunk_init(&chunk, (struct mw_text_sink){drop, NULL});
		mw_rawchunk_feed(&chunk, s);
		mw_rawchunk_finish(&chunk);
	}
	assert_int_equal(allocations, before);
	mw_charset_table_close(charsets);
	mw_tld_table_close(tlds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_malloc)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
