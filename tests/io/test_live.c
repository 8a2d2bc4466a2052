/*
 * The program itself between two veth pairs, with a policy in LMDB: says `ready` once, forwards
 * what is no mail bit for bit, answers in the server's place for a refused customer, follows a
 * change of verdict while it runs, tells its counters, ends at SIGTERM with status 0, and starts
 * again after a SIGKILL. On a third pair the kernel plays the gateway: found, checked by a
 * greeting, and lost, as the settings want it while it runs. Argument: the path of
 * mailweir-dataplane. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/store/events.h"
#include "common/store/policy.h"
#include "dataplane/verdict/snapshot.h"
#include "tests/io/wires.h"

#define MAP_BYTES (64ull << 20)
#define HONEST	  "\xcb\x00\x71\x05" /* 203.0.113.5 */
#define REFUSED	  "\xcb\x00\x71\x09" /* 203.0.113.9 */
#define SERVER	  "\xc6\x33\x64\x19" /* 198.51.100.25 */

extern char **environ;
static const char *program;
static const char *lanes = "1", *divert; /* the port to the gateway; NULL: none */
static bool allowed;
static char dir[] = "/tmp/mw-live-XXXXXX", told_path[64]; /* what it says, with a port to the
							    gateway */
static struct mw_env env;
static struct mw_policy policy;

static pid_t running; /* 0: none; a test that fails leaves it behind */

struct run {
	pid_t pid;
	int out; /* its stdout */
};

static void kill_running(void)
{
	if (running == 0)
		return;
	kill(running, SIGKILL);
	waitpid(running, NULL, 0);
	running = 0;
}

static struct run begin(const char *inside, const char *state_dir)
{
	char *argv[] = {strdup(program), strdup("--inside"), strdup(inside), strdup("--outside"),
		strdup("near1"), strdup("--state"), strdup(state_dir), strdup("--no-huge"),
		strdup("--poll"), strdup("sleep"), strdup("--flows"), strdup("1024"),
		strdup("--buffers"), strdup("16383"), strdup("--lanes"), strdup(lanes),
		divert ? strdup("--divert") : NULL, divert ? strdup(divert) : NULL, NULL};
	posix_spawn_file_actions_t actions;
	sigset_t none;
	posix_spawnattr_t attributes;
	struct run run;
	int ends[2];

