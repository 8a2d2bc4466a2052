/*
 * The structure machine alone: tables of odd structures, and the property that kills most MIME
 * bugs: the same octets cut anywhere give the same calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "dataplane/proto/mime.h"
#include "tests/mime/mail_gen.h"

/* What the machine said, as text: fields, then leaves as `path{body}`, `path?{body}` when dropped.
 */
struct trace {
	char *text;
	size_t len, size;
	bool fields;
	char path[MW_MIME_PATH_MAX + 1];
	bool open;
};

static void add(struct trace *t, const void *data, size_t len)
{
	if (t->len + len + 1 > t->size) {
		t->size = 2 * (t->size + len + 64);
		t->text = realloc(t->text, t->size);
	}
	memcpy(t->text + t->len, data, len);
	t->len += len;
	t->text[t->len] = '\0';
}

static void on_field(void *ctx, struct mw_span field, bool top)
{
	struct trace *t = ctx;

	assert_false(t->open);
	if (t->fields) {
		add(t, top ? "[" : "(", 1);
		add(t, field.data, field.len);
		add(t, top ? "]" : ")", 1);
	}
}

static void on_header_end(void *ctx, bool top)
{
	struct trace *t = ctx;

	assert_false(t->open);
	if (t->fields)
		add(t, top ? "|" : "/", 1);
}

static void on_leaf_begin(void *ctx, struct mw_span path, bool tentative)
{
	struct trace *t = ctx;

	assert_false(t->open);
	t->open = true;
	add(t, path.data, path.len);
	add(t, tentative ? "?{" : "{", tentative ? 2 : 1);
}

static void on_body(void *ctx, struct mw_span octets)
{
	struct trace *t = ctx;

	assert_true(t->open);
	assert_true(octets.len > 0);
	add(t, octets.data, octets.len);
}

static void on_leaf_end(void *ctx, bool keep, bool complete)
{
	struct trace *t = ctx;

	assert_true(t->open);
	t->open = false;
	add(t, keep ? "}" : "}dropped", keep ? 1 : 8);
	if (!complete)
		add(t, "~", 1);
	add(t, " ", 1);
}

#define FIELD_MAX 32768

static struct mw_mime machine;
static uint8_t boundaries[9216], text[FIELD_MAX + MW_MIME_LINE_MAX];
static const struct mw_mime_room room = {boundaries, sizeof(boundaries), text, sizeof(text)};

