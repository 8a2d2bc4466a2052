/* Hyperscan alone over the same octets and phrases: the ceiling of what a lane that scans could do.
 */
#ifndef MW_TESTS_BENCH_HYPER_H
#define MW_TESTS_BENCH_HYPER_H

#include "tests/bench/trace.h"

struct hyper;

/* One streaming database of all phrases as literals without regard to case. NULL: a sentence was
 * said. */
struct hyper *hyper_new(const struct trace_phrases *phrases);
void hyper_free(struct hyper *hyper);
/* A stream a message (a capture: a connection), one call a segment. Processor time in ns. */
uint64_t hyper_pass(struct hyper *hyper, const struct trace *trace);

#endif
