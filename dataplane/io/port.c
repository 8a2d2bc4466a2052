/*
 * Opens a device by the way its name calls for. A kernel interface is tried with AF_XDP first
 * (fastest, and it sees frames as they are), then with AF_PACKET; the operator is told which it
 * became.
 */
#include "dataplane/io/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/room.h"

#define RX_DESCRIPTORS	2048
#define TX_DESCRIPTORS	2048
#define AF_XDP_ATTEMPTS 8
#define AF_XDP_PAUSE_US 50000
#define ANY_SOCKET	((unsigned)SOCKET_ID_ANY)

/* What port_open hands down to its parts. */
struct opening {
	struct mw_io_port *port;
	const struct mw_io_options *options;
	const struct mw_io_plan *plan;
	struct mw_device device;
	struct rte_mempool *pool;
	FILE *log;
	char *error;
	size_t size;
};

const char *mw_io_role_name(unsigned role)
{
	static const char *const names[MW_IO_ROLES] = {"inside", "outside", "divert"};

	return role < MW_IO_ROLES ? names[role] : "?";
}

/* Devices whose queues exist whether we ask for them or not: each of them must be polled. */
static bool has_fixed_queues(const char *driver)
{
	static const char *const names[] = {
		"net_af_xdp", "net_af_packet", "net_ring", "net_pcap", NULL};

	for (int i = 0; names[i]; i++) {
		if (strcmp(driver, names[i]) == 0)
			return true;
	}
	return false;
}

static int check_room(struct opening *o, const char *driver, const char *args)
{
	struct mw_io_port *port = o->port;

	port->room = mw_io_room(driver, args, o->plan->buffer_bytes);
	if (port->mtu + MW_ROOM_OVER_MTU <= port->room)
		return 0;
	snprintf(o->error, o->size,
		"port %s: its MTU of %u makes frames of up to %u octets, but %s has room for %u; "
		"larger "
		"ones would be lost without a trace. Start with a larger --buffer (now %u), or "
		"lower "
		"the MTU: `ip link set dev %s mtu %u`",
		port->label, port->mtu, port->mtu + MW_ROOM_OVER_MTU, driver, port->room,
		o->plan->buffer_bytes, o->device.iface[0] ? o->device.iface : "DEVICE",
		port->room > MW_ROOM_OVER_MTU ? port->room - MW_ROOM_OVER_MTU : 0);
	return -EMSGSIZE;
}

static uint16_t lesser(uint16_t a, uint16_t b)
{
	return a < b ? a : b;
}

static int configure(struct opening *o, const struct rte_eth_dev_info *info)
{
	struct mw_io_port *port = o->port;
	struct rte_eth_conf conf = {0};
	uint16_t rx_desc = RX_DESCRIPTORS, tx_desc = TX_DESCRIPTORS;
	int rc;

	if (has_fixed_queues(port->driver)) {
		port->rx_queues = info->max_rx_queues;
		port->tx_queues = info->max_tx_queues;
	} else {
		port->rx_queues = lesser(info->max_rx_queues, o->plan->lanes);
		port->tx_queues = lesser(info->max_tx_queues, o->plan->lanes);
	}
	conf.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	if (o->device.kind == MW_DEVICE_PCI) {
		/* Every frame that fits a buffer is welcome, whatever the MTU beyond. */
		conf.rxmode.mtu = RTE_MIN(info->max_mtu, o->plan->buffer_bytes - MW_ROOM_OVER_MTU);
		conf.txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
		if (port->rx_queues > 1) {
			conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
			conf.rx_adv_conf.rss_conf.rss_hf =
				info->flow_type_rss_offloads &
				(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
		}
	}
	rc = rte_eth_dev_configure(port->id, port->rx_queues, port->tx_queues, &conf);
	if (rc == 0 && o->device.kind == MW_DEVICE_PCI)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_desc, &tx_desc);
	for (uint16_t q = 0; rc == 0 && q < port->rx_queues; q++)
		rc = rte_eth_rx_queue_setup(port->id, q, rx_desc, ANY_SOCKET, NULL, o->pool);
	for (uint16_t q = 0; rc == 0 && q < port->tx_queues; q++)
		rc = rte_eth_tx_queue_setup(port->id, q, tx_desc, ANY_SOCKET, NULL);
	return rc;
}

/* Of the interface underneath; else what the driver says, which for virtual devices is a guess. */
static uint32_t mtu_of(const struct opening *o)
{
	uint16_t mtu = 0;

	if (o->device.mtu > 0)
		return o->device.mtu;
	if (rte_eth_dev_get_mtu(o->port->id, &mtu) == 0 && mtu > 0)
		return mtu;
	return 1500;
}

/* Starts the device that `port->id` names; on failure the caller takes it away again. The room is
 * checked before a queue is made: a driver may already refuse there, with less to say. */
