/* The HTTP server: libmicrohttpd driven from the daemon's own loop. */
#include "controlplane/metrics/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX	(1u << 20)
#define CONNECTIONS_MAX 16
#define IDLE_S		10 /* a scraper that says nothing is let go */

struct mw_metrics {
	struct MHD_Daemon *daemon;
	mw_metrics_fn fn;
	void *ctx;
	int fd;
	uint16_t port;
};

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *type,
	const char *extra, char *text, size_t len, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(len, text, mode);
	enum MHD_Result rc;

	if (response == NULL) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", type);
	if (extra != NULL)
		MHD_add_response_header(response, "Allow", extra);
	rc = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return rc;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len, void **con)
{
	static const char plain[] = "text/plain; charset=utf-8";
	static char not_found[] = "only /metrics is here\n", not_allowed[] = "GET and HEAD only\n",
		    too_large[] = "the metrics do not fit their buffer\n";
	struct mw_metrics *m = ctx;
	struct mw_metrics_values values = {0};
	char *text;
	size_t len;

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return respond(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain, "GET, HEAD",
			not_allowed, sizeof(not_allowed) - 1, MHD_RESPMEM_PERSISTENT);
	if (strcmp(url, "/metrics") != 0)
		return respond(connection, MHD_HTTP_NOT_FOUND, plain, NULL, not_found,
			sizeof(not_found) - 1, MHD_RESPMEM_PERSISTENT);
	text = malloc(TEXT_MAX);
	if (text == NULL)
		return MHD_NO;
	m->fn(m->ctx, &values);
	len = mw_metrics_render(&values, text, TEXT_MAX);
	if (len == 0) {
		free(text);
		return respond(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, plain, NULL, too_large,
			sizeof(too_large) - 1, MHD_RESPMEM_PERSISTENT);
	}
	return respond(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", NULL,
		text, len, MHD_RESPMEM_MUST_FREE);
}

static int parse_listen(const char *address, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1)
		return -EINVAL;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return 0;
}

struct mw_metrics *mw_metrics_start(const char *address, uint16_t port, mw_metrics_fn fn, void *ctx,
	char *error, size_t error_size)
{
	struct mw_metrics *m = calloc(1, sizeof(*m));
	struct sockaddr_storage listen_on;
	const union MHD_DaemonInfo *info;
	unsigned flags = MHD_USE_EPOLL;

	if (m == NULL || parse_listen(address, port, &listen_on) != 0) {
		snprintf(error, error_size, "metrics: \"%s\" is no address", address);
		free(m);
		return NULL;
	}
	m->fn = fn;
	m->ctx = ctx;
	if (listen_on.ss_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	m->daemon = MHD_start_daemon(flags, port, NULL, NULL, on_request, m, MHD_OPTION_SOCK_ADDR,
		(struct sockaddr *)&listen_on, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_END);
	if (m->daemon == NULL) {
		snprintf(error, error_size, "metrics: cannot listen on %s port %u: %s", address,
			port, strerror(errno));
		free(m);
		return NULL;
	}
	info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	m->fd = info != NULL ? info->epoll_fd : -1;
	info = MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_BIND_PORT);
	m->port = info != NULL ? info->port : port;
	return m;
}

uint16_t mw_metrics_port(const struct mw_metrics *m)
{
	return m->port;
}

int mw_metrics_fd(const struct mw_metrics *m)
{
	return m->fd;
}

int mw_metrics_timeout_ms(const struct mw_metrics *m)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(m->daemon, &ms) != MHD_YES)
		return -1;
	return ms > 60000 ? 60000 : (int)ms;
}

void mw_metrics_run(struct mw_metrics *m)
{
	MHD_run(m->daemon);
}

void mw_metrics_stop(struct mw_metrics *m)
{
	if (m == NULL)
		return;
	MHD_stop_daemon(m->daemon);
	free(m);
}
