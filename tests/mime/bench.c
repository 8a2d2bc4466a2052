/* See bench.h. */
#include "tests/mime/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct bench *bench_open(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	if (mw_charset_table_open(&b->charsets) < 0 || mw_tld_table_open(NULL, &b->tlds) < 0) {
		fprintf(stderr, "no charsets or no top-level domains on this machine\n");
		free(b);
		return NULL;
	}
	b->pool_memory = aligned_alloc(64, (size_t)BENCH_BLOCK * BENCH_BLOCKS);
	mw_pool_init(&b->pool, b->pool_memory, BENCH_BLOCK, BENCH_BLOCKS);
	mw_arena_init(&b->arena, &b->pool, BENCH_BLOCKS);
	b->memory = aligned_alloc(64, mw_message_bytes());
	b->scratch = mw_message_scratch_init(
		aligned_alloc(64, mw_message_scratch_bytes()), b->charsets, b->tlds);
	memcpy(b->config.content_key, "0123456789abcdef", 16);
	return b;
}

void bench_close(struct bench *b)
{
	mw_arena_reset(&b->arena);
	mw_charset_table_close(b->charsets);
	mw_tld_table_close(b->tlds);
	free(b->pool_memory);
	free(b->memory);
	free(b->scratch);
	free(b);
}

void bench_begin(struct bench *b, uint32_t want, mw_record_fn records, void *ctx)
{
	mw_arena_reset(&b->arena);
	/* what a former message left behind must not matter */
	memset(b->memory, 0xa5, mw_message_bytes());
	b->config.want = want;
	b->m = mw_message_init(b->memory, &b->config, &b->arena, b->scratch, records, ctx);
}

int bench_read(const char *path, bool crlf, struct mw_span *out)
{
	FILE *file = fopen(path, "rb");
	uint8_t *in, *data;
	size_t len, n = 0;
	long size;

	if (file == NULL)
		return -1;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	in = malloc((size_t)size + 1);
	data = malloc(2 * (size_t)size + 1);
	len = fread(in, 1, (size_t)size, file);
	fclose(file);
	for (size_t i = 0; i < len; i++) {
		if (crlf && in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
			data[n++] = '\r';
		data[n++] = in[i];
	}
	free(in);
	*out = mw_span_of(data, n);
	return 0;
}
