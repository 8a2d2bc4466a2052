/*
 * Octets that were never seen, and octets that came before their turn: what may be said of them
 * without guessing. WIRE.md section 1 is the contract.
 */
#include "dataplane/proto/smtp_internal.h"

void mw_smtp_gap_client(struct mw_smtp *s, uint64_t octets)
{
	if (s->dark || octets == 0)
		return;
	if (s->tls) {
		mw_smtp_tls_over(s);
		return;
	}
	if (s->state == ST_DATA || s->state == ST_BEGIN) {
		s->content->gap = true;
		/* What was hidden may have ended with CRLF, and then again it may not. Read
		 * strictly it did not, so that no content is ever read as commands; a lax server
		 * might see it. */
		s->body = BODY_MID;
		s->lax = LAX_START;
		s->lax_last = LAX_LAST_UNSEEN;
		return;
	}
	if (s->state == ST_CHUNK && octets <= s->chunk_left) {
		s->chunk_left -= octets;
		if (s->content != NULL)
			s->content->gap = true;
		return;
	}
	mw_smtp_lose(s, MW_REASON_GAP);
}

static void forget_reply(struct mw_smtp *s)
{
	s->reply_len = 0;
	s->reply_multi = false;
	s->reply_lines = 0;
	s->reply_refusal = MW_SMTP_REFUSAL_NONE;
	s->reply_enhanced = (struct mw_smtp_enhanced){0};
	s->chunking_listed = false;
}

void mw_smtp_gap_server(struct mw_smtp *s)
{
	mw_smtp_set_one_sided(s);
	forget_reply(s);
}

void mw_smtp_skip_replies(struct mw_smtp *s, uint32_t keep)
{
	forget_reply(s);
	if (s->one_sided && !s->skipping)
		return;
	s->one_sided = s->skipping = true;
	s->keep = (uint16_t)(keep < UINT16_MAX ? keep : UINT16_MAX);
}

void mw_smtp_resume(struct mw_smtp *s)
{
	forget_reply(s);
	if (!s->skipping)
		return;
	s->one_sided = s->skipping = false;
	s->keep = 0;
	s->gap = GAP_RIGHT_BEHIND;
}

/* A line that ends a reply is three digits and no dash behind them (RFC 5321 4.2). */
void mw_smtp_count_finals(struct mw_smtp_finals *f, struct mw_span octets)
{
	for (size_t i = 0; i < octets.len; i++) {
		uint8_t c = octets.data[i];

		if (f->place == 3 && c != '-' && (c < '0' || c > '9'))
			f->count++;
		if (c == '\n')
			f->place = 0;
		else if (f->place < 3 && c >= (f->place == 0 ? '2' : '0') &&
			 c <= (f->place == 0 ? '5' : '9'))
			f->place++;
		else
			f->place = 4;
	}
}

static bool is_eol(uint8_t c)
{
	return c == '\r' || c == '\n';
}

/* Up to the first dot that might stand alone on a line; nothing when the first octet might be the
 * LF of an end whose dot lies in the gap. */
static size_t beyond_gap_data(struct mw_span seg)
{
	const uint8_t *p = seg.data;

	if (seg.len > 0 && p[0] == '\n')
		return 0;
	if (seg.len > 1 && p[0] == '\r' && p[1] == '\n')
		return 0;
	for (size_t i = 0; i < seg.len; i++) {
		const uint8_t *dot = memchr(p + i, '.', seg.len - i);

		if (dot == NULL)
			break;
		i = (size_t)(dot - p);
		if ((i == 0 || is_eol(p[i - 1])) && (i + 1 == seg.len || is_eol(p[i + 1])))
			return i;
	}
	return seg.len;
}

size_t mw_smtp_beyond_gap(const struct mw_smtp *s, uint64_t offset, struct mw_span segment)
{
	uint64_t end;

	if (s->dark || s->tls)
		return segment.len;
	if (s->state == ST_DATA || s->state == ST_BEGIN)
		return beyond_gap_data(segment);
	if (s->state != ST_CHUNK)
		return 0;
	end = s->chunk_left - (s->chunk_last && s->chunk_left > 0 ? 1 : 0);
	if (offset >= end)
		return 0;
	return end - offset < segment.len ? (size_t)(end - offset) : segment.len;
}
