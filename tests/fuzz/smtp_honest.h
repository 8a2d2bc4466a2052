/*
 * Sessions that keep every rule: what was sent as a message is what comes out as one, by DATA with
 * its dots doubled or by BDAT in chunks, cut anywhere. The sender is written here, not taken from
 * the code that is tested.
 */
#ifndef MW_TESTS_FUZZ_SMTP_HONEST_H
#define MW_TESTS_FUZZ_SMTP_HONEST_H

#include "tests/fuzz/target.h"

void smtp_honest(struct fuzz_input *in);

#endif
