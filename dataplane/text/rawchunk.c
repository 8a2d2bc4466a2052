/*
 * Chunks out of a part's decoded octets: line ends and the part's limit first, then a buffer that
 * is cut whenever more comes than it holds.
 */
#include "dataplane/text/rawchunk.h"

void mw_rawchunk_init(struct mw_rawchunk *r, struct mw_text_sink sink)
{
	memset(r, 0, offsetof(struct mw_rawchunk, chunk));
	r->sink = sink;
}

/* The buffer is full and more is to come: give out its front. */
static void cut(struct mw_rawchunk *r)
{
	static const char ends[3] = {'\n', '>', ' '};
	size_t len = MW_RAWCHUNK_MIN + 1;

	for (size_t i = 0; i < sizeof(ends); i++) {
		const uint8_t *at = memchr(
			r->chunk + MW_RAWCHUNK_MIN, ends[i], MW_RAWCHUNK_MAX - MW_RAWCHUNK_MIN);

		if (at != NULL) {
			len = (size_t)(at - r->chunk) + 1;
			break;
		}
	}
	mw_text_put(&r->sink, r->chunk, len);
	r->len = (uint16_t)(MW_RAWCHUNK_MAX - len);
	memmove(r->chunk, r->chunk + len, r->len);
}

static void add(struct mw_rawchunk *r, const uint8_t *in, size_t len)
{
	while (len > 0) {
		size_t n;

		if (r->len == MW_RAWCHUNK_MAX)
			cut(r);
		n = MW_RAWCHUNK_MAX - (size_t)r->len;
		if (n > len)
			n = len;
		memcpy(r->chunk + r->len, in, n);
		r->len = (uint16_t)(r->len + n);
		in += n;
		len -= n;
	}
}

/* No place to cut was found before the seek ran out: after the first blank, else at the limit. */
static void end_part(struct mw_rawchunk *r)
{
	const uint8_t *blank = memchr(r->seek, ' ', r->seek_len);

	if (blank != NULL)
		add(r, r->seek, (size_t)(blank - r->seek) + 1);
	r->seek_len = 0;
	r->over = true;
}

/* The part's limit. */
static void limited(struct mw_rawchunk *r, const uint8_t *in, size_t len)
{
	size_t n = MW_RAWCHUNK_PART_MAX - r->octets;
	const uint8_t *line_end;

	if (r->over)
		return;
	if (n > len)
		n = len;
	add(r, in, n);
	r->octets += (uint32_t)n;
	in += n;
	len -= n;
	if (len == 0)
		return;
	n = sizeof(r->seek) - r->seek_len;
	if (n > len)
		n = len;
	line_end = memchr(in, '\n', n);
	if (line_end != NULL) {
		add(r, r->seek, r->seek_len);
		add(r, in, (size_t)(line_end - in) + 1);
		r->seek_len = 0;
		r->over = true;
		return;
	}
	memcpy(r->seek + r->seek_len, in, n);
	r->seek_len = (uint16_t)(r->seek_len + n);
	if (len > n || r->seek_len == sizeof(r->seek))
		end_part(r);
}

void mw_rawchunk_feed(struct mw_rawchunk *r, struct mw_span octets)
{
	static const uint8_t cr = '\r';
	const uint8_t *in = octets.data, *end = in + octets.len;

	while (in < end && !r->over) {
		const uint8_t *at;

		if (r->cr) {
			r->cr = false;
			if (*in != '\n')
				limited(r, &cr, 1);
		}
		at = memchr(in, '\r', (size_t)(end - in));
		limited(r, in, (size_t)((at != NULL ? at : end) - in));
		if (at == NULL)
			return;
		r->cr = true;
		in = at + 1;
	}
}

void mw_rawchunk_finish(struct mw_rawchunk *r)
{
	static const uint8_t cr = '\r';

	if (r->cr) {
		r->cr = false;
		limited(r, &cr, 1);
	}
	if (!r->over && r->seek_len > 0)
		end_part(r);
	mw_text_put(&r->sink, r->chunk, r->len);
	r->len = 0;
	r->over = true;
}
