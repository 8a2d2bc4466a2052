/* Mails: their words, their octets, and their way to a relay over real sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/notify/mail.h"
#include "controlplane/notify/mailer.h"

static struct mw_ticket ticket(void)
{
	struct mw_ticket t = {.number = {2026, 123},
		.revision = 7,
		.state = MW_TICKET_CONTACTING,
		.provider_knows_since_s = 1795300000,
		.evidence_count = 23};

	snprintf(t.customer, sizeof(t.customer), "C1");
	snprintf(t.reason, sizeof(t.reason), "23 spam-like messages to 9 domains in 3600 s");
	mw_ticket_policy_default(&t.policy);
	t.policy.utc_offset_min = 60;
	return t;
}

static struct mw_mail_facts facts(const struct mw_ticket *t)
{
	return (struct mw_mail_facts){.ticket = t,
		.customer_name = "M\xc3\xbcller GmbH",
		.desk_name = "Desk",
		.desk_phone = "+49 30 1",
		.desk_email = "desk@isp.example",
		.contact_name = "Ada",
		.contact_phone = "+49 1",
		.now_s = 1795303600};
}

static bool says(const struct mw_mail_text *text, const char *words)
{
	static char flat[MW_MAIL_BODY_MAX];
	size_t used = 0;

	for (const char *p = text->body; *p != '\0'; p++) { /* wrapped lines read as one */
		if (*p == '\n' || *p == ' ') {
			if (used > 0 && flat[used - 1] != ' ')
				flat[used++] = ' ';
		} else {
			flat[used++] = *p;
		}
	}
	flat[used] = '\0';
	return strstr(flat, words) != NULL;
}

static void words_of_each_mail(void **state)
{
	struct mw_ticket t = ticket();
	struct mw_mail_facts f = facts(&t);
	static struct mw_mail_text text;

	for (int kind = 0; kind < MW_MAIL_KIND_COUNT; kind++) {
		assert_int_equal(mw_mail_render((enum mw_mail_kind)kind, &f, &text), 0);
		assert_non_null(strstr(text.subject, "[MW-2026-000123] "));
		assert_true(says(&text, "MW-2026-000123"));
		assert_true(says(&text, "+49 30 1"));
		assert_true(says(&text, "desk@isp.example"));
		for (const char *line = text.body, *end; *line != '\0'; line = end + 1) {
			end = strchr(line, '\n');
			assert_non_null(end);
			assert_true(end - line <= 78);
		}
	}
	mw_mail_render(MW_MAIL_FINAL, &f, &text);
	assert_true(says(&text, "FORMAL WARNING"));
	assert_true(says(&text, "within 3 hours after this notice"));
	assert_true(
		says(&text, "2026-11-22 02:26:40 UTC (2026-11-22 03:26 local time, UTC+01:00)"));
	assert_true(says(&text, "will be refused"));
	assert_true(says(&text, "the measures you have taken"));
	t.clock_started_s = f.now_s;
	t.deadline_s = f.now_s + 60;
	mw_mail_render(MW_MAIL_FOLLOW_UP, &f, &text);
	assert_true(says(&text, "taken by 2026-11-21 23:27:40 UTC"));
	assert_true(says(&text, "Hello Ada,"));
	assert_false(says(&text, "only so much mail an hour"));
	t.verdict = MW_VERDICT_RATE;
	mw_mail_render(MW_MAIL_FOLLOW_UP, &f, &text);
	assert_true(says(&text, "your lines can send only so much mail an hour"));
	t.verdict = MW_VERDICT_REJECT;
	mw_mail_render(MW_MAIL_DISABLED, &f, &text);
	assert_false(says(&text, "only so much mail an hour"));
	assert_true(says(&text, "OUTBOUND MAIL IS REFUSED since"));
	print_message("%s\n%s", text.subject, text.body);
}

/* Content goes to another system: who hears of it learns why, by what right and until when. */
static void words_of_the_gateway(void **state)
{
	struct mw_ticket t = ticket();
	struct mw_mail_facts f = facts(&t);
	static struct mw_mail_text text;

	t.verdict = MW_VERDICT_DIVERT;
	t.timers[t.timer_count++] = (struct mw_ticket_timer){MW_TIMER_DIVERT_END, f.now_s + 86400};
	snprintf(t.policy.divert_basis, sizeof(t.policy.divert_basis),
		"terms of service\r\nBcc: x@y.example");
	assert_int_equal(mw_mail_render(MW_MAIL_DIVERTED, &f, &text), 0);
	assert_true(says(&text, "goes through our antivirus gateway from 2026-11-21 23:26:40 UTC"));
	assert_true(says(&text, "until 2026-11-22 23:26:40 UTC"));
	assert_true(says(&text, "By what right: terms of service Bcc: x@y.example."));
	assert_null(strstr(text.body, "\nBcc:"));
	assert_true(says(&text, t.reason));
	assert_false(says(&text, "1970"));
	mw_mail_render(MW_MAIL_FOLLOW_UP, &f, &text);
	assert_true(says(&text, "your lines goes through our antivirus gateway"));
}

