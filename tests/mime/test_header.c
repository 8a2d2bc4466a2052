/*
 * Tables of header values: what a reader makes of them, from RFC 2047, RFC 2231 and mails seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/proto/address.h"
#include "dataplane/proto/header.h"
#include "tests/mime/random.h"

/* Latin-1 is converted, everything else taken for UTF-8: the real conversion has tests of its own.
 */
static size_t charset(
	void *ctx, struct mw_span name, bool replace, struct mw_span in, uint8_t *out, size_t size)
{
	size_t len = 0;

	(void)ctx;
	(void)replace;
	for (size_t i = 0; i < in.len && len + 2 <= size; i++) {
		if (mw_span_caseeq(name, "iso-8859-1") && in.data[i] >= 0x80) {
			out[len++] = (uint8_t)(0xc0 | in.data[i] >> 6);
			out[len++] = (uint8_t)(0x80 | (in.data[i] & 0x3f));
		} else {
			out[len++] = in.data[i];
		}
	}
	return len;
}

static uint8_t work_a[32768], work_b[32768];
static const struct mw_header_work work = {
	.a = work_a, .b = work_b, .size = sizeof(work_a), .charset = charset};

static const char *decode(const char *raw, enum mw_unfold how)
{
	static char out[8192];
	uint8_t unfolded[8192];
	size_t len = mw_header_unfold(mw_span_str(raw), how, unfolded, sizeof(unfolded));

	len = mw_header_decode(mw_span_of(unfolded, len), &work, (uint8_t *)out, sizeof(out) - 1);
	out[len] = '\0';
	return out;
}

static void test_words(void **state)
{
	static const struct {
		const char *raw, *want;
	} rows[] = {
		{" plain", "plain"},
		{"", ""},
		{" \r\n ", ""},
		{" a\r\n b", "a b"},
		{" a\r\n\t b", "a\t b"},
		/* RFC 2047 section 8 */
		{"(=?ISO-8859-1?Q?a?=)", "(a)"},
		{"(=?ISO-8859-1?Q?a?= b)", "(a b)"},
		{"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"},
		{"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"},
		{"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"},
		{"(=?ISO-8859-1?Q?a_b?=)", "(a b)"},
		{"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"},
		{"=?iso-8859-1?q?caf=E9?=", "caf\xc3\xa9"},
		{"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"},
		/* a language (RFC 2231 section 5) */
		{"=?us-ascii*en-us?q?hello?=", "hello"},
		/* a character in two words */
		{"=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=", "caf\xc3\xa9"},
		{"=?utf-8?B?Y2Fmww==?=\r\n =?UTF-8?Q?=A9!?=", "caf\xc3\xa9!"},
		/* glued, in quotes, with blanks, without padding */
		{"x=?utf-8?Q?y?=z", "xyz"},
		{"\"=?utf-8?Q?y?=\" <a@b>", "\"y\" <a@b>"},
		{"=?utf-8?Q?a b?=", "a b"},
		{"=?utf-8?B?YQ?=", "a"},
		{"=?utf-8?Q?=3F?=", "?"},
		{"=?utf-8?Q?what?\?= x", "what? x"},
		/* none */
		{"=?utf-8?X?a?=", "=?utf-8?X?a?="},
		{"=?utf-8?Q?a", "=?utf-8?Q?a"},
		{"=?=?=?utf-8?Q?a?=", "=?=?a"},
		{"a =?b c?Q?d?=", "a =?b c?Q?d?="},
		{"=?utf-8?Q?\?=", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(decode(rows[i].raw, MW_UNFOLD_KEEP), rows[i].want);
	assert_string_equal(decode(" a\r\n\t b \n c", MW_UNFOLD_BLANK), "a b c");
}

/* Quadratic behaviour would take minutes here. */
static void test_words_hostile(void **state)
{
	static uint8_t in[32768], out[32768];
	static const char *const patterns[] = {"=?", "=?a?q?", "=?a?q?x", "=?a?b?==", "=?a?q?x?= "};

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)patterns[p][i % strlen(patterns[p])];
		for (int i = 0; i < 20; i++)
			assert_true(mw_header_decode(mw_span_of(in, sizeof(in)), &work, out,
					    sizeof(out)) <= sizeof(out));
	}
}

static const char *param(const char *value, const char *name)
{
	static char out[1024];
	size_t len;

	if (!mw_header_param(mw_span_str(value), name, true, &work, (uint8_t *)out, 1023, &len) &&
		!mw_header_param(
			mw_span_str(value), name, false, &work, (uint8_t *)out, 1023, &len))
		return NULL;
	out[len] = '\0';
	return out;
}

