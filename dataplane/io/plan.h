/*
 * From what was asked for and what the machine has: which CPU each lane gets, how it waits, how
 * many buffers there are and in what memory. Decided before the EAL starts, printed, and never
 * changed.
 */
#ifndef MW_DATAPLANE_IO_PLAN_H
#define MW_DATAPLANE_IO_PLAN_H

#include <stddef.h>

#include "dataplane/io/options.h"

struct mw_io_plan {
	uint16_t lanes;
	uint16_t lane_cpu[MW_IO_LANES_MAX];
	uint16_t cpus;	 /* this process may use */
	bool sleep;	 /* idle lanes sleep */
	bool shared_cpu; /* two lanes on one CPU, or a lane on the only one */
	bool huge;
	bool pci; /* a device sits on the PCI bus */
	uint32_t buffers;
	uint32_t buffer_bytes; /* frame octets of a buffer */
	uint32_t memory_mb;
	char lcores[1024]; /* for the EAL: lcore 0 is the main thread, 1.. the lanes */
};

/* 0, or negative errno with a sentence in `error`. */
int mw_io_plan_make(
	const struct mw_io_options *options, struct mw_io_plan *out, char *error, size_t size);

#endif
