/* The control socket: see server.h. */
#include "controlplane/ctl/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"

enum client_state { CLIENT_FREE, CLIENT_READING, CLIENT_WAITING, CLIENT_WRITING };

struct client {
	enum client_state state;
	int fd;
	uint64_t number; /* never used twice */
	uint64_t since_ms;
	char peer[MW_ACTOR_MAX];
	uint8_t prefix[MW_WIRE_PREFIX];
	uint32_t head_len, data_len;
	uint8_t *in;		/* head and data, allocated as they come */
	size_t in_len, in_size; /* in_len counts the prefix, too */
	uint8_t *out;
	size_t out_len, out_at, out_size;
	bool last; /* the answer is in `out`: close behind it */
};

struct mw_server {
	struct mw_ctl *ctl;
	int fd;
	char path[108];
	uint64_t next_number;
	uint64_t now_ms;
	struct client clients[MW_SERVER_CLIENTS_MAX];
};

static void drop(struct client *client)
{
	close(client->fd);
	free(client->in);
	free(client->out);
	memset(client, 0, sizeof(*client));
}

/* A socket file of a daemon that is gone may be replaced; one that answers may not. */
static int claim(
	const char *path, const struct sockaddr_un *address, char *error, size_t error_size)
{
	struct stat st;
	int probe, rc;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(error, error_size, "%s is in the way: it is no socket", path);
		return -EEXIST;
	}
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = connect(probe, (const struct sockaddr *)address, sizeof(*address));
	close(probe);
	if (rc == 0) {
		snprintf(error, error_size, "another control plane answers at %s", path);
		return -EBUSY;
	}
	unlink(path);
	return 0;
}

/* /run is empty after each start of the machine: the socket's own directory is made, not those
 * above. */
static void make_directory(const char *path)
{
	char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return;
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	if (mkdir(directory, 0755) == 0)
		mw_log(MW_LOG_NOTICE, "made the directory %s for the control socket", directory);
}

struct mw_server *mw_server_start(
	struct mw_ctl *ctl, const char *path, char *error, size_t error_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct mw_server *server;
	mode_t mask;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, error_size, "the path of the control socket is too long: %s", path);
		return NULL;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	make_directory(path);
	if (claim(path, &address, error, error_size) != 0)
		return NULL;
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		snprintf(error, error_size, "no memory for the control socket");
		return NULL;
	}
	server->ctl = ctl;
	snprintf(server->path, sizeof(server->path), "%s", path);
	server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	if (server->fd < 0 ||
		bind(server->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(server->fd, 64) != 0) {
		snprintf(error, error_size, "the control socket %s cannot be opened: %s%s", path,
			strerror(errno),
			errno == ENOENT ? "; make its directory, or name another with socket_path"
					: "");
		umask(mask);
		if (server->fd >= 0)
			close(server->fd);
		free(server);
		return NULL;
	}
	umask(mask);
	return server;
}

size_t mw_server_poll(const struct mw_server *server, struct pollfd *out)
{
	size_t count = 1, busy = 0;

	for (size_t i = 0; i < MW_SERVER_CLIENTS_MAX; i++) {
		const struct client *client = &server->clients[i];

		if (client->state == CLIENT_FREE)
			continue;
		busy++;
		out[count].fd = client->fd;
		out[count].events = client->out_at < client->out_len  ? POLLOUT
				    : client->state == CLIENT_READING ? POLLIN
								      : 0;
		out[count].revents = 0;
		count++;
	}
	out[0].fd = server->fd;
	out[0].events = busy < MW_SERVER_CLIENTS_MAX ? POLLIN : 0;
	out[0].revents = 0;
	return count;
}

static void name_peer(struct client *client)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);
	struct passwd entry, *found = NULL;
	char buffer[1024];

	if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
		snprintf(client->peer, sizeof(client->peer), "unknown");
		return;
	}
	if (getpwuid_r(cred.uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
		snprintf(client->peer, sizeof(client->peer), "%.60s", entry.pw_name);
	else
		snprintf(client->peer, sizeof(client->peer), "uid-%u", (unsigned)cred.uid);
}

static void take_connection(struct mw_server *server)
{
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < MW_SERVER_CLIENTS_MAX; i++) {
		struct client *client = &server->clients[i];

		if (client->state != CLIENT_FREE)
			continue;
		client->state = CLIENT_READING;
		client->fd = fd;
		client->number = ++server->next_number;
		client->since_ms = server->now_ms;
		name_peer(client);
		return;
	}
	close(fd);
}

/* Appends a frame to what the client is to get. False: no memory. */
static bool queue(struct client *client, const json_t *head, const char *data, size_t data_len)
{
	char *text = json_dumps(head, JSON_COMPACT | JSON_ENSURE_ASCII);
	size_t head_len = text != NULL ? strlen(text) : 0;
	size_t need = client->out_len + MW_WIRE_PREFIX + head_len + data_len;
	uint8_t *grown;

	if (text == NULL || data_len > MW_WIRE_REPLY_MAX) {
		free(text);
		return false;
	}
	grown = realloc(client->out, need);
	if (grown == NULL) {
		free(text);
		return false;
	}
	client->out = grown;
	mw_wire_put(grown + client->out_len, (uint32_t)head_len);
	mw_wire_put(grown + client->out_len + 4, (uint32_t)data_len);
	memcpy(grown + client->out_len + MW_WIRE_PREFIX, text, head_len);
	if (data_len > 0)
		memcpy(grown + client->out_len + MW_WIRE_PREFIX + head_len, data, data_len);
	client->out_len = need;
	free(text);
	return true;
}

