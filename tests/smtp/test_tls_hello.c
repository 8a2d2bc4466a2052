/*
 * The ClientHello: what is read from honest ones however they are cut, and that liars, torsos and
 * random octets give no name that was not there, and no octet beyond the input is touched.
 */
#include "dataplane/proto/tls_hello.h"
#include "tests/smtp/hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct seen {
	enum mw_tls_outcome outcome;
	uint16_t version;
	size_t name_len;
	uint8_t name[MW_TLS_NAME_MAX];
	size_t used;
};

/* In pieces of `piece` octets, each a copy of exactly its length. */
static struct seen read_in(const uint8_t *p, size_t n, size_t piece)
{
	struct mw_tls_hello h;
	struct seen seen;
	size_t done = 0;

	memset(&seen, 0, sizeof(seen));
	mw_tls_hello_init(&h);
	while (done < n && h.outcome == MW_TLS_READING) {
		size_t len = n - done < piece ? n - done : piece;
		uint8_t *copy = malloc(len);
		size_t used;

		memcpy(copy, p + done, len);
		used = mw_tls_hello_read(&h, copy, len);
		free(copy);
		assert_true(used <= len);
		assert_true(used == len || h.outcome != MW_TLS_READING);
		done += used;
	}
	assert_int_equal(h.octets, done);
	mw_tls_hello_end(&h);
	assert_int_not_equal(h.outcome, MW_TLS_READING);
	seen.outcome = (enum mw_tls_outcome)h.outcome;
	seen.version = h.version;
	seen.used = done;
	seen.name_len = mw_tls_hello_name(&h).len;
	if (seen.name_len > 0)
		memcpy(seen.name, h.name, seen.name_len);
	return seen;
}

static void assert_same(const struct seen *a, const struct seen *b)
{
	assert_int_equal(a->outcome, b->outcome);
	assert_int_equal(a->version, b->version);
	assert_int_equal(a->used, b->used);
	assert_int_equal(a->name_len, b->name_len);
	assert_memory_equal(a->name, b->name, a->name_len);
}

#define V(text) text, sizeof(text) - 1

static void test_honest(void **state)
{
	static char longest[MW_TLS_NAME_MAX + 2];
	const struct {
		struct hello_wish wish;
		const char *name;
		uint16_t version;
	} table[] = {
		{{.name = "mx.example.net"}, "mx.example.net", 0x0303},
		{{.name = "mx.example.net", .versions = V("\x03\x04\x03\x03")}, "mx.example.net",
			0x0304},
		{{.name = "a",
			 .versions = V("\x0a\x0a\x03\x03\xfa\xfa\x03\x04"),
			 .names_last = true},
			"a", 0x0304},
		{{.name = "mx.example.net", .versions = V("\x03\x02"), .padding = 500},
			"mx.example.net", 0x0302},
		{{.name = NULL, .versions = V("\x7f\x1c\x03\x03")}, NULL, 0x0303},
		{{.name = NULL, .legacy = 0x0301}, NULL, 0x0301},
		{{.name = NULL, .legacy = 0x0399}, NULL, 0x0303},
		{{.name = NULL, .legacy = 0x0002}, NULL, 0},
		{{.name = "x", .versions = V("\x8a\x8a")}, "x", 0},
		{{.name = NULL, .no_extensions = true}, NULL, 0x0303},
		{{.name = longest, .name_len = MW_TLS_NAME_MAX}, longest, 0x0303},
		{{.name = longest, .name_len = MW_TLS_NAME_MAX + 1}, NULL, 0x0303},
		{{.name = "z", .padding = 9000}, "z", 0x0303},
	};
	static struct hello message, records;

	memset(longest, 'n', sizeof(longest));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		static const size_t most[] = {1, 2, 3, 7, 100, 16384};

		hello_message(&message, &table[i].wish);
		for (size_t m = 0; m < 6; m++) {
			struct seen whole;

			hello_records(&records, &message, most[m]);
			if (records.len > MW_TLS_HELLO_MAX)
				continue;
			whole = read_in(records.octets, records.len, records.len);
			assert_int_equal(whole.outcome, MW_TLS_WHOLE);
			assert_int_equal(whole.used, records.len);
			assert_int_equal(whole.version, table[i].version);
			if (table[i].name == NULL) {
				assert_int_equal(whole.name_len, 0);
			} else {
				size_t len = table[i].wish.name_len != 0 ? table[i].wish.name_len
									 : strlen(table[i].name);

				assert_int_equal(whole.name_len, len);
				assert_memory_equal(whole.name, table[i].name, len);
			}
			for (size_t piece = 1; piece <= 7; piece++) {
				struct seen cut = read_in(records.octets, records.len, piece);

				assert_same(&whole, &cut);
			}
			/* Octets behind it are not looked at. */
			memset(records.octets + records.len, 0x5a, 50);
			whole.used = records.len;
			for (size_t more = 1; more <= 50; more += 7) {
				struct seen cut = read_in(
					records.octets, records.len + more, records.len + more);

				assert_same(&whole, &cut);
			}
		}
	}
}

/* The beginning of a hello tells a name only when all of the name is in it. */
static void test_torso(void **state)
{
	static struct hello message, records;
	struct hello_wish wish = {.name = "mx.example.net", .versions = V("\x03\x04")};

	hello_message(&message, &wish);
	hello_records(&records, &message, 50);
	for (size_t len = 0; len < records.len; len++) {
		struct seen seen = read_in(records.octets, len, 1 + len % 5);

		assert_int_equal(seen.outcome, len == 0 ? MW_TLS_NONE : MW_TLS_CUT);
		assert_true(seen.name_len == 0 || seen.name_len == strlen(wish.name));
	}
	assert_int_equal(read_in(records.octets, records.len - 1, 9).name_len, 14);
}

