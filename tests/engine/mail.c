#include "tests/engine/mail.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/engine/fake_scan.h"

enum {
	STEP_GREETING,
	STEP_EHLO,
	STEP_ENVELOPE,
	STEP_DATA,
	STEP_CONTENT,
	STEP_QUIT,
	STEP_LEFT,
	STEP_DONE
};

static void add(struct mail_text *t, const char *text)
{
	size_t len = strlen(text);

	assert(t->len + len <= MAIL_MAX);
	memcpy(t->octets + t->len, text, len);
	t->len += (uint32_t)len;
}

static void compose(struct mail_text *t, struct net *net, uint32_t number, uint32_t size_max)
{
	static const char *const lines[] = {"plain words\r\n", ".\r\n", "..\r\n", ". dot first\r\n",
		"\r\n", "two\nlines of LF\r\n", "a\rb\r\n", "From me to you\r\n", "=3D=\r\n",
		"\n.\n", "\r.\r", "\t blank first\r\n"};
	uint32_t size = net_random(net, size_max);
	char line[120];

	memset(t, 0, offsetof(struct mail_text, octets));
	t->bdat = net_random(net, 3) == 0;
	t->bad = net_random(net, 3) == 0;
	snprintf(line, sizeof(line), "Subject: message %u\r\n\r\n", number);
	add(t, line);
	while (t->len < size)
		add(t, lines[net_random(net, sizeof(lines) / sizeof(lines[0]))]);
	if (t->bad)
		add(t, "\r\n\r\nhere is " FAKE_PHRASE " for you\r\n");
	if (t->octets[t->len - 2] != '\r' || t->octets[t->len - 1] != '\n')
		add(t, "\r\n");
}

void mail_init(struct mail_pair *pair, struct net *net, uint32_t messages, uint32_t size_max)
{
	assert(messages <= MAIL_MOST);
	memset(pair, 0, offsetof(struct mail_pair, current)); /* not the texts: megabytes */
	memset(&pair->current, 0, offsetof(struct mail_text, octets));
	pair->leaves_behind = pair->tears = UINT32_MAX;
	pair->to_send = messages;
	pair->pipelining = net_random(net, 2) == 0;
	pair->replies_awaited = 1;
	for (uint32_t i = 0; i < messages; i++)
		compose(&pair->sent[i], net, i, size_max);
}

void mail_choose_bad(struct mail_pair *pair, uint32_t number)
{
	for (uint32_t i = 0; i < pair->to_send; i++) {
		struct mail_text *t = &pair->sent[i];
		uint8_t *phrase = memmem(t->octets, t->len, FAKE_PHRASE, strlen(FAKE_PHRASE));

		if (phrase != NULL && i != number)
			memcpy(phrase, "some other text", strlen(FAKE_PHRASE));
		if (phrase == NULL && i == number)
			add(t, "\r\n" FAKE_PHRASE "\r\n");
		t->bad = i == number;
	}
}

static void say(struct net *net, enum net_end end, const char *text)
{
	net_write(net, end, text, strlen(text));
}

static void send_data(struct net *net, const struct mail_text *t, bool torn)
{
	bool line_start = true;
	static uint8_t out[2 * MAIL_MAX];
	uint32_t len = 0;

	for (uint32_t i = 0; i < t->len; i++) {
		if (line_start && t->octets[i] == '.' && !t->raw)
			out[len++] = '.';
		out[len++] = t->octets[i];
		line_start = i > 0 && t->octets[i - 1] == '\r' && t->octets[i] == '\n';
	}
	net_write(net, NET_CLIENT, out, torn ? len / 2 : len);
	if (!torn)
		say(net, NET_CLIENT, ".\r\n");
}

static uint32_t send_bdat(struct net *net, const struct mail_text *t, bool torn)
{
	uint32_t at = 0, chunks = 0;
	char command[40];

	if (torn) {
		snprintf(command, sizeof(command), "BDAT %u LAST\r\n", t->len);
		say(net, NET_CLIENT, command);
		net_write(net, NET_CLIENT, t->octets, t->len / 2);
		return 1;
	}
	do {
		uint32_t len = 1 + net_random(net, t->len);
		bool last;

		if (len > t->len - at)
			len = t->len - at;
		last = at + len == t->len && net_random(net, 2) == 0;
		snprintf(command, sizeof(command), "BDAT %u%s\r\n", len, last ? " LAST" : "");
		say(net, NET_CLIENT, command);
		net_write(net, NET_CLIENT, t->octets + at, len);
		at += len;
		chunks++;
		if (last)
			return chunks;
	} while (at < t->len);
	say(net, NET_CLIENT, "BDAT 0 LAST\r\n");
	return chunks + 1;
}