/* Nothing from outside begins a line or a header of its own. */
static void hostile_facts(void **state)
{
	struct mw_ticket t = ticket();
	struct mw_mail_facts f = facts(&t);
	const char *to[] = {"ada@c1.example"};
	struct mw_mail_envelope e = {.from = "desk@isp.example",
		.from_name = "Desk\r\nBcc: x@y.example",
		.domain = "isp.example",
		.to = to,
		.to_count = 1};
	const char *evidence[] = {"helo\r\n.\r\nMAIL FROM:<x@y.example>\x1b[2J"};
	static struct mw_outbox_record rec;
	static struct mw_mail_text text;
	char longer[5000];

	f.customer_name = "A\r\nBcc: x@y.example\r\n\r\nB\x1b[31m";
	f.evidence = evidence;
	f.evidence_count = 1;
	assert_int_equal(mw_mail_render(MW_MAIL_FINAL, &f, &text), 0);
	assert_null(strstr(text.body, "\nBcc:"));
	assert_null(strstr(text.body, "\nMAIL"));
	assert_null(strpbrk(text.body, "\r\x1b"));
	assert_int_equal(mw_mail_compose(MW_MAIL_FINAL, MW_NO_CONTACT, &f, &e, &rec), 0);
	rec.octets[rec.octets_len] = '\0';
	assert_null(strstr((char *)rec.octets, "\nBcc:"));
	assert_null(strstr((char *)rec.octets, "\r\n.\r\n"));
	to[0] = "ada@c1.example> RCPT TO:<x@y.example";
	assert_int_equal(mw_mail_compose(MW_MAIL_FINAL, MW_NO_CONTACT, &f, &e, &rec), -EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	f.customer_name = longer;
	assert_int_equal(mw_mail_render(MW_MAIL_FINAL, &f, &text), -EMSGSIZE);
}

static void addresses(void **state)
{
	static const char *const good[] = {
		"a@b", "a.b+c@d-e.example", "!#$%&'*+-/=?^_`{|}~@x.y", "a@[192.0.2.1]"};
	static const char *const bad[] = {"", "a", "@b", "a@", "a b@c", "a@b c", "a@b..c", ".a@b",
		"a.@b", "a..b@c", "\"a b\"@c", "a@b\r\nx", "<a@b>", "a@b>", "\xc3\xa4@b", "a@b,c",
		"a@[x]", "a@[192.0.2.1]x"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(mw_mail_address_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (mw_mail_address_ok(bad[i]))
			fail_msg("\"%s\" passed", bad[i]);
}

static void compose(
	struct mw_outbox_record *rec, uint64_t id, const char *const *to, size_t to_count)
{
	static struct mw_ticket t;
	struct mw_mail_facts f;
	struct mw_mail_envelope e = {.from = "desk@isp.example",
		.from_name = "Desk \xc3\xbc",
		.domain = "isp.example",
		.to = to,
		.to_count = to_count};

	t = ticket();
	f = facts(&t);
	assert_int_equal(mw_mail_compose(MW_MAIL_FINAL, MW_NO_CONTACT, &f, &e, rec), 0);
	rec->id = id;
}

static void octets_and_record(void **state)
{
	const char *to[] = {"ada@c1.example", "bob@c1.example"};
	static struct mw_outbox_record rec, again;
	static uint8_t one[MW_OUTBOX_RECORD_MAX], two[MW_OUTBOX_RECORD_MAX];
	char *text = (char *)rec.octets;
	size_t len;

	compose(&again, 1, to, 2);
	compose(&rec, 1, to, 2);
	assert_memory_equal(&rec, &again, sizeof(rec)); /* the same facts, the same octets */
	assert_string_equal(rec.message_id, "<MW-2026-000123.final.7@isp.example>");
	text[rec.octets_len] = '\0';
	assert_non_null(strstr(text, "Message-Id: <MW-2026-000123.final.7@isp.example>\r\n"));
	assert_non_null(strstr(text, "To: ada@c1.example, bob@c1.example\r\n"));
	assert_non_null(strstr(text, "Auto-Submitted: auto-generated\r\n"));
	assert_non_null(strstr(text, "Date: Sat, 21 Nov 2026 23:26:40 +0000\r\n"));
	assert_non_null(strstr(text, "Content-Type: text/plain; charset=utf-8\r\n"));
	assert_non_null(strstr(text, "M=C3=BCller"));
	for (size_t i = 0; i < rec.octets_len; i++) {
		assert_true(rec.octets[i] < 0x80);
		if (rec.octets[i] == '\n')
			assert_int_equal(rec.octets[i - 1], '\r');
	}
	len = mw_outbox_encode(&rec, one, sizeof(one));
	assert_true(len > 0);
	assert_int_equal(mw_outbox_decode(mw_span_of(one, len), &again), 0);
	assert_int_equal(mw_outbox_encode(&again, two, sizeof(two)), len);
	assert_memory_equal(one, two, len);
	for (size_t cut = 0; cut < len; cut += 13)
		assert_int_equal(mw_outbox_decode(mw_span_of(one, cut), &again), -EBADMSG);
	one[0] = 9;
	assert_int_equal(mw_outbox_decode(mw_span_of(one, len), &again), -EPROTO);
}

static void backoff(void **state)
{
	static struct mw_outbox_record rec;
	struct mw_mail_result deferred = {
		.outcome = MW_MAIL_DEFERRED, .code = 451, .reply = "451 later"};
	uint64_t now_s = 1000;

	memset(&rec, 0, sizeof(rec));
	rec.created_s = now_s;
	assert_int_equal(mw_outbox_backoff_s(1), 15);
	assert_int_equal(mw_outbox_backoff_s(4), 120);
	assert_int_equal(mw_outbox_backoff_s(4000000000u), 900);
	mw_outbox_apply(&rec, &deferred, now_s);
	assert_int_equal(rec.next_try_s, 1015);
	assert_string_equal(rec.last_reply, "451 later");
	while (rec.state == MW_OUTBOX_QUEUED) {
		assert_true(now_s < 1000 + MW_OUTBOX_GIVE_UP_S + 900);
		now_s = rec.next_try_s;
		mw_outbox_apply(&rec, &deferred, now_s);
	}
	assert_int_equal(rec.state, MW_OUTBOX_FAILED);
	assert_int_equal(rec.done_s, now_s);
	mw_outbox_apply(&rec, &(struct mw_mail_result){.outcome = MW_MAIL_ACCEPTED}, now_s);
	assert_int_equal(rec.state, MW_OUTBOX_FAILED); /* answered once */
}

/* A relay of our own, one connection at a time, that answers as it is told. */
struct relay {
	int fd;
	uint16_t port;
	pthread_t thread;
	const char *greeting, *mail, *rcpt, *rcpt2, *data, *end;
	bool silent; /* takes the connection and says nothing */
	char log[8192];
};

static void answer(int fd, const char *reply)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s\r\n", reply);

	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) < 0)
		return;
}

