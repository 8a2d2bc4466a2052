/*
 * What a refusal says: that there is no such mailbox, or that the sender's host or range is not
 * wanted, or something else. The first is what a sender with a bought list of addresses collects;
 * the second says nothing about this customer, whose neighbour may have earned it, and must never
 * be counted with the first. By the enhanced status code (RFC 3463, RFC 2034) where there is one
 * that decides, else by phrases of servers that give none. Pure; the SMTP parser asks for each line
 * of a reply.
 */
#ifndef MW_DATAPLANE_PROTO_SMTP_REFUSAL_H
#define MW_DATAPLANE_PROTO_SMTP_REFUSAL_H

#include "common/base/span.h"

/* `5.1.1`; klass 0: none was given. */
struct mw_smtp_enhanced {
	uint8_t klass; /* 2, 4 or 5 */
	uint16_t subject, detail;
};

/* In order of weight: of the lines of one reply the highest counts. */
enum mw_smtp_refusal {
	MW_SMTP_REFUSAL_NONE,	 /* not a 5yz reply */
	MW_SMTP_REFUSAL_OTHER,	 /* full, too large, syntax, or nothing that is known here */
	MW_SMTP_REFUSAL_UNKNOWN, /* no such mailbox or domain */
	MW_SMTP_REFUSAL_POLICY,	 /* of this host, range or content: a list, a reputation, a rule */
};

/* The enhanced code at the front of a reply's text, when it agrees with the reply's code. */
struct mw_smtp_enhanced mw_smtp_enhanced_of(int code, struct mw_span text);
enum mw_smtp_refusal mw_smtp_refusal_of(
	int code, struct mw_smtp_enhanced enhanced, struct mw_span text);

#endif
