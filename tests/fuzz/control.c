/*
 * The control socket, from its octets to the verbs, over a small world: two customers, one with a
 * ticket. Oracles: every request is answered by one frame that can be read, with an exit code and,
 * where it was refused, a sentence; what answers in JSON is JSON; who says half a request and goes
 * leaves nothing behind; a grammar's refusal has its words. A world that was changed is made anew,
 * so that each input stands for itself.
 *
 * The first octet: octets as they are, or a request made of lines: words, an empty line, data. The
 * rules' compiler, a process of its own, is never asked for.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/ctl/rules_job.h"
#include "controlplane/ctl/server.h"
#include "tests/cpb/world.h"
#include "tests/fuzz/target.h"

#define TURNS_MAX 2000

const struct fuzz_target fuzz_target = {"control", 400};

static struct world world;
static struct mw_ctl ctl;
static struct mw_server *server;
static char path[108]; /* as much as an address has room for */
static size_t last_txn;
static bool made;

static size_t cases_txn(void)
{
	MDB_envinfo info;

	demand(mdb_env_info(world.cases.env.env, &info) == 0, "an environment tells of itself");
	return info.me_last_txnid;
}

static void make_world(void)
{
	char error[256] = "";

	setenv("CMOCKA_TEST_ABORT", "1", 1); /* the world asserts, and no test runs */
	world_dir(&world, "fuzz");
	world_open(&world);
	world_customer(&world, "K1", "192.0.2.0/24", 2);
	world_customer(&world, "K2", "2001:db8::/32", 0);
	world_spam(&world, 0, 30, world.now_s);
	world.now_s += 60;
	world_turn(&world);
	ctl = (struct mw_ctl){.core = &world.core,
		.apply = &world.apply,
		.events = &world.events,
		.version = "fuzz",
		.replay_program = "",
		.started_s = NOON};
	ctl.rules = mw_rules_job_new("/bin/false", world.dir);
	demand(snprintf(path, sizeof(path), "%s/sock", world.dir) < (int)sizeof(path),
		"a path fits");
	server = mw_server_start(&ctl, path, error, sizeof(error));
	demand(ctl.rules != NULL && server != NULL, "a server starts");
	last_txn = cases_txn();
	made = true;
}

static void end_world(void)
{
	if (!made)
		return;
	mw_server_stop(server);
	mw_rules_job_free(ctl.rules);
	world_close(&world);
	world_remove(&world);
	made = false;
}

/* What poll() says now, acted on. */
static size_t turn(void)
{
	struct pollfd wait[MW_SERVER_CLIENTS_MAX + 1];
	size_t count = mw_server_poll(server, wait);

	poll(wait, (nfds_t)count, 0);
	mw_server_run(server, wait, count, 1000, world.now_s);
	return mw_server_poll(server, wait) - 1;
}

static void check_answer(const uint8_t *data, size_t len, bool json)
{
	size_t head_len, data_len;
	json_t *head, *document;
	json_error_t why;
	int64_t code;

	demand(len >= MW_WIRE_PREFIX, "an answer has a frame");
	head_len = mw_wire_get(data);
	data_len = mw_wire_get(data + 4);
	demand(len == MW_WIRE_PREFIX + head_len + data_len, "of the length it says, and no more");
	head = json_loadb((const char *)data + MW_WIRE_PREFIX, head_len, 0, &why);
	demand(head != NULL && json_integer_value(json_object_get(head, "v")) == MW_WIRE_VERSION,
		"its head is JSON of our version");
	code = json_integer_value(json_object_get(head, "exit"));
	demand(json_is_integer(json_object_get(head, "exit")) && code >= 0 && code <= 3,
		"with an exit code");
	demand((code != 0) == json_is_string(json_object_get(head, "error")),
		"and a sentence where it was refused");
	json_decref(head);
	if (!json || code != 0 || data_len == 0)
		return;
	document = json_loadb(
		(const char *)data + MW_WIRE_PREFIX + head_len, data_len, JSON_DECODE_ANY, &why);
	demand(document != NULL, "what answers in JSON is JSON");
	json_decref(document);
}