static void client_step(struct mail_pair *pair, struct net *net)
{
	const struct mail_text *t = &pair->sent[pair->next_message];
	bool torn = pair->next_message == pair->tears;
	char line[80];

	switch (pair->step) {
	case STEP_GREETING:
		say(net, NET_CLIENT, "EHLO client.example\r\n");
		pair->replies_awaited += 1;
		pair->step = STEP_EHLO;
		break;
	case STEP_EHLO:
	case STEP_CONTENT:
		if (pair->next_message == pair->to_send) {
			say(net, NET_CLIENT, "QUIT\r\n");
			pair->replies_awaited += 1;
			pair->step = STEP_QUIT;
			break;
		}
		snprintf(line, sizeof(line), "MAIL FROM:<sender%u@client.example>\r\n",
			pair->next_message);
		say(net, NET_CLIENT, line);
		say(net, NET_CLIENT,
			"RCPT TO:<one@server.example>\r\nRCPT TO:<two@server.example>\r\n");
		pair->replies_awaited += 3;
		pair->step = STEP_ENVELOPE;
		if (!pair->pipelining)
			break;
		if (t->bdat) {
			pair->replies_awaited += send_bdat(net, t, torn);
			pair->next_message++;
			pair->step = STEP_CONTENT;
		} else {
			say(net, NET_CLIENT, "DATA\r\n");
			pair->replies_awaited++;
			pair->step = STEP_DATA;
		}
		break;
	case STEP_ENVELOPE:
		if (t->bdat) {
			pair->replies_awaited += send_bdat(net, t, torn);
			pair->next_message++;
			pair->step = STEP_CONTENT;
		} else {
			say(net, NET_CLIENT, "DATA\r\n");
			pair->replies_awaited += 1;
			pair->step = STEP_DATA;
		}
		break;
	case STEP_DATA:
		send_data(net, t, torn);
		pair->next_message++;
		pair->replies_awaited += 1;
		pair->step = STEP_CONTENT;
		break;
	case STEP_LEFT:
		break;
	case STEP_QUIT:
		pair->step = STEP_DONE;
		net_close(net, NET_CLIENT);
		break;
	default:
		break;
	}
}

/* Message `number` is out: is it the last one for this client, who closes behind it and reads on?
 */
static bool leaves(struct mail_pair *pair, struct net *net, uint32_t number)
{
	if (number != pair->leaves_behind && number != pair->tears)
		return false;
	pair->step = STEP_LEFT;
	net_close(net, NET_CLIENT);
	return true;
}

void mail_leave(struct mail_pair *pair, struct net *net)
{
	pair->step = STEP_LEFT;
	net_close(net, NET_CLIENT);
}

static void client_next(struct mail_pair *pair, struct net *net)
{
	uint32_t before;

	net_cork(net, NET_CLIENT, pair->eager);
	/* The end of data may be followed by the next commands at once (RFC 2920, 3.1). */
	do {
		before = pair->next_message;
		client_step(pair, net);
	} while (pair->next_message != before && !leaves(pair, net, before) && pair->eager &&
		 pair->pipelining);
	net_cork(net, NET_CLIENT, false);
}

static void client_data(struct mail_pair *pair, struct net *net)
{
	struct net_peer *p = &net->peer[NET_CLIENT];

	while (p->in_read < p->in_given) {
		const uint8_t *line = p->in + p->in_read;
		const uint8_t *end = memchr(line, '\n', p->in_given - p->in_read);
		size_t len;

		if (end == NULL)
			return;
		len = (size_t)(end - line) + 1;
		p->in_read += (uint32_t)len;
		if (len < 5 || line[3] == '-')
			continue;
		snprintf(pair->last_reply, sizeof(pair->last_reply), "%.*s", (int)len,
			(const char *)line);
		if (line[0] == '5' && !pair->refused) { /* as a mail server does: says goodbye */
			snprintf(pair->refusal, sizeof(pair->refusal), "%s", pair->last_reply);
			pair->refused = true;
			pair->next_message = pair->to_send;
			if (pair->step != STEP_LEFT)
				pair->step = STEP_CONTENT;
		}
		if (pair->replies_awaited > 0 && --pair->replies_awaited == 0)
			client_next(pair, net);
	}
	if (p->fin_received && p->in_given == p->in_len && pair->step != STEP_DONE) {
		pair->step = STEP_DONE;
		net_close(net, NET_CLIENT);
	}
}

static void copy(struct mail_text *to, const struct mail_text *from)
{
	memcpy(to, from, offsetof(struct mail_text, octets) + from->len);
}

static void stored(struct mail_pair *pair, struct net *net)
{
	assert(pair->stored_count < MAIL_STORED);
	copy(&pair->stored[pair->stored_count++], &pair->current);
	pair->current.len = 0;
	if (pair->on_stored != NULL)
		pair->on_stored(pair->ctx, pair);
	say(net, NET_SERVER, "250 2.0.0 stored\r\n");
}

