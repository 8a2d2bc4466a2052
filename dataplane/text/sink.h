/*
 * Where a stage of text processing puts its output: runs of octets, valid during the call only. How
 * the output is cut into calls means nothing; only the octets do (paragraphs and chunks excepted,
 * which say so).
 */
#ifndef MW_DATAPLANE_TEXT_SINK_H
#define MW_DATAPLANE_TEXT_SINK_H

#include "common/base/span.h"

struct mw_text_sink {
	void (*put)(void *ctx, struct mw_span octets);
	void *ctx;
};

static inline void mw_text_put(const struct mw_text_sink *sink, const void *data, size_t len)
{
	if (len > 0)
		sink->put(sink->ctx, mw_span_of(data, len));
}

#endif
