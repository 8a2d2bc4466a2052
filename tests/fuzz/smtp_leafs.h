/*
 * For the smtp target: the two readers that the SMTP parser asks, by themselves, so that an input
 * gets to them at once.
 */
#ifndef MW_TESTS_FUZZ_SMTP_LEAFS_H
#define MW_TESTS_FUZZ_SMTP_LEAFS_H

#include "tests/fuzz/target.h"

/* A ClientHello: any octets, or a true one in which one octet may be wrong. */
void smtp_hello(struct fuzz_input *in);
/* A line of a refusal. */
void smtp_refusal(struct fuzz_input *in);

#endif