	kill_running();
	sigemptyset(&none);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	if (divert)
		posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, told_path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	assert_int_equal(posix_spawn(&run.pid, program, &actions, &attributes, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	for (int i = 0; argv[i]; i++)
		free(argv[i]);
	close(ends[1]);
	run.out = ends[0];
	running = run.pid;
	return run;
}

/* Octets it has said within `ms`, until there are `want` or the end; NUL-terminated. */
static size_t said(const struct run *run, char *text, size_t want, int ms)
{
	size_t n = 0;

	while (n < want) {
		struct pollfd p = {.fd = run->out, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, ms) <= 0)
			break;
		got = read(run->out, text + n, want - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	return n;
}

static void wait_ready(const struct run *run)
{
	char text[16];

	said(run, text, 6, 15000);
	assert_string_equal(text, "ready\n");
}

/* Its exit status, within half a minute; 1000 + signal when it was killed. */
static int end(struct run *run, int signal_number)
{
	int status = 0;

	if (signal_number)
		kill(run->pid, signal_number);
	for (int i = 0; i < 3000; i++) {
		if (waitpid(run->pid, &status, WNOHANG) == run->pid) {
			close(run->out);
			running = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		}
		usleep(10000);
	}
	kill(run->pid, SIGKILL);
	waitpid(run->pid, &status, 0);
	fail_msg("it did not end");
	return -1;
}

static void set_verdict(uint32_t customer, enum mw_verdict verdict)
{
	struct mw_verdict_record rec = {.customer_index = customer,
		.verdict = verdict,
		.reason = "test",
		.by = "test",
		.ticket = "MW-2026-000123",
		.reply = "ticket MW-2026-000123, call the abuse desk"};
	struct mw_policy_txn t;

	assert_int_equal(mw_policy_begin_write(&policy, &t), 0);
	mw_policy_put_verdict(&t, &rec);
	assert_int_equal(mw_policy_commit(&t), 0);
}

static void put_customer(const char *id, const char *prefix)
{
	struct mw_customer_record customer = {
		.inspection = MW_INSPECTION_CONTENT, .spam_threshold_milli = 2000};
	struct mw_line_record line = {0};
	struct mw_policy_txn t;

	snprintf(customer.id, sizeof(customer.id), "%s", id);
	snprintf(customer.class_name, sizeof(customer.class_name), "business");
	assert_int_equal(mw_policy_begin_write(&policy, &t), 0);
	mw_policy_put_customer(&t, &customer);
	assert_int_equal(mw_prefix_parse(prefix, &line.key.prefix), 0);
	line.customer_index = customer.index;
	mw_policy_put_line(&t, &line);
	assert_int_equal(mw_policy_commit(&t), 0);
}

static int set_up(void **state)
{
	struct mw_policy_settings settings;
	struct mw_policy_txn t;
	char error[256] = "";

	allowed = wires_enter();
	if (!allowed)
		return 0;
	if (!mkdtemp(dir) ||
		!wires_do("for n in 0 1 2; do ip link add far$n type veth peer name near$n && "
			  "ethtool -K far$n tx off gro off >/dev/null && "
			  "ethtool -K near$n tx off gro off >/dev/null && "
			  "ip link set far$n up && ip link set near$n up || exit 1; done"))
		return -1;
	snprintf(told_path, sizeof(told_path), "%s/told", dir);
	if (mw_env_open(&env, dir, MW_POLICY_ENV, MW_ENV_WRITER, MAP_BYTES, 0, error,
		    sizeof(error)) != 0) {
		fprintf(stderr, "# %s\n", error);
		return -1;
	}
	if (mw_policy_open(&policy, &env) != 0 || mw_policy_begin_write(&policy, &t) != 0)
		return -1;
	mw_policy_settings_default(&settings);
	mw_policy_put_settings(&t, &settings);
	if (mw_policy_commit(&t) != 0)
		return -1;
	put_customer("honest", "203.0.113.5/32");
	put_customer("refused", "203.0.113.9/32");
	set_verdict(1, MW_VERDICT_REJECT);
	return 0;
}

static int tear_down(void **state)
{
	if (!allowed)
		return 0;
	kill_running();
	mw_env_close(&env);
	return wires_do("rm -r %s", dir) ? 0 : -1;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t add(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	return len % 2 ? sum + ((uint32_t)data[len - 1] << 8) : sum;
}

static uint32_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* A SYN from a customer to port 25 with good checksums; its length. */
static size_t make_syn(uint8_t *frame, const char *customer, uint16_t port)
{
	memset(frame, 0, 60);
	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0\x45", 15);
	put16(frame + 16, 40);
	frame[22] = 64;
	frame[23] = 6;
	memcpy(frame + 26, customer, 4);
	memcpy(frame + 30, SERVER, 4);
	put16(frame + 24, fold(add(0, frame + 14, 20)));
	put16(frame + 34, port);
	put16(frame + 36, 25);
	memcpy(frame + 38, "\x11\x22\x33\x44", 4);
	frame[46] = 0x50;
	frame[47] = 0x02;
	put16(frame + 48, 64240);
	put16(frame + 50, fold(add(6 + 20, frame + 26, 8) + add(0, frame + 34, 20)));
	return 54;
}

/* A frame of at least `least` octets that arrives within `ms`; its length or 0. */
static size_t arrives(int fd, uint8_t *frame, size_t size, size_t least, int ms)
{
	for (int i = 0; i < ms * 2; i++) {
		size_t n = wires_receive(fd, frame, size);

		if (n >= least)
			return n;
		usleep(500);
	}
	return 0;
}

/* Sends a SYN and says what became of it. */
enum fate { LOST, PASSED, ANSWERED };

static enum fate try_syn(const int fd[2], const char *customer, uint16_t port)
{
	uint8_t frame[64], got[2048];
	size_t len = make_syn(frame, customer, port);

	assert_int_equal(send(fd[0], frame, len, 0), (ssize_t)len);
	for (int i = 0; i < 400; i++) {
		size_t n = wires_receive(fd[1], got, sizeof(got));

		if (n >= 54 && memcmp(got, frame, 54) == 0)
			return PASSED;
		n = wires_receive(fd[0], got, sizeof(got));
		if (n >= 54 && got[23] == 6 && (got[47] & 0x12) == 0x12 &&
			memcmp(got + 30, customer, 4) == 0 && memcmp(got + 26, SERVER, 4) == 0)
			return ANSWERED;
		usleep(500);
	}
	return LOST;
}

static void exchange(const int fd[2])
{
	uint8_t frame[1514], got[2048];

	for (int i = 0; i < 300; i++) {
		size_t len = 60 + (size_t)(i * 37) % 1455;

		for (size_t k = 0; k < len; k++)
			frame[k] = (uint8_t)(random() >> 8);
		memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2\x88\xb5", 14);
		assert_int_equal(send(fd[i & 1], frame, len, 0), (ssize_t)len);
		assert_int_equal(arrives(fd[!(i & 1)], got, sizeof(got), 60, 2000), len);
		assert_memory_equal(got, frame, len);
	}
}

static void see_lane(void *ctx, const struct mw_event_lane *lane)
{
	struct mw_event_lane *sum = ctx;

	sum->rx_packets += lane->rx_packets;
	sum->tx_packets += lane->tx_packets;
	sum->packets[MW_REASON_FORWARDED] += lane->packets[MW_REASON_FORWARDED];
	sum->packets[MW_REASON_GATEWAY_TALK] += lane->packets[MW_REASON_GATEWAY_TALK];
	sum->policy_generation = lane->policy_generation;
	if (lane->lane == 0) { /* of others there may be records of an earlier run */
		sum->gateway = lane->gateway;
		sum->gateway_changes = lane->gateway_changes;
	}
}

static void sum_lanes(struct mw_event_lane *sum)
{
	struct mw_events events;
	struct mw_env events_env;
	char error[256] = "";

	assert_int_equal(mw_env_open(&events_env, dir, MW_EVENTS_ENV, MW_ENV_READER, 0, 0, error,
				 sizeof(error)),
		0);
	assert_int_equal(mw_events_open(&events, &events_env), 0);
	memset(sum, 0, sizeof(*sum));
	assert_int_equal(mw_events_lanes(&events, see_lane, sum), 0);
	mw_env_close(&events_env);
}

static void forwards_answers_follows_and_ends(void **state)
{
	struct mw_event_lane lane;
	char text[64];
	struct run run;
	int fd[2];
	bool followed = false;

	if (!allowed)
		skip();
	run = begin("near0", dir);
	fd[0] = wires_open("far0");
	fd[1] = wires_open("far1");
	wait_ready(&run);
	exchange(fd);
	assert_int_equal(try_syn(fd, HONEST, 30001), PASSED);
	assert_int_equal(try_syn(fd, REFUSED, 30002), ANSWERED);
	set_verdict(0, MW_VERDICT_REJECT);
	for (uint16_t i = 0; i < 20 && !followed; i++)
		followed = try_syn(fd, HONEST, (uint16_t)(31000 + i)) == ANSWERED;
	assert_true(followed);
	set_verdict(0, MW_VERDICT_PASS);
	usleep(1200000); /* for the counters of a whole second */
	assert_int_equal(end(&run, SIGTERM), 0);
	assert_int_equal(said(&run, text, sizeof(text) - 1, 0), 0);
	close(fd[0]);
	close(fd[1]);
	sum_lanes(&lane);
	assert_true(lane.rx_packets >= 302);
	assert_true(lane.tx_packets >= 302);
	assert_true(lane.packets[MW_REASON_FORWARDED] >= 300);
	assert_true(lane.policy_generation > 0);
}

static void the_same_with_two_lanes_over_one_queue(void **state)
{
	lanes = "2";
	forwards_answers_follows_and_ends(state);
	lanes = "1";
}

static void comes_back_after_a_kill(void **state)
{
	struct run run;
	int fd[2];

	if (!allowed)
		skip();
	for (int i = 0; i < 2; i++) {
		run = begin("near0", dir);
		wait_ready(&run);
		assert_int_equal(end(&run, SIGKILL), 1000 + SIGKILL);
	}
	run = begin("near0", dir);
	wait_ready(&run);
	fd[0] = wires_open("far0");
	fd[1] = wires_open("far1");
	exchange(fd);
	assert_int_equal(try_syn(fd, REFUSED, 30003), ANSWERED);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(end(&run, SIGINT), 0);
}

static void waits_for_a_policy_and_can_be_stopped(void **state)
{
	char empty[] = "/tmp/mw-empty-XXXXXX", text[16];
	struct run run;

	if (!allowed)
		skip();
	assert_non_null(mkdtemp(empty));
	run = begin("near0", empty);
	assert_int_equal(said(&run, text, 1, 2500), 0); /* not ready */
	assert_int_equal(end(&run, SIGTERM), 0);
	assert_true(wires_do("rm -r %s", empty));
}

static void a_missing_interface_ends_it_with_one(void **state)
{
	struct run run;
	char text[16];

	if (!allowed)
		skip();
	run = begin("nosuch0", dir);
	assert_int_equal(said(&run, text, 1, 10000), 0);
	assert_int_equal(end(&run, 0), 1);
}

static void put_divert(const struct mw_divert_settings *divert_settings)
{
	struct mw_policy_settings settings;
	struct mw_policy_txn t;

	mw_policy_settings_default(&settings);
	settings.divert = *divert_settings;
	assert_int_equal(mw_policy_begin_write(&policy, &t), 0);
	mw_policy_put_settings(&t, &settings);
	assert_int_equal(mw_policy_commit(&t), 0);
}

/* Has it said that? And how often. */
static uint32_t has_told(const char *words)
{
	static char text[65536];
	FILE *file = fopen(told_path, "re");
	uint32_t n = 0;
	size_t len;

	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		n++;
	return n;
}

static int listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	/* IPv4 in its mapped form */
	assert_true(fd >= 0 && inet_pton(AF_INET6, address, &at.sin6_addr) == 1);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* The service manager's end, and how often it was told that all is well. Ten messages fit in; then
 * who sends one waits. */
static int notify = -1;
static uint32_t alive;

static void notify_begin(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", dir);
	assert_true(fd >= 0);
	unlink(at.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	notify = fd;
	alive = 0;
}

static void notify_hear(void)
{
	char text[256];

	for (ssize_t n; notify >= 0 && (n = recv(notify, text, sizeof(text) - 1, 0)) > 0;) {
		text[n] = '\0';
		alive += strstr(text, "WATCHDOG=1") != NULL;
	}
}

/* Greets who comes. One who has lost patience meanwhile has reset the connection; of the others
 * each says QUIT and ends with a FIN. `listening` -1: nobody greets. */
static uint32_t greeted;

static void greet(int listening)
{
	static const char bye[] = "221 bye\r\n", hello[] = "220 gateway.example ESMTP\r\n";
	struct timeval patience = {.tv_sec = 1};
	char text[16] = "";
	int fd = listening < 0 ? -1 : accept(listening, NULL, NULL);

	notify_hear();
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, hello, strlen(hello), MSG_NOSIGNAL) > 0 &&
		recv(fd, text, sizeof(text), 0) > 0) {
		assert_memory_equal(text, "QUIT\r\n", 6);
		greeted += send(fd, bye, strlen(bye), MSG_NOSIGNAL) > 0 &&
			   recv(fd, text, sizeof(text), 0) == 0;
	}
	close(fd);
}

/* Within twenty seconds; meanwhile the gateway greets. */
static void is_told(const char *words, uint32_t times, int listening)
{
	for (int i = 0; i < 4000; i++) {
		greet(listening);
		if (i % 20 == 0 && has_told(words) >= times)
			break;
		usleep(5000);
	}
	if (has_told(words) != times)
		fail_msg("not told as often as it should be: %s", words);
}

static void mac_of(const char *iface, uint8_t mac[6])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_flags = 0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", iface);
	assert_true(fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &request) == 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

/* Is a SYN of his led to the gateway: to its MAC, from ours, and untouched behind them? */
static bool is_diverted(int inside, int gateway, int listening, const char *customer, uint16_t port)
{
	uint8_t frame[64], got[2048], to[6], from[6];
	size_t len = make_syn(frame, customer, port);

	mac_of("far2", to);
	mac_of("near2", from);
	assert_int_equal(send(inside, frame, len, 0), (ssize_t)len);
	for (int i = 0; i < 400; i++) {
		size_t n = wires_receive(gateway, got, sizeof(got));

		if (n >= len && memcmp(got + 12, frame + 12, len - 12) == 0 &&
			memcmp(got, to, 6) == 0 && memcmp(got + 6, from, 6) == 0)
			return true;
		greet(listening); /* it stays up meanwhile */
		if (n == 0)
			usleep(500);
	}
	return false;
}

static void the_gateway_is_kept(void **state)
{
	struct mw_divert_settings none = {.vlan = 0}, s = {.check_port = 25,
							      .check_every_ms = 500,
							      .check_timeout_ms = 450,
							      .fall = 2,
							      .rise = 2,
							      .fallback = MW_DIVERT_LATER};
	struct mw_event_lane lane;
	int listening, fd[3];
	bool steered = false, put_off = false;
	struct run run;

	if (!allowed)
		skip();
	assert_true(wires_do("ip address add 192.0.2.2/24 dev far2"));
	assert_int_equal(mw_ip_parse("192.0.2.2", &s.gateway_v4), 0);
	assert_int_equal(mw_ip_parse("192.0.2.1", &s.address_v4), 0);
	put_divert(&s);
	divert = "near2";
	notify_begin();
	run = begin("near0", dir);
	unsetenv("NOTIFY_SOCKET");
	wait_ready(&run);
	is_told("gateway 192.0.2.2 is down: its check port refuses the connection; new "
		"connections under DIVERT are put off (4xx)",
		1, -1);
	listening = listen_at("::ffff:192.0.2.2", 25);
	is_told("gateway 192.0.2.2 is up, at ", 1, listening);
	assert_true(wires_do("! command -v ping >/dev/null || "
			     "ping -c 3 -i 0.2 -W 2 192.0.2.1 >/dev/null"));
	/* What it forwards between the two other ports it forwards as ever. */
	fd[0] = wires_open("far0");
	fd[1] = wires_open("far1");
	exchange(fd);
	/* All lanes know of it: who is under DIVERT goes there, nobody else. */
	fd[2] = wires_open("far2");
	set_verdict(0, MW_VERDICT_DIVERT);
	for (uint16_t i = 0; i < 50 && !steered; i++)
		steered = is_diverted(fd[0], fd[2], listening, HONEST, (uint16_t)(32000 + i));
	assert_true(steered);
	assert_false(is_diverted(fd[0], fd[2], listening, REFUSED, 32100));
	close(fd[2]);
	is_told("gateway 192.0.2.2 is down: ", 2, -1); /* it accepts, and says nothing */
	for (uint16_t i = 0; i < 20 && !put_off; i++)  /* later, says the policy: by us */
		put_off = try_syn(fd, HONEST, (uint16_t)(32200 + i)) == ANSWERED;
	assert_true(put_off);
	set_verdict(0, MW_VERDICT_PASS);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(has_told("no greeting came in time"), 1);
	close(listening);
	listening = listen_at("::ffff:192.0.2.2", 26); /* followed without a restart */
	s.check_port = 26;
	put_divert(&s);
	is_told("gateway 192.0.2.2 is up, at ", 2, listening);
	put_divert(&none);
	is_told("port divert: the settings name no antivirus gateway", 1, -1);
	put_divert(&s);
	is_told("gateway 192.0.2.2 is up, at ", 3, listening);
	for (int i = 0; i < 260; i++) {
		greet(listening);
		usleep(5000);
	}
	/* IPv6 alone: the kernel's neighbour discovery answers, and asks. */
	close(listening);
	assert_true(wires_do("sysctl -q -w net.ipv6.conf.far2.disable_ipv6=0 && "
			     "ip address add 2001:db8::2/64 dev far2 nodad"));
	listening = listen_at("2001:db8::2", 26);
	memset(&s.gateway_v4, 0, sizeof(s.gateway_v4));
	memset(&s.address_v4, 0, sizeof(s.address_v4));
	assert_int_equal(mw_ip_parse("2001:db8::2", &s.gateway_v6), 0);
	assert_int_equal(mw_ip_parse("2001:db8::1", &s.address_v6), 0);
	put_divert(&s);
	is_told("gateway 2001:db8::2 is up, at ", 1, listening);
	assert_true(wires_do("! command -v ping >/dev/null || "
			     "{ ip neighbour flush dev far2 && "
			     "ping -c 3 -i 0.2 -W 2 2001:db8::1 >/dev/null; }"));
	for (int i = 0; i < 260; i++) {
		greet(listening);
		usleep(5000);
	}
	assert_int_equal(end(&run, SIGTERM), 0);
	close(listening);
	notify_hear();
	close(notify);
	notify = -1;
	assert_true(alive >= 4); /* one a second */
	assert_true(greeted >= 5);
	assert_int_equal(has_told("stands still"), 0);
	sum_lanes(&lane);
	assert_int_equal(lane.gateway, MW_EVENT_GATEWAY_UP);
	assert_true(lane.gateway_changes >= 7);
	assert_true(lane.packets[MW_REASON_GATEWAY_TALK] > 20);
	divert = NULL;
	put_divert(&none);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_answers_follows_and_ends),
		cmocka_unit_test(the_same_with_two_lanes_over_one_queue),
		cmocka_unit_test(the_gateway_is_kept),
		cmocka_unit_test(comes_back_after_a_kill),
		cmocka_unit_test(waits_for_a_policy_and_can_be_stopped),
		cmocka_unit_test(a_missing_interface_ends_it_with_one),
	};

	if (argc < 2)
		return 99;
	program = argv[1];
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