static void run(struct trace *t, const uint8_t *data, size_t len, const size_t *cuts,
	size_t cut_count, bool fields)
{
	const struct mw_mime_sink sink = {
		t, on_field, on_header_end, on_leaf_begin, on_body, on_leaf_end};
	size_t at = 0;

	t->len = 0;
	t->open = false;
	t->fields = fields;
	add(t, "", 0);
	memset(&machine, 0x5a, sizeof(machine));
	mw_mime_init(&machine, &sink, &room);
	for (size_t i = 0; i <= cut_count; i++) {
		size_t end = i < cut_count ? cuts[i] : len;
		/* a copy of exactly this length, so that a sanitizer sees one octet too many */
		uint8_t *piece = malloc(end - at + 1);

		memcpy(piece, data + at, end - at);
		mw_mime_feed(&machine, mw_span_of(piece, end - at));
		free(piece);
		at = end;
	}
	mw_mime_end(&machine, true);
	assert_false(t->open);
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static const struct {
	const char *mail, *want;
} rows[] = {
	{"", "1{} "},
	{"Subject: x\r\n", "1{} "},
	{"Subject: x\r\n\r\nbody\r\n", "1{body\r\n} "},
	{"Subject: x\n\nbody\n", "1{body\n} "},
	{"no header at all\r\nsecond\r\n", "1{no header at all\r\nsecond\r\n} "},
	{"From a@b Thu\r\nSubject: x\r\n\r\nbody", "1{body} "},
	{"Subject: x\r\nno field\r\n\r\nbody", "1{no field\r\n\r\nbody} "},
	{" fold of nothing\r\nSubject: x\r\n\r\nbody", "1{body} "},
	{MIXED "--b\r\n\r\nA\r\n--b\r\n\r\nB\r\n--b--\r\n", "1?{}dropped 1{A} 2{B} "},
	/* LF alone; padding behind a boundary; no line end at the end */
	{"Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\nA\n--b\n\nB\n--b--",
		"1?{}dropped 1{A} 2{B} "},
	/* preamble, epilogue, things that look like boundaries */
	{MIXED "pre\r\n--bb\r\n--b\r\n\r\n--\r\n--bx\r\n-b\r\n--b--x\r\n\r\n--b--\r\nepi\r\n--"
	       "b\r\n\r\nC",
		"1?{pre\r\n--bb}dropped 1{--\r\n--bx\r\n-b\r\n--b--x\r\n} "},
	/* the end boundary is missing */
	{MIXED "--b\r\n\r\nA\r\n", "1?{}dropped 1{A\r\n} "},
	/* no boundary came, or only the last */
	{MIXED "text\r\n", "1?{text\r\n} "},
	{MIXED "text\r\n--b--\r\nepilogue", "1?{text} "},
	{"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nA", "1{--b\r\n\r\nA} "},
	/* two boundaries in a row, nothing between boundary and end */
	{MIXED "--b\r\n--b\r\n\r\nA\r\n--b\r\n--b--\r\n", "1?{}dropped 1{A} "},
	{MIXED "--b\r\n", "1?{}dropped "},
	/* a part without header, without body, without either's separator */
	{MIXED "--b\r\n\r\n--b\r\nX: y\r\n--b\r\nno field\r\n--b--",
		"1?{}dropped 1{} 2{} 3{no field} "},
	/* the body begins at a boundary that looks like a field */
	{"Content-Type: multipart/mixed; boundary=\"b:1\"\r\n--b:1\r\n\r\nA\r\n--b:1--\r\n",
		"1?{}dropped 1{A} "},
	/* nesting and its numbers */
	{MIXED "--b\r\nContent-Type: multipart/mixed; "
	       "boundary=c\r\n\r\n--c\r\n\r\nA\r\n--c\r\n\r\nB\r\n--c--\r\n"
	       "--b\r\n\r\nC\r\n--b--",
		"1?{}dropped 1?{}dropped 1.1{A} 1.2{B} 2{C} "},
	/* the inner end is missing, the outer boundary ends it all the same */
	{MIXED "--b\r\nContent-Type: multipart/mixed; "
	       "boundary=c\r\n\r\n--c\r\n\r\nA\r\n--b\r\n\r\nB\r\n--b--",
		"1?{}dropped 1?{}dropped 1.1{A} 2{B} "},
	/* a boundary that begins with another one */
	{MIXED "--b\r\nContent-Type: multipart/mixed; "
	       "boundary=bb\r\n\r\n--bb\r\n\r\nA\r\n--bb--\r\n--b\r\n\r\nB\r\n--b--",
		"1?{}dropped 1?{}dropped 1.1{A} 2{B} "},
	/* messages */
	{"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nA", "1.1{A} "},
	{"Content-Type: message/rfc822\r\n\r\n" MIXED "--b\r\n\r\nA\r\n--b--",
		"1.1?{}dropped 1.1{A} "},
	{"Content-Type: message/rfc822\r\n\r\nContent-Type: message/global\r\n\r\n\r\nA",
		"1.1.1{A} "},
	{MIXED "--b\r\n\r\nA\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: "
	       "x\r\n\r\nB\r\n--b\r\n"
	       "Content-Type: message/rfc822\r\n\r\n" MIXED "--b\r\n\r\nC\r\n--b--",
		"1?{}dropped 1{A} 2.1{B} 3.1?{}dropped 3.1{C} "},
	{MIXED "--b\r\nContent-Type: message/rfc822\r\n--b\r\n\r\nB\r\n--b--",
		"1?{}dropped 1.1{} 2{B} "},
	/* an encoded message stays closed, other message types too */
	{"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==",
		"1{QQ==} "},
	{"Content-Type: message/delivery-status\r\n\r\nA: b", "1{A: b} "},
	{"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: "
	 "x\r\n\r\nA\r\n--b\r\n"
	 "Content-Type: text/plain\r\n\r\nB\r\n--b--",
		"1?{}dropped 1.1{A} 2{B} "},
	/* a blank before the colon, RFC 2231, the first of two, blanks at the end of a boundary */
	{"Content-Type : multipart/mixed; boundary=\"b \"\r\n\r\n--b\r\n\r\nA\r\n--b--",
		"1?{}dropped 1{A} "},
	{"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\nA\r\n--ab--",
		"1?{}dropped 1{A} "},
	{"Content-Type: text/plain\r\n" MIXED "--b\r\n\r\nA\r\n--b--", "1{--b\r\n\r\nA\r\n--b--} "},
	/* CR, CR, LF around a boundary: one CR is body */
	{MIXED "--b\r\n\r\nA\r\r\n--b--", "1?{}dropped 1{A\r} "},
	{MIXED "--b\r\n\r\n\r\n\r\n--b--", "1?{}dropped 1{\r\n} "},
	{MIXED "--b\r\n\r\n\r\n--b--", "1?{}dropped 1{} "},
};

static void test_structures(void **state)
{
	struct trace whole = {0}, cut = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t *mail = (const uint8_t *)rows[i].mail;
		size_t len = strlen(rows[i].mail), cuts[2];

		run(&whole, mail, len, NULL, 0, false);
		assert_string_equal(whole.text, rows[i].want);
		run(&whole, mail, len, NULL, 0, true);
		for (cuts[0] = 0; cuts[0] <= len; cuts[0]++) {
			for (cuts[1] = cuts[0]; cuts[1] <= len; cuts[1]++) {
				run(&cut, mail, len, cuts, 2, true);
				if (cut.len != whole.len ||
					memcmp(cut.text, whole.text, cut.len) != 0)
					fail_msg("row %zu cut at %zu and %zu", i, cuts[0], cuts[1]);
			}
		}
	}
	free(whole.text);
	free(cut.text);
}

