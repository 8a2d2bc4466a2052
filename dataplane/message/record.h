/*
 * A record: one thing rules look at, in the shape rules expect it. The message layer makes records,
 * the scanner consumes them through a callback; neither knows the other. Octets are valid during
 * the call only. Kinds nobody asked for are never made.
 */
#ifndef MW_DATAPLANE_MESSAGE_RECORD_H
#define MW_DATAPLANE_MESSAGE_RECORD_H

#include "common/base/span.h"

#define MW_RECORD_HEADER_MAX 8192  /* one HEADER or HEADER_RAW record */
#define MW_RECORD_ALL_MAX    65536 /* HEADER_ALL, and HEADER_RAW without a name */

enum mw_record_kind {
	/*
	 * One record a header name: the values of all fields of that name in order, unfolded,
	 * trimmed, decoded, each closed by LF. `name` as first written. Besides, derived ones, told
	 * by a name no field can have or by being no real field: "From:addr", "From:name" (and To,
	 * Cc, ToCc, Reply-To, Sender, Return-Path, Resent-From, ...): addresses or display names
	 * joined by LF, no LF at the end; "ToCc": values of To, then of Cc; "MESSAGEID":
	 * X-Message-Id, Resent-Message-Id, X-Original-Message-ID, Message-Id. No record: no field
	 * of that name.
	 */
	MW_RECORD_HEADER,
	/* The same, values as they stand (folds and first blank kept, LF line ends). With an empty
	 * name: all fields of the header as they stand ("ALL:raw"). */
	MW_RECORD_HEADER_RAW,
	/* Every field in order: `Name: decoded value` LF. Name empty. */
	MW_RECORD_HEADER_ALL,
	/* One rendered paragraph. stream 0: the Subject's line, which is always the first; else the
	   part. */
	MW_RECORD_BODY,
	/* One piece of a text or message part, transfer-decoded only. stream: the part. */
	MW_RECORD_RAWBODY,
	/* One string: an address as found, or a canonical form of it. */
	MW_RECORD_URI,
	/* The stored octets, LF line ends, in pieces as they come. stream 0; `last` closes it. With
	 * full_quiet the middle of long runs of base64 text is left out. */
	MW_RECORD_FULL,
	/* Decoded octets of a leaf part that is not text, in pieces. stream: the part; `last`
	   closes it. With MW_RECORD_STREAM_INNER: a uuencoded file that stands in a text part. */
	MW_RECORD_ATTACHMENT,
	/*
	 * One string that only plain patterns look at, for SpamAssassin's rules know no such thing:
	 * the decoded name of a part or of a file inside one (stream: the part), or something again
	 * as its reader sees it, if that differs: a paragraph (stream as in BODY) without what is
	 * not shown; a header value (stream 0) or a name also with every run of white space one
	 * blank.
	 */
	MW_RECORD_PLAIN,
	MW_RECORD_KINDS
};

#define MW_RECORD_STREAM_INNER 0x80000000u

struct mw_record {
	enum mw_record_kind kind;
	struct mw_span name; /* HEADER, HEADER_RAW; else empty */
	struct mw_span data;
	uint32_t stream; /* part number: place in the list of leaves, from 1 */
	bool last;	 /* FULL, ATTACHMENT: nothing follows in this stream (data may be empty) */
};

typedef void (*mw_record_fn)(void *ctx, const struct mw_record *record);

#endif
