/*
 * Rendered text of all text parts of a message becomes the paragraphs that `body` rules see, one
 * call each. Two line ends with nothing but white space between them end a paragraph; every other
 * run of white space (Unicode's too) is one blank; a NUL counts as a paragraph end. A paragraph
 * ends with LF (the last may lack it), and one longer than 2048 octets is cut after a blank, else
 * at 2048.
 *
 * Each part is cut near 50,000 characters: after the next line end, else the next blank, within
 * 1,024 more, else right there. (SpamAssassin 4: body_part_scan_size,
 * split_into_array_of_short_lines.)
 */
#ifndef MW_DATAPLANE_TEXT_PARAGRAPH_H
#define MW_DATAPLANE_TEXT_PARAGRAPH_H

#include "dataplane/text/sink.h"

#define MW_PARAGRAPH_MAX      2049 /* octets of the longest piece */
#define MW_PARAGRAPH_PART_MAX 50000
#define MW_PARAGRAPH_SEEK_MAX 1024

struct mw_paragraph {
	struct mw_text_sink sink; /* one call a piece */
	bool any;		  /* some text has come: parts are separated */
	uint8_t carry_len;	  /* UTF-8 white space cut in two */
	uint8_t carry[3];
	bool space_before;   /* white space seen before the first line end of this run */
	bool space_after;    /* and after the last */
	uint8_t lines;	     /* line ends of this run, 2 for more */
	bool cr;	     /* a CR that may belong to CRLF */
	uint32_t characters; /* of this part */
	bool over;	     /* this part has ended for us */
	uint16_t seek_len;   /* octets after the limit, kept until it is known where to cut */
	uint16_t seek_blank; /* octets up to and including the first blank in them, 0: none */
	uint16_t line_len;
	uint8_t line[MW_PARAGRAPH_MAX + 7];
	uint8_t seek[4 * (MW_PARAGRAPH_SEEK_MAX + 2)];
};

void mw_paragraph_init(struct mw_paragraph *p, struct mw_text_sink sink);
/* The decoded Subject, first of all, as a line of its own, not rendered; empty when there is none.
 * Its pieces come out during this call, so the caller can mark them (`tflags nosubject`). */
void mw_paragraph_subject(struct mw_paragraph *p, struct mw_span subject);
/* Before each leaf part, also one that is no text: a line end separates it from what was before. */
void mw_paragraph_part(struct mw_paragraph *p);
void mw_paragraph_feed(struct mw_paragraph *p, struct mw_span utf8);
void mw_paragraph_finish(struct mw_paragraph *p);

/* One string that is no text part (a header value, a file name) with its white space as a paragraph
 * has it: every run of it, line ends too, is one blank. `out` has room for in.len octets and may be
 * where it lies. Returns the octets written; *changed is set if they differ from `in`. */
size_t mw_paragraph_squeeze(struct mw_span in, uint8_t *out, bool *changed);

#endif
