/* Text from outside: valid UTF-8 (RFC 3629) without control characters, C1 included. */
#ifndef MW_CONTROLPLANE_INPUT_UTF8_H
#define MW_CONTROLPLANE_INPUT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The place of the first octet that is none of it, or `len`. */
static inline size_t mw_utf8_bad(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t i = 0;

	while (i < len) {
		size_t more = p[i] < 0x80 ? 0 : p[i] < 0xe0 ? 1 : p[i] < 0xf0 ? 2 : 3;
		uint32_t c = more == 0 ? p[i] : p[i] & (0x3fu >> more);

		if ((p[i] >= 0x80 && p[i] < 0xc2) || p[i] > 0xf4 || more >= len - i)
			return i;
		for (size_t k = 1; k <= more; k++) {
			if ((p[i + k] & 0xc0) != 0x80)
				return i;
			c = c << 6 | (p[i + k] & 0x3fu);
		}
		if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (more == 2 && c < 0x800) ||
			(c >= 0xd800 && c < 0xe000) || (more == 3 && (c < 0x10000 || c > 0x10ffff)))
			return i;
		i += more + 1;
	}
	return len;
}

#endif
