#include "tests/lab/flips/stream.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/time.h"
#include "tests/lab/flips/random.h"

#define OCTETS_A_SECOND (512u * 1024)
/* A dataplane that starts again may be away for some seconds, and TCP then waits longer still. */
#define PATIENCE_NS (50 * MW_NS_PER_S)

void stream_pace(int fd)
{
	unsigned int rate = OCTETS_A_SECOND;

	if (setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) != 0)
		err(1, "SO_MAX_PACING_RATE");
}

uint16_t stream_port_of(int fd, bool own)
{
	struct sockaddr_in6 address; /* the port lies in the same place for IPv4 */
	socklen_t len = sizeof(address);
	int rc = own ? getsockname(fd, (struct sockaddr *)&address, &len)
		     : getpeername(fd, (struct sockaddr *)&address, &len);

	return rc == 0 ? ntohs(address.sin6_port) : 0;
}

void stream_fail(struct stream *s, const char *why)
{
	if (!s->failed)
		snprintf(s->why, sizeof(s->why), "%.90s", why);
	s->failed = true;
}

static void end_begin(struct stream_end *end)
{
	end->fd = -1;
	end->out = malloc(STREAM_OCTETS_MAX);
	end->sent = EVP_MD_CTX_new();
	end->got = EVP_MD_CTX_new();
	if (end->out == NULL || end->sent == NULL || end->got == NULL ||
		EVP_DigestInit_ex(end->sent, EVP_sha256(), NULL) != 1 ||
		EVP_DigestInit_ex(end->got, EVP_sha256(), NULL) != 1)
		errx(1, "no memory for a stream");
}

static void put(struct stream_end *end, const void *data, size_t len)
{
	if (end->out_at == end->out_len)
		end->out_at = end->out_len = 0;
	if (end->out_len + len > STREAM_OCTETS_MAX)
		errx(1, "a stream has more to say than there is room for");
	memcpy(end->out + end->out_len, data, len);
	end->out_len += len;
}

static void say(struct stream_end *end, const char *text)
{
	put(end, text, strlen(text));
}

void stream_begin(struct stream *s, enum stream_kind kind, bool v6, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->v6 = v6;
	s->seed = seed;
	end_begin(&s->client);
	end_begin(&s->server);
	if (kind == STREAM_MAIL) {
		say(&s->server, "220 load.example ESMTP\r\n");
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct stream_end *end = i == 0 ? &s->client : &s->server;

		end->out_len = STREAM_OCTETS_MAX / 4 +
			       random_of(seed * 2 + (uint64_t)i) % (STREAM_OCTETS_MAX * 3 / 4);
		random_fill(random_of(seed) + (uint64_t)i, end->out, end->out_len);
		end->last = true;
	}
}

/* Lines of printable octets; some begin with a dot, and are stuffed. */
static void say_message(struct stream *s)
{
	uint64_t random = random_of(s->seed), octets = random % STREAM_MAIL_MAX;
	char line[80];

	say(&s->client, "From: <a@load.example>\r\nSubject: one of many\r\n\r\n");
	for (uint64_t done = 0; done < octets;) {
		size_t len = 2 + random_of(random + done) % 70;

		random_fill(random + done, (uint8_t *)line, len);
		for (size_t i = 0; i < len; i++)
			line[i] = (char)(' ' + (unsigned char)line[i] % 90);
		if (line[0] == '.')
			line[1] = '.';
		put(&s->client, line, len);
		say(&s->client, "\r\n");
		done += len + 2;
	}
	say(&s->client, ".\r\n");
}

static void on_reply(struct stream *s, const char *line)
{
	static const char *const commands[] = {"EHLO c.load.example\r\n",
		"MAIL FROM:<a@load.example>\r\n", "RCPT TO:<b@load.example>\r\n", "DATA\r\n", NULL,
		"QUIT\r\n"};
	const size_t steps = sizeof(commands) / sizeof(commands[0]);

	if (line[0] != '2' && line[0] != '3') {
		stream_fail(s, line);
		return;
	}
	if (line[3] == '-')
		return;
	if (s->client.step < steps && commands[s->client.step] != NULL)
		say(&s->client, commands[s->client.step]);
	else if (s->client.step < steps)
		say_message(s);
	s->client.last = ++s->client.step >= steps;
}

