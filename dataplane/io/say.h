/*
 * Lines for the operator, on stderr, each with the program's name. stdout is kept for `ready` and
 * JSON.
 */
#ifndef MW_DATAPLANE_IO_SAY_H
#define MW_DATAPLANE_IO_SAY_H

#include "dataplane/io/lanes.h"

void mw_io_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Where lanes run, and what memory everything takes. */
void mw_io_say_budget(const struct mw_io_plan *plan, const struct mw_io_rig *rig,
	const struct mw_io_lanes *lanes);
/* After the lanes have ended: what came, what went, what was dropped and why. */
void mw_io_say_summary(const struct mw_io_rig *rig);

#endif
