/*
 * Paragraphs out of rendered text, in three small steps an octet: line ends and the limit of the
 * part; white space; the line with its cuts. Plain runs of text take a short way through all three.
 */
#include "dataplane/text/paragraph.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* White space of more than one octet begins with one of four; everything else is plain. */
enum { PLAIN, WHITE, SPECIAL };

static const uint8_t class[256] = {
	[0] = SPECIAL,
	['\t'] = WHITE,
	['\n'] = WHITE,
	[0x0b] = WHITE,
	[0x0c] = WHITE,
	['\r'] = SPECIAL,
	[' '] = WHITE,
	[0xc2] = SPECIAL,
	[0xe1] = SPECIAL,
	[0xe2] = SPECIAL,
	[0xe3] = SPECIAL,
};

void mw_paragraph_init(struct mw_paragraph *p, struct mw_text_sink sink)
{
	/* The buffers need no clearing: their lengths say what is in them. */
	memset(p, 0, offsetof(struct mw_paragraph, line));
	p->sink = sink;
}

/* Cuts a line that has grown past the longest piece. */
static void cut(struct mw_paragraph *p)
{
	const uint8_t *blank = memrchr(p->line, ' ', MW_PARAGRAPH_MAX);
	size_t len = blank != NULL ? (size_t)(blank - p->line) + 1 : MW_PARAGRAPH_MAX - 1;

	mw_text_put(&p->sink, p->line, len);
	p->line_len = (uint16_t)(p->line_len - len);
	memmove(p->line, p->line + len, p->line_len);
}

static void append(struct mw_paragraph *p, uint8_t b)
{
	p->line[p->line_len++] = b;
	if (p->line_len == MW_PARAGRAPH_MAX)
		cut(p);
	if (b == '\n') {
		mw_text_put(&p->sink, p->line, p->line_len);
		p->line_len = 0;
	}
}

/* What a run of white space becomes: a paragraph's end if it held two line ends, else one blank. */
static void end_run(struct mw_paragraph *p)
{
	if (p->lines < 2) {
		if (p->lines > 0 || p->space_before)
			append(p, ' ');
	} else {
		if (p->space_before)
			append(p, ' ');
		append(p, '\n');
		if (p->space_after)
			append(p, ' ');
	}
	p->lines = 0;
	p->space_before = false;
	p->space_after = false;
}

static void plain(struct mw_paragraph *p, uint8_t b)
{
	if (p->lines > 0 || p->space_before)
		end_run(p);
	append(p, b);
}

static void white(struct mw_paragraph *p, bool line_end)
{
	if (line_end) {
		p->lines = p->lines < 2 ? p->lines + 1 : 2;
		p->space_after = false;
	} else if (p->lines > 0) {
		p->space_after = true;
	} else {
		p->space_before = true;
	}
}

enum match { MATCH_NO, MATCH_MORE, MATCH_WHITE };

/* Unicode's white space above ASCII: U+0085 U+00A0 U+1680 U+2000-200A U+2028 U+2029 U+202F U+205F
 * U+3000. */
static enum match match_white(const uint8_t *s, size_t len)
{
	if (s[0] == 0xc2) {
		if (len < 2)
			return MATCH_MORE;
		return s[1] == 0x85 || s[1] == 0xa0 ? MATCH_WHITE : MATCH_NO;
	}
	if (s[0] != 0xe1 && s[0] != 0xe2 && s[0] != 0xe3)
		return MATCH_NO;
	if (len < 2)
		return MATCH_MORE;
	if (s[0] == 0xe1 && s[1] == 0x9a)
		return len < 3 ? MATCH_MORE : s[2] == 0x80 ? MATCH_WHITE : MATCH_NO;
	if (s[0] == 0xe3 && s[1] == 0x80)
		return len < 3 ? MATCH_MORE : s[2] == 0x80 ? MATCH_WHITE : MATCH_NO;
	if (s[0] == 0xe2 && s[1] == 0x81)
		return len < 3 ? MATCH_MORE : s[2] == 0x9f ? MATCH_WHITE : MATCH_NO;
	if (s[0] == 0xe2 && s[1] == 0x80) {
		if (len < 3)
			return MATCH_MORE;
		return (s[2] >= 0x80 && s[2] <= 0x8a) || s[2] == 0xa8 || s[2] == 0xa9 ||
				       s[2] == 0xaf
			       ? MATCH_WHITE
			       : MATCH_NO;
	}
	return MATCH_NO;
}