static void on_command(struct stream *s, const char *line)
{
	struct stream_end *server = &s->server;

	if (server->in_data) {
		if (strcmp(line, ".") != 0)
			return;
		server->in_data = false;
		say(server, "250 2.0.0 stored\r\n");
	} else if (strncmp(line, "EHLO", 4) == 0) {
		say(server, "250-load.example\r\n250 8BITMIME\r\n");
	} else if (strcmp(line, "DATA") == 0) {
		server->in_data = true;
		say(server, "354 go on\r\n");
	} else if (strcmp(line, "QUIT") == 0) {
		say(server, "221 2.0.0 bye\r\n");
		server->last = true;
	} else {
		say(server, "250 2.0.0 ok\r\n");
	}
}

static void take(struct stream *s, struct stream_end *end, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			end->line_len -= end->line_len > 0 && end->line[end->line_len - 1] == '\r';
			end->line[end->line_len] = '\0';
			end->line_len = 0;
			if (end == &s->client)
				on_reply(s, end->line);
			else
				on_command(s, end->line);
		} else if (end->line_len < STREAM_LINE_MAX - 1) {
			end->line[end->line_len++] = data[i];
		}
	}
}

static bool read_some(struct stream *s, struct stream_end *end)
{
	char data[16384];
	bool moved = false;

	while (!end->eof && !s->failed) {
		ssize_t n = recv(end->fd, data, sizeof(data), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
			break;
		if (n < 0) {
			stream_fail(s, strerror(errno));
			break;
		}
		moved = true;
		end->eof = n == 0;
		end->got_octets += (uint64_t)n;
		EVP_DigestUpdate(end->got, data, (size_t)n);
		if (s->kind == STREAM_MAIL)
			take(s, end, data, (size_t)n);
	}
	return moved;
}

static bool write_some(struct stream *s, struct stream_end *end)
{
	bool moved = false;

	while (end->out_at < end->out_len && !s->failed) {
		ssize_t n = send(end->fd, end->out + end->out_at, end->out_len - end->out_at,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
			break;
		if (n < 0) {
			stream_fail(s, strerror(errno));
			break;
		}
		moved = true;
		EVP_DigestUpdate(end->sent, end->out + end->out_at, (size_t)n);
		end->sent_octets += (uint64_t)n;
		end->out_at += (size_t)n;
	}
	if (end->last && end->out_at == end->out_len && !end->shut && !s->failed) {
		end->shut = shutdown(end->fd, SHUT_WR) == 0;
		moved = true;
	}
	return moved;
}

bool stream_turn(struct stream *s, uint64_t now_ns)
{
	struct stream_end *ends[2] = {&s->client, &s->server};
	bool over = true;

	if (s->moved_ns == 0)
		s->moved_ns = now_ns;
	for (int i = 0; i < 2; i++) {
		bool has_read, has_written;

		if (ends[i]->fd < 0) {
			over = false;
			continue;
		}
		has_read = read_some(s, ends[i]);
		has_written = write_some(s, ends[i]);
		if (has_read || has_written)
			s->moved_ns = now_ns;
		over = over && ends[i]->shut && ends[i]->eof;
	}
	if (now_ns - s->moved_ns > PATIENCE_NS)
		stream_fail(s, "nothing moved for 50 s");
	return over || s->failed;
}

static bool same(EVP_MD_CTX *sent, EVP_MD_CTX *got)
{
	uint8_t a[EVP_MAX_MD_SIZE], b[EVP_MAX_MD_SIZE];

	return EVP_DigestFinal_ex(sent, a, NULL) == 1 && EVP_DigestFinal_ex(got, b, NULL) == 1 &&
	       memcmp(a, b, 32) == 0;
}

static void end_end(struct stream_end *end)
{
	if (end->fd >= 0)
		close(end->fd);
	free(end->out);
	EVP_MD_CTX_free(end->sent);
	EVP_MD_CTX_free(end->got);
}

enum stream_fate stream_end(struct stream *s)
{
	enum stream_fate fate = STREAM_WHOLE;

	if (s->failed)
		fate = STREAM_BROKEN;
	else if (!same(s->client.sent, s->server.got) || !same(s->server.sent, s->client.got))
		fate = STREAM_ALTERED;
	end_end(&s->client);
	end_end(&s->server);
	return fate;
}
