/* The rounds: each is every workload once through the lane and once through Hyperscan alone. */
#ifndef MW_TESTS_BENCH_MEASURE_H
#define MW_TESTS_BENCH_MEASURE_H

#include "tests/bench/figures.h"
#include "tests/bench/play.h"

struct measure_options {
	const char *pcap, *mail; /* a capture, a folder of messages; neither: made-up mail */
	struct mw_ruleset *rules;
	struct mw_port_set ports;
	uint32_t seconds;
	uint16_t lanes;
	uint64_t bytes, seed;
};

/* 0, or 1 when a figure had to be refused: a sentence was said, and the figure is null. */
int measure(const struct measure_options *options, const struct trace_phrases *phrases,
	struct figures *figures);

#endif
