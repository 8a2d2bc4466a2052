/*
 * Header fields of mail (RFC 5322 section 2.2, RFC 2047, RFC 2231): taking one field apart. Pure
 * functions over one whole field; whoever collects fields (mime.c) bounds their length. Output that
 * does not fit is cut. Called by mime.c and the message layer.
 */
#ifndef MW_DATAPLANE_PROTO_HEADER_H
#define MW_DATAPLANE_PROTO_HEADER_H

#include "common/base/span.h"

/*
 * Converts octets of a named charset to UTF-8 and returns how many were written, never part of a
 * character. An empty or unknown name: UTF-8 where it is valid. What cannot be read becomes U+FFFD
 * with `replace`, else a guess. Given by the caller, for conversion lives a floor above.
 */
typedef size_t (*mw_charset_fn)(void *ctx, struct mw_span charset, bool replace, struct mw_span in,
	uint8_t *out, size_t size);

/* Two pieces of work memory, each at least as long as the field; nothing is kept in them. */
struct mw_header_work {
	uint8_t *a, *b;
	size_t size;
	mw_charset_fn charset;
	void *charset_ctx;
	bool replace; /* handed to `charset` */
};

/* `Name: value` or `Name : value`; value is everything behind the colon. False: no field. */
bool mw_header_split(struct mw_span field, struct mw_span *name, struct mw_span *value);
/* Length of the name if `line` begins like a field (its colon may be missing yet: *colon false);
 * -1: no field can begin so. */
int mw_header_name(struct mw_span line, bool *colon);

struct mw_span mw_span_trim(struct mw_span s); /* blanks, CR, LF at both ends */

enum mw_unfold {
	MW_UNFOLD_KEEP,	 /* RFC 5322: the line end goes, the blanks stay */
	MW_UNFOLD_BLANK, /* line end and blanks become one blank */
};
/* Unfolded and trimmed. */
size_t mw_header_unfold(struct mw_span value, enum mw_unfold how, uint8_t *out, size_t size);

/* Encoded words of an unfolded value decoded, blanks between adjacent ones dropped, characters
 * split over adjacent words of one charset healed; the rest made valid UTF-8. */
size_t mw_header_decode(
	struct mw_span value, const struct mw_header_work *work, uint8_t *out, size_t size);

/* `type/subtype` of a Content-Type value as written, comments skipped; false: absent or malformed.
 */
bool mw_header_media_type(struct mw_span value, struct mw_span *type, struct mw_span *subtype);
/* The first token of a value (Content-Transfer-Encoding, Content-Disposition), comments skipped. */
struct mw_span mw_header_token(struct mw_span value);
/*
 * A parameter (RFC 2045 section 5.1, RFC 2231): quoted strings, comments, `name*=`, `name*0*=`,
 * encoded words. False: no such parameter. `extended` asks for the RFC 2231 forms, else for the
 * plain one.
 */
bool mw_header_param(struct mw_span value, const char *name, bool extended,
	const struct mw_header_work *work, uint8_t *out, size_t size, size_t *len);
/* The same without any charset or encoded words, for what is compared octet by octet (a boundary):
 * the plain form, else RFC 2231's. */
bool mw_header_param_raw(
	struct mw_span value, const char *name, uint8_t *out, size_t size, size_t *len);

#endif