static bool server_body(struct mail_pair *pair, struct net *net, struct net_peer *p)
{
	while (pair->in_data && p->in_read < p->in_given) {
		struct mail_text *t = &pair->current;
		uint8_t c;

		if (t->len == MAIL_MAX) /* what only a liar sends */
			return false;
		c = p->in[p->in_read++];

		t->octets[t->len++] = c;
		if (t->len >= 5 && memcmp(t->octets + t->len - 5, "\r\n.\r\n", 5) == 0) {
			t->len -= 3;
		} else if (t->len == 3 && memcmp(t->octets, ".\r\n", 3) == 0) {
			t->len = 0;
		} else {
			continue;
		}
		pair->in_data = false;
		/* Unstuff: a dot behind CRLF, or at the very front, goes. */
		for (uint32_t i = 0; i < t->len; i++) {
			if (t->octets[i] == '.' && (i == 0 || (i >= 2 && t->octets[i - 1] == '\n' &&
								      t->octets[i - 2] == '\r')))
				memmove(t->octets + i, t->octets + i + 1, --t->len - i);
		}
		stored(pair, net);
	}
	while (pair->chunk_left > 0 && p->in_read < p->in_given) {
		if (pair->current.len == MAIL_MAX)
			return false;
		pair->current.octets[pair->current.len++] = p->in[p->in_read++];
		if (--pair->chunk_left == 0) {
			if (pair->chunk_last)
				stored(pair, net);
			else
				say(net, NET_SERVER, "250 2.0.0 chunk\r\n");
		}
	}
	return !pair->in_data && pair->chunk_left == 0;
}

/* "BDAT 12" or "BDAT 12 LAST" and CRLF, to the letter; anything else is refused, as Postfix does.
 */
static bool bdat(const char *line, unsigned *size, bool *last)
{
	char again[64];

	if (strncasecmp(line, "BDAT ", 5) != 0 || sscanf(line + 5, "%9u", size) != 1)
		return false;
	*last = strcasestr(line, " LAST\r\n") != NULL;
	snprintf(again, sizeof(again), "BDAT %u%s\r\n", *size, *last ? " LAST" : "");
	return strcasecmp(line, again) == 0;
}

static void server_line(struct mail_pair *pair, struct net *net, const char *line)
{
	unsigned size;
	bool last;

	/* Each of these drops what came of a message in chunks (RFC 3030, 2; RFC 5321, 4.1.4). */
	if (strncasecmp(line, "RSET", 4) == 0 || strncasecmp(line, "MAIL", 4) == 0 ||
		strncasecmp(line, "EHLO", 4) == 0 || strncasecmp(line, "HELO", 4) == 0)
		pair->current.len = 0;
	if (strncasecmp(line, "EHLO", 4) == 0) {
		say(net, NET_SERVER, "250-server.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	} else if (strcasecmp(line, "DATA\r\n") == 0) {
		pair->in_data = true;
		pair->current.len = 0;
		say(net, NET_SERVER, "354 go on\r\n");
	} else if (bdat(line, &size, &last)) {
		pair->chunk_left = size;
		pair->chunk_last = last;
		if (size == 0 && last)
			stored(pair, net);
		else if (size == 0)
			say(net, NET_SERVER, "250 2.0.0 empty chunk\r\n");
	} else if (strncasecmp(line, "BDAT", 4) == 0 || strncasecmp(line, "DATA", 4) == 0) {
		say(net, NET_SERVER, "501 5.5.4 what?\r\n");
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		say(net, NET_SERVER, "221 bye\r\n");
		net_close(net, NET_SERVER);
	} else if (strncasecmp(line, "HELO", 4) == 0 || strncasecmp(line, "MAIL", 4) == 0 ||
		   strncasecmp(line, "RCPT", 4) == 0 || strncasecmp(line, "RSET", 4) == 0) {
		say(net, NET_SERVER, "250 fine\r\n");
	} else { /* only a liar's */
		say(net, NET_SERVER, "500 5.5.1 what?\r\n");
	}
}

static void server_data(struct mail_pair *pair, struct net *net)
{
	struct net_peer *p = &net->peer[NET_SERVER];
	char line[600];

	if (p->open && p->out_len == 0)
		say(net, NET_SERVER, "220 server.example ESMTP\r\n");
	while (!p->fin_wanted && server_body(pair, net, p) && p->in_read < p->in_given) {
		const uint8_t *start = p->in + p->in_read;
		const uint8_t *end = memchr(start, '\n', p->in_given - p->in_read);

		if (end == NULL)
			return;
		snprintf(line, sizeof(line), "%.*s", (int)(end - start + 1), (const char *)start);
		p->in_read += (uint32_t)(end - start) + 1;
		server_line(pair, net, line);
	}
	if (p->fin_received && p->in_given == p->in_len && !p->fin_wanted)
		net_close(net, NET_SERVER);
}

void mail_on_data(void *ctx, struct net *net, enum net_end end)
{
	if (end == NET_CLIENT)
		client_data(ctx, net);
	else
		server_data(ctx, net);
}
