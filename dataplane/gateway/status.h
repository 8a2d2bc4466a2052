/*
 * What the lanes need to know of the antivirus gateway. The keeper (gateway.h) says it, one word,
 * so that every lane reads it with one load; a lane acts on what it was given last.
 */
#ifndef MW_DATAPLANE_GATEWAY_STATUS_H
#define MW_DATAPLANE_GATEWAY_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct mw_gateway_status {
	uint8_t mac[6];	 /* its own; meaningful when `known` */
	bool known;	 /* its MAC is known: what is its own, or on its way to it, can be sent */
	bool up;	 /* new connections may be led to it; implies `known` */
	bool configured; /* the settings name one, and there is a port to it */
};

static inline uint64_t mw_gateway_status_pack(const struct mw_gateway_status *status)
{
	uint64_t word = 0;

	memcpy(&word, status->mac, sizeof(status->mac));
	return word | (uint64_t)status->known << 48 | (uint64_t)status->up << 49 |
	       (uint64_t)status->configured << 50;
}

static inline struct mw_gateway_status mw_gateway_status_unpack(uint64_t word)
{
	struct mw_gateway_status status = {.known = (word >> 48 & 1) != 0,
		.up = (word >> 49 & 1) != 0,
		.configured = (word >> 50 & 1) != 0};

	memcpy(status.mac, &word, sizeof(status.mac));
	return status;
}

#endif
