/*
 * A scanner for the lane's tests: one rule that hits where a phrase stands in a paragraph, and a
 * stopwatch the test owns, so that scanning takes as long as a test wants.
 */
#ifndef MW_TESTS_ENGINE_FAKE_SCAN_H
#define MW_TESTS_ENGINE_FAKE_SCAN_H

#include "dataplane/scan/scan.h"

#define FAKE_PHRASE "forbidden fruit"

struct mw_ruleset *fake_rules(void);
struct mw_scan_scratch *fake_scratch(void);

extern uint64_t fake_clock_ns;	     /* what the stopwatch says */
extern uint64_t fake_record_cost_ns; /* and how far a record moves it */
extern uint64_t fake_open_scans;     /* begun, not ended */

uint64_t fake_stopwatch(void *ctx);

#endif
