/*
 * The transfer-decoded octets of a text part become the chunks that `rawbody` rules see, one call
 * each: a part up to 4096 octets is one chunk; a longer one is cut, from 2049 to 4096 octets, after
 * the first LF beyond 2048, else after the first '>', else after the first blank, else at 2049.
 * CRLF is read as LF. The part is cut off near 500,000 octets: after the next LF, else the next
 * blank, within 1,024 more, else right there. (SpamAssassin 4:
 * split_into_array_of_short_paragraphs.)
 */
#ifndef MW_DATAPLANE_TEXT_RAWCHUNK_H
#define MW_DATAPLANE_TEXT_RAWCHUNK_H

#include "dataplane/text/sink.h"

#define MW_RAWCHUNK_MIN	     2048
#define MW_RAWCHUNK_MAX	     4096
#define MW_RAWCHUNK_PART_MAX 500000
#define MW_RAWCHUNK_SEEK_MAX 1024

struct mw_rawchunk {
	struct mw_text_sink sink; /* one call a chunk */
	uint32_t octets;	  /* of this part, after CRLF became LF */
	bool cr;
	bool over;
	uint16_t seek_len;
	uint16_t len;
	uint8_t chunk[MW_RAWCHUNK_MAX];
	uint8_t seek[MW_RAWCHUNK_SEEK_MAX + 1];
};

/* One a part. */
void mw_rawchunk_init(struct mw_rawchunk *r, struct mw_text_sink sink);
void mw_rawchunk_feed(struct mw_rawchunk *r, struct mw_span octets);
void mw_rawchunk_finish(struct mw_rawchunk *r);

#endif
