/* Real mails as raw text, for tests and measurements; absent where the test data is. */
#ifndef MW_TESTS_SCAN_CORPUS_H
#define MW_TESTS_SCAN_CORPUS_H

#include "common/base/span.h"

/* Up to `most` octets of mails, one after the other; false when the test data is not there. The
 * span is the caller's to free. */
bool corpus_read(size_t most, struct mw_span *out);

/* Cuts text into things like the records of a mail: paragraphs with single blanks (at most 2048
 * octets), pieces of up to 4096 octets as they stand, header values, words that look like
 * addresses. */
enum corpus_kind { CORPUS_PARAGRAPH, CORPUS_PIECE, CORPUS_HEADER, CORPUS_ADDRESS };

typedef void (*corpus_fn)(
	void *ctx, enum corpus_kind kind, struct mw_span name, struct mw_span text);

void corpus_cut(struct mw_span text, corpus_fn each, void *ctx);

#endif
