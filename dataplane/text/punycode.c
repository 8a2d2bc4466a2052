/*
 * RFC 3492, encoding only. Labels are short (63 characters), so the quadratic search is bounded.
 */
#include "dataplane/text/punycode.h"

#include "dataplane/text/utf8.h"

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72, FIRST_CODE = 128 };

/* Section 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > ((BASE - T_MIN) * T_MAX) / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t lower(uint32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
		(c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 32;
	if (c >= 0x400 && c <= 0x40f)
		return c + 80;
	if (((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177)) && c % 2 == 0)
		return c + 1;
	return c;
}

static uint8_t digit(uint32_t d)
{
	return (uint8_t)(d < 26 ? 'a' + d : '0' + d - 26);
}

/* Section 6.3, over `codes` whose ASCII ones stand in `out` already. */
static size_t encode(
	const uint32_t *codes, size_t count, size_t basic, uint8_t *out, size_t o, size_t size)
{
	uint32_t n = FIRST_CODE, delta = 0, bias = FIRST_BIAS;
	size_t done = basic;

	while (done < count) {
		uint32_t next = 0x110000;

		for (size_t i = 0; i < count; i++) {
			if (codes[i] >= n && codes[i] < next)
				next = codes[i];
		}
		/* At most 0x10ffff * 64, so it fits. */
		delta += (next - n) * (uint32_t)(done + 1);
		n = next;
		for (size_t i = 0; i < count; i++) {
			uint32_t q = delta;

			if (codes[i] < n)
				delta++;
			if (codes[i] != n)
				continue;
			for (uint32_t k = BASE;; k += BASE) {
				uint32_t t = k <= bias		 ? T_MIN
					     : k >= bias + T_MAX ? T_MAX
								 : k - bias;

				if (o == size)
					return 0;
				if (q < t) {
					out[o++] = digit(q);
					break;
				}
				out[o++] = digit(t + (q - t) % (BASE - t));
				q = (q - t) / (BASE - t);
			}
			done++;
			bias = adapt(delta, (uint32_t)done, done == basic + 1);
			delta = 0;
		}
		delta++;
		n++;
	}
	return o;
}

size_t mw_punycode_label(struct mw_span label, uint8_t *out, size_t size)
{
	uint32_t codes[MW_PUNYCODE_LABEL_MAX];
	size_t count = 0, basic = 0, o = 0;

	for (size_t i = 0; i < label.len;) {
		int n = mw_utf8_get(mw_span_of(label.data + i, label.len - i), &codes[count]);

		if (n <= 0)
			return 0;
		codes[count] = lower(codes[count]);
		i += (size_t)n;
		if (codes[count] < 0x80)
			basic++;
		if (++count == MW_PUNYCODE_LABEL_MAX && i < label.len)
			return 0;
	}
	if (basic < count) {
		if (size < 4)
			return 0;
		memcpy(out, "xn--", 4);
		o = 4;
	}
	for (size_t i = 0; i < count; i++) {
		if (codes[i] >= 0x80)
			continue;
		if (o == size)
			return 0;
		out[o++] = (uint8_t)codes[i];
	}
	if (basic == count)
		return o;
	if (basic > 0) {
		if (o == size)
			return 0;
		out[o++] = '-';
	}
	return encode(codes, count, basic, out, o, size);
}

/* Octets of the dot at the front of `s`, 0 when there is none: U+002E U+3002 U+FF0E U+FF61. */
static size_t dot(struct mw_span s)
{
	if (s.data[0] == '.')
		return 1;
	if (s.len >= 3 &&
		(memcmp(s.data, "\xe3\x80\x82", 3) == 0 || memcmp(s.data, "\xef\xbc\x8e", 3) == 0 ||
			memcmp(s.data, "\xef\xbd\xa1", 3) == 0))
		return 3;
	return 0;
}

size_t mw_punycode_host(struct mw_span host, uint8_t *out, size_t size)
{
	size_t start = 0, o = 0;

	if (mw_utf8_ascii_prefix(host) == host.len || !mw_utf8_valid(host)) {
		if (host.len > size)
			return 0;
		for (size_t i = 0; i < host.len; i++)
			out[i] =
				(uint8_t)(host.data[i] < 0x80 ? lower(host.data[i]) : host.data[i]);
		return host.len;
	}
	for (size_t i = 0; i <= host.len; i++) {
		size_t n = i < host.len ? dot(mw_span_of(host.data + i, host.len - i)) : 0;

		if (i < host.len && n == 0)
			continue;
		if (i > start) {
			size_t len = mw_punycode_label(
				mw_span_of(host.data + start, i - start), out + o, size - o);

			if (len == 0)
				return 0;
			o += len;
		}
		if (i == host.len)
			break;
		if (o == size)
			return 0;
		out[o++] = '.';
		i += n - 1;
		start = i + 1;
	}
	return o;
}