static void serve(struct relay *r, int fd)
{
	char line[2048];
	FILE *in = fdopen(fd, "r");
	int rcpts = 0;
	bool data = false;

	if (r->silent) {
		while (fgets(line, sizeof(line), in) != NULL)
			;
		fclose(in);
		return;
	}
	answer(fd, r->greeting);
	while (fgets(line, sizeof(line), in) != NULL) {
		strncat(r->log, line, sizeof(r->log) - strlen(r->log) - 1);
		if (data) {
			data = strcmp(line, ".\r\n") != 0;
			if (!data)
				answer(fd, r->end);
		} else if (strncmp(line, "EHLO", 4) == 0) {
			answer(fd, "250-sink\r\n250 8BITMIME");
		} else if (strncmp(line, "MAIL", 4) == 0) {
			answer(fd, r->mail);
		} else if (strncmp(line, "RCPT", 4) == 0) {
			answer(fd, rcpts++ == 0 ? r->rcpt : r->rcpt2);
		} else if (strncmp(line, "DATA", 4) == 0) {
			answer(fd, r->data);
			data = r->data[0] == '3';
		} else if (strncmp(line, "QUIT", 4) == 0) {
			answer(fd, "221 bye");
			break;
		} else {
			answer(fd, "500 what");
		}
	}
	fclose(in);
}

static void *relay_work(void *ctx)
{
	struct relay *r = ctx;
	int fd;

	while ((fd = accept(r->fd, NULL, NULL)) >= 0)
		serve(r, fd);
	return NULL;
}

static void relay_start(struct relay *r)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(r->fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(listen(r->fd, 5), 0);
	r->port = ntohs(at.sin_port);
	r->log[0] = '\0';
	assert_int_equal(pthread_create(&r->thread, NULL, relay_work, r), 0);
}