/* Everything there is to read. False: the connection has ended. */
static bool take(int fd, uint8_t **answer, size_t *len)
{
	for (;;) {
		static uint8_t buffer[65536];
		ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		*answer = realloc(*answer, *len + (size_t)n);
		demand(*answer != NULL, "there is memory");
		memcpy(*answer + *len, buffer, (size_t)n);
		*len += (size_t)n;
	}
}

/* `whole`: what is sent is one request, so there is an answer. */
static void converse(const uint8_t *data, size_t len, size_t most, bool whole, bool json)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t *answer = NULL;
	size_t got = 0;
	bool open = true;

	memcpy(to.sun_path, path, sizeof(path));
	demand(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
		"the socket is there");
	turn();
	for (size_t at = 0; at < len && open;) {
		size_t n = len - at < most ? len - at : most;
		ssize_t sent = send(fd, data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			break; /* it has heard enough */
		at += sent > 0 ? (size_t)sent : 0;
		turn();
		open = take(fd, &answer, &got);
	}
	for (int i = 0; i < TURNS_MAX && open && whole; i++) {
		turn();
		open = take(fd, &answer, &got);
	}
	demand(!whole || !open, "a request is answered and the connection ended");
	if (whole || got > 0)
		check_answer(answer, got, json);
	close(fd);
	turn();
	demand(turn() == 0, "nobody is left");
	free(answer);
}

static bool about_rules(struct mw_span s)
{
	return memmem(s.data, s.len, "rules", 5) != NULL ||
	       memmem(s.data, s.len, "\\u", 2) != NULL; /* the same in disguise */
}

static void check_grammar(const json_t *argv)
{
	const char *words[MW_ARGUMENTS_MAX * 2];
	struct mw_arguments arguments;
	size_t count = json_array_size(argv);
	char error[512] = "";

	if (count > MW_ARGUMENTS_MAX * 2)
		return;
	for (size_t i = 0; i < count; i++)
		words[i] = json_string_value(json_array_get(argv, i));
	if (!mw_grammar_parse(count, words, &arguments, error, sizeof(error))) {
		demand(error[0] != '\0', "what is refused is told why");
		return;
	}
	demand(arguments.grammar != NULL && arguments.count <= MW_ARGUMENTS_MAX &&
			arguments.option_count <= MW_ARGUMENTS_MAX,
		"a command is of the grammar");
	demand(arguments.grammar->positional_max < 0 ||
			arguments.count <= (size_t)arguments.grammar->positional_max,
		"with no more arguments than it takes");
}

