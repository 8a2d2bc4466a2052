/*
 * The octets of DATA: where the message ends, which dots were stuffed, and what a lax server might
 * take for the end. Only CRLF ends a line and only CRLF.CRLF (or .CRLF at once) a message (RFC
 * 5321 4.1.1.4, 4.5.2). Content is handed out where it lies; plain text is passed by smtp_plain.c.
 */
#include "dataplane/proto/smtp_internal.h"

static size_t tell(struct mw_smtp_event *ev, const uint8_t *p, size_t from, size_t to)
{
	mw_smtp_event_clear(ev, to > from ? MW_SMTP_CONTENT : MW_SMTP_MORE);
	ev->data = mw_span_of(p + from, to - from);
	return to;
}

/* What the octets around the dot were, by name. CRLF . CRLF is none, unless a NUL is among them. */
static enum mw_reason lookalike_name(const struct mw_smtp *s, unsigned ahead)
{
	static const enum mw_reason names[3][3] = {
		[END_LF] = {MW_REASON_SMUGGLING_LF_LF, MW_REASON_SMUGGLING_LF_CRLF,
			MW_REASON_SMUGGLING_LF_CR},
		[END_CRLF] = {MW_REASON_SMUGGLING_CRLF_LF, MW_REASON_SMUGGLING_NUL,
			MW_REASON_SMUGGLING_CRLF_CR},
		[END_CR] = {MW_REASON_SMUGGLING_CR_LF, MW_REASON_SMUGGLING_CR_CRLF,
			MW_REASON_SMUGGLING_CR_CR},
	};

	if (s->dot_nul)
		return MW_REASON_SMUGGLING_NUL;
	return s->dot_behind == END_UNSEEN ? MW_REASON_SMUGGLING : names[s->dot_behind][ahead];
}

/* A dot stood alone on a lax line that ended with `ahead`. */
static void lookalike(struct mw_smtp *s, unsigned ahead)
{
	enum mw_reason name = lookalike_name(s, ahead);
	uint64_t bit = 1ull << (name - MW_REASON_ASYMMETRIC);
	bool hold = ahead != END_CR;

	/* Each that ends in LF may be taken for the end; of the others the first of a message is
	 * enough, and the first of its name. */
	if (!hold && s->content->lookalike && (s->reported & bit) != 0)
		return;
	s->reported |= bit;
	s->content->lookalike = true;
	s->lookalike_due = true;
	s->lookalike_hold = hold;
	s->lookalike_as = (uint8_t)(name - MW_REASON_SMUGGLING);
}

/* A dot at the beginning of a lax line, behind `last`: what ended the line before it. At once it is
 * the CRLF of the DATA command. */
static void lax_dot(struct mw_smtp *s, unsigned last)
{
	s->dot_nul = last == LAX_LAST_NUL;
	if (s->body == BODY_START)
		s->dot_behind = END_CRLF;
	else if (s->body == BODY_CR)
		s->dot_behind = END_CR;
	else
		s->dot_behind = last == LAX_LAST_UNSEEN ? END_UNSEEN : END_LF;
}

/* A lax line that is one dot was ended by a CR, and no LF follows it: decided one octet later. A
 * NUL decides it too, for who does not drop NULs; who does may find an LF behind it. */
static bool lookalike_by_cr(struct mw_smtp *s, uint8_t c)
{
	bool told = s->lax == LAX_DOT_NUL;

	if (c == '\n' || (s->lax != LAX_DOT_CR && !told))
		return false;
	s->lax = c == 0 ? LAX_DOT_NUL : LAX_START;
	if (told)
		return false;
	s->dot_nul = s->dot_nul || c == 0;
	lookalike(s, END_CR);
	return s->lookalike_due;
}