static void answer(struct mw_server *server, struct client *client, struct mw_reply *reply)
{
	json_t *head = json_pack("{s:i, s:i}", "v", MW_WIRE_VERSION, "exit", reply->exit);

	if (reply->error[0] != '\0')
		json_object_set_new(head, "error", mw_json_text(reply->error));
	client->last = true;
	client->state = CLIENT_WRITING;
	client->since_ms = server->now_ms;
	if (!queue(client, head, reply->out, reply->out_len))
		drop(client);
	json_decref(head);
	free(reply->out);
	reply->out = NULL;
}

static struct client *find(struct mw_server *server, uint64_t number)
{
	for (size_t i = 0; i < MW_SERVER_CLIENTS_MAX; i++) {
		if (server->clients[i].state != CLIENT_FREE && server->clients[i].number == number)
			return &server->clients[i];
	}
	return NULL;
}

void mw_server_progress(struct mw_server *server, uint64_t number, const char *text)
{
	struct client *client = find(server, number);
	json_t *head;

	if (client == NULL || client->state != CLIENT_WAITING)
		return;
	head = json_pack("{s:i, s:o}", "v", MW_WIRE_VERSION, "progress", mw_json_text(text));
	/* Somebody who does not read gets no more news, only the answer. */
	if (client->out_len - client->out_at < 65536)
		queue(client, head, NULL, 0);
	json_decref(head);
}

void mw_server_reply(struct mw_server *server, uint64_t number, struct mw_reply *reply)
{
	struct client *client = find(server, number);

	if (client != NULL) {
		answer(server, client, reply);
		return;
	}
	free(reply->out);
	reply->out = NULL;
}

static void refuse(struct mw_server *server, struct client *client, const char *sentence)
{
	struct mw_reply reply = {.exit = MW_EXIT_USAGE};

	snprintf(reply.error, sizeof(reply.error), "%s", sentence);
	answer(server, client, &reply);
}

/* The request is whole. */
static void run(struct mw_server *server, struct client *client, uint64_t now_s)
{
	struct mw_reply reply;

	mw_ctl_run(server->ctl, mw_span_of(client->in, client->head_len),
		mw_span_of(client->in + client->head_len, client->data_len), client->peer,
		client->number, now_s, &reply);
	free(client->in);
	client->in = NULL;
	client->in_size = 0;
	if (reply.later) {
		free(reply.out);
		client->state = CLIENT_WAITING;
	} else {
		answer(server, client, &reply);
	}
}

/* Reads what there is. The buffer grows with what arrives, not with what is announced. */
static void read_some(struct mw_server *server, struct client *client, uint64_t now_s)
{
	for (;;) {
		uint8_t *to;
		size_t room, have;
		ssize_t n;

		if (client->in_len < MW_WIRE_PREFIX) {
			to = client->prefix + client->in_len;
			room = MW_WIRE_PREFIX - client->in_len;
		} else {
			size_t all = (size_t)client->head_len + client->data_len;

			have = client->in_len - MW_WIRE_PREFIX;
			if (have == all) {
				run(server, client, now_s);
				return;
			}
			if (have == client->in_size) {
				size_t grown = have < 65536 ? 65536 : have * 2;
				uint8_t *at = realloc(client->in, grown < all ? grown : all);

				if (at == NULL) {
					refuse(server, client, "no memory for so long a request");
					return;
				}
				client->in = at;
				client->in_size = grown < all ? grown : all;
			}
			to = client->in + have;
			room = client->in_size - have;
		}
		n = read(client->fd, to, room);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			drop(client);
			return;
		}
		client->since_ms = server->now_ms;
		client->in_len += (size_t)n;
		if (client->in_len == MW_WIRE_PREFIX) {
			client->head_len = mw_wire_get(client->prefix);
			client->data_len = mw_wire_get(client->prefix + 4);
			if (client->head_len == 0 || client->head_len > MW_WIRE_HEAD_MAX ||
				client->data_len > MW_WIRE_REQUEST_MAX) {
				refuse(server, client, "the request is too long or no request");
				return;
			}
		}
	}
}

static void write_some(struct mw_server *server, struct client *client)
{
	ssize_t n = send(client->fd, client->out + client->out_at, client->out_len - client->out_at,
		MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(client);
		return;
	}
	client->since_ms = server->now_ms;
	client->out_at += (size_t)n;
	if (client->out_at < client->out_len)
		return;
	if (client->last) {
		drop(client);
		return;
	}
	free(client->out);
	client->out = NULL;
	client->out_at = client->out_len = 0;
}

void mw_server_run(struct mw_server *server, const struct pollfd *polled, size_t count,
	uint64_t now_ms, uint64_t now_s)
{
	server->now_ms = now_ms;
	for (size_t i = 0; i < MW_SERVER_CLIENTS_MAX; i++) {
		struct client *client = &server->clients[i];
		short events = 0;

		if (client->state == CLIENT_FREE)
			continue;
		for (size_t p = 1; p < count; p++)
			events = polled[p].fd == client->fd ? polled[p].revents : events;
		if ((events & POLLIN) != 0 && client->state == CLIENT_READING)
			read_some(server, client, now_s);
		else if ((events & POLLOUT) != 0)
			write_some(server, client);
		else if ((events & (POLLHUP | POLLERR)) != 0)
			drop(client);
		if (client->state != CLIENT_FREE && client->state != CLIENT_WAITING &&
			now_ms - client->since_ms > MW_SERVER_IDLE_MS)
			drop(client);
	}
	if (count > 0 && (polled[0].revents & POLLIN) != 0)
		take_connection(server);
}

void mw_server_stop(struct mw_server *server)
{
	if (server == NULL)
		return;
	for (size_t i = 0; i < MW_SERVER_CLIENTS_MAX; i++) {
		if (server->clients[i].state != CLIENT_FREE)
			drop(&server->clients[i]);
	}
	close(server->fd);
	unlink(server->path);
	free(server);
}