static void flush_carry(struct mw_paragraph *p)
{
	for (uint8_t i = 0; i < p->carry_len; i++)
		plain(p, p->carry[i]);
	p->carry_len = 0;
}

/* Second step: which octets are white space. */
static void spaced(struct mw_paragraph *p, uint8_t b)
{
	if (p->carry_len > 0) {
		p->carry[p->carry_len] = b;
		switch (match_white(p->carry, p->carry_len + 1u)) {
		case MATCH_MORE:
			p->carry_len++;
			return;
		case MATCH_WHITE:
			p->carry_len = 0;
			white(p, false);
			return;
		case MATCH_NO:
			flush_carry(p);
			break;
		}
	}
	if (class[b] == PLAIN) {
		plain(p, b);
	} else if (class[b] == WHITE || b == '\r') {
		white(p, b == '\n');
	} else if (b == 0) {
		plain(p, '\n');
	} else {
		p->carry[0] = b;
		p->carry_len = 1;
	}
}

/* Lets `len` octets of the kept ones through: the part ends there. */
static void end_part(struct mw_paragraph *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		spaced(p, p->seek[i]);
	p->seek_len = 0;
	p->seek_blank = 0;
	p->over = true;
}

/* First step: the part's limit, in characters. Beyond it octets are kept until a place to cut is
 * found. */
static void limited(struct mw_paragraph *p, uint8_t b)
{
	bool begins = (b & 0xc0) != 0x80;

	if (p->over)
		return;
	if (begins)
		p->characters++;
	if (p->characters <= MW_PARAGRAPH_PART_MAX) {
		spaced(p, b);
		return;
	}
	if (p->characters > MW_PARAGRAPH_PART_MAX + MW_PARAGRAPH_SEEK_MAX + 1 ||
		p->seek_len == sizeof(p->seek)) {
		end_part(p, p->seek_blank);
		return;
	}
	p->seek[p->seek_len++] = b;
	if (b == ' ' && p->seek_blank == 0)
		p->seek_blank = p->seek_len;
	if (b == '\n')
		end_part(p, p->seek_len);
}

static void octet(struct mw_paragraph *p, uint8_t b)
{
	if (p->cr) {
		p->cr = false;
		if (b != '\n')
			limited(p, '\r');
	}
	if (b == '\r')
		p->cr = true;
	else
		limited(p, b);
}

#if defined(__SSE2__)
#define WORDS_AT_ONCE 16

/* One bit an octet: of 16, those that stop the short way whatever follows (NUL to CR, and what
 * begins white space of more than one octet), and the blanks. */
static inline unsigned stops(__m128i v, unsigned *blanks)
{
	const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8('\r')), v);
	const __m128i e1 = _mm_sub_epi8(v, _mm_set1_epi8((char)0xe1)); /* e1 e2 e3: below 3 */
	const __m128i wide = _mm_cmpeq_epi8(_mm_min_epu8(e1, _mm_set1_epi8(2)), e1);
	const __m128i c2 = _mm_cmpeq_epi8(v, _mm_set1_epi8((char)0xc2));

	*blanks = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(' ')));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(wide, c2)));
}

/* The same as the loop of words(), 16 octets at a time, as far as whole sixteens go. Some octets
 * that are plain stop it too; the slow way takes those. `len` octets may be taken, one more may be
 * read. */
static size_t words_at_once(
	const uint8_t *in, size_t len, uint8_t *line, uint32_t *characters, bool *stopped)
{
	size_t i = 0;

	*stopped = false;
	while (len - i >= WORDS_AT_ONCE && !*stopped) {
		const __m128i v = _mm_loadu_si128((const void *)(in + i));
		const __m128i follow = _mm_cmpeq_epi8(
			_mm_and_si128(v, _mm_set1_epi8((char)0xc0)), _mm_set1_epi8((char)0x80));
		unsigned blanks, stop = stops(v, &blanks), next = in[i + WORDS_AT_ONCE];
		unsigned behind = (stop | blanks) >> 1 | (class[next] != PLAIN ? 1u << 15 : 0);
		unsigned end = stop | (blanks & behind), n = WORDS_AT_ONCE;
		unsigned continued = (unsigned)_mm_movemask_epi8(follow);

		_mm_storeu_si128((void *)(line + i), v);
		if (end != 0) {
			n = (unsigned)__builtin_ctz(end);
			continued &= (1u << n) - 1;
			*stopped = true;
		}
		*characters += n;
		for (; continued != 0;
			continued &= continued - 1) /* rare: no character begins there */
			--*characters;
		i += n;
	}
	return i;
}
#endif