static int bring_up(struct opening *o, const char *args)
{
	struct mw_io_port *port = o->port;
	struct rte_eth_dev_info info;
	int rc;

	port->open = true;
	rc = rte_eth_dev_info_get(port->id, &info);
	if (rc == 0) {
		snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
		port->mtu = mtu_of(o);
		rc = check_room(o, port->driver, args);
		if (rc != 0)
			return rc;
		rc = configure(o, &info);
	}
	if (rc == 0) {
		rc = rte_eth_dev_start(port->id);
		port->started = rc == 0;
	}
	if (rc != 0) {
		snprintf(o->error, o->size,
			"port %s: its driver %s could not be started: %s; --verbose tells more",
			port->label, port->driver, rte_strerror(-rc));
		return rc;
	}
	rc = rte_eth_promiscuous_enable(port->id);
	if (rc != 0 && rc != -ENOTSUP)
		fprintf(o->log,
			"mailweir-dataplane: port %s: cannot listen to frames for other stations: "
			"%s\n",
			port->label, rte_strerror(-rc));
	return 0;
}

static int open_vdev(struct opening *o, const char *name, const char *args)
{
	struct mw_io_port *port = o->port;
	int rc = 0;

	/* One that exists already is used as it is (a test made it from its own rings). */
	if (rte_eth_dev_get_port_by_name(name, &port->id) == 0)
		return bring_up(o, args);
	rc = rte_eal_hotplug_add("vdev", name, args);
	if (rc != 0) {
		snprintf(o->error, o->size,
			"port %s: DPDK could not make the virtual device \"%s\" with \"%s\": no "
			"such "
			"driver, or an argument it does not take; --verbose tells more",
			port->label, name, args);
		return rc < 0 ? rc : -ENODEV;
	}
	snprintf(port->vdev, sizeof(port->vdev), "%s", name);
	port->made = true;
	if (rte_eth_dev_get_port_by_name(name, &port->id) != 0) {
		snprintf(o->error, o->size, "port %s: \"%s\" is no network device", port->label,
			name);
		return -ENODEV;
	}
	return bring_up(o, args);
}

/* After a socket on a queue was closed the kernel keeps the queue for a moment (it frees the memory
 * on a work queue): a restart must not fail, or fall back to a slower driver, for that. */
static int open_af_xdp(struct opening *o)
{
	char name[64], args[128];
	int rc = -EBUSY;

	snprintf(name, sizeof(name), "net_af_xdp_%s", mw_io_role_name(o->port->role));
	/* Without huge pages frames cross pages (pool.c): no card could reach all of one directly.
	 */
	snprintf(args, sizeof(args), "iface=%s,queue_count=%u%s%s", o->device.iface,
		o->device.rx_queues, o->plan->sleep ? ",busy_budget=0" : "",
		o->plan->huge ? "" : ",force_copy=1");
	for (int attempt = 0; attempt < AF_XDP_ATTEMPTS; attempt++) {
		if (attempt > 0) {
			mw_io_port_close(o->port);
			usleep(AF_XDP_PAUSE_US);
		}
		rc = open_vdev(o, name, args);
		if (rc == 0 || rc == -EMSGSIZE || o->port->driver[0] == '\0')
			break;
	}
	return rc;
}

static int open_af_packet(struct opening *o)
{
	uint32_t frame = mw_io_af_packet_frame(o->plan->buffer_bytes);
	char name[64], args[128];

	snprintf(name, sizeof(name), "net_af_packet_%s", mw_io_role_name(o->port->role));
	snprintf(args, sizeof(args), "iface=%s,blocksz=65536,framesz=%u,framecnt=%u,qdisc_bypass=1",
		o->device.iface, frame, 4096u * 2048u / frame);
	return open_vdev(o, name, args);
}

static int no_access(struct opening *o, enum mw_device_access access, const char *family)
{
	if (access == MW_ACCESS_DENIED) {
		snprintf(o->error, o->size,
			"port %s: no permission to open an %s socket: run as root, or give the "
			"program "
			"cap_net_raw, cap_net_admin and, for AF_XDP, cap_bpf",
			o->port->label, family);
		return -EPERM;
	}
	snprintf(o->error, o->size,
		"port %s: this kernel has no %s sockets: use the other --driver, or a device bound "
		"to "
		"a DPDK driver",
		o->port->label, family);
	return -EAFNOSUPPORT;
}

