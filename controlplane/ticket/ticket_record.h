/*
 * A ticket as octets: versioned, field by field, big-endian. Written to the `cases` environment by
 * the store; a reader refuses a version it does not know.
 */
#ifndef MW_CONTROLPLANE_TICKET_TICKET_RECORD_H
#define MW_CONTROLPLANE_TICKET_TICKET_RECORD_H

#include "controlplane/ticket/ticket.h"

/* Octets written, 0 when `size` is too small; MW_TICKET_RECORD_MAX is always enough. */
size_t mw_ticket_encode(const struct mw_ticket *ticket, uint8_t *out, size_t size);
/* 0, -EPROTO for a version that is not known, -EBADMSG for octets that are no ticket. */
int mw_ticket_decode(struct mw_span in, struct mw_ticket *out);

/* A contact alone, for the store of contacts. Same rules; MW_CONTACT_RECORD_MAX is enough. */
#define MW_CONTACT_RECORD_MAX 512
size_t mw_contact_encode(const struct mw_contact *contact, uint8_t *out, size_t size);
int mw_contact_decode(struct mw_span in, struct mw_contact *out);

#endif
