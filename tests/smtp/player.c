#include "player.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define POOL_BLOCKS 80

static const char *const reason_names[] = {
#define MW_REASON(ENUM, name, group, sentence) name,
#include "common/contract/reason.def"
#undef MW_REASON
};

static const char *const command_names[] = {"none", "greeting", "HELO", "EHLO", "MAIL", "RCPT",
	"RSET", "DATA", "content", "BDAT", "BDAT LAST", "BDAT bad", "STARTTLS", "AUTH", "QUIT",
	"unknown", "not followed", "other"};

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "player: %s\n", what);
		abort();
	}
}

uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void put(struct text *t, const char *data, size_t len)
{
	if (t->len + len + 1 > t->size) {
		t->size = (t->len + len + 1) * 2;
		t->data = realloc(t->data, t->size);
		must(t->data != NULL, "no memory");
	}
	memcpy(t->data + t->len, data, len);
	t->len += len;
	t->data[t->len] = 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	put(t, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void put_escaped(struct text *t, struct mw_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.data[i];

		if (c == '\r')
			put(t, "\\r", 2);
		else if (c == '\n')
			put(t, "\\n", 2);
		else if (c < 32 || c > 126 || c == '\\')
			say(t, "\\x%02x", c);
		else
			put(t, (const char *)&c, 1);
	}
}

static void put_or_unknown(struct text *t, struct mw_span s)
{
	if (s.data == NULL)
		put(t, "?", 1);
	else
		put_escaped(t, s);
}

struct seen {
	bool ended, complete, answered;
	uint64_t octets;
};

static void put_message(struct player *p, struct mw_smtp_envelope *env, bool complete)
{
	struct text *t = &p->out;
	struct seen *seen = env->user;
	uint32_t listed = 0;

	say(t, "message helo=");
	put_or_unknown(t, env->helo);
	say(t, " from=");
	put_or_unknown(t, env->mail_from);
	say(t, " to=");
	for (const struct mw_smtp_rcpt *r = env->rcpts; r != NULL; r = r->next) {
		put(t, r == env->rcpts ? "" : ",", r == env->rcpts ? 0 : 1);
		put_escaped(t, r->address);
		say(t, ":%d", r->reply);
		listed++;
	}
	must(listed + env->rcpts_unlisted == env->rcpt_count, "recipients do not add up");
	say(t, " size=%llu %s reply=%d%s\n", (unsigned long long)seen->octets,
		complete ? "complete" : "incomplete", env->data_reply, env->bdat ? " bdat" : "");
}

static void message_over(
	struct player *p, struct mw_smtp_envelope *env, bool complete, bool message)
{
	if (!p->quiet) {
		if (message)
			put_message(p, env, complete);
		else
			say(&p->out, "no message\n");
	}
	free(env->user);
	mw_smtp_envelope_release(env);
}

static void content(struct player *p, const struct mw_smtp_event *ev)
{
	struct seen *seen = ev->envelope->user;

	must(ev->data.len > 0, "empty content");
	seen->octets += ev->data.len;
	p->content_octets += ev->data.len;
	if (p->quiet)
		return;
	if (!p->content_open) {
		say(&p->out, "content ");
		p->content_open = true;
	}
	put_escaped(&p->out, ev->data);
}

static void told(struct player *p, const struct mw_smtp_event *ev)
{
	struct text *t = &p->out;

	if (ev->kind == MW_SMTP_HELO)
		say(t, "helo ");
	else if (ev->kind == MW_SMTP_MAIL)
		say(t, "mail ");
	else
		say(t, "rcpt ");
	put_escaped(t, ev->data);
	say(t, "\n");
}

static void put_refusal(struct text *t, enum mw_smtp_refusal refusal)
{
	static const char *const names[] = {"", "", " unknown", " policy"};

	say(t, "%s", names[refusal]);
}

static void reply(struct player *p, const struct mw_smtp_event *ev)
{
	struct text *t = &p->out;

	say(t, "reply %d to %s", ev->code, command_names[ev->command]);
	if (ev->rcpt != NULL) {
		say(t, " ");
		put_escaped(t, ev->rcpt->address);
		must(ev->rcpt->reply == ev->code, "reply of another recipient");
	}
	say(t, "%s%s '", ev->unblocked ? " unblocked" : "", ev->dropped ? " dropped" : "");
	put_escaped(t, ev->data);
	say(t, "'");
	if (ev->enhanced.klass != 0)
		say(t, " %u.%u.%u", ev->enhanced.klass, ev->enhanced.subject, ev->enhanced.detail);
	put_refusal(t, ev->refusal);
	say(t, "\n");
}

static void keep_secret(const struct player *p, const struct mw_smtp_event *ev)
{
	if (p->secret != NULL && ev->data.len > 0)
		must(memmem(ev->data.data, ev->data.len, p->secret, strlen(p->secret)) == NULL,
			"a credential was told");
}

static void event(struct player *p, const struct mw_smtp_event *ev)
{
	struct text quiet = {0};
	struct text *t = p->quiet ? &quiet : &p->out;
	struct seen *seen;

	p->events++;
	keep_secret(p, ev);
	if (ev->kind == MW_SMTP_MORE || ev->kind == MW_SMTP_BLOCKED)
		return;
	if (ev->kind != MW_SMTP_CONTENT && p->content_open) {
		say(&p->out, "\n");
		p->content_open = false;
	}
	switch (ev->kind) {
	case MW_SMTP_HELO:
	case MW_SMTP_MAIL:
	case MW_SMTP_RCPT:
		if (!p->quiet)
			told(p, ev);
		return;
	case MW_SMTP_AUTH:
		say(t, "auth\n");
		break;
	case MW_SMTP_QUIT:
		say(t, "quit\n");
		break;
	case MW_SMTP_CONTENT_BEGIN:
		ev->envelope->user = calloc(1, sizeof(struct seen));
		must(ev->envelope->user != NULL, "no memory");
		say(t, "begin %s\n", ev->envelope->bdat ? "bdat" : "data");
		break;
	case MW_SMTP_CONTENT:
		content(p, ev);
		return;
	case MW_SMTP_CONTENT_END:
		seen = ev->envelope->user;
		seen->ended = true;
		seen->complete = ev->complete;
		say(t, "end %s H=%llu\n", ev->complete ? "complete" : "incomplete",
			(unsigned long long)p->position - 1);
		if (seen->answered)
			message_over(p, ev->envelope, seen->complete, true);
		break;
	case MW_SMTP_CONTENT_ABORT:
		say(t, "abort %d\n", ev->code);
		message_over(p, ev->envelope, false, ev->message);
		break;
	case MW_SMTP_LOOKALIKE:
		say(t, "lookalike H=%llu%s %s\n", (unsigned long long)p->position - 1,
			ev->hold ? " hold" : "", reason_names[ev->reason]);
		break;
	case MW_SMTP_GREETING:
	case MW_SMTP_REPLY:
		if (!p->quiet)
			reply(p, ev);
		return;
	case MW_SMTP_CHUNK_REPLY:
		say(t, "chunk %d%s\n", ev->code, ev->envelope == NULL ? " of none" : "");
		break;
	case MW_SMTP_FINAL_REPLY:
		seen = ev->envelope->user;
		seen->answered = true;
		say(t, "final %d%s", ev->code, ev->unblocked ? " unblocked" : "");
		put_refusal(t, ev->refusal);
		say(t, "\n");
		if (seen->ended)
			message_over(p, ev->envelope, seen->complete, ev->message);
		break;
	case MW_SMTP_TLS:
		say(t, "tls %s\n", reason_names[ev->reason]);
		break;
	case MW_SMTP_TLS_HELLO:
		say(t, "hello %s %04x '",
			mw_tls_outcome_name((enum mw_tls_outcome)ev->hello->outcome),
			ev->hello->version);
		put_escaped(t, mw_tls_hello_name(ev->hello));
		say(t, "'\n");
		break;
	case MW_SMTP_ANOMALY:
		say(t, "anomaly %s\n", reason_names[ev->reason]);
		break;
	case MW_SMTP_LOST:
		say(t, "lost %s\n", reason_names[ev->reason]);
		break;
	case MW_SMTP_MORE:
	case MW_SMTP_BLOCKED:
		break;
	}
	free(quiet.data);
}

/* Octets of the client until MORE or BLOCKED; how many were consumed. */
static size_t feed_client(struct player *p, const uint8_t *octets, size_t len)
{
	struct mw_smtp_event ev;
	size_t done = 0;

	do {
		size_t used = mw_smtp_client(&p->smtp, octets + done, len - done, &ev);

		must(used <= len - done, "more consumed than there was");
		done += used;
		p->position += used;
		event(p, &ev);
	} while (ev.kind != MW_SMTP_MORE && ev.kind != MW_SMTP_BLOCKED);
	must(ev.kind == MW_SMTP_BLOCKED ? done < len : done == len, "MORE and BLOCKED say when");
	return done;
}

static void feed_waiting(struct player *p)
{
	static const uint8_t none[1];
	uint8_t *octets = p->waiting;
	size_t len = p->waiting_len;
	size_t done;

	p->waiting = NULL;
	p->waiting_len = p->waiting_size = 0;
	done = feed_client(p, octets != NULL ? octets : none, len);
	if (done < len) {
		p->waiting_len = p->waiting_size = len - done;
		p->waiting = malloc(len - done);
		must(p->waiting != NULL, "no memory");
		memcpy(p->waiting, octets + done, len - done);
	}
	free(octets);
}

static void wait_client(struct player *p, const uint8_t *octets, size_t len)
{
	if (p->waiting_len + len > p->waiting_size) {
		p->waiting_size = (p->waiting_len + len) * 2;
		p->waiting = realloc(p->waiting, p->waiting_size);
		must(p->waiting != NULL, "no memory");
	}
	memcpy(p->waiting + p->waiting_len, octets, len);
	p->waiting_len += len;
}

static void feed_server(struct player *p, const uint8_t *octets, size_t len)
{
	struct mw_smtp_event ev;
	size_t done = 0;

	do {
		size_t used = mw_smtp_server(&p->smtp, octets + done, len - done, &ev);

		must(used <= len - done, "more consumed than there was");
		done += used;
		event(p, &ev);
		if (ev.unblocked || mw_smtp_dark(&p->smtp))
			feed_waiting(p);
	} while (ev.kind != MW_SMTP_MORE);
	must(done == len, "the server is never blocked");
}

/* What the client has sent and is kept back comes behind it. */
static void resume(struct player *p)
{
	static const uint8_t none[1];

	feed_client(p, none, 0);
	mw_smtp_resume(&p->smtp);
	feed_waiting(p);
}

void player_feed(struct player *p, char from, const uint8_t *octets, size_t len)
{
	/* A copy of exactly that length: reading beyond it is seen by ASan. */
	uint8_t *copy = malloc(len > 0 ? len : 1);
	size_t done;

	must(copy != NULL, "no memory");
	if (len > 0 && octets != NULL)
		memcpy(copy, octets, len);
	switch (from) {
	case 'C':
		if (p->waiting_len > 0) {
			wait_client(p, copy, len);
			break;
		}
		done = feed_client(p, copy, len);
		if (done < len)
			wait_client(p, copy + done, len - done);
		break;
	case 'S':
		feed_server(p, copy, len);
		break;
	case 'c':
		mw_smtp_gap_client(&p->smtp, len);
		p->position += len;
		feed_client(p, copy, 0);
		break;
	case 's':
		mw_smtp_gap_server(&p->smtp);
		feed_waiting(p);
		break;
	case 'k':
		mw_smtp_skip_replies(&p->smtp, (uint32_t)len);
		if (len == 0)
			feed_waiting(p);
		else
			resume(p);
		break;
	case 'r':
		if (p->waiting_len == 0)
			resume(p);
		break;
	case 'o':
		mw_smtp_set_one_sided(&p->smtp);
		feed_waiting(p);
		break;
	}
	free(copy);
}

void player_init(struct player *p)
{
	memset(p, 0, sizeof(*p));
	p->memory = aligned_alloc(64, (size_t)MW_SMTP_ENVELOPE_BLOCK * POOL_BLOCKS);
	must(p->memory != NULL, "no memory");
	mw_pool_init(&p->pool, p->memory, MW_SMTP_ENVELOPE_BLOCK, POOL_BLOCKS);
	mw_smtp_init(&p->smtp, &p->pool);
}

void player_finish(struct player *p)
{
	struct mw_smtp_event ev;

	do {
		mw_smtp_finish(&p->smtp, &ev);
		event(p, &ev);
	} while (ev.kind != MW_SMTP_MORE);
	say(&p->out, "starttls %s\n", mw_smtp_starttls_name(mw_smtp_starttls(&p->smtp)));
}

void player_free(struct player *p)
{
	if (p->secret != NULL)
		must(memmem(&p->smtp, sizeof(p->smtp), p->secret, strlen(p->secret)) == NULL &&
				memmem(p->memory, (size_t)MW_SMTP_ENVELOPE_BLOCK * POOL_BLOCKS,
					p->secret, strlen(p->secret)) == NULL,
			"a credential was kept");
	mw_smtp_close(&p->smtp);
	must(p->pool.used == 0, "blocks were not given back");
	free(p->memory);
	free(p->waiting);
	free(p->out.data);
}

static void play_step(struct player *p, const struct step *step, struct cuts cuts, uint64_t *random)
{
	const uint8_t *octets = (const uint8_t *)step->octets;
	size_t len = step->len;
	size_t done = 0;

	if (step->from != 'C' && step->from != 'S') {
		player_feed(p, step->from, NULL, len);
		return;
	}
	if (cuts.at > 0 && cuts.at < len) {
		player_feed(p, step->from, octets, cuts.at);
		done = cuts.at;
	}
	while (done < len) {
		size_t piece = len - done;

		if (cuts.piece > 0 && cuts.piece < piece)
			piece = cuts.piece;
		if (cuts.seed != 0 && piece > 1)
			piece = 1 + next_random(random) % (piece < 40 ? piece : 40);
		player_feed(p, step->from, octets + done, piece);
		done += piece;
	}
}

char *play(const struct session *session, struct cuts cuts)
{
	struct player p;
	uint64_t random = cuts.seed;
	char *out;

	player_init(&p);
	p.secret = "c2Vj"; /* stands in credentials only */
	for (size_t i = 0; i < STEPS_MAX && session->steps[i].from != 0; i++)
		play_step(&p, &session->steps[i], cuts, &random);
	player_finish(&p);
	out = p.out.data;
	p.out.data = NULL;
	player_free(&p);
	return out;
}

char *play_messages(const struct session *session)
{
	char *all = play(session, (struct cuts){0});
	struct text out = {0};

	put(&out, "", 0);
	for (char *line = all; *line != 0;) {
		char *end = strchr(line, '\n');

		if (strncmp(line, "message ", 8) == 0)
			put(&out, line, (size_t)(end - line) + 1);
		line = end + 1;
	}
	free(all);
	return out.data;
}
