/*
 * The ZIP reader: what honest archives hold, what lying ones hide, and the same members however the
 * octets are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/proto/magic.h"
#include "dataplane/proto/zip.h"
#include "tests/mime/random.h"

struct archive {
	uint8_t data[8192];
	size_t len;
};

static void put(struct archive *a, uint64_t v, int octets)
{
	for (int i = 0; i < octets; i++)
		a->data[a->len++] = (uint8_t)(i < 8 ? v >> 8 * i : 0);
}

static void put_text(struct archive *a, const char *text)
{
	memcpy(a->data + a->len, text, strlen(text));
	a->len += strlen(text);
}

struct entry {
	const char *name, *content, *extra;
	size_t extra_len;
	uint32_t flags, stored, size; /* as the header says */
};

static void header(struct archive *a, const struct entry *e, bool central)
{
	put(a, central ? 0x02014b50 : 0x04034b50, 4);
	if (central)
		put(a, 20, 2);
	put(a, 20, 2);
	put(a, e->flags, 2);
	put(a, 0, 2 + 4 + 4);
	put(a, e->stored, 4);
	put(a, e->size, 4);
	put(a, strlen(e->name), 2);
	put(a, e->extra_len, 2);
	if (central)
		put(a, 0, 2 + 2 + 2 + 4 + 4);
	put_text(a, e->name);
	if (e->extra_len > 0)
		memcpy(a->data + a->len, e->extra, e->extra_len);
	a->len += e->extra_len;
}

static void local(struct archive *a, const struct entry *e)
{
	header(a, e, false);
	put_text(a, e->content);
}

static void directory_end(struct archive *a)
{
	put(a, 0x06054b50, 4);
	put(a, 0, 18);
}

static char told[65536];

static void on_member(void *ctx, const struct mw_zip_member *m)
{
	size_t len = strlen(told);

	(void)ctx;
	if (m->size_known)
		snprintf(told + len, sizeof(told) - len, "%s%s%s%s%.*s %llu, ",
			m->directory ? "D:" : "", m->nested ? "N:" : "", m->encrypted ? "C:" : "",
			m->name_cut ? "cut:" : "", (int)m->name.len, m->name.data,
			(unsigned long long)m->size);
	else
		snprintf(told + len, sizeof(told) - len, "%s%s%s%s%.*s ?, ",
			m->directory ? "D:" : "", m->nested ? "N:" : "", m->encrypted ? "C:" : "",
			m->name_cut ? "cut:" : "", (int)m->name.len, m->name.data);
}

/* The members, and "." when the end of the directory came. */
static const char *members(const uint8_t *data, size_t len, size_t piece)
{
	static struct mw_zip zip;

	told[0] = '\0';
	memset(&zip, 0x5a, sizeof(zip));
	mw_zip_init(&zip, on_member, NULL);
	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		uint8_t *copy = malloc(n);

		memcpy(copy, data + at, n);
		mw_zip_feed(&zip, mw_span_of(copy, n));
		free(copy);
	}
	if (mw_zip_finish(&zip))
		strcat(told, ".");
	return told;
}

static void expect(const struct archive *a, const char *want)
{
	for (size_t piece = 1; piece < 70; piece++)
		assert_string_equal(members(a->data, a->len, piece), want);
	assert_string_equal(members(a->data, a->len, a->len), want);
}

static const struct entry plain = {"a.txt", "hello", "", 0, 0, 5, 5};
static const struct entry trailing = {"b.exe", "PK?P", "", 0, 8, 0, 0};
static const struct entry trailing_known = {"b.exe", "", "", 0, 8, 4, 4};
static const struct entry crypted = {"secret", "xxx", "", 0, 1, 3, 9};

static void test_honest(void **state)
{
	static const struct entry large = {"large", "", "\1\0\20\0\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0",
		20, 0, 0xffffffff, 0xffffffff};
	struct archive a = {0};

	(void)state;
	local(&a, &plain);
	local(&a, &trailing);
	put(&a, 0x08074b50, 4);
	put(&a, 0, 12);
	local(&a, &crypted);
	local(&a, &large);
	expect(&a, "a.txt 5, b.exe ?, C:secret 9, large 8589934592, ");
	header(&a, &plain, true);
	header(&a, &trailing_known, true);
	directory_end(&a);
	expect(&a, "a.txt 5, b.exe ?, C:secret 9, large 8589934592, D:a.txt 5, D:b.exe 4, .");
}

