/*
 * What mime.c and mime_body.c share, and nobody else includes.
 */
#ifndef MW_DATAPLANE_PROTO_MIME_STATE_H
#define MW_DATAPLANE_PROTO_MIME_STATE_H

#include "dataplane/proto/mime.h"

enum { MW_MIME_LEAF, MW_MIME_MULTIPART, MW_MIME_MESSAGE };  /* kinds of entities and levels */
enum { MW_MIME_PREAMBLE, MW_MIME_PARTS, MW_MIME_EPILOGUE }; /* phases of a multipart */
enum { MW_MIME_HEADER, MW_MIME_BODY };			    /* states of the machine */

static inline bool mw_mime_is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static inline struct mw_mime_level *mw_mime_top(struct mw_mime *m)
{
	return &m->levels[m->depth - 1];
}

/* Without the blanks and the line end behind it: transport padding (RFC 2046 section 5.1.1). */
static inline struct mw_span mw_span_trim_end(struct mw_span s)
{
	while (s.len > 0 && (mw_mime_is_blank(s.data[s.len - 1]) || s.data[s.len - 1] == '\r' ||
				    s.data[s.len - 1] == '\n'))
		s.len--;
	return s;
}

void mw_mime_entity_begin(struct mw_mime *m);
/* The level whose boundary `line` is, innermost first, or -1. */
int mw_mime_match(const struct mw_mime *m, struct mw_span line, bool *closing);
/* The boundary of level `at` has come: ends everything inside it. */
void mw_mime_boundary(struct mw_mime *m, uint32_t at, bool closing);
void mw_mime_leaf_end(struct mw_mime *m, bool keep, bool complete);

size_t mw_mime_header_feed(struct mw_mime *m, struct mw_span in);
size_t mw_mime_body_feed(struct mw_mime *m, struct mw_span in); /* octets used, at least 1 */
void mw_mime_body_end(struct mw_mime *m);			/* what was held is body */
/* `len` octets at text[at], with their line end or without any, begin the body. */
void mw_mime_replay(struct mw_mime *m, uint32_t at, uint32_t len);

#endif
