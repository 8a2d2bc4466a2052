#include "tests/lab/flips/control.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/ctl/wire.h"
#include "tests/lab/flips/wire.h"

static void give_up(struct control *c, const char *why)
{
	c->code = -1;
	c->answered_ns = wire_now_ns();
	snprintf(c->error, sizeof(c->error), "%s", why);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void control_verdict(struct control *c, const char *path, const char *customer, const char *verdict)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	uint8_t frame[1024];
	json_t *head;
	size_t len;

	memset(c, 0, sizeof(*c));
	if (strcmp(verdict, "pass") == 0)
		head = json_pack("{s:i, s:b, s:[s,s,s]}", "v", MW_WIRE_VERSION, "json", 1, "argv",
			"verdict", "clear", customer);
	else
		head = json_pack("{s:i, s:b, s:[s,s,s,s,s,s]}", "v", MW_WIRE_VERSION, "json", 1,
			"argv", "verdict", "set", customer, verdict, "--reason",
			"the lab flips it");
	len = json_dumpb(
		head, (char *)frame + MW_WIRE_PREFIX, sizeof(frame) - MW_WIRE_PREFIX, JSON_COMPACT);
	json_decref(head);
	mw_wire_put(frame, (uint32_t)len);
	mw_wire_put(frame + 4, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	c->asked_ns = wire_now_ns();
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		send(c->fd, frame, MW_WIRE_PREFIX + len, MSG_NOSIGNAL) !=
			(ssize_t)(MW_WIRE_PREFIX + len))
		give_up(c, strerror(errno));
}

static void read_answer(struct control *c, size_t head_len, size_t data_len)
{
	const char *at = (const char *)c->in + MW_WIRE_PREFIX;
	json_t *head = json_loadb(at, head_len, 0, NULL);
	json_t *data = json_loadb(at + head_len, data_len, 0, NULL);
	const char *error = json_string_value(json_object_get(head, "error"));
	const char *verdict = json_string_value(json_object_get(data, "verdict"));

	c->code = head != NULL ? (int)json_integer_value(json_object_get(head, "exit")) : -1;
	snprintf(c->error, sizeof(c->error), "%s", error != NULL ? error : "");
	snprintf(c->verdict, sizeof(c->verdict), "%s", verdict != NULL ? verdict : "");
	json_decref(head);
	json_decref(data);
	close(c->fd);
	c->fd = -1;
}

bool control_answered(struct control *c)
{
	if (c->fd < 0)
		return true;
	for (;;) {
		ssize_t n = recv(c->fd, c->in + c->len, sizeof(c->in) - c->len, MSG_DONTWAIT);
		size_t head_len, data_len;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0) {
			give_up(c, n == 0 ? "closed without an answer" : strerror(errno));
			return true;
		}
		c->len += (size_t)n;
		if (c->len < MW_WIRE_PREFIX)
			continue;
		head_len = mw_wire_get(c->in);
		data_len = mw_wire_get(c->in + 4);
		if (c->len < MW_WIRE_PREFIX + head_len + data_len)
			continue;
		c->answered_ns = wire_now_ns();
		read_answer(c, head_len, data_len);
		return true;
	}
}