/*
 * The short way: words with single blanks between them, which is nearly all there is. Taken only in
 * the middle of a line, with nothing pending; stops at whatever is not that simple.
 */
static size_t words(struct mw_paragraph *p, const uint8_t *in, size_t len)
{
	size_t room = MW_PARAGRAPH_MAX - 1u - p->line_len;
	uint32_t left = MW_PARAGRAPH_PART_MAX - p->characters, characters = 0;
	uint8_t *line = p->line + p->line_len;
	bool stopped = false;
	size_t i = 0;

	if (len > room)
		len = room;
	if (len > left)
		len = left;
	if (len < 2)
		return 0;
#if defined(__SSE2__)
	i = words_at_once(in, len - 1, line, &characters, &stopped);
#endif
	for (; !stopped && i < len - 1; i++) {
		uint8_t b = in[i];

		if (class[b] != PLAIN && (b != ' ' || class[in[i + 1]] != PLAIN))
			break;
		line[i] = b;
		characters += (b & 0xc0) != 0x80;
	}
	p->line_len = (uint16_t)(p->line_len + i);
	p->characters += characters;
	return i;
}

void mw_paragraph_feed(struct mw_paragraph *p, struct mw_span utf8)
{
	size_t i = 0;

	if (utf8.len == 0)
		return;
	p->any = true;
	while (i < utf8.len && !p->over) {
		if (p->lines == 0 && !p->space_before && p->carry_len == 0 && !p->cr &&
			p->characters < MW_PARAGRAPH_PART_MAX) {
			size_t n = words(p, utf8.data + i, utf8.len - i);

			i += n;
			if (i == utf8.len)
				break;
		}
		octet(p, utf8.data[i++]);
	}
}

/* What the part still held back. */
static void close_part(struct mw_paragraph *p)
{
	if (p->cr) {
		p->cr = false;
		limited(p, '\r');
	}
	if (!p->over && p->seek_len > 0)
		end_part(p, p->seek_blank);
	flush_carry(p);
	p->over = false;
	p->characters = 0;
}

void mw_paragraph_part(struct mw_paragraph *p)
{
	close_part(p);
	if (p->any)
		white(p, true);
}

void mw_paragraph_subject(struct mw_paragraph *p, struct mw_span subject)
{
	for (size_t i = 0; i < subject.len; i++)
		append(p, subject.data[i]);
	if (subject.len == 0 || subject.data[subject.len - 1] != '\n')
		append(p, '\n');
}

void mw_paragraph_finish(struct mw_paragraph *p)
{
	close_part(p);
	if (p->lines > 0 || p->space_before)
		end_run(p);
	mw_text_put(&p->sink, p->line, p->line_len);
	p->line_len = 0;
	p->any = false;
}

/* Octets of the white space at the front, 0: there is none. */
static size_t white_at(const uint8_t *s, size_t len)
{
	if (class[s[0]] == WHITE || s[0] == '\r')
		return 1;
	if (class[s[0]] != SPECIAL || s[0] == 0)
		return 0;
	for (size_t n = 2; n <= 3 && n <= len; n++) {
		enum match match = match_white(s, n);

		if (match != MATCH_MORE)
			return match == MATCH_WHITE ? n : 0;
	}
	return 0;
}

size_t mw_paragraph_squeeze(struct mw_span in, uint8_t *out, bool *changed)
{
	size_t at = 0, len = 0;

	while (at < in.len) {
		size_t n = white_at(in.data + at, in.len - at), run = n;

		if (n == 0) {
			out[len++] = in.data[at++];
			continue;
		}
		*changed |= in.data[at] != ' ';
		for (; at + run < in.len && n > 0; run += n)
			n = white_at(in.data + at + run, in.len - at - run);
		*changed |= run > 1;
		out[len++] = ' ';
		at += run;
	}
	return len;
}
