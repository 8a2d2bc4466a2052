/*
 * Measures the way of packets that are not mail, through the very loop that runs live.
 */
#ifndef MW_DATAPLANE_IO_BENCH_H
#define MW_DATAPLANE_IO_BENCH_H

#include "dataplane/io/options.h"

/* One line of JSON on stdout; exit status. */
int mw_io_bench_fastpath(const struct mw_io_options *options);

#endif
