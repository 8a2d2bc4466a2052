/*
 * Renders messages that uri_corpus.py has taken apart and prints the addresses found, one a line,
 * an empty line after each message. Input: "M\n" begins a message, "S LEN\n" its decoded Subject,
 * "P|H|N CHARSET LEN\n" a leaf part (text/plain, text/html, other) and its octets, "E\n" ends it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/text/render.h"

static struct mw_render_lane lane;
static struct mw_uri_seen seen;
static bool show_body;

static void body(void *ctx, struct mw_span piece, bool subject)
{
	if (show_body)
		printf("<%.*s>%s\n", (int)piece.len, (const char *)piece.data, subject ? " S" : "");
}

static void uri(void *ctx, const struct mw_uri_found *found)
{
	if (!show_body && found->kind != MW_URI_STRANGE &&
		mw_uri_seen_add(&seen, found->uri) == MW_URI_NEW) {
		fwrite(found->uri.data, 1, found->uri.len, stdout);
		putchar('\n');
	}
}

static uint8_t *octets(size_t len)
{
	uint8_t *data = malloc(len + 1);

	if (data == NULL || fread(data, 1, len, stdin) != len)
		exit(2);
	return data;
}

int main(int argc, char **argv)
{
	static const uint64_t key[2] = {1, 2};
	static struct mw_render r;
	const struct mw_render_sink sink = {body, uri, NULL};
	struct mw_charset_table *charsets;
	struct mw_tld_table *tlds;
	char line[256], charset[128];
	size_t len;

	show_body = argc > 1;
	if (mw_charset_table_open(&charsets) != 0 || mw_tld_table_open(NULL, &tlds) != 0)
		return 77;
	lane.charsets = charsets;
	lane.tlds = tlds;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (line[0] == 'M') {
			mw_render_init(&r, &lane, &sink);
			mw_uri_seen_init(&seen, key);
		} else if (line[0] == 'E') {
			mw_render_finish(&r);
			putchar('\n');
		} else if (sscanf(line, "S %zu", &len) == 1) {
			uint8_t *data = octets(len);

			mw_render_subject(&r, mw_span_of(data, len));
			free(data);
		} else if (sscanf(line + 1, " %127s %zu", charset, &len) == 2) {
			uint8_t *data = octets(len);

			if (strcmp(charset, "-") == 0)
				charset[0] = '\0';
			mw_render_part_begin(&r,
				line[0] == 'P'	 ? MW_RENDER_PLAIN
				: line[0] == 'H' ? MW_RENDER_HTML
						 : MW_RENDER_NONE,
				mw_span_str(charset));
			mw_render_part_feed(&r, mw_span_of(data, len));
			mw_render_part_end(&r);
			free(data);
		} else {
			return 2;
		}
	}
	mw_charset_table_close(charsets);
	mw_tld_table_close(tlds);
	return 0;
}
