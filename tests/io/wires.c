/* See wires.h. */
#include "tests/io/wires.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool wires_do(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

bool wires_enter(void)
{
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
		return false;
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			fprintf(stderr, "# IPv6 stays on\n");
		close(fd);
	}
	return wires_do("command -v ip ethtool >/dev/null");
}

int wires_open(const char *iface)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(iface),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	int one = 1, room = 8 << 20;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

size_t wires_receive(int fd, uint8_t *frame, size_t size)
{
	for (;;) {
		union {
			struct cmsghdr align;
			char room[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		} control;
		struct sockaddr_ll from;
		struct iovec iov = {.iov_base = frame, .iov_len = size - 4};
		struct msghdr msg = {.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(fd, &msg, 0);

		if (n <= 0)
			return 0;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			struct tpacket_auxdata aux;

			if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
				continue;
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
				continue;
			memmove(frame + 16, frame + 12, (size_t)n - 12);
			frame[12] = (uint8_t)(aux.tp_vlan_tpid >> 8);
			frame[13] = (uint8_t)aux.tp_vlan_tpid;
			frame[14] = (uint8_t)(aux.tp_vlan_tci >> 8);
			frame[15] = (uint8_t)aux.tp_vlan_tci;
			n += 4;
		}
		return (size_t)n;
	}
}
