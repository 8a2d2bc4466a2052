/*
 * Replies that were not seen: what is made of those that are.
 */
#include "dataplane/proto/smtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static _Alignas(64) uint8_t memory[8 * MW_SMTP_ENVELOPE_BLOCK];
static struct mw_pool pool;
static struct mw_smtp smtp;

static void begin(void)
{
	mw_pool_init(&pool, memory, MW_SMTP_ENVELOPE_BLOCK, 8);
	mw_smtp_init(&smtp, &pool);
}

static void end(void)
{
	mw_smtp_close(&smtp);
	assert_int_equal(pool.used, 0);
}

static void client(const char *text)
{
	struct mw_smtp_event ev;
	size_t done = 0;
	size_t len = strlen(text);

	do {
		done += mw_smtp_client(&smtp, (const uint8_t *)text + done, len - done, &ev);
		if (ev.kind == MW_SMTP_CONTENT_BEGIN)
			mw_smtp_envelope_release(ev.envelope);
	} while (ev.kind != MW_SMTP_MORE && ev.kind != MW_SMTP_BLOCKED);
	assert_int_equal(done, len);
}

/* One reply: the event that tells it. */
static struct mw_smtp_event server(const char *text)
{
	struct mw_smtp_event ev, told = {.kind = MW_SMTP_MORE};
	size_t done = 0;
	size_t len = strlen(text);

	do {
		done += mw_smtp_server(&smtp, (const uint8_t *)text + done, len - done, &ev);
		if (ev.kind == MW_SMTP_GREETING || ev.kind == MW_SMTP_REPLY)
			told = ev;
		if (ev.kind == MW_SMTP_CONTENT_BEGIN)
			mw_smtp_envelope_release(ev.envelope);
	} while (ev.kind != MW_SMTP_MORE);
	return told;
}

static void test_greeting_or_not(void **state)
{
	static const struct {
		const char *first;
		bool spoken;   /* the client has */
		bool greeting; /* where it may have been missed */
		bool certain;  /* where it may not */
	} table[] = {
		{"220 mx\r\n", false, true, true},
		{"220 mx\r\n", true, true, true},
		{"220-mx\r\n220 mx\r\n", true, true, true},
		{"554 no\r\n", true, true, true},
		{"421 no\r\n", true, true, true},
		{"250 mx\r\n", true, false, false},
		{"250-mx\r\n250 HELP\r\n", true, false, false},
		{"502 what\r\n", true, false, true},
		{"550 no\r\n", true, false, true},
		{"450 no\r\n", true, false, true},
		{"550 no\r\n", false, true, true},
	};

	for (size_t i = 0; i < 2 * sizeof(table) / sizeof(table[0]); i++) {
		bool unsure = i % 2 == 0;
		struct mw_smtp_event ev;

		begin();
		if (unsure)
			mw_smtp_greeting_unsure(&smtp);
		if (table[i / 2].spoken)
			client("EHLO pc\r\n");
		ev = server(table[i / 2].first);
		if (unsure ? table[i / 2].greeting : table[i / 2].certain) {
			assert_int_equal(ev.kind, MW_SMTP_GREETING);
			assert_int_equal(
				mw_smtp_replies_outstanding(&smtp), table[i / 2].spoken ? 1 : 0);
		} else {
			assert_int_equal(ev.kind, MW_SMTP_REPLY);
			assert_int_equal(ev.command, MW_SMTP_CMD_EHLO);
			assert_int_equal(mw_smtp_replies_outstanding(&smtp), 0);
		}
		end();
	}
}

/* --- gaps at every place, against a model that reads the dialogue as it is written here --- */

#define COMMANDS_MAX 6
#define TEXT_MAX     4096

/* What the client sends in one go, and the replies to it; CONTENT stands behind a DATA. */
struct turn {
	const char *client[COMMANDS_MAX];
	const char *server[COMMANDS_MAX];
};

