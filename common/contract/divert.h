/*
 * Where diverted mail goes: the antivirus gateway behind the third port, as the policy settings
 * name it. Part of the settings record (policy.h); its octets are written and read here.
 */
#ifndef MW_COMMON_CONTRACT_DIVERT_H
#define MW_COMMON_CONTRACT_DIVERT_H

#include "common/base/cursor.h"
#include "common/base/ip.h"

/* What becomes of a new connection under DIVERT while the gateway cannot be reached. */
enum mw_divert_fallback {
	MW_DIVERT_PASS,	  /* to its server, inspected like any other */
	MW_DIVERT_LATER,  /* put off by us: 4xx, the sender keeps his mail and tries again */
	MW_DIVERT_REFUSE, /* refused by us: 5xx, the sender is told at once */
	MW_DIVERT_FALLBACK_COUNT
};

const char *mw_divert_fallback_name(enum mw_divert_fallback fallback); /* pass later refuse */
int mw_divert_fallback_parse(const char *name, enum mw_divert_fallback *out); /* 0 or -EINVAL */

/* The gateway and we share a link. An address that is all zero is not given: with none of the
 * gateway's there is no gateway, and nothing can be diverted. Of a family in which it has one, we
 * have one, too: it is what neighbour discovery and the check of its health speak from. */
struct mw_divert_settings {
	struct mw_ip gateway_v4, gateway_v6;
	struct mw_ip address_v4, address_v6; /* our own on that link */
	uint8_t mac[6];			     /* of the gateway; all zero: is asked for (ARP, NDP) */
	uint16_t vlan;			     /* tag on that link; 0: none */
	enum mw_divert_fallback fallback;
	/* Its health: a TCP connection to this port every so often, which must be greeted with 220.
	 * 0: that it answers ARP or NDP is enough. */
	uint16_t check_port;
	uint32_t check_every_ms, check_timeout_ms;
	uint8_t fall, rise; /* failures in a row until it is down, successes until it is up again */
};

/* Is there a gateway at all? */
bool mw_divert_configured(const struct mw_divert_settings *divert);

/* A writer or reader that is failed afterwards: not valid. */
void mw_divert_write(struct mw_writer *w, const struct mw_divert_settings *divert);
void mw_divert_read(struct mw_reader *r, struct mw_divert_settings *out);

#endif
