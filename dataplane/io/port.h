/*
 * A port: a device opened, checked and started for its role. Refuses a device whose frames do not
 * fit our buffers. Main thread only; lanes use nothing of it but the numbers.
 */
#ifndef MW_DATAPLANE_IO_PORT_H
#define MW_DATAPLANE_IO_PORT_H

#include <rte_mempool.h>

#include "dataplane/io/device.h"
#include "dataplane/io/options.h"
#include "dataplane/io/plan.h"

struct mw_io_port {
	bool open;
	bool started;
	bool made;    /* the vdev is ours to take away again */
	uint16_t id;  /* DPDK's number */
	uint8_t role; /* enum mw_port */
	uint16_t rx_queues;
	uint16_t tx_queues;
	uint32_t mtu;
	uint32_t room; /* largest frame that fits, Ethernet header included */
	char vdev[64]; /* name of the vdev, "" for PCI */
	char driver[32];
	char label[64]; /* for people: "inside (eth1)" */
};

const char *mw_io_role_name(unsigned role); /* "inside" "outside" "divert" */

/* Opens, configures and starts. 0, or negative errno with a sentence in `error`; warnings that do
 * not hinder go to `log`. */
int mw_io_port_open(struct mw_io_port *port, uint8_t role, const struct mw_io_options *options,
	const struct mw_io_plan *plan, struct rte_mempool *pool, FILE *log, char *error,
	size_t size);
void mw_io_port_close(struct mw_io_port *port);

/* Packets the device itself lost, for the summary. */
uint64_t mw_io_port_missed(const struct mw_io_port *port);

#endif