static void relay_stop(struct relay *r)
{
	shutdown(r->fd, SHUT_RDWR);
	pthread_join(r->thread, NULL);
	close(r->fd);
}

static struct relay willing(void)
{
	return (struct relay){.greeting = "220 sink",
		.mail = "250 ok",
		.rcpt = "250 ok",
		.rcpt2 = "250 ok",
		.data = "354 go",
		.end = "250 2.0.0 queued as 4711"};
}

static struct mw_mailer *mailer(uint16_t port)
{
	struct mw_relay relay = {.host = "127.0.0.1",
		.port = port,
		.helo = "test.example",
		.connect_s = 2,
		.total_s = 3};
	char error[128];
	struct mw_mailer *m = mw_mailer_start(&relay, error, sizeof(error));

	assert_non_null(m);
	return m;
}

static struct mw_mail_result result_of(struct mw_mailer *m)
{
	struct pollfd p = {.fd = mw_mailer_fd(m), .events = POLLIN};
	struct mw_mail_result result;

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(mw_mailer_result(m, &result), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(mw_mailer_result(m, &(struct mw_mail_result){0}), 0);
	return result;
}

static struct mw_mail_result send_one(struct relay *r)
{
	const char *to[] = {"ada@c1.example", "bob@c1.example"};
	static struct mw_outbox_record rec;
	struct mw_mail_result result;
	struct mw_mailer *m;

