/*
 * The body side of the machine: passes octets through in runs as long as they come and looks for
 * one thing only, a line that begins with "--". The line end in front of it is held back with it,
 * because it belongs to the boundary if the line is one (RFC 2046 section 5.1.1). Held:
 * text[0..line_len), which is the line end (not at the first line of a body, `bol`) and the
 * beginning of the line.
 */
#include "dataplane/proto/mime_state.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static void emit(struct mw_mime *m, const uint8_t *data, size_t len)
{
	if (len > 0 && m->leaf_open)
		m->sink->body(m->sink->ctx, mw_span_of(data, len));
}

/* What was held is body after all, but for its last `keep` octets, which stay held. */
static void release(struct mw_mime *m, size_t keep)
{
	emit(m, m->room.text, m->line_len - keep);
	memmove(m->room.text, m->room.text + m->line_len - keep, keep);
	m->line_len = (uint32_t)keep;
	m->bol = false;
}

/* The place of "\n--", or len. */
static size_t find_dashes(const uint8_t *data, size_t len)
{
	size_t at = 0;

#if defined(__SSE2__)
	const __m128i lf = _mm_set1_epi8('\n'), dash = _mm_set1_epi8('-');

	for (; len - at >= 18; at += 16) {
		__m128i a = _mm_loadu_si128((const void *)(data + at));
		__m128i b = _mm_loadu_si128((const void *)(data + at + 1));
		__m128i c = _mm_loadu_si128((const void *)(data + at + 2));
		__m128i hit = _mm_and_si128(_mm_cmpeq_epi8(a, lf),
			_mm_and_si128(_mm_cmpeq_epi8(b, dash), _mm_cmpeq_epi8(c, dash)));
		int mask = _mm_movemask_epi8(hit);

		if (mask != 0)
			return at + (size_t)__builtin_ctz((unsigned int)mask);
	}
#endif
	while (len - at >= 3) {
		const uint8_t *p = memchr(data + at, '\n', len - at - 2);

		if (p == NULL)
			return len;
		if (p[1] == '-' && p[2] == '-')
			return (size_t)(p - data);
		at = (size_t)(p - data) + 1;
	}
	return len;
}

static size_t pass(struct mw_mime *m, struct mw_span in)
{
	size_t lf = find_dashes(in.data, in.len), cut = lf, used = in.len;

	if (lf < in.len) {
		used = lf + 1;
	} else if (in.data[cut - 1] == '\n') {
		cut--;
	} else if (cut >= 2 && in.data[cut - 1] == '-' && in.data[cut - 2] == '\n') {
		cut -= 2;
	} else {
		/* a CR at the very end may be half of a line end */
		cut -= in.data[cut - 1] == '\r' ? 1 : 0;
		goto out;
	}
	if (cut > 0 && in.data[cut - 1] == '\r')
		cut--;
out:
	emit(m, in.data, cut);
	memmove(m->room.text, in.data + cut, used - cut);
	m->line_len = (uint32_t)(used - cut);
	return used;
}

/* Where the held line begins, behind the held line end. */
static size_t line_start(const struct mw_mime *m)
{
	size_t at = 0;

	if (m->bol)
		return 0;
	if (m->line_len > 0 && m->room.text[0] == '\r')
		at++;
	return at < m->line_len && m->room.text[at] == '\n' ? at + 1 : at;
}

static size_t trailing_line_end(const struct mw_mime *m)
{
	size_t len = m->line_len;

	if (len == 0)
		return 0;
	if (m->room.text[len - 1] == '\r')
		return 1;
	if (m->room.text[len - 1] != '\n')
		return 0;
	return len > 1 && m->room.text[len - 2] == '\r' ? 2 : 1;
}

/* Goes on with a line that may be a boundary. May use nothing, when that releases what was held. */
static size_t candidate(struct mw_mime *m, struct mw_span in)
{
	size_t at = 0, start, len, room;
	const uint8_t *lf;
	bool closing;
	int level;

	if (!m->bol && m->line_len == 1 && m->room.text[0] == '\r') {
		if (in.data[0] != '\n') {
			release(m, 0);
			return 0;
		}
		m->room.text[m->line_len++] = in.data[at++];
	}
	start = line_start(m);
	for (; m->line_len - start < 2; at++) {
		if (at == in.len)
			return at;
		if (in.data[at] != '-') {
			release(m, 0);
			return at;
		}
		m->room.text[m->line_len++] = '-';
	}
	if (at == in.len)
		return at;
	room = start + MW_MIME_LINE_MAX - m->line_len;
	len = in.len - at < room ? in.len - at : room;
	lf = memchr(in.data + at, '\n', len);
	if (lf != NULL)
		len = (size_t)(lf - (in.data + at)) + 1;
	memmove(m->room.text + m->line_len, in.data + at, len);
	m->line_len += (uint32_t)len;
	at += len;
	if (lf != NULL) {
		level = mw_mime_match(
			m, mw_span_of(m->room.text + start, m->line_len - start), &closing);
		if (level >= 0)
			mw_mime_boundary(m, (uint32_t)level, closing);
		else
			release(m, trailing_line_end(m));
	} else if (len == room) {
		/* no boundary is that long */
		release(m, trailing_line_end(m));
	}
	return at;
}

size_t mw_mime_body_feed(struct mw_mime *m, struct mw_span in)
{
	if (m->active == 0) {
		m->bol = false;
		emit(m, in.data, in.len);
		return in.len;
	}
	if (m->bol || m->line_len > 0)
		return candidate(m, in);
	return pass(m, in);
}

void mw_mime_body_end(struct mw_mime *m)
{
	size_t start = line_start(m);
	bool closing;
	int level =
		mw_mime_match(m, mw_span_of(m->room.text + start, m->line_len - start), &closing);

	if (level >= 0)
		mw_mime_boundary(m, (uint32_t)level, closing);
	else
		release(m, 0);
}

void mw_mime_replay(struct mw_mime *m, uint32_t at, uint32_t len)
{
	struct mw_span s = mw_span_of(m->room.text + at, len);

	while (s.len > 0) {
		size_t used = m->state == MW_MIME_HEADER ? mw_mime_header_feed(m, s)
							 : mw_mime_body_feed(m, s);

		s = mw_span_of(s.data + used, s.len - used);
	}
}
