#include "common/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Set by main before threads start, read by all. */
static _Atomic int level_max = MW_LOG_NOTICE;

void mw_log_set_level(enum mw_log_level level)
{
	atomic_store_explicit(&level_max, (int)level, memory_order_relaxed);
}

static const char *level_name(enum mw_log_level level)
{
	switch (level) {
	case MW_LOG_ERROR:
		return "error";
	case MW_LOG_WARNING:
		return "warning";
	case MW_LOG_NOTICE:
		return "notice";
	case MW_LOG_DEBUG:
		return "debug";
	}
	return "log";
}

char *mw_log_escape(struct mw_span in, char *out, size_t out_size)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

	if (out_size == 0)
		return out;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];
		size_t need = c == '\\' ? 2 : c >= 0x20 && c < 0x7f ? 1 : 4;

		if (at + need >= out_size)
			break;
		if (need == 1) {
			out[at] = (char)c;
		} else {
			out[at] = '\\';
			out[at + 1] = need == 2 ? '\\' : 'x';
			if (need == 4) {
				out[at + 2] = hex[c >> 4];
				out[at + 3] = hex[c & 15];
			}
		}
		at += need;
	}
	out[at] = 0;
	return out;
}

void mw_log(enum mw_log_level level, const char *format, ...)
{
	char text[1024];
	char line[1280];
	struct timespec now;
	struct tm tm;
	size_t len;
	va_list args;

	if ((int)level > atomic_load_explicit(&level_max, memory_order_relaxed))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s: ", level_name(level));
	/* One octet stays free for the end of the line. */
	mw_log_escape(mw_span_str(text), line + len, sizeof(line) - len - 1);
	len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nobody to tell */
}