static const struct turn dialogue[] = {
	{{""}, {"220-mx\r\n220 mx\r\n"}},
	{{"EHLO pc\r\n"}, {"250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}},
	{{"MAIL FROM:<one@a>\r\n"}, {"250 ok\r\n"}},
	{{"RCPT TO:<no@b>\r\n"}, {"550 5.1.1 no\r\n"}},
	{{"RCPT TO:<yes@b>\r\n"}, {"250-yes\r\n250 ok\r\n"}},
	{{"DATA\r\n"}, {"354 go\r\n"}},
	{{"first\r\n.\r\n"}, {"250 kept\r\n"}},
	{{"MAIL FROM:<two@a>\r\n", "RCPT TO:<a@b>\r\n", "RCPT TO:<c@d>\r\n", "DATA\r\n"},
		{"250 ok\r\n", "450 later\r\n", "250 ok\r\n", "354 go\r\n"}},
	{{"the second\r\n.\r\n", "NOOP\r\n", "RSET\r\n"},
		{"451 no\r\n", "250 ok\r\n", "250 ok\r\n"}},
	{{"MAIL FROM:<refused@a>\r\n"}, {"550 no\r\n"}},
	{{"HELO other\r\n"}, {"250 mx\r\n"}},
	{{"MAIL FROM:<three@a>\r\n", "RCPT TO:<e@f>\r\n", "BDAT 5 LAST\r\nhello"},
		{"250 ok\r\n", "250 ok\r\n", "250 kept\r\n"}},
	{{"VRFY x\r\n"}, {"252 who knows\r\n"}},
	{{"MAIL FROM:<four@a>\r\n", "RCPT TO:<g@h>\r\n", "BDAT 2\r\nab"},
		{"250 ok\r\n", "250 ok\r\n", "250 more\r\n"}},
	{{"BDAT 3 LAST\r\ncde"}, {"554 no\r\n"}},
	{{"MAIL FROM:<five@a>\r\n", "RCPT TO:<i@j>\r\n", "DATA\r\n"},
		{"250 ok\r\n", "250 ok\r\n", "354 go\r\n"}},
	{{"last\r\n.\r\n", "QUIT\r\n"}, {"250 kept\r\n", "221 bye\r\n"}},
};

#define TURNS ((uint32_t)(sizeof(dialogue) / sizeof(dialogue[0])))

struct text {
	char at[TEXT_MAX];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->at + t->len, TEXT_MAX - t->len, format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < TEXT_MAX - t->len);
	t->len += (size_t)n;
}

static uint32_t count_of(const char *const *of)
{
	uint32_t n = 0;

	while (n < COMMANDS_MAX && of[n] != NULL)
		n++;
	return n;
}

/* Replies [first, first + lost) of the dialogue, counted through, were not seen. */
struct lost {
	uint32_t first, count;
};

static int code_seen(struct lost lost, uint32_t reply, const char *text)
{
	return reply - lost.first < lost.count ? -1 : atoi(text);
}

static bool is(const char *command, const char *verb)
{
	return strncmp(command, verb, strlen(verb)) == 0;
}

static void between(const char *command, char *out)
{
	const char *from = strchr(command, '<'), *to = strchr(command, '>');

	memcpy(out, from + 1, (size_t)(to - from - 1));
	out[to - from - 1] = '\0';
}

/* A reply that was not seen accepts. A message is told when its last octet has come. */
static void model(struct lost lost, struct text *out)
{
	struct text rcpts = {0};
	char sender[32] = "", helo[32] = "", address[32];
	uint32_t reply = 0;

	for (uint32_t i = 0; i < TURNS; i++)
		for (uint32_t j = 0; j < count_of(dialogue[i].client); j++, reply++) {
			const char *command = dialogue[i].client[j];
			int code = code_seen(lost, reply, dialogue[i].server[j]);

			if (is(command, "MAIL") && code < 300) {
				between(command, sender);
				rcpts.len = 0;
			} else if (is(command, "RCPT")) {
				between(command, address);
				put(&rcpts, " %s=%d", address, code);
			} else if (is(command, "EHLO") || is(command, "HELO")) {
				snprintf(helo, sizeof(helo), "%.*s", (int)strlen(command) - 7,
					command + 5);
				rcpts.len = 0;
			} else if (is(command, "RSET")) {
				rcpts.len = 0;
			} else if (strstr(command, "\r\n.\r\n") != NULL ||
				   strstr(command, "LAST") != NULL) {
				size_t size = is(command, "BDAT")
						      ? strlen(strchr(command, '\n') + 1)
						      : strlen(command) - 3;

				/* Of two chunks. */
				size += is(command, "BDAT 3") ? 2 : 0;
				put(out, "%s %s%.*s size=%zu reply=%d\n", helo, sender,
					(int)rcpts.len, rcpts.at, size, code);
				rcpts.len = 0;
			}
		}
}

/* The same by the parser. */
struct reader {
	struct text out;
	struct text odd; /* anomalies, and what was lost */
	size_t size, unread;
	char waits[TEXT_MAX];
};

static struct reader reader;

static void message_over(struct mw_smtp_envelope *env)
{
	put(&reader.out, "%.*s %.*s", (int)env->helo.len, (const char *)env->helo.data,
		(int)env->mail_from.len, (const char *)env->mail_from.data);
	for (const struct mw_smtp_rcpt *r = env->rcpts; r != NULL; r = r->next)
		put(&reader.out, " %.*s=%d", (int)r->address.len, (const char *)r->address.data,
			r->reply);
	put(&reader.out, " size=%zu reply=%d\n", reader.size, env->data_reply);
	mw_smtp_envelope_release(env);
}

static void told(const struct mw_smtp_event *ev)
{
	if (ev->kind == MW_SMTP_CONTENT_BEGIN)
		reader.size = 0;
	if (ev->kind == MW_SMTP_CONTENT)
		reader.size += ev->data.len;
	if (ev->kind == MW_SMTP_FINAL_REPLY && ev->message)
		message_over(ev->envelope);
	if (ev->kind == MW_SMTP_CONTENT_ABORT || ev->kind == MW_SMTP_LOST ||
		ev->kind == MW_SMTP_TLS)
		put(&reader.odd, "kind %d reason %d\n", (int)ev->kind, (int)ev->reason);
	if (ev->kind == MW_SMTP_ANOMALY)
		put(&reader.odd, "anomaly %d\n", (int)ev->reason);
}

static void client_reads(void)
{
	struct mw_smtp_event ev;
	size_t used;

	do {
		used = mw_smtp_client(&smtp, (const uint8_t *)reader.waits, reader.unread, &ev);
		told(&ev); /* its spans may lie in `waits` */
		reader.unread -= used;
		memmove(reader.waits, reader.waits + used, reader.unread);
	} while (ev.kind != MW_SMTP_MORE && ev.kind != MW_SMTP_BLOCKED);
}

static void client_says(const struct turn *turn)
{
	for (uint32_t j = 0; j < count_of(turn->client); j++) {
		size_t len = strlen(turn->client[j]);

		assert_true(reader.unread + len <= TEXT_MAX);
		memcpy(reader.waits + reader.unread, turn->client[j], len);
		reader.unread += len;
	}
	client_reads();
}

static void server_says(const char *text)
{
	struct mw_smtp_event ev;
	size_t done = 0, len = strlen(text);

	do {
		done += mw_smtp_server(&smtp, (const uint8_t *)text + done, len - done, &ev);
		told(&ev);
		if (ev.unblocked)
			client_reads();
	} while (ev.kind != MW_SMTP_MORE);
}

/* A gap that begins before the replies to several commands and ends among them: how many are there
 * says nothing of the commands before, and the rest of the group is passed over. */
static struct lost with_the_rest(struct lost lost)
{
	uint32_t reply = 0, last = lost.first + lost.count;

	for (uint32_t i = 0; i < TURNS; i++) {
		uint32_t n = count_of(dialogue[i].client);

		if (lost.first < reply && last > reply && last < reply + n)
			lost.count = reply + n - lost.first;
		reply += n;
	}
	return lost;
}

/* As a lane does it: the gap is found behind the first turn of which replies are lost; the two
 * sides fit together at the turn in which the last lost reply lies (where some of it are there) or
 * behind it. What is left of a cut line, or of a reply, comes behind the gap. */
static void play(struct lost lost, const char *rest)
{
	uint32_t reply = 0, last = lost.first + lost.count;
	bool open = false;

	memset(&reader, 0, sizeof(reader));
	begin();
	for (uint32_t i = 0; i < TURNS; i++) {
		uint32_t n = count_of(dialogue[i].client), j = 0;
		bool here = lost.count > 0 && !open && reply + n > lost.first && reply < last;

		client_says(&dialogue[i]);
		if (here) {
			for (; reply + j < lost.first; j++)
				server_says(dialogue[i].server[j]);
			mw_smtp_skip_replies(&smtp, reply + n > last ? reply + n - last : 0);
			open = true;
		}
		if (open) {
			client_reads();
			assert_true(reader.unread == 0 || here);
			j = last > reply + n ? n : last - reply;
			while (!here && j < n)
				server_says(dialogue[i].server[j++]);
		}
		if (open && reply + n >= last) {
			if (reply + n == last) /* what the client had acknowledged */
				server_says(rest);
			mw_smtp_resume(&smtp);
			client_reads();
			open = false;
			if (mw_smtp_replies_outstanding(&smtp) == 0) /* and had not */
				server_says(rest);
		}
		for (; j < n; j++)
			server_says(dialogue[i].server[j]);
		reply += n;
	}
	assert_int_equal(mw_smtp_replies_outstanding(&smtp), 0);
	assert_int_equal(reader.unread, 0);
	end();
}

static void test_every_gap(void **state)
{
	static const char *const rests[] = {"", "and so on\r\n",
		"NNING\r\n250-SIZE\r\n250 HELP\r\n", "50 ok\r\n", "0 ok\r\n", "250 ok\r\n",
		"354 go\r\n", "550 no\r\n"};
	static struct text expected;
	uint32_t replies = 0, ran = 0;

	for (uint32_t i = 0; i < TURNS; i++) {
		assert_int_equal(count_of(dialogue[i].client), count_of(dialogue[i].server));
		replies += count_of(dialogue[i].client);
	}
	for (uint32_t first = 0; first < replies; first++)
		for (uint32_t count = first == 0 ? 0 : 1; first + count <= replies; count++) {
			struct lost lost = {first, count};

			expected.len = 0;
			model(with_the_rest(lost), &expected);
			for (size_t k = 0; k < (count > 0 ? sizeof(rests) / sizeof(rests[0]) : 1);
				k++) {
				play(lost, rests[k]);
				assert_string_equal(reader.out.at, expected.at);
				assert_string_equal(reader.odd.at, "");
				ran++;
			}
		}
	assert_true(ran > 1000);
}

/* Behind the first reply that answers again, one too many is what it was. */
static void test_one_too_many(void **state)
{
	char odd[32];

	memset(&reader, 0, sizeof(reader));
	begin();
	server_says("220 mx\r\n");
	client("EHLO pc\r\n");
	mw_smtp_skip_replies(&smtp, 0);
	client("");
	mw_smtp_resume(&smtp);
	server_says("250 HELP\r\n354 what\r\n");
	assert_string_equal(reader.odd.at, "");
	client("NOOP\r\n");
	server_says("250 ok\r\n250 ok\r\n");
	snprintf(odd, sizeof(odd), "anomaly %d\n", (int)MW_REASON_UNEXPECTED_REPLY);
	assert_string_equal(reader.odd.at, odd);
	server_says("354 go\r\n");
	assert_true(mw_smtp_dark(&smtp));
	end();
}

/* A server may have found a DATA in what no RFC knows; behind a gap its reply may be another's. */
static void test_intermediate_to_unknown(void **state)
{
	for (int gap = 0; gap < 2; gap++) {
		memset(&reader, 0, sizeof(reader));
		begin();
		server_says("220 mx\r\n");
		if (gap != 0) {
			mw_smtp_skip_replies(&smtp, 0);
			client("");
			mw_smtp_resume(&smtp);
			client("NOOP\r\n");
			server_says("250 ok\r\n");
		}
		client(".\r\n");
		server("354 go\r\n");
		assert_int_equal(mw_smtp_dark(&smtp), gap != 0);
		client("x\r\n");
		assert_int_equal(mw_smtp_in_content(&smtp), gap == 0);
		end();
	}
}

/* One direction only stays one direction only. */
static void test_one_sided_for_good(void **state)
{
	begin();
	mw_smtp_set_one_sided(&smtp);
	client("EHLO pc\r\n");
	mw_smtp_skip_replies(&smtp, 0);
	client("");
	mw_smtp_resume(&smtp);
	client("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	assert_true(mw_smtp_in_content(&smtp));
	end();
	begin();
	server("220 mx\r\n");
	mw_smtp_skip_replies(&smtp, 0);
	mw_smtp_gap_server(&smtp);
	mw_smtp_resume(&smtp);
	client("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	assert_true(mw_smtp_in_content(&smtp));
	end();
}

static void test_count_finals(void **state)
{
	static const struct {
		const char *text;
		uint32_t finals;
	} table[] = {{"", 0}, {"250 ok\r\n", 1}, {"250\r\n", 1}, {"250\n", 1},
		{"250-a\r\n250 b\r\n", 1}, {"250-a\r\n250-b\r\n", 0},
		{"250 a\r\n550 b\r\n354 c\r\n", 3}, {"HELP\r\n250 b\r\n", 1}, {"2500 b\r\n", 0},
		{"150 b\r\n", 0}, {"650 b\r\n", 0}, {"25", 0}, {"250", 0}, {" 250 a\r\n", 0},
		{"250 250 a\r\n", 1}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (size_t cut = 0; cut <= strlen(table[i].text); cut++) {
			struct mw_smtp_finals f = {0};
			const uint8_t *p = (const uint8_t *)table[i].text;

			mw_smtp_count_finals(&f, mw_span_of(p, cut));
			mw_smtp_count_finals(&f, mw_span_of(p + cut, strlen(table[i].text) - cut));
			assert_int_equal(f.count, table[i].finals);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting_or_not),
		cmocka_unit_test(test_every_gap),
		cmocka_unit_test(test_one_too_many),
		cmocka_unit_test(test_intermediate_to_unknown),
		cmocka_unit_test(test_one_sided_for_good),
		cmocka_unit_test(test_count_finals),
	};

	return cmocka_run_group_tests_name("smtp_unseen", tests, NULL, NULL);
}
