/*
 * Lines for the operator, on stderr: "2026-11-22T09:00:00Z warning: sentence". Whatever is printed,
 * octets that are not printable ASCII come out as \xNN, so nothing from the wire reaches a terminal
 * raw. Never called by a lane.
 */
#ifndef MW_COMMON_BASE_LOG_H
#define MW_COMMON_BASE_LOG_H

#include "common/base/span.h"

enum mw_log_level { MW_LOG_ERROR, MW_LOG_WARNING, MW_LOG_NOTICE, MW_LOG_DEBUG };

/* Lines above `level` are not written. NOTICE until called. */
void mw_log_set_level(enum mw_log_level level);

/* One line, cut at 1 KiB, written by one write(2): lines of several threads do not mix. */
void mw_log(enum mw_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The octets as printable ASCII, `\xNN` for the rest, `\\` for a backslash; cut to fit, always
 * NUL-terminated, an escape is never cut in half. Returns `out`. */
char *mw_log_escape(struct mw_span in, char *out, size_t out_size);

#endif
