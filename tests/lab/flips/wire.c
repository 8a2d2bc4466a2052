#include "tests/lab/flips/wire.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>

#include "common/base/time.h"

#define RAW_BUFFER_BYTES (8 << 20)
#define FILTER_MAX	 32

static int namespace[WIRE_SIDES];
static uint8_t mac[WIRE_SIDES][6];

uint64_t wire_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * MW_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A socket stays in the namespace it was made in, wherever its thread goes. */
int wire_socket(enum wire_side side, int family, int type)
{
	int fd;

	if (setns(namespace[side], CLONE_NEWNET) != 0)
		err(1, "setns");
	fd = socket(family, type | SOCK_CLOEXEC, family == AF_PACKET ? htons(ETH_P_ALL) : 0);
	if (fd < 0)
		err(1, "socket");
	return fd;
}

void wire_open(const char *customers, const char *internet)
{
	const char *names[WIRE_SIDES] = {customers, internet};
	struct ifreq request = {.ifr_name = "eth0"};
	char path[256];

	for (int side = 0; side < WIRE_SIDES; side++) {
		int fd;

		snprintf(path, sizeof(path), "/run/netns/%s", names[side]);
		namespace[side] = open(path, O_RDONLY | O_CLOEXEC);
		if (namespace[side] < 0)
			err(1, "%s", path);
		fd = wire_socket((enum wire_side)side, AF_INET, SOCK_DGRAM);
		if (ioctl(fd, SIOCGIFHWADDR, &request) != 0)
			err(1, "eth0 in %s", names[side]);
		memcpy(mac[side], request.ifr_hwaddr.sa_data, 6);
		close(fd);
	}
}

static socklen_t address_of(const struct mw_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;

	memset(out, 0, sizeof(*out));
	if (mw_ip_is_v4(ip)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip->octet + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, ip->octet, 16);
	return sizeof(*v6);
}

int wire_bound(enum wire_side side, const struct mw_ip *ip, uint16_t port, int backlog)
{
	struct sockaddr_storage address;
	socklen_t len = address_of(ip, port, &address);
	int fd = wire_socket(side, address.ss_family, SOCK_STREAM | SOCK_NONBLOCK), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, len) != 0)
		err(1, "bind");
	if (backlog > 0 && listen(fd, backlog) != 0)
		err(1, "listen");
	return fd;
}

int wire_connect(int fd, const struct mw_ip *ip, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t len = address_of(ip, port, &address);

	if (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

/* A program of the kernel's packet filter, written from its end: a test that fails goes to the next
 * protocol, and behind the last one nothing is taken. */
struct program {
	struct sock_filter line[FILTER_MAX];
	unsigned short count;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t if_not)
{
	p->line[p->count++] = (struct sock_filter){.code = code, .k = k, .jt = 0, .jf = if_not};
}

static void accept_address(
	struct program *p, uint32_t ethertype, uint32_t at, const uint8_t *octets, uint32_t words)
{
	uint8_t rest = (uint8_t)(2 * words + 1); /* lines behind the test of the Ethertype */

	add(p, BPF_LD | BPF_H | BPF_ABS, 12, 0);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ethertype, rest);
	for (uint32_t i = 0; i < words; i++) {
		uint32_t word;

		memcpy(&word, octets + 4 * i, 4);
		add(p, BPF_LD | BPF_W | BPF_ABS, at + 4 * i, 0);
		rest = (uint8_t)(rest - 2);
		add(p, BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), rest);
	}
	add(p, BPF_RET | BPF_K, UINT32_MAX, 0);
}

static void set_filter(int fd, const struct wire_filter *filter)
{
	struct program p = {.count = 0};
	struct sock_fprog program = {.filter = p.line};

	accept_address(&p, ETH_P_IP, filter->source ? 26 : 30, filter->v4->octet + 12, 1);
	if (filter->v6 != NULL)
		accept_address(&p, ETH_P_IPV6, filter->source ? 22 : 38, filter->v6->octet, 4);
	add(&p, BPF_RET | BPF_K, 0, 0);
	program.len = p.count;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		err(1, "SO_ATTACH_FILTER");
}

int wire_raw(enum wire_side side, const struct wire_filter *filter)
{
	int fd = wire_socket(side, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK);
	int on = 1, bytes = RAW_BUFFER_BYTES;
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = 0};
	struct ifreq request = {.ifr_name = "eth0"};

	set_filter(fd, filter);
	if (ioctl(fd, SIOCGIFINDEX, &request) != 0)
		err(1, "eth0");
	link.sll_ifindex = request.ifr_ifindex;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0 ||
		bind(fd, (struct sockaddr *)&link, sizeof(link)) != 0)
		err(1, "a raw socket on eth0");
	return fd;
}

void wire_send(int fd, const uint8_t *frame, uint32_t len)
{
	/* A link that takes nothing for a moment: the frame is lost, as on any wire, and missed. */
	if (send(fd, frame, len, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
		err(1, "send on eth0");
}

uint32_t wire_receive(int fd, uint8_t frame[2048], uint64_t *when_ns)
{
	union {
		struct cmsghdr align;
		uint8_t octets[CMSG_SPACE(sizeof(struct timespec))];
	} control;
	struct iovec into = {frame, 2048};
	struct msghdr message = {.msg_iov = &into,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
	struct timespec when;

	if (n <= 0)
		return 0;
	*when_ns = wire_now_ns();
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&when, CMSG_DATA(c), sizeof(when));
		*when_ns = (uint64_t)when.tv_sec * MW_NS_PER_S + (uint64_t)when.tv_nsec;
	}
	return (uint32_t)n;
}

void wire_header(enum wire_side from, bool v6, uint8_t out[14])
{
	memcpy(out, mac[1 - from], 6);
	memcpy(out + 6, mac[from], 6);
	out[12] = v6 ? 0x86 : 0x08;
	out[13] = v6 ? 0xdd : 0x00;
}
