/* Imports: each kind of bad line by its number, RFC 4180 quoting, a million lines in seconds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "controlplane/input/csv.h"

struct seen {
	uint64_t rows;
	struct mw_csv_customer last;
	struct mw_csv_contact contact;
	uint64_t refuse_line;
};

static int on_customer(void *ctx, const struct mw_csv_customer *row, char *error, size_t size)
{
	struct seen *s = ctx;

	s->rows++;
	s->last = *row;
	if (s->refuse_line == row->line) {
		snprintf(error, size, "the store says no");
		return -1;
	}
	return 0;
}

static int on_contact(void *ctx, const struct mw_csv_contact *row, char *error, size_t size)
{
	struct seen *s = ctx;

	s->rows++;
	s->contact = *row;
	return 0;
}

static bool class_known(void *ctx, const char *name)
{
	return strcmp(name, "business") == 0 || strcmp(name, "fope") == 0;
}

static int read_customers(const char *text, size_t len, struct seen *s, struct mw_csv_result *r)
{
	FILE *in = len == 0 ? fopen("/dev/null", "r") : fmemopen((void *)(uintptr_t)text, len, "r");
	int rc = mw_csv_customers(in, "f.csv", class_known, on_customer, s, r);

	fclose(in);
	return rc;
}

static int read_contacts(const char *text, struct seen *s, struct mw_csv_result *r)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int rc = mw_csv_contacts(in, "f.csv", on_contact, s, r);

	fclose(in);
	return rc;
}

#define H  "customer,name,class,prefixes\n"
#define HO "customer,name,class,prefixes,inspection,tam,valid_from,valid_to\n"

static void customers(void **state)
{
	static struct seen s;
	static const char text[] =
		"\xef\xbb\xbfprefixes,class,valid_to,name,customer,inspection\r\n"
		"192.0.2.0/24 2001:db8::/32  vlan:100.7 vlan:9,business,2026-12-31,"
		"\"M\xc3\xbcller, \"\"Post\"\" GmbH\",C-1,content-sample\r\n"
		"\r\n"
		"198.51.100.7,fope,,Other,C-2,";
	struct mw_csv_result r;
	char key[MW_LINE_KEY_TEXT_MAX];

	memset(&s, 0, sizeof(s));
	assert_int_equal(read_customers(text, sizeof(text) - 1, &s, &r), 0);
	assert_int_equal(r.rows, 2);
	assert_string_equal(s.last.id, "C-2");
	assert_int_equal(s.last.line, 4);
	assert_false(s.last.has_inspection);
	assert_int_equal(s.last.valid_to_s, 0);
	s.refuse_line = 2;
	assert_int_equal(read_customers(text, sizeof(text) - 1, &s, &r), -EINVAL);
	assert_string_equal(r.error, "f.csv:2: the store says no");
	assert_string_equal(s.last.name, "M\xc3\xbcller, \"Post\" GmbH");
	assert_int_equal(s.last.line_count, 4);
	assert_int_equal(s.last.inspection, MW_INSPECTION_CONTENT_SAMPLE);
	assert_int_equal(s.last.valid_to_s, 1798761600); /* the last day belongs to it */
	assert_string_equal(mw_line_key_format(&s.last.lines[0], key), "192.0.2.0/24");
	assert_string_equal(mw_line_key_format(&s.last.lines[1], key), "2001:db8::/32");
	assert_string_equal(mw_line_key_format(&s.last.lines[2], key), "vlan:100.7");
	assert_string_equal(mw_line_key_format(&s.last.lines[3], key), "vlan:9");
}

