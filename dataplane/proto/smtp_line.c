/*
 * Command lines of the client. A line that lies whole in the input is read where it lies; only one
 * that is cut is copied. LF ends a line, with or without CR (every server reads it so), which is
 * noted; what a line holds of credentials is never kept (RFC 4954).
 */
#include "dataplane/proto/smtp_internal.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The first octets are AUTH and a blank: what follows may be an initial response. */
static bool holds_auth(const uint8_t *p, size_t n, size_t *verb_end)
{
	size_t i = 0;

	while (i < n && is_blank(p[i]))
		i++;
	if (n - i < 5 || strncasecmp((const char *)p + i, "AUTH", 4) != 0 || !is_blank(p[i + 4]))
		return false;
	*verb_end = i + 5;
	return true;
}

static void keep(struct mw_smtp *s, const uint8_t *p, size_t n)
{
	size_t room = MW_SMTP_LINE_MAX - s->line_kept;
	size_t verb_end;

	s->line_len = n > UINT32_MAX - s->line_len ? UINT32_MAX : s->line_len + (uint32_t)n;
	if (s->line_secret)
		return;
	if (n > room)
		n = room;
	if (n > 0)
		memcpy(s->line + s->line_kept, p, n);
	s->line_kept = (uint16_t)(s->line_kept + n);
	if (holds_auth(s->line, s->line_kept, &verb_end)) {
		memset(s->line + verb_end, 0, s->line_kept - verb_end);
		s->line_kept = (uint16_t)verb_end;
		s->line_secret = true;
	}
}

/* A CR that no LF follows, and NUL: kept in mind until the line is complete, so that they are told
 * in one order however it is cut. */
static void inspect(struct mw_smtp *s, const uint8_t *p, size_t n)
{
	const uint8_t *cr;

	if (n == 0)
		return;
	cr = memchr(p, '\r', n);
	s->line_bare_cr |= s->line_cr || (cr != NULL && cr != p + n - 1);
	s->line_nul |= memchr(p, 0, n) != NULL;
	s->line_cr = p[n - 1] == '\r';
}

bool mw_smtp_line_take(struct mw_smtp *s, const uint8_t *p, size_t n, size_t *used,
	struct mw_span *line, bool *whole)
{
	const uint8_t *lf = n > 0 ? memchr(p, '\n', n) : NULL;
	size_t len = lf != NULL ? (size_t)(lf - p) : n;
	size_t total;

	if (s->line_len == 0 && n > 0)
		s->line_ns = s->now_ns;
	inspect(s, p, len);
	*used = lf != NULL ? len + 1 : len;
	if (lf == NULL) {
		keep(s, p, len);
		return false;
	}
	if (s->line_len == 0) {
		total = len;
		*line = mw_span_of(p, len < MW_SMTP_LINE_MAX ? len : MW_SMTP_LINE_MAX);
	} else {
		keep(s, p, len);
		total = s->line_len;
		*line = mw_span_of(s->line, s->line_kept);
	}
	if (s->line_cr) {
		total--;
		if (line->len > total)
			line->len = total;
	} else {
		mw_smtp_note(s, MW_REASON_BARE_LF);
	}
	/* A line that servers may read differently, for its end or its length, is not to be relied
	 * on. */
	*whole = s->line_cr && total <= MW_SMTP_LINE_MAX && !s->line_secret;
	if (total > MW_SMTP_LINE_MAX && !s->line_secret) {
		size_t verb_end;

		if (!holds_auth(line->data, line->len, &verb_end))
			mw_smtp_note(s, MW_REASON_LONG_LINE);
	}
	if (s->line_bare_cr)
		mw_smtp_note(s, MW_REASON_BARE_CR);
	if (s->line_nul)
		mw_smtp_note(s, MW_REASON_NUL_OCTET);
	s->line_cr = s->line_bare_cr = s->line_nul = false;
	return true;
}

/* Nothing of a line outlives it. */
void mw_smtp_line_done(struct mw_smtp *s)
{
	if (s->line_kept > 0)
		memset(s->line, 0, s->line_kept);
	s->line_len = 0;
	s->line_kept = 0;
	s->line_cr = s->line_bare_cr = s->line_nul = false;
	s->line_secret = false;
	s->line_over = false;
}
