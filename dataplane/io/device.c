/*
 * Asks the kernel about an interface: ioctl and netlink-free sockets only, so that it works
 * unprivileged as far as the answer needs no privilege.
 */
#include "dataplane/io/device.h"

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif

static bool hex_run(const char **at, size_t min, size_t max)
{
	size_t n = 0;

	while (isxdigit((unsigned char)(*at)[n]))
		n++;
	*at += n;
	return n >= min && n <= max;
}

static bool is_pci(const char *text)
{
	const char *at = text;

	if (!hex_run(&at, 2, 8) || *at++ != ':')
		return false;
	if (strchr(at, ':') && (!hex_run(&at, 2, 2) || *at++ != ':'))
		return false;
	if (!hex_run(&at, 2, 2) || *at++ != '.')
		return false;
	return *at >= '0' && *at <= '7' && (at[1] == '\0' || at[1] == ',');
}

enum mw_device_kind mw_device_kind_of(const char *text)
{
	if (strncmp(text, "net_", 4) == 0 || strncmp(text, "eth_", 4) == 0)
		return MW_DEVICE_VDEV;
	return is_pci(text) ? MW_DEVICE_PCI : MW_DEVICE_KERNEL;
}

/* The interface a virtual device stands on: the value of iface= or one of its kin. */
static void iface_of_vdev(const char *text, char out[16])
{
	static const char *const keys[] = {",iface=", ",rx_iface=", ",rx_iface_in=", ",remote="};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *at = strstr(text, keys[i]);
		size_t len;

		if (!at)
			continue;
		at += strlen(keys[i]);
		len = strcspn(at, ",");
		if (len > 0 && len < 16) {
			memcpy(out, at, len);
			out[len] = '\0';
		}
		return;
	}
}

/* One flag of the old ethtool interface; false when the device does not say. */
static bool ethtool_flag(int fd, const char *iface, uint32_t command, uint32_t mask)
{
	struct ethtool_value value = {.cmd = command};
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, iface, strlen(iface));
	ifr.ifr_data = (void *)&value;
	return ioctl(fd, SIOCETHTOOL, &ifr) == 0 && (value.data & mask) != 0;
}

static uint16_t ethtool_rx_queues(int fd, const char *iface)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq ifr = {0};
	uint32_t n = 1;

	memcpy(ifr.ifr_name, iface, strlen(iface));
	ifr.ifr_data = (void *)&channels;
	if (ioctl(fd, SIOCETHTOOL, &ifr) == 0)
		n = channels.combined_count + channels.rx_count;
	return n == 0 ? 1 : (uint16_t)(n > 1024 ? 1024 : n);
}

/* An address of our own there means that the host answers, beside forwarding. Link-local ones
 * count: their neighbour discovery goes out on the wire too. */
static bool any_address(const char *iface)
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return false;
	for (struct ifaddrs *a = list; a && !found; a = a->ifa_next) {
		if (!a->ifa_addr || strcmp(a->ifa_name, iface) != 0)
			continue;
		found = a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6;
	}
	freeifaddrs(list);
	return found;
}

static int look_at_iface(int fd, struct mw_device *out, char *error, size_t size)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, out->iface, strlen(out->iface));
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) != 0) {
		snprintf(error, size,
			"there is no interface \"%s\" here: `ip link` lists those of this network "
			"namespace; a PCI address looks like 0000:01:00.0, a DPDK virtual device "
			"like "
			"net_pcap0,...",
			out->iface);
		return -ENODEV;
	}
	if (!(ifr.ifr_flags & IFF_UP)) {
		snprintf(error, size, "interface %s is down: `ip link set dev %s up`", out->iface,
			out->iface);
		return -ENETDOWN;
	}
	if (ifr.ifr_flags & IFF_LOOPBACK) {
		snprintf(error, size,
			"interface %s is the loopback: Mailweir stands between two links",
			out->iface);
		return -EINVAL;
	}
	if (ioctl(fd, SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu > 0)
		out->mtu = (uint32_t)ifr.ifr_mtu;
	out->rx_queues = ethtool_rx_queues(fd, out->iface);
	out->gro = ethtool_flag(fd, out->iface, ETHTOOL_GGRO, 1);
	out->vlan_strip = ethtool_flag(fd, out->iface, ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN);
	out->has_address = any_address(out->iface);
	return 0;
}

int mw_device_look(const char *text, struct mw_device *out, char *error, size_t size)
{
	int fd, rc;

	memset(out, 0, sizeof(*out));
	out->kind = mw_device_kind_of(text);
	out->rx_queues = 1;
	if (out->kind == MW_DEVICE_PCI)
		return 0;
	if (out->kind == MW_DEVICE_VDEV) {
		iface_of_vdev(text, out->iface);
		if (out->iface[0] == '\0')
			return 0;
	} else if (strlen(text) >= sizeof(out->iface)) {
		snprintf(error, size, "\"%s\" is too long for the name of an interface", text);
		return -ENODEV;
	} else {
		memcpy(out->iface, text, strlen(text) + 1);
	}
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		rc = -errno;
		snprintf(error, size, "cannot ask the kernel about %s: %s", out->iface,
			strerror(errno));
		return rc;
	}
	rc = look_at_iface(fd, out, error, size);
	close(fd);
	return rc;
}

static enum mw_device_access probe_socket(int family, int protocol)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd >= 0) {
		close(fd);
		return MW_ACCESS_OK;
	}
	return errno == EPERM || errno == EACCES ? MW_ACCESS_DENIED : MW_ACCESS_MISSING;
}

enum mw_device_access mw_device_af_xdp(void)
{
	return probe_socket(AF_XDP, 0);
}

enum mw_device_access mw_device_af_packet(void)
{
	return probe_socket(AF_PACKET, 0);
}
