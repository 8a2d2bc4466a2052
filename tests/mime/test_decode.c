/*
 * Transfer decoders against slow, obvious models: every encoding, valid and hostile input, cut
 * anywhere, room for the output as small as allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/proto/decode.h"
#include "tests/mime/random.h"

#define LEN_MAX 6000

/* Decodes in pieces of random length into room of random size. */
static size_t decode(enum mw_encoding encoding, const uint8_t *in, size_t len, struct rng *r,
	size_t piece_max, uint8_t *out, struct mw_decode *state)
{
	size_t made = 0, at = 0;
	uint8_t room[4096];

	mw_decode_init(state, encoding);
	while (at < len && !state->ended) {
		size_t piece = 1 + rng_below(r, piece_max);
		struct mw_span s;

		if (piece > len - at)
			piece = len - at;
		s = mw_span_of(in + at, piece);
		while (s.len > 0 && !state->ended) {
			size_t size =
				MW_DECODE_OUT_MIN + rng_below(r, sizeof(room) - MW_DECODE_OUT_MIN);
			size_t used, got = mw_decode_feed(state, s, &used, room, size);

			assert_true(got <= size);
			assert_true(used <= s.len);
			assert_true(used > 0 || got > 0);
			memcpy(out + made, room, got);
			made += got;
			s = mw_span_of(s.data + used, s.len - used);
		}
		at += piece;
	}
	if (!state->ended) {
		size_t got = mw_decode_finish(state, room, sizeof(room));

		memcpy(out + made, room, got);
		made += got;
	}
	return made;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode_base64(const uint8_t *in, size_t len, size_t line, uint8_t *out)
{
	size_t made = 0, column = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0) |
			     (i + 2 < len ? in[i + 2] : 0);

		for (int k = 0; k < 4; k++)
			out[made++] = (uint8_t)(k > 1 && i + (size_t)k - 1 >= len
							? '='
							: alphabet[v >> (18 - 6 * k) & 63]);
		column += 4;
		if (line > 0 && column >= line) {
			out[made++] = '\r';
			out[made++] = '\n';
			column = 0;
		}
	}
	return made;
}

/* The definition, one character after the other: digits count, the first complete padding ends. */
static size_t model_base64(const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t sextets[LEN_MAX];
	size_t n = 0, made = 0, pads = 0;

	for (size_t i = 0; i < len; i++) {
		const char *p = in[i] == 0 ? NULL : strchr(alphabet, in[i]);

		if (p != NULL) {
			sextets[n++] = (uint8_t)(p - alphabet);
			pads = 0;
		} else if (in[i] == '=' && n % 4 >= 2 && n % 4 + ++pads >= 4) {
			break;
		}
	}
	for (size_t i = 0; i + 1 < n; i++)
		if (i % 4 != 3)
			out[made++] = (uint8_t)(sextets[i] << (2 + 2 * (i % 4)) |
						sextets[i + 1] >> (4 - 2 * (i % 4)));
	return made;
}

static void test_base64_round_trip(void **state)
{
	struct rng r = {rng_seed("base64")};
	static uint8_t in[LEN_MAX], encoded[2 * LEN_MAX + 64], out[2 * LEN_MAX];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = rng_below(&r, 4000), n;
		static const size_t lines[] = {76, 64, 60, 72, 0, 4, 19, 990};
		struct mw_decode d;

		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)rng_next(&r);
		n = encode_base64(in, len, lines[rng_below(&r, 8)], encoded);
		assert_int_equal(decode(MW_ENCODING_BASE64, encoded, n, &r,
					 1 + rng_below(&r, n + 1), out, &d),
			len);
		assert_memory_equal(out, in, len);
		assert_false(d.bad);
		assert_int_equal(d.ended, len % 3 != 0);
	}
}

static void test_base64_hostile(void **state)
{
	struct rng r = {rng_seed("hostile base64")};
	static uint8_t in[LEN_MAX], want[LEN_MAX + 64], out[LEN_MAX + 64];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		size_t len = rng_below(&r, 600), wanted;
		struct mw_decode d;
		unsigned int noise = (unsigned int)rng_below(&r, 64);

		for (size_t i = 0; i < len; i++) {
			if (rng_below(&r, 64) < noise / 8)
				in[i] = (uint8_t)rng_next(&r);
			else if (rng_below(&r, 200) == 0)
				in[i] = '=';
			else
				in[i] = (uint8_t)alphabet[rng_below(&r, 64)];
		}
		wanted = model_base64(in, len, want);
		assert_int_equal(decode(MW_ENCODING_BASE64, in, len, &r, 1 + rng_below(&r, len + 1),
					 out, &d),
			wanted);
		assert_memory_equal(out, want, wanted);
	}
}

static void test_base64_behind_padding(void **state)
{
	const char *text = "QUJD\r\nRA==\r\nRUZH\r\n";
	struct mw_span in = mw_span_str(text);
	struct mw_decode d;
	uint8_t out[64];
	size_t used, len;

	(void)state;
	mw_decode_init(&d, MW_ENCODING_BASE64);
	len = mw_decode_feed(&d, in, &used, out, sizeof(out));
	assert_int_equal(len, 4);
	assert_memory_equal(out, "ABCD", 4);
	assert_true(d.ended);
	assert_false(d.bad);
	in = mw_span_of(in.data + used, in.len - used);
	len = mw_decode_feed(&d, in, &used, out, sizeof(out));
	assert_int_equal(used, in.len);
	assert_int_equal(len, 3);
	assert_memory_equal(out, "EFG", 3);
	assert_true(d.bad);
}

