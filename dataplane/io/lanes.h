/*
 * The lanes behind the workers: their memory, their configuration, their charsets. Made before
 * ports forward, freed after the workers have ended. Main thread only.
 */
#ifndef MW_DATAPLANE_IO_LANES_H
#define MW_DATAPLANE_IO_LANES_H

#include "common/contract/policy.h"
#include "dataplane/engine/left.h"
#include "dataplane/io/rig.h"
#include "dataplane/text/charset.h"
#include "dataplane/text/tld.h"

struct mw_io_lanes {
	struct mw_lane_config config; /* of the last one made; equal but for lane and charsets */
	struct mw_port_set smtp_ports;
	_Alignas(64) struct mw_left left; /* written and read by all lanes */
	struct mw_tld_table *tlds;	  /* NULL when this machine has no list */
	struct mw_charset_table *charsets[MW_IO_LANES_MAX];
	void *memory[MW_IO_LANES_MAX];
	size_t bytes; /* of one lane */
	uint16_t count;
};

/* Sizes from --flows, or the defaults; what the settings say about ports and limits is taken as it
 * is now. `customers`: how many there are. */
void mw_io_lanes_configure(struct mw_io_lanes *lanes, const struct mw_io_options *options,
	const struct mw_policy_settings *settings, uint32_t customers, uint64_t key);

/* Gives each worker of the rig its lane, and the first one the keeper of the gateway where there is
 * a port to it. 0, or negative errno with a sentence in `error`. */
int mw_io_lanes_make(
	struct mw_io_lanes *lanes, struct mw_io_rig *rig, uint32_t mtu, char *error, size_t size);
void mw_io_lanes_free(struct mw_io_lanes *lanes);

#endif
