/*
 * One thought: every lane gets all its memory before the first packet. The other sizes follow from
 * the number of flows in fixed proportions, so that an operator sets one figure.
 */
#include "dataplane/io/lanes.h"

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "dataplane/io/events.h"
#include "dataplane/io/keeper.h"

#define FLOWS_DEFAULT  65536u
#define CUSTOMERS_ROOM 65536u /* new customers while the appliance runs */

/* The lane's stopwatch for its scanning budget. */
static uint64_t spent_ns(void *ctx)
{
	const struct mw_io_shared *shared = ctx;

	return (uint64_t)((double)rte_rdtsc() * shared->tsc_ns);
}

static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value > least ? value : least;
}

void mw_io_lanes_configure(struct mw_io_lanes *lanes, const struct mw_io_options *options,
	const struct mw_policy_settings *settings, uint32_t customers, uint64_t key)
{
	uint32_t flows = options->flows ? options->flows : FLOWS_DEFAULT;
	struct mw_lane_config *c = &lanes->config;

	memset(lanes, 0, sizeof(*lanes));
	for (uint8_t i = 0; i < settings->smtp_port_count && i < 8; i++)
		mw_port_set_add(&lanes->smtp_ports, settings->smtp_ports[i]);
	c->key = key;
	c->smtp_ports = &lanes->smtp_ports;
	c->left = &lanes->left;
	c->flows = flows;
	c->contents = at_least(flows / 16, 64);
	c->messages = at_least(flows / 64, 64);
	c->kept_blocks = at_least(flows / 4, 1024);
	c->record_blocks = at_least(flows / 32, 512);
	c->responders = at_least(flows / 16, 256);
	c->customers = customers + at_least(customers / 2, CUSTOMERS_ROOM);
	c->scan_budget_ns = settings->scan_budget_us * 1000u;
	c->spent_ns = spent_ns;
	c->hold_max_ms = settings->hold_max_ms;
	c->judge_checksums = true;
	c->want_hashes = options->hash_messages; /* of parts nobody here is told */
}

/* Who we are on the port to the gateway, and how long a packet there may be. */
static int know_divert_port(
	struct mw_io_lanes *lanes, struct mw_io_rig *rig, char *error, size_t size)
{
	const struct mw_io_port *port = &rig->port[MW_PORT_DIVERT];
	struct mw_lane_config *c = &lanes->config;
	struct rte_ether_addr mac;
	int rc;

	if (!port->started)
		return 0;
	rc = rte_eth_macaddr_get(port->id, &mac);
	if (rc != 0) {
		snprintf(error, size, "port %s: its MAC address cannot be read: %s", port->label,
			strerror(-rc));
		return rc;
	}
	memcpy(c->divert_mac, mac.addr_bytes, sizeof(c->divert_mac));
	memcpy(rig->shared.divert_mac, mac.addr_bytes, sizeof(rig->shared.divert_mac));
	c->divert_mtu = (uint16_t)(port->mtu > UINT16_MAX ? UINT16_MAX : port->mtu);
	return 0;
}

int mw_io_lanes_make(
	struct mw_io_lanes *lanes, struct mw_io_rig *rig, uint32_t mtu, char *error, size_t size)
{
	struct mw_lane_config *c = &lanes->config;
	int rc = know_divert_port(lanes, rig, error, size);

	if (rc != 0)
		return rc;
	/* Without the list every name of a plausible form is taken for a domain. */
	if (mw_tld_table_open(NULL, &lanes->tlds) != 0)
		lanes->tlds = NULL;
	c->tlds = lanes->tlds;
	c->mtu = (uint16_t)(mtu > 9000 ? 9000 : mtu);
	c->spent_ctx = &rig->shared;
	lanes->bytes = mw_lane_bytes(c);
	rig->shared.smtp_ports = &lanes->smtp_ports;
	rig->shared.key = c->key;
	for (uint16_t i = 0; i < rig->shared.lanes; i++) {
		struct mw_io_worker *w = rig->worker[i];
		struct mw_lane_sink sink = {.ctx = w,
			.transmit = mw_io_transmit,
			.message = mw_io_event_message,
			.session = mw_io_event_session,
			.ham = mw_io_event_ham,
			.divert = mw_io_event_divert};

		rc = mw_charset_table_open(&lanes->charsets[i]);
		if (rc != 0) {
			snprintf(error, size, "lane %u: cannot open the charsets: %s", i,
				strerror(-rc));
			return rc;
		}
		lanes->memory[i] = mw_io_lane_memory(lanes->bytes);
		lanes->count = (uint16_t)(i + 1);
		if (!lanes->memory[i]) {
			snprintf(error, size,
				"no memory for lane %u: it needs %zu MB; ask for fewer --flows or "
				"--lanes",
				i, lanes->bytes >> 20);
			return -ENOMEM;
		}
		c->lane = i;
		c->lanes = rig->shared.lanes;
		c->charsets = lanes->charsets[i];
		w->lane = mw_lane_init(lanes->memory[i], c, &sink);
		if (!w->lane) {
			snprintf(error, size, "lane %u refuses its configuration", i);
			return -EINVAL;
		}
	}
	if (rig->port[MW_PORT_DIVERT].started &&
		mw_io_keeper_make(rig->worker[MW_IO_KEEPER_LANE]) != 0) {
		snprintf(error, size, "no memory for the gateway's keeper");
		return -ENOMEM;
	}
	return 0;
}

void mw_io_lanes_free(struct mw_io_lanes *lanes)
{
	for (uint16_t i = 0; i < MW_IO_LANES_MAX; i++) {
		mw_io_lane_memory_free(lanes->memory[i], lanes->bytes);
		if (lanes->charsets[i])
			mw_charset_table_close(lanes->charsets[i]);
	}
	if (lanes->tlds)
		mw_tld_table_close(lanes->tlds);
	memset(lanes, 0, sizeof(*lanes));
}
