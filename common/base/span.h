/*
 * A run of octets that somebody else owns. Never NUL-terminated, never freed through the span.
 */
#ifndef MW_COMMON_BASE_SPAN_H
#define MW_COMMON_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct mw_span {
	const uint8_t *data;
	size_t len;
};

static inline struct mw_span mw_span_of(const void *data, size_t len)
{
	return (struct mw_span){.data = data, .len = len};
}

static inline struct mw_span mw_span_str(const char *text)
{
	return mw_span_of(text, strlen(text));
}

static inline bool mw_span_eq(struct mw_span a, struct mw_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII case folding only: what RFC 5321 and RFC 2045 mean by "case-insensitive". */
static inline bool mw_span_caseeq(struct mw_span a, const char *text)
{
	return a.len == strlen(text) && strncasecmp((const char *)a.data, text, a.len) == 0;
}

#endif
