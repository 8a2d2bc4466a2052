/*
 * One honest conversation over three lanes: a capture of it as it was said, the same capture cut
 * into small segments, shuffled and repeated, and a live lane. All say the same of it.
 */
#ifndef MW_TESTS_FUZZ_LANE_SPLIT_H
#define MW_TESTS_FUZZ_LANE_SPLIT_H

#include "tests/fuzz/target.h"

void lane_split(struct fuzz_input *in);

#endif
