/*
 * What every test of the message layer needs: the tables, the memory, one message at a time.
 */
#ifndef MW_TESTS_MIME_BENCH_H
#define MW_TESTS_MIME_BENCH_H

#include "dataplane/message/message.h"

struct bench {
	struct mw_charset_table *charsets;
	struct mw_tld_table *tlds;
	struct mw_pool pool;
	struct mw_arena arena;
	struct mw_message_config config;
	struct mw_message_scratch *scratch;
	void *memory, *pool_memory;
	struct mw_message *m;
};

#define BENCH_BLOCK  65536
#define BENCH_BLOCKS 8

struct bench *bench_open(void); /* NULL: a table could not be opened (said on stderr) */
void bench_close(struct bench *b);
/* A fresh message over a cleared arena; b->config's limits hold. */
void bench_begin(struct bench *b, uint32_t want, mw_record_fn records, void *ctx);
/* A file, with bare LF made CRLF if asked; free the data. Negative: errno says. */
int bench_read(const char *path, bool crlf, struct mw_span *out);

#endif
