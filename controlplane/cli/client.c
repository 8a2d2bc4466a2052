/* One request and its answer: see client.h. */
#include "controlplane/cli/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/ctl/wire.h"

static int reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "weirctl: the path of the socket is too long: %s\n", path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr,
			"weirctl: the control plane is not running, or not at %s\n"
			"Start mailweir-controlplane, or name its socket: --socket PATH or "
			"MAILWEIR_SOCKET\n",
			path);
	else if (errno == EACCES || errno == EPERM)
		fprintf(stderr,
			"weirctl: you may not speak to the control plane at %s: become a member of "
			"the "
			"group that owns the socket\n",
			path);
	else
		fprintf(stderr, "weirctl: the control plane at %s cannot be reached: %s\n", path,
			strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool read_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static char *head_of(const struct mw_client_request *request)
{
	json_t *argv = json_array(), *head;
	char *text;

	for (size_t i = 0; i < request->argc; i++) {
		json_t *word = json_string(request->argv[i]);

		if (word == NULL) {
			fprintf(stderr, "weirctl: an argument is not valid UTF-8\n");
			json_decref(argv);
			return NULL;
		}
		json_array_append_new(argv, word);
	}
	head = json_pack(
		"{s:i, s:b, s:o}", "v", MW_WIRE_VERSION, "json", (int)request->json, "argv", argv);
	if (request->as != NULL)
		json_object_set_new(head, "as", json_string(request->as));
	text = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	return text;
}

/* One frame: its head, and its data copied to stdout. NULL: the daemon went away. */
static json_t *take_frame(int fd)
{
	static char octets[65536];
	uint8_t prefix[MW_WIRE_PREFIX];
	uint32_t head_len, data_len;
	json_t *head = NULL;
	char *text;

	if (!read_all(fd, prefix, sizeof(prefix)))
		return NULL;
	head_len = mw_wire_get(prefix);
	data_len = mw_wire_get(prefix + 4);
	text = head_len <= MW_WIRE_HEAD_MAX ? malloc((size_t)head_len + 1) : NULL;
	if (text != NULL && read_all(fd, text, head_len))
		head = json_loadb(text, head_len, 0, NULL);
	free(text);
	while (head != NULL && data_len > 0) {
		size_t n = data_len < sizeof(octets) ? data_len : sizeof(octets);

		if (!read_all(fd, octets, n)) {
			json_decref(head);
			return NULL;
		}
		fwrite(octets, 1, n, stdout);
		data_len -= (uint32_t)n;
	}
	return head;
}

static int take_answer(int fd, const struct mw_client_request *request)
{
	for (;;) {
		json_t *head = take_frame(fd);
		const char *progress = json_string_value(json_object_get(head, "progress"));
		const char *error = json_string_value(json_object_get(head, "error"));
		int code = (int)json_integer_value(json_object_get(head, "exit"));

		if (head == NULL) {
			fprintf(stderr, "weirctl: the control plane went away before it answered; "
					"what you asked for may "
					"or may not have been done\n");
			return MW_EXIT_UNREACHABLE;
		}
		if (progress != NULL) {
			if (request->progress)
				fprintf(stderr, "%s\n", progress);
			json_decref(head);
			continue;
		}
		fflush(stdout);
		if (error != NULL)
			fprintf(stderr, "weirctl: %s\n", error);
		json_decref(head);
		return code >= MW_EXIT_DONE && code <= MW_EXIT_UNREACHABLE ? code : MW_EXIT_REFUSED;
	}
}

int mw_client_ask(const struct mw_client_request *request)
{
	uint8_t prefix[MW_WIRE_PREFIX];
	char *head;
	int fd, code;

	if (request->data_len > MW_WIRE_REQUEST_MAX) {
		fprintf(stderr, "weirctl: the file is larger than %u MiB\n",
			MW_WIRE_REQUEST_MAX >> 20);
		return MW_EXIT_REFUSED;
	}
	head = head_of(request);
	if (head == NULL)
		return MW_EXIT_USAGE;
	fd = reach(request->socket_path);
	if (fd < 0) {
		free(head);
		return MW_EXIT_UNREACHABLE;
	}
	mw_wire_put(prefix, (uint32_t)strlen(head));
	mw_wire_put(prefix + 4, (uint32_t)request->data_len);
	/* When the daemon refuses before it has read all, its answer still says why. */
	if (write_all(fd, prefix, sizeof(prefix)) && write_all(fd, head, strlen(head)))
		write_all(fd, request->data, request->data_len);
	free(head);
	code = take_answer(fd, request);
	close(fd);
	return code;
}
