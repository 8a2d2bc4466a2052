/*
 * ICMP echo (RFC 792; RFC 4443, 4): an engineer on the gateway can ping the appliance. Answered to
 * whom asked, one answer a question, never to a group.
 */
#ifndef MW_DATAPLANE_GATEWAY_ECHO_H
#define MW_DATAPLANE_GATEWAY_ECHO_H

#include "dataplane/gateway/datagram.h"

/* `question`: whole, its header good. The packet that answers, from its IP header on; its length.
 * 0: no question, one that is not whole, or one whose answer does not fit into `size`. */
uint32_t mw_echo_answer(const struct mw_datagram *question, uint8_t *out, uint32_t size);

#endif
