/*
 * Fuzzing the stages joined, and the address finder and links alone. Built with libFuzzer's
 * LLVMFuzzerTestOneInput when -DMW_FUZZ; else a main that replays files, or without any, seeded
 * hostile text.
 */
#include "support.h"

#include "dataplane/text/html.h"
#include "dataplane/text/link.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/render.h"
#include "dataplane/text/utf8.h"

static struct mw_render_lane *lane;
static struct mw_uri_seen seen;

static void drop(void *ctx, struct mw_span octets)
{
	(void)ctx;
	if (octets.len == 0)
		abort();
}

static void drop_body(void *ctx, struct mw_span piece, bool subject)
{
	drop(ctx, piece);
	if (piece.len > 2049)
		abort();
}

static void drop_uri(void *ctx, const struct mw_uri_found *found)
{
	drop(ctx, found->uri);
	if (found->uri.len > MW_URI_MAX)
		abort();
	mw_uri_seen_add(&seen, found->uri);
}

static void open_lane(void)
{
	static struct mw_render_lane the_lane;
	struct mw_charset_table *charsets;
	struct mw_tld_table *tlds;

	if (mw_charset_table_open(&charsets) != 0 || mw_tld_table_open(NULL, &tlds) != 0)
		abort();
	the_lane.charsets = charsets;
	the_lane.tlds = tlds;
	lane = &the_lane;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first octet picks the charset and the kind; the rest is the part, cut in two by the second.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"", "utf-8", "iso-8859-1", "utf-16", "gb18030",
		"shift_jis", "iso-2022-jp", "euc-kr", "big5", "euc-jp", "utf-7", "utf-32",
		"ibm500"};
	static const uint64_t key[2] = {0, 0};
	const struct mw_render_sink sink = {drop_body, drop_uri, NULL, drop_body};
	static struct mw_render render;
	static struct mw_rawchunk chunk;
	struct mw_uri_env env;
	uint8_t out[700];
	size_t cut, n;

	if (lane == NULL)
		open_lane();
	if (size < 2)
		return 0;
	env = (struct mw_uri_env){lane->tlds, &lane->work, drop_uri, NULL, NULL};
	cut = (size - 2) * data[1] / 255;
	mw_uri_seen_init(&seen, key);
	mw_render_init(&render, lane, &sink);
	mw_render_subject(&render, mw_span_of(data + 2, cut));
	mw_render_part_begin(&render, data[0] % 2 == 0 ? MW_RENDER_HTML : MW_RENDER_PLAIN,
		mw_span_str(names[data[0] / 2 % (sizeof(names) / sizeof(names[0]))]));
	mw_render_part_feed(&render, mw_span_of(data + 2, cut));
	mw_render_part_feed(&render, mw_span_of(data + 2 + cut, size - 2 - cut));
	mw_render_part_end(&render);
	mw_render_finish(&render);
	mw_rawchunk_init(&chunk, (struct mw_text_sink){drop, NULL});
	mw_rawchunk_feed(&chunk, mw_span_of(data + 2, size - 2));
	mw_rawchunk_finish(&chunk);
	mw_uri_text(&env, mw_span_of(data + 2, size - 2));
	mw_uri_link(&env, mw_span_of(data + 2, size - 2));
	mw_link_resolve(mw_span_of(data + 2, cut), mw_span_of(data + 2 + cut, size - 2 - cut), out,
		sizeof(out));
	mw_link_base(mw_span_of(data + 2, size - 2), out, sizeof(out));
	n = mw_utf8_scrub(mw_span_of(data + 2, size - 2), out, sizeof(out), NULL);
	if (!mw_utf8_valid(mw_span_of(out, n)))
		abort();
	return 0;
}

#ifndef MW_FUZZ
static void replay(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "rb");

	if (file == NULL) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

static void test_hostile(void **state)
{
	struct text_random r = text_random_open();
	static uint8_t data[9000];

	for (int i = 0; i < 1500; i++) {
		size_t len = text_hostile(&r, data + 2, sizeof(data) - 2);

		data[0] = (uint8_t)text_random_below(&r, 256);
		data[1] = (uint8_t)text_random_below(&r, 256);
		LLVMFuzzerTestOneInput(data, len + 2);
		/* An exact allocation, so that a read beyond the end is seen. */
		uint8_t *exact = malloc(len + 2);

		assert_non_null(exact);
		for (size_t k = 0; k < len + 2; k++)
			exact[k] = i % 2 == 0 ? data[k] : (uint8_t)text_random_below(&r, 256);
		LLVMFuzzerTestOneInput(exact, len + 2);
		free(exact);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile)};

	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	return argc > 1 ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