static size_t random_cuts(struct rng *r, size_t len, size_t *cuts, size_t max)
{
	size_t count = 0, at = 0, step = 1 + rng_below(r, rng_below(r, 2) == 0 ? 8 : 2000);

	while (count < max && at < len) {
		at += 1 + rng_below(r, step);
		if (at > len)
			break;
		cuts[count++] = at;
	}
	return count;
}

static void test_cut_anywhere(void **state)
{
	struct rng r = {rng_seed("cut anywhere")};
	static size_t cuts[20000];
	struct trace whole = {0}, cut = {0};
	struct gen_mail g;

	(void)state;
	gen_init(&g);
	for (int round = 0; round < 1500; round++) {
		gen_mail(&g, &r, (unsigned int)rng_below(&r, 6), 400);
		if (round % 3 != 0)
			gen_mutate(&g, &r);
		run(&whole, g.data, g.len, NULL, 0, true);
		for (int i = 0; i < 3; i++) {
			run(&cut, g.data, g.len, cuts, random_cuts(&r, g.len, cuts, 20000), true);
			assert_int_equal(cut.len, whole.len);
			assert_memory_equal(cut.text, whole.text, cut.len);
		}
	}
	gen_free(&g);
	free(whole.text);
	free(cut.text);
}

static void test_depth(void **state)
{
	struct trace t = {0};
	static char mail[65536];

	(void)state;
	/* boundaries of 70 octets, the longest that RFC 2046 allows, told apart in the middle */
	for (unsigned int depth = 1; depth <= 136; depth += 3) {
		char path[1024] = "";
		size_t len = 0;

		for (unsigned int i = 0; i < depth; i++)
			len += (size_t)snprintf(mail + len, sizeof(mail) - len,
				"%sContent-Type: multipart/mixed; "
				"boundary=\"%030u%040u\"\r\n\r\n--%030u%040u\r\n",
				"", i, 7, i, 7);
		len += (size_t)snprintf(mail + len, sizeof(mail) - len, "\r\nHERE\r\n");
		for (unsigned int i = depth; i-- > 0;)
			len += (size_t)snprintf(
				mail + len, sizeof(mail) - len, "--%030u%040u--\r\n", i, 7);
		run(&t, (const uint8_t *)mail, len, NULL, 0, false);
		assert_int_equal(machine.too_deep, depth >= MW_MIME_LEVELS);
		if (depth < MW_MIME_LEVELS) {
			for (unsigned int i = 0; i < depth; i++)
				strcat(path, i == 0 ? "1" : ".1");
			strcat(path, "{HERE}");
			assert_non_null(strstr(t.text, path));
		}
	}
	free(t.text);
}

static void test_long_boundary(void **state)
{
	struct trace t = {0};
	static char mail[65536], boundary[2000];

	(void)state;
	for (size_t n = 60; n < 1100; n += 13) {
		int len;

		memset(boundary, 'x', n);
		boundary[n] = '\0';
		len = snprintf(mail, sizeof(mail),
			"Content-Type: multipart/mixed; "
			"boundary=%s\r\n\r\n--%s\r\n\r\nA\r\n--%s--\r\n",
			boundary, boundary, boundary);
		run(&t, (const uint8_t *)mail, (size_t)len, NULL, 0, false);
		if (n <= MW_MIME_BOUNDARY_MAX)
			assert_string_equal(t.text, "1?{}dropped 1{A} ");
		else
			assert_true(machine.too_deep);
	}
	free(t.text);
}

static void test_long_field(void **state)
{
	struct trace t = {0};
	const size_t len = 200000;
	char *mail = malloc(len + 64);

	(void)state;
	memset(mail, 'x', len + 64);
	memcpy(mail, "Subject: ", 9);
	for (size_t i = 1000; i < len; i += 1000)
		memcpy(mail + i, "\r\n ", 3);
	memcpy(mail + len, "\r\nTo: y\r\n\r\nbody", 15);
	run(&t, (const uint8_t *)mail, len + 15, NULL, 0, true);
	assert_true(machine.field_cut);
	assert_non_null(strstr(t.text, "x][To: y]|1{body} "));
	assert_true(t.len < FIELD_MAX + 100);
	/* one line, no folds */
	for (size_t i = 9; i < len; i++)
		mail[i] = 'x';
	run(&t, (const uint8_t *)mail, len + 15, NULL, 0, true);
	assert_true(machine.field_cut);
	assert_non_null(strstr(t.text, "x][To: y]|1{body} "));
	free(mail);
	free(t.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structures),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_long_boundary),
		cmocka_unit_test(test_long_field),
	};

	return cmocka_run_group_tests_name("mime structure", tests, NULL, NULL);
}
