/* For the message target: the members of an archive, and what a file is by its first octets. */
#ifndef MW_TESTS_FUZZ_MESSAGE_ZIP_H
#define MW_TESTS_FUZZ_MESSAGE_ZIP_H

#include "tests/fuzz/target.h"

void message_zip(struct fuzz_input *in);

#endif