static int open_kernel(struct opening *o)
{
	enum mw_device_access xdp = mw_device_af_xdp(), packet = mw_device_af_packet();
	int rc;

	if (o->options->driver != MW_DRIVER_AF_PACKET) {
		rc = xdp == MW_ACCESS_OK ? open_af_xdp(o) : no_access(o, xdp, "AF_XDP");
		if (rc == 0 || rc == -EMSGSIZE || o->options->driver == MW_DRIVER_AF_XDP)
			return rc;
		if (packet != MW_ACCESS_OK)
			return no_access(o, packet, "AF_PACKET");
		fprintf(o->log, "mailweir-dataplane: AF_XDP is out, taking AF_PACKET instead: %s\n",
			o->error);
		mw_io_port_close(o->port);
	}
	if (packet != MW_ACCESS_OK)
		return no_access(o, packet, "AF_PACKET");
	return open_af_packet(o);
}

static int open_text(struct opening *o, const char *text)
{
	const char *comma = strchr(text, ',');
	size_t len = comma ? (size_t)(comma - text) : strlen(text);
	char name[64];

	if (len >= sizeof(name)) {
		snprintf(o->error, o->size, "port %s: the name of the device is too long",
			o->port->label);
		return -EINVAL;
	}
	memcpy(name, text, len);
	name[len] = '\0';
	if (o->device.kind == MW_DEVICE_VDEV)
		return open_vdev(o, name, comma ? comma + 1 : "");
	if (rte_eth_dev_get_port_by_name(name, &o->port->id) != 0) {
		snprintf(o->error, o->size,
			"port %s: DPDK found no such PCI device: is it bound to a DPDK driver? "
			"`dpdk-devbind.py --status` shows, `dpdk-devbind.py --bind=vfio-pci %s` "
			"binds",
			o->port->label, name);
		return -ENODEV;
	}
	return bring_up(o, "");
}

/* Settings of an interface that would spoil forwarding: named, never changed behind the operator.
 */
static void remark(const struct opening *o)
{
	const struct mw_device *d = &o->device;
	const char *label = o->port->label;

	if (d->gro)
		fprintf(o->log,
			"mailweir-dataplane: port %s: receive offload (GRO) is on; merged segments "
			"do "
			"not fit a buffer and are lost: `ethtool -K %s gro off`\n",
			label, d->iface);
	if (d->vlan_strip && strcmp(o->port->driver, "net_af_xdp") == 0)
		fprintf(o->log,
			"mailweir-dataplane: port %s: the kernel takes VLAN tags out of received "
			"frames; if this link has any: `ethtool -K %s rxvlan off`\n",
			label, d->iface);
	if (d->has_address)
		fprintf(o->log,
			"mailweir-dataplane: port %s: this host has an address on %s and answers "
			"there "
			"too; a link that is forwarded should have none: `ip addr flush dev %s`, "
			"`sysctl -w net.ipv6.conf.%s.disable_ipv6=1`\n",
			label, d->iface, d->iface, d->iface);
	if (strcmp(o->port->driver, "net_af_packet") == 0)
		fprintf(o->log,
			"mailweir-dataplane: port %s: with AF_PACKET the kernel joins IPv4 "
			"fragments "
			"before we see them, and handles received frames itself as well\n",
			label);
}

int mw_io_port_open(struct mw_io_port *port, uint8_t role, const struct mw_io_options *options,
	const struct mw_io_plan *plan, struct rte_mempool *pool, FILE *log, char *error,
	size_t size)
{
	const char *text = options->device[role];
	struct opening o = {.port = port,
		.options = options,
		.plan = plan,
		.pool = pool,
		.log = log,
		.error = error,
		.size = size};
	int rc;

	memset(port, 0, sizeof(*port));
	port->role = role;
	snprintf(port->label, sizeof(port->label), "%s (%.*s)", mw_io_role_name(role),
		(int)RTE_MIN(strcspn(text, ","), 40u), text);
	rc = mw_device_look(text, &o.device, error, size);
	if (rc != 0) {
		char why[512];

		snprintf(why, sizeof(why), "%s", error);
		snprintf(error, size, "port %s: %s", port->label, why);
		return rc;
	}
	rc = o.device.kind == MW_DEVICE_KERNEL ? open_kernel(&o) : open_text(&o, text);
	if (rc != 0) {
		mw_io_port_close(port);
		return rc;
	}
	if (o.device.iface[0])
		remark(&o);
	return 0;
}

void mw_io_port_close(struct mw_io_port *port)
{
	if (port->started)
		rte_eth_dev_stop(port->id);
	if (port->open)
		rte_eth_dev_close(port->id);
	if (port->made)
		rte_eal_hotplug_remove("vdev", port->vdev);
	port->started = port->open = port->made = false;
}

uint64_t mw_io_port_missed(const struct mw_io_port *port)
{
	struct rte_eth_stats stats;

	if (!port->started || rte_eth_stats_get(port->id, &stats) != 0)
		return 0;
	return stats.imissed + stats.ierrors + stats.rx_nombuf + stats.oerrors;
}