static void test_params(void **state)
{
	static const struct {
		const char *value, *name, *want;
	} rows[] = {
		{"text/plain; charset=us-ascii", "charset", "us-ascii"},
		{"text/plain;charset=\"us-ascii\"", "charset", "us-ascii"},
		{"text/plain; charset = us-ascii (Plain text)", "charset", "us-ascii"},
		{"text/plain; CHARSET=a; charset=b", "charset", "a"},
		{"text/plain", "charset", NULL},
		{"text/plain; charsetx=a", "charset", NULL},
		{"text/plain; charset=", "charset", ""},
		{"a/b; name=\"x;y\"; z=1", "name", "x;y"},
		{"a/b; name=\"x\\\"y\"", "name", "x\"y"},
		{"a/b; name=\"C:\\dir\\f.txt\"", "name", "C:\\dir\\f.txt"},
		{"a/b; name=my file.txt", "name", "my file.txt"},
		{"a/b; name=\"not closed", "name", "not closed"},
		{"a/b; x=\"name=1\"; name=2", "name", "2"},
		/* a comment, one that never ends; semicolons that were forgotten */
		{"a/b (c; name=0); name=1", "name", "1"},
		{"a/b (c; name=1", "name", "1"},
		{"a/b\r\n\tname=\"1\"", "name", "1"},
		{"a/b; x=\"y\" name = 1", "name", "1"},
		{"a/b (x name=0) name=1", "name", "1"},
		{"a/b name; name=1", "name", "1"},
		{"a/b; x=y name=1", "name", NULL},
		{"a/b; name=\"=?utf-8?Q?caf=C3=A9?=\"", "name", "caf\xc3\xa9"},
		{"a/b; name=\"fol\r\n\tded\"", "name", "fol\tded"},
		/* RFC 2231 */
		{"message/external-body; URL*0=\"ftp://\";\r\n URL*1=\"cs.utk.edu/pub\"", "url",
			"ftp://cs.utk.edu/pub"},
		{"a/x; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "title",
			"This is ***fun***"},
		{"a/x; title*0*=us-ascii'en'This%20is%20even%20more%20; "
		 "title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
			"title", "This is even more ***fun*** isn't it!"},
		{"a/x; title*1=b; title*0=a", "title", "ab"},
		{"a/x; title*0=a; title*2=c", "title", "a"},
		{"a/x; f*=iso-8859-1''caf%E9; f=cafe", "f", "caf\xc3\xa9"},
		{"a/x; f*=iso-8859-1''caf%E", "f", "caf%E"},
		{"a/x; f*=\"utf-8''a%20b\"", "f", "a b"},
		{"a/x; f*=plain", "f", "plain"},
		{"a/x; f*=''%41", "f", "A"},
		{"a/x; f*99999999999999=b", "f", NULL},
		{"a/x; f*x=b", "f", NULL},
		{"", "f", NULL},
		{";", "f", NULL},
		{";;;f=1", "f", "1"},
		{"f=1", "f", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = param(rows[i].value, rows[i].name);

		if (rows[i].want == NULL)
			assert_null(got);
		else if (got == NULL)
			fail_msg("%s: no %s", rows[i].value, rows[i].name);
		else
			assert_string_equal(got, rows[i].want);
	}
}

static void test_media_type(void **state)
{
	static const struct {
		const char *value, *type, *subtype;
	} rows[] = {
		{" text/plain", "text", "plain"},
		{" (a (nested) comment) Text / HTML ; x", "Text", "HTML"},
		{"text", NULL, NULL},
		{"text/", NULL, NULL},
		{"/plain", NULL, NULL},
		{"text/plain/x", NULL, NULL},
		{"", NULL, NULL},
		{"\r\n multipart/mixed;\r\n\tboundary=x", "multipart", "mixed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mw_span type, subtype;
		bool good = mw_header_media_type(mw_span_str(rows[i].value), &type, &subtype);

		assert_int_equal(good, rows[i].type != NULL);
		if (good) {
			assert_true(mw_span_eq(type, mw_span_str(rows[i].type)));
			assert_true(mw_span_eq(subtype, mw_span_str(rows[i].subtype)));
		}
	}
	assert_true(
		mw_span_eq(mw_header_token(mw_span_str(" (c) base64 (d)")), mw_span_str("base64")));
}

static void test_split(void **state)
{
	static const struct {
		const char *field, *name, *value;
	} rows[] = {
		{"Subject: x", "Subject", " x"},
		{"Content-Transfer-Encoding : base64", "Content-Transfer-Encoding", " base64"},
		{"X:", "X", ""},
		{"no colon", NULL, NULL},
		{"two words: x", NULL, NULL},
		{": x", NULL, NULL},
		{"", NULL, NULL},
		{"Caf\xc3\xa9: x", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mw_span name, value;
		bool good = mw_header_split(mw_span_str(rows[i].field), &name, &value);

		assert_int_equal(good, rows[i].name != NULL);
		if (good) {
			assert_true(mw_span_eq(name, mw_span_str(rows[i].name)));
			assert_true(mw_span_eq(value, mw_span_str(rows[i].value)));
		}
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *value, *addrs, *names;
	} rows[] = {
		{"a@b", "a@b|", "|"},
		{"A B <a@b>", "a@b|", "A B|"},
		{"\"B, A\" <a@b>, c@d", "a@b|c@d|", "B, A||"},
		{"a@b (A B)", "a@b|", "A B|"},
		{"Friends: a@b, C <c@d>;", "a@b|c@d|", "|C|"},
		{"undisclosed-recipients:;", "", ""},
		{"\"a\\\"b\" <x@y>", "x@y|", "a\"b|"},
		{"<a@b", "a@b|", "|"},
		{"\"never closed <a@b>", "\"nevercloseda@b>|", NULL},
		{", , ,", "", ""},
		{"", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mw_span rest = mw_span_str(rows[i].value);
		struct mw_address a;
		char addrs[512] = "", names[512] = "";
		uint8_t text[256];

		while (mw_address_next(&rest, &a)) {
			size_t len = mw_address_text(a.addr, false, text, sizeof(text));

			strncat(addrs, (const char *)text, len);
			strcat(addrs, "|");
			len = mw_address_text(a.name, true, text, sizeof(text));
			strncat(names, (const char *)text, len);
			strcat(names, "|");
		}
		if (rows[i].names == NULL)
			continue; /* only has to end */
		assert_string_equal(addrs, rows[i].addrs);
		assert_string_equal(names, rows[i].names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_hostile),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_media_type),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests_name("mime header", tests, NULL, NULL);
}
