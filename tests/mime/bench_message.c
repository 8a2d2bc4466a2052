/*
 * How fast the message layer is, for what is asked of it: wire octets a second on one core, over a
 * generated mail with large base64 attachments and over a mail of text. Not a test: prints a table.
 *   bench_message [SECONDS [FILE...]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/mime/bench.h"
#include "tests/mime/mail_gen.h"

static uint64_t records, octets;

static void on_record(void *ctx, const struct mw_record *r)
{
	(void)ctx;
	records++;
	octets += r->data.len;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(struct bench *b, const char *mail_name, const char *want_name, uint32_t want,
	struct mw_span mail, double seconds)
{
	uint64_t messages = 0;
	double start, took;

	records = octets = 0;
	start = now();
	do {
		for (int i = 0; i < 4; i++) {
			mw_arena_reset(&b->arena);
			b->config.want = want;
			b->m = mw_message_init(
				b->memory, &b->config, &b->arena, b->scratch, on_record, NULL);
			for (size_t at = 0; at < mail.len; at += 1460)
				mw_message_feed(
					b->m, mw_span_of(mail.data + at,
						      mail.len - at < 1460 ? mail.len - at : 1460));
			mw_message_end(b->m, true);
			messages++;
		}
		took = now() - start;
	} while (took < seconds);
	printf("%-28s %-24s %8.2f Gbit/s %9.0f messages/s %8.2f us a message\n", mail_name,
		want_name, 8e-9 * (double)messages * (double)mail.len / took,
		(double)messages / took, 1e6 * took / (double)messages);
}

static void measure_all(struct bench *b, const char *name, struct mw_span mail, double seconds)
{
	static const struct {
		const char *name;
		uint32_t want;
	} wants[] = {
		{"facts", 0},
		{"facts, content key", MW_MESSAGE_WANT_CONTENT_KEY},
		{"facts, SHA-256", MW_MESSAGE_WANT_SHA256 | MW_MESSAGE_WANT_PART_SHA256},
		{"headers",
			MW_MESSAGE_WANT(MW_RECORD_HEADER) | MW_MESSAGE_WANT(MW_RECORD_HEADER_ALL)},
		{"body", MW_MESSAGE_WANT(MW_RECORD_BODY)},
		{"rawbody", MW_MESSAGE_WANT(MW_RECORD_RAWBODY)},
		{"attachments, full",
			MW_MESSAGE_WANT(MW_RECORD_ATTACHMENT) | MW_MESSAGE_WANT(MW_RECORD_FULL)},
		{"every record", MW_MESSAGE_WANT_RECORDS},
		{"everything", MW_MESSAGE_WANT_RECORDS | MW_MESSAGE_WANT_FACTS},
	};

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
		measure(b, name, wants[i].name, wants[i].want, mail, seconds);
}

static struct mw_span attachment_mail(void)
{
	static const char head[] =
		"From: a@example.com\r\nTo: b@example.com\r\nSubject: pictures\r\n"
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"
		"--b1\r\nContent-Type: text/plain\r\n\r\nSee the picture.\r\n--b1\r\n"
		"Content-Type: image/jpeg; name=\"p.jpg\"\r\nContent-Transfer-Encoding: "
		"base64\r\n\r\n";
	const size_t lines = 20000;
	uint8_t *data = malloc(sizeof(head) + lines * 78 + 16);
	struct rng r = {1};
	size_t len = sizeof(head) - 1;

	memcpy(data, head, len);
	for (size_t i = 0; i < lines; i++) {
		for (int k = 0; k < 76; k++)
			data[len++] =
				(uint8_t) "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789+/"[rng_below(&r, 64)];
		data[len++] = '\r';
		data[len++] = '\n';
	}
	memcpy(data + len, "--b1--\r\n", 8);
	return mw_span_of(data, len + 8);
}

int main(int argc, char **argv)
{
	struct bench *b = bench_open();
	double seconds = argc > 1 ? atof(argv[1]) : 0.3;
	struct mw_span mail = attachment_mail();

	if (b == NULL)
		return 2;
	measure_all(b, "base64, 1.5 MB", mail, seconds);
	free((void *)(uintptr_t)mail.data);
	for (int i = 2; i < argc; i++) {
		const char *name = strrchr(argv[i], '/');

		if (bench_read(argv[i], true, &mail) < 0)
			return 2;
		measure_all(b, name == NULL ? argv[i] : name + 1, mail, seconds);
		free((void *)(uintptr_t)mail.data);
	}
	bench_close(b);
	return 0;
}
