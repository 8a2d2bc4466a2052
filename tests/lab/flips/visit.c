#include "tests/lab/flips/visit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 3000
/* What is dropped is waited for no longer than that; the kernel repeats its SYN after a second. */
#define SILENCE_MS   100
#define MESSAGE_LINE "An ordinary line of an ordinary letter, one of many.\r\n"
#define LINES	     60

static struct visit_ends ends;
static int listener[2];
static char why[256];

void visit_open(const struct visit_ends *at)
{
	ends = *at;
	for (int v6 = 0; v6 < 2; v6++)
		listener[v6] = wire_bound(WIRE_INTERNET, &ends.server[v6], 25, 64);
}

static bool ready(int fd, short what, int patience_ms)
{
	struct pollfd p = {.fd = fd, .events = what};

	return poll(&p, 1, patience_ms) == 1;
}

static bool put(int fd, const char *text, size_t len)
{
	return ready(fd, POLLOUT, PATIENCE_MS) && send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* What one end says is what the other hears, octet for octet. */
static bool exchange(int from, int to, const char *text)
{
	size_t len = strlen(text), have = 0;
	char got[8192];

	if (!put(from, text, len))
		return false;
	while (have < len) {
		ssize_t n =
			ready(to, POLLIN, PATIENCE_MS) ? recv(to, got + have, len - have, 0) : 0;

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return memcmp(got, text, len) == 0;
}

static const char *message(void)
{
	static char text[sizeof(MESSAGE_LINE) * LINES + 64];

	if (text[0] == '\0') {
		strcpy(text, "Subject: a visit\r\n\r\n");
		for (int i = 0; i < LINES; i++)
			strcat(text, MESSAGE_LINE);
		strcat(text, ".\r\n");
	}
	return text;
}

static const char *whole_session(int client, int server)
{
	const struct {
		bool from_server;
		const char *text;
	} dialogue[] = {
		{true, "220 visited.example ESMTP\r\n"},
		{false, "EHLO visitor.example\r\n"},
		{true, "250-visited.example\r\n250 8BITMIME\r\n"},
		{false, "MAIL FROM:<me@outlet.example>\r\n"},
		{true, "250 2.1.0 ok\r\n"},
		{false, "RCPT TO:<you@visited.example>\r\n"},
		{true, "250 2.1.5 ok\r\n"},
		{false, "DATA\r\n"},
		{true, "354 go on\r\n"},
		{false, message()},
		{true, "250 2.0.0 stored\r\n"},
		{false, "QUIT\r\n"},
		{true, "221 2.0.0 bye\r\n"},
	};

	for (size_t i = 0; i < sizeof(dialogue) / sizeof(dialogue[0]); i++) {
		int from = dialogue[i].from_server ? server : client;

		if (!exchange(from, from == server ? client : server, dialogue[i].text)) {
			snprintf(why, sizeof(why), "this did not pass whole: %.20s",
				dialogue[i].text);
			return why;
		}
	}
	return NULL;
}

/* Reads until the end of a reply that begins with `code`. */
static bool hears(int client, const char *code, const char *word)
{
	char got[2048];
	size_t have = 0;

	while (have < sizeof(got) - 1 && (have == 0 || got[have - 1] != '\n')) {
		ssize_t n = ready(client, POLLIN, PATIENCE_MS)
				    ? recv(client, got + have, sizeof(got) - 1 - have, 0)
				    : 0;

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	got[have] = '\0';
	return strncmp(got, code, strlen(code)) == 0 && strstr(got, word) != NULL;
}

static const char *refused(int client)
{
	if (!hears(client, "220 ", "mailweir.isp.example"))
		return "the responder does not greet";
	if (!put(client, "EHLO visitor.example\r\n", 22) || !hears(client, "250", ""))
		return "the responder does not answer EHLO";
	if (!put(client, "MAIL FROM:<me@outlet.example>\r\n", 31) ||
		!hears(client, "550 5.7.1 ", ""))
		return "the responder does not refuse MAIL";
	return NULL;
}

static const char *judge(const char *verdict, int client, bool v6)
{
	bool passes = strcmp(verdict, "pass") == 0, drops = strcmp(verdict, "drop") == 0;
	bool connected = ready(client, POLLOUT, drops ? SILENCE_MS : PATIENCE_MS);
	int error = 0, server;
	socklen_t len = sizeof(error);
	const char *fault;

	getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &len);
	if (drops)
		return connected ? "somebody answers" : NULL;
	if (strcmp(verdict, "reset") == 0)
		return error == ECONNREFUSED ? NULL : "it is not refused by a RST";
	if (!connected || error != 0)
		return "it does not get through";
	if (!passes)
		return refused(client);
	if (!ready(listener[v6], POLLIN, PATIENCE_MS))
		return "the server does not see it";
	server = accept(listener[v6], NULL, NULL);
	fault = whole_session(client, server);
	close(server);
	return fault;
}

const char *visit(const char *verdict, bool v6)
{
	int client = wire_bound(WIRE_CUSTOMERS, &ends.client[v6], 0, 0), stray;
	int rc = wire_connect(client, &ends.server[v6], 25);
	const char *fault =
		rc == 0 || rc == -ECONNREFUSED ? judge(verdict, client, v6) : "it cannot connect";

	close(client);
	/* Nobody but the one who was let in may have come to the server. */
	stray = accept(listener[v6], NULL, NULL);
	if (stray >= 0) {
		close(stray);
		fault = fault == NULL ? "a connection came to the server" : fault;
	}
	return fault;
}