static void test_lies(void **state)
{
	static const struct entry endless = {"cover", "", "", 0, 0, 0xfffffff0, 1};
	static const struct entry no_name = {"", "", "", 0, 0, 0, 0};
	struct archive a = {0};

	(void)state;
	/* data that is said to go on beyond everything */
	local(&a, &endless);
	local(&a, &plain);
	directory_end(&a);
	expect(&a, "cover 1, N:a.txt 5, ");
	/* a header whose name would swallow the one behind it */
	a.len = 0;
	header(&a, &plain, false);
	a.data[26] = 0xff;
	a.data[27] = 0xff;
	local(&a, &crypted);
	directory_end(&a);
	expect(&a, "cut:a.txt 5, N:C:secret 9, .");
	/* the same with its extra fields, and with a fixed part that is cut short */
	a.len = 0;
	header(&a, &plain, false);
	a.data[28] = 0xff;
	local(&a, &crypted);
	put(&a, 0x04034b50, 4);
	put(&a, 7, 5);
	local(&a, &trailing);
	directory_end(&a);
	expect(&a, "a.txt 5, N:C:secret 9, b.exe ?, .");
	a.len = 0;
	local(&a, &no_name);
	put_text(&a, "PPKPK\3P");
	local(&a, &plain);
	expect(&a, "a.txt 5, ");
}

static void test_long_name(void **state)
{
	struct archive a = {0};
	struct entry e = plain;
	char name[1200], want[1400];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[1100] = '\0';
	e.name = name;
	local(&a, &e);
	local(&a, &plain);
	snprintf(want, sizeof(want), "cut:%.512s 5, N:a.txt 5, ", name);
	e.stored = 0;
	members(a.data, a.len, a.len);
	/* behind what is kept of a name the search goes on */
	assert_non_null(strstr(told, "a.txt 5, "));
	told[sizeof(told) - 1] = '\0';
	assert_memory_equal(told, want, 516);
	/* cut off in a name */
	a.len = 0;
	local(&a, &plain);
	a.len = 33;
	expect(&a, "cut:a.t 5, ");
}

static void test_hostile(void **state)
{
	struct rng r = {rng_seed("hostile archives")};
	static struct archive a;
	static char whole[sizeof(told)];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		a.len = 0;
		for (int i = 0; i < 6; i++) {
			header(&a, i % 2 == 0 ? &plain : &crypted, rng_below(&r, 3) == 0);
			put_text(&a, "PK\3\4PK\1\2");
		}
		for (int i = 0; i < 12; i++)
			a.data[rng_below(&r, a.len)] = (uint8_t)rng_next(&r);
		strcpy(whole, members(a.data, a.len, a.len));
		assert_string_equal(members(a.data, a.len, 1 + rng_below(&r, 50)), whole);
	}
}

static void test_magic(void **state)
{
	static const struct {
		const char *head;
		size_t len;
		const char *name;
	} rows[] = {
		{"MZ\x90\0\3\0\0\0", 8, "exe"},
		{"MZ is how this text begins", 26, NULL},
		{"\177ELF\2\1\1", 7, "elf"},
		{"PK\3\4\24\0", 6, "zip"},
		{"%PDF-1.7\n", 9, "pdf"},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, "ole"},
		{"Rar!\x1a\7\1\0", 8, "rar"},
		{"\x1f\x8b\10\0", 4, "gzip"},
		{"7z\xbc\xaf\x27\x1c", 6, "7z"},
		{"BZh9", 4, "bzip2"},
		{"\xfd\x37zXZ\0", 6, "xz"},
		{"MSCF\0\0\0\0", 8, "cab"},
		{"{\\rtf1", 6, "rtf"},
		{"\x78\x9f\x3e\x22", 4, "tnef"},
		{"<?xml version", 13, "xml"},
		{"II*\0", 4, "tiff"},
		{"MM\0*", 4, "tiff"},
		{"RIFF", 4, "riff"},
		{"BM\1\0\0\0", 6, "bmp"},
		{"\xfe\xed\xfa\xcf", 4, "macho"},
		{"\xce\xfa\xed\xfe", 4, "macho"},
		{"\xcf\xfa\xed\xfe", 4, "macho"},
		{"L\0\0\0\1\x14\2\0", 8, "lnk"},
		{"\xca\xfe\xba\xbe\0\0\0\2", 8, "macho"},
		{"\xca\xfe\xba\xbe\0\0\0\x34", 8, "class"},
		{" \r\n<!DOCTYPE HTML>", 18, "html"},
		{"\xef\xbb\xbf<html>", 9, "html"},
		{"\x89PNG\r\n\x1a\n", 8, "png"},
		{"\xff\xd8\xff\xe0", 4, "jpeg"},
		{"GIF89a", 6, "gif"},
		{"#!/bin/sh\n", 10, "script"},
		{"P", 1, NULL},
		{"", 0, NULL},
		{"hello", 5, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name =
			mw_magic_name(mw_magic_of(mw_span_of(rows[i].head, rows[i].len)));

		if (rows[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_honest),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_magic),
	};

	return cmocka_run_group_tests_name("zip and magic", tests, NULL, NULL);
}