static void bad_customers_by_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "f.csv:1: the file is empty"},
		{"customer,name,class\n", "f.csv:1: column \"prefixes\" is missing"},
		{"customer,name,class,prefixes,colour\n", "f.csv:1: unknown column \"colour\""},
		{"customer,name,class,prefixes,name\n", "f.csv:1: column \"name\" stands twice"},
		{H "A,a,business,\nB,b,business\n", "f.csv:3: 3 fields, the header has 4"},
		{H "A,a,business,,\n", "f.csv:2: 5 fields, the header has 4"},
		{H ",a,business,\n", "f.csv:2: customer \"\""},
		{H "A B,a,business,\n", "f.csv:2: customer \"A B\""},
		{H "-A,a,business,\n", "f.csv:2: customer \"-A\""},
		{H "A\xc3\xa4,a,business,\n", "f.csv:2: customer"},
		{H "A,,business,\n", "f.csv:2: customer A has no name"},
		{H "A, a,business,\n", "f.csv:2: name begins or ends with a blank"},
		{H "A,a,gold,\n", "f.csv:2: unknown class \"gold\""},
		{H "A,a,,\n", "f.csv:2: customer A has no class"},
		{H "A,a,business,192.0.2.1/24\n",
			"f.csv:2: prefixes: \"192.0.2.1/24\" has host bits"},
		{H "A,a,business,2001:db8::1/32\n",
			"f.csv:2: prefixes: \"2001:db8::1/32\" has host bits"},
		{H "A,a,business,192.0.2.0/33\n",
			"f.csv:2: prefixes: \"192.0.2.0/33\" is no prefix"},
		{H "A,a,business,example\n", "f.csv:2: prefixes: \"example\" is no prefix"},
		{H "A,a,business,vlan:0\n", "f.csv:2: prefixes: \"vlan:0\" is no VLAN"},
		{H "A,a,business,vlan:4095\n", "f.csv:2: prefixes: \"vlan:4095\" is no VLAN"},
		{H "A,a,business,vlan:1.\n", "f.csv:2: prefixes: \"vlan:1.\" is no VLAN"},
		{H "A,a,business,10.0.0.0/8 10.0.0.0/8\n",
			"f.csv:2: prefix \"10.0.0.0/8\" stands on line 2"},
		{H "A,a,business,10.0.0.0/8\nB,b,fope,\nC,c,fope,10.0.0.0/8\n",
			"f.csv:4: prefix \"10.0.0.0/8\" stands on line 2"},
		{H "A,a,business,\nB,b,fope,\nA,c,fope,\n",
			"f.csv:4: customer \"A\" stands on line 2"},
		{H "A,\"a,business,\n", "f.csv:2: a quoted field without its closing quote"},
		{H "A,\"a\"b,business,\n", "f.csv:2: text after the closing quote"},
		{H "A,a\"b,business,\n", "f.csv:2: a quote in the middle"},
		{H "A,a\tb,business,\n", "f.csv:2: a control character"},
		{H "A,a\x1b[2Jb,business,\n", "f.csv:2: a control character"},
		{H "A,a\rb,business,\n", "f.csv:2: a control character"},
		{H "A,a\xff,business,\n", "f.csv:2: octet 4 of the line is no UTF-8"},
		{H "A,a\xc0\xaf,business,\n", "f.csv:2: octet 4 of the line is no UTF-8"},
		{H "A,a\xed\xa0\x80,business,\n", "f.csv:2: octet 4 of the line is no UTF-8"},
		{H "A,a\xc2\x9b,business,\n", "f.csv:2: octet 4 of the line is no UTF-8"},
		{HO "A,a,business,,all,,,\n", "f.csv:2: unknown inspection \"all\""},
		{HO "A,a,business,,,,2026-02-29,\n",
			"f.csv:2: valid_from \"2026-02-29\" is no date"},
		{HO "A,a,business,,,,2026-03-01,2026-02-01\n", "f.csv:2: valid_to lies before"},
	};
	static struct seen s;
	struct mw_csv_result r;
	static char big[MW_CSV_LINE_MAX * 2];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = read_customers(cases[i].text, strlen(cases[i].text), &s, &r);

		if (rc != -EINVAL || strncmp(r.error, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("case %zu: rc %d \"%s\", wanted \"%s\"", i, rc, r.error,
				cases[i].error);
	}
	assert_int_equal(
		read_customers(H "A,\0,business,\n", sizeof(H "A,\0,business,\n") - 1, &s, &r),
		-EINVAL);
	assert_non_null(strstr(r.error, "f.csv:2: a control character"));
	memset(big, 'a', sizeof(big));
	memcpy(big, H, strlen(H));
	assert_int_equal(read_customers(big, sizeof(big), &s, &r), -EINVAL);
	assert_non_null(strstr(r.error, "f.csv:2: the line is longer"));
}

