/* Figures in MB are binary megabytes. */
#include "dataplane/io/say.h"

#include <inttypes.h>
#include <stdarg.h>

void mw_io_say(const char *format, ...)
{
	va_list args;

	fputs("mailweir-dataplane: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static double mb(size_t bytes)
{
	return (double)bytes / 1048576;
}

void mw_io_say_budget(
	const struct mw_io_plan *plan, const struct mw_io_rig *rig, const struct mw_io_lanes *lanes)
{
	const struct mw_lane_config *c = &lanes->config;

	for (uint16_t i = 0; i < plan->lanes; i++)
		mw_io_say("lane %u on CPU %u, %u queues, %s", i, plan->lane_cpu[i],
			rig->worker[i]->queue_count, plan->sleep ? "sleeps when idle" : "spins");
	mw_io_say("memory of each lane %.1f MB: %u flows, %u inspected at a time, %u messages in "
		  "transfer, %u kept blocks of 2 KiB, %u record blocks of 16 KiB, %u responders, "
		  "%u customers",
		mb(lanes->bytes + rig->worker_bytes), c->flows, c->contents, c->messages,
		c->kept_blocks, c->record_blocks, c->responders, c->customers);
	mw_io_say("packet buffers: %u of %u octets in %s, %u MB with rings", plan->buffers,
		plan->buffer_bytes, plan->huge ? "huge pages" : "ordinary memory", plan->memory_mb);
	for (int role = 0; role < MW_IO_ROLES; role++) {
		const struct mw_io_port *p = &rig->port[role];

		if (p->started)
			mw_io_say("port %s: %s, queues %u in %u out, MTU %u, room for frames of %u",
				p->label, p->driver, p->rx_queues, p->tx_queues, p->mtu, p->room);
	}
}

void mw_io_say_summary(const struct mw_io_rig *rig)
{
	struct mw_io_counters sum;

	mw_io_rig_sum(rig, &sum);
	mw_io_say("packets: %" PRIu64 " received, %" PRIu64 " sent, %" PRIu64 " made, %" PRIu64
		  " ended in a lane by its decision",
		sum.rx_packets, sum.tx_packets - sum.relayed, sum.made, sum.consumed);
	mw_io_say("dropped: ring_full %" PRIu64 ", tx_full %" PRIu64 ", no_buffer %" PRIu64
		  ", no_port %" PRIu64 ", oversize %" PRIu64,
		sum.ring_full, sum.tx_full, sum.no_buffer, sum.no_port, sum.oversize);
	for (int role = 0; role < MW_IO_ROLES; role++) {
		uint64_t missed = mw_io_port_missed(&rig->port[role]);

		if (missed > 0)
			mw_io_say("port %s: the device itself lost %" PRIu64, rig->port[role].label,
				missed);
	}
}
