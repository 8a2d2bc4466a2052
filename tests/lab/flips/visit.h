/*
 * One connection of the customer's, as a program of his would make it, both ends in lock-step: what
 * the verdict in force means to him. Under PASS a whole mail session, of which each octet must come
 * out as it went in; under REJECT the responder's words, and nobody at the server.
 */
#ifndef MW_TESTS_LAB_FLIPS_VISIT_H
#define MW_TESTS_LAB_FLIPS_VISIT_H

#include <stdbool.h>

#include "tests/lab/flips/wire.h"

struct visit_ends {
	struct mw_ip client[2], server[2]; /* IPv4, IPv6 */
};

/* Listens at the server's addresses, port 25. */
void visit_open(const struct visit_ends *ends);
/* NULL when all is as it must be under that verdict, else what is not. */
const char *visit(const char *verdict, bool v6);

#endif