static void lax_step(struct mw_smtp *s, uint8_t c)
{
	switch (c) {
	case '\n':
		if (s->lax == LAX_DOT)
			lookalike(s, END_LF);
		else if (s->lax == LAX_DOT_CR || s->lax == LAX_DOT_NUL)
			lookalike(s, END_CRLF);
		s->lax = LAX_START;
		break;
	case '\r':
		s->lax = s->lax == LAX_DOT ? LAX_DOT_CR : LAX_START;
		break;
	case '.':
		s->lax = s->lax == LAX_START ? LAX_DOT : LAX_MID;
		break;
	case 0:
		s->dot_nul = true; /* it means something behind a dot only */
		break;
	default:
		s->lax = LAX_MID;
		break;
	}
}

/* One octet that is content. True when something is to be told behind it. */
static bool strict_step(struct mw_smtp *s, uint8_t c)
{
	uint64_t before = s->waiting;

	if (c == '\n') {
		if (s->body != BODY_CR)
			mw_smtp_note(s, MW_REASON_BARE_LF);
		s->body = s->body == BODY_CR ? BODY_START : BODY_MID;
	} else {
		if (c == 0)
			mw_smtp_note(s, MW_REASON_NUL_OCTET);
		s->body = c == '\r' ? BODY_CR : BODY_MID;
	}
	return s->waiting != before;
}

/* The octets behind a dot that begins a line; none of them was told. */
enum dot { DOT_CONTENT, DOT_MORE, DOT_END, DOT_CR_FIRST };

static enum dot dot_step(struct mw_smtp *s, uint8_t c)
{
	if (s->body == BODY_DOT) {
		if (c != '\r')
			return DOT_CONTENT; /* the dot was stuffed and is gone */
		s->body = BODY_DOT_CR;
		lax_step(s, c);
		return DOT_MORE;
	}
	if (c == '\n')
		return DOT_END;
	s->body = BODY_CR; /* dot, CR, something: the CR is content */
	return DOT_CR_FIRST;
}

static unsigned last_of(uint8_t c)
{
	return c == 0 ? LAX_LAST_NUL : LAX_LAST_SEEN;
}

static size_t data(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev)
{
	static const uint8_t carried_cr = '\r';
	size_t from = 0; /* octets from here to i are content not told yet */
	size_t i = 0;
	size_t plain_from = 0; /* before it octets are read one by one */

	while (i < n) {
		uint8_t c = p[i];

		if (s->body == BODY_DOT || s->body == BODY_DOT_CR) {
			switch (dot_step(s, c)) {
			case DOT_MORE:
				from = ++i;
				continue;
			case DOT_END:
				mw_smtp_event_clear(ev, MW_SMTP_CONTENT_END);
				return i + 1;
			case DOT_CR_FIRST:
				tell(ev, &carried_cr, 0, 1);
				return i;
			case DOT_CONTENT:
				break;
			}
		} else if (i >= plain_from && (s->lax == LAX_START || s->lax == LAX_MID)) {
			size_t plain = mw_smtp_skip_plain(s, p + i, n - i);

			i += plain;
			plain_from = i + (plain < 16 ? 16 : 1);
			if (plain > 0)
				continue;
		}
		if (s->body == BODY_CR && c != '\n' && !mw_smtp_reported(s, MW_REASON_BARE_CR)) {
			mw_smtp_note(s, MW_REASON_BARE_CR);
			return tell(ev, p, from, i);
		}
		if (lookalike_by_cr(s, c))
			return tell(ev, p, from, i);
		if (c == '.' && s->lax == LAX_START)
			lax_dot(s, i > 0 ? last_of(p[i - 1]) : s->lax_last);
		if (s->body == BODY_START && c == '.') {
			if (i > from)
				return tell(ev, p, from, i);
			lax_step(s, c);
			s->body = BODY_DOT;
			from = ++i;
			continue;
		}
		lax_step(s, c);
		i++;
		if (strict_step(s, c) || s->lookalike_due)
			return tell(ev, p, from, i);
	}
	return tell(ev, p, from, i);
}

size_t mw_smtp_data(struct mw_smtp *s, const uint8_t *p, size_t n, struct mw_smtp_event *ev)
{
	size_t used = data(s, p, n, ev);

	if (used > 0)
		s->lax_last = (uint8_t)last_of(p[used - 1]);
	return used;
}
