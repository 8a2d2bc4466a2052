/*
 * One door to all transfer decoders; identity lives here. See decode.h.
 */
#include "dataplane/proto/decode.h"

enum mw_encoding mw_encoding_of(struct mw_span token)
{
	static const struct {
		const char *name;
		enum mw_encoding encoding;
	} names[] = {
		{"base64", MW_ENCODING_BASE64},
		{"quoted-printable", MW_ENCODING_QUOTED_PRINTABLE},
		{"x-uuencode", MW_ENCODING_UUENCODE},
		{"uuencode", MW_ENCODING_UUENCODE},
		{"x-uue", MW_ENCODING_UUENCODE},
		{"uue", MW_ENCODING_UUENCODE},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mw_span_caseeq(token, names[i].name))
			return names[i].encoding;
	return MW_ENCODING_IDENTITY;
}

void mw_decode_init(struct mw_decode *d, enum mw_encoding encoding)
{
	*d = (struct mw_decode){.encoding = encoding};
}

size_t mw_decode_feed(
	struct mw_decode *d, struct mw_span in, size_t *used, uint8_t *out, size_t size)
{
	size_t len;

	switch (d->encoding) {
	case MW_ENCODING_BASE64:
		return mw_decode_base64(d, in, used, out, size);
	case MW_ENCODING_QUOTED_PRINTABLE:
		return mw_decode_quoted(d, in, used, out, size);
	case MW_ENCODING_UUENCODE:
		return mw_decode_uu(d, in, used, out, size);
	case MW_ENCODING_IDENTITY:
		break;
	}
	len = in.len < size ? in.len : size;
	if (len > 0)
		memcpy(out, in.data, len);
	*used = len;
	return len;
}

size_t mw_decode_finish(struct mw_decode *d, uint8_t *out, size_t size)
{
	if (size < MW_DECODE_OUT_MIN)
		return 0;
	switch (d->encoding) {
	case MW_ENCODING_BASE64:
		return mw_decode_base64_finish(d, out);
	case MW_ENCODING_QUOTED_PRINTABLE:
		return mw_decode_quoted_finish(d, out);
	case MW_ENCODING_UUENCODE:
		return mw_decode_uu_finish(d, out);
	case MW_ENCODING_IDENTITY:
		break;
	}
	return 0;
}
