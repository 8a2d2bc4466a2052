/*
 * Prints the facts of mails, for leafs.py to compare with another parser's: names of files on
 * stdin, one a line. Bare LF is made CRLF first, as a mail would travel. Each mail is fed in
 * pieces. F name | L path type size sha256 | H header hex-of-value | U url | A anomaly-bits-in-hex
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/mime/bench.h"

static void hex(const char *key, const uint8_t *data, size_t len)
{
	printf("%s\t", key);
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	putchar('\n');
}

static void header(const char *name, struct mw_span value)
{
	char key[64];

	if (value.data == NULL)
		return;
	snprintf(key, sizeof(key), "H\t%s", name);
	hex(key, value.data, value.len);
}

static void print(const char *name, const struct mw_message_facts *f)
{
	printf("F\t%s\n", name);
	for (const struct mw_message_part *p = f->parts; p != NULL; p = p->next) {
		printf("L\t%.*s\t%.*s\t%llu\t", (int)p->path.len, p->path.data,
			(int)p->content_type.len, p->content_type.data,
			(unsigned long long)p->size);
		for (int i = 0; i < 32; i++)
			printf("%02x", p->sha256[i]);
		putchar('\t');
		hex(p->filename.data != NULL ? "N" : "-", p->filename.data, p->filename.len);
	}
	header("from", f->from);
	header("to", f->to);
	header("subject", f->subject);
	header("date", f->date);
	header("message-id", f->message_id);
	header("x-mailer", f->x_mailer);
	for (const struct mw_message_url *u = f->urls; u != NULL; u = u->next)
		hex("U", u->text.data, u->text.len);
	printf("A\t%llx\t%d\n", (unsigned long long)f->anomalies, f->truncated);
}

int main(void)
{
	struct bench *b = bench_open();
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (b == NULL)
		return 2;
	while ((len = getline(&line, &size, stdin)) > 0) {
		struct mw_span mail;

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (bench_read(line, true, &mail) < 0) {
			fprintf(stderr, "%s: %s\n", line, strerror(errno));
			return 2;
		}
		bench_begin(b, MW_MESSAGE_WANT_FACTS, NULL, NULL);
		for (size_t at = 0; at < mail.len; at += 1448)
			mw_message_feed(b->m, mw_span_of(mail.data + at,
						      mail.len - at < 1448 ? mail.len - at : 1448));
		mw_message_end(b->m, true);
		print(line, mw_message_facts(b->m));
		free((void *)(uintptr_t)mail.data);
	}
	free(line);
	bench_close(b);
	return 0;
}
