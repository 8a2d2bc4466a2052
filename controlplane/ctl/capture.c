/* A message as a capture: see capture.h. */
#include "controlplane/ctl/capture.h"

#include <errno.h>
#include <string.h>

#define SEGMENT	 1400
#define LINK_RAW 101 /* LINKTYPE_RAW: packets begin with the IP header */

struct side {
	uint8_t address[4];
	uint16_t port;
	uint32_t seq;
};

struct writer {
	FILE *out;
	uint64_t us;
	struct side client, server;
	uint8_t content[SEGMENT]; /* of the message, not yet sent */
	size_t content_len;
};

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

static void le32(FILE *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		fputc((int)(v >> (8 * i) & 0xff), out);
}

static void be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, (uint16_t)(v >> 16));
	be16(p + 2, (uint16_t)v);
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		start += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2 == 1)
		start += (uint32_t)p[len - 1] << 8;
	return start;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void packet(struct writer *w, struct side *from, const struct side *to, uint8_t flags,
	const void *data, size_t len)
{
	uint8_t p[40 + SEGMENT] = {0x45};
	uint16_t total = (uint16_t)(40 + len);
	uint32_t pseudo;

	be16(p + 2, total);
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, from->address, 4);
	memcpy(p + 16, to->address, 4);
	be16(p + 10, fold(sum(p, 20, 0)));
	be16(p + 20, from->port);
	be16(p + 22, to->port);
	be32(p + 24, from->seq);
	be32(p + 28, (flags & ACK) != 0 ? to->seq : 0);
	p[32] = 5 << 4;
	p[33] = flags;
	be16(p + 34, 65535);
	if (len > 0)
		memcpy(p + 40, data, len);
	pseudo = sum(p + 12, 8, 6u + 20u + (uint32_t)len);
	be16(p + 36, fold(sum(p + 20, 20 + len, pseudo)));
	le32(w->out, (uint32_t)(w->us / 1000000));
	le32(w->out, (uint32_t)(w->us % 1000000));
	le32(w->out, total);
	le32(w->out, total);
	fwrite(p, 1, total, w->out);
	from->seq += (uint32_t)len + ((flags & (SYN | FIN)) != 0 ? 1u : 0u);
	w->us += 1000;
}

static void client_says(struct writer *w, const char *text)
{
	packet(w, &w->client, &w->server, ACK | PSH, text, strlen(text));
}

static void server_says(struct writer *w, const char *text)
{
	packet(w, &w->server, &w->client, ACK | PSH, text, strlen(text));
}

static void flush(struct writer *w)
{
	if (w->content_len > 0)
		packet(w, &w->client, &w->server, ACK, w->content, w->content_len);
	w->content_len = 0;
	packet(w, &w->server, &w->client, ACK, NULL, 0);
}

static void put(struct writer *w, uint8_t octet)
{
	if (w->content_len == sizeof(w->content))
		flush(w);
	w->content[w->content_len++] = octet;
}

static void content(struct writer *w, struct mw_span message)
{
	uint8_t before = '\n';

	for (size_t i = 0; i < message.len; i++) {
		uint8_t octet = message.data[i];

		if (octet == '.' && before == '\n')
			put(w, '.');
		if (octet == '\n' && before != '\r')
			put(w, '\r');
		put(w, octet);
		before = octet;
	}
	if (before != '\n') {
		put(w, '\r');
		put(w, '\n');
	}
	flush(w);
}

int mw_capture_message(FILE *out, struct mw_span message, uint64_t now_s)
{
	struct writer w = {.out = out,
		.us = now_s * 1000000,
		.client = {.address = {192, 0, 2, 1}, .port = 40000, .seq = 1000},
		.server = {.address = {198, 51, 100, 1}, .port = 25, .seq = 5000}};

	le32(out, 0xa1b2c3d4);
	le32(out, 2 | 4 << 16); /* version 2.4 */
	le32(out, 0);
	le32(out, 0);
	le32(out, 65535);
	le32(out, LINK_RAW);
	packet(&w, &w.client, &w.server, SYN, NULL, 0);
	packet(&w, &w.server, &w.client, SYN | ACK, NULL, 0);
	packet(&w, &w.client, &w.server, ACK, NULL, 0);
	server_says(&w, "220 mx.example.net ESMTP\r\n");
	client_says(&w, "EHLO host.example.org\r\n");
	server_says(&w, "250-mx.example.net\r\n250 8BITMIME\r\n");
	client_says(&w, "MAIL FROM:<sender@example.org>\r\n");
	server_says(&w, "250 OK\r\n");
	client_says(&w, "RCPT TO:<recipient@example.net>\r\n");
	server_says(&w, "250 OK\r\n");
	client_says(&w, "DATA\r\n");
	server_says(&w, "354 go on\r\n");
	content(&w, message);
	client_says(&w, ".\r\n");
	server_says(&w, "250 OK\r\n");
	client_says(&w, "QUIT\r\n");
	server_says(&w, "221 bye\r\n");
	packet(&w, &w.client, &w.server, FIN | ACK, NULL, 0);
	packet(&w, &w.server, &w.client, FIN | ACK, NULL, 0);
	packet(&w, &w.client, &w.server, ACK, NULL, 0);
	return fflush(out) == 0 && ferror(out) == 0 ? 0 : -EIO;
}