static int nibble(uint8_t c)
{
	const char *digits = "0123456789ABCDEFabcdef", *p = c == 0 ? NULL : strchr(digits, c);

	return p == NULL ? -1 : p - digits > 15 ? (int)(p - digits - 6) : (int)(p - digits);
}

static size_t model_quoted(const uint8_t *in, size_t len, uint8_t *out)
{
	size_t made = 0;

	for (size_t i = 0; i < len; i++) {
		if (in[i] != '=') {
			out[made++] = in[i];
		} else if (i + 1 == len) {
			break;
		} else if (in[i + 1] == '\n') {
			i++;
		} else if (in[i + 1] == '\r') {
			i += i + 2 < len && in[i + 2] == '\n' ? 2 : 1;
		} else if (i + 2 < len && nibble(in[i + 1]) >= 0 && nibble(in[i + 2]) >= 0) {
			out[made++] = (uint8_t)(nibble(in[i + 1]) << 4 | nibble(in[i + 2]));
			i += 2;
		} else {
			out[made++] = '=';
			i += in[i + 1] == '=' ? 1 : 0;
		}
	}
	return made;
}

static void test_quoted(void **state)
{
	struct rng r = {rng_seed("quoted-printable")};
	static const char soup[] = "====\r\n\r\n \t  0123456789ABCDEFabcdefxyz";
	static uint8_t in[LEN_MAX], want[LEN_MAX + 64], out[LEN_MAX + 64];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		size_t len = rng_below(&r, 400), wanted;
		struct mw_decode d;

		for (size_t i = 0; i < len; i++)
			in[i] = (uint8_t)soup[rng_below(&r, sizeof(soup) - 1)];
		wanted = model_quoted(in, len, want);
		assert_int_equal(decode(MW_ENCODING_QUOTED_PRINTABLE, in, len, &r,
					 1 + rng_below(&r, len + 1), out, &d),
			wanted);
		assert_memory_equal(out, want, wanted);
	}
}

static void test_quoted_table(void **state)
{
	static const struct {
		const char *in, *out;
		bool bad;
	} rows[] = {
		{"caf=C3=A9", "caf\xc3\xa9", false},
		{"blanks stay \t \r\nhere", "blanks stay \t \r\nhere", false},
		{"soft=\r\nbreak", "softbreak", false},
		{"soft=\nbreak", "softbreak", false},
		{"lower=c3=a9", "lower\xc3\xa9", false},
		{"=4x", "=4x", true},
		{"a==b", "a=b", true},
		{"end=", "end", true},
		{"end=4", "end=4", true},
		{"= \r\n", "= \r\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t out[256];
		struct mw_decode d;
		struct rng r = {i};
		size_t len = decode(MW_ENCODING_QUOTED_PRINTABLE, (const uint8_t *)rows[i].in,
			strlen(rows[i].in), &r, 3, out, &d);

		assert_int_equal(len, strlen(rows[i].out));
		assert_memory_equal(out, rows[i].out, len);
		assert_int_equal(d.bad, rows[i].bad);
	}
}

static void test_uu(void **state)
{
	struct rng r = {rng_seed("uuencode")};
	static uint8_t in[LEN_MAX], encoded[2 * LEN_MAX + 256], out[2 * LEN_MAX];

	(void)state;
	for (int round = 0; round < 1000; round++) {
		size_t len = rng_below(&r, 2000);
		size_t n = (size_t)sprintf((char *)encoded, "words before\r\nbegin 644 a file\r\n");
		bool grave = rng_below(&r, 2) == 0, eaten = rng_below(&r, 2) == 0;
		struct mw_decode d;

		for (size_t i = 0; i < len; i++)
			in[i] = rng_below(&r, 4) == 0 ? 0 : (uint8_t)rng_next(&r);
		for (size_t i = 0; i < len; i += 45) {
			size_t line = len - i < 45 ? len - i : 45;

			encoded[n++] = (uint8_t)(' ' + line);
			for (size_t k = 0; k < line; k += 3) {
				uint32_t v = 0;

				for (size_t j = 0; j < 3; j++)
					v = v << 8 | (i + k + j < len ? in[i + k + j] : 0u);
				for (int s = 18; s >= 0; s -= 6) {
					uint8_t c = (uint8_t)(' ' + (v >> s & 63));

					encoded[n++] = grave && c == ' ' ? '`' : c;
				}
			}
			while (eaten && encoded[n - 1] == ' ')
				n--;
			encoded[n++] = '\r';
			encoded[n++] = '\n';
		}
		n += (size_t)sprintf((char *)encoded + n, "`\r\nend\r\nafterwards\r\n");
		assert_int_equal(decode(MW_ENCODING_UUENCODE, encoded, n, &r,
					 1 + rng_below(&r, n + 1), out, &d),
			len);
		assert_memory_equal(out, in, len);
		assert_true(d.ended);
		assert_false(d.bad);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(mw_encoding_of(mw_span_str("BASE64")), MW_ENCODING_BASE64);
	assert_int_equal(
		mw_encoding_of(mw_span_str("Quoted-Printable")), MW_ENCODING_QUOTED_PRINTABLE);
	assert_int_equal(mw_encoding_of(mw_span_str("x-uuencode")), MW_ENCODING_UUENCODE);
	assert_int_equal(mw_encoding_of(mw_span_str("8bit")), MW_ENCODING_IDENTITY);
	assert_int_equal(mw_encoding_of(mw_span_of(NULL, 0)), MW_ENCODING_IDENTITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64_round_trip),
		cmocka_unit_test(test_base64_hostile),
		cmocka_unit_test(test_base64_behind_padding),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_quoted_table),
		cmocka_unit_test(test_uu),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("mime decode", tests, NULL, NULL);
}