/* Lines to a request: flags, words, an empty line, data. */
static void request(struct fuzz_input *in)
{
	static uint8_t frame[MW_WIRE_PREFIX + 65536];
	uint8_t flags = fuzz_u8(in);
	json_t *argv = json_array(), *head;
	struct mw_span rest = mw_span_of(in->at, in->left);
	char *text;
	size_t len;

	while (rest.len > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		size_t n = end != NULL ? (size_t)(end - rest.data) : rest.len;
		json_t *word = json_stringn((const char *)rest.data, n);

		rest = mw_span_of(rest.data + n, rest.len - n);
		if (rest.len > 0)
			rest = mw_span_of(rest.data + 1, rest.len - 1);
		if (n == 0 || word == NULL || memchr(json_string_value(word), 0, n) != NULL) {
			json_decref(word);
			break;
		}
		json_array_append_new(argv, word);
	}
	check_grammar(argv);
	head = json_pack("{s:i, s:O, s:b, s:s}", "v", (flags & 2) != 0 && flags > 250 ? 2 : 1,
		"argv", argv, "json", flags & 1, "as", (flags & 4) != 0 ? "alice" : "");
	text = head != NULL ? json_dumps(head, JSON_COMPACT) : NULL;
	json_decref(head);
	json_decref(argv);
	demand(text != NULL, "there is memory");
	len = strlen(text);
	if (MW_WIRE_PREFIX + len + rest.len <= sizeof(frame) &&
		!about_rules(mw_span_of(text, len))) {
		mw_wire_put(frame, (uint32_t)len);
		mw_wire_put(frame + 4, (uint32_t)rest.len);
		memcpy(frame + MW_WIRE_PREFIX, text, len);
		memcpy(frame + MW_WIRE_PREFIX + len, rest.data, rest.len);
		converse(frame, MW_WIRE_PREFIX + len + rest.len, 1 + (flags >> 3) * 160u, true,
			(flags & 1) != 0);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	uint8_t kind = fuzz_u8(&in);

	if (!made) {
		make_world();
		atexit(end_world);
	}
	if (kind % 4 != 0)
		request(&in);
	else if (!about_rules(mw_span_of(in.at, in.left)))
		converse(in.at, in.left, 1 + kind, false, false);
	if (cases_txn() != last_txn) {
		end_world();
		make_world();
	}
	return 0;
}

/* Words that follow each other make commands, mostly. */
static const char *const nouns[] = {"customer\nlist", "customer\nshow\nK1", "customer\nimport\n-",
	"customer\nset\nK1\n--class\nbusiness", "contact\nlist\nK1", "contact\nimport\n-",
	"verdict\nset\nK1\nreject\n--reason\nwhy", "verdict\nset\nK1\npass\n--expires\n2h",
	"verdict\nclear\nK1", "verdict\nlist", "ticket\nlist", "ticket\nlist\n--state\nopen",
	"ticket\nshow\nMW-2026-000001", "ticket\nopen\nK2\n--reason\nx",
	"ticket\ncontacted\nMW-2026-000001", "ticket\nnote\nMW-2026-000001\ntext",
	"ticket\nextend\nMW-2026-000001\n2d", "ticket\nreport\nMW-2026-000001", "task\nlist",
	"task\ntake\n1", "task\noutcome\n1\nreached", "evidence\nshow\nMW-2026-000001",
	"audit\nshow", "audit\nverify", "report", "report\n--from\n2026-01-01", "status",
	"complaint\nsubmit", "ticket\nhold\nMW-2026-000001",
	"ticket\nrelease\nMW-2026-000001\n--reason\nok"};
static const char *const extra[] = {"\n--json", "\n--reason\nx", "\n--limit\n3", "\nK1", "\n--",
	"\n--expires\n90s", "\nMW-2026-000001", "\n--since\n2026-09-21T10:00Z", "\n\xc3\xa4",
	"\n--expires=1d"};
static const char *const files[] = {"customer,name,class,prefixes\nK9,N,business,203.0.113.0/24\n",
	"customer,position,name,role,phone,email,channel\nK1,1,A,contact,1,a@b.example,mail\n",
	"some text\n"};

#define PICK(words) (words)[fuzz_below(r, (uint32_t)(sizeof(words) / sizeof((words)[0])))]

static size_t put(uint8_t *out, size_t n, size_t size, const char *text)
{
	size_t len = strlen(text);

	len = len < size - n ? len : size - n;
	memcpy(out + n, text, len);
	return n + len;
}

size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static const char raw[] = "{\"v\":1,\"argv\":[\"status\"],\"json\":true}";
	size_t n = 2;

	if (size < 128)
		return 0;
	out[0] = (uint8_t)fuzz_random(r);
	out[1] = (uint8_t)fuzz_random(r);
	if (out[0] % 4 == 0) {
		memset(out + 1, 0, 8);
		out[4] = (uint8_t)(sizeof(raw) - 1);
		n = put(out, 9, size, raw);
	} else {
		n = put(out, n, size, PICK(nouns));
		for (uint32_t i = fuzz_below(r, 3); i > 0; i--)
			n = put(out, n, size, PICK(extra));
		n = put(out, n, size, "\n\n");
		if (fuzz_below(r, 3) == 0)
			n = put(out, n, size, PICK(files));
	}
	for (uint32_t i = fuzz_below(r, 3); i > 0; i--)
		out[1 + fuzz_below(r, (uint32_t)n - 1)] = (uint8_t)fuzz_random(r);
	return n;
}
