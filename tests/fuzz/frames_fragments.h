/*
 * Fragments for the frames target: a datagram cut into pieces, which come to a table of
 * dataplane/flow/fragments.h in an order of the input's.
 */
#ifndef MW_TESTS_FUZZ_FRAMES_FRAGMENTS_H
#define MW_TESTS_FUZZ_FRAMES_FRAGMENTS_H

#include "tests/fuzz/target.h"

void frames_fragments(struct fuzz_input *in);

#endif