#define K "customer,position,name,role,phone,email,channel\n"

static void contacts(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{K "A,1,Ada,contact,+49 1,ada@c1.example,\nA,1,Bob,contact,,b@c1.example,\n",
			"f.csv:3: contact \"A contact 1\" stands on line 2"},
		{K "A,0,Ada,contact,+49 1,,\n", "f.csv:2: position \"0\""},
		{K "A,1x,Ada,contact,+49 1,,\n", "f.csv:2: position \"1x\""},
		{K "A,70000,Ada,contact,+49 1,,\n", "f.csv:2: position \"70000\""},
		{K "A,1,Ada,boss,+49 1,,\n", "f.csv:2: unknown role \"boss\""},
		{K "A,1,,contact,+49 1,,\n", "f.csv:2: a contact without a name"},
		{K "A,1,Ada,contact,call me,,\n", "f.csv:2: phone \"call me\""},
		{K "A,1,Ada,contact,,ada,\n", "f.csv:2: email \"ada\""},
		{K "A,1,Ada,contact,,a@b\"c,\n", "f.csv:2: a quote in the middle"},
		{K "A,1,Ada,contact,,a@c1.example> RCPT TO:<x@y.z,\n", "f.csv:2: email"},
		{K "A,1,Ada,contact,,,\n", "f.csv:2: a contact with neither"},
	};
	static struct seen s;
	struct mw_csv_result r;
	char many[4096] = K;

	memset(&s, 0, sizeof(s));
	assert_int_equal(
		read_contacts(K "A,2,Ada,tam-person,(030) 1/2-3,ada+x@c1.example,mail\n", &s, &r),
		0);
	assert_int_equal(s.contact.contact.position, 2);
	assert_int_equal(s.contact.contact.role, MW_CONTACT_TAM_PERSON);
	assert_string_equal(s.contact.contact.email, "ada+x@c1.example");
	/* The lists of contacts and of account managers are two. */
	assert_int_equal(
		read_contacts(K "A,1,Ada,contact,1,,\nA,1,Tom,tam,,t@isp.example,\n", &s, &r), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = read_contacts(cases[i].text, &s, &r);

		if (rc != -EINVAL || strncmp(r.error, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("case %zu: rc %d \"%s\", wanted \"%s\"", i, rc, r.error,
				cases[i].error);
	}
	for (int i = 1; i <= 17; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "A,%d,Ada,contact,1,,\n",
			i);
	assert_int_equal(read_contacts(many, &s, &r), -EINVAL);
	assert_string_equal(r.error, "f.csv:18: customer A has more than 16 contacts");
}

/* A million customers; the last line repeats the first, so every one was remembered. */
static void a_million_lines(void **state)
{
	FILE *f = tmpfile();
	struct timespec from, to;
	struct mw_csv_result r;
	static struct seen s;
	double took_s;

	assert_non_null(f);
	memset(&s, 0, sizeof(s));
	fputs(H, f);
	for (unsigned i = 0; i < 1000000; i++)
		fprintf(f, "C%u,\"Customer number %u\",business,10.%u.%u.%u 2001:db8:%x:%x::/64\n",
			i, i, i >> 16, i >> 8 & 255, i & 255, i >> 16, i & 0xffff);
	fputs("C0,again,business,\n", f);
	rewind(f);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(mw_csv_customers(f, "big", class_known, on_customer, &s, &r), -EINVAL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	fclose(f);
	took_s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	print_message("# a million customers with two prefixes each in %.2f s\n", took_s);
	assert_int_equal(r.rows, 1000000);
	assert_string_equal(r.error, "big:1000002: customer \"C0\" stands on line 2 already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(customers),
		cmocka_unit_test(bad_customers_by_line),
		cmocka_unit_test(contacts),
		cmocka_unit_test(a_million_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