	relay_start(r);
	m = mailer(r->port);
	compose(&rec, 77, to, 2);
	assert_int_equal(mw_mailer_submit(m, &rec), 0);
	result = result_of(m);
	assert_int_equal(result.id, 77);
	mw_mailer_stop(m);
	relay_stop(r);
	return result;
}

static void accepted(void **state)
{
	struct relay r = willing();
	struct mw_mail_result result = send_one(&r);

	assert_int_equal(result.outcome, MW_MAIL_ACCEPTED);
	assert_int_equal(result.code, 250);
	assert_string_equal(result.reply, "250 2.0.0 queued as 4711");
	assert_non_null(strstr(r.log, "EHLO test.example\r\n"));
	assert_non_null(strstr(r.log, "MAIL FROM:<desk@isp.example>"));
	assert_non_null(strstr(r.log, "RCPT TO:<ada@c1.example>\r\n"));
	assert_non_null(strstr(r.log, "RCPT TO:<bob@c1.example>\r\n"));
	assert_non_null(strstr(r.log, "Message-Id: <MW-2026-000123.final.7@isp.example>\r\n"));
}

static void answers_are_told_apart(void **state)
{
	static const struct {
		const char *where, *reply;
		enum mw_mail_outcome outcome;
		uint32_t code;
	} cases[] = {
		{"mail", "451 4.3.0 later", MW_MAIL_DEFERRED, 451},
		{"mail", "550 5.7.1 not you", MW_MAIL_REFUSED, 550},
		{"data", "452 full", MW_MAIL_DEFERRED, 452},
		{"end", "451 not now", MW_MAIL_DEFERRED, 451},
		{"end", "554 5.6.0 no", MW_MAIL_REFUSED, 554},
		{"both", "450 greylisted", MW_MAIL_DEFERRED, 450},
		{"both", "550 no such user", MW_MAIL_REFUSED, 550},
		/* the relay's own trouble is no verdict on the mail */
		{"greeting", "554 no service", MW_MAIL_DEFERRED, 554},
		{"greeting", "421 busy", MW_MAIL_DEFERRED, 421},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct relay r = willing();
		struct mw_mail_result result;

		if (strcmp(cases[i].where, "mail") == 0)
			r.mail = cases[i].reply;
		else if (strcmp(cases[i].where, "data") == 0)
			r.data = cases[i].reply;
		else if (strcmp(cases[i].where, "end") == 0)
			r.end = cases[i].reply;
		else if (strcmp(cases[i].where, "both") == 0)
			r.rcpt = r.rcpt2 = cases[i].reply;
		else
			r.greeting = cases[i].reply;
		result = send_one(&r);
		if (result.outcome != cases[i].outcome || result.code != cases[i].code ||
			strcmp(result.reply, cases[i].reply) != 0)
			fail_msg("%s %s: %s %u \"%s\"", cases[i].where, cases[i].reply,
				mw_mail_outcome_name(result.outcome), result.code, result.reply);
	}
}

static void one_recipient_refused_is_said(void **state)
{
	struct relay r = willing();
	struct mw_mail_result result;

	r.rcpt2 = "550 5.1.1 no such user";
	result = send_one(&r);
	assert_int_equal(result.outcome, MW_MAIL_ACCEPTED);
	assert_int_equal(result.refused_count, 1);
	assert_non_null(strstr(result.reply, "550 5.1.1 no such user"));
}

static void silence_and_nobody(void **state)
{
	const char *to[] = {"ada@c1.example"};
	static struct mw_outbox_record rec;
	struct relay r = willing();
	struct mw_mail_result result;
	struct mw_mailer *m;

	r.silent = true;
	result = send_one(&r);
	assert_int_equal(result.outcome, MW_MAIL_DEFERRED);
	assert_int_equal(result.code, 0);
	assert_true(result.reply[0] != '\0');
	m = mailer(1); /* nobody listens there */
	compose(&rec, 5, to, 1);
	assert_int_equal(mw_mailer_submit(m, &rec), 0);
	assert_int_equal(mw_mailer_submit(m, &rec), -EEXIST);
	result = result_of(m);
	assert_int_equal(result.outcome, MW_MAIL_DEFERRED);
	print_message("# nobody there: %s\n", result.reply);
	rec.id = 0;
	assert_int_equal(mw_mailer_submit(m, &rec), -EINVAL);
	mw_mailer_stop(m);
	mw_mailer_stop(NULL);
}

/* The queue is bounded, and the end does not wait for a relay that hangs. */
static void full_queue_and_quick_stop(void **state)
{
	const char *to[] = {"ada@c1.example"};
	static struct mw_outbox_record rec;
	struct relay r = willing();
	struct mw_mailer *m;
	int taken = 0, rc;

	r.silent = true;
	relay_start(&r);
	m = mailer(r.port);
	compose(&rec, 1, to, 1);
	while ((rc = mw_mailer_submit(m, &rec)) == 0) {
		taken++;
		rec.id++;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(taken, MW_MAILER_QUEUE_MAX);
	mw_mailer_stop(m);
	relay_stop(&r);
}

/* Postfix's own sink as the relay: down, then up; the same record, the same octets. */
static void relay_down_and_back(void **state)
{
	const char *to[] = {"ada@c1.example"};
	static struct mw_outbox_record rec;
	char dir[] = "/tmp/mw-sink-XXXXXX", where[32], dump[64], path[64], line[1024];
	struct mw_mail_result result;
	struct mw_mailer *m;
	struct relay probe = willing();
	bool found = false;
	FILE *in;
	pid_t pid;

	if (access("/usr/sbin/smtp-sink", X_OK) != 0) {
		print_message("# smtp-sink is not installed\n");
		skip();
	}
	relay_start(&probe); /* a free port */
	relay_stop(&probe);
	m = mailer(probe.port);
	compose(&rec, 9, to, 1);
	assert_int_equal(mw_mailer_submit(m, &rec), 0);
	result = result_of(m);
	mw_outbox_apply(&rec, &result, rec.created_s);
	assert_int_equal(rec.state, MW_OUTBOX_QUEUED);

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	snprintf(where, sizeof(where), "inet:127.0.0.1:%u", probe.port);
	snprintf(dump, sizeof(dump), "%s/m", dir);
	pid = fork();
	if (pid == 0) {
		execl("/usr/sbin/smtp-sink", "smtp-sink", "-u", geteuid() == 0 ? "nobody" : "",
			"-D", dump, where, "10", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100 && rec.state == MW_OUTBOX_QUEUED; i++) {
		assert_int_equal(mw_mailer_submit(m, &rec), 0);
		result = result_of(m);
		mw_outbox_apply(&rec, &result, rec.next_try_s);
		usleep(50000);
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	mw_mailer_stop(m);
	print_message("# the sink: %s\n", result.reply);
	assert_int_equal(rec.state, MW_OUTBOX_ACCEPTED);
	snprintf(path, sizeof(path), "cat %s/*", dir);
	in = popen(path, "r");
	while (fgets(line, sizeof(line), in) != NULL)
		found |= strstr(line, "MW-2026-000123.final.7@isp.example") != NULL;
	pclose(in);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_each_mail),
		cmocka_unit_test(words_of_the_gateway),
		cmocka_unit_test(hostile_facts),
		cmocka_unit_test(addresses),
		cmocka_unit_test(octets_and_record),
		cmocka_unit_test(backoff),
		cmocka_unit_test(accepted),
		cmocka_unit_test(answers_are_told_apart),
		cmocka_unit_test(one_recipient_refused_is_said),
		cmocka_unit_test(silence_and_nobody),
		cmocka_unit_test(full_queue_and_quick_stop),
		cmocka_unit_test(relay_down_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
