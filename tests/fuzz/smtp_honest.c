#include "tests/fuzz/smtp_honest.h"

#include "dataplane/proto/smtp.h"

#define POOL_BLOCKS  16u
#define CONTENT_MAX  600u
#define MESSAGES_MAX 6u

static struct {
	struct mw_smtp smtp;
	struct mw_pool pool;
	void *memory;
	struct fuzz_cuts cuts;
	uint8_t got[CONTENT_MAX];
	size_t got_len;
	uint32_t begun, complete, answered;
} f;

static void event(const struct mw_smtp_event *ev)
{
	switch (ev->kind) {
	case MW_SMTP_CONTENT_BEGIN:
		f.begun++;
		f.got_len = 0;
		mw_smtp_envelope_release(ev->envelope); /* it is not looked at */
		break;
	case MW_SMTP_CONTENT:
		demand(ev->data.len <= sizeof(f.got) - f.got_len, "no more comes out than went in");
		memcpy(f.got + f.got_len, ev->data.data, ev->data.len);
		f.got_len += ev->data.len;
		break;
	case MW_SMTP_CONTENT_END:
		demand(ev->complete, "a message that was whole is complete");
		f.complete++;
		break;
	case MW_SMTP_FINAL_REPLY:
		demand(ev->code == 250, "the reply is the message's");
		f.answered++;
		break;
	case MW_SMTP_CONTENT_ABORT:
	case MW_SMTP_LOOKALIKE:
	case MW_SMTP_LOST:
	case MW_SMTP_ANOMALY:
	case MW_SMTP_TLS:
		demand(false, "nothing is wrong with who keeps the rules");
		break;
	default:
		break;
	}
}

static void client(const void *data, size_t len)
{
	struct mw_smtp_event ev;

	for (size_t at = 0; at < len;) {
		size_t n = fuzz_piece(&f.cuts, len - at);
		uint8_t *piece = fuzz_exact((const uint8_t *)data + at, n);
		size_t done = 0;

		do {
			done += mw_smtp_client(&f.smtp, piece + done, n - done, &ev);
			event(&ev);
			demand(ev.kind != MW_SMTP_BLOCKED,
				"who waits for his replies is not blocked");
		} while (ev.kind != MW_SMTP_MORE);
		demand(done == n, "all of it is taken");
		free(piece);
		at += n;
	}
}

static void server(const char *text)
{
	size_t len = strlen(text);
	struct mw_smtp_event ev;

	for (size_t at = 0; at < len;) {
		size_t n = fuzz_piece(&f.cuts, len - at), done = 0;

		do {
			done += mw_smtp_server(
				&f.smtp, (const uint8_t *)text + at + done, n - done, &ev);
			event(&ev);
		} while (ev.kind != MW_SMTP_MORE);
		at += n;
	}
}

static void say(const char *text)
{
	client(text, strlen(text));
}

/* RFC 5321, 4.5.2. `content` is of lines that end with CRLF. */
static void send_data(const uint8_t *content, size_t len)
{
	static uint8_t out[2 * CONTENT_MAX + 3];
	size_t n = 0;

	say("DATA\r\n");
	server("354 go\r\n");
	for (size_t i = 0; i < len; i++) {
		if (content[i] == '.' && (i == 0 || content[i - 1] == '\n'))
			out[n++] = '.';
		out[n++] = content[i];
	}
	memcpy(out + n, ".\r\n", 3);
	client(out, n + 3);
}

/* RFC 3030: any octets, in chunks, each answered. */
static void send_chunks(const uint8_t *content, size_t len, uint32_t chunks)
{
	char command[64];

	for (uint32_t i = 0; i < chunks; i++) {
		size_t n = i + 1 == chunks ? len : len / (chunks - i);

		snprintf(command, sizeof(command), "BDAT %zu%s\r\n", n,
			i + 1 == chunks ? " LAST" : "");
		say(command);
		client(content, n);
		content += n;
		len -= n;
		if (i + 1 < chunks)
			server("250 ok\r\n");
	}
}

static size_t content_of(struct fuzz_input *in, bool lines, uint8_t *out)
{
	size_t want = fuzz_u8(in), n = 0;

	for (size_t i = 0; i < want; i++) {
		uint8_t c = fuzz_u8(in);

		if (lines && c == '\n')
			out[n++] = '\r';
		else if (lines && (c == '\r' || c == 0))
			c = '.'; /* dots are what this is about */
		out[n++] = c;
	}
	if (lines && n > 0 && out[n - 1] != '\n') {
		out[n++] = '\r';
		out[n++] = '\n';
	}
	return n;
}

void smtp_honest(struct fuzz_input *in)
{
	static uint8_t content[CONTENT_MAX];
	uint8_t cut = fuzz_u8(in);
	uint32_t messages = 0;
	struct mw_smtp_event ev;

	if (f.memory == NULL)
		f.memory = aligned_alloc(64, (size_t)MW_SMTP_ENVELOPE_BLOCK * POOL_BLOCKS);
	demand(f.memory != NULL, "there is memory");
	mw_pool_init(&f.pool, f.memory, MW_SMTP_ENVELOPE_BLOCK, POOL_BLOCKS);
	mw_smtp_init(&f.smtp, &f.pool);
	f.cuts = (struct fuzz_cuts){{cut}, cut % 32u};
	f.begun = f.complete = f.answered = 0;
	server("220 mail.example ESMTP\r\n");
	say("EHLO me.example\r\n");
	server("250-mail.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
	while (in->left > 0 && messages < MESSAGES_MAX) {
		uint8_t how = fuzz_u8(in);
		size_t len = content_of(in, (how & 1) == 0, content);

		say("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
		server("250 ok\r\n250 ok\r\n");
		if ((how & 1) == 0)
			send_data(content, len);
		else
			send_chunks(content, len, 1 + (how >> 1) % 4u);
		messages++;
		demand(f.begun == messages && f.complete == messages, "a message sent is one");
		demand(f.got_len == len && memcmp(f.got, content, len) == 0,
			"and what was sent is what came out");
		server("250 ok\r\n");
		demand(f.answered == messages, "and answered");
	}
	say("QUIT\r\n");
	server("221 bye\r\n");
	do {
		mw_smtp_finish(&f.smtp, &ev);
		event(&ev);
	} while (ev.kind != MW_SMTP_MORE);
	mw_smtp_close(&f.smtp);
	demand(f.pool.used == 0, "every block comes back");
}