/* Every length made larger and smaller by one, each in its place: none is believed. */
static void test_liars(void **state)
{
	static struct hello message, records;
	struct hello_wish wish = {.name = "mx.example.net", .versions = V("\x03\x04\x03\x03")};
	/* Low octets of: session, suites, compression, extensions, extension, names, name, versions
	 * extension, versions. */
	static const size_t lengths[] = {38, 72, 77, 80, 84, 86, 89, 107, 108};

	hello_message(&message, &wish);
	assert_int_equal(message.octets[38], 32);
	assert_int_equal(message.octets[89], 14);
	assert_int_equal(message.octets[108], 4);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int by = -1; by <= 1; by += 2) {
			struct seen seen;

			hello_message(&message, &wish);
			message.octets[lengths[i]] = (uint8_t)(message.octets[lengths[i]] + by);
			hello_records(&records, &message, 16384);
			seen = read_in(records.octets, records.len, records.len);
			/* Where what follows happens to make sense, the end of all does not fit. */
			assert_int_not_equal(seen.outcome, MW_TLS_WHOLE);
			assert_int_not_equal(seen.outcome, MW_TLS_NONE);
		}
	/* The message's own length: larger, it is waited for; smaller, it contradicts. */
	hello_message(&message, &wish);
	message.octets[3]--;
	hello_records(&records, &message, 16384);
	assert_int_equal(read_in(records.octets, records.len, 8).outcome, MW_TLS_BAD);
}

static void test_others(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		enum mw_tls_outcome outcome;
		size_t used;
	} table[] = {
		{V("\x80\x2e\x01\x03\x01"), MW_TLS_BAD, 1},	    /* SSLv2 */
		{V("\x15\x03\x01\x00\x02\x02\x28"), MW_TLS_BAD, 1}, /* an alert */
		{V("\x16\x02\x01\x00\x02\x01\x00"), MW_TLS_BAD, 2},
		{V("\x16\x03\x01\x00\x00\x16\x03"), MW_TLS_BAD, 5}, /* an empty record */
		{V("\x16\x03\x01\x40\x01\x01\x00"), MW_TLS_BAD, 5}, /* too large a record */
		{V("\x16\x03\x03\x00\x05\x02\x00\x00\x01\x03"), MW_TLS_BAD, 6}, /* ServerHello */
		{V("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), MW_TLS_READING, 9},
		{V("EHLO me\r\n"), MW_TLS_BAD, 1},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum mw_tls_outcome want =
			table[i].outcome == MW_TLS_READING ? MW_TLS_CUT : table[i].outcome;

		for (size_t piece = 1; piece <= table[i].len; piece++) {
			struct seen seen =
				read_in((const uint8_t *)table[i].octets, table[i].len, piece);

			assert_int_equal(seen.outcome, want);
			assert_int_equal(seen.used, table[i].used);
			assert_int_equal(seen.name_len, 0);
		}
	}
}

/* A hello without an end is left alone at the cap; what it said by then is told. */
static void test_endless(void **state)
{
	static struct hello message, records;
	struct hello_wish wish = {.name = "mx.example.net", .padding = 60000};
	struct seen seen;

	hello_message(&message, &wish);
	hello_records(&records, &message, 16384);
	for (size_t piece = 1; piece < 40000; piece = piece * 3 + 1) {
		seen = read_in(records.octets, records.len, piece);
		assert_int_equal(seen.outcome, MW_TLS_CUT);
		assert_int_equal(seen.used, MW_TLS_HELLO_MAX);
		assert_int_equal(seen.name_len, 0); /* it lay behind */
	}
}

/* Of several names the first counts, and of a list the first of its type. */
static void test_two_names(void **state)
{
	static struct hello message, records;
	static const char two[] = "first\0\0\6second"; /* one name, then another entry */
	struct hello_wish wish = {.name = two, .name_len = 14};
	struct seen seen;

	hello_message(&message, &wish);
	message.octets[89] = 5; /* the first is five octets long */
	hello_records(&records, &message, 16384);
	seen = read_in(records.octets, records.len, 3);
	assert_int_equal(seen.outcome, MW_TLS_WHOLE);
	assert_int_equal(seen.name_len, 5);
	assert_memory_equal(seen.name, "first", 5);
}

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Changed octets: the same however they are cut. */
static void test_mutations(void **state)
{
	static struct hello message, records;
	struct hello_wish wish = {
		.name = "mx.example.net", .versions = V("\x03\x04\x03\x03"), .padding = 20};
	unsigned whole = 0, bad = 0;

	for (uint64_t seed = 1; seed <= 20000; seed++) {
		uint64_t random = seed;
		struct seen at_once, cut;

		wish.names_last = seed % 2 == 0;
		hello_message(&message, &wish);
		for (uint64_t i = next(&random) % 3; i > 0; i--)
			message.octets[next(&random) % message.len] = (uint8_t)next(&random);
		hello_records(&records, &message, 1 + next(&random) % 200);
		if (seed % 4 == 0)
			records.octets[next(&random) % records.len] = (uint8_t)next(&random);
		at_once = read_in(records.octets, records.len, records.len);
		cut = read_in(records.octets, records.len, 1 + next(&random) % 40);
		assert_same(&at_once, &cut);
		whole += at_once.outcome == MW_TLS_WHOLE;
		bad += at_once.outcome == MW_TLS_BAD;
		if (at_once.outcome == MW_TLS_BAD)
			assert_int_equal(at_once.name_len, 0);
	}
	assert_true(whole > 1000 && bad > 1000); /* else the mutations test nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_torso),
		cmocka_unit_test(test_liars),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_two_names),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests_name("smtp_tls_hello", tests, NULL, NULL);
}
