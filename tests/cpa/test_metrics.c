/* The exposition over a real socket, and what promtool thinks of it. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controlplane/metrics/metrics.h"

static struct mw_event_lane lanes[2];

static enum mw_event_gateway gateway = MW_EVENT_GATEWAY_UP;

static void fill(void *ctx, struct mw_metrics_values *v)
{
	uint64_t n = 1;

	for (size_t i = 0; i < 2; i++) {
		lanes[i] = (struct mw_event_lane){.lane = (uint16_t)i,
			.rx_packets = 12345,
			.scan_ns = 1500000000,
			.held_ns_max = 2000000};
		for (int r = 0; r < MW_REASON_COUNT; r++)
			lanes[i].packets[r] = n++;
		v->lanes[i] = &lanes[i];
	}
	v->lane_count = 2;
	v->version = "0.1.0 \"quoted\\";
	v->tickets[MW_TICKET_DISABLED] = 7;
	v->verdicts[MW_VERDICT_REJECT] = 7;
	v->store_fill[2] = 0.25;
	v->mails[MW_MAIL_ACCEPTED] = 3;
	v->recipients_refused = 10;
	v->recipients_unknown = 6;
	v->recipients_policy = 1;
	v->policy_refusals = 4;
	v->line_verdicts = 2;
	v->gateway = gateway;
	v->gateway_changes = 5;
	(*(int *)ctx)++;
}

/* Sends a request and drives the server by its descriptor, as the daemon's loop does. */
static size_t ask(struct mw_metrics *m, const char *request, char *out, size_t size)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(mw_metrics_port(m))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t used = 0;

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	for (int turns = 0; turns < 1000; turns++) {
		struct pollfd p[2] = {
			{.fd = mw_metrics_fd(m), .events = POLLIN}, {.fd = fd, .events = POLLIN}};
		int wait_ms = mw_metrics_timeout_ms(m);
		ssize_t n;

		poll(p, 2, wait_ms < 0 || wait_ms > 1000 ? 1000 : wait_ms);
		mw_metrics_run(m);
		if ((p[1].revents & (POLLIN | POLLHUP)) == 0)
			continue;
		n = read(fd, out + used, size - used - 1);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	out[used] = '\0';
	return used;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void served_over_http(void **state)
{
	static char reply[1 << 20];
	char error[128], sample[128];
	int calls = 0;
	struct mw_metrics *m = mw_metrics_start("127.0.0.1", 0, fill, &calls, error, sizeof(error));

	assert_non_null(m);
	ask(m, GET("/metrics"), reply, sizeof(reply));
	assert_int_equal(calls, 1);
	assert_non_null(strstr(reply, "HTTP/1.1 200 OK"));
	assert_non_null(strstr(reply, "text/plain; version=0.0.4"));
	assert_non_null(strstr(reply, "\nmailweir_tickets{state=\"disabled\"} 7\n"));
	assert_non_null(strstr(reply, "\nmailweir_verdict_customers{verdict=\"reject\"} 7\n"));
	assert_non_null(
		strstr(reply, "\nmailweir_lane_scan_seconds_total{lane=\"1\"} 1.500000000\n"));
	assert_non_null(strstr(reply, "version=\"0.1.0 \\\"quoted\\\\\"} 1\n"));
	assert_null(strstr(reply, "reason=\"none\""));
	assert_non_null(strstr(reply, "\nmailweir_refused_recipients_total{said=\"unknown\"} 6\n"));
	assert_non_null(strstr(reply, "\nmailweir_refused_recipients_total{said=\"policy\"} 1\n"));
	assert_non_null(strstr(reply, "\nmailweir_refused_recipients_total{said=\"other\"} 3\n"));
	assert_non_null(strstr(reply, "\nmailweir_policy_refusals_total 4\n"));
	assert_non_null(strstr(reply, "\nmailweir_verdict_lines 2\n"));
	assert_non_null(strstr(reply, "\nmailweir_gateway_up 1\n"));
	assert_non_null(strstr(reply, "\nmailweir_gateway_changes_total 5\n"));
	snprintf(sample, sizeof(sample),
		"\nmailweir_divert_connections_total{outcome=\"passed\"} %llu\n",
		(unsigned long long)(lanes[0].packets[MW_REASON_DIVERT_PASSED] +
				     lanes[1].packets[MW_REASON_DIVERT_PASSED]));
	assert_non_null(strstr(reply, sample));
	gateway = MW_EVENT_GATEWAY_DOWN;
	ask(m, GET("/metrics"), reply, sizeof(reply));
	assert_non_null(strstr(reply, "\nmailweir_gateway_up 0\n"));
	gateway = MW_EVENT_GATEWAY_NONE; /* none to be up or down */
	ask(m, GET("/metrics"), reply, sizeof(reply));
	assert_null(strstr(reply, "\nmailweir_gateway_up "));
	gateway = MW_EVENT_GATEWAY_UP;
	calls = 1;
	ask(m, GET("/"), reply, sizeof(reply));
	assert_non_null(strstr(reply, " 404 "));
	ask(m,
		"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
		"0\r\n\r\n",
		reply, sizeof(reply));
	assert_non_null(strstr(reply, " 405 "));
	ask(m, "\x16\x03\x01 not http\r\n\r\n", reply, sizeof(reply));
	assert_int_equal(calls, 1);
	/* a second server on the same port says so */
	assert_null(mw_metrics_start(
		"127.0.0.1", mw_metrics_port(m), fill, &calls, error, sizeof(error)));
	assert_non_null(strstr(error, "cannot listen"));
	assert_null(mw_metrics_start("nowhere", 1, fill, &calls, error, sizeof(error)));
	mw_metrics_stop(m);
}

static void promtool_is_content(void **state)
{
	static char text[1 << 20];
	struct mw_metrics_values values = {0};
	char path[] = "/tmp/mw-promtool-XXXXXX", command[128];
	int calls = 0, fd, rc;
	size_t len;
	FILE *out;

	if (system("command -v promtool >/dev/null 2>&1") != 0) {
		print_message("# promtool is not installed\n");
		skip();
	}
	fill(&calls, &values);
	len = mw_metrics_render(&values, text, sizeof(text));
	assert_true(len > 1000);
	fd = mkstemp(path);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	snprintf(command, sizeof(command), "promtool check metrics < %s 2>&1", path);
	out = popen(command, "r");
	assert_non_null(out);
	while (fgets(text, sizeof(text), out) != NULL)
		print_message("# promtool: %s", text);
	rc = pclose(out);
	unlink(path);
	assert_int_equal(rc, 0);
}

static void too_small_a_buffer_is_nothing(void **state)
{
	static char text[1 << 20];
	struct mw_metrics_values values = {0};
	int calls = 0;
	size_t len;

	fill(&calls, &values);
	len = mw_metrics_render(&values, text, sizeof(text));
	for (size_t size = 1; size < len; size += 97)
		assert_int_equal(mw_metrics_render(&values, text, size), 0);
	assert_int_equal(mw_metrics_render(&values, text, len + 1), len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(served_over_http),
		cmocka_unit_test(promtool_is_content),
		cmocka_unit_test(too_small_a_buffer_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
