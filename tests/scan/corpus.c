/* Reads the mail corpus beside the source (corpus.h). Nothing of it is kept in the project. */
#include "tests/scan/corpus.h"

#include <stdio.h>
#include <stdlib.h>

#define ARCHIVE MW_SOURCE_ROOT "/../shared/corpus/spam/spamassassin-public-corpus.tar.zst"

bool corpus_read(size_t most, struct mw_span *out)
{
	FILE *f = fopen(ARCHIVE, "re");

	if (f == NULL)
		return false;
	fclose(f);
	/* Spam and ham lie in different places of the archive: an eighth of it is skipped now and
	 * then so that both come along. */
	f = popen("tar --zstd -xOf '" ARCHIVE "' 2>/dev/null", "r");
	if (f == NULL)
		return false;
	uint8_t *data = malloc(most + 1), *skipped = malloc(65536);
	size_t len = 0;

	while (data != NULL && skipped != NULL && len < most) {
		size_t n = fread(data + len, 1, most - len < 65536 ? most - len : 65536, f);

		if (n == 0)
			break;
		len += n;
		for (unsigned i = 0; i < 3 && most < 8000000; i++)
			if (fread(skipped, 1, 65536, f) == 0)
				break;
	}
	free(skipped);
	pclose(f);
	*out = mw_span_of(data, len);
	if (len == 0)
		free(data);
	return len > 0;
}

static bool blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void addresses(struct mw_span line, corpus_fn each, void *ctx)
{
	for (size_t i = 0; i + 8 < line.len; i++) {
		size_t n = 0;

		if (memcmp(line.data + i, "http", 4) != 0)
			continue;
		while (i + n < line.len && line.data[i + n] > ' ' && line.data[i + n] != '"' &&
			line.data[i + n] != '>')
			n++;
		each(ctx, CORPUS_ADDRESS, (struct mw_span){0}, mw_span_of(line.data + i, n));
		i += n;
	}
}

static void header(struct mw_span line, corpus_fn each, void *ctx)
{
	const uint8_t *colon = memchr(line.data, ':', line.len);
	uint8_t value[1024];
	size_t n = colon == NULL ? 0 : (size_t)(colon - line.data);

	if (n == 0 || n > 40 || memchr(line.data, ' ', n) != NULL || line.len - n > 1000)
		return;
	struct mw_span name = mw_span_of(line.data, n);
	size_t from = n + 1 < line.len && line.data[n + 1] == ' ' ? n + 2 : n + 1;
	memcpy(value, line.data + from, line.len - from);
	value[line.len - from] = '\n';
	each(ctx, CORPUS_HEADER, name, mw_span_of(value, line.len - from + 1));
}

void corpus_cut(struct mw_span text, corpus_fn each, void *ctx)
{
	uint8_t paragraph[2049];
	size_t n = 0;

	for (size_t i = 0; i < text.len; i += 3001)
		each(ctx, CORPUS_PIECE, (struct mw_span){0},
			mw_span_of(text.data + i, text.len - i < 3001 ? text.len - i : 3001));
	for (size_t i = 0; i < text.len;) {
		const uint8_t *lf = memchr(text.data + i, '\n', text.len - i);
		size_t len = lf == NULL ? text.len - i : (size_t)(lf - text.data) - i;
		struct mw_span line = mw_span_of(text.data + i, len);

		header(line, each, ctx);
		addresses(line, each, ctx);
		for (size_t k = 0; k < len && n < sizeof(paragraph) - 1; k++) {
			if (!blank(line.data[k]))
				paragraph[n++] = line.data[k];
			else if (n == 0 || paragraph[n - 1] != ' ')
				paragraph[n++] = ' ';
		}
		if (n > 0 && (len == 0 || n >= 1900)) {
			n -= paragraph[n - 1] == ' ';
			paragraph[n++] = '\n';
			each(ctx, CORPUS_PARAGRAPH, (struct mw_span){0}, mw_span_of(paragraph, n));
			n = 0;
		} else if (n > 0 && paragraph[n - 1] != ' ' && n < sizeof(paragraph) - 1) {
			paragraph[n++] = ' ';
		}
		i += len + 1;
	}
}
